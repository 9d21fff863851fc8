"""A feed: the two sources of one cluster, followed independently, so that failures do not affect other clusters."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import structs

from meshtop.model.alerting import Alerts, Slos
from meshtop.model.asked import Asked
from meshtop.model.canary import RouteCounts
from meshtop.model.kube import Inventory, Service
from meshtop.model.shown_object import DescribedObject, ShownObject
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import Cost, SourceStatus, State
from meshtop.model.telemetry import Courses, History, Line, Telemetry
from meshtop.sources.kubernetes.link import STALE_REFRESHES
from meshtop.sources.kubernetes.pacing import seconds_to_next_tick, wait_at_most
from meshtop.sources.problem import more_time
from meshtop.sources.prometheus.counts import CountingTogether

if TYPE_CHECKING:
    from meshtop.observatory.canaries import RouteToCount
    from meshtop.sources.auth.kubeconfig import ClusterRef
    from meshtop.sources.prometheus.charts import LineQuery

HISTORY_EVERY_SECONDS = 30.0
AGAIN_AFTER_SECONDS = 5.0
RECENT_SECONDS = 1.0
"""For so long, what nobody said has changed is taken to be as it was, while first answers arrive."""
SLO_SOON_SECONDS = 1.0
"""Objectives that took longer the last time are not waited for by the other answers of their tick."""
SLO_PATIENCE = 4.0
"""How many times as long as for anything else a single reading waits for objectives: they are counted over days."""

_log = logging.getLogger(__name__)


class InventorySource(Protocol):
    """Interface to a cluster's API server (sources.kubernetes)."""

    services_known: asyncio.Event

    @property
    def status(self) -> SourceStatus:
        """How the last reading went."""

    @property
    def cost(self) -> Cost:
        """What the last reading cost."""

    @property
    def waited_seconds(self) -> float:
        """Seconds spent waiting for its turn among many clusters."""

    @property
    def settled(self) -> bool:
        """Whether everything there is to read has answered or failed once."""

    def attend(self, attended: Asked) -> None:
        """Keep its kinds up to date from moment to moment, and others as often as they need it.

        With `findings` what only these need is read too, from then on.
        """

    def inventory(self) -> Inventory | None:
        """The latest inventory, the same object while nothing changed."""

    async def list_all(self) -> None:
        """Read everything once."""

    async def follow(self, changed: Callable[[], None]) -> None:
        """Read everything, then keep it up to date until cancelled."""

    async def read_object(self, word: str, namespace: str, name: str) -> ShownObject:
        """One object of any kind; never raises for the cluster's sake."""

    async def describe(self, word: str, namespace: str, name: str) -> DescribedObject:
        """An object with its pods and Events; for an empty `word` the cluster's nodes and warnings. Never raises."""

    async def close(self) -> None:
        """Close the connection."""


class MetricsSource(CountingTogether, Protocol):
    """Interface to a cluster's Prometheus (sources.prometheus)."""

    @property
    def status(self) -> SourceStatus:
        """How the last reading went."""

    @property
    def cost(self) -> Cost:
        """What the last reading cost."""

    @property
    def telemetry(self) -> Telemetry | None:
        """The last good answers, None before the first."""

    @property
    def history(self) -> History | None:
        """The last hour, for sparklines."""

    @property
    def courses(self) -> Courses | None:
        """How calls went over the last half hour."""

    @property
    def alerts(self) -> Alerts | None:
        """The active alerts."""

    @property
    def slos(self) -> Slos | None:
        """How objectives are kept."""

    @property
    def scrape_seconds(self) -> float | None:
        """Seconds between two scrapes; None where that is not known."""

    @property
    def needs_services(self) -> bool:
        """Whether it must be found among the cluster's Services first."""

    async def refresh(
        self, services: Sequence[Service], *, window_seconds: float, at: float | None = None, all_listed: bool = True
    ) -> None:
        """Ask every query once, at Unix seconds `at` or at the present; never raises for the cluster's sake."""

    async def refresh_history(self, *, at: float | None = None) -> None:
        """Query the hour that ends at `at`."""

    async def refresh_courses(self, *, at: float | None = None) -> None:
        """Ask how calls went in the half hour that ends at `at`."""

    async def refresh_alerts(self, *, at: float | None = None) -> None:
        """Ask which alerts are active, now or at `at`."""

    async def refresh_slos(self, *, at: float | None = None) -> None:
        """Ask how objectives are kept, now or at `at`."""

    async def lines(self, queries: Sequence[LineQuery], *, start: float, end: float, step: float) -> tuple[Line, ...]:
        """Series over time, for charts."""

    async def refresh_plaintext(self, *, at: float | None = None) -> None:
        """Query the senders of plaintext in the day that ends at `at`, at most every ten minutes."""

    async def close(self) -> None:
        """Close the connection."""


