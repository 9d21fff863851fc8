"""The threads of the console's workers, which remember nothing of the work that they have done."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

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
