"""Recovery of shifts that ended in the middle: resuming them, or rolling them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from msgspec import structs

from meshtop.actions.at_hand import fleet_at_hand, require_readable
from meshtop.actions.claim import Claim
from meshtop.actions.errors import ActionError, ErrorKind, worst_error
from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind, outcome_of
from meshtop.actions.fleet import Fleet
from meshtop.actions.journal.journal import SHIFT, Action, ActionState, EntryKind, Journal
from meshtop.actions.shift.apply import Sleep
from meshtop.actions.shift.controls import Controls
from meshtop.actions.shift.record import ShiftRecord, known_weights, require_resumable, shift_record
from meshtop.actions.shift.restore import restore, state_after
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.actions.shift.targets import ShiftTarget, route_object
from meshtop.analysis.canary.survey import SurveyedRoute


def require_not_back(action: Action) -> None:
    """Raise ActionError (usage) for an action that is already rolled back."""
    if action.state is ActionState.ROLLED_BACK:
        raise ActionError(ErrorKind.USAGE, f"Action {action.id} is already rolled back.")


def find_action(journal: Journal, identity: str | None) -> Action:
    """The action with that id or unique prefix of an id, or else the last shift. Raises ActionError."""
    action = journal.last(kind=SHIFT) if identity is None else journal.action(identity)
    if action is None:
        require_readable(journal)
        what = "no shift" if identity is None else f"no single action {identity}"
        raise ActionError(ErrorKind.USAGE, f"The journal has {what}; meshtop journal lists them.")
    return action


async def resume(
    action: Action,
    fleet: Fleet,
    journal: Journal,
    *,
    controls: Controls | None = None,
    attended: bool = False,
    sleep: Sleep = asyncio.sleep,
) -> ShiftRunner:
    """A runner that continues where the action stopped. Raises ActionError if it has ended or cannot be resumed."""
    require_resumable(action, action.id)
    shift = shift_record(action)
    fleet = await _own_fleet(action, shift, fleet)
    surveyed = [_surveyed(shift, fleet, target.cluster) for target in shift.targets]
    return ShiftRunner(
        shift,
        surveyed,
        fleet,
        journal,
        controls=controls,
        attended=attended,
        action=action.id,
        sleep=sleep,
    )


async def rollback(
    action: Action,
    fleet: Fleet,
    journal: Journal,
    *,
    controls: Controls | None = None,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[ActionEvent]:
    """Every cluster back to its weights from before the action; hold and abort both stop it where it stands.

    Raises ActionError before anything is written: conflict when the name of one of its clusters belongs to another
    cluster here.
    """
    require_not_back(action)
    shift = shift_record(action)
    halt = (controls or Controls()).halt
    fleet = await _own_fleet(action, shift, fleet.under(halt))
    claim = Claim(action.id, fleet, journal, seconds=shift.plan.pace.lease)
    try:
        claim.lock()
        await claim.take_leases(target.where for target in shift.targets)
        # Read again under the lock: the process that ran it may have gone on since.
        found = journal.action(action.id) or action
        journal.write(action.id, EntryKind.NOTE, note="rollback", who=fleet.who, origin=fleet.origin)
        journal.set_state(action.id, ActionState.TAKING_BACK)
        blank = ActionEvent(kind=EventKind.TAKING_BACK, action=action.id, message=f"Rolling back {action.id}.")
        yield blank
        errors = []
        known = known_weights(found, shift.targets)
        async for one in restore(
            action.id, shift.targets, known, fleet, journal, sleep=sleep, renew=claim.renew_leases
        ):
            if one.error is not None:
                errors.append(one.error)
            yield structs.replace(
                blank, kind=one.kind, message=one.message, cluster=one.target.cluster, weights=one.weights
            )
        worst = worst_error(errors)
        journal.set_state(action.id, state_after(worst))
        yield structs.replace(
            blank,
            kind=EventKind.ENDED,
            message="Everything is as before." if worst is None else _rest(action, stopped=halt.requested),
            outcome=_outcome(worst, stopped=halt.requested),
            restored=worst is None,
        )
    finally:
        # Whatever ended it, the Leases are given back.
        halt.clear()
        await claim.release()


def _outcome(worst: ActionError | None, *, stopped: bool) -> ActionOutcome:
    if worst is None:
        return ActionOutcome.ROLLED_BACK
    return ActionOutcome.ABORTED if stopped else outcome_of(worst)


def _rest(action: Action, *, stopped: bool) -> str:
    if stopped:
        return f"Stopped before everything was back: meshtop rollback {action.id} goes on."
    return f"See meshtop journal {action.id}."


async def _own_fleet(action: Action, shift: ShiftRecord, fleet: Fleet) -> Fleet:
    """The fleet under the shift's names, with all of its clusters available and writable. Raises ActionError."""
    # What refuses without any request is asked first.
    _require_allowed([t for t in shift.targets if t.cluster in fleet.members], fleet)
    found = await fleet_at_hand(action, fleet, [target.cluster for target in shift.targets])
    _require_allowed(shift.targets, found)
    return found


def _require_allowed(targets: Iterable[ShiftTarget], fleet: Fleet) -> None:
    for target in targets:
        if target.cluster not in fleet.members:
            message = f"{target.cluster} is part of this action and is not available here."
            raise ActionError(ErrorKind.UNREACHABLE, message, cluster=target.cluster)
        fleet.require_allowed(SHIFT, target.cluster, target.where.namespace)


def _surveyed(shift: ShiftRecord, fleet: Fleet, cluster: str) -> SurveyedRoute:
    target = next(t for t in shift.targets if t.cluster == cluster)
    name = fleet.members[cluster].name
    for one in fleet.survey.surveyed:
        place = route_object(one.route)
        # The action may know the cluster by another name than the survey.
        same = (place.cluster, place.kind, place.namespace, place.name, place.index) == (
            name,
            target.where.kind,
            target.where.namespace,
            target.where.name,
            target.where.index,
        )
        if same and target.same_route(one.route):
            return one
    why = fleet.unread_in(target.where.namespace).get(name)
    if why:
        raise ActionError(ErrorKind.UNREACHABLE, why, cluster=cluster)
    raise ActionError(
        ErrorKind.CONFLICT, f"{target.where.title} in {cluster} is not the same route any more.", cluster=cluster
    )
