"""Folding of big graphs: what is looked at and what is ill stays open; other namespaces are one box with a count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from meshtop.analysis.graph.build import GraphOptions, ends_of
from meshtop.analysis.graph.service_graph import Level, NodeKind
from meshtop.analysis.traffic.health import SEVERITY
from meshtop.model.state import HealthStatus
from meshtop.model.traffic import Edge
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import Sight, edges_in, tenants

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

MOST_DRAWN = 400
"""Boxes up to which everything is drawn: beyond, nobody reads a drawing, and placing it takes seconds."""
_BAD = (HealthStatus.DEGRADED, HealthStatus.FAILING)


def open_namespaces(
    picture: Picture, query: Query, sight: Sight, at: str | None, most: int = MOST_DRAWN
) -> frozenset[str] | None:
    """The namespaces to draw open where a graph has more than `most` boxes; None where it need not be folded.

    First that of the node `at`, then those that are called badly, the worst first, then those next to an open one,
    the others by name: as many as fit. What a user opened is open, and does not count.
    """
    if sight.level not in (Level.SERVICES, Level.WORKLOADS) or sight.focus is not None or sight.path is not None:
        return None
    if NodeKind.NAMESPACE not in sight.grouping:
        return None
    edges = edges_in(picture, query)
    fine, coarse = _ends(picture, edges, sight), ends_of(edges, _coarse(picture, sight))
    members: dict[str, set[str]] = {}
    beside: dict[str, set[str]] = {}
    ill: dict[str, int] = {}
    for edge, nodes, ends in zip(edges, fine, coarse, strict=True):
        for node, group in zip(nodes, ends, strict=True):
            members.setdefault(group, set()).add(node)
        source, target = ends
        beside.setdefault(source, set()).add(target)
        beside.setdefault(target, set()).add(source)
        status = picture.edge_health(edge).status
        if status in _BAD:
            ill[target] = max(ill.get(target, 0), SEVERITY[status])
    if len(set().union(*members.values())) <= most:
        return None
    # What stands for itself (a host outside, say) has no namespace to be folded into.
    groups = {name for name in members if name.startswith(f"{NodeKind.NAMESPACE.value}/")}
    room = most - sum(len(members[name]) for name in members.keys() - groups) - len(groups)
    found: set[str] = set()
    here = next((name for name in sorted(groups) if at == name or at in members[name]), None)
    near = beside.get(here or "", set())
    for name in sorted(groups, key=lambda n: (n != here, -ill.get(n, 0), n not in near, n)):
        if len(members[name]) - 1 <= room:
            found.add(name)
            room -= len(members[name]) - 1
    return frozenset(found)


def folded(picture: Picture, query: Query, sight: Sight, opened: frozenset[str]) -> Sight:
    """The sight with every namespace closed that is neither in `opened` nor was opened by the user."""
    ends = ends_of(edges_in(picture, query), _coarse(picture, sight))
    names = {end for pair in ends for end in pair if end.startswith(f"{NodeKind.NAMESPACE.value}/")}
    return replace(sight, collapsed=sight.collapsed | (names - opened - sight.expanded))


def _coarse(picture: Picture, sight: Sight) -> GraphOptions:
    return GraphOptions(level=Level.NAMESPACES, grouping=sight.grouping, tenants=tenants(picture))


def _ends(picture: Picture, edges: Sequence[Edge], sight: Sight) -> list[tuple[str, str]]:
    options = GraphOptions(
        level=sight.level,
        grouping=sight.grouping,
        expanded=sight.expanded,
        collapsed=sight.collapsed,
        tenants=tenants(picture),
    )
    return ends_of(edges, options)
