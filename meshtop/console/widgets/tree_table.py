"""The live table with foldable rows.

It posts `FoldAsked(key, wish)`; the screen applies the folding and shows a new model.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from meshtop.console.widgets.live_table import LiveTable


class FoldRequest(StrEnum):
    """A request to fold or unfold a row, or all rows."""

    OPEN = "open"
    FOLD = "fold"
    TOGGLE = "toggle"
    OPEN_ALL = "open all"
    FOLD_ALL = "fold all"


class LiveTreeTable(LiveTable):
    """A table of a `meshtop.views.frame.tree.TreeTable`; arrows fold, except while choosing a sort column."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "fold, open", id="table.choose"),
        Binding("right", "fold('open')", "unfold", id="tree.unfold", show=False),
        Binding("left", "fold('fold')", "fold, or go to the parent", id="tree.fold", show=False),
        Binding("space", "fold('toggle')", "fold", id="tree.toggle", show=False),
        Binding("plus,equals_sign,asterisk", "fold('open all')", "unfold all", id="tree.unfold_all", show=False),
        Binding("minus", "fold('fold all')", "fold all", id="tree.fold_all", show=False),
        Binding("L,shift+right", "columns_right", "columns to the right", id="tree.columns_right", show=False),
        Binding("H,shift+left", "columns_left", "columns to the left", id="tree.columns_left", show=False),
    ]

    class FoldAsked(Message):
        """Message: another folding is requested at a row."""

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
        """Request another folding, or choose a heading."""
        if self.picking and wish in (FoldRequest.OPEN, FoldRequest.FOLD):
            self.pick(1 if wish == FoldRequest.OPEN else -1)
        elif self.cursor_key is not None:
            self.post_message(self.FoldAsked(self, self.cursor_key, FoldRequest(wish)))
