"""The cursor of a graph, kept by identity while the graph changes."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshtop.analysis.graph.fold import folds_of, is_fold
from meshtop.analysis.graph.geometry import Layout
from meshtop.analysis.graph.select import worst_edges
from meshtop.analysis.graph.service_graph import GraphNode, ServiceGraph
from meshtop.analysis.graph.walk import reading_order
from meshtop.analysis.traffic.health import SEVERITY
from meshtop.model.state import HealthStatus

_BAD = (HealthStatus.FAILING, HealthStatus.DEGRADED)


class GraphCursor(Struct, frozen=True):
    """A node, or an edge at it; `node` is the start of the next walk."""

    node: str | None = None
    edge: str | None = None


def keep(cursor: GraphCursor, before: ServiceGraph | None, graph: ServiceGraph, layout: Layout) -> GraphCursor:
    """The cursor for another graph.

    The same node if it exists; the worst node inside it if it was opened; the group that it was closed into; else
    the worst edge, or the first node.
    """
    nodes = {n.id for n in graph.nodes}
    if cursor.node in nodes:
        edge = cursor.edge if cursor.edge in {e.id for e in graph.edges} else None
        return GraphCursor(cursor.node, edge)
    if cursor.node is not None:
        inside = nodes_inside(graph, cursor.node) or _unfolded(before, graph, cursor.node)
        if inside:
            return GraphCursor(max(inside, key=_weight).id)
        around = _groups_around(before, cursor.node) if before is not None else ()
        ends = (end for group in around for end in (group, *folds_of(group)))
        closed = next((end for end in ends if end in nodes), None)
        if closed is not None:
            return GraphCursor(closed)
    return first(graph, layout)


def first(graph: ServiceGraph, layout: Layout) -> GraphCursor:
    """The initial cursor: the worst edge if it is bad, else the first node."""
    worst = worst_edges(graph)[:1]
    if worst and worst[0].health.status in _BAD:
        return GraphCursor(worst[0].target, worst[0].id)
    return GraphCursor(next(iter(reading_order(layout)), None))


def nodes_inside(graph: ServiceGraph, group: str) -> list[GraphNode]:
    """The nodes within a group and the groups in it."""
    within = {group}
    for one in sorted(graph.groups, key=lambda g: g.id.count("/")):
        if one.parent in within:
            within.add(one.id)
    return [node for node in graph.nodes if node.group in within]


def _unfolded(before: ServiceGraph | None, graph: ServiceGraph, node: str) -> list[GraphNode]:
    """What was in a fold that is gone: the nodes of its frame that were not drawn before."""
    fold = before.node(node) if before is not None and is_fold(node) else None
    if before is None or fold is None:
        return []
    drawn = {n.id for n in before.nodes}
    return [n for n in graph.nodes if n.group == fold.group and n.id not in drawn]


def _groups_around(graph: ServiceGraph, node: str) -> Iterable[str]:
    parents = {g.id: g.parent for g in graph.groups}
    found = graph.node(node)
    at = found.group if found is not None else None
    while at is not None:
        yield at
        at = parents.get(at)


def _weight(node: GraphNode) -> tuple[int, float]:
    severity = SEVERITY[node.health.status] if node.health is not None else 0
    return severity, (node.inbound.requests or 0.0) + (node.outbound.requests or 0.0)
