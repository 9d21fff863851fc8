"""Rollback of a shift: each cluster gets the exact weights from before, unless they were changed by others since."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from msgspec import Struct

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.events import EventKind
from meshtop.actions.fleet import Fleet, read_only_reason
from meshtop.actions.journal.journal import ActionState, EntryKind, Journal
from meshtop.actions.shift.apply import Sleep, changed, record_resolved, set_weights, text_of
from meshtop.actions.shift.record import KnownWeights
from meshtop.actions.shift.targets import ShiftTarget, weights_of


class RestoreResult(Struct, frozen=True):
    """The result in one cluster; `error` is None when it has its old weights again."""

    target: ShiftTarget
    message: str
    error: ActionError | None = None

    @property
    def kind(self) -> EventKind:
        """Kind of the event that reports it."""
        return EventKind.RESTORED if self.error is None else EventKind.NOT_RESTORED

    @property
    def weights(self) -> dict[str, int | None] | None:
        """The current weights; None where others changed them or they are unknown."""
        return self.target.named(self.target.before) if self.error is None else None


def state_after(worst: ActionError | None) -> ActionState:
    """The state of an action after an attempt to roll it back, by the worst result.

    A cluster that did not answer can be restored later, so the rollback is unfinished; weights changed by others are
    kept, so it is finished.
    """
    if worst is None:
        return ActionState.ROLLED_BACK
    return ActionState.TAKING_BACK if worst.kind.unanswered else ActionState.FAILED


async def restore(
    action: str,
    targets: Sequence[ShiftTarget],
    known: Mapping[str, KnownWeights],
    fleet: Fleet,
    journal: Journal,
    *,
    sleep: Sleep = asyncio.sleep,
    renew: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[RestoreResult]:
    """Restore the targets one by one, the last changed first; a failure does not stop the others.

    `known` are the weights of each cluster by the journal. Clusters that were never changed are skipped. `renew` renews
    the Leases before each; after losing one, the remaining clusters are left to its new holder.
    """
    for target in reversed(targets):
        untouched = KnownWeights(target.before)
        found = known.get(target.cluster, untouched)
        if found == untouched:
            continue
        try:
            if renew is not None:
                await renew()
            await _restore(action, target, found, fleet, journal, sleep)
        except ActionError as error:
            title = target.where.title
            journal.write(action, EntryKind.NOTE, cluster=target.cluster, object_=title, note="left", why=error.message)
            yield RestoreResult(target, error.message, error)
        else:
            yield RestoreResult(target, f"{target.cluster} has its old weights {text_of(target.before)} again.")


async def _restore(
    action: str, target: ShiftTarget, known: KnownWeights, fleet: Fleet, journal: Journal, sleep: Sleep
) -> None:
    member = fleet.members.get(target.cluster)
    if member is None:
        message = f"{target.cluster} is not available here."
        raise ActionError(ErrorKind.UNREACHABLE, message, cluster=target.cluster)
    if member.read_only:
        raise ActionError(ErrorKind.REFUSED, read_only_reason(target.cluster), cluster=target.cluster)
    route = await member.api.read(target.where)
    weights = weights_of(route)
    if not target.same_route(route) or weights not in (*known.may_be, target.before):
        raise changed(target, route, known.may_be[0])
    if known.doubtful is not None:
        # The cluster answers what a crash or a lost answer left open; only then may anything else be sent.
        took_effect = not (weights == known.confirmed != known.doubtful)
        record_resolved(journal, action, target, weights, took_effect=took_effect)
    if weights != target.before:
        await set_weights(member.api, journal, action, target, target.before, expected=weights, sleep=sleep)
