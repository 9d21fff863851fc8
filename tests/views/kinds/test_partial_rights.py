"""What is said where a user may read one namespace only: what was read is known, and the rest is not claimed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from meshtop.actions.fleet import readable_namespaces, unread
from meshtop.analysis.canary.backing import MemberBacking
from meshtop.analysis.canary.verdict import Honesty, HonestyVerdict
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import Inventory
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.views.frame.registry import view
from meshtop.views.frame.unknowns import told
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.evacuate import EvacuateAnswer, EvacuateSummary, evacuation_sentences
from meshtop.views.reports.whatif import knows_scope
from tests import worlds
from tests.views.picture.test_evidence import istiod

NARROW = ("VirtualService", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "Pod", "Namespace")


def confined(namespace: str = "shop") -> ClusterSnapshot:
    """A cluster of which one namespace may be read; namespaces themselves may not be listed."""
    east = worlds.east()
    assert east.inventory is not None
    kinds = tuple(
        replace(k, state="denied", namespaces=() if k.kind == "Namespace" else (namespace,)) if k.kind in NARROW else k
        for k in east.inventory.kinds
    )
    return replace(east, inventory=replace(east.inventory, kinds=kinds, namespaces=()))


def test_a_namespace_is_known_by_what_was_read_in_it() -> None:
    picture = Picture(worlds.world(confined()))
    assert knows_scope(picture, "shop") is True
    assert knows_scope(picture, "elsewhere") is None
    assert knows_scope(Picture(worlds.world(worlds.east())), "elsewhere") is False


def test_routes_are_known_where_they_may_be_read() -> None:
    snapshot = worlds.world(confined())
    assert set(unread(snapshot)) == {"east"}
    assert readable_namespaces(snapshot) == {"east": frozenset({"shop"})}
    assert readable_namespaces(worlds.world(worlds.east())) == {}


@pytest.mark.parametrize(("state", "status"), [("fresh", "idle"), ("denied", "unknown")])
def test_no_workload_is_claimed_only_where_pods_were_read(state: str, status: str) -> None:
    east = worlds.east()
    assert east.inventory is not None
    kinds = tuple(replace(k, state=state) if k.kind == "Pod" else k for k in east.inventory.kinds)
    bare = replace(east.inventory, kinds=kinds, pods=(), controllers=())
    picture = Picture(worlds.world(replace(east, inventory=bare)))
    for kind in ("clusters", "namespaces"):
        assert {row.health.status.value for row in view(kind).items(picture, Query())} == {status}


def test_pods_are_known_where_they_may_be_read() -> None:
    inventory = confined().inventory
    assert isinstance(inventory, Inventory)
    backing = MemberBacking(inventory, (), ())
    assert backing.knows_pods(("shop", "reviews"))
    assert not backing.knows_pods(("checkout", "payments"))
    assert not backing.knows_pods(None)


def test_a_split_that_no_traffic_would_tell_is_not_called_too_little_traffic() -> None:
    assert HonestyVerdict(Honesty.NOT_ENOUGH_DATA).words == "not known"
    assert HonestyVerdict(Honesty.NOT_ENOUGH_DATA, 1.0, 20.0, 180).words == "too little traffic"
    assert HonestyVerdict(Honesty.NO_TRAFFIC).words == "no traffic"


def test_a_claim_is_qualified_once() -> None:
    doubts = [Unknown("Service", "east", WhyUnknown.DENIED)]
    said = told("Nothing is wrong in this scope, as far as it is known.", doubts)
    assert said == "Nothing is wrong in this scope as far as it was read, but Service of east may not be read."


def test_whose_control_plane_would_be_lost_is_said() -> None:
    summary = EvacuateSummary(
        gone=0, doubles=0, unknown=0, grows=0, idle=0, enters_requests_per_second=None, virtual_machines=0
    )
    lines = evacuation_sentences(EvacuateAnswer(cluster="east", items=(), summary=summary, serves=("west",)))
    assert any(line.startswith("west has no control plane but that of east: its proxies") for line in lines)
    assert len(evacuation_sentences(EvacuateAnswer(cluster="east", items=(), summary=summary))) == 1


def test_the_reason_of_a_call_names_what_was_not_read_and_not_what_was() -> None:
    """Pods of the one namespace were read; PeerAuthentications were read there only, and another may decide."""
    east = confined()
    assert east.inventory is not None
    plane, pod = istiod("east", {})
    here = replace(
        east,
        inventory=replace(
            east.inventory,
            controllers=(*east.inventory.controllers, plane),
            pods=(*east.inventory.pods, pod),
            kinds=tuple(
                replace(k, state="denied", namespaces=("shop",)) if k.kind == "PeerAuthentication" else k
                for k in east.inventory.kinds
            ),
        ),
    )
    rows = view("mtlsedges").items(Picture(worlds.world(here)), Query(namespaces=("shop",)))
    assert rows
    why = {row.why for row in rows}
    assert not any("Pod of east" in one for one in why), why
    assert "PeerAuthentication of east was read in shop only; elsewhere it cannot be read (denied)." in why
