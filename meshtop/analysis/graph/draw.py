"""Drawing a laid-out graph onto character cells, one window at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct

from meshtop.analysis.graph.canvas import EAST, INK_OF, NORTH, SOUTH, UNICODE, WEST, Canvas, Ink, InkRun, Signs
from meshtop.analysis.graph.geometry import Box, Layout, Route
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode, ServiceGraph
from meshtop.analysis.graph.wording import caption, edge_labels, tag, title_of
from meshtop.analysis.traffic.health import SEVERITY
from meshtop.model.state import HealthStatus
from meshtop.model.text import cell_width, cut

_BLOCK = 16


class Highlight(Struct, frozen=True):
    """The selection: a node (with its edges and neighbours) or an edge (with its ends), by id."""

    node: str | None = None
    edge: str | None = None


class Label(NamedTuple):
    """An edge's label and its position; `x` is its first cell."""

    x: int
    y: int
    text: str
    edge: str


class Hit(NamedTuple):
    """The element drawn on a cell."""

    kind: str
    """`node`, `edge` or `group`."""
    id: str


class _Stroke(NamedTuple):
    net: int
    x1: int
    y1: int
    x2: int
    y2: int
    status: HealthStatus
    ink: Ink
    edge: str


class GraphDrawing:
    """A graph with its layout, indexed for drawing: a window is painted without visiting all elements.

    Labels are chosen here, since numbers change with each refresh and places do not.
    """

    def __init__(
        self, graph: ServiceGraph, layout: Layout, signs: Signs = UNICODE, highlight: Highlight | None = None
    ) -> None:
        self.graph, self.layout, self.signs = graph, layout, signs
        self.highlight = highlight or Highlight()
        self.width, self.height = layout.width, layout.height
        self._nodes = {n.id: n for n in graph.nodes}
        groups = {g.id: g for g in graph.groups}
        self.titles = {f: title_of(f, groups, layout.frames) for f in layout.frames}
        self._near, self._lit = self._chosen()
        order = sorted(graph.edges, key=lambda e: (e.id not in self._lit, -SEVERITY[e.health.status], e.id))
        self._blocks: dict[int, list[_Stroke]] = {}
        for stroke in self._strokes(order):
            for block in range(min(stroke.y1, stroke.y2) // _BLOCK, max(stroke.y1, stroke.y2) // _BLOCK + 1):
                self._blocks.setdefault(block, []).append(stroke)
        self._box_blocks: dict[int, list[str]] = {}
        for name, box in layout.boxes.items():
            for block in range(box.y // _BLOCK, box.bottom // _BLOCK + 1):
                self._box_blocks.setdefault(block, []).append(name)
        self._edges = {e.id: e for e in graph.edges}
        self._slot_rows: dict[int, list[str]] = {}
        for name, route in layout.routes.items():
            if route.slot is not None:
                self._slot_rows.setdefault(route.slot[2], []).append(name)
        self._label_rows: dict[int, list[Label]] = {}
        self._end_blocks: dict[int, dict[str, Route]] = {}
        for name, route in layout.routes.items():
            for point in (route.points[0], route.points[-1]):
                self._end_blocks.setdefault(point.y // _BLOCK, {})[name] = route

    def _chosen(self) -> tuple[set[str], set[str]]:
        chosen = self.highlight
        lit = {
            e.id for e in self.graph.edges if e.id == chosen.edge or chosen.node in (e.source, e.target)
        }  # fmt: skip
        near = {end for e in self.graph.edges if e.id in lit for end in (e.source, e.target)}
        return near | ({chosen.node} if chosen.node else set()), lit

    def _dimmed(self, ink: Ink, lit: bool) -> Ink:
        """Dim the ink of elements away from the selection, unless the ink shows a status."""
        if not self._near or lit or ink in (Ink.FAILING, Ink.DEGRADED):
            return ink
        return Ink.DIM

    def _strokes(self, order: Iterable[GraphEdge]) -> Iterator[_Stroke]:
        """Every line once: a line shared by a bundle takes the ink of its worst edge."""
        covered: dict[tuple[int, int], tuple[int, int]] = {}
        seen: set[tuple[int, int, int, int, int]] = set()
        for edge in order:
            route = self.layout.routes.get(edge.id)
            if route is None:
                continue
            status = edge.health.status
            ink = Ink.ACCENT if edge.id in self._lit else self._dimmed(INK_OF[status], lit=False)
            for a, b in pairwise(route.points):
                low, high = (a, b) if (a.x, a.y) <= (b.x, b.y) else (b, a)
                spans = [(low.y, high.y)]
                if low.x == high.x:
                    old = covered.get((route.net, low.x))
                    if old is None:
                        covered[route.net, low.x] = (low.y, high.y)
                    elif old[0] <= high.y and low.y <= old[1]:
                        spans = [s for s in ((low.y, old[0]), (old[1], high.y)) if s[0] < s[1]]
                        covered[route.net, low.x] = (min(old[0], low.y), max(old[1], high.y))
                for y1, y2 in spans:
                    key = (route.net, low.x, y1, high.x, y2)
                    if key not in seen:
                        seen.add(key)
                        yield _Stroke(route.net, low.x, y1, high.x, y2, status, ink, edge.id)

    def labels(self, y: int) -> list[Label]:
        """The labels on one row, made when it is first looked at."""
        if y not in self._label_rows:
            found = (self._label(self._edges[name]) for name in self._slot_rows.get(y, ()))
            self._label_rows[y] = [label for label in found if label is not None]
        return self._label_rows[y]

    def _label(self, edge: GraphEdge) -> Label | None:
        """The longest form that fits with spaces around; if that is a mere sign, a longer one without spaces."""
        slot = self.layout.routes[edge.id].slot
        if slot is None:
            return None
        first, last, y = slot
        room = last - first + 1
        signs = self.signs
        forms = edge_labels(edge, signs.health, signs.locked, signs.open)
        spaced = next((t for t in forms if cell_width(t) + 2 <= room), None)
        tight = next((t for t in forms if cell_width(t) <= room), None)
        if spaced is not None and (tight is None or len(spaced) > 1 or len(tight) == 1):
            return Label(first + (cell_width(spaced) + 3 <= room), y, f" {spaced} ", edge.id)
        return None if tight is None else Label(first, y, tight, edge.id)

    def paint(self, x: int = 0, y: int = 0, width: int | None = None, height: int | None = None) -> list[list[InkRun]]:
        """The rows of a window (all of the drawing by default), each exactly `width` cells."""
        width = self.width - x if width is None else width
        height = self.height - y if height is None else height
        canvas = Canvas(x, y, max(width, 0), max(height, 0), self.signs)
        window = Box(x, y, canvas.width, canvas.height)
        for _, frame in self._frames_outside_in():
            if frame.meets(window):
                self._frame(canvas, frame)
        lines = self._lines(window)
        for (px, py), (_, mask, ink, style) in lines.items():
            canvas.put(px, py, self._glyph(mask, style), ink)
        for name, frame in self._frames_outside_in():
            if window.y <= frame.y <= window.bottom:
                self._title(canvas, frame, self.titles[name], lines)
        for name in self._boxes_in(window):
            self._box(canvas, self._nodes[name], self.layout.boxes[name])
        self._ends(canvas, window)
        for row in range(window.y, window.bottom + 1):
            for label in self.labels(row):
                edge = self._edges[label.edge]
                ink = Ink.ACCENT if edge.id in self._lit else self._dimmed(INK_OF[edge.health.status], lit=False)
                canvas.write(label.x, label.y, label.text, ink)
        return canvas.lines()

    def _frames_outside_in(self) -> list[tuple[str, Box]]:
        return sorted(self.layout.frames.items(), key=lambda f: (-f[1].width * f[1].height, f[0]))

    def _boxes_in(self, window: Box) -> list[str]:
        found: dict[str, None] = {}
        for block in range(window.y // _BLOCK, window.bottom // _BLOCK + 1):
            for name in self._box_blocks.get(block, ()):
                if self.layout.boxes[name].meets(window):
                    found[name] = None
        return list(found)

    def _lines(self, window: Box) -> dict[tuple[int, int], tuple[int, int, Ink, HealthStatus]]:
        found: dict[tuple[int, int], tuple[int, int, Ink, HealthStatus]] = {}

        def mark(x: int, y: int, mask: int, s: _Stroke) -> None:
            old = found.get((x, y))
            if old is None:
                found[x, y] = (s.net, mask, s.ink, s.status)
            elif old[0] == s.net:
                found[x, y] = (s.net, old[1] | mask, old[2], old[3])
            # Where two bundles cross, the vertical line stays whole: a crossing must not look like a junction.
            elif old[1] == EAST | WEST:
                found[x, y] = (s.net, mask, s.ink, s.status)
            elif mask != EAST | WEST:
                found[x, y] = (old[0], old[1] | mask, old[2], old[3])

        strokes: dict[_Stroke, None] = {}
        for block in range(window.y // _BLOCK, window.bottom // _BLOCK + 1):
            strokes.update(dict.fromkeys(self._blocks.get(block, ())))
        for s in strokes:
            if s.y1 == s.y2:
                if not window.y <= s.y1 <= window.bottom:
                    continue
                for x in range(max(s.x1, window.x), min(s.x2, window.right) + 1):
                    mark(x, s.y1, (WEST if x > s.x1 else 0) | (EAST if x < s.x2 else 0), s)
            elif window.x <= s.x1 <= window.right:
                for y in range(max(s.y1, window.y), min(s.y2, window.bottom) + 1):
                    mark(s.x1, y, (NORTH if y > s.y1 else 0) | (SOUTH if y < s.y2 else 0), s)
        return found

    def _glyph(self, mask: int, status: HealthStatus) -> str:
        if status == HealthStatus.IDLE and mask in (EAST | WEST, NORTH | SOUTH):
            return self.signs.dashes[mask == EAST | WEST]
        if status == HealthStatus.FAILING and mask in (EAST | WEST, NORTH | SOUTH):
            return self.signs.heavy[mask]
        return self.signs.lines[mask]

    def _frame(self, canvas: Canvas, frame: Box) -> None:
        self._border(canvas, frame, self.signs.lines, Ink.FAINT)

    def _border(self, canvas: Canvas, box: Box, lines: str, ink: Ink) -> None:
        for y, west, east in ((box.y, SOUTH | EAST, SOUTH | WEST), (box.bottom, NORTH | EAST, NORTH | WEST)):
            canvas.row(box.x + 1, box.right - 1, y, lines[EAST | WEST], ink)
            canvas.put(box.x, y, lines[west], ink)
            canvas.put(box.right, y, lines[east], ink)
        for y in range(max(box.y + 1, canvas.y), min(box.bottom, canvas.y + canvas.height)):
            canvas.put(box.x, y, lines[NORTH | SOUTH], ink)
            canvas.put(box.right, y, lines[NORTH | SOUTH], ink)

    def _title(
        self,
        canvas: Canvas,
        frame: Box,
        title: str,
        lines: dict[tuple[int, int], tuple[int, int, Ink, HealthStatus]],
    ) -> None:
        """Write the title in the widest part of the border that no line crosses, cut to fit."""
        crossed = sorted(x for x in range(frame.x + 1, frame.right) if (x, frame.y) in lines)
        runs, start = [], frame.x + 1
        for x in [*crossed, frame.right]:
            if x > start:
                runs.append((start, x - start))
            start = x + 1
        wanted = cell_width(title) + 2
        fit = next((r for r in runs if r[1] >= wanted), None)
        at, room = fit or max(runs, key=lambda r: r[1], default=(frame.x + 1, 0))
        text = cut(title, room - 2)
        if text:
            canvas.write(at, frame.y, f" {text} ", Ink.DIM)

    def _box(self, canvas: Canvas, node: GraphNode, box: Box) -> None:
        signs = self.signs
        chosen = node.id == self.highlight.node
        status = node.health.status if node.health is not None else HealthStatus.HEALTHY
        ink = Ink.ACCENT if chosen else self._dimmed(INK_OF[status], node.id in self._near)
        text_ink = Ink.ACCENT if chosen else self._dimmed(Ink.STRONG, node.id in self._near)
        if status in (HealthStatus.FAILING, HealthStatus.DEGRADED) and not chosen:
            text_ink = ink
        sign = signs.health.get(status, "")
        middle = box.y + (box.height - 1) // 2
        if self.layout.compact:
            for y in range(box.y, box.bottom + 1):
                canvas.row(box.x + 1, box.right - 1, y, " ", ink)
                canvas.put(box.x, y, "{" if chosen else "[", ink)
                canvas.put(box.right, y, "}" if chosen else "]", ink)
            canvas.write(box.x + 1, middle, caption(node), text_ink)
            canvas.write(box.right - 1, middle, sign, ink)
            return
        for y in range(box.y + 1, box.bottom):
            canvas.row(box.x + 1, box.right - 1, y, " ", ink)
        self._border(canvas, box, signs.heavy if chosen else signs.lines, ink)
        canvas.write(box.x + 2, middle, caption(node), text_ink)
        if sign:
            canvas.write(box.right - 3, box.y, f" {sign} ", ink)
        kind = tag(node)
        if kind:
            canvas.write(box.x + 1, box.bottom, f" {kind} ", self._dimmed(Ink.DIM, lit=False))

    def _ends(self, canvas: Canvas, window: Box) -> None:
        """Ports on the sources' borders and arrows before the targets'."""
        found: dict[str, Route] = {}
        for block in range(window.y // _BLOCK, window.bottom // _BLOCK + 1):
            found.update(self._end_blocks.get(block, {}))
        for edge_id, route in sorted(found.items()):
            (x, y), (ex, ey) = route.points[0], route.points[-1]
            if window.y <= y <= window.bottom and not self.layout.compact:
                self._port(canvas, route, x, y, self._edges[edge_id])
            if window.y <= ey <= window.bottom:
                edge = self._edges[edge_id]
                rightward = route.points[-2].x < ex
                ink = Ink.ACCENT if edge_id in self._lit else self._dimmed(INK_OF[edge.health.status], lit=False)
                canvas.put(ex - 1 if rightward else ex + 1, ey, self.signs.right if rightward else self.signs.left, ink)

    def _port(self, canvas: Canvas, route: Route, x: int, y: int, edge: GraphEdge) -> None:
        node = self._nodes[edge.source]
        status = node.health.status if node.health is not None else HealthStatus.HEALTHY
        chosen = edge.source == self.highlight.node
        ink = Ink.ACCENT if chosen else self._dimmed(INK_OF[status], edge.source in self._near)
        mask = NORTH | SOUTH | (EAST if route.points[1].x > x else WEST)
        canvas.put(x, y, (self.signs.heavy if chosen else self.signs.lines)[mask], ink)

    def status(self, edge_id: str) -> HealthStatus:
        """The verdict on an edge of the drawing."""
        return self._edges[edge_id].health.status

    def hit(self, x: int, y: int) -> Hit | None:
        """The element on a cell: a node, an edge's label or line, a frame's border, or None."""
        for name in self._box_blocks.get(y // _BLOCK, ()):
            if self.layout.boxes[name].holds(x, y):
                return Hit("node", name)
        for label in self.labels(y):
            if label.x <= x < label.x + cell_width(label.text):
                return Hit("edge", label.edge)
        for s in self._blocks.get(y // _BLOCK, ()):
            if s.x1 <= x <= s.x2 and s.y1 <= y <= s.y2:
                return Hit("edge", s.edge)
        for name, frame in reversed(self._frames_outside_in()):
            inner = Box(frame.x + 1, frame.y + 1, frame.width - 2, frame.height - 2)
            if frame.holds(x, y) and not inner.holds(x, y):
                return Hit("group", name)
        return None
