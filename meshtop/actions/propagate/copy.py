"""Copying configuration from one cluster to others: looked at, dry-run, shown, applied in waves, written down.

Server-side apply as `meshtop-propagate`: a field that another manager owns is never taken unless told so (`force`).
Each write carries the resourceVersion that the diff was made with, so that nothing is overwritten unseen.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct, structs

from meshtop.actions.claim import Claim
from meshtop.actions.errors import ActionError, AnswerLost, ErrorKind
from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind, outcome_of
from meshtop.actions.fleet import Fleet
from meshtop.actions.journal.journal import PROPAGATE, Action, ActionState, Event, Journal
from meshtop.actions.kube import KubeApi
from meshtop.actions.propagate.apply import Live, allowed, apply, is_shared, read, shared, written_by_us
from meshtop.actions.propagate.objects import Thing, manifest, same
from meshtop.actions.propagate.undo import take_back

_TRIES = 3


class Propagation(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is wanted: objects of one cluster in others, wave after wave."""

    subject: str
    source: str
    waves: tuple[tuple[str, ...], ...]
    things: tuple[Thing, ...]
    force: bool = False
    reason: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """All clusters, in the order of the waves."""
        return tuple(dict.fromkeys(cluster for wave in self.waves for cluster in wave))


class Does(StrEnum):
    """What a copy does to a cluster."""

    CREATES = "creates"
    CHANGES = "changes"
    NOTHING = "nothing"


class Copy(Struct, frozen=True, kw_only=True):
    """One object for one cluster: what stands there, what is applied, and what the server says would come of it.

    `lines` are a unified diff of YAML. `blind` is set where the server could not be asked, because the namespace is
    created by this very action.
    """

    cluster: str
    thing: Thing
    does: Does
    body: Live
    before: Live | None
    lines: tuple[str, ...]
    blind: bool = False


async def prepare(wanted: Propagation, fleet: Fleet) -> list[Copy]:
    """Look at everything and dry-run it. Nothing is sent before read-only and the policy have been asked.

    Raises ActionError: refused (read-only, policy, rights), conflict (a field of another manager's), unreachable.
    """
    if not wanted.targets:
        raise ActionError(ErrorKind.USAGE, "Name the clusters to copy to: --to CLUSTER[,CLUSTER].")
    if not wanted.things:
        raise ActionError(ErrorKind.USAGE, f"{wanted.source} has nothing of {wanted.subject} to copy.")
    for cluster in (wanted.source, *wanted.targets):
        if cluster not in fleet.members:
            known = ", ".join(fleet.members)
            raise ActionError(ErrorKind.USAGE, f"There is no cluster {cluster}; there are {known}.")
    if wanted.source in wanted.targets:
        raise ActionError(ErrorKind.USAGE, f"{wanted.source} is where it comes from; name others in --to.")
    for cluster in wanted.targets:
        allowed(fleet, cluster, wanted.things)
    source = fleet.members[wanted.source].api
    originals = await asyncio.gather(*(_original(source, thing) for thing in wanted.things))
    bodies = list(zip(wanted.things, originals, strict=True))
    found = await asyncio.gather(*(_look(fleet.members[c].api, bodies, force=wanted.force) for c in wanted.targets))
    return [copy for copies in found for copy in copies]


async def _original(api: KubeApi, thing: Thing) -> Live:
    live = await read(api, thing)
    if live is None:
        raise ActionError(ErrorKind.CONFLICT, f"{thing.title} is gone from {api.cluster}.", cluster=api.cluster)
    return manifest(thing, live)


async def _look(api: KubeApi, bodies: Sequence[tuple[Thing, Live]], *, force: bool) -> list[Copy]:
    created: set[str] = set()
    copies = []
    for thing, body in bodies:
        before = await read(api, thing)
        if before is None and thing.namespace in created:
            copies.append(_copy(api.cluster, thing, body, None, body, blind=True))
            continue
        after = await apply(api, thing, body, before, force=force, dry_run=True)
        copies.append(_copy(api.cluster, thing, body, before, after))
        if before is None and thing.kind == "Namespace":
            created.add(thing.name)
    return copies


def _copy(cluster: str, thing: Thing, body: Live, before: Live | None, after: Live, *, blind: bool = False) -> Copy:
    old = manifest(thing, before) if before is not None else None
    new = manifest(thing, after)
    does = Does.CREATES if old is None else Does.NOTHING if same(old, new) else Does.CHANGES
    title = f"{cluster}: {thing.title}"
    lines = difflib.unified_diff(
        _yaml(old) if old is not None else [], _yaml(new), title, f"{title} (dry run)", lineterm="", n=3
    )
    return Copy(cluster=cluster, thing=thing, does=does, body=body, before=before, lines=tuple(lines), blind=blind)


def _yaml(tree: Live) -> list[str]:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(tree, Dumper=dumper, sort_keys=True)
    return text.splitlines()


