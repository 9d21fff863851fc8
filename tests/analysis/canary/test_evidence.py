"""The anytime-valid evidence: by exact enumeration, against a plain search, and by its properties."""

from __future__ import annotations

from itertools import product
from math import comb, exp, hypot, log
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from meshtop.analysis.canary import evidence
from meshtop.analysis.canary.evidence import (
    _WIDTH,
    LADDER,
    Counts,
    Interval,
    Margin,
    _spread,
    difference_interval,
    log_evidence_above,
    log_evidence_below,
    log_evidence_not_worse,
    log_evidence_worse,
    share_interval,
    shows_not_worse,
    shows_worse,
    split_bounds,
    split_evidence,
)

MARGIN = Margin(0.005, 0.25)
shares = st.floats(0.0, 1.0)
margins = st.builds(Margin, st.floats(0.0, 0.2), st.floats(0.0, 1.0))


def chance(hits: int, total: int, share: float) -> float:
    return comb(total, hits) * share**hits * (1 - share) ** (total - hits)


def counts(requests: int, bad: int) -> Counts:
    return Counts(float(requests), float(bad))


@st.composite
def seen(draw: st.DrawFn, most: int = 100_000) -> Counts:
    requests = draw(st.integers(1, most))
    return counts(requests, draw(st.integers(0, requests)))


def directly(hits: float, total: float, bound: float, *, above: bool) -> float:
    """The mixture of likelihood ratios, not in logarithms: of the share with these odds over the bound."""
    whole = 0.0
    for odds, weight in LADDER:
        times = odds if above else 1 / odds
        share = times * bound / (1 - bound + times * bound)
        whole += weight * (share / bound) ** hits * ((1 - share) / (1 - bound)) ** (total - hits)
    return whole


def test_the_ladder_is_a_mixture() -> None:
    assert sum(weight for _, weight in LADDER) == pytest.approx(1.0)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 0.99))
def test_logarithms_say_what_plain_numbers_say(counted: tuple[int, int], bound: float) -> None:
    hits, total = counted
    assert exp(log_evidence_above(hits, total, bound)) == pytest.approx(directly(hits, total, bound, above=True))
    assert exp(log_evidence_below(hits, total, bound)) == pytest.approx(directly(hits, total, bound, above=False))


