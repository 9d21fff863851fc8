"""The shift dialog: fill in the form, check, review diffs, confirm by a typed name, watch, control."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtop.console.desk.planning import ShiftSubject, effect, subject_of
from meshtop.console.desk.shifting import PlanChecked
from meshtop.console.screens.run import LogLine, Phase, RunScreen
from meshtop.console.screens.shift_form import ShiftForm
from meshtop.model.text import clean
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.actions.shift.preflight import Check, Preflight
    from meshtop.analysis.canary.board import CanaryRow
    from meshtop.views.picture.picture import Picture

_TONES = {"ok": Tone.GOOD, "warning": Tone.DEGRADED, "refused": Tone.FAILING}
_BADNESS = tuple(_TONES)
_DIFF = {"+": Tone.GOOD, "-": Tone.FAILING, "@": Tone.DIM}
_NOTHING = "Nothing was written. Correct it, or press enter to check again."
_FIELD_OF_CHECK = {"owner": "owner", "weights": "weights"}
"""Form fields in which a failed check can be corrected."""


class ShiftScreen(RunScreen):
    """The dialog and progress of shifting one route."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "check", "check everything", id="shift.go"),
        Binding("enter", "again", "refresh", id="shift.again"),
    ]

    def __init__(self, row: CanaryRow, picture: Picture, note: str = "", *, take_out: str = "") -> None:
        super().__init__()
        self.row = row
        self._take_out = take_out
        """The version that is to get nothing, where that is what it was opened for: it is checked and asked at once."""
        self._subject = subject_of(row, picture)
        self._note = note
        self._found: Preflight | None = None
        self._checked = False

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            f"Shift {self.row.label}: fill in; enter checks everything and shows each cluster's diff; "
            "typing the namespace writes. While it runs the guard watches, and rolls everything back when it fails."
        )

    @property
    def subject(self) -> str:
        """The route."""
        return self.row.label

    def crumbs(self) -> tuple[str, ...]:
        """The breadcrumb after the place."""
        return (self.row.label, "shift")

    def body(self) -> ComposeResult:
        """The form, and the running shift."""
        with Vertical(classes="shift"):
            if self._subject is not None:
                yield ShiftForm(self._subject, self.row.cluster, f"{self._take_out}=0" if self._take_out else "")
            yield from self.running_body()

    def on_mount(self) -> None:
        """Show an introduction of the route, or why it cannot be shifted."""
        if self._subject is None:
            self.append_log(f"No callers follow {self.row.label} in {self.row.cluster}.", Tone.DEGRADED)
            self.phase = Phase.ENDED
            return
        self._introduce(self._subject)
        if self._take_out:
            self.call_after_refresh(self.action_check)

    def _introduce(self, subject: ShiftSubject) -> None:
        """Show notes about the route, until something is checked."""
        entries = [LogLine(f"▲ {self._note}", Tone.DEGRADED, 2)] if self._note else []
        if self.row.cluster not in subject.clusters:
            where = ", ".join(subject.clusters)
            entries.append(
                LogLine(f"▲ No callers follow it in {self.row.cluster}; it is written in {where}.", Tone.DEGRADED)
            )
        if subject.others:
            others = ", ".join(subject.others)
            about = f"▲ {others} has such a route too, but is not known to be in this mesh: it is not changed."
            entries.append(LogLine(about, Tone.DEGRADED, 2))
        entries.append(LogLine("Tab goes on; enter checks everything in every cluster and shows each diff.", Tone.DIM))
        self.show_log(entries)

    @property
    def form(self) -> ShiftForm:
        """The fields."""
        return self.query_one(ShiftForm)

    def refresh_picture(self, picture: Picture) -> None:
        """Update the form with the current weights."""
        subject = subject_of(self.row, picture)
        if subject is not None and subject != self._subject and self.query(ShiftForm):
            self._subject = subject
            self.form.update_subject(subject)
            if not self._checked:
                self._introduce(subject)

    def on_shift_form_entered(self, message: ShiftForm.Entered) -> None:
        """Check the form on enter."""
        self.action_check()

    def action_check(self) -> None:
        """Check the form, then everything else."""
        if self.phase is not Phase.IDLE or self.desk is None:
            return
        found = self.form.plan()
        if found is None:
            return
        plan, clusters = found
        self.phase, self._checked = Phase.CHECKING, True
        self.log_entries.clear()
        self.append_log("Checking …", Tone.DIM)
        self.desk.check(plan, clusters)

    def on_plan_checked(self, message: PlanChecked) -> None:
        """Show the checks and the diffs; return to the form if a check fails."""
        from meshtop.actions.shift.narration import check_lines, diff_lines

        found = self._found = message.found
        entries: list[LogLine] = []
        if found is not None:
            lines = sorted(check_lines(found.checks), key=lambda pair: _BADNESS.index(pair[0].value))
            entries = [LogLine(line, _TONES[mark.value], 2) for mark, line in lines]
        refused = next((check for check in found.checks if check.status.value == "refused"), None) if found else None
        if refused is not None:
            self._mend(refused, entries)
        elif found is None or message.problem:
            self._refused(message.problem, entries)
        else:
            entries.append(LogLine(""))
            entries += [LogLine(line, _DIFF.get(line[:1], Tone.PLAIN)) for line in diff_lines(message.diffs)]
            self.form.display = False
            self.show_log(entries)
            clusters = found.plan.clusters
            where = " and ".join(clusters) if len(clusters) < 3 else f"{len(clusters)} clusters"
            about = "Nothing is written yet. ↑ ↓ scroll, esc goes back to the form."
            if self._take_out:
                self.ask(about, f"Type y to take {clean(self._take_out)} out in {where}:")
            else:
                self.ask(about, f"Type {self.row.namespace} to shift {where}:")

    def _refused(self, problem: str, entries: list[LogLine]) -> None:
        self.show_log([*entries, LogLine(f"✗ {problem}", Tone.FAILING, 2), LogLine(_NOTHING, Tone.DEGRADED)])
        self._to_form()
        self.host.session.refresh()

    def _mend(self, refused: Check, entries: list[LogLine]) -> None:
        """Return to the form, with the focus on the field that can correct the failure."""
        self.show_log([*reversed(entries), LogLine(_NOTHING, Tone.DEGRADED)])
        self._to_form()
        field = _FIELD_OF_CHECK.get(refused.name)
        if field is not None:
            self.form.complain(field, refused.message)
            self.form.query_one(f"#field-{field}").focus()

    def _to_form(self) -> None:
        self.phase = Phase.IDLE
        self.status.display = False
        self.status.progress = None
        self.form.display = True
        self.form.query_one("#field-weights").focus()
        self.refresh_bindings()

    def answered(self, text: str) -> None:
        """Start the shift if the namespace was typed."""
        from meshtop.actions.shift.progress import progress_of
        from meshtop.actions.shift.record import ShiftRecord

        found = self._found
        # Taking a version out is the way back: it needs no name, only a wish.
        agreed = text in ("y", "yes", self.row.namespace) if self._take_out else text == self.row.namespace
        if not agreed or found is None:
            self.show_log(
                [LogLine(f"Not shifted: {text!r} does not match." if text else "Not shifted.", Tone.DEGRADED)]
            )
            self._to_form()
            return
        self.show_log([LogLine(self._summary(), Tone.DIM)])
        self.begin(progress_of(ShiftRecord(plan=found.plan, targets=found.targets)))
        if self.desk is not None:
            self.desk.run()
        if self._take_out:
            # It goes on in the background, and the cockpit shows it.
            self.action_back()

    def _summary(self) -> str:
        values, subject = self.form.values, self._subject
        assert subject is not None, "there is a form"
        return f"{effect(values, subject)}; guard {values['guard']}; on failure {values['on failure']}."

    def action_again(self) -> None:
        """Show the form again, with the current weights, after the end or a change by others."""
        if self.phase is Phase.ENDED and self.query(ShiftForm):
            self._to_form()
            self.action_check()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enable enter for checking the form, or for starting again after the end."""
        if action == "check":
            return self.phase is Phase.IDLE
        if action == "evidence":
            # What is typed before a question is there belongs to its answer.
            return self.phase in (Phase.RUNNING, Phase.ENDED)
        if action == "again":
            return self.phase is Phase.ENDED and bool(self.query(ShiftForm))
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """Go from the question to the form, from the form to the board."""
        if self.phase is Phase.ASKING:
            self.stop_asking()
            self._to_form()
            return
        super().action_back()
