"""Fifty clusters of which three are bad: what does following them cost until the forty-seven good ones are there?

    python -m benchmarks.fanout [ROUNDS]

Fifty recorded clusters are served over TLS by another process (`benchmarks._replay`). Three of them are led astray: to
a port that refuses, to a socket that takes a connection and never answers, and through a relay that holds everything
back for five seconds. A process of its own follows all fifty as the console's first screen does, another one only the
forty-seven, turn by turn; CPU is theirs alone, imports counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from benchmarks._goals import number
from benchmarks._pace import patience
from benchmarks._processes import PYTHON, Figure, Run, demo, run, show
from benchmarks._replay import replay
from benchmarks._rows import middle

CLUSTERS = 50
SLOW_SECONDS = 5.0
ROUNDS = 3
TIMEOUT_SECONDS = 60.0
"""At the best pace, of each cluster and of the whole."""


def follow(kubeconfig: str, good: Sequence[str], timeout: float) -> None:
    """In a process of its own: seconds until one, half and all of the good clusters are there with their traffic."""
    from meshtop.model.state import State
    from meshtop.observatory.build import open_observatory
    from meshtop.process import prepare_process
    from meshtop.settings.schema import Settings
    from meshtop.views.picture.asks import asked_for

    prepare_process()
    wanted, came, last = frozenset(good), dict[str, float](), dict[str, str]()

    async def followed() -> None:
        observatory = open_observatory(Settings(), kubeconfig=kubeconfig, timeout_seconds=timeout)
        observatory.attend(asked_for("clusters"))
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
        asyncio.run(asyncio.wait_for(followed(), timeout))
    except TimeoutError:
        late = sorted(wanted - came.keys())
        sys.exit(f"{len(late)} good clusters did not come; {late[0]} is {last.get(late[0])}" if late else "no end")
    ordered = sorted(came.values())
    print(json.dumps([ordered[0], ordered[len(ordered) // 2], ordered[-1]]))


@contextlib.contextmanager
def slow_relay(port: int) -> Iterator[int]:
    """A port that passes everything on to another one, five seconds late; on a thread of its own."""

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

    async def stop(server: asyncio.Server) -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", 0), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def refusing_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def led_astray(document: dict[str, Any], ports: dict[str, int]) -> dict[str, Any]:
    """A kubeconfig in which these clusters are at these ports."""
    clusters = []
    for entry in document["clusters"]:
        port = ports.get(entry["name"])
        server = entry["cluster"]["server"] if port is None else f"https://127.0.0.1:{port}"
        clusters.append({**entry, "cluster": {**entry["cluster"], "server": server}})
    return {**document, "clusters": clusters}


def only(document: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A kubeconfig with these clusters alone."""
    kept = {kind: [e for e in document[kind] if e["name"] in names] for kind in ("clusters", "contexts")}
    return {**document, **kept, "current-context": names[0]}


def following(kubeconfig: str, good: Sequence[str]) -> list[str]:
    """The command that follows all clusters of a kubeconfig until the good ones are there."""
    limit = f"{patience(TIMEOUT_SECONDS):.0f}"
    return [PYTHON, "-m", "benchmarks.fanout", "--follow", kubeconfig, limit, *good]


def measure(recorded: str, folder: Path, rounds: int) -> dict[str, list[Run]]:
    """Alternate between the good ones alone and all fifty."""
    document = yaml.safe_load(Path(recorded).read_text())
    names = [entry["name"] for entry in document["clusters"]]
    port = urlsplit(document["clusters"][45]["cluster"]["server"]).port or 0
    with socket.create_server(("127.0.0.1", 0)) as never, slow_relay(port) as relay:
        bad = {names[5]: refusing_port(), names[25]: never.getsockname()[1], names[45]: relay}
        good = [name for name in names if name not in bad]
        (folder / "fifty").write_text(yaml.safe_dump(led_astray(document, bad)))
        (folder / "good").write_text(yaml.safe_dump(only(document, good)))
        commands = {which: following(str(folder / which), good) for which in ("good", "fifty")}
        run(commands["good"])  # Fills what is kept.
        results: dict[str, list[Run]] = {which: [] for which in commands}
        for _ in range(rounds):
            for which, command in commands.items():
                results[which].append(run(command))
    return results


def main() -> None:
    """Print CPU, memory, and when the first, the middle and the last good cluster stood there."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Each of the watches holds a socket.
    with (
        demo() as ready,
        replay(str(ready["kubeconfig"]), CLUSTERS, tls=True) as replayed,
        tempfile.TemporaryDirectory() as folder,
    ):
        found = measure(replayed.kubeconfig, Path(folder), rounds)
    good, fifty = found["good"], found["fifty"]
    figures = [
        Figure("following 47 good clusters alone, until all are there: CPU", [r.cpu for r in good], kept=True),
        Figure(
            "following 50, three of them bad, until the 47 are there: CPU", [r.cpu for r in fifty], goal="follow-50"
        ),
        Figure("following 50, three of them bad: peak memory", [r.megabytes for r in fifty], "MB", kept=True),
    ]
    for index, when in enumerate(("first", "middle", "last")):
        times = {which: [json.loads(r.output)[index] for r in done] for which, done in found.items()}
        alone = f"without the bad ones {number(middle(times['good']))} s, best {number(min(times['good']))}"
        name = f"following 50, three of them bad, until the {when} of the 47 is there: wall"
        figures.append(Figure(name, times["fifty"], kept=True, note=alone))
    show(f"{CLUSTERS} recorded clusters over TLS, {rounds} runs each", figures)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--follow"]:
        follow(sys.argv[2], sys.argv[4:], float(sys.argv[3]))
    else:
        main()
