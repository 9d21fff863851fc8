"""Objects that choose workloads: Sidecars, Telemetries and policies that select none, or the same as another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.gateways import labels_as
from meshtop.analysis.findings.revisions import REVISION, RevisionConfig, served_ones
from meshtop.analysis.inventory.untyped import mapping, maps, texts
from meshtop.analysis.visibility.selection import match_labels, selects
from meshtop.model.constants import GATEWAY_NAME_LABEL
from meshtop.model.kube import ConfigObject

_POLICIES = ("AuthorizationPolicy", "RequestAuthentication", "Telemetry", "WasmPlugin")


def sidecar_labels(sidecar: ConfigObject) -> dict[str, str]:
    """The labels that a Sidecar selects by."""
    labels = mapping(mapping(sidecar.spec.get("workloadSelector")).get("labels"))
    return {str(k): str(v) for k, v in labels.items()}


def sidecars(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Sidecars that select nothing, share pods with another one, or stand in an ambient namespace."""
    effective: list[ConfigObject] = []
    for sidecar in config.objects("Sidecar"):
        home = config.namespaces.get(sidecar.meta.namespace)
        wanted = sidecar_labels(sidecar)
        pods = config.selected(sidecar.meta.namespace, wanted)
        if (pods and all(pod.ambient for pod in pods)) or (
            home is not None and _is_ambient(home.meta.labels) and not any(p.in_mesh and not p.ambient for p in pods)
        ):
            yield config.finding(
                "IST0167",
                sidecar,
                f"no effect: {'its pods are' if wanted else 'the namespace is'} in ambient mode, where there are no "
                "sidecars.",
                "Take the Sidecar away; there, a waypoint and policies do what it was meant for.",
            )
        else:
            effective.append(sidecar)
    yield from _selecting(config, effective, sidecar_labels, "IST0110")
    yield from _default_ones(config, effective, "workloadSelector", sidecar_labels, "IST0111")


def _is_ambient(labels: Mapping[str, str]) -> bool:
    if labels.get("istio-injection") == "enabled" or labels.get(REVISION):
        return False
    return labels.get("istio.io/dataplane-mode") == "ambient"


