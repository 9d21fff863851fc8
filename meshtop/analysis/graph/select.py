"""Parts of a graph: around a node, between two nodes, by edges, and the worst edges."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from meshtop.analysis.graph.service_graph import GraphEdge, ServiceGraph
from meshtop.analysis.traffic.health import SEVERITY


def neighbours(edges: Iterable[GraphEdge], forward: bool) -> dict[str, list[str]]:
    """Adjacency: callees of each node, or callers when not `forward`, in the edges' order."""
    result: dict[str, list[str]] = {}
    for edge in edges:
        a, b = (edge.source, edge.target) if forward else (edge.target, edge.source)
        result.setdefault(a, []).append(b)
    return result


def distances(adjacent: dict[str, list[str]], start: str, most: int | None = None) -> dict[str, int]:
    """Hops from `start` to every node within `most` hops."""
    found = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        if most is not None and found[node] >= most:
            continue
        for other in adjacent.get(node, ()):
            if other not in found:
                found[other] = found[node] + 1
                queue.append(other)
    return found


def restrict(graph: ServiceGraph, nodes: set[str], edges: Sequence[GraphEdge] | None = None) -> ServiceGraph:
    """The subgraph of these nodes with the edges between them (or `edges`), and the groups that contain one of them."""
    chosen = graph.edges if edges is None else edges
    parents = {g.id: g.parent for g in graph.groups}
    kept = tuple(n for n in graph.nodes if n.id in nodes)
    alive: set[str] = set()
    for node in kept:
        group = node.group
        while group is not None and group not in alive:
            alive.add(group)
            group = parents.get(group)
    return ServiceGraph(
        nodes=kept,
        edges=tuple(e for e in chosen if e.source in nodes and e.target in nodes),
        groups=tuple(g for g in graph.groups if g.id in alive),
    )


def edge_subgraph(graph: ServiceGraph, edges: Sequence[GraphEdge]) -> ServiceGraph:
    """Only these edges, and the nodes that they touch."""
    return restrict(graph, {end for e in edges for end in (e.source, e.target)}, edges)


def focus(graph: ServiceGraph, node: str, up: int = 1, down: int = 1) -> ServiceGraph:
    """A node with its callers up to `up` hops and callees up to `down` hops; empty for an unknown id."""
    if graph.node(node) is None:
        return ServiceGraph()
    above = distances(neighbours(graph.edges, forward=False), node, up)
    below = distances(neighbours(graph.edges, forward=True), node, down)
    return restrict(graph, above.keys() | below.keys())


def paths_between(graph: ServiceGraph, start: str, end: str, *, best: bool = False) -> ServiceGraph:
    """All shortest paths from `start` to `end`, or the one whose weakest edge carries the most requests.

    Empty where there is no path.
    """
    down = distances(neighbours(graph.edges, forward=True), start)
    up = distances(neighbours(graph.edges, forward=False), end)
    if end not in down:
        return ServiceGraph()
    length = down[end]
    on_way = [
        e
        for e in graph.edges
        if e.source in down and e.target in up and down[e.source] + 1 + up[e.target] == length and e.source != e.target
    ]
    if best:
        on_way = _widest(on_way, down, start, end)
    return edge_subgraph(graph, on_way) if on_way else restrict(graph, {start}, [])


def _widest(edges: list[GraphEdge], down: dict[str, int], start: str, end: str) -> list[GraphEdge]:
    best: dict[str, tuple[float, list[GraphEdge]]] = {start: (float("inf"), [])}
    for edge in sorted(edges, key=lambda e: (down[e.source], e.id)):
        width, way = best[edge.source]
        width = min(width, edge.sums.requests or 0.0)
        if edge.target not in best or width > best[edge.target][0]:
            best[edge.target] = (width, [*way, edge])
    return best[end][1]


def worst_edges(graph: ServiceGraph) -> list[GraphEdge]:
    """Edges from the worst on: by verdict, then by failed requests per second, then by requests, then by id."""
    return sorted(
        graph.edges,
        key=lambda e: (-SEVERITY[e.health.status], -(e.sums.errors or 0.0), -(e.sums.requests or 0.0), e.id),
    )
