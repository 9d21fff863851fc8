"""Queries of one cluster's series in one engine, besides those of a refresh."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import structs

from meshtop.model.alerting import Alerts, Slos, SloTarget
from meshtop.model.evidence import WhyUnknown, not_read
from meshtop.model.state import State
from meshtop.model.telemetry import Courses, History, Line, PlaintextDay, Sample, Telemetry
from meshtop.sources.prometheus.alerts import AlertReader
from meshtop.sources.prometheus.answers import QueryFailed, Vector, decode_samples
from meshtop.sources.prometheus.charts import ChartReader, LineQuery
from meshtop.sources.prometheus.collecting import Collected, JoinedCollector
from meshtop.sources.prometheus.courses import STEP_SECONDS, CourseReader
from meshtop.sources.prometheus.engine import SECRET_HEADERS, Engine
from meshtop.sources.prometheus.history import read_history
from meshtop.sources.prometheus.joining import Joining, split_samples
from meshtop.sources.prometheus.plaintext import EVERY_SECONDS as PLAINTEXT_EVERY_SECONDS
from meshtop.sources.prometheus.plaintext import read_plaintext_day

if TYPE_CHECKING:
    from meshtop.sources.prometheus.slos import SloReader

_LONGEST_HISTORY_WINDOW_SECONDS = 300.0
"""Maximum window of a sparkline's rates in seconds: a longer one would flatten it."""


