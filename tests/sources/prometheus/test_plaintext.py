"""The last day's plaintext: asked cheaply, rarely, and never guessed."""

from __future__ import annotations

import promql_parser
import pytest
from pytest_httpserver import HTTPServer

from meshtop.settings.schema import PrometheusSettings
from meshtop.sources.prometheus.plaintext import EVERY_SECONDS, plaintext_queries
from meshtop.sources.prometheus.source import PrometheusSource
from tests.sources.prometheus.fake import FakePrometheus, series, telemetry_of, vector

LABELS = {"destination_workload_namespace": "shop", "destination_workload": "web", "reporter": "destination"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("query", plaintext_queries({"cluster": 'ea"st'}).values())
def test_every_query_is_promql_with_the_settings_matchers(query: str) -> None:
    promql_parser.parse(query)
    assert r'cluster="ea\"st"' in query


def test_only_series_of_plaintext_are_read_over_the_whole_day() -> None:
    for name, query in plaintext_queries({}).items():
        assert ("[24h" in query) == (name != "measured")
        assert "connection_security_policy=" in query or name == "measured"


async def test_it_is_asked_at_most_every_ten_minutes_and_stays_with_the_telemetry(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, lambda query: vector(series("3", **LABELS)))
    clock = Clock()
    settings = PrometheusSettings(url=httpserver.url_for(""))
    source = PrometheusSource(cluster="east", connection=None, settings=settings, clock=clock)
    await source.refresh_plaintext()
    assert fake.queries == [], "nothing is asked before the first refresh"
    await source.refresh((), window_seconds=300)
    assert telemetry_of(source).plaintext_day is None
    asked = len(fake.queries)
    await source.refresh_plaintext()
    assert len(fake.queries) == asked + len(plaintext_queries({}))
    day = telemetry_of(source).plaintext_day
    assert day is not None
    assert day.requests[0].value == 3
    asked = len(fake.queries)
    clock.now += EVERY_SECONDS / 2
    await source.refresh_plaintext()
    assert len(fake.queries) == asked
    await source.refresh((), window_seconds=300)
    assert telemetry_of(source).plaintext_day is not None, "the next refresh keeps it"
    asked = len(fake.queries)
    clock.now += EVERY_SECONDS
    await source.refresh_plaintext()
    assert len(fake.queries) == asked + len(plaintext_queries({}))
    await source.close()


async def test_a_refused_count_makes_the_day_unknown_and_costs_nothing_else(httpserver: HTTPServer) -> None:
    refused = '{"status":"error","error":"query processing would load too many samples"}'
    fake = FakePrometheus(httpserver, lambda query: refused if "increase(" in query else vector(series("3", **LABELS)))
    settings = PrometheusSettings(url=httpserver.url_for(""))
    source = PrometheusSource(cluster="east", connection=None, settings=settings)
    await source.refresh((), window_seconds=300)
    await source.refresh_plaintext()
    assert telemetry_of(source).plaintext_day is None
    assert telemetry_of(source).requests
    asked = len(fake.queries)
    await source.refresh_plaintext()
    assert len(fake.queries) == asked, "a query that was refused is not sent again at once"
    await source.close()
