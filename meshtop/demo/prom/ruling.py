"""Rules of the simulated Prometheus: evaluated over its series at a fixed pace, as far back as somebody asks.

Nothing is kept running: what a rule said at a moment follows from the series, which are the same whenever they are
asked. Moments are evaluated in blocks, which are kept once they are over.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from meshtop.demo.prom.engine import Engine
from meshtop.demo.prom.series import NAME, STALE, MetricMetadata, Series, SeriesSource

EVERY_MS = 30_000
BLOCK_MS = 600_000
KEPT_BLOCKS = 400
FURTHEST_MS = 24 * 3_600_000
"""How far back at least the beginning of an alert is looked for: to the midnight before."""
ALERTS, FOR_STATE = "ALERTS", "ALERTS_FOR_STATE"
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AlertingRule:
    """An alert: its condition, for how long (ms) it must hold, and its labels and annotations.

    In annotations `{{ $labels.NAME }}` stands for a label and `{{ $value }}` for the value.
    """

    name: str
    expr: str
    hold_ms: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordingRule:
    """A recorded series with fixed labels, of an expression that gives one series."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)
    every_ms: int = EVERY_MS


@dataclass(frozen=True)
class RuleGroup:
    """Rules under a name."""

    name: str
    alerts: tuple[AlertingRule, ...] = ()
    records: tuple[RecordingRule, ...] = ()


@dataclass(frozen=True)
class ActiveAlert:
    """An alert at a moment: since when (ms) its condition holds, whether for long enough, and the value."""

    rule: AlertingRule
    labels: Mapping[str, str]
    since_ms: int
    firing: bool
    value: float

    def told(self) -> dict[str, Any]:
        """As `/api/v1/alerts` writes it."""
        return {
            "labels": {"alertname": self.rule.name, **self.labels},
            "annotations": {name: self._filled(text) for name, text in self.rule.annotations.items()},
            "state": "firing" if self.firing else "pending",
            "activeAt": rfc3339_of(self.since_ms),
            "value": f"{self.value:e}",
        }

    def _filled(self, text: str) -> str:
        for name, value in self.labels.items():
            text = text.replace(f"{{{{ $labels.{name} }}}}", value)
        return text.replace("{{ $value }}", f"{self.value:.3g}")


