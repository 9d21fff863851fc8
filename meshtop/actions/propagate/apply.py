"""Operations of a propagation on one object of one cluster: permission, reading, applying, and its Lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from meshtop.actions.errors import ActionError, AnswerLost, ErrorKind
from meshtop.actions.fleet import Fleet
from meshtop.actions.journal.journal import PROPAGATE
from meshtop.actions.kube import KubeApi, RouteObject
from meshtop.actions.propagate.objects import ObjectRef
from meshtop.analysis.canary.routes import ROUTE_KINDS

MANAGER = "meshtop-propagate"
"""The field manager; it differs from that of shifts, so that their weights are not attributed to propagations."""
_APPLY = {"Content-Type": "application/apply-patch+yaml"}

Manifest = dict[str, Any]
"""An object's JSON as a dictionary."""


def require_allowed(fleet: Fleet, cluster: str, refs: Sequence[ObjectRef]) -> None:
    """Raise ActionError (refused) when the cluster is read-only, or the policy denies one of the namespaces."""
    for namespace in dict.fromkeys(r.namespace or (r.name if r.kind == "Namespace" else "") for r in refs):
        fleet.require_allowed(PROPAGATE, cluster, namespace)


async def read(api: KubeApi, ref: ObjectRef) -> Manifest | None:
    """The current object; None where there is none. Raises ActionError."""
    response = await api.send("GET", ref.path, what=f"get {ref.resource}")
    return None if response.status_code == 404 else decode_manifest(api, response.content)


def decode_manifest(api: KubeApi, body: bytes) -> Manifest:
    """Parse an object's JSON. Raises AnswerLost if it is invalid, as the request may have taken effect."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise AnswerLost(f"{api.cluster} sent an invalid object: {error}.", cluster=api.cluster) from error


async def apply(
    api: KubeApi, ref: ObjectRef, body: Manifest, before: Manifest | None, *, force: bool, dry_run: bool = False
) -> Manifest:
    """Server-side apply; returns the resulting object.

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
            "PATCH", ref.path, what=f"patch {ref.resource}", body=body, headers=_APPLY, params=params
        )
    except ActionError as error:
        if error.kind is ErrorKind.CONFLICT and not force:
            remedy = "Change it at its owner, or take the fields over with --force."
            raise ActionError(ErrorKind.CONFLICT, error.message, cluster=api.cluster, remedy=remedy) from error
        raise
    if response.status_code == 404:
        where = f"namespace {ref.namespace} or the kind" if ref.namespace else "the kind"
        message = f"{api.cluster} cannot take {ref.title}: {where} is not there."
        raise ActionError(ErrorKind.REJECTED, message, cluster=api.cluster)
    return decode_manifest(api, response.content)


def applied_by_meshtop(live: Mapping[str, Any]) -> bool:
    """Whether a propagation has applied the object: its field manager is among those of the object."""
    managers = (live.get("metadata") or {}).get("managedFields") or ()
    return any(entry.get("manager") == MANAGER for entry in managers)


def is_leased(ref: ObjectRef) -> bool:
    """Whether shifts write to this kind of object too, so that a Lease is needed."""
    return ref.kind in ROUTE_KINDS


def lease_place(cluster: str, ref: ObjectRef) -> RouteObject:
    """The object's place for its Lease."""
    return RouteObject(
        cluster=cluster,
        group=ref.group,
        version=ref.version,
        kind=ref.kind,
        namespace=ref.namespace,
        name=ref.name,
        index=0,
    )
