"""Sources whose answers and delays a test decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from meshtop.model.alerting import Alerts, Slos
from meshtop.model.asked import Asked
from meshtop.model.kube import Inventory, Meta, Service
from meshtop.model.shown_object import DescribedObject, ShownObject
from meshtop.model.state import Cost, SourceStatus, State
from meshtop.model.telemetry import Courses, History, Line, PlaintextDay, Sample, Telemetry
from meshtop.sources.prometheus.charts import LineQuery


class FakeKubernetes:
    """An API server that answers, hangs, or breaks."""

    def __init__(self, *, hang: bool = False, broken: Exception | None = None, uid: str | None = None) -> None:
        self._uid = uid
        self.services_known = asyncio.Event()
        self.status = SourceStatus()
        self.cost = Cost()
        self.waited_seconds = 0.0
        self.closed = False
        self.settled = True
        self.follows = 0
        self.attended: Asked | None = None
        self._hang = hang
        self._broken = broken
        self._inventory: Inventory | None = None
        self._changed: Callable[[], None] | None = None

    def inventory(self) -> Inventory | None:
        return self._inventory

    def attend(self, attended: Asked) -> None:
        self.attended = attended

    async def read_object(self, word: str, namespace: str, name: str) -> ShownObject:
        return ShownObject(cluster=name, unknown_kind=True, error=f"There is no kind {word}.")

    async def describe(self, word: str, namespace: str, name: str) -> DescribedObject:
        return DescribedObject(cluster=name, subject=await self.read_object(word, namespace, name))

    async def list_all(self) -> None:
        if self._hang:
            await asyncio.Event().wait()
        if self._broken:
            raise self._broken
        self._inventory = Inventory(
            uid=self._uid, services=(Service(meta=Meta(name="prometheus", namespace="istio-system")),)
        )
        self.status = SourceStatus(state=State.FRESH, answered_at=1.0)
        self.services_known.set()

    async def follow(self, changed: Callable[[], None]) -> None:
        self.follows += 1
        self._changed = changed
        await self.list_all()
        changed()
        await asyncio.Event().wait()

    def happen(self, inventory: Inventory) -> None:
        """A watch event."""
        self._inventory = inventory
        assert self._changed is not None
        self._changed()

    async def close(self) -> None:
        self.closed = True


class FakePrometheus:
    """A Prometheus that answers at once and remembers what it was asked."""

    def __init__(self, *, needs_services: bool = True) -> None:
        self.status = SourceStatus()
        self.cost = Cost()
        self.telemetry: Telemetry | None = None
        self.history: History | None = None
        self.courses: Courses | None = None
        self.alerts: Alerts | None = None
        self.slos: Slos | None = None
        self.alerts_asked: list[float | None] = []
        self.slos_asked: list[float | None] = []
        self.needs_services = needs_services
        self.scrape_seconds: float | None = None
        self.asked: list[tuple[int, float, float | None]] = []
        self.counted: list[str] = []
        self.matchers: dict[str, str] = {}
        self.identity = "fake"
        self.closed = False

    async def refresh(
        self, services: Sequence[Service], *, window_seconds: float, at: float | None = None, all_listed: bool = True
    ) -> None:
        self.asked.append((len(services), window_seconds, at))
        self.telemetry = Telemetry(at=at or 1.0, window_seconds=window_seconds)
        self.status = SourceStatus(state=State.FRESH, answered_at=1.0)

    async def refresh_courses(self, *, at: float | None = None) -> None:
        """Nothing."""

    async def refresh_alerts(self, *, at: float | None = None) -> None:
        self.alerts_asked.append(at)
        self.alerts = Alerts()

    async def refresh_slos(self, *, at: float | None = None) -> None:
        self.slos_asked.append(at)
        self.slos = Slos()

    async def refresh_history(self, *, at: float | None = None) -> None:
        self.history = History()

    async def refresh_plaintext(self, *, at: float | None = None) -> None:
        if self.telemetry is not None:
            self.telemetry = structs.replace(self.telemetry, plaintext_day=PlaintextDay(at=at or 1.0))

    async def lines(self, queries: Sequence[LineQuery], *, start: float, end: float, step: float) -> tuple[Line, ...]:
        return tuple(Line(name=query.name, times=(start, end), values=(1.0, None)) for query in queries)

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        self.counted.append(expression)
        return ()

    async def samples_of(self, expressions: Mapping[str, str], *, at: float) -> dict[str, tuple[Sample, ...] | None]:
        return {name: await self.samples(one, at=at) for name, one in expressions.items()}

    async def close(self) -> None:
        self.closed = True
