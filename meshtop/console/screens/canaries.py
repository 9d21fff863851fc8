"""The canary board and the detail of a route, from which weights are shifted and rolled back."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from textual.binding import Binding, BindingType

from meshtop.analysis.tenancy.access.permissions import denial_reason
from meshtop.console.desk.journaling import clusters_at_hand, last_shift
from meshtop.console.desk.permissions import permissions_for, writes_of
from meshtop.console.desk.rights import RightsArrived
from meshtop.console.places import CANARIES
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.table import TableScreen
from meshtop.views.frame.detail import find_item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtop.analysis.canary.board import CanaryRow
    from meshtop.analysis.tenancy.access.permissions import PlannedWrite, WritePermission
    from meshtop.console.desk.journaling import Known
    from meshtop.console.widgets.live_table import LiveTable
    from meshtop.views.frame.facts import Detail
    from meshtop.views.picture.picture import Picture

WRITES = ("shift", "roll_back")
"""The actions that write."""


def shift_permissions(screen: MeshScreen, picture: Picture, key: str | None) -> tuple[WritePermission, ...]:
    """The permissions that a shift of a route needs; unknown rights are requested."""
    from meshtop.views.reports.rights import shift_writes

    row: CanaryRow | None = None if key is None else find_item(picture, CANARIES, key)
    return permissions_for(picture, screen.host.rights, () if row is None else shift_writes(picture, row), screen)


def with_rights(found: Detail | None, permissions: tuple[WritePermission, ...]) -> Detail | None:
    """A route's detail with a section on shift permissions."""
    from meshtop.views.reports.rights import rights_section

    if found is None:
        return None
    first, *others = found.sections
    return structs.replace(found, sections=(first, rights_section(permissions), *others))


class ShiftingScreen(MeshScreen):
    """A screen with a route: `S` shifts it, `R` rolls the last shift back, `J` is the journal."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "shift", "shift", id="canary.shift"),
        Binding("R", "roll_back", "roll back", id="canary.rollback"),
        Binding("J", "app.journal", "journal", id="canary.journal"),
    ]

    _taken_back: tuple[PlannedWrite, ...] = ()
    _at_hand: Known | None = None
    _off: Mapping[str, str] = MappingProxyType({})
    permissions: tuple[WritePermission, ...] = ()
    """The permissions for a shift of the route, cluster by cluster."""

    @property
    def route_key(self) -> str | None:
        """The key of the route that a shift is of; None where there is none."""
        raise NotImplementedError

    def on_screen_resume(self) -> None:
        """Update the permission of a rollback, as another screen may have run a shift."""
        if self.host.picture is not None:
            self._find_last(self.host.picture)

    def _find_last(self, picture: Picture) -> None:
        self._at_hand = clusters_at_hand(picture.snapshot.clusters)
        last = last_shift(self._at_hand)
        self._taken_back = () if last is None else writes_of(last.action)

    def judge(self, picture: Picture) -> None:
        """Compute the reasons why actions that write are disabled."""
        # Which clusters these are is known once they have answered; the journal is read again only then.
        if clusters_at_hand(picture.snapshot.clusters) != self._at_hand:
            self._find_last(picture)
        self.permissions = shift_permissions(self, picture, self.route_key)
        back = permissions_for(picture, self.host.rights, self._taken_back, self)
        off = {"shift": denial_reason(self.permissions), "roll_back": denial_reason(back, needs_all=True)}
        if self.host.read_only:
            off = dict.fromkeys(WRITES, "read-only")
        known = {action: why for action, why in off.items() if why is not None}
        if known != self._off:
            self._off = known
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions that are not permitted."""
        if action in WRITES and (self.host.read_only or action in self._off):
            return None
        return super().check_action(action, parameters)

    def why_disabled(self, action: str) -> str | None:
        """Why an action that writes is disabled."""
        return "read-only" if action in WRITES and self.host.read_only else self._off.get(action)

    def action_shift(self) -> None:
        """Open the shift dialog for the route; it names clusters that would refuse the shift."""
        from meshtop.analysis.tenancy.access.permissions import denials
        from meshtop.console.screens.shift import ShiftScreen

        picture, key = self.host.picture, self.route_key
        row: CanaryRow | None = None if picture is None or key is None else find_item(picture, CANARIES, key)
        if picture is None or row is None:
            return
        note = denials(self.permissions)
        if note is not None:
            others = ",".join(one.write.cluster for one in self.permissions if not one.denied)
            note = f"{note} Name the others as waves: {others}"
        self.app.push_screen(ShiftScreen(row, picture, note or ""))

    def action_roll_back(self) -> None:
        """Roll back the last shift after confirmation."""
        self.host.roll_back_last()


class CanaryScreen(TableScreen, ShiftingScreen):
    """Every weighted route; the keys that write mean the one under the cursor."""

    def __init__(self) -> None:
        super().__init__(CANARIES)

    @property
    def route_key(self) -> str | None:
        """The route under the cursor."""
        return self.rows.cursor_key

    def refresh_picture(self, picture: Picture) -> None:
        """Show the rows, and update which keys are disabled."""
        super().refresh_picture(picture)
        self.judge(picture)

    def on_live_table_row_highlighted(self, event: LiveTable.RowHighlighted) -> None:
        """Update the permissions for the newly selected route."""
        if self.host.picture is not None:
            self.judge(self.host.picture)

    def on_rights_arrived(self, message: RightsArrived) -> None:
        """Update disabled keys and the side panel."""
        picture = self.host.picture
        if picture is not None:
            self.judge(picture)
            self._show_side(picture, self.rows.cursor_key)

    def beside(self, picture: Picture, key: str) -> Detail | None:
        """The route with its rights."""
        return with_rights(super().beside(picture, key), shift_permissions(self, picture, key))


class CanaryDetailScreen(DetailScreen, ShiftingScreen):
    """The detail of a route, with shift permissions."""

    @property
    def route_key(self) -> str | None:
        """The route that is shown."""
        return self.key

    def refresh_picture(self, picture: Picture) -> None:
        """Show the route, and update which keys are disabled."""
        super().refresh_picture(picture)
        self.judge(picture)

    def make_detail(self, picture: Picture) -> Detail | None:
        """The route with its rights."""
        return with_rights(super().make_detail(picture), shift_permissions(self, picture, self.key))

    def on_rights_arrived(self, message: RightsArrived) -> None:
        """Update the permissions."""
        self.update()
