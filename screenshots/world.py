"""The demo's clusters, served over HTTP at a moment that stands still: the same seed gives the same picture."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from meshtop.demo.kube.access import admin
from meshtop.demo.serve import ServedCluster, write_kubeconfig
from meshtop.demo.world.plan import Options
from meshtop.demo.world.world import World

MOMENT = 1_795_096_800.0
"""A Thursday in November 2026, 14:00 UTC."""
UNDER_WAY = -900.0
"""Seconds for which the story has been going on."""


_ahead = 0.0


def now() -> float:
    """The present of the simulated clusters and of the console that shows them."""
    return MOMENT + _ahead


def let_pass(seconds: float) -> None:
    """Let time go by, for what takes its time to arrive."""
    global _ahead
    _ahead += seconds


@contextmanager
def served(registry: str = "none") -> Iterator[Path]:
    """Serve three clusters from a thread until the block ends; the kubeconfig that leads to them."""
    global _ahead
    _ahead = 0.0
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    with tempfile.TemporaryDirectory(prefix="meshtop-screenshots-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        thread = threading.Thread(target=lambda: asyncio.run(_serve(kubeconfig, registry, started)), daemon=True)
        thread.start()
        loop, stop = started.result(60)
        try:
            yield kubeconfig
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(60)


async def _serve(
    kubeconfig: Path, registry: str, started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
) -> None:
    stop = asyncio.Event()
    clusters: list[ServedCluster] = []
    try:
        world = World(Options(registry=registry), now, "everyday", UNDER_WAY)
        servers = {}
        for name, cluster in world.clusters.items():
            one = ServedCluster(cluster, now, [admin()], None)
            clusters.append(one)
            await one.listen("127.0.0.1", 0)
            servers[name] = world.servers[name] = f"http://127.0.0.1:{one.api_port}"
        for one in clusters:
            one.peers = {other.cluster.name: other for other in clusters if other is not one}
        write_kubeconfig(kubeconfig, servers, {"": "admin"})
        started.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
    except BaseException as error:
        if not started.done():
            started.set_exception(error)
        raise
    finally:
        await asyncio.gather(*(one.close() for one in clusters), return_exceptions=True)
