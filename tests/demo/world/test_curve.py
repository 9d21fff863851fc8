from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.demo.world.curve import DAY, Curve

ORIGIN = 1_735_689_600.0
moments = st.floats(ORIGIN, ORIGIN + 1000 * DAY)
seeds = st.integers(0, 1000)


@settings(max_examples=50)
@given(seeds, moments)
def test_the_rate_is_always_positive(seed: int, at: float) -> None:
    assert Curve.seeded(Random(seed), ORIGIN, peak_hour=20).rate(at) > 0


@settings(max_examples=25)
@given(seeds, moments, st.floats(1, 120))
def test_the_integral_is_what_the_rate_adds_up_to(seed: int, start: float, length: float) -> None:
    curve = Curve.seeded(Random(seed), ORIGIN, peak_hour=20)
    steps = 400
    width = length / steps
    summed = sum(curve.rate(start + (i + 0.5) * width) for i in range(steps)) * width
    assert curve.integral(start + length) - curve.integral(start) == pytest.approx(summed, rel=1e-3)


def test_the_day_has_its_peak_where_it_was_asked_for() -> None:
    curve = Curve.seeded(Random(1), ORIGIN, peak_hour=20, liveliness=0.0)
    hours = [curve.integral(ORIGIN + (h + 1) * 3600) - curve.integral(ORIGIN + h * 3600) for h in range(24)]
    assert abs(hours.index(max(hours)) - 20) <= 3
    assert max(hours) / min(hours) > 1.5


def test_amplitudes_that_could_turn_a_rate_negative_are_refused() -> None:
    with pytest.raises(ValueError, match="less than 1"):
        Curve([(0.6, 60, 0), (0.5, 30, 0)], ORIGIN)
