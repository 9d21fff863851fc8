"""What reading many clusters asks of the whole process: open files, and a garbage collector that rests meanwhile."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

ENOUGH_OPEN_FILES = 16_384
"""Two hundred clusters with forty watches each, and room to spare."""
_MANY_OBJECTS = 20_000
"""Fewer new containers than this are left to the collector; freezing also keeps what garbage there is."""

_lock = threading.Lock()
_depth = 0
_was_enabled = False


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
