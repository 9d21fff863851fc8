"""Suspicion by table: what came before, on a path, and how near; never what came after."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from meshtop.analysis.changes.suspicion import (
    FURTHEST,
    TOLERANCE_SECONDS,
    WINDOW_SECONDS,
    CallPaths,
    ChangeIndex,
    Trouble,
    path_distances,
    suspects_of,
)
from meshtop.model.changes import Change, ChangeHow
from tests.worlds import AT

CHAIN = [("east", "shop", name) for name in "abcdefg"]
PATHS = CallPaths(
    callees={one: [other] for one, other in pairwise(CHAIN)},
    callers={other: [one] for one, other in pairwise(CHAIN)},
    behind=lambda cluster, namespace, service: [(cluster, namespace, service)],
    planes={"east": frozenset({"east"}), "west": frozenset({"east"})},
)


def change(
    name: str, before: float, how: ChangeHow = ChangeHow.ROLLOUT, cluster: str = "east", **more: object
) -> Change:
    parts = {"workloads": (("shop", name),), "kind": "Deployment", "namespace": "shop", **more}
    return Change(at=AT - before, clusters=(cluster,), name=name, how=how, title=f"{name} {how} in {cluster}", **parts)  # type: ignore[arg-type]


def trouble(name: str = "d", **more: object) -> Trouble:
    parts = {"id": "t", "at": AT, "clusters": ("east",), "workloads": (("east", "shop", name),), **more}
    return Trouble(**parts)  # type: ignore[arg-type]


def names(found: object) -> list[str]:
    return [one.change.name for one in found]  # type: ignore[attr-defined]


def test_the_nearest_on_the_path_comes_first_upstream_and_downstream() -> None:
    changes = [change(name, 60.0) for name in "abcdefg"]
    found = suspects_of(trouble(), changes, PATHS, AT)
    assert names(found) == ["d", "c", "e", "b", "f", "a", "g"]
    assert [one.distance for one in found] == [0, 1, 1, 2, 2, 3, 3]


def test_siblings_are_on_no_path() -> None:
    paths = CallPaths(
        callees={("east", "shop", "a"): [("east", "shop", "b"), ("east", "shop", "c")]},
        callers={("east", "shop", "b"): [("east", "shop", "a")], ("east", "shop", "c"): [("east", "shop", "a")]},
        behind=lambda *_: (),
        planes={},
    )
    assert path_distances([("east", "shop", "b")], paths) == {("east", "shop", "b"): 0, ("east", "shop", "a"): 1}
    assert suspects_of(trouble("b"), [change("c", 60.0)], paths, AT) == ()


@pytest.mark.parametrize(
    ("before", "suspected"),
    [
        (0.0, True),
        (-TOLERANCE_SECONDS, True),
        (-TOLERANCE_SECONDS - 1, False),
        (WINDOW_SECONDS, True),
        (WINDOW_SECONDS + 1, False),
    ],
)
def test_what_came_after_or_long_before_is_not_suspect(before: float, suspected: bool) -> None:
    assert bool(suspects_of(trouble(), [change("d", before)], PATHS, AT + 3600)) is suspected


def test_the_sentence_says_what_when_and_how_alone_it_is() -> None:
    (only,) = suspects_of(trouble(), [change("d", 60.0)], PATHS, AT)
    assert only.why == "d rollout in east, 13:59; it began 14:00; the only change on any path in 20 minutes"
    first, second = suspects_of(trouble(), [change("d", 60.0), change("c", 60.0)], PATHS, AT)
    assert first.why.endswith("the likeliest of 2 changes on any path in 20 minutes")
    assert second.why.endswith("number 2 of 2 changes on any path in 20 minutes")


def test_symptoms_come_after_causes_of_the_same_moment() -> None:
    found = suspects_of(trouble(), [change("d", 50.0, ChangeHow.RESTART), change("d", 60.0, ChangeHow.EDIT)], PATHS, AT)
    assert [one.change.how for one in found] == [ChangeHow.EDIT, ChangeHow.RESTART]


def test_without_an_onset_only_what_it_is_about_is_suspect() -> None:
    about = trouble(at=None, workloads=(), objects=(("east", "DestinationRule", "shop", "r"),))
    rule = change("r", 5000.0, ChangeHow.EDIT, kind="DestinationRule", workloads=())
    other = change("d", 60.0)
    assert names(suspects_of(about, [rule, other], PATHS, AT)) == ["r"]
    restarted = change("d", 60.0, ChangeHow.RESTART)
    assert names(suspects_of(trouble(at=None), [restarted], PATHS, AT)) == []


def test_the_control_plane_of_another_cluster_is_on_the_path_of_those_it_serves() -> None:
    plane = change("istiod", 60.0, workloads=(("istio-system", "istiod"),), plane=True)
    served = trouble(clusters=("west",), reach=("west",), workloads=(("west", "shop", "x"),))
    (found,) = suspects_of(served, [plane], PATHS, AT)
    assert found.distance == 3
    elsewhere = trouble(clusters=("north",), workloads=(("north", "shop", "x"),))
    assert suspects_of(elsewhere, [plane], PATHS, AT) == ()


def test_the_cluster_where_it_hurts_comes_before_the_same_change_elsewhere() -> None:
    route = {"workloads": (), "services": (("shop", "d"),), "kind": "VirtualService"}
    paths = CallPaths(callees={}, callers={}, behind=lambda *_: [("east", "shop", "d")], planes={})
    changes = [change("d", 60.0, ChangeHow.WEIGHTS, cluster, **route) for cluster in ("west", "east")]
    assert [one.change.clusters for one in suspects_of(trouble(), changes, paths, AT)] == [("east",), ("west",)]


def test_a_node_that_is_not_ready_is_not_its_own_cause() -> None:
    node = change("n1", 10.0, ChangeHow.NODE, kind="Node", namespace="")
    assert suspects_of(trouble(nodes=True), [node], PATHS, AT) == ()
    assert names(
        suspects_of(trouble(), [change("n1", 10.0, ChangeHow.NODE, workloads=(("shop", "d"),))], PATHS, AT)
    ) == ["n1"]


def test_a_path_has_an_end() -> None:
    chain = [("east", "shop", f"n{i}") for i in range(FURTHEST + 3)]
    paths = CallPaths(dict(zip(chain, ([b] for b in chain[1:]), strict=False)), {}, lambda *_: (), {})
    assert max(path_distances([chain[0]], paths).values()) == FURTHEST


def _some_change(dice: random.Random, number: int) -> Change:
    name, how = dice.choice("abcdefg"), dice.choice(list(ChangeHow))
    about: dict[str, object] = dice.choice(
        [
            {},
            {"workloads": ()},
            {"workloads": (), "services": (("shop", name),)},
            {"workloads": (), "kind": "VirtualService"},
            {"workloads": (), "plane": True},
            {"workloads": (), "wide": True},
        ]
    )
    return change(name, 30.0 * number, how, dice.choice(["east", "west"]), who=str(number), **about)


def _some_trouble(dice: random.Random) -> Trouble:
    name, how = dice.choice("abcdefg"), dice.random()
    return trouble(
        name,
        at=None if how < 0.3 else AT,
        exact=how < 0.7,
        reach=dice.choice([(), ("west",)]),
        services=dice.choice([(), (("shop", name),)]),
        objects=dice.choice([(), ((dice.choice(["", "east", "west"]), "VirtualService", "shop", name),)]),
        lost=dice.choice(["", "a", "west"]),
        certificates=dice.random() < 0.3,
        plane=dice.random() < 0.3,
        nodes=dice.random() < 0.3,
    )


@pytest.mark.parametrize("seed", range(20))
def test_an_index_of_changes_tells_the_same_as_the_changes(seed: int) -> None:
    dice = random.Random(seed)
    changes = [_some_change(dice, number) for number in range(40)]
    index = ChangeIndex(changes, PATHS)
    troubles = [_some_trouble(dice) for _ in range(20)]
    told = [suspects_of(one, changes, PATHS, AT) for one in troubles]
    assert any(told)
    assert [suspects_of(one, index, PATHS, AT) for one in troubles] == told


def test_a_trouble_looks_at_no_change_that_cannot_concern_it() -> None:
    index = ChangeIndex([change(name, 60.0) for name in "abcdefg"], PATHS)
    assert [one.name for one in index.concerning(trouble("d"), [CHAIN[3], CHAIN[4]])] == ["d", "e"]
