"""A cluster's Prometheus: found by itself or told by the settings, asked once each refresh."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from meshtop.analysis.traffic.metrics import TRAFFIC, duration_text
from meshtop.model.kube import Service
from meshtop.model.state import Cost, SourceStatus, State
from meshtop.model.telemetry import History, Line, PlaintextDay, Sample, Scalar, Telemetry
from meshtop.settings.schema import SERVICE, PrometheusSettings
from meshtop.sources.prometheus.answers import QueryFailed, decode_samples, decode_scalars
from meshtop.sources.prometheus.charts import Details, LineQuery
from meshtop.sources.prometheus.collecting import Collected, Question, collect
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.engine import Engine, Meter, Place, Wire, proxy_path
from meshtop.sources.prometheus.finding import find
from meshtop.sources.prometheus.history import read_history
from meshtop.sources.prometheus.plaintext import EVERY_SECONDS as PLAINTEXT_EVERY_SECONDS
from meshtop.sources.prometheus.plaintext import read_plaintext_day
from meshtop.sources.prometheus.promql import equal, recorded_query
from meshtop.sources.prometheus.reading import failed_status, status_of, telemetry_of, whole_failure

LOOK_FOR_RULES_EVERY_SECONDS = 60.0
CONTROL_EVERY_SECONDS = 15.0
"""Between two questions about the control plane: its rates and counts change no faster than they are scraped."""
STAY_NARROW_SECONDS = 600.0
_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")


class PrometheusSource:
    """Reads one cluster's Prometheus; nothing here raises for the cluster's sake, `status` says how it went.

    `connection` leads to the API server, whose service proxy is used; a `url` in the settings needs none.
    `clock` gives Unix seconds.
    """

    def __init__(
        self,
        *,
        cluster: str,
        connection: Wire | None,
        settings: PrometheusSettings | None = None,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
        read_only: bool = False,
    ) -> None:
        self.cluster = cluster
        self.status = SourceStatus()
        self.cost = Cost()
        self.telemetry: Telemetry | None = None
        self.history: History | None = None
        self._settings = settings or PrometheusSettings()
        self._direct = None
        if self._settings.url:
            self._direct = DirectWire(self._settings, name=cluster, timeout=timeout, read_only=read_only)
        self._wire = self._direct or connection
        self._timeout = timeout
        self._clock = clock
        self._read_only = read_only
        self._meter = Meter()
        self._engine: Engine | None = None
        self._died: str | None = None
        self._rules: frozenset[str] = frozenset()
        self._rules_at: float | None = None
        self._narrow_until: dict[str, float] = {}
        self._control: dict[str, Collected[Scalar]] | None = None
        self._control_of: tuple[float, float] = (0.0, 0.0)
        self._plaintext: PlaintextDay | None = None
        self._plaintext_asked: float | None = None

    @property
    def needs_services(self) -> bool:
        """Whether the engine must be found among the cluster's Services first."""
        return self._engine is None and not (self._settings.url or self._settings.service)

    @property
    def matchers(self) -> Mapping[str, str]:
        """Label to value: what every selector about this cluster must hold."""
        return self._settings.matchers

    @property
    def engine(self) -> Engine | None:
        """The engine that is asked, None before one was found."""
        return self._engine

    async def refresh(self, services: Sequence[Service], *, window_seconds: float, at: float | None = None) -> None:
        """Ask every query once, at Unix seconds `at` or at the engine's present; never raises."""
        began, requests, size = time.perf_counter(), self._meter.requests, self._meter.bytes
        try:
            engine = await self._ready(services)
            await self._read(engine, services, window_seconds, at)
        except QueryFailed as failure:
            self.status = failed_status(failure, self.status, self._engine.url if self._engine else None)
            if failure.state is not State.DENIED:
                self._let_go()
        self.cost = Cost(
            seconds=time.perf_counter() - began,
            requests=self._meter.requests - requests,
            bytes=self._meter.bytes - size,
        )

    def _let_go(self) -> None:
        """Forget an engine that was found and died, so that the next refresh looks again."""
        if self._engine is not None and not (self._settings.url or self._settings.service):
            self._died, self._engine = self._engine.place.path, None
            self._rules_at = self._control = None

    async def _ready(self, services: Sequence[Service]) -> Engine:
        """The engine; found, or made from the settings. Raises QueryFailed."""
        try:
            equal(self._settings.matchers)
        except ValueError as error:
            remedy = "Correct prometheus.matchers in the settings."
            raise QueryFailed(State.NONE, f"prometheus.matchers of {self.cluster}: {error}.", remedy) from error
        if self._engine is not None:
            return self._engine
        if self._wire is None:
            raise QueryFailed(
                State.UNREACHABLE,
                f"{self.cluster} has no connection to read Prometheus through.",
                "Give clusters[].prometheus.url in the settings, or repair the cluster's kubeconfig entry.",
            )
        told = self._told()
        if told is not None:
            self._engine = Engine(
                self._wire,
                told,
                timeout=self._timeout,
                read_only=self._read_only,
                headers=self._headers(),
                meter=self._meter,
            )
            return self._engine
        found = await find(
            services,
            self._wire,
            timeout=self._timeout,
            read_only=self._read_only,
            headers=self._headers(),
            meter=self._meter,
            avoid=self._died,
        )
        if found.engine is None:
            raise self._not_found(services, found.tried, found.problem)
        self._engine, self._died = found.engine, None
        return self._engine

    def _told(self) -> Place | None:
        """The place that the settings name."""
        if self._settings.url:
            return Place(label=f"Prometheus of {self.cluster}")
        if not self._settings.service:
            return None
        match = SERVICE.fullmatch(self._settings.service)
        assert match is not None, "the settings' schema lets nothing else through"
        scheme, namespace, name, port, prefix = match.groups(default="")
        path = proxy_path(namespace, name, port, scheme=scheme, prefix=prefix.rstrip("/"))
        return Place(path, proxied=True, label=f"Prometheus {namespace}/{name}:{port}")

    def _headers(self) -> Mapping[str, str]:
        """The settings' headers for an engine behind the API server's proxy; a URL's connection has its own.

        What logs in to the API server is not replaced.
        """
        if self._settings.url:
            return {}
        return {k: v for k, v in self._settings.headers.items() if k.lower() not in _SECRET_HEADERS}

    def _not_found(self, services: Sequence[Service], tried: Sequence[str], problem: QueryFailed | None) -> QueryFailed:
        remedy = "Name it in the settings: clusters[].prometheus.service or .url."
        if problem is not None:
            if problem.state is State.DENIED:
                return problem
            return QueryFailed(
                problem.state,
                f"No Prometheus answers: {'; '.join(t.rstrip('.') for t in tried)}.",
                problem.remedy or remedy,
            )
        looked = "none of its Services looks like one" if services else "its Services are not known"
        return QueryFailed(State.NONE, f"No Prometheus was found in {self.cluster}: {looked}.", remedy)

    async def _read(self, engine: Engine, services: Sequence[Service], window_seconds: float, at: float | None) -> None:
        now = self._clock()
        await self._look_for_rules(engine, now, at)
        question = Question(
            window_seconds=window_seconds,
            at=at,
            matchers=self._settings.matchers,
            namespaces=tuple(sorted({service.meta.namespace for service in services})),
            recorded=self._rules,
            narrowed=frozenset(name for name, until in self._narrow_until.items() if until > now),
        )
        kept = self._kept_control(question, now)
        answers = await collect(engine, question, kept)
        failure = whole_failure(answers if kept is None else structs.replace(answers, control={}))
        if failure is not None:
            raise failure
        if kept is None:
            whole = at is None and all(one.complete for one in answers.control.values())
            self._control, self._control_of = answers.control if whole else None, (now, window_seconds)
        for name, one in answers.traffic.items():
            if one.narrowed and name not in question.narrowed:
                self._narrow_until[name] = now + STAY_NARROW_SECONDS
        used = any(metric.recorded(duration_text(window_seconds)) in self._rules for metric in TRAFFIC)
        self.telemetry = telemetry_of(
            answers,
            at=now if at is None else at,
            window_seconds=window_seconds,
            identity=self.identity,
            recording_rules=used,
            plaintext_day=self._day_for(at),
        )
        self.status = status_of(
            answers, at=now, window_seconds=window_seconds, endpoint=engine.url, recording_rules=used
        )

    def _kept_control(self, question: Question, now: float) -> dict[str, Collected[Scalar]] | None:
        """What was last said of the control plane, where it is whole, young enough and about the same window."""
        asked_at, window_seconds = self._control_of
        fits = question.at is None and question.window_seconds == window_seconds
        return self._control if fits and 0 <= now - asked_at < CONTROL_EVERY_SECONDS else None

    async def _look_for_rules(self, engine: Engine, now: float, at: float | None) -> None:
        """Look for meshtop's recording rules now and then; not for a past moment, which they may not reach."""
        if at is not None:
            self._rules, self._rules_at = frozenset(), None
            return
        if self._rules_at is not None and now - self._rules_at < LOOK_FOR_RULES_EVERY_SECONDS:
            return
        try:
            vector = await decode_scalars(await engine.query(recorded_query(self._settings.matchers)), "")
        except QueryFailed as failure:
            if failure.state in (State.UNREACHABLE, State.DENIED):
                raise
            self._rules = frozenset()
        else:
            self._rules = frozenset(item.metric for item in vector.items)
        self._rules_at = now

    @property
    def identity(self) -> str:
        """Tells one set of series from another: the engine's address, its tenant headers, the added matchers."""
        if self._engine is None:
            return ""
        return identity_of(self._engine.url, self._settings.headers, self._settings.matchers)

    async def refresh_history(self, *, at: float | None = None, span_seconds: float = 1800.0, points: int = 60) -> None:
        """Ask for the golden signals of a span that ends at `at`; never raises, and keeps the last one on failure."""
        if self._engine is None:
            return
        window = self.telemetry.window_seconds if self.telemetry else 300.0
        history = await read_history(
            self._engine,
            matchers=self._settings.matchers,
            window_seconds=min(window, 300.0),
            end=self._clock() if at is None else at,
            span_seconds=span_seconds,
            points=points,
        )
        self.history = history or self.history

    async def refresh_plaintext(self, *, at: float | None = None) -> None:
        """Ask who sent plaintext in the day that ends at `at`, unless that is known; never raises."""
        if self._engine is None or self.telemetry is None:
            return
        end = self._clock() if at is None else at
        if self._plaintext_asked is None or abs(end - self._plaintext_asked) >= PLAINTEXT_EVERY_SECONDS:
            self._plaintext_asked = end
            self._plaintext = await read_plaintext_day(self._engine, matchers=self._settings.matchers, at=end)
        self.telemetry = structs.replace(self.telemetry, plaintext_day=self._day_for(at))

    def _day_for(self, at: float | None) -> PlaintextDay | None:
        """The day that was read, where it fits the moment."""
        day, end = self._plaintext, self._clock() if at is None else at
        return day if day is not None and abs(end - day.at) <= 2 * PLAINTEXT_EVERY_SECONDS else None

    @property
    def details(self) -> Details:
        """What detail views ask; raises QueryFailed before an engine was found."""
        if self._engine is None:
            raise QueryFailed(
                State.NONE, f"No Prometheus of {self.cluster} is known yet.", "Wait for the first refresh."
            )
        return Details(self._engine)

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        """The samples of one instant query, whose selectors must hold `matchers`; raises SourceProblem."""
        if self._engine is None:
            raise QueryFailed(
                State.NONE, f"No Prometheus of {self.cluster} is known yet.", "Wait for the first refresh."
            )
        return tuple((await decode_samples(await self._engine.query(expression, at=at))).items)

    async def lines(self, queries: Sequence[LineQuery], *, start: float, end: float, step: float) -> tuple[Line, ...]:
        """Series over time for charts; raises SourceProblem."""
        return await self.details.lines(queries, start=start, end=end, step=step)

    async def metadata(self, metric: str | None = None) -> Mapping[str, Sequence[Mapping[str, str]]]:
        """Type, help and unit of metrics; raises SourceProblem."""
        return await self.details.metadata(metric)

    async def targets(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """Scrape targets, active and dropped; raises SourceProblem."""
        return await self.details.targets()

    async def label_values(self, label: str) -> tuple[str, ...]:
        """All values of a label; raises SourceProblem."""
        return await self.details.label_values(label)

    async def close(self) -> None:
        """Let go of the engine; the API server's connection belongs to whoever made it."""
        self._engine = None
        if self._direct is not None:
            await self._direct.close()


def identity_of(url: str, headers: Mapping[str, str], matchers: Mapping[str, str]) -> str:
    """An engine's address with what selects among its series; tenant headers by a digest, credentials not at all."""
    tenant = sorted((k.lower(), v) for k, v in headers.items() if k.lower() not in _SECRET_HEADERS)
    digest = hashlib.sha256(repr(tenant).encode()).hexdigest()[:12] if tenant else ""
    chosen = ",".join(f"{label}={value}" for label, value in sorted(matchers.items()))
    return f"{url}{'#' + digest if digest else ''}{'{' + chosen + '}' if chosen else ''}"
