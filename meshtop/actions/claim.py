"""An action as one process's own: locked on this machine, and a Lease beside each object that it writes."""

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
"""How long a Lease outlives its holder's silence; then another meshtop may take its place."""


class Claim:
    """The lock and the Leases of one action, so that nobody else runs it or writes to its objects meanwhile.

    A cluster that gives no Lease (a missing right) is noted in the journal and does without.
    """

    def __init__(self, action: str, fleet: Fleet, journal: Journal, *, seconds: float = LEASE_SECONDS) -> None:
        self._action = action
        self._fleet = fleet
        self._journal = journal
        self._seconds = seconds
        self._lock: ActionLock | None = None
        self._leases: list[ShiftLease] = []

    def work_on(self, fleet: Fleet) -> None:
        """Take the Leases in the clusters of this fleet: those that the action turned out to mean."""
        self._fleet = fleet

    def lock(self) -> None:
        """Lock the action on this machine. Raises ActionError: conflict when a living process runs it."""
        self._lock = lock_action(self._journal.path, self._action)

    async def take_leases(self, places: Iterable[RouteObject]) -> None:
        """Take every Lease. Raises ActionError: conflict when somebody else holds one."""
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
        """Extend every Lease. Raises ActionError: conflict when somebody else took one over; Halted."""
        for lease in self._leases:
            try:
                await lease.renew(self._fleet.clock())
            except ActionError as error:
                if error.kind is ErrorKind.CONFLICT or isinstance(error, Halted):
                    raise

    async def release(self) -> None:
        """Release the Leases and then the lock, whatever interrupts this."""
        leases, self._leases = self._leases, []
        try:
            await asyncio.shield(_release(leases))
        finally:
            if self._lock is not None:
                self._lock.release()


async def _release(leases: Iterable[ShiftLease]) -> None:
    # At once: one cluster that does not answer holds up none of the others.
    await asyncio.gather(*(lease.release() for lease in leases))
