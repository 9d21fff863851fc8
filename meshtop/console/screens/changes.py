"""The place Changes: what changed, and what of it can be taken back from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from meshtop.console.desk.journaling import row_of_action
from meshtop.console.places import CHANGES
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.table import TableScreen
from meshtop.console.widgets.live_table import LiveTable
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.views.reports.changes.item import ChangeItem


class UndoingScreen(MeshScreen):
    """A screen with a change: `R` takes it back where it was made from here."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("R", "roll_back", "take it back", id="changes.rollback")]

    @property
    def change_key(self) -> str | None:
        """The key of the change that is meant."""
        raise NotImplementedError

    @property
    def _change(self) -> ChangeItem | None:
        picture, key = self.host.picture, self.change_key
        found: ChangeItem | None = find_item(picture, CHANGES, key) if picture is not None and key else None
        return found

    def action_roll_back(self) -> None:
        """Open the action that made the change, and ask whether to take it back."""
        change = self._change
        row = row_of_action(change.undo) if change is not None and change.undo else None
        if row is None:
            self.say(self.why_disabled("roll_back") or "The journal does not have it any more.", Tone.DEGRADED)
        else:
            self.host.open_action(row, "roll_back")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The key is there where the change under the cursor was made from here."""
        if action == "roll_back":
            change = self._change if self.is_mounted else None
            return True if change is not None and change.undo else None
        return super().check_action(action, parameters)

    def why_disabled(self, action: str) -> str | None:
        """Why a change cannot be taken back from here."""
        if action == "roll_back":
            return "It was not made by meshtop from this machine: only its own shifts and copies can be taken back."
        return super().why_disabled(action)


class ChangesScreen(UndoingScreen, TableScreen):
    """The changes of the last day, the newest first."""

    def __init__(self) -> None:
        super().__init__(CHANGES)

    @property
    def change_key(self) -> str | None:
        """The change under the cursor."""
        return self.rows.cursor_key

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "What changed in the last day, the newest first; ! is suspected of what needs attention, 0 first. "
            "enter shows the fields, the calls before and after and why; Y shows the object in every cluster."
        )

    def on_live_table_row_highlighted(self, event: LiveTable.RowHighlighted) -> None:
        """What can be taken back depends on the row."""
        super().on_live_table_row_highlighted(event)
        self.refresh_bindings()


class ChangeDetailScreen(UndoingScreen, DetailScreen):
    """One change."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(kind, key)

    @property
    def change_key(self) -> str | None:
        """The change that is shown."""
        return self.key
