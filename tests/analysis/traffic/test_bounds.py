"""The exact bound: against the binomial distribution summed up, and what it does at its ends."""

from __future__ import annotations

from math import comb, isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.traffic.bounds import at_least, binomial_tail, proves


def summed(failed: int, total: int, share: float) -> float:
    return sum(comb(total, i) * share**i * (1 - share) ** (total - i) for i in range(failed, total + 1))


@given(st.integers(1, 80), st.data(), st.floats(0.001, 0.999))
def test_the_tail_is_the_binomial_distributions(total: int, data: st.DataObject, share: float) -> None:
    failed = data.draw(st.integers(1, total))
    assert isclose(binomial_tail(failed, total, share), summed(failed, total, share), rel_tol=1e-6, abs_tol=1e-12)


@given(st.integers(1, 5000), st.data(), st.floats(0.001, 0.5), st.sampled_from([0.05, 0.001]))
def test_the_short_cuts_say_what_the_exact_tail_says(
    total: int, data: st.DataObject, share: float, alpha: float
) -> None:
    failed = data.draw(st.integers(0, total))
    exact = binomial_tail(failed, total, share)
    if not isclose(exact, alpha, rel_tol=1e-6):
        assert proves(failed, total, share, alpha) == (exact <= alpha)


@pytest.mark.parametrize(
    ("failed", "total", "alpha", "least"),
    # Published values of Clopper and Pearson: with n of n the bound is alpha ** (1 / n).
    [(5, 5, 0.05, 0.5493), (1, 1, 0.05, 0.05), (12, 240, 0.05, 0.0291), (0, 95, 0.05, 0.0), (10, 100, 0.025, 0.0490)],
)
def test_the_bound(failed: int, total: int, alpha: float, least: float) -> None:
    assert at_least(failed, total, alpha) == pytest.approx(least, abs=1e-4)


def halved(failed: float, total: float, alpha: float) -> float:
    """The bound by halving alone."""
    low, high = 0.0, failed / total
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if binomial_tail(failed, total, middle) <= alpha else (low, middle)
        if high - low <= 1e-5 * high:
            break
    return low


@settings(deadline=None, max_examples=300)
@given(st.floats(0.01, 1.0), st.floats(-2.0, 6.0), st.sampled_from([0.05, 0.001, 1e-6, 0.3, 0.7]))
def test_the_bound_is_to_the_last_digit_the_one_that_halving_finds(share: float, size: float, alpha: float) -> None:
    total = 10.0**size
    failed = share**3 * total
    assert at_least(failed, total, alpha) == halved(failed, total, alpha)


def test_the_bound_asks_the_tail_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def counted(failed: float, total: float, share: float) -> float:
        asked.append(share)
        return binomial_tail(failed, total, share)

    monkeypatch.setattr("meshtop.analysis.traffic.bounds.binomial_tail", counted)
    for failed, total in ((3.0, 95.0), (12.0, 240.0), (5.0, 5.0), (9_000.0, 26_000.0)):
        asked.clear()
        at_least(failed, total, 0.001)
        assert len(asked) <= 9


def test_millions_of_requests_and_fractions_of_them() -> None:
    assert proves(102_000, 10_000_000, 0.01, 0.001)
    assert not proves(100_100, 10_000_000, 0.01, 0.001)
    assert not proves(0.4, 95.2, 0.01, 0.001)
    assert proves(1, 10_000, 0.0, 0.001), "a bound of 0 is reached above it"
    assert not proves(0, 10, 0.0, 0.001)


def test_a_false_alarm_at_the_bound_is_as_rare_as_promised() -> None:
    """Of all outcomes with exactly the bound's share, those that prove it come no more often than alpha."""
    for total in (5, 50, 400):
        alarms = [failed for failed in range(total + 1) if proves(failed, total, 0.01, 0.001)]
        assert summed(min(alarms), total, 0.01) <= 0.001