@given(st.integers(1, 30), shares, shares)
def test_one_share_within_its_bound_expects_an_e_value_of_one_at_most(total: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    above = sum(chance(k, total, low) * exp(log_evidence_above(k, total, high)) for k in range(total + 1))
    below = sum(chance(k, total, high) * exp(log_evidence_below(k, total, low)) for k in range(total + 1))
    assert above <= 1 + 1e-9
    assert below <= 1 + 1e-9


@pytest.mark.parametrize("sizes", [(1, 1), (5, 9), (12, 12), (3, 20)])
@pytest.mark.parametrize("margin", [Margin(), MARGIN, Margin(0.05, 0.5), Margin(0.1, 0.0)])
@pytest.mark.parametrize("baseline", [0.0, 0.01, 0.02, 0.2, 0.5, 0.97])
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_a_canary_within_the_margin_expects_an_e_value_of_one_at_most(
    sizes: tuple[int, int], margin: Margin, baseline: float, part: float
) -> None:
    """Exactly, over every outcome; `part` is how far towards the margin's edge the canary's share lies."""
    mine, theirs = sizes
    within, beyond = part * margin.bound(baseline), margin.bound(baseline) + part * (1 - margin.bound(baseline))
    worse = not_worse = 0.0
    for k, j in product(range(mine + 1), range(theirs + 1)):
        usual = chance(j, theirs, baseline)
        pair = counts(mine, k), counts(theirs, j)
        worse += chance(k, mine, within) * usual * exp(log_evidence_worse(*pair, margin))
        not_worse += chance(k, mine, beyond) * usual * exp(log_evidence_not_worse(*pair, margin))
    assert worse <= 1 + 1e-9
    # Where the margin reaches 100 %, no canary can be worse by more, and there is nothing to hold against.
    assert margin.bound(baseline) == 1 or not_worse <= 1 + 1e-9


@given(seen(), seen(), margins)
def test_the_least_over_the_baselines_shares_is_found(canary: Counts, baseline: Counts, margin: Margin) -> None:
    """No share on a fine grid gives less."""
    found = log_evidence_worse(canary, baseline, margin)
    grid = {number / 400 for number in range(401)} | {baseline.bad / baseline.requests}
    plain = [
        log_evidence_above(canary.bad, canary.requests, margin.bound(p))
        + log_evidence_below(baseline.bad, baseline.requests, p)
        for p in grid
    ]
    assert found <= min(plain) + 1e-6 * max(1.0, abs(found))


@given(seen(), seen(), margins, st.floats(-2.0, 15.0))
def test_whether_evidence_is_enough_is_what_its_value_says(
    canary: Counts, baseline: Counts, margin: Margin, enough: float
) -> None:
    for value, shows in ((log_evidence_worse, shows_worse), (log_evidence_not_worse, shows_not_worse)):
        found = value(canary, baseline, margin)
        assume(abs(found - enough) > 1e-6)
        assert shows(canary, baseline, margin, enough) is (found >= enough)


@pytest.mark.parametrize("bad", [12, 400])
def test_whether_evidence_is_enough_is_plain_long_before_its_value_is_found(
    bad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    curve = evidence._Curve
    at = curve.at

    def counted(self: evidence._Curve, bound: float) -> evidence._Point:
        looks.append(bound)
        return at(self, bound)

    monkeypatch.setattr(curve, "at", counted)
    asked = Counts(1000, bad), Counts(9000, 90), MARGIN
    log_evidence_worse(*asked)
    whole, looks[:] = len(looks), []
    shows_worse(*asked, enough=5.0)
    assert 0 < len(looks) <= whole / 2


@given(seen(2000), seen(2000), margins, st.floats(0.0, 0.2), st.floats(0.0, 1.0))
def test_a_wider_margin_never_gives_more_evidence(
    canary: Counts, baseline: Counts, margin: Margin, more: float, relative: float
) -> None:
    wider = Margin(margin.absolute + more, margin.relative + relative)
    assert log_evidence_worse(canary, baseline, wider) <= log_evidence_worse(canary, baseline, margin) + 1e-6
    assert log_evidence_not_worse(canary, baseline, wider) >= log_evidence_not_worse(canary, baseline, margin) - 1e-6


@given(seen(2000), seen(2000), st.floats(0.0, 0.2))
def test_bad_answers_and_good_ones_change_places(canary: Counts, baseline: Counts, margin: float) -> None:
    """That more fail in the canary is that more succeed in the baseline."""
    mine = Counts(baseline.requests, baseline.requests - baseline.bad)
    theirs = Counts(canary.requests, canary.requests - canary.bad)
    there = log_evidence_worse(canary, baseline, Margin(margin))
    assert log_evidence_worse(mine, theirs, Margin(margin)) == pytest.approx(there, abs=1e-6, rel=1e-6)


@given(seen(), seen(), margins)
def test_what_is_seen_within_the_margin_is_no_evidence_however_much_there_is(
    canary: Counts, baseline: Counts, margin: Margin
) -> None:
    assume(canary.bad / canary.requests <= margin.bound(baseline.bad / baseline.requests))
    assert log_evidence_worse(canary, baseline, margin) <= 1e-9


@pytest.mark.parametrize("requests", [1e3, 1e6, 1e9, 1e12])
def test_no_number_of_requests_turns_a_trifle_into_evidence(requests: float) -> None:
    trifle = Counts(requests, 0.0149 * requests), Counts(requests, 0.01 * requests)
    assert log_evidence_worse(*trifle, MARGIN) <= 0.0
    assert split_evidence((0.784 * requests, 0.216 * requests), (80, 20), 0.02).off <= 0.0


def test_more_than_the_margin_shows_when_there_are_enough_requests() -> None:
    for n, least in ((1e5, 0.5), (1e6, 50.0), (1e8, 6000.0)):
        assert log_evidence_worse(Counts(n, 0.017 * n), Counts(n, 0.01 * n), MARGIN) > least


def test_nothing_seen_is_no_evidence() -> None:
    assert log_evidence_worse(Counts(0, 0), Counts(10, 1), MARGIN) == 0.0
    assert log_evidence_worse(Counts(10, 5), Counts(0, 0), MARGIN) == 0.0
    assert split_evidence((0, 0), (80, 20), 0.02).off == 0.0
    assert share_interval(0, 0, 0.05) is None
    assert difference_interval(Counts(0, 0), Counts(10, 1), 0.05) is None


@given(seen(500), seen(500))
def test_intervals_hold_what_was_seen(canary: Counts, baseline: Counts) -> None:
    one = share_interval(canary.bad, canary.requests, 0.05)
    apart = difference_interval(canary, baseline, 0.05)
    share = canary.bad / canary.requests
    assert one is not None
    assert apart is not None
    assert 0 <= one.low <= share <= one.high <= 1
    assert -1 <= apart.low <= share - baseline.bad / baseline.requests <= apart.high <= 1


@given(seen(5000), seen(5000), st.floats(0.001, 0.2))
def test_a_difference_outside_its_interval_is_one_that_the_evidence_rules_out(
    canary: Counts, baseline: Counts, alpha: float
) -> None:
    found = difference_interval(canary, baseline, alpha)
    assert found is not None
    enough = -log(alpha / 2)
    # The ends of an interval are found to a hundredth of what it reaches.
    width = 0.001 + _WIDTH * hypot(*(_spread(one.bad, one.requests) for one in (canary, baseline)))
    if found.low > 0.001:
        assert log_evidence_worse(canary, baseline, Margin(found.low - 0.001)) >= enough - 1e-3
    if 0 <= found.low < 0.99:
        assert log_evidence_worse(canary, baseline, Margin(found.low + width)) <= enough + 1e-3


def test_a_confidence_sequence_holds_the_truth_at_every_look_in_all_but_alpha_of_the_runs() -> None:
    random, missed, runs = Random(3), 0, 150
    for _ in range(runs):
        hits = 0
        for look in range(1, 61):
            hits += sum(random.random() < 0.1 for _ in range(20))
            found = share_interval(hits, 20 * look, 0.1)
            assert found is not None
            if not found.low <= 0.1 <= found.high:
                missed += 1
                break
    assert missed / runs <= 0.1


@given(st.lists(st.tuples(st.integers(0, 200), st.floats(0.01, 1.0)), min_size=1, max_size=5), st.floats(0.1, 100.0))
def test_weights_need_no_particular_sum(parts: list[tuple[int, float]], scale: float) -> None:
    seen_, weights = [n for n, _ in parts], [s for _, s in parts]
    one = split_evidence(seen_, weights, 0.02)
    other = split_evidence(seen_, [s * scale for s in weights], 0.02)
    assert one.off == pytest.approx(other.off, abs=1e-6)
    assert one.as_set == pytest.approx(other.as_set, abs=1e-6)


@pytest.mark.parametrize("weights", [(0.8, 0.2), (0.5, 0.3, 0.2), (1.0, 0.0), (0.99, 0.01)])
@pytest.mark.parametrize("off", [-0.02, -0.005, 0.0, 0.02])
def test_a_split_within_its_bounds_expects_an_e_value_of_one_at_most(weights: tuple[float, ...], off: float) -> None:
    """Exactly, over every outcome of twelve requests; what one destination has too much another has too little."""
    bounds = split_bounds(weights, 0.02)
    truth = (weights[0] - off, weights[1] + off, *weights[2:])
    truth = tuple(min(b.high, max(b.low, t)) for b, t in zip(bounds, truth, strict=True))
    assume_whole = sum(truth)
    if assume_whole != pytest.approx(1.0):
        truth = weights
    total, expected = 12, 0.0
    for outcome in product(range(total + 1), repeat=len(weights)):
        if sum(outcome) != total:
            continue
        probability, left = 1.0, total
        for n, share in zip(outcome, truth, strict=True):
            probability *= comb(left, n) * share**n
            left -= n
        expected += probability * exp(split_evidence(outcome, weights, 0.02).off)
    assert expected <= 1 + 1e-9


def test_a_destination_that_should_get_something_gets_half_of_it_at_least() -> None:
    assert split_bounds((0.99, 0.01, 0.0), 0.02) == [Interval(0.97, 1.0), Interval(0.005, 0.03), Interval(0.0, 0.02)]


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="each count"):
        split_evidence((1,), (0.5, 0.5), 0.02)
    with pytest.raises(ValueError, match="not negative"):
        split_evidence((1, 1), (0.0, 0.0), 0.02)
