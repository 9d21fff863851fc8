"""What commands say, and how they end, where a part of the answer was not read."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from meshtop.model.state import SourceStatus, State
from tests import worlds
from tests.cli.conftest import Program
from tests.views.frame.test_unknowns import with_kind


def test_no_canaries_is_no_claim_where_routes_may_not_be_read(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(with_kind(worlds.east(), "VirtualService", "denied"), worlds.west()),)
    told = meshtop("get", "canaries")
    assert "VirtualService of east may not be read" in told.err
    unknowns = json.loads(meshtop("get", "canaries", "-o", "json").out)["unknowns"]
    assert {"what": "VirtualService", "cluster": "east", "why": "denied"} in unknowns
    assert "may not be read" in meshtop("get", "canaries", "shop/reviews").err


@pytest.mark.parametrize("command", [("whatif", "strict", "shop"), ("whatif", "evacuate", "east")])
def test_what_if_is_not_fine_while_something_is_unknown(meshtop: Program, command: tuple[str, ...]) -> None:
    known = meshtop(*command)
    assert "not certain" not in known.err
    meshtop.snapshots = (worlds.world(),)
    unsure = meshtop(*command)
    assert (known.code, unsure.code) == (0, 3)
    assert "This answer is not certain: everything of north cannot be read." in unsure.err
    document = json.loads(meshtop(*command, "-o", "json").out)
    assert document["unknowns"] == [{"what": "everything", "cluster": "north", "why": "unreachable"}]


def test_no_drift_is_no_claim_where_a_kind_may_not_be_read(meshtop: Program) -> None:
    east = worlds.east()
    meshtop.snapshots = (worlds.world(east),)
    assert meshtop("get", "drift").code == 0
    meshtop.snapshots = (worlds.world(with_kind(east, "PeerAuthentication", "denied")),)
    told = meshtop("get", "drift")
    assert told.code == 3
    assert "No object differs" in told.err
    assert "PeerAuthentication of east may not be read" in told.err


def test_no_drift_is_no_claim_where_it_is_not_known_which_clusters_are_one_mesh(meshtop: Program) -> None:
    whether = {"what": "whether it is one mesh with west", "cluster": "east", "why": "denied"}
    meshtop.snapshots = (worlds.world(worlds.east(), worlds.west()),)
    assert whether not in json.loads(meshtop("get", "drift", "-o", "json").out)["unknowns"]
    east, west = worlds.cluster("east", []), worlds.cluster("west", [])
    assert west.inventory is not None
    bare = replace(west, inventory=replace(west.inventory, config_maps={}, controllers=()))
    meshtop.snapshots = (worlds.world(east, with_kind(bare, "ConfigMap", "denied")),)
    told = meshtop("get", "drift")
    assert told.code == 3
    assert whether in json.loads(meshtop("get", "drift", "-o", "json").out)["unknowns"]
    assert "No object differs between clusters that should be alike as far as it was read" in told.err


def test_a_graph_without_traffic_says_whose_traffic_was_not_read(meshtop: Program) -> None:
    lost = SourceStatus(state=State.UNREACHABLE, error="no route to host")
    meshtop.snapshots = (worlds.world(replace(worlds.east(), prometheus=lost, telemetry=None)),)
    assert "traffic of east cannot be read" in meshtop("graph").err
