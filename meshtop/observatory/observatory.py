"""The observatory: runs all feeds concurrently and combines them into immutable Snapshots."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import structs

from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.shown_object import DescribedObject, ShownObject
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import State
from meshtop.observatory.feed import ClusterFeed, Schedule
from meshtop.process import share_one_heap
from meshtop.sources.kubernetes.pacing import wait_at_most

if TYPE_CHECKING:
    from meshtop.model.telemetry import Line
    from meshtop.observatory.adoption import Adopter
    from meshtop.sources.prometheus.charts import LineQuery

FIRST_GAP_SECONDS = 0.05
"""Seconds between Snapshots until everything has answered once, so that first answers show early."""
ADOPT_EVERY_SECONDS = 30.0
"""Seconds between checks of the registries for members to adopt."""
LATER_GAP_SECONDS = 1.0
"""Seconds between Snapshots afterwards: a storm of watch events gives one Snapshot a second."""
GATHER_SECONDS = 0.25
"""Seconds from the first change to the Snapshot, once everything has answered, to include further changes."""
GATHER_MOST_SECONDS = 2.0
"""Longest such delay of what an API server told or somebody asked for, while queries of this tick are running at
Prometheuses that answered the last time."""
MEASURED_MOST_SECONDS = 5.0
"""The same where only measured values are new, which are as old as their scrape in any case."""
REST_RATIO = 3.0
"""How many times as long as a Snapshot was worked on nothing is published, at most a refresh: a big fleet's pictures
take seconds, and the user wants to press keys in between."""


class Observatory:
    """Reads every source of every cluster and publishes Snapshots.

    `once` reads everything one time; `follow` publishes a new Snapshot whenever something changed, the first ones
    while slower clusters are still being read. A failing feed does not affect the others. `asked` is what its sources
    are asked for.
    """

    def __init__(
        self,
        feeds: Sequence[ClusterFeed],
        schedule: Schedule,
        *,
        timeout_seconds: float,
        clock: Callable[[], float] = time.time,
        adopter: Adopter | None = None,
        asked: Asked = EVERYTHING_ASKED,
    ) -> None:
        self._adopter = adopter
        self._asked = asked
        self._attended = EVERYTHING_ASKED
        self._counting = False
        """Whether the requests of weighted routes are being counted, at the ticks of all other questions."""
        self.feeds = tuple(feeds)
        self.schedule = schedule
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._sequence = 0
        self._aliases: dict[str, str] = {}
        self._left_out: tuple[ClusterFeed, ...] = ()

    def feed(self, cluster: str) -> ClusterFeed | None:
        """The feed of a cluster, None when it is not followed."""
        return next((feed for feed in self.feeds if feed.name == cluster), None)

    async def lines(
        self, cluster: str, queries: Sequence[LineQuery], *, start: float, end: float, step: float
    ) -> tuple[Line, ...]:
        """Series over time of one cluster, for charts; none for a cluster that is not followed."""
        feed = self.feed(cluster)
        return () if feed is None else await feed.prometheus.lines(queries, start=start, end=end, step=step)

    def attend(self, attended: Asked) -> None:
        """Keep what somebody looks at up to date from moment to moment, and the rest as often as it needs it.

        What only findings need is read from the first time on that somebody attends to them: it is much, and few
        sessions do.
        """
        findings = attended.findings or self._attended.findings
        self._attended = structs.replace(attended, findings=findings)
        self._asked = structs.replace(self._asked, findings=findings or self._asked.findings)
        for feed in self.feeds:
            self._tell_attended(feed)

    def _tell_attended(self, feed: ClusterFeed) -> None:
        feed.kubernetes.attend(self._attended)

    def _leave_out_aliases(self, told: Sequence[ClusterSnapshot] | None = None) -> list[ClusterFeed]:
        """Remove feeds that read the same cluster as another feed, and return them; `told` is what is known of each.

        Clusters are identified by the UID of kube-system. The feed of the current context is kept, else the first.
        """
        first: dict[str, ClusterFeed] = {}
        found = []
        inventories = {cluster.name: cluster.inventory for cluster in told or ()}
        for feed in sorted(self.feeds, key=lambda feed: not (feed.ref is not None and feed.ref.current)):
            inventory = feed.kubernetes.inventory() if told is None else inventories[feed.name]
            if inventory is None or not inventory.uid:
                continue
            other = first.setdefault(inventory.uid, feed)
            if other is not feed:
                self._aliases[feed.name] = other.name
                found.append(feed)
        self.feeds = tuple(feed for feed in self.feeds if feed not in found)
        self._left_out += tuple(found)
        return found

    async def once(self, *, plaintext: bool = False) -> Snapshot:
        """One settled Snapshot: every source has answered, failed, or run out of time.

        `plaintext` includes the last day's plaintext, which only some reports need.
        """
        async with asyncio.TaskGroup() as group:
            for feed in self.feeds:
                group.create_task(feed.once(self.schedule, timeout_seconds=self._timeout_seconds, plaintext=plaintext))
        if self._adopter is not None and (adopted := await self._adopter.find(self.feeds)):
            self.feeds += tuple(adopted)
            async with asyncio.TaskGroup() as group:
                for feed in adopted:
                    group.create_task(feed.once(self.schedule, timeout_seconds=self._timeout_seconds))
        self._leave_out_aliases()
        if self.schedule.canaries:
            await self._count_canaries()
        return self._snapshot()

    async def objects(self, word: str, namespace: str, name: str) -> tuple[ShownObject, ...]:
        """One object of any kind in every cluster, read at once; a cluster that does not answer in time says so."""

        async def read(feed: ClusterFeed) -> ShownObject:
            try:
                asked = feed.kubernetes.read_object(word, namespace, name)
                return await asyncio.wait_for(asked, 3 * self._timeout_seconds)
            except TimeoutError:
                return ShownObject(cluster=feed.name, error=f"{feed.name} did not answer in time.")

        return tuple(await asyncio.gather(*map(read, self.feeds)))

    async def described(
        self, word: str, namespace: str, name: str, *, clusters: Sequence[str] = ()
    ) -> tuple[DescribedObject, ...]:
        """An object with its pods and Events in some clusters (none: in every one), read at once and in time.

        With an empty `word` it is the clusters themselves that are described.
        """

        async def read(feed: ClusterFeed) -> DescribedObject:
            try:
                asked = feed.kubernetes.describe(word, namespace, name)
                return await asyncio.wait_for(asked, 3 * self._timeout_seconds)
            except TimeoutError:
                late = ShownObject(cluster=feed.name, error=f"{feed.name} did not answer in time.")
                return DescribedObject(cluster=feed.name, subject=late)

        return tuple(await asyncio.gather(*(read(f) for f in self.feeds if not clusters or f.name in clusters)))

    async def remeasure(self, moment: float | None) -> Snapshot:
        """A Snapshot of another moment (Unix seconds, None: the present), with the objects that `once` has read."""
        self.schedule.moment = moment
        async with asyncio.TaskGroup() as group:
            for feed in self.feeds:
                group.create_task(feed.remeasure(self.schedule, timeout_seconds=self._timeout_seconds))
        if self.schedule.canaries:
            await self._count_canaries()
        return self._snapshot()

    async def _count_canaries(self) -> bool:
        """Let every cluster count the requests of all weighted routes; False when there are none."""
        from meshtop.observatory.canaries import routes_to_count  # here: most commands show no canaries

        at = self._clock() if self.schedule.moment is None else self.schedule.moment
        known = [(i, f.prometheus.telemetry) for f in self.feeds if (i := f.kubernetes.inventory()) is not None]
        routes = routes_to_count(known, at)
        if not routes:
            return False
        timeout = self._timeout_seconds
        await asyncio.gather(*(f.count_canaries(routes, at=at, timeout_seconds=timeout) for f in self.feeds))
        return any(feed.canaries for feed in self.feeds)

    async def _follow_canaries(self, changed: asyncio.Event) -> None:
        from meshtop.observatory.canaries import EVERY_SECONDS

        while True:
            self._counting = True
            try:
                counted = await self._count_canaries()
            finally:
                self._counting = False
            if counted:
                changed.set()
            await self.schedule.until_next_tick(every=EVERY_SECONDS if counted else 0.0)

    async def _follow_adoptions(
        self, adopter: Adopter, changed: asyncio.Event, tasks: list[asyncio.Task[None]]
    ) -> None:
        """Periodically adopt members found in registries."""
        while True:
            for feed in await adopter.find(self.feeds):
                self.feeds += (feed,)
                self._tell_attended(feed)
                tasks.append(asyncio.create_task(feed.follow(self.schedule, changed.set)))
                changed.set()
            settled = all(feed.settled for feed in self.feeds)
            await self.schedule.pause(ADOPT_EVERY_SECONDS if settled else self.schedule.refresh_seconds)

    async def follow(self, ready: Awaitable[object] | None = None) -> AsyncGenerator[Snapshot, None]:
        """Snapshots until the iterator is closed, the first at once (nothing known yet).

        With `ready`, what is done with Snapshots needs something that is not there yet: reading begins, and the first
        Snapshot is of all that was read by the time that it is. If that is nothing, the first answer is waited for a
        moment, as between the first Snapshots.
        """
        share_one_heap()
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        following = {f.name: asyncio.create_task(f.follow(self.schedule, changed.set)) for f in self.feeds}
        tasks = [*following.values()]
        tasks.append(asyncio.create_task(self._follow_canaries(changed)))
        if self._adopter is not None:
            tasks.append(asyncio.create_task(self._follow_adoptions(self._adopter, changed, tasks)))
        try:
            if ready is not None:
                await ready
                await wait_at_most(FIRST_GAP_SECONDS, changed)
            if not changed.is_set():
                yield self._snapshot()
            while True:
                await self._next_change(changed, tasks)
                if self._settled:
                    await self._gather()
                changed.clear()
                snapshot = self._snapshot()
                if aliases := self._leave_out_aliases(snapshot.clusters):
                    for alias in aliases:
                        if alias.name in following:
                            following[alias.name].cancel()
                    snapshot = self._snapshot()
                began = loop.time()
                yield snapshot
                rest = min(REST_RATIO * (loop.time() - began), self.schedule.refresh_seconds)
                await asyncio.sleep(max(rest, LATER_GAP_SECONDS if snapshot.settled else FIRST_GAP_SECONDS))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _gather(self) -> None:
        """Wait for the other answers of this tick, because a Snapshot per cluster would cost as much each time."""
        loop = asyncio.get_running_loop()
        began, awaited = loop.time(), self.schedule.hurried
        await asyncio.sleep(GATHER_SECONDS)
        while self._asking:
            hurried = self.schedule.hurried or any(feed.has_new_objects for feed in self.feeds)
            if loop.time() - began >= (GATHER_MOST_SECONDS if hurried else MEASURED_MOST_SECONDS):
                break
            # Nobody waits for what is only measured anew: looking less often saves a twentieth of an idle console.
            await asyncio.sleep(GATHER_SECONDS / 5 if hurried else GATHER_SECONDS)
        if awaited:
            # What was asked for in between may come after this Snapshot, and is waited for no longer then.
            self.schedule.hurried = False

    @property
    def _asking(self) -> bool:
        """Whether another answer of this tick is still to come soon."""
        if any(feed.asking for feed in self.feeds):
            return True
        # Every cluster counts every route: where one does not answer, that takes as long as it is waited for.
        return self._counting and all(feed.prometheus.status.state is State.FRESH for feed in self.feeds)

    async def _next_change(self, changed: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Wait for a change, at most one refresh interval, because states become stale by time alone."""
        await wait_at_most(self.schedule.refresh_seconds, changed)
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    @property
    def _settled(self) -> bool:
        return all(feed.settled for feed in self.feeds)

    def _snapshot(self) -> Snapshot:
        """The state of all clusters; until it is settled, those without news may be as they were a moment ago."""
        self._sequence += 1
        settled = self._settled
        return Snapshot(
            sequence=self._sequence,
            at=self._clock(),
            window_seconds=self.schedule.window_seconds,
            moment=self.schedule.moment,
            clusters=tuple(self._told(feed.snapshot() if settled else feed.recent_snapshot()) for feed in self.feeds),
            settled=settled,
            asked=self._asked,
        )

    def _told(self, cluster: ClusterSnapshot) -> ClusterSnapshot:
        """The cluster with a note about other contexts that lead to it."""
        aliases = [alias for alias, name in self._aliases.items() if name == cluster.name]
        if not aliases:
            return cluster
        leads, are = ("lead", "are") if len(aliases) > 1 else ("leads", "is")
        note = f"{', '.join(aliases)} {leads} to this cluster too (one UID of kube-system) and {are} left out."
        status = structs.replace(cluster.kubernetes, notes=(*cluster.kubernetes.notes, note))
        return structs.replace(cluster, kubernetes=status)

    async def close(self) -> None:
        """Close every connection."""
        feeds = (*self.feeds, *self._left_out)
        await asyncio.gather(*(feed.close() for feed in feeds), return_exceptions=True)
