"""The screen of one action of the journal: state of each cluster, history, resuming and rolling back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtop.console.desk.journaling import JournalRow
from meshtop.console.desk.permissions import denial_of
from meshtop.console.desk.rights import RightsArrived
from meshtop.console.screens.run import LogLine, Phase, RunScreen, log_lines
from meshtop.console.widgets.lines import TextLine
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.actions.shift.progress import Progress

SIGNS_OF_COURSE = {
    "running": ("● ", Tone.ACCENT),
    "paused": ("● ", Tone.ACCENT),
    "taking-back": ("● ", Tone.ACCENT),
    "interrupted": ("▲ ", Tone.DEGRADED),
    "held": ("▲ ", Tone.DEGRADED),
    "half-back": ("▲ ", Tone.DEGRADED),
    "done": ("", Tone.PLAIN),
    "rolled-back": ("", Tone.DIM),
    "failed": ("✗ ", Tone.FAILING),
}
_DOUBTS = {
    "as-before": ("✓", Tone.DIM),
    "written": ("●", Tone.PLAIN),
    "in-doubt": ("?", Tone.UNKNOWN),
    "left": ("✗", Tone.FAILING),
}


ENDINGS = ("resume", "roll_back")
"""The key actions that finish an unfinished action of the journal."""


def disabled_reasons(row: JournalRow | None, *, read_only: bool) -> dict[str, str]:
    """Reasons why an action cannot be resumed or rolled back, by key action."""
    from meshtop.actions.story import may_resume, may_take_back

    if row is None:
        return dict.fromkeys(ENDINGS, "no action is selected")
    if read_only:
        return dict.fromkeys(ENDINGS, "read-only")
    if row.course.alive:
        return dict.fromkeys(ENDINGS, f"process {row.process} runs it" if row.process else "it is running")
    found = {}
    if not may_resume(row.action, row.course):
        found["resume"] = (
            "a propagation is only rolled back" if row.action.kind != "shift" else f"it is {row.course.value}"
        )
    if not may_take_back(row.action, row.course):
        found["roll_back"] = f"it is {row.course.value}"
    return found


def state_entries(row: JournalRow) -> list[LogLine]:
    """Its state, and that of each cluster."""
    sign, tone = SIGNS_OF_COURSE[row.course.value]
    at = f" at {row.stopped_at}" if row.stopped_at and (row.course.unfinished or row.course.alive) else ""
    meaning = {
        "interrupted": "; its process ended in the middle",
        "half-back": "; its rollback did not finish",
        "running": f"; process {row.process} runs it" if row.process else "",
    }.get(row.course.value, "")
    entries = [
        LogLine(f"{sign}{row.action.kind} of {row.action.subject}: {row.course.value}{at}{meaning}.", tone, len(sign))
    ]
    for state in row.states:
        mark, tone = _DOUBTS[state.state.value]
        entries.append(LogLine(f"  {mark} {state.cluster}: {state.message}", tone, 4))
    return entries


def state_lines(row: JournalRow, width: int) -> list[TextLine]:
    """The state of an action and each of its clusters, as lines of a given width."""
    return log_lines(state_entries(row), width)


def history_entries(row: JournalRow) -> list[LogLine]:
    """Who, why, and each entry with its time."""
    from meshtop.actions.story import entry_text

    action = row.action
    begun = datetime.fromtimestamp(action.created, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    entries = [LogLine(f"{action.id}, begun {begun} by {action.who} on {action.origin}", Tone.DIM)]
    if action.reason:
        entries.append(LogLine(f"because: {action.reason}"))
    entries.append(LogLine(""))
    width = max((len(entry.cluster) for entry in action.entries), default=0)
    for entry in action.entries:
        time = datetime.fromtimestamp(entry.time, UTC).strftime("%H:%M:%S")
        tone = {"refused": Tone.FAILING, "unknown": Tone.UNKNOWN, "note": Tone.DIM}.get(entry.event.value, Tone.PLAIN)
        begins = f"{time}  {entry.cluster:<{width}}  "
        entries.append(LogLine(begins + entry_text(entry), tone, len(begins)))
    return entries


class ActionScreen(RunScreen):
    """One action; `U` resumes it, `R` rolls it back. With `ask`, it starts with the confirmation of one of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("U", "resume", "resume", id="journal.resume"),
        Binding("R", "roll_back", "roll back", id="journal.rollback"),
    ]

    def __init__(self, row: JournalRow, ask: str = "") -> None:
        super().__init__()
        self._row = row
        self._ask_for = ask
        self._ending = ""

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "An action of the journal: the state of each cluster, and each intention and outcome with its time. "
            "Resuming continues at the step where it stopped; rolling back restores the exact weights from before."
        )

    @property
    def subject(self) -> str:
        """What the action is about."""
        return self._row.action.subject

    @property
    def identity(self) -> str:
        """The id of the action in the journal."""
        return self._row.action.id

    @property
    def held_by_quitting(self) -> bool:
        """A resumed shift is; a rollback goes on to its end."""
        return self._ending == "resume"

    def crumbs(self) -> tuple[str, ...]:
        """The breadcrumb after the place."""
        return ("journal", self._row.action.id)

    def body(self) -> ComposeResult:
        """The running action's status, and the log, which starts with the history."""
        with Vertical(classes="shift"):
            yield from self.running_body()

    def on_mount(self) -> None:
        """Show what happened so far."""
        self.show_log([*state_entries(self._row), LogLine(""), *history_entries(self._row)])
        self.log_view.focus()
        if self._ask_for:
            self.call_after_refresh(self._ask_at_once)

    def _ask_at_once(self) -> None:
        why = self.why_disabled(self._ask_for)
        if why is not None:
            self.say(f"It cannot be done: {why.rstrip('.')}.", Tone.DEGRADED)
        else:
            (self.action_resume if self._ask_for == "resume" else self.action_roll_back)()

    def action_resume(self) -> None:
        """Ask for the namespace to confirm, as for a new shift."""
        self._ending = "resume"
        at = f" at {self._row.stopped_at}" if self._row.stopped_at else ""
        where = ", ".join(self._row.clusters)
        about = f"Goes on{at} in {where}, watched as before. esc leaves it as it is."
        self.ask(about, f"Type {self._namespace()} to resume:")

    def action_roll_back(self) -> None:
        """Ask for confirmation by enter; rolling back needs no typed name."""
        self._ending = "roll_back"
        about = f"Restores everything as it was before in {', '.join(self._row.clusters)}. esc leaves it as it is."
        self.ask(about, "Enter rolls it back:")

    def _namespace(self) -> str:
        from meshtop.actions.shift.record import shift_record

        return shift_record(self._row.action).targets[0].where.namespace

    def answered(self, text: str) -> None:
        """Do it."""
        if self._ending == "resume" and text != self._namespace():
            self.say(f"Nothing was done: {text!r} does not match." if text else "Nothing was done.", Tone.DEGRADED)
            self.phase = Phase.IDLE
            self.refresh_bindings()
            return
        self.log_entries.clear()
        self.begin(self._progress())
        if self.desk is not None:
            identity = self._row.action.id
            (self.desk.resume if self._ending == "resume" else self.desk.roll_back)(identity)

    def _progress(self) -> Progress | None:
        """The progress of a resumed shift; None for a propagation and a rollback, which have only a log."""
        from meshtop.actions.shift.progress import progress_of
        from meshtop.actions.shift.record import known_weights, shift_record

        if self._ending != "resume":
            return None
        shift = shift_record(self._row.action)
        return progress_of(shift, self._row.action.id, known_weights(self._row.action, shift.targets))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable keys that cannot be used now."""
        if action in ENDINGS:
            if self.phase in (Phase.RUNNING, Phase.ENDED):
                return False
            return None if self.why_disabled(action) is not None else True
        return super().check_action(action, parameters)

    def why_disabled(self, action: str) -> str | None:
        """Why it is disabled."""
        host = self.host
        why = disabled_reasons(self._row, read_only=host.read_only).get(action)
        if why is None and action in ENDINGS:
            return denial_of(host.picture, host.rights, self._row.action, self)
        return why

    def on_rights_arrived(self, message: RightsArrived) -> None:
        """A cluster has reported the user's rights."""
        self.refresh_bindings()

    def action_back(self) -> None:
        """Cancel the question, else close the screen."""
        if self.phase is Phase.ASKING:
            self.stop_asking()
            self.phase = Phase.IDLE
            self.refresh_bindings()
            return
        super().action_back()
