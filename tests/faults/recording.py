"""Answers of simulated clusters, recorded once over real sockets and served again, whole or with a fault in one."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from meshtop.demo.serve import write_kubeconfig
from tests.demo.kube.running import running
from tests.patience import PATIENCE_SECONDS

Key = tuple[str, str, str]
"""A question: method, path and query, body; without what differs from run to run (times, versions to watch from)."""
VOLATILE = ("time", "start", "end", "step", "resourceVersion", "timeoutSeconds", "timeout")


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Fault = Callable[[Key, Answer], Answer]
"""Makes of a right answer the one that is sent."""


def key_of(method: str, path: str, query: Mapping[str, str], body: bytes) -> Key:
    """The question that a request asks, the same at any time."""
    form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    kept = [
        urllib.parse.urlencode(sorted((k, v) for k, v in one.items() if k not in VOLATILE)) for one in (query, form)
    ]
    return method, f"{path}?{kept[0]}", kept[1]


class ReplayServer:
    """One cluster: asks `upstream` for what it does not know yet, and applies the fault of the moment."""

    def __init__(self, upstream: str, answers: dict[Key, Answer]) -> None:
        self.upstream = upstream
        self.answers = answers
        self.fault: Fault | None = None
        self.requests: list[tuple[str, str]] = []

    def app(self) -> web.Application:
        """The application that answers."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((request.method, request.path))
        if request.query.get("watch") in ("1", "true"):
            # Nothing changes in a recording: a watch is open and silent.
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await asyncio.Event().wait()
        key = key_of(request.method, request.path, request.query, body)
        if key not in self.answers:
            self.answers[key] = await asyncio.to_thread(self._ask, request, body)
        answer = self.answers[key]
        if self.fault is not None:
            answer = self.fault(key, answer)
        return web.Response(
            status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type, **answer.headers}
        )

    def _ask(self, request: web.Request, body: bytes) -> Answer:
        headers = {n: v for n, v in request.headers.items() if n in ("Authorization", "Content-Type", "Accept")}
        asked = urllib.request.Request(
            f"{self.upstream}{request.raw_path}", data=body or None, headers=headers, method=request.method
        )
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
                return Answer(answer.status, answer.headers.get("Content-Type", ""), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers.get("Content-Type", ""), error.read())


@dataclass
class Replay:
    """Served recordings, by cluster, and the kubeconfig that leads to them."""

    kubeconfig: Path
    clusters: dict[str, ReplayServer]


@contextmanager
def replaying(folder: Path, upstream: Mapping[str, str]) -> Iterator[Replay]:
    """Serve a recording of each cluster (name to URL), filled on the way, until the block ends."""
    servers = {name: ReplayServer(url, {}) for name, url in upstream.items()}
    urls: dict[str, str] = {}

    def serve(names: list[str]) -> Iterator[Replay]:
        if not names:
            write_kubeconfig(folder / "replay-kubeconfig", urls, {"": "admin"})
            yield Replay(folder / "replay-kubeconfig", servers)
            return
        with running(servers[names[0]].app) as one:
            urls[names[0]] = one.url
            yield from serve(names[1:])

    yield from serve(list(servers))
