"""One engine above all clusters: one set of queries, with answers split by the cluster's label."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from meshtop.analysis.traffic.metrics import CONTROL, METRIC_LABEL, TRAFFIC
from meshtop.model.alerting import Alerts, SloTarget
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.kube import Service
from meshtop.model.state import Cost, SourceStatus, State
from meshtop.model.telemetry import Sample, Scalar
from meshtop.sources.http.limits import LIMITS, Limits
from meshtop.sources.prometheus.alerts import AlertReader, alerts_by_cluster
from meshtop.sources.prometheus.answers import QueryFailed, Vector, decode_scalars, decode_split
from meshtop.sources.prometheus.collecting import PARALLEL_QUERIES, Answers, Collected, QueryCollector, Question
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.engine import Engine, EngineAddress
from meshtop.sources.prometheus.promql import equal, known_query
from meshtop.sources.prometheus.reading import failed_status, prometheus_status, telemetry_of, whole_failure
from meshtop.sources.prometheus.series import SeriesReader

if TYPE_CHECKING:
    from meshtop.settings.schema import TelemetrySettings

SHARE_SECONDS = 1.0
"""Seconds within which requests of several clusters share one answer."""


class CentralTelemetry:
    """Reads one Thanos, Mimir, Cortex or VictoriaMetrics for every cluster.

    `settings.cluster_names` gives a cluster's value of `settings.cluster_label` where it is not its name.
    `cluster(name)` is that cluster's part, used like a source of its own: the part that is refreshed first in a round
    queries for all. Of the queries, only those are sent that are `asked`; where they tell nothing of a cluster, another
    tells whether the engine knows it at all. Raises ValueError for an invalid label name in the cluster label
    or a matcher.
    """

    def __init__(
        self,
        settings: TelemetrySettings,
        *,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
        read_only: bool = False,
        limits: Limits = LIMITS,
        asked: Asked = EVERYTHING_ASKED,
        slos: Sequence[SloTarget] = (),
    ) -> None:
        # Raises ValueError for what cannot be a label's name, before anything is asked.
        equal({settings.cluster_label: "", **settings.matchers})
        self.settings = settings
        self.status = SourceStatus()
        self.cost = Cost()
        self.parts: dict[str, ClusterPart] = {}
        self._open: set[str] = set()
        self._clock = clock
        self._direct = DirectWire(settings, name="all clusters", timeout=timeout, read_only=read_only, limits=limits)
        self.engine = Engine(
            self._direct,
            EngineAddress(label="The telemetry engine above all clusters"),
            timeout=timeout,
            read_only=read_only,
        )
        self.slos = tuple(slos)
        self._reader = AlertReader()
        self._alerts: Alerts | None = None
        self._alerts_at: tuple[float, float | None] | None = None
        self._shares: dict[str, Alerts] = {}
        self._asking = asyncio.Lock()
        self._asked = asked
        self._read_at: tuple[float, float, float | None] | None = None

    def now(self) -> float:
        """The present, in Unix seconds."""
        return self._clock()

    def cluster(self, name: str) -> ClusterPart:
        """The part of one cluster; one object for each name."""
        if name not in self.parts:
            self.parts[name] = ClusterPart(self, name)
            self._open.add(name)
        return self.parts[name]

    async def release(self, name: str) -> None:
        """Close a cluster's part; the engine's connection is closed with the last part."""
        self._open.discard(name)
        if not self._open:
            await self.close()

    def value(self, name: str) -> str:
        """The value of the cluster label for a cluster."""
        return self.settings.cluster_names.get(name, name)

    async def refresh(
        self, services: Sequence[Service], *, window_seconds: float, at: float | None = None, all_listed: bool = True
    ) -> None:
        """Ask for all clusters, unless that was just done; never raises."""
        async with self._asking:
            now = self._clock()
            if (
                self._read_at is not None
                and self._read_at[1:] == (window_seconds, at)
                and now - self._read_at[0] < SHARE_SECONDS
            ):
                return
            await self._read(services, window_seconds, at, now)
            self._read_at = (self._clock(), window_seconds, at)

    async def alerts(self, name: str, at: float | None) -> Alerts | None:
        """The active alerts of one cluster; the engine is asked once in a round for all of them. Never raises."""
        async with self._asking:
            now = self._clock()
            asked = self._alerts_at
            if asked is None or asked[1] != at or now - asked[0] >= SHARE_SECONDS or name not in self._shares:
                matchers = self.settings.matchers
                found = await self._reader.read(self.engine, matchers, self._alerts, now=now, at=at)
                self._alerts, self._alerts_at = found, (now, at)
                values = {part: self.value(part) for part in self.parts}
                shares = alerts_by_cluster(found, self.settings.cluster_label, values)
                before = self._shares
                # Where nothing changed for a cluster, it keeps the identical object.
                self._shares = {
                    part: before[part] if before.get(part) == share else share for part, share in shares.items()
                }
            return self._shares.get(name)

    async def _read(self, services: Sequence[Service], window_seconds: float, at: float | None, now: float) -> None:
        began, requests, size = time.perf_counter(), self.engine.meter.requests, self.engine.meter.bytes
        question = Question(
            window_seconds=window_seconds,
            at=at,
            matchers=self.settings.matchers,
            namespaces=tuple(sorted({service.meta.namespace for service in services})),
            extra_by=(self.settings.cluster_label,),
            asked=self._asked,
        )
        try:
            whole, split = await self._collect(question)
            failure = whole_failure(whole)
            if failure is not None:
                raise failure
            shares = {part.cluster: split(self.value(part.cluster)) for part in self.parts.values()}
            known = await self._known(shares, at)
            self.status = prometheus_status(
                whole,
                at=now,
                window_seconds=window_seconds,
                endpoint=self.engine.url,
                recording_rules=False,
                note=self._direct.note,
            )
            for part in self.parts.values():
                part.take(
                    shares[part.cluster],
                    known=part.cluster in known,
                    at=now if at is None else at,
                    window_seconds=window_seconds,
                )
        except QueryFailed as failure:
            self.status = failed_status(failure.kept(), self.status, self.engine.url)
        self.cost = Cost(
            seconds=time.perf_counter() - began,
            requests=self.engine.meter.requests - requests,
            bytes=self.engine.meter.bytes - size,
        )

    async def _known(self, shares: Mapping[str, Answers], at: float | None) -> set[str]:
        """The clusters that the engine knows. Raises QueryFailed where nothing else tells that it answers.

        Those of which an answer told something are known. That all queries together told nothing of one tells that it
        is not; that a few of them did tells nothing.
        """
        known = {name for name, share in shares.items() if _holds_anything(share)}
        whole = self._asked.queries is None
        if whole or len(known) == len(shares):
            return known
        query = known_query(self.settings.matchers, self.settings.cluster_label)
        try:
            vector = await decode_scalars(await self.engine.query(query, at=at), self.settings.cluster_label)
        except QueryFailed:
            if not any(share.all for share in shares.values()):
                raise
            # Not known is no reason to say that it is not there.
            return set(shares)
        values = {item.metric for item in vector.items}
        return known | {name for name in shares if self.value(name) in values}

    async def _collect(self, question: Question) -> tuple[Answers, Callable[[str], Answers]]:
        """All answers, and a function that gives one cluster's share of them."""
        limit = asyncio.Semaphore(PARALLEL_QUERIES)
        label = self.settings.cluster_label
        samples: dict[str, dict[str, list[Sample]]] = {}
        scalars: dict[str, dict[str, list[Scalar]]] = {}

        async def traffic(name: str) -> Collected[Sample]:
            async def decode(body: bytes) -> Vector[Sample]:
                split = await decode_split(body, label)
                for cluster, items in split.parts.items():
                    samples.setdefault(cluster, {}).setdefault(name, []).extend(items)
                    # Something came, though every item is with its cluster.
                    split.vector.items.extend(items[:1])
                return split.vector

            return await QueryCollector(self.engine, question, limit, decode).collect(name, traffic=True)

        async def control(name: str) -> Collected[Scalar]:
            async def decode(body: bytes) -> Vector[Scalar]:
                vector = await decode_scalars(body, METRIC_LABEL)
                for item in vector.items:
                    cluster = item.labels.pop(label, "")
                    scalars.setdefault(cluster, {}).setdefault(name, []).append(item)
                return vector

            return await QueryCollector(self.engine, question, limit, decode).collect(name, traffic=False)

        asked = question.asked
        fields = [metric.field for metric in TRAFFIC if asked.asks_query(metric.field)]
        groups = [group.query for group in CONTROL if asked.asks_query(group.query)]
        called, ruled = await asyncio.gather(
            asyncio.gather(*map(traffic, fields)), asyncio.gather(*map(control, groups))
        )
        whole = Answers(traffic=dict(zip(fields, called, strict=True)), control=dict(zip(groups, ruled, strict=True)))

        def of(cluster: str) -> Answers:
            mine, ours = samples.get(cluster, {}), scalars.get(cluster, {})
            return Answers(
                traffic={n: _share(one, mine.get(n, [])) for n, one in whole.traffic.items()},
                control={n: _share(one, ours.get(n, [])) for n, one in whole.control.items()},
            )

        return whole, of

    async def close(self) -> None:
        """Close the engine's connection."""
        await self._direct.close()


