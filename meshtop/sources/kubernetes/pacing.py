"""Timing of reads: turns at the first listing, common ticks, pauses after failures."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

from msgspec import Struct

PARALLEL_LISTINGS = 6
LONGEST_TURN_SECONDS = 3.0


def seconds_to_next_tick(now: float, period: float, *, least: float = 0.0) -> float:
    """Seconds from `now` (the loop's clock) to the next whole multiple of `period` that is at least `least` away.

    Every source of this process then asks at the same moments and the answers become one picture for each refresh,
    instead of one for each cluster; other processes have clocks that began at other moments. A period of zero means no
    wait.
    """
    if period <= 0:
        return least
    earliest = now + least
    ticks = -(-earliest // period)
    return max(least, ticks * period - now) or period


async def wait_at_most(seconds: float, event: asyncio.Event) -> None:
    """Wait for the event, but at most the given seconds; the caller checks whether it was set.

    `asyncio.wait_for` is not used: it loses a cancellation that arrives together with the event (Python before 3.12),
    so that a loop would never end.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()


class Pace(Struct, frozen=True, kw_only=True):
    """Intervals of reading one cluster, in seconds.

    `refresh`: between two signs of life asked of the server. `backoff` to `backoff_most`: after failures, doubling.
    `denied`: until a forbidden or missing kind is tried again. `slow`: between two readings of what is not watched.
    `discovery`: between two looks at which kinds are installed. `watch`: how long one watch lasts.
    `unattended`: between two lists of a kind that nobody looks at, and that is not watched.
    """

    refresh: float = 5.0
    backoff: float = 0.5
    backoff_most: float = 30.0
    denied: float = 60.0
    slow: float = 30.0
    discovery: float = 60.0
    watch: float = 240.0
    unattended: float = 60.0

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, random, so that fifty clusters do not retry in step."""
        longest = min(self.backoff * 2.0 ** min(failures, 16), self.backoff_most)
        return longest * random.uniform(0.5, 1.0)

    def jitter(self, seconds: float) -> float:
        """The seconds with a random deviation of up to a fifth."""
        return seconds * random.uniform(0.8, 1.2)


class ListingQueue:
    """Limits how many clusters list everything at a time: each completes sooner, and none times out due to our load.

    Shared by the clusters of one observatory, which take a turn once their server has answered. A turn is passed on
    after three seconds even if its owner is not done, so that slow clusters do not block others. Without turns, fifty
    clusters would be read concurrently: all of them would complete only at the very end, and connections would seem to
    time out while their responses wait for this program.
    """

    def __init__(self, *, parallel: int = PARALLEL_LISTINGS, longest_seconds: float = LONGEST_TURN_SECONDS) -> None:
        self._free = asyncio.Semaphore(parallel)
        self._longest = longest_seconds
        self._turns = 0
        self.quiet = asyncio.Event()
        """Set while nobody holds a turn or waits for one."""
        self.quiet.set()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it, at most for the longest time."""
        self._turns += 1
        self.quiet.clear()
        try:
            await self._free.acquire()
        except BaseException:
            self._end()
            raise
        passed_on = False

        def pass_on() -> None:
            nonlocal passed_on
            if not passed_on:
                passed_on = True
                self._free.release()

        timer = asyncio.get_running_loop().call_later(self._longest, pass_on)
        try:
            yield
        finally:
            timer.cancel()
            pass_on()
            self._end()

    def _end(self) -> None:
        self._turns -= 1
        if not self._turns:
            self.quiet.set()
