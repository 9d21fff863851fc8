"""Signals that end the console: the terminal is restored first, and the exit code names the signal.

Textual 8.2.8 leaves the alternate screen and the mouse modes behind on SIGTERM, since Python's default action
ends the process at once.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import threading
import time
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


def hang_up_with(terminal: int) -> None:
    """Send this process SIGHUP when a terminal, given by its descriptor, is gone.

    The system does so only for a terminal that controls the process, and `nohup`, containers and tools that run
    programs have others. Reading one that is gone never blocks, and writing to it fails: without this the console
    would read on in circles, or wait for its writer, and stay behind on the host with all its connections.
    """
    poll = select.poll()
    poll.register(terminal, 0)

    def wait() -> None:
        # macOS cannot poll a terminal, and says so (POLLNVAL).
        if not any(happened & (select.POLLHUP | select.POLLERR) for _, happened in poll.poll()):
            return
        os.kill(os.getpid(), signal.SIGHUP)
        # The loop that should handle it may be waiting for a writer that has ended.
        time.sleep(2 * PATIENCE_SECONDS)
        os._exit(int(Ending.HANGUP))

    threading.Thread(target=wait, name="hang-up", daemon=True).start()
