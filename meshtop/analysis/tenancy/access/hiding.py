"""Removes from a snapshot what the user may not read; all screens and outputs are filtered here and nowhere else.

Kept are readable namespaces with all their objects, and root namespaces, because their settings apply to all
workloads. Traffic is kept where one of its ends is readable; the other end is replaced by an alias in the namespace
`(hidden)`, without service or principal. Traffic between two unreadable ends is removed, from totals too. Histories
of whole clusters are removed where anything is hidden. Alerts and objectives are kept where every namespace that they
name is readable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from sys import intern
from typing import Any, Protocol, TypeVar
from zlib import crc32

from msgspec import Struct, structs

from meshtop.analysis.identity.control_planes import istiods, known_homes
from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.analysis.tenancy.access.rights import Access
from meshtop.analysis.tenancy.ownership import HIDDEN
from meshtop.model.alerting import Alerts, Slos, namespaces_named
from meshtop.model.canary import RouteCounts
from meshtop.model.changes import Traces
from meshtop.model.kube import Inventory, KindStatus
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.telemetry import Labels, Sample, Telemetry

Part = TypeVar("Part")
Samples = TypeVar("Samples", bound=Struct)

_SOURCE = dict.fromkeys((n for n in Labels.__struct_fields__ if n.startswith("source_") and n != "source_cluster"), "")
_DESTINATION = dict.fromkeys(
    (n for n in Labels.__struct_fields__ if n.startswith("destination_") and n != "destination_cluster"), ""
)


class Keep(Protocol):
    """Cache of results; a result is reused while all of its inputs are the identical objects."""

    def same(self, name: str, made_from: tuple[object, ...], make: Callable[[], Part]) -> Part:
        """The result of `make`, or the cached one if it was made under this name from the identical inputs."""


class _Afresh:
    def same(self, name: str, made_from: tuple[object, ...], make: Callable[[], Part]) -> Part:
        return make()


def visible(snapshot: Snapshot, access: Access, keep: Keep | None = None) -> Snapshot:
    """The part of a snapshot that the user may see; applying it twice has no further effect.

    With `keep`, unchanged parts of the snapshot give identical parts of the result, so that anything derived from them
    stays cached too.
    """
    keep = keep or _Afresh()
    ends = _ends(snapshot, access, keep)
    found = [_cluster(cluster, access, ends, keep) for cluster in snapshot.clusters]
    if not any(less for _, less in found) and snapshot.hidden is None:
        return snapshot
    who = ", ".join(access.users) or "an unknown user"
    note = f"The access policy leaves out what {who} may not read, in every figure and total."
    if access.nameless:
        note += f" Nothing of {', '.join(access.nameless)} is shown, as your user is unknown there: set access.user."
    note = snapshot.hidden or note
    return structs.replace(snapshot, clusters=tuple(cluster for cluster, _ in found), hidden=note)


class _Ends:
    """Decides which ends of telemetry may be read; telemetry names a cluster by an id, which several may share.

    `meshes` are each cluster's name, id, and root namespace ("" where it is not known: then nothing there is shared).
    """

    def __init__(self, meshes: Iterable[tuple[str, str, str]], access: Access) -> None:
        self._access = access
        self._names: dict[str, list[str]] = {}
        self._roots: dict[str, str] = {}
        for cluster, identity, root in meshes:
            self._roots[cluster] = root
            for name in dict.fromkeys((cluster, identity)):
                self._names.setdefault(name, []).append(cluster)

    def shared(self, cluster: str, namespace: str) -> bool:
        """Whether the namespace is a root namespace, whose settings apply to everyone's workloads."""
        return namespace in ("", self._roots.get(cluster, ""))

    def readable(self, here: str, cluster_id: str, namespace: str) -> bool:
        """Whether the namespace may be read in every cluster that the id may refer to."""
        if namespace == HIDDEN:
            return False
        names = [here] if cluster_id in ("", "unknown") else self._names.get(cluster_id, [here])
        return all(self._access.may_read(name, "" if namespace == "unknown" else namespace) for name in names)

    def nameless(self, here: str, cluster_id: str, namespace: str) -> bool:
        """Whether an end must become an alias: it has a name, may not be read, and is not in a root namespace."""
        return namespace not in ("", "unknown", HIDDEN) and not self.shared(cluster_id or here, namespace)