def rfc3339_of(at_ms: int) -> str:
    """A moment in UTC, to the millisecond."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Rules(SeriesSource):
    """A source of series with rules over it: what they record, and the alerts, are series as well."""

    def __init__(self, source: SeriesSource, groups: Sequence[RuleGroup]) -> None:
        self.groups = tuple(groups)
        self._source = source
        self._engine = Engine(self)
        self._records: dict[str, list[Series]] = {}
        for group in groups:
            for rule in group.records:
                self._records.setdefault(rule.record, []).append(RecordedSeries(rule, self._engine))
        self._blocks: OrderedDict[tuple[int, int], dict[int, dict[Labels, float]]] = OrderedDict()
        self._alerting = [rule for group in groups for rule in group.alerts]

    @property
    def keeps_series(self) -> bool:
        """Whether the source's series are the same objects from query to query."""
        return bool(getattr(self._source, "keeps_series", False))

    def select(self, name: str | None, among: Callable[[str], bool] | None = None) -> Iterable[Series]:
        """The series of the source, and the recorded ones; alerts have series only between moments."""
        if name is not None:
            return [*self._records.get(name, ()), *self._source.select(name)]
        return self._among(among)

    def _among(self, among: Callable[[str], bool] | None) -> Iterator[Series]:
        for name, series in self._records.items():
            if among is None or among(name):
                yield from series
        yield from self._source.select(None, among)

    def select_between(
        self, name: str | None, among: Callable[[str], bool] | None, start_ms: int, end_ms: int
    ) -> Iterable[Series]:
        """The same with the series of those alerts that were active between two moments."""
        for told in (ALERTS, FOR_STATE):
            # Whoever asks for everything means what was scraped.
            if name == told or (name is None and among is not None and among(told)):
                yield from self._alert_series(told, start_ms, end_ms)
        yield from self.select(name, among)

    def metadata(self) -> Mapping[str, MetricMetadata]:
        """Metadata of the source."""
        return self._source.metadata()

    def targets(self) -> Sequence[dict[str, Any]]:
        """Targets of the source."""
        return self._source.targets()

    def active(self, at_ms: int) -> list[ActiveAlert]:
        """The alerts at a moment."""
        at = at_ms // EVERY_MS * EVERY_MS
        found = []
        for number, rule in enumerate(self._alerting):
            for labels, value in self._at(number, at).items():
                since = self._since(number, labels, at)
                found.append(ActiveAlert(rule, dict(labels), since, at - since >= rule.hold_ms, value))
        return found

    def _since(self, number: int, labels: Labels, at: int) -> int:
        """Since when a condition holds without a gap."""
        # A midnight: what has been so for longer is said to have begun at the same moment for a whole day.
        furthest = (at - FURTHEST_MS) // FURTHEST_MS * FURTHEST_MS
        if not self._depends_on_series(number):
            return furthest
        since = at
        while since > furthest and labels in self._at(number, since - EVERY_MS):
            since -= EVERY_MS
        return since

    def _depends_on_series(self, number: int) -> bool:
        return not self._alerting[number].expr.startswith("vector(")

    def _at(self, number: int, at: int) -> dict[Labels, float]:
        """What a rule's condition gives at one of its moments, by labels."""
        begin = at // BLOCK_MS * BLOCK_MS
        block = self._blocks.setdefault((number, begin), {})
        self._blocks.move_to_end((number, begin))
        if at not in block:
            # Up to the moment that is asked for: what comes later may not have been scraped yet.
            first = max(block, default=begin - EVERY_MS) + EVERY_MS
            self._evaluate(number, first if first <= at else at, at, block)
            while len(self._blocks) > KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return block[at]

    def _evaluate(self, number: int, first: int, last: int, block: dict[int, dict[Labels, float]]) -> None:
        rule = self._alerting[number]
        for at in range(first, last + 1, EVERY_MS):
            block[at] = {}
        for column in self._engine.over(rule.expr, first, last, EVERY_MS).vector:
            own = {name: value for name, value in column.labels.items() if name != NAME}
            labels = tuple(sorted({**own, **rule.labels}.items()))
            for at, value in zip(range(first, last + 1, EVERY_MS), column.values, strict=True):
                if value is not None:
                    block[at][labels] = value

    def _alert_series(self, name: str, start_ms: int, end_ms: int) -> Iterator[AlertSeries]:
        first = -(-start_ms // EVERY_MS) * EVERY_MS
        for number, rule in enumerate(self._alerting):
            points: dict[Labels, list[tuple[int, float]]] = {}
            last: dict[Labels, int] = {}
            running: dict[Labels, int] = {}
            for at in range(first, end_ms + 1, EVERY_MS):
                running = {
                    labels: running[labels] if labels in running else self._since(number, labels, at)
                    for labels in self._at(number, at)
                }
                for labels, since in running.items():
                    state = "firing" if at - since >= rule.hold_ms else "pending"
                    told = labels if name == FOR_STATE else (*labels, ("alertstate", state))
                    points.setdefault(told, []).append((at, since / 1000 if name == FOR_STATE else 1.0))
                    last[told] = at
            for told, some in points.items():
                if last[told] + EVERY_MS <= end_ms:
                    some = [*some, (last[told] + EVERY_MS, STALE)]
                yield AlertSeries({**dict(told), "alertname": rule.name, NAME: name}, some)

    def told(self, at_ms: int, only: str = "") -> list[dict[str, Any]]:
        """The groups as `/api/v1/rules` writes them, of all kinds or of `alert` or `record` only."""
        active: dict[str, list[dict[str, Any]]] = {}
        for one in self.active(at_ms):
            active.setdefault(one.rule.name, []).append(one.told())
        return [_group_told(group, active, at_ms, only) for group in self.groups]


def _group_told(group: RuleGroup, active: Mapping[str, list[dict[str, Any]]], at_ms: int, only: str) -> dict[str, Any]:
    common = {"health": "ok", "lastEvaluation": rfc3339_of(at_ms // EVERY_MS * EVERY_MS), "evaluationTime": 0.001}
    rules: list[dict[str, Any]] = []
    for alert in group.alerts if only != "record" else ():
        alerts = active.get(alert.name, [])
        states = [one["state"] for one in alerts]
        rules.append(
            {
                "state": "firing" if "firing" in states else "pending" if states else "inactive",
                "name": alert.name,
                "query": alert.expr,
                "duration": alert.hold_ms / 1000,
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "alerts": alerts,
                "type": "alerting",
                **common,
            }
        )
    for rule in group.records if only != "alert" else ():
        told = {"name": rule.record, "query": rule.expr, "labels": dict(rule.labels), "type": "recording"}
        rules.append({**told, **common})
    return {"name": group.name, "file": "demo.yaml", "interval": EVERY_MS / 1000, "limit": 0, "rules": rules}


class AlertSeries:
    """A series ALERTS or ALERTS_FOR_STATE with the samples that somebody asked for; where it ends, a marker stands."""

    ends = True

    def __init__(self, labels: Mapping[str, str], points: Sequence[tuple[int, float]]) -> None:
        self.labels = labels
        self._points = points

    def samples(self, start_ms: int, end_ms: int) -> tuple[Sequence[int], Sequence[float]]:
        """Moments of evaluation in the closed interval, ascending, and the values at them."""
        inside = [point for point in self._points if start_ms <= point[0] <= end_ms]
        return [at for at, _ in inside], [value for _, value in inside]


class RecordedSeries:
    """What a recording rule records; a value is worked out when it is looked at, with those of the same block."""

    def __init__(self, rule: RecordingRule, engine: Engine) -> None:
        self.labels = {**rule.labels, NAME: rule.record}
        self._rule = rule
        self._engine = engine
        self._known: OrderedDict[int, float] = OrderedDict()

    def samples(self, start_ms: int, end_ms: int) -> tuple[Sequence[int], Sequence[float]]:
        """Moments of evaluation in the closed interval, ascending, and the values at them."""
        every = self._rule.every_ms
        times = range(-(-start_ms // every) * every, end_ms + 1, every)
        return times, RecordedValues(times, self._value)

    def _value(self, at: int, end: int) -> float:
        if at not in self._known:
            every = self._rule.every_ms
            moments = range(at, min(end, at + BLOCK_MS) + 1, every)
            columns = self._engine.over(self._rule.expr, moments[0], moments[-1], every).vector
            values: Sequence[float | None] = columns[0].values if columns else [None] * len(moments)
            for moment, value in zip(moments, values, strict=True):
                self._known[moment] = STALE if value is None else value
            while len(self._known) > 4 * KEPT_BLOCKS:
                self._known.popitem(last=False)
        return self._known[at]


class RecordedValues(Sequence[float]):
    """Values at moments, each worked out when it is looked at."""

    def __init__(self, times: Sequence[int], value: Callable[[int, int], float]) -> None:
        self._times = times
        self._value = value

    def __len__(self) -> int:
        return len(self._times)

    @overload
    def __getitem__(self, index: int) -> float: ...

    @overload
    def __getitem__(self, index: slice) -> list[float]: ...

    def __getitem__(self, index: int | slice) -> float | list[float]:
        if isinstance(index, slice):
            return [self._value(at, self._times[-1]) for at in self._times[index]]
        return self._value(self._times[index], self._times[-1])
