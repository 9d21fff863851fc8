"""Objectives: found where rules record them, counted where the settings ask for them, and honest about what is held."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from meshtop.model.alerting import SloReading, Slos, SloTarget
from meshtop.model.evidence import WhyUnknown
from meshtop.sources.prometheus.slos import FAST_EVERY_SECONDS, SLOW_EVERY_SECONDS
from meshtop.sources.prometheus.source import PrometheusSource
from tests.sources.prometheus.fake import NOW, PROMETHEUS, FakePrometheus, refusal, series, vector

DAY = 86_400.0
TARGET = SloTarget(
    name="fine", cluster="e*", namespace="shop", service="reviews", objective=0.99, window_seconds=30 * DAY
)
WHERE = {"destination_service_namespace": "shop", "destination_service_name": "reviews"}


def counted(bad: str | None, every: str) -> dict[str, Any]:
    parts = [] if bad is None else [series(bad, slo_part="bad", **WHERE)]
    return vector(*parts, series(every, slo_part="all", **WHERE))


class Engine:
    """A fake engine that holds some spans; a window's answer is by its length in PromQL."""

    def __init__(self, server: HTTPServer, held: tuple[str, ...] = ("720h",), recorded: Any = None) -> None:
        self.windows: dict[str, Any] = {}
        self.recorded = recorded or vector()
        self.held = held
        self.now = NOW
        self.fake = FakePrometheus(server, self._decide)

    def _decide(self, query: str) -> Any:
        if "by (sloth_id)" in query:
            return vector(*(series("1", back=span, sloth_id="a-b") for span in self.held))
        if "slo:" in query:
            return self.recorded
        if "offset" in query:
            return vector(*(series("9", back=span) for span in self.held))
        if "slo_part" in query:
            window = query.partition("[")[2].partition("]")[0]
            return self.windows.get(window, counted("10", "1000"))
        return vector(series("1", reporter="source"))

    def source(self, *targets: SloTarget) -> PrometheusSource:
        return PrometheusSource(
            cluster="east", connection=self.fake.wire(), settings=None, clock=lambda: self.now, slos=targets
        )

    def asked(self) -> int:
        count = sum("slo" in query for query in self.fake.queries)
        self.fake.asked.clear()
        return count


async def read(source: PrometheusSource) -> Slos:
    await source.refresh([PROMETHEUS], window_seconds=300)
    await source.refresh_slos()
    assert source.slos is not None
    return source.slos


def only(found: Slos) -> SloReading:
    (one,) = found.readings
    return one


async def test_without_settings_one_query_looks_for_what_is_recorded(httpserver: HTTPServer) -> None:
    engine = Engine(httpserver)
    source = engine.source()
    assert await read(source) == Slos()
    assert engine.asked() == 1
    await read(source)
    assert engine.asked() == 0, "once a minute"
    engine.now += FAST_EVERY_SECONDS
    await read(source)
    assert engine.asked() == 1


async def test_an_objective_of_the_settings_is_counted(httpserver: HTTPServer) -> None:
    engine = Engine(httpserver)
    engine.windows = {"5m": counted(None, "100"), "720h": counted("2500", "1000000")}
    found = only(await read(engine.source(TARGET)))
    assert (found.name, found.namespace, found.service) == ("fine", "shop", "reviews")
    assert found.ratios[300.0] == 0.0, "no failing series: none failed"
    assert found.ratios[3600.0] == pytest.approx(0.01)
    assert found.counts[3600.0] == (10.0, 1000.0)
    assert found.budget_left == pytest.approx(0.75)
    assert found.budget_seconds == 30 * DAY


async def test_what_is_not_held_is_not_claimed(httpserver: HTTPServer) -> None:
    engine = Engine(httpserver, held=("360h", "24h"))
    engine.windows = {"360h": counted("5", "1000")}
    found = only(await read(engine.source(TARGET)))
    assert found.budget_left == pytest.approx(0.5)
    assert (found.budget_seconds, found.window_seconds) == (15 * DAY, 30 * DAY)
    engine.held = ()
    nothing = only(await read(engine.source(TARGET)))
    assert (nothing.budget_left, nothing.budget_seconds) == (None, None)


