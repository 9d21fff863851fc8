"""A claim makes an action exclusive to one process: a lock on this machine, and a Lease for each object it writes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.fleet import Fleet
from meshtop.actions.halt import Halted
from meshtop.actions.journal.journal import EntryKind, Journal
from meshtop.actions.journal.lock import ActionLock, lock_action
from meshtop.actions.kube import RouteObject
from meshtop.actions.lease import ShiftLease

LEASE_SECONDS = 60.0
"""Seconds without renewal after which a Lease expires and another meshtop may take over."""


class Claim:
    """The lock and the Leases of one action, so that no other process runs it or writes to its objects meanwhile.

    A cluster without the right to hold a Lease is noted in the journal and used without one.
    """

    def __init__(self, action: str, fleet: Fleet, journal: Journal, *, seconds: float = LEASE_SECONDS) -> None:
        self._action = action
        self._fleet = fleet
        self._journal = journal
        self._seconds = seconds
        self._lock: ActionLock | None = None
        self._leases: list[ShiftLease] = []

    def work_on(self, fleet: Fleet) -> None:
        """Set the fleet in whose clusters Leases are taken, after the action's clusters were matched."""
        self._fleet = fleet

    def lock(self) -> None:
        """Lock the action on this machine. Raises ActionError: conflict when a running process holds it."""
        self._lock = lock_action(self._journal.path, self._action)

    async def take_leases(self, places: Iterable[RouteObject]) -> None:
        """Take every Lease. Raises ActionError: conflict when another process holds one."""
        for where in places:
            lease = ShiftLease(
                self._fleet.members[where.cluster].api,
                where,
                action=self._action,
                holder=f"{self._fleet.who}@{self._fleet.origin}",
                seconds=self._seconds,
            )
            try:
                await lease.take(self._fleet.clock())
            except ActionError as error:
                if error.kind is ErrorKind.CONFLICT or isinstance(error, Halted):
                    raise
                self._journal.write(
                    self._action, EntryKind.NOTE, cluster=where.cluster, note="no lease", why=error.message
                )
                continue
            self._leases.append(lease)

    async def renew_leases(self) -> None:
        """Extend every Lease. Raises ActionError: conflict when another process took one over; Halted."""
        for lease in self._leases:
            try:
                await lease.renew(self._fleet.clock())
            except ActionError as error:
                if error.kind is ErrorKind.CONFLICT or isinstance(error, Halted):
                    raise

    async def release(self) -> None:
        """Release the Leases and then the lock, even if interrupted."""
        leases, self._leases = self._leases, []
        try:
            await asyncio.shield(_release(leases))
        finally:
            if self._lock is not None:
                self._lock.release()


async def _release(leases: Iterable[ShiftLease]) -> None:
    # At once: one cluster that does not answer holds up none of the others.
    await asyncio.gather(*(lease.release() for lease in leases))
