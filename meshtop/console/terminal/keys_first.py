"""The console's event loop, for which computing threads stand aside while it has something to do."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from meshtop.process import KEYS, RightOfWay

Result = TypeVar("Result")


LOOK_SECONDS = 0.002
"""While the loop has more to do it looks for what else came so often."""


class KeysFirstSelector(selectors.DefaultSelector):
    """Waits for the loop, and leaves the right of way to others meanwhile.

    A loop that has more to do looks between any two steps for what came: thirty times for one key. Each look gives the
    interpreter away, and whoever computes keeps it for a millisecond at least; so it looks only every few. `clock`
    gives seconds that only grow.
    """

    def __init__(self, way: RightOfWay = KEYS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._way = way
        self._clock = clock
        self._look_at = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready, as the base class says it; without a wait where the loop has more to do."""
        if timeout is not None and timeout <= 0:
            if self._clock() < self._look_at:
                return []
            found = super().select(timeout)
        else:
            self._way.leave()
            try:
                found = super().select(timeout)
            finally:
                self._way.take()
        self._look_at = self._clock() + LOOK_SECONDS
        return found

    def close(self) -> None:
        """The loop has ended: nobody has to stand aside any more."""
        self._way.leave()
        super().close()


def keys_first_loop() -> asyncio.AbstractEventLoop:
    """A loop with such a selector."""
    return asyncio.SelectorEventLoop(KeysFirstSelector())


def run_keys_first(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine as `asyncio.run` does, on such a loop."""
    with asyncio.Runner(loop_factory=keys_first_loop) as runner:
        return runner.run(main)
