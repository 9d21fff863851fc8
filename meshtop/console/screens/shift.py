"""Shifting weights from the console: fill in, check, see every diff, confirm by a typed name, watch, steer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtop.console.planning import effect, subject_of
from meshtop.console.screens.run import Phase, RunScreen
from meshtop.console.screens.shift_form import ShiftForm
from meshtop.console.shifting import Checked
from meshtop.views.table import Tone

if TYPE_CHECKING:
    from meshtop.actions.preflight import Check, Preflight
    from meshtop.analysis.canary.board import CanaryRow
    from meshtop.views.picture import Picture

_TONES = {"ok": Tone.GOOD, "warning": Tone.DEGRADED, "refused": Tone.FAILING}
_BADNESS = tuple(_TONES)
_FIELD_OF_CHECK = {"owner": "override", "weights": "weights"}
"""Where what a check refuses can be mended."""


class ShiftScreen(RunScreen):
    """One route's shift."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "check", "check everything", id="shift.go"),
        Binding("enter", "again", "look again", id="shift.again"),
    ]

    def __init__(self, row: CanaryRow, picture: Picture, note: str = "") -> None:
        super().__init__()
        self.row = row
        self._subject = subject_of(row, picture)
        self._note = note
        self._found: Preflight | None = None

    @property
    def about(self) -> str:
        """What is shifted."""
        return (
            f"Shift {self.row.label}: fill in; enter checks everything and shows each cluster's diff; "
            "typing the namespace writes. While it runs the guard watches, and takes everything back when it fails."
        )

    def crumbs(self) -> tuple[str, ...]:
        """The route."""
        return (self.row.label, "shift")

    def body(self) -> ComposeResult:
        """The form, then what runs."""
        with Vertical(classes="shift"):
            if self._subject is not None:
                yield ShiftForm(self._subject, self.row.cluster)
            yield from self.running_body()

    def on_mount(self) -> None:
        """Say how it stands."""
        if self._subject is None:
            self.note(f"No cluster's callers obey {self.row.label} in {self.row.cluster}.", Tone.DEGRADED)
            self.phase = Phase.ENDED
            return
        if self._note:
            self.note(f"▲ {self._note}", Tone.DEGRADED)
        elif self.row.cluster not in self._subject.clusters:
            others = ", ".join(self._subject.clusters)
            self.note(f"▲ Nobody obeys the route in {self.row.cluster}: it is written in {others}.", Tone.DEGRADED)
        self.note("Enter checks rights, owners, pods, subsets and leases, and shows each diff.", Tone.DIM)

    @property
    def form(self) -> ShiftForm:
        """The fields."""
        return self.query_one(ShiftForm)

    def refresh_picture(self, picture: Picture) -> None:
        """The form reckons with the weights as they are."""
        subject = subject_of(self.row, picture)
        if subject is not None and subject != self._subject and self.query(ShiftForm):
            self._subject = subject
            self.form.update_subject(subject)

    def on_shift_form_entered(self, message: ShiftForm.Entered) -> None:
        """Enter in a field checks."""
        self.action_check()

    def action_check(self) -> None:
        """Check the form, then everything else."""
        if self.phase is not Phase.IDLE or self.desk is None:
            return
        found = self.form.plan()
        if found is None:
            return
        plan, clusters = found
        self.phase = Phase.CHECKING
        self.said.clear()
        self.note("Checking …", Tone.DIM)
        self.desk.check(plan, clusters)

    def on_checked(self, message: Checked) -> None:
        """Show the checks and the diffs; back to the form where something refuses."""
        from meshtop.actions.narration import check_lines, diff_lines

        found = self._found = message.found
        self.said.clear()
        if found is None:
            self._refused(message.problem)
            return
        for mark, line in sorted(check_lines(found.checks), key=lambda pair: _BADNESS.index(pair[0].value)):
            self.note(line, _TONES[mark.value])
        refused = next((check for check in found.checks if check.mark.value == "refused"), None)
        if refused is not None:
            self._mend(refused)
            return
        self.note("")
        for line in diff_lines(message.diffs):
            self.note(line, {"+": Tone.GOOD, "-": Tone.FAILING, "@": Tone.DIM}.get(line[:1], Tone.PLAIN))
        if message.problem:
            self._refused(message.problem)
            return
        self.form.display = False
        self.log_view.scroll_home(animate=False)
        clusters = " and ".join(found.plan.clusters)
        self.ask(f"Nothing was written yet. Type {self.row.namespace} to shift {clusters}:")

    def _refused(self, problem: str) -> None:
        self.note(f"✗ {problem}", Tone.FAILING)
        self.note("Nothing was written. Enter checks again.", Tone.DEGRADED)
        self._to_form()
        self.console_app.session.refresh()

    def _mend(self, refused: Check) -> None:
        """Back to the form, to the field where it can be mended if there is one."""
        self.note("Nothing was written. Correct the plan, then enter.", Tone.DEGRADED)
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
        """Shift, if the namespace was typed."""
        from meshtop.actions.progress import progress_of
        from meshtop.actions.standing import Recorded

        found = self._found
        if text != self.row.namespace or found is None:
            self.note(f"Not shifted: {text!r} is another name." if text else "Not shifted.", Tone.DEGRADED)
            self._to_form()
            return
        self.said.clear()
        self.note(self._summary(), Tone.DIM)
        self.begin(progress_of(Recorded(plan=found.plan, targets=found.targets)))
        if self.desk is not None:
            self.desk.run()

    def _summary(self) -> str:
        values, subject = self.form.values, self._subject
        assert subject is not None, "there is a form"
        return f"{effect(values, subject)}; guard {values['guard']}; on loss {values['on loss']}."

    def action_again(self) -> None:
        """After the end, or somebody else's change: the form, and how the weights are by now."""
        if self.phase is Phase.ENDED and self.query(ShiftForm):
            self._to_form()
            self.action_check()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter checks what is filled in, and looks again at what has ended."""
        if action == "check":
            return self.phase is Phase.IDLE
        if action == "again":
            return self.phase is Phase.ENDED and bool(self.query(ShiftForm))
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """From the question to the form, from the form to the board."""
        if self.phase is Phase.ASKING:
            self.stop_asking()
            self._to_form()
            return
        super().action_back()
