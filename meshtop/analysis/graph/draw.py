"""Drawing a laid-out graph onto character cells, one window at a time, with the selection laid over it."""

from __future__ import annotations

from bisect import bisect_left
from copy import copy
from itertools import compress
from typing import NamedTuple

from meshtop.analysis.graph.canvas import INK_OF, UNICODE, Canvas, InkRun, OverlaidCanvas, Signs
from meshtop.analysis.graph.frame_lines import FrameLines
from meshtop.analysis.graph.geometry import Box, Layout, Point
from meshtop.analysis.graph.ground import Ground
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.metric import GraphMetric
from meshtop.analysis.graph.node_lines import (
    NodeEnds,
    dimmed,
    draw_arrows,
    draw_hooks,
    draw_node,
    edge_ink,
    node_ends,
)
from meshtop.analysis.graph.service_graph import GraphEdge, ServiceGraph
from meshtop.analysis.graph.strokes import LOOKS, MASK, STRAIGHT_ACROSS, STRAIGHT_DOWN, LineCells, LineIndex, segments
from meshtop.analysis.graph.trace import NOTHING, Highlight, Trace, edges_by_severity, trace
from meshtop.analysis.graph.wording import cluster_chips, edge_labels, metric_labels
from meshtop.model.state import HealthStatus
from meshtop.model.text import cell_width


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


_CODES = 256
"""How many codes a byte can hold."""

LitPart = tuple[int, int, set[Point], tuple[int, int, int, int]]
"""A straight part of a lit line: its bundle, the number of its ink, the route's ends, its first and last x and y."""


