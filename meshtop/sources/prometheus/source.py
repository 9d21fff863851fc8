"""One cluster's Prometheus: found among its Services or configured, queried once per refresh."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from msgspec import structs

from meshtop.analysis.traffic.metrics import TRAFFIC, duration_text
from meshtop.model.alerting import SloTarget
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.kube import Service
from meshtop.model.state import Cost, SourceStatus, State
from meshtop.model.telemetry import Scalar
from meshtop.settings.defaults import PrometheusDefaults
from meshtop.settings.forms import SERVICE
from meshtop.sources.http.limits import LIMITS, Limits
from meshtop.sources.prometheus.answers import QueryFailed, decode_scalars
from meshtop.sources.prometheus.collecting import Collected, Question, collect
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.engine import SECRET_HEADERS, Engine, EngineAddress, EngineWire, Meter, proxy_path
from meshtop.sources.prometheus.finding import find_engine
from meshtop.sources.prometheus.joining import Joining
from meshtop.sources.prometheus.promql import SCRAPES_SECONDS, equal, recorded_query, scrapes_query
from meshtop.sources.prometheus.reading import failed_status, prometheus_status, telemetry_of, whole_failure
from meshtop.sources.prometheus.series import SeriesReader

if TYPE_CHECKING:
    from meshtop.settings.schema import PrometheusSettings

LOOK_FOR_RULES_EVERY_SECONDS = 60.0
CONTROL_EVERY_SECONDS = 12.5
"""Seconds between queries about the control plane, whose metrics change no faster than they are scraped: every 15 s,
where a refresh may come a little early."""
LOOK_FOR_SCRAPES_EVERY_SECONDS = 600.0
LONGEST_SCRAPE_SECONDS = 60.0
"""The longest time between two refreshes, however rarely a Prometheus scrapes."""
STAY_NARROW_SECONDS = 600.0


class PrometheusSource(SeriesReader):
    """Reads one cluster's own Prometheus; failures of a refresh go to `status` and are not raised.

    `connection` leads to the API server, whose service proxy is used; a `url` in the settings needs none.
    `clock` gives Unix seconds. Of the queries, only those are sent that are `asked`.
    `slos` are the objectives of the settings.
    """

    def __init__(
        self,
        *,
        cluster: str,
        connection: EngineWire | None,
        settings: PrometheusSettings | None = None,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
        read_only: bool = False,
        limits: Limits = LIMITS,
        asked: Asked = EVERYTHING_ASKED,
        slos: Sequence[SloTarget] = (),
    ) -> None:
        self._asked = asked
        self._settings = settings or cast("PrometheusSettings", PrometheusDefaults())
        super().__init__(
            cluster,
            engine=None,
            matchers=self._settings.matchers,
            headers=self._settings.headers,
            clock=clock,
            slos=slos,
        )
        self.status = SourceStatus()
        self.cost = Cost()
        self._direct = None
        if self._settings.url:
            self._direct = DirectWire(self._settings, name=cluster, timeout=timeout, read_only=read_only, limits=limits)
        self._wire = self._direct or connection
        self._timeout = timeout
        self._read_only = read_only
        self._meter = Meter()
        self._died: str | None = None
        self._rules: frozenset[str] = frozenset()
        self._rules_at: float | None = None
        self._narrow_until: dict[str, float] = {}
        self._joining = Joining()
        self._scrapes_at: float | None = None
        self.scrape_seconds: float | None = None
        """Seconds between two scrapes, at most a minute; None where that is not known. Answers change no faster."""
        self._control: dict[str, Collected[Scalar]] | None = None
        self._control_of: tuple[float, float] = (0.0, 0.0)

    @property
    def needs_services(self) -> bool:
        """Whether the engine must be found among the cluster's Services first."""
        return self._engine is None and not (self._settings.url or self._settings.service)

    async def refresh(
        self, services: Sequence[Service], *, window_seconds: float, at: float | None = None, all_listed: bool = True
    ) -> None:
        """Ask every query once, at Unix seconds `at` or at the engine's present; never raises.

        `all_listed` is whether `services` are all that the cluster has, and not only those that may be listed.
        """
        began, requests, size = time.perf_counter(), self._meter.requests, self._meter.bytes
        try:
            engine = await self._ready(services, all_listed)
            await self._read(engine, services, window_seconds, at)
        except QueryFailed as failure:
            self.status = failed_status(failure.kept(), self.status, self._engine.url if self._engine else None)
            if failure.state is not State.DENIED:
                self._forget_engine()
        self.cost = Cost(
            seconds=time.perf_counter() - began,
            requests=self._meter.requests - requests,
            bytes=self._meter.bytes - size,
        )

    def _forget_engine(self) -> None:
        """Drop a discovered engine that failed, so that the next refresh searches again."""
        if self._engine is not None and not (self._settings.url or self._settings.service):
            self._died = self._engine.address.path
            self._use(None)
            self._joining = Joining()
            self._rules_at = self._control = self._scrapes_at = self.scrape_seconds = None

    async def _ready(self, services: Sequence[Service], all_listed: bool) -> Engine:
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
        address = self._configured_address()
        if address is not None:
            engine = Engine(
                self._wire,
                address,
                timeout=self._timeout,
                read_only=self._read_only,
                headers=self._proxied_headers(),
                meter=self._meter,
            )
            self._use(engine)
            return engine
        found = await find_engine(
            services,
            self._wire,
            timeout=self._timeout,
            read_only=self._read_only,
            headers=self._proxied_headers(),
            meter=self._meter,
            avoid=self._died,
        )
        if found.engine is None:
            raise self._not_found(services, all_listed, found.tried, found.problem)
        self._died = None
        self._use(found.engine)
        return found.engine

    def _configured_address(self) -> EngineAddress | None:
        """The engine's address by the settings, None where it is to be found."""
        if self._settings.url:
            return EngineAddress(label=f"Prometheus of {self.cluster}")
        if not self._settings.service:
            return None
        match = SERVICE.fullmatch(self._settings.service)
        assert match is not None, "the settings' schema lets nothing else through"
        scheme, namespace, name, port, prefix = match.groups(default="")
        path = proxy_path(namespace, name, port, scheme=scheme, prefix=prefix.rstrip("/"))
        return EngineAddress(path, proxied=True, label=f"Prometheus {namespace}/{name}:{port}")

    def _proxied_headers(self) -> Mapping[str, str]:
        """The settings' headers for an engine behind the API server's proxy; a URL's connection has its own.

        What logs in to the API server is not replaced.
        """
        if self._settings.url:
            return {}
        return {k: v for k, v in self._settings.headers.items() if k.lower() not in SECRET_HEADERS}

    def _not_found(
        self, services: Sequence[Service], all_listed: bool, tried: Sequence[str], problem: QueryFailed | None
    ) -> QueryFailed:
        remedy = "Name it in the settings: clusters[].prometheus.service or .url."
        if problem is not None:
            if problem.state is State.DENIED:
                return problem
            return QueryFailed(
                problem.state,
                f"No Prometheus answers: {'; '.join(t.rstrip('.') for t in tried)}.",
                problem.remedy or remedy,
            )
        which = "its Services" if all_listed else "the Services that may be listed"
        looked = f"none of {which} looks like one" if services else "its Services are not known"
        return QueryFailed(State.NONE, f"No Prometheus was found in {self.cluster}: {looked}.", remedy)

    async def _read(self, engine: Engine, services: Sequence[Service], window_seconds: float, at: float | None) -> None:
        now = self._clock()
        await self._look_for_rules(engine, now, at)
        # Only who comes again needs to know when.
        if at is None and self.telemetry is not None:
            await self._count_scrapes(engine, now)
        question = Question(
            window_seconds=window_seconds,
            at=at,
            matchers=self._settings.matchers,
            namespaces=tuple(sorted({service.meta.namespace for service in services})),
            recorded=self._rules,
            narrowed=frozenset(name for name, until in self._narrow_until.items() if until > now),
            asked=self._asked,
        )
        kept = self._kept_control(question, now)
        answers = await collect(engine, question, kept, self._joining if at is None else None)
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
            plaintext_day=self._plaintext_day(at),
        )
        self.status = prometheus_status(
            answers,
            at=now,
            window_seconds=window_seconds,
            endpoint=engine.url,
            recording_rules=used,
            note=self._direct.note if self._direct is not None else None,
        )

    def _kept_control(self, question: Question, now: float) -> dict[str, Collected[Scalar]] | None:
        """What was last said of the control plane, where it is whole, young enough and about the same window."""
        asked_at, window_seconds = self._control_of
        fits = question.at is None and question.window_seconds == window_seconds
        return self._control if fits and 0 <= now - asked_at < CONTROL_EVERY_SECONDS else None

    async def _look_for_rules(self, engine: Engine, now: float, at: float | None) -> None:
        """Check for meshtop's recording rules at intervals; not at a past moment, where they may have no data."""
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

    async def _count_scrapes(self, engine: Engine, now: float) -> None:
        """Learn how often there is something new; what cannot be learned is asked again after a while."""
        if self._scrapes_at is not None and 0 <= now - self._scrapes_at < LOOK_FOR_SCRAPES_EVERY_SECONDS:
            return
        self._scrapes_at = now
        try:
            vector = await decode_scalars(await engine.query(scrapes_query(self._settings.matchers)), "")
        except QueryFailed:
            return
        most = max((item.value for item in vector.items), default=0.0)
        # One sample tells no interval.
        found = SCRAPES_SECONDS / most if most >= 2 else None
        self.scrape_seconds = None if found is None else min(found, LONGEST_SCRAPE_SECONDS)

    async def close(self) -> None:
        """Close this source's own connections; the API server's connection is closed by its owner."""
        self._use(None)
        if self._direct is not None:
            await self._direct.close()
