"""The garbage collector rests while thousands of objects are made: none of them is garbage."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

_MANY_OBJECTS = 20_000
"""Fewer new containers than this are left to the collector; freezing also keeps what garbage there is."""

_lock = threading.Lock()
_depth = 0
_was_enabled = False


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Pause automatic collection for the whole process; several may pause at once, the last one ends it.

    What was made meanwhile, where it is much, is moved out of the collector's sight (`gc.freeze`): it is freed by
    its reference counts, and later collections need not walk through it.
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
