"""Which samples of a series an evaluation step sees."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from meshtop.demo.prom.columns import Labels

Bounds = list[tuple[int, int]]
"""For each step, the half-open index interval of the samples in its window."""


@dataclass(slots=True)
class Samples:
    """The samples of one series under a range selector, with the windows of the steps over them."""

    labels: Labels
    times: Sequence[int]
    values: Sequence[float]
    windows: Windows


class Windows:
    """Windows of one length, one for each step; ends ascend or are all the same.

    Windows are closed, [end - length, end], as up to Prometheus 2; with ``left_open`` (end - length, end], as from
    Prometheus 3 on. Bounds are remembered for series with the same timestamps.
    """

    def __init__(self, ends: Sequence[int], length: int, left_open: bool) -> None:
        self.ends = ends
        self.length = length
        self._left_open = left_open
        self._known: dict[Hashable, Bounds] = {}
        self._by_object: dict[int, tuple[Sequence[int], Bounds]] = {}
        self._extents: dict[int, tuple[int, int]] = {}

    @property
    def first(self) -> int:
        """The earliest moment any window sees."""
        return self.ends[0] - self.length

    @property
    def last(self) -> int:
        """The latest moment any window sees."""
        return self.ends[-1]

    def bounds(self, times: Sequence[int]) -> Bounds:
        """The windows over these timestamps."""
        seen = self._by_object.get(id(times))
        if seen is None:
            # The timestamps are kept, so that no others get their id.
            seen = self._by_object[id(times)] = (times, self._bounds(times))
        return seen[1]

    def extent(self, bounds: Bounds) -> tuple[int, int]:
        """How many samples these windows see together, and the widest of them."""
        found = self._extents.get(id(bounds))
        if found is None:
            sizes = [high - low for low, high in bounds]
            found = self._extents[id(bounds)] = (sum(sizes), max(sizes))
        return found

    def _bounds(self, times: Sequence[int]) -> Bounds:
        key = times if isinstance(times, range | tuple) else tuple(times)
        known = self._known.get(key)
        if known is not None:
            return known
        find = bisect_right if self._left_open else bisect_left
        length = self.length
        bounds: Bounds = []
        low = high = 0
        for end in self.ends:
            low = find(times, end - length, low)
            high = bisect_right(times, end, max(low, high))
            bounds.append((low, high))
        self._known[key] = bounds
        return bounds
