"""Verdicts in words: what is called worse, off, likely, or too little, by table and by seeded simulation."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from benchmarks.judgement import Case, Split, Versions, alarms
from meshtop.analysis.canary.evidence import Counts, Margin
from meshtop.analysis.canary.verdict import (
    Certainty,
    Comparison,
    Honesty,
    compare,
    honesty,
    requests_needed,
    verdict_words,
    worth_seeing,
)

CERTAIN, LIKELY = Certainty.CERTAIN, Certainty.LIKELY


@pytest.mark.parametrize(
    ("case", "alpha"),
    [
        (Versions(60, 60, 0.015, 0.01), 0.05),
        (Versions(60, 60, 0.0625, 0.05), 0.05),
        (Versions(60, 240, 0.01, 0.01), 0.05),
        (Split(60, 0.2, 0.22), 0.05),
        (Split(60, 0.05, 0.03), 0.05),
    ],
)
def test_at_the_edge_of_the_margin_a_look_every_15_s_raises_at_most_alpha_false_alarms(
    case: Case, alpha: float
) -> None:
    """Fifty simulated hours each; the benchmark does it with thousands of days."""
    assert len(alarms(case, alpha, 60, 50)) / 50 <= alpha


@pytest.mark.parametrize(("case", "minutes"), [(Versions(60, 60, 0.05, 0.01), 10), (Versions(60, 1140, 0.05, 0.01), 4)])
def test_a_canary_that_errs_five_times_as_often_is_found_in_minutes(case: Versions, minutes: int) -> None:
    found = alarms(case, 0.05, 60, 101)
    assert len(found) >= 100, "it is found in nearly every hour"
    assert found[50] <= minutes, "half of them are found in time"


def test_a_bad_canary_is_found_within_the_requests_that_were_promised() -> None:
    random = Random(11)
    needed = requests_needed(0.01, 0.2)
    assert needed is not None
    found = 0
    for _ in range(40):
        canary, baseline = [0, 0], [0, 0]
        for _ in range(2 * needed):
            side, ratio = (canary, 0.03) if random.random() < 0.2 else (baseline, 0.01)
            side[0] += 1
            side[1] += random.random() < ratio
        found += compare(Counts(*canary), Counts(*baseline)).verdict is Comparison.WORSE
    assert found >= 32, "twice the promised number finds it in at least four of five runs"


@pytest.mark.parametrize(
    ("canary", "baseline", "verdict", "certainty", "words"),
    [
        ((600, 31), (2400, 12), Comparison.WORSE, CERTAIN, "worse, certain: +4.7 points"),
        ((600, 26), (600, 6), Comparison.NOT_ENOUGH_DATA, LIKELY, "worse, likely: +3.3 points"),
        ((20, 0), (80, 1), Comparison.NOT_ENOUGH_DATA, None, "too little traffic yet: -1.2 points"),
        ((2000, 24), (8000, 80), Comparison.NOT_WORSE, LIKELY, "not worse, likely: +0.2 points"),
        (
            (60_000, 620),
            (240_000, 2400),
            Comparison.NOT_WORSE,
            CERTAIN,
            "not worse, certain: +0.03 points (-0.17 to 0.25)",
        ),
        ((10_000, 10), (10_000, 900), Comparison.NOT_WORSE, CERTAIN, "not worse, certain: -8.9 points"),
    ],
)
def test_a_comparison_in_words(
    canary: tuple[int, int],
    baseline: tuple[int, int],
    verdict: Comparison,
    certainty: Certainty | None,
    words: str,
) -> None:
    found = compare(Counts(*canary), Counts(*baseline))
    assert (found.verdict, found.certainty) == (verdict, certainty)
    assert found.summary.startswith(words)
    assert ("requests to go" in found.summary) is (verdict is Comparison.NOT_ENOUGH_DATA)


@pytest.mark.parametrize("hours", [1, 24, 24 * 365])
def test_a_trifle_is_never_worse_however_many_requests_there_are(hours: int) -> None:
    """A hundred thousand requests a second, 0.04 points more of slow answers: once called worse."""
    n = 100_000 * 3600 * hours
    found = compare(Counts(0.2 * n, 0.2 * n * 0.0104), Counts(0.8 * n, 0.8 * n * 0.01))
    assert (found.verdict, found.certainty) == (Comparison.NOT_WORSE, CERTAIN)


def test_how_much_it_takes_is_how_much_it_takes() -> None:
    canary, baseline = Counts(600, 3), Counts(2400, 12)
    enough = compare(canary, baseline).worse_from
    assert enough is not None
    assert compare(structs.replace(canary, bad=enough), baseline).verdict is Comparison.WORSE
    assert compare(structs.replace(canary, bad=enough - 1), baseline).verdict is not Comparison.WORSE
    assert compare(canary, baseline).explanation == f"3 of 600 against 12 of 2,400; worse from {enough} on"
    assert compare(Counts(1, 0), Counts(1, 0)).worse_from is None, "one request is never enough"


def test_a_margin_of_one_s_own_decides() -> None:
    canary, baseline = Counts(10_000, 400), Counts(10_000, 100)
    assert compare(canary, baseline).verdict is Comparison.WORSE
    assert compare(canary, baseline, margin=Margin(0.05)).verdict is not Comparison.WORSE
    assert compare(canary, baseline, margin=Margin(0.005, 4.0)).verdict is not Comparison.WORSE


@given(st.floats(0, 0.3), st.floats(0.02, 0.98))
def test_requests_needed_do_show_it(ratio: float, share: float) -> None:
    needed = requests_needed(ratio, share)
    assert needed is not None
    bad = worth_seeing(ratio, Margin(0.005, 0.25))
    canary = Counts(needed * share, needed * share * bad)
    baseline = Counts(needed * (1 - share), needed * (1 - share) * ratio)
    assert compare(canary, baseline).verdict is Comparison.WORSE


@given(st.floats(0, 0.3), st.floats(0, 0.5), st.floats(0, 2.0))
def test_what_is_worth_seeing_lies_beyond_every_margin(ratio: float, absolute: float, relative: float) -> None:
    margin = Margin(absolute, relative)
    assert worth_seeing(ratio, margin) > margin.bound(ratio) or margin.bound(ratio) >= 0.99


@pytest.mark.parametrize(
    ("requests", "weights", "want", "words"),
    [
        ((0, 0), (80, 20), Honesty.NO_TRAFFIC, "no traffic"),
        ((8, 2), (80, 20), Honesty.NOT_ENOUGH_DATA, "too little traffic yet, about 190 requests to go"),
        ((199, 0), (199, 1), Honesty.NOT_ENOUGH_DATA, "too little traffic yet, about 1 request to go"),
        ((8030, 1970), (80, 20), Honesty.HONOURED, "as set, certain"),
        ((8030, 1970), (8, 2), Honesty.HONOURED, "as set, certain"),
        ((165, 40), (80, 20), Honesty.HONOURED, "as set, likely"),
        ((102_912, 25_088), (80, 20), Honesty.HONOURED, "as set, certain"),
        ((9000, 1000), (80, 20), Honesty.NOT_HONOURED, "off, certain"),
        ((70, 36), (80, 20), Honesty.NOT_ENOUGH_DATA, "off, likely, about"),
        ((1000, 1), (100, 0), Honesty.HONOURED, "as set, certain"),
        ((900, 100), (100, 0), Honesty.NOT_HONOURED, "off, certain"),
        ((20_000, 0), (99, 1), Honesty.NOT_HONOURED, "off, certain"),
        ((330, 340, 330), (1, 1, 1), Honesty.HONOURED, "as set, likely"),
        ((500, 300, 200), (1, 1, 1), Honesty.NOT_HONOURED, "off, certain"),
    ],
)
def test_honesty(requests: tuple[int, ...], weights: tuple[int, ...], want: Honesty, words: str) -> None:
    found = honesty(requests, weights, margin=0.02)
    assert found.verdict is want
    assert found.summary.startswith(words)


def test_few_words() -> None:
    assert verdict_words(Comparison.WORSE, CERTAIN) == "worse, certain"
    assert verdict_words(Comparison.NOT_ENOUGH_DATA, LIKELY) == "worse, likely"
    assert verdict_words(Comparison.NOT_ENOUGH_DATA, None) == "too little traffic"
    assert verdict_words(Comparison.NOT_WORSE, LIKELY) == "not worse, likely"