class GraphDrawing:
    """A graph with its layout, indexed for drawing: a window is painted without visiting all elements.

    Labels are chosen here, since numbers change with each refresh and places do not. What depends on the selection is
    painted over the rest (`ground`, then `select`), so that another selection costs the cells that differ.
    """

    def __init__(
        self,
        graph: ServiceGraph,
        layout: Layout,
        signs: Signs = UNICODE,
        highlight: Highlight | None = None,
        metric: GraphMetric | None = None,
    ) -> None:
        self.graph, self.layout, self.signs, self.metric = graph, layout, signs, metric
        self.highlight = highlight or Highlight()
        self.width, self.height = layout.width, layout.height
        self.lookup = GraphLookup(graph)
        self._signs_of = [*"".join(_glyphs(signs, status) for status in LOOKS)]
        self._lines = LineIndex(edges_by_severity(self.lookup.edges), layout.routes)
        self.frames = FrameLines(layout, graph.groups, self._lines)
        self._chips = cluster_chips(graph)
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
        self._ends_of: dict[str, NodeEnds] = {}

    def with_metric(self, metric: GraphMetric | None) -> GraphDrawing:
        """The same drawing with other numbers: everything else is shared."""
        other = copy(self)
        other.metric, other._labels = metric, {}
        return other

    def chips(self, name: str) -> str:
        """The clusters beside a node's name; "" where they are told otherwise."""
        return self._chips.get(name, "")

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
        if self.metric is None:
            forms = edge_labels(edge, signs.health, signs.locked, signs.open)
        else:
            forms = metric_labels(edge, signs.health, self.metric)
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
        self.frames.draw_borders(canvas, window)
        self._draw_lines(canvas, lines, faded)
        self.frames.draw_titles(canvas, window)
        near = self._boxes_in(Box(window.x - 2, window.y, window.width + 4, window.height))
        self._draw_nodes(canvas, near, NOTHING, faded)
        for name in near:
            draw_arrows(canvas, self._ends(name), NOTHING, faded)
        for y in range(window.y, window.bottom + 1):
            for name in self._slot_rows.get(y, ()):
                self._write_label(canvas, name, NOTHING, faded)
        return Ground(window, faded, canvas, lines)

    def _draw_nodes(self, canvas: Canvas, names: list[str], chosen: Trace, faded: bool) -> None:
        for name in names:
            node, box = self.lookup.nodes[name], self.layout.boxes[name]
            draw_node(canvas, node, box, self.chips(name), self.metric, chosen, faded)
            if box.height > 1:
                draw_hooks(canvas, node, box, self._ends(name), chosen, faded)

    def held_titles(self, window: Box) -> list[tuple[int, int, str]]:
        """Titles of frames that begin outside a window, by place; one that meets a node covers it whole."""
        held = []
        for x, y, text in self.frames.held_titles(window):
            first, last = x, x + cell_width(text) - 1
            boxes = [self.layout.boxes[name] for name in self._boxes_in(Box(x, y, last - x + 1, 1))]
            covered = [box for box in boxes if box.y == y]
            first = min([first, *(box.x for box in covered)])
            after = max([last, *(box.right for box in covered)]) - last
            held.append((first, y, " " * (x - first) + text + " " * after))
        return held

    def _draw_lines(self, canvas: Canvas, lines: LineCells, faded: bool) -> None:
        """Draw all line cells, row by row, over frames: the sign and the ink of a cell follow from its code."""
        inks_of = bytearray(_CODES)
        for status, look in LOOKS.items():
            inks_of[look + 1 : look + 1 + MASK] = bytes((dimmed(INK_OF[status], faded).code,)) * MASK
        sign_of = self._signs_of.__getitem__
        places = range(lines.window.width)
        for row, codes in enumerate(lines.codes):
            if not any(codes):
                continue
            texts, inks = canvas.cells_of(row, 0, canvas.width - 1)
            # What was drawn before without the plainest of inks, which are the borders of frames.
            under = [(at, texts[at], inks[at]) for at in compress(places, inks) if not codes[at]]
            texts[:] = map(sign_of, codes)
            inks[:] = codes.translate(inks_of)
            for at, sign, ink in under:
                texts[at], inks[at] = sign, ink

    def select(self, ground: Ground, highlight: Highlight) -> OverlaidCanvas:
        """Paint a selection over a window: its edges' lines, ends and labels, its nodes' boxes, and nothing else."""
        canvas, window = OverlaidCanvas(ground.canvas), ground.window
        chosen = trace(self.lookup, highlight)
        self._light(canvas, ground.lines, chosen, ground.faded)
        reach = Box(window.x - 2, window.y, window.width + 4, window.height)
        shown = [name for name in sorted(chosen.near) if self._is_in(name, reach)]
        self._draw_nodes(canvas, shown, chosen, ground.faded)
        for name in shown:
            draw_arrows(canvas, self._ends(name), chosen, ground.faded, lit=True)
        for name in (*chosen.path, *chosen.own):
            self._write_label(canvas, name, chosen, ground.faded)
        return canvas

    def _light(self, canvas: Canvas, lines: LineCells, chosen: Trace, faded: bool) -> None:
        """Draw the lines of the traced edges heavily, where no other bundle is drawn over them: it shows uncoloured."""
        left, top, heavy = lines.window.x, lines.window.y, self.signs.heavy
        # The worst one is drawn last, over what it shares with others.
        for net, code, ends, (x1, y1, x2, y2) in reversed(self._lit_parts(lines.window, chosen, faded)):
            across = y1 == y2
            first, last = x1 - left, x2 - left
            for y in range(y1 - top, y2 - top + 1):
                owners, codes = lines.owners[y], lines.codes[y]
                cells = None
                for at in range(first, last + 1):
                    stroke, mask = owners[at], codes[at] & MASK
                    # On the way to a port that several bundles share, they lie over each other.
                    mine = stroke is not None and (stroke.net == net or (across and mask == STRAIGHT_ACROSS))
                    if mine and (at + left, y + top) not in ends:
                        cells = cells or canvas.cells_of(y, first, last)
                        cells[0][at], cells[1][at] = heavy[mask], code

    def _lit_parts(self, window: Box, chosen: Trace, faded: bool) -> list[LitPart]:
        """What is lit of the traced edges in a window, the worst first; what edges share only once."""
        found: list[LitPart] = []
        seen: dict[tuple[int, Point, Point], set[Point]] = {}
        for edge in (*chosen.own.values(), *chosen.path.values()):
            route = self.layout.routes.get(edge.id)
            if route is None:
                continue
            net, code = route.net, edge_ink(edge, chosen, faded).code
            # The first and the last cell of a line lie under its nodes.
            ends = {route.points[0], route.points[-1]}
            for start, end, part in segments(route, window):
                before = seen.get((net, start, end))
                if before is None or not before <= ends:
                    seen[net, start, end] = {p for p in ends if part[0] <= p.x <= part[2] and part[1] <= p.y <= part[3]}
                    found.append((net, code, ends, part))
        return found

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

    def _ends(self, name: str) -> NodeEnds:
        """The ends at one node, worked out when it is first looked at."""
        if name not in self._ends_of:
            self._ends_of[name] = node_ends(name, self.lookup, self.layout.routes, self.signs)
        return self._ends_of[name]

    def _write_label(self, canvas: Canvas, name: str, chosen: Trace, faded: bool) -> None:
        """Write an edge's label, if its place is in the window."""
        route = self.layout.routes.get(name)
        if route is None or route.slot is None or not canvas.shows(*route.slot):
            return
        label = self._label_of(name)
        if label is not None:
            canvas.write(label.x, label.y, label.text, edge_ink(self.lookup.edges[name], chosen, faded))

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
        for name, frame in reversed(self.frames.order):
            inner = Box(frame.x + 1, frame.y + 1, frame.width - 2, frame.height - 2)
            if frame.holds(x, y) and not inner.holds(x, y):
                return Hit("group", name)
        return None


def _glyphs(signs: Signs, status: HealthStatus) -> str:
    """The line signs of a status by their directions: straight lines are dashed if idle, and heavy if failing."""
    lines = list(signs.lines)
    for straight in (STRAIGHT_ACROSS, STRAIGHT_DOWN):
        if status == HealthStatus.IDLE:
            lines[straight] = signs.dashes[straight == STRAIGHT_ACROSS]
        if status == HealthStatus.FAILING:
            lines[straight] = signs.heavy[straight]
    return "".join(lines)