def _ends(snapshot: Snapshot, access: Access, keep: Keep) -> _Ends:
    meshes = [_mesh(cluster, keep) for cluster in snapshot.clusters]
    # Interned words are the same object wherever they are equal.
    words = [intern(word) for mesh in meshes for word in mesh]
    return keep.same("ends that may be read", (access, *words), lambda: _Ends(meshes, access))


def _mesh(cluster: ClusterSnapshot, keep: Keep) -> tuple[str, str, str]:
    inventory = cluster.inventory
    if inventory is None:
        return (cluster.name, cluster.name, "")
    facts = keep.same(f"whole facts of {cluster.name}", (inventory,), lambda: mesh_facts(inventory))
    # A cluster that another one serves says of its root only where its own part of the control plane is.
    found = istiods(inventory.controllers, inventory.pods, inventory.webhooks)
    root = facts.root_namespace or next(iter(known_homes(found, inventory.namespaces, inventory.webhooks)), "")
    return (cluster.name, facts.cluster_id or cluster.name, root)


def _cluster(cluster: ClusterSnapshot, access: Access, ends: _Ends, keep: Keep) -> tuple[ClusterSnapshot, bool]:
    """The visible part of a cluster, and whether anything was removed."""

    def kept(namespace: str) -> bool:
        return ends.shared(cluster.name, namespace) or access.may_read(cluster.name, namespace)

    def counts() -> tuple[RouteCounts, ...]:
        found = (_route_counts(c, cluster.name, ends, kept) for c in cluster.canaries)
        return tuple(c for c in found if c.labels)

    changed: dict[str, Any] = {}
    less = False
    name, inventory, telemetry = cluster.name, cluster.inventory, cluster.telemetry
    if inventory is not None:
        seen = keep.same(f"visible inventory of {name}", (inventory, ends), lambda: _inventory(inventory, kept))
        less = seen is not inventory
        changed["inventory"] = seen
    if telemetry is not None:
        heard = keep.same(f"visible telemetry of {name}", (telemetry, ends), lambda: _telemetry(telemetry, name, ends))
        less = less or heard is not telemetry
        changed["telemetry"] = heard
    if cluster.canaries:
        changed["canaries"] = keep.same(f"visible counts of {name}", (cluster.canaries, ends), counts)
    if cluster.alerts is not None:
        told = keep.same(f"visible alerts of {name}", (cluster.alerts, access, ends), lambda: _alerts(cluster, access))
        less = less or told is not cluster.alerts
        changed["alerts"] = told
    if cluster.slos is not None:
        kept_slos = keep.same(
            f"visible objectives of {name}", (cluster.slos, access, ends), lambda: _slos(cluster, access)
        )
        less = less or kept_slos is not cluster.slos
        changed["slos"] = kept_slos
    if less:
        changed["history"] = changed["courses"] = None
    return structs.replace(cluster, **changed), less


def _alerts(cluster: ClusterSnapshot, access: Access) -> Alerts | None:
    """The alerts of which every namespace that they name may be read; one that names none is the cluster's."""
    told = cluster.alerts
    assert told is not None
    some = tuple(one for one in told.alerts if _may_know(one.labels, cluster.name, access))
    return told if len(some) == len(told.alerts) else structs.replace(told, alerts=some)


def _slos(cluster: ClusterSnapshot, access: Access) -> Slos | None:
    """The objectives of services in namespaces that may be read; of one that names none nobody knows whose it is."""
    told = cluster.slos
    assert told is not None
    some = tuple(
        one
        for one in told.readings
        if _may_know({**one.labels, **({"namespace": one.namespace} if one.namespace else {})}, cluster.name, access)
    )
    return told if len(some) == len(told.readings) else structs.replace(told, readings=some)


def _may_know(labels: Mapping[str, str], cluster: str, access: Access) -> bool:
    return all(access.may_read(cluster, namespace) for namespace in namespaces_named(labels) or {""})


def _route_counts(counts: RouteCounts, cluster: str, ends: _Ends, kept: Callable[[str], bool]) -> RouteCounts:
    labels = tuple(label for label in counts.labels if kept(label.partition("/")[0]))
    return structs.replace(_samples_in(counts, cluster, ends), labels=labels)


_PLACED = ("services", "endpoint_slices", "pods", "controllers", "credentials")
"""Parts of an inventory whose objects are in namespaces."""


