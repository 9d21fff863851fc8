"""Which questions a thing brings up, the fix of a finding as a question, and text that was pasted, whole and odd."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.inventory.overlay import objects_in
from meshtop.analysis.security.mtls.whatif import MESH
from meshtop.model.asked import EVERYTHING_ASKED
from meshtop.views.frame.registry import view
from meshtop.views.picture import asks
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.questions import (
    ForecastKind,
    ObjectsRefused,
    WhatIfQuestion,
    objects_applied,
    questions_about,
    yaml_of_fix,
)
from tests import worlds
from tests.console.stage import busy_world

RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews}
"""
DENY = (
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: closed, namespace: shop}\nspec: {}\n"
)


@pytest.fixture(scope="module")
def picture() -> Picture:
    return Picture(busy_world())


def first(picture: Picture, kind: str, name: str) -> Any:
    return next(one for one in view(kind).all_items(picture) if name in view(kind).path(one))


def titles(questions: tuple[WhatIfQuestion, ...]) -> list[str]:
    return [one.title for one in questions]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("clusters", "east", ["without east", "STRICT in the whole mesh"]),
        ("namespaces", "shop", ["STRICT in shop"]),
        ("workloads", "reviews-v1",
         ["STRICT in shop", "STRICT for reviews-v1 alone", "nobody may call reviews-v1", "STRICT in the whole mesh"]),
        ("mtls", "reviews-v1",
         ["STRICT in shop", "STRICT for reviews-v1 alone", "nobody may call reviews-v1", "STRICT in the whole mesh"]),
        ("services", "reviews",
         ["STRICT in shop", "STRICT for reviews alone", "nobody may call reviews", "STRICT in the whole mesh"]),
        ("virtualmachines", "ledger-1", ["STRICT in shop"]),
    ],
)  # fmt: skip
def test_a_thing_brings_up_its_questions(picture: Picture, kind: str, name: str, expected: list[str]) -> None:
    assert titles(questions_about(picture, kind, first(picture, kind, name))) == expected


def test_of_a_call_it_is_the_called_end_that_is_asked_about(picture: Picture) -> None:
    call = next(one for one in view("edges").all_items(picture) if one.destination.workload == "reviews-v1")
    assert titles(questions_about(picture, "edges", call))[1] == "STRICT for reviews-v1 alone"


def test_every_row_of_every_kind_has_questions_that_can_be_put(picture: Picture) -> None:
    """No kind raises, and none leads to an empty screen."""
    for kind in ("controlplanes", "certificates", "trust", "findings", "edges", "tenants", "members"):
        for item in view(kind).all_items(picture):
            assert all(one.subject for one in questions_about(picture, kind, item)), kind


def test_strict_for_one_workload_selects_its_pods_in_its_cluster_alone(picture: Picture) -> None:
    found = questions_about(picture, "workloads", first(picture, "workloads", "reviews-v1"))[1]
    assert found.change is not None
    (part,) = found.change.applied
    assert part.cluster == "east"
    (obj,) = part.inventory.config["PeerAuthentication"]
    labels = obj.spec["selector"]["matchLabels"]
    behind = [pod for pod in picture.snapshot.clusters[0].inventory.pods  # type: ignore[union-attr]
              if labels.items() <= pod.meta.labels.items()]  # fmt: skip
    assert behind
    assert {"reviews-v1" in pod.meta.name for pod in behind} == {True}


def test_a_question_says_what_is_to_be_read_for_it(picture: Picture) -> None:
    strict, alone = questions_about(picture, "workloads", first(picture, "workloads", "reviews-v1"))[:2]
    (without, mesh) = questions_about(picture, "clusters", first(picture, "clusters", "east"))
    assert strict.asked == asks.STRICT
    assert without.asked == asks.EVACUATE
    assert (alone.asked.kinds, alone.asked.findings) == (None, True)
    assert mesh.subject == MESH
    assert EVERYTHING_ASKED.covers(alone.asked)


@pytest.mark.parametrize(
    ("fix", "expected"),
    [
        (None, ""),
        ("Apply them in east.", ""),
        ("kubectl --context east label namespace shop istio-injection=enabled", ""),
        (RULE, RULE.rstrip()),
        (f"Give it a rule:\n{RULE}", RULE.rstrip()),
    ],
)
def test_the_objects_in_a_fix_are_found(fix: str | None, expected: str) -> None:
    assert yaml_of_fix(fix) == expected


def test_a_finding_asks_what_its_fix_would_do_first(picture: Picture) -> None:
    finding = SimpleNamespace(fix=RULE, namespace="shop", cluster="east", kind="Namespace", name="shop", tenants=(),
                              on_configuration=True, workload="")  # fmt: skip
    found = questions_about(picture, "findings", finding)
    assert titles(found) == ["this fix", "STRICT in shop"]
    assert found[0].change is not None
    assert [part.cluster for part in found[0].change.applied] == ["east"]
    finding.fix = "apiVersion: [a fix with a gap"
    assert titles(questions_about(picture, "findings", finding)) == ["STRICT in shop"]


def test_pasted_objects_are_in_the_namespace_of_the_scope_and_in_its_clusters() -> None:
    found = objects_applied(f"{RULE}---\n{DENY}", home="shop", clusters=("west",))
    assert (found.kind, found.title) == (ForecastKind.APPLY, "2 pasted objects")
    assert found.change is not None
    assert {part.cluster for part in found.change.applied} == {"west"}
    names = {name.title for part in found.change.applied for name, _ in objects_in(part.inventory)}
    assert names == {"DestinationRule shop/reviews", "AuthorizationPolicy shop/closed"}
    alone = objects_applied(DENY, home="elsewhere")
    assert alone.title == "AuthorizationPolicy shop/closed"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Service\nmetadata: {name: x\nfoo: [", "(line 3)"),
        ("kind: Service\nmetadata: {}", "apiVersion, kind and metadata have to be there"),
        ("just: words", "cannot be read"),
        ("", "no object"),
        ("---\n---\n", "no object"),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: [x]}", "Service"),
        ("a: &a [x]\nb: " + "[" * 300, "line"),
        ("kind: \x1b[2J", "control characters"),
    ],
)
def test_what_is_no_object_is_said_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ObjectsRefused) as refused:
        objects_applied(text, home="shop")
    assert said in refused.value.sentences
    assert "Paste whole objects" in refused.value.sentences


def test_a_workload_without_pods_is_asked_about_by_its_namespace() -> None:
    east = worlds.east()
    assert east.inventory is not None
    bare = structs.replace(east, inventory=structs.replace(east.inventory, pods=()))
    picture = Picture(worlds.world(bare))
    item = SimpleNamespace(cluster="east", namespace="shop", name="gone", kind="Deployment")
    assert titles(questions_about(picture, "workloads", item)) == ["STRICT in shop"]