class Schedule:
    """Parameters of all feeds: interval, window and moment; changing them wakes all feeds at once.

    `moment` is Unix seconds of a past moment, None for live. `canaries` asks a single reading for the counts behind
    weighted routes, which following always does. `courses` asks for the course of calls over the last half hour,
    `alerts` for the active alerts and `slos` for how objectives are kept.
    """

    def __init__(
        self,
        *,
        refresh_seconds: float,
        window_seconds: float,
        moment: float | None,
        canaries: bool = False,
        courses: bool = False,
        alerts: bool = False,
        slos: bool = False,
    ) -> None:
        self.canaries = canaries
        self.courses = courses
        self.alerts = alerts
        self.slos = slos
        self.refresh_seconds = refresh_seconds
        self.window_seconds = window_seconds
        self.moment = moment
        self.hurried = False
        """Whether somebody asked for a refresh, and waits for what comes of it first."""
        self._turn = asyncio.Event()

    def change(self, *, window_seconds: float | None = None, moment: float | None = None, live: bool = False) -> None:
        """Change the window or moment; `live` returns to the present."""
        self.window_seconds = window_seconds or self.window_seconds
        self.moment = None if live else (moment if moment is not None else self.moment)
        self.wake()

    def wake(self) -> None:
        """Let every feed refresh at once."""
        self.hurried = True
        self._turn.set()
        self._turn = asyncio.Event()

    async def pause(self, seconds: float) -> None:
        """Wait for the given seconds, or until the schedule changes."""
        await wait_at_most(seconds, self._turn)

    async def until_next_tick(self, least: float = 0.0, *, every: float = 0.0) -> None:
        """Wait for the next tick at least `least` seconds away, or until the schedule changes.

        All sources wait for the same tick, so that their answers arrive together for one Snapshot; also those that
        have nothing new more often than `every` so many seconds.
        """
        period = period_of_ticks(self.refresh_seconds, every)
        now = asyncio.get_running_loop().time()
        await self.pause(seconds_to_next_tick(now, period, least=max(least, self.refresh_seconds / 2)))


def period_of_ticks(refresh: float, every: float) -> float:
    """The whole number of refreshes that is nearest to `every` so many seconds, in seconds; one refresh at least.

    Whoever waits for multiples of it meets all others that do, and no two sources of the same interval take turns.
    """
    return refresh * max(1, int(every / refresh + 0.49)) if refresh > 0 else every


def rest_after(took: float, refresh: float) -> float:
    """The least seconds from the end of a refresh of metrics, which `took` some, to the tick of the next one.

    A slow refresh is followed by a pause as long: else neither the engine nor this program would ever rest.
    """
    return min(took, refresh)


