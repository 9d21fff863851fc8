"""Lines of charts come out of a recording as Prometheus would draw them, and only those that it can answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from meshtop.sources.prometheus.charts import LineQuery
from meshtop.sources.prometheus.promql import Matcher, one_of
from meshtop.sources.recording.plots import RecordedPlots, plot_question
from meshtop.views.frame.charts import bytes_chart, equals, request_charts
from tests import worlds
from tests.sources.recording.moments import written

V2 = equals({"destination_workload": "reviews-v2", "reporter": "destination"})


def _value(expression: str) -> float | None:
    question = plot_question(expression, worlds.WINDOW)
    telemetry = worlds.east().telemetry
    assert question is not None, expression
    assert telemetry is not None
    return question.value(telemetry)


def test_the_forms_that_charts_use_are_understood() -> None:
    requests, errors, latency = request_charts("east", V2, window_seconds=worlds.WINDOW)
    sent = "istio_tcp_sent_bytes_total"
    assert [_value(line.expression) for line in requests.lines] == [20.0]
    assert [_value(line.expression) for line in errors.lines] == [pytest.approx(100 * 1.5 / 20.0)]
    # Half of them take up to 10 ms, all of them up to 100 ms.
    p50, p99 = (_value(line.expression) for line in latency.lines)
    assert p50 == pytest.approx(10.0)
    assert p99 == pytest.approx(10 + 90 * 0.98)
    assert all(_value(line.expression) is None for line in bytes_chart("east", V2, window_seconds=worlds.WINDOW).lines)
    assert _value(f"sum(rate({sent}[5m]))") is None


def test_a_ratio_is_zero_without_failures_and_nothing_without_calls() -> None:
    def of(workload: str) -> float | None:
        matchers = equals({"destination_workload": workload, "reporter": "destination"})
        return _value(request_charts("east", matchers, window_seconds=worlds.WINDOW)[1].lines[0].expression)

    assert of("reviews-v1") == 0.0
    assert of("nobody") is None


def test_matchers_choose_as_prometheus_chooses() -> None:
    def of(*matchers: Matcher) -> float | None:
        return _value(request_charts("east", matchers, window_seconds=worlds.WINDOW)[0].lines[0].expression)

    assert of(one_of("destination_workload", ("reviews-v1", "reviews.v2"))) == 80.0 + 78.0 + 10.0
    assert of(one_of("destination_workload", ("reviews-v2",), negated=True)) == 168.0
    assert of(Matcher("reporter", "!=", "destination")) == 88.0
    assert of(Matcher("source_workload", "=", 'a"b\\c}d\n')) is None
    assert of() == 80.0 + 78.0 + 18.5 + 1.5 + 10.0


@pytest.mark.parametrize(
    "expression",
    [
        "up", "sum(rate(istio_requests_total[1m]))", "sum(rate(istio_other_total[5m]))", "sum()", "sum(1)",
        'sum(rate(istio_requests_total{pod="x"}[5m]))', 'sum(rate(istio_requests_total{reporter=~"("}[5m]))',
        "sum(rate(istio_requests_total[5m]) and rate(istio_requests_total[5m]))", "max(rate(istio_requests_total[5m]))",
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_not_guessed(expression: str) -> None:
    assert plot_question(expression, worlds.WINDOW) is None


def test_lines_are_of_the_recorded_moments_and_gaps_elsewhere(tmp_path: Path) -> None:
    told = []
    for i, rate in enumerate((10.0, 20.0, 30.0)):
        east = worlds.cluster("east", [worlds.request("east/web", "east/v1", rate)])
        told.append(worlds.world(east, sequence=i + 1, at=worlds.AT + 60.0 * i))
    told.append(structs.replace(worlds.world(worlds.north(), sequence=4), at=worlds.AT + 180.0))
    plots = RecordedPlots(written(tmp_path / "x.rec", told))
    asked = [LineQuery("requests", "sum(rate(istio_requests_total[5m]))", "/s"), LineQuery("odd", "up")]
    (line,) = plots.lines("east", asked, start=worlds.AT - 60, end=worlds.AT + 600, step=30)
    assert line.name == "requests"
    assert line.values[:9] == (None, None, 10.0, 10.0, 20.0, 20.0, 30.0, 30.0, None)
    assert set(line.values[9:]) == {None}
    plots.close()
