"""What differs between two looks at a cluster, with its values; and what must never be written down."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import structs

from meshtop.analysis.changes.fleet_changes import fleet_changes
from meshtop.analysis.changes.seen import MOST_FIELDS, seen_between
from meshtop.model.attention import PastChange
from meshtop.model.changes import Change, ChangeHow, FieldChange
from meshtop.model.kube import ConfigObject, Container, Controller, Inventory, KindStatus, Meta
from tests.worlds import AT


def route(spec: dict[str, Any], uid: str = "a", kind: str = "VirtualService") -> ConfigObject:
    return ConfigObject(group="g", version="v1", kind=kind, meta=Meta(name="web", namespace="shop", uid=uid), spec=spec)


def inventory(*objects: ConfigObject, state: str = "fresh") -> Inventory:
    kind = objects[0].kind if objects else "VirtualService"
    return Inventory(config={kind: objects}, kinds=(KindStatus(kind=kind, state=state),))


def told(before: Inventory, after: Inventory) -> list[tuple[str, str | None, str | None]]:
    return [(one.path, one.before, one.after) for one in seen_between(before, after, at=AT, scope="uid")]


def weights(first: int, second: int) -> dict[str, Any]:
    return {"http": [{"route": [{"weight": first}, {"weight": second}]}]}


def test_weights_are_known_before_and_after() -> None:
    assert told(inventory(route(weights(90, 10))), inventory(route(weights(50, 50)))) == [
        ("spec.http[0].route[0].weight", "90", "50"),
        ("spec.http[0].route[1].weight", "10", "50"),
    ]


def test_what_comes_goes_or_is_made_anew_is_told_as_a_whole() -> None:
    none, one, other = inventory(), inventory(route({})), inventory(route({}, uid="b"))
    assert told(none, one) == [("object", None, "created")]
    assert told(one, none) == [("object", "there", None)]
    assert told(one, other) == [("object", None, "created")]


@pytest.mark.parametrize("state", ["denied", "failed", "missing"])
def test_what_was_not_read_has_not_gone(state: str) -> None:
    assert told(inventory(route({})), structs.replace(inventory(state=state))) == []
    assert told(inventory(state=state), inventory(route({}))) == []


def test_replicas_and_images_of_what_runs_pods() -> None:
    def deployment(count: int, image: str) -> Inventory:
        one = Controller(kind="Deployment", meta=Meta(name="web", namespace="shop", uid="a"), desired=count,
                         containers=(Container("web", image),))  # fmt: skip
        return Inventory(controllers=(one,))

    assert told(deployment(2, "web:1"), deployment(40, "web:2")) == [
        ("replicas", "2", "40"),
        ("image of web", "web:1", "web:2"),
    ]


@pytest.mark.parametrize(
    "spec",
    [
        {"http": [{"headers": {"request": {"set": {"authorization": "Bearer hunter2"}}}}]},
        {"http": [{"headers": {"request": {"set": {"x-api-key": "hunter2"}}}}]},
        {"config": {"password": "hunter2"}},
        {"config": {"deep": [{"clientSecret": "hunter2"}]}},
        {"note": "https://maria:hunter2@example.test/"},
        {"note": "Authorization: Bearer hunter2hunter2"},
    ],
)
def test_secrets_are_never_kept(spec: dict[str, Any]) -> None:
    for before, after in (
        (inventory(route({})), inventory(route(spec))),
        (inventory(route(spec)), inventory(route({}))),
    ):
        found = seen_between(before, after, at=AT, scope="uid")
        assert found
        assert b"hunter2" not in msgspec.json.encode(found)


def test_kinds_that_may_hold_credentials_anywhere_are_not_kept_at_all() -> None:
    before, after = (inventory(route({"a": n}, kind="WasmPlugin")) for n in (1, 2))
    assert told(before, after) == []


def test_what_changes_too_much_is_cut() -> None:
    before, after = (inventory(route({f"f{i:02}": value for i in range(50)})) for value in (1, 2))
    found = told(before, after)
    assert len(found) == MOST_FIELDS
    assert found[-1][0] == "and 39 more fields"


def test_values_that_were_seen_complete_the_mark_that_the_cluster_left() -> None:
    mark = Change(at=AT - 2, clusters=("east",), namespace="shop", kind="VirtualService", name="web",
                  how=ChangeHow.WEIGHTS, title="weights", who="kubectl-edit", what=("spec.http",))  # fmt: skip
    seen = seen_between(inventory(route(weights(90, 10))), inventory(route(weights(50, 50))), at=AT, scope="uid")
    (found,) = fleet_changes([[mark]], (), {"east": seen})
    assert found.who == "kubectl-edit"
    assert found.fields[0] == FieldChange("spec.http[0].route[0].weight", "90", "50")
    (alone,) = fleet_changes([[]], (), {"east": seen})
    assert (alone.how, alone.at, alone.kind) == (ChangeHow.WEIGHTS, AT, "VirtualService")


def test_a_shift_of_several_clusters_is_one_change_and_not_its_marks_besides() -> None:
    journal = [
        PastChange(at=AT - 60 + n, title="shift shop/web by maria", cluster=cluster, namespace="shop", name="web",
                   kind="VirtualService", who="maria", action="7")
        for n, cluster in enumerate(("east", "west"))
    ]  # fmt: skip

    def mark(cluster: str, who: str) -> Change:
        return Change(at=AT - 59, clusters=(cluster,), namespace="shop", kind="VirtualService", name="web",
                      how=ChangeHow.WEIGHTS, title="weights", who=who)  # fmt: skip

    found = fleet_changes(
        [[mark("east", "meshtop")], [mark("west", "meshtop"), mark("west", "kubectl-edit")]], journal, {}
    )
    assert [(one.clusters, one.who, one.undo) for one in found] == [
        (("east", "west"), "maria", "7"),
        (("west",), "kubectl-edit", ""),
    ]
