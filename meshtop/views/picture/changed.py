"""What changed in all clusters of a Picture, and the paths on which a change is felt."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshtop.analysis.changes.cluster_changes import ChangedCluster, changes_in
from meshtop.analysis.changes.fleet_changes import fleet_changes
from meshtop.analysis.changes.suspicion import CallPaths, ChangeIndex, WorkloadKey
from meshtop.model.changes import HORIZON_SECONDS, Change, SeenChange
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.views.picture.memory import Key

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

_CHANGES: Key[tuple[Change, ...]] = Key("changes")
_INDEX: Key[ChangeIndex] = Key("changes by what they were done to")
_OF_CLUSTER: Key[tuple[Change, ...]] = Key("changes of a cluster")
_PATHS: Key[CallPaths] = Key("paths of calls")
_ROUND_SECONDS = 60.0
"""What is a day old goes a minute later at most: until then nothing is worked out anew for the clock's sake."""


def changes_of(picture: Picture) -> tuple[Change, ...]:
    """Every change of the last day before the Picture's moment that the user may see, the newest first."""
    return picture.cached(_CHANGES, lambda: _changes(picture))


def index_of_changes(picture: Picture) -> ChangeIndex:
    """The same changes by what they were done to."""
    return picture.cached(_INDEX, lambda: ChangeIndex(changes_of(picture), paths_of(picture)))


def moment_shown(picture: Picture) -> float:
    """The moment that a Picture shows (Unix seconds)."""
    return picture.snapshot.at if picture.snapshot.moment is None else picture.snapshot.moment


def _changes(picture: Picture) -> tuple[Change, ...]:
    now = moment_shown(picture)
    found = []
    for cluster in picture.snapshot.clusters:
        inventory = cluster.inventory
        if inventory is None:
            continue
        facts = picture.facts.get(cluster.name)
        domain = (facts.cluster_domain if facts is not None else None) or CLUSTER_DOMAIN
        changed = ChangedCluster(name=cluster.name, inventory=inventory, domain=domain)
        upto = now // _ROUND_SECONDS * _ROUND_SECONDS + _ROUND_SECONDS
        known = picture.memory.get_or_make(
            _OF_CLUSTER.at(cluster.name),
            (inventory,),
            lambda changed=changed, upto=upto: changes_in(changed, upto),  # type: ignore[misc]
            also=(upto, domain),
        )
        found.append([change for change in known if change.at <= now])
    journal = picture.attention_log.changes(now - HORIZON_SECONDS, now)
    return tuple(c for c in fleet_changes(found, journal, _seen(picture, now)) if _may_be_shown(picture, c))


def _seen(picture: Picture, now: float) -> dict[str, list[SeenChange]]:
    """What was seen to change while meshtop watched, by the names of the clusters of this Picture."""
    if picture.change_memory is None:
        return {}
    names = {key: c.name for c in picture.snapshot.clusters for key in (c.server, c.uid) if key}
    found: dict[str, list[SeenChange]] = {}
    for one in picture.change_memory.seen(now - HORIZON_SECONDS, now):
        if one.scope in names:
            found.setdefault(names[one.scope], []).append(one)
    return found


def _may_be_shown(picture: Picture, change: Change) -> bool:
    """Whether the access policy lets the user read where a change is; clusters that are not shown are nobody's here."""
    shown = {cluster.name for cluster in picture.snapshot.clusters}
    if not shown & {*change.clusters}:
        return False
    access = picture.access
    if access is None or not change.namespace:
        return True
    roots = {facts.root_namespace for name in change.clusters if (facts := picture.facts.get(name)) is not None}
    return change.namespace in roots or any(access.may_read(name, change.namespace) for name in change.clusters)


def paths_of(picture: Picture) -> CallPaths:
    """Who calls whom, what stands behind services, and whose control plane serves whom."""
    return picture.cached(_PATHS, lambda: _paths(picture))


def _paths(picture: Picture) -> CallPaths:
    callees: dict[WorkloadKey, set[WorkloadKey]] = {}
    callers: dict[WorkloadKey, set[WorkloadKey]] = {}
    served: dict[tuple[str, str], set[WorkloadKey]] = {}
    for edge in picture.edges:
        source = (edge.source.cluster, edge.source.namespace, edge.source.workload)
        target = (edge.destination.cluster, edge.destination.namespace, edge.destination.workload)
        if edge.source.workload and edge.destination.workload:
            callees.setdefault(source, set()).add(target)
            callers.setdefault(target, set()).add(source)
        name, dot, rest = edge.destination.service.partition(".")
        if dot and edge.destination.workload:
            served.setdefault((rest.partition(".")[0], name), set()).add(target)

    # The picture keeps these paths: they must not keep it.
    held = weakref.ref(picture)

    def behind(cluster: str, namespace: str, service: str) -> Iterable[WorkloadKey]:
        """What a Service selects in a cluster and in the others of its mesh, and what was seen to answer for it."""
        picture = held()
        if picture is None:
            return
        mesh = {cluster, *picture.meshes.peers(cluster)}
        yield from (where for where in served.get((namespace, service), ()) if where[0] in mesh)
        for name in mesh:
            for backend in picture.backends(name, namespace, (service,)):
                yield (backend.cluster, backend.namespace, backend.name)

    planes = {
        name: frozenset((name, *(facts.obeys.servers if facts.obeys is not None else ())))
        for name, facts in picture.facts.items()
    }
    return CallPaths(callees, callers, behind, planes)
