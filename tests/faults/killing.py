"""A proxy before simulated clusters that kills a process (SIGKILL) at one of its writing requests."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from meshtop.demo.serve import write_kubeconfig
from tests.demo.kube.running import running

WRITES = ("PATCH", "PUT", "DELETE", "POST")
HOP_BY_HOP = ("host", "content-length", "transfer-encoding", "connection", "content-encoding")


def is_write(method: str, path: str) -> bool:
    """Whether a request changes something: reviews and questions to Prometheus are sent by POST and change nothing."""
    return method in WRITES and "/apis/authorization.k8s.io/" not in path and "/proxy/" not in path


@dataclass
class Executioner:
    """Kills `pid` at the `at`-th writing request (from 1; 0: never), before or after the cluster has got it."""

    pid: int = 0
    at: int = 0
    after: bool = False
    seen: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def moment(self, *, after: bool) -> bool:
        """Count a writing request; True when the process was killed at it."""
        with self.lock:
            if not after:
                self.seen += 1
            if self.seen != self.at or after is not self.after:
                return False
            self.at = 0
        os.kill(self.pid, signal.SIGKILL)
        return True


class Proxy:
    """Passes on what it gets."""

    def __init__(self, upstream: str, executioner: Executioner) -> None:
        self._upstream = upstream
        self._executioner = executioner
        self._client: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        """The application that answers."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        app.on_cleanup.append(self._close)
        return app

    async def _close(self, _: web.Application) -> None:
        if self._client is not None:
            await self._client.close()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        writes = is_write(request.method, request.path)
        if writes and self._executioner.moment(after=False):
            return web.Response(status=503)
        if self._client is None:
            self._client = aiohttp.ClientSession(auto_decompress=True)
        headers = {n: v for n, v in request.headers.items() if n.lower() not in HOP_BY_HOP}
        async with self._client.request(
            request.method, f"{self._upstream}{request.raw_path}", data=body, headers=headers, allow_redirects=False
        ) as answer:
            content = await answer.read()
            if writes and self._executioner.moment(after=True):
                return web.Response(status=503)
            kept = {n: v for n, v in answer.headers.items() if n.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, body=content, headers=kept)


@contextmanager
def killing(folder: Path, upstream: Mapping[str, str]) -> Iterator[tuple[Path, Executioner]]:
    """Serve a proxy for each cluster (name to URL); the kubeconfig that leads to them, and who kills."""
    executioner = Executioner()
    with ExitStack() as stack:
        urls = {n: stack.enter_context(running(Proxy(url, executioner).app)).url for n, url in upstream.items()}
        write_kubeconfig(folder / "kubeconfig", urls, {"": "admin"})
        yield folder / "kubeconfig", executioner