def _inventory(inventory: Inventory, kept: Callable[[str], bool]) -> Inventory:
    """The inventory without objects in namespaces that are not kept; the identical object where all are."""
    namespaces = tuple(n for n in inventory.namespaces if kept(n.meta.name))

    def among(items: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(item for item in items if kept(item.meta.namespace))

    config = {kind: among(objects) for kind, objects in inventory.config.items()}
    parts = {name: among(getattr(inventory, name)) for name in _PLACED}
    same = len(namespaces) == len(inventory.namespaces) and all(
        len(found) == len(getattr(inventory, name)) for name, found in parts.items()
    )
    traces = _traces(inventory.traces, kept)
    same = same and traces is inventory.traces
    if same and all(len(found) == len(inventory.config[kind]) for kind, found in config.items()):
        return inventory
    counts: dict[str, int] = {"Namespace": len(namespaces), **{kind: len(found) for kind, found in config.items()}}
    counts.update({"Service": len(parts["services"]), "EndpointSlice": len(parts["endpoint_slices"])})
    counts["Pod"] = len(parts["pods"])
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        counts[kind] = sum(controller.kind == kind for controller in parts["controllers"])
    kinds = tuple(_counted(status, counts) for status in inventory.kinds)
    return structs.replace(inventory, namespaces=namespaces, config=config, kinds=kinds, traces=traces, **parts)


def _traces(traces: Traces | None, kept: Callable[[str], bool]) -> Traces | None:
    """The marks of changes without those in namespaces that are not kept; the identical object where all are."""
    if traces is None:
        return None
    objects = tuple(one for one in traces.objects if kept(one.name if one.kind == "Namespace" else one.namespace))
    events = tuple(one for one in traces.events if kept(one.name if one.kind == "Namespace" else one.namespace))
    same = len(objects) == len(traces.objects) and len(events) == len(traces.events)
    return traces if same else Traces(objects=objects, events=events)


def _counted(status: KindStatus, counts: dict[str, int]) -> KindStatus:
    return structs.replace(status, count=min(status.count, counts.get(status.kind, status.count)))


def _telemetry(telemetry: Telemetry, cluster: str, ends: _Ends) -> Telemetry:
    """The visible telemetry; where none of its calls is, that is noted: it is not for want of data."""
    seen = _samples_in(telemetry, cluster, ends)
    return structs.replace(seen, withheld=True) if seen.silent and not telemetry.silent else seen


def _samples_in(part: Samples, cluster: str, ends: _Ends) -> Samples:
    """Samples with each one kept, aliased at one end, or removed; the identical object where all are kept.

    Samples of the control plane are kept: they name no tenant's traffic.
    """
    changed: dict[str, Any] = {}
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if isinstance(value, Struct):
            after: Any = _samples_in(value, cluster, ends)
            if after is not value:
                changed[name] = after
        elif isinstance(value, tuple) and value and isinstance(value[0], Sample):
            samples = tuple(kept for sample in value if (kept := _sample(sample, cluster, ends)) is not None)
            if len(samples) != len(value) or any(a is not b for a, b in zip(samples, value, strict=True)):
                changed[name] = samples
    return structs.replace(part, **changed) if changed else part


def _sample(sample: Sample, cluster: str, ends: _Ends) -> Sample | None:
    labels = sample.labels
    source = (cluster, labels.source_cluster, labels.source_workload_namespace)
    namespace = labels.destination_workload_namespace
    if namespace in ("", "unknown"):
        namespace = labels.destination_service_namespace
    destination = (cluster, labels.destination_cluster, namespace)
    from_, to = ends.readable(*source), ends.readable(*destination)
    if from_ == to:
        return sample if from_ else None
    if not from_ and ends.nameless(*source):
        name = _alias(labels.source_cluster, labels.source_workload_namespace, labels.source_workload)
        blank = {**_SOURCE, "source_workload_namespace": HIDDEN, "source_workload": name}
        return Sample(structs.replace(labels, **blank), sample.value)
    if not to and ends.nameless(*destination):
        name = _alias(labels.destination_cluster, namespace, labels.destination_workload)
        blank = {**_DESTINATION, "destination_workload_namespace": HIDDEN, "destination_workload": name}
        return Sample(structs.replace(labels, **{**blank, "destination_service": HIDDEN}), sample.value)
    return sample


def _alias(*name: str) -> str:
    """An alias, equal for a workload in every report, so that reports still match and nothing is counted twice."""
    return f"hidden-{crc32('/'.join(name).encode()):08x}"
