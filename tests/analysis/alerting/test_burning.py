"""When a budget burns, when it is spent, and when nobody can say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.alerting.burning import PAIRS, SloState, burn_pairs, judge_slo
from meshtop.analysis.alerting.weight import alert_weight
from meshtop.model.alerting import Alert, AlertState, SloReading
from meshtop.model.state import Severity

HOUR, DAY = 3600.0, 86_400.0
MONTH = 30 * DAY


def reading(ratios: dict[float, float], **more: object) -> SloReading:
    given: dict[str, object] = {"objective": 0.999, "window_seconds": MONTH, **more}
    return SloReading(name="slo", ratios=ratios, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ratios", "state", "severity"),
    [
        ({300.0: 0.0001, HOUR: 0.0001}, SloState.OK, Severity.INFO),
        # Both windows of a pair, and not one of them.
        ({300.0: 0.02, HOUR: 0.02}, SloState.BURNING, Severity.ERROR),
        ({300.0: 0.02, HOUR: 0.002}, SloState.OK, Severity.INFO),
        ({300.0: 0.0, HOUR: 0.02}, SloState.OK, Severity.INFO),
        # Slower, for longer.
        ({300.0: 0.007, HOUR: 0.007, 1800.0: 0.007, 6 * HOUR: 0.0065}, SloState.BURNING, Severity.ERROR),
        ({300.0: 0.001, HOUR: 0.001, 2 * HOUR: 0.004, DAY: 0.0035}, SloState.BURNING, Severity.WARNING),
        ({300.0: 0.001, HOUR: 0.001, 6 * HOUR: 0.0011, 3 * DAY: 0.0011}, SloState.BURNING, Severity.WARNING),
        # Without traffic nothing is known, whatever else is.
        ({}, SloState.UNKNOWN, Severity.INFO),
        ({HOUR: 0.0}, SloState.UNKNOWN, Severity.INFO),
    ],
)
def test_a_budget_burns_when_both_windows_of_a_pair_say_so(
    ratios: dict[float, float], state: SloState, severity: Severity
) -> None:
    verdict = judge_slo(reading(ratios))
    assert (verdict.state, verdict.severity) == (state, severity)


def test_a_spent_budget_is_worse_than_one_that_burns() -> None:
    calm = {300.0: 0.0, HOUR: 0.0}
    assert judge_slo(reading(calm, budget_left=-0.2)).state is SloState.SPENT
    assert judge_slo(reading(calm, budget_left=-0.2)).severity is Severity.WARNING
    burning = judge_slo(reading({300.0: 0.02, HOUR: 0.02}, budget_left=0.0))
    assert (burning.state, burning.severity) == (SloState.SPENT, Severity.ERROR)
    assert judge_slo(reading(calm, budget_left=0.01)).state is SloState.OK


def test_without_an_objective_nothing_is_said() -> None:
    assert judge_slo(reading({300.0: 0.5, HOUR: 0.5}, objective=None)).state is SloState.UNKNOWN


def test_a_few_requests_prove_nothing() -> None:
    ratios = {300.0: 0.3, HOUR: 0.3}
    assert judge_slo(reading(ratios, objective=0.99, counts={HOUR: (3.0, 10.0)})).state is SloState.OK
    assert judge_slo(reading(ratios, objective=0.99, counts={HOUR: (300.0, 1000.0)})).state is SloState.BURNING


def test_a_shorter_window_burns_at_smaller_rates() -> None:
    assert burn_pairs(MONTH) == PAIRS == burn_pairs(None) == burn_pairs(90 * DAY)
    week = burn_pairs(7 * DAY)
    assert [round(pair.factor, 2) for pair in week] == [3.36, 1.4], "two percent of a week's budget in an hour"
    assert [pair.factor for pair in burn_pairs(HOUR)] == [1.0]


@given(st.dictionaries(st.sampled_from([300.0, 1800.0, HOUR, 6 * HOUR, DAY]), st.floats(0, 1)), st.floats(0.5, 0.9999))
def test_it_is_ok_only_with_traffic_in_both_windows(ratios: dict[float, float], objective: float) -> None:
    verdict = judge_slo(reading(ratios, objective=objective))
    if verdict.state is SloState.OK:
        assert {300.0, HOUR} <= ratios.keys()
    if verdict.state is SloState.BURNING:
        assert verdict.short is not None
        assert verdict.long is not None
        assert min(verdict.short, verdict.long) > verdict.pair.factor * 0.999999


@pytest.mark.parametrize(
    ("name", "severity", "weight"),
    [
        ("A", "critical", Severity.ERROR),
        ("A", "Page", Severity.ERROR),
        ("A", "warning", Severity.WARNING),
        ("A", None, Severity.WARNING),
        ("A", "info", Severity.INFO),
        ("A", "none", Severity.INFO),
        ("Watchdog", "critical", Severity.INFO),
        ("InfoInhibitor", None, Severity.INFO),
        ("Dead_Mans_Switch", "critical", Severity.INFO),
    ],
)
def test_what_an_alert_counts_for(name: str, severity: str | None, weight: Severity) -> None:
    labels = {} if severity is None else {"severity": severity}
    assert alert_weight(Alert(name=name, state=AlertState.FIRING, labels=labels)) is weight
    assert alert_weight(Alert(name=name, state=AlertState.PENDING, labels=labels)) is Severity.INFO
