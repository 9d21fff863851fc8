"""What the counts behind each weighted route say: the split, whether it is honest, whether the canary is worse."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.analysis.canary.judging import CanaryVerdict, Judging, judge, latency_bound, worst_verdict
from meshtop.analysis.canary.routes import WeightedRoute
from meshtop.analysis.canary.survey import Survey, Surveyed
from meshtop.analysis.canary.tally import Caller, Tally, added
from meshtop.analysis.canary.verdict import Honesty, HonestyVerdict, honesty


class Judgement(Struct, frozen=True, kw_only=True):
    """One route's counts and what they mean; `split` and `tallies` in the order of its destinations.

    `split` are whole requests over all callers, `seconds` how long was counted (0: nothing was).
    """

    callers: tuple[Caller, ...]
    seconds: float
    split: tuple[float, ...]
    tallies: tuple[Tally, ...]
    honesty: HonestyVerdict
    verdict: CanaryVerdict


class Judgements:
    """The judgement of each route of a survey, made once: neither depends on the present moment."""

    def __init__(self, survey: Survey, judging: Judging) -> None:
        self.survey = survey
        self.judging = judging
        self._made: dict[str, Judgement] = {}

    def of(self, surveyed: Surveyed) -> Judgement:
        """What the counts say of a route of the survey."""
        identity = surveyed.route.identity
        if identity not in self._made:
            self._made[identity] = self._judge(surveyed)
        return self._made[identity]

    def _judge(self, surveyed: Surveyed) -> Judgement:
        route = surveyed.route
        callers, seconds = self.survey.callers(surveyed)
        counted = sums_of([caller.split for caller in callers], len(route.destinations))
        split = tuple(float(round(count)) for count in counted)
        tallies = added(callers, len(route.destinations))
        unknown = HonestyVerdict(Honesty.NOT_ENOUGH_DATA)
        return Judgement(
            callers=callers,
            seconds=seconds,
            split=split,
            tallies=tallies,
            honesty=split_honesty(surveyed, split, self.judging) if seconds else unknown,
            verdict=_verdict(route, tallies, self.judging),
        )


def split_honesty(surveyed: Surveyed, split: Sequence[float], judging: Judging) -> HonestyVerdict:
    """Whether requests go where the weights say; not judged where another rule mixes in."""
    shares = [d.share for d in surveyed.route.destinations]
    if sum(shares) <= 0:
        return HonestyVerdict(Honesty.NOT_ENOUGH_DATA, None, sum(split), None)
    if surveyed.reach.mixed and sum(split) > 0:
        return HonestyVerdict(Honesty.NOT_ENOUGH_DATA, None, sum(split), None)
    return honesty(split, shares, alpha=judging.alpha, minimum_requests=judging.minimum_requests)


def sums_of(splits: Sequence[Sequence[float]], count: int) -> tuple[float, ...]:
    """Splits added, position by position."""
    return tuple(sum(split[i] for split in splits) for i in range(count))


def _verdict(route: WeightedRoute, tallies: Sequence[Tally], judging: Judging) -> CanaryVerdict:
    """The destination with the largest share is the baseline; every other one with weight is a canary."""
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
