"""What waits for the collector: objects that only cycles hold, which stay until a full collection."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from types import FrameType, FunctionType


@contextlib.contextmanager
def left_behind() -> Iterator[list[object]]:
    """The list has, after the block, all that became garbage inside of it and that no count of references freed."""
    gc.collect()
    was_enabled, flags = gc.isenabled(), gc.get_debug()
    gc.disable()
    found: list[object] = []
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.extend(gc.garbage)
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
        if was_enabled:
            gc.enable()


def places(garbage: list[object]) -> set[str]:
    """The functions whose frames, or which themselves, are among it."""
    frames = {one.f_code.co_qualname for one in garbage if isinstance(one, FrameType)}
    return frames | {one.__qualname__ for one in garbage if isinstance(one, FunctionType)}
