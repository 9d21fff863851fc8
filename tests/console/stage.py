"""The console on a world that stands still: a session that publishes what a test gives it, and a clock that waits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from math import sin
from typing import Any, TypeVar

import msgspec

from meshtop.console.app import MeshtopApp
from meshtop.console.desk.remembered import ConsoleMemory
from meshtop.console.host import ConsoleHost
from meshtop.console.picture_request import PictureRequest
from meshtop.console.preparing import Preparation
from meshtop.console.session import ConsoleOptions, ConsoleSession, PictureArrived
from meshtop.console.terminal.look import Look
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.telemetry import History, Line
from meshtop.observatory.observatory import Observatory
from meshtop.settings.schema import Settings
from meshtop.views.frame.charts import Chart
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests.worlds import AT, east, north, west, world

Answer = TypeVar("Answer")

SPAN, STEP = 3600.0, 30.0


def line(name: str, unit: str, base: float, *, end: float = AT, span: float = SPAN, step: float = STEP) -> Line:
    """A gently waving line over the last hour."""
    points = round(span / step) + 1
    times = tuple(end - span + i * step for i in range(points))
    return Line(name=name, unit=unit, times=times, values=tuple(base * (1 + 0.2 * sin(i / 6)) for i in range(points)))


def with_history(cluster: ClusterSnapshot, base: float, *, end: float = AT) -> ClusterSnapshot:
    """The same cluster with its last hour."""
    history = History(
        requests=line("requests", "/s", base, end=end),
        errors=line("errors", "/s", base / 50, end=end),
        p99_ms=line("p99", "ms", 180.0, end=end),
    )
    return msgspec.structs.replace(cluster, history=history)


def busy_world() -> Snapshot:
    """Two clusters that answer, one of them with a sick workload, and one that does not answer."""
    return world(with_history(east(sick=True), 120.0), with_history(west(), 80.0), north())


class StillSession(ConsoleSession):
    """Publishes one snapshot, and remembers what it was asked."""

    def __init__(self, snapshot: Snapshot | None, make: Callable[[Snapshot], Picture] = Picture) -> None:
        self._thread = None
        self._preparation = Preparation(self._prepared)
        self.request = PictureRequest()
        self.make = make
        self.asked: list[tuple[str, object]] = []
        self.app: MeshtopApp | None = None
        self._ring = None
        self._attention = None
        self.snapshot = snapshot

    @property
    def settings(self) -> Settings | None:
        return Settings()

    def start(self) -> None:
        if self.snapshot is not None:
            self.publish(self.snapshot)

    def publish(self, snapshot: Snapshot) -> None:
        """Let a snapshot arrive."""
        assert self.app is not None
        self.app.post_message(PictureArrived(self.make(snapshot)))

    def _prepared(self, picture: Picture) -> None:
        """What another thread prepared arrives once more."""
        assert self.app is not None
        self.app.post_message(PictureArrived(picture))

    def forecaster(self) -> Callable[[Snapshot], Picture] | None:
        return self.make

    def ask(self, question: Callable[[Observatory], Coroutine[Any, Any, Answer]]) -> Future[Answer] | None:
        return None

    def refresh(self) -> None:
        self.asked.append(("refresh", None))

    def change(self, *, window_seconds: float | None = None, moment: float | None = None, live: bool = False) -> None:
        self.asked.append(("change", (window_seconds, moment, live)))

    def lines(
        self, chart: Chart, *, start: float, end: float, step: float, done: Callable[[tuple[Line, ...]], None]
    ) -> None:
        self.asked.append(("lines", (chart.title, start, end, step)))
        done(
            tuple(
                line(one.name, one.unit, 40.0 + 30 * index, end=end, span=end - start, step=step)
                for index, one in enumerate(chart.lines)
            )
        )

    def stop(self) -> None:
        self.asked.append(("stop", None))


class StillApp(MeshtopApp):
    """The console two seconds after its world was seen; a defect in it is the test's."""

    lives_on = False

    def now(self) -> float:
        return AT + 2.0


def stage(
    snapshot: Snapshot | None,
    *,
    look: Look | None = None,
    query: Query | None = None,
    make: Callable[[Snapshot], Picture] = Picture,
    memory: ConsoleMemory | None = None,
) -> StillApp:
    """The console, ready to run on a snapshot, of which `make` makes the picture."""
    options = ConsoleOptions(settings=Settings, query=query or Query())
    session = StillSession(snapshot, make)
    app = StillApp(options, look, session, memory=memory)
    session.app = app
    return app


def session_of(app: ConsoleHost) -> StillSession:
    """The session, as a test knows it."""
    assert isinstance(app.session, StillSession)
    return app.session
