"""The HTTP API over a real socket, mounted under a prefix as behind Kubernetes' service proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from meshtop.demo.prom.app import prom_app
from meshtop.demo.prom.budget import Limits
from tests.demo.prom.static import StaticSource, load

PREFIX = "/api/v1/namespaces/istio-system/services/prometheus:9090/proxy"
SERIES = """
up{job="a",instance="1"}            1+0x10
up{job="a",instance="2"}            0+0x10
req_total{job="a",path="q\\"b\\\\"}  0+60x10
size_bucket{le="1"}                 1+0x10
size_bucket{le="+Inf"}              2+0x10
size_sum                            3.5+0x10
size_count                          2+0x10
old                                 1
"""
METADATA = {
    "up": ("gauge", "Whether it is up", ""),
    "req_total": ("counter", "Requests\nof \\ all", ""),
    "size": ("histogram", "", "bytes"),
}
TARGET = {"labels": {"job": "a"}, "health": "up"}

Client = TestClient[web.Request, web.Application]


def mounted(limits: Limits | None = None) -> web.Application:
    source = StaticSource(load(SERIES), METADATA, [TARGET])
    root = web.Application()
    root.add_subapp(PREFIX, prom_app(source, clock=lambda: 600.0, limits=limits))
    return root


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with TestClient(TestServer(mounted())) as opened:
        yield opened


async def ask(client: Client, path: str, method: str = "GET", **params: str) -> tuple[int, dict[str, Any]]:
    given = {"data": params} if method == "POST" else {"params": params}
    async with client.request(method, f"{PREFIX}{path}", **given) as answer:  # type: ignore[arg-type]
        return answer.status, await answer.json()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_instant_query(client: Client, method: str) -> None:
    status, body = await ask(client, "/api/v1/query", method, query="up", time="600")
    assert status == 200
    assert body == {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [
                {"metric": {"__name__": "up", "job": "a", "instance": "1"}, "value": [600, "1"]},
                {"metric": {"__name__": "up", "job": "a", "instance": "2"}, "value": [600, "0"]},
            ],
        },
    }


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("1 / 0", {"resultType": "scalar", "result": [600, "+Inf"]}),
        ('"text"', {"resultType": "string", "result": [600, "text"]}),
        ("vector(0 / 0)", {"resultType": "vector", "result": [{"metric": {}, "value": [600, "NaN"]}]}),
        (
            "size_sum[1m]",
            {
                "resultType": "matrix",
                "result": [{"metric": {"__name__": "size_sum"}, "values": [[540, "3.5"], [600, "3.5"]]}],
            },
        ),
    ],
)
async def test_result_types_at_the_clock_s_time(client: Client, query: str, data: dict[str, Any]) -> None:
    assert await ask(client, "/api/v1/query", query=query) == (200, {"status": "success", "data": data})


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_range_query(client: Client, method: str) -> None:
    params = {"query": "sum(up)", "start": "0", "end": "60", "step": "30s"}
    status, body = await ask(client, "/api/v1/query_range", method, **params)
    values = [[0, "1"], [30, "1"], [60, "1"]]
    assert status == 200
    assert body["data"] == {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}


async def test_times_have_milliseconds(client: Client) -> None:
    _, body = await ask(client, "/api/v1/query", query="time()", time="599.1234")
    assert body["data"]["result"] == [599.123, "599.123"]


async def test_limit_truncates_with_a_warning(client: Client) -> None:
    _, body = await ask(client, "/api/v1/query", query="up", limit="1")
    assert len(body["data"]["result"]) == 1
    assert body["warnings"] == ["results truncated due to limit"]
    _, body = await ask(client, "/api/v1/labels", limit="2")
    assert (body["data"], body["warnings"]) == (["__name__", "instance"], ["results truncated due to limit"])
    status, body = await ask(client, "/api/v1/labels", limit="-2")
    assert (status, body["errorType"]) == (400, "bad_data")


async def test_stats(client: Client) -> None:
    _, body = await ask(client, "/api/v1/query", query="rate(req_total[5m])", stats="all")
    assert body["data"]["stats"]["samples"]["totalQueryableSamples"] == 6
    assert body["data"]["stats"]["samples"]["peakSamples"] >= 6


@pytest.mark.parametrize(
    ("limits", "params", "status", "kind", "message"),
    [
        (Limits(max_samples=1), {"query": "up"}, 422, "execution", "would load too many samples into memory"),
        (Limits(timeout=0.0), {"query": "up"}, 503, "timeout", "query timed out"),
        (Limits(), {"query": "up", "timeout": "0s"}, 503, "timeout", "query timed out"),
        (Limits(), {"query": "up * on (job) up"}, 422, "execution", "many-to-many matching not allowed"),
        (Limits(), {"query": "nope(up)"}, 400, "bad_data", 'invalid parameter "query": parse error: unknown function'),
        (Limits(), {"query": "+".join(["up"] * 700)}, 400, "bad_data", "nested too deeply"),
        (Limits(), {"query": "up", "time": "x"}, 400, "bad_data", 'invalid parameter "time": cannot parse "x"'),
    ],
)
async def test_errors(limits: Limits, params: dict[str, str], status: int, kind: str, message: str) -> None:
    async with TestClient(TestServer(mounted(limits))) as client:
        answered, body = await ask(client, "/api/v1/query", "POST", **params)
    assert (answered, body["status"], body["errorType"]) == (status, "error", kind)
    assert message in body["error"]


async def test_labels_series_and_values(client: Client) -> None:
    assert (await ask(client, "/api/v1/labels"))[1]["data"] == ["__name__", "instance", "job", "le", "path"]
    assert (await ask(client, "/api/v1/label/instance/values"))[1]["data"] == ["1", "2"]
    matched = await ask(client, "/api/v1/series", "POST", **{"match[]": 'up{instance="2"}'})
    assert matched[1]["data"] == [{"__name__": "up", "instance": "2", "job": "a"}]


async def test_series_without_samples_in_the_interval_are_left_out(client: Client) -> None:
    match = {"match[]": "old"}
    assert len((await ask(client, "/api/v1/series", **match, start="0", end="600"))[1]["data"]) == 1
    assert (await ask(client, "/api/v1/series", **match, start="1", end="600"))[1]["data"] == []
    assert "old" not in (await ask(client, "/api/v1/label/__name__/values", start="300"))[1]["data"]


async def test_metadata_and_targets(client: Client) -> None:
    _, body = await ask(client, "/api/v1/metadata")
    assert body["data"]["up"] == [{"type": "gauge", "help": "Whether it is up", "unit": ""}]
    assert list(body["data"]) == list(METADATA)
    assert list((await ask(client, "/api/v1/metadata", metric="size"))[1]["data"]) == ["size"]
    assert list((await ask(client, "/api/v1/metadata", limit="1"))[1]["data"]) == ["up"]
    assert (await ask(client, "/api/v1/targets"))[1]["data"] == {"activeTargets": [TARGET], "droppedTargets": []}
    assert (await ask(client, "/api/v1/targets", state="dropped"))[1]["data"]["activeTargets"] == []
    assert (await ask(client, "/api/v1/status/buildinfo"))[1]["data"]["version"] == "2.42.0"


async def test_health_and_unknown_paths(client: Client) -> None:
    for path in ("/-/healthy", "/-/ready"):
        async with client.get(PREFIX + path) as answer:
            assert (answer.status, (await answer.text()).startswith("Prometheus Server is ")) == (200, True)
    status, body = await ask(client, "/api/v1/alertmanagers")
    assert (status, body["errorType"]) == (404, "not_found")


async def test_metrics(client: Client) -> None:
    async with client.get(f"{PREFIX}/metrics") as answer:
        text = await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert text == (
        "# HELP up Whether it is up\n"
        "# TYPE up gauge\n"
        'up{instance="1",job="a"} 1\n'
        'up{instance="2",job="a"} 0\n'
        "# HELP req_total Requests\\nof \\\\ all\n"
        "# TYPE req_total counter\n"
        'req_total{job="a",path="q\\"b\\\\"} 600\n'
        "# TYPE size histogram\n"
        'size_bucket{le="1"} 1\n'
        'size_bucket{le="+Inf"} 2\n'
        "size_sum 3.5\n"
        "size_count 2\n"
    )
