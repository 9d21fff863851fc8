"""Injection: namespaces and pods that are not injected as they should be, images, and users of the proxy's UID."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.revisions import INJECT, REVISION, SYSTEM_NAMESPACES, RevisionConfig
from meshtop.analysis.identity.trees import Tree, at, config_tree, text_at
from meshtop.analysis.inventory.labels import proxy_container
from meshtop.analysis.inventory.revisions import DEFAULT_REVISION
from meshtop.analysis.inventory.untyped import items, mapping, maps, text
from meshtop.analysis.visibility.selection import match_labels, selects
from meshtop.model.kube import Container, Controller, Meta, Namespace, Pod

INJECTION = "istio-injection"
_INJECTOR = "istio-sidecar-injector"
_PROXY = "istio-proxy"
_PROXY_UID = 1337
_VARIANT = re.compile(r"-(?:distroless|debug)$")
_AMBIENT = "istio.io/dataplane-mode"
_OFF = (None, "", "none", "disabled")
_NOT_APPLICATIONS = frozenset({_PROXY, "istio-operator"})


def is_control_plane(meta: Meta) -> bool:
    """Whether an object belongs to a control plane's own installation."""
    return "istio" in meta.labels or meta.labels.get("release") == "istio"


def injector_values(config: RevisionConfig) -> dict[str, Tree]:
    """The values of each injector of the cluster, by the revision that it injects."""
    found: dict[str, Tree] = {}
    for place, data in sorted(config.inventory.config_maps.items()):
        name = place.rpartition("/")[2]
        if name == _INJECTOR or name.startswith(f"{_INJECTOR}-"):
            revision = name.removeprefix(_INJECTOR).removeprefix("-") or DEFAULT_REVISION
            found[revision] = config_tree(data.get("values", "")) or {}
    return found


def _revision(namespace: Namespace) -> str | None:
    """The revision that injects a namespace; None where none does."""
    labels = namespace.meta.labels
    if REVISION in labels:
        return labels[REVISION] or DEFAULT_REVISION
    return DEFAULT_REVISION if labels.get(INJECTION) == "enabled" else None


