"""The base of screens that run an action: status, log, and control keys."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label

from meshtop.console.desk.shifting import ShiftDesk, ShiftEventArrived, ShiftFailed
from meshtop.console.places import CANARIES, place_title
from meshtop.console.running import Run
from meshtop.console.screens.base import MeshScreen
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.shift_status import ShiftStatus, chip_texts
from meshtop.model.text import clean, cut
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.actions.shift.progress import Progress

_CHIP_WIDTH = 60
"""The most cells of an ended action's last words in the top bar."""
STEERING = ("pause", "skip", "hold", "abort")


class LogLine(NamedTuple):
    """An entry of the log; where it is wrapped, its further lines are indented by `hang` cells."""

    text: str
    tone: Tone = Tone.PLAIN
    hang: int = 0


class Phase(StrEnum):
    """Phase of the screen: `idle` shows its own content (a form, a history)."""

    IDLE = "idle"
    CHECKING = "checking"
    ASKING = "asking"
    RUNNING = "running"
    ENDED = "ended"


def log_lines(entries: Sequence[LogLine], width: int) -> list[TextLine]:
    """Log entries as lines, wrapped to the width."""
    lines = []
    for text, tone, hang in entries:
        shown = clean(text)
        indent = " " * (hang or len(shown) - len(shown.lstrip()))
        room = max(len(indent) + 20, width - 4)
        for piece in textwrap.wrap(shown, room, subsequent_indent=indent, break_on_hyphens=False) or [""]:
            lines.append(TextLine("plain", (TextRun(2, cut(piece, max(0, width - 3)), tone),)))
    return lines


