"""What commands say, and how they end, where a part of the answer was not read."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import SourceStatus, State
from meshtop.model.telemetry import Sample
from tests import worlds
from tests.analysis.security.test_anchors import made
from tests.analysis.traffic.test_silence import silent
from tests.cli.conftest import Program
from tests.views.frame.test_unknowns import with_kind


def test_no_canaries_is_no_claim_where_routes_may_not_be_read(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(with_kind(worlds.east(), "VirtualService", "denied"), worlds.west()),)
    told = meshtop("get", "canaries")
    assert "VirtualService of east may not be read" in told.err
    unknowns = json.loads(meshtop("get", "canaries", "-o", "json").out)["unknowns"]
    assert {"what": "VirtualService", "cluster": "east", "why": "denied"} in unknowns
    assert "may not be read" in meshtop("get", "canaries", "shop/reviews").err


def all_called() -> Snapshot:
    """A mesh in which every workload and machine is called, with reporters who can tell."""
    east, west = worlds.east(), worlds.west()
    return worlds.world(*(_all_called(cluster) for cluster in (replace(east, inventory=west.inventory), west)))


def _all_called(cluster: ClusterSnapshot) -> ClusterSnapshot:
    name = cluster.name
    samples = [worlds.request(f"{name}/web", f"{name}/{version}", 5.0) for version in ("v1", "v2")]
    back = replace(
        samples[0].labels,
        source_workload="reviews-v1",
        source_app="reviews",
        destination_workload="web-v1",
        destination_app="web",
        destination_canonical_service="web",
        destination_service="web.shop.svc.cluster.local",
        destination_service_name="web",
    )
    told = worlds.telemetry([*samples, Sample(back, 5.0)], f"http://prometheus.{name}")
    one_root = {"istio-system/istio-ca-root-cert": {"root-cert.pem": made("A")}}
    inventory = worlds.inventory(cluster_id=name)
    inventory = replace(inventory, config_maps={**inventory.config_maps, **one_root})
    return replace(cluster, telemetry=told, inventory=inventory)


@pytest.mark.parametrize("command", [("whatif", "strict", "shop"), ("whatif", "evacuate", "east")])
def test_what_if_is_not_fine_while_something_is_unknown(meshtop: Program, command: tuple[str, ...]) -> None:
    meshtop.snapshots = (all_called(),)
    known = meshtop(*command)
    assert "not certain" not in known.err
    meshtop.snapshots = (worlds.world(*all_called().clusters, worlds.north()),)
    unsure = meshtop(*command)
    assert (known.code, unsure.code) == (0, 3)
    assert "This answer is not certain: everything of north cannot be read." in unsure.err
    document = json.loads(meshtop(*command, "-o", "json").out)
    assert document["unknowns"] == [{"what": "everything", "cluster": "north", "why": "unreachable"}]


def test_strict_is_not_fine_while_callers_are_unknown(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(), worlds.west()),)
    told = meshtop("whatif", "strict", "shop")
    assert told.code == 3
    assert "This answer is not certain: some callers of east, west left no data in this window." in told.err
    unknowns = json.loads(meshtop("whatif", "strict", "shop", "-o", "json").out)["unknowns"]
    assert {"what": "some callers", "cluster": "west", "why": "no-data"} in unknowns


def test_strict_without_any_telemetry_claims_nothing(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(silent()),)
    told = meshtop("whatif", "strict", "shop")
    assert told.code == 3
    assert "0 of 0" not in told.err
    assert "no call was seen, so none is known to be safe" in told.err
    assert "traffic, some callers of east left no data in this window." in told.err


def test_what_is_well_without_telemetry_is_not_said_to_be(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(silent()),)
    document = json.loads(meshtop("get", "clusters", "-o", "json").out)
    assert document["unknowns"] == [{"what": "traffic", "cluster": "east", "why": "no-data"}]
    assert document["items"][0]["health"]["status"] == "unknown"
    told = meshtop("doctor")
    assert told.code == 1
    assert "holds no series that a proxy reported in this window" in told.out


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


def test_evacuation_says_in_json_and_by_its_code_what_it_says_in_words(meshtop: Program) -> None:
    east, west = all_called().clusters
    assert west.inventory is not None
    other = "trustDomain: elsewhere.org\n"
    strange = replace(west.inventory, config_maps={"istio-system/istio": {"mesh": other}})
    alone = replace(west, inventory=with_kind(replace(west, inventory=strange), "Secret", "denied").inventory)
    meshtop.snapshots = (worlds.world(east, alone),)
    said = meshtop("whatif", "evacuate", "east", "-o", "json")
    asked = {"what": "whether it is one mesh with west", "cluster": "east"}
    assert asked in [{key: one[key] for key in asked} for one in json.loads(said.out)["unknowns"]]
    assert said.code == 3
    assert "whether it is one mesh with west of east" in meshtop("whatif", "evacuate", "east").err


def test_strict_for_a_mesh_whose_root_namespace_is_not_known_asks_for_it(meshtop: Program) -> None:
    east, west = all_called().clusters
    meshtop.snapshots = (worlds.world(east, west),)
    assert "root namespace" not in meshtop("whatif", "strict", "mesh").err
    hidden = with_kind(east, "ConfigMap", "denied")
    assert hidden.inventory is not None
    served = [
        replace(one, meta=replace(one.meta, annotations={"topology.istio.io/controlPlaneClusters": "far"}))
        if one.meta.name == "istio-system"
        else one
        for one in hidden.inventory.namespaces
    ]
    hidden = replace(hidden, inventory=replace(hidden.inventory, config_maps={}, namespaces=tuple(served)))
    meshtop.snapshots = (worlds.world(hidden),)
    said = meshtop("whatif", "strict", "mesh")
    assert said.code == 3
    assert "The root namespace of east is not known" in said.err
    assert "istio-system" not in said.out + said.err
    unknowns = json.loads(meshtop("whatif", "strict", "mesh", "-o", "json").out)["unknowns"]
    assert {"what": "the root namespace", "cluster": "east", "why": "denied"} in unknowns