def telemetries(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Telemetries that select nothing, or share pods with another one."""
    objects = config.objects("Telemetry")
    yield from _selecting(config, objects, lambda obj: match_labels(obj.spec), "IST0159")
    yield from _default_ones(config, objects, "selector", lambda obj: match_labels(obj.spec), "IST0160")


def _selecting(
    config: RevisionConfig,
    chosen: Sequence[ConfigObject],
    labels_of: Callable[[ConfigObject], Mapping[str, str]],
    code: str,
) -> Iterator[ConfigFinding]:
    by_pod: dict[tuple[str, str, str], list[ConfigObject]] = {}
    for obj in chosen:
        wanted = labels_of(obj)
        if not wanted:
            continue
        pods = config.selected(obj.meta.namespace, wanted)
        if not pods:
            yield config.finding(
                "IST0101", obj, f"selector {labels_as(wanted)} selects no pod of {obj.meta.namespace}.",
                path=f"spec.{'workloadSelector' if obj.kind == 'Sidecar' else 'selector'}",
            )  # fmt: skip
        for pod in served_ones(pods):
            by_pod.setdefault((pod.cluster, pod.pod.meta.namespace, pod.pod.meta.name), []).append(obj)
    together: dict[tuple[tuple[str, str], ...], tuple[str, list[ConfigObject]]] = {}
    for (_, _, pod_name), objects in by_pod.items():
        if len(objects) > 1:
            together.setdefault(tuple(o.meta.key for o in objects), (pod_name, objects))
    for pod_name, rivals in together.values():
        for obj in rivals:
            others = ", ".join(o.meta.name for o in rivals if o is not obj)
            yield config.finding(
                code, obj, f"pod {pod_name} is selected by {others} too; only the oldest of them counts.",
                f"Give each {obj.kind} its own pods, or merge them.",
            )  # fmt: skip


def _default_ones(
    config: RevisionConfig,
    chosen: Sequence[ConfigObject],
    field: str,
    labels_of: Callable[[ConfigObject], Mapping[str, str]],
    code: str,
) -> Iterator[ConfigFinding]:
    by_namespace: dict[str, list[ConfigObject]] = {}
    for obj in chosen:
        if not labels_of(obj) and obj.spec.get(field) is None and not _targets(obj.spec):
            by_namespace.setdefault(obj.meta.namespace, []).append(obj)
    for namespace, objects in by_namespace.items():
        for obj in objects if len(objects) > 1 else ():
            others = ", ".join(o.meta.name for o in objects if o is not obj)
            yield config.finding(
                code,
                obj,
                f"{others} of {namespace or 'the same namespace'} {'has' if ',' not in others else 'have'} no selector "
                "either; only the oldest of them counts.",
                f"Merge them into one {obj.kind}, or give them selectors.",
            )


def _targets(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return maps(spec.get("targetRefs")) + maps([spec.get("targetRef")])


def gateway_selectors(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Policies that select pods of Gateway API gateways by labels, which counts only with `targetRefs`."""
    gateways: dict[str, dict[tuple[str, frozenset[tuple[str, str]]], Mapping[str, str]]] = {}
    for pod in config.all_pods:
        if pod.served and GATEWAY_NAME_LABEL in pod.labels:
            key = (pod.labels[GATEWAY_NAME_LABEL], frozenset(pod.labels.items()))
            gateways.setdefault(pod.pod.meta.namespace, {})[key] = pod.labels
    for kind in _POLICIES:
        for policy in config.objects(kind):
            wanted = match_labels(policy.spec)
            if _targets(policy.spec) or policy.spec.get("selector") is None:
                continue
            named = dict.fromkeys(
                name for (name, _), labels in gateways.get(policy.meta.namespace, {}).items() if selects(wanted, labels)
            )
            for name in named:
                yield config.finding(
                    "IST0166",
                    policy,
                    f"selector {labels_as(wanted)} is ignored by gateway {name}, which Gateway API deploys.",
                    f"targetRefs:\n- group: gateway.networking.k8s.io\n  kind: Gateway\n  name: {name}",
                    path="spec.selector",
                )


def authorization_policies(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """AuthorizationPolicies for no workload, and namespaces in their rules that do not exist in the mesh."""
    in_mesh: dict[str, list[Mapping[str, str]]] = {}
    for namespace, pods in config.pods.items():
        kept = {frozenset(pod.labels.items()): pod.labels for pod in pods if pod.in_mesh}
        in_mesh[namespace] = list(kept.values())
    for policy in config.objects("AuthorizationPolicy"):
        if not _targets(policy.spec):
            yield from _matching(config, policy, in_mesh)
        yield from _sources(config, policy)


def _matching(
    config: RevisionConfig, policy: ConfigObject, in_mesh: Mapping[str, Sequence[Mapping[str, str]]]
) -> Iterator[ConfigFinding]:
    home = policy.meta.namespace
    everywhere = home == config.root_namespace
    wanted = match_labels(policy.spec)
    if everywhere and policy.spec.get("selector") is None:
        return
    candidates = [labels for sets in in_mesh.values() for labels in sets] if everywhere else in_mesh.get(home, ())
    if any(selects(wanted, labels) for labels in candidates):
        return
    where = "the mesh" if everywhere else home or "its namespace"
    yield config.finding(
        "IST0127",
        policy,
        f"selector {labels_as(wanted)} selects no workload of {where}."
        if wanted
        else f"{where} has no workload in the mesh.",
        path="spec.selector" if wanted else "",
    )


def _sources(config: RevisionConfig, policy: ConfigObject) -> Iterator[ConfigFinding]:
    for number, rule in enumerate(maps(policy.spec.get("rules"))):
        for index, origin in enumerate(maps(rule.get("from"))):
            source = mapping(origin.get("source"))
            for field in ("namespaces", "notNamespaces"):
                for position, name in enumerate(texts(source.get(field))):
                    if not any(_matches(name, known) for known in config.mesh_namespaces):
                        yield config.finding(
                            "IST0101",
                            policy,
                            f"namespace {name} does not exist in {_how_many(config)}.",
                            path=f"spec.rules[{number}].from[{index}].source.{field}[{position}]",
                        )


def _how_many(config: RevisionConfig) -> str:
    if len(config.members) == 1:
        return "the cluster" if config.cluster.name else "these files"
    return f"any of the {len(config.members)} clusters of the mesh"


def _matches(pattern: str, namespace: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("*"):
        return namespace.endswith(pattern[1:])
    if pattern.endswith("*"):
        return namespace.startswith(pattern[:-1])
    return namespace.lower() == pattern.lower()
