"""A source of fixed series for tests, and the OpenMetrics text that gives a real Prometheus the same ones."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from meshtop.demo.prom.exposition import line, show
from meshtop.demo.prom.numbers import format_value
from meshtop.demo.prom.series import NAME, MetricMetadata, Series, SeriesIndex


class StaticSeries:
    """A series with known samples."""

    def __init__(self, labels: Mapping[str, str], times: Sequence[int], values: Sequence[float]) -> None:
        self.labels = dict(labels)
        self.times = times
        self.values = values
        self.asked: list[tuple[int, int]] = []

    def samples(self, start_ms: int, end_ms: int) -> tuple[Sequence[int], Sequence[float]]:
        self.asked.append((start_ms, end_ms))
        low, high = bisect_left(self.times, start_ms), bisect_right(self.times, end_ms)
        return self.times[low:high], self.values[low:high]

    def __repr__(self) -> str:
        return f"StaticSeries({show(self.labels)})"


class StaticSource:
    """A source over static series."""

    def __init__(
        self,
        series: Iterable[StaticSeries],
        metadata: Mapping[str, MetricMetadata] | None = None,
        targets: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.all = list(series)
        self._index = SeriesIndex(self.all)
        self._metadata = metadata or {}
        self._targets = targets

    def select(self, name: str | None, among: Callable[[str], bool] | None = None) -> Iterable[Series]:
        return self._index.select(name, among)

    def metadata(self) -> Mapping[str, MetricMetadata]:
        return self._metadata

    def targets(self) -> Sequence[dict[str, Any]]:
        return self._targets


def to_openmetrics(series: Iterable[StaticSeries]) -> str:
    """The samples of all series as OpenMetrics with timestamps."""
    by_name: dict[str, list[str]] = {}
    for one in series:
        lines = by_name.setdefault(one.labels[NAME], [])
        lines += [
            f"{line(one.labels, value)} {format_value(time / 1000)}"
            for time, value in zip(one.times, one.values, strict=True)
        ]
    return "".join(f"{text}\n" for lines in by_name.values() for text in lines) + "# EOF\n"


_SERIES = re.compile(r"(\w*)(?:\{([^}]*)\})?\s+(.+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def load(text: str, step_ms: int = 60_000, start_ms: int = 0) -> list[StaticSeries]:
    """Series in the notation of promtool's unit tests: ``name{a="b"} 0+10x5 _ 3 NaN``, one a line."""
    series = []
    for row in filter(None, map(str.strip, text.splitlines())):
        parts = _SERIES.fullmatch(row)
        assert parts, row
        pairs = {name: re.sub(r"\\(.)", r"\1", value) for name, value in _LABEL.findall(parts[2] or "")}
        labels = {NAME: parts[1], **pairs}
        times, values = [], []
        for index, value in enumerate(_expand(parts[3])):
            if value is not None:
                times.append(start_ms + index * step_ms)
                values.append(value)
        series.append(StaticSeries(labels, times, values))
    return series


def _expand(notation: str) -> Iterable[float | None]:
    for word in notation.split():
        if word == "_":
            yield None
        elif progression := re.fullmatch(r"(-?[\d.]+)([+-][\d.]+)x(\d+)", word):
            yield from (
                float(progression[1]) + index * float(progression[2]) for index in range(int(progression[3]) + 1)
            )
        else:
            yield float(word)
