"""Sums of edges for each workload, service, namespace, cluster or other group, and for the whole mesh.

Over all groups, inbound + internal and outbound + internal each add up to the mesh's total.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from math import fsum
from operator import attrgetter
from typing import Any, TypeVar

from msgspec import Struct

from meshtop.model.traffic import Buckets, Edge, Peer, Sums, Target

Group = TypeVar("Group", bound=Hashable)
InTurns = Callable[[Iterable[Any]], Iterable[Any]]
"""Goes through things one by one and lets others work in between; `iter` where nobody waits."""
NOTHING = Sums()
"""No traffic at all."""


class Figures(Struct, frozen=True):
    """A group's traffic: from other groups, to other groups, and within itself."""

    inbound: Sums = NOTHING
    outbound: Sums = NOTHING
    internal: Sums = NOTHING

    @property
    def received(self) -> Sums:
        """All requests to the group, from others and from itself."""
        if self.internal is NOTHING:
            return self.inbound
        return self.inbound + self.internal


_FIELDS = tuple(name for name in Sums.__struct_fields__ if name != "buckets")
_values = attrgetter(*_FIELDS)


def add_all(parts: Sequence[Sums]) -> Sums:
    """The sum of many Sums, field by field with `fsum`, so that order does not matter; empty input is no traffic."""
    if not parts:
        return NOTHING
    if len(parts) == 1:
        return parts[0]
    columns = zip(*map(_values, parts), strict=True)
    numbers = {
        name: fsum(there)
        for name, column in zip(_FIELDS, columns, strict=False)
        if (there := [value for value in column if value is not None])
    }
    return Sums(buckets=_add_buckets([part.buckets for part in parts if part.buckets.bounds]), **numbers)


def _add_buckets(parts: Sequence[Buckets]) -> Buckets:
    """The sum of histograms; where bounds differ, only the bounds common to all are kept."""
    alike: dict[tuple[float, ...], list[tuple[float, ...]]] = {}
    for part in parts:
        alike.setdefault(part.bounds, []).append(part.rates)
    result = Buckets()
    for bounds in sorted(alike):
        result = result + Buckets(bounds, tuple(map(fsum, zip(*alike[bounds], strict=True))))
    return result


def group_figures(
    edges: Iterable[Edge],
    source: Callable[[Peer], Group],
    target: Callable[[Target], Group],
    in_turns: InTurns = iter,
) -> dict[Group, Figures]:
    """Traffic by group; `source` and `target` give the groups of an edge's ends."""
    inbound: dict[Group, list[Sums]] = {}
    outbound: dict[Group, list[Sums]] = {}
    internal: dict[Group, list[Sums]] = {}
    for edge in in_turns(edges):
        left, right = source(edge.source), target(edge.destination)
        if left == right:
            internal.setdefault(left, []).append(edge.sums)
        else:
            outbound.setdefault(left, []).append(edge.sums)
            inbound.setdefault(right, []).append(edge.sums)
    return {
        group: Figures(
            add_all(inbound.get(group, ())), add_all(outbound.get(group, ())), add_all(internal.get(group, ()))
        )
        for group in in_turns(dict.fromkeys([*inbound, *outbound, *internal]))
    }


def matrix(
    edges: Iterable[Edge], source: Callable[[Peer], Group], target: Callable[[Target], Group]
) -> dict[tuple[Group, Group], Sums]:
    """Traffic by (source group, target group)."""
    parts: dict[tuple[Group, Group], list[Sums]] = {}
    for edge in edges:
        parts.setdefault((source(edge.source), target(edge.destination)), []).append(edge.sums)
    return {pair: add_all(sums) for pair, sums in parts.items()}


def workload_of(end: Peer | Target) -> tuple[str, str, str]:
    """The group of a workload: cluster, namespace, name."""
    return (end.cluster, end.namespace, end.workload)


def namespace_of(end: Peer | Target) -> tuple[str, str]:
    """The group of a namespace: cluster, name."""
    return (end.cluster, end.namespace)


def cluster_of(end: Peer | Target) -> str:
    """The group of a cluster."""
    return end.cluster


def by_workload(edges: Iterable[Edge], in_turns: InTurns = iter) -> dict[tuple[str, str, str], Figures]:
    """Traffic of each workload."""
    return group_figures(edges, workload_of, workload_of, in_turns)


def requests_to(workload: tuple[str, str, str], edges: Sequence[Edge]) -> float:
    """Requests per second to a workload by the edges that end at it, as `by_workload` counts them as received."""
    if not edges:
        return 0.0
    if len(edges) == 1:
        return edges[0].sums.requests or 0.0
    own: list[float] = []
    others: list[float] = []
    for edge in edges:
        (own if workload_of(edge.source) == workload else others).append(edge.sums.requests or 0.0)
    return fsum(others) + fsum(own)


def by_namespace(edges: Iterable[Edge], in_turns: InTurns = iter) -> dict[tuple[str, str], Figures]:
    """Traffic of each namespace of each cluster."""
    return group_figures(edges, namespace_of, namespace_of, in_turns)


def by_cluster(edges: Iterable[Edge], in_turns: InTurns = iter) -> dict[str, Figures]:
    """Traffic of each cluster: from and to others, and within."""
    return group_figures(edges, cluster_of, cluster_of, in_turns)
