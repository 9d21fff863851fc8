"""Functions over the samples of one window that look at change: rate, increase, delta, deriv, resets, ...

Each takes a window of two samples or more as timestamps (ms), values and index bounds, by the rules of Prometheus
2.42's ``promql/functions.go``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from meshtop.demo.prom.numbers import NAN, compensated, divide


def reset_positions(values: Sequence[float]) -> list[int]:
    """Indexes at which a counter is below its previous value."""
    found = []
    previous = math.inf
    for index, value in enumerate(values):
        if value < previous:
            found.append(index)
        previous = value
    return found[1:] if found and found[0] == 0 else found


def extrapolated(
    times: Sequence[int],
    values: Sequence[float],
    resets: Sequence[int],
    bounds: tuple[int, int],
    window: tuple[int, int],
    counter: bool,
) -> float | None:
    """The increase over a window (ms), extrapolated to its edges; None with fewer than two samples.

    ``resets`` are the reset positions in all of ``values``; those inside the bounds count, for a counter.
    """
    low, high = bounds
    if high - low < 2:
        return None
    first_time, last_time = times[low], times[high - 1]
    first = values[low]
    result = values[high - 1] - first
    if counter:
        for position in resets:
            if low < position < high:
                result += values[position - 1]
    to_start = (first_time - window[0]) / 1000
    to_end = (window[1] - last_time) / 1000
    sampled = (last_time - first_time) / 1000
    average = sampled / (high - low - 1)
    if counter and result > 0 and first >= 0:
        # A counter is never extrapolated below zero.
        to_start = min(to_start, sampled * (first / result))
    threshold = average * 1.1
    extended = sampled
    extended += to_start if to_start < threshold else average / 2
    extended += to_end if to_end < threshold else average / 2
    return result * (extended / sampled)


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
