"""The ``*_over_time`` functions: statistics of the values in one window (at least one), as Prometheus 2.42 does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from meshtop.demo.prom.numbers import INF, NAN, compensated, square_root


def average(values: Sequence[float]) -> float:
    """The mean, computed so that it does not overflow."""
    mean = compensation = 0.0
    for count, value in enumerate(values, 1):
        if math.isinf(mean):
            if math.isinf(value) and (mean > 0) == (value > 0):
                continue
            if math.isfinite(value):
                continue
        mean, compensation = compensated(value / count - mean / count, mean, compensation)
    return mean if math.isinf(mean) else mean + compensation


def total(values: Sequence[float]) -> float:
    """The compensated sum."""
    result = compensation = 0.0
    for value in values:
        result, compensation = compensated(value, result, compensation)
    return result if math.isinf(result) else result + compensation


def greatest(values: Sequence[float]) -> float:
    """The maximum; NaN only when all are NaN."""
    best = values[0]
    for value in values:
        if value > best or best != best:
            best = value
    return best


def least(values: Sequence[float]) -> float:
    """The minimum; NaN only when all are NaN."""
    best = values[0]
    for value in values:
        if value < best or best != best:
            best = value
    return best


def variance(values: Sequence[float]) -> float:
    """The population variance, by Welford's method with compensated sums."""
    mean = mean_rest = square = square_rest = 0.0
    for count, value in enumerate(values, 1):
        delta = value - (mean + mean_rest)
        mean, mean_rest = compensated(delta / count, mean, mean_rest)
        square, square_rest = compensated(delta * (value - (mean + mean_rest)), square, square_rest)
    return (square + square_rest) / len(values)


def deviation(values: Sequence[float]) -> float:
    """The population standard deviation."""
    return square_root(variance(values))


def quantile(q: float, values: Sequence[float]) -> float:
    """The φ-quantile by linear interpolation; NaN values sort first."""
    if not values or q != q:
        return NAN
    if q < 0:
        return -INF
    if q > 1:
        return INF
    ordered = sorted(values, key=lambda v: -INF if v != v else v)
    # NaN and -Inf tie by that key: NaN belongs before.
    if any(v != v for v in values):
        ordered = [v for v in ordered if v != v] + [v for v in ordered if v == v]
    rank = q * (len(ordered) - 1)
    lower = max(0, math.floor(rank))
    upper = min(len(ordered) - 1, lower + 1)
    weight = rank - math.floor(rank)
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "avg_over_time": average,
    "sum_over_time": total,
    "max_over_time": greatest,
    "min_over_time": least,
    "count_over_time": lambda values: float(len(values)),
    "last_over_time": lambda values: values[-1],
    "present_over_time": lambda values: 1.0,
    "absent_over_time": lambda values: 1.0,
    "stdvar_over_time": variance,
    "stddev_over_time": deviation,
}
