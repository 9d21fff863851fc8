"""Shifting weights from the console: choose, check, see every diff, confirm by a typed name, watch, steer."""

from __future__ import annotations

import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Vertical
from textual.widgets import Input, Label

from meshtop.analysis.canary.routes import VIRTUAL_SERVICE
from meshtop.console.places import CANARIES, name_of
from meshtop.console.screens.base import MeshScreen
from meshtop.console.shifting import Broke, Checked, Happened, ShiftDesk
from meshtop.console.text import clean, cut
from meshtop.console.widgets.line_view import LineView
from meshtop.console.widgets.table_frame import Line, Run
from meshtop.views.table import Tone

if TYPE_CHECKING:
    from meshtop.actions.plan import ShiftPlan
    from meshtop.analysis.canary.board import CanaryRow
    from meshtop.views.picture import Picture

Said = tuple[str, Tone]
_MARKS = {"ok": ("✓", Tone.GOOD), "warning": ("▲", Tone.DEGRADED), "refused": ("✗", Tone.FAILING)}
_FIELDS = (
    ("to", "weights", "v3=20, or only v3 with steps"),
    ("plan", "steps", "5,25,50,100 (none: at once)"),
    ("every", "every", "how long a step stands"),
    ("guard", "guard", "errors,latency or none"),
    ("waves", "waves", "east then west: east; west"),
    ("reason", "reason", "kept in the journal"),
)


class Phase(StrEnum):
    """Where the dialog stands."""

    FORM = "form"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    ENDED = "ended"


def route_of(row: CanaryRow) -> str:
    """A row's ROUTE, as the command line writes it."""
    prefix = "" if row.kind == VIRTUAL_SERVICE else f"{row.kind.lower()}/"
    return f"{prefix}{row.namespace}/{row.name}#{row.route}"


def said_lines(said: list[Said], width: int) -> list[Line]:
    """What was said so far, wrapped to the width."""
    lines = []
    for text, tone in said:
        for piece in textwrap.wrap(clean(text), max(20, width - 4), drop_whitespace=False) or [""]:
            lines.append(Line("plain", (Run(2, cut(piece, max(0, width - 3)), tone),)))
    return lines


