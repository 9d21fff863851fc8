"""The keys of the graph, each with an id by which settings can rebind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.binding import Binding, BindingType

from meshtop.analysis.graph.walk import Direction

if TYPE_CHECKING:
    from meshtop.console.widgets.graph_view import GraphView

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
    _key("shift+tab", "edge(-1)", "edge before", "previous_edge"),
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


class GraphKeys:
    """The actions of the keys."""

    @property
    def _view(self) -> GraphView:
        return cast("GraphView", self)

    def action_walk(self, direction: str) -> None:
        """Walk along edges, or to the next box of the column."""
        self._view.walk(Direction(direction))

    def action_edge(self, step: int) -> None:
        """Choose an edge of the node, the worst first; past the last the node itself."""
        self._view.next_edge(step)

    def action_choose(self) -> None:
        """Open what is under the cursor."""
        self._view.choose()

    def action_pan(self, x: int, y: int) -> None:
        """Look further to a side; the cursor stays where it is."""
        self._view.pan(x * PAN_X, y * PAN_Y)

    def action_page(self, step: int) -> None:
        """Look a page up or down."""
        self._view.pan(0, step * max(1, self._view.size.height - 2))

    def action_first(self) -> None:
        """Go to the first node."""
        self._view.go_to_end(last=False)

    def action_last(self) -> None:
        """Go to the last node."""
        self._view.go_to_end(last=True)
