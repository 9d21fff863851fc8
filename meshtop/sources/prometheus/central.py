"""One engine above all clusters: one fan of queries, split by the label that names the cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import structs

from meshtop.analysis.traffic.metrics import CONTROL, METRIC_LABEL, TRAFFIC
from meshtop.model.kube import Service
from meshtop.model.state import Cost, SourceStatus, State
from meshtop.model.telemetry import History, Line, PlaintextDay, Sample, Scalar, Telemetry
from meshtop.settings.schema import TelemetrySettings
from meshtop.sources.prometheus.answers import QueryFailed, Vector, decode_samples, decode_scalars, decode_split
from meshtop.sources.prometheus.charts import Details, LineQuery
from meshtop.sources.prometheus.collecting import AT_ONCE, Answers, Asker, Collected, Question
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.engine import Engine, Place, Wire
from meshtop.sources.prometheus.history import read_history
from meshtop.sources.prometheus.plaintext import EVERY_SECONDS as PLAINTEXT_EVERY_SECONDS
from meshtop.sources.prometheus.plaintext import read_plaintext_day
from meshtop.sources.prometheus.promql import equal
from meshtop.sources.prometheus.reading import failed_status, status_of, telemetry_of, whole_failure
from meshtop.sources.prometheus.source import identity_of

SHARE_SECONDS = 1.0
"""Clusters that ask within this time of one another get the same answer."""


class CentralTelemetry:
    """Reads one Thanos, Mimir, Cortex or VictoriaMetrics for every cluster.

    `settings.cluster_names` gives a cluster's value of `settings.cluster_label` where it is not its name.
    `cluster(name)` is that cluster's part, which looks like a source of its own: whichever part is refreshed
    first in a round asks for all. Raises ValueError for a cluster label or matcher that is no label's name.
    """

    def __init__(
        self,
        settings: TelemetrySettings,
        *,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
        read_only: bool = False,
        wire: Wire | None = None,
    ) -> None:
        # Raises ValueError for what cannot be a label's name, before anything is asked.
        equal({settings.cluster_label: "", **settings.matchers})
        self.settings = settings
        self.status = SourceStatus()
        self.cost = Cost()
        self.parts: dict[str, ClusterPart] = {}
        self._clock = clock
        self._direct = None if wire else DirectWire(settings, name="all clusters", timeout=timeout, read_only=read_only)
        place = Place(label="The telemetry engine above all clusters")
        self.engine = Engine(wire or self._wire(), place, timeout=timeout, read_only=read_only)
        self._asking = asyncio.Lock()
        self._asked: tuple[float, float, float | None] | None = None

    def _wire(self) -> Wire:
        assert self._direct is not None, "without a wire of its own there is a direct one"
        return self._direct

    def now(self) -> float:
        """The present, in Unix seconds."""
        return self._clock()

    def cluster(self, name: str) -> ClusterPart:
        """The part of one cluster; the same object each time."""
        return self.parts.setdefault(name, ClusterPart(self, name))

    def value(self, name: str) -> str:
        """The value of the cluster label for a cluster."""
        return self.settings.cluster_names.get(name, name)

    async def refresh(self, services: Sequence[Service], *, window_seconds: float, at: float | None = None) -> None:
        """Ask for all clusters, unless that was just done; never raises."""
        async with self._asking:
            now = self._clock()
            if (
                self._asked is not None
                and self._asked[1:] == (window_seconds, at)
                and now - self._asked[0] < SHARE_SECONDS
            ):
                return
            await self._read(services, window_seconds, at, now)
            self._asked = (self._clock(), window_seconds, at)

    async def _read(self, services: Sequence[Service], window_seconds: float, at: float | None, now: float) -> None:
        began, requests, size = time.perf_counter(), self.engine.meter.requests, self.engine.meter.bytes
        question = Question(
            window_seconds=window_seconds,
            at=at,
            matchers=self.settings.matchers,
            namespaces=tuple(sorted({service.meta.namespace for service in services})),
            extra_by=(self.settings.cluster_label,),
        )
        try:
            whole, split = await self._collect(question)
            failure = whole_failure(whole)
            if failure is not None:
                raise failure
            self.status = status_of(
                whole, at=now, window_seconds=window_seconds, endpoint=self.engine.url, recording_rules=False
            )
            for part in self.parts.values():
                part.take(split(self.value(part.name)), at=now if at is None else at, window_seconds=window_seconds)
        except QueryFailed as failure:
            self.status = failed_status(failure, self.status, self.engine.url)
        self.cost = Cost(
            seconds=time.perf_counter() - began,
            requests=self.engine.meter.requests - requests,
            bytes=self.engine.meter.bytes - size,
        )

    async def _collect(self, question: Question) -> tuple[Answers, Callable[[str], Answers]]:
        """Everything once, and a function that gives one cluster's share of it."""
        limit = asyncio.Semaphore(AT_ONCE)
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

            return await Asker(self.engine, question, limit, decode).collect(name, traffic=True)

        async def control(name: str) -> Collected[Scalar]:
            async def decode(body: bytes) -> Vector[Scalar]:
                vector = await decode_scalars(body, METRIC_LABEL)
                for item in vector.items:
                    cluster = item.labels.pop(label, "")
                    scalars.setdefault(cluster, {}).setdefault(name, []).append(item)
                return vector

            return await Asker(self.engine, question, limit, decode).collect(name, traffic=False)

        fields, groups = [metric.field for metric in TRAFFIC], [group.query for group in CONTROL]
        told, ruled = await asyncio.gather(asyncio.gather(*map(traffic, fields)), asyncio.gather(*map(control, groups)))
        whole = Answers(traffic=dict(zip(fields, told, strict=True)), control=dict(zip(groups, ruled, strict=True)))

        def of(cluster: str) -> Answers:
            mine, ours = samples.get(cluster, {}), scalars.get(cluster, {})
            return Answers(
                traffic={n: _share(one, mine.get(n, [])) for n, one in whole.traffic.items()},
                control={n: _share(one, ours.get(n, [])) for n, one in whole.control.items()},
            )

        return whole, of

    async def close(self) -> None:
        """Let go of the engine's connection."""
        if self._direct is not None:
            await self._direct.close()


