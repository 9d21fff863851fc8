"""One object in several clusters: what differs, who wrote what, which object is behind an item, and who may see it."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.analysis.changes.plain_object import history_of, readable_object
from meshtop.model.changes import SeenChange
from meshtop.model.shown_object import ShownObject
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Tone
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.object_report import (
    differing_fields,
    marked_lines,
    may_be_read,
    object_behind,
    object_diff,
    object_history,
    placed_objects,
)
from tests import worlds
from tests.analysis.tenancy.access.test_hiding import pictures
from tests.analysis.tenancy.fleets import fleet

WRITTEN = {
    "manager": "kubectl",
    "operation": "Apply",
    "time": "2026-08-01T13:59:00Z",
    "fieldsV1": {"f:spec": {"f:a": {}}},
}
STATUS = {"manager": "kcm", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {"f:x": {}}}}


def deployment(uid: str = "1", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop", "uid": uid, "resourceVersion": uid, "generation": int(uid),
            "creationTimestamp": f"2026-0{uid}-01T00:00:00Z", "managedFields": [WRITTEN, STATUS],
            "annotations": {"deployment.kubernetes.io/revision": uid, "team": "a"},
            "ownerReferences": [{"kind": "X", "name": "x", "uid": uid}],
        },
        "spec": {"replicas": 2, **spec},
        "status": {"replicas": int(uid)},
    }  # fmt: skip


def placed(cluster: str, tree: dict[str, Any]) -> Any:
    (found,) = placed_objects([ShownObject(cluster=cluster, kind="Deployment", found=(tree,))])
    return found


def test_what_no_two_clusters_share_is_no_difference() -> None:
    east = placed("east", deployment("1"))
    west = placed("west", deployment("2", progressDeadlineSeconds=600, revisionHistoryLimit=10))
    assert differing_fields(east, west) == ()
    assert object_diff(east, west) == ()


def test_a_difference_is_named_and_shown() -> None:
    east, west = placed("east", deployment("1")), placed("west", deployment("2", replicas=5, paused=True))
    assert differing_fields(east, west) == ("spec.paused", "spec.replicas")
    lines = object_diff(east, west)
    assert lines[:2] == ("--- east shop/web", "+++ west shop/web")
    assert {"-  replicas: 2", "+  replicas: 5", "+  paused: true"} <= set(lines)


def test_a_default_that_somebody_changed_is_a_difference() -> None:
    east, west = placed("east", deployment("1")), placed("west", deployment("2", revisionHistoryLimit=3))
    assert differing_fields(east, west) == ("spec.revisionHistoryLimit",)


def test_lines_that_another_cluster_lacks_stand_out() -> None:
    east, west = placed("east", deployment("1")), placed("west", deployment("2", replicas=5))
    title, lines = marked_lines(east, "Deployment", (), [east, west])
    assert title == "east shop/web"
    assert [line for line, tone in lines if tone is Tone.DEGRADED] == ["  replicas: 2"]
    assert not any("managedFields" in line for line, _ in lines)


def test_the_history_has_writers_and_what_was_seen_with_its_values() -> None:
    seen = SeenChange(
        at=2e9, scope="u", kind="Deployment", namespace="shop", name="web", path="replicas", before="1", after="2"
    )
    other = SeenChange(
        at=2e9, scope="u", kind="Deployment", namespace="shop", name="api", path="replicas", before="1", after="2"
    )
    told = object_history(placed("east", deployment()), "Deployment", [seen, other])
    assert [(one.who, one.fields, one.before, one.after) for one in told] == [
        ("(seen)", ("replicas",), "1", "2"),
        ("kubectl", ("spec.a",), None, None),
    ]


@pytest.mark.parametrize(
    "odd", [{}, {"metadata": None}, {"metadata": []}, {"metadata": {"managedFields": [3, None, {}]}}]
)
def test_an_odd_object_is_shown_as_it_is(odd: dict[str, Any]) -> None:
    assert isinstance(readable_object(odd), dict)
    assert all(not one.fields for one in history_of(odd))
    assert len(placed_objects([ShownObject(cluster="east", found=(odd,))])) == 1


def test_the_object_behind_an_item() -> None:
    picture = Picture(worlds.world(worlds.east(), worlds.west()))
    words = {
        kind: found.title
        for kind in ("namespaces", "services", "workloads", "clusters", "edges")
        if (found := object_behind(kind, view(kind).items(picture, Query())[0])) is not None
    }
    assert set(words) == {"namespaces", "services", "workloads"}
    assert words["namespaces"].startswith("Namespace ")
    assert words["services"].startswith("Service ")


def test_the_access_policy_holds_for_single_objects_too() -> None:
    access = pictures("maria").access(fleet())
    mine, theirs, nobodys = (
        placed("east", {**deployment(), "metadata": {"name": "web", "namespace": namespace}})
        for namespace in ("shop", "pay", "")
    )
    assert may_be_read(access, mine)
    assert not may_be_read(access, theirs)
    assert not may_be_read(access, nobodys)
    assert may_be_read(None, theirs)
