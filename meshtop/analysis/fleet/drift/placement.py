"""Declared placement by federations: placements, overrides, and their status (reference: Federation)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from meshtop.analysis.fleet.registries import KARMADA, KUBEFED, KUBESPHERE, OCM
from meshtop.analysis.inventory.untyped import Condition, conditions, items, mapping, maps, text
from meshtop.model.kube import ConfigObject, Inventory

ObjectKey = tuple[str, str, str]
"""Kind, namespace and name of an object that is propagated."""
Clusters = Callable[[str, str], str | None]
"""Name of the cluster in meshtop by (registry, member's name)."""


class Placement(Struct, frozen=True, kw_only=True):
    """The clusters where an object should exist, as a federation declares.

    `clusters` are those that meshtop reads; other members are left out. `overridden` are JSON pointers that may differ
    between clusters. `complaints` maps a cluster ("" for the whole) to the problem in the federation's status.
    """

    by: str
    clusters: frozenset[str] = frozenset()
    overridden: tuple[str, ...] = ()
    complaints: tuple[tuple[str, str], ...] = ()


def declared(
    host: str, inventory: Inventory, cluster_of: Clusters, names: Mapping[str, Sequence[str]]
) -> dict[ObjectKey, Placement]:
    """Placements of all objects that the federations of one host cluster propagate.

    `names` lists the members of each registry on that host.
    """
    found: dict[ObjectKey, Placement] = {}
    config = inventory.config
    for kind, objects in config.items():
        if kind.startswith("Federated"):
            for obj in objects:
                add(found, *_kubefed(host, obj, cluster_of, names, _labels(config)))
    for kind in ("ResourceBinding", "ClusterResourceBinding"):
        for obj in config.get(kind, ()):
            add(found, *_karmada(host, obj, cluster_of))
    for obj in config.get("ManifestWork", ()):
        for thing in _manifests(obj):
            add(found, thing, _work(host, obj, cluster_of))
    overrides = [o for kind in ("OverridePolicy", "ClusterOverridePolicy") for o in config.get(kind, ())]
    for policy in overrides:
        for thing in [t for t in found if _selects(policy, t)]:
            pointers = tuple(_pointers(policy))
            found[thing] = structs.replace(found[thing], overridden=(*found[thing].overridden, *pointers))
    return found


def add(found: dict[ObjectKey, Placement], thing: ObjectKey, one: Placement) -> None:
    """Add a placement, merged with an earlier one of the same object."""
    before = found.get(thing)
    if before is not None:
        one = Placement(
            by=before.by,
            clusters=before.clusters | one.clusters,
            overridden=tuple(dict.fromkeys((*before.overridden, *one.overridden))),
            complaints=(*before.complaints, *one.complaints),
        )
    found[thing] = one


def _labels(config: Mapping[str, Sequence[ConfigObject]]) -> dict[tuple[str, str], Mapping[str, str]]:
    """The labels of KubeFed's and KubeSphere's members, which selectors match."""
    kinds = ((KUBEFED, "KubeFedCluster"), (KUBESPHERE, "Cluster.cluster.kubesphere.io"))
    return {(registry, obj.meta.name): obj.meta.labels for registry, kind in kinds for obj in config.get(kind, ())}


class _Federated(Struct, frozen=True, kw_only=True):
    """The parsed form of a Federated* object of KubeFed or KubeSphere.

    `named` are the members that its placement names, None where it names none (which `clusters: []` does not mean);
    `selector` are the labels that it selects members by, None without one. `statuses` are pairs of a member and its
    status, `propagation` is the status of the whole.
    """

    kind: str
    namespace: str
    name: str
    named: tuple[str, ...] | None
    selector: Mapping[str, Any] | None
    statuses: tuple[tuple[str, str | None], ...]
    propagation: Condition | None
    overridden: tuple[str, ...]


def _federated(obj: ConfigObject) -> _Federated:
    kind = obj.kind.removeprefix("Federated")
    placement = mapping(obj.spec.get("placement"))
    chosen = mapping(placement.get("clusterSelector"))
    pointers = [
        str(mapping(change).get("path", ""))
        for override in items(obj.spec.get("overrides"))
        for change in items(mapping(override).get("clusterOverrides"))
    ]
    return _Federated(
        kind=kind,
        namespace="" if kind == "Namespace" or kind.startswith("Cluster") else obj.meta.namespace,
        name=obj.meta.name,
        named=_names(placement["clusters"]) if "clusters" in placement else None,
        selector=mapping(chosen.get("matchLabels")) if "clusterSelector" in placement else None,
        statuses=tuple(
            (name, text(entry.get("status")))
            for entry in maps(obj.status.get("clusters"))
            if (name := text(entry.get("name")))
        ),
        propagation=next((c for c in conditions(obj.status) if c.type == "Propagation"), None),
        overridden=tuple(pointer for pointer in pointers if pointer.startswith("/spec")),
    )


def _names(entries: object) -> tuple[str, ...]:
    """The names of `[{name: …}]`."""
    return tuple(name for entry in items(entries) if (name := text(mapping(entry).get("name"))))


def _kubefed(
    host: str,
    obj: ConfigObject,
    cluster_of: Clusters,
    names: Mapping[str, Sequence[str]],
    labels: Mapping[tuple[str, str], Mapping[str, str]],
) -> tuple[ObjectKey, Placement]:
    federated = _federated(obj)
    registry = KUBEFED if names.get(KUBEFED) else KUBESPHERE
    placed: Sequence[str] = ()
    if federated.named is not None:
        # Named clusters beat a selector even when none is named.
        placed = federated.named
    elif federated.selector is not None:
        wanted = federated.selector.items()
        placed = [
            name
            for name in names.get(registry, ())
            if all(labels.get((registry, name), {}).get(key) == value for key, value in wanted)
        ]
    complaints = [
        (cluster_of(registry, name) or name, f"{name} is {status}")
        for name, status in federated.statuses
        if status not in (None, "OK")
    ]
    whole = federated.propagation
    if whole is not None and whole.status != "True":
        complaints.append(("", f"Propagation is {whole.status}" + (f" ({whole.reason})" if whole.reason else "")))
    return (federated.kind, federated.namespace, federated.name), Placement(
        by=f"{obj.kind} on {host}",
        clusters=_read(placed, registry, cluster_of),
        overridden=federated.overridden,
        complaints=tuple(complaints),
    )


def _karmada(host: str, obj: ConfigObject, cluster_of: Clusters) -> tuple[ObjectKey, Placement]:
    resource = mapping(obj.spec.get("resource"))
    placed = _names(obj.spec.get("clusters"))
    complaints = [("", f"{c.type} is {c.status} ({c.reason})") for c in conditions(obj.status) if c.status == "False"]
    for entry in maps(obj.status.get("aggregatedStatus")):
        name = text(entry.get("clusterName"))
        if name and entry.get("applied") is False:
            why = text(entry.get("appliedMessage")) or "not applied"
            complaints.append((cluster_of(KARMADA, name) or name, f"{name}: {why}"))
    thing = (str(resource.get("kind", "")), str(resource.get("namespace", "") or ""), str(resource.get("name", "")))
    return thing, Placement(
        by=f"{obj.kind} on {host}", clusters=_read(placed, KARMADA, cluster_of), complaints=tuple(complaints)
    )


def _manifests(work: ConfigObject) -> list[ObjectKey]:
    found = []
    for manifest in maps(mapping(work.spec.get("workload")).get("manifests")):
        meta = mapping(manifest.get("metadata"))
        kind, name = text(manifest.get("kind")), text(meta.get("name"))
        if kind and name:
            found.append((kind, str(meta.get("namespace", "") or ""), name))
    return found


def _work(host: str, work: ConfigObject, cluster_of: Clusters) -> Placement:
    """The placement of a ManifestWork, whose namespace is named after the member."""
    member = work.meta.namespace
    cluster = cluster_of(OCM, member)
    complaints = [
        (cluster or member, f"{c.type} is {c.status} ({c.reason})")
        for c in conditions(work.status)
        if c.status == "False"
    ]
    return Placement(
        by=f"ManifestWork on {host}",
        clusters=frozenset({cluster} if cluster else ()),
        complaints=tuple(complaints),
    )


def _read(placed: Iterable[str], registry: str, cluster_of: Clusters) -> frozenset[str]:
    return frozenset(cluster for name in placed if (cluster := cluster_of(registry, name)))


def _selects(policy: ConfigObject, thing: ObjectKey) -> bool:
    kind, namespace, name = thing
    if policy.kind == "OverridePolicy" and policy.meta.namespace != namespace:
        return False
    for selector in maps(policy.spec.get("resourceSelectors")):
        if selector.get("kind") == kind and selector.get("name") in (None, "", name):
            return True
    return False


def _pointers(policy: ConfigObject) -> Iterable[str]:
    """The JSON pointers that an override policy may set; an image override may set any image."""
    rules: list[Mapping[str, Any]] = [mapping(rule) for rule in items(policy.spec.get("overrideRules"))]
    for overriders in [mapping(rule.get("overriders")) for rule in rules] or [mapping(policy.spec.get("overriders"))]:
        for change in maps(overriders.get("plaintext")):
            if path := text(change.get("path")):
                yield path
        if items(overriders.get("imageOverrider")):
            yield "/images"
