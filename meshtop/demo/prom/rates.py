"""Functions over the samples of one window that look at change: rate, increase, delta, deriv, resets, ...

Each takes a window of two samples or more as timestamps (ms), values and index bounds, by the rules of Prometheus
2.42's ``promql/functions.go``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from meshtop.demo.prom.columns import Values
from meshtop.demo.prom.numbers import NAN, compensated, divide
from meshtop.demo.prom.windows import Bounds


def reset_positions(values: Sequence[float]) -> list[int]:
    """Indexes at which a counter is below its previous value."""
    found = []
    previous = math.inf
    for index, value in enumerate(values):
        if value < previous:
            found.append(index)
        previous = value
    return found[1:] if found and found[0] == 0 else found


class Frame(NamedTuple):
    """What extrapolation needs to know of a window's timestamps; times in seconds.

    ``to_start`` is from the window's start to its first sample, ``sampled`` from there to its last one, ``average``
    between samples, and ``after`` what is added for the time from the last sample to the window's end.
    """

    low: int
    high: int
    to_start: float
    sampled: float
    average: float
    after: float


def frames(times: Sequence[int], bounds: Bounds, ends: Sequence[int], length: int) -> list[Frame | None]:
    """The frames of windows of ``length`` ms; None for fewer than two samples."""
    result: list[Frame | None] = []
    for (low, high), end in zip(bounds, ends, strict=True):
        if high - low < 2:
            result.append(None)
            continue
        first, last = times[low], times[high - 1]
        sampled = (last - first) / 1000
        average = sampled / (high - low - 1)
        to_end = (end - last) / 1000
        after = to_end if to_end < average * 1.1 else average / 2
        result.append(Frame(low, high, (first - (end - length)) / 1000, sampled, average, after))
    return result


def extrapolated(values: Sequence[float], windows: Sequence[Frame | None], counter: bool, divisor: float) -> Values:
    """The increase over each window, extrapolated to its edges and divided by ``divisor``."""
    resets = reset_positions(values) if counter and not getattr(values, "monotonic", False) else []
    if len(windows) > len(values) // 2:
        # Most are looked at, as the first sample of one window and the last of another.
        values = list(values)
    result: Values = []
    for frame in windows:
        if frame is None:
            result.append(None)
            continue
        low, high, to_start, sampled, average, after = frame
        first = values[low]
        change = values[high - 1] - first
        for position in resets:
            if low < position < high:
                change += values[position - 1]
        if counter and change > 0 and first >= 0:
            # A counter is never extrapolated below zero.
            to_zero = sampled * (first / change)
            if to_zero < to_start:
                to_start = to_zero
        before = to_start if to_start < average * 1.1 else average / 2
        result.append(change * ((sampled + before + after) / sampled / divisor))
    return result


def instant_change(times: Sequence[int], values: Sequence[float], bounds: tuple[int, int], rate: bool) -> float | None:
    """``irate`` or ``idelta``: the change between the last two samples, for a rate per second and reset-aware."""
    low, high = bounds
    if high - low < 2:
        return None
    last, previous = values[high - 1], values[high - 2]
    interval = times[high - 1] - times[high - 2]
    if interval == 0:
        return None
    if not rate:
        return last - previous
    return (last if last < previous else last - previous) / (interval / 1000)


def regression(times: Sequence[int], values: Sequence[float], intercept_ms: int) -> tuple[float, float]:
    """Slope per second and value at ``intercept_ms`` of the least-squares line."""
    first = values[0]
    if all(value == first for value in values):
        return (NAN, NAN) if math.isinf(first) else (0.0, first)
    n = float(len(values))
    sums = [(0.0, 0.0)] * 4
    for time, y in zip(times, values, strict=True):
        x = (time - intercept_ms) / 1000
        sums = [compensated(part, *old) for part, old in zip((x, y, x * y, x * x), sums, strict=True)]
    sum_x, sum_y, sum_xy, sum_xx = (total + rest for total, rest in sums)
    slope = divide(sum_xy - sum_x * sum_y / n, sum_xx - sum_x * sum_x / n)
    return slope, sum_y / n - slope * sum_x / n


def count_resets(values: Sequence[float]) -> float:
    """How often the value fell."""
    return float(sum(b < a for a, b in pairwise(values)))


def count_changes(values: Sequence[float]) -> float:
    """How often the value changed; NaN after NaN is no change."""
    pairs = pairwise(values)
    return float(sum(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in pairs))