Item = TypeVar("Item")


def _share(whole: Collected[Item], items: list[Item]) -> Collected[Item]:
    return Collected([Vector(items, partial=any(part.partial for part in whole.parts))], whole.failure, whole.narrowed)


def _holds_anything(answers: Answers) -> bool:
    """Whether any of the answers holds anything."""
    return any(part.items for one in answers.all.values() for part in one.parts)


class ClusterPart(SeriesReader):
    """One cluster's share of a central engine, with the interface of PrometheusSource."""

    needs_services = False
    scrape_seconds = None
    """Not known: each cluster's Prometheus scrapes as it likes, and pushes what it has."""

    def __init__(self, central: CentralTelemetry, name: str) -> None:
        settings = central.settings
        super().__init__(
            name,
            engine=central.engine,
            matchers={**settings.matchers, settings.cluster_label: central.value(name)},
            headers=settings.headers,
            clock=central.now,
            slos=central.slos,
        )
        self._central = central
        self._own_status: SourceStatus | None = None

    @property
    def status(self) -> SourceStatus:
        """The status of the central read; state none if the engine has no data of this cluster."""
        shared = self._central.status
        if shared.state in (State.FRESH, State.PARTIAL) and self._own_status is not None:
            return self._own_status
        return shared

    @property
    def cost(self) -> Cost:
        """The cost of the central read, divided among the clusters."""
        whole, count = self._central.cost, max(1, len(self._central.parts))
        return Cost(seconds=whole.seconds, bytes=whole.bytes // count, requests=-(-whole.requests // count))

    async def refresh(
        self, services: Sequence[Service], *, window_seconds: float, at: float | None = None, all_listed: bool = True
    ) -> None:
        """Take part in the central reading; never raises."""
        await self._central.refresh(services, window_seconds=window_seconds, at=at)

    async def refresh_alerts(self, *, at: float | None = None) -> None:
        """Take this cluster's share of the engine's alerts."""
        self.alerts = await self._central.alerts(self.cluster, at) or self.alerts

    def take(self, answers: Answers, *, known: bool, at: float, window_seconds: float) -> None:
        """Store this cluster's share of a read; `known` is whether the engine knows this cluster."""
        central = self._central
        label, value = central.settings.cluster_label, central.value(self.cluster)
        telemetry = telemetry_of(
            answers,
            at=at,
            window_seconds=window_seconds,
            identity=self.identity,
            recording_rules=False,
            plaintext_day=self._plaintext_day(at),
        )
        if not known:
            self._own_status = SourceStatus(
                state=State.NONE,
                error=f"The telemetry engine holds nothing with {label}={value!r}.",
                remedy=f"Name this cluster's value of {label} in the settings: telemetry.clusterNames.",
                endpoint=central.engine.url,
            )
            return
        self.telemetry, self._own_status = telemetry, None

    async def close(self) -> None:
        """Close what is this part's own, and the engine's connection with the last part."""
        await super().close()
        await self._central.release(self.cluster)
