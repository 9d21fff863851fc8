"""What telemetry says while a shift runs: the split of each cluster, the guard's verdict, and what counts as slow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from meshtop.actions.events import ObservedSplit, SplitStatus
from meshtop.actions.fleet import Fleet
from meshtop.actions.shift.guard import sides, watch
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.actions.shift.targets import ShiftTarget, Weights
from meshtop.actions.shift.verify import count_all, observe
from meshtop.analysis.canary.judging import CanaryVerdict, latency_bound
from meshtop.analysis.canary.survey import SurveyedRoute
from meshtop.analysis.canary.tally import Caller, Tally, added
from meshtop.sources.prometheus.counts import SHORTEST_SECONDS

REFERENCE_SECONDS = 600.0
"""How long before the shift the baseline's latency is looked at."""

Reference = Mapping[str, Sequence[Tally]]


class Measures:
    """Asks every Prometheus of the mesh about the routes of one shift."""

    def __init__(self, plan: ShiftPlan, surveyed: Iterable[SurveyedRoute], fleet: Fleet) -> None:
        self._plan = plan
        self._surveyed = {one.route.cluster: one for one in surveyed}
        self._fleet = fleet

    async def latency_bound(self, targets: Iterable[ShiftTarget]) -> float | None:
        """What counts as slow, in milliseconds, by the baseline before the first step; None where it has no histogram.

        It is fixed before anything changes, so that what is judged does not choose its own measure.
        """
        now = self._fleet.clock()
        tallies: list[Tally] = []
        for target in targets:
            _, baseline = sides(target, len(target.steps) - 1)
            mine = await self._tallies(target, since=now - REFERENCE_SECONDS, at=now)
            tallies += [mine[i] for i in baseline if i < len(mine)]
        return latency_bound(tallies, self._fleet.judging.latency_ms)

    async def reference(self, targets: Iterable[ShiftTarget], step: int, at: float) -> Reference:
        """What a baseline that gets no more requests in this step did just before `at`, by cluster."""
        found: dict[str, Sequence[Tally]] = {}
        if not self._plan.guard.on:
            return found
        for target in targets:
            _, baseline = sides(target, step)
            if baseline and all(target.steps[step][i] == 0 for i in baseline):
                since = at - max(SHORTEST_SECONDS * 2, self._plan.every_seconds)
                found[target.cluster] = await self._tallies(target, since=since, at=at)
        return found

    async def look(
        self,
        targets: Sequence[ShiftTarget],
        step: int,
        before: Mapping[str, Weights],
        reference: Reference,
        bound_ms: float | None,
        *,
        since: float,
        now: float,
        late: bool,
    ) -> tuple[tuple[ObservedSplit, ...], CanaryVerdict | None]:
        """What was seen of a step since it was set, and the guard's verdict; `late` says that patience is over."""
        observed, tallies = [], {}
        judging = self._fleet.judging
        for target in targets:
            surveyed = self._surveyed[target.cluster]
            callers, failed = await self._callers(target, since=since, at=now)
            tallies[target.cluster] = added(callers, len(target.names))
            one = observe(target, callers, target.steps[step], before[target.cluster], judging, late=late)
            if target.cluster in failed or (surveyed.binding.mixed and one.status is SplitStatus.DOES_NOT_FOLLOW):
                one = structs.replace(one, follows=SplitStatus.UNKNOWN if late else SplitStatus.WAITING)
            observed.append(one)
        return tuple(observed), watch(targets, step, tallies, reference, self._plan.guard, judging, bound_ms)

    async def _tallies(self, target: ShiftTarget, *, since: float, at: float) -> tuple[Tally, ...]:
        callers, _ = await self._callers(target, since=since, at=at)
        return added(callers, len(target.names))

    async def _callers(
        self, target: ShiftTarget, *, since: float, at: float
    ) -> tuple[tuple[Caller, ...], Mapping[str, str]]:
        """Who was seen to call, and which clusters' Prometheus did not say."""
        surveyed = self._surveyed[target.cluster]
        counts, failed = await count_all(surveyed, self._fleet, since=since, at=at)
        callers, _ = self._fleet.survey.callers(surveyed, counts)
        return callers, failed
