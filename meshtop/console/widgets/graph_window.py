"""A graph prepared for painting, and the window on it: its position, and its rows as lines of a widget."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, count
from operator import attrgetter, is_not

from msgspec import Struct
from msgspec.structs import replace
from textual.geometry import Size

from meshtop.analysis.graph.canvas import UNICODE, Ink, InkRun, InkSpan, Signs
from meshtop.analysis.graph.draw import GraphDrawing, Hit
from meshtop.analysis.graph.geometry import Box, Layout, LayoutOptions, Point
from meshtop.analysis.graph.layout import layout_steps
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.metric import GraphMetric
from meshtop.analysis.graph.overview import GraphMap
from meshtop.analysis.graph.painted import PaintedWindow
from meshtop.analysis.graph.service_graph import GraphEdge, ServiceGraph
from meshtop.analysis.graph.trace import Highlight
from meshtop.analysis.graph.walk import GraphWalk
from meshtop.console.widgets.graph_cursor import GraphCursor, keep
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, clean, fit, graphemes
from meshtop.views.frame.table import Tone

_MARGIN = 2
_MAP_FROM = 60, 14
"""Columns and rows of a window from which it has room for the map."""
_TONES = tuple(Tone(ink.value) for ink in Ink)
_CODE = attrgetter("code")
_DRAWN = re.compile(f"[ -~{re.escape(UNICODE.lines + UNICODE.heavy + UNICODE.dashes + UNICODE.frames)}▶◀]*").fullmatch
"""Matches characters that every terminal draws in one cell, so that most of a drawing needs no second look."""


class GraphScene(Struct, frozen=True):
    """A graph with its layout, ready to be painted for a cursor; another cursor shares everything else."""

    graph: ServiceGraph
    layout: Layout
    picture: GraphDrawing
    paths: GraphWalk
    cursor: GraphCursor
    map: GraphMap

    @property
    def lookup(self) -> GraphLookup:
        """The graph's nodes and edges by id."""
        return self.picture.lookup

    @property
    def edge(self) -> GraphEdge | None:
        """The edge that the cursor is on; None where it is on a node."""
        return self.lookup.edge(self.cursor.edge)

    @property
    def highlight(self) -> Highlight:
        """What is selected: the cursor's edge, else its node."""
        cursor = self.cursor
        return Highlight(edge=cursor.edge) if cursor.edge is not None else Highlight(node=cursor.node)

    def at(self, cursor: GraphCursor) -> GraphScene:
        """The same drawing with the cursor elsewhere."""
        return replace(self, cursor=cursor)

    def with_metric(self, metric: GraphMetric) -> GraphScene:
        """The same drawing with other numbers."""
        return self if self.picture.metric is metric else replace(self, picture=self.picture.with_metric(metric))


def make_scene(
    graph: ServiceGraph, layout: Layout, cursor: GraphCursor, signs: Signs, metric: GraphMetric = GraphMetric.RATE
) -> GraphScene:
    """Index a laid out graph for painting and walking."""
    picture = GraphDrawing(graph, layout, signs, metric=metric)
    return GraphScene(graph, layout, picture, GraphWalk(picture.lookup, layout), cursor, GraphMap(graph, layout))


class SceneJob(Struct, frozen=True, kw_only=True):
    """Input of a worker thread for a scene: a function that builds the graph, and the previous scene."""

    make: Callable[[], ServiceGraph]
    options: LayoutOptions
    signs: Signs
    previous: Layout | None
    before: ServiceGraph | None
    wanted: GraphCursor
    metric: GraphMetric = GraphMetric.RATE
    placed: Callable[[], Layout | None] = lambda: None

    def run(self, cancelled: Callable[[], bool]) -> GraphScene | None:
        """Build, lay out and prepare the graph, in cancellable steps; None if cancelled."""
        graph = self.make()
        steps = layout_steps(graph, self.options, self.previous or self.placed())
        while not cancelled():
            try:
                next(steps)
            except StopIteration as end:
                layout: Layout = end.value
                cursor = keep(self.wanted, self.before, graph, layout)
                return make_scene(graph, layout, cursor, self.signs, self.metric)
        return None