async def test_without_traffic_a_window_says_nothing(httpserver: HTTPServer) -> None:
    engine = Engine(httpserver)
    engine.windows = dict.fromkeys(("5m", "30m", "1h", "2h", "6h", "24h", "72h", "720h"), vector())
    found = only(await read(engine.source(TARGET)))
    assert (found.ratios, found.budget_left) == ({}, None)
    engine.windows = {"5m": counted("0", "0")}
    assert 300.0 not in only(await read(engine.source(TARGET))).ratios


async def test_a_latency_without_its_bucket_is_not_fast(httpserver: HTTPServer) -> None:
    engine = Engine(httpserver)
    engine.windows = {"5m": counted(None, "100")}
    target = SloTarget(
        name="fast", cluster="*", namespace="*", service="*", objective=0.9, window_seconds=DAY, latency_ms=250.0
    )
    assert 300.0 not in only(await read(engine.source(target))).ratios


async def test_long_windows_are_counted_rarely(httpserver: HTTPServer) -> None:
    engine = Engine(httpserver)
    source = engine.source(TARGET)
    await read(source)
    assert engine.asked() == 1 + 8
    engine.now += FAST_EVERY_SECONDS
    found = only(await read(source))
    assert engine.asked() == 1 + 5
    assert found.budget_left is not None
    engine.now += SLOW_EVERY_SECONDS
    await read(source)
    assert engine.asked() == 1 + 8


async def test_a_window_that_fails_costs_itself(httpserver: HTTPServer) -> None:
    engine = Engine(httpserver)
    engine.windows = {"72h": refusal("query timed out", 503)}
    found = only(await read(engine.source(TARGET)))
    assert 3 * DAY not in found.ratios
    assert 300.0 in found.ratios


async def test_what_its_own_rules_record_is_not_counted(httpserver: HTTPServer) -> None:
    own = {"sloth_id": "meshtop-fine", "sloth_slo": "fine", "sloth_service": "reviews"}
    recorded = vector(
        series("0.02", __name__="slo:sli_error:ratio_rate5m", **own, **WHERE),
        series("0.99", __name__="slo:objective:ratio", **own),
    )
    engine = Engine(httpserver, recorded=recorded)
    found = only(await read(engine.source(TARGET)))
    assert (found.name, found.recorded, found.ratios, found.objective) == ("fine", "sloth", {300.0: 0.02}, 0.99)
    assert engine.asked() == 1


@pytest.mark.parametrize(("held", "days"), [(("720h", "24h"), 30.0), (("168h", "24h"), 7.0), ((), None)])
async def test_a_recorded_budget_is_of_what_its_rules_have_recorded(
    httpserver: HTTPServer, held: tuple[str, ...], days: float | None
) -> None:
    own = {"sloth_id": "a-b", "sloth_slo": "b", "sloth_service": "a"}
    told = {
        "slo:objective:ratio": "0.99",
        "slo:time_period:days": "30",
        "slo:period_error_budget_remaining:ratio": "0.9",
    }
    engine = Engine(httpserver, held, vector(*(series(value, __name__=name, **own) for name, value in told.items())))
    source = engine.source()
    found = only(await read(source))
    assert (found.budget_left, found.window_seconds) == (0.9, 30 * DAY)
    assert found.budget_seconds == (None if days is None else days * DAY)
    assert engine.asked() == 2
    engine.now += FAST_EVERY_SECONDS
    assert only(await read(source)) == found
    assert engine.asked() == 1, "how long they have recorded is looked at rarely"


async def test_an_objective_of_another_cluster_is_not_counted(httpserver: HTTPServer) -> None:
    engine = Engine(httpserver)
    source = engine.source(_of_west())
    assert await read(source) == Slos()


def _of_west() -> SloTarget:
    return SloTarget(name="x", cluster="west", namespace="*", service="*", objective=0.9, window_seconds=DAY)


async def test_what_could_not_be_read_is_unknown_and_what_was_read_stays(httpserver: HTTPServer) -> None:
    engine = Engine(httpserver, recorded=refusal("no", 403))
    assert (await read(engine.source(TARGET))).evidence.why is WhyUnknown.DENIED
    engine.recorded = vector()
    source = engine.source(TARGET)
    await read(source)
    engine.recorded = refusal("down", 503)
    engine.now += FAST_EVERY_SECONDS
    found = await read(source)
    assert found.evidence.why is WhyUnknown.STALE
    assert only(found).name == "fine"
