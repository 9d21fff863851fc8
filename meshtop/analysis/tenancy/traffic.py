"""Traffic of tenants, workspaces and groups: inbound, outbound, internal, and crossing to other tenants."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from math import inf
from typing import TypeVar

from msgspec import Struct

from meshtop.analysis.tenancy.ownership import NONE, NamespaceOwner, Owners
from meshtop.analysis.traffic.figures import Figures, add_all, matrix, namespace_of
from meshtop.model.constants import APDEX_TARGET_MS
from meshtop.model.traffic import Buckets, Edge, Peer, Sums, Target

Namespace = tuple[str, str]
"""Cluster and name; cluster "" means outside of every cluster."""
Pairs = Mapping[tuple[Namespace, Namespace], Sums]
"""Traffic by (source namespace, target namespace)."""
Within = Callable[[str, str], bool]
"""Predicate: whether a namespace of a cluster is in scope."""
Group = TypeVar("Group", bound=Hashable)


class UnitTraffic(Struct, frozen=True):
    """A unit's figures, and the part that crosses to or from another tenant."""

    figures: Figures = Figures()
    crossing: Sums = Sums()

    @property
    def all(self) -> Sums:
        """Every edge that touches the unit, once."""
        return self.figures.inbound + self.figures.outbound + self.figures.internal


def owner_of(owners: Owners, end: Peer | Target) -> NamespaceOwner:
    """The owner of an end of an edge."""
    return owners.of(end.cluster, end.namespace)


def crosses(left: NamespaceOwner, right: NamespaceOwner) -> bool:
    """Whether traffic between the two owners crosses tenants; an unowned namespace is not a tenant."""
    return left.tenant != right.tenant and NONE not in (left.tenant, right.tenant)


def between(edges: Iterable[Edge]) -> Pairs:
    """Traffic from each namespace to each namespace, from which all higher levels are summed."""
    return matrix(edges, namespace_of, namespace_of)


def in_scope(source: Namespace, target: Namespace, within: Within | None) -> tuple[bool, bool]:
    """Which ends of a pair are in scope; an end outside of every cluster follows the other one."""
    if within is None:
        return True, True
    return within(*(source if source[0] else target)), within(*(target if target[0] else source))


def rolled_up(
    pairs: Pairs,
    groups: Callable[[Namespace], tuple[Group, ...]],
    owners: Owners,
    within: Within | None = None,
) -> dict[Group, UnitTraffic]:
    """The traffic of every group that a namespace is in, where a namespace may be in several.

    Over disjoint groups that cover all namespaces, inbound + internal add up to all requests into the scope. Namespaces
    outside of the scope are in no group.
    """
    sides: dict[Group, tuple[list[Sums], list[Sums], list[Sums], list[Sums]]] = {}
    for (source, target), sums in pairs.items():
        source_counts, target_counts = in_scope(source, target, within)
        left = groups(source) if source_counts else ()
        right = groups(target) if target_counts else ()
        crossing = crosses(owners.of(*source), owners.of(*target))
        for group in dict.fromkeys((*left, *right)):
            inbound, outbound, internal, others = sides.setdefault(group, ([], [], [], []))
            if group in left and group in right:
                internal.append(sums)
            elif group in right:
                inbound.append(sums)
            else:
                outbound.append(sums)
            if crossing:
                others.append(sums)
    return {
        group: UnitTraffic(Figures(*(add_all(side) for side in parts[:3])), add_all(parts[3]))
        for group, parts in sides.items()
    }


def by_pair(
    pairs: Pairs, owners: Owners, within: Within | None = None, touching: Within | None = None
) -> dict[tuple[str, str], Sums]:
    """Traffic from each tenant to each tenant, `(none)` included; the pairs add up to all requests into the scope.

    With `touching`, only traffic with an end in that scope.
    """
    parts: dict[tuple[str, str], list[Sums]] = {}
    for (source, target), sums in pairs.items():
        touched = touching is None or touching(*source) or touching(*target)
        if touched and in_scope(source, target, within)[1]:
            parts.setdefault((owners.of(*source).tenant, owners.of(*target).tenant), []).append(sums)
    return {pair: add_all(found) for pair, found in parts.items()}


class Talker(Struct, frozen=True):
    """A top peer of a unit: the other end's owner and workload, and the direction."""

    inbound: bool
    tenant: str
    cluster: str
    namespace: str
    workload: str
    sums: Sums


class LevelTraffic(Struct, frozen=True):
    """Traffic of one tenant, workspace or group: in total, in each of its clusters, and its top talkers."""

    traffic: UnitTraffic
    clusters: dict[str, Sums]
    talkers: tuple[Talker, ...]


def of_level(edges: Iterable[Edge], owners: Owners, belongs: Callable[[NamespaceOwner], bool]) -> LevelTraffic:
    """The traffic of the namespaces whose owners belong to a level; `clusters` has the requests into each cluster."""
    sides: dict[str, list[Sums]] = {"inbound": [], "outbound": [], "internal": [], "crossing": []}
    clusters: dict[str, list[Sums]] = {}
    talkers: dict[tuple[bool, str, str, str, str], list[Sums]] = {}
    for edge in edges:
        source, target = owner_of(owners, edge.source), owner_of(owners, edge.destination)
        inside, into = belongs(source), belongs(target)
        if not inside and not into:
            continue
        sides["internal" if inside and into else "inbound" if into else "outbound"].append(edge.sums)
        if crosses(source, target):
            sides["crossing"].append(edge.sums)
        if into:
            clusters.setdefault(edge.destination.cluster, []).append(edge.sums)
        if inside != into:
            end: Peer | Target = edge.source if into else edge.destination
            other = source if into else target
            name = end.workload or (edge.destination.service if inside else "")
            talkers.setdefault((into, other.tenant, end.cluster, end.namespace, name), []).append(edge.sums)
    found = [Talker(*who, sums=add_all(parts)) for who, parts in talkers.items()]
    found.sort(key=lambda t: (-(t.sums.requests or 0.0), -(t.sums.connections or 0.0), t.cluster, t.workload))
    parts = {side: add_all(sums) for side, sums in sides.items()}
    return LevelTraffic(
        UnitTraffic(Figures(parts["inbound"], parts["outbound"], parts["internal"]), parts["crossing"]),
        {cluster: add_all(sums) for cluster, sums in sorted(clusters.items())},
        tuple(found),
    )


def apdex(buckets: Buckets, target_ms: float = APDEX_TARGET_MS) -> float | None:
    """Apdex (Apdex Alliance, Technical Specification 1.1) from histogram buckets.

    It is the share of satisfied requests plus half of the tolerated ones, 0 to 1; None when nothing was timed.
    Requests are judged by their duration alone: buckets do not tell which of them failed.
    """
    if not buckets.bounds or buckets.bounds[-1] != inf or buckets.rates[-1] <= 0:
        return None
    satisfied, tolerated = _rate_within(buckets, target_ms), _rate_within(buckets, 4 * target_ms)
    return (satisfied + max(0.0, tolerated - satisfied) / 2) / buckets.rates[-1]


def _rate_within(buckets: Buckets, milliseconds: float) -> float:
    """The rate of requests no slower than this, by linear interpolation within a bucket; rates never fall."""
    lower_bound = lower_rate = 0.0
    for bound, rate in zip(buckets.bounds, buckets.rates, strict=True):
        upper = max(rate, lower_rate)
        if bound >= milliseconds:
            if bound == inf:
                return lower_rate
            return lower_rate + (upper - lower_rate) * (milliseconds - lower_bound) / (bound - lower_bound)
        lower_bound, lower_rate = bound, upper
    return lower_rate
