"""Unknowns: what an answer could not take into account, and the wording of empty or good answers.

"There is none" and "all is well" are claims about everything in the query. Where a part of it was not read, the
answer states that in words, in `unknowns[]` (docs/json.md) and by its exit code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.traffic.silence import Silence, telemetry_states
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import Inventory
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import State
from meshtop.model.text import clean
from meshtop.views.picture.query import Query

EVERYTHING = "everything"
TRAFFIC = "traffic"
_MOST = 4
"""The most names that a sentence lists."""
_WHY: dict[State | Silence, WhyUnknown] = {
    State.STALE: WhyUnknown.STALE,
    State.UNREACHABLE: WhyUnknown.UNREACHABLE,
    State.DENIED: WhyUnknown.DENIED,
    State.NONE: WhyUnknown.NOT_READ,
    State.PARTIAL: WhyUnknown.NOT_READ,
    Silence.NO_DATA: WhyUnknown.NO_DATA,
}
_WORDS = {
    WhyUnknown.DENIED: "may not be read",
    WhyUnknown.UNREACHABLE: "cannot be read",
    WhyUnknown.STALE: "is out of date",
    WhyUnknown.NOT_READ: "was not read",
    WhyUnknown.UNSUPPORTED: "cannot be known there",
    WhyUnknown.NO_DATA: "left no data in this window",
}


class Needs(Struct, frozen=True):
    """Data that an answer depends on: Kubernetes kinds, by their names in an Inventory, and whether traffic matters."""

    kinds: tuple[str, ...] = ()
    traffic: bool = False


def unknowns_of(
    snapshot: Snapshot,
    needs: Needs,
    query: Query | None = None,
    *,
    states: Mapping[str, State | Silence] | None = None,
) -> tuple[Unknown, ...]:
    """The needed data that was not read in the clusters and namespaces of a query; by cluster, then by need.

    `states` is how far each cluster's telemetry can be relied on. Whoever has worked it out gives it: it takes a look
    at every cluster for each of them.
    """
    scope = query or Query()
    asked = [c for c in snapshot.clusters if not scope.clusters or c.name in scope.clusters]
    if states is None:
        states = telemetry_states(snapshot.clusters) if needs.traffic else {}
    heard = states if needs.traffic else {}
    return tuple(
        unknown
        for cluster in asked
        for unknown in _of_cluster(cluster, needs, scope.namespaces, heard.get(cluster.name, State.FRESH))
    )


def _of_cluster(
    cluster: ClusterSnapshot, needs: Needs, namespaces: Sequence[str], telemetry: State | Silence
) -> Iterable[Unknown]:
    name, inventory = cluster.name, cluster.inventory
    if inventory is None:
        yield Unknown(EVERYTHING, name, why_unknown(cluster.kubernetes.state))
        return
    if cluster.kubernetes.state in (State.STALE, State.UNREACHABLE, State.DENIED):
        yield Unknown(EVERYTHING, name, why_unknown(cluster.kubernetes.state))
    for kind in needs.kinds:
        why = _unread(inventory, kind, namespaces)
        if why is not None:
            yield Unknown(kind, name, why)
    if telemetry is not State.FRESH:
        yield Unknown(TRAFFIC, name, why_unknown(telemetry))


def why_unknown(state: State | Silence) -> WhyUnknown:
    """Why that is unknown which a source in this state should have told."""
    return _WHY.get(state, WhyUnknown.NOT_READ)


def _unread(inventory: Inventory, kind: str, namespaces: Sequence[str]) -> WhyUnknown | None:
    why = inventory.evidence(kind).why
    named = namespaces and not any(set(name) & set("*?[") for name in namespaces)
    if why is not None and named and all(inventory.evidence(kind, name).known for name in namespaces):
        return None
    return why


def told(claim: str, unknowns: Sequence[Unknown]) -> str:
    """A claim that there is nothing (wrong), qualified by what is unknown, if anything."""
    if not unknowns:
        return claim
    return f"{claim.rstrip('.').removesuffix(', as far as it is known')} as far as it was read, but {doubt(unknowns)}"


def doubt(unknowns: Sequence[Unknown]) -> str:
    """The unknowns as one sentence, to follow a comma: `VirtualService of east may not be read.`"""
    places: dict[tuple[str, WhyUnknown], list[str]] = {}
    for unknown in unknowns:
        places.setdefault((unknown.what, unknown.why), []).append(unknown.cluster)
    alike: dict[tuple[tuple[str, ...], WhyUnknown], list[str]] = {}
    for (what, why), clusters in places.items():
        alike.setdefault((tuple(dict.fromkeys(clusters)), why), []).append(what)
    parts = [f"{_few(whats)} of {_few(clusters)} {_WORDS[why]}" for (clusters, why), whats in alike.items()]
    return clean("; ".join(parts[:_MOST])) + (f"; and {len(parts) - _MOST} more." if len(parts) > _MOST else ".")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