class GraphWindow:
    """The visible part of a scene; it moves as little as necessary."""

    def __init__(self) -> None:
        self.origin = Point(0, 0)
        """The cell of the drawing in the window's upper left corner."""
        self._painted = PaintedWindow()
        self._mapped: tuple[GraphMap, Box, list[list[InkRun]]] | None = None
        self._lines: list[tuple[list[InkSpan], TextLine]] = []

    def settle(self, old: GraphScene | None, new: GraphScene, size: Size) -> None:
        """Keep the cursor's box at its place on screen, or bring a new one into view."""
        if old is None:
            self.origin = Point(0, 0)
        elif old.cursor.node == new.cursor.node:
            before, after = (scene.layout.boxes.get(scene.cursor.node or "") for scene in (old, new))
            if before is not None and after is not None:
                self.origin = Point(self.origin.x + after.x - before.x, self.origin.y + after.y - before.y)
                self._clamp(new, size)
                if old.layout is new.layout:
                    return
        self.reveal(new, size)

    def reveal(self, scene: GraphScene, size: Size) -> None:
        """Pan as little as necessary to show the cursor's box, or its edge's label."""
        box = _cursor_box(scene, size)
        if box is not None:
            self.origin = Point(
                shifted(self.origin.x, box.x - _MARGIN, box.right + _MARGIN, size.width),
                shifted(self.origin.y, box.y - 1, box.bottom + 1, size.height),
            )
        self._clamp(scene, size)

    def pan(self, x: int, y: int, scene: GraphScene | None, size: Size) -> None:
        """Move by some cells, within the drawing."""
        self.origin = Point(self.origin.x + x, self.origin.y + y)
        if scene is not None:
            self._clamp(scene, size)

    def _clamp(self, scene: GraphScene, size: Size) -> None:
        """Centre a drawing smaller than the window; keep the window inside a larger one."""
        self.origin = Point(
            within(self.origin.x, scene.layout.width, size.width),
            within(self.origin.y, scene.layout.height, size.height),
        )

    def hit(self, scene: GraphScene, x: int, y: int) -> Hit | None:
        """What is drawn at a cell of the window."""
        return scene.picture.hit(self.origin.x + x, self.origin.y + y)

    def lines(
        self, scene: GraphScene, width: int, height: int, *, busy: bool, map_shown: bool = True
    ) -> list[TextLine]:
        """The visible rows, with arrows in the corner where the drawing continues, and the map of all of it."""
        rows = self._painted.rows(scene.picture, Box(*self.origin, width, height), scene.highlight)
        # A row that the last step left alone is the identical list, and its line needs no second look.
        before = {id(row): line for row, line in self._lines}
        last = self._lines if len(self._lines) == len(rows) else [None] * len(rows)
        self._lines = [(row, before.get(id(row)) or row_line(row, like)) for row, like in zip(rows, last, strict=True)]
        lines = [line for _, line in self._lines]
        corner = self._corner(scene.layout, width, height, busy=busy)
        if corner and lines:
            lines[0] = overlaid(lines[0], corner_runs(corner, width))
        if map_shown:
            self._lay_map(lines, scene, width, height)
        return lines

    def _lay_map(self, lines: list[TextLine], scene: GraphScene, width: int, height: int) -> None:
        """Draw the map into a corner where the cursor is not, if the drawing is larger than the window."""
        layout = scene.layout
        if (layout.width <= width and layout.height <= height) or width < _MAP_FROM[0] or height < _MAP_FROM[1]:
            return
        rows = self._map_rows(scene, Box(*self.origin, width, height))
        columns = scene.map.columns + 2
        cursor = _cursor_box(scene, Size(width, height))
        places = [(width - columns, height - len(rows)), (0, height - len(rows)), (width - columns, 1), (0, 1)]
        x, y = next(
            (at for at in places if cursor is None or not self._covers(at, columns, len(rows), cursor)), places[0]
        )
        for line, row in enumerate(rows, y):
            at, runs = x, []
            for text, ink in row:
                runs.append(TextRun(at, text, _TONES[ink.code]))
                at += cell_width(text)
            lines[line] = overlaid(lines[line], runs)

    def _map_rows(self, scene: GraphScene, window: Box) -> list[list[InkRun]]:
        """The rows of the map, made again where the scene or the window is another one."""
        if self._mapped is None or self._mapped[0] is not scene.map or self._mapped[1] != window:
            self._mapped = scene.map, window, scene.map.lines(window, scene.picture.signs)
        return self._mapped[2]

    def _covers(self, at: tuple[int, int], columns: int, rows: int, box: Box) -> bool:
        """Whether something at a place of the window would hide a part of a box of the drawing."""
        return Box(self.origin.x + at[0], self.origin.y + at[1], columns, rows).meets(box)

    def _corner(self, layout: Layout, width: int, height: int, *, busy: bool) -> str:
        x, y = self.origin
        more = (("◂", x > 0), ("▸", x + width < layout.width), ("▴", y > 0), ("▾", y + height < layout.height))
        signs = "".join(sign for sign, there in more if there)
        text = " ".join(filter(None, ("laying out …" if busy else "", f"more {signs}" if signs else "")))
        return f" {text} " if text else ""