class SeriesReader:
    """Reads the series of one cluster, in its own engine or selected from a central one by `matchers`.

    `matchers` (label to value) are what every selector about this cluster must hold, `headers` what the settings send
    along (a tenant's name). `engine` is None until one was found. `clock` gives Unix seconds; `slos` are the objectives
    of the settings. Nothing that refreshes raises for the cluster's sake: the last answer stays.
    """

    def __init__(
        self,
        cluster: str,
        *,
        engine: Engine | None,
        matchers: Mapping[str, str],
        headers: Mapping[str, str],
        clock: Callable[[], float],
        slos: Sequence[SloTarget] = (),
    ) -> None:
        self.cluster = cluster
        self.matchers = matchers
        self.telemetry: Telemetry | None = None
        self.history: History | None = None
        self.courses: Courses | None = None
        self.alerts: Alerts | None = None
        self.slos: Slos | None = None
        self._alerts = AlertReader()
        self._targets = tuple(slos)
        self._slos: SloReader | None = None
        self._courses = CourseReader()
        self._courses_asked: float | None = None
        self._history, self._counts = Joining(), Joining()
        self._headers = headers
        self._clock = clock
        self._engine = engine
        self._charts: ChartReader | None = None
        self._plaintext: PlaintextDay | None = None
        self._plaintext_asked: float | None = None

    @property
    def engine(self) -> Engine | None:
        """The engine in use; None before one was found."""
        return self._engine

    @property
    def identity(self) -> str:
        """Identity of the set of series; empty before an engine was found."""
        return "" if self._engine is None else series_identity(self._engine.url, self._headers, self.matchers)

    async def refresh_history(
        self, *, at: float | None = None, span_seconds: float = 3630.0, points: int = 121
    ) -> None:
        """Query the golden signals of a span that ends at `at`; keeps the last ones on failure.

        By itself it is an hour at every 30 seconds with both its ends, so that an hour ago is the first of its points.
        """
        if self._engine is None:
            return
        longest = _LONGEST_HISTORY_WINDOW_SECONDS
        history = await read_history(
            self._engine,
            matchers=self.matchers,
            window_seconds=min(self.telemetry.window_seconds if self.telemetry else longest, longest),
            end=self._moment(at),
            span_seconds=span_seconds,
            points=points,
            joining=self._history if at is None else None,
        )
        self.history = history or self.history

    async def refresh_courses(self, *, at: float | None = None) -> None:
        """Ask how calls went in the half hour that ends at `at`, once in a step; keeps the last answer on failure."""
        if self._engine is None or self.telemetry is None:
            return
        end = self._moment(at)
        if self._courses_asked is None or abs(end - self._courses_asked) >= STEP_SECONDS:
            self._courses_asked = end
            read = self._courses.read(self._engine, self.telemetry, matchers=self.matchers, end=end)
            self.courses = await read or self.courses

    async def refresh_alerts(self, *, at: float | None = None) -> None:
        """Ask which alerts are active, now or at `at`; keeps the last answer on failure, and says so in it."""
        if self._engine is None:
            if self.alerts is not None:
                self.alerts = structs.replace(self.alerts, evidence=not_read(WhyUnknown.STALE))
            return
        self.alerts = await self._alerts.read(self._engine, self.matchers, self.alerts, now=self._clock(), at=at)

    async def refresh_slos(self, *, at: float | None = None) -> None:
        """Ask how objectives are kept, now or at `at`, at most once a minute; keeps the last answer on failure."""
        if self._engine is None:
            return
        if self._slos is None:
            # Only who asks for objectives loads what judges them.
            from meshtop.sources.prometheus.slos import SloReader

            self._slos = SloReader(self.cluster, self._targets)
        self.slos = await self._slos.read(self._engine, self.matchers, self.slos, at=at, now=self._moment(at))

    async def refresh_plaintext(self, *, at: float | None = None) -> None:
        """Query the senders of plaintext in the day that ends at `at`, at most every ten minutes."""
        if self._engine is None or self.telemetry is None:
            return
        end = self._moment(at)
        if self._plaintext_asked is None or abs(end - self._plaintext_asked) >= PLAINTEXT_EVERY_SECONDS:
            self._plaintext_asked = end
            self._plaintext = await read_plaintext_day(self._engine, matchers=self.matchers, at=end)
        self.telemetry = structs.replace(self.telemetry, plaintext_day=self._plaintext_day(at))

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        """The samples of one instant query, whose selectors must hold `matchers`.

        Raises SourceProblem, also where a series cannot be understood: counts that are judged by must be whole.
        """
        engine = self._found()
        answer = await decode_samples(await engine.query(expression, at=at), engine.label_sets)
        if answer.odd:
            message = f"Prometheus of {self.cluster} sent {answer.odd} series that cannot be understood."
            raise QueryFailed(State.PARTIAL, message)
        return tuple(answer.items)

    async def samples_of(self, expressions: Mapping[str, str], *, at: float) -> dict[str, tuple[Sample, ...] | None]:
        """The samples of several instant queries by name, as `samples` gives them; None for one that failed.

        Those that were small the last time are asked as one, and what that leaves in doubt is asked by itself.
        """
        clock = asyncio.get_running_loop().time

        async def ask(expression: str) -> bytes:
            return await self._found().query(expression, at=at)

        async def split(body: bytes, names: Sequence[str]) -> dict[str, Vector[Sample]] | None:
            return await split_samples(body, names, self._found().label_sets)

        async def one(name: str) -> Collected[Sample]:
            began = clock()
            try:
                found = await self.samples(expressions[name], at=at)
            except QueryFailed as failure:
                return Collected(failure=failure.kept())
            self._counts.saw(name, len(found), clock() - began)
            return Collected(parts=[Vector(items=list(found))])

        answers = await JoinedCollector(ask, split, self._counts).collect(expressions, one)
        return {
            name: None if answer.failure is not None else tuple(item for part in answer.parts for item in part.items)
            for name, answer in answers.items()
        }

    async def lines(self, queries: Sequence[LineQuery], *, start: float, end: float, step: float) -> tuple[Line, ...]:
        """Series over time for charts, whose selectors must hold `matchers`. Raises SourceProblem."""
        if self._charts is None:
            self._charts = ChartReader(self._found())
        return await self._charts.lines(queries, start=start, end=end, step=step)

    async def close(self) -> None:
        """Close the charts' session; the engine's connection is closed by its owner."""
        self._close_charts()

    def _use(self, engine: Engine | None) -> None:
        """Switch to another engine, or to none."""
        self._close_charts()
        self._engine = engine
        self._courses, self._courses_asked = CourseReader(), None
        self._alerts, self._slos = AlertReader(), None
        self._history, self._counts = Joining(), Joining()

    def _close_charts(self) -> None:
        if self._charts is not None:
            self._charts.close()
            self._charts = None

    def _found(self) -> Engine:
        if self._engine is None:
            raise QueryFailed(
                State.NONE, f"The Prometheus of {self.cluster} is not known yet.", "Wait for the first refresh."
            )
        return self._engine

    def _moment(self, at: float | None) -> float:
        return self._clock() if at is None else at

    def _plaintext_day(self, at: float | None) -> PlaintextDay | None:
        """The plaintext that was read, where its day is not further from the moment than two readings."""
        day = self._plaintext
        return day if day is not None and abs(self._moment(at) - day.at) <= 2 * PLAINTEXT_EVERY_SECONDS else None


def series_identity(url: str, headers: Mapping[str, str], matchers: Mapping[str, str]) -> str:
    """An engine's address with what selects among its series; tenant headers by a digest, credentials not at all."""
    tenant = sorted((k.lower(), v) for k, v in headers.items() if k.lower() not in SECRET_HEADERS)
    digest = hashlib.sha256(repr(tenant).encode()).hexdigest()[:12] if tenant else ""
    chosen = ",".join(f"{label}={value}" for label, value in sorted(matchers.items()))
    return f"{url}{'#' + digest if digest else ''}{'{' + chosen + '}' if chosen else ''}"
