"""The anytime-valid test: checked against formulas, simulations and properties."""

from __future__ import annotations

from math import comb, exp, inf, lgamma, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.canary.evidence import log_evidence, newcombe, wilson
from meshtop.analysis.canary.verdict import (
    Comparison,
    Counts,
    Honesty,
    compare,
    honesty,
    requests_needed,
)


def beta_form(canary_errors: int, baseline_errors: int, share: float, k: float = 20.0) -> float:
    """The formula as the reference writes it, with Beta functions."""
    a, b = k * share, k * (1 - share)

    def log_beta(x: float, y: float) -> float:
        return lgamma(x) + lgamma(y) - lgamma(x + y)

    return (
        log_beta(a + canary_errors, b + baseline_errors)
        - log_beta(a, b)
        - canary_errors * log(share)
        - baseline_errors * log(1 - share)
    )


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.01, 0.99))
def test_two_counts_give_the_references_formula(canary: int, baseline: int, share: float) -> None:
    ours = log_evidence((canary, baseline), (share, 1 - share))
    assert ours == pytest.approx(beta_form(canary, baseline, share), abs=1e-6)


@given(st.integers(1, 40), st.floats(0.05, 0.95))
def test_the_e_value_expects_one_under_the_null(total: int, share: float) -> None:
    expectation = sum(
        comb(total, k) * share**k * (1 - share) ** (total - k) * exp(log_evidence((k, total - k), (share, 1 - share)))
        for k in range(total + 1)
    )
    assert expectation == pytest.approx(1.0, rel=1e-6)


@given(st.lists(st.tuples(st.integers(0, 200), st.floats(0.01, 1.0)), min_size=1, max_size=5), st.floats(0.1, 100.0))
def test_weights_need_no_particular_sum(parts: list[tuple[int, float]], scale: float) -> None:
    counts, shares = [n for n, _ in parts], [s for _, s in parts]
    assert log_evidence(counts, shares) == pytest.approx(log_evidence(counts, [s * scale for s in shares]), abs=1e-6)


def test_traffic_to_a_weight_of_zero_is_proof() -> None:
    assert log_evidence((100, 1), (1.0, 0.0)) == inf
    assert log_evidence((100, 0), (1.0, 0.0)) == 0.0


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="each count"):
        log_evidence((1,), (0.5, 0.5))
    with pytest.raises(ValueError, match="not negative"):
        log_evidence((1, 1), (0.0, 0.0))


def false_alarm_share(*, looks: int, per_look: int, error_ratio: float, share: float, runs: int, seed: int) -> float:
    """Peek after every step at a canary that is exactly as good as its baseline."""
    random = Random(seed)
    alarms = 0
    for _ in range(runs):
        canary, baseline = [0, 0], [0, 0]
        for _ in range(looks):
            for _ in range(per_look):
                side = canary if random.random() < share else baseline
                side[0] += 1
                side[1] += random.random() < error_ratio
            verdict = compare(Counts(*canary), Counts(*baseline))
            if verdict.verdict is Comparison.WORSE:
                alarms += 1
                break
    return alarms / runs


@pytest.mark.parametrize(("error_ratio", "share"), [(0.02, 0.2), (0.2, 0.5), (0.05, 0.05)])
def test_peeking_every_minute_raises_at_most_alpha_false_alarms(error_ratio: float, share: float) -> None:
    alarms = false_alarm_share(looks=60, per_look=60, error_ratio=error_ratio, share=share, runs=120, seed=7)
    assert alarms <= 0.05


def test_a_bad_canary_is_found_within_the_requests_that_were_promised() -> None:
    random = Random(11)
    needed = requests_needed(0.01, 0.2)
    assert needed is not None
    found = 0
    for _ in range(60):
        canary, baseline = [0, 0], [0, 0]
        for _ in range(2 * needed):
            side, ratio = (canary, 0.02) if random.random() < 0.2 else (baseline, 0.01)
            side[0] += 1
            side[1] += random.random() < ratio
        found += compare(Counts(*canary), Counts(*baseline)).verdict is Comparison.WORSE
    assert found >= 48, "twice the promised number finds it in at least four of five runs"


def test_a_canary_that_is_better_is_never_worse() -> None:
    verdict = compare(Counts(10_000, 10), Counts(10_000, 900))
    assert verdict.verdict is Comparison.NOT_WORSE
    assert verdict.difference is not None
    assert verdict.difference < 0


def test_not_enough_data_says_how_much_is_missing() -> None:
    verdict = compare(Counts(20, 0), Counts(80, 1))
    assert verdict.verdict is Comparison.NOT_ENOUGH_DATA
    assert verdict.requests_to_go is not None
    assert verdict.requests_to_go > 100


@given(st.floats(0, 0.3), st.floats(0.02, 0.98))
def test_requests_needed_do_show_it(ratio: float, share: float) -> None:
    needed = requests_needed(ratio, share)
    assert needed is not None
    bad = max(2 * ratio, ratio + 0.01)
    canary = Counts(needed * share, needed * share * bad)
    baseline = Counts(needed * (1 - share), needed * (1 - share) * ratio)
    assert compare(canary, baseline).verdict is Comparison.WORSE


@pytest.mark.parametrize(
    ("requests", "weights", "want"),
    [
        ((0, 0), (80, 20), Honesty.NO_TRAFFIC),
        ((8, 2), (80, 20), Honesty.NOT_ENOUGH_DATA),
        ((8030, 1970), (80, 20), Honesty.HONOURED),
        ((8030, 1970), (8, 2), Honesty.HONOURED),
        ((9000, 1000), (80, 20), Honesty.NOT_HONOURED),
        ((10, 1), (100, 0), Honesty.NOT_HONOURED),
        ((330, 340, 330), (1, 1, 1), Honesty.HONOURED),
        ((500, 300, 200), (1, 1, 1), Honesty.NOT_HONOURED),
    ],
)
def test_honesty(requests: tuple[int, ...], weights: tuple[int, ...], want: Honesty) -> None:
    assert honesty(requests, weights).verdict is want


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_wilson_contains_the_share_and_stays_between_0_and_1(good: int, more: int) -> None:
    interval = wilson(good, good + more)
    assert interval is not None
    assert 0 <= interval.low <= good / (good + more) + 1e-12
    assert good / (good + more) - 1e-12 <= interval.high <= 1


def test_newcombe_gives_the_papers_example() -> None:
    """Newcombe 1998, table II, (a) 56/70 - 48/80, method 10: 0.0524 to 0.3339."""
    interval = newcombe(56, 70, 48, 80)
    assert interval is not None
    assert interval.low == pytest.approx(0.0524, abs=5e-4)
    assert interval.high == pytest.approx(0.3339, abs=5e-4)
    assert newcombe(1, 0, 1, 2) is None
