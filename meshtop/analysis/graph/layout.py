"""Layout of a service graph: layers from left to right, groups as frames, edges on tracks; stable across refreshes.

`layout` does it at once; `layout_steps` yields between small steps, so that a worker can be cancelled.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from typing import TypeVar

from meshtop.analysis.graph.geometry import Box, Layout, LayoutOptions, Shape
from meshtop.analysis.graph.nets import Net, bundle, lane_columns
from meshtop.analysis.graph.order import sweep
from meshtop.analysis.graph.place import PlaceItem, Placer
from meshtop.analysis.graph.ports import Ports
from meshtop.analysis.graph.ranks import assign_columns
from meshtop.analysis.graph.refresh import KeptPlaces, keep_places
from meshtop.analysis.graph.route import PlacedBox, PlacedFrame, Router
from meshtop.analysis.graph.service_graph import GraphGroup, GraphNode, ServiceGraph
from meshtop.analysis.graph.wording import cluster_chips, node_width, title_of
from meshtop.model.text import cell_width

_LEAST_ROOM, _USUAL_ROOM, _MOST_ROOM = 3, 9, 20
"""Cells reserved for an edge's label in every gap: minimum, default without a given width, maximum."""

T = TypeVar("T")


def run(steps: Generator[None, None, T]) -> T:
    """Run a generator of steps to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def layout(graph: ServiceGraph, options: LayoutOptions | None = None, previous: Layout | None = None) -> Layout:
    """Lay `graph` out; with `previous`, nodes that are still there keep their places.

    The same shape gives the same places. New nodes find room beside their neighbours; rows are pushed down, and
    columns to the right, only where there is none. Where most of the graph is new, it is laid out afresh.
    """
    return run(layout_steps(graph, options, previous))


def layout_steps(
    graph: ServiceGraph, options: LayoutOptions | None = None, previous: Layout | None = None
) -> Generator[None, None, Layout]:
    """Lay a graph out like `layout`, as a generator that yields between small steps."""
    options = options or LayoutOptions()
    scene = _Scene(graph, options)
    if previous is not None:
        if previous.shape == scene.shape:
            return previous
        kept = keep_places(previous, scene.shape, scene.edges, scene.widths, scene.paths)
        if kept is not None:
            yield
            return (yield from scene.again(kept, previous))
    yield
    return (yield from scene.afresh(options))


def merge_lonely_frames(groups: tuple[GraphGroup, ...], nodes: tuple[GraphNode, ...]) -> dict[str, tuple[str, ...]]:
    """For each group, the frames drawn around it from the outside in.

    A frame that contains only one other frame is merged with it.
    """
    parents = {g.id: g.parent for g in groups}
    inside: dict[str, int] = {}
    for g in groups:
        if g.parent is not None:
            inside[g.parent] = inside.get(g.parent, 0) + 1
    direct = {n.group for n in nodes}
    single = {g.id for g in groups if inside.get(g.id) == 1 and g.id not in direct}
    paths: dict[str, tuple[str, ...]] = {}
    for g in groups:
        chain: list[str] = []
        at: str | None = g.id
        while at is not None:
            if at not in single:
                chain.append(at)
            at = parents.get(at)
        paths[g.id] = tuple(reversed(chain))
    return paths


class _Scene:
    """A graph with nodes and groups as indices, and the algorithms to lay it out."""

    def __init__(self, graph: ServiceGraph, options: LayoutOptions) -> None:
        self.names = [n.id for n in graph.nodes]
        number = {name: i for i, name in enumerate(self.names)}
        self.edge_ids = [e.id for e in graph.edges]
        self.edges = [(number[e.source], number[e.target]) for e in graph.edges]
        chips = cluster_chips(graph)
        self.widths = [node_width(n, chips, numbers=options.numbers) for n in graph.nodes]
        chains = merge_lonely_frames(graph.groups, graph.nodes)
        self.frame_ids = sorted({f for chain in chains.values() for f in chain})
        groups, drawn = {g.id: g for g in graph.groups}, set(self.frame_ids)
        self.titles = [cell_width(title_of(f, groups, drawn)) for f in self.frame_ids]
        frame_number = {f: i for i, f in enumerate(self.frame_ids)}
        self.frame_parents = [-1] * len(self.frame_ids)
        for chain in chains.values():
            for outer, inner in pairwise(chain):
                self.frame_parents[frame_number[inner]] = frame_number[outer]
        self.paths = [chains[n.group] if n.group is not None else () for n in graph.nodes]
        self.frames = [tuple(frame_number[f] for f in path) for path in self.paths]
        self.nest = [1] * len(self.frame_ids)
        for path in sorted(set(self.frames), key=len, reverse=True):
            for depth, frame in enumerate(path):
                self.nest[frame] = max(self.nest[frame], len(path) - depth)
        self.shape = Shape(
            tuple((n.id, n.group, w) for n, w in zip(graph.nodes, self.widths, strict=True)),
            tuple((e.source, e.target) for e in graph.edges),
            tuple((g.id, g.parent) for g in graph.groups),
        )

    def afresh(self, options: LayoutOptions) -> Generator[None, None, Layout]:
        """A layout computed without an earlier one."""
        count = len(self.names)
        lines = [(u, v) for u, v in self.edges if u != v]
        group = [f[-1] if f else -1 for f in self.frames]
        room = None
        if options.width is not None and count:
            room = max(1, (options.width + 8) // (sum(self.widths) // count + 8))
        column = assign_columns(count, lines, group, room, [1] * count)
        yield
        nets = bundle(self.edges, column, self.names)
        ports = Ports(nets)
        heights = [ports.needed(n) for n in range(count)]
        rows, lanes = yield from self._rows(column, nets, heights)
        yield
        boxes = [PlacedBox(column[n], rows[n], heights[n], self.widths[n]) for n in range(count)]
        router = Router(boxes, self._framed(boxes), nets, ports, lanes, ())
        yield from router.steps(lambda r: _room(r, options.width))
        return self._finish(router, boxes)

    def again(self, kept: KeptPlaces, previous: Layout) -> Generator[None, None, Layout]:
        """A layout in which all kept boxes stay in their column and row."""
        nets = bundle(self.edges, kept.column, self.names)
        ports = Ports(nets)
        kept.settle([ports.needed(n) for n in range(len(self.names))])
        heights = kept.height
        yield
        boxes = [PlacedBox(kept.column[n], kept.row[n], heights[n], self.widths[n]) for n in range(len(self.names))]
        router = Router(boxes, self._framed(boxes), nets, ports, kept.lanes(previous.lanes), previous.columns)
        yield from router.steps(lambda _: _LEAST_ROOM)
        return self._finish(router, boxes)

    def _rows(
        self, column: list[int], nets: list[Net], heights: list[int]
    ) -> Generator[None, None, tuple[dict[int, int], dict[str, dict[int, int]]]]:
        count = len(self.names)
        items = {n: PlaceItem(column[n], heights[n], self.frames[n]) for n in range(count)}
        spans: dict[int, tuple[int, int]] = {}
        for n, frames in enumerate(self.frames):
            for f in frames:
                low, high = spans.get(f, (column[n], column[n]))
                spans[f] = (min(low, column[n]), max(high, column[n]))
        mixed = {p for p in self.frame_parents if p >= 0}
        left: list[list[int]] = [[] for _ in range(count)]
        right: list[list[int]] = [[] for _ in range(count)]
        around = list(self.frames)
        columns: list[list[int]] = [[] for _ in range(max(column, default=-1) + 1)]
        for n in range(count):
            columns[column[n]].append(n)
        passing: list[tuple[int, str, int]] = []

        # A bundle that passes columns gets a dummy item in each, so that the sweeps can order it among the boxes.
        for net in nets:
            if net.side == 0:
                continue
            home = self.frames[net.hub]
            # What a line on from the hub leaves, and what it comes to, by column.
            ahead, behind = (right, left) if net.side == 1 else (left, right)
            chain = {column[net.hub]: net.hub}
            for c in lane_columns(net, column):
                item = len(left)
                left.append([])
                right.append([])
                inside = bool(home) and spans[home[-1]][0] <= c <= spans[home[-1]][1] and home[-1] not in mixed
                # Only a dummy inside its own frame gets a row with the boxes; others are led around frames later.
                if inside or not self.frame_ids:
                    items[item] = PlaceItem(c, 1, home)
                    passing.append((item, net.key, c))
                    around.append(home)
                else:
                    around.append(())
                columns[c].append(item)
                ahead[chain[c - net.side]].append(item)
                behind[item].append(chain[c - net.side])
                chain[c] = item
            for _, member in net.members:
                before = chain[column[member] - net.side]
                ahead[before].append(member)
                behind[member].append(before)
        yield
        yield from sweep(columns, left, right, around, len(self.frame_ids))
        rows = yield from Placer(items, columns, left, right, self.frame_parents).steps()
        lanes: dict[str, dict[int, int]] = {}
        for item, key, c in passing:
            lanes.setdefault(key, {})[c] = rows[item]
        return rows, lanes

    def _framed(self, boxes: list[PlacedBox]) -> list[PlacedFrame]:
        found: dict[int, tuple[int, int, int, int]] = {}
        for box, path in zip(boxes, self.frames, strict=True):
            for depth, f in enumerate(path):
                pad = len(path) - depth
                a, b, y, bottom = found.get(f, (box.column, box.column, box.y, box.y))
                found[f] = (
                    min(a, box.column),
                    max(b, box.column),
                    min(y, box.y - pad),
                    max(bottom, box.y + box.height - 1 + pad),
                )
        return [PlacedFrame(*found[f], self.nest[f], self.titles[f]) for f in range(len(self.frame_ids))]

    def _finish(self, router: Router, boxes: list[PlacedBox]) -> Layout:
        columns = router.columns
        drawn = {}
        for name, box in zip(self.names, boxes, strict=True):
            at = columns[box.column]
            drawn[name] = Box(at.x, box.y, at.width, box.height, box.column)
        frames = {}
        for name, f in zip(self.frame_ids, router.frames, strict=True):
            x = columns[f.first].x - 2 * f.nest
            right = columns[f.last].x + columns[f.last].width - 1 + 2 * f.nest
            frames[name] = Box(x, f.y, right - x + 1, f.bottom - f.y + 1, f.first)
        routes = {self.edge_ids[i]: router.routes[i] for i in sorted(router.routes)}
        bottoms = [b.bottom for b in (*drawn.values(), *frames.values())]
        bottoms += [p.y for r in routes.values() for p in r.points]
        width = columns[-1].x + columns[-1].width + columns[-1].gap if columns else 0
        return Layout(
            boxes=drawn,
            frames=frames,
            routes=routes,
            columns=tuple(columns),
            lanes={net.key: dict(lane) for net, lane in zip(router.nets, router.lane, strict=True) if lane},
            width=width,
            height=max(bottoms, default=-1) + 1,
            shape=self.shape,
        )


def _room(router: Router, width: int | None) -> int:
    if width is None:
        return _USUAL_ROOM
    return router.room_for(width, _LEAST_ROOM, _MOST_ROOM)
