"""The keys of the live table, each with an id by which settings can rebind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.binding import Binding, BindingType

if TYPE_CHECKING:
    from meshtop.console.widgets.live_table import LiveTable


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


class TableKeys:
    """The actions of the keys; while a column to sort by is chosen, some of them choose it."""

    @property
    def _table(self) -> LiveTable:
        return cast("LiveTable", self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape belongs to the screen, except while a column is chosen; enter needs a row."""
        if action == "cancel_pick":
            return self._table.picking
        if action == "pick_sort":
            return self._table.sortable
        if action in {"choose", "mark"} and self._table.cursor_key is None:
            return None
        return True

    def action_choose(self) -> None:
        """Open the row, or sort by the chosen column."""
        if self._table.picking:
            self._table.end_pick(sort=True)
        else:
            self._table.choose()

    def action_row_down(self) -> None:
        """Go to the next row."""
        self._table.move_by(1)

    def action_row_up(self) -> None:
        """Go to the previous row."""
        self._table.move_by(-1)

    def action_first_row(self) -> None:
        """Go to the first row."""
        self._table.move_to(0)

    def action_last_row(self) -> None:
        """Go to the last row."""
        model = self._table.model
        self._table.move_to(len(model) - 1 if model is not None else 0)

    def action_page_forward(self) -> None:
        """Go a page down."""
        self._table.move_by(self._table.page)

    def action_page_back(self) -> None:
        """Go a page up."""
        self._table.move_by(-self._table.page)

    def action_half_forward(self) -> None:
        """Go half a page down."""
        self._table.move_by(max(1, self._table.page // 2))

    def action_half_back(self) -> None:
        """Go half a page up."""
        self._table.move_by(-max(1, self._table.page // 2))

    def action_columns_left(self) -> None:
        """Bring columns on the left back, or choose the heading on the left."""
        self._sideways(-1)

    def action_columns_right(self) -> None:
        """Bring columns on the right on screen, or choose the heading on the right."""
        self._sideways(1)

    def _sideways(self, step: int) -> None:
        if self._table.picking:
            self._table.pick(step)
        else:
            self._table.scroll_columns(step)

    def action_pick_sort(self) -> None:
        """Begin to choose a column to sort by; the same key again goes on to the next."""
        self._table.pick(1 if self._table.picking else 0)

    def action_cancel_pick(self) -> None:
        """Keep the order."""
        self._table.end_pick(sort=False)

    def action_mark(self) -> None:
        """Mark the row."""
        self._table.mark()
