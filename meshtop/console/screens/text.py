"""A screen of plain text, to read and to copy to the terminal's clipboard."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import clean, cut
from meshtop.views.frame.table import Tone

MOST_COPIED = 100_000
"""Bytes: terminals drop longer clipboard sequences (OSC 52)."""


def as_json(item: object) -> str:
    """An item as JSON, as printed by `meshtop get -o json`."""
    return msgspec.json.format(msgspec.json.encode(item), indent=2).decode()


class TextScreen(ModalScreen[None]):
    """Text over the current screen; `c` copies it, esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "copy", id="text.copy"),
        Binding("escape,q,y", "dismiss", "back", id="text.back"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """One scrolled text."""
        yield LineView(self._lines, id="text")

    def _lines(self, width: int) -> list[TextLine]:
        head = f"{clean(self._title)}   c copies · esc back"
        shown = [TextLine("plain", (TextRun(1, cut(head, width - 2), Tone.DIM),)), TextLine("plain", ())]
        return shown + [
            TextLine("plain", (TextRun(1, cut(clean(line), max(0, width - 2)), Tone.PLAIN),))
            for line in self._text.split("\n")
        ]

    def action_copy(self) -> None:
        """Copy the text to the terminal's clipboard."""
        if len(self._text.encode()) > MOST_COPIED:
            self.notify("Too long for a terminal's clipboard; use meshtop get -o json.", severity="warning")
            return
        self.app.copy_to_clipboard(self._text)
        self.notify("Copied.")
