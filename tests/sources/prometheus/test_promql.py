"""Quoting and the list of queries, held against the real grammar and a real Prometheus."""

from __future__ import annotations

from pathlib import Path

import promql_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.traffic.metrics import CONTROL, TRAFFIC
from meshtop.sources.prometheus.courses import course_queries
from meshtop.sources.prometheus.promql import (
    Matcher,
    history_queries,
    one_of,
    quote,
    recorded_query,
    refresh_queries,
    regex_literal,
    selector,
)
from tests.realprom import RealPrometheus

HOSTILE = [
    '"} or vector(1) #',
    "\\",
    "\\\\n",
    'a"b',
    "line\nbreak\r\ttab",
    "\x00\x07\x1b[31m\x7f\x9f",
    "ünïcödé \U0001f980",
    "{{x}}$&*?[a]^|.+",
    "'`",
    "",
]
TEXT = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(HOSTILE)


def parsed_value(text: str) -> str:
    expression = promql_parser.parse(text)
    assert isinstance(expression, promql_parser.VectorSelector)
    matchers = expression.matchers.matchers
    assert len(matchers) == 1
    return str(matchers[0].value)


@given(TEXT)
@settings(max_examples=150, deadline=None)
def test_the_grammar_reads_back_what_was_quoted(value: str) -> None:
    assert parsed_value(selector("m", (Matcher("label", "=", value),))) == value


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert quote("a\ud800b") == '"a\ufffdb"'


@pytest.mark.prometheus
def test_a_real_prometheus_finds_exactly_the_quoted_value(tmp_path: Path) -> None:
    values = [value for value in HOSTILE if value and "\r" not in value]
    lines = ["# TYPE odd gauge"]
    for value in values:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'odd{{label="{escaped}"}} 1 1700000000')
    with RealPrometheus.on_blocks(tmp_path, "\n".join([*lines, "# EOF\n"])) as prometheus:
        for value in values:
            for matcher in (Matcher("label", "=", value), one_of("label", [value])):
                _, answer = prometheus.api("query", query=selector("odd", (matcher,)), time="1700000000")
                assert [s["metric"]["label"] for s in answer["data"]["result"]] == [value]
        _, answer = prometheus.api("query", query=selector("odd", (one_of("label", values[:3]),)), time="1700000000")
        assert len(answer["data"]["result"]) == 3


@given(TEXT)
@settings(max_examples=100, deadline=None)
def test_a_regex_literal_reaches_the_engine_as_written(value: str) -> None:
    assert parsed_value(selector("m", (Matcher("label", "=~", regex_literal(value)),))) == regex_literal(value)


@pytest.mark.parametrize("label", ["1st", "a-b", "", "a b", 'a"', "ä"])
def test_an_impossible_label_is_refused_with_what_to_write(label: str) -> None:
    with pytest.raises(ValueError, match="is not a label's name; use letters"):
        Matcher(label, "=", "x")


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="is not an operator"):
        Matcher("a", "==", "x")


@pytest.mark.parametrize("recorded", [(), tuple(metric.recorded("5m") for metric in TRAFFIC)])
def test_every_query_is_promql(recorded: tuple[str, ...]) -> None:
    narrow = (Matcher("reporter", "=", "source"), one_of("destination_workload_namespace", ["a", "b"]))
    matchers = {"cluster": 'ea"st'}
    queries = refresh_queries(300, matchers, narrow=narrow, extra_by=("cluster",), recorded=recorded)
    assert list(queries) == [*(metric.field for metric in TRAFFIC), *(group.query for group in CONTROL)]
    courses = course_queries(60, matchers, ["reviews-v3"]).values()
    for text in (*queries.values(), *history_queries(60, matchers).values(), recorded_query(matchers), *courses):
        promql_parser.parse(text)
        assert r'cluster="ea\"st"' in text


def test_there_is_one_query_for_a_metric_and_none_for_a_pod() -> None:
    queries = refresh_queries(300, {})
    for text in queries.values():
        assert "pod" not in text.replace("pilot", "")
        assert " by (" in text
    assert queries["requests"].startswith("sum by (reporter, ")
    assert queries["requests"].endswith(" (rate(istio_requests_total[5m]))")
    assert " le) " in queries["duration_buckets"]
    assert "response_code" not in queries["duration_buckets"]


def test_recorded_rates_are_used_for_their_window_only() -> None:
    rule = "meshtop:istio_requests:rate5m"
    assert refresh_queries(300, {}, recorded=[rule])["requests"].endswith(f"({rule})")
    assert rule not in refresh_queries(60, {}, recorded=[rule])["requests"]
    assert rule not in refresh_queries(300, {}, recorded=[rule])["tcp_sent"]