class ClusterFeed:
    """A cluster's two sources with their last answers, and how the cluster was found."""

    def __init__(
        self,
        *,
        name: str,
        context: str,
        server: str,
        read_only: bool,
        kubernetes: InventorySource,
        prometheus: MetricsSource,
        clock: Callable[[], float],
        ref: ClusterRef | None = None,
        via: str | None = None,
        adopted: bool = False,
    ) -> None:
        self.name = name
        self._via = via
        self._adopted = adopted
        self.ref = ref
        self.canaries: tuple[RouteCounts, ...] = ()
        self.prometheus = prometheus
        self.kubernetes = kubernetes
        self._context = context
        self._server = server
        self._read_only = read_only
        self._clock = clock
        self._overdue: dict[str, SourceStatus] = {}
        self._listed = False
        self._measured = False
        self._asking = False
        self._asking_slos = False
        self._slos_are_slow = True
        self._heard = False
        self._shown: tuple[Inventory | None, State] | None = None
        """What the API server had told in the last Snapshot; None where something else is known to be told since."""
        self._refresh_seconds: float | None = None
        self._recent: ClusterSnapshot | None = None
        self._recent_at = 0.0
        """The loop's time of the recent snapshot."""

    @property
    def asking(self) -> bool:
        """Whether a query is running at a Prometheus that answered the last time.

        One for objectives counts where these came soon the last time: over days of series they may take long.
        """
        asking = self._asking or (self._asking_slos and not self._slos_are_slow)
        return asking and self.prometheus.status.state is State.FRESH

    @property
    def has_new_objects(self) -> bool:
        """Whether the API server told something, other than that all is as it was, that is in no Snapshot yet."""
        if self._heard and self._shown is not None:
            inventory, state = self._shown
            if self.kubernetes.inventory() is inventory and self.kubernetes.status.state is state:
                self._heard = False
            else:
                # Said until the next Snapshot: to look again would make an inventory after each change.
                self._shown = None
        return self._heard

    @property
    def settled(self) -> bool:
        """Whether both sources have answered or failed once, as a whole."""
        return self._listed and self._measured

    async def once(self, schedule: Schedule, *, timeout_seconds: float, plaintext: bool = False) -> None:
        """Read both sources once, each within the timeout; failures go to the sources' status and are not raised.

        Waiting for its turn among many clusters does not count. `plaintext` includes the last day's plaintext.
        """
        listing = asyncio.create_task(self.kubernetes.list_all())
        measuring = asyncio.create_task(self._measure(schedule))
        tasks = {listing: "kubernetes", measuring: "prometheus"}
        clock = asyncio.get_running_loop().time
        began = clock()
        pending: set[asyncio.Task[None]] = set(tasks)
        try:
            while pending and (left := began + timeout_seconds + self.kubernetes.waited_seconds - clock()) > 0:
                _, pending = await asyncio.wait(tasks, timeout=left)
            for task in pending:
                self._overdue[tasks[task]] = self._overdue_status(tasks[task], timeout_seconds)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task, source in tasks.items():
            if task not in pending and not task.cancelled() and isinstance(defect := task.exception(), Exception):
                self._report_defect(source, defect)
        if schedule.courses and measuring not in pending:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.prometheus.refresh_courses(at=schedule.moment), timeout_seconds)
        for wanted, ask, patience in (
            (schedule.alerts, self.prometheus.refresh_alerts, timeout_seconds),
            (schedule.slos, self.prometheus.refresh_slos, SLO_PATIENCE * timeout_seconds),
        ):
            if wanted and measuring not in pending:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ask(at=schedule.moment), patience)
        if plaintext and measuring not in pending:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.prometheus.refresh_plaintext(at=schedule.moment), timeout_seconds)
        self._listed = self._measured = True

    async def remeasure(self, schedule: Schedule, *, timeout_seconds: float) -> None:
        """Read the metrics once more, at the schedule's moment; the objects stay as they were read."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._measure(schedule)
                self._overdue.pop("prometheus", None)
                if schedule.courses:
                    await self.prometheus.refresh_courses(at=schedule.moment)
                await self.prometheus.refresh_history(at=schedule.moment)
                if schedule.alerts:
                    await self.prometheus.refresh_alerts(at=schedule.moment)
                if schedule.slos:
                    await self.prometheus.refresh_slos(at=schedule.moment)
        except TimeoutError:
            self._overdue["prometheus"] = self._overdue_status("prometheus", timeout_seconds)
        except Exception as defect:  # noqa: BLE001 - one cluster must never cost another anything
            self._report_defect("prometheus", defect)

    async def follow(self, schedule: Schedule, changed: Callable[[], None]) -> None:
        """Keep both sources up to date until cancelled; `changed` is called after each change."""
        self._refresh_seconds = schedule.refresh_seconds

        def told() -> None:
            self._recent = None
            changed()

        def listed() -> None:
            self._listed = self._listed or self.kubernetes.settled
            self._heard = True
            told()

        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_one("kubernetes", lambda: self.kubernetes.follow(listed), told))
            group.create_task(self._follow_one("prometheus", lambda: self._follow_metrics(schedule, told), told))
            if schedule.slos:
                group.create_task(self._follow_one("objectives", lambda: self._follow_slos(schedule, told), told))

    async def _follow_one(
        self, source: str, follow: Callable[[], Awaitable[None]], changed: Callable[[], None]
    ) -> None:
        """Follow one source until cancelled; a defect in reading it becomes its status and affects no other source."""
        while True:
            try:
                self._overdue.pop(source, None)
                await follow()
            except Exception as defect:  # noqa: BLE001 - one cluster must never cost another anything
                self._report_defect(source, defect)
                self._listed = self._listed or source == "kubernetes"
                self._measured = self._measured or source == "prometheus"
                changed()
            await asyncio.sleep(AGAIN_AFTER_SECONDS)

    def _report_defect(self, source: str, defect: Exception) -> None:
        _log.error("reading %s of %s failed", source, self.name, exc_info=defect)
        self._overdue[source] = SourceStatus(
            state=State.STALE if self.settled else State.UNREACHABLE,
            answered_at=self._status(source).answered_at,
            error=f"meshtop failed to process {source} of {self.name}: {_one_line(defect)}.",
            remedy="This is a bug in meshtop; please report it with the output of meshtop doctor -v.",
        )

    def _status(self, source: str) -> SourceStatus:
        return self.kubernetes.status if source == "kubernetes" else self.prometheus.status

    async def _follow_metrics(self, schedule: Schedule, changed: Callable[[], None]) -> None:
        next_history = 0.0
        while True:
            began = self._clock()
            # As long as one of the questions of this tick is under way: all answers make one picture.
            self._asking = True
            try:
                next_history = await self._ask_all(schedule, changed, next_history)
            finally:
                self._asking = False
            took = self._clock() - began
            await schedule.until_next_tick(rest_after(took, schedule.refresh_seconds), every=self._scrape_seconds)

    @property
    def _scrape_seconds(self) -> float:
        """Seconds between two scrapes, between which there is nothing new; 0.0 where that is not known.

        One that does not answer well is asked again soon.
        """
        fresh = self.prometheus.status.state is State.FRESH
        return (self.prometheus.scrape_seconds if fresh else None) or 0.0

    async def _ask_all(self, schedule: Schedule, changed: Callable[[], None], next_history: float) -> float:
        """The questions of one tick, one after the other; when (in the clock's seconds) the hour is due again."""
        began = self._clock()
        await self._measure(schedule)
        self._measured = self._measured or not schedule.courses
        changed()
        if schedule.courses:
            await self.prometheus.refresh_courses(at=schedule.moment)
            self._measured = True
            changed()
        await self._ask_alerts(schedule, changed)
        if began >= next_history and self.prometheus.telemetry is not None:
            await self.prometheus.refresh_history(at=schedule.moment)
            next_history = began + HISTORY_EVERY_SECONDS - schedule.refresh_seconds / 2
            changed()
            await self.prometheus.refresh_plaintext(at=schedule.moment)
            changed()
        return next_history

    async def _ask_alerts(self, schedule: Schedule, changed: Callable[[], None]) -> None:
        """Alerts, after what they are held against."""
        if not schedule.alerts:
            return
        before = self.prometheus.alerts
        await self.prometheus.refresh_alerts(at=schedule.moment)
        if before is not self.prometheus.alerts:
            changed()

    async def _follow_slos(self, schedule: Schedule, changed: Callable[[], None]) -> None:
        """Objectives, beside everything else: what is counted over days must not keep what is new waiting.

        They are asked at the ticks of the other questions, and so become part of the same picture where they come soon.
        """
        while True:
            before, every = self.prometheus.slos, 0.0
            if self.prometheus.telemetry is not None:
                began, every = self._clock(), self._scrape_seconds
                self._asking_slos = True
                try:
                    await self.prometheus.refresh_slos(at=schedule.moment)
                finally:
                    self._asking_slos = False
                if before is not self.prometheus.slos:
                    self._slos_are_slow = self._clock() - began > SLO_SOON_SECONDS
            if before is not self.prometheus.slos:
                changed()
            await schedule.until_next_tick(every=every)

    async def _measure(self, schedule: Schedule) -> None:
        if self.prometheus.needs_services:
            await self.kubernetes.services_known.wait()
        inventory = self.kubernetes.inventory()
        services = inventory.services if inventory is not None else ()
        all_listed = inventory is None or inventory.evidence("Service").known
        await self.prometheus.refresh(
            services, window_seconds=schedule.window_seconds, at=schedule.moment, all_listed=all_listed
        )

    async def count_canaries(self, routes: Iterable[RouteToCount], *, at: float, timeout_seconds: float) -> None:
        """Update the counts of weighted routes; those that do not arrive in time keep their last answer."""
        if self.prometheus.telemetry is None:
            return
        from meshtop.observatory.canaries import count_routes

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                self.canaries = await count_routes(self.prometheus, routes, at)

    def _overdue_status(self, source: str, timeout_seconds: float) -> SourceStatus:
        before = self._status(source)
        what = "The Kubernetes API" if source == "kubernetes" else "Prometheus"
        state = State.PARTIAL if before.state in (State.FRESH, State.PARTIAL) else State.UNREACHABLE
        error = before.error or f"{what} of {self.name} did not answer completely within {timeout_seconds:g} s."
        return SourceStatus(
            state=state,
            answered_at=before.answered_at,
            error=error,
            remedy=before.remedy
            or f"Allow more time with {more_time(timeout_seconds)}, or find what is slow with meshtop doctor.",
            notes=before.notes,
            endpoint=before.endpoint,
        )

    def recent_snapshot(self) -> ClusterSnapshot:
        """As `snapshot`; the one before once more, while nothing was said to have changed, for a second at most.

        While fifty clusters answer for the first time, there are Snapshots by the dozen, in each of which one or two
        clusters are new. Ages and what nobody tells may be a second old in it.
        """
        now = asyncio.get_running_loop().time()
        if self._recent is None or now - self._recent_at >= RECENT_SECONDS:
            self._recent, self._recent_at = self.snapshot(), now
        return self._recent

    def snapshot(self) -> ClusterSnapshot:
        """The immutable state of this cluster."""
        inventory, status = self.kubernetes.inventory(), self.kubernetes.status
        self._heard, self._shown = False, (inventory, status.state)
        return ClusterSnapshot(
            name=self.name,
            context=self._context,
            server=self._server,
            read_only=self._read_only,
            kubernetes=self._overdue.get("kubernetes") or status,
            prometheus=self._overdue.get("prometheus") or self._aged(self.prometheus.status),
            kubernetes_cost=self.kubernetes.cost,
            prometheus_cost=self.prometheus.cost,
            inventory=inventory,
            telemetry=self.prometheus.telemetry,
            history=self.prometheus.history,
            courses=self.prometheus.courses,
            alerts=self.prometheus.alerts,
            slos=self.prometheus.slos,
            via=self._via,
            adopted=self._adopted,
            canaries=self.canaries,
        )

    def _aged(self, status: SourceStatus) -> SourceStatus:
        """A status by its age alone: what is still being answered does not stay fresh. A single reading has no age."""
        age = status.age_seconds(self._clock())
        if self._refresh_seconds is None or age is None or status.state not in (State.FRESH, State.PARTIAL):
            return status
        if age <= STALE_REFRESHES * max(self._refresh_seconds, self.prometheus.scrape_seconds or 0.0):
            return status
        # Without the age in it: the sentence stays the same for as long as it is true.
        return structs.replace(
            status,
            state=State.STALE,
            error=f"Prometheus of {self.name} gave no whole answer in the last {STALE_REFRESHES} refreshes.",
            remedy=status.remedy or "See what is slow with meshtop doctor, or refresh less often.",
        )

    async def close(self) -> None:
        """Close the connections of both sources."""
        await asyncio.gather(self.kubernetes.close(), self.prometheus.close(), return_exceptions=True)


def _one_line(defect: BaseException) -> str:
    """A defect in one line; of an exception group, the first one."""
    while isinstance(defect, BaseExceptionGroup):
        defect = defect.exceptions[0]
    return f"{type(defect).__name__}: {' '.join(str(defect).split())}".removesuffix(": ").rstrip(".")
