"""Drawing a laid-out graph onto character cells, one window at a time, with the selection laid over it."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from msgspec import Struct

from meshtop.analysis.graph.canvas import (
    EAST,
    INK_OF,
    NORTH,
    SOUTH,
    UNICODE,
    WEST,
    Canvas,
    Ink,
    InkRun,
    InkSpan,
    OverlaidCanvas,
    Signs,
    stacked,
)
from meshtop.analysis.graph.geometry import Box, Layout
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode, ServiceGraph
from meshtop.analysis.graph.strokes import STRAIGHT_ACROSS, STRAIGHT_DOWN, LineCells, LineIndex, segments
from meshtop.analysis.graph.wording import caption, edge_labels, tag, title_of
from meshtop.analysis.traffic.health import SEVERITY
from meshtop.model.state import HealthStatus
from meshtop.model.text import cell_width, cut


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


class _Ends(NamedTuple):
    """Where a node's edges touch its box: ports on its border, and arrows beside it with the edge that each shows."""

    ports: dict[tuple[int, int], int]
    arrows: dict[tuple[int, int], tuple[str, str]]


class _Selection(NamedTuple):
    """What a highlight lights: nodes, and edges by id in the order in which they take a shared line's colour."""

    near: frozenset[str]
    lit: dict[str, GraphEdge]
    node: str | None


class Ground(NamedTuple):
    """A painted window without its selection. `faded`: everything that shows no bad status is dimmed."""

    window: Box
    faded: bool
    canvas: Canvas
    lines: LineCells


