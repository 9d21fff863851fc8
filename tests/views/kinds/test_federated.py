"""The kind `federated`, and what a member's page says that it should hold."""

from __future__ import annotations

from msgspec import structs

from meshtop.model.kube import KindStatus
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.views.frame.detail import detail
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds
from tests.analysis.fleet.objects import condition, obj, with_config

MEMBERS = ("east", "west", "harbor")


def hub(cluster: ClusterSnapshot, **status: str) -> ClusterSnapshot:
    """The cluster as KubeFed's host, which puts the namespace shop to three members, one of which nobody reads."""
    members = tuple(
        obj("KubeFedCluster", name, "kube-federation-system", status={"conditions": [condition("Ready", "True")]})
        for name in MEMBERS
    )
    clusters = [{"name": name, **({"status": status[name]} if name in status else {})} for name in MEMBERS]
    placed = obj(
        "FederatedNamespace",
        "shop",
        "shop",
        spec={
            "placement": {"clusters": [{"name": name} for name in MEMBERS]},
            "overrides": [{"clusterName": "west", "clusterOverrides": [{"path": "/metadata/labels/x"}]}],
        },
        status={"clusters": clusters},
    )
    return with_config(cluster, config={"KubeFedCluster": members, "FederatedNamespace": (placed,)})


def test_a_row_says_who_should_have_it_who_has_it_and_why_not() -> None:
    picture = Picture(worlds.world(hub(worlds.east(), west="UpdateFailed"), worlds.west()))
    (row,) = view("federated").items(picture, Query())
    assert (row.registry, row.host, row.kind, row.name) == ("kubefed", "east", "Namespace", "shop")
    assert (row.wants, row.has) == (MEMBERS, ("east",))
    assert row.overrides == ("west:/metadata/labels/x",)
    assert row.health.status.value == "failing"
    assert row.health.reasons == ("west: UpdateFailed", "harbor: no context leads to it")
    said = repr(detail(picture, "federated", view("federated").key(row)))
    assert "FederatedNamespace shop/shop" in said
    assert "sets /metadata/labels/x" in said
    assert view("federated").items(picture, Query(filter="member:west:failed")) == [row]


def test_a_member_leads_to_what_it_should_hold() -> None:
    picture = Picture(worlds.world(hub(worlds.east()), worlds.west()))
    rows = {row.name: row for row in view("members").items(picture, Query()) if row.registry == "kubefed"}
    assert {name: row.placed for name, row in rows.items()} == dict.fromkeys(MEMBERS, 1)
    shown = detail(picture, "members", view("members").key(rows["harbor"]))
    assert shown is not None
    (should,) = [one for one in shown.related if one.title == "Should hold"]
    assert [item.name for item in should.table.items] == ["shop"]


def test_declarations_that_may_not_be_read_are_unknown() -> None:
    east = hub(worlds.east())
    assert east.inventory is not None
    kinds = (*east.inventory.kinds, KindStatus(kind="ManifestWork", state="denied"))
    denied = structs.replace(east, inventory=structs.replace(east.inventory, config={}, kinds=kinds))
    picture = Picture(worlds.world(denied))
    assert view("federated").items(picture, Query()) == []
    assert "ManifestWork of east may not be read" in view("federated").nothing(picture, Query())
