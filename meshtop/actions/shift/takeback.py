"""Everything back: each cluster to the exact weights from before, where nobody else has changed them since."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from msgspec import Struct

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.fleet import Fleet
from meshtop.actions.journal.journal import Event, Journal
from meshtop.actions.shift.apply import Sleep, changed, set_weights, text_of
from meshtop.actions.shift.standing import Standing
from meshtop.actions.shift.targets import Target, weights_of


class TakenBack(Struct, frozen=True):
    """What became of one cluster; `error` is None when it has its old weights."""

    target: Target
    message: str
    error: ActionError | None = None


async def take_back(
    action: str,
    targets: Sequence[Target],
    standing: Mapping[str, Standing],
    fleet: Fleet,
    journal: Journal,
    *,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[TakenBack]:
    """Restore the targets one after another, the last one changed first; one that fails does not stop the others."""
    for target in reversed(targets):
        found = standing.get(target.cluster, Standing(target.before))
        if found == Standing(target.before):
            continue
        try:
            await _restore(action, target, found, fleet, journal, sleep)
        except ActionError as error:
            journal.write(
                action, Event.NOTE, cluster=target.cluster, object_=target.where.title, note="left", why=error.message
            )
            yield TakenBack(target, error.message, error)
        else:
            yield TakenBack(target, f"{target.cluster} has its old weights {text_of(target.before)} again.")


async def _restore(
    action: str, target: Target, standing: Standing, fleet: Fleet, journal: Journal, sleep: Sleep
) -> None:
    member = fleet.members.get(target.cluster)
    if member is None:
        raise ActionError(
            ErrorKind.UNREACHABLE, f"{target.cluster} is not among the clusters here.", cluster=target.cluster
        )
    if member.read_only:
        raise ActionError(ErrorKind.REFUSED, f"{target.cluster} is read-only for meshtop.", cluster=target.cluster)
    route = await member.api.read(target.where)
    weights = weights_of(route)
    if not target.same_route(route) or weights not in (*standing.may_be, target.before):
        raise changed(target, route, standing.may_be[0])
    if standing.doubtful is not None:
        # The cluster answers what the crash left open.
        event = Event.REFUSED if weights == standing.known != standing.doubtful else Event.DONE
        detail = {"why": "it had not taken effect"} if event is Event.REFUSED else {"weights": list(weights)}
        journal.write(action, event, cluster=target.cluster, object_=target.where.title, resolved=True, **detail)
    if weights != target.before:
        await set_weights(member.api, journal, action, target, target.before, expected=weights, sleep=sleep)
