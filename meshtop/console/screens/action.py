"""One action of the journal: how each cluster stands, what happened when, and its end by resuming or taking back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtop.console.desk.journaling import JournalRow
from meshtop.console.desk.levers import why_not_again
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


def act_levers() -> tuple[str, ...]:
    """What can be done to an action."""
    return ("resume", "take_back")


def reasons(told: JournalRow | None, *, read_only: bool) -> dict[str, str]:
    """Why a lever is off, for those that are."""
    from meshtop.actions.story import may_resume, may_take_back

    if told is None:
        return dict.fromkeys(act_levers(), "no action is selected")
    if read_only:
        return dict.fromkeys(act_levers(), "read-only")
    if told.course.alive:
        return dict.fromkeys(act_levers(), f"process {told.process} runs it" if told.process else "it is running")
    found = {}
    if not may_resume(told.action, told.course):
        found["resume"] = "copies are only taken back" if told.action.kind != "shift" else f"it is {told.course.value}"
    if not may_take_back(told.action, told.course):
        found["take_back"] = f"it is {told.course.value}"
    return found


def state_said(told: JournalRow) -> list[LogLine]:
    """Where it stands, and each cluster."""
    sign, tone = SIGNS_OF_COURSE[told.course.value]
    at = f" at {told.stopped_at}" if told.stopped_at and (told.course.unfinished or told.course.alive) else ""
    meaning = {
        "interrupted": "; its process ended in the middle",
        "half-back": "; taking it back did not come to its end",
        "running": f"; process {told.process} runs it" if told.process else "",
    }.get(told.course.value, "")
    said = [
        LogLine(
            f"{sign}{told.action.kind} of {told.action.subject}: {told.course.value}{at}{meaning}.", tone, len(sign)
        )
    ]
    for state in told.states:
        mark, tone = _DOUBTS[state.state.value]
        said.append(LogLine(f"  {mark} {state.cluster}: {state.message}", tone, 4))
    return said


def state_lines(told: JournalRow, width: int) -> list[TextLine]:
    """The same as lines."""
    return log_lines(state_said(told), width)


def history_said(told: JournalRow) -> list[LogLine]:
    """Who, why, and each entry with its time."""
    from meshtop.actions.story import entry_text

    action = told.action
    begun = datetime.fromtimestamp(action.created, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    said = [LogLine(f"{action.id}, begun {begun} by {action.who} on {action.origin}", Tone.DIM)]
    if action.reason:
        said.append(LogLine(f"because: {action.reason}"))
    said.append(LogLine(""))
    width = max((len(entry.cluster) for entry in action.entries), default=0)
    for entry in action.entries:
        time = datetime.fromtimestamp(entry.time, UTC).strftime("%H:%M:%S")
        tone = {"refused": Tone.FAILING, "unknown": Tone.UNKNOWN, "note": Tone.DIM}.get(entry.event.value, Tone.PLAIN)
        begins = f"{time}  {entry.cluster:<{width}}  "
        said.append(LogLine(begins + entry_text(entry), tone, len(begins)))
    return said


class ActionScreen(RunScreen):
    """One action; `U` goes on with it, `R` takes it back. With `ask` one of the two is asked about at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("U", "resume", "resume", id="journal.resume"),
        Binding("R", "take_back", "roll back", id="journal.rollback"),
    ]

    def __init__(self, told: JournalRow, ask: str = "") -> None:
        super().__init__()
        self._told = told
        self._ask_for = ask
        self._lever = ""

    @property
    def about(self) -> str:
        """What is shown."""
        return (
            "An action of the journal: how each cluster stands by it, and each intention and outcome with its time. "
            "Resuming goes on at the step where it stopped; rolling back restores the exact weights from before."
        )

    def crumbs(self) -> tuple[str, ...]:
        """The journal and the action."""
        return ("journal", self._told.action.id)

    def body(self) -> ComposeResult:
        """What runs, and the log, which begins with the history."""
        with Vertical(classes="shift"):
            yield from self.running_body()

    def on_mount(self) -> None:
        """Tell what happened so far."""
        self.tell([*state_said(self._told), LogLine(""), *history_said(self._told)])
        self.log_view.focus()
        if self._ask_for:
            self.call_after_refresh(self._ask_at_once)

    def _ask_at_once(self) -> None:
        why = self.why_off(self._ask_for)
        if why is not None:
            self.say(f"It cannot be done: {why.rstrip('.')}.", Tone.DEGRADED)
        else:
            (self.action_resume if self._ask_for == "resume" else self.action_take_back)()

    def action_resume(self) -> None:
        """Ask for the namespace, as the shift did when it began."""
        self._lever = "resume"
        at = f" at {self._told.stopped_at}" if self._told.stopped_at else ""
        where = ", ".join(self._told.clusters)
        about = f"Goes on{at} in {where}, watched as before. esc leaves it as it is."
        self.ask(about, f"Type {self._namespace()} to resume:")

    def action_take_back(self) -> None:
        """Ask once; the way back needs no typing."""
        self._lever = "take_back"
        about = f"Everything as it was before in {', '.join(self._told.clusters)}. esc leaves it as it is."
        self.ask(about, "Enter takes it back:")

    def _namespace(self) -> str:
        from meshtop.actions.shift.record import shift_record

        return shift_record(self._told.action).targets[0].where.namespace

    def answered(self, text: str) -> None:
        """Do it."""
        if self._lever == "resume" and text != self._namespace():
            self.say(f"Nothing was done: {text!r} is another name." if text else "Nothing was done.", Tone.DEGRADED)
            self.phase = Phase.IDLE
            self.refresh_bindings()
            return
        self.said.clear()
        self.begin(self._progress())
        if self.desk is not None:
            identity = self._told.action.id
            (self.desk.resume if self._lever == "resume" else self.desk.take_back)(identity)

    def _progress(self) -> Progress | None:
        """Where a shift stands that is taken up; copies, and what is taken back, are told by their log."""
        from meshtop.actions.shift.progress import progress_of
        from meshtop.actions.shift.record import known_weights, shift_record

        if self._lever != "resume":
            return None
        shift = shift_record(self._told.action)
        return progress_of(shift, self._told.action.id, known_weights(self._told.action, shift.targets))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What cannot be done is off, and says why."""
        if action in act_levers():
            if self.phase in (Phase.RUNNING, Phase.ENDED):
                return False
            return None if self.why_off(action) is not None else True
        return super().check_action(action, parameters)

    def why_off(self, action: str) -> str | None:
        """Why it is off."""
        host = self.host
        why = reasons(self._told, read_only=host.read_only).get(action)
        if why is None and action in act_levers():
            return why_not_again(host.picture, host.rights, self._told.action, self)
        return why

    def on_rights_arrived(self, message: RightsArrived) -> None:
        """A cluster has told what the user may do."""
        self.refresh_bindings()

    def action_back(self) -> None:
        """From the question to the history, from there to where one came from."""
        if self.phase is Phase.ASKING:
            self.stop_asking()
            self.phase = Phase.IDLE
            self.refresh_bindings()
            return
        super().action_back()
