"""PromQL's rules, by tables that need no real Prometheus: expected values are worked out by hand."""

from __future__ import annotations

import math
import re

import pytest

from meshtop.demo.prom.budget import Limits
from meshtop.demo.prom.engine import Engine
from meshtop.demo.prom.errors import BadData, ExecutionError, QueryError, QueryTimeout
from meshtop.demo.prom.exposition import show
from meshtop.demo.prom.numbers import format_value
from tests.demo.prom.static import StaticSource, load

MINUTE = 60_000
SERIES = """
c{i="a"}                 0+60x20
c{i="b"}                 0+60x9 0+60x10
late{i="a"}              _ _ _ _ _ _ _ _ 100 160 220
g{i="a",job="x"}         1+1x20
g{i="b",job="x"}         10+0x20
g{i="c",job="y"}         -5+0x20
h{i="a",job="x",k="1"}   100+0x20
h{i="b",job="x",k="2"}   200+0x20
role{job="x",team="t1"}  1+0x20
role{job="y",team="t2"}  1+0x20
twice{job="x",n="1"}     1+0x20
twice{job="x",n="2"}     1+0x20
b_bucket{le="1"}         10+0x20
b_bucket{le="2"}         9+0x20
b_bucket{le="4"}         30+0x20
b_bucket{le="+Inf"}      40+0x20
unclear                  NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN
"""


def engine(limits: Limits | None = None) -> Engine:
    return Engine(StaticSource(load(SERIES)), limits)


