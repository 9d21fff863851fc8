"""What is set for the whole process, each for its reason; nothing else in the house changes what all of it shares.

The front doors (`__main__`, the command line, the console) call these; the lowest floor, so that every room may.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator

COLLECTOR_THRESHOLDS = (50_000, 20, 100)
"""A refresh makes a hundred thousand objects and hardly a cycle: looking for cycles so rarely saves a fifth of it."""
SWITCH_SECONDS = 0.001
"""After so long a thread that works out a picture lets the one that answers keys go on; Python's own 5 ms, several
times for each key, would be felt."""
ENOUGH_OPEN_FILES = 16_384
"""Two hundred clusters with forty watches each, and room to spare."""
_MANY_OBJECTS = 20_000
"""Fewer new containers than this are left to the collector; freezing also keeps what garbage there is."""

QUIET_SECONDS = 3.0
"""So long after the last key nobody waits for the next one."""
_AT_MOST_EVERY_SECONDS = 60.0
_SHARE = 200.0
"""A full collection is followed by so many times its own length without one: half a per cent of a core at most."""
_lock = threading.Lock()
_depth = 0
_was_enabled = False


def prepare_process() -> None:
    """What every run begins with, before anything large is imported or made."""
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    leave_out_httpx_command_line()


def leave_out_httpx_command_line() -> None:
    """Keep httpx from taking its own command line along where it can be imported, and with it rich.

    That is a tenth of what printing a list takes. Without it httpx does what it does where `httpx[cli]` is not
    installed. Nothing happens where httpx is imported already.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


def answer_keys_first() -> None:
    """Let threads take turns so often that keys do not wait for what is worked out meanwhile."""
    sys.setswitchinterval(SWITCH_SECONDS)


def keep_log_off_stderr() -> None:
    """Let logged errors stay out of stderr, where Python writes them as long as nobody listens."""
    import logging  # here, because the first line on screen does not wait for it

    if logging.lastResort is not None:
        logging.root.removeHandler(logging.lastResort)
    if not any(isinstance(handler, logging.NullHandler) for handler in logging.root.handlers):
        logging.root.addHandler(logging.NullHandler())


def keep_libraries_quiet() -> None:
    """Let nothing but sentences reach stderr: libraries log and warn there, with tracebacks, when nobody listens."""
    import warnings

    keep_log_off_stderr()
    warnings.simplefilter("ignore")


def let_libraries_speak() -> None:
    """Write logged warnings and errors, with tracebacks, to stderr: for whoever asks for them (-vv, MESHTOP_DEBUG)."""
    import logging

    if logging.lastResort is not None and logging.lastResort not in logging.root.handlers:
        logging.root.addHandler(logging.lastResort)


def raise_open_file_limit() -> None:
    """Raise this process's own limit of open files as far as is allowed and useful; silent where that cannot be."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def collect_all() -> None:
    """Free all cycles of dead objects, also those that were moved out of the collector's sight; then hide the rest.

    Nothing happens while somebody makes thousands of objects.
    """
    with _lock:
        if _depth:
            return
        gc.unfreeze()
        gc.collect()
        gc.freeze()


class IdleCollector:
    """Runs full collections while nobody presses a key.

    The thresholds of `prepare` never let one run by itself, and screens that were closed are cycles: without it they
    pile up. `clock` gives seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, collect: Callable[[], None] = collect_all) -> None:
        self._clock = clock
        self._collect = collect
        self._touched = self._due = clock()

    def touched(self) -> None:
        """Somebody pressed a key, or moved the mouse."""
        self._touched = self._clock()

    def look(self) -> bool:
        """Collect, if nobody is there and the last time is long enough ago; whether it was done."""
        now = self._clock()
        if now < self._due or now - self._touched < QUIET_SECONDS:
            return False
        self._collect()
        took = self._clock() - now
        self._due = now + took + max(_AT_MOST_EVERY_SECONDS, took * _SHARE)
        return True


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Pause garbage collection for the whole process while thousands of objects are made: none of them is garbage.

    Several may pause at once; the last one ends it. What was made meanwhile, where it is much, is moved out of the
    collector's sight (`gc.freeze`): it is freed by its reference counts, and later collections need not walk it.
    """
    global _depth, _was_enabled
    with _lock:
        if _depth == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and _was_enabled:
                if gc.get_count()[0] > _MANY_OBJECTS:
                    gc.freeze()
                gc.enable()
