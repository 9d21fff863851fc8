"""Whether the observed split matches the weights, from telemetry; missing traffic is never taken for 0 %."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import log

from meshtop.actions.events import ObservedSplit, SplitStatus
from meshtop.actions.fleet import Fleet
from meshtop.actions.shift.targets import ShiftTarget, Weights
from meshtop.analysis.canary.binding import telemetry_hosts
from meshtop.analysis.canary.evidence import share_interval, split_evidence
from meshtop.analysis.canary.judging import Judging
from meshtop.analysis.canary.survey import SurveyedRoute
from meshtop.analysis.canary.tally import Caller
from meshtop.analysis.canary.verdict import Honesty, honesty
from meshtop.model.canary import RouteCounts
from meshtop.sources.problem import SourceProblem
from meshtop.sources.prometheus.counts import Counting, counts_connections, route_counts


async def count_all(
    surveyed: SurveyedRoute, fleet: Fleet, *, since: float, at: float
) -> tuple[list[tuple[str, RouteCounts]], dict[str, SourceProblem]]:
    """Counts for a route from every Prometheus of its mesh, and the reasons where there are none."""
    members = [
        m
        for m in fleet.members.values()
        if m.metrics is not None
        and m.name in fleet.survey.clusters
        and (m.name == surveyed.route.cluster or fleet.survey.clusters[m.name].facts.mesh == surveyed.mesh)
    ]
    tcp = counts_connections(surveyed.route.protocol)
    hosts = telemetry_hosts(surveyed.route, surveyed.binding)
    label = surveyed.route.label

    async def ask(name: str, metrics: Counting) -> tuple[str, RouteCounts | None, SourceProblem | None]:
        try:
            counted = await route_counts(
                metrics, labels=[label], hosts=hosts, since=since, at=at, tcp=tcp, http=not tcp
            )
        except SourceProblem as problem:
            return name, None, problem
        return name, counted, None

    answers = await asyncio.gather(*(ask(m.name, m.metrics) for m in members if m.metrics is not None))
    counts = [(name, one) for name, one, _ in answers if one is not None]
    # The cluster's own Prometheus speaks first, so that one that is shared is read as its own.
    counts.sort(key=lambda pair: pair[0] != surveyed.route.cluster)
    return counts, {name: why for name, _, why in answers if why is not None}


def observe(
    target: ShiftTarget,
    callers: Sequence[Caller],
    weights: Weights,
    before: Weights,
    judging: Judging,
    *,
    among: int = 1,
    late: bool,
) -> ObservedSplit:
    """Hold what was seen against the weights. `late` says that patience is over; alpha is shared `among` clusters.

    A split follows when enough requests contradict the old weights and not the new ones; when patience is over, it
    follows unless they contradict the new ones.
    """
    count = len(target.names)
    split = [sum(caller.split[i] for caller in callers) for i in range(count)]
    total = sum(split)
    numbers = [float(weight or 0) for weight in weights]
    told = honesty(
        split,
        numbers,
        alpha=judging.alpha_of_one(among),
        minimum_requests=judging.minimum_requests,
        margin=judging.margins.split,
    )
    status = SplitStatus.WAITING
    if told.verdict is Honesty.NO_TRAFFIC:
        status = SplitStatus.NO_TRAFFIC if late else SplitStatus.WAITING
    elif told.verdict is Honesty.NOT_HONOURED:
        status = SplitStatus.DOES_NOT_FOLLOW if late else SplitStatus.WAITING
    elif late or (told.verdict is Honesty.HONOURED and _moved(split, before, numbers, judging.alpha)):
        status = SplitStatus.FOLLOWS
    intervals = {
        name: found
        for name, seen in zip(target.names, split, strict=True)
        if (found := share_interval(seen, total, judging.alpha)) is not None
    }
    return ObservedSplit(
        cluster=target.cluster,
        status=status,
        set={name: int(weight or 0) for name, weight in zip(target.names, weights, strict=True)},
        actual={name: seen / total for name, seen in zip(target.names, split, strict=True)} if total > 0 else {},
        intervals=intervals,
        requests=total,
        honesty=told,
    )


def _moved(split: Sequence[float], before: Weights, weights: Sequence[float], alpha: float) -> bool:
    """Whether the old weights are ruled out (or are the same in proportion, or are unknown)."""
    old = [float(weight or 0) for weight in before]
    if sum(old) <= 0 or [w / sum(old) for w in old] == [w / sum(weights) for w in weights]:
        return True
    return split_evidence(split, old, 0.0).off >= -log(alpha)
