"""Verdicts from counts: whether a split matches the weights, and whether a canary is worse in errors or latency."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from msgspec import Struct

from meshtop.analysis.canary.routes import WeightedRoute
from meshtop.analysis.canary.survey import Survey, SurveyedRoute
from meshtop.analysis.canary.tally import Caller, Tally, added
from meshtop.analysis.canary.verdict import (
    Comparison,
    ComparisonVerdict,
    Counts,
    Honesty,
    HonestyVerdict,
    compare,
    honesty,
)
from meshtop.model.constants import DEFAULT_ALPHA, DEFAULT_MINIMUM_REQUESTS


class Judging(Struct, frozen=True):
    """Parameters of canary verdicts (settings, `canary`): `alpha` is the accepted false-alarm rate."""

    alpha: float = DEFAULT_ALPHA
    minimum_requests: int = DEFAULT_MINIMUM_REQUESTS
    latency_ms: float | None = None
    errors: bool = True
    latency: bool = True


class CanaryVerdict(Struct, frozen=True, rename="camel", kw_only=True):
    """Whether a canary is worse than its baseline (INTERFACE.md, `verdict`); `bound_ms` is what counts as slow."""

    verdict: Comparison = Comparison.NOT_ENOUGH_DATA
    e_value: float | None = None
    errors: ComparisonVerdict | None = None
    latency: ComparisonVerdict | None = None
    requests_to_go: int | None = None
    canary: str | None = None
    baseline: str | None = None
    bound_ms: float | None = None


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
    bound_ms: float | None = None,
    names: tuple[str | None, str | None] = (None, None),
) -> CanaryVerdict:
    """The verdict on a canary; alpha is divided among the comparisons made."""
    asked = int(judging.errors) + int(judging.latency)
    if not asked:
        return CanaryVerdict(canary=names[0], baseline=names[1])
    alpha = judging.alpha / asked
    errors = latency = None
    if judging.errors:
        errors = compare(
            Counts(canary.told, canary.bad),
            Counts(baseline.told, baseline.bad),
            alpha=alpha,
            minimum_requests=judging.minimum_requests,
        )
    if judging.latency and bound_ms is not None:
        slow, usual = canary.slower(bound_ms), baseline.slower(bound_ms)
        if slow is not None and usual is not None:
            latency = compare(
                Counts(slow[1], slow[0]),
                Counts(usual[1], usual[0]),
                alpha=alpha,
                minimum_requests=judging.minimum_requests,
            )
    found = [one for one in (errors, latency) if one is not None]
    e_values = [one.e_value for one in found if one.e_value is not None]
    to_go = [one.requests_to_go for one in found if one.verdict is Comparison.NOT_ENOUGH_DATA]
    return CanaryVerdict(
        verdict=_worst(found),
        e_value=max(e_values, default=None),
        errors=errors,
        latency=latency,
        requests_to_go=_furthest(to_go) if found else None,
        canary=names[0],
        baseline=names[1],
        bound_ms=bound_ms,
    )


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
    untold: str | None = None


class Judgements:
    """The judgement of each route of a survey, computed once: neither depends on the current time."""

    def __init__(self, survey: Survey, judging: Judging) -> None:
        self.survey = survey
        self.judging = judging
        self._made: dict[str, Judgement] = {}

    def of(self, surveyed: SurveyedRoute) -> Judgement:
        """The judgement of one route of the survey."""
        identity = surveyed.route.identity
        if identity not in self._made:
            self._made[identity] = self._judge(surveyed)
        return self._made[identity]

    def _judge(self, surveyed: SurveyedRoute) -> Judgement:
        route = surveyed.route
        seen = self.survey.seen(surveyed)
        callers = seen.callers if surveyed.untold is None else ()
        counted = sums_of([caller.split for caller in callers], len(route.destinations))
        split = tuple(float(round(count)) for count in counted)
        tallies = added(callers, len(route.destinations))
        unknown = HonestyVerdict(Honesty.NOT_ENOUGH_DATA)
        return Judgement(
            callers=callers,
            seconds=seen.seconds,
            split=split,
            tallies=tallies,
            honesty=split_honesty(route, split, self.judging, untold=seen.untold) if seen.seconds else unknown,
            verdict=_verdict(route, tallies, self.judging),
            untold=seen.untold if seen.seconds else None,
        )


def split_honesty(
    route: WeightedRoute, split: Sequence[float], judging: Judging, *, untold: str | None = None
) -> HonestyVerdict:
    """Whether requests are split as the weights are set; not judged where telemetry cannot tell (`untold`)."""
    shares = [d.share for d in route.destinations]
    if sum(shares) <= 0 or untold is not None:
        return HonestyVerdict(Honesty.NOT_ENOUGH_DATA, None, sum(split), None)
    return honesty(split, shares, alpha=judging.alpha, minimum_requests=judging.minimum_requests)


def sums_of(splits: Sequence[Sequence[float]], count: int) -> tuple[float, ...]:
    """Splits added, position by position."""
    return tuple(sum(split[i] for split in splits) for i in range(count))


def _verdict(route: WeightedRoute, tallies: Sequence[Tally], judging: Judging) -> CanaryVerdict:
    """The worst verdict of a route: the largest share is the baseline, all others with weight are canaries."""
    shares = [d.share for d in route.destinations]
    base = max(range(len(shares)), key=lambda i: (shares[i], -i))
    bound = latency_bound([tallies[base]], judging.latency_ms)
    verdicts = [
        judge(
            tallies[i],
            tallies[base],
            judging,
            bound_ms=bound,
            names=(d.name, route.destinations[base].name),
        )
        for i, d in enumerate(route.destinations)
        if i != base and d.share > 0
    ]
    return worst_verdict(verdicts)
