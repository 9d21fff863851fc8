"""Which row is selected: the thing, not the line, so that it stays selected while rows move."""

from __future__ import annotations

from meshtop.views.frame.table import TableModel


class Cursor:
    """The selected row by index and by key.

    Until somebody has chosen a row the cursor rests on the first line, whatever stands there: a list sorted by
    trouble keeps its worst on top. From then on it follows its row; a row that is gone leaves it to a neighbour.
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
        """Go to a row, or to the nearest that there is; whether that is another one."""
        if not len(model):
            return False
        index = max(0, min(len(model) - 1, index))
        key = model.key(index)
        changed = key != self.key
        self.index, self.key, self.chosen = index, key, True
        return changed


def _find(model: TableModel, key: str, near: int) -> int:
    """The index of the row with this key, looked for outward from where it was; else `near` itself."""
    count = len(model)
    for distance in range(max(near, count - 1 - near) + 1):
        if near - distance >= 0 and model.key(near - distance) == key:
            return near - distance
        if near + distance < count and model.key(near + distance) == key:
            return near + distance
    return near


def find_key(model: TableModel, key: str) -> int | None:
    """The index of a key, or None where the model does not have it."""
    return next((index for index in range(len(model)) if model.key(index) == key), None)
