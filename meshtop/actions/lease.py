"""Leases: who writes to a route, recorded in its cluster; a Lease expires when its holder stops renewing it.

Leases inform other machines, which the lock file beside the journal cannot.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from meshtop.actions.errors import ActionError, AnswerLost, ErrorKind
from meshtop.actions.kube import JSON, KubeApi, RouteObject, unix
from meshtop.actions.process_token import process_token, token_has_ended
from meshtop.sources.problem import ODD_SHAPE, error_text

GROUP = "coordination.k8s.io"
_ACTION = "meshtop/action"
_ROUTE = "meshtop/route"
_PROCESS = "meshtop/process"
_TRIES = 3
"""Attempts to renew a Lease that another client modifies without taking it."""


class LeaseHolder(msgspec.Struct, frozen=True):
    """Content of a Lease: the holder, its action, the expiry (Unix seconds), and the token of its process."""

    name: str
    action: str
    until: float
    process: str = ""

    def process_ended(self) -> bool:
        """Whether its holder was a process of this machine that has ended without releasing the Lease."""
        return token_has_ended(self.process)


def lease_name(where: RouteObject) -> str:
    """The Lease's name: readable, and unique to the object."""
    digest = hashlib.sha256(f"{where.kind}/{where.name}".encode()).hexdigest()[:8]
    return f"meshtop-shift-{where.name[:40].rstrip('-.')}-{digest}"


class ShiftLease:
    """The Lease of one action on one object in one cluster; it expires after `seconds` without renewal."""

    def __init__(self, api: KubeApi, where: RouteObject, *, action: str, holder: str, seconds: float) -> None:
        self._api = api
        self._where = where
        self._action = action
        self._holder = holder
        self._seconds = seconds
        self._folder = f"/apis/{GROUP}/v1/namespaces/{where.namespace}/leases"
        self._path = f"{self._folder}/{lease_name(where)}"
        self._held: dict[str, Any] | None = None

    async def holder(self) -> LeaseHolder | None:
        """The holder, even if expired; None when there is none. Raises ActionError."""
        lease = await self._get()
        return None if lease is None else holder_of(lease)

    async def take(self, now: float) -> None:
        """Take the Lease, or take over an expired one. Raises ActionError: conflict when it is held."""
        lease = await self._get()
        if lease is None:
            lease = {
                "apiVersion": f"{GROUP}/v1",
                "kind": "Lease",
                "metadata": {"name": lease_name(self._where), "namespace": self._where.namespace},
            }
            self._fill(lease, now, taken=True)
            self._held = await self._write("POST", self._folder, lease)
            return
        holder = holder_of(lease)
        if holder.until > now and not self._is_mine(lease) and not holder.process_ended():
            raise ActionError(
                ErrorKind.CONFLICT,
                f"{holder.name} is changing {self._where.title} in {self._where.cluster} (action "
                f"{holder.action}); if it stops, it can be taken over in {holder.until - now:.0f} s.",
                cluster=self._where.cluster,
            )
        self._fill(lease, now, taken=True)
        self._held = await self._write("PUT", self._path, lease)

    async def renew(self, now: float) -> None:
        """Extend the Lease once a third of its time has passed.

        Raises ActionError: conflict when this process no longer holds it, because it was taken over or deleted. It is
        not taken again, since the new holder may have written in the meantime.
        """
        if self._held is None:
            raise await self._lost()
        spec = self._held.get("spec", {})
        if unix(spec.get("renewTime")) + self._seconds / 3 > now:
            return
        for _ in range(_TRIES):
            self._fill(self._held, now, taken=False)
            try:
                self._held = await self._write("PUT", self._path, self._held)
                return
            except ActionError as error:
                if error.kind is not ErrorKind.CONFLICT:
                    raise
            # Only if this process is still the holder: then another client modified the Lease without taking it.
            there = await self._get()
            if there is None or not self._is_mine(there):
                break
            self._held = there
        self._held = None
        raise await self._lost()

    async def _lost(self) -> ActionError:
        lease = await self._get()
        by = "was deleted" if lease is None else f"was taken over by {holder_of(lease).name}"
        return ActionError(
            ErrorKind.CONFLICT,
            f"The Lease of {self._where.title} in {self._where.cluster} {by}; this action stops.",
            cluster=self._where.cluster,
        )

    def _is_mine(self, lease: dict[str, Any]) -> bool:
        holder = holder_of(lease)
        return holder.action == self._action and holder.process == process_token()

    async def release(self) -> None:
        """Delete the Lease if this action still holds it. Errors are ignored, as it expires."""
        if self._held is None:
            return
        metadata = self._held["metadata"]
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": metadata.get("uid"), "resourceVersion": metadata.get("resourceVersion")},
        }
        self._held = None
        try:
            await self._api.send("DELETE", self._path, what="delete leases", body=body, headers=JSON)
        except ActionError:
            return

    def _fill(self, lease: dict[str, Any], now: float, *, taken: bool) -> None:
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        annotations = lease["metadata"].setdefault("annotations", {})
        annotations[_ACTION] = self._action
        annotations[_PROCESS] = process_token()
        annotations[_ROUTE] = f"{self._where.kind}/{self._where.namespace}/{self._where.name}"
        spec = lease.setdefault("spec", {})
        spec["holderIdentity"] = self._holder
        spec["leaseDurationSeconds"] = max(1, round(self._seconds))
        spec["renewTime"] = moment
        if taken:
            spec["acquireTime"] = moment

    async def _get(self) -> dict[str, Any] | None:
        response = await self._api.send("GET", self._path, what=f"get leases in {self._where.namespace}")
        return None if response.status_code == 404 else self._decode(response.content)

    async def _write(self, method: str, path: str, lease: dict[str, Any]) -> dict[str, Any]:
        response = await self._api.send(
            method,
            path,
            what=f"{'create' if method == 'POST' else 'update'} leases in {self._where.namespace}",
            body=lease,
            headers=JSON,
            params={"fieldManager": "meshtop"},
        )
        if response.status_code == 404 and method == "PUT":
            message = f"The Lease of {self._where.title} in {self._where.cluster} is gone."
            raise ActionError(ErrorKind.CONFLICT, message, cluster=self._where.cluster)
        if response.status_code == 404:
            raise ActionError(
                ErrorKind.REJECTED,
                f"{self._where.cluster} has no namespace {self._where.namespace}.",
                cluster=self._where.cluster,
            )
        return self._decode(response.content)

    def _decode(self, body: bytes) -> dict[str, Any]:
        try:
            lease: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
            holder_of(lease)
        except ODD_SHAPE as error:
            raise AnswerLost(
                f"{self._where.cluster} sent an invalid Lease: {error_text(error)}.", cluster=self._where.cluster
            ) from error
        return lease


def holder_of(lease: dict[str, Any]) -> LeaseHolder:
    """The holder in a Lease's JSON."""
    spec, metadata = lease.get("spec") or {}, lease.get("metadata") or {}
    until = unix(spec.get("renewTime")) + float(spec.get("leaseDurationSeconds") or 0)
    return LeaseHolder(
        name=str(spec.get("holderIdentity") or "somebody"),
        action=str((metadata.get("annotations") or {}).get(_ACTION, "")),
        until=until,
        process=str((metadata.get("annotations") or {}).get(_PROCESS, "")),
    )
