"""What a selection lights: a node with its edges and the paths that lead to it and on from it, or one edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.service_graph import GraphEdge
from meshtop.analysis.traffic.health import SEVERITY

TRACE_HOPS = 4
"""Calls that a trace follows from the selected node, up and down."""
TRACE_EDGES = 48
"""Edges up to which a trace goes on: a longer one lights most of the drawing, and shows nothing."""


class Highlight(Struct, frozen=True):
    """The selection: a node (with its path) or an edge (with its ends), by id."""

    node: str | None = None
    edge: str | None = None


class Trace(NamedTuple):
    """What a highlight lights: nodes, its own edges, and those further on its path, each the worst first."""

    near: frozenset[str]
    own: dict[str, GraphEdge]
    path: dict[str, GraphEdge]
    node: str | None

    def lights(self, edge_id: str) -> bool:
        """Whether an edge is lit."""
        return edge_id in self.own or edge_id in self.path


NOTHING = Trace(frozenset(), {}, {}, None)


def edge_severity(edge: GraphEdge) -> tuple[int, str]:
    """The sort key by which edges take the colour of a line that they share."""
    return _severity(edge, edge.id)


def _severity(edge: GraphEdge, name: str) -> tuple[int, str]:
    return (-SEVERITY[edge.health.status], name)


def edges_by_severity(edges: Mapping[str, GraphEdge]) -> list[tuple[str, GraphEdge]]:
    """Edges by their ids, which are made once, in the order of `edge_severity`."""
    return sorted(edges.items(), key=lambda one: _severity(one[1], one[0]))


def trace(lookup: GraphLookup, chosen: Highlight) -> Trace:
    """The trace of a selection. It looks at what it lights, never at the whole graph."""
    edge = lookup.edge(chosen.edge)
    if edge is not None:
        ends = frozenset(filter(None, (edge.source, edge.target, chosen.node)))
        return Trace(ends, {edge.id: edge}, {}, chosen.node)
    if chosen.node is None:
        return NOTHING
    own = {e.id: e for e in sorted(lookup.edges_at(chosen.node), key=edge_severity)}
    path = {e.id: e for e in sorted(_further(lookup, chosen.node, len(own)), key=edge_severity) if e.id not in own}
    near = {end for e in (*own.values(), *path.values()) for end in (e.source, e.target)} | {chosen.node}
    return Trace(frozenset(near), own, path, chosen.node)


def _further(lookup: GraphLookup, node: str, count: int) -> list[GraphEdge]:
    """The edges of further hops, callers and callees in turn, hop by hop, as long as they stay few."""
    found: dict[str, GraphEdge] = {}
    edges = {False: lookup.calls_to(node), True: lookup.calls_of(node)}
    seen = {down: {node} for down in edges}
    for _ in range(TRACE_HOPS - 1):
        for down in (False, True):
            ends = {e.target if down else e.source for e in edges[down]} - seen[down]
            seen[down] |= ends
            if count + len(found) + len(ends) > TRACE_EDGES:
                edges[down] = []
                continue
            more = [e for end in sorted(ends) for e in (lookup.calls_of(end) if down else lookup.calls_to(end))]
            if count + len(found) + len(more) > TRACE_EDGES:
                more = []
            edges[down] = more
            found.update((e.id, e) for e in more)
    return list(found.values())
