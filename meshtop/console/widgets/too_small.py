"""What a terminal that is too small shows: what it has, what is needed, and how to leave."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.notes import Note, note_lines
from meshtop.console.widgets.table_frame import Line

MINIMUM = (60, 15)


def is_too_small(width: int, height: int) -> bool:
    """Whether a terminal has less than meshtop needs."""
    return width < MINIMUM[0] or height < MINIMUM[1]


class _Sizes(LineWidget):
    def work_out(self, width: int, height: int) -> list[Line]:
        have, need = f"{width}×{height}", f"{MINIMUM[0]}×{MINIMUM[1]}"
        return note_lines(Note("Too small", f"have {have}, need {need}", "q quits"), width, height)


class TooSmallScreen(ModalScreen[None]):
    """Covers everything until the terminal has grown; q and ctrl-c still quit."""

    BINDINGS = [Binding("q", "app.quit", "quit", id="small.quit")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        """The sizes."""
        yield _Sizes(id="sizes")
