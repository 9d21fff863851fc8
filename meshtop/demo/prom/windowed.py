"""Functions of range vectors as the evaluator calls them: one series' samples and windows to a value for each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshtop.demo.prom.columns import Values
from meshtop.demo.prom.overtime import STATISTICS, quantile
from meshtop.demo.prom.rates import (
    Frame,
    count_changes,
    count_resets,
    extrapolated,
    frames,
    instant_change,
    regression,
)
from meshtop.demo.prom.windows import Bounds, Samples

WindowFunction = Callable[[Samples, Bounds], Values]


class Extrapolation:
    """``rate``, ``increase`` or ``delta`` over windows of ``length`` ms, for the series of one selector."""

    def __init__(self, name: str, length: int) -> None:
        self._counter = name != "delta"
        self._length = length
        self._divisor = length / 1000 if name == "rate" else 1.0
        self._frames: dict[int, list[Frame | None]] = {}

    def __call__(self, samples: Samples, bounds: Bounds) -> Values:
        """The function of every window."""
        # The windows keep their bounds, one list for series with the same timestamps: its id stands for them.
        known = self._frames.get(id(bounds))
        if known is None:
            known = frames(samples.times, bounds, samples.windows.ends, self._length)
            self._frames[id(bounds)] = known
        return extrapolated(samples.values, known, self._counter, self._divisor)


def _statistic(function: Callable[[Sequence[float]], float]) -> WindowFunction:
    def of_windows(samples: Samples, bounds: Bounds) -> Values:
        values = samples.values
        return [function(values[low:high]) if high > low else None for low, high in bounds]

    return of_windows


def _last_two(rate: bool) -> WindowFunction:
    def of_windows(samples: Samples, bounds: Bounds) -> Values:
        return [instant_change(samples.times, samples.values, bound, rate) for bound in bounds]

    return of_windows


def _deriv(samples: Samples, bounds: Bounds) -> Values:
    times, values = samples.times, samples.values
    return [
        regression(times[low:high], values[low:high], times[low])[0] if high - low > 1 else None for low, high in bounds
    ]


def prediction(moments: Sequence[int], ahead: Sequence[float]) -> WindowFunction:
    """``predict_linear``: the regression line, ``ahead`` seconds after each step's moment (ms)."""

    def of_windows(samples: Samples, bounds: Bounds) -> Values:
        result: Values = []
        for (low, high), moment, seconds in zip(bounds, moments, ahead, strict=True):
            if high - low < 2:
                result.append(None)
                continue
            slope, intercept = regression(samples.times[low:high], samples.values[low:high], moment)
            result.append(slope * seconds + intercept)
        return result

    return of_windows


def quantiles(q: Sequence[float]) -> WindowFunction:
    """``quantile_over_time`` with a φ for each step."""

    def of_windows(samples: Samples, bounds: Bounds) -> Values:
        values = samples.values
        return [quantile(q[i], values[low:high]) if high > low else None for i, (low, high) in enumerate(bounds)]

    return of_windows


WINDOW_FUNCTIONS: dict[str, WindowFunction] = {
    **{name: _statistic(function) for name, function in STATISTICS.items()},
    "resets": _statistic(count_resets),
    "changes": _statistic(count_changes),
    "irate": _last_two(rate=True),
    "idelta": _last_two(rate=False),
    "deriv": _deriv,
}
"""The functions that need nothing but the windows."""
