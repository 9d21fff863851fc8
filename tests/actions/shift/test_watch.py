"""When a step may be looked at, may end, or needs somebody: by table, without clusters."""

from __future__ import annotations

import pytest

from meshtop.actions.events import ActionOutcome, ObservedSplit, SplitStatus
from meshtop.actions.fleet import Fleet
from meshtop.actions.shift.measure import Measures
from meshtop.actions.shift.plan import ShiftPace, ShiftPlan
from meshtop.actions.shift.watch import EXTENSIONS, ShiftEnded, StepWatch
from meshtop.analysis.canary.evidence import Counts, Interval
from meshtop.analysis.canary.judging import CanaryVerdict
from meshtop.analysis.canary.survey import Survey
from meshtop.analysis.canary.verdict import Certainty, Comparison, ComparisonVerdict
from meshtop.sources.prometheus.counts import SHORTEST_SECONDS

BEGUN, EVERY, SETTLE, PATIENCE = 1000.0, 120.0, 10.0, 90.0
PLAN = ShiftPlan(
    route="n/r",
    steps=({"v2": 50},),
    every_seconds=EVERY,
    pace=ShiftPace(settle=SETTLE, patience=PATIENCE),
)
GOOD = CanaryVerdict(verdict=Comparison.NOT_WORSE)
UNDECIDED = CanaryVerdict(verdict=Comparison.NOT_ENOUGH_DATA)


def step(*statuses: SplitStatus, verdict: CanaryVerdict | None = GOOD, last: bool = False) -> StepWatch:
    measures = Measures(PLAN, {}, Fleet((), Survey(())))
    watch = StepWatch(measures, PLAN, (), 0, before={}, reference={}, bound_ms=None, begun=BEGUN, last=last)
    watch.observed = tuple(
        ObservedSplit(cluster=f"c{number}", status=status, set={}) for number, status in enumerate(statuses)
    )
    watch.verdict = verdict
    return watch


@pytest.mark.parametrize(
    ("after", "due"),
    [
        (0.0, False),
        (SHORTEST_SECONDS, False),
        (SETTLE + SHORTEST_SECONDS - 1, False),
        (SETTLE + SHORTEST_SECONDS, True),
        (PATIENCE, True),
    ],
)
def test_a_look_waits_for_the_push_and_two_scrapes(after: float, due: bool) -> None:
    assert step().due(BEGUN + after) is due


def test_when_patience_is_over_it_is_looked_at_whatever_was_counted() -> None:
    slow = ShiftPlan(route="n/r", steps=({"v2": 50},), pace=ShiftPace(settle=80.0, patience=PATIENCE))
    measures = Measures(slow, {}, Fleet((), Survey(())))
    watch = StepWatch(measures, slow, (), 0, before={}, reference={}, bound_ms=None, begun=BEGUN, last=False)
    assert not watch.due(BEGUN + PATIENCE - 1)
    assert watch.due(BEGUN + PATIENCE)


FOLLOWS, WAITING, NO_TRAFFIC = SplitStatus.FOLLOWS, SplitStatus.WAITING, SplitStatus.NO_TRAFFIC
LATE = EXTENSIONS * EVERY


@pytest.mark.parametrize(
    ("statuses", "verdict", "last", "after", "may_end", "must_ask"),
    [
        ((FOLLOWS,), GOOD, False, EVERY - 1, False, False),
        ((FOLLOWS,), GOOD, False, EVERY, True, False),
        ((FOLLOWS, NO_TRAFFIC), None, False, EVERY, True, False),
        ((FOLLOWS, WAITING), GOOD, False, LATE, False, False),
        ((FOLLOWS,), UNDECIDED, False, EVERY, False, False),
        ((FOLLOWS,), UNDECIDED, False, LATE - 1, False, False),
        ((FOLLOWS,), UNDECIDED, False, LATE, False, True),
        ((FOLLOWS, WAITING), UNDECIDED, False, LATE, False, False),
        ((FOLLOWS,), UNDECIDED, True, EVERY, True, False),
    ],
)
def test_when_a_step_may_end_and_when_somebody_must_decide(
    statuses: tuple[SplitStatus, ...],
    verdict: CanaryVerdict | None,
    last: bool,
    after: float,
    may_end: bool,
    must_ask: bool,
) -> None:
    watch = step(*statuses, verdict=verdict, last=last)
    assert (watch.may_end(BEGUN + after), watch.must_ask(BEGUN + after)) == (may_end, must_ask)


def test_whoever_was_asked_is_asked_again_after_another_step_s_time() -> None:
    watch = step(FOLLOWS, verdict=UNDECIDED)
    now = BEGUN + LATE
    watch.asked(now)
    assert not watch.must_ask(now + EVERY - 1)
    assert watch.must_ask(now + EVERY)


def test_each_cluster_is_confirmed_once_a_step() -> None:
    watch = step(FOLLOWS, WAITING)
    assert [one.cluster for one in watch.newly_confirmed()] == ["c0"]
    assert watch.newly_confirmed() == []
    watch.observed = step(FOLLOWS, NO_TRAFFIC).observed
    assert [one.cluster for one in watch.newly_confirmed()] == ["c1"]


WORSE = ComparisonVerdict(
    Comparison.WORSE, 1234.5, 0.04, Interval(0.01, 0.09), 0, Certainty.CERTAIN, 22, Counts(600, 31), Counts(2400, 12)
)


@pytest.mark.parametrize(
    ("watch", "outcome", "words"),
    [
        (
            step(FOLLOWS, verdict=CanaryVerdict(
                verdict=Comparison.WORSE, e_value=1234.5, errors=WORSE, certainty=Certainty.CERTAIN,
                canary="v2", baseline="v1",
            )),
            ActionOutcome.GUARD_FAILED,
            r"v2 is worse than v1, certain: \+4.0 points of errors \(1.0 to 9.0\) "
            r"\(errors 31 of 600 against 12 of 2,400; worse from 22 on\)\.$",
        ),
        (
            step(FOLLOWS, SplitStatus.DOES_NOT_FOLLOW, SplitStatus.DOES_NOT_FOLLOW),
            ActionOutcome.NOT_FOLLOWED,
            "split does not follow the weights in c1, c2",
        ),
    ],
)  # fmt: skip
def test_what_ends_a_shift_with_everything_taken_back(watch: StepWatch, outcome: ActionOutcome, words: str) -> None:
    with pytest.raises(ShiftEnded, match=words) as caught:
        watch.require_good()
    assert (caught.value.outcome, caught.value.back) == (outcome, True)


def test_what_is_undecided_or_unseen_ends_nothing() -> None:
    step(WAITING, NO_TRAFFIC, SplitStatus.UNKNOWN, verdict=UNDECIDED).require_good()


def test_the_guards_report_says_how_much_it_would_have_taken() -> None:
    errors = ComparisonVerdict(
        Comparison.NOT_WORSE, 0.1, 0.0, None, 0, Certainty.LIKELY, 22, Counts(600, 3), Counts(2400, 12)
    )
    good = CanaryVerdict(
        verdict=Comparison.NOT_WORSE, errors=errors, certainty=Certainty.LIKELY, canary="v2", baseline="v1"
    )
    assert step(FOLLOWS, verdict=good).report == (
        "Guard: v2 is not worse than v1, likely (errors 3 of 600 against 12 of 2,400; worse from 22 on)."
    )
    assert step(FOLLOWS, verdict=None).report is None
