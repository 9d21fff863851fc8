"""Traffic of tenants, workspaces and groups: what comes in, goes out, stays inside and crosses to other tenants."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshtop.analysis.figures import Figures, add_all, figures, matrix
from meshtop.analysis.tenancy.ownership import NONE, Owner, Owners
from meshtop.model.traffic import Edge, Peer, Sums, Target

Unit = tuple[str, str]
"""Tenant and workspace ("" without one)."""


class UnitTraffic(Struct, frozen=True):
    """A unit's figures, and what of them crosses to or from another tenant."""

    figures: Figures = Figures()
    crossing: Sums = Sums()

    @property
    def all(self) -> Sums:
        """Every edge that touches the unit, once."""
        return self.figures.inbound + self.figures.outbound + self.figures.internal


def owner_of(owners: Owners, end: Peer | Target) -> Owner:
    """Who owns an end of an edge."""
    return owners.of(end.cluster, end.namespace)


def crosses(left: Owner, right: Owner) -> bool:
    """Whether traffic between the two goes from one tenant to another; what is nobody's is no tenant."""
    return left.tenant != right.tenant and NONE not in (left.tenant, right.tenant)


def by_unit(edges: Iterable[Edge], owners: Owners) -> dict[Unit, UnitTraffic]:
    """Traffic of every unit; over all units inbound + internal is the mesh's total, and so is outbound + internal."""
    edges = tuple(edges)
    crossing: dict[Unit, list[Sums]] = {}
    for edge in edges:
        left, right = owner_of(owners, edge.source), owner_of(owners, edge.destination)
        if crosses(left, right):
            crossing.setdefault(left.unit, []).append(edge.sums)
            crossing.setdefault(right.unit, []).append(edge.sums)

    def unit(end: Peer | Target) -> Unit:
        return owner_of(owners, end).unit

    return {
        key: UnitTraffic(found, add_all(crossing.get(key, ()))) for key, found in figures(edges, unit, unit).items()
    }


def by_pair(edges: Iterable[Edge], owners: Owners) -> dict[tuple[str, str], Sums]:
    """Traffic from each tenant to each tenant, `(none)` among them; the pairs add up to the mesh's total."""

    def tenant(end: Peer | Target) -> str:
        return owner_of(owners, end).tenant

    return matrix(edges, tenant, tenant)


class Talker(Struct, frozen=True):
    """Who a unit talks with most: the other end's owner and workload, and in which direction."""

    inbound: bool
    tenant: str
    cluster: str
    namespace: str
    workload: str
    sums: Sums


class LevelTraffic(Struct, frozen=True):
    """Everything about one tenant, workspace or group: its traffic, that of each of its clusters, its top talkers."""

    traffic: UnitTraffic
    clusters: dict[str, Sums]
    talkers: tuple[Talker, ...]


def of_level(edges: Iterable[Edge], owners: Owners, level: str) -> LevelTraffic:
    """The traffic of a tenant `T`, workspace `T/W` or group `T/W/G`; `clusters` holds what each of them was asked."""
    sides: dict[str, list[Sums]] = {"inbound": [], "outbound": [], "internal": [], "crossing": []}
    clusters: dict[str, list[Sums]] = {}
    talkers: dict[tuple[bool, str, str, str, str], list[Sums]] = {}
    for edge in edges:
        source, target = owner_of(owners, edge.source), owner_of(owners, edge.destination)
        inside, into = source.within(level), target.within(level)
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
