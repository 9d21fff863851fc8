"""The lines of charts, by prometheus-api-client: time limit, no repeats, one session of the cluster's and its gate."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from meshtop.model.state import State
from meshtop.settings.schema import PrometheusSettings
from meshtop.sources.auth.kubeconfig import find_clusters
from meshtop.sources.http.connection import Connection
from meshtop.sources.prometheus.answers import QueryFailed
from meshtop.sources.prometheus.charts import LineQuery
from meshtop.sources.prometheus.source import PrometheusSource
from tests.sources.api import Api, served
from tests.sources.conftest import until
from tests.sources.prometheus.fake import NOW, PROMETHEUS, FakePrometheus, refusal, series, vector


def matrix(*values: tuple[float, str]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": list(values)}]}}


@pytest.fixture
def connection(httpserver: HTTPServer, tmp_path: Path) -> Connection:
    """The real, read-only connection to an API server."""
    file = tmp_path / "kubeconfig"
    file.write_text(
        yaml.safe_dump(
            {
                "current-context": "east",
                "clusters": [{"name": "east", "cluster": {"server": httpserver.url_for("/").rstrip("/")}}],
                "users": [{"name": "me", "user": {"token": "t0ken"}}],
                "contexts": [{"name": "east", "context": {"cluster": "east", "user": "me"}}],
            }
        )
    )
    (ref,) = find_clusters(kubeconfig=str(file), contexts=(), clusters=())
    return Connection(ref)


async def test_everything_goes_through_the_read_only_connection(httpserver: HTTPServer, connection: Connection) -> None:
    seen: list[tuple[str, str, str]] = []
    answers: dict[str, Any] = {
        "query": vector(series("1", reporter="source")),
        "query_range": matrix((NOW, "1"), (NOW + 10, "NaN"), (NOW + 20, "3")),
    }

    def answer(request: Request) -> Response:
        seen.append((request.method, request.path, request.headers.get("Authorization", "")))
        return Response(json.dumps(answers[request.path.rsplit("/", 1)[1]]), content_type="application/json")

    httpserver.expect_request(re.compile(".*")).respond_with_handler(answer)
    source = PrometheusSource(cluster="east", connection=connection, read_only=True)
    await source.refresh([PROMETHEUS], window_seconds=300)
    assert source.status.state is State.FRESH
    (line,) = await source.lines([LineQuery("load", "up", "/s")], start=NOW, end=NOW + 20, step=10)
    assert (line.name, line.unit, line.times, line.values) == (
        "load",
        "/s",
        (NOW, NOW + 10, NOW + 20),
        (1.0, None, 3.0),
    )
    proxy = "/api/v1/namespaces/istio-system/services/prometheus:9090/proxy/api/v1/"
    assert {method for method, _, _ in seen} == {"GET"}
    assert all(path.startswith(proxy) for _, path, _ in seen)
    assert {token for _, _, token in seen} == {"Bearer t0ken"}
    await source.close()
    await connection.close()


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (lambda: refusal("too many samples"), State.PARTIAL, "too many samples"),
        (lambda: Response('{"message":"no"}', 403), State.DENIED, "no"),
        (lambda: Response("<html>", 200), State.UNREACHABLE, "cannot be asked"),
        (lambda: {"status": "success"}, State.UNREACHABLE, "does not write"),
        (lambda: refusal("busy", 503), State.PARTIAL, "busy"),
    ],
)
async def test_failures_are_sentences_and_are_not_repeated(
    httpserver: HTTPServer, answer: Callable[[], Any], state: State, words: str
) -> None:
    fake = FakePrometheus(httpserver, lambda query: vector(series("1")))
    settings = PrometheusSettings(url=httpserver.url_for("/"))
    source = PrometheusSource(cluster="east", connection=None, settings=settings)
    await source.refresh((), window_seconds=300)
    fake.asked.clear()
    fake.decide = lambda query: answer()
    with pytest.raises(QueryFailed) as failed:
        await source.lines([LineQuery("load", "up")], start=NOW, end=NOW + 20, step=10)
    assert failed.value.state is state
    assert words in failed.value.message
    assert len(fake.asked) == 1
    await source.close()


@pytest.mark.parametrize("by", ["url", "service proxy"])
async def test_a_redirect_is_an_answer_and_is_not_followed(
    httpserver: HTTPServer, connection: Connection, by: str
) -> None:
    """A login page in front of an engine must not be sent the credentials that are meant for the engine."""
    fake = FakePrometheus(httpserver, lambda query: vector(series("1")))
    settings = PrometheusSettings(url=httpserver.url_for("/prom")) if by == "url" else None
    source = PrometheusSource(cluster="east", connection=connection, settings=settings)
    await source.refresh([PROMETHEUS], window_seconds=300)
    fake.asked.clear()
    # To the very server that the session may reach: what leads to another one has no adapter there.
    fake.decide = lambda query: Response("", 302, headers={"Location": httpserver.url_for("/prom/login")})
    with pytest.raises(QueryFailed, match="answers HTTP 302: it leads elsewhere") as failed:
        await source.lines([LineQuery("load", "up")], start=NOW, end=NOW + 20, step=10)
    assert failed.value.state is State.UNREACHABLE
    assert [asked.path.rsplit("/", 1)[1] for asked in fake.asked] == ["query_range"]
    await source.close()
    await connection.close()


async def test_one_session_serves_every_chart_of_a_cluster_until_it_is_closed() -> None:
    asked: list[asyncio.Transport] = []

    def answer(request: web.Request) -> web.Response:
        if not request.path.endswith("query_range"):
            return web.json_response(vector(series("1")))
        assert request.transport is not None
        asked.append(request.transport)
        return web.json_response(matrix((NOW, "1")))

    with served(Api()) as api:
        api.faults.append(answer)
        source = PrometheusSource(cluster="east", connection=None, settings=PrometheusSettings(url=api.url))
        await source.refresh((), window_seconds=300)
        for _ in range(3):
            (line,) = await source.lines([LineQuery("load", "up")], start=NOW, end=NOW, step=10)
            assert line.values == (1.0,)
        assert (len(asked), len(set(asked))) == (3, 1), "one connection for all"
        await source.close()
        await until(asked[0].is_closing)


async def test_before_an_engine_was_found_there_is_nothing_to_ask() -> None:
    with pytest.raises(QueryFailed, match="The Prometheus of east is not known yet"):
        await PrometheusSource(cluster="east", connection=None).lines([LineQuery("load", "up")], start=0, end=1, step=1)
