"""What AuthorizationPolicies say of an edge, beside what was answered in fact."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.analysis.authorization.decision import Permission
from meshtop.model.kube import ConfigObject
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.views.frame.document import document
from meshtop.views.frame.registry import view
from meshtop.views.kinds.edges import EdgeItem, policy_facts
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds
from tests.analysis.authorization.build import policy, source
from tests.views.kinds.test_security import with_objects

EDGES = view("edges")


def snapshot(*objects: ConfigObject, **unread: str) -> Snapshot:
    """East and west with these policies in both, and their pods' accounts; `unread` are kinds with their state."""
    return worlds.world(*(_with(cluster, objects, unread) for cluster in (worlds.east(), worlds.west())))


def _with(cluster: ClusterSnapshot, objects: tuple[ConfigObject, ...], unread: dict[str, str]) -> ClusterSnapshot:
    inventory = with_objects(cluster, *objects).inventory
    assert inventory is not None
    pods = tuple(structs.replace(pod, service_account=pod.meta.labels["app"]) for pod in inventory.pods)
    kinds = tuple(structs.replace(kind, state=unread.get(kind.kind, kind.state)) for kind in inventory.kinds)
    return structs.replace(cluster, inventory=structs.replace(inventory, pods=pods, kinds=kinds))


def items(*objects: ConfigObject, **unread: str) -> list[EdgeItem]:
    found: list[EdgeItem] = EDGES.items(Picture(snapshot(*objects, **unread)), Query())
    assert len(found) >= 4
    return found


def to_v2(found: list[EdgeItem]) -> EdgeItem:
    return next(item for item in found if item.destination.workload == "reviews-v2")


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ((), Permission.ALLOWED),
        ((policy(),), Permission.DENIED),
        ((policy(rules=[source(principals=["example.org/ns/shop/sa/web"])]),), Permission.ALLOWED),
        ((policy(rules=[source(principals=["example.org/ns/shop/sa/job"])]),), Permission.DENIED),
        ((policy(rules=[{"to": [{"operation": {"methods": ["GET"]}}]}]),), Permission.DEPENDS),
    ],
)
def test_every_edge_has_what_policies_say(objects: tuple[ConfigObject, ...], expected: Permission) -> None:
    found = items(*objects)
    assert {item.policy for item in found} == {expected}
    assert all(item.policy_why.endswith(".") for item in found)
    picture = Picture(snapshot(*objects))
    assert EDGES.items(picture, Query(filter=f"policy:{expected}")) == found
    assert EDGES.items(picture, Query(filter=f"!policy:{expected}")) == []


def test_policies_that_were_not_read_are_unknown_and_said_so() -> None:
    found = items(policy(), AuthorizationPolicy="denied")
    assert {item.policy for item in found} == {None}
    assert EDGES.items(Picture(snapshot(AuthorizationPolicy="denied")), Query(filter="policy:unknown")) == found
    assert to_v2(found).policy_why == "AuthorizationPolicy of east cannot be read (denied)."
    picture = Picture(snapshot(AuthorizationPolicy="denied"))
    unknowns = document(EDGES, picture, found, Query()).unknowns
    assert ("AuthorizationPolicy", "east") in {(one.what, one.cluster) for one in unknowns}


def test_that_there_is_no_traffic_does_not_hang_on_policies() -> None:
    picture = Picture(snapshot(AuthorizationPolicy="denied"))
    assert EDGES.unknowns(picture, Query()) == ()
    assert EDGES.nothing(picture, Query()) == EDGES.empty


def told(item: EdgeItem) -> str:
    return "; ".join(fact.cell.text.strip() for fact in policy_facts(item))


def test_the_detail_holds_the_verdict_against_what_was_answered() -> None:
    denied = to_v2(items(policy("closed")))
    assert told(denied) == (
        "✗ denied; No ALLOW rule matches at shop/reviews-v2 (AuthorizationPolicy shop/closed).;"
        " 20/s were not refused: the policy is newer than these calls, or not in force there"
    )
    assert told(structs.replace(denied, refused_per_second=20.0)).endswith("20/s were refused (403)")
    allowed = to_v2(items())
    assert told(allowed).endswith("none was refused")
    by_app = told(structs.replace(allowed, refused_per_second=2.0))
    assert by_app.endswith("2/s were refused (403), by the application itself or by what is not told")
    assert told(structs.replace(allowed, policy=None, policy_why="x", refused_per_second=None)) == "? unknown; x"
