"""The console's event loop, for which computing threads stand aside while it has something to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from meshtop.process import KEYS, RightOfWay

Result = TypeVar("Result")


class KeysFirstSelector(selectors.DefaultSelector):
    """Waits for the loop, and leaves the right of way to others meanwhile."""

    def __init__(self, way: RightOfWay = KEYS) -> None:
        super().__init__()
        self._way = way

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready, as the base class says it; without a wait where the loop has more to do."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        self._way.leave()
        try:
            return super().select(timeout)
        finally:
            self._way.take()

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
