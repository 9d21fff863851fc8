"""A demo world in this process whose clock is moved by hand, read by the real observatory over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from msgspec import structs

from meshtop.demo.kube.access import admin
from meshtop.demo.serve import HOST, ServedCluster, write_kubeconfig
from meshtop.demo.world.plan import Options
from meshtop.demo.world.world import World
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import SourceStatus, State
from meshtop.observatory.build import open_observatory
from meshtop.observatory.observatory import Observatory
from meshtop.settings.schema import Settings
from meshtop.sources.kubernetes.source import KubernetesSource
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture

START = 1_785_593_100.0
"""2026-08-01T14:05:00Z, at which a world's clock begins."""


class SimulatedWorld:
    """A world that listens, and the clock of both sides, which stands still until somebody moves it.

    `begins` is when the story sets in, in seconds from the start; a cluster that dies in it refuses connections then.
    With `traced`, the marks of changes are read too; `asked` is what is read at all.
    """

    def __init__(
        self,
        scenario: str,
        *,
        begins: float = 0.0,
        services: int | None = None,
        traced: bool = False,
        asked: Asked = EVERYTHING_ASKED,
    ) -> None:
        self.now = START
        self._asked = asked
        self._traced = traced
        self.world = World(Options(3, services, 1, "none"), lambda: self.now, scenario, begins)
        self.kubeconfig = Path()
        self._served: dict[str, ServedCluster] = {}

    @property
    def begins(self) -> float:
        """When the story sets in, Unix seconds."""
        return self.world.begins

    @contextlib.asynccontextmanager
    async def served(self, folder: Path) -> AsyncIterator[None]:
        """Let all clusters listen; their kubeconfig is in the folder."""
        for cluster in self.world.clusters.values():
            one = ServedCluster(cluster, lambda: self.now, [admin()], None)
            await one.listen(HOST, 0)
            # Both sides share a loop: what takes long is done before anybody waits for a connection.
            one.fill()
            _ = cluster.metrics
            self.world.servers[cluster.name] = f"http://{HOST}:{one.api_port}"
            self._served[cluster.name] = one
        self.kubeconfig = folder / "kubeconfig"
        write_kubeconfig(self.kubeconfig, self.world.servers, {"": "admin"})
        try:
            yield
        finally:
            for one in self._served.values():
                await one.close()

    @contextlib.asynccontextmanager
    async def observed(self, folder: Path) -> AsyncIterator[Observatory]:
        """The same, with an observatory on all of them."""
        async with self.served(folder):
            observatory = open_observatory(
                Settings(),
                kubeconfig=str(self.kubeconfig),
                clock=lambda: self.now,
                canaries=True,
                courses=True,
                traced=self._traced,
                asked=self._asked,
                timeout_seconds=60.0,
            )
            try:
                yield observatory
            finally:
                await observatory.close()

    async def look(self, observatory: Observatory, *, list_objects: bool = True) -> Snapshot:
        """One settled snapshot of this moment; without `list_objects` the objects are those of the last look."""
        await self.die()
        # One after the other: both sides share a loop, on which an answer in the making holds up every connection.
        for feed in observatory.feeds:
            if list_objects:
                await feed.kubernetes.list_all()
                # A single reading cannot grow old; this one stands for a console that goes on.
                assert isinstance(feed.kubernetes, KubernetesSource)
                feed.kubernetes._link.following = True
            await feed._measure(observatory.schedule)
            await feed.prometheus.refresh_courses()
            await feed.prometheus.refresh_plaintext()
            feed._listed = feed._measured = True
        await observatory._count_canaries()
        snapshot = observatory._snapshot()
        if list_objects:
            return snapshot
        fresh = SourceStatus(state=State.FRESH, answered_at=self.now)
        return structs.replace(
            snapshot, clusters=tuple(structs.replace(cluster, kubernetes=fresh) for cluster in snapshot.clusters)
        )

    async def die(self) -> None:
        """Close the cluster that dies, when its moment has come."""
        dying = self.world.dying
        if dying is not None and self.now >= self.begins and dying in self._served:
            await self._served.pop(dying).close()