class GraphDrawing:
    """A graph with its layout, indexed for drawing: a window is painted without visiting all elements.

    Labels are chosen here, since numbers change with each refresh and places do not. What depends on the selection is
    painted over the rest (`ground`, then `select`), so that another selection costs the cells that differ.
    """

    def __init__(
        self, graph: ServiceGraph, layout: Layout, signs: Signs = UNICODE, highlight: Highlight | None = None
    ) -> None:
        self.graph, self.layout, self.signs = graph, layout, signs
        self.highlight = highlight or Highlight()
        self.width, self.height = layout.width, layout.height
        self.lookup = GraphLookup(graph)
        groups = {g.id: g for g in graph.groups}
        self.titles = {f: title_of(f, groups, layout.frames) for f in layout.frames}
        self._frames = sorted(layout.frames.items(), key=lambda f: (-f[1].width * f[1].height, f[0]))
        self._title_places: dict[str, tuple[int, str]] = {}
        self._glyphs = {status: _glyphs(signs, status) for status in HealthStatus}
        self._lines = LineIndex(sorted(graph.edges, key=_worst_first), layout.routes)
        self._columns: dict[int, list[tuple[int, str]]] = {}
        for name, box in layout.boxes.items():
            self._columns.setdefault(box.column, []).append((box.bottom, name))
        for column in self._columns.values():
            column.sort()
        self._slot_rows: dict[int, list[str]] = {}
        for name, route in layout.routes.items():
            if route.slot is not None:
                self._slot_rows.setdefault(route.slot[2], []).append(name)
        self._labels: dict[str, Label | None] = {}
        self._ends_of: dict[str, _Ends] = {}

    def _selection(self, chosen: Highlight) -> _Selection:
        edges = self.lookup.edges_at(chosen.node) if chosen.node is not None else []
        edge = self.lookup.edge(chosen.edge) if chosen.edge is not None else None
        if edge is not None and edge not in edges:
            edges = [*edges, edge]
        near = {end for e in edges for end in (e.source, e.target)} | ({chosen.node} if chosen.node else set())
        return _Selection(frozenset(near), {e.id: e for e in sorted(edges, key=_worst_first)}, chosen.node)

    def labels(self, y: int) -> list[Label]:
        """The labels on one row."""
        found = (self._label_of(name) for name in self._slot_rows.get(y, ()))
        return [label for label in found if label is not None]

    def _label_of(self, name: str) -> Label | None:
        """An edge's label, made when it is first looked at."""
        if name not in self._labels:
            edge = self.lookup.edge(name)
            self._labels[name] = None if edge is None else self._label(edge)
        return self._labels[name]

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
        ground = self.ground(Box(x, y, max(width, 0), max(height, 0)), faded=self.fades(self.highlight))
        return self.select(ground, self.highlight).lines()

    def fades(self, highlight: Highlight) -> bool:
        """Whether anything is selected, so that the rest steps back."""
        return bool(highlight.node) or self.lookup.edge(highlight.edge or "") is not None

    def ground(self, window: Box, *, faded: bool) -> Ground:
        """Paint a window without a selection."""
        canvas = Canvas(window.x, window.y, window.width, window.height, self.signs)
        lines = self._lines.cells(window)
        for _, frame in self._frames:
            if frame.meets(window):
                self._border(canvas, frame, self.signs.lines, Ink.FAINT)
        self._draw_lines(canvas, lines, faded)
        for name, frame in self._frames:
            if window.y <= frame.y <= window.bottom:
                start, text = self._title(name, frame)
                if text:
                    canvas.write(start, frame.y, text, Ink.DIM)
        nothing = _Selection(frozenset(), {}, None)
        near = self._boxes_in(Box(window.x - 2, window.y, window.width + 4, window.height))
        for name in near:
            self._box(canvas, self.lookup.nodes[name], self.layout.boxes[name], nothing, faded)
        for name in near:
            self._ports(canvas, name, nothing, faded)
            for at, (edge, sign) in self._ends(name).arrows.items():
                canvas.put(*at, sign, self._edge_ink(self.lookup.edges[edge], nothing, faded))
        for y in range(window.y, window.bottom + 1):
            for name in self._slot_rows.get(y, ()):
                self._write_label(canvas, name, nothing, faded)
        return Ground(window, faded, canvas, lines)

    def _draw_lines(self, canvas: Canvas, lines: LineCells, faded: bool) -> None:
        """Draw all line cells: the inner loop of a window, so that it looks up everything beforehand."""
        looks = [(self._glyphs[status], _dimmed(INK_OF[status], faded).code) for status in HealthStatus]
        for row, (owners, masks) in enumerate(zip(lines.owners, lines.masks, strict=True)):
            if not any(masks):
                continue
            texts, inks = canvas.cells_of(row)
            for at, stroke in enumerate(owners):
                if stroke is not None:
                    glyphs, code = looks[stroke.look]
                    texts[at] = glyphs[masks[at]]
                    inks[at] = code

    def select(self, ground: Ground, highlight: Highlight) -> OverlaidCanvas:
        """Paint a selection over a window: its edges' lines, ends and labels, its nodes' boxes, and nothing else."""
        canvas, window = OverlaidCanvas(ground.canvas), ground.window
        chosen = self._selection(highlight)
        lit = self._light(canvas, ground.lines, chosen)
        reach = Box(window.x - 2, window.y, window.width + 4, window.height)
        shown = [name for name in sorted(chosen.near) if self._is_in(name, reach)]
        for name in shown:
            self._box(canvas, self.lookup.nodes[name], self.layout.boxes[name], chosen, ground.faded)
        for name in shown:
            self._ports(canvas, name, chosen, ground.faded)
            for at, (edge, sign) in self._ends(name).arrows.items():
                if edge in chosen.lit or at in lit:
                    canvas.put(*at, sign, self._edge_ink(self.lookup.edges[edge], chosen, ground.faded))
        for name in chosen.lit:
            self._write_label(canvas, name, chosen, ground.faded)
        return canvas

    def _light(self, canvas: Canvas, lines: LineCells, chosen: _Selection) -> set[tuple[int, int]]:
        """Colour the lines of the selected edges, where no other bundle is drawn over them; which cells these are."""
        lit: set[tuple[int, int]] = set()
        for edge in chosen.lit.values():
            route, glyphs = self.layout.routes.get(edge.id), self._glyphs[edge.health.status]
            if route is None:
                continue
            # The first and the last cell of a line lie under its boxes.
            ends = {route.points[0], route.points[-1]}
            for x1, y1, x2, y2 in segments(route, lines.window):
                for y in range(y1, y2 + 1):
                    for x in range(x1, x2 + 1):
                        net, mask = lines.owner(x, y)
                        if net == route.net and (x, y) not in lit and (x, y) not in ends:
                            lit.add((x, y))
                            canvas.put(x, y, glyphs[mask], Ink.ACCENT)
        return lit

    def _is_in(self, name: str, window: Box) -> bool:
        box = self.layout.boxes.get(name)
        return box is not None and box.meets(window) and name in self.lookup.nodes

    def _boxes_in(self, window: Box) -> list[str]:
        found = []
        for column, boxes in self._columns.items():
            at = self.layout.columns[column]
            if at.x > window.right or at.x + at.width <= window.x:
                continue
            for index in range(bisect_left(boxes, (window.y, "")), len(boxes)):
                name = boxes[index][1]
                if self.layout.boxes[name].y > window.bottom:
                    break
                found.append(name)
        return found

    def _border(self, canvas: Canvas, box: Box, lines: str, ink: Ink) -> None:
        for y, west, east in ((box.y, SOUTH | EAST, SOUTH | WEST), (box.bottom, NORTH | EAST, NORTH | WEST)):
            canvas.row(box.x + 1, box.right - 1, y, lines[EAST | WEST], ink)
            canvas.put(box.x, y, lines[west], ink)
            canvas.put(box.right, y, lines[east], ink)
        for y in range(max(box.y + 1, canvas.y), min(box.bottom, canvas.y + canvas.height)):
            canvas.put(box.x, y, lines[NORTH | SOUTH], ink)
            canvas.put(box.right, y, lines[NORTH | SOUTH], ink)

    def _title(self, name: str, frame: Box) -> tuple[int, str]:
        """A frame's title and its place: the first part of the border without lines where it fits, else the widest."""
        if name in self._title_places:
            return self._title_places[name]
        runs, start = [], frame.x + 1
        for x in [*self._lines.crossings(frame.y, frame.x + 1, frame.right - 1), frame.right]:
            if x > start:
                runs.append((start, x - start))
            start = x + 1
        wanted = cell_width(self.titles[name]) + 2
        fit = next((r for r in runs if r[1] >= wanted), None)
        at, room = fit or max(runs, key=lambda r: r[1], default=(frame.x + 1, 0))
        text = cut(self.titles[name], room - 2)
        self._title_places[name] = at, f" {text} " if text else ""
        return self._title_places[name]

    def _box(self, canvas: Canvas, node: GraphNode, box: Box, chosen: _Selection, faded: bool) -> None:
        signs = self.signs
        here, dim = node.id == chosen.node, faded and node.id not in chosen.near
        status = node.health.status if node.health is not None else HealthStatus.HEALTHY
        ink = Ink.ACCENT if here else _dimmed(INK_OF[status], dim)
        text_ink = Ink.ACCENT if here else _dimmed(Ink.STRONG, dim)
        if status in (HealthStatus.FAILING, HealthStatus.DEGRADED) and not here:
            text_ink = ink
        sign = signs.health.get(status, "")
        middle = box.y + (box.height - 1) // 2
        if self.layout.compact:
            for y in range(box.y, box.bottom + 1):
                canvas.row(box.x + 1, box.right - 1, y, " ", ink)
                canvas.put(box.x, y, "{" if here else "[", ink)
                canvas.put(box.right, y, "}" if here else "]", ink)
            canvas.write(box.x + 1, middle, caption(node), text_ink)
            canvas.write(box.right - 1, middle, sign, ink)
            return
        for y in range(box.y + 1, box.bottom):
            canvas.row(box.x + 1, box.right - 1, y, " ", ink)
        self._border(canvas, box, signs.heavy if here else signs.lines, ink)
        canvas.write(box.x + 2, middle, caption(node), text_ink)
        if sign:
            canvas.write(box.right - 3, box.y, f" {sign} ", ink)
        kind = tag(node)
        if kind:
            canvas.write(box.x + 1, box.bottom, f" {kind} ", _dimmed(Ink.DIM, faded))

    def _ends(self, name: str) -> _Ends:
        """The ends at one node, worked out when it is first looked at; edges that share an end share its cell."""
        known = self._ends_of.get(name)
        if known is not None:
            return known
        ends = self._ends_of[name] = _Ends({}, {})
        routes = self.layout.routes
        for edge in sorted(self.lookup.edges_at(name), key=lambda e: e.id):
            route = routes.get(edge.id)
            if route is None:
                continue
            if edge.source == name:
                x, y = route.points[0]
                ends.ports[x, y] = NORTH | SOUTH | (EAST if route.points[1].x > x else WEST)
            if edge.target == name:
                x, y = route.points[-1]
                rightward = route.points[-2].x < x
                sign = self.signs.right if rightward else self.signs.left
                ends.arrows[x - 1 if rightward else x + 1, y] = edge.id, sign
        return ends

    def _ports(self, canvas: Canvas, name: str, chosen: _Selection, faded: bool) -> None:
        """Draw a node's ports on its border; a node on one row has none."""
        if self.layout.compact:
            return
        node, here = self.lookup.nodes[name], name == chosen.node
        status = node.health.status if node.health is not None else HealthStatus.HEALTHY
        ink = Ink.ACCENT if here else _dimmed(INK_OF[status], faded and name not in chosen.near)
        lines = self.signs.heavy if here else self.signs.lines
        for (x, y), mask in self._ends(name).ports.items():
            canvas.put(x, y, lines[mask], ink)

    def _edge_ink(self, edge: GraphEdge, chosen: _Selection, faded: bool) -> Ink:
        return Ink.ACCENT if edge.id in chosen.lit else _dimmed(INK_OF[edge.health.status], faded)

    def _write_label(self, canvas: Canvas, name: str, chosen: _Selection, faded: bool) -> None:
        """Write an edge's label, if its place is in the window."""
        route = self.layout.routes.get(name)
        if route is None or route.slot is None or not canvas.shows(*route.slot):
            return
        label = self._label_of(name)
        if label is not None:
            canvas.write(label.x, label.y, label.text, self._edge_ink(self.lookup.edges[name], chosen, faded))

    def status(self, edge_id: str) -> HealthStatus:
        """The verdict on an edge of the drawing."""
        return self.lookup.edges[edge_id].health.status

    def hit(self, x: int, y: int) -> Hit | None:
        """The element on a cell: a node, an edge's label or line, a frame's border, or None."""
        for name in self._boxes_in(Box(x, y, 1, 1)):
            if self.layout.boxes[name].holds(x, y):
                return Hit("node", name)
        for label in self.labels(y):
            if label.x <= x < label.x + cell_width(label.text):
                return Hit("edge", label.edge)
        line = self._lines.at(x, y)
        if line is not None:
            return Hit("edge", line)
        for name, frame in reversed(self._frames):
            inner = Box(frame.x + 1, frame.y + 1, frame.width - 2, frame.height - 2)
            if frame.holds(x, y) and not inner.holds(x, y):
                return Hit("group", name)
        return None


