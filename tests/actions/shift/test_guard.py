"""The guard's promise: a false alarm in at most alpha of all shifts, however many clusters and questions there are."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.actions.kube import RouteObject
from meshtop.actions.shift.guard import guard_verdict, sides
from meshtop.actions.shift.plan import Guard
from meshtop.actions.shift.targets import ShiftTarget
from meshtop.analysis.canary.judging import Judging
from meshtop.analysis.canary.tally import Tally
from meshtop.analysis.canary.verdict import Comparison
from meshtop.model.traffic import Buckets

BOUND_MS = 100.0
IDLE = (Tally(), Tally())
"""A cluster without a request."""


def target(cluster: str) -> ShiftTarget:
    return ShiftTarget(
        where=RouteObject(cluster=cluster, group="g", version="v1", kind="K", namespace="n", name="r", index=0),
        label="n/r",
        names=("v1", "v2"),
        hosts=("r", "r"),
        before=(80, 20),
        steps=((50, 50),),
    )


def tally(requests: int, *, bad: int, slow: int) -> Tally:
    return Tally(requests, bad, Buckets((BOUND_MS, inf), (requests - slow, requests)))


def verdict(guard: Guard, alpha: float, tallies: list[tuple[Tally, Tally]]) -> Comparison:
    targets = [target(f"c{number}") for number in range(len(tallies))]
    counted = {one.cluster: pair for one, pair in zip(targets, tallies, strict=True)}
    found = guard_verdict(targets, 0, counted, {}, guard, Judging(alpha=alpha), BOUND_MS)
    assert found is not None
    return found.verdict


ERRORS, LATENCY, BOTH = Guard(latency=False), Guard(errors=False), Guard()
WORSE_IN_ERRORS = (tally(2000, bad=10, slow=10), tally(2000, bad=90, slow=10))
WORSE_IN_LATENCY = (tally(2000, bad=10, slow=10), tally(2000, bad=10, slow=90))


@pytest.mark.parametrize("clusters", [1, 2, 3, 7])
@pytest.mark.parametrize(
    ("guard", "pair", "asked"),
    [
        (ERRORS, WORSE_IN_ERRORS, 2),
        (LATENCY, WORSE_IN_LATENCY, 2),
        (BOTH, WORSE_IN_ERRORS, 3),
        (BOTH, WORSE_IN_LATENCY, 3),
    ],
)
def test_alpha_is_shared_by_every_question_of_every_cluster_and_of_all_together(
    clusters: int, guard: Guard, pair: tuple[Tally, Tally], asked: int
) -> None:
    # The split is asked about too. One cluster has all the requests,
    # so that it and all together have the same evidence.
    tallies = [pair, *[IDLE] * (clusters - 1)]
    alone = guard_verdict([target("c0")], 0, {"c0": pair}, {}, guard, Judging(), BOUND_MS)
    assert alone is not None
    assert alone.e_value is not None
    questions = asked * (clusters + 1 if clusters > 1 else 1)
    enough = questions / alone.e_value
    assert enough * 1.01 < 1, "the evidence is strong enough to be shared"
    assert verdict(guard, enough * 1.01, tallies) is Comparison.WORSE
    assert verdict(guard, enough * 0.99, tallies) is not Comparison.WORSE


def test_evidence_of_all_clusters_together_counts_where_none_alone_has_enough() -> None:
    pair = (tally(400, bad=2, slow=2), tally(400, bad=10, slow=2))
    assert verdict(BOTH, 0.05, [pair]) is not Comparison.WORSE
    assert verdict(BOTH, 0.05, [pair] * 6) is Comparison.WORSE


@given(st.lists(st.integers(0, 100), min_size=2, max_size=2).filter(sum))
def test_who_gained_weight_is_the_canary_and_who_gave_it_the_baseline(before: list[int]) -> None:
    canaries, baseline = sides(structs.replace(target("c0"), before=tuple(before)), 0)
    old = [100 * weight / sum(before) for weight in before]
    assert canaries == [i for i in (0, 1) if old[i] < 49.5]
    assert baseline == [i for i in (0, 1) if old[i] > 50.5]
