"""The mouse on the graph: drag to pan, wheel to look up and down, click to choose, again to open."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import events

from meshtop.analysis.graph.geometry import Point

if TYPE_CHECKING:
    from meshtop.console.widgets.graph_view import GraphView

WHEEL_X, WHEEL_Y = 8, 3


class GraphMouse:
    """The handlers of the mouse; a drag chooses nothing."""

    _held: Point | None = None
    _dragged = False

    @property
    def _graph_view(self) -> GraphView:
        return cast("GraphView", self)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the drawing."""
        self._held, self._dragged = Point(event.screen_x, event.screen_y), False
        self._graph_view.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the drawing."""
        if self._held is None:
            return
        here = Point(event.screen_x, event.screen_y)
        if here != self._held:
            self._dragged = True
            self._graph_view.pan(self._held.x - here.x, self._held.y - here.y)
            self._held = here

    def on_mouse_up(self) -> None:
        """Let it go."""
        self._held = None
        self._graph_view.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked; a second click opens it."""
        if not self._dragged:
            self._graph_view.click(event.x, event.y, twice=event.chain == 2)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Look up, or with shift to the left."""
        self._wheel(event, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Look down, or with shift to the right."""
        self._wheel(event, 1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Look to the left."""
        event.stop()
        self._graph_view.pan(-WHEEL_X, 0)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Look to the right."""
        event.stop()
        self._graph_view.pan(WHEEL_X, 0)

    def _wheel(self, event: events.MouseEvent, way: int) -> None:
        event.stop()
        if event.shift or event.ctrl:
            self._graph_view.pan(way * WHEEL_X, 0)
        else:
            self._graph_view.pan(0, way * WHEEL_Y)
