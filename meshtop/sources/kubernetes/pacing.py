"""When a cluster is asked, and when again: turns at the first reading, common ticks, pauses after failures."""

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
    """Wait for the event, but not longer than so many seconds; whether it came is for the caller to look.

    Not `asyncio.wait_for`: a cancellation that arrives together with the event is lost in it (Python before 3.12), and
    a loop that waits so goes on for ever after it was told to end.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()


class Pace(Struct, frozen=True, kw_only=True):
    """How often one cluster is read; all times in seconds.

    `refresh`: between two signs of life asked of the server. `backoff` to `backoff_most`: after failures, doubling.
    `denied`: until a forbidden or missing kind is tried again. `slow`: between two readings of what is not watched.
    `discovery`: between two looks at which kinds are installed. `watch`: how long one watch lasts.
    """

    refresh: float = 5.0
    backoff: float = 0.5
    backoff_most: float = 30.0
    denied: float = 60.0
    slow: float = 30.0
    discovery: float = 60.0
    watch: float = 240.0

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, random, so that fifty clusters do not retry in step."""
        longest = min(self.backoff * 2.0 ** min(failures, 16), self.backoff_most)
        return longest * random.uniform(0.5, 1.0)

    def jitter(self, seconds: float) -> float:
        """About so many seconds: a fifth more or less at random."""
        return seconds * random.uniform(0.8, 1.2)


class ListingQueue:
    """Lets a few of many clusters list everything at a time: each is complete sooner, and none times out for our load.

    Shared by the clusters of one observatory, which take a turn once their server has shown that it is there. A turn
    is passed on after three seconds even when its owner is not done, so that slow clusters keep nobody waiting. Without
    turns, fifty clusters are read side by side: all of them are complete only at the very end, and connections seem to
    time out while their answers wait for this program.
    """

    def __init__(self, *, parallel: int = PARALLEL_LISTINGS, longest_seconds: float = LONGEST_TURN_SECONDS) -> None:
        self._free = asyncio.Semaphore(parallel)
        self._longest = longest_seconds

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it, at most for the longest time."""
        await self._free.acquire()
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
