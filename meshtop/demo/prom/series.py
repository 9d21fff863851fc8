"""What the simulated Prometheus reads: series, and a source that hands them out by metric name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

NAME = "__name__"
STALE = float("nan")
"""The value that ends a series, told by identity: a real Prometheus writes a NaN of its own."""

MetricMetadata = tuple[str, str, str]
"""Type, help and unit of a metric family, as the text format's ``# TYPE``, ``# HELP`` and ``# UNIT`` lines."""


class Series(Protocol):
    """One time series: its labels (``__name__`` among them) and its samples."""

    @property
    def labels(self) -> Mapping[str, str]:
        """All labels, ``__name__`` included. Must not change while the series exists."""
        ...

    def samples(self, start_ms: int, end_ms: int) -> tuple[Sequence[int], Sequence[float]]:
        """Scrape timestamps in the closed interval [start_ms, end_ms], ascending, and the values at them.

        The engine asks once for each query and interval. Series of one target should hand out the same
        timestamps object: window bounds are then computed once for all of them. Values that never fall may say so with
        a true attribute `monotonic`: counter resets are then not searched for.
        """
        ...


class SeriesSource(Protocol):
    """Where series come from. The engine matches labels itself.

    A source that hands out the same series objects, with the same labels objects, at each look may say so with a true
    attribute `keeps_series`: the engine then remembers what follows from labels alone.
    """

    def select(self, name: str | None, among: Callable[[str], bool] | None = None) -> Iterable[Series]:
        """All series of the metric ``name``, or, when it is None, of all metrics accepted by ``among``."""
        ...

    def metadata(self) -> Mapping[str, MetricMetadata]:
        """Metadata of the metric families that are known."""
        ...

    def targets(self) -> Sequence[dict[str, Any]]:
        """Targets, each as an entry of ``activeTargets`` of ``/api/v1/targets``."""
        ...


class SeriesIndex:
    """Series grouped by metric name, in order of insertion: the ``select`` that most sources need."""

    def __init__(self, series: Iterable[Series] = ()) -> None:
        self._by_name: dict[str, list[Series]] = {}
        for one in series:
            self.add(one)

    def add(self, series: Series) -> None:
        """Add a series under its ``__name__``."""
        self._by_name.setdefault(series.labels.get(NAME, ""), []).append(series)

    def select(self, name: str | None, among: Callable[[str], bool] | None = None) -> Iterable[Series]:
        """The series of a metric, or of all metrics accepted by ``among``."""
        if name is not None:
            return self._by_name.get(name, ())
        return (one for name, group in self._by_name.items() if among is None or among(name) for one in group)
