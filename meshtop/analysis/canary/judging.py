"""Verdicts from counts: whether a split matches the weights, and whether a canary is worse in errors or latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import inf

from msgspec import Struct, structs

from meshtop.analysis.canary.evidence import Counts, Interval, Margin, share_interval
from meshtop.analysis.canary.owners import last_change
from meshtop.analysis.canary.routes import WeightedRoute
from meshtop.analysis.canary.survey import Survey, SurveyedRoute
from meshtop.analysis.canary.tally import Caller, Tally, added
from meshtop.analysis.canary.verdict import (
    DEFAULT_MARGIN_OF_ERRORS,
    NOT_KNOWN,
    Certainty,
    Comparison,
    ComparisonVerdict,
    Honesty,
    HonestyVerdict,
    compare,
    honesty,
    to_go_words,
    verdict_words,
)
from meshtop.model.constants import DEFAULT_ALPHA, DEFAULT_MINIMUM_REQUESTS, DEFAULT_SPLIT_MARGIN

_REMEMBERED = 2048
"""So many answers are kept: of some hundred canaries in several clusters."""
Stands = Callable[[str, ComparisonVerdict], ComparisonVerdict]
"""What becomes of an answer to a question when what was said before is known."""


class Margins(Struct, frozen=True):
    """What does not matter (settings, `canary.margin`): of a split, of errors, and of slow answers."""

    split: float = DEFAULT_SPLIT_MARGIN
    errors: Margin = DEFAULT_MARGIN_OF_ERRORS
    slow: Margin = DEFAULT_MARGIN_OF_ERRORS


class Judging(Struct, frozen=True):
    """Parameters of canary verdicts (settings, `canary`): `alpha` is the accepted false-alarm rate."""

    alpha: float = DEFAULT_ALPHA
    minimum_requests: int = DEFAULT_MINIMUM_REQUESTS
    latency_ms: float | None = None
    errors: bool = True
    latency: bool = True
    margins: Margins = Margins()

    def alpha_of_one(self, among: int = 1) -> float:
        """Alpha for one question, where the split, errors and slow answers are asked about `among` times each.

        These are the clusters (and their sum), times the canaries of a route.
        """
        return self.alpha / ((1 + int(self.errors) + int(self.latency)) * max(1, among))


class CanaryVerdict(Struct, frozen=True, rename="camel", kw_only=True):
    """Whether a canary is worse than its baseline (INTERFACE.md, `verdict`); `bound_ms` is what counts as slow.

    `cluster` is where, when one cluster's counts alone say it. `e_value_needed` is what an e-value must reach to be
    certain. `summary` says the verdict in words, made of the rest where it is not given; `words` in few.
    """

    verdict: Comparison = Comparison.NOT_ENOUGH_DATA
    e_value: float | None = None
    errors: ComparisonVerdict | None = None
    latency: ComparisonVerdict | None = None
    requests_to_go: int | None = None
    canary: str | None = None
    baseline: str | None = None
    bound_ms: float | None = None
    certainty: Certainty | None = None
    e_value_needed: float | None = None
    cluster: str | None = None
    summary: str = ""

    def __post_init__(self) -> None:
        if not self.summary:
            structs.force_setattr(self, "summary", _summary(self))

    @property
    def questions(self) -> tuple[tuple[str, ComparisonVerdict], ...]:
        """What was asked, in words, and its answer."""
        slow = "slow answers" if self.bound_ms is None else f"answers slower than {self.bound_ms:g} ms"
        found = (("errors", self.errors), (slow, self.latency))
        return tuple((name, one) for name, one in found if one is not None)

    @property
    def words(self) -> str:
        """The verdict as few words: `worse, certain`, `too little traffic`; `not known` where nothing was compared."""
        if self.verdict is Comparison.NOT_ENOUGH_DATA and not self.questions and self.requests_to_go is None:
            return NOT_KNOWN
        return verdict_words(self.verdict, self.certainty)

    @property
    def explanation(self) -> str:
        """What was counted, and from how many bad answers on the canary is called worse."""
        return ", ".join(f"{name} {one.explanation}" for name, one in self.questions if one.explanation)


def latency_bound(tallies: Sequence[Tally], wanted_ms: float | None) -> float | None:
    """The histogram bound, in milliseconds, above which a response counts as slow.

    The first bound not below `wanted_ms`; without one, the first that covers 99 % of these responses.
    """
    total = Tally()
    for one in tallies:
        total = total + one
    bounds, counts = total.durations.bounds, total.durations.rates
    if not bounds or counts[-1] <= 0:
        return None
    for bound, count in zip(bounds, counts, strict=True):
        if bound == inf:
            break
        if (bound >= wanted_ms) if wanted_ms is not None else (count >= 0.99 * counts[-1]):
            return bound
    return None


def judge(
    canary: Tally,
    baseline: Tally,
    judging: Judging,
    *,
    among: int = 1,
    bound_ms: float | None = None,
    names: tuple[str | None, str | None] = (None, None),
    stands: Stands | None = None,
    in_brief: bool = False,
) -> CanaryVerdict:
    """The verdict on a canary; alpha is shared between the questions that are asked, `among` times each.

    `stands` may keep an answer that was given before. `in_brief` is that of `compare`.
    """
    alpha = judging.alpha_of_one(among)
    asked: dict[str, tuple[Counts, Counts, Margin]] = {}
    if judging.errors:
        counts = (Counts(canary.told, canary.bad), Counts(baseline.told, baseline.bad))
        asked["errors"] = (*counts, judging.margins.errors)
    if judging.latency and bound_ms is not None:
        slow, usual = canary.slower(bound_ms), baseline.slower(bound_ms)
        if slow is not None and usual is not None:
            asked["latency"] = (Counts(slow[1], slow[0]), Counts(usual[1], usual[0]), judging.margins.slow)
    answers: dict[str, ComparisonVerdict] = {}
    for question, (mine, theirs, margin) in asked.items():
        answer = _compared(
            mine.requests, mine.bad, theirs.requests, theirs.bad, alpha, judging.minimum_requests, margin, in_brief
        )
        answers[question] = answer if stands is None else stands(question, answer)
    found = list(answers.values())
    e_values = [one.e_value for one in found if one.e_value is not None]
    to_go = [one.requests_to_go for one in found if one.verdict is Comparison.NOT_ENOUGH_DATA]
    verdict = _worst(found)
    return CanaryVerdict(
        verdict=verdict,
        e_value=max(e_values, default=None),
        errors=answers.get("errors"),
        latency=answers.get("latency"),
        requests_to_go=_furthest(to_go) if found else None,
        canary=names[0],
        baseline=names[1],
        bound_ms=bound_ms,
        certainty=_certainty(verdict, found),
        e_value_needed=1 / alpha if found else None,
    )


_interval = lru_cache(_REMEMBERED, typed=True)(share_interval)
"""As `share_interval`, of counts that are the same in most looks: they come once a scrape, and clusters change more."""


@lru_cache(_REMEMBERED, typed=True)
def _compared(
    requests: float,
    bad: float,
    their_requests: float,
    their_bad: float,
    alpha: float,
    minimum_requests: int,
    margin: Margin,
    in_brief: bool,
) -> ComparisonVerdict:
    """As `compare`, of counts that are the same in most looks."""
    mine, theirs = Counts(requests, bad), Counts(their_requests, their_bad)
    return compare(mine, theirs, alpha=alpha, minimum_requests=minimum_requests, margin=margin, in_brief=in_brief)


def _furthest(to_go: Sequence[int | None]) -> int | None:
    known = [number for number in to_go if number is not None]
    return None if len(known) < len(to_go) else max(known, default=0)


def _worst(found: Sequence[ComparisonVerdict]) -> Comparison:
    verdicts = {one.verdict for one in found}
    if Comparison.WORSE in verdicts:
        return Comparison.WORSE
    if not verdicts or Comparison.NOT_ENOUGH_DATA in verdicts:
        return Comparison.NOT_ENOUGH_DATA
    return Comparison.NOT_WORSE


def _certainty(verdict: Comparison, found: Sequence[ComparisonVerdict]) -> Certainty | None:
    """That of the answers that make the verdict: the surest of a bad one, the least sure of a good one."""
    sure = {one.certainty for one in found if one.verdict is verdict}
    order = (Certainty.LIKELY, Certainty.CERTAIN) if verdict is Comparison.NOT_WORSE else tuple(Certainty)
    return next((one for one in order if one in sure), None)


def _summary(made: CanaryVerdict) -> str:
    canary, baseline = made.canary or "the canary", made.baseline or "its baseline"
    where = "" if made.cluster is None else f" in {made.cluster}"
    how = f"{where}, {made.certainty.value}" if made.certainty is not None else where
    if made.verdict is Comparison.NOT_WORSE:
        return f"{canary} is not worse than {baseline}{how}"
    bad = [(name, one) for name, one in made.questions if one.verdict is made.verdict and one.certainty is not None]
    figures = ", ".join(one.figures_of(name) for name, one in bad if one.figures)
    figures = f": {figures}" if figures else ""
    if made.verdict is Comparison.WORSE:
        return f"{canary} is worse than {baseline}{how}{figures}"
    if bad:
        return f"{canary} is likely worse than {baseline}{figures}{to_go_words(made.requests_to_go)}"
    if made.words == NOT_KNOWN:
        return NOT_KNOWN
    which = f" to compare {canary} with {baseline}" if made.canary and made.baseline else ""
    return f"too little traffic yet{which}{to_go_words(made.requests_to_go)}"


def worst_verdict(verdicts: Sequence[CanaryVerdict]) -> CanaryVerdict:
    """The most severe of several verdicts."""
    order = (Comparison.WORSE, Comparison.NOT_ENOUGH_DATA, Comparison.NOT_WORSE)
    return min(verdicts, key=lambda v: (order.index(v.verdict), -(v.e_value or 0.0)), default=CanaryVerdict())


class Judgement(Struct, frozen=True, kw_only=True):
    """One route's counts with their verdicts; `split` and `tallies` are in the order of its destinations.

    `split` are requests (whole numbers) over all callers, `seconds` the counted period (0: nothing was counted).
    `untold` is the reason why the split is not judged, as a clause.
    """

    callers: tuple[Caller, ...]
    seconds: float
    split: tuple[float, ...]
    tallies: tuple[Tally, ...]
    honesty: HonestyVerdict
    verdict: CanaryVerdict
    share_intervals: tuple[Interval | None, ...]
    error_intervals: tuple[Interval | None, ...]
    untold: str | None = None


FORGET_SECONDS = 3600.0
"""What was said of a route that nobody asked about for so long is forgotten."""


class Standing:
    """What was said of each route, so that it is taken back later than it was said.

    Once something is certain, it stands for these weights until it is not even likely any more. (Of one growing count
    it could stand for ever; but weights that have stood for an hour are judged on their last hour.)
    """

    def __init__(self) -> None:
        self._said: dict[tuple[str, ...], tuple[float | None, float]] = {}

    @property
    def held(self) -> int:
        """How many questions it remembers."""
        return len(self._said)

    def holds(self, what: tuple[str, ...], changed: float | None, at: float, *, certain: bool, likely: bool) -> bool:
        """Whether it is to be said of weights that last changed at `changed`, looked at `at` (Unix seconds)."""
        before = self._said.get(what)
        stood = before is not None and before[0] == changed and before[1] <= at
        if certain or (likely and stood):
            self._said[what] = (changed, at)
            return True
        self._said.pop(what, None)
        return False

    def forget(self, now: float) -> None:
        """Forget what was last said an hour before `now` (Unix seconds): routes come and go."""
        for what in [what for what, (_, at) in self._said.items() if now - at > FORGET_SECONDS]:
            del self._said[what]


class Judgements:
    """The judgement of each route of a survey, made once: neither depends on the present moment.

    `standing` is what was said before; without it every judgement stands by itself.
    """

    def __init__(self, survey: Survey, judging: Judging, standing: Standing | None = None) -> None:
        self.survey = survey
        self.judging = judging
        self._standing = standing or Standing()
        self._made: dict[str, Judgement] = {}
        self._in_brief: dict[str, Judgement] = {}

    def of(self, surveyed: SurveyedRoute, *, in_brief: bool = False) -> Judgement:
        """The judgement of one route of the survey.

        `in_brief` it has the same verdicts, but no intervals, nor from how many bad answers on a canary is worse: for
        who is told of the bad ones alone, whose verdicts are whole in any case.
        """
        identity = surveyed.route.identity
        if identity in self._made:
            return self._made[identity]
        made = self._in_brief if in_brief else self._made
        if identity not in made:
            made[identity] = self._judge(surveyed, in_brief=in_brief)
        return made[identity]

    def _judge(self, surveyed: SurveyedRoute, *, in_brief: bool) -> Judgement:
        route = surveyed.route
        seen = self.survey.seen(surveyed)
        callers = seen.callers if surveyed.untold is None else ()
        counted = sums_of([caller.split for caller in callers], len(route.destinations))
        split = tuple(float(round(count)) for count in counted)
        tallies = added(callers, len(route.destinations))
        among = (1 + len(self.survey.routes_like(surveyed))) * max(1, len(canaries_of(route)))
        change = last_change(route.managers)
        changed, at = (None if change is None else change.at), seen.at

        def stands(question: str, one: ComparisonVerdict) -> ComparisonVerdict:
            if self._holds((route.identity, question), changed, at, one):
                return structs.replace(one, verdict=Comparison.WORSE, requests_to_go=0, summary="")
            return one

        told = HonestyVerdict(Honesty.NOT_ENOUGH_DATA)
        if seen.seconds:
            told = split_honesty(route, split, self.judging, among=among, untold=seen.untold)
            if self._holds((route.identity, "split"), changed, at, told):
                told = structs.replace(told, verdict=Honesty.NOT_HONOURED, requests_to_go=0, summary="")
        verdict = _verdict(route, tallies, self.judging, among, stands, in_brief=in_brief)
        if not seen.seconds or seen.silent or surveyed.untold is not None:
            # Nothing was counted, or the versions cannot be told apart: more requests would not tell either.
            verdict = structs.replace(verdict, errors=None, latency=None, requests_to_go=None, summary="")
        return Judgement(
            callers=callers,
            seconds=seen.seconds,
            split=split,
            tallies=tallies,
            honesty=told,
            verdict=verdict,
            share_intervals=tuple(
                None if in_brief else _interval(count, sum(split), self.judging.alpha) for count in split
            ),
            error_intervals=tuple(
                None if in_brief else _interval(one.bad, one.told, self.judging.alpha) for one in tallies
            ),
            untold=seen.untold if seen.seconds else None,
        )

    def _holds(
        self, what: tuple[str, ...], changed: float | None, at: float, one: ComparisonVerdict | HonestyVerdict
    ) -> bool:
        return self._standing.holds(what, changed, at, certain=one.is_bad, likely=one.may_be_bad)


def split_honesty(
    route: WeightedRoute, split: Sequence[float], judging: Judging, *, among: int = 1, untold: str | None = None
) -> HonestyVerdict:
    """Whether requests are split as the weights are set; not judged where telemetry cannot tell (`untold`)."""
    shares = [d.share for d in route.destinations]
    if sum(shares) <= 0 or untold is not None:
        return HonestyVerdict(Honesty.NOT_ENOUGH_DATA, None, sum(split), None, summary="cannot be told")
    return honesty(
        split,
        shares,
        alpha=judging.alpha_of_one(among),
        minimum_requests=judging.minimum_requests,
        margin=judging.margins.split,
    )


def sums_of(splits: Sequence[Sequence[float]], count: int) -> tuple[float, ...]:
    """Splits added, position by position."""
    return tuple(sum(split[i] for split in splits) for i in range(count))


def _baseline_of(route: WeightedRoute) -> int:
    shares = [d.share for d in route.destinations]
    return max(range(len(shares)), key=lambda i: (shares[i], -i))


def canaries_of(route: WeightedRoute) -> list[int]:
    """The destinations with weight but the baseline, which is the one with the largest share (the first of equals)."""
    base = _baseline_of(route)
    return [i for i, d in enumerate(route.destinations) if i != base and d.share > 0]


def _verdict(
    route: WeightedRoute, tallies: Sequence[Tally], judging: Judging, among: int, stands: Stands, *, in_brief: bool
) -> CanaryVerdict:
    base = _baseline_of(route)
    bound = latency_bound([tallies[base]], judging.latency_ms)
    verdicts = []
    for i in canaries_of(route):
        name = route.destinations[i].name

        def kept(question: str, one: ComparisonVerdict, name: str = name) -> ComparisonVerdict:
            # A route's canaries are told apart by their names.
            return stands(f"{question} {name}", one)

        verdicts.append(
            judge(
                tallies[i],
                tallies[base],
                judging,
                among=among,
                bound_ms=bound,
                names=(name, route.destinations[base].name),
                stands=kept,
                in_brief=in_brief,
            )
        )
    return worst_verdict(verdicts)
