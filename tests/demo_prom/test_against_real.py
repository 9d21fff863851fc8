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

from meshtop.demo.prom.app import prom_app
from tests.demo_prom import corpus
from tests.demo_prom.compare import difference
from tests.demo_prom.static import StaticSource, to_openmetrics
from tests.realprom import RealPrometheus

pytestmark = pytest.mark.prometheus

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


SELECTORS = ("g", 'g{job="a"}', "h", "odd", "mixed", "flat", "info", "gone", "istio_requests_total", "go_goroutines")
WINDOWS = ("45s", "2m", "5m", "13m")


@st.composite
def vectors(draw: st.DrawFn, depth: int = 3) -> str:
    """A random instant vector expression."""
    selector = draw(st.sampled_from(SELECTORS))
    if depth == 0:
        return selector + draw(st.sampled_from(("", " offset 1m", " offset 4m", " @ end()", " @ 1700001111")))
    inner = vectors(depth - 1)
    by = draw(st.sampled_from(("by (job)", "by (instance, job)", "without (instance)", "by (pod)", "without ()", "")))
    window = draw(st.sampled_from(WINDOWS))
    match draw(st.integers(0, 8)):
        case 0:
            name = draw(st.sampled_from(("rate", "increase", "delta", "irate", "idelta", "deriv", "resets", "changes")))
            return f"{name}({selector}[{window}])"
        case 1:
            kinds = ("avg", "min", "max", "sum", "count", "last", "stddev", "present")
            name = draw(st.sampled_from(kinds))
            step = draw(st.sampled_from(("30s", "1m", "")))
            return f"{name}_over_time(({draw(inner)})[{window}:{step}])"
        case 2:
            name = draw(st.sampled_from(("sum", "avg", "min", "max", "count", "group", "stddev", "quantile")))
            parameter = "0.7, " if name == "quantile" else ""
            return f"{name} {by} ({parameter}{draw(inner)})"
        case 3:
            name = draw(st.sampled_from(("abs", "ceil", "floor", "round", "sgn", "sqrt", "-", "sort", "timestamp")))
            return f"{name}({draw(inner)})"
        case 4:
            op = draw(st.sampled_from(("+", "-", "*", "/", "%", ">", "<=", "==", "!=", "> bool ", "<= bool ")))
            number = draw(st.sampled_from(("2", "-1.5", "0", "scalar(flat)")))
            return f"({draw(inner)} {op} {number})" if draw(st.booleans()) else f"({number} {op} {draw(inner)})"
        case 5:
            op = draw(st.sampled_from(("and", "or", "unless")))
            modifier = draw(st.sampled_from(("", "on(job)", "ignoring(extra)", "on()")))
            return f"({draw(inner)} {op} {modifier} {draw(inner)})"
        case 6:
            op = draw(st.sampled_from(("+", "/", "*", ">", "!= bool")))
            modifier = draw(
                st.sampled_from(("", "on(job, instance)", "ignoring(extra)", "on(job) group_left(version)"))
            )
            return f"({draw(inner)} {op} {modifier} {draw(inner)})"
        case 7:
            return f"absent({draw(inner)})"
        case _:
            return f'label_replace({draw(inner)}, "job", "$1x", "instance", "(.)")'


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries=st.lists(vectors(), min_size=10, max_size=10))
def test_random_expressions(both: Both, queries: list[str]) -> None:
    asked = instants(queries)[:: len(MOMENTS)] + ranges(queries)[:: len(RANGES)]
    both.agree(asked)
