"""Undoing a propagation: every object is restored to its state before, unless it was changed since."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from meshtop.actions.at_hand import fleet_at_hand
from meshtop.actions.claim import Claim
from meshtop.actions.errors import ActionError, ErrorKind, worst_error
from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind, outcome_of
from meshtop.actions.fleet import Fleet
from meshtop.actions.halt import Halt
from meshtop.actions.journal.journal import Action, ActionState, EntryKind, Journal
from meshtop.actions.kube import JSON, JSON_PATCH, KubeApi
from meshtop.actions.propagate.apply import (
    MANAGER,
    Manifest,
    applied_by_meshtop,
    decode_manifest,
    is_leased,
    lease_place,
    read,
    require_allowed,
)
from meshtop.actions.propagate.objects import ObjectRef, manifest

_TRIES = 3
"""Attempts to restore field ownership of an object that is modified at the same time."""
UNDONE = "taken back"
"""Journal note: an object is restored."""


class WrittenObject(Struct, frozen=True, kw_only=True):
    """One object that the action wrote, or may have written, before and after (None: unknown).

    `uid` is the object's UID, to detect an object recreated under the same name; empty where unknown.
    """

    cluster: str
    ref: ObjectRef
    before: Manifest | None
    after: Manifest | None
    uid: str = ""


def written_objects(action: Action) -> list[WrittenObject]:
    """The objects to undo, the last first; without those that were refused or undone already."""
    found: dict[tuple[str, str], WrittenObject] = {}
    for entry in action.entries:
        where = (entry.cluster, entry.object)
        if entry.event is EntryKind.INTENDED and "thing" in entry.detail:
            ref = msgspec.convert(entry.detail["thing"], ObjectRef)
            before = entry.detail.get("before")
            uid = str(((before or {}).get("metadata") or {}).get("uid") or "")
            found[where] = WrittenObject(cluster=entry.cluster, ref=ref, before=before, after=None, uid=uid)
        elif entry.event is EntryKind.REFUSED or (entry.event is EntryKind.NOTE and entry.detail.get("note") == UNDONE):
            found.pop(where, None)
        elif entry.event is EntryKind.DONE and where in found:
            uid = str(entry.detail.get("uid") or found[where].uid)
            found[where] = msgspec.structs.replace(found[where], after=entry.detail.get("after"), uid=uid)
    return list(reversed(found.values()))


async def undo(
    action: Action, fleet: Fleet, journal: Journal, *, halt: Halt | None = None
) -> AsyncIterator[ActionEvent]:
    """Restore every object of a propagation, under the action's lock and Leases.

    Objects changed since are left alone and reported. A created namespace stays, because deleting it would delete
    everything in it. The last event has the outcome: rolled back, or why something could not be restored; the action
    is then held. Raises ActionError (refused) before anything is sent when a cluster may not be written to.
    """
    halt = halt or Halt()
    fleet = fleet.under(halt)
    claim = Claim(action.id, fleet, journal)
    try:
        claim.lock()
        current = journal.action(action.id) or action
        fleet, waiting = await _own_fleet(current, fleet)
        claim.work_on(fleet)
        await claim.take_leases(lease_place(one.cluster, one.ref) for one in waiting if is_leased(one.ref))
        yield ActionEvent(kind=EventKind.TAKING_BACK, action=action.id, message=f"Rolling back {action.id}.")
        async for event in take_back(current, fleet, journal, claim):
            # Who asked it to stop is not told of an error, but that it was stopped.
            stopped = halt.requested and event.kind is EventKind.ENDED and event.error is not None
            yield structs.replace(event, outcome=ActionOutcome.ABORTED, error=None) if stopped else event
    finally:
        # Whatever ended it, the Leases are given back.
        halt.clear()
        await claim.release()


async def _own_fleet(action: Action, fleet: Fleet) -> tuple[Fleet, list[WrittenObject]]:
    """The fleet under the action's names, and the objects to undo there. Raises ActionError."""
    names = list(dict.fromkeys(change.cluster for change in written_objects(action)))
    # What refuses without any request is asked first.
    for cluster in names:
        if cluster in fleet.members:
            require_allowed(fleet, cluster, [one.ref for one in written_objects(action) if one.cluster == cluster])
    found = await fleet_at_hand(action, fleet, names)
    return found, _require_allowed(action, found)


def _require_allowed(action: Action, fleet: Fleet) -> list[WrittenObject]:
    """The objects to undo. Raises ActionError when one is in a cluster that may not be written to."""
    waiting = written_objects(action)
    for cluster in dict.fromkeys(change.cluster for change in waiting):
        if cluster not in fleet.members:
            raise ActionError(ErrorKind.USAGE, f"{cluster} is not available; add its context to roll this back.")
        require_allowed(fleet, cluster, [change.ref for change in waiting if change.cluster == cluster])
    return waiting


