"""The observatory on a thread of its own, so that decoding fifty clusters never stalls a screen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from meshtop.log import log_failure
from meshtop.model.snapshot import Snapshot
from meshtop.observatory.observatory import Observatory

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class ObservatoryThread:
    """Follows an observatory in the background.

    `build` makes the observatory inside the thread (its imports are slow and belong after the first frame);
    `publish` is called with every Snapshot in order, one at a time, from a worker thread; up to the first answer from
    this one, as whatever is read meanwhile would only keep that from being seen. `failed` is called with the error that
    ended the observatory. `get_ready`, if there is one, is called in between, from a worker thread: once the clusters
    have been asked, so that they answer meanwhile, and before anything is published.
    """

    def __init__(
        self,
        build: Callable[[], Observatory],
        publish: Callable[[Snapshot], None],
        failed: Callable[[BaseException], None],
        *,
        get_ready: Callable[[], object] | None = None,
    ) -> None:
        self._build = build
        self._publish = publish
        self._failed = failed
        self._get_ready = get_ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="observatory", daemon=True)
        self.observatory: Observatory | None = None

    def start(self) -> None:
        """Start the thread; returns immediately."""
        self._thread.start()

    def stop(self, *, wait_seconds: float = 2.0) -> None:
        """Stop the observatory and wait briefly for connections to close."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
        if self._thread.is_alive():
            self._thread.join(wait_seconds)

    def tell(self, action: Callable[[Observatory], None]) -> None:
        """Run a function on the observatory's event loop (change the window or moment, refresh)."""
        if self._loop is not None and self.observatory is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(action, self.observatory)

    def ask(self, question: Callable[[Observatory], Coroutine[Any, Any, Result]]) -> Future[Result] | None:
        """Run a coroutine on the observatory's event loop; None if it has not started yet."""
        if self._loop is None or self.observatory is None:
            return None
        return asyncio.run_coroutine_threadsafe(question(self.observatory), self._loop)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            return
        except BaseException as error:  # noqa: BLE001 - a thread has no caller to raise to
            log_failure(_log, "the observatory ended", error)
            self._failed(error)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self.observatory = await asyncio.to_thread(self._build)
        ready = asyncio.to_thread(self._get_ready) if self._get_ready is not None else None
        answered = False
        try:
            async with contextlib.aclosing(self.observatory.follow(ready)) as snapshots:
                async for snapshot in snapshots:
                    if answered:
                        await asyncio.to_thread(self._publish, snapshot)
                    else:
                        answered = any(cluster.inventory is not None for cluster in snapshot.clusters)
                        self._publish(snapshot)
        finally:
            await self.observatory.close()
