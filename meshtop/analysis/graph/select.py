"""Parts of a graph: around a node, between two nodes, by edges, and the worst edges."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from meshtop.analysis.graph.service_graph import GraphEdge, NodeKind, ServiceGraph
from meshtop.analysis.traffic.health import SEVERITY


def neighbours(edges: Iterable[GraphEdge], forward: bool) -> dict[str, list[str]]:
    """Adjacency: callees of each node, or callers when not `forward`, in the edges' order."""
    result: dict[str, list[str]] = {}
    for edge in edges:
        a, b = (edge.source, edge.target) if forward else (edge.target, edge.source)
        result.setdefault(a, []).append(b)
    return result


def distances(adjacent: dict[str, list[str]], starts: Iterable[str], most: int | None = None) -> dict[str, int]:
    """Hops from the nearest of `starts` to every node within `most` hops."""
    found = dict.fromkeys(starts, 0)
    queue = deque(found)
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


def nodes_of(graph: ServiceGraph, name: str) -> list[str]:
    """The nodes that an id stands for: the node itself, or at a finer level all nodes in the frame of that id.

    What is outside the mesh has no frame: at a coarse level it is one node, at a finer one every host.
    """
    inside = {name}
    grown = True
    while grown:
        more = {g.id for g in graph.groups if g.parent in inside} - inside
        inside |= more
        grown = bool(more)
    outside = name == NodeKind.EXTERNAL.value
    return [n.id for n in graph.nodes if n.id == name or n.group in inside or (outside and n.kind is NodeKind.EXTERNAL)]


def focus(graph: ServiceGraph, node: str, up: int = 1, down: int = 1) -> ServiceGraph:
    """A node (or all in a frame) with its callers up to `up` hops and callees up to `down` hops; empty if unknown."""
    starts = nodes_of(graph, node)
    above = distances(neighbours(graph.edges, forward=False), starts, up)
    below = distances(neighbours(graph.edges, forward=True), starts, down)
    return restrict(graph, above.keys() | below.keys())


def paths_between(graph: ServiceGraph, start: str, end: str, *, best: bool = False) -> ServiceGraph:
    """All shortest paths from `start` to `end`, or the one whose weakest edge carries the most requests.

    Either may be a frame: then a path may begin or end at any node in it. Empty where there is no path.
    """
    starts, ends = nodes_of(graph, start), nodes_of(graph, end)
    down = distances(neighbours(graph.edges, forward=True), starts)
    up = distances(neighbours(graph.edges, forward=False), ends)
    length = min((down[node] for node in ends if node in down), default=None)
    if length is None:
        return ServiceGraph()
    on_way = [
        e
        for e in graph.edges
        if e.source in down and e.target in up and down[e.source] + 1 + up[e.target] == length and e.source != e.target
    ]
    if best:
        on_way = _widest(on_way, down, starts, ends)
    return edge_subgraph(graph, on_way) if on_way else restrict(graph, set(starts), [])


def _widest(
    edges: list[GraphEdge], down: dict[str, int], starts: Iterable[str], ends: Iterable[str]
) -> list[GraphEdge]:
    best: dict[str, tuple[float, list[GraphEdge]]] = {start: (float("inf"), []) for start in starts}
    for edge in sorted(edges, key=lambda e: (down[e.source], e.id)):
        width, way = best[edge.source]
        width = min(width, edge.sums.requests or 0.0)
        if edge.target not in best or width > best[edge.target][0]:
            best[edge.target] = (width, [*way, edge])
    found = [best[end] for end in ends if end in best]
    return max(found, key=lambda pair: pair[0])[1] if found else []


def badness(edge: GraphEdge) -> tuple[int, float, float, str]:
    """The sort key of edges from the worst on: verdict, failed requests per second, requests, id."""
    return (-SEVERITY[edge.health.status], -(edge.sums.errors or 0.0), -(edge.sums.requests or 0.0), edge.id)


def worst_edges(graph: ServiceGraph) -> list[GraphEdge]:
    """Edges from the worst on: by verdict, then by failed requests per second, then by requests, then by id."""
    return sorted(graph.edges, key=badness)
