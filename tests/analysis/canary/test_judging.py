"""What a judgement begins with, what it remembers, and that everybody says it in the same words."""

from __future__ import annotations

from unittest.mock import Mock

import msgspec
import pytest
from msgspec import structs

from meshtop.actions.events import ActionEvent, EventKind
from meshtop.actions.shift.narration import line_of
from meshtop.analysis.canary import judging as judging_module
from meshtop.analysis.canary.board import Board, CanaryRow
from meshtop.analysis.canary.evidence import Margin
from meshtop.analysis.canary.judging import Judgements, Judging, Margins, Standing, judge
from meshtop.analysis.canary.survey import LONGEST_PUSH_SECONDS, PUSH_SECONDS, SCRAPES_SECONDS, Survey, since_of
from meshtop.analysis.canary.tally import Tally
from meshtop.analysis.canary.verdict import Certainty, Comparison, Honesty, compare
from meshtop.analysis.traffic.convergence import CONVERGENCE_METRIC, convergence_seconds
from meshtop.model.canary import RouteCounts
from meshtop.model.telemetry import Scalar, Telemetry
from meshtop.observatory.canaries import routes_to_count
from meshtop.views.kinds.canaries import verdict_cell
from tests.analysis.canary.test_board import AT, RULE, cluster, counts, sample, service

CHANGED = AT - 1800
"""When the weights of the route changed."""


def counted(bad: int, *, requests: int = 1000, at: float = AT) -> RouteCounts:
    samples = (
        sample("v1", 4.0 * requests),
        sample("v2", float(requests - bad)),
        sample("v2", float(bad), response_code="503"),
    )
    return structs.replace(counts(*samples), at=at)


def row(counts_: RouteCounts, standing: Standing | None = None, judging: Judging | None = None) -> CanaryRow:
    survey = Survey([cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counts_])])
    (found,) = Board(Judgements(survey, judging or Judging(), standing), now=counts_.at).rows()
    return found