async def take_back(action: Action, fleet: Fleet, journal: Journal, claim: Claim) -> AsyncIterator[ActionEvent]:
    """Bring every object of a propagation back to what it was, for a caller that has claimed the action already.

    After losing one of the claim's Leases, the remaining objects are left to its new holder.

    Raises ActionError (refused) before anything is sent when a cluster may not be written to.
    """
    waiting = _require_allowed(action, fleet)
    journal.set_state(action.id, ActionState.TAKING_BACK)
    left: list[ActionError] = []
    for change in waiting:
        try:
            await claim.renew_leases()
            message = await _back(change, fleet.members[change.cluster].api)
        except ActionError as error:
            left.append(error)
            journal.write(
                action.id,
                EntryKind.NOTE,
                cluster=change.cluster,
                object_=change.ref.title,
                note="left",
                why=error.message,
            )
            message = f"{change.cluster}: {change.ref.title} is left: {error.message}"
            yield ActionEvent(kind=EventKind.NOT_RESTORED, action=action.id, message=message, cluster=change.cluster)
            continue
        journal.write(action.id, EntryKind.NOTE, cluster=change.cluster, object_=change.ref.title, note=UNDONE)
        yield ActionEvent(
            kind=EventKind.RESTORED,
            action=action.id,
            message=f"{change.cluster}: {change.ref.title} {message}.",
            cluster=change.cluster,
        )
    journal.set_state(action.id, ActionState.HELD if left else ActionState.ROLLED_BACK)
    worst = worst_error(left)
    yield ActionEvent(
        kind=EventKind.ENDED,
        action=action.id,
        message=f"{len(left)} of {len(waiting)} objects could not be restored."
        if left
        else "All objects are as they were before.",
        outcome=outcome_of(worst) if worst is not None else ActionOutcome.ROLLED_BACK,
        restored=not left,
        error=worst,
    )


async def _back(change: WrittenObject, api: KubeApi) -> str:
    """Undo one object; returns what was done, in words. Raises ActionError."""
    ref = change.ref
    live = await read(api, ref)
    if live is None:
        if change.before is None:
            return "is gone already"
        raise ActionError(ErrorKind.CONFLICT, "somebody deleted it since.", cluster=api.cluster)
    now = manifest(ref, live)
    recreated = bool(change.uid) and (live.get("metadata") or {}).get("uid") not in (None, change.uid)
    if recreated:
        raise ActionError(ErrorKind.CONFLICT, "somebody deleted it and created another since.", cluster=api.cluster)
    if change.before is not None and now == manifest(ref, change.before):
        return await _give_back(change, live, api) or "is as it was already"
    if change.after is None and not applied_by_meshtop(live):
        return "was never written"
    if change.after is not None and now != change.after:
        raise ActionError(ErrorKind.CONFLICT, "somebody changed it since.", cluster=api.cluster)
    if change.before is None:
        await _delete(ref, live, api)
        return "deleted again"
    after = await _restore(change, live, api)
    return await _give_back(change, after, api) or "restored"


async def _delete(ref: ObjectRef, live: Mapping[str, Any], api: KubeApi) -> None:
    if ref.kind == "Namespace":
        message = "the namespace is kept, as deleting it would delete everything in it."
        raise ActionError(ErrorKind.CONFLICT, message, cluster=api.cluster)
    metadata = live["metadata"]
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": metadata.get("uid"), "resourceVersion": metadata.get("resourceVersion")},
    }
    await api.send("DELETE", ref.path, what=f"delete {ref.resource}", body=body, headers=JSON)


async def _restore(change: WrittenObject, live: Mapping[str, Any], api: KubeApi) -> Manifest:
    """Replace the current object, at exactly the version that was read, by the one from before."""
    assert change.before is not None, "deleted, as this action had created it"
    metadata = {k: v for k, v in change.before.get("metadata", {}).items() if k not in ("managedFields", "generation")}
    metadata |= {name: live["metadata"].get(name) for name in ("resourceVersion", "uid")}
    body = {**change.before, "metadata": metadata}
    response = await api.send(
        "PUT",
        change.ref.path,
        what=f"update {change.ref.resource}",
        body=body,
        headers=JSON,
        params={"fieldManager": MANAGER},
    )
    if response.status_code == 404:
        raise ActionError(ErrorKind.CONFLICT, "somebody deleted it since.", cluster=api.cluster)
    return decode_manifest(api, response.content)


async def _give_back(change: WrittenObject, live: Mapping[str, Any], api: KubeApi) -> str:
    """Restore the owners of all fields, so that a later apply by an owner does not conflict with an undone action.
    Returns a remark if that failed, else "".

    This is a separate write, because the server assigns a field to the client that changes its value; it accepts
    managedFields only in a write that changes no value.
    """
    before = _entries(change.before or {})
    for _ in range(_TRIES):
        metadata = live.get("metadata") or {}
        wanted = _owners(before, _entries(live))
        if not before or wanted == _entries(live):
            return ""
        patch = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata.get("resourceVersion")},
            {"op": "replace", "path": "/metadata/managedFields", "value": wanted},
        ]
        try:
            await api.send(
                "PATCH",
                change.ref.path,
                what=f"patch {change.ref.resource}",
                body=patch,
                headers=JSON_PATCH,
                params={"fieldManager": MANAGER},
            )
            return ""
        except ActionError as error:
            why = error.message
            if error.kind is not ErrorKind.CONFLICT:
                break
        # The object was written to, if only its status: those fields keep their owner, the others are restored.
        live = await read(api, change.ref) or {}
    return f"restored, but fields still belong to {MANAGER}: {why.rstrip('.')}"


def _entries(obj: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for one in (obj.get("metadata") or {}).get("managedFields") or () if isinstance(one, dict)]


def _owners(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The managedFields from before, plus managers added since, with subresources' current entries."""

    def own(entry: dict[str, Any]) -> tuple[object, ...]:
        return entry.get("manager"), entry.get("operation"), entry.get("subresource") or ""

    had = {own(entry) for entry in before}
    came = [one for one in now if own(one) not in had and one.get("manager") != MANAGER]
    newer = {own(one): one for one in now if one.get("subresource")}
    return [newer.get(own(one), one) for one in before] + came
