"""What a chart over time shows: named lines of one unit, and how a moment of them is read."""

from __future__ import annotations

import math

from msgspec import Struct

from meshtop.views.frame.table import Tone

_CURRENT = 2
"""The value of so many last points is still the present one: the very last may not have been scraped yet."""


class ChartSeries(Struct, frozen=True):
    """A named line: values at equal time intervals, the latest last; None is unknown."""

    name: str
    values: tuple[float | None, ...]
    tone: Tone | None = None


NO_DATA = "no data in this window"
NO_ANSWER = "Prometheus gave no answer"


class ChartModel(Struct, frozen=True):
    """A chart: lines of one unit between two moments, given as labels (`-30 min`, `now`).

    `where` is its cluster; `nothing` is the sentence shown without values. `marks` are moments on the time axis, from 0
    at its beginning to 1 at its end, at which something changed. `began` and `ended` (Unix seconds) are the first and
    the last moment, without which there is no cursor; `note` is said beside the time axis.
    """

    title: str
    unit: str
    series: tuple[ChartSeries, ...]
    start: str = ""
    end: str = "now"
    zero: bool = True
    where: str = ""
    nothing: str = NO_DATA
    marks: tuple[float, ...] = ()
    began: float | None = None
    ended: float | None = None
    note: str = ""

    @property
    def points(self) -> int:
        """How many moments a cursor can stand on."""
        return max((len(series.values) for series in self.series), default=0)

    def moment(self, cursor: float | None, steps: int = 0) -> float | None:
        """The moment of a cursor that goes on by points; it stays on the axis, and begins at the end of it."""
        if self.began is None or self.ended is None or self.points < 2:
            return None
        step = (self.ended - self.began) / (self.points - 1)
        index = self.points - 1 if cursor is None or step <= 0 else round((cursor - self.began) / step)
        return self.began + max(0, min(self.points - 1, index + steps)) * step

    def share(self, moment: float) -> float:
        """Where a moment stands on the axis, from 0 to 1."""
        if self.began is None or self.ended is None or self.ended <= self.began:
            return 1.0
        return max(0.0, min(1.0, (moment - self.began) / (self.ended - self.began)))


def value_at(series: ChartSeries, share: float) -> float | None:
    """A series' value at a share (0 to 1) of the time axis; None where it has none."""
    if not series.values:
        return None
    value = series.values[round(max(0.0, min(1.0, share)) * (len(series.values) - 1))]
    return value if value is not None and math.isfinite(value) else None


def current_value(series: ChartSeries) -> float | None:
    """The present value of a series; None for one that has ended."""
    known = (v for v in reversed(series.values[-_CURRENT:]) if v is not None and math.isfinite(v))
    return next(known, None)


def highest_value(series: ChartSeries) -> float | None:
    """The highest value of a series; None where none is known."""
    return max((v for v in series.values if v is not None and math.isfinite(v)), default=None)


def short_number(value: float, unit: str = "") -> str:
    """An axis label of at most three significant digits: `0.25`, `12.5`, `410`, `7.1k`; milliseconds in full."""
    if unit == "ms" and 1000 <= abs(value) < 100_000:
        return f"{float(f'{value:.3g}'):.0f}"
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"
