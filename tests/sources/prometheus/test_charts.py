"""Detail views, by prometheus-api-client: time limit, no repeats, the cluster's own session and its gate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from meshtop.model.state import State
from meshtop.settings.schema import PrometheusSettings
from meshtop.sources.auth.kubeconfig import find_clusters
from meshtop.sources.http.connection import Connection
from meshtop.sources.prometheus.answers import QueryFailed
from meshtop.sources.prometheus.charts import LineQuery
from meshtop.sources.prometheus.source import PrometheusSource
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
        "metadata": {"status": "success", "data": {"up": [{"type": "gauge", "help": "h", "unit": ""}]}},
        "targets": {"status": "success", "data": {"activeTargets": [{"health": "up"}], "droppedTargets": []}},
        "values": {"status": "success", "data": ["shop", "pay"]},
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
    assert (await source.metadata("up"))["up"][0]["type"] == "gauge"
    assert (await source.targets())["activeTargets"][0]["health"] == "up"
    assert await source.label_values("namespace") == ("shop", "pay")
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


async def test_before_an_engine_was_found_there_is_nothing_to_ask() -> None:
    with pytest.raises(QueryFailed, match="No Prometheus of east is known yet"):
        await PrometheusSource(cluster="east", connection=None).label_values("namespace")