async def run(
    wanted: Propagation, copies: Sequence[Copy], fleet: Fleet, journal: Journal
) -> AsyncIterator[ActionEvent]:
    """Apply what was prepared, wave after wave; when something fails, take back what was done.

    The last event has the outcome: done, or what the failure was, with `restored` where all of it could be taken back.
    Raises ActionError (conflict) before anything is written when somebody is shifting one of the routes.
    """
    action = journal.begin(
        kind=PROPAGATE,
        who=fleet.who,
        origin=fleet.origin,
        reason=wanted.reason,
        subject=wanted.subject,
        plan=msgspec.to_builtins(wanted),
    )
    claim = Claim(action.id, fleet, journal)
    try:
        claim.hold()
        try:
            await claim.take(shared(c.cluster, c.thing) for c in copies if is_shared(c.thing) and c.does in _PAST)
        except ActionError:
            journal.set_state(action.id, ActionState.FAILED)
            raise
        async for event in _run(wanted, copies, fleet, journal, action, claim):
            yield event
    finally:
        await claim.release()


async def _run(
    wanted: Propagation, copies: Sequence[Copy], fleet: Fleet, journal: Journal, action: Action, claim: Claim
) -> AsyncIterator[ActionEvent]:
    def event(kind: EventKind, message: str, cluster: str = "", **more: Any) -> ActionEvent:
        return ActionEvent(
            kind=kind, action=action.id, message=message, cluster=cluster, wave=number, waves=len(wanted.waves), **more
        )

    number = 0
    where = ", ".join(wanted.targets)
    yield event(EventKind.STARTED, f"Action {action.id}: {wanted.subject} from {wanted.source} to {where}.")
    failed: ActionError | None = None
    for number, wave in enumerate(wanted.waves, start=1):
        if len(wanted.waves) > 1:
            yield event(EventKind.NOTE, f"Wave {number} of {len(wanted.waves)}: {', '.join(wave)}.")
        for copy in copies:
            if copy.cluster not in wave or copy.does is Does.NOTHING:
                continue
            try:
                await claim.renew()
                await _write(copy, fleet.members[copy.cluster].api, journal, action, force=wanted.force)
            except ActionError as error:
                failed = error
                break
            message = f"{copy.cluster}: {copy.thing.title} {_PAST[copy.does]}."
            yield event(EventKind.WRITTEN, message, copy.cluster)
        if failed is not None:
            break
    if failed is None:
        journal.set_state(action.id, ActionState.DONE)
        yield event(EventKind.ENDED, f"Done: {wanted.subject} is in {where}.", outcome=ActionOutcome.DONE)
        return
    yield event(EventKind.TAKING_BACK, f"{failed.sentences} Taking back what was done.", failed.cluster)
    current = journal.action(action.id)
    assert current is not None, "it was begun above"
    async for one in take_back(current, fleet, journal):
        # What ended the action is the failure, however well it could be taken back.
        ends = one.kind is EventKind.ENDED
        yield structs.replace(one, outcome=outcome_of(failed), error=failed) if ends else one


_PAST = {Does.CREATES: "created", Does.CHANGES: "changed"}


async def _write(copy: Copy, api: KubeApi, journal: Journal, action: Action, *, force: bool) -> None:
    thing = copy.thing
    intended = {"thing": msgspec.to_builtins(thing), "before": copy.before, "wanted": copy.body}
    journal.write(action.id, Event.INTENDED, cluster=copy.cluster, object_=thing.title, **intended)
    try:
        after = await apply(api, thing, copy.body, copy.before, force=force)
    except AnswerLost as lost:
        after = await _resolve(copy, api, journal, action, lost)
    except ActionError as error:
        journal.write(action.id, Event.REFUSED, cluster=copy.cluster, object_=thing.title, why=error.message)
        raise
    done(journal, action.id, copy.cluster, thing, after)


def done(journal: Journal, action: str, cluster: str, thing: Thing, after: Mapping[str, Any]) -> None:
    """Write down what stands there since."""
    metadata = after.get("metadata") or {}
    journal.write(
        action,
        Event.DONE,
        cluster=cluster,
        object_=thing.title,
        uid=metadata.get("uid", ""),
        resourceVersion=metadata.get("resourceVersion", ""),
        after=manifest(thing, after),
    )


async def _resolve(copy: Copy, api: KubeApi, journal: Journal, action: Action, lost: AnswerLost) -> Live:
    """No answer came: read what became of it. Raises the lost answer when it did not take effect or nobody can tell."""
    thing, title = copy.thing, copy.thing.title
    old = (copy.before or {}).get("metadata", {}).get("resourceVersion")
    for attempt in range(_TRIES):
        await asyncio.sleep(0.2 * attempt)
        try:
            live = await read(api, thing)
        except AnswerLost:
            continue
        if live is not None and written_by_us(live) and live["metadata"].get("resourceVersion") != old:
            return live
        journal.write(action.id, Event.REFUSED, cluster=copy.cluster, object_=title, why=lost.message)
        raise lost
    journal.write(action.id, Event.UNKNOWN, cluster=copy.cluster, object_=title, why=lost.message)
    raise lost
