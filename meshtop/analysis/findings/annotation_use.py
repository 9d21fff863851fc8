"""Annotations of Istio's on Kubernetes' own objects: unknown, misplaced, invalid, deprecated or alpha."""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.known_annotations import ANY, KNOWN, SET_BY_INJECTION
from meshtop.analysis.findings.revisions import AnyObject, RevisionConfig
from meshtop.analysis.inventory.labels import proxy_container
from meshtop.model.kube import Controller, Pod

_INGRESS_CLASS = "kubernetes.io/ingress.class"
_INTERNAL = "internal.istio.io/"
_INJECT = "sidecar.istio.io/inject"
_INIT = "istio-init"


def misused(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Annotations that do not do what somebody expected."""
    for kind, obj in _annotated(config):
        for name, value in obj.meta.annotations.items():
            yield from _one(config, kind, obj, name, value)


def alpha(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Annotations of features in their alpha phase, but for those that injection itself writes."""
    for _, obj in _annotated(config):
        written = frozenset[str]()
        if isinstance(obj, Pod):
            cni = _INIT not in obj.init_containers
            injected = "sidecar.istio.io/status" in obj.meta.annotations and proxy_container(obj.containers) is not None
            written = SET_BY_INJECTION if cni else frozenset()
            if injected:
                written |= {"prometheus.istio.io/merge-metrics", "proxy.istio.io/overrides", *SET_BY_INJECTION}
        for name in obj.meta.annotations:
            known = KNOWN.get(name)
            if known is not None and known.alpha and name not in written:
                yield config.finding("IST0136", obj, f"{name} is of a feature in its alpha phase.", path=_path(name))


def _annotated(config: RevisionConfig) -> Iterator[tuple[str, AnyObject]]:
    inventory = config.inventory
    for namespace in inventory.namespaces:
        if namespace.meta.annotations:
            yield "Namespace", namespace
    for service in inventory.services:
        if service.meta.annotations:
            yield "Service", service
    for pod in inventory.pods:
        if pod.meta.annotations:
            yield "Pod", pod
    for controller in inventory.controllers:
        if controller.kind == "Deployment" and controller.meta.annotations:
            yield "Deployment", controller


def _is_of_istio(name: str) -> bool:
    if name.startswith(_INTERNAL):
        return False
    return name == _INGRESS_CLASS or name.partition("/")[0].endswith("istio.io")


def _path(name: str) -> str:
    return f"metadata.annotations[{name}]"


def _one(config: RevisionConfig, kind: str, obj: AnyObject, name: str, value: str) -> Iterator[ConfigFinding]:
    if not _is_of_istio(name):
        return
    known = KNOWN.get(name)
    path = _path(name)
    if known is None:
        yield config.finding(
            "IST0108", obj, f"{name} is no annotation that Istio knows; it does nothing.",
            _similar(name), path=path,
        )  # fmt: skip
        return
    if known.deprecated and not (name == _INJECT and _INJECT in obj.meta.labels):
        instead = f"; {known.instead} replaces it" if known.instead else ""
        yield config.finding("IST0135", obj, f"{name} is deprecated{instead}.", path=path)
    if ANY in known.kinds:
        return
    if kind not in known.kinds:
        where = " or ".join(known.kinds)
        fix = (
            f"template:\n  metadata:\n    annotations:\n      {name}: {value!r}"
            if isinstance(obj, Controller)
            else None
        )
        yield config.finding(
            "IST0107", obj, f"{name} has a meaning on a {where} only; on a {kind} it does nothing.", fix, path=path
        )
        return
    problem = known.problem(value) if known.problem is not None else None
    if problem:
        yield config.finding("IST0125", obj, f"{name} is not valid: {problem}.", path=path)


def _similar(name: str) -> str | None:
    from difflib import get_close_matches

    close = get_close_matches(name, KNOWN, n=1, cutoff=0.85)
    return f"Did you mean {close[0]}?" if close else None
