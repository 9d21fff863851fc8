"""The demo's clusters served within the test, so that a test holds the clock; and the program as a process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from meshtop.demo.accounts import accounts_of
from meshtop.demo.kube.access import Account
from meshtop.demo.serve import ServedCluster, write_kubeconfig
from meshtop.demo.world.plan import Options
from meshtop.demo.world.world import World
from tests.golden.nursery import Nursery
from tests.patience import PATIENCE_SECONDS

LIMIT = PATIENCE_SECONDS
DAY = 86_400.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Clock:
    """The present, moved on by `ahead` seconds when a test says so."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Served:
    """Where a served world is, and what a test may do to it."""

    kubeconfig: Path
    clock: Clock
    world: World
    servers: dict[str, str] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    deaths: dict[str, Clock] = field(default_factory=dict)

    def kill(self, cluster: str) -> None:
        """From here on this cluster leaves every request unanswered."""
        self.deaths[cluster].ahead = 2 * DAY

    def query(self, cluster: str, text: str) -> list[dict[str, Any]]:
        """An instant vector of a cluster's Prometheus."""
        params = urllib.parse.urlencode({"query": text, "time": f"{self.clock():.3f}"})
        with urllib.request.urlopen(f"{self.engines[cluster]}/api/v1/query?{params}", timeout=LIMIT) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found


@contextmanager
def served(
    folder: Path, scenario: str = "calm", *, options: Options | None = None, accounts: list[Account] | None = None,
    with_viewer: bool = True, begins: float | None = None,
) -> Iterator[Served]:  # fmt: skip
    """Serve a world from a thread of its own until the block ends; its story begins so many seconds from now."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, Served]] = Future()

    async def serve() -> None:
        clock = Clock()
        world = World(options or Options(), clock, scenario, begins)
        here = Served(folder / "kubeconfig", clock, world)
        clusters = []
        for name, cluster in world.clusters.items():
            death = here.deaths[name] = Clock()
            known = accounts or accounts_of(world.plan, cluster.plan)
            people = {"": known[0].name} | ({"-viewer": "viewer"} if with_viewer else {})
            clusters.append(ServedCluster(cluster, death, known, time.time() + DAY))
        stop = asyncio.Event()
        try:
            for one in clusters:
                await one.listen("127.0.0.1", 0)
                here.servers[one.cluster.name] = world.servers[one.cluster.name] = f"http://127.0.0.1:{one.api_port}"
                here.engines[one.cluster.name] = f"http://127.0.0.1:{one.prometheus_port}"
            write_kubeconfig(here.kubeconfig, here.servers, people, world.plan.installation.confined)
            started.set_result((asyncio.get_running_loop(), stop, here))
            await stop.wait()
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise
        finally:
            await asyncio.gather(*(one.close() for one in clusters), return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    loop, stop, here = started.result(LIMIT)
    try:
        yield here
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(LIMIT)


def environment(**more: str) -> Mapping[str, str]:
    """An environment without settings of whoever runs the tests, and without the size of their terminal."""
    sizes = ("COLUMNS", "LINES")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MESHTOP_") and k not in sizes}
    return {**inherited, **more}


def started(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The program, started by a new interpreter and run to its end without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "meshtop", "--config", "none", *arguments],
        capture_output=True, text=True, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL,
        env=environment(**environ),
    )  # fmt: skip


@cache
def _nursery() -> tuple[Nursery, threading.Lock]:
    """The process whose forks are the commands of this test process; it ends when this one closes its stdin."""
    return Nursery({**os.environ, "PYTHONPATH": str(ROOT)}), threading.Lock()


def end_nursery() -> None:
    """End the process of `forked`, if there is one."""
    if _nursery.cache_info().currsize:
        _nursery()[0].__exit__(None, None, None)
        _nursery.cache_clear()


def forked(words: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The program, run to its end by a process of its own, with these words, this environment and no terminal.

    A fork of an interpreter that has imported before what commands import, and has run nothing of it: half of what a
    command costs is to start. What starts the program from nothing are the tests of terminals, streams and imports.
    """
    nursery, one_at_a_time = _nursery()
    with one_at_a_time:
        code, out, err = nursery.run(words, dict(env), Path.cwd())
    return subprocess.CompletedProcess(["meshtop", *words], code, out.decode(), err.decode())


def meshtop(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The program without settings, run to its end without a terminal."""
    return forked(["--config", "none", *arguments], environment(**environ))


def printed(*arguments: str, **environ: str) -> dict[str, Any]:
    """What a command prints as JSON; it must have gone well."""
    done = meshtop(*arguments, "-o", "json", **environ)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit, f"waited in vain for {what}"
        time.sleep(0.02)
