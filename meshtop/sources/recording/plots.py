"""Lines of charts out of a recording: the few forms of PromQL that charts use, over the samples that were recorded.

    sum(rate(METRIC{…}[5m]))      sum(A or B)      histogram_quantile(0.99, sum by (le) (rate(METRIC_bucket{…}[5m])))
    100 * (ERRORS or 0 * ALL) / (ALL > 0), where both are sums

Anything else, another window than the recorded one, or a label by which samples were not told apart, has no answer.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from math import inf, isinf
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from meshtop.analysis.traffic.metrics import TRAFFIC, duration_text
from meshtop.model.telemetry import Labels, Line, Sample, Telemetry
from meshtop.sources.recording.recorded import RecordedSnapshots

if TYPE_CHECKING:
    from meshtop.sources.prometheus.charts import LineQuery

_SELECTOR = re.compile(
    r'rate\((?P<metric>[a-z_]+)(?:\{(?P<matchers>(?:"(?:\\.|[^"\\])*"|[^"}])*)\})?\[(?P<window>[0-9a-z]+)\]\)'
)
_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)(=~|!~|!=|=)"((?:\\.|[^"\\])*)"\s*(?:,|$)')
_QUANTILE = re.compile(r"histogram_quantile\(([0-9.]+), sum by \(le\) \((.*)\)\)", re.DOTALL)
_PERCENT = re.compile(r"100 \* \((?P<part>sum\(.*\)) or 0 \* (?P<all>sum\(.*\))\) / \((?P=all) > 0\)", re.DOTALL)
_SUM = re.compile(r"sum\((.*)\)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-f]{4}|.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_METRICS = {metric.name: metric for metric in TRAFFIC}
_Fits = Callable[[Labels], bool]


class _Selected(Struct, frozen=True):
    """Series by the field of Telemetry that holds their rates, and what their labels have to fit."""

    field: str
    fits: tuple[_Fits, ...]


class PlotQuestion(Struct, frozen=True):
    """An expression that was understood: what it adds, and which quantile of it is asked for, if any.

    `whole` is what it is a percentage of.
    """

    added: tuple[_Selected, ...]
    quantile: float | None = None
    whole: PlotQuestion | None = None

    def value(self, telemetry: Telemetry) -> float | None:
        """Its value in one refresh; None where Prometheus would give nothing."""
        if self.whole is None:
            return self._added(telemetry)
        whole = self.whole.value(telemetry)
        return 100 * (self._added(telemetry) or 0.0) / whole if whole else None

    def _added(self, telemetry: Telemetry) -> float | None:
        found: dict[Labels, float] = {}
        for one in self.added:
            samples: Iterable[Sample] = getattr(telemetry, one.field)
            for sample in samples:
                if sample.labels not in found and all(fits(sample.labels) for fits in one.fits):
                    found[sample.labels] = sample.value
        if not found:
            return None
        return sum(found.values()) if self.quantile is None else _quantile_of(self.quantile, found)


def plot_question(expression: str, window_seconds: float) -> PlotQuestion | None:
    """The expression of a chart's line; None for what cannot be answered from samples of this window."""
    if ratio := _PERCENT.fullmatch(expression):
        part, whole = (plot_question(ratio[name], window_seconds) for name in ("part", "all"))
        return None if part is None or whole is None else structs.replace(part, whole=whole)
    matched = _QUANTILE.fullmatch(expression)
    quantile = float(matched[1]) if matched is not None else None
    inner = matched if matched is not None else _SUM.fullmatch(expression)
    if inner is None:
        return None
    text, position, added = inner[inner.lastindex or 1], 0, []
    while position < len(text):
        found = _SELECTOR.match(text, position)
        selected = _selected(found, window_seconds) if found is not None else None
        if found is None or selected is None:
            return None
        added.append(selected)
        position = found.end()
        if position < len(text):
            if not text.startswith(" or ", position):
                return None
            position += len(" or ")
    return PlotQuestion(tuple(added), quantile) if added else None


