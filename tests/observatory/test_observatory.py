"""First answer first; what fails is seen in its own cluster and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence

import pytest

from meshtop.model.asked import Asked
from meshtop.model.kube import Inventory, Service
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import SourceStatus, State
from meshtop.observatory import feed as feed_module
from meshtop.observatory.feed import ClusterFeed, Schedule, period_of_ticks, rest_after
from meshtop.observatory.observatory import Observatory
from meshtop.observatory.thread import ObservatoryThread
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.kubernetes.pacing import seconds_to_next_tick
from tests.observatory.fakes import FakeKubernetes, FakePrometheus
from tests.patience import PATIENCE_SECONDS


def feed_of(name: str, kubernetes: FakeKubernetes, prometheus: FakePrometheus) -> ClusterFeed:
    return ClusterFeed(
        name=name,
        context=name,
        server=f"https://{name}",
        read_only=False,
        kubernetes=kubernetes,
        prometheus=prometheus,
        clock=lambda: 100.0,
    )


def observatory_of(*feeds: ClusterFeed, timeout: float = 5.0, courses: bool = False) -> Observatory:
    schedule = Schedule(refresh_seconds=5.0, window_seconds=300.0, moment=None, courses=courses)
    return Observatory(feeds, schedule, timeout_seconds=timeout, clock=lambda: 100.0)


async def until(observatory: Observatory, wanted: Callable[[Snapshot], bool]) -> Snapshot:
    async with asyncio.timeout(PATIENCE_SECONDS), contextlib.aclosing(observatory.follow()) as snapshots:
        async for snapshot in snapshots:
            if wanted(snapshot):
                return snapshot
    raise AssertionError("the observatory ended")


@pytest.mark.parametrize("wanted", [False, True])
async def test_alerts_and_objectives_are_asked_for_where_somebody_wants_them(wanted: bool) -> None:
    def watching(prometheus: FakePrometheus) -> Observatory:
        schedule = Schedule(refresh_seconds=0.1, window_seconds=300.0, moment=50.0, alerts=wanted, slos=wanted)
        feed = feed_of("east", FakeKubernetes(), prometheus)
        return Observatory((feed,), schedule, timeout_seconds=5.0, clock=lambda: 100.0)

    once = FakePrometheus()
    snapshot = await watching(once).once()
    assert once.alerts_asked == once.slos_asked == ([50.0] if wanted else [])
    east = snapshot.cluster("east")
    assert east is not None
    assert (east.alerts is not None, east.slos is not None) == (wanted, wanted)
    followed = FakePrometheus()
    looked: list[Snapshot] = []

    def enough(snapshot: Snapshot) -> bool:
        looked.append(snapshot)
        return len(followed.asked) > 2 and (bool(followed.alerts_asked and followed.slos_asked) or not wanted)

    await until(watching(followed), enough)
    assert bool(followed.alerts_asked) is bool(followed.slos_asked) is wanted


async def test_once_asks_everything_and_settles() -> None:
    prometheus = FakePrometheus()
    snapshot = await observatory_of(feed_of("east", FakeKubernetes(), prometheus)).once()
    assert snapshot.settled
    assert snapshot.at == 100.0
    east = snapshot.cluster("east")
    assert east is not None
    assert east.kubernetes.state is State.FRESH
    assert east.telemetry is not None
    assert prometheus.asked == [(1, 300.0, None)], "Prometheus is asked once, with the services that were found"


async def test_the_last_days_plaintext_is_asked_for_only_where_it_is_wanted() -> None:
    for wanted in (False, True):
        observatory = observatory_of(feed_of("east", FakeKubernetes(), FakePrometheus()))
        east = (await observatory.once(plaintext=wanted)).cluster("east")
        assert east is not None
        assert east.telemetry is not None
        assert (east.telemetry.plaintext_day is not None) == wanted


async def test_following_asks_for_the_last_days_plaintext_by_itself() -> None:
    def told(snapshot: Snapshot) -> bool:
        east = snapshot.cluster("east")
        return east is not None and east.telemetry is not None and east.telemetry.plaintext_day is not None

    observatory = observatory_of(feed_of("east", FakeKubernetes(), FakePrometheus()))
    assert told(await until(observatory, told))


async def test_a_hanging_cluster_runs_out_of_its_own_time_only() -> None:
    good, dead = FakeKubernetes(), FakeKubernetes(hang=True)
    snapshot = await observatory_of(
        feed_of("good", good, FakePrometheus()), feed_of("dead", dead, FakePrometheus()), timeout=1.0
    ).once()
    assert snapshot.settled
    lost = snapshot.cluster("dead")
    assert lost is not None
    assert lost.kubernetes.state is State.UNREACHABLE
    assert lost.kubernetes.error == "The Kubernetes API of dead did not answer completely within 1 s."
    assert lost.prometheus.state is State.UNREACHABLE
    kept = snapshot.cluster("good")
    assert kept is not None
    assert kept.kubernetes.state is State.FRESH


async def test_waiting_for_a_turn_is_not_held_against_a_cluster() -> None:
    class Queued(FakeKubernetes):
        async def list_all(self) -> None:
            self.waited_seconds = 1000.0
            await asyncio.sleep(0.05)
            await super().list_all()

    snapshot = await observatory_of(feed_of("east", Queued(), FakePrometheus()), timeout=0.001).once()
    assert [c.kubernetes.state for c in snapshot.clusters] == [State.FRESH]


async def test_a_prometheus_with_a_url_does_not_wait_for_a_dead_api() -> None:
    prometheus = FakePrometheus(needs_services=False)
    snapshot = await observatory_of(feed_of("dead", FakeKubernetes(hang=True), prometheus), timeout=1.0).once()
    dead = snapshot.cluster("dead")
    assert dead is not None
    assert dead.prometheus.state is State.FRESH
    assert dead.kubernetes.state is State.UNREACHABLE


async def test_first_snapshot_comes_before_any_answer() -> None:
    observatory = observatory_of(feed_of("dead", FakeKubernetes(hang=True), FakePrometheus()))
    first = await until(observatory, lambda _: True)
    assert not first.settled
    assert first.clusters[0].inventory is None


async def test_what_came_is_published_while_the_rest_is_under_way() -> None:
    observatory = observatory_of(
        feed_of("good", FakeKubernetes(), FakePrometheus()),
        feed_of("dead", FakeKubernetes(hang=True), FakePrometheus()),
    )
    snapshot = await until(observatory, lambda s: s.clusters[0].telemetry is not None)
    assert snapshot.clusters[1].inventory is None
    assert not snapshot.settled


async def test_while_others_are_read_only_news_make_a_cluster_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty clusters that answer one after the other would each be worked out for the news of every other one."""
    monkeypatch.setattr(feed_module, "RECENT_SECONDS", PATIENCE_SECONDS)
    quiet, busy, dead = FakeKubernetes(), FakeKubernetes(), FakeKubernetes(hang=True)
    observatory = observatory_of(
        feed_of("quiet", quiet, FakePrometheus()),
        feed_of("busy", busy, FakePrometheus()),
        feed_of("dead", dead, FakePrometheus()),
    )
    there: list[Snapshot] = []

    def grown(snapshot: Snapshot) -> bool:
        first, second = snapshot.clusters[:2]
        if first.history is None or second.inventory is None or second.telemetry is None:
            return False
        there.append(snapshot)
        busy.happen(Inventory(version=f"v1.{len(there)}"))
        return len(there) == 4

    last = await until(observatory, grown)
    assert not last.settled
    versions = [snapshot.clusters[1].inventory for snapshot in there]
    assert [found.version for found in versions[1:] if found is not None] == ["v1.1", "v1.2", "v1.3"]
    assert there[-1].clusters[0] is there[-2].clusters[0], "nothing was said of it"


