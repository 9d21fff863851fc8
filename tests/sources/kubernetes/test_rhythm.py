"""Common beats: whoever waits for one wakes with the others, and never at once again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.sources.http.rhythm import until_beat


@pytest.mark.parametrize(
    ("now", "period", "least", "seconds"),
    [
        (0.0, 5.0, 0.0, 5.0),
        (3.0, 5.0, 0.0, 2.0),
        (3.0, 5.0, 2.5, 7.0),
        (5.0, 5.0, 2.5, 5.0),
        (5.4, 5.0, 2.5, 4.6),
        (7.0, 0.0, 1.0, 1.0),
    ],
)
def test_the_next_beat(now: float, period: float, least: float, seconds: float) -> None:
    assert until_beat(now, period, least=least) == pytest.approx(seconds)


@given(st.floats(0, 1e6), st.floats(0.05, 3600), st.floats(0, 7200))
def test_a_beat_is_far_enough_away_and_not_further_than_it_must_be(now: float, period: float, least: float) -> None:
    seconds = until_beat(now, period, least=least)
    assert least <= seconds <= least + period + 1e-6
    beat = (now + seconds) / period
    assert beat == pytest.approx(round(beat), abs=1e-6) or seconds == least