class RunScreen(MeshScreen, Run):
    """A screen that runs an action, which goes on when the screen is left; the top bar has it then, and J comes back.

    Ending the console asks first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "pause/resume", id="shift.pause"),
        Binding("S", "skip", "skip", id="shift.skip"),
        Binding("H", "hold", "hold", id="shift.hold"),
        Binding("A", "abort", "abort, roll back", id="shift.abort"),
        Binding("up", "scroll_log(-1)", "line up", id="log.up", show=False),
        Binding("down", "scroll_log(1)", "line down", id="log.down", show=False),
        Binding("pageup", "scroll_log(-10)", "page up", id="log.page_up", show=False),
        Binding("pagedown", "scroll_log(10)", "page down", id="log.page_down", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.phase = Phase.IDLE
        self.log_entries: list[LogLine] = []
        """The log so far."""
        self.desk: ShiftDesk | None = None
        self._end_was_seen = False

    @property
    def place(self) -> str:
        """The title in the top bar."""
        return place_title(CANARIES)

    @property
    def is_place(self) -> bool:
        """False: it was opened over another screen."""
        return False

    @property
    def running(self) -> bool:
        """Whether the action runs."""
        return self.phase is Phase.RUNNING

    @property
    def identity(self) -> str:
        """The id of the action in the journal; empty until its first event."""
        progress = self.status.progress
        return progress.action if progress is not None else ""

    @property
    def held_by_quitting(self) -> bool:
        """Whether what runs can be held or rolled back by key, and is held by the end of the console."""
        return self.status.progress is not None

    def chip(self, now: float) -> tuple[tuple[str, ...], Tone]:
        """The action in the top bar of other screens."""
        progress = self.status.progress
        if progress is None and not self.running:
            text, tone = (self.log_entries[-1].text, self.log_entries[-1].tone) if self.log_entries else ("", Tone.DIM)
            sign = "✓" if tone is Tone.GOOD else "▲"
            return (cut(f"{sign} {self.subject}: {text}", _CHIP_WIDTH), f"{sign} {self.subject}: J", sign), tone
        return chip_texts(self.subject, progress, now)

    def running_body(self) -> ComposeResult:
        """Status, log and question, in this order."""
        yield ShiftStatus(id="status")
        yield LineView(id="log")
        with Vertical(id="question"):
            yield Label("", id="about-question", markup=False)
            with Horizontal():
                yield Label("", id="asked", markup=False)
                yield Input(id="confirm", compact=True)

    def on_mount(self) -> None:
        """Start idle."""
        app = self.host
        self.desk = ShiftDesk(app.session, lambda: app.picture, self, app.now)
        self.query_one("#question").display = False
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        """Update the remaining time."""
        progress = self.status.progress
        if self.phase is Phase.RUNNING and progress is not None:
            self._show(progress)

    @property
    def status(self) -> ShiftStatus:
        """The status."""
        return self.query_one("#status", ShiftStatus)

    @property
    def log_view(self) -> LineView:
        """The log's view."""
        return self.query_one("#log", LineView)

    def _show(self, progress: Progress) -> None:
        self.status.show(progress, self.host.now(), max(5, self.size.height // 2))

    def append_log(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Add to the log, and scroll to it."""
        self.log_entries.append(LogLine(text, tone))
        self.log_view.show(lambda width: log_lines(self.log_entries, width))
        self.log_view.scroll_end(animate=False)

    def show_log(self, entries: Iterable[LogLine]) -> None:
        """Replace the log, and show its beginning."""
        self.log_entries = list(entries)
        self.log_view.show(lambda width: log_lines(self.log_entries, width))
        self.log_view.scroll_home(animate=False)

    def ask(self, about: str, question: str) -> None:
        """Ask a question; the typed answer goes to `answered`. `about` is shown above the question."""
        self.phase = Phase.ASKING
        self.query_one("#question").display = True
        self.query_one("#about-question", Label).update(clean(about))
        self.query_one("#asked", Label).update(clean(question))
        field = self.query_one("#confirm", Input)
        field.value = ""
        field.focus()
        self.refresh_bindings()

    def stop_asking(self) -> None:
        """Remove the question."""
        self.query_one("#question").display = False
        self.log_view.focus()

    def answered(self, text: str) -> None:
        """Handle the typed answer."""
        raise NotImplementedError

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter answers."""
        event.stop()
        if event.input.id == "confirm" and self.phase is Phase.ASKING:
            self.stop_asking()
            self.answered(event.value.strip())

    def begin(self, progress: Progress | None) -> None:
        """Switch to the running phase."""
        self.phase, self._end_was_seen = Phase.RUNNING, False
        self.host.runs.add(self)
        if progress is not None:
            self._show(progress)
        self.log_view.focus()
        self.refresh_bindings()

    def on_shift_event_arrived(self, message: ShiftEventArrived) -> None:
        """Show an event: progress in the status, its text in the log."""
        from meshtop.actions.events import ActionOutcome, EventKind
        from meshtop.actions.shift.narration import line_of
        from meshtop.actions.shift.progress import after

        event, progress = message.event, self.status.progress
        if progress is not None:
            self._show(after(progress, event, self.host.now()))
        good = event.outcome in (None, ActionOutcome.DONE, ActionOutcome.ROLLED_BACK)
        if event.kind is not EventKind.OBSERVED or progress is None:
            tone = Tone.PLAIN if good else Tone.FAILING
            if event.kind in (EventKind.TAKING_BACK, EventKind.NOT_RESTORED, EventKind.PAUSED):
                tone = Tone.DEGRADED
            self.append_log(line_of(event), Tone.GOOD if event.outcome is not None and good else tone)
        if event.outcome is not None:
            self.ended()

    def on_shift_failed(self, message: ShiftFailed) -> None:
        """Show the error of an action that ended without an outcome."""
        self.append_log(f"✗ {message.problem}", Tone.FAILING)
        self.ended()

    def ended(self) -> None:
        """Switch to the ended phase."""
        self.phase = Phase.ENDED
        self.host.session.refresh()
        self.host.journal.check()
        self._end_was_seen = self.is_current
        if self.is_current:
            self.refresh_bindings()
        else:
            self.host.show_chrome()

    def on_screen_resume(self) -> None:
        """Whoever comes back sees the end, if it has come."""
        super().on_screen_resume()
        self._end_was_seen = not self.running

    def on_screen_suspend(self) -> None:
        """Once it was left after the end, nothing needs it."""
        if self._end_was_seen:
            self.host.runs.left(self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable control keys unless an action runs."""
        if action in STEERING:
            return self.phase is Phase.RUNNING and self.status.progress is not None
        return super().check_action(action, parameters)

    def action_pause(self) -> None:
        """Stay at this step, or resume."""
        if self.desk is not None:
            paused = self.desk.paused
            self.desk.steer(lambda controls: controls.resume() if paused else controls.pause())

    def action_skip(self) -> None:
        """Skip to the next step."""
        if self.desk is not None:
            self.desk.steer(lambda controls: controls.skip())

    def action_hold(self) -> None:
        """Leave the weights as they are, and end."""
        if self.desk is not None:
            self.desk.steer(lambda controls: controls.hold())

    def action_abort(self) -> None:
        """Roll everything back."""
        if self.desk is not None:
            self.desk.steer(lambda controls: controls.abort())

    def action_scroll_log(self, lines: int) -> None:
        """Scroll the log, whichever widget has the focus."""
        self.log_view.scroll_relative(y=lines, animate=False)

    def action_back(self) -> None:
        """Leave it; what runs goes on."""
        self.app.pop_screen()

    def action_quit_or_back(self) -> None:
        """Leave by q as by esc."""
        self.action_back()
