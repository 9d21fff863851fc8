"""What one question costs: the client's CPU for a GET on a connection that is there, by transport.

    python -m benchmarks.questions [QUESTIONS] [ROUNDS] [--plain]

Each way asks the same address of one recorded cluster (`benchmarks._replay`) from a process of its own, eight questions
at a time, in turns with the others; imports and the first connections are left out. TLS is under it, and with `--plain`
plain http in a second turn.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import resource
import ssl
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from benchmarks._processes import PYTHON, demo, environment
from benchmarks._replay import replay
from benchmarks._rows import report, row_of

QUESTIONS = 1000
ROUNDS = 3
PARALLEL = 8
WARM = 64
ADDRESSES = {"/version": "260 bytes", "/api/v1/services?limit=500": "a list"}
Ask = Callable[[], Awaitable[int]]


async def cost(ask: Ask, count: int) -> float:
    """Milliseconds of CPU that one of so many questions costs."""

    async def worker(times: int) -> None:
        for _ in range(times):
            assert await ask() > 0

    await asyncio.gather(*(worker(WARM // PARALLEL) for _ in range(PARALLEL)))
    before = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*(worker(count // PARALLEL) for _ in range(PARALLEL)))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count


async def meshtop(kubeconfig: str, address: str, count: int) -> float:
    """The connection that everything here is read through: login, gate, limits and all."""
    from meshtop.sources.auth.kubeconfig import find_clusters
    from meshtop.sources.http.connection import Connection

    connection = Connection(find_clusters(kubeconfig=kubeconfig, contexts=(), clusters=())[0], timeout_seconds=60)

    async def ask() -> int:
        return len((await connection.request("GET", address)).content)

    try:
        return await cost(ask, count)
    finally:
        await connection.close()


async def meshtop_over_httpx(kubeconfig: str, address: str, count: int) -> float:
    """The same connection with httpx's own transport under it."""
    import httpx

    from meshtop.sources.http import transport
    from meshtop.sources.http.direct import PoolLimits

    def theirs(context: ssl.SSLContext, limits: PoolLimits, proxy: str | None) -> httpx.AsyncBaseTransport:
        most = httpx.Limits(max_connections=limits.open, max_keepalive_connections=limits.idle, keepalive_expiry=60)
        return httpx.AsyncHTTPTransport(verify=context, limits=most, proxy=proxy)

    transport._pool = theirs
    return await meshtop(kubeconfig, address, count)


def _place(kubeconfig: str) -> tuple[str, str, Mapping[str, str]]:
    from meshtop.sources.auth.credentials import load_now
    from meshtop.sources.auth.kubeconfig import find_clusters

    found = load_now(find_clusters(kubeconfig=kubeconfig, contexts=(), clusters=())[0], limit_seconds=5)
    return found.server, found.ca or "", dict(found.headers)


async def httpx_alone(kubeconfig: str, address: str, count: int) -> float:
    """httpx as it comes."""
    import httpx

    server, authority, headers = _place(kubeconfig)
    async with httpx.AsyncClient(verify=ssl.create_default_context(cadata=authority), headers=headers) as client:

        async def ask() -> int:
            return len((await client.get(server + address)).content)

        return await cost(ask, count)


async def aiohttp_alone(kubeconfig: str, address: str, count: int) -> float:
    """aiohttp as it comes."""
    import aiohttp

    server, authority, headers = _place(kubeconfig)
    context = ssl.create_default_context(cadata=authority)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), headers=headers) as client:

        async def ask() -> int:
            async with client.get(server + address) as answer:
                return len(await answer.read())

        return await cost(ask, count)


async def kubernetes_client(kubeconfig: str, address: str, count: int) -> float:
    """The official client, one question after the other, its answer read and not converted."""
    config: Any = importlib.import_module("kubernetes.config")
    api = config.new_client_from_config(kubeconfig)

    async def ask() -> int:
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip"}
        question = api.param_serialize("GET", address, header_params=headers, auth_settings=["BearerToken"])
        return len(api.call_api(*question).read())

    return await cost(ask, count)


WAYS = {
    f.__name__.replace("_", " "): f
    for f in (meshtop, meshtop_over_httpx, httpx_alone, aiohttp_alone, kubernetes_client)
}


def main() -> None:
    """Everything in turn."""
    plain = "--plain" in sys.argv
    given = [int(word) for word in sys.argv[1:] if word != "--plain"]
    count, rounds = given[0] if given else QUESTIONS, given[1] if len(given) > 1 else ROUNDS
    rows = []
    with demo() as ready:
        for tls in (True, False) if plain else (True,):
            over = "TLS" if tls else "plain http"
            for address, what in ADDRESSES.items():
                found: dict[str, list[float]] = {way: [] for way in WAYS}
                with replay(str(ready["kubeconfig"]), 1, tls=tls) as replayed:
                    for _ in range(rounds):
                        for way in WAYS:
                            question = json.dumps([way, replayed.kubeconfig, address, count])
                            command = [PYTHON, "-m", "benchmarks.questions", "--ask", question]
                            output = subprocess.run(
                                command, check=True, stdout=subprocess.PIPE, env=environment()
                            ).stdout
                            found[way].append(float(output))
                middle = {way: statistics.median(values) for way, values in found.items()}
                mine = middle.pop("meshtop")
                peers = "; ".join(f"{way} {value / mine:.1f} ×" for way, value in middle.items())
                rows.append(row_of(f"one GET of {what} over {over}: CPU", found["meshtop"], "ms", peer=peers))
    report(rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        way, *rest = json.loads(sys.argv[2])
        print(asyncio.run(WAYS[way](*rest)))
    else:
        main()
