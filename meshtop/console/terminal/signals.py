"""Signals that end the console: the terminal is restored first, and the exit code names the signal.

Textual 8.2.8 leaves the alternate screen and the mouse modes behind on SIGTERM, since Python's default action
ends the process at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from enum import IntEnum

PATIENCE_SECONDS = 3.0


class Ending(IntEnum):
    """Exit codes of a console ended by a signal: 128 plus the signal's number, as in shells."""

    HANGUP = 128 + signal.SIGHUP
    INTERRUPTED = 128 + signal.SIGINT
    TERMINATED = 128 + signal.SIGTERM


_ENDINGS = {
    signal.SIGHUP: Ending.HANGUP,
    signal.SIGINT: Ending.INTERRUPTED,
    signal.SIGTERM: Ending.TERMINATED,
}


def end_on_signals(loop: asyncio.AbstractEventLoop, end: Callable[[Ending], None]) -> None:
    """Call `end` on SIGTERM, SIGHUP or SIGINT, and exit hard if that takes too long.

    After a hang-up the terminal is no longer read, so the console's writer may block forever.
    """

    def on_signal(ending: Ending) -> None:
        last = threading.Timer(PATIENCE_SECONDS, os._exit, args=(int(ending),))
        last.daemon = True
        last.start()
        end(ending)

    for number, ending in _ENDINGS.items():
        loop.add_signal_handler(number, on_signal, ending)
