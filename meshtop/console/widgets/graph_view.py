"""The service graph on screen: a window on a drawing that is laid out in a worker thread.

Usage::

    view = GraphView(waiting=Note("Reading …"))
    view.show(lambda: service_graph(picture, query, sight))   # built, laid out and prepared off the loop
    view.go_to(node_id)                                       # NodeHighlighted comes up; enter posts NodeChosen
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import ClassVar

from msgspec import Struct
from textual.binding import BindingType
from textual.message import Message
from textual.worker import Worker, get_current_worker

from meshtop.analysis.graph.canvas import ASCII, UNICODE, Signs
from meshtop.analysis.graph.draw import Highlight, Picture
from meshtop.analysis.graph.geometry import Box, Layout, LayoutOptions, Point
from meshtop.analysis.graph.layout import layout_steps
from meshtop.analysis.graph.service_graph import GraphEdge, Node, ServiceGraph
from meshtop.analysis.graph.walk import Direction, neighbor, reading_order
from meshtop.console.widgets import graph_cursor
from meshtop.console.widgets.graph_cursor import Cursor
from meshtop.console.widgets.graph_keys import GRAPH_BINDINGS, GraphKeys
from meshtop.console.widgets.graph_lines import around, overlaid, row_line, shifted, within
from meshtop.console.widgets.graph_mouse import GraphMouse
from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TONE_CLASSES, Line
from meshtop.console.widgets.notes import Note, note_lines

_log = logging.getLogger(__name__)

INLINE_EDGES = 600
"""Up to so many edges a moved cursor is drawn at once; above, in the worker."""
_MARGIN = 2
_BUSY_SECONDS = 0.4


class Drawing(Struct, frozen=True):
    """A graph with its layout, ready to be painted for a cursor."""

    graph: ServiceGraph
    layout: Layout
    picture: Picture
    cursor: Cursor


class GraphView(GraphKeys, GraphMouse, LineWidget, can_focus=True):
    """Draws the visible part only; the cursor stays on its node, and boxes stay where they are, through refreshes."""

    COMPONENT_CLASSES = TONE_CLASSES
    BINDINGS: ClassVar[list[BindingType]] = GRAPH_BINDINGS
    ALLOW_SELECT = False

    class Drawn(Message):
        """A graph was laid out; `number` counts the requests."""

        def __init__(self, drawing: Drawing, number: int) -> None:
            super().__init__()
            self.drawing = drawing
            self.number = number

    class Failed(Message):
        """A graph could not be made."""

        def __init__(self, error: Exception, number: int) -> None:
            super().__init__()
            self.error = error
            self.number = number

    class Shown(Message):
        """Another graph is on screen."""

    class NodeHighlighted(Message):
        """The cursor stands on a node."""

        def __init__(self, node: str) -> None:
            super().__init__()
            self.node = node

    class EdgeHighlighted(Message):
        """The cursor stands on an edge."""

        def __init__(self, edge: str) -> None:
            super().__init__()
            self.edge = edge

    class NodeChosen(Message):
        """A node is to be opened."""

        def __init__(self, node: str) -> None:
            super().__init__()
            self.node = node

    class EdgeChosen(Message):
        """An edge is to be opened."""

        def __init__(self, edge: str) -> None:
            super().__init__()
            self.edge = edge

    def __init__(self, *, waiting: Note | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._note = waiting or Note("Reading …")
        self._drawing: Drawing | None = None
        self._wanted = Cursor()
        self._origin = Point(0, 0)
        self._number = 0
        self._worker: Worker[None] | None = None
        self._waiting: Callable[[], ServiceGraph] | None = None
        self._busy = False

    @property
    def graph(self) -> ServiceGraph | None:
        """The graph on screen."""
        return self._drawing.graph if self._drawing is not None else None

    @property
    def layout_shown(self) -> Layout | None:
        """Where everything stands."""
        return self._drawing.layout if self._drawing is not None else None

    @property
    def cursor(self) -> Cursor:
        """What is chosen."""
        return self._wanted

    @property
    def node(self) -> Node | None:
        """The node that one walks on from."""
        if self._drawing is None or self._wanted.node is None:
            return None
        return self._drawing.graph.node(self._wanted.node)

    @property
    def edge(self) -> GraphEdge | None:
        """The chosen edge, None where a node is chosen."""
        if self._drawing is None or self._wanted.edge is None:
            return None
        return next((e for e in self._drawing.graph.edges if e.id == self._wanted.edge), None)

    @property
    def working(self) -> bool:
        """Whether something newer than what is on screen is being made."""
        return self._worker is not None

    def explain_empty(self, note: Note) -> None:
        """What to say where the graph has no nodes."""
        self._note = note
        self.draw()

    def show(self, make: Callable[[], ServiceGraph], *, afresh: bool = False, at: Cursor | None = None) -> None:
        """Make, lay out and prepare a graph in the worker thread, then show it.

        A refresh waits for the layout that is under way; `afresh` (another view of the mesh) takes its place, and
        does not keep places. `at` is where the cursor is to stand.
        """
        if at is not None:
            self._wanted = at
        if self._worker is not None and not afresh:
            self._waiting = make
            return
        if self._worker is not None:
            self._worker.cancel()
        self._waiting = None
        self._start(make, afresh=afresh)

    def _start(self, make: Callable[[], ServiceGraph], *, afresh: bool = False) -> None:
        self._number += 1
        previous = None if afresh or self._drawing is None else self._drawing
        before = self._drawing.graph if self._drawing is not None else None
        work = partial(self._work, self._number, make, previous.layout if previous else None, before, self._wanted)
        self._worker = self.run_worker(work, thread=True, group="layout", exit_on_error=False)
        number = self._number
        self.set_timer(_BUSY_SECONDS, lambda: self._say_busy(number))

    def _say_busy(self, number: int) -> None:
        if self._worker is not None and number == self._number:
            self._busy = True
            self.draw()

    def _work(
        self,
        number: int,
        make: Callable[[], ServiceGraph],
        previous: Layout | None,
        before: ServiceGraph | None,
        wanted: Cursor,
    ) -> None:
        """Runs in the worker thread, in steps between which it can be cancelled."""
        worker = get_current_worker()
        try:
            graph = make()
            steps = layout_steps(graph, LayoutOptions(width=self.size.width or None), previous)
            while not worker.is_cancelled:
                try:
                    next(steps)
                except StopIteration as end:
                    layout: Layout = end.value
                    cursor = graph_cursor.keep(wanted, before, graph, layout)
                    drawing = Drawing(graph, layout, self._pictured(graph, layout, cursor), cursor)
                    self.post_message(self.Drawn(drawing, number))
                    return
        except Exception as error:  # noqa: BLE001 - a thread has no caller to raise to
            _log.error("the graph could not be drawn", exc_info=error)
            self.post_message(self.Failed(error, number))

    def _pictured(self, graph: ServiceGraph, layout: Layout, cursor: Cursor) -> Picture:
        chosen = Highlight(edge=cursor.edge) if cursor.edge is not None else Highlight(node=cursor.node)
        return Picture(graph, layout, self._signs, chosen)

    @property
    def _signs(self) -> Signs:
        look = getattr(self.app, "look", None)
        return ASCII if look is not None and look.ascii else UNICODE

    def on_graph_view_drawn(self, message: Drawn) -> None:
        """Show what the worker made, unless something newer is under way."""
        if message.number != self._number:
            return
        self._worker, self._busy = None, False
        old, drawing = self._drawing, message.drawing
        moved = self._wanted != message.drawing.cursor and old is not None and self._wanted.node in drawing.layout.boxes
        if moved:  # the cursor was moved while the worker was at it
            cursor = graph_cursor.keep(self._wanted, drawing.graph, drawing.graph, drawing.layout)
            drawing = Drawing(
                drawing.graph, drawing.layout, self._pictured(drawing.graph, drawing.layout, cursor), cursor
            )
        self._drawing, self._wanted = drawing, drawing.cursor
        self._settle(old)
        self.draw()
        self.post_message(self.Shown())
        self._tell()
        if self._waiting is not None:
            make, self._waiting = self._waiting, None
            self._start(make)

    def on_graph_view_failed(self, message: Failed) -> None:
        """Say it in place of a drawing."""
        if message.number != self._number:
            return
        self._worker, self._busy, self._drawing = None, False, None
        self._note = Note("This graph cannot be drawn", str(message.error))
        self.draw()

    def _settle(self, old: Drawing | None) -> None:
        """Keep the cursor's box at its place on screen; where there was none, bring it into sight."""
        drawing = self._drawing
        if drawing is None:
            return
        before = old.layout.boxes.get(old.cursor.node or "") if old is not None else None
        after = drawing.layout.boxes.get(drawing.cursor.node or "")
        if before is not None and after is not None and old is not None and old.cursor.node == drawing.cursor.node:
            self._origin = Point(self._origin.x + after.x - before.x, self._origin.y + after.y - before.y)
            self._clamp()
            if old.layout is not drawing.layout:
                self._reveal()
            return
        if old is None:
            self._origin = Point(0, 0)
        self._reveal()

    def _clamp(self) -> None:
        """A drawing smaller than the window stands in its middle; a larger one never leaves it."""
        drawing, size = self._drawing, self.size
        if drawing is None:
            return
        self._origin = Point(
            within(self._origin.x, drawing.layout.width, size.width),
            within(self._origin.y, drawing.layout.height, size.height),
        )

    def _reveal(self) -> None:
        """Pan as little as it takes to have the cursor's box, or its edge's label, in sight."""
        drawing, size = self._drawing, self.size
        box = None if drawing is None else self._cursor_box(drawing)
        if box is not None:
            self._origin = Point(
                shifted(self._origin.x, box.x - _MARGIN, box.right + _MARGIN, size.width),
                shifted(self._origin.y, box.y - 1, box.bottom + 1, size.height),
            )
        self._clamp()

    def _cursor_box(self, drawing: Drawing) -> Box | None:
        """What is to be in sight: an edge with both of its ends where they fit, else its label."""
        cursor, layout = drawing.cursor, drawing.layout
        route = layout.routes.get(cursor.edge or "")
        edge = self.edge
        if route is None or edge is None:
            return layout.boxes.get(cursor.node or "")
        source, target = layout.boxes[edge.source], layout.boxes[edge.target]
        label = target
        if route.slot is not None:
            first, last, y = route.slot
            label = Box(first, y, last - first + 1, 1)
        room = self.size
        for parts in ((source, label, target), (label, target), (source, label)):
            box = around(parts)
            if box.width + 2 * _MARGIN <= room.width and box.height + 2 <= room.height:
                return box
        return label

    def move(self, cursor: Cursor) -> None:
        """Put the cursor elsewhere."""
        drawing = self._drawing
        if drawing is None or cursor == self._wanted:
            return
        self._wanted = cursor
        if len(drawing.graph.edges) <= INLINE_EDGES:
            picture = self._pictured(drawing.graph, drawing.layout, cursor)
            self._drawing = Drawing(drawing.graph, drawing.layout, picture, cursor)
        else:
            self._drawing = Drawing(drawing.graph, drawing.layout, drawing.picture, cursor)
            if self._worker is None:
                self._start(lambda: drawing.graph)
        self._reveal()
        self.draw()
        self._tell()

    def _tell(self) -> None:
        if self._wanted.edge is not None:
            self.post_message(self.EdgeHighlighted(self._wanted.edge))
        elif self._wanted.node is not None:
            self.post_message(self.NodeHighlighted(self._wanted.node))

    def go_to(self, node: str) -> None:
        """Put the cursor on a node that is on screen."""
        if self._drawing is not None and node in self._drawing.layout.boxes:
            self.move(Cursor(node))

    def go_to_edge(self, edge: GraphEdge) -> None:
        """Put the cursor on an edge; one walks on from its target."""
        self.move(Cursor(edge.target, edge.id))

    def go_to_end(self, *, last: bool) -> None:
        """Put the cursor on the first or the last node."""
        if self._drawing is not None and self._drawing.layout.boxes:
            order = reading_order(self._drawing.layout)
            self.go_to(order[-1 if last else 0])

    def walk(self, direction: Direction) -> None:
        """Follow an edge; from a chosen edge to one of its ends, or to the next edge."""
        drawing, edge = self._drawing, self.edge
        if drawing is None or self._wanted.node is None:
            return
        if edge is not None:
            if direction in (Direction.UP, Direction.DOWN):
                self.next_edge(1 if direction is Direction.DOWN else -1)
            else:
                self.move(Cursor(edge.source if direction is Direction.LEFT else edge.target))
            return
        there = neighbor(drawing.graph, drawing.layout, self._wanted.node, direction)
        if there is not None:
            self.go_to(there)

    def next_edge(self, step: int) -> None:
        """Choose the next edge of the node; past the last one the node itself."""
        if self._drawing is None:
            return
        ids: list[str | None] = [None, *(e.id for e in graph_cursor.edges_at(self._drawing.graph, self._wanted.node))]
        at = ids.index(self._wanted.edge) if self._wanted.edge in ids else 0
        self.move(Cursor(self._wanted.node, ids[(at + step) % len(ids)]))

    def choose(self) -> None:
        """Ask to open what is under the cursor."""
        if self._wanted.edge is not None:
            self.post_message(self.EdgeChosen(self._wanted.edge))
        elif self._wanted.node is not None:
            self.post_message(self.NodeChosen(self._wanted.node))

    def pan(self, x: int, y: int) -> None:
        """Look elsewhere; the cursor stays on its node."""
        self._origin = Point(self._origin.x + x, self._origin.y + y)
        self._clamp()
        self.draw()

    def on_resize(self) -> None:
        """Another size shows another part."""
        self._reveal()
        super().on_resize()

    def work_out(self, width: int, height: int) -> list[Line]:
        """The visible rows, with signs where the drawing goes on."""
        drawing = self._drawing
        if drawing is None or not drawing.graph.nodes:
            return note_lines(self._note, width, height)
        rows = drawing.picture.paint(self._origin.x, self._origin.y, width, height)
        lines = [row_line(row) for row in rows]
        corner = self._corner(drawing, width, height)
        if corner and lines:
            lines[0] = overlaid(lines[0], corner, width)
        return lines

    def _corner(self, drawing: Drawing, width: int, height: int) -> str:
        layout, (x, y) = drawing.layout, self._origin
        more = (("◂", x > 0), ("▸", x + width < layout.width), ("▴", y > 0), ("▾", y + height < layout.height))
        signs = "".join(sign for sign, there in more if there)
        busy = "laying out …" if self._busy else ""
        text = " ".join(filter(None, (busy, f"more {signs}" if signs else "")))
        return f" {text} " if text else ""

    def click(self, x: int, y: int, *, twice: bool) -> None:
        """Choose what stands on a cell of the widget, and open it where it was clicked twice."""
        drawing = self._drawing
        hit = drawing.picture.hit(self._origin.x + x, self._origin.y + y) if drawing is not None else None
        if drawing is None or hit is None or hit.kind == "group":
            return
        if hit.kind == "node":
            self.move(Cursor(hit.id))
        else:
            self.go_to_edge(next(edge for edge in drawing.graph.edges if edge.id == hit.id))
        if twice:
            self.choose()
