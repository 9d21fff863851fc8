"""Alerts as engines tell them: by the API, by series, or not at all; and what is then known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from meshtop.model.alerting import Alerts, AlertState
from meshtop.model.evidence import WhyUnknown
from meshtop.settings.schema import PrometheusSettings, TelemetrySettings
from meshtop.sources.prometheus.alerts import BELIEVED_SECONDS
from meshtop.sources.prometheus.central import CentralTelemetry
from meshtop.sources.prometheus.source import PrometheusSource
from tests.sources.prometheus.fake import NOW, PROMETHEUS, Asked, FakePrometheus, series, vector

GOOD = vector(series("2", reporter="source"))
EMPTY: dict[str, Any] = {"status": "success", "data": {"alerts": []}}
NO_RULES: dict[str, Any] = {"status": "success", "data": {"groups": []}}
RULES: dict[str, Any] = {"status": "success", "data": {"groups": [{"name": "g", "rules": []}]}}
NO_PATH = Response('{"status":"error","error":"not found"}', 404)


def alert(name: str = "Down", state: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": "it is down"},
        "state": state,
        "activeAt": "2023-11-14T22:10:00.123456789Z",
        "value": "1e+00",
    }


def telling(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"alerts": list(alerts)}}


class Engines:
    """A fake engine whose API is one path each; `at` is the clock."""

    def __init__(self, server: HTTPServer, **paths: Any) -> None:
        self.paths = paths
        self.now = NOW
        self.fake = FakePrometheus(server, lambda query: GOOD)
        self.fake.answer = self._answer

    def _answer(self, asked: Asked) -> Any:
        name = asked.path.rpartition("/")[2]
        if name != "query":
            return self.paths.get(name, NO_PATH)
        for word, answer in self.paths.get("queries", {}).items():
            if word in asked.query:
                return answer
        return vector() if "ALERTS" in asked.query else GOOD

    def source(self, **settings: Any) -> PrometheusSource:
        return PrometheusSource(
            cluster="east",
            connection=self.fake.wire(),
            settings=PrometheusSettings(**settings) if settings else None,
            clock=lambda: self.now,
        )

    def asked(self) -> list[str]:
        """What was asked about alerts and rules, since this was asked last."""
        names = [one.path.rpartition("/")[2] if "query" not in one.path else one.query for one in self.fake.asked]
        self.fake.asked.clear()
        return [name for name in names if name in ("alerts", "rules") or "ALERTS" in name]


async def read(source: PrometheusSource, at: float | None = None) -> Alerts:
    await source.refresh([PROMETHEUS], window_seconds=300)
    await source.refresh_alerts(at=at)
    assert source.alerts is not None
    return source.alerts


async def test_one_get_tells_what_is_active(httpserver: HTTPServer) -> None:
    listed = telling(alert(severity="critical", pod="a"), alert("Slow", "pending"), alert("Gone", "inactive"))
    engine = Engines(httpserver, alerts=listed, rules=RULES)
    source = engine.source()
    found = await read(source)
    assert engine.asked() == ["alerts"]
    down, slow = found.alerts
    assert (down.name, down.state, down.severity) == ("Down", AlertState.FIRING, "critical")
    assert down.labels == {"severity": "critical", "pod": "a"}
    assert down.annotations == {"summary": "it is down"}
    assert down.since == pytest.approx(1_699_999_800.123456)
    assert slow.state is AlertState.PENDING
    assert found.evidence.known
    await source.refresh_alerts()
    assert source.alerts is found, "the identical object where nothing changed: nothing is drawn anew"


async def test_none_is_said_of_an_engine_with_rules(httpserver: HTTPServer) -> None:
    engine = Engines(httpserver, alerts=EMPTY, rules=RULES)
    source = engine.source()
    assert await read(source) == Alerts()
    assert engine.asked() == ["alerts", "rules"]
    await source.refresh_alerts()
    assert engine.asked() == ["alerts"], "whether there are rules is looked at rarely"


@pytest.mark.parametrize("paths", [{}, {"alerts": EMPTY, "rules": NO_RULES}, {"alerts": EMPTY}])
async def test_an_engine_that_only_stores_is_asked_for_the_series(
    httpserver: HTTPServer, paths: dict[str, Any]
) -> None:
    """Some have no such path, and VictoriaMetrics answers with an empty list although it knows no rules."""
    labels = {"alertname": "Down", "severity": "page"}
    told = vector(
        series("1", __name__="ALERTS", alertstate="pending", **labels),
        series("1", __name__="ALERTS", alertstate="firing", **labels),
        series("1699999700", __name__="ALERTS_FOR_STATE", **labels),
    )
    engine = Engines(httpserver, **paths, queries={"ALERTS_FOR_STATE": told})
    source = engine.source()
    (down,) = (await read(source)).alerts
    assert (down.name, down.state, down.since, down.annotations) == ("Down", AlertState.FIRING, 1_699_999_700.0, {})
    engine.asked()
    await source.refresh_alerts()
    assert engine.asked() == ['{__name__=~"ALERTS|ALERTS_FOR_STATE"}'], "one query a look from then on"
    engine.now += BELIEVED_SECONDS
    await source.refresh_alerts()
    assert engine.asked()[0] == "alerts", "an engine may come to serve them"


@pytest.mark.parametrize("paths", [{}, {"alerts": EMPTY, "rules": NO_RULES}])
async def test_an_engine_that_serves_no_alerts_is_not_without_them(
    httpserver: HTTPServer, paths: dict[str, Any]
) -> None:
    found = await read(Engines(httpserver, **paths).source())
    assert (found.alerts, found.evidence.why) == ((), WhyUnknown.UNSUPPORTED)
    assert found.problem is not None
    assert "serves no alerts" in found.problem


async def test_series_of_the_last_day_show_that_somebody_evaluates_rules(httpserver: HTTPServer) -> None:
    found = await read(Engines(httpserver, queries={"[1d]": vector(series("3"))}).source())
    assert found == Alerts()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Response('{"error":"forbidden"}', 403), WhyUnknown.DENIED),
        (Response("oops", 503), WhyUnknown.UNREACHABLE),
        ("<html>log in</html>", WhyUnknown.DENIED),
        ({"status": "error", "error": "no"}, WhyUnknown.UNREACHABLE),
        ({"status": "success", "data": {"alerts": [{"labels": 7}]}}, WhyUnknown.UNREACHABLE),
    ],
)
async def test_what_could_not_be_read_is_unknown(httpserver: HTTPServer, answer: Any, why: WhyUnknown) -> None:
    found = await read(Engines(httpserver, alerts=answer).source())
    assert (found.alerts, found.evidence.why) == ((), why)
    assert found.problem


async def test_what_was_read_before_stays_and_is_stale(httpserver: HTTPServer) -> None:
    engine = Engines(httpserver, alerts=telling(alert()), rules=RULES)
    source = engine.source()
    assert (await read(source)).evidence.known
    engine.paths["alerts"] = Response("oops", 503)
    for _ in range(2):
        found = await read(source)
        assert ([one.name for one in found.alerts], found.evidence.why) == (["Down"], WhyUnknown.STALE)
    engine.paths["alerts"] = EMPTY
    assert await read(source) == Alerts()


async def test_a_past_moment_is_told_by_the_series(httpserver: HTTPServer) -> None:
    told = vector(series("1", __name__="ALERTS", alertstate="firing", alertname="Down"))
    engine = Engines(httpserver, alerts=telling(), rules=RULES, queries={"ALERTS_FOR_STATE": told})
    found = await read(engine.source(), at=NOW - 600)
    assert engine.asked() == ['{__name__=~"ALERTS|ALERTS_FOR_STATE"}']
    assert [(one.name, one.since) for one in found.alerts] == [("Down", None)]


async def test_alerts_of_another_cluster_are_not_told(httpserver: HTTPServer) -> None:
    listed = telling(alert("Mine", cluster="east"), alert("Theirs", cluster="west"), alert("Anybodys"))
    engine = Engines(httpserver, alerts=listed)
    found = await read(engine.source(service="istio-system/prometheus:9090", matchers={"cluster": "east"}))
    assert [(one.name, one.unplaced) for one in found.alerts] == [("Anybodys", True), ("Mine", False)]


async def test_one_engine_above_all_clusters_is_asked_once(httpserver: HTTPServer) -> None:
    listed = telling(
        alert("East", site="e"), alert("West", site="west"), alert("Elsewhere", site="moon"), alert("Nobodys")
    )
    engine = Engines(httpserver, alerts=listed)
    settings = TelemetrySettings(url=httpserver.url_for("/"), cluster_label="site", cluster_names={"east": "e"})
    central = CentralTelemetry(settings, clock=lambda: NOW)
    east, west = central.cluster("east"), central.cluster("west")
    for part in (east, west):
        await part.refresh_alerts()
    assert engine.asked() == ["alerts"]
    told = {part.cluster: [(a.name, a.unplaced) for a in part.alerts.alerts] for part in (east, west) if part.alerts}
    assert told == {"east": [("East", False), ("Nobodys", True)], "west": [("West", False)]}
    await central.close()


async def test_an_engine_that_is_gone_leaves_stale_alerts(httpserver: HTTPServer) -> None:
    engine = Engines(httpserver, alerts=telling(alert()))
    source = engine.source()
    await read(source)
    gone: Callable[[Asked], Any] = lambda asked: Response("gone", 503)  # noqa: E731
    engine.fake.answer = gone
    await source.refresh([PROMETHEUS], window_seconds=300)
    await source.refresh_alerts()
    assert source.engine is None
    assert source.alerts is not None
    assert source.alerts.evidence.why is WhyUnknown.STALE
