"""When to ask again: on common beats, so that what many sources say can be shown as one picture."""

from __future__ import annotations


def until_beat(now: float, period: float, *, least: float = 0.0) -> float:
    """Seconds from `now` (the loop's clock) to the next whole multiple of `period` that is at least `least` away.

    Every source of this process then asks at the same moments and the pictures become one for each refresh, instead
    of one for each cluster; other processes have clocks that began at other moments. A period of zero is no wait.
    """
    if period <= 0:
        return least
    earliest = now + least
    beats = -(-earliest // period)
    return max(least, beats * period - now) or period
