"""The guard of a step: whether destinations that gained weight are worse than those that lost it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import structs

from meshtop.actions.shift.plan import Guard
from meshtop.actions.shift.targets import ShiftTarget
from meshtop.analysis.canary.judging import CanaryVerdict, Judging, judge, worst_verdict
from meshtop.analysis.canary.tally import Tally
from meshtop.analysis.canary.verdict import Comparison


def sides(target: ShiftTarget, step: int) -> tuple[list[int], list[int]]:
    """Indices of destinations whose weight rose by this step (canaries), and of those whose weight fell (baseline)."""
    now = target.steps[step]
    total = sum(weight or 0 for weight in target.before)
    old = [100 * (weight or 0) / total if total else 0.0 for weight in target.before]
    canaries = [i for i, weight in enumerate(now) if weight > old[i] + 0.5]
    baseline = [i for i, weight in enumerate(now) if weight < old[i] - 0.5]
    return canaries, baseline


def guard_verdict(
    targets: Sequence[ShiftTarget],
    step: int,
    tallies: Mapping[str, Sequence[Tally]],
    reference: Mapping[str, Sequence[Tally]],
    guard: Guard,
    judging: Judging,
    bound_ms: float | None,
) -> CanaryVerdict | None:
    """The verdict on a step, from tallies since it was set; None when nothing is watched or no weight rose.

    `reference` are tallies from before the step, used for a baseline that has no requests any more. Each cluster is
    tested separately, and all combined; alpha is divided among these tests.
    """
    if not guard.on:
        return None
    pairs: dict[str, tuple[Tally, Tally]] = {}
    names: tuple[str, str] | None = None
    for target in targets:
        canaries, baseline = sides(target, step)
        if not canaries or not baseline or target.cluster not in tallies:
            continue
        mine = tallies[target.cluster]
        canary = _sum(mine, canaries)
        usual = _sum(mine, baseline)
        if usual.requests <= 0 and all(target.steps[step][i] == 0 for i in baseline):
            usual = _sum(reference.get(target.cluster, ()), baseline)
        pairs[target.cluster] = (canary, usual)
        names = ("+".join(target.names[i] for i in canaries), "+".join(target.names[i] for i in baseline))
    if names is None:
        return None
    asked = structs.replace(judging, errors=guard.errors and judging.errors, latency=guard.latency)
    among = asked_in(len(pairs))
    everything = (Tally(), Tally())
    for canary, usual in pairs.values():
        everything = (everything[0] + canary, everything[1] + usual)
    together = judge(*everything, asked, among=among, bound_ms=bound_ms, names=names)
    worse = []
    for cluster, pair in pairs.items():
        alone = judge(*pair, asked, among=among, bound_ms=bound_ms, names=names)
        if alone.verdict is Comparison.WORSE and len(pairs) > 1:
            worse.append(structs.replace(alone, cluster=cluster, summary=""))
    return worst_verdict([together, *worse])


def asked_in(clusters: int) -> int:
    """How often each question is asked: about every cluster, and about all together where there are several."""
    return clusters + 1 if clusters > 1 else 1


def _sum(tallies: Sequence[Tally], indices: Sequence[int]) -> Tally:
    result = Tally()
    for index in indices:
        if index < len(tallies):
            result = result + tallies[index]
    return result