async def test_following_settles_when_everything_was_read_and_not_with_the_first_answer() -> None:
    kubernetes = FakeKubernetes()
    kubernetes.settled = False
    observatory = observatory_of(feed_of("east", kubernetes, FakePrometheus()))

    def half_read(snapshot: Snapshot) -> bool:
        half = snapshot.clusters[0].inventory is not None and snapshot.clusters[0].telemetry is not None
        if half and not kubernetes.settled:
            assert not snapshot.settled
            kubernetes.settled = True
            kubernetes.happen(Inventory())
            return False
        return snapshot.settled

    assert (await until(observatory, half_read)).settled


async def test_a_watch_event_makes_a_new_snapshot_and_leaves_the_old_one_alone() -> None:
    kubernetes = FakeKubernetes()
    observatory = observatory_of(feed_of("east", kubernetes, FakePrometheus()))
    seen: list[Snapshot] = []

    def grown(snapshot: Snapshot) -> bool:
        seen.append(snapshot)
        if snapshot.settled and snapshot.clusters[0].inventory and not snapshot.clusters[0].inventory.version:
            kubernetes.happen(Inventory(version="v1.34.1"))
        inventory = snapshot.clusters[0].inventory
        return inventory is not None and inventory.version == "v1.34.1"

    last = await until(observatory, grown)
    assert last.sequence > seen[0].sequence
    assert seen[0].clusters[0].inventory is None