Item = TypeVar("Item")


def _share(whole: Collected[Item], items: list[Item]) -> Collected[Item]:
    return Collected([Vector(items, partial=any(part.partial for part in whole.parts))], whole.failure, whole.narrowed)


class ClusterPart:
    """One cluster's share of a central engine; it answers like a PrometheusSource."""

    needs_services = False

    def __init__(self, central: CentralTelemetry, name: str) -> None:
        self.name = name
        self.telemetry: Telemetry | None = None
        self.history: History | None = None
        self._central = central
        self._mine: SourceStatus | None = None
        self._plaintext: PlaintextDay | None = None
        self._plaintext_asked: float | None = None

    @property
    def status(self) -> SourceStatus:
        """How the central reading went; none where the engine holds nothing of this cluster."""
        shared = self._central.status
        if shared.state in (State.FRESH, State.PARTIAL) and self._mine is not None:
            return self._mine
        return shared

    @property
    def matchers(self) -> Mapping[str, str]:
        """Label to value: what every selector about this cluster must hold."""
        settings = self._central.settings
        return {**settings.matchers, settings.cluster_label: self._central.value(self.name)}

    @property
    def cost(self) -> Cost:
        """What the central reading cost, divided among the clusters."""
        whole, count = self._central.cost, max(1, len(self._central.parts))
        return Cost(seconds=whole.seconds, bytes=whole.bytes // count, requests=-(-whole.requests // count))

    async def refresh(self, services: Sequence[Service], *, window_seconds: float, at: float | None = None) -> None:
        """Take part in the central reading; never raises."""
        await self._central.refresh(services, window_seconds=window_seconds, at=at)

    def take(self, answers: Answers, *, at: float, window_seconds: float) -> None:
        """Keep this cluster's share of a reading."""
        central = self._central
        label, value = central.settings.cluster_label, central.value(self.name)
        identity = identity_of(central.engine.url, central.settings.headers, self.matchers)
        telemetry = telemetry_of(
            answers,
            at=at,
            window_seconds=window_seconds,
            identity=identity,
            recording_rules=False,
            plaintext_day=self._day_for(at),
        )
        if not any(part.items for one in answers.all.values() for part in one.parts):
            self._mine = SourceStatus(
                state=State.NONE,
                error=f"The telemetry engine holds nothing with {label}={value!r}.",
                remedy=f"Name this cluster's value of {label} in the settings: telemetry.clusterNames.",
                endpoint=central.engine.url,
            )
            return
        self.telemetry, self._mine = telemetry, None

    def _day_for(self, at: float) -> PlaintextDay | None:
        day = self._plaintext
        return day if day is not None and abs(at - day.at) <= 2 * PLAINTEXT_EVERY_SECONDS else None

    async def refresh_history(self, *, at: float | None = None, span_seconds: float = 1800.0, points: int = 60) -> None:
        """This cluster's golden signals over a span that ends at `at`; never raises."""
        central = self._central
        history = await read_history(
            central.engine,
            matchers=self.matchers,
            window_seconds=min(self.telemetry.window_seconds if self.telemetry else 300.0, 300.0),
            end=central.now() if at is None else at,
            span_seconds=span_seconds,
            points=points,
        )
        self.history = history or self.history

    async def refresh_plaintext(self, *, at: float | None = None) -> None:
        """Ask who sent plaintext in the day that ends at `at`, unless that is known; never raises."""
        central, end = self._central, self._central.now() if at is None else at
        if self.telemetry is None:
            return
        if self._plaintext_asked is None or abs(end - self._plaintext_asked) >= PLAINTEXT_EVERY_SECONDS:
            self._plaintext_asked = end
            matchers = {**central.settings.matchers, central.settings.cluster_label: central.value(self.name)}
            self._plaintext = await read_plaintext_day(central.engine, matchers=matchers, at=end)
        self.telemetry = structs.replace(self.telemetry, plaintext_day=self._plaintext)

    @property
    def identity(self) -> str:
        """Tells this cluster's series from every other's."""
        central = self._central
        return identity_of(central.engine.url, central.settings.headers, self.matchers)

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        """The samples of one instant query, whose selectors must hold `matchers`; raises SourceProblem."""
        return tuple((await decode_samples(await self._central.engine.query(expression, at=at))).items)

    async def lines(self, queries: Sequence[LineQuery], *, start: float, end: float, step: float) -> tuple[Line, ...]:
        """Series over time for charts; their selectors must hold `matchers`. Raises SourceProblem."""
        return await Details(self._central.engine).lines(queries, start=start, end=end, step=step)

    async def close(self) -> None:
        """Nothing of its own is open."""
