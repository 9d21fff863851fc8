"""Indices of a graph, made once for each: nodes and edges by id, and the edges of a node."""

from __future__ import annotations

from functools import cached_property

from meshtop.analysis.graph.select import badness
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode, ServiceGraph


class GraphLookup:
    """Finds nodes and edges without visiting all of them; a step of a cursor asks this, never the graph's tuples."""

    def __init__(self, graph: ServiceGraph) -> None:
        self.nodes: dict[str, GraphNode] = {n.id: n for n in graph.nodes}
        self.edges: dict[str, GraphEdge] = {e.id: e for e in graph.edges}
        self._at: dict[str, list[GraphEdge]] = {}
        self._from: dict[str, list[GraphEdge]] = {}
        self._to: dict[str, list[GraphEdge]] = {}
        for edge in graph.edges:
            self._at.setdefault(edge.source, []).append(edge)
            self._from.setdefault(edge.source, []).append(edge)
            self._to.setdefault(edge.target, []).append(edge)
            if edge.target != edge.source:
                self._at.setdefault(edge.target, []).append(edge)

    def node(self, node_id: str | None) -> GraphNode | None:
        """The node of that id, None when there is none."""
        return self.nodes.get(node_id or "")

    def edge(self, edge_id: str | None) -> GraphEdge | None:
        """The edge of that id, None when there is none."""
        return self.edges.get(edge_id or "")

    @cached_property
    def worst(self) -> tuple[GraphEdge, ...]:
        """All edges from the worst on."""
        return tuple(sorted(self.edges.values(), key=badness))

    def edges_at(self, node_id: str | None) -> list[GraphEdge]:
        """The edges that leave or enter a node, in the graph's order."""
        return self._at.get(node_id or "", [])

    def calls_of(self, node_id: str) -> list[GraphEdge]:
        """The edges that leave a node."""
        return self._from.get(node_id, [])

    def calls_to(self, node_id: str) -> list[GraphEdge]:
        """The edges that enter a node."""
        return self._to.get(node_id, [])

    def worst_at(self, node_id: str | None) -> list[GraphEdge]:
        """The edges of a node from the worst on."""
        return sorted(self.edges_at(node_id), key=badness)