async def test_a_defect_in_one_feed_is_said_and_contained(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feed_module, "AGAIN_AFTER_SECONDS", 0.0)
    broken = FakeKubernetes(broken=KeyError("spec"))
    observatory = observatory_of(
        feed_of("bad", broken, FakePrometheus(needs_services=False)),
        feed_of("good", FakeKubernetes(), FakePrometheus()),
    )
    snapshot = await until(
        observatory, lambda s: s.settled and "bug in meshtop" in (s.clusters[0].kubernetes.remedy or "")
    )
    assert "failed to process kubernetes of bad" in (snapshot.clusters[0].kubernetes.error or "")
    assert snapshot.clusters[1].kubernetes.state is State.FRESH
    assert "reading kubernetes of bad failed" in caplog.text


async def test_another_moment_is_asked_for_at_once() -> None:
    prometheus = FakePrometheus()
    observatory = observatory_of(feed_of("east", FakeKubernetes(), prometheus))
    observatory.schedule.refresh_seconds = 3600.0

    def travelled(snapshot: Snapshot) -> bool:
        if snapshot.settled and snapshot.moment is None:
            observatory.schedule.change(moment=42.0, window_seconds=60.0)
        telemetry = snapshot.clusters[0].telemetry
        return telemetry is not None and telemetry.at == 42.0

    snapshot = await until(observatory, travelled)
    assert snapshot.moment == 42.0
    assert prometheus.asked[-1] == (1, 60.0, 42.0)


def test_the_thread_publishes_and_stops() -> None:
    arrived = threading.Event()
    failures: list[BaseException] = []
    kubernetes = FakeKubernetes()

    def build() -> Observatory:
        return observatory_of(feed_of("east", kubernetes, FakePrometheus()))

    def publish(snapshot: Snapshot) -> None:
        if snapshot.settled:
            arrived.set()

    thread = ObservatoryThread(build, publish, failures.append)
    thread.start()
    assert arrived.wait(PATIENCE_SECONDS)
    thread.stop(wait_seconds=30)
    assert kubernetes.closed
    assert failures == []