def undecided(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Namespaces without a decision on injection, which the installation's default makes for them."""
    values = injector_values(config)
    by_default = _by_default(values.get(DEFAULT_REVISION) or next(iter(values.values()), {}))
    for namespace in _of_users(config):
        name, labels = namespace.meta.name, namespace.meta.labels
        if labels.get(INJECTION) or REVISION in labels or labels.get(_AMBIENT):
            continue
        if by_default:
            yield config.finding(
                "IST0148", namespace, f"{name} has no injection label; pods are injected, as that is the default.",
                f"kubectl label namespace {name} {INJECTION}=disabled   # if it is not meant",
            )  # fmt: skip
        else:
            yield config.finding(
                "IST0102", namespace, f"{name} has no injection label, so its pods have no proxy.",
                f"kubectl label namespace {name} {INJECTION}=enabled   # or =disabled, to say that it is meant",
            )  # fmt: skip


def _of_users(config: RevisionConfig) -> list[Namespace]:
    """The namespaces that are neither Kubernetes' nor a control plane's own."""
    return [
        namespace
        for namespace in config.inventory.namespaces
        if namespace.meta.name not in SYSTEM_NAMESPACES
        and namespace.meta.name != config.root_namespace
        and not is_control_plane(namespace.meta)
    ]


def namespaces(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Namespaces with two decisions on injection, and pods that missed theirs."""
    injected: set[str] = set()
    for namespace in _of_users(config):
        name, labels = namespace.meta.name, namespace.meta.labels
        legacy = labels.get(INJECTION)
        several = [f"{k}={labels[k]}" for k in (INJECTION, REVISION, _AMBIENT) if labels.get(k) not in _OFF]
        if len(several) > 1:
            yield config.finding(
                "IST0123", namespace, f"{name} has {' and '.join(several)}; which one counts is not defined.",
                f"kubectl label namespace {name} {several[0].partition('=')[0]}-",
            )  # fmt: skip
        elif legacy == "enabled" or (REVISION in labels and not legacy):
            injected.add(name)
    yield from _without_proxy(config, injected)


def _by_default(values: Tree) -> bool:
    return at(values, "sidecarInjectorWebhook", "enableNamespacesByDefault") is True


def _without_proxy(config: RevisionConfig, injected: set[str]) -> Iterator[ConfigFinding]:
    for pod in config.inventory.pods:
        if pod.meta.namespace not in injected or pod.host_network or pod.phase in ("Succeeded", "Failed"):
            continue
        wanted = pod.meta.labels.get(INJECT, pod.meta.annotations.get(INJECT, ""))
        proxy = proxy_container(pod.containers)
        if wanted.lower() == "false" or (proxy is not None and proxy.image):
            continue
        yield config.finding(
            "IST0103", pod, f"{pod.meta.name} has no proxy, though {pod.meta.namespace} is injected; restart it.",
            _restart(pod), touches=((pod.meta.namespace, ""),),
        )  # fmt: skip


def _restart(pod: Pod) -> str:
    owner = pod.meta.owner
    if owner is None:
        return f"kubectl -n {pod.meta.namespace} delete pod {pod.meta.name}   # and create it again"
    if owner.kind == "ReplicaSet":
        return f"kubectl -n {pod.meta.namespace} rollout restart deployment {owner.name.rpartition('-')[0]}"
    return f"kubectl -n {pod.meta.namespace} rollout restart {owner.kind.lower()} {owner.name}"


def proxy_images(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Namespaces whose pods run another proxy image than their injector would give them now."""
    injectors = injector_values(config)
    if not injectors:
        return
    others: dict[str, list[tuple[str, str, str]]] = {}
    for pod in config.inventory.pods:
        home = config.namespaces.get(pod.meta.namespace)
        revision = _revision(home) if home is not None else None
        proxy = proxy_container(pod.containers)
        if proxy is None or revision not in injectors or pod.meta.annotations.get("sidecar.istio.io/proxyImage"):
            continue
        image = _image(injectors[revision], _variant(config, pod))
        if image and proxy.image != image:
            others.setdefault(pod.meta.namespace, []).append((pod.meta.name, proxy.image, image))
    for name, pods in others.items():
        namespace = config.namespaces[name]
        shown = ", ".join(pod for pod, _, _ in sorted(pods)[:3]) + (
            f" and {len(pods) - 3} more" if len(pods) > 3 else ""
        )
        yield config.finding(
            "IST0158",
            namespace,
            f"{len(pods)} {'pod runs' if len(pods) == 1 else 'pods run'} {pods[0][1]}; injection gives "
            f"{pods[0][2]} now ({shown}).",
            f"kubectl -n {name} rollout restart deployment",
            touches=((name, ""),),
        )


def _variant(config: RevisionConfig, pod: Pod) -> str | None:
    """The image type of a pod's proxy: its annotation's, else a ProxyConfig's, else the mesh's (istio.io, ProxyConfig).

    A ProxyConfig for the workload precedes one for its namespace, and that one for the mesh.
    """
    own = text_at(config_tree(pod.meta.annotations.get("proxy.istio.io/config", "")), "image", "imageType")
    if own:
        return own
    chosen: dict[int, str] = {}
    for one in config.objects("ProxyConfig"):
        said = text_at(one.spec, "image", "imageType")
        wanted = match_labels(one.spec)
        home = one.meta.namespace
        if said and home in (pod.meta.namespace, config.root_namespace) and selects(wanted, pod.meta.labels):
            chosen.setdefault(0 if wanted else 1 if home == pod.meta.namespace else 2, said)
    if chosen:
        return chosen[min(chosen)]
    return text_at(config.mesh_config, "defaultConfig", "image", "imageType")


def _image(values: Tree, variant: str | None) -> str:
    image = text_at(values, "global", "proxy", "image") or ""
    if "/" in image:
        return image
    hub, tag = at(values, "global", "hub"), at(values, "global", "tag")
    if not image or not hub or not tag:
        return ""
    variant = variant or text_at(values, "global", "variant")
    if variant in (None, "default"):
        return f"{hub}/{image}:{tag}"
    return f"{hub}/{image}:{_VARIANT.sub('', str(tag))}-{variant}"


def automatic_images(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """`image: auto` where no webhook replaces it."""
    webhooks = [
        webhook
        for configuration in config.inventory.config.get("MutatingWebhookConfiguration", ())
        for webhook in maps(configuration.spec.get("webhooks"))
        if str(webhook.get("name", "")).endswith("istio.io")
    ]
    for pod in config.inventory.pods:
        if _is_automatic(pod.containers):
            yield config.finding(
                "IST0147", pod, f"{pod.meta.name} has `image: auto`, which injection did not replace; it cannot start.",
                _restart(pod),
            )  # fmt: skip
    for controller in config.inventory.controllers:
        if controller.kind != "Deployment" or not _is_automatic(controller.containers):
            continue
        home = config.namespaces.get(controller.meta.namespace or "default")
        labels = home.meta.labels if home is not None else {}
        if any(
            label_selector_matches(webhook.get("namespaceSelector"), labels)
            and label_selector_matches(webhook.get("objectSelector"), controller.template_labels)
            for webhook in webhooks
        ):
            continue
        yield config.finding(
            "IST0146", controller, f"{controller.meta.name} has `image: auto`, and no injection webhook selects it.",
            "template:\n  metadata:\n    labels:\n      sidecar.istio.io/inject: \"true\"",
        )  # fmt: skip


def _is_automatic(containers: tuple[Container, ...]) -> bool:
    return any(container.name == _PROXY and container.image == "auto" for container in containers)


def label_selector_matches(selector: object, labels: Mapping[str, str]) -> bool:
    """Whether a Kubernetes label selector takes these labels; none at all takes everything."""
    if selector is None:
        return True
    wanted = mapping(selector)
    if any(labels.get(str(k)) != str(v) for k, v in mapping(wanted.get("matchLabels")).items()):
        return False
    return all(_expression(one, labels) for one in maps(wanted.get("matchExpressions")))


def _expression(one: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = text(one.get("key")) or "", [str(value) for value in items(one.get("values"))]
    operator = text(one.get("operator"))
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return labels.get(key) not in values
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels


def application_users(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Applications with the UID of the proxy."""
    workloads: list[Pod | Controller] = [*config.inventory.pods]
    workloads += [c for c in config.inventory.controllers if c.kind == "Deployment"]
    for one in workloads:
        if is_control_plane(one.meta):
            continue
        applications = [c for c in one.containers if c.name not in _NOT_APPLICATIONS]
        own = next((c.name for c in applications if c.run_as_user == _PROXY_UID), None)
        if one.run_as_user != _PROXY_UID and own is None:
            continue
        where = f"container {own}" if own is not None else one.meta.name
        yield config.finding(
            "IST0144", one, f"{where} runs as user {_PROXY_UID}, the proxy's own; its calls bypass the proxy.",
            "securityContext:\n  runAsUser: 1000",
        )  # fmt: skip