def at_ten_minutes(query: str, limits: Limits | None = None) -> dict[str, str]:
    answer = engine(limits).instant(query, 10 * MINUTE)
    if answer.kind == "scalar":
        return {"scalar": format_value(answer.scalar[0])}
    return {show(c.labels): format_value(v) for c in answer.vector if (v := c.values[0]) is not None}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("1 + 2 * 3", {"scalar": "7"}),
        ("-2 ^ 2", {"scalar": "-4"}),
        ("2 ^ 3 ^ 2", {"scalar": "512"}),
        ("1 / 0", {"scalar": "+Inf"}),
        ("0 / 0", {"scalar": "NaN"}),
        ("1e300 * 1e10 - 1", {"scalar": "+Inf"}),
        ("time()", {"scalar": "600"}),
        ("vector(1) - 2", {"{}": "-1"}),
        # Closed windows: [5m, 10m] holds six samples, so nothing is left to extrapolate.
        ('rate(c{i="a"}[5m])', {'{i="a"}': "1"}),
        ('increase(c{i="a"}[5m])', {'{i="a"}': "300"}),
        # b fell from 540 to 0 at 10m: the last value before the reset counts.
        ('increase(c{i="b"}[5m])', {'{i="b"}': "240"}),
        ('resets(c{i="b"}[5m])', {'{i="b"}': "1"}),
        ('irate(c{i="b"}[5m])', {'{i="b"}': "0"}),
        # Two samples at 8m and 9m and 10m; half an interval is added before the first one.
        ("increase(late[5m])", {'{i="a"}': "150"}),
        ('delta(g{i="a"}[5m])', {'{i="a", job="x"}': "5"}),
        ('deriv(g{i="a"}[5m]) * 60', {'{i="a", job="x"}': "1"}),
        ('sum_over_time(g{i="a"}[3m])', {'{i="a", job="x"}': "38"}),
        ('count_over_time(g{i="a"}[3m])', {'{i="a", job="x"}': "4"}),
        ('last_over_time(g{i="a"}[3m] offset 2m)', {'{__name__="g", i="a", job="x"}': "9"}),
        ('g{i="a"} offset 4m', {'{__name__="g", i="a", job="x"}': "7"}),
        ('g{i="a"} @ 120', {'{__name__="g", i="a", job="x"}': "3"}),
        ('sum_over_time(g{i="a"}[2m:1m] @ 120)', {'{i="a", job="x"}': "6"}),
        ("sum by (job) (g)", {'{job="x"}': "21", '{job="y"}': "-5"}),
        ("sum without (i) (g)", {'{job="x"}': "21", '{job="y"}': "-5"}),
        ("avg(g)", {"{}": "5.333333333333333"}),
        ("topk(1, g)", {'{__name__="g", i="a", job="x"}': "11"}),
        ("bottomk by (job) (1, g)", {'{__name__="g", i="b", job="x"}': "10", '{__name__="g", i="c", job="y"}': "-5"}),
        ("quantile(0.5, g)", {"{}": "10"}),
        ('count_values("v", g > 0)', {'{v="11"}': "1", '{v="10"}': "1"}),
        ("g > 10", {'{__name__="g", i="a", job="x"}': "11"}),
        ("10 < g", {'{__name__="g", i="a", job="x"}': "11"}),
        ("g > bool 10", {'{i="a", job="x"}': "1", '{i="b", job="x"}': "0", '{i="c", job="y"}': "0"}),
        ("g + on (i, job) h", {'{i="a", job="x"}': "111", '{i="b", job="x"}': "210"}),
        ("g + ignoring (k) h", {'{i="a", job="x"}': "111", '{i="b", job="x"}': "210"}),
        ("g - h", {}),
        (
            "g * on (job) group_left (team) role",
            {
                '{i="a", job="x", team="t1"}': "11",
                '{i="b", job="x", team="t1"}': "10",
                '{i="c", job="y", team="t2"}': "-5",
            },
        ),
        ("g and ignoring (k) h", {'{__name__="g", i="a", job="x"}': "11", '{__name__="g", i="b", job="x"}': "10"}),
        ("g unless ignoring (k) h", {'{__name__="g", i="c", job="y"}': "-5"}),
        ('sum(nothing) or vector(0)', {"{}": "0"}),
        ('absent(nothing{a="b",c=~"d"})', {'{a="b"}': "1"}),
        ("absent(g)", {}),
        ("unclear == unclear", {}),
        ("unclear != unclear", {'{__name__="unclear"}': "NaN"}),
        # 9 after 10 is lifted to 10; rank 20 of 40 is half way between 10 and 30 in (2, 4].
        ("histogram_quantile(0.5, b_bucket)", {"{}": "3"}),
        ("histogram_quantile(0.9, b_bucket)", {"{}": "4"}),
        ('label_replace(role, "team", "$1-$2", "team", "(.)(.)")', None),
        ('label_join(role{job="x"}, "both", "/", "job", "team")',
         {'{__name__="role", both="x/t1", job="x", team="t1"}': "1"}),
        ("scalar(g)", {"scalar": "NaN"}),
        ("day_of_week()", {"{}": "4"}),
        ("max_over_time((sum(g))[5m:1m])", {"{}": "16"}),
    ],
)  # fmt: skip
def test_value(query: str, expected: dict[str, str] | None) -> None:
    if expected is None:
        expected = {
            '{__name__="role", job="x", team="t-1"}': "1",
            '{__name__="role", job="y", team="t-2"}': "1",
        }
    assert at_ten_minutes(query) == expected


