"""Which objects shape a thing, and that each row names an object that can be read."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.model.kube import KindStatus
from meshtop.model.snapshot import Snapshot
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.object_report import WantedObject
from meshtop.views.reports.shaped_by import UNREAD, shaping_object, shaping_objects, shaping_page
from tests import worlds
from tests.analysis.security.mtls.objects import config, destination_rule
from tests.views.kinds.test_security import with_objects


def shaped_world() -> Snapshot:
    """East with a route and a rule for reviews, a policy for its namespace, and one for other workloads alone."""
    route = config("VirtualService", "shop", "reviews", {"hosts": [worlds.REVIEWS_HOST], "http": [{}]})
    policy = config("PeerAuthentication", "shop", "default", {"mtls": {"mode": "STRICT"}})
    others = config("PeerAuthentication", "shop", "others", {"selector": {"matchLabels": {"app": "nobody"}}})
    rule = destination_rule("shop", "rule", worlds.REVIEWS_HOST)
    return worlds.world(with_objects(worlds.east(), route, policy, others, rule), worlds.west())


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("services", "reviews", ["DestinationRule/rule", "PeerAuthentication/default", "VirtualService/reviews"]),
        ("workloads", "reviews-v1", ["DestinationRule/rule", "PeerAuthentication/default", "VirtualService/reviews"]),
        ("mtls", "reviews-v1", ["DestinationRule/rule", "PeerAuthentication/default", "VirtualService/reviews"]),
        ("namespaces", "shop", ["PeerAuthentication/default"]),
    ],
)
def test_what_shapes_a_thing(kind: str, name: str, expected: list[str]) -> None:
    picture = Picture(shaped_world())
    item = next(one for one in view(kind).all_items(picture) if name in view(kind).path(one))
    assert item.cluster == "east"
    found = shaping_objects(picture, kind, item)
    assert [f"{one.kind}/{one.name}" for one in found] == expected
    assert all(one.why for one in found)


def test_a_kind_that_may_not_be_read_is_said_to_be_unknown() -> None:
    """That nothing applies is a claim about what was read."""
    east = worlds.east()
    assert east.inventory is not None
    denied = KindStatus(kind="AuthorizationPolicy", group="security.istio.io", state="denied")
    kinds = tuple(one for one in east.inventory.kinds if one.kind != denied.kind)
    inventory = structs.replace(east.inventory, kinds=(*kinds, denied))
    picture = Picture(worlds.world(structs.replace(east, inventory=inventory)))
    item = next(one for one in view("services").all_items(picture) if one.name == "reviews")
    told = shaping_page(picture, "services", item)
    assert told is not None
    (row,) = told.table.items
    assert row.kind == UNREAD
    assert "AuthorizationPolicy of east may not be read" in row.why
    assert shaping_object(told.table.key(0)) is None


def test_each_cluster_has_its_own() -> None:
    picture = Picture(shaped_world())
    west = next(one for one in view("services").all_items(picture) if one.cluster == "west" and one.name == "reviews")
    assert shaping_objects(picture, "services", west) == ()
    told = shaping_page(picture, "services", west)
    assert told is not None
    assert told.empty.startswith("No object of Istio or Gateway API applies")


def test_a_row_is_an_object_that_can_be_read() -> None:
    picture = Picture(shaped_world())
    item = next(one for one in view("services").all_items(picture) if one.name == "reviews")
    told = shaping_page(picture, "services", item)
    assert told is not None
    objects = [shaping_object(told.table.key(number)) for number in range(len(told.table))]
    assert WantedObject("VirtualService", "shop", "reviews") in objects
    assert WantedObject("PeerAuthentication", "shop", "default") in objects


def test_what_decides_about_a_call_is_what_shapes_the_called_end() -> None:
    picture = Picture(shaped_world())
    call = next(one for one in view("edges").all_items(picture) if one.destination.workload == "reviews-v1")
    assert call.destination.cluster == "east"
    names = [f"{one.kind}/{one.name}" for one in shaping_objects(picture, "edges", call)]
    assert names == ["DestinationRule/rule", "PeerAuthentication/default", "VirtualService/reviews"]


def test_of_a_call_to_nobody_known_nothing_is_claimed() -> None:
    picture = Picture(shaped_world())
    call = next(one for one in view("edges").all_items(picture) if one.destination.workload == "reviews-v1")
    nobody = structs.replace(call, destination=structs.replace(call.destination, workload=""))
    (row,) = shaping_objects(picture, "edges", nobody)
    assert (row.kind, "not known" in row.why) == (UNREAD, True)


def test_a_finding_s_object_opens_from_its_page() -> None:
    picture = Picture(shaped_world())
    finding = next(one for one in view("findings").all_items(picture) if one.kind == "VirtualService")
    told = shaping_page(picture, "findings", finding)
    assert told is not None
    assert told.title == "Objects"
    assert shaping_object(told.table.key(0)) == WantedObject("VirtualService", "shop", "reviews")
    seen = next(one for one in view("findings").all_items(picture) if not one.on_configuration)
    assert shaping_page(picture, "findings", seen) is None


def test_things_that_nothing_shapes_have_no_such_page() -> None:
    picture = Picture(shaped_world())
    assert shaping_page(picture, "clusters", view("clusters").all_items(picture)[0]) is None
