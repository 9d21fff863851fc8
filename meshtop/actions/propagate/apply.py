"""One object of one cluster as propagating it needs it: read, applied on the server's side, and who may be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from meshtop.actions.errors import ActionError, AnswerLost, ErrorKind
from meshtop.actions.fleet import Fleet
from meshtop.actions.journal.journal import PROPAGATE
from meshtop.actions.kube import KubeApi, RouteObject
from meshtop.actions.propagate.objects import Thing
from meshtop.analysis.canary.routes import ROUTE_KINDS

MANAGER = "meshtop-propagate"
"""The field manager: not that of shifts, whose weights must not be taken for this action's own."""
_APPLY = {"Content-Type": "application/apply-patch+yaml"}

Live = dict[str, Any]


def allowed(fleet: Fleet, cluster: str, things: Sequence[Thing]) -> None:
    """Raise ActionError when the cluster is read-only, or the access policy refuses one of the namespaces."""
    if fleet.members[cluster].read_only:
        message = f"{cluster} is read-only for meshtop; leave out --read-only, or readOnly in the settings."
        raise ActionError(ErrorKind.REFUSED, message, cluster=cluster)
    if fleet.policy is None:
        return
    for namespace in dict.fromkeys(t.namespace or (t.name if t.kind == "Namespace" else "") for t in things):
        if why := fleet.policy(PROPAGATE, cluster, namespace):
            raise ActionError(ErrorKind.REFUSED, why, cluster=cluster)


async def read(api: KubeApi, thing: Thing) -> Live | None:
    """The object as it stands, None where there is none. Raises ActionError."""
    response = await api.send("GET", thing.path, what=f"get {thing.resource}")
    return None if response.status_code == 404 else decoded(api, response.content)


def decoded(api: KubeApi, body: bytes) -> Live:
    """An object's JSON. Raises AnswerLost for what is none."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise AnswerLost(f"{api.cluster} sent what is no object: {error}.", cluster=api.cluster) from error


async def apply(
    api: KubeApi, thing: Thing, body: Live, before: Live | None, *, force: bool, dry_run: bool = False
) -> Live:
    """Server-side apply; the object that came of it.

    Raises ActionError: conflict where another manager owns a field, or the object has changed since `before`.
    """
    if before is not None:
        version = (before.get("metadata") or {}).get("resourceVersion")
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
    params: dict[str, str | int] = {"fieldManager": MANAGER, "force": "true" if force else "false"}
    if dry_run:
        params["dryRun"] = "All"
    try:
        response = await api.send(
            "PATCH", thing.path, what=f"patch {thing.resource}", body=body, headers=_APPLY, params=params
        )
    except ActionError as error:
        if error.kind is ErrorKind.CONFLICT and not force:
            remedy = "Change it where its owner has it, or say --force to take the fields over."
            raise ActionError(ErrorKind.CONFLICT, error.message, cluster=api.cluster, remedy=remedy) from error
        raise
    if response.status_code == 404:
        where = f"namespace {thing.namespace} or the kind" if thing.namespace else "the kind"
        message = f"{api.cluster} cannot take {thing.title}: {where} is not there."
        raise ActionError(ErrorKind.REJECTED, message, cluster=api.cluster)
    return decoded(api, response.content)


def is_shared(thing: Thing) -> bool:
    """Whether a shift may be writing to it too, so that the two tell each other by a Lease."""
    return thing.kind in ROUTE_KINDS


def shared(cluster: str, thing: Thing) -> RouteObject:
    """The object as a Lease names it."""
    return RouteObject(
        cluster=cluster,
        group=thing.group,
        version=thing.version,
        kind=thing.kind,
        namespace=thing.namespace,
        name=thing.name,
        index=0,
    )


def written_by_us(live: Mapping[str, Any]) -> bool:
    """Whether this action's manager has applied the object."""
    managers = (live.get("metadata") or {}).get("managedFields") or ()
    return any(entry.get("manager") == MANAGER for entry in managers)
