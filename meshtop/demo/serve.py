"""Serves the invented world over HTTP on the loopback interface: an API server and a Prometheus for each cluster."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import math
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from yarl import URL

from meshtop.demo.accounts import accounts_of
from meshtop.demo.kube.access import Account
from meshtop.demo.kube.app import kube_app
from meshtop.demo.kube.store import KubeStore
from meshtop.demo.world.plan import Options
from meshtop.demo.world.registries import portal
from meshtop.demo.world.scenarios import DEFAULT
from meshtop.demo.world.world import SimulatedCluster, World

HOST = "127.0.0.1"
REFUSE_AFTER = 40.0
"""Seconds for which a dying cluster leaves requests unanswered before it refuses connections."""
CONTROLLERS = 0.8
"""Seconds after which controllers act on what was changed."""
WARM = 4
"""Up to this number of clusters is built right after the start; others are built on the first request."""


@dataclass(frozen=True)
class Settings:
    """Options of `python -m meshtop.demo`."""

    options: Options = field(default_factory=Options)
    scenario: str = DEFAULT
    begins: float | None = None
    host: str = HOST
    port_base: int | None = None
    kubeconfig: Path | None = None
    viewer: bool = False
    parent: int | None = None


class Prometheus:
    """A cluster's Prometheus, put together at its first request."""

    def __init__(self, cluster: SimulatedCluster, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._app: web.Application | None = None

    async def answer(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answer a request for a path behind the service proxy."""
        if self._app is None:
            from meshtop.demo.prom.app import prom_app
            from meshtop.demo.rulebook import rules_of

            app = prom_app(self._cluster.metrics, clock=self._clock, rules=rules_of(self._cluster.plan))
            app.freeze()
            await app.startup()
            self._app = app
        url = URL.build(path=path, query=request.rel_url.query)
        return await self._app._handle(request.clone(rel_url=url))

    async def close(self) -> None:
        """Give back what the application holds."""
        if self._app is not None:
            await self._app.shutdown()
            await self._app.cleanup()


class ServedCluster:
    """One cluster's two listening sockets."""

    def __init__(
        self, cluster: SimulatedCluster, clock: Callable[[], float], accounts: list[Account], dies_at: float | None
    ) -> None:
        self.cluster = cluster
        self._clock = clock
        self._dies_at = dies_at
        self._filled = False
        self._working: asyncio.TimerHandle | None = None
        self._store = KubeStore(clock, seed=f"{cluster.inventory.plan.options.seed}/{cluster.name}")
        self._prometheus = Prometheus(cluster, clock)
        self.peers: Mapping[str, ServedCluster] = {}
        self._app = (
            kube_app(
                self._store, git_version=f"v{cluster.plan.kubernetes}", accounts=accounts, faults=self._before,
                # kubectl sends no token over plain HTTP, so whoever sends none is the first account.
                anonymous=accounts[0],
                services={(cluster.plan.mesh.system, "prometheus"): self._prometheus.answer},
            )
        )  # fmt: skip
        self._api = web.AppRunner(self._app, access_log=None, shutdown_timeout=0.2)
        direct = web.Application()
        direct.router.add_route("*", "/{path:.*}", self._direct)
        self._prom = web.AppRunner(direct, access_log=None, shutdown_timeout=0.2)
        self.api_port = self.prometheus_port = 0

    async def listen(self, host: str, port: int) -> None:
        """Listen on a port and the one after it, or on two that the system chooses where `port` is 0."""
        await self._api.setup()
        await self._prom.setup()
        self.api_port = await _listen(self._api, host, port)
        self.prometheus_port = await _listen(self._prom, host, port + 1 if port else 0)
        self.cluster.on_work = self._work_soon
        if self._dies_at is not None:
            delay = max(0.0, self._dies_at - self._clock()) + REFUSE_AFTER
            asyncio.get_running_loop().call_later(delay, lambda: asyncio.ensure_future(self.close()))

    async def close(self) -> None:
        """Stop listening and drop what is connected."""
        if self._working is not None:
            self._working.cancel()
        await self._api.cleanup()
        await self._prom.cleanup()
        await self._prometheus.close()

    def fill(self) -> None:
        """Bring the cluster's objects into being."""
        if not self._filled:
            self._filled = True
            self.cluster.fill(self._store)

    async def _before(self, request: web.Request, account: Account) -> web.StreamResponse | None:
        await self._alive()
        self.fill()
        return await self._forwarded(request)

    async def _forwarded(self, request: web.Request) -> web.StreamResponse | None:
        """The host's portal: a request for a member goes on to it, as its registry's project does it."""
        plan = self.cluster.inventory.plan
        if self.cluster.plan.index != 0:
            return None
        meant = portal(plan.options.registry, request.path)
        if meant is None:
            return None
        name, path = meant
        member = self.peers.get(name)
        if member is None:
            return web.json_response(
                {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "ServiceUnavailable",
                 "code": 503, "message": f"cluster {name} is not reachable"}, status=503,
            )  # fmt: skip
        return await member.answer(request.clone(rel_url=URL.build(path=path, query=request.rel_url.query)))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request that came through another cluster's API server."""
        return await self._app._handle(request)

    async def _direct(self, request: web.Request) -> web.StreamResponse:
        await self._alive()
        return await self._prometheus.answer(request, request.path)

    async def _alive(self) -> None:
        if self._dies_at is not None and self._clock() >= self._dies_at:
            await asyncio.Event().wait()

    def _work_soon(self) -> None:
        if self._working is None:
            self._working = asyncio.get_running_loop().call_later(CONTROLLERS, self._work)

    def _work(self) -> None:
        self._working = None
        self.cluster.reconcile()


async def _listen(runner: web.AppRunner, host: str, port: int) -> int:
    sock = socket.create_server((host, port), backlog=256)
    await web.SockSite(runner, sock).start()
    return int(sock.getsockname()[1])


async def serve(settings: Settings, clock: Callable[[], float] = time.time) -> None:
    """Serve until a signal arrives or the parent is gone. Raises ValueError and OSError for what cannot be."""
    last = (settings.port_base or 0) + 2 * settings.options.clusters - 1
    if settings.port_base is not None and not (settings.port_base >= 1 and last <= 65_535):
        raise ValueError(f"--port-base {settings.port_base}: choose so that it and all that follow are 1 to 65535")
    if settings.begins is not None and not math.isfinite(settings.begins):
        raise ValueError(f"--begins {settings.begins}: write seconds, such as 30 or -600")
    world = World(settings.options, clock, settings.scenario, settings.begins)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        loop.add_signal_handler(getattr(signal, name), stop.set)
    accounts = {name: accounts_of(world.plan, cluster.plan) for name, cluster in world.clusters.items()}
    served = [
        ServedCluster(cluster, clock, accounts[cluster.name], world.begins if cluster.name == world.dying else None)
        for cluster in world.clusters.values()
    ]
    folder: tempfile.TemporaryDirectory[str] | None = None
    try:
        for i, one in enumerate(served):
            await one.listen(settings.host, settings.port_base + 2 * i if settings.port_base else 0)
            world.servers[one.cluster.name] = f"http://{settings.host}:{one.api_port}"
        for one in served:
            one.peers = {other.cluster.name: other for other in served if other is not one}
        path = settings.kubeconfig
        if path is None:
            folder = tempfile.TemporaryDirectory(prefix="meshtop-demo-")
            path = Path(folder.name) / "kubeconfig"
        servers = {one.cluster.name: f"http://{settings.host}:{one.api_port}" for one in served}
        people = {"": next(iter(accounts.values()))[0].name} | ({"-viewer": "viewer"} if settings.viewer else {})
        write_kubeconfig(path, servers, people, world.plan.installation.confined)
        print(json.dumps(_ready(path, settings, served)), flush=True)
        if len(served) <= WARM:
            for one in served:
                loop.call_soon(one.fill)
        await _until(stop, settings.parent)
    finally:
        await asyncio.gather(*(one.close() for one in served), return_exceptions=True)
        if folder is not None:
            folder.cleanup()


def _ready(path: Path, settings: Settings, served: list[ServedCluster]) -> dict[str, object]:
    return {
        "ready": True,
        "kubeconfig": str(path),
        "world": settings.options.world,
        "scenario": settings.scenario,
        "clusters": [
            {
                "name": one.cluster.name,
                "server": f"http://{settings.host}:{one.api_port}",
                "prometheus": f"http://{settings.host}:{one.prometheus_port}",
            }
            for one in served
        ],
    }


def write_kubeconfig(
    path: Path, servers: Mapping[str, str], people: Mapping[str, str], namespace: str | None = None
) -> None:
    """Write a kubeconfig (mode 0600) with a context for each cluster and person.

    `people` names accounts by what their contexts' names end with; `namespace` is what the contexts are set to.
    """
    place = "" if namespace is None else f"\n    namespace: {namespace}"
    lines = ["apiVersion: v1", "kind: Config", f"current-context: {next(iter(servers))}", "clusters:"]
    lines += [f"- name: {name}\n  cluster:\n    server: {server}" for name, server in servers.items()]
    lines.append("users:")
    lines += [f"- name: demo-{person}\n  user:\n    token: demo-{person}" for person in people.values()]
    lines.append("contexts:")
    lines += [
        f"- name: {name}{suffix}\n  context:\n    cluster: {name}\n    user: demo-{person}{place}"
        for suffix, person in people.items()
        for name in servers
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
    fresh.replace(path)


async def _until(stop: asyncio.Event, parent: int | None) -> None:
    """Wait for a signal, or for the end of the parent process."""
    if parent is None:
        await stop.wait()
        return
    loop = asyncio.get_running_loop()
    try:
        watched = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):
        while not stop.is_set() and _exists(parent):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 2.0)
        return
    loop.add_reader(watched, stop.set)
    try:
        await stop.wait()
    finally:
        loop.remove_reader(watched)
        os.close(watched)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main(settings: Settings) -> int:
    """Serve, and say in one sentence what kept it from serving; the exit code."""
    try:
        asyncio.run(serve(settings))
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        print(f"meshtop demo: {what}{_lower(error.strerror or str(error))}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"meshtop demo: {error}", file=sys.stderr)
        return 2
    return 0


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
