"""The journal in the console: what was written, by whom and why; what is under way; taking the last one back."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from meshtop.console.places import CANARIES, name_of
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.shift import Said, said_lines
from meshtop.console.shifting import Broke, Happened, ShiftDesk
from meshtop.console.widgets.line_view import LineView
from meshtop.views.table import Tone

if TYPE_CHECKING:
    from meshtop.actions.journal import Action
    from meshtop.views.picture import Picture

MOST = 50


class JournalScreen(MeshScreen):
    """The latest actions; `R` asks for the id of one, and takes it back in every cluster."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("R", "take_back", "roll back", id="journal.rollback")]

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self._seen = picture
        self.said: list[Said] = []
        """What was said so far, with its tone."""
        self._last: str | None = None
        self._taking_back = False
        self._asked = False

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
        """What is shown."""
        return "What meshtop wrote from this machine: each intention before its request, each outcome after it."

    @property
    def ended(self) -> bool:
        """Whether something was taken back from here, and is done."""
        return self._asked and not self._taking_back

    def crumbs(self) -> tuple[str, ...]:
        """The journal."""
        return ("journal",)

    def body(self) -> ComposeResult:
        """The list, and the question."""
        with Vertical(classes="shift"):
            yield Input(id="confirm", compact=True)
            yield LineView(id="said")

    def on_mount(self) -> None:
        """Read the journal."""
        from meshtop.actions.journal import Journal, JournalError, state_folder

        self.query_one("#confirm").display = False
        self.query_one("#said").focus()
        path = state_folder() / "journal.db"
        try:
            actions = []
            if path.is_file():
                with contextlib.closing(Journal(path)) as journal:
                    actions = journal.actions(limit=MOST)
        except JournalError as error:
            self._say(str(error), Tone.FAILING)
            return
        for action in actions:
            self._describe(action)
        if not actions:
            self._say("Nothing was shifted from here yet.", Tone.DIM)
        elif self._last is None:
            self._last = actions[0].id

    def _describe(self, action: Action) -> None:
        when = datetime.fromtimestamp(action.created, UTC).strftime("%Y-%m-%d %H:%M:%S")
        reason = f": {action.reason}" if action.reason else ""
        tone = Tone.DEGRADED if action.open else Tone.PLAIN
        self._say(
            f"{action.id}  {action.state.value:<11}  {when}  {action.kind} {action.subject} by {action.who}{reason}",
            tone,
        )
        for entry in action.unanswered():
            self._say(
                f"    ? {entry.cluster}: a request was sent and its answer is not known; R reads and settles it.", tone
            )

    def _say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        self.said.append((text, tone))
        self.query_one("#said", LineView).show(lambda width: said_lines(self.said, width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Read-only takes the lever away, and says so."""
        if action == "take_back":
            return None if self.console_app.read_only or self._last is None or self._taking_back else True
        return super().check_action(action, parameters)

    def why_off(self, action: str) -> str | None:
        """Why it is off."""
        return "read-only" if self.console_app.read_only else "nothing to take back"

    def action_take_back(self) -> None:
        """Ask which one."""
        question = self.query_one("#confirm", Input)
        question.display = True
        question.value = self._last or ""
        question.placeholder = "the id to take back, enter to go on, esc to leave"
        question.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it back."""
        event.stop()
        self.query_one("#confirm").display = False
        self.query_one("#said").focus()
        self._taking_back = self._asked = True
        ShiftDesk(self.console_app.session, self._seen, self).take_back(event.value.strip() or None)

    def on_happened(self, message: Happened) -> None:
        """Show what happened."""
        from meshtop.actions.narration import line_of

        self._say(line_of(message.event))
        if message.event.outcome is not None:
            self._taking_back = False
            self.console_app.session.refresh()

    def on_broke(self, message: Broke) -> None:
        """Show why it ended."""
        self._taking_back = False
        self._say(f"✗ {message.problem}", Tone.FAILING)
