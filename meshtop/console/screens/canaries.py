"""The board of weighted routes, from which weights are shifted and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from meshtop.console.places import CANARIES
from meshtop.console.screens.table import TableScreen
from meshtop.views.detail import find_item

if TYPE_CHECKING:
    from meshtop.analysis.canary.board import CanaryRow


class CanaryScreen(TableScreen):
    """Every weighted route; `S` shifts the one under the cursor, `R` takes the last shift back, `J` is the journal."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "shift", "shift", id="canary.shift"),
        Binding("R", "take_back", "roll back", id="canary.rollback"),
        Binding("J", "journal", "journal", id="canary.journal"),
    ]

    def __init__(self) -> None:
        super().__init__(CANARIES)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Read-only takes the levers away, and says so."""
        if action in ("shift", "take_back") and self.console_app.read_only:
            return None
        return super().check_action(action, parameters)

    def why_off(self, action: str) -> str | None:
        """Why a lever is off."""
        return "read-only" if action in ("shift", "take_back") and self.console_app.read_only else None

    def action_shift(self) -> None:
        """Open the dialog for the route under the cursor."""
        from meshtop.console.screens.shift import ShiftScreen

        picture, key = self.console_app.picture, self.rows.cursor_key
        row: CanaryRow | None = None if picture is None or key is None else find_item(picture, self.kind, key)
        if picture is not None and row is not None:
            self.app.push_screen(ShiftScreen(row, picture))

    def action_take_back(self) -> None:
        """Take the last shift back, after asking."""
        from meshtop.console.screens.journal import JournalScreen

        if self.console_app.picture is not None:
            self.app.push_screen(JournalScreen(self.console_app.picture))

    def action_journal(self) -> None:
        """What was written, by whom and why."""
        self.action_take_back()