@pytest.mark.parametrize(
    ("query", "kind", "message"),
    [
        ("", BadData, "no expression"),
        ("g{", BadData, "parse error"),
        ("nonsense(g)", BadData, "unknown function with name 'nonsense'"),
        ("mad_over_time(g[5m])", BadData, 'unknown function with name "mad_over_time"'),
        ("histogram_count(g)", BadData, 'unknown function with name "histogram_count"'),
        ("limitk(1, g)", BadData, 'unknown aggregation "limitk"'),
        ("g + fill(0) h", BadData, "fill"),
        ('g{i="a" or i="b"}', BadData, "'or' between label matchers"),
        ("g @ -5", BadData, "1970"),
        ("g @ 1e30", BadData, "out of bounds"),
        ("g[99999999999y]", BadData, "parse error"),
        ('g{i=~"[[:alpha:]]"}', BadData, "does not support"),
        ("rate(g)", BadData, "expected type matrix"),
        ("1 > 2", BadData, "BOOL"),
        ("g * on (job) twice", ExecutionError, "found duplicate series for the match group"),
        ("twice * on (job) group_left g", ExecutionError, "on the right hand-side"),
        ("g * on (job) role", ExecutionError, "many-to-one matching must be explicit"),
        ("twice * on (job) group_left (team) role * 0 + on (job) group_left twice", ExecutionError, "many-to-many"),
        ('label_replace(g, "i", "same", "job", ".*")', ExecutionError, "same labelset"),
        ('rate({__name__=~"g|c", job=~"x|"}[5m]) + 0 or label_replace(c, "i", "", "i", ".*")', ExecutionError, "same"),
        ('count_values("a-b", g)', ExecutionError, "invalid label name"),
        ("topk(NaN, g)", ExecutionError, "overflows int64"),
        ('label_join(g, "a-b", "/", "i")', ExecutionError, "invalid destination label name"),
        ('label_replace(g, "x", "y", "i", "(")', ExecutionError, "invalid regular expression in label_replace()"),
    ],
)
def test_error(query: str, kind: type[QueryError], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        at_ten_minutes(query)


def test_left_open_windows_of_prometheus_3() -> None:
    query = 'count_over_time(g{i="a"}[3m])'
    assert at_ten_minutes(query) == {'{i="a", job="x"}': "4"}
    assert at_ten_minutes(query, Limits(left_open=True)) == {'{i="a", job="x"}': "3"}


def test_lookback() -> None:
    series = engine()
    assert series.instant("unclear", 15 * MINUTE).vector != []
    assert series.instant("unclear", 15 * MINUTE + 1).vector == []


@pytest.mark.parametrize("query", ["g", "sum(rate(c[5m]))", "c[10m]", "sum(g + g)", "max_over_time(g[10m:1m])"])
def test_sample_limit(query: str) -> None:
    peak = engine().instant(query, 10 * MINUTE).samples_peak
    assert engine(Limits(max_samples=peak)).instant(query, 10 * MINUTE).samples_peak == peak
    with pytest.raises(ExecutionError, match="too many samples into memory"):
        engine(Limits(max_samples=peak - 1)).instant(query, 10 * MINUTE)


def test_timeout() -> None:
    with pytest.raises(QueryTimeout, match="timed out"):
        engine().instant("sum(g)", 10 * MINUTE, timeout=0.0)


def test_each_series_is_read_once_for_a_query() -> None:
    series = load(SERIES)
    query = "sum(rate(c[5m])) / sum(rate(c[5m])) + count(c offset 1m)"
    Engine(StaticSource(series)).over(query, 5 * MINUTE, 15 * MINUTE, MINUTE)
    asked = {one.labels["i"]: one.asked for one in series if one.labels["__name__"] == "c"}
    assert asked == {name: [(0, 15 * MINUTE), (-MINUTE, 14 * MINUTE)] for name in ("a", "b")}
    assert not any(one.asked for one in series if one.labels["__name__"] != "c")


def test_range_query_is_sorted_and_has_gaps() -> None:
    answer = engine().over("g > 10 or h or late", 0, 12 * MINUTE, 4 * MINUTE)
    shown = [(show(c.labels), c.values) for c in answer.vector]
    assert shown == [
        ('{__name__="g", i="a", job="x"}', [None, None, None, 13.0]),
        ('{__name__="h", i="a", job="x", k="1"}', [100.0] * 4),
        ('{__name__="h", i="b", job="x", k="2"}', [200.0] * 4),
        ('{__name__="late", i="a"}', [None, None, 100.0, 220.0]),
    ]


@pytest.mark.parametrize(("query", "shown"), [("g[5m]", "range vector"), ('"text"', "string")])
def test_range_query_of_a_wrong_type(query: str, shown: str) -> None:
    with pytest.raises(BadData, match=f'invalid expression type "{shown}" for range query'):
        engine().over(query, 0, MINUTE, MINUTE)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"), (0.1, "0.1"), (-0.0, "-0"), (1e21, "1000000000000000000000"), (1e-7, "0.0000001"),
        (math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (1700000000.5, "1700000000.5"),
    ],
)  # fmt: skip
def test_number_format(value: float, text: str) -> None:
    assert format_value(value) == text
