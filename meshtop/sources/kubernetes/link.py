"""Shared state of the readers of one cluster: the connection, and whether the server answers."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable

import msgspec

from meshtop.sources.http.connection import Connection
from meshtop.sources.http.failures import response_problem
from meshtop.sources.kubernetes.kinds import CHANGING_RARELY
from meshtop.sources.kubernetes.pacing import Pace, seconds_to_next_tick, wait_at_most
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem

_PARALLEL = 8
WATCHED_WITHIN_REFRESHES = 1.5
"""A first list waits at most so many refreshes for its watch: half of what it takes to age."""
STALE_REFRESHES = 3
"""What was true so many refreshes ago may no longer be."""


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


class ServerLink:
    """Whether a cluster's API server answers, checked by one small request per refresh.

    Readers wait for `up`; one that loses its connection calls `suspect_connection`, which triggers an immediate check.
    While the server does not answer, no other requests are sent.
    """

    def __init__(self, connection: Connection, pace: Pace, clock: Callable[[], float]) -> None:
        self.connection = connection
        self.pace = pace
        self.clock = clock
        self.up = asyncio.Event()
        self.up.set()
        self.asked = asyncio.Event()
        """Set after the first check."""
        self.queued = False
        """Whether readers have to wait for this cluster's turn although the server answers (ListingQueue)."""
        self.read = asyncio.Event()
        """Set once everything was read for the first time, here and in the clusters that wait for their turn."""
        self.following = False
        """Whether what is read is kept up to date: only then does it grow stale."""
        self.listing = asyncio.Semaphore(_PARALLEL)
        self.problem: SourceProblem | None = None
        self.version: str | None = None
        self.answered_at: float | None = None
        self.changed: Callable[[], None] = lambda: None
        self._attended: frozenset[str] | None = None
        self._attention = asyncio.Event()
        self._suspected = asyncio.Event()
        self._leases: set[asyncio.Timeout] = set()

    @property
    def stale_seconds(self) -> float:
        """The age at which what was read counts as stale. A single reading has no refreshes that could be missed."""
        return STALE_REFRESHES * self.pace.refresh if self.following else math.inf

    def attend(self, kinds: frozenset[str] | None) -> None:
        """Note which kinds somebody looks at; None for all. Others are not watched if they change rarely."""
        if kinds != self._attended:
            self._attended = kinds
            self._attention.set()
            self._attention = asyncio.Event()

    def is_attended(self, kind: str) -> bool:
        """Whether a kind is to be watched, so that each change is seen at once."""
        return self._attended is None or kind in self._attended or kind not in CHANGING_RARELY

    def is_looked_at(self, kind: str) -> bool:
        """Whether somebody looks at what is worked out from a kind that is read for that alone."""
        return self._attended is None or kind in self._attended

    async def rest_unattended(self, kind: str) -> None:
        """Wait until a kind that nobody looks at is to be listed again, or until somebody looks at it."""
        ends = asyncio.get_running_loop().time() + self.pace.jitter(self.pace.unattended)
        while not self.is_attended(kind) and (left := ends - asyncio.get_running_loop().time()) > 0:
            await wait_at_most(left, self._attention)

    async def await_first_lists(self) -> None:
        """Before a reader's first watch: let the first lists of everything go first, no longer than a list may wait.

        A watch shows what happened since its list, so that nothing is missed; and it can have the connection of a list.
        """
        if not self.read.is_set():
            await wait_at_most(WATCHED_WITHIN_REFRESHES * self.pace.refresh, self.read)

    def answered(self) -> None:
        """Note a good response."""
        self.answered_at = self.clock()

    def suspect_connection(self) -> None:
        """Note a broken connection: readers wait until the server was checked."""
        self.up.clear()
        self._suspected.set()

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[asyncio.Timeout]:
        """Around a watch: ends it (with `expired()` true) when the server stops answering.

        A watch cannot detect that by itself: a connection dropped by the network is as silent as one without events.
        """
        async with asyncio.timeout(None) as lease:
            self._leases.add(lease)
            try:
                yield lease
            finally:
                self._leases.discard(lease)

    async def ping(self) -> bool:
        """Check the server; False (with the reason in `problem`) without a response or if the login is rejected."""
        try:
            response = await self.connection.request("GET", "/version")
        except SourceProblem as problem:
            self.problem = problem.kept()
            return False
        if response.status_code >= 500:
            self.problem = response_problem(response, cluster=self.connection.name, what="its version", verb="tell")
            return False
        self.problem = None
        with contextlib.suppress(*NOT_UNDERSTOOD):
            self.version = msgspec.json.decode(response.content, type=_Version).git_version or self.version
        if self.answered_at is not None:
            self.answered()
        return True

    async def monitor(self, measure: Callable[[float], None]) -> None:
        """Check the server at every refresh until cancelled; `measure` gets the seconds that each check took."""
        failures = 0
        while True:
            self._suspected.clear()
            began = self.clock()
            alive = await self.ping()
            measure(max(0.0, self.clock() - began))
            if alive:
                failures = 0
                if not self.queued:
                    self.up.set()
            else:
                failures += 1
                self.up.clear()
                self._end_leases()
            self.asked.set()
            self.changed()
            await self._rest(alive, failures)

    async def _rest(self, alive: bool, failures: int) -> None:
        if not alive:
            await asyncio.sleep(self.pace.pause(failures))
            return
        now, refresh = asyncio.get_running_loop().time(), self.pace.refresh
        await wait_at_most(seconds_to_next_tick(now, refresh, least=refresh / 2), self._suspected)

    def _end_leases(self) -> None:
        now = asyncio.get_running_loop().time()
        for lease in tuple(self._leases):
            if not lease.expired():
                lease.reschedule(now)
