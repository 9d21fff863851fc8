"""Process-wide settings, each with its reason; no other module changes state shared by the whole process.

(One mends a method of Textual's for all of it: `console/terminal/textual_hooks.py`.)

They are called by `__main__`, the command line and the console; any package may import this module.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, TypeVar

Thing = TypeVar("Thing")
_KEY = itemgetter(0)
_SORTED_AT_ONCE = 1_000

COLLECTOR_THRESHOLDS = (500_000, 20, 100)
"""A command makes tens of thousands of objects by importing alone, none of which is garbage: to look for some among
them takes a twentieth of its time. One that follows clusters for long makes few cycles."""
CONSOLE_THRESHOLDS = (50_000, 20, 100)
"""A refresh creates a hundred thousand objects and hardly any cycles; collecting so rarely saves a fifth of it, and
looking among more at once would be felt by keys."""
SWITCH_SECONDS = 0.001
"""Seconds after which a computing thread yields to the one that handles keys; Python's default of 5 ms, several
times for each key, would be felt."""
ENOUGH_OPEN_FILES = 16_384
"""Wanted limit of open files: two hundred clusters with forty watches each, and some spare."""
_MANY_OBJECTS = 20_000
"""With fewer new containers than this nothing is frozen, as freezing also keeps existing garbage."""

QUIET_SECONDS = 3.0
"""So long after the last key nobody waits for the next one."""
_IMPATIENCE = ((20.0, 0.5), (120.0, 0.0))
"""So many seconds after a collection was due, so many without a key will do: somebody who types on and on without a
pause, and closes a screen every second, leaves tens of megabytes a minute behind."""
_AT_MOST_EVERY_SECONDS = 60.0
_UNTOUCHED_SECONDS = 300.0
"""The same where nobody touched the console in between: no screen was closed, and pictures are no cycles."""
_SHARE = 200.0
"""A full collection is followed by so many times its CPU time without one: half a per cent of a core at most."""
_LATE_ENOUGH_SECONDS = 20.0
"""So late it no longer waits for who makes thousands of objects: on a busy machine somebody always does."""
_give_back_holes: Callable[[int], object] | None = None
"""glibc's `malloc_trim`, for half a millisecond: the system takes back whole pages on which nothing lives."""
_lock = threading.Lock()
_depth = 0
_was_enabled = False


def prepare_process() -> None:
    """Settings for every run, applied before anything large is imported or created."""
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    leave_out_httpx_command_line()


def leave_out_httpx_command_line() -> None:
    """Keep httpx from importing its own command line, and with it rich.

    That import takes a tenth of the time of printing a list. httpx then behaves as if `httpx[cli]` were not installed.
    Has no effect if httpx is already imported.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


def answer_keys_first() -> None:
    """Switch threads so often that key presses do not wait for background computations, nor for the collector.

    What was imported so far stays, and is not looked through again.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*CONSOLE_THRESHOLDS)


_ARENA_MAX = -8
"""M_ARENA_MAX of glibc's `mallopt`."""


def share_one_heap() -> None:
    """Let all threads allocate from one heap, whose holes `collect_all` gives back.

    Whoever follows clusters does so; a program with threads of its own does it before the first of them starts.

    glibc gives each thread one of its own, so that none waits for another; Python's lock lets one run at a time anyway.
    What one thread allocates and another frees leaves holes in each of them: a console that was left alone for ten
    minutes held 12 MB of holes, and grew on; with one heap 5. Other libraries have no such setting.
    """
    global _give_back_holes
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # here: only what runs for long needs it

        libc = ctypes.CDLL(None)
        libc.mallopt(_ARENA_MAX, 1)
        _give_back_holes = libc.malloc_trim


PARENT_PIPE = "MESHTOP_PARENT_PIPE"
"""The variable with the number of a pipe's end whose other end only the parent has: it closes when the parent dies."""