def _selected(found: re.Match[str], window_seconds: float) -> _Selected | None:
    metric = _METRICS.get(found["metric"])
    if metric is None or found["window"] != duration_text(window_seconds):
        return None
    text, position, fits = found["matchers"] or "", 0, []
    while position < len(text):
        matcher = _MATCHER.match(text, position)
        if matcher is None or matcher[1] not in metric.by:
            return None
        one = _fits(matcher[1], matcher[2], _ESCAPE.sub(_unescaped, matcher[3]))
        if one is None:
            return None
        fits.append(one)
        position = matcher.end()
    return _Selected(metric.field, tuple(fits))


def _unescaped(match: re.Match[str]) -> str:
    letter = match[1]
    return chr(int(letter[1:], 16)) if len(letter) > 1 else _ESCAPED.get(letter, letter)


def _fits(label: str, operator: str, value: str) -> _Fits | None:
    negated = operator.startswith("!")
    if not operator.endswith("~"):
        return lambda labels: (getattr(labels, label) == value) is not negated
    try:
        pattern = re.compile(value, re.DOTALL)
    except re.error:
        return None
    return lambda labels: (pattern.fullmatch(getattr(labels, label)) is not None) is not negated


def _quantile_of(quantile: float, found: dict[Labels, float]) -> float | None:
    """As Prometheus estimates it: linear within a bucket; the last finite bound where it is above all of them."""
    buckets: dict[float, float] = {}
    for labels, value in found.items():
        try:
            bound = inf if labels.le == "+Inf" else float(labels.le)
        except ValueError:
            continue
        buckets[bound] = buckets.get(bound, 0.0) + value
    bounds = sorted(buckets)
    if not bounds or not isinf(bounds[-1]) or not buckets[bounds[-1]]:
        return None
    rank, below, under = quantile * buckets[bounds[-1]], 0.0, 0.0
    for bound in bounds:
        # Cumulative counts of several series may decrease by their last digits.
        reached = max(buckets[bound], under)
        if reached >= rank:
            if isinf(bound):
                return below if len(bounds) > 1 else None
            return below + (bound - below) * (rank - under) / (reached - under) if reached > under else bound
        below, under = bound, reached
    return below


LOOK_BACK_SECONDS = 300.0
"""For so long a moment stands for what comes after it, as a sample does in Prometheus."""
_MOST_SAMPLES = 3_000_000
"""So many samples of moments are kept while lines are drawn of them."""


class RecordedPlots:
    """Draws lines of charts out of a recording, which it reads by itself; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._recording = RecordedSnapshots(path)
        self._lock = threading.Lock()
        self._kept: dict[int, dict[str, Telemetry]] = {}
        self._samples = 0

    def lines(
        self, cluster: str, queries: Sequence[LineQuery], *, start: float, end: float, step: float
    ) -> tuple[Line, ...]:
        """Lines from Unix seconds `start` to `end`, every `step` seconds; those without an answer are left out."""
        with self._lock:
            window = self._recording.header.window_seconds
            times = tuple(start + i * step for i in range(int((end - start) / step + 0.5) + 1))
            positions = [self._position(at) for at in times]
            found = []
            for query in queries:
                question = plot_question(query.query, window)
                if question is None:
                    continue
                values = {p: self._value(question, cluster, p) for p in dict.fromkeys(positions) if p is not None}
                told = tuple(None if p is None else values[p] for p in positions)
                found.append(Line(name=query.name, unit=query.unit, times=times, values=told))
            return tuple(found)

    def _position(self, at: float) -> int | None:
        position = self._recording.position(at)
        return position if 0 <= at - self._recording.moments[position] <= LOOK_BACK_SECONDS else None

    def _value(self, question: PlotQuestion, cluster: str, position: int) -> float | None:
        telemetry = self._telemetry(position).get(cluster)
        return None if telemetry is None else question.value(telemetry)

    def _telemetry(self, position: int) -> dict[str, Telemetry]:
        kept = self._kept.get(position)
        if kept is None:
            clusters = self._recording.snapshot(position).clusters
            kept = {one.name: one.telemetry for one in clusters if one.telemetry is not None}
            count = sum(len(one.requests) + len(one.duration_buckets) for one in kept.values())
            if self._samples + count > _MOST_SAMPLES:
                self._kept, self._samples = {}, 0
            self._kept[position] = kept
            self._samples += count
        return kept

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._recording.close()
