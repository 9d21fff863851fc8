"""Reading one wide instant query: meshtop's way against prometheus-api-client's, over a local server process.

Run: python -m benchmarks.decoding [SERIES]
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from meshtop.analysis.traffic.metrics import TRAFFIC
from meshtop.settings.schema import HttpEndpoint
from meshtop.sources.prometheus.answers import decode_samples
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.engine import Engine, EngineAddress

ROUNDS = 5


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
    answer = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return json.dumps(answer, separators=(",", ":")).encode()


def serve(pipe: Connection, payload: bytes) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer()

        def _answer(self) -> None:
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


def milliseconds(action: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    payload = body(count)
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(there, payload), daemon=True)
    process.start()
    url = f"http://127.0.0.1:{here.recv()}"
    loop = asyncio.new_event_loop()
    wire = DirectWire(HttpEndpoint(url=url), name="bench", timeout=60)
    engine = Engine(wire, EngineAddress(), timeout=60, read_only=False)
    peer = PrometheusConnect(url=url, retry=Retry(0), timeout=60, method="POST")

    async def whole() -> int:
        return len((await decode_samples(await engine.query("up"))).items)

    assert loop.run_until_complete(whole()) == len(peer.custom_query("up")) == count
    rows = {
        "meshtop, whole query": milliseconds(lambda: loop.run_until_complete(whole())),
        "prometheus-api-client, whole query": milliseconds(lambda: peer.custom_query("up")),
        "meshtop, decoding only": milliseconds(lambda: loop.run_until_complete(decode_samples(payload))),
        "json.loads only": milliseconds(lambda: json.loads(payload)),
    }
    process.terminate()
    process.join()
    print(f"{count:,} series of 12 labels, {len(payload) / 1e6:.1f} MB, median of {ROUNDS}")
    for name, value in rows.items():
        print(f"  {name:<36}{value:>8.0f} ms")
    ratio = rows["prometheus-api-client, whole query"] / rows["meshtop, whole query"]
    print(f"  {'ratio of whole queries':<36}{ratio:>8.1f} ×")


if __name__ == "__main__":
    main()
