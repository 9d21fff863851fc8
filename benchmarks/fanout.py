"""Fifty clusters of which three are bad: when do the forty-seven good ones stand in a Snapshot?

    python -m benchmarks.fanout [RUNS]

Fifty addresses answer as one cluster of the demo does: its answers are kept and given again, so that the time is
meshtop's and not the simulation's. Three of them are led astray: to a port that refuses, to a socket that takes a
connection and never answers, and through a relay that holds everything back for five seconds. A process of its own
follows all fifty, another one only the forty-seven, turn by turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

from benchmarks._processes import PYTHON, Figure, demo, environment, show

CLUSTERS = 50
SLOW_SECONDS = 5.0
RUNS = 3
TIMEOUT_SECONDS = 60.0
MOMENT = re.compile(r"(?<![a-z])(?:time|start|end)=[0-9.]+&?")
"""What differs between two questions that are the same."""


def read(kubeconfig: str, good: Sequence[str]) -> None:
    """In a process of its own: seconds until one, half and all of the good clusters are there with their traffic."""
    from meshtop.model.state import State
    from meshtop.observatory.build import open_observatory
    from meshtop.settings.schema import Settings

    wanted, came, last = frozenset(good), dict[str, float](), dict[str, str]()

    async def follow() -> None:
        observatory = open_observatory(Settings(), kubeconfig=kubeconfig, timeout_seconds=TIMEOUT_SECONDS)
        began = time.perf_counter()
        async with contextlib.aclosing(observatory.follow()) as snapshots:
            async for snapshot in snapshots:
                now = time.perf_counter() - began
                for cluster in snapshot.clusters:
                    answered = {cluster.kubernetes.state, cluster.prometheus.state} <= {State.FRESH, State.PARTIAL}
                    last[cluster.name] = f"{cluster.kubernetes} {cluster.prometheus}"
                    if answered and cluster.name in wanted:
                        came.setdefault(cluster.name, now)
                if len(came) == len(wanted):
                    break
        await observatory.close()

    try:
        asyncio.run(asyncio.wait_for(follow(), TIMEOUT_SECONDS))
    except TimeoutError:
        late = sorted(wanted - came.keys())
        sys.exit(f"{len(late)} good clusters did not come; {late[0]} is {last.get(late[0])}" if late else "no end")
    ordered = sorted(came.values())
    print(json.dumps([ordered[0], ordered[len(ordered) // 2], ordered[-1]]))


@contextlib.asynccontextmanager
async def slow_relay(port: int) -> AsyncIterator[int]:
    """A port that passes everything on to another one, five seconds late."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.sleep(SLOW_SECONDS)
            upstream, downstream = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pass_on(reader, downstream), pass_on(upstream, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Echo:
    """Answers as a server does: every question is put to it once, and its answer given to everyone who asks."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._answers: dict[tuple[str, str, str], asyncio.Task[tuple[int, bytes, str]]] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What the server said to this; a watch is left open and silent, for nothing changes here."""
        if "watch" in request.query:
            stream = web.StreamResponse(headers={"Content-Type": "application/json"})
            with contextlib.suppress(ConnectionError):
                await stream.prepare(request)
            await asyncio.Event().wait()
        body = await request.read()
        key = (request.method, MOMENT.sub("", request.path_qs), MOMENT.sub("", body.decode()))
        if key not in self._answers:
            self._answers[key] = asyncio.create_task(self._ask(request, body))
        status, content, kind = await asyncio.shield(self._answers[key])
        return web.Response(status=status, body=content, content_type=kind)

    async def _ask(self, request: web.Request, body: bytes) -> tuple[int, bytes, str]:
        headers = {k: v for k, v in request.headers.items() if k.lower() in ("accept", "content-type", "authorization")}
        url = URL(self._server + request.path_qs, encoded=True)
        async with self._client.request(request.method, url, data=body, headers=headers) as found:
            return found.status, await found.read(), found.content_type

    @contextlib.asynccontextmanager
    async def serve(self, count: int) -> AsyncIterator[list[int]]:
        """Answer on so many ports."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        async with aiohttp.ClientSession() as self._client:
            await runner.setup()
            for _ in range(count):
                await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
            try:
                yield [address[1] for address in runner.addresses]
            finally:
                await runner.cleanup()


def refusing_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def write(path: Path, template: dict[str, Any], ports: dict[str, int]) -> None:
    """A kubeconfig with a context for each port, with the template's first user."""
    user = template["users"][0]["name"]
    clusters = [{"name": n, "cluster": {"server": f"http://127.0.0.1:{port}"}} for n, port in ports.items()]
    contexts = [{"name": n, "context": {"cluster": n, "user": user}} for n in ports]
    path.write_text(yaml.safe_dump({**template, "clusters": clusters, "contexts": contexts, "current-context": None}))


async def compare(ready: dict[str, Any], folder: Path, runs: int) -> dict[str, list[list[float]]]:
    """Alternate between the good ones alone and all fifty."""
    template = yaml.safe_load(Path(ready["kubeconfig"]).read_text())
    results: dict[str, list[list[float]]] = {"good": [], "fifty": []}
    with socket.create_server(("127.0.0.1", 0)) as never:
        async with Echo(ready["clusters"][0]["server"]).serve(CLUSTERS) as ports, slow_relay(ports[45]) as relay:
            names = {f"cluster-{number:02}": port for number, port in enumerate(ports)}
            bad = {"cluster-05": refusing_port(), "cluster-25": never.getsockname()[1], "cluster-45": relay}
            good = {name: port for name, port in names.items() if name not in bad}
            write(folder / "fifty", template, {**names, **bad})
            write(folder / "good", template, good)
            await measured(folder / "good", [*good])  # Fills what is kept.
            for _ in range(runs):
                for which, found in results.items():
                    found.append(await measured(folder / which, [*good]))
    return results


async def measured(kubeconfig: Path, good: Sequence[str]) -> list[float]:
    """One reading in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-m", "benchmarks.fanout", "--read", str(kubeconfig), *good,
        stdout=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    output, _ = await process.communicate()
    found: list[float] = json.loads(output)
    return found


def main() -> None:
    """Print when the first, the middle and the last good cluster stood there."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Each of the watches holds a socket.
    with (
        demo("--clusters", "1") as ready,
        tempfile.TemporaryDirectory() as folder,
    ):
        found = asyncio.run(compare(ready, Path(folder), runs))
    names = {"good": "the 47 good ones alone", "fifty": "with one refusing, one silent, one 5 s slow"}
    whens = ("first", "middle", "last")
    show(
        f"{CLUSTERS} clusters with what the demo's first one holds, {runs} runs each",
        [
            Figure(
                f"{when} of 47, {names[key]}", [run[index] for run in found[key]], goal="as without" * (key == "fifty")
            )
            for index, when in enumerate(whens)
            for key in names
        ],
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(sys.argv[2], sys.argv[3:])
    else:
        main()
