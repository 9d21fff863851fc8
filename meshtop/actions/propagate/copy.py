"""Propagation of configuration: objects are read, dry-run, shown, applied in waves, and recorded in the journal.

Objects are applied server-side as `meshtop-propagate`; fields of other managers are taken over only with `force`.
Each write carries the resourceVersion of the diff, so that no unseen change is overwritten.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct, structs

from meshtop.actions.at_hand import identities, note_unidentified
from meshtop.actions.claim import Claim
from meshtop.actions.errors import ActionError, AnswerLost, ErrorKind
from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind, outcome_of
from meshtop.actions.fleet import Fleet
from meshtop.actions.halt import Halt
from meshtop.actions.journal.journal import PROPAGATE, Action, ActionState, EntryKind, Journal
from meshtop.actions.kube import KubeApi
from meshtop.actions.propagate.apply import (
    Manifest,
    applied_by_meshtop,
    apply,
    is_leased,
    lease_place,
    read,
    require_allowed,
)
from meshtop.actions.propagate.objects import ObjectRef, manifest
from meshtop.actions.propagate.owners import require_unowned
from meshtop.actions.propagate.undo import take_back
from meshtop.model.yaml_text import diff_yaml

_TRIES = 3
"""Attempts to read a cluster after a response was lost."""


class Propagation(Struct, frozen=True, kw_only=True, rename="camel"):
    """The plan of a propagation: objects of one cluster for others, in waves; stored in the journal."""

    subject: str
    source: str
    waves: tuple[tuple[str, ...], ...]
    refs: tuple[ObjectRef, ...] = msgspec.field(name="things")
    force: bool = False
    reason: str = ""
    override: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """All clusters to copy to, in the order of the waves."""
        return tuple(dict.fromkeys(cluster for wave in self.waves for cluster in wave))


class ObjectChange(StrEnum):
    """The effect of a copy on an object of a cluster."""

    CREATE = "create"
    UPDATE = "update"
    NONE = "none"


class ObjectCopy(Struct, frozen=True, kw_only=True):
    """One object for one cluster: the current one (`before`), and the one to apply (`body`).

    `lines` are a unified diff of YAML between the current object and the result of the server's dry run. `unchecked` is
    set where a dry run was not possible, because this action creates the namespace.
    """

    cluster: str
    ref: ObjectRef
    change: ObjectChange
    body: Manifest
    before: Manifest | None
    lines: tuple[str, ...]
    unchecked: bool = False


async def plan_copies(wanted: Propagation, fleet: Fleet) -> list[ObjectCopy]:
    """Read all objects and dry-run the copies, after read-only mode and the policy were checked.

    Raises ActionError: refused (read-only, policy, rights), conflict (a field of another manager's), unreachable.
    """
    if not wanted.targets:
        raise ActionError(ErrorKind.USAGE, "Name the clusters to copy to: --to CLUSTER[,CLUSTER].")
    if not wanted.refs:
        raise ActionError(ErrorKind.USAGE, f"{wanted.source} has nothing of {wanted.subject} to copy.")
    for cluster in (wanted.source, *wanted.targets):
        if cluster not in fleet.members:
            known = ", ".join(fleet.members)
            raise ActionError(ErrorKind.USAGE, f"There is no cluster {cluster}; there are {known}.")
    if wanted.source in wanted.targets:
        raise ActionError(ErrorKind.USAGE, f"{wanted.source} is the source; name other clusters in --to.")
    for cluster in wanted.targets:
        require_allowed(fleet, cluster, wanted.refs)
    source = fleet.members[wanted.source].api
    originals = await asyncio.gather(*(_original(source, ref) for ref in wanted.refs))
    bodies = list(zip(wanted.refs, originals, strict=True))
    found = await asyncio.gather(*(_look(fleet.members[c].api, bodies, wanted) for c in wanted.targets))
    return [copy for copies in found for copy in copies]


async def _original(api: KubeApi, ref: ObjectRef) -> Manifest:
    live = await read(api, ref)
    if live is None:
        raise ActionError(ErrorKind.CONFLICT, f"{ref.title} is gone from {api.cluster}.", cluster=api.cluster)
    return manifest(ref, live)


async def _look(api: KubeApi, bodies: Sequence[tuple[ObjectRef, Manifest]], wanted: Propagation) -> list[ObjectCopy]:
    created: set[str] = set()
    copies = []
    for ref, body in bodies:
        before = await read(api, ref)
        if before is None and ref.namespace in created:
            # A dry run creates nothing: the server would refuse what goes into a namespace that is not there yet.
            copies.append(_copy(api.cluster, ref, body, None, body, unchecked=True))
            continue
        if before is not None and manifest(ref, before) != body:
            require_unowned(api.cluster, ref, before, wanted.override)
        after = await apply(api, ref, body, before, force=wanted.force, dry_run=True)
        copies.append(_copy(api.cluster, ref, body, before, after))
        if before is None and ref.kind == "Namespace":
            created.add(ref.name)
    return copies


def _copy(
    cluster: str, ref: ObjectRef, body: Manifest, before: Manifest | None, after: Manifest, *, unchecked: bool = False
) -> ObjectCopy:
    old = manifest(ref, before) if before is not None else None
    new = manifest(ref, after)
    change = ObjectChange.CREATE if old is None else ObjectChange.NONE if old == new else ObjectChange.UPDATE
    title = f"{cluster}: {ref.title}"
    return ObjectCopy(
        cluster=cluster,
        ref=ref,
        change=change,
        body=body,
        before=before,
        lines=diff_yaml(old, new, title, f"{title} (dry run)"),
        unchecked=unchecked,
    )


async def run(
    wanted: Propagation,
    copies: Sequence[ObjectCopy],
    fleet: Fleet,
    journal: Journal,
    *,
    halt: Halt | None = None,
) -> AsyncIterator[ActionEvent]:
    """Apply what was prepared, wave after wave; when something fails or is aborted, take back what was done.

    The last event has the outcome: done, or the failure, with `restored` if everything could be undone. Raises
    ActionError (conflict) before anything is written when a shift of one of the routes is running.
    """
    action = journal.begin(
        kind=PROPAGATE,
        who=fleet.who,
        origin=fleet.origin,
        reason=wanted.reason,
        subject=wanted.subject,
        plan=msgspec.to_builtins(wanted),
        clusters=await identities(fleet, wanted.targets),
    )
    note_unidentified(journal, action)
    halt = halt or Halt()
    fleet = fleet.under(halt)
    claim = Claim(action.id, fleet, journal)
    try:
        claim.lock()
        try:
            written = [copy for copy in copies if copy.change is not ObjectChange.NONE]
            await claim.take_leases(lease_place(copy.cluster, copy.ref) for copy in written if is_leased(copy.ref))
        except ActionError:
            journal.set_state(action.id, ActionState.FAILED)
            raise
        async for event in _run(wanted, written, fleet, journal, action, claim, halt):
            yield event
    finally:
        # Whatever ended it, the Leases are given back.
        halt.clear()
        await claim.release()


_CHANGED = {ObjectChange.CREATE: "created", ObjectChange.UPDATE: "changed"}


async def _run(
    wanted: Propagation,
    copies: Sequence[ObjectCopy],
    fleet: Fleet,
    journal: Journal,
    action: Action,
    claim: Claim,
    halt: Halt,
) -> AsyncIterator[ActionEvent]:
    number = 0

    def event(kind: EventKind, message: str, cluster: str = "", **more: Any) -> ActionEvent:
        return ActionEvent(
            kind=kind, action=action.id, message=message, cluster=cluster, wave=number, waves=len(wanted.waves), **more
        )

    where = ", ".join(wanted.targets)
    yield event(EventKind.STARTED, f"Action {action.id}: {wanted.subject} from {wanted.source} to {where}.")
    failed: ActionError | None = None
    lost = False
    for number, wave in enumerate(wanted.waves, start=1):
        if len(wanted.waves) > 1:
            yield event(EventKind.NOTE, f"Wave {number} of {len(wanted.waves)}: {', '.join(wave)}.")
        for copy in copies:
            if copy.cluster not in wave:
                continue
            keeps = False
            try:
                halt.require()
                await claim.renew_leases()
                keeps = True
                await _write(copy, fleet.members[copy.cluster].api, journal, action, force=wanted.force)
            except ActionError as error:
                failed, lost = error, not keeps and error.kind is ErrorKind.CONFLICT
                break
            message = f"{copy.cluster}: {copy.ref.title} {_CHANGED[copy.change]}."
            yield event(EventKind.WRITTEN, message, copy.cluster)
        if failed is not None:
            break
    if failed is None:
        journal.set_state(action.id, ActionState.DONE)
        yield event(EventKind.ENDED, f"Done: {wanted.subject} is in {where}.", outcome=ActionOutcome.DONE)
        return
    stopped = halt.requested
    # What follows may be sent again.
    halt.clear()
    if lost or (stopped and not halt.back):
        # What another meshtop has claimed by now is not written to, not even to take it back.
        why = failed.sentences if lost else "Held: what was copied stays as it is."
        journal.write(action.id, EntryKind.NOTE, note="held", why=why)
        journal.set_state(action.id, ActionState.HELD)
        outcome = ActionOutcome.CONFLICT if lost else ActionOutcome.HELD
        rest = f"meshtop rollback {action.id} takes back what was copied."
        yield event(EventKind.ENDED, f"{why} {rest}", outcome=outcome)
        return
    yield event(
        EventKind.TAKING_BACK,
        f"{'Aborted.' if stopped else failed.sentences} Taking back what was done.",
        failed.cluster,
    )
    current = journal.action(action.id)
    assert current is not None, "it was begun above"
    outcome = ActionOutcome.ABORTED if stopped else outcome_of(failed)
    async for one in take_back(current, fleet, journal, claim):
        # What ended the action is the failure, however well it could be taken back.
        ends = one.kind is EventKind.ENDED
        yield structs.replace(one, outcome=outcome, error=None if stopped else failed) if ends else one


async def _write(copy: ObjectCopy, api: KubeApi, journal: Journal, action: Action, *, force: bool) -> None:
    ref = copy.ref
    intended = {"thing": msgspec.to_builtins(ref), "before": copy.before, "wanted": copy.body}
    journal.write(action.id, EntryKind.INTENDED, cluster=copy.cluster, object_=ref.title, **intended)
    try:
        after = await apply(api, ref, copy.body, copy.before, force=force)
    except AnswerLost as lost:
        after = await _resolve(copy, api, journal, action, lost)
    except ActionError as error:
        journal.write(action.id, EntryKind.REFUSED, cluster=copy.cluster, object_=ref.title, why=error.message)
        raise
    _record_done(journal, action.id, copy.cluster, ref, after)


def _record_done(journal: Journal, action: str, cluster: str, ref: ObjectRef, after: Mapping[str, Any]) -> None:
    """Record the object after the write; undoing requires that it is unchanged since."""
    metadata = after.get("metadata") or {}
    journal.write(
        action,
        EntryKind.DONE,
        cluster=cluster,
        object_=ref.title,
        uid=metadata.get("uid", ""),
        resourceVersion=metadata.get("resourceVersion", ""),
        after=manifest(ref, after),
    )


async def _resolve(copy: ObjectCopy, api: KubeApi, journal: Journal, action: Action, lost: AnswerLost) -> Manifest:
    """Find out the outcome of a lost response by reading. Re-raises it when there was no effect or it is unknown."""
    title = copy.ref.title
    old = (copy.before or {}).get("metadata", {}).get("resourceVersion")
    for attempt in range(_TRIES):
        await asyncio.sleep(0.2 * attempt)
        try:
            live = await read(api, copy.ref)
        except AnswerLost:
            continue
        except ActionError as error:
            if error.kind is ErrorKind.CONFLICT:
                raise
            break  # Whoever may not look, or is to stop, does not learn what became of it.
        if live is not None and applied_by_meshtop(live) and live["metadata"].get("resourceVersion") != old:
            return live
        journal.write(action.id, EntryKind.REFUSED, cluster=copy.cluster, object_=title, why=lost.message)
        raise lost
    journal.write(action.id, EntryKind.UNKNOWN, cluster=copy.cluster, object_=title, why=lost.message)
    raise lost
