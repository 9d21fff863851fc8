"""The simulated Prometheus against Debian's real one, over the same series and through the same HTTP API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtop.demo.prom.answers import instant_data
from meshtop.demo.prom.app import prom_app
from meshtop.demo.prom.engine import Engine
from tests.demo.prom import corpus
from tests.demo.prom.compare import difference
from tests.demo.prom.expressions import vectors
from tests.demo.prom.static import StaticSource, to_openmetrics
from tests.realprom import RealPrometheus

# One worker writes the corpus and starts the real one.
pytestmark = [pytest.mark.prometheus, pytest.mark.xdist_group("prometheus-corpus")]

MOMENTS = (corpus.START_MS // 1000 + 1500, corpus.START_MS // 1000 + 2111.5, corpus.END_MS // 1000 + 240)
RANGES = (
    (corpus.START_MS // 1000 - 60, corpus.END_MS // 1000 + 400, "47"),
    (corpus.START_MS // 1000 + 600.25, corpus.START_MS // 1000 + 900, "7.5"),
)


class Both:
    """Asks the real and the simulated Prometheus the same."""

    def __init__(self, real: RealPrometheus, source: StaticSource) -> None:
        self.real = real
        self.source = source

    def ours(self, asked: list[tuple[str, dict[str, str]]]) -> list[tuple[int, dict[str, Any]]]:
        async def ask() -> list[tuple[int, dict[str, Any]]]:
            app = prom_app(self.source, clock=lambda: corpus.END_MS / 1000)
            async with TestClient(TestServer(app)) as client:
                answers = []
                for path, params in asked:
                    async with client.post(f"/api/v1/{path}", data=params) as answer:
                        assert answer.content_type == "application/json", (params, await answer.text())
                        answers.append((answer.status, json.loads(await answer.read())))
                return answers

        return asyncio.run(ask())

    def agree(self, asked: list[tuple[str, dict[str, str]]]) -> None:
        """Fail with all the differences."""
        found = self.differences(asked)
        assert not found, f"{len(found)} of {len(asked)} differ:\n" + "\n".join(found[:20])

    def differences(self, asked: list[tuple[str, dict[str, str]]]) -> list[str]:
        found = []
        for (path, params), mine in zip(asked, self.ours(asked), strict=True):
            if diff := difference(mine, self.real.api(path, **params)):
                found.append(f"{params}: {diff}")
        return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    source = StaticSource(corpus.series())
    folder = tmp_path_factory.mktemp("prometheus")
    with RealPrometheus.on_blocks(folder, to_openmetrics(source.all)) as real:
        yield Both(real, source)


def instants(queries: list[str]) -> list[tuple[str, dict[str, str]]]:
    return [("query", {"query": query, "time": str(moment)}) for query in queries for moment in MOMENTS]


def ranges(queries: list[str]) -> list[tuple[str, dict[str, str]]]:
    return [
        ("query_range", {"query": query, "start": str(start), "end": str(end), "step": step})
        for query in queries
        for start, end, step in RANGES
    ]


def test_corpus_is_wide() -> None:
    assert len(corpus.queries()) >= 80


def test_instant_queries(both: Both) -> None:
    both.agree(instants(corpus.queries()))


def test_range_queries(both: Both) -> None:
    both.agree(ranges(corpus.queries()))


def test_raw_samples_of_range_selectors(both: Both) -> None:
    queries = ["g[1m]", "g[1m] offset 5m", "g[5m:1m]", "rate(istio_requests_total[1m])[5m:1m]", "(g[1m])", "gone[10m]"]
    both.agree(instants(queries))


@pytest.mark.conformance
def test_queries_of_istios_dashboards(both: Both, shared_data: Path) -> None:
    queries = dashboard_queries(shared_data)
    assert len(queries) > 100
    answered = [answer for _, answer in both.ours([("query", {"query": q, "time": str(MOMENTS[0])}) for q in queries])]
    assert sum(bool(answer["data"]["result"]) for answer in answered) > len(queries) * 0.8
    asked = [("query", {"query": query, "time": str(MOMENTS[0])}) for query in queries]
    asked += ranges(queries)[:: len(RANGES)]
    both.agree(asked)


def dashboard_queries(shared_data: Path) -> list[str]:
    """Istio's dashboard queries with values for the dashboards' variables, template functions taken off."""
    variables = {
        "$__rate_interval": "1m",
        "$qrep": "destination|source",
        "$service": "cart.shop.svc.cluster.local",
        "$namespace": "shop",
        "$workload": "cart-v1",
        "$srcns": ".*",
        "$srcwl": ".*",
        "$dstns": ".*",
        "$dstwl": ".*",
        "$dstsvc": ".*",
        "$dstcluster": ".*",
    }
    queries = []
    for entry in json.loads((shared_data / "addons" / "promql.json").read_text(encoding="utf-8"))["queries"]:
        query = entry.get("expr", "")
        for name in sorted(variables, key=len, reverse=True):
            query = query.replace(name, variables[name])
        if query.startswith("query_result("):
            query = query.removeprefix("query_result(").rpartition(")")[0]
        if query and not query.startswith("label_values("):
            queries.append(query)
    return list(dict.fromkeys(queries))


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries=st.lists(vectors(), min_size=10, max_size=10))
def test_random_expressions(both: Both, queries: list[str]) -> None:
    asked = instants(queries)[:: len(MOMENTS)] + ranges(queries)[:: len(RANGES)]
    both.agree(asked)


API_REQUESTS: list[tuple[str, list[tuple[str, str]]]] = [
    ("labels", []),
    ("labels", [("match[]", "g"), ("match[]", "info")]),
    ("labels", [("match[]", "nothing")]),
    ("label/job/values", []),
    ("label/__name__/values", []),
    ("label/le/values", [("match[]", "broken_bucket")]),
    ("label/nothing/values", []),
    ("label/bad-name/values", []),
    ("series", [("match[]", 'g{job="a"}'), ("match[]", 'h{job="a"}'), ("match[]", "g")]),
    ("series", [("match[]", "nothing")]),
    ("series", []),
    ("series", [("match[]", "g{")]),
    ("series", [("match[]", "{}")]),
    ("query", []),
    ("query", [("query", "g"), ("time", "never")]),
    ("query", [("query", "g"), ("time", "2023-11-14T22:40:00Z")]),
    ("query", [("query", "g"), ("time", "2023-11-14T23:40:00.25+01:00")]),
    ("query", [("query", "g"), ("time", "1700001000"), ("timeout", "x")]),
    ("query_range", [("query", "g")]),
    ("query_range", [("query", "g"), ("start", "1700001000"), ("end", "1700000000"), ("step", "15")]),
    ("query_range", [("query", "g"), ("start", "1700001000"), ("end", "1700002000"), ("step", "0")]),
    ("query_range", [("query", "g"), ("start", "1700001000"), ("end", "1700002000"), ("step", "0s")]),
    ("query_range", [("query", "g"), ("start", "1700001000"), ("end", "1700002000"), ("step", "-1")]),
    ("query_range", [("query", "g"), ("start", "1700001000"), ("end", "1700002000"), ("step", "x")]),
    ("query_range", [("query", "g"), ("start", "1700001000"), ("end", "1700002000"), ("step", "1m40s")]),
    ("query_range", [("query", "g"), ("start", "1700001000"), ("end", "1700012000"), ("step", "1")]),
    ("query_range", [("query", "g"), ("start", "1700001000"), ("end", "1700012001"), ("step", "1")]),
    ("query_range", [("query", "g[5m]"), ("start", "1700001000"), ("end", "1700002000"), ("step", "60")]),
]


async def test_api_requests(both: Both) -> None:
    app = prom_app(both.source, clock=lambda: corpus.END_MS / 1000)
    found = []
    async with TestClient(TestServer(app)) as client:
        for path, params in API_REQUESTS:
            async with client.get(f"/api/v1/{path}", params=params) as answer:
                mine = answer.status, await answer.json()
            real = both.real.get(path, params)
            if path.startswith("query"):
                diff = difference(mine, real)
            else:
                same = mine[0] == real[0] and mine[1].get("data") == real[1].get("data")
                diff = "" if same and mine[1].get("errorType") == real[1].get("errorType") else f"{mine}, real {real}"
            if diff:
                found.append(f"{path} {params}: {diff[:500]}")
    assert not found, "\n".join(found)


async def test_real_prometheus_scrapes_metrics(both: Both, tmp_path: Path) -> None:
    metadata = {
        "istio_requests_total": ("counter", "Requests.\nAll of them.", ""),
        "istio_request_bytes": ("histogram", "Sizes", ""),
    }
    moment = corpus.START_MS / 1000 + 1500
    app = prom_app(StaticSource(both.source.all, metadata), clock=lambda: moment)
    engine = Engine(both.source)
    async with TestServer(app) as server:

        def scrape() -> None:
            with RealPrometheus.scraping(tmp_path, [f"{server.host}:{server.port}"], interval="250ms") as real:
                real.wait_until(
                    lambda: bool(real.api("query", query='esc{job="ü"}')[1]["data"]["result"]), "to have scraped"
                )
                for query in ("g", "esc", "odd", "istio_requests_total", "istio_request_bytes_bucket", "info"):
                    mine = 200, {"status": "success", "data": instant_data(engine.instant(query, int(moment * 1000)))}
                    theirs = real.api("query", query=query)
                    theirs = without_target_labels(theirs)
                    assert difference(without_target_labels(mine), theirs) == "", query
                _, known = real.get("metadata")
                assert known["data"]["istio_requests_total"][0]["type"] == "counter"
                assert known["data"]["istio_requests_total"][0]["help"] == "Requests.\nAll of them."
                assert known["data"]["istio_request_bytes"][0]["type"] == "histogram"

        await asyncio.to_thread(scrape)


def without_target_labels(answer: tuple[int, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """An answer without times and the labels that scraping adds."""
    result = [
        {
            "metric": {
                name: value
                for name, value in entry["metric"].items()
                if value != "scraped" and not value.startswith("127.0.0.1:")
            },
            "value": [0, entry["value"][1]],
        }
        for entry in answer[1]["data"]["result"]
    ]
    return answer[0], {"status": answer[1]["status"], "data": {"resultType": "vector", "result": result}}
