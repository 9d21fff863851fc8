"""Shifts that ended in the middle: taken up again, or taken back, after whatever ended them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from msgspec import structs

from meshtop.actions.claim import Claim
from meshtop.actions.errors import ActionError, Kind
from meshtop.actions.fleet import Fleet
from meshtop.actions.journal.journal import Action, ActionState, Event, Journal
from meshtop.actions.shift.apply import Sleep
from meshtop.actions.shift.events import Controls, Outcome, ShiftEvent, Sort
from meshtop.actions.shift.preflight import SHIFT
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.actions.shift.standing import Recorded, recorded, require_resumable, standings
from meshtop.actions.shift.takeback import take_back
from meshtop.actions.shift.targets import place_of
from meshtop.analysis.canary.survey import SurveyedRoute

_KINDS = {Kind.CONFLICT: Outcome.CONFLICT, Kind.UNREACHABLE: Outcome.LOST}


def find_action(journal: Journal, identity: str | None) -> Action:
    """The shift of that id, or the last one. Raises ActionError."""
    action = journal.last(kind="shift") if identity is None else journal.action(identity)
    if action is None:
        what = "no shift" if identity is None else f"no single action {identity}"
        raise ActionError(Kind.USAGE, f"The journal has {what}; meshtop journal lists them.")
    return action


def resume(
    action: Action,
    fleet: Fleet,
    journal: Journal,
    *,
    controls: Controls | None = None,
    attended: bool = False,
    sleep: Sleep = asyncio.sleep,
) -> ShiftRunner:
    """A runner that goes on where the action stopped. Raises ActionError when it is over, or cannot go on here."""
    require_resumable(action, action.id)
    shift = recorded(action)
    _allowed(shift, fleet)
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
    action: Action, fleet: Fleet, journal: Journal, *, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[ShiftEvent]:
    """Every cluster back to its weights from before the action. Raises ActionError before anything is sent."""
    if action.state is ActionState.ROLLED_BACK:
        raise ActionError(Kind.USAGE, f"Action {action.id} was rolled back already.")
    shift = recorded(action)
    _allowed(shift, fleet)
    claim = Claim(action.id, fleet, journal, seconds=shift.plan.pace.lease)
    try:
        claim.hold()
        await claim.take(target.where for target in shift.targets)
        found = journal.action(action.id) or action
        journal.write(action.id, Event.NOTE, note="rollback", who=fleet.who, origin=fleet.origin)
        journal.set_state(action.id, ActionState.TAKING_BACK)
        blank = ShiftEvent(sort=Sort.TAKING_BACK, action=action.id, message=f"Taking back {action.id}.")
        yield blank
        worst: ActionError | None = None
        standing = standings(found, shift.targets)
        async for one in take_back(action.id, shift.targets, standing, fleet, journal, sleep=sleep):
            worst = worst or one.error
            yield structs.replace(
                blank,
                sort=Sort.LEFT if one.error else Sort.RESTORED,
                message=one.message,
                cluster=one.target.cluster,
                weights=None if one.error else one.target.named(one.target.before),
            )
        state = ActionState.ROLLED_BACK
        if worst is not None:
            state = ActionState.TAKING_BACK if worst.kind is Kind.UNREACHABLE else ActionState.FAILED
        journal.set_state(action.id, state)
        outcome = Outcome.ROLLED_BACK if worst is None else _KINDS.get(worst.kind, Outcome.REFUSED)
        message = "Everything is as before." if worst is None else f"See meshtop journal {action.id}."
        yield structs.replace(blank, sort=Sort.ENDED, message=message, outcome=outcome, restored=worst is None)
    finally:
        await claim.release()


def _allowed(shift: Recorded, fleet: Fleet) -> None:
    for target in shift.targets:
        member = fleet.members.get(target.cluster)
        if member is None:
            raise ActionError(
                Kind.UNREACHABLE,
                f"{target.cluster} took part in it and is not among the clusters here.",
                cluster=target.cluster,
            )
        if member.read_only:
            raise ActionError(Kind.REFUSED, f"{target.cluster} is read-only for meshtop.", cluster=target.cluster)
        why = fleet.policy(SHIFT, target.cluster, target.where.namespace) if fleet.policy is not None else None
        if why is not None:
            raise ActionError(Kind.REFUSED, why, cluster=target.cluster)


def _surveyed(shift: Recorded, fleet: Fleet, cluster: str) -> SurveyedRoute:
    target = next(t for t in shift.targets if t.cluster == cluster)
    for one in fleet.survey.surveyed:
        place = place_of(one.route)
        same = (place.cluster, place.kind, place.namespace, place.name, place.index) == (
            cluster,
            target.where.kind,
            target.where.namespace,
            target.where.name,
            target.where.index,
        )
        if same and target.same_route(one.route):
            return one
    why = fleet.unread.get(cluster)
    if why:
        raise ActionError(Kind.UNREACHABLE, why, cluster=cluster)
    raise ActionError(Kind.CONFLICT, f"{target.where.title} in {cluster} is no longer that route.", cluster=cluster)
