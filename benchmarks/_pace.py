"""How fast this machine is at the moment: shared ones are at times a quarter as fast as at others."""

from __future__ import annotations

import os
import time

BEST_MS = 65.0
"""What the loop takes where the figures of docs/performance.md come from, when nobody else is there."""
TURNS = 2_000_000
_SLOWNESS = "BENCHMARK_SLOWNESS"
_MOST = 12.0


def pace() -> float:
    """Milliseconds of CPU for a loop of two million turns: the middle one of three."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        sum(turn & 3 for turn in range(TURNS))
        taken.append(1000 * (time.process_time() - began))
    return sorted(taken)[1]


def load() -> float:
    """How many processes wanted a processor within the last minute."""
    return os.getloadavg()[0]


def slowness() -> float:
    """How many times as long as at the best something takes here: pace and queue, measured once for all processes.

    Child processes read it from the environment, so that their CPU is not spent on finding out.
    """
    if _SLOWNESS not in os.environ:
        waiting = max(1.0, load() / (os.cpu_count() or 1))
        os.environ[_SLOWNESS] = f"{min(_MOST, max(1.0, pace() / BEST_MS) * waiting):.2f}"
    return float(os.environ[_SLOWNESS])


def patience(seconds: float) -> float:
    """A time limit that is meant for the best pace, for this one."""
    return seconds * slowness()
