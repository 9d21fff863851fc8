"""The service graph widget: a window on a drawing that is laid out in a worker thread.

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

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.worker import Worker, get_current_worker

from meshtop.analysis.graph.canvas import ASCII, UNICODE, Signs
from meshtop.analysis.graph.geometry import Layout, LayoutOptions, Point
from meshtop.analysis.graph.metric import GraphMetric
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode, ServiceGraph
from meshtop.analysis.graph.walk import Direction
from meshtop.console.widgets.graph_cursor import GraphCursor
from meshtop.console.widgets.graph_window import GraphScene, GraphWindow, SceneJob
from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine
from meshtop.console.widgets.notes import Note, note_lines
from meshtop.console.workers import work_on_thread

_log = logging.getLogger(__name__)
WHEEL_X, WHEEL_Y = 8, 3
_BUSY_SECONDS = 0.4


PAN_X, PAN_Y = 16, 5
"""Cells that one key press pans."""


def _key(
    keys: str, action: str, description: str, name: str, *, show: bool = False, shown: str | None = None
) -> Binding:
    return Binding(keys, action, description, id=f"graph.{name}", show=show, key_display=shown)


GRAPH_BINDINGS: list[BindingType] = [
    _key("left,h", "walk('left')", "walk", "left", show=True, shown="←↑↓→"),
    _key("right,l", "walk('right')", "to who is called", "right"),
    _key("up,k", "walk('up')", "up", "up"),
    _key("down,j", "walk('down')", "down", "down"),
    _key("tab", "edge(1)", "edges of this node", "next_edge"),
    _key("shift+tab", "edge(-1)", "previous edge", "previous_edge"),
    _key("enter", "choose", "open", "open", show=True),
    _key("shift+left,H", "pan(-1, 0)", "pan left", "pan_left"),
    _key("shift+right,L", "pan(1, 0)", "pan right", "pan_right"),
    _key("shift+up,K", "pan(0, -1)", "pan up", "pan_up"),
    _key("shift+down,J", "pan(0, 1)", "pan down", "pan_down"),
    _key("pageup,ctrl+b", "page(-1)", "page up", "page_up"),
    _key("pagedown,ctrl+f", "page(1)", "page down", "page_down"),
    _key("home", "first", "first node", "first"),
    _key("end,G", "last", "last node", "last"),
]


class GraphView(LineWidget, can_focus=True):
    """Draws only the visible part; cursor and boxes keep their places across refreshes."""

    BINDINGS: ClassVar[list[BindingType]] = GRAPH_BINDINGS
    ALLOW_SELECT = False

    class Drawn(Message):
        """Message: a graph was laid out; `number` counts the requests."""

        def __init__(self, scene: GraphScene, number: int) -> None:
            super().__init__()
            self.scene = scene
            self.number = number

    class Failed(Message):
        """Message: a graph could not be built."""

        def __init__(self, error: Exception, number: int) -> None:
            super().__init__()
            self.error = error
            self.number = number

    class Shown(Message):
        """Message: another graph is on screen."""

    class NodeHighlighted(Message):
        """Message: the cursor is on a node."""

        def __init__(self, node: str) -> None:
            super().__init__()
            self.node = node

    class EdgeHighlighted(Message):
        """Message: the cursor is on an edge."""

        def __init__(self, edge: str) -> None:
            super().__init__()
            self.edge = edge

    class NodeChosen(Message):
        """Message: a node should be opened."""

        def __init__(self, node: str) -> None:
            super().__init__()
            self.node = node

    class EdgeChosen(Message):
        """Message: an edge should be opened."""

        def __init__(self, edge: str) -> None:
            super().__init__()
            self.edge = edge

    def __init__(self, *, waiting: Note | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._note = waiting or Note("Reading …")
        self.scene: GraphScene | None = None
        self._wanted = GraphCursor()
        self._window = GraphWindow()
        self._number = 0
        self._worker: Worker[None] | None = None
        self._waiting: Callable[[], ServiceGraph] | None = None
        self._busy = False
        self._held: Point | None = None
        self._dragged = False
        self._metric = GraphMetric.RATE
        self._map = True
        self._placed: Callable[[], Layout | None] = lambda: None

    def look_at(self, metric: GraphMetric, *, map_shown: bool) -> None:
        """Show another metric, and show or hide the map: nothing moves."""
        if (metric, map_shown) == (self._metric, self._map):
            return
        self._metric, self._map = metric, map_shown
        if self.scene is not None:
            self.scene = self.scene.with_metric(metric)
            self.draw()

    @property
    def graph(self) -> ServiceGraph | None:
        """The graph on screen."""
        return self.scene.graph if self.scene is not None else None

    @property
    def cursor(self) -> GraphCursor:
        """The cursor."""
        return self._wanted

    @property
    def node(self) -> GraphNode | None:
        """The node of the cursor."""
        return self.scene.lookup.node(self._wanted.node) if self.scene is not None else None

    @property
    def edge(self) -> GraphEdge | None:
        """The chosen edge, None where a node is chosen."""
        return self.scene.lookup.edge(self._wanted.edge) if self.scene is not None else None

    @property
    def working(self) -> bool:
        """Whether a newer graph than the shown one is being built."""
        return self._worker is not None or self._waiting is not None

    def explain_empty(self, note: Note) -> None:
        """Set the note for a graph without nodes."""
        self._note = note
        self.draw()

    def show(
        self,
        make: Callable[[], ServiceGraph],
        *,
        afresh: bool = False,
        at: GraphCursor | None = None,
        placed: Callable[[], Layout | None] = lambda: None,
    ) -> None:
        """Build, lay out and prepare a graph in the worker thread, then show it.

        A refresh waits for the running layout; `afresh` (another view of the mesh) replaces it, and does not keep
        places. `at` is the node for the cursor; `placed` is asked after `make` for places that are known already.
        """
        self._placed = placed
        if at is not None:
            self._wanted = at
        if (self._worker is not None and not afresh) or not self.size.width:
            self._waiting = make  # until the layout under way has come, or until there is a place to draw
            return
        if self._worker is not None:
            self._worker.cancel()
        self._waiting = None
        self._start(make, afresh=afresh)

    def let_go(self) -> None:
        """The screen is closed: what was drawn is somebody else's, and so is what was to be drawn next."""
        self.scene = self._waiting = None
        self._placed = lambda: None

    def _start_waiting(self) -> None:
        """Start building a graph that waited for the worker, or for the widget's size."""
        if self._waiting is not None and self._worker is None:
            make, self._waiting = self._waiting, None
            self._start(make)

    def _start(self, make: Callable[[], ServiceGraph], *, afresh: bool = False) -> None:
        self._number += 1
        previous = None if afresh or self.scene is None else self.scene
        before = self.scene.graph if self.scene is not None else None
        job = SceneJob(
            make=make,
            options=LayoutOptions(width=self.size.width or None, numbers=True),
            signs=self._signs,
            previous=previous.layout if previous else None,
            before=before,
            wanted=self._wanted,
            metric=self._metric,
            placed=self._placed,
        )
        work = partial(self._work, self._number, job)
        self._worker = work_on_thread(self, work, group="layout")
        number = self._number
        self.set_timer(_BUSY_SECONDS, lambda: self._say_busy(number))

    def _say_busy(self, number: int) -> None:
        if self._worker is not None and number == self._number:
            self._busy = True
            self.draw()

    def _work(self, number: int, job: SceneJob) -> None:
        """Run a job in the worker thread, without access to widgets."""
        worker = get_current_worker()
        try:
            scene = job.run(lambda: worker.is_cancelled)
        except Exception as error:  # noqa: BLE001 - a thread has no caller to raise to
            _log.error("the graph could not be drawn", exc_info=error)
            self.post_message(self.Failed(error, number))
        else:
            if scene is not None:
                self.post_message(self.Drawn(scene, number))

    @property
    def _signs(self) -> Signs:
        look = getattr(self.app, "look", None)
        return ASCII if look is not None and look.ascii else UNICODE

    def on_graph_view_drawn(self, message: Drawn) -> None:
        """Show the worker's result, unless a newer graph is being built."""
        if message.number != self._number:
            return
        self._worker, self._busy = None, False
        old, scene = self.scene, message.scene
        moved = self._wanted != message.scene.cursor and old is not None and self._wanted.node in scene.layout.boxes
        if moved:  # the cursor was moved while the worker was at it
            edge = self._wanted.edge if scene.lookup.edge(self._wanted.edge) is not None else None
            scene = scene.at(GraphCursor(self._wanted.node, edge))
        self.scene, self._wanted = scene.with_metric(self._metric), scene.cursor
        self._window.settle(old, scene, self.size)
        self.draw()
        self.post_message(self.Shown())
        self._tell()
        self._start_waiting()

    def on_graph_view_failed(self, message: Failed) -> None:
        """Show the error instead of a drawing."""
        if message.number != self._number:
            return
        self._worker, self._busy, self.scene = None, False, None
        self._note = Note("This graph cannot be drawn", str(message.error))
        self.draw()

    def move(self, cursor: GraphCursor) -> None:
        """Move the cursor."""
        scene = self.scene
        if scene is None or cursor == self._wanted:
            return
        self._wanted = cursor
        self.scene = scene.at(cursor)
        self._window.reveal(self.scene, self.size)
        self.draw()
        self._tell()

    def _tell(self) -> None:
        if self._wanted.edge is not None:
            self.post_message(self.EdgeHighlighted(self._wanted.edge))
        elif self._wanted.node is not None:
            self.post_message(self.NodeHighlighted(self._wanted.node))

    def go_to(self, node: str) -> None:
        """Put the cursor on a node that is on screen."""
        if self.scene is not None and node in self.scene.layout.boxes:
            self.move(GraphCursor(node))

    def go_to_edge(self, edge: GraphEdge) -> None:
        """Put the cursor on an edge; the next walk starts at its target."""
        self.move(GraphCursor(edge.target, edge.id))

    def go_to_end(self, *, last: bool) -> None:
        """Put the cursor on the first or the last node."""
        if self.scene is not None and self.scene.paths.order:
            self.go_to(self.scene.paths.order[-1 if last else 0])

    def walk(self, direction: Direction) -> None:
        """Follow an edge; from a chosen edge to one of its ends, or to the next edge."""
        scene, edge = self.scene, self.edge
        if scene is None or self._wanted.node is None:
            return
        if edge is not None:
            if direction in (Direction.UP, Direction.DOWN):
                self.next_edge(1 if direction is Direction.DOWN else -1)
            else:
                self.move(GraphCursor(edge.source if direction is Direction.LEFT else edge.target))
            return
        there = scene.paths.neighbor(self._wanted.node, direction)
        if there is not None:
            self.go_to(there)

    def next_edge(self, step: int) -> None:
        """Choose the next edge of the node; past the last one the node itself."""
        if self.scene is None:
            return
        ids: list[str | None] = [None, *(e.id for e in self.scene.lookup.worst_at(self._wanted.node))]
        at = ids.index(self._wanted.edge) if self._wanted.edge in ids else 0
        self.move(GraphCursor(self._wanted.node, ids[(at + step) % len(ids)]))

    def choose(self) -> None:
        """Post a message to open the node or edge under the cursor."""
        if self._wanted.edge is not None:
            self.post_message(self.EdgeChosen(self._wanted.edge))
        elif self._wanted.node is not None:
            self.post_message(self.NodeChosen(self._wanted.node))

    def pan(self, x: int, y: int) -> None:
        """Pan the window; the cursor stays on its node."""
        self._window.pan(x, y, self.scene, self.size)
        self.draw()

    def on_resize(self) -> None:
        """Adapt the window to another size."""
        if self.scene is not None:
            self._window.reveal(self.scene, self.size)
        self._start_waiting()
        super().on_resize()

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The visible rows, with arrows where the scene continues."""
        scene = self.scene
        if scene is None or not scene.graph.nodes:
            return note_lines(self._note, width, height)
        return self._window.lines(scene, width, height, busy=self._busy, map_shown=self._map)

    def click(self, x: int, y: int, *, twice: bool) -> None:
        """Select the element on a cell of the widget; open it on a double click."""
        scene = self.scene
        hit = self._window.hit(scene, x, y) if scene is not None else None
        if scene is None or hit is None or hit.kind == "group":
            return
        if hit.kind == "node":
            self.move(GraphCursor(hit.id))
        else:
            self.go_to_edge(scene.lookup.edges[hit.id])
        if twice:
            self.choose()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Start dragging the drawing."""
        self._held, self._dragged = Point(event.screen_x, event.screen_y), False
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the drawing."""
        if self._held is None:
            return
        here = Point(event.screen_x, event.screen_y)
        if here != self._held:
            self._dragged = True
            self.pan(self._held.x - here.x, self._held.y - here.y)
            self._held = here

    def on_mouse_up(self) -> None:
        """Stop dragging."""
        self._held = None
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Select what was clicked; a second click opens it."""
        if not self._dragged:
            self.click(event.x, event.y, twice=event.chain == 2)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Pan up, or with shift to the left."""
        self._wheel(event, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Pan down, or with shift to the right."""
        self._wheel(event, 1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Pan to the left."""
        event.stop()
        self.pan(-WHEEL_X, 0)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Pan to the right."""
        event.stop()
        self.pan(WHEEL_X, 0)

    def _wheel(self, event: events.MouseEvent, way: int) -> None:
        event.stop()
        if event.shift or event.ctrl:
            self.pan(way * WHEEL_X, 0)
        else:
            self.pan(0, way * WHEEL_Y)

    def action_walk(self, direction: str) -> None:
        """Walk along edges, or to the next box of the column."""
        self.walk(Direction(direction))

    def action_edge(self, step: int) -> None:
        """Choose an edge of the node, the worst first; past the last the node itself."""
        self.next_edge(step)

    def action_choose(self) -> None:
        """Open what is under the cursor."""
        self.choose()

    def action_pan(self, x: int, y: int) -> None:
        """Pan the window; the cursor stays on its node."""
        self.pan(x * PAN_X, y * PAN_Y)

    def action_page(self, step: int) -> None:
        """Pan a page up or down."""
        self.pan(0, step * max(1, self.size.height - 2))

    def action_first(self) -> None:
        """Go to the first node."""
        self.go_to_end(last=False)

    def action_last(self) -> None:
        """Go to the last node."""
        self.go_to_end(last=True)
