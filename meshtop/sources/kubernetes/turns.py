"""First readings of many clusters, a few at a time: the first is whole sooner, and none seems dead for our own load."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

AT_ONCE = 6
LONGEST_SECONDS = 3.0


class Turns:
    """Shared by the clusters of one observatory, which take a turn once their server has shown that it is there.

    A turn is given on after three seconds even when its owner is not done, so that slow clusters keep nobody waiting.
    Without turns, fifty clusters are read side by side: all of them are whole at the very end, and connections seem to
    time out while their answers only wait for this program.
    """

    def __init__(self, *, at_once: int = AT_ONCE, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._longest = longest_seconds

    @contextlib.asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it, at most for the longest time."""
        await self._free.acquire()
        given = False

        def give() -> None:
            nonlocal given
            if not given:
                given = True
                self._free.release()

        timer = asyncio.get_running_loop().call_later(self._longest, give)
        try:
            yield
        finally:
            timer.cancel()
            give()
