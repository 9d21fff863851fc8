"""Rules of the simulated Prometheus: evaluated over its series, now and in the past."""

from __future__ import annotations

import math

import pytest

from meshtop.demo.prom.engine import Engine
from meshtop.demo.prom.ruling import EVERY_MS, AlertingRule, RecordingRule, RuleGroup, Rules
from meshtop.demo.rulebook import rules_of
from meshtop.demo.world.world import World
from tests.demo.prom.static import StaticSource, load
from tests.demo.world.worlds import make

MINUTE = 60_000
SERIES = """
load{job="a"}  1 1 1 9 9 9 9 9 9 1 1 1 1 1 1
load{job="b"}  1+0x14
fine           1+0x14
"""
HIGH = AlertingRule(
    "High", "load > 5", 2 * MINUTE, {"severity": "warning"}, {"summary": "{{ $labels.job }} is at {{ $value }}"}
)
ALWAYS = AlertingRule("Watchdog", "vector(1)")
DOUBLE = RecordingRule("load:double", "sum(load) * 2", {"of": "all"})


@pytest.fixture
def rules() -> Rules:
    return Rules(StaticSource(load(SERIES)), [RuleGroup("g", (HIGH, ALWAYS), (DOUBLE,))])


@pytest.mark.parametrize(
    ("minute", "state"),
    [(2, None), (3, "pending"), (4, "pending"), (5, "firing"), (8, "firing"), (9, None), (14, None)],
)
def test_an_alert_waits_fires_and_is_over(rules: Rules, minute: int, state: str | None) -> None:
    told = [one.told() for one in rules.active(minute * MINUTE) if one.rule is HIGH]
    assert [one["state"] for one in told] == ([state] if state else [])
    for one in told:
        assert one["labels"] == {"alertname": "High", "job": "a", "severity": "warning"}
        assert one["annotations"] == {"summary": "a is at 9"}
        assert one["activeAt"] == "1970-01-01T00:03:00.000Z"


@pytest.mark.parametrize(
    ("minute", "states"), [(2, {}), (4, {"pending": 1.0}), (6, {"firing": 1.0}), (10, {}), (13, {})]
)
def test_the_series_of_alerts_end_with_them(rules: Rules, minute: int, states: dict[str, float]) -> None:
    engine = Engine(rules)
    found = engine.instant('ALERTS{alertname="High"}', minute * MINUTE).vector
    assert {column.labels["alertstate"]: column.values[0] for column in found} == states
    since = engine.instant('ALERTS_FOR_STATE{alertname="High"}', minute * MINUTE).vector
    assert [column.values[0] for column in since] == ([180.0] if states else [])
    by_pattern = engine.instant('{__name__=~"ALERTS|ALERTS_FOR_STATE",alertname="High"}', minute * MINUTE).vector
    assert len(by_pattern) == 2 * len(states)


def test_an_alert_of_the_past_is_counted_without_its_end(rules: Rules) -> None:
    (column,) = Engine(rules).instant('count_over_time(ALERTS{alertstate="firing",job="a"}[10m])', 14 * MINUTE).vector
    assert column.values == [4 * MINUTE / EVERY_MS], "from minute 5 to minute 9"
    course = Engine(rules).over('ALERTS{job="a"}', 0, 14 * MINUTE, MINUTE).vector
    assert {c.labels["alertstate"]: sum(v is not None for v in c.values) for c in course} == {"pending": 2, "firing": 4}


def test_the_order_of_questions_changes_no_answer(rules: Rules) -> None:
    fresh = Rules(StaticSource(load(SERIES)), rules.groups)
    moments = [13, 2, 9, 6, 4, 11, 3]
    one = {at: [a.told() for a in rules.active(at * MINUTE)] for at in moments}
    other = {at: [a.told() for a in fresh.active(at * MINUTE)] for at in sorted(moments)}
    assert one == other


def test_what_a_rule_records_is_a_series(rules: Rules) -> None:
    engine = Engine(rules)
    (column,) = engine.instant("load:double", 4 * MINUTE).vector
    assert (column.labels["of"], column.values) == ("all", [20.0])
    assert engine.over("load:double", 0, 2 * MINUTE, MINUTE).vector[0].values == [4.0, 4.0, 4.0]
    assert engine.instant("max_over_time(load:double[5m])", 6 * MINUTE).vector[0].values == [20.0]
    assert [c.labels["__name__"] for c in engine.instant('{__name__=~"load:.+"}', MINUTE).vector] == ["load:double"]


def test_rules_are_told_with_their_alerts(rules: Rules) -> None:
    (group,) = rules.told(5 * MINUTE)
    assert [(one["name"], one["type"]) for one in group["rules"]] == [
        ("High", "alerting"),
        ("Watchdog", "alerting"),
        ("load:double", "recording"),
    ]
    assert group["rules"][0]["state"] == "firing"
    assert [one["name"] for one in rules.told(MINUTE, "alert")[0]["rules"]] == ["High", "Watchdog"]
    assert rules.told(MINUTE, "alert")[0]["rules"][0]["state"] == "inactive"


def active(world: World, at: float) -> dict[str, set[str]]:
    """The names of firing alerts by cluster."""
    found = {}
    for name, cluster in world.clusters.items():
        rules = Rules(cluster.metrics, rules_of(cluster.plan))
        found[name] = {one.rule.name for one in rules.active(int(at * 1000)) if one.firing}
    return found


def test_nothing_fires_in_the_calm_world() -> None:
    world, clock = make("calm")
    for later in (0, 1800, 7200):
        clock.now += later
        assert active(world, clock.now) == {name: {"Watchdog"} for name in world.clusters}


def test_a_bad_canary_fires() -> None:
    world, clock = make("bad-canary", begins=0.0)
    assert "IstioHighErrorRate" not in active(world, clock.now)["us-east"]
    clock.now += 600
    assert {"IstioHighErrorRate", "IstioVeryHighErrorRate"} <= active(world, clock.now)["us-east"]
    assert "IstioHighErrorRate" not in active(world, clock.now - 480)["us-east"], "it is told as it was"


def test_a_control_plane_that_lags_fires() -> None:
    world, clock = make("lagging-control-plane")
    clock.now += 600
    assert {"IstioPilotConvergenceSlow", "IstioPilotRejects"} <= active(world, clock.now)["us-east"]
    assert active(world, clock.now)["eu-west"] == {"Watchdog"}


def test_the_slo_is_recorded_as_sloth_records_it() -> None:
    world, clock = make("bad-canary", begins=-2400.0)
    cluster = world.clusters["us-east"]
    engine = Engine(Rules(cluster.metrics, rules_of(cluster.plan)))
    found = {
        c.labels["__name__"]: c.values[0] for c in engine.instant('{__name__=~"slo:.+"}', int(clock.now * 1000)).vector
    }
    assert found["slo:objective:ratio"] == 0.995
    assert found["slo:time_period:days"] == 7
    short, long = found["slo:sli_error:ratio_rate5m"], found["slo:sli_error:ratio_rate1h"]
    assert short is not None
    assert long is not None
    assert short > long > 0.01
    left = found["slo:period_error_budget_remaining:ratio"]
    assert left is not None
    assert 0 < left < 1
    assert not math.isnan(left)
