"""How queries are sent, cut down, and answered by recording rules."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from meshtop.analysis.traffic.metrics import TRAFFIC
from meshtop.model.asked import Asked
from meshtop.model.state import State
from meshtop.settings.schema import BasicAuth, PrometheusSettings
from meshtop.sources.prometheus.answers import QueryFailed
from meshtop.sources.prometheus.engine import LONGEST_GET, Engine, EngineAddress
from meshtop.sources.prometheus.series import series_identity
from meshtop.sources.prometheus.source import (
    CONTROL_EVERY_SECONDS,
    LONGEST_SCRAPE_SECONDS,
    LOOK_FOR_SCRAPES_EVERY_SECONDS,
    PrometheusSource,
)
from tests.patience import PATIENCE_SECONDS
from tests.sources.prometheus.fake import (
    NOW,
    PROMETHEUS,
    FakePrometheus,
    refusal,
    series,
    service,
    telemetry_of,
    vector,
)

GOOD = vector(series("2", reporter="source"))
TOO_MUCH = "query processing would load too many samples into memory in query execution"


def source_on(fake: FakePrometheus, settings: PrometheusSettings | None = None, **more: Any) -> PrometheusSource:
    given: dict[str, Any] = {"clock": lambda: NOW, "timeout": PATIENCE_SECONDS, **more}
    return PrometheusSource(cluster="east", connection=fake.wire(), settings=settings, **given)


@pytest.mark.parametrize(("read_only", "method"), [(False, "POST"), (True, "GET")])
async def test_a_url_is_asked_by_post_unless_read_only(httpserver: HTTPServer, read_only: bool, method: str) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    settings = PrometheusSettings(url=httpserver.url_for("/prom/"))
    source = PrometheusSource(cluster="east", connection=None, settings=settings, read_only=read_only)
    await source.refresh((), window_seconds=300)
    assert {(m, path) for m, path, _ in fake.asked} == {(method, "/prom/api/v1/query")}
    await source.close()


async def test_the_service_proxy_is_asked_by_get(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    source = source_on(fake)
    await source.refresh([PROMETHEUS], window_seconds=300)
    path = "/api/v1/namespaces/istio-system/services/prometheus:9090/proxy/api/v1/query"
    assert {(m, p) for m, p, _ in fake.asked} == {("GET", path)}


async def test_only_the_queries_that_are_asked_for_are_sent(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    source = source_on(fake, asked=Asked(queries=frozenset({"requests", "control_certificates"})))
    await source.refresh([PROMETHEUS], window_seconds=300)
    sent = [query for *_, query in fake.asked if query.startswith(("sum by", "min by", "max by"))]
    # They are asked side by side, so which comes first is nobody's to say.
    certificates, requests = sorted(sent)
    assert "citadel_server_root_cert" in certificates
    assert "rate(istio_requests_total[5m])" in requests
    assert telemetry_of(source).requests
    assert source.status.state is State.FRESH


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_long_query_goes_by_post_where_that_is_allowed(httpserver: HTTPServer, read_only: bool) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    engine = Engine(fake.wire(), EngineAddress("/proxy", proxied=True), timeout=5, read_only=read_only)
    long = "x" * (LONGEST_GET + 1)
    if read_only:
        with pytest.raises(QueryFailed, match="too long") as failed:
            await engine.query(long)
        assert failed.value.too_much
        assert fake.asked == []
    else:
        await engine.query(long)
        assert [method for method, _, _ in fake.asked] == ["POST"]


async def test_uri_too_long_falls_back_to_post(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    fake.answer = lambda asked: Response("", 414) if asked.method == "GET" else GOOD
    engine = Engine(fake.wire(), EngineAddress("/proxy", proxied=True), timeout=5, read_only=False)
    await engine.query("up")
    assert [method for method, _, _ in fake.asked] == ["GET", "POST"]


@pytest.mark.parametrize("refusal_code", [405, 501, 403])
async def test_an_engine_that_refuses_post_is_asked_by_get_from_then_on(
    httpserver: HTTPServer, refusal_code: int
) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    fake.answer = lambda asked: Response("", refusal_code) if asked.method == "POST" else GOOD
    engine = Engine(fake.wire(), EngineAddress("/prom"), timeout=5, read_only=False)
    long = "x" * (LONGEST_GET + 1)
    for query in ("up", "up", long):
        assert b"success" in await engine.query(query)
    assert fake.asked == [
        (method, "/prom/api/v1/query", q) for method, q in [("POST", "up"), ("GET", "up"), ("GET", "up"), ("GET", long)]
    ]


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize("refusal_code", [405, 403])
@pytest.mark.parametrize("limit_code", [414, 431])
async def test_an_engine_that_takes_only_short_urls_says_so(
    httpserver: HTTPServer, limit_code: int, refusal_code: int, proxied: bool
) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    fake.answer = lambda asked: Response("", refusal_code if asked.method == "POST" else limit_code)
    engine = Engine(fake.wire(), EngineAddress("/p", proxied=proxied, label="It"), timeout=5, read_only=False)
    for _ in range(2):
        with pytest.raises(QueryFailed, match="too long for a GET request to It") as failed:
            await engine.query("x" * (LONGEST_GET + 1))
        assert failed.value.too_much
    assert [asked.method for asked in fake.asked] == ["POST", "GET", "GET"]


async def test_a_reader_without_rights_is_denied_and_asked_by_post_when_they_come(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    fake.answer = lambda asked: Response("", 403)
    engine = Engine(fake.wire(), EngineAddress("/prom"), timeout=5, read_only=False)
    with pytest.raises(QueryFailed) as failed:
        await engine.query("up")
    assert failed.value.state is State.DENIED
    fake.answer = lambda asked: GOOD
    await engine.query("up")
    assert [asked.method for asked in fake.asked] == ["POST", "GET", "POST"]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("istio-system/prometheus:9090", "istio-system/services/prometheus:9090/proxy"),
        ("https:mon/thanos:web", "mon/services/https:thanos:web/proxy"),
        ("mimir/nginx:80/prometheus", "mimir/services/nginx:80/proxy/prometheus"),
    ],
)
async def test_a_service_in_the_settings_is_not_searched_for(httpserver: HTTPServer, written: str, path: str) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    source = source_on(fake, PrometheusSettings(service=written, headers={"X-Scope-OrgID": "a"}))
    assert not source.needs_services
    await source.refresh((), window_seconds=300)
    assert {p for _, p, _ in fake.asked} == {f"/api/v1/namespaces/{path}/api/v1/query"}


async def test_matchers_and_moment_and_headers_go_with_every_query(httpserver: HTTPServer) -> None:
    heads: list[dict[str, str]] = []
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    httpserver.clear()

    def answer(request: Any) -> Response:
        heads.append(dict(request.headers))
        return fake._answer(request)

    httpserver.expect_request(re.compile(".*")).respond_with_handler(answer)
    settings = PrometheusSettings(
        url=httpserver.url_for("/"),
        headers={"X-Scope-OrgID": "team-a"},
        matchers={"cluster": "east"},
        basic_auth=BasicAuth(username="me", password="secret"),  # type: ignore[arg-type]
    )
    source = PrometheusSource(cluster="east", connection=None, settings=settings)
    await source.refresh((), window_seconds=300, at=NOW)
    assert all('cluster="east"' in query for query in fake.queries)
    assert {head["X-Scope-Orgid"] for head in heads} == {"team-a"}
    assert {head["Authorization"] for head in heads} == {"Basic bWU6c2VjcmV0"}
    assert source.telemetry is not None
    assert source.telemetry.at == NOW
    assert "secret" not in source.telemetry.identity
    await source.close()


async def test_too_big_is_asked_by_reporter_and_then_by_namespace(httpserver: HTTPServer) -> None:
    def decide(query: str) -> Any:
        if "rate(istio_requests_total" not in query:
            return GOOD
        reporter = re.search(r'reporter="(\w+)"', query)
        some = re.search(r'destination_workload_namespace=~"([^"]*)"', query)
        if reporter is None and "reporter!~" not in query:
            return refusal(TOO_MUCH)
        if reporter and reporter[1] == "source" and not (some and "|" not in some[1]) and "namespace!~" not in query:
            return refusal(
                "expanding series: the query exceeded the maximum number of series (err-mimir-max-series-per-query)"
            )
        part = (reporter[1] if reporter else "other") + "/" + (some[1] if some else "rest")
        return vector(series("1", reporter=reporter[1] if reporter else "other", source_workload=part))

    fake = FakePrometheus(httpserver, decide)
    source = source_on(fake)
    services = [PROMETHEUS, *(service(namespace, "web", 80) for namespace in ("a", "b", "c"))]
    await source.refresh(services, window_seconds=300)
    assert source.telemetry is not None
    parts = sorted(sample.labels.source_workload for sample in source.telemetry.requests)
    assert parts == [
        "destination/rest",
        "other/rest",
        "source/a",
        "source/b",
        "source/c",
        "source/istio-system",
        "source/rest",
        "waypoint/rest",
    ]
    assert source.telemetry.complete
    assert source.status.state is State.FRESH
    assert any("Narrowed" in note and "requests" in note for note in source.status.notes)
    fake.asked.clear()
    await source.refresh(services, window_seconds=300)
    wide = [q for q in fake.queries if "rate(istio_requests_total[" in q]
    assert wide == []


async def test_what_stays_too_big_is_said_and_the_rest_is_kept(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(
        httpserver, lambda query: refusal(TOO_MUCH) if "duration_milliseconds_bucket" in query else GOOD
    )
    source = source_on(fake)
    await source.refresh([PROMETHEUS], window_seconds=300)
    assert source.status.state is State.PARTIAL
    assert source.telemetry is not None
    assert source.telemetry.requests
    assert not source.telemetry.complete


async def test_recording_rules_are_found_used_and_said(httpserver: HTTPServer) -> None:
    names = [metric.recorded("5m") for metric in TRAFFIC]

    def decide(query: str) -> Any:
        if query.startswith("count by (__name__)"):
            return vector(*(series("9", __name__=name) for name in names))
        return GOOD

    fake = FakePrometheus(httpserver, decide)
    source = source_on(fake)
    await source.refresh([PROMETHEUS], window_seconds=300)
    assert telemetry_of(source).recording_rules
    assert "Uses the recording rules of meshtop." in source.status.notes
    assert not any("rate(istio_" in query for query in fake.queries)
    assert any(f"({names[0]})" in query for query in fake.queries)
    await source.refresh([PROMETHEUS], window_seconds=60)
    assert not telemetry_of(source).recording_rules
    await source.refresh([PROMETHEUS], window_seconds=300, at=NOW - 86400)
    assert not telemetry_of(source).recording_rules


async def test_control_plane_metrics_come_with_their_names(httpserver: HTTPServer) -> None:
    def decide(query: str) -> Any:
        if query.startswith("sum by (__name__"):
            return vector(series("7", __name__="pilot_xds", version="1.30"))
        if "label_replace" in query:
            return vector(series("0.5", metric="pilot_total_xds_rejects", type="cds"))
        return vector()

    source = source_on(FakePrometheus(httpserver, decide))
    await source.refresh([PROMETHEUS], window_seconds=300)
    assert source.telemetry is not None
    assert {(c.metric, tuple(c.labels.items()), c.value) for c in source.telemetry.control} == {
        ("pilot_xds", (("version", "1.30"),), 7.0),
        ("pilot_total_xds_rejects", (("type", "cds"),), 0.5),
    }


async def test_history_has_gaps_where_nothing_is_known_and_zero_errors_where_requests_are(
    httpserver: HTTPServer,
) -> None:
    def matrix(*pairs: tuple[float, str]) -> dict[str, Any]:
        result = [{"metric": {}, "values": list(pairs)}] if pairs else []
        return {"status": "success", "data": {"resultType": "matrix", "result": result}}

    times = (NOW - 40, NOW - 20, NOW)

    def decide(query: str) -> Any:
        if "histogram_quantile" in query:
            return matrix((times[1], "NaN"), (times[2], "12.5"))
        if "response_code" in query:
            return matrix((times[2], "1"))
        if query.startswith("sum(rate(istio_requests"):
            return matrix((times[1], "3"), (times[2], "4"))
        return GOOD

    source = source_on(FakePrometheus(httpserver, decide))
    await source.refresh([PROMETHEUS], window_seconds=300)
    await source.refresh_history(at=NOW, span_seconds=60, points=3)
    assert source.history is not None
    assert source.history.requests.times == times
    assert source.history.requests.values == (None, 3.0, 4.0)
    assert source.history.errors.values == (None, 0.0, 1.0)
    assert source.history.p99_ms.values == (None, None, 12.5)


def test_identity_tells_tenants_and_matchers_apart_without_secrets() -> None:
    one = series_identity("http://a", {"X-Scope-OrgID": "a", "Authorization": "Bearer x"}, {"cluster": "east"})
    assert one == series_identity("http://a", {"x-scope-orgid": "a", "Authorization": "Bearer y"}, {"cluster": "east"})
    assert one != series_identity("http://a", {"X-Scope-OrgID": "b"}, {"cluster": "east"})
    assert one != series_identity("http://a", {"X-Scope-OrgID": "a"}, {"cluster": "west"})
    assert "Bearer" not in one


async def test_history_before_an_engine_was_found_is_none(httpserver: HTTPServer) -> None:
    source = source_on(FakePrometheus(httpserver, lambda query: GOOD))
    await source.refresh_history()
    assert source.history is None


async def test_an_impossible_matcher_is_a_sentence(httpserver: HTTPServer) -> None:
    settings = PrometheusSettings(service="a/b:1", matchers={"my cluster": "east"})
    source = source_on(FakePrometheus(httpserver, lambda query: GOOD), settings)
    await source.refresh((), window_seconds=300)
    assert "'my cluster' is not a label's name" in (source.status.error or "")
    assert "prometheus.matchers" in (source.status.remedy or "")


def _control_asked(fake: FakePrometheus) -> int:
    asked = sum("pilot_" in query and "count_over_time" not in query for query in fake.queries)
    fake.asked.clear()
    return asked


async def test_the_control_plane_is_asked_about_as_often_as_it_is_scraped(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    now = NOW
    source = source_on(fake, clock=lambda: now)

    async def asked_about_control(window_seconds: float = 300, at: float | None = None) -> bool:
        await source.refresh([PROMETHEUS], window_seconds=window_seconds, at=at)
        return _control_asked(fake) > 0

    assert await asked_about_control()
    told = telemetry_of(source).control
    assert told
    now += 5
    assert not await asked_about_control()
    assert telemetry_of(source).control == told, "what was said of it stays"
    assert await asked_about_control(window_seconds=600), "another window has other rates"
    assert await asked_about_control(at=NOW - 3600), "so has another moment"
    now += CONTROL_EVERY_SECONDS
    assert await asked_about_control()
    await source.close()


async def test_what_is_kept_of_the_control_plane_hides_no_dead_engine(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, lambda query: GOOD)
    now = NOW
    source = source_on(fake, clock=lambda: now)
    await source.refresh([PROMETHEUS], window_seconds=300)
    fake.decide = lambda query: Response("gone", 503)
    now += 5
    await source.refresh([PROMETHEUS], window_seconds=300)
    assert source.status.state is State.STALE
    await source.close()


async def test_a_control_plane_that_was_told_in_part_is_asked_about_again(httpserver: HTTPServer) -> None:
    fake = FakePrometheus(httpserver, lambda query: refusal("busy", 503) if "pilot_" in query else GOOD)
    source = source_on(fake)
    await source.refresh([PROMETHEUS], window_seconds=300)
    assert _control_asked(fake)
    await source.refresh([PROMETHEUS], window_seconds=300)
    assert _control_asked(fake)
    await source.close()


@pytest.mark.parametrize(
    ("samples", "seconds"),
    [("20", 15.0), ("10", 30.0), ("60", 5.0), ("2", LONGEST_SCRAPE_SECONDS), ("1", None), (None, None)],
)
async def test_how_often_is_scraped_is_learned_by_who_comes_again(
    httpserver: HTTPServer, samples: str | None, seconds: float | None
) -> None:
    def decide(query: str) -> Any:
        if "count_over_time" not in query:
            return GOOD
        return refusal("no such function") if samples is None else vector(series(samples))

    fake = FakePrometheus(httpserver, decide)
    now = NOW
    source = source_on(fake, clock=lambda: now)

    async def counted(at: float | None = None) -> int:
        fake.asked.clear()
        await source.refresh([PROMETHEUS], window_seconds=300, at=at)
        assert source.status.state is State.FRESH
        return len([query for *_, query in fake.asked if "count_over_time" in query])

    assert await counted() == 0, "a single reading need not know"
    assert source.scrape_seconds is None
    assert await counted(at=NOW - 3600) == 0
    assert await counted() == 1
    assert source.scrape_seconds == seconds
    assert await counted() == 0
    now += LOOK_FOR_SCRAPES_EVERY_SECONDS
    assert await counted() == 1
    await source.close()
