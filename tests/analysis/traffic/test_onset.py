"""When something began: on courses whose beginning is known, and on those that only swing."""

from __future__ import annotations

import random

import pytest

from meshtop.analysis.traffic.onset import appeared, errors_onset, level_onset

STEP = 15.0
TIMES = tuple(i * STEP for i in range(121))
START = 1200.0


def over_a_minute(rate: float, before: float, after: float, began: float = START) -> list[float]:
    """What a rate over the last minute shows of a share that changes at a moment."""
    return [rate * (before + (after - before) * min(1.0, max(0.0, (at - began) / 60.0))) for at in TIMES]


@pytest.mark.parametrize(("before", "after"), [(0.0, 1.0), (0.002, 0.02), (0.003, 0.042), (0.05, 0.3)])
@pytest.mark.parametrize("now", [1245.0, 1260.0, 1500.0, 1800.0])
def test_the_onset_of_errors_is_right_to_a_scrape_or_two(before: float, after: float, now: float) -> None:
    known = [at for at in TIMES if at <= now]
    errors = over_a_minute(200.0, before, after)[: len(known)]
    found = errors_onset(known, [200.0] * len(known), errors)
    assert found is not None
    assert found.exact
    assert found.at == pytest.approx(START, abs=2 * STEP)


def test_errors_in_two_steps_began_with_the_first() -> None:
    errors = [
        a + b for a, b in zip(over_a_minute(30, 0.0, 0.04), over_a_minute(30, 0.0, 0.12, START + 180), strict=True)
    ]
    found = errors_onset(TIMES, [30.0] * len(TIMES), errors)
    assert found is not None
    assert found.at == pytest.approx(START, abs=2 * STEP)


def test_what_always_failed_has_no_onset_but_a_bound() -> None:
    found = errors_onset(TIMES, [2.0] * len(TIMES), [2.0] * len(TIMES))
    assert found is not None
    assert (found.exact, found.at) == (False, TIMES[0])
    assert errors_onset(TIMES, [2.0] * len(TIMES), [0.0] * len(TIMES)) is None
    assert errors_onset(TIMES, [None] * len(TIMES), [None] * len(TIMES)) is None


def test_what_nobody_asked_before_has_failed_since_somebody_does() -> None:
    requests = [None if at < START else 30.0 for at in TIMES]
    found = errors_onset(TIMES, requests, [None if r is None else r * 0.04 for r in requests])
    assert found is not None
    assert found.exact
    assert found.at == pytest.approx(START, abs=STEP)


def test_a_few_errors_by_chance_are_no_onset() -> None:
    chance = random.Random(4)
    found = 0
    for _ in range(200):
        errors = [sum(chance.random() < 0.01 for _ in range(30)) / STEP for _ in TIMES]
        onset = errors_onset(TIMES, [2.0] * len(TIMES), errors)
        found += onset is not None and onset.exact
    assert found == 0


@pytest.mark.parametrize("now", [1260.0, 1800.0])
def test_the_onset_of_a_level(now: float) -> None:
    known = [at for at in TIMES if at <= now]
    values = over_a_minute(45.0, 1.0, 10.0)[: len(known)]
    found = level_onset(known, values, factor=2.0)
    assert found is not None
    assert found.at == pytest.approx(START, abs=2 * STEP)
    assert found.before == pytest.approx(45.0)


def test_a_level_that_swings_or_falls_has_not_risen() -> None:
    swinging = [45.0 + 40.0 * (i % 7 == 0) for i in range(len(TIMES))]
    assert level_onset(TIMES, swinging, factor=2.0) is None
    assert level_onset(TIMES, over_a_minute(45.0, 1.0, 0.1), factor=2.0) is None
    assert level_onset(TIMES, [45.0] * len(TIMES), factor=2.0) is None
    assert level_onset(TIMES[:5], [1.0, 1.0, 9.0, 9.0, 9.0], factor=2.0) is None, "too little of a past"


def test_what_comes_where_nothing_was() -> None:
    values = [None if at < START else 3.4 for at in TIMES]
    found = appeared(TIMES, values, [100.0] * len(TIMES))
    assert found is not None
    assert found.at == pytest.approx(START, abs=STEP)
    assert appeared(TIMES, [3.4] * len(TIMES), [100.0] * len(TIMES)) is None, "it was always there"
    assert appeared(TIMES, values, [None] * len(TIMES)) is None, "nothing was measured there before"
