"""The keys of a table, and how they move its cursor."""

from __future__ import annotations

from abc import abstractmethod

from textual.binding import Binding, BindingType
from textual.scroll_view import ScrollView

from meshtop.views.frame.table import TableModel


def _key(keys: str, action: str, description: str, *, show: bool = False) -> Binding:
    return Binding(keys, action, description, id=f"table.{action}", show=show)


TABLE_BINDINGS: list[BindingType] = [
    _key("enter", "choose", "open", show=True),
    _key("j,down", "row_down", "next row"),
    _key("k,up", "row_up", "previous row"),
    _key("home", "first_row", "first row"),
    _key("G,end", "last_row", "last row"),
    _key("ctrl+f,pagedown", "page_forward", "next page"),
    _key("ctrl+b,pageup", "page_back", "previous page"),
    _key("ctrl+d", "half_forward", "half a page down"),
    _key("ctrl+u", "half_back", "half a page up"),
    _key("h,left", "columns_left", "columns to the left"),
    _key("l,right", "columns_right", "columns to the right"),
    _key("s", "pick_sort", "sort", show=True),
    _key("space", "mark", "mark for y"),
    _key("escape", "cancel_pick", "keep the order"),
]


class TableMoves(ScrollView, inherit_bindings=False):
    """A table whose cursor goes up and down by rows and pages."""

    BINDINGS = TABLE_BINDINGS

    @property
    @abstractmethod
    def model(self) -> TableModel | None:
        """The shown model; None before the first."""

    @property
    @abstractmethod
    def page(self) -> int:
        """How many rows are on screen."""

    @abstractmethod
    def move_to(self, index: int) -> None:
        """Select the row at an index, or the nearest one, and scroll to it."""

    @abstractmethod
    def move_by(self, rows: int) -> None:
        """Move the cursor up or down."""

    def action_row_down(self) -> None:
        """Go to the next row."""
        self.move_by(1)

    def action_row_up(self) -> None:
        """Go to the previous row."""
        self.move_by(-1)

    def action_first_row(self) -> None:
        """Go to the first row."""
        self.move_to(0)

    def action_last_row(self) -> None:
        """Go to the last row."""
        model = self.model
        self.move_to(len(model) - 1 if model is not None else 0)

    def action_page_forward(self) -> None:
        """Go a page down."""
        self.move_by(self.page)

    def action_page_back(self) -> None:
        """Go a page up."""
        self.move_by(-self.page)

    def action_half_forward(self) -> None:
        """Go half a page down."""
        self.move_by(max(1, self.page // 2))

    def action_half_back(self) -> None:
        """Go half a page up."""
        self.move_by(-max(1, self.page // 2))