def end_with_parent() -> None:
    """End this process by SIGTERM when the parent that gave it a pipe is gone, however that ended.

    SIGKILL leaves the parent no time to end its children, and not every system tells a child.
    """
    number = os.environ.pop(PARENT_PIPE, "")
    if not number.isdecimal():
        return
    pipe = int(number)

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(pipe, 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    with contextlib.suppress(OSError):
        os.set_inheritable(pipe, False)
        threading.Thread(target=wait, name="parent", daemon=True).start()


def keep_log_off_stderr() -> None:
    """Keep logged errors out of stderr, where Python writes them if no handler is installed."""
    import logging  # here, because the first line on screen does not wait for it

    if logging.lastResort is not None:
        logging.root.removeHandler(logging.lastResort)
    if not any(isinstance(handler, logging.NullHandler) for handler in logging.root.handlers):
        logging.root.addHandler(logging.NullHandler())


def keep_libraries_quiet() -> None:
    """Keep libraries' logs and warnings out of stderr, where they would print tracebacks if no handler is installed."""
    import warnings

    keep_log_off_stderr()
    warnings.simplefilter("ignore")


def let_libraries_speak() -> None:
    """Write logged warnings and errors, with tracebacks, to stderr (-vv, MESHTOP_DEBUG)."""
    import logging

    if logging.lastResort is not None and logging.lastResort not in logging.root.handlers:
        logging.root.addHandler(logging.lastResort)


def raise_open_file_limit() -> None:
    """Raise this process's soft limit of open files as far as allowed and useful; failure is ignored."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def collect_all(*, though_busy: bool = False) -> bool:
    """Free all cycles of dead objects, also those that were moved out of the collector's sight; then hide the rest.

    Nothing happens, and the answer is False, while somebody makes thousands of objects, unless it is done
    `though_busy`: these are looked through too, and none of them is garbage.
    """
    with _lock:
        if _depth and not though_busy:
            return False
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        if _give_back_holes is not None:
            _give_back_holes(0)
        return True


class IdleCollector:
    """Runs full collections while nobody presses a key.

    The thresholds of `prepare` never let one run by itself, and screens that were closed are cycles: without it they
    pile up. `clock` gives seconds that only grow, `spent` those of CPU of this thread; `collect` does it, also though
    somebody is busy if it is told so, and tells whether it could.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        collect: Callable[..., bool] = collect_all,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock = clock
        self._collect = collect
        self._spent = spent
        self._touched = self._due = clock()
        self._untouched_due = self._due
        self._woken: float | None = None
        """When somebody touched it first since the last collection; None while nobody has."""

    def touched(self) -> None:
        """Somebody pressed a key, or moved the mouse."""
        self._touched = self._clock()
        if self._woken is None:
            self._woken = self._touched

    def look(self) -> bool:
        """Collect, if nobody is there and the last time is long enough ago; whether it was done."""
        now = self._clock()
        if now < self._due:
            return False
        if self._woken is None:
            if now < self._untouched_due:
                return False
            late = now - self._untouched_due
        else:
            # Nobody waited for it before somebody came.
            late = now - max(self._due, self._woken)
        quiet = min((seconds for after, seconds in _IMPATIENCE if late >= after), default=QUIET_SECONDS)
        began = self._spent()
        if now - self._touched < quiet or not self._collect(though_busy=late >= _LATE_ENOUGH_SECONDS):
            return False
        collected, took = self._clock(), self._spent() - began
        self._due = collected + max(_AT_MOST_EVERY_SECONDS, took * _SHARE)
        self._untouched_due = max(self._due, collected + _UNTOUCHED_SECONDS)
        self._woken = None
        return True


class RightOfWay:
    """Lets threads that compute stand aside while the console's loop has something to do.

    Python gives its interpreter to one thread at a time, and shares it evenly: a key's frame, worked out in turns with
    two computing threads, takes three times as long. So these call `give_way` wherever a piece of work ends, a few
    milliseconds apart, and wait there; never longer than `most_seconds`, and after it they go on undisturbed for half
    as long, so that whoever holds a key down does not stop them. `clock` gives seconds that only grow.
    """

    def __init__(self, most_seconds: float = 0.05, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most_seconds
        self._clock = clock
        self._free = threading.Event()
        self._free.set()
        self._mine = threading.local()
        self._taker = 0

    def take(self) -> None:
        """The console's loop, whose thread this is, begins to do something."""
        self._taker = threading.get_ident()
        self._free.clear()

    def want(self) -> None:
        """Some thread is about to give the loop something to do; the loop takes and leaves the way then."""
        self._free.clear()

    def leave(self) -> None:
        """The loop has nothing to do for the moment."""
        self._free.set()

    def give_way(self) -> None:
        """Wait while the loop has something to do; the loop's own thread never waits for itself."""
        if self._free.is_set() or self._taker == threading.get_ident():
            return
        now = self._clock()
        if now < getattr(self._mine, "until", 0.0):
            return
        self._free.wait(self._most)
        waited = self._clock() - now
        self._mine.until = now + 1.5 * waited


KEYS = RightOfWay()
"""Of the console's loop. Where there is none, it is never taken."""
give_way = KEYS.give_way
_PIECE = 100
"""So many things are gone through without asking whether to stand aside: well below a millisecond of simple work."""


def in_turns(things: Iterable[Thing], piece: int = _PIECE) -> Iterator[Thing]:
    """The same things one by one, standing aside after each `piece`: for long loops that do little each."""
    for number, thing in enumerate(things):
        if not number % piece:
            give_way()
        yield thing


def sorted_in_turns(things: Iterable[Thing], key: Callable[[Thing], Any], *, reverse: bool = False) -> list[Thing]:
    """As `sorted`, equal things in their order, standing aside in between.

    Comparing twenty thousand keys at once takes tens of milliseconds in which no other thread runs: a sort of pieces
    that are in order compares a few times for each thing only.
    """
    pairs = [(key(thing), thing) for thing in in_turns(things)]
    if len(pairs) > _SORTED_AT_ONCE:
        pieces = [pairs[start : start + _SORTED_AT_ONCE] for start in range(0, len(pairs), _SORTED_AT_ONCE)]
        for piece in pieces:
            give_way()
            piece.sort(key=_KEY, reverse=reverse)
        pairs = _merged(pieces, reverse=reverse)
    else:
        pairs.sort(key=_KEY, reverse=reverse)
    return [thing for _, thing in in_turns(pairs, _SORTED_AT_ONCE)]


def _merged(pieces: list[list[tuple[Any, Thing]]], *, reverse: bool) -> list[tuple[Any, Thing]]:
    """Pieces that are in order as one, two by two, standing aside after each two: the last step compares all once."""
    while len(pieces) > 1:
        pairs = [pieces[at : at + 2] for at in range(0, len(pieces), 2)]
        pieces = []
        for two in pairs:
            give_way()
            one = [pair for piece in two for pair in piece]
            one.sort(key=_KEY, reverse=reverse)
            pieces.append(one)
    return pieces[0]


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Pause garbage collection for the whole process while thousands of objects are created, none of which is garbage.

    Pauses may overlap; the last one ends it. If many objects were created meanwhile, they are moved out of the
    collector's generations (`gc.freeze`): they are freed by reference counts, and later collections skip them.
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
