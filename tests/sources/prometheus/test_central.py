"""One engine above all clusters: asked once, split by the cluster's label."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from meshtop.analysis.traffic.metrics import CONTROL, TRAFFIC
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.state import State
from meshtop.settings.schema import TelemetrySettings
from meshtop.sources.prometheus.central import CentralTelemetry
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.plaintext import EVERY_SECONDS
from tests.sources.prometheus.fake import NOW, FakePrometheus, refusal, series, telemetry_of, vector


def central_on(server: HTTPServer, asked: Asked = EVERYTHING_ASKED, **more: Any) -> CentralTelemetry:
    settings = TelemetrySettings(url=server.url_for("/"), **more)
    return CentralTelemetry(settings, clock=lambda: NOW, asked=asked)


def decide(query: str) -> Any:
    if query.startswith("sum by (__name__"):
        return vector(series("7", __name__="pilot_xds", site="e"), series("8", __name__="pilot_xds", site="west"))
    return vector(
        series("1", site="e", reporter="source", source_workload="web"),
        series("2", site="west", reporter="source", source_workload="web"),
        series("NaN", site="west", reporter="source"),
        series("9", site="elsewhere", reporter="source"),
    )


async def test_one_fan_of_queries_serves_every_cluster(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, decide)
    central = central_on(httpserver, cluster_label="site", cluster_names={"east": "e"}, matchers={"env": "prod"})
    east, west = central.cluster("east"), central.cluster("west")
    await asyncio.gather(*(part.refresh((), window_seconds=300) for part in (east, west)))
    assert len(fake.queries) == len(set(fake.queries)) == len(TRAFFIC) + len(CONTROL)
    assert all("(site, " in query or "by (__name__, site, " in query for query in fake.queries)
    assert all('env="prod"' in query for query in fake.queries)
    for part, value in ((east, 1), (west, 2)):
        assert part.telemetry is not None
        assert [sample.value for sample in part.telemetry.requests] == [value]
        assert part.telemetry.at == NOW
        assert part.status.state is State.FRESH
    assert east.telemetry is not None
    assert west.telemetry is not None
    assert east.telemetry.identity != west.telemetry.identity
    assert [(c.metric, c.labels, c.value) for c in east.telemetry.control if c.value == 7] == [("pilot_xds", {}, 7.0)]
    assert east.cost.requests + west.cost.requests == len(TRAFFIC) + len(CONTROL)
    assert any("without a usable number" in note for note in east.status.notes)
    await central.close()


async def test_only_the_queries_that_are_asked_for_are_sent(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, decide)
    asked = Asked(queries=frozenset({"requests", "control_certificates"}))
    central = central_on(httpserver, asked, cluster_label="site")
    west = central.cluster("west")
    await west.refresh((), window_seconds=300)
    assert len(fake.queries) == 2
    assert west.status.state is State.FRESH
    assert [sample.value for sample in telemetry_of(west).requests] == [2]
    await central.close()


@pytest.mark.parametrize("queries", [frozenset({"tcp_opened"}), frozenset()])
async def test_a_cluster_of_which_little_was_asked_is_not_one_that_the_engine_does_not_know(
    httpserver: HTTPServer, queries: frozenset[str]
) -> None:
    def known(query: str) -> Any:
        return vector(series("7", site="west")) if query.startswith("count by (site)") else vector()

    fake = FakePrometheus(httpserver, known)
    central = central_on(httpserver, Asked(queries=queries), cluster_label="site")
    west, moon = central.cluster("west"), central.cluster("moon")
    await west.refresh((), window_seconds=300)
    assert len(fake.queries) == len(queries) + 1
    assert (west.status.state, moon.status.state) == (State.FRESH, State.NONE)
    assert telemetry_of(west).requests == ()
    assert "clusterNames" in (moon.status.remedy or "")
    await central.close()


async def test_an_engine_of_which_nothing_is_asked_is_still_seen_not_to_answer(httpserver: HTTPServer) -> None:
    FakePrometheus(httpserver, lambda query: refusal("down", 503))
    central = central_on(httpserver, Asked(queries=frozenset()), cluster_label="site")
    west = central.cluster("west")
    await west.refresh((), window_seconds=300)
    assert west.status.state is State.UNREACHABLE
    await central.close()


async def test_whether_it_knows_a_cluster_may_stay_open(httpserver: HTTPServer) -> None:
    FakePrometheus(httpserver, lambda query: refusal("no") if query.startswith("count by") else vector())
    central = central_on(httpserver, Asked(queries=frozenset({"requests"})), cluster_label="site")
    west = central.cluster("west")
    await west.refresh((), window_seconds=300)
    assert west.status.state is State.FRESH
    await central.close()


async def test_a_cluster_that_the_engine_does_not_know_is_none_not_healthy(httpserver: HTTPServer) -> None:
    FakePrometheus(httpserver, decide)
    central = central_on(httpserver, cluster_label="site")
    lost = central.cluster("moon")
    await lost.refresh((), window_seconds=300)
    assert lost.status.state is State.NONE
    assert "site='moon'" in (lost.status.error or "")
    assert "clusterNames" in (lost.status.remedy or "")
    assert lost.telemetry is None
    await central.close()


async def test_when_the_engine_fails_every_cluster_is_stale(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, decide)
    central = central_on(httpserver, cluster_label="site")
    west = central.cluster("west")
    await west.refresh((), window_seconds=300)
    fake.decide = lambda query: refusal("down", 503)
    await west.refresh((), window_seconds=60)
    assert west.status.state is State.STALE
    assert west.telemetry is not None
    await central.close()


async def test_too_big_is_cut_by_reporter_for_all_clusters(httpserver: HTTPServer) -> None:
    def cut(query: str) -> Any:
        if "istio_requests_total" in query and "reporter" not in query.split("rate(")[1]:
            return refusal("too many samples")
        return decide(query)

    FakePrometheus(httpserver, cut)
    central = central_on(httpserver, cluster_label="site")
    west = central.cluster("west")
    await west.refresh((), window_seconds=300)
    assert west.telemetry is not None
    assert len(west.telemetry.requests) == 4
    assert west.status.state is State.FRESH
    assert any("Narrowed" in note for note in west.status.notes)
    await central.close()


async def test_history_is_asked_for_the_cluster_alone(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(
        httpserver, lambda query: {"status": "success", "data": {"resultType": "matrix", "result": []}}
    )
    central = central_on(httpserver, cluster_label="site")
    await central.cluster("west").refresh_history(at=NOW)
    assert all('site="west"' in query for query in fake.queries)
    assert central.cluster("west").history is not None
    await central.close()


async def test_a_day_of_plaintext_goes_with_moments_near_it_and_with_no_others(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, decide)
    central = central_on(httpserver, cluster_label="site")
    west = central.cluster("west")
    await west.refresh((), window_seconds=300)
    await west.refresh_plaintext()
    assert any('site="west"' in query and "increase(" in query for query in fake.queries)
    for moment, near in ((NOW, True), (NOW - 2 * EVERY_SECONDS, True), (NOW - 2 * EVERY_SECONDS - 1, False)):
        await west.refresh((), window_seconds=300, at=moment)
        assert west.telemetry is not None
        assert west.telemetry.at == moment
        assert (west.telemetry.plaintext_day is not None) is near
    await central.close()


async def test_a_day_that_cannot_be_read_is_unknown_and_not_the_one_before(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, decide)
    central = central_on(httpserver, cluster_label="site")
    west = central.cluster("west")
    await west.refresh((), window_seconds=300)
    await west.refresh_plaintext()
    assert telemetry_of(west).plaintext_day is not None
    fake.decide = lambda query: refusal("too many samples") if "increase(" in query else decide(query)
    await west.refresh_plaintext(at=NOW - 86400)
    assert telemetry_of(west).plaintext_day is None
    await central.close()


async def test_the_engines_connection_is_closed_with_the_last_part(httpserver: HTTPServer) -> None:
    FakePrometheus(httpserver, decide)
    central = central_on(httpserver, cluster_label="site")
    east, west = central.cluster("east"), central.cluster("west")
    await east.close()
    await west.refresh((), window_seconds=300)
    assert west.status.state is State.FRESH
    opened = central.engine.wire
    assert isinstance(opened, DirectWire)
    open_before = opened.is_open
    await west.close()
    assert (open_before, opened.is_open) == (True, False)


def test_an_impossible_cluster_label_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a label's name"):
        CentralTelemetry(TelemetrySettings(url="http://127.0.0.1:1", cluster_label="a b"))