class PaintedWindow:
    """A window that remembers its cells: rows that the next selection leaves alone are the identical lists.

    Another drawing (a refresh) or another place is painted anew.
    """

    def __init__(self) -> None:
        self._drawing: GraphDrawing | None = None
        self._ground: Ground | None = None
        self._texts: list[list[str]] = []
        self._rows: list[list[InkSpan]] = []

    def rows(self, drawing: GraphDrawing, window: Box, highlight: Highlight) -> list[list[InkSpan]]:
        """The rows of a window with a selection."""
        faded = drawing.fades(highlight)
        ground = self._ground
        if ground is None or self._drawing is not drawing or ground.faded != faded:
            ground = None
        if ground is None or ground.window != window:
            kept = self._rows
            ground = self._ground = self._moved(drawing, ground, window, faded)
            self._drawing = drawing
            known = dict(zip(map(id, self._texts), kept, strict=True))
            self._texts = ground.canvas.texts
            self._rows = [known.get(id(text)) or ground.canvas.spans(y) for y, text in enumerate(self._texts)]
        over = drawing.select(ground, highlight)
        rows = list(self._rows)
        for y in over.touched:
            rows[y] = over.spans(y)
        return rows

    @staticmethod
    def _moved(drawing: GraphDrawing, old: Ground | None, window: Box, faded: bool) -> Ground:
        """The ground of a window: what it shares with the one before, further up or down, is not painted again."""
        down = window.y - old.window.y if old is not None else 0
        same = old is not None and (old.window.x, old.window.width, old.window.height) == (
            *(window.x, window.width, window.height),
        )
        if old is None or not same or not 0 < abs(down) < window.height:
            return drawing.ground(window, faded=faded)
        if down > 0:
            new = drawing.ground(Box(window.x, old.window.bottom + 1, window.width, down), faded=faded)
            above, below, rows = old, new, slice(down, None)
        else:
            new = drawing.ground(Box(window.x, window.y, window.width, -down), faded=faded)
            above, below, rows = new, old, slice(0, window.height)
        lines = above.lines.stacked(below.lines, window, rows)
        return Ground(window, faded, stacked(above.canvas, below.canvas, rows), lines)


def _glyphs(signs: Signs, status: HealthStatus) -> str:
    """The line signs of a status by their directions: straight lines are dashed if idle, and heavy if failing."""
    lines = list(signs.lines)
    for straight in (STRAIGHT_ACROSS, STRAIGHT_DOWN):
        if status == HealthStatus.IDLE:
            lines[straight] = signs.dashes[straight == STRAIGHT_ACROSS]
        if status == HealthStatus.FAILING:
            lines[straight] = signs.heavy[straight]
    return "".join(lines)


def _worst_first(edge: GraphEdge) -> tuple[int, str]:
    return (-SEVERITY[edge.health.status], edge.id)


def _dimmed(ink: Ink, away: bool) -> Ink:
    """Dim the ink of what is away from the selection, unless it shows a bad status."""
    return Ink.DIM if away and ink not in (Ink.FAILING, Ink.DEGRADED) else ink
