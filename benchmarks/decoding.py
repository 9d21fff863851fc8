"""Reading wide instant queries: meshtop's way against prometheus-api-client's, over a local server process.

    python -m benchmarks.decoding [SERIES]

Both put the same query to the same server and decode the whole answer; CPU of the client's process, in turns. One
answer is wide; the others are those of a fleet of fifty clusters (`benchmarks._big_fleet`), asked one after the other,
whose label sets meshtop has seen before, as it has in every refresh but the first. prometheus-api-client's
`custom_query` leaves dictionaries; its Metric objects hold a pandas frame each, and are made of a thousand series where
pandas is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from benchmarks._big_fleet import CLUSTERS, SERIES, answer
from benchmarks._rows import Row, middle, report, row_of
from meshtop.analysis.traffic.metrics import TRAFFIC
from meshtop.settings.schema import HttpEndpoint
from meshtop.sources.prometheus.answers import decode_samples
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.engine import Engine, EngineAddress
from meshtop.sources.prometheus.labelsets import LabelSets

ROUNDS = 5
OBJECTS = 1_000
CLIENT = "prometheus-api-client"


def body(count: int) -> bytes:
    """An answer of so many series with the twelve labels that tell edges apart."""
    labels = next(metric for metric in TRAFFIC if metric.field == "request_messages").by
    result = [
        {
            "metric": {label: f"{label}-{(i * (n + 7)) % 997}" for n, label in enumerate(labels)},
            "value": [1_700_000_000.123, repr(i / 7)],
        }
        for i in range(count)
    ]
    found = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return json.dumps(found, separators=(",", ":")).encode()


def serve(pipe: Connection, payloads: Sequence[bytes]) -> None:
    """In a process of its own: the answers, each under its number."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer()

        def _answer(self) -> None:
            payload = payloads[int(self.path.split("/")[1])]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_port)
    server.serve_forever()


@contextlib.contextmanager
def served(payloads: Sequence[bytes]) -> Iterator[list[str]]:
    """The addresses of engines that give these answers to whatever they are asked."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(there, payloads), daemon=True)
    process.start()
    try:
        port = here.recv()
        yield [f"http://127.0.0.1:{port}/{number}" for number in range(len(payloads))]
    finally:
        process.terminate()
        process.join()


class Ours:
    """Engines as meshtop asks them; label sets are remembered for each."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._loop = asyncio.new_event_loop()
        wires = [DirectWire(HttpEndpoint(url=url), name="bench", timeout=60) for url in addresses]
        self._engines = [Engine(wire, EngineAddress(), timeout=60, read_only=False) for wire in wires]
        self._labels = [LabelSets() for _ in addresses]

    def read(self, *, known: bool) -> int:
        """Ask each, decode all; how many series there are. Label sets are new where they are not to be known."""
        return self._loop.run_until_complete(self._read(known))

    async def _read(self, known: bool) -> int:
        count = 0
        for engine, labels in zip(self._engines, self._labels, strict=True):
            labels.begin_refresh()
            count += len((await decode_samples(await engine.query("up"), labels if known else LabelSets())).items)
        return count


class Theirs:
    """The same engines as prometheus-api-client asks them."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._engines = [PrometheusConnect(url=url, retry=Retry(0), timeout=60, method="POST") for url in addresses]

    def read(self) -> int:
        """Ask each, decode all; how many series there are."""
        return sum(len(engine.custom_query("up")) for engine in self._engines)

    def objects(self) -> Callable[[], object] | None:
        """What makes Metric objects of some series, if pandas is there."""
        if importlib.util.find_spec("pandas") is None:
            return None
        metrics: Any = importlib.import_module("prometheus_api_client.metrics_list")
        some = self._engines[0].custom_query("up")[:OBJECTS]
        return lambda: metrics.MetricsList(some)


def turns(ways: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[list[float]]:
    """CPU seconds of each way, in turns."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, found in zip(ways, taken, strict=True):
            began = time.process_time()
            way()
            found.append(time.process_time() - began)
    return taken


def wide(count: int) -> list[Row]:
    """One wide answer, its label sets new each time, and again when they are known."""
    payload = body(count)
    with served([payload]) as addresses:
        ours, theirs = Ours(addresses), Theirs(addresses)
        assert ours.read(known=True) == theirs.read() == count
        new, known, peer = turns([lambda: ours.read(known=False), lambda: ours.read(known=True), theirs.read])
        make = theirs.objects()
        objects = turns([make], 1)[0] if make else []
    name = f"one query of {count:,} series, {len(payload) / 1e6:.0f} MB, asked and decoded"
    rows = [
        row_of(f"{name}: CPU", new, peer=CLIENT, ratio=middle(peer) / middle(new)),
        row_of(f"{name}, series known: CPU", known, peer=CLIENT, ratio=middle(peer) / middle(known)),
    ]
    if objects:
        rows.append(row_of(f"{CLIENT}: Metric objects of {OBJECTS:,} series: CPU", objects))
    return rows


def fleet() -> Row:
    """Fifty answers of a fleet, known to meshtop from the refresh before."""
    with served([answer(f"cluster-{number:02}", 0) for number in range(CLUSTERS)]) as addresses:
        ours, theirs = Ours(addresses), Theirs(addresses)
        assert ours.read(known=True) == theirs.read() == CLUSTERS * SERIES
        known, peer = turns([lambda: ours.read(known=True), theirs.read], 3)
    name = f"{CLUSTERS} queries of {SERIES:,} series, known, asked and decoded: CPU"
    return row_of(name, known, peer=CLIENT, ratio=middle(peer) / middle(known))


def main() -> None:
    """Print the figures."""
    report([*wide(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000), fleet()])


if __name__ == "__main__":
    main()
