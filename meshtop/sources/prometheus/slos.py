"""Objectives of one cluster: those that recording rules measure, and those of the settings, counted in its Prometheus.

What recording rules tell costs one query a minute. What the settings add is counted over each window; long windows and
the error budget change slowly and are asked for rarely.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import structs

from meshtop.analysis.alerting.burning import FAST_WINDOWS, SLOW_WINDOWS
from meshtop.analysis.alerting.recorded import OWN_ID, PYRRA_OBJECTIVE, recorded_slos
from meshtop.analysis.traffic.metrics import duration_text
from meshtop.model.alerting import SloReading, Slos, SloTarget
from meshtop.model.evidence import READ, WhyUnknown, not_read
from meshtop.model.state import State
from meshtop.sources.prometheus.answers import QueryFailed, decode_scalars
from meshtop.sources.prometheus.engine import Engine
from meshtop.sources.prometheus.slo_queries import (
    ALL,
    BACK,
    BAD,
    NAMESPACE_OF,
    PART,
    SERVICE_OF,
    counted_query,
    held_query,
    pyrra_burn_query,
    recorded_since_query,
    recorded_slos_query,
)

FAST_EVERY_SECONDS = 60.0
_EARLY_SECONDS = 2.0
"""Ticks are not met to the second: what is due at one is not left to the next."""
SLOW_EVERY_SECONDS = 600.0
"""Seconds between looks at windows of up to six hours, and at those of days with the error budget."""
PARALLEL_COUNTS = 3
"""The most of these queries at once: they look at long spans, and somebody waits for others meanwhile."""
_DAY = 86_400.0
SPANS = tuple(_DAY * days for days in (21, 15, 14, 10, 7, 5, 3, 2, 1, 0.5, 0.25))
"""How far back it is looked for samples where the whole window is not held, the longest first."""
_Counts = dict[tuple[str, str], tuple[float, float]]
"""Bad and all requests, by namespace and service."""


class SloReader:
    """Reads the objectives of one cluster, and keeps what was counted over long windows."""

    def __init__(self, cluster: str, targets: Sequence[SloTarget]) -> None:
        self._targets = tuple(one for one in targets if fnmatchcase(cluster, one.cluster))
        self._asked: float | None = None
        self._slow_asked: float | None = None
        self._kept: dict[tuple[int, float], _Counts] = {}
        self._spans: dict[int, float | None] = {}
        self._recorded_asked: float | None = None
        self._recorded_spans: dict[str, float] = {}

    async def read(
        self, engine: Engine, matchers: Mapping[str, str], before: Slos | None, *, at: float | None, now: float
    ) -> Slos | None:
        """The objectives at Unix seconds `now`, asked at `at` (None: the present); `before` while it is young enough.

        On failure those of `before`, with the reason. Never raises.
        """
        if (
            before is not None
            and self._asked is not None
            and abs(now - self._asked) < FAST_EVERY_SECONDS - _EARLY_SECONDS
        ):
            return before
        self._asked = now
        try:
            recorded = await self._dated(engine, matchers, at, now, await self._recorded(engine, matchers, at))
            ids = {one.labels.get("sloth_id", "") for one in recorded}
            counted = await self._counted(engine, matchers, at, now, ids)
        except QueryFailed as failure:
            why = WhyUnknown.DENIED if failure.state is State.DENIED else WhyUnknown.UNREACHABLE
            if before is not None and before.readings:
                return structs.replace(before, evidence=not_read(WhyUnknown.STALE), problem=failure.message)
            return Slos(evidence=not_read(why), problem=failure.message)
        found = Slos(readings=(*map(self._with_latency, recorded), *counted), evidence=READ)
        return before if before == found else found

    def _with_latency(self, reading: SloReading) -> SloReading:
        """What the recording rules do not tell of an objective of the settings."""
        known = {f"{OWN_ID}{target.name}": target for target in self._targets}
        target = known.get(reading.labels.get("sloth_id", ""))
        return reading if target is None else structs.replace(reading, latency_ms=target.latency_ms)

    async def _recorded(self, engine: Engine, matchers: Mapping[str, str], at: float | None) -> tuple[SloReading, ...]:
        series = (await decode_scalars(await engine.query(recorded_slos_query(matchers), at=at), "")).items
        if any(one.metric == PYRRA_OBJECTIVE for one in series):
            series += (await decode_scalars(await engine.query(pyrra_burn_query(matchers), at=at), "")).items
        return recorded_slos(series)

    async def _dated(
        self,
        engine: Engine,
        matchers: Mapping[str, str],
        at: float | None,
        now: float,
        recorded: Sequence[SloReading],
    ) -> list[SloReading]:
        """Readings with the span that their budgets are known over: how long their rules have recorded, at most."""
        windows = {one.window_seconds for one in recorded if one.budget_left is not None and one.window_seconds}
        if not windows:
            return list(recorded)
        if self._recorded_asked is None or abs(now - self._recorded_asked) >= SLOW_EVERY_SECONDS:
            self._recorded_asked = now
            words = {duration_text(span): span for span in _ladder(windows)}
            answer = await decode_scalars(
                await engine.query(recorded_since_query(_ladder(windows), matchers), at=at), ""
            )
            self._recorded_spans = {}
            for one in answer.items:
                identity, span = one.labels.get("sloth_id", ""), words.get(one.labels.get(BACK, ""), 0.0)
                self._recorded_spans[identity] = max(span, self._recorded_spans.get(identity, 0.0))
        return [self._with_span(one) for one in recorded]

    def _with_span(self, reading: SloReading) -> SloReading:
        span = self._recorded_spans.get(reading.labels.get("sloth_id", ""))
        if reading.budget_left is None or reading.window_seconds is None or span is None:
            return structs.replace(reading, budget_seconds=None)
        return structs.replace(reading, budget_seconds=min(span, reading.window_seconds))

    async def _counted(
        self, engine: Engine, matchers: Mapping[str, str], at: float | None, now: float, recorded: Collection[str]
    ) -> list[SloReading]:
        """Readings of the settings' objectives, but for those that their own recording rules measure."""
        wanted = [i for i, target in enumerate(self._targets) if f"{OWN_ID}{target.name}" not in recorded]
        if not wanted:
            return []
        slow = self._slow_asked is None or abs(now - self._slow_asked) >= SLOW_EVERY_SECONDS
        if slow:
            self._slow_asked = now
            self._spans = await self._held(engine, matchers, at)
        windows = {number: self._windows(number) for number in wanted}
        asked = [
            (number, window)
            for number in wanted
            for window in windows[number]
            if slow or window in FAST_WINDOWS or (number, window) not in self._kept
        ]
        limit = asyncio.Semaphore(PARALLEL_COUNTS)
        failures: list[QueryFailed] = []

        async def count(number: int, window: float) -> None:
            async with limit:
                try:
                    found = await self._count(engine, self._targets[number], window, matchers, at)
                except QueryFailed as failure:
                    # What that window would say is not known; the others say what they say.
                    failures.append(failure.kept())
                    self._kept.pop((number, window), None)
                else:
                    self._kept[number, window] = found

        await asyncio.gather(*(count(*one) for one in asked))
        if len(failures) == len(asked):
            raise failures[0]
        found: list[SloReading] = []
        for number in wanted:
            counts = {window: self._kept.get((number, window), {}) for window in windows[number]}
            found += _readings(self._targets[number], counts, self._spans.get(number))
        return found

    def _windows(self, number: int) -> tuple[float, ...]:
        """The windows that are counted for an objective, and the span that its budget is known over."""
        span = self._spans.get(number)
        return tuple(dict.fromkeys((*FAST_WINDOWS, *SLOW_WINDOWS, *((span,) if span is not None else ()))))

    async def _held(self, engine: Engine, matchers: Mapping[str, str], at: float | None) -> dict[int, float | None]:
        """For each target the longest span up to its window of which the engine holds the beginning; None for none."""
        wanted = {one.window_seconds for one in self._targets}
        spans = _ladder(wanted)
        words = {duration_text(span): span for span in spans}
        try:
            answer = await decode_scalars(await engine.query(held_query(spans, matchers), at=at), "")
        except QueryFailed:
            return {}
        held = {words[one.labels[BACK]] for one in answer.items if one.labels.get(BACK) in words and one.value > 0}
        return {
            number: max((span for span in held if span <= target.window_seconds), default=None)
            for number, target in enumerate(self._targets)
        }

    async def _count(
        self, engine: Engine, target: SloTarget, window: float, matchers: Mapping[str, str], at: float | None
    ) -> _Counts:
        answer = await decode_scalars(await engine.query(counted_query(target, window, matchers), at=at), "")
        bad: dict[tuple[str, str], float] = {}
        every: dict[tuple[str, str], float] = {}
        for one in answer.items:
            where = (one.labels.get(NAMESPACE_OF, ""), one.labels.get(SERVICE_OF, ""))
            {BAD: bad, ALL: every}.get(one.labels.get(PART, ""), {})[where] = one.value
        # Without a failing series none failed; without a bucket of that bound nothing is known.
        return {
            where: (max(0.0, bad.get(where, 0.0)), all_)
            for where, all_ in every.items()
            if target.latency_ms is None or where in bad
        }


