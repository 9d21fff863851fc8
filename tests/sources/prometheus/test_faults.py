"""Answers that are not what they should be: each becomes a state, a sentence and what is left of the data."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from meshtop.analysis.traffic.metrics import TRAFFIC
from meshtop.model.state import State
from meshtop.settings.schema import PrometheusSettings
from meshtop.sources.problem import SourceProblem
from meshtop.sources.prometheus.source import PrometheusSource
from tests.garbage import left_behind, places
from tests.sources.prometheus.fake import NOW, FakePrometheus, refusal, series, state_of, vector

GOOD = vector(series("2", reporter="source", source_workload="web"))


def by_url(server: HTTPServer, **more: Any) -> PrometheusSource:
    settings = PrometheusSettings(url=server.url_for("/"), **more)
    return PrometheusSource(cluster="east", connection=None, settings=settings, clock=lambda: NOW)


async def refreshed(server: HTTPServer, *, window: float = 300.0) -> PrometheusSource:
    source = by_url(server)
    await source.refresh((), window_seconds=window)
    await source.close()
    return source


async def test_a_good_answer_is_fresh(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    source = await refreshed(httpserver)
    assert (source.status.state, source.status.answered_at, source.status.notes) == (State.FRESH, NOW, ())
    assert source.telemetry is not None
    assert source.telemetry.complete
    assert source.telemetry.requests[0].labels.source_workload == "web"
    assert source.telemetry.requests[0].value == 2
    assert source.cost.requests == len(fake.asked) >= len(TRAFFIC)
    assert source.cost.bytes > 0


async def test_nan_is_dropped_and_counted_and_inf_too(httpserver: HTTPServer) -> None:
    def decide(query: str) -> Any:
        return vector(series("NaN"), series("+Inf"), series("-Inf"), series("5")) if "istio_requests" in query else GOOD

    FakePrometheus(httpserver, decide)
    source = await refreshed(httpserver)
    assert source.telemetry is not None
    assert [sample.value for sample in source.telemetry.requests] == [5]
    assert state_of(source) is State.FRESH
    assert "3 series without a usable number (NaN or infinite) are left out." in source.status.notes


async def test_native_histograms_without_a_value_are_left_out(httpserver: HTTPServer) -> None:
    native = {"metric": {}, "histogram": [NOW, {"count": "3", "sum": "4"}]}
    FakePrometheus(httpserver, lambda query: vector(native, series("5")))
    source = await refreshed(httpserver)
    assert source.telemetry is not None
    assert len(source.telemetry.requests) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"warnings": ["store 10.0.0.3 is unreachable"]},
        {"isPartial": True},
    ],
)
async def test_partial_answers_of_thanos_and_victoriametrics_are_partial(
    httpserver: HTTPServer, more: dict[str, Any]
) -> None:
    FakePrometheus(httpserver, lambda query: {**GOOD, **more})
    source = await refreshed(httpserver)
    assert state_of(source) is State.PARTIAL
    assert source.telemetry is not None
    assert not source.telemetry.complete
    assert all(f"The engine says: {warning}" in source.status.notes for warning in more.get("warnings", ()))


async def test_infos_are_notes_and_not_partial(httpserver: HTTPServer) -> None:
    FakePrometheus(httpserver, lambda query: {**GOOD, "infos": ["metric might not be a counter"]})
    source = await refreshed(httpserver)
    assert state_of(source) is State.FRESH
    assert source.status.notes == ("The engine says: metric might not be a counter",)


async def test_one_failing_metric_never_loses_the_others(httpserver: HTTPServer) -> None:
    FakePrometheus(httpserver, lambda query: refusal("bad luck", 500) if "duration" in query else GOOD)
    source = await refreshed(httpserver)
    assert state_of(source) is State.PARTIAL
    assert source.telemetry is not None
    assert source.telemetry.requests
    assert not source.telemetry.duration_buckets
    assert not source.telemetry.complete
    assert "duration_buckets, duration_sum" in (source.status.error or "")
    assert any("bad luck" in note for note in source.status.notes)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (Response("no", 503), State.UNREACHABLE, "HTTP 503"),
        (refusal("tsdb not ready", 503), State.UNREACHABLE, "tsdb not ready"),
        (Response("", 401), State.DENIED, "denies"),
        (Response("", 403), State.DENIED, "denies"),
        (refusal("parse error", 400), State.UNREACHABLE, "parse error"),
        (Response("<html><form>login</form></html>", 200), State.DENIED, "asks for a login"),
        (Response("", 302, {"Location": "/login"}), State.UNREACHABLE, "login page"),
        (Response("", 404), State.UNREACHABLE, "HTTP 404"),
        (json.dumps(GOOD)[:-20], State.UNREACHABLE, "not what Prometheus writes"),
        ("", State.UNREACHABLE, "not what Prometheus writes"),
        ("[]", State.UNREACHABLE, "not what Prometheus writes"),
        (b"\xff\xfe\x00", State.UNREACHABLE, "not what Prometheus writes"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, State.UNREACHABLE, "not a matrix"),
        ({"status": "success", "data": {"resultType": "vector", "result": 7}}, State.UNREACHABLE, "not what"),
        (vector({"metric": {"reporter": 7}, "value": [NOW, "1"]}), State.UNREACHABLE, "not what"),
        (vector({"metric": {}, "value": [NOW, "many"]}), State.UNREACHABLE, "not what"),
        (vector({"metric": {}, "value": "1"}), State.UNREACHABLE, "not what"),
        ({"status": "error", "error": "out of luck"}, State.UNREACHABLE, "out of luck"),
        ({"status": "success"}, State.UNREACHABLE, "no reason given"),
    ],
)
async def test_an_answer_that_is_none_is_a_state_and_a_sentence(
    httpserver: HTTPServer, answer: Any, state: State, words: str
) -> None:
    FakePrometheus(httpserver, lambda query: answer)
    source = await refreshed(httpserver)
    assert state_of(source) is state
    assert words in (source.status.error or "")
    assert "Traceback" not in (source.status.error or "")
    assert source.telemetry is None


@pytest.mark.parametrize("answer", [refusal("x", 500), "{", Response("", 403)])
async def test_what_was_known_is_kept_when_the_next_answer_fails(httpserver: HTTPServer, answer: Any) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    source = by_url(httpserver)
    await source.refresh((), window_seconds=300)
    before = source.telemetry
    fake.decide = lambda query: answer
    await source.refresh((), window_seconds=300)
    assert source.telemetry is before
    assert state_of(source) in (State.STALE, State.DENIED)
    assert source.status.answered_at == NOW
    fake.decide = lambda query: GOOD
    await source.refresh((), window_seconds=300)
    assert state_of(source) is State.FRESH
    await source.close()


async def test_a_short_window_is_said(httpserver: HTTPServer) -> None:
    FakePrometheus(httpserver, lambda query: GOOD)
    source = await refreshed(httpserver, window=30)
    assert state_of(source) is State.FRESH
    assert any("fewer than four scrapes" in note for note in source.status.notes)


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for connection in held:
            connection.close()


async def test_a_slow_engine_is_unreachable_after_the_time_limit(black_hole: str) -> None:
    settings = PrometheusSettings(url=black_hole)
    source = PrometheusSource(cluster="east", connection=None, settings=settings, timeout=0.2)
    await source.refresh((), window_seconds=300)
    assert state_of(source) is State.UNREACHABLE
    assert "does not answer in time" in (source.status.error or "")
    assert "--timeout" in (source.status.remedy or "")
    await source.close()


async def test_an_engine_that_stays_silent_leaves_nothing_for_the_collector(black_hole: str) -> None:
    """A busy cluster fails again and again: tens of megabytes of frames and answers waited for a full collection."""
    settings = PrometheusSettings(url=black_hole)
    source = PrometheusSource(cluster="east", connection=None, settings=settings, timeout=0.2)
    await source.refresh((), window_seconds=300)
    with left_behind() as garbage:
        await source.refresh((), window_seconds=300)
    await source.close()
    assert not [one for one in garbage if isinstance(one, SourceProblem)]
    assert not {place for place in places(garbage) if not place.startswith("test_")}


async def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = PrometheusSettings(url=f"http://127.0.0.1:{port}")
    source = PrometheusSource(cluster="east", connection=None, settings=settings)
    await source.refresh((), window_seconds=300)
    assert state_of(source) is State.UNREACHABLE
    assert "cannot be reached" in (source.status.error or "")
    await source.close()


async def test_without_connection_and_url_it_says_so() -> None:
    source = PrometheusSource(cluster="east", connection=None)
    await source.refresh((), window_seconds=300)
    assert state_of(source) is State.UNREACHABLE
    assert "no connection" in (source.status.error or "")
