"""What differs between clusters is said on the fleet: one line, in the scope, and not before all have answered."""

from __future__ import annotations

from msgspec import structs

from meshtop.model.kube import KindStatus, Meta, Namespace
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.views.frame.detail import detail
from meshtop.views.frame.registry import view
from meshtop.views.picture.memory import Memory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.item import AttentionItem
from meshtop.views.reports.attention.view import attention, opened_by, since_text
from tests import worlds
from tests.analysis.fleet.objects import obj, with_config
from tests.views.picture.test_evidence import istiod


def of_mode(cluster: ClusterSnapshot, mode: str) -> ClusterSnapshot:
    policy = obj("PeerAuthentication", "default", "shop", spec={"mtls": {"mode": mode}})
    plane, pod = istiod(cluster.name, {})
    inventory = cluster.inventory
    assert inventory is not None
    parts = {"controllers": (*inventory.controllers, plane), "pods": (*inventory.pods, pod)}
    return with_config(cluster, config={"PeerAuthentication": (policy,)}, **parts)


def drift_lines(picture: Picture, query: Query | None = None) -> list[AttentionItem]:
    return [one for one in attention(picture, query or Query()) if one.id == "drift"]


def test_a_cluster_that_does_not_answer_is_said_so_once() -> None:
    silent = structs.replace(worlds.north().kubernetes, error="north (https://north.example) does not answer: no word.")
    north = structs.replace(worlds.north(), kubernetes=silent)
    (line,) = [
        one for one in attention(Picture(worlds.world(worlds.east(), north)), Query()) if one.id == "cluster/north"
    ]
    assert line.title == "north does not answer: no word."


def test_nothing_is_said_where_clusters_are_alike() -> None:
    assert drift_lines(Picture(worlds.world(worlds.east(), worlds.west()))) == []


def test_what_differs_is_one_line_that_opens_the_first_of_it() -> None:
    picture = Picture(worlds.world(of_mode(worlds.east(), "STRICT"), of_mode(worlds.west(), "PERMISSIVE")))
    (line,) = drift_lines(picture)
    assert line.title == ("1 object differs between clusters that should be alike: PeerAuthentication shop/default.")
    assert detail(picture, *opened_by(line)) is not None


def test_it_belongs_to_the_scope() -> None:
    picture = Picture(worlds.world(of_mode(worlds.east(), "STRICT"), of_mode(worlds.west(), "PERMISSIVE")))
    assert drift_lines(picture, Query(namespaces=("shop",)))
    assert drift_lines(picture, Query(namespaces=("elsewhere",))) == []


def test_a_fleet_that_is_still_being_read_is_not_compared() -> None:
    snapshot = worlds.world(of_mode(worlds.east(), "STRICT"), of_mode(worlds.west(), "PERMISSIVE"))
    assert drift_lines(Picture(structs.replace(snapshot, settled=False))) == []


def test_it_is_compared_again_after_half_a_minute() -> None:
    memory = Memory()
    east, west = of_mode(worlds.east(), "STRICT"), of_mode(worlds.west(), "PERMISSIVE")
    start = worlds.AT - worlds.AT % 30
    assert drift_lines(Picture(worlds.world(east, west, at=start), memory=memory))
    alike = (east, of_mode(worlds.west(), "STRICT"))
    assert drift_lines(Picture(worlds.world(*alike, at=start + 29), memory=memory)), "pods come and go all the time"
    assert drift_lines(Picture(worlds.world(*alike, at=start + 30), memory=memory)) == []


def test_a_namespace_that_differs_belongs_to_its_own_scope() -> None:
    def labelled(cluster: ClusterSnapshot, value: str) -> ClusterSnapshot:
        namespace = Namespace(meta=Meta(name="shop", labels={"istio-injection": value}))
        return with_config(cluster, namespaces=(namespace,))

    picture = Picture(worlds.world(labelled(worlds.east(), "enabled"), labelled(worlds.west(), "disabled")))
    (line,) = drift_lines(picture, Query(namespaces=("shop",)))
    assert "Namespace shop" in line.title
    assert drift_lines(picture, Query(namespaces=("elsewhere",))) == []


def test_when_it_was_seen_first_is_not_said_as_when_it_began() -> None:
    picture = Picture(worlds.world(of_mode(worlds.east(), "STRICT"), of_mode(worlds.west(), "PERMISSIVE")))
    (line,) = drift_lines(picture)
    seen = line.first_seen.timestamp()
    assert line.since is None
    assert (since_text(line, seen + 59), since_text(line, seen + 420)) == ("–", "seen 7m")


def test_what_is_read_only_for_findings_adds_nothing_to_now() -> None:
    """NOW says the same whether somebody has opened the place of findings or not."""
    patch = {"applyTo": "HTTP_ROUTE", "patch": {"operation": "REPLACE"}}
    broken = obj("EnvoyFilter", "odd", "shop", spec={"configPatches": [patch]})
    plane, pod = istiod("east", {})
    east = worlds.east()
    inventory = east.inventory
    assert inventory is not None
    parts = {"controllers": (*inventory.controllers, plane), "pods": (*inventory.pods, pod)}
    read = (*inventory.kinds, KindStatus(kind="EnvoyFilter", count=1, state="fresh"))
    seen = with_config(east, config={"EnvoyFilter": (broken,)}, kinds=read, **parts)
    before = Picture(worlds.world(with_config(east, config={}, **parts)))
    after = Picture(worlds.world(seen))
    assert "IST0152" in {row.code for row in view("findings").all_items(after)}
    assert [one.id for one in attention(after, Query())] == [one.id for one in attention(before, Query())]