def _cursor_box(scene: GraphScene, size: Size) -> Box | None:
    """The box to keep visible: a node, or an edge with both ends if they fit, else its label."""
    cursor, layout = scene.cursor, scene.layout
    route, edge = layout.routes.get(cursor.edge or ""), scene.edge
    if route is None or edge is None:
        return layout.boxes.get(cursor.node or "")
    source, target = layout.boxes[edge.source], layout.boxes[edge.target]
    label = target
    if route.slot is not None:
        first, last, y = route.slot
        label = Box(first, y, last - first + 1, 1)
    for parts in ((source, label, target), (label, target), (source, label)):
        box = around(parts)
        if box.width + 2 * _MARGIN <= size.width and box.height + 2 <= size.height:
            return box
    return label


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box that contains all boxes."""
    x, y = min(b.x for b in boxes), min(b.y for b in boxes)
    return Box(x, y, max(b.right for b in boxes) - x + 1, max(b.bottom for b in boxes) - y + 1)


def within(origin: int, length: int, room: int) -> int:
    """The origin that centres a drawing smaller than the window, or keeps a larger one filling it."""
    if length <= room:
        return -((room - length) // 2)
    return min(max(origin, -1), length - room + 1)


def shifted(origin: int, low: int, high: int, room: int) -> int:
    """The origin nearest to this one that shows `low`…`high` (its beginning, if it is too long)."""
    if high - low + 1 > room or low < origin:
        return low
    return max(origin, high - room + 1)


def row_line(row: Sequence[InkSpan], like: tuple[Sequence[InkSpan], TextLine] | None = None) -> TextLine:
    """A painted row as a line; characters of uncertain width are replaced cell by cell.

    A row that begins or ends with the identical spans as `like` shares those runs with its line.
    """
    if like is None:
        return TextLine("plain", tuple(_runs(row)))
    spans, runs = like[0], like[1].runs
    start = _alike(row, spans, len(row))
    end = _alike(row[::-1], spans[::-1], len(row) - start)
    middle = _runs(row[start : len(row) - end])
    return TextLine("plain", (*runs[:start], *middle, *runs[len(runs) - end :]))


def _alike(a: Sequence[InkSpan], b: Sequence[InkSpan], most: int) -> int:
    """How many of the first spans are the identical ones, at most."""
    differ = next(compress(count(), map(is_not, a, b)), min(len(a), len(b)))
    return min(differ, most)


def _runs(spans: Sequence[InkSpan]) -> Iterable[TextRun]:
    """Spans as runs. A fresh window has thousands: columns of them are faster than one after the other."""
    if not spans:
        return ()
    places, texts, inks = zip(*spans, strict=True)
    if not _DRAWN("".join(texts)):
        texts = tuple(map(_sure, texts))
    return map(TextRun, places, texts, map(_TONES.__getitem__, map(_CODE, inks)))


def _sure(text: str) -> str:
    """A text of which every terminal draws as many cells as are counted."""
    if _DRAWN(text) or (text.isprintable() and clean(text) == text):
        return text
    return fit(text, cell_width(text))


def corner_runs(text: str, width: int) -> list[TextRun]:
    """A text for the right end of a line."""
    return [TextRun(max(0, width - cell_width(text)), text, Tone.DIM)]


def overlaid(line: TextLine, over: Sequence[TextRun]) -> TextLine:
    """The line with runs that stand side by side laid over it."""
    start, end = over[0].x, over[-1].x + cell_width(over[-1].text)
    before: list[TextRun] = []
    after: list[TextRun] = []
    for run in line.runs:
        last = run.x + cell_width(run.text)
        if run.x < start:
            before.append(run if last <= start else TextRun(run.x, fit(run.text, start - run.x), run.tone))
        if last > end:
            rest = _from_cell(run.text, end - run.x) if run.x < end else run.text
            after.append(TextRun(max(run.x, end), rest, run.tone))
    return TextLine(line.ground, (*before, *over, *after))


def _from_cell(text: str, first: int) -> str:
    """A text from a cell on; a character of two cells that is cut becomes a space."""
    if text.isascii():
        return text[first:]
    kept, at = [], 0
    for sign, cells in graphemes(text):
        if at >= first:
            kept.append(sign)
        elif at + cells > first:
            kept.append(" " * (at + cells - first))
        at += cells
    return "".join(kept)
