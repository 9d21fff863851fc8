"""The live table with rows that fold: drawn like any other, with keys that ask for another folding.

It posts `FoldAsked(key, wish)`; whoever makes the model folds and shows the next one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from meshtop.console.widgets.live_table import LiveTable


class FoldRequest(StrEnum):
    """How a row, or all of them, are to be folded."""

    OPEN = "open"
    FOLD = "fold"
    TOGGLE = "toggle"
    OPEN_ALL = "open all"
    FOLD_ALL = "fold all"


class LiveTreeTable(LiveTable):
    """Rows of a `meshtop.views.frame.tree.TreeTable`; while a column to sort by is chosen, arrows choose it as ever."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "fold, open", id="table.choose"),
        Binding("right", "fold('open')", "unfold", id="tree.unfold", show=False),
        Binding("left", "fold('fold')", "fold, or to what it stands under", id="tree.fold", show=False),
        Binding("space", "fold('toggle')", "fold", id="tree.toggle", show=False),
        Binding("plus,equals_sign,asterisk", "fold('open all')", "unfold all", id="tree.unfold_all", show=False),
        Binding("minus", "fold('fold all')", "fold all", id="tree.fold_all", show=False),
        Binding("L,shift+right", "columns_right", "columns to the right", id="tree.columns_right", show=False),
        Binding("H,shift+left", "columns_left", "columns to the left", id="tree.columns_left", show=False),
    ]

    class FoldAsked(Message):
        """Another folding is asked for, at a row."""

        def __init__(self, table: LiveTreeTable, key: str, wish: FoldRequest) -> None:
            super().__init__()
            self.table = table
            self.key = key
            self.wish = wish

        @property
        def control(self) -> LiveTreeTable:
            """The table."""
            return self.table

    def action_fold(self, wish: str) -> None:
        """Ask for another folding, or choose a heading."""
        if self.picking and wish in (FoldRequest.OPEN, FoldRequest.FOLD):
            self.pick(1 if wish == FoldRequest.OPEN else -1)
        elif self.cursor_key is not None:
            self.post_message(self.FoldAsked(self, self.cursor_key, FoldRequest(wish)))
