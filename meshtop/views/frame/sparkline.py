"""Sparklines and bars as plain text, for table cells and headlines."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def resample(values: Sequence[float | None], count: int) -> list[float | None]:
    """The values resampled to `count` equal intervals, each the mean of its known values, or None without any."""
    if count <= 0 or not values:
        return []
    known = [None if value is None or not math.isfinite(value) else value for value in values]
    if len(known) <= count:
        return [None] * (count - len(known)) + known
    result: list[float | None] = []
    for index in range(count):
        start = index * len(known) // count
        stretch = [value for value in known[start : (index + 1) * len(known) // count] if value is not None]
        result.append(math.fsum(stretch) / len(stretch) if stretch else None)
    return result


def sparkline(values: Sequence[float | None], width: int, *, low: float | None = 0.0, high: float | None = None) -> str:
    """A line of blocks, the latest value on the right; a gap for unknown values, the lowest block for the minimum.

    `low` and `high` fix the scale (None: the smallest and largest value), so that several lines can share one.
    """
    points = resample(values, width)
    known = [point for point in points if point is not None]
    if not known:
        return " " * width
    bottom = min(known) if low is None else low
    top = max(known) if high is None else high
    span = top - bottom
    cells = []
    for point in points:
        if point is None:
            cells.append(" ")
            continue
        share = (point - bottom) / span if span > 0 else 0.0
        cells.append(BLOCKS[max(0, min(7, math.ceil(share * 8) - 1))])
    return "".join(cells)


def scale_of(values: Sequence[float | None]) -> tuple[float, float]:
    """The lowest and highest value of a sparkline's scale; a steady line is at half height.

    A line that halves spans the whole height, while a change of a few percent looks small.
    """
    known = [value for value in values if value is not None]
    if not known or max(known) <= 0:
        return 0.0, 0.0
    middle = (max(known) + min(known)) / 2
    half = max((max(known) - min(known)) / 2, max(known) / 4)
    low = max(0.0, middle - half)
    return low, low + 2 * half


def bar(share: float | None, width: int) -> str:
    """A bar that fills a share (0 to 1) of `width` cells, in eighths of a cell; blank if unknown."""
    if share is None or not math.isfinite(share):
        return " " * width
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    if share > 0 and eighths == 0:
        eighths = 1
    full, part = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(width)
