"""What a screen shows, made on a worker thread, one piece at a time, so that keys never wait for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from textual.message import Message
from textual.screen import Screen

from meshtop.console.workers import work_on_thread
from meshtop.log import log_repeated

_log = logging.getLogger(__name__)


class Made(Message):
    """Message: what was asked for, or the error that it ended with; `number` counts the questions."""

    def __init__(self, number: int, answer: object, error: Exception | None = None) -> None:
        super().__init__()
        self.number = number
        self.answer = answer
        self.error = error


class Making:
    """Makes what a screen asks for; while one piece is under way, the last that is asked for waits.

    The screen gives each `Made` message to `take`, which says whether it is the latest answer.
    """

    def __init__(self, screen: Screen[object]) -> None:
        self._screen = screen
        self._number = 0
        self._busy = False
        self._waiting: Callable[[], object] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self._busy

    def ask(self, make: Callable[[], object]) -> None:
        """Make something, once what is under way is ready."""
        if self._busy:
            self._waiting = make
            return
        self._number += 1
        self._busy, self._waiting = True, None
        work_on_thread(self._screen, partial(self._work, self._number, make), group="making")

    def forget(self) -> None:
        """What is under way is no longer wanted; what is asked next does not wait for it."""
        self._number += 1
        self._busy, self._waiting = False, None

    def _work(self, number: int, make: Callable[[], object]) -> None:
        """On the worker thread: only a message may be posted from here."""
        try:
            made = Made(number, make())
        except Exception as error:  # noqa: BLE001 - a thread has no caller to raise to; the screen says it
            log_repeated(_log, "what a screen shows could not be made", error)
            made = Made(number, None, error)
        self._screen.post_message(made)

    def take(self, message: Made) -> bool:
        """Whether an answer is the one that is waited for; starts what waits."""
        if message.number != self._number:
            return False
        self._busy = False
        if self._waiting is not None:
            self.ask(self._waiting)
        return True