@dataclass(frozen=True)
class Story:
    """What comes first in a scenario: the id of its cause, its onset in seconds, and all that follows from it, by id.

    `causes` are several where a fault is the same in several clusters, and which of them stands for all depends on
    what is counted. An onset is good to two scrapes. `untouched` is how ids begin that must not be items beside it.
    """

    causes: tuple[str, ...]
    consequences: tuple[str, ...]
    findings: tuple[str, ...] = ()
    untouched: tuple[str, ...] = ()


STORIES = {
    "everyday": Story(
        ("canary/us-east/shop/reviews#weighted",),
        ("workload/us-east/shop/reviews-v3",),
        findings=("CANARY-WORSE",),
        untouched=("canary/", "workload/us-east", "workload/eu-west", "calls/us-east", "calls/eu-west"),
    ),
    "bad-canary": Story(
        ("canary/us-east/shop/reviews#weighted", "canary/eu-west/shop/reviews#weighted"),
        ("workload/us-east/shop/reviews-v3", "workload/eu-west/shop/reviews-v3"),
        untouched=("canary/", "workload/us-east", "workload/eu-west", "calls/us-east", "calls/eu-west"),
    ),
    "noisy-tenant": Story(
        ("caller/us-east/analytics/reporting-v1",),
        (
            "workload/us-east/shop/catalog-v1",
            "workload/us-east/shop/catalog-v2",
            "workload/us-east/shop/storefront-v5",
        ),
        untouched=("caller/", "workload/us-east", "workload/eu-west", "calls/us-east", "calls/eu-west"),
    ),
    "dead-cluster": Story(
        ("cluster/eu-west",),
        (
            "prometheus/eu-west",
            "calls/us-east/inventory.logistics.svc.cluster.local",
            "finding/DISCOVERY-NOT-SYNCED/us-east",
            "finding/DISCOVERY-UNREACHABLE/us-east",
            "finding/MEMBER-NOT-READY/eu-west",
        ),
        untouched=(
            "cluster/",
            "prometheus/",
            "calls/us-east",
            "workload/us-east",
            "workload/eu-west",
            "finding/MEMBER-",
        ),
    ),
    "plaintext-intruder": Story(
        ("finding/MTLS-PLAINTEXT-SEEN/us-east/shop/new",),
        ("finding/MTLS-PLAINTEXT-SEEN/eu-west/platform/new",),
        findings=("MTLS-PLAINTEXT-SEEN",),
        untouched=("workload/us-east", "workload/eu-west", "calls/us-east", "calls/eu-west"),
    ),
}
"""The stories of which the cause is to come first within a minute."""

A_MINUTE = 60.0


def a_minute_into(story: str) -> tuple[float, Snapshot]:
    """When a story set in, and what the observatory has read a minute later; of what dies, a moment before as well."""
    return some_time_into(story, A_MINUTE)


def told_once(story: str) -> pytest.MarkDecorator:
    """A mark that gives all tests of a story to one worker, which reads it once."""
    return pytest.mark.xdist_group(f"story-{story}")


@cache
def some_time_into(story: str, seconds: float) -> tuple[float, Snapshot]:
    """When a story set in, and what the observatory has read so many seconds later.

    Read once: what is judged and what is drawn of a story are the same.
    """

    async def read() -> tuple[float, Snapshot]:
        world = SimulatedWorld(story, begins=15.0, traced=True)
        with tempfile.TemporaryDirectory() as folder:
            async with world.observed(Path(folder)) as observatory:
                if world.world.dying is not None:
                    await world.look(observatory)
                world.now = world.begins + seconds
                return world.begins, await world.look(observatory)

    # A thread has no loop of its own: a test that runs in one may ask too.
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(lambda: asyncio.run(read())).result()


GROUPS = ("workloads", "namespaces", "tenants", "clusters", "services")


def statuses(picture: Picture) -> dict[str, str]:
    """The status of everything that has one, by kind and key."""
    return {
        f"{kind} {view(kind).key(item)}": item.health.status.value
        for kind in GROUPS
        for item in view(kind).all_items(picture)
    }