def test_counts_that_are_the_same_are_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts come once a scrape, and between them clusters change, for which canaries were judged anew."""
    monkeypatch.setattr(judging_module, "compare", asked := Mock(wraps=compare))
    first = row(counted(17, requests=1009))
    calls = asked.call_count
    assert calls > 0
    assert row(counted(17, requests=1009), judging=Judging()) == first
    assert asked.call_count == calls
    assert row(counted(18, requests=1009)) != first
    assert asked.call_count > calls


ENOUGH, LIKELY, NOTHING = 30, 13, 3
"""So many errors of 1,000 make a canary certainly, likely and not worse than a baseline without any."""


def test_what_was_said_is_taken_back_when_it_is_not_even_likely_any_more() -> None:
    standing = Standing()
    said = [row(counted(bad), standing).verdict for bad in (LIKELY, ENOUGH, LIKELY, LIKELY, NOTHING, LIKELY)]
    assert [(one.verdict, one.certainty) for one in said[:4]] == [
        (Comparison.NOT_ENOUGH_DATA, Certainty.LIKELY),
        (Comparison.WORSE, Certainty.CERTAIN),
        (Comparison.WORSE, Certainty.LIKELY),
        (Comparison.WORSE, Certainty.LIKELY),
    ]
    assert said[2].summary.startswith("v2 is worse than v1, likely: ")
    assert said[4].verdict is not Comparison.WORSE
    assert said[5].verdict is Comparison.NOT_ENOUGH_DATA, "taken back, it has to be shown again"


def test_a_split_that_was_off_stays_off_for_as_long_as_it_is_likely() -> None:
    standing = Standing()
    parts = [(5000.0, 2000.0), (600.0, 220.0), (8000.0, 2000.0)]
    said = [row(counts(sample("v1", one), sample("v2", two)), standing).honesty for one, two in parts]
    alone = [row(counts(sample("v1", one), sample("v2", two))).honesty for one, two in parts]
    assert [one.verdict for one in said] == [Honesty.NOT_HONOURED, Honesty.NOT_HONOURED, Honesty.HONOURED]
    assert alone[1].verdict is Honesty.NOT_ENOUGH_DATA
    assert standing.holds(("x",), 1.0, 5.0, certain=True, likely=False)
    assert standing.holds(("x",), 1.0, 6.0, certain=False, likely=True)
    assert not standing.holds(("x",), 2.0, 7.0, certain=False, likely=True), "other weights begin anew"
    assert standing.holds(("x",), 2.0, 8.0, certain=True, likely=True)
    assert not standing.holds(("x",), 2.0, 3.0, certain=False, likely=True), "earlier, it had not been said"


def test_what_was_said_of_routes_that_are_gone_is_forgotten() -> None:
    standing = Standing()
    for turn in range(200):
        at = AT + turn * 60.0
        for route in range(50):
            assert standing.holds((f"route-{turn}-{route}", "split"), 1.0, at, certain=True, likely=True)
        assert standing.holds(("route", "split"), 1.0, at, certain=turn == 0, likely=True), "asked each time, it stands"
        standing.forget(at)
    assert standing.held <= 50 * 62, "an hour's worth of ten thousand"


def test_everybody_says_the_same_words() -> None:
    found = row(counted(ENOUGH))
    verdict = found.verdict
    assert verdict.summary.startswith("v2 is worse than v1, certain: +3.0 points of errors (")
    assert msgspec.json.decode(msgspec.json.encode(found))["verdict"]["summary"] == verdict.summary
    assert any(verdict.summary in one.message for one in found.findings)
    assert verdict_cell(verdict).text.strip().endswith("worse, certain")
    seen = ActionEvent(kind=EventKind.OBSERVED, action="a", message="worse", verdict=verdict)
    assert f"guard: {verdict.summary}" in line_of(seen)
    guard = judge(
        Tally(1000.0, float(ENOUGH)), Tally(4000.0, 0.0), Judging(), bound_ms=verdict.bound_ms, names=("v2", "v1")
    )
    assert (guard.summary, guard.e_value) == (verdict.summary, verdict.e_value), "the guard asks the same"


def test_an_e_value_stands_in_the_explanation_only() -> None:
    found = row(counted(ENOUGH))
    texts = [found.verdict.summary, found.honesty.summary, *(one.message for one in found.findings)]
    assert not [text for text in texts if "E " in text]


@pytest.mark.parametrize(
    ("margins", "verdict", "honesty"),
    [
        (Margins(), Comparison.WORSE, Honesty.HONOURED),
        (Margins(errors=Margin(0.1)), Comparison.NOT_WORSE, Honesty.HONOURED),
        (Margins(split=0.0001), Comparison.WORSE, Honesty.NOT_HONOURED),
    ],
)
def test_the_margins_of_the_settings_decide(margins: Margins, verdict: Comparison, honesty: Honesty) -> None:
    samples = sample("v1", 40_400.0), sample("v2", 9100.0), sample("v2", 500.0, response_code="503")
    found = row(counts(*samples), judging=Judging(margins=margins))
    assert (found.verdict.verdict, found.honesty.verdict) == (verdict, honesty)


def telemetry(**rates: float) -> Telemetry:
    control = tuple(Scalar(CONVERGENCE_METRIC, {"le": bound}, rate) for bound, rate in rates.items())
    return Telemetry(at=0, window_seconds=300, control=control)


SLOW = telemetry(**{"10": 0.0, "30": 100.0, "+Inf": 100.0})


def test_how_long_a_change_takes_is_read_from_istiod() -> None:
    assert convergence_seconds(None) is None
    assert convergence_seconds(telemetry()) is None
    assert convergence_seconds(telemetry(**{"1": 0.0, "+Inf": 0.0})) is None, "nothing was pushed"
    assert convergence_seconds(SLOW) == pytest.approx(29.8)


@pytest.mark.parametrize(
    ("known", "push"), [(None, PUSH_SECONDS), (SLOW, 29.8), (telemetry(**{"900": 0.0, "3600": 1.0, "+Inf": 1.0}), 120)]
)
def test_counting_begins_when_the_proxies_have_the_change_and_two_scrapes_later(
    known: Telemetry | None, push: float
) -> None:
    inventory = cluster(service(("v1", 80), ("v2", 20)), RULE).inventory
    (asked,) = routes_to_count([(inventory, known)], AT)
    assert asked.since == pytest.approx(CHANGED + push + SCRAPES_SECONDS, abs=1)


def test_requests_are_counted_under_the_domain_that_telemetry_tells() -> None:
    inventory = cluster(service(("v1", 80), ("v2", 20)), RULE).inventory
    told = structs.replace(telemetry(), requests=(sample("v1", 1.0, destination_service="reviews.shop.svc.k8s.acme"),))
    (asked,) = routes_to_count([(inventory, told)], AT)
    assert asked.hosts == ("reviews.shop.svc.k8s.acme",)


@pytest.mark.parametrize(
    ("since", "taken"),
    [
        (CHANGED - 60, False),
        (CHANGED, True),
        (CHANGED + 40, True),
        (CHANGED + LONGEST_PUSH_SECONDS + SCRAPES_SECONDS, True),
        (CHANGED + 600, False),
    ],
)
def test_counts_of_other_weights_are_not_taken(since: float, taken: bool) -> None:
    found = row(structs.replace(counted(0), since=since))
    assert (found.honesty.requests == 5000.0) is taken


def test_weights_that_have_stood_for_long_are_judged_on_their_last_hour() -> None:
    (one,) = Survey([cluster(service(("v1", 80), ("v2", 20)), RULE)]).surveyed
    assert since_of(one.route, AT + 86_400) == AT + 86_400 - 3600


@pytest.mark.parametrize("bad", [ENOUGH, LIKELY, NOTHING, 0])
def test_in_brief_it_says_the_same_of_the_same(bad: int) -> None:
    """What is left out is what only whoever looks at a route reads; of what is bad or may be nothing is."""

    def rows(*, in_brief: bool) -> CanaryRow:
        survey = Survey([cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counted(bad)])])
        board = Board(Judgements(survey, Judging()), now=AT)
        (one,) = survey.surveyed
        return board.row(one, in_brief=in_brief)

    whole, brief = rows(in_brief=False), rows(in_brief=True)
    assert brief.findings == whole.findings
    assert brief.honesty == whole.honesty
    assert brief.verdict.summary == whole.verdict.summary
    for mine, theirs in ((brief.verdict.errors, whole.verdict.errors), (brief.verdict.latency, whole.verdict.latency)):
        assert (mine is None) == (theirs is None)
        if mine is None or theirs is None:
            continue
        if theirs.is_bad or theirs.may_be_bad:
            assert mine == theirs
        else:
            assert mine.interval is None
            assert mine == structs.replace(theirs, interval=None, worse_from=None, summary=mine.summary)
    assert structs.replace(brief, verdict=whole.verdict, destinations=whole.destinations) == whole


def test_what_was_judged_in_brief_is_judged_whole_for_whoever_looks() -> None:
    survey = Survey([cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counted(NOTHING)])])
    (one,) = survey.surveyed
    judgements = Judgements(survey, Judging())
    assert judgements.of(one, in_brief=True).share_intervals == (None, None)
    whole = judgements.of(one)
    assert None not in whole.share_intervals
    assert judgements.of(one, in_brief=True) is whole


def test_a_survey_with_other_counts_is_as_one_made_of_them() -> None:
    """Routes, backends and who follows them are worked out once while no object changes."""
    kept = Survey([cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counted(NOTHING)])])
    Board(Judgements(kept, Judging()), now=AT).rows()
    for bad in (ENOUGH, 0):
        made = counted(bad, requests=1100)
        other = kept.counted({"east": (made,)}, ())
        assert Board(Judgements(other, Judging()), now=AT).rows() == (row(made),)
        assert other.surveyed is kept.surveyed
    silent = kept.counted({"east": ()}, {"east"})
    (one,) = silent.surveyed
    assert silent.seen(one).silent
    assert not kept.seen(one).silent
