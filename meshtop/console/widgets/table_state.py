"""State of a table besides its rows: selection, marks and order.

It neither draws nor handles keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.views.frame.table import AnyColumn, TableModel

Sort = tuple[str, bool]
"""A column's name, and whether its order is descending."""


class RowCursor:
    """The selected row by index and by key.

    Until the user selects a row, the cursor stays on the first line, so that a list sorted by severity keeps its worst
    selected. From then on it follows its row; if that disappears, it moves to a neighbour.
    """

    def __init__(self) -> None:
        self.index = 0
        self.key: str | None = None
        self.chosen = False

    def follow(self, model: TableModel) -> None:
        """Find the row again in a new model."""
        count = len(model)
        if not count:
            self.index, self.key = 0, None
            return
        index = min(self.index, count - 1)
        if self.chosen and self.key is not None:
            index = _find(model, self.key, index)
        elif not self.chosen:
            index = 0
        self.index, self.key = index, model.key(index)

    def move(self, model: TableModel, index: int) -> bool:
        """Go to a row, or to the nearest one; returns whether the selection changed."""
        if not len(model):
            return False
        index = max(0, min(len(model) - 1, index))
        key = model.key(index)
        changed = key != self.key
        self.index, self.key, self.chosen = index, key, True
        return changed


def _find(model: TableModel, key: str, near: int) -> int:
    """The index of the row with this key, searched outward from `near`; else `near` itself."""
    count = len(model)
    for distance in range(max(near, count - 1 - near) + 1):
        if near - distance >= 0 and model.key(near - distance) == key:
            return near - distance
        if near + distance < count and model.key(near + distance) == key:
            return near + distance
    return near


def find_key(model: TableModel, key: str) -> int | None:
    """The index of a key; None if the model does not have it."""
    return next((index for index in range(len(model)) if model.key(index) == key), None)


class TableState:
    """The rows with the user's selections; `picked` is the column selected in sort mode."""

    def __init__(self) -> None:
        self.model: TableModel | None = None
        self.columns: tuple[AnyColumn, ...] = ()
        self.visible: tuple[int, ...] = ()
        self.sort: Sort | None = None
        self.cursor = RowCursor()
        self.marks: set[str] = set()
        self.skip = 0
        self.picked: int | None = None

    def take(self, model: TableModel, sort: Sort | None) -> bool:
        """Set other rows; returns whether their columns differ, so that selections of columns are reset."""
        visible = tuple(index for index, column in enumerate(model.columns) if not column.hidden)
        columns = tuple(model.columns[index] for index in visible)
        others = [column.name for column in columns] != [column.name for column in self.columns]
        if others:
            self.skip, self.picked = 0, None
        self.visible, self.columns = visible, columns
        self.model, self.sort = model, sort
        self.cursor.follow(model)
        return others

    def position(self, total: int | None) -> str:
        """Where the cursor is (`12/62`), and of how many (`total`) the rows are what is left; "" without rows."""
        count = len(self.model) if self.model is not None else 0
        left_out = f" of {total}" if total is not None and total > count else ""
        return f"{self.cursor.index + 1}/{count}{left_out}" if count else ""

    def toggle_mark(self) -> bool:
        """Mark or unmark the selected row; False without one."""
        if self.cursor.key is None:
            return False
        self.marks ^= {self.cursor.key}
        return True

    def order_by(self, column: int) -> Sort:
        """The next order for a column: reversed if already sorted by it, else its natural direction."""
        spec = self.columns[column]
        if self.sort is not None and self.sort[0] == spec.name:
            return spec.name, not self.sort[1]
        return spec.name, spec.numeric and spec.order is None

    def scroll_columns(self, step: int, *, hidden_right: int) -> bool:
        """Skip more or fewer columns on the left; False if there are no more in that direction."""
        skip = max(0, min(len(self.columns) - 2, self.skip + step))
        if skip == self.skip or (step > 0 and not hidden_right) or not (hidden_right or self.skip):
            return False
        self.skip = skip
        return True

    def pick(self, step: int, shown: Sequence[int]) -> None:
        """Move the sort mode's selection among the visible columns, starting at the current sort column."""
        if not shown:
            return
        if self.picked not in shown:
            names = [self.columns[column].name for column in shown]
            self.picked = shown[names.index(self.sort[0]) if self.sort and self.sort[0] in names else 0]
        else:
            self.picked = shown[(shown.index(self.picked) + step) % len(shown)]
