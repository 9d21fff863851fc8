# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""The stories the demo can tell: what is wrong, where, and since when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from meshtop.demo.world.conditions import Conditions
from meshtop.demo.world.plan import Plan

Phase = tuple[float, Conditions]
DEFAULT = "everyday"
MINUTE, HOUR = 60.0, 3600.0

BAD = (("404", 0.001), ("500", 0.033), ("503", 0.008))
"""What reviews v3 answers with when it is ill: 4.2 % of requests fail."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story: one line for `--list`, when it begins (seconds after the start of the demo), and its phases.

    `phases` gets the plan and the moment it begins, and returns conditions with the Unix times at which they set in; the
    first of them has no beginning. `dies` is the position of the cluster of the first mesh whose API server stops
    answering when the story begins. `edited` is when somebody gave the weighted route reviews its weights, in seconds
    from the beginning; None where the story does not care.
    """

    name: str
    line: str
    offset: float
    phases: Callable[[Plan, float], list[Phase]]
    dies: int | None = None
    edited: float | None = None


def _names(plan: Plan) -> tuple[str, str]:
    first = plan.members(plan.clusters[0].mesh.name)
    return first[0].name, first[-1].name if len(first) == 1 else first[1].name


def _everyday(plan: Plan, at: float) -> list[Phase]:
    east, _ = _names(plan)
    before = Conditions(split={(east, "reviews"): {"v2": 100.0, "v3": 0.0}})
    ill = Conditions(errors={(east, "reviews", "v3"): BAD}, slower={(east, "reviews", "v3"): 2.6})
    return [(0.0, before), (at, ill)]


def _calm(plan: Plan, at: float) -> list[Phase]:
    return [(0.0, Conditions())]


def _bad_canary(plan: Plan, at: float) -> list[Phase]:
    first = plan.members(plan.clusters[0].mesh.name)
    worse = (("404", 0.001), ("500", 0.11), ("503", 0.05))
    ill = Conditions(errors={("", "reviews", "v3"): BAD}, slower={("", "reviews", "v3"): 4.0})
    failing = Conditions(errors={("", "reviews", "v3"): worse}, slower={("", "reviews", "v3"): 9.0})
    before = Conditions(split={(c.name, "reviews"): {"v2": 95.0, "v3": 5.0} for c in first})
    return [(0.0, before), (at - 20 * MINUTE, Conditions()), (at, ill), (at + 3 * MINUTE, failing)]


def _dead_cluster(plan: Plan, at: float) -> list[Phase]:
    _, west = _names(plan)
    return [(0.0, Conditions()), (at, Conditions(down=frozenset({west})))]


def _plaintext_intruder(plan: Plan, at: float) -> list[Phase]:
    east, west = _names(plan)
    knocking = Conditions(intruder={(east, "storefront"): 3.4, (east, "cart"): 1.2, (west, "auth"): 0.8})
    return [(0.0, Conditions()), (at, knocking), (at + 4 * MINUTE, replace(knocking, intruder={(east, "storefront"): 9.5, (east, "cart"): 6.1, (west, "auth"): 4.2}))]  # fmt: skip


def _lagging(plan: Plan, at: float) -> list[Phase]:
    east, _ = _names(plan)
    slow = Conditions(convergence={east: 6.0}, rejects={east: 0.02})
    return [
        (0.0, Conditions()),
        (at, slow),
        (at + 3 * MINUTE, Conditions(convergence={east: 14.0}, rejects={east: 0.12})),
    ]


def _noisy(plan: Plan, at: float) -> list[Phase]:
    east, _ = _names(plan)
    busy = Conditions(
        calls={("reporting", "catalog"): 45.0},
        busier={(east, "reporting"): 6.0},
        slower={(east, "catalog", "v1"): 11.0, (east, "catalog", "v2"): 9.0, (east, "storefront", "v5"): 2.2},
        errors={(east, "catalog", "v1"): (("404", 0.004), ("503", 0.021))},
    )
    return [(0.0, Conditions()), (at, busy)]


def _disjoint(plan: Plan, at: float) -> list[Phase]:
    _, west = _names(plan)
    return [(0.0, Conditions()), (at, Conditions(untrusted=frozenset({west})))]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(DEFAULT, "a lively day: reviews v3 is a little worse than v2, a root runs out within a week, something talks in plaintext", -12 * MINUTE, _everyday, edited=0.0),
        Scenario("calm", "nothing to worry about, and hardly anything to find", 0.0, _calm),
        Scenario("bad-canary", "reviews v3 goes bad half a minute after the start, and gets worse", 30.0, _bad_canary, edited=-20 * MINUTE),
        Scenario("dead-cluster", "the second cluster of the first mesh stops answering after 20 seconds, its Prometheus with it", 20.0, _dead_cluster, dies=1),
        Scenario("plaintext-intruder", "somebody outside the mesh sends plaintext to the shop, more by the minute", -6 * MINUTE, _plaintext_intruder),
        Scenario("lagging-control-plane", "the first cluster's control plane needs ever longer to push, and proxies reject some of it", -8 * MINUTE, _lagging),
        Scenario("expiring-certificate", "the root of the on-premises mesh runs out within a day", -HOUR, _calm),
        Scenario("noisy-tenant", "reporting jobs of one tenant drown the catalog of another", -5 * MINUTE, _noisy),
        Scenario("drifted-config", "the second cluster's routes, rules, policies and images differ from the first one's", -HOUR, _calm),
        Scenario("broken-destinationrule", "a rule turns TLS off towards payments, which insists on it", -HOUR, _calm),
        Scenario("disjoint-roots", "the second cluster got a root of its own: calls between the two break", -9 * MINUTE, _disjoint),
    )
}  # fmt: skip


def scenario_named(name: str) -> Scenario:
    """The scenario of that name. Raises ValueError with the names there are."""
    found = SCENARIOS.get(name)
    if found is None:
        raise ValueError(f"--scenario {name}: there is no such scenario; choose one of {', '.join(SCENARIOS)}")
    return found