class WatchedKubernetes(FakeKubernetes):
    """One that tells other threads when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()

    async def follow(self, changed: Callable[[], None]) -> None:
        self.asked.set()
        await super().follow(changed)


async def test_before_any_answer_the_first_snapshot_says_so() -> None:
    observatory = observatory_of(feed_of("east", FakeKubernetes(hang=True), FakePrometheus()))
    ready = asyncio.get_running_loop().create_future()
    ready.set_result(None)
    async with asyncio.timeout(PATIENCE_SECONDS), contextlib.aclosing(observatory.follow(ready)) as snapshots:
        assert (await anext(snapshots)).clusters[0].inventory is None


async def test_the_first_snapshot_has_what_was_read_until_somebody_is_ready_for_it() -> None:
    """Nobody sees a picture of nothing where a cluster has answered by the time that one can be made."""
    observatory = observatory_of(feed_of("east", FakeKubernetes(), FakePrometheus()))
    ready = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(PATIENCE_SECONDS), contextlib.aclosing(observatory.follow(ready)) as snapshots:
        first = asyncio.create_task(anext(snapshots))
        while observatory.feeds[0].recent_snapshot().inventory is None:
            await asyncio.sleep(0)
        assert not first.done()
        ready.set_result(None)
        assert (await first).clusters[0].inventory is not None


@pytest.mark.parametrize("broken", [False, True])
def test_the_thread_gets_ready_while_clusters_answer(broken: bool) -> None:
    """What publishing needs is imported once the clusters were asked; nothing is published before it is there."""
    events: list[str] = []
    arrived = threading.Event()
    kubernetes = WatchedKubernetes()

    def build() -> Observatory:
        events.append("built")
        return observatory_of(feed_of("east", kubernetes, FakePrometheus()))

    def get_ready() -> None:
        assert kubernetes.asked.wait(PATIENCE_SECONDS)
        events.append("ready")
        if broken:
            raise ValueError("defect")

    def publish(snapshot: Snapshot) -> None:
        # The first answer is made a picture of at once: nothing that is read meanwhile is more urgent.
        where = threading.current_thread().name if snapshot.clusters[0].inventory is not None else "nobody"
        events.append(f"published by {where}")
        arrived.set()

    def failed(error: BaseException) -> None:
        events.append(str(error))
        arrived.set()

    thread = ObservatoryThread(build, publish, failed, get_ready=get_ready)
    thread.start()
    assert arrived.wait(PATIENCE_SECONDS)
    thread.stop(wait_seconds=PATIENCE_SECONDS)
    assert events[:3] == ["built", "ready", "defect" if broken else "published by observatory"]
    assert kubernetes.closed


def test_the_thread_tells_why_it_could_not_begin() -> None:
    failed = threading.Event()
    failures: list[BaseException] = []

    def build() -> Observatory:
        raise ValueError("no kubeconfig")

    def remember(error: BaseException) -> None:
        failures.append(error)
        failed.set()

    ObservatoryThread(build, lambda _: None, remember).start()
    assert failed.wait(PATIENCE_SECONDS)
    assert str(failures[0]) == "no kubeconfig"


async def test_the_answers_of_one_beat_make_one_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtop.observatory.observatory.GATHER_MOST_SECONDS", 60.0)
    monkeypatch.setattr("meshtop.observatory.observatory.LATER_GAP_SECONDS", 0.01)
    released = asyncio.Event()

    class Later(FakePrometheus):
        async def refresh(
            self,
            services: Sequence[Service],
            *,
            window_seconds: float,
            at: float | None = None,
            all_listed: bool = True,
        ) -> None:
            if self.asked:
                await released.wait()
            await super().refresh(services, window_seconds=window_seconds, at=at)

    east, west = FakePrometheus(), Later()
    observatory = observatory_of(feed_of("east", FakeKubernetes(), east), feed_of("west", FakeKubernetes(), west))
    windows = []
    async with asyncio.timeout(PATIENCE_SECONDS), contextlib.aclosing(observatory.follow()) as snapshots:
        async for snapshot in snapshots:
            told = [c.telemetry.window_seconds if c.telemetry else None for c in snapshot.clusters]
            if 60.0 in told:
                windows.append(told)
                break
            if snapshot.settled and observatory.schedule.window_seconds != 60.0:
                observatory.schedule.change(window_seconds=60.0)
                asyncio.get_running_loop().call_later(0.4, released.set)
    assert windows == [[60.0, 60.0]]


class _Slow(FakePrometheus):
    """Answers its first questions at once, and courses afterwards when a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()
        self.waits = asyncio.Event()

    async def refresh_courses(self, *, at: float | None = None) -> None:
        if len(self.asked) > 1:
            self.waits.set()
            await self.released.wait()