def _ladder(windows: Collection[float]) -> list[float]:
    """These windows, and what is looked for where they are not held, the longest first."""
    return sorted({*windows, *(span for span in SPANS if span < max(windows))}, reverse=True)


def _readings(target: SloTarget, counts: Mapping[float, _Counts], span: float | None) -> list[SloReading]:
    """A reading for each service that was ever asked in one of the windows; one without a service where none was."""
    places = dict.fromkeys(place for some in counts.values() for place in some if place[1] not in ("", "unknown"))
    budget = 1.0 - target.objective
    found = []
    for namespace, service in places or {(target.namespace, target.service): None}:
        asked = {
            window: some[namespace, service]
            for window, some in counts.items()
            if some.get((namespace, service), (0.0, 0.0))[1] > 0
        }
        left = None
        if span is not None and span in asked:
            bad, every = asked[span]
            left = 1.0 - bad / every / budget
        found.append(
            SloReading(
                name=target.name,
                namespace=namespace,
                service=service,
                objective=target.objective,
                window_seconds=target.window_seconds,
                latency_ms=target.latency_ms,
                ratios={window: min(1.0, bad / every) for window, (bad, every) in asked.items()},
                counts=asked,
                budget_left=left,
                budget_seconds=span if left is not None else None,
            )
        )
    return found
