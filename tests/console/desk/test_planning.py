"""The dialog's fields: what they begin with, what they mean, and which of them is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.actions.shift.plan import Guard, OnLoss
from meshtop.analysis.canary.routes import RouteDestination, WeightedRoute
from meshtop.console.desk.planning import (
    FIELDS,
    HOLD,
    LEAVE,
    FieldProblem,
    ShiftSubject,
    effect,
    initial_values,
    plan_of,
)


def route(cluster: str, *weights: int) -> WeightedRoute:
    total = sum(weights)
    return WeightedRoute(
        cluster=cluster,
        group="networking.istio.io",
        version="v1",
        kind="VirtualService",
        namespace="shop",
        name="reviews",
        index=0,
        route_name="main",
        protocol="http",
        hosts=("reviews",),
        destinations=tuple(
            RouteDestination(name=f"v{i}", host="reviews", weight=w, share=w / total if total else 0.0)
            for i, w in enumerate(weights, start=1)
        ),
        resource_version="1",
    )


def subject(*routes: WeightedRoute, others: tuple[str, ...] = ()) -> ShiftSubject:
    return ShiftSubject(route="shop/reviews#main", namespace="shop", routes=routes, others=others)


TWO = subject(route("east", 80, 20), route("west", 80, 20))


def filled(of: ShiftSubject = TWO, **more: str) -> dict[str, str]:
    return initial_values(of, "east") | {name.replace("_", " "): value for name, value in more.items()}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((80, 20), "v2=20"), ((20, 80), "v1=20"), ((70, 20, 10), "v2=20,v3=10"), ((1, 1), "v2=50"), ((0, 0), "v2=0")],
)
def test_it_begins_with_what_stands(weights: tuple[int, ...], expected: str) -> None:
    assert initial_values(subject(route("east", *weights)), "east")["weights"] == expected


def test_what_it_begins_with_changes_nothing() -> None:
    plan, clusters = plan_of(filled(), TWO)
    assert (plan.route, plan.steps, clusters, plan.waves) == ("shop/reviews#main", ({"v2": 20},), (), ())
    assert (plan.guard, plan.on_loss, plan.wait, plan.every_seconds) == (Guard(), OnLoss.TAKE_BACK, True, 120.0)
    assert effect(filled(), TWO) == "east, west: v1 80 → 80 · v2 20 → 20"


def test_every_field_reaches_the_plan() -> None:
    values = filled(
        weights="v2=20", steps="25,50", every="30s", guard="none", on_failure=HOLD, clusters="west",
        waves="west", owner="flagger owns it", reason="release 41",
    )  # fmt: skip
    assert set(values) == {field.name for field in FIELDS}
    plan, clusters = plan_of(values, TWO)
    assert (plan.steps, plan.every_seconds, clusters, plan.waves) == (
        ({"v2": 25}, {"v2": 50}),
        30.0,
        ("west",),
        (("west",),),
    )
    assert (plan.guard.on, plan.on_loss, plan.override, plan.reason) == (
        False,
        OnLoss.HOLD,
        "flagger owns it",
        "release 41",
    )
    assert plan_of(filled(after_each_step=LEAVE), TWO)[0].wait is False


def test_waves_go_in_order() -> None:
    assert plan_of(filled(waves="west; east"), TWO)[0].waves == (("west",), ("east",))
    assert plan_of(filled(waves="west,east"), TWO)[0].waves == (("west", "east"),)


def test_where_another_mesh_has_such_a_route_the_clusters_are_named() -> None:
    apart = subject(route("east", 80, 20), others=("north",))
    values = filled(apart)
    assert values["clusters"] == "east"
    assert plan_of(values, apart)[1] == ("east",)


def test_clusters_that_differ_are_told_apart() -> None:
    differ = subject(route("east", 80, 20), route("west", 60, 40))
    assert effect(filled(weights="v2=30"), differ) == "east: v1 80 → 70 · v2 20 → 30; west: v1 60 → 70 · v2 40 → 30"
    assert effect(filled(weights="v2", steps="5,100"), TWO) == "east, west: v1 80 → 95 → 0 · v2 20 → 5 → 100"


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"weights": ""}, "weights", "name a destination"),
        ({"weights": "v2"}, "weights", "write DEST=WEIGHT"),
        ({"weights": "v9=20"}, "weights", "no destination v9"),
        ({"weights": "v2=120"}, "weights", "from 0 to 100"),
        ({"weights": "v1=50,v2=20"}, "weights", "add up to 70"),
        ({"weights": "v1=1,v2=2", "steps": "5"}, "weights", "name only that one"),
        ({"steps": "5,x"}, "steps", "is not a step"),
        ({"every": "soon"}, "every", "is not a duration"),
        ({"every": "0s"}, "every", "longer than zero"),
        ({"after each step": LEAVE, "steps": "5,10"}, "after each step", "need to be watched"),
        ({"clusters": "south"}, "clusters", "is in east, west"),
        ({"waves": "east; south"}, "waves", "not in south"),
        ({"clusters": "east", "waves": "west"}, "waves", "is in east"),
        ({"waves": "east; east"}, "waves", "is named twice"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(more: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(FieldProblem, match=words) as caught:
        plan_of(filled() | more, TWO)
    assert caught.value.field == field


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=6).filter(any))
def test_whatever_stands_the_form_begins_with_a_plan_that_keeps_it(weights: list[int]) -> None:
    of = subject(route("east", *weights))
    plan, _ = plan_of(filled(of), of)
    first = of.routes[0].destinations
    for destination in first:
        wanted = plan.steps[0].get(destination.name)
        assert wanted is None or abs(wanted - destination.share * 100) < 1


@given(st.dictionaries(st.sampled_from([field.name for field in FIELDS if not field.choices]), st.text(max_size=12)))
def test_whatever_is_typed_is_a_plan_or_a_problem_of_a_field(typed: dict[str, str]) -> None:
    wrong: FieldProblem | None = None
    steps: object = ()
    try:
        steps = plan_of(filled() | typed, TWO)[0].steps
    except FieldProblem as problem:
        wrong = problem
    if wrong is None:
        assert steps
    else:
        assert wrong.field in {field.name for field in FIELDS}
        assert wrong.message