async def _gathered(observatory: Observatory, slow: _Slow, then: Callable[[], None]) -> Snapshot:
    """The first Snapshot after everything was asked once more, and `then` was called while it is being asked."""
    async with asyncio.timeout(PATIENCE_SECONDS), contextlib.aclosing(observatory.follow()) as snapshots:
        asked = False
        async for snapshot in snapshots:
            if asked:
                return snapshot
            if snapshot.settled:
                asked = True
                # As a tick does, without anybody who waits for it.
                observatory.schedule.wake()
                observatory.schedule.hurried = False
                await slow.waits.wait()
                then()
    raise AssertionError("no Snapshot came")


async def test_measured_values_wait_for_all_of_their_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtop.observatory.observatory.GATHER_MOST_SECONDS", 0.0)
    monkeypatch.setattr("meshtop.observatory.observatory.MEASURED_MOST_SECONDS", PATIENCE_SECONDS)
    kubernetes, slow = FakeKubernetes(), _Slow()
    observatory = observatory_of(feed_of("c", kubernetes, slow), courses=True)
    done: list[bool] = []

    def let() -> None:
        done.append(True)
        slow.released.set()

    def release() -> None:
        # Said to have changed, without anything new: all is as it was.
        kubernetes.happen(kubernetes.inventory() or Inventory())
        asyncio.get_running_loop().call_later(0.4, let)

    await _gathered(observatory, slow, release)
    assert done == [True]


async def test_what_an_api_server_tells_does_not_wait_for_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtop.observatory.observatory.GATHER_MOST_SECONDS", 0.0)
    monkeypatch.setattr("meshtop.observatory.observatory.MEASURED_MOST_SECONDS", 10 * PATIENCE_SECONDS)
    kubernetes, slow = FakeKubernetes(), _Slow()
    observatory = observatory_of(feed_of("c", kubernetes, slow), courses=True)
    snapshot = await _gathered(observatory, slow, lambda: kubernetes.happen(Inventory(version="v1.99")))
    assert snapshot.clusters[0].inventory == Inventory(version="v1.99")
    assert not slow.released.is_set()


async def test_who_asks_for_a_refresh_does_not_wait_for_the_slowest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtop.observatory.observatory.GATHER_MOST_SECONDS", 0.0)
    monkeypatch.setattr("meshtop.observatory.observatory.MEASURED_MOST_SECONDS", 10 * PATIENCE_SECONDS)
    slow = _Slow()
    observatory = observatory_of(feed_of("c", FakeKubernetes(), slow), courses=True)
    await _gathered(observatory, slow, lambda: setattr(observatory.schedule, "hurried", True))
    assert not slow.released.is_set()


class _Counting(FakeKubernetes):
    """Gives another inventory at each look, as while everything changes, and counts the looks."""

    looks = 0

    def inventory(self) -> Inventory | None:
        self.looks += 1
        return Inventory(version=f"v1.{self.looks}")


def test_what_is_new_is_looked_for_once_in_a_picture() -> None:
    """In a storm of changes each look makes a whole inventory, and there are twenty looks a second."""
    kubernetes = _Counting()
    feed = feed_of("c", kubernetes, FakePrometheus())
    for _ in range(2):
        feed.snapshot()
        feed._heard = True
        before = kubernetes.looks
        assert all(feed.has_new_objects for _ in range(5))
        assert kubernetes.looks - before == 1
    feed.snapshot()
    assert not feed.has_new_objects


