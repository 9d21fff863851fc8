"""Permissions of keys that write, by read-only mode, the access policy and Kubernetes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.message_pump import MessagePump

    from meshtop.actions.journal.journal import Action
    from meshtop.analysis.tenancy.access.permissions import PlannedWrite, WritePermission
    from meshtop.console.desk.rights import Rights
    from meshtop.views.picture.picture import Picture


def writes_of(action: Action) -> tuple[PlannedWrite, ...]:
    """The writes of resuming a shift or rolling it back; for other actions they are not known in advance."""
    from meshtop.actions.errors import ActionError
    from meshtop.actions.shift.record import shift_record
    from meshtop.analysis.tenancy.access.permissions import PlannedWrite
    from meshtop.analysis.tenancy.access.rbac import ResourceAttributes

    try:
        targets = shift_record(action).targets
    except ActionError:
        return ()
    return tuple(
        PlannedWrite(
            t.cluster, t.where.namespace, ResourceAttributes("patch", t.where.group, t.where.plural, t.where.name)
        )
        for t in targets
    )


def permissions_for(
    picture: Picture | None, rights: Rights, writes: Sequence[PlannedWrite], target: MessagePump
) -> tuple[WritePermission, ...]:
    """The permission of each write; unknown rights are requested, and `RightsArrived` is posted to `target`."""
    from meshtop.views.reports.rights import levers_of

    if picture is None:
        return ()
    rights.want(picture.snapshot, (write.place for write in writes), target)
    return levers_of(picture, writes, rights.of)


def denial_of(picture: Picture | None, rights: Rights, action: Action, target: MessagePump) -> str | None:
    """Why a shift of the journal cannot be resumed or rolled back, which needs rights in all of its clusters."""

    from meshtop.analysis.tenancy.access.permissions import denial_reason

    return denial_reason(permissions_for(picture, rights, writes_of(action), target), needs_all=True)
