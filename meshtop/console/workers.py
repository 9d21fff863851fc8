"""Work on other threads, of which nothing is remembered once it is done."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from textual.dom import DOMNode
from textual.worker import Worker

Result = TypeVar("Result")
P = ParamSpec("P")


class ForgetfulExecutor(ThreadPoolExecutor):
    """Runs each call in a context of its own.

    Textual sets context variables in the thread that does a worker's work. There they would name the worker's screen
    until that thread works again: as many closed screens as there are threads would stay in memory, with all they show.
    """

    def submit(self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        """Have a function called on one of the threads."""
        return super().submit(lambda: contextvars.Context().run(fn, *args, **kwargs))


class _Once:
    """A function that is called once, and named no longer."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work: Callable[[], object] | None = work

    def __call__(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work()

    def forget(self) -> None:
        """Name it no longer, whether it was called or not."""
        self._work = None


def work_on_thread(node: DOMNode, work: Callable[[], object], *, group: str, exclusive: bool = False) -> Worker[None]:
    """Have a function called on another thread, for a widget, a screen or the app, which cancel it when they close.

    `exclusive` cancels what is under way in the same `group`. What the function raises ends nothing; it has to say so
    itself. What it names (a picture above all) is freed when it is done: Textual's worker would keep it for as long as
    anything lives that was begun meanwhile, such as a screen, until the collector finds both.
    """
    once = _Once(work)
    worker = node.run_worker(once, thread=True, group=group, exclusive=exclusive, exit_on_error=False)
    if worker._task is not None:
        # Also one that was cancelled before it did anything.
        worker._task.add_done_callback(lambda _: once.forget())
    return worker
