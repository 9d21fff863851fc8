"""Notes for empty states: the reason, and what to do; also for a terminal that is too small."""

from __future__ import annotations

import textwrap

from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, cut
from meshtop.views.frame.table import Tone

_MAX_WIDTH = 64


class Note(Struct, frozen=True):
    """An empty, waiting or broken state: a title, the reason, and the next step (a key or a command)."""

    title: str
    why: str = ""
    todo: str = ""


def note_lines(note: Note, width: int, height: int) -> list[TextLine]:
    """The note centred in `width` × `height` cells, wrapped; lines that do not fit are cut from the end."""
    room = max(1, min(_MAX_WIDTH, width - 4))
    parts = [(note.title, Tone.STRONG), (note.why, Tone.PLAIN), (note.todo, Tone.DIM)]
    texts = [(piece, tone) for text, tone in parts for piece in textwrap.wrap(text, room)][: max(0, height)]
    lines: list[TextLine] = [TextLine("plain", ())] * max(0, (height - len(texts)) // 2 - (height > 8))
    for text, tone in texts:
        shown = cut(text, width)
        lines.append(TextLine("plain", (TextRun(max(0, (width - cell_width(shown)) // 2), shown, tone),)))
    return (lines + [TextLine("plain", ())] * height)[:height]


MINIMUM = (60, 15)


def is_too_small(width: int, height: int) -> bool:
    """Whether a terminal has less than meshtop needs."""
    return width < MINIMUM[0] or height < MINIMUM[1]


class _Sizes(LineWidget):
    def make_lines(self, width: int, height: int) -> list[TextLine]:
        have, need = f"{width}×{height}", f"{MINIMUM[0]}×{MINIMUM[1]}"
        return note_lines(Note("Too small", f"have {have}, need {need}", "q quits"), width, height)


class TooSmallScreen(ModalScreen[None]):
    """Covers the screen while the terminal is too small; q and ctrl-c still quit."""

    BINDINGS = [Binding("q", "app.quit", "quit", id="small.quit")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        """The sizes."""
        yield _Sizes(id="sizes")