async def test_who_asks_for_a_refresh_amid_a_picture_does_not_wait_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes of it is in the picture after that one."""
    monkeypatch.setattr("meshtop.observatory.observatory.GATHER_SECONDS", 0.0)
    observatory = observatory_of(feed_of("c", FakeKubernetes(), FakePrometheus()))
    gathering = asyncio.create_task(observatory._gather())
    await asyncio.sleep(0)
    observatory.schedule.wake()
    await gathering
    assert observatory.schedule.hurried
    await observatory._gather()
    assert not observatory.schedule.hurried


async def test_a_defect_in_a_single_reading_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    broken = FakeKubernetes(broken=ExceptionGroup("several", [KeyError("spec")]))
    snapshot = await observatory_of(
        feed_of("bad", broken, FakePrometheus(needs_services=False)),
        feed_of("good", FakeKubernetes(), FakePrometheus()),
    ).once()
    assert snapshot.clusters[0].kubernetes.error == "meshtop failed to process kubernetes of bad: KeyError: 'spec'."
    assert snapshot.clusters[1].kubernetes.state is State.FRESH
    assert "reading kubernetes of bad failed" in caplog.text


async def test_a_reading_that_is_interrupted_leaves_nothing_running() -> None:
    reading = asyncio.create_task(observatory_of(feed_of("dead", FakeKubernetes(hang=True), FakePrometheus())).once())
    while len(asyncio.all_tasks()) < 5:
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_two_contexts_of_one_cluster_are_one_and_it_is_said() -> None:
    feeds = [feed_of(name, FakeKubernetes(uid=uid), FakePrometheus()) for name, uid in
             (("admin", "u-1"), ("other", "u-2"), ("viewer", "u-1"), ("unknown", None), ("nobody", None))]  # fmt: skip
    observatory = observatory_of(*feeds)
    snapshot = await observatory.once()
    assert [c.name for c in snapshot.clusters] == ["admin", "other", "unknown", "nobody"]
    assert snapshot.clusters[0].kubernetes.notes == (
        "viewer leads to this cluster too (one UID of kube-system) and is left out.",
    )
    assert observatory.feed("viewer") is None
    await observatory.close()


async def test_the_current_context_stands_for_a_cluster() -> None:
    feeds = [feed_of(name, FakeKubernetes(uid="u"), FakePrometheus()) for name in ("one", "two", "three")]
    feeds[1].ref = ClusterRef(name="two", current=True)
    snapshot = await observatory_of(*feeds).once()
    assert [c.name for c in snapshot.clusters] == ["two"]
    assert snapshot.clusters[0].kubernetes.notes == (
        "one, three lead to this cluster too (one UID of kube-system) and are left out.",
    )


async def test_following_leaves_a_second_context_out_once_the_cluster_is_known() -> None:
    kubernetes = FakeKubernetes(uid="u")
    observatory = observatory_of(
        feed_of("one", FakeKubernetes(uid="u"), FakePrometheus()), feed_of("two", kubernetes, FakePrometheus())
    )
    snapshot = await until(observatory, lambda s: s.settled and len(s.clusters) == 1)
    assert snapshot.clusters[0].name == "one"
    await observatory.close()
    assert kubernetes.closed


async def test_what_is_still_being_answered_does_not_stay_fresh() -> None:
    """A Prometheus that sent a byte now and then was once called fresh for ever, at an age of 31 s and growing."""
    now = [100.0]

    class Trickling(FakePrometheus):
        async def refresh(
            self,
            services: Sequence[Service],
            *,
            window_seconds: float,
            at: float | None = None,
            all_listed: bool = True,
        ) -> None:
            if self.asked:
                await asyncio.Event().wait()
            await super().refresh(services, window_seconds=window_seconds, at=at)
            self.status = SourceStatus(state=State.FRESH, answered_at=100.0)

    prometheus = Trickling(needs_services=False)
    feed = ClusterFeed(
        name="east",
        context="east",
        server="https://east",
        read_only=False,
        kubernetes=FakeKubernetes(),
        prometheus=prometheus,
        clock=lambda: now[0],
    )
    schedule = Schedule(refresh_seconds=5.0, window_seconds=300.0, moment=None)
    await feed.once(schedule, timeout_seconds=5.0)
    now[0] = 500.0
    assert feed.snapshot().prometheus.state is State.FRESH, "a single reading took as long as it took"
    following = asyncio.create_task(feed.follow(schedule, lambda: None))
    await asyncio.sleep(0)
    for age, state in ((0.0, State.FRESH), (15.0, State.FRESH), (15.1, State.STALE), (3600.0, State.STALE)):
        now[0] = 100.0 + age
        assert feed.snapshot().prometheus.state is state
    told = feed.snapshot().prometheus
    assert told.answered_at == 100.0
    assert "no whole answer in the last 3 refreshes" in (told.error or "")
    # Where Prometheus is asked once a scrape, its answers are as old, and no older.
    prometheus.scrape_seconds = 15.0
    for age, state in ((15.1, State.FRESH), (45.0, State.FRESH), (45.1, State.STALE)):
        now[0] = 100.0 + age
        assert feed.snapshot().prometheus.state is state
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


@pytest.mark.parametrize(
    ("refresh", "every", "period"),
    [
        (5.0, 0.0, 5.0),
        (5.0, 15.0, 15.0),
        (5.0, 12.0, 10.0),
        (10.0, 15.0, 10.0),
        (30.0, 15.0, 30.0),
        (0.0, 15.0, 15.0),
    ],
)
def test_metrics_are_asked_once_a_scrape(refresh: float, every: float, period: float) -> None:
    assert period_of_ticks(refresh, every) == period


def test_sources_of_one_interval_ask_at_the_same_moments() -> None:
    """Wherever they began, and however long their answers take: so their answers are one picture."""
    period = period_of_ticks(5.0, 15.0)
    for began, took in ((1.0, 0.2), (6.0, 1.0), (11.0, 4.9), (14.9, 0.01)):
        asked = [began]
        for _ in range(3):
            now = asked[-1] + took
            asked.append(now + seconds_to_next_tick(now, period, least=max(rest_after(took, 5.0), 2.5)))
        assert asked[1] in (pytest.approx(15.0), pytest.approx(30.0))
        assert asked[2:] == pytest.approx([asked[1] + 15.0, asked[1] + 30.0])


@pytest.mark.parametrize(("took", "rest"), [(0.2, 0.2), (9.0, 5.0)])
def test_a_slow_engine_rests_as_long(took: float, rest: float) -> None:
    assert rest_after(took, 5.0) == rest


async def test_all_answers_of_a_tick_are_waited_for() -> None:
    """Else what comes after the first answer is a picture of its own, and costs as much."""
    prometheus = FakePrometheus()
    feed = feed_of("c", FakeKubernetes(), prometheus)
    asking: list[bool] = []

    async def refresh_courses(*, at: float | None = None) -> None:
        asking.append(feed.asking)

    prometheus.refresh_courses = refresh_courses  # type: ignore[method-assign]
    schedule = Schedule(refresh_seconds=5.0, window_seconds=300.0, moment=None, courses=True)
    told: asyncio.Queue[None] = asyncio.Queue()
    following = asyncio.create_task(feed.follow(schedule, lambda: told.put_nowait(None)))
    async with asyncio.timeout(30):
        while not asking:
            await told.get()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert asking == [True]


async def test_what_somebody_looks_at_is_said_to_every_cluster() -> None:
    sources = [FakeKubernetes(), FakeKubernetes()]
    observatory = observatory_of(*(feed_of(f"c{n}", one, FakePrometheus()) for n, one in enumerate(sources)))
    observatory.attend(Asked(frozenset({"Pod"})))
    assert [one.attended for one in sources] == [Asked(frozenset({"Pod"}))] * 2
    observatory.attend(Asked())
    assert [one.attended for one in sources] == [Asked()] * 2
    assert not (await observatory.once()).asked.findings
    observatory.attend(Asked(findings=True))
    assert [one.attended for one in sources] == [Asked(findings=True)] * 2
    observatory.attend(Asked(frozenset({"Pod"})))
    assert [one.attended for one in sources] == [Asked(frozenset({"Pod"}), findings=True)] * 2, "it is read on"
    assert (await observatory.once()).asked == Asked(findings=True)
