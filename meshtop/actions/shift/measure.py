"""Measurements during a shift: the split of each cluster, the guard's verdict, and the latency bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from meshtop.actions.events import ObservedSplit, SplitStatus
from meshtop.actions.fleet import Fleet
from meshtop.actions.shift.guard import asked_in, guard_verdict, sides
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.actions.shift.targets import ShiftTarget, Weights
from meshtop.actions.shift.verify import count_all, observe
from meshtop.analysis.canary.judging import CanaryVerdict, latency_bound
from meshtop.analysis.canary.survey import LONGEST_PUSH_SECONDS, SurveyedRoute
from meshtop.analysis.canary.tally import Caller, Tally, added
from meshtop.model.canary import RouteCounts
from meshtop.model.state import State
from meshtop.sources.problem import SourceProblem
from meshtop.sources.prometheus.counts import SHORTEST_SECONDS

REFERENCE_SECONDS = 600.0
"""Seconds before the shift over which the baseline's latency is measured."""

Reference = Mapping[str, Sequence[Tally]]


class _Seen(NamedTuple):
    """Counts of each Prometheus, observed callers, clusters without an answer, and why a split cannot be measured."""

    counts: Sequence[tuple[str, RouteCounts]]
    callers: Sequence[Caller]
    failed: Mapping[str, SourceProblem]
    untold: str | None


class Measures:
    """Queries every Prometheus of the mesh about the routes of one shift, by the cluster's name in the plan."""

    def __init__(self, plan: ShiftPlan, surveyed: Mapping[str, SurveyedRoute], fleet: Fleet) -> None:
        self._plan = plan
        self._surveyed = surveyed
        self._fleet = fleet

    def push_seconds(self, targets: Iterable[ShiftTarget]) -> float:
        """How long a change may take to reach the proxies: the plan's patience, or what istiod measures, if longer."""
        read = [self._fleet.members[t.cluster].push_seconds for t in targets if t.cluster in self._fleet.members]
        longest = max((one for one in read if one is not None), default=0.0)
        return max(self._plan.pace.settle, min(longest, LONGEST_PUSH_SECONDS))

    async def latency_bound(self, targets: Iterable[ShiftTarget]) -> float | None:
        """The latency bound in milliseconds, from the baseline before the first step; None without a histogram.

        It is fixed before anything changes, so that the canary does not influence its own bound.
        """
        now = self._fleet.clock()
        tallies: list[Tally] = []
        for target in targets:
            _, baseline = sides(target, len(target.steps) - 1)
            mine = await self._tallies(target, since=now - REFERENCE_SECONDS, at=now)
            tallies += [mine[i] for i in baseline if i < len(mine)]
        return latency_bound(tallies, self._fleet.judging.latency_ms)

    async def reference(self, targets: Iterable[ShiftTarget], step: int, at: float) -> Reference:
        """Tallies just before `at`, by cluster, of a baseline that gets no more requests in this step."""
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
        """The observed splits of a step since it was set, and the guard's verdict; `late`: patience is over."""
        observed, tallies = [], {}
        judging = self._fleet.judging
        for target in targets:
            seen = await self._callers(target, since=since, at=now)
            tallies[target.cluster] = added(seen.callers, len(target.names))
            weights, old = target.steps[step], before[target.cluster]
            one = observe(target, seen.callers, weights, old, judging, among=asked_in(len(targets)), late=late)
            if (
                not seen.counts
                or target.cluster in seen.failed
                or (seen.untold and one.status is SplitStatus.DOES_NOT_FOLLOW)
            ):
                one = structs.replace(one, status=SplitStatus.UNKNOWN if late else SplitStatus.WAITING)
            observed.append(one)
        return tuple(observed), guard_verdict(targets, step, tallies, reference, self._plan.guard, judging, bound_ms)

    async def without_telemetry(self, targets: Iterable[ShiftTarget], at: float) -> list[str]:
        """The clusters without any Prometheus for their routes, if that applies to all clusters, else none.

        A Prometheus that does not answer at the moment may answer later, so it counts.
        """
        names = []
        for target in targets:
            counts, failed = await count_all(
                self._surveyed[target.cluster], self._fleet, since=at - SHORTEST_SECONDS, at=at
            )
            if counts or any(problem.state is not State.NONE for problem in failed.values()):
                return []
            names.append(target.cluster)
        return names

    async def _tallies(self, target: ShiftTarget, *, since: float, at: float) -> tuple[Tally, ...]:
        callers = (await self._callers(target, since=since, at=at)).callers
        return added(callers, len(target.names))

    async def _callers(self, target: ShiftTarget, *, since: float, at: float) -> _Seen:
        surveyed = self._surveyed[target.cluster]
        counts, failed = await count_all(surveyed, self._fleet, since=since, at=at)
        seen = self._fleet.survey.seen(surveyed, counts)
        return _Seen(counts, seen.callers, failed, seen.untold)