class ShiftScreen(MeshScreen):
    """One route's shift; while it runs the screen stays, and ctrl-c asks once before it ends the console."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "check", id="shift.go", show=True),
        Binding("e", "edit", "edit", id="shift.edit"),
        Binding("p", "pause", "pause or go on", id="shift.pause"),
        Binding("k", "skip", "skip", id="shift.skip"),
        Binding("H", "hold", "hold", id="shift.hold"),
        Binding("A", "abort", "abort, take back", id="shift.abort"),
    ]

    def __init__(self, row: CanaryRow, picture: Picture, note: str = "") -> None:
        super().__init__()
        self.row = row
        self._note = note
        self.phase = Phase.FORM
        self._seen = picture
        self._desk: ShiftDesk | None = None
        self.said: list[Said] = []
        """What was said so far, with its tone."""
        self._leaving = False

    @property
    def place(self) -> str:
        """Canaries."""
        return name_of(CANARIES)

    @property
    def is_place(self) -> bool:
        """It was opened from the board."""
        return False

    @property
    def about(self) -> str:
        """What is shifted."""
        return f"Shift {route_of(self.row)}: fill in, enter checks everything, then type the namespace to go on."

    def crumbs(self) -> tuple[str, ...]:
        """The route."""
        return (route_of(self.row), "shift")

    def body(self) -> ComposeResult:
        """The form, the question, and what was said."""
        canary = self.row.destinations[-1].name
        values = {"to": f"{canary}=", "plan": "", "every": "2m", "guard": "errors,latency", "waves": "", "reason": ""}
        with Vertical(classes="shift"):
            with Grid(id="form"):
                for name, label, hint in _FIELDS:
                    yield Label(label, classes="name")
                    yield Input(values[name], placeholder=hint, id=f"field-{name}", compact=True, select_on_focus=False)
            yield Input(placeholder="", id="confirm", compact=True)
            yield LineView(id="said")

    def on_mount(self) -> None:
        """Type the weight first."""
        self._desk = ShiftDesk(self.console_app.session, self._seen, self)
        self.query_one("#confirm").display = False
        field = self.query_one("#field-to", Input)
        field.focus()
        split = " · ".join(f"{d.name} {'-' if d.weight is None else d.weight}" for d in self.row.destinations)
        self._say(f"{route_of(self.row)} in {self.row.cluster} stands at {split}.", Tone.STRONG)
        self._say(
            "Enter checks rights, owners, pods, subsets and leases in every cluster, and shows each diff.", Tone.DIM
        )
        if self._note:
            self._say(f"▲ {self._note}", Tone.DEGRADED)

    def _say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        self.said.append((text, tone))
        view = self.query_one("#said", LineView)
        view.show(lambda width: said_lines(self.said, width))
        view.scroll_end(animate=False)

    def _plan(self) -> ShiftPlan:
        """The plan of the form. Raises ValueError with what to write."""
        from meshtop.actions.plan import ShiftPlan, parse_guard, parse_steps
        from meshtop.settings.schema import parse_duration

        def value(name: str) -> str:
            return self.query_one(f"#field-{name}", Input).value.strip()

        waves = [wave.strip() for wave in value("waves").split(";") if wave.strip()]
        return ShiftPlan(
            route=route_of(self.row),
            steps=parse_steps(value("to").rstrip("=") if value("plan") else value("to"), value("plan") or None),
            waves=tuple(tuple(name.strip() for name in wave.split(",") if name.strip()) for wave in waves),
            every_seconds=parse_duration(value("every")),
            guard=parse_guard(value("guard")),
            reason=value("reason"),
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the form checks; enter in the question answers it."""
        event.stop()
        if event.input.id == "confirm":
            self._confirmed(event.value)
        else:
            self.action_go_on()

    def action_go_on(self) -> None:
        """Check the form, or ask for the typed name."""
        if self.phase in (Phase.FORM, Phase.ENDED):
            try:
                plan = self._plan()
            except ValueError as error:
                self._say(f"✗ {error}.", Tone.FAILING)
                return
            self.phase = Phase.CHECKING
            self._say("Checking …", Tone.DIM)
            if self._desk is not None:
                self._desk.check(plan)
        elif self.phase is Phase.CHECKED:
            self._ask_name()

    def _ask_name(self) -> None:
        question = self.query_one("#confirm", Input)
        question.display = True
        question.value = ""
        question.placeholder = f"type {self.row.namespace} to shift, esc to leave"
        question.focus()

    def _confirmed(self, typed: str) -> None:
        question = self.query_one("#confirm", Input)
        question.display = False
        self.query_one("#said").focus()
        if typed.strip() != self.row.namespace:
            self._say("Not shifted: that was another name.", Tone.DEGRADED)
            return
        self.phase = Phase.RUNNING
        self.refresh_bindings()
        if self._desk is not None:
            self._desk.run()

    def on_checked(self, message: Checked) -> None:
        """Show the checks and the diffs."""
        if message.problem or message.found is None:
            self.phase = Phase.FORM
            self._say(f"✗ {message.problem}", Tone.FAILING)
            return
        for check in message.found.checks:
            sign, tone = _MARKS[check.mark.value]
            self._say(f"{sign} {check.cluster} {check.name}: {check.message}", tone)
        for diff in message.diffs:
            for line in diff.lines or (f"{diff.cluster}: {diff.object} has these weights already.",):
                tone = {"+": Tone.GOOD, "-": Tone.FAILING, "@": Tone.DIM}.get(line[:1], Tone.PLAIN)
                self._say(line, tone)
        if message.found.refusal is not None:
            self.phase = Phase.FORM
            self._say("Nothing was sent. Correct the plan, then enter.", Tone.DEGRADED)
            return
        self.phase = Phase.CHECKED
        self._say("Nothing was written yet.", Tone.DIM)
        self._ask_name()

    def on_happened(self, message: Happened) -> None:
        """Show what happened."""
        from meshtop.actions.events import Outcome
        from meshtop.actions.narration import line_of

        event = message.event
        good = event.outcome in (None, Outcome.DONE, Outcome.ROLLED_BACK)
        self._say(line_of(event), Tone.PLAIN if good else Tone.FAILING)
        if event.outcome is not None:
            self.phase = Phase.ENDED
            self.console_app.session.refresh()
            self.refresh_bindings()

    def on_broke(self, message: Broke) -> None:
        """Show why it ended without telling how."""
        self.phase = Phase.ENDED
        self._say(f"✗ {message.problem}", Tone.FAILING)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What runs can be steered; what does not run can be edited."""
        if action in ("pause", "skip", "hold", "abort"):
            return self.phase is Phase.RUNNING
        if action == "edit":
            return self.phase in (Phase.CHECKED, Phase.ENDED)
        return super().check_action(action, parameters)

    def action_edit(self) -> None:
        """Back to the form."""
        self.phase = Phase.FORM
        self.query_one("#confirm").display = False
        self.query_one("#field-to", Input).focus()

    def action_pause(self) -> None:
        """Stay at this step, or go on."""
        if self._desk is not None:
            paused = self._desk.paused
            self._desk.steer(lambda controls: controls.go_on() if paused else controls.pause())

    def action_skip(self) -> None:
        """To the next step at once."""
        if self._desk is not None:
            self._desk.steer(lambda controls: controls.skip())

    def action_hold(self) -> None:
        """Leave the weights as they are, and end."""
        if self._desk is not None:
            self._desk.steer(lambda controls: controls.hold())

    def action_abort(self) -> None:
        """Take everything back."""
        if self._desk is not None:
            self._desk.steer(lambda controls: controls.abort())

    @property
    def busy(self) -> str | None:
        """While a shift runs, this screen is not left by accident."""
        return "A shift is running: H holds it, A takes everything back." if self.phase is Phase.RUNNING else None

    def action_back(self) -> None:
        """Leave, unless a shift runs."""
        if self.busy is not None:
            self._say(self.busy, Tone.DEGRADED)
            return
        self.app.pop_screen()

    def action_quit_or_back(self) -> None:
        """The same for q."""
        self.action_back()
