"""One weight change: recorded as an intention, sent as one guarded JSON Patch, then recorded with its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from meshtop.actions.errors import ActionError, AnswerLost, ErrorKind
from meshtop.actions.journal.journal import EntryKind, Journal
from meshtop.actions.kube import KubeApi
from meshtop.actions.shift.targets import ShiftTarget, Weights, weights_of
from meshtop.analysis.canary.owners import last_change
from meshtop.analysis.canary.routes import WeightedRoute
from meshtop.analysis.canary.weights import weight_patch

TRIES = 3
"""Attempts to read a cluster after a response was lost, before it counts as lost."""
Sleep = Callable[[float], Awaitable[None]]


async def set_weights(
    api: KubeApi,
    journal: Journal,
    action: str,
    target: ShiftTarget,
    weights: Weights,
    *,
    expected: Weights,
    sleep: Sleep = asyncio.sleep,
) -> WeightedRoute:
    """Change a target from its expected weights to others; returns the resulting route.

    Nothing is sent if the weights are already set. Raises ActionError: conflict when the object is not as expected (it
    is never overwritten), AnswerLost when the request's outcome cannot be determined. The patch is sent once; without
    a response the cluster is only read, never written to again.
    """
    route = await api.read(target.where)
    if not target.same_route(route) or weights_of(route) not in (expected, weights):
        raise changed(target, route, expected)
    standing = weights_of(route)
    if standing == weights:
        return route
    title = target.where.title
    journal.write(
        action,
        EntryKind.INTENDED,
        cluster=target.cluster,
        object_=title,
        **{"from": list(standing), "to": list(weights)},
    )
    try:
        after, _ = await api.patch(target.where, weight_patch(route, weights))
    except AnswerLost as lost:
        return await _resolve(api, journal, action, target, standing, weights, lost, sleep)
    except ActionError as error:
        journal.write(action, EntryKind.REFUSED, cluster=target.cluster, object_=title, why=error.message)
        if error.kind is ErrorKind.CONFLICT:
            raise changed(target, await api.read(target.where), expected) from error
        raise
    _done(journal, action, target, after)
    return after


async def _resolve(
    api: KubeApi,
    journal: Journal,
    action: str,
    target: ShiftTarget,
    standing: Weights,
    weights: Weights,
    lost: AnswerLost,
    sleep: Sleep,
) -> WeightedRoute:
    """Find out the outcome of a lost response by reading; a request without effect is an error of the cluster."""
    title = target.where.title
    for attempt in range(TRIES):
        await sleep(float(attempt))
        try:
            route = await api.read(target.where)
        except AnswerLost:
            continue
        except ActionError as error:
            if error.kind is ErrorKind.CONFLICT:
                raise
            break  # Whoever may not look, or is to stop, does not learn what became of it.
        if weights_of(route) == weights and target.same_route(route):
            _done(journal, action, target, route)
            return route
        if weights_of(route) == standing and target.same_route(route):
            journal.write(action, EntryKind.REFUSED, cluster=target.cluster, object_=title, why=lost.message)
            raise lost
        journal.write(action, EntryKind.REFUSED, cluster=target.cluster, object_=title, why="somebody changed it")
        raise changed(target, route, weights)
    journal.write(action, EntryKind.UNKNOWN, cluster=target.cluster, object_=title, why=lost.message)
    raise lost


def _done(journal: Journal, action: str, target: ShiftTarget, route: WeightedRoute) -> None:
    journal.write(
        action,
        EntryKind.DONE,
        cluster=target.cluster,
        object_=target.where.title,
        weights=list(weights_of(route)),
        resourceVersion=route.resource_version,
    )


def record_resolved(journal: Journal, action: str, target: ShiftTarget, weights: Weights, *, took_effect: bool) -> None:
    """Record the outcome of an intention whose response was lost, from the weights found in the cluster."""
    detail: dict[str, object] = {"weights": list(weights)} if took_effect else {"why": "it had not taken effect"}
    journal.write(
        action,
        EntryKind.DONE if took_effect else EntryKind.REFUSED,
        cluster=target.cluster,
        object_=target.where.title,
        resolved=True,
        **detail,
    )


def changed(target: ShiftTarget, route: WeightedRoute, expected: Weights) -> ActionError:
    """The conflict error: the current and expected weights, and who wrote the object when."""
    who = last_change(route.managers)
    by = ""
    if who is not None:
        by = f" {who.who} wrote it last, at {datetime.fromtimestamp(who.at, UTC):%Y-%m-%dT%H:%M:%SZ}."
    what = f"it says {text_of(weights_of(route))} where {text_of(expected)} was expected"
    if target.recreated(route):
        what = "it was deleted and created again since"
    elif not target.same_route(route):
        what = f"its destinations are {', '.join(d.name for d in route.destinations)} instead of " + ", ".join(
            target.names
        )
    elif weights_of(route) == expected:
        what = "it was written to in between"
    return ActionError(
        ErrorKind.CONFLICT, f"{target.where.title} in {target.cluster} was changed: {what}.{by}", cluster=target.cluster
    )


def text_of(weights: Weights) -> str:
    """Weights as text: `80/20`, with a dash for an absent one."""
    return "/".join("-" if weight is None else str(weight) for weight in weights)
