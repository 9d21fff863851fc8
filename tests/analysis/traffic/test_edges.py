"""Edges across clusters: matched reports, shared engines, hops, and what never arrived."""

from __future__ import annotations

from itertools import permutations
from math import isclose
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.traffic.edges import edges
from meshtop.analysis.traffic.inputs import ClusterTraffic, KnownPeer, cluster_traffic
from meshtop.model.kube import ConfigObject, Inventory, Meta
from meshtop.model.mesh import MeshFacts, Proxy, VirtualMachine, Workload
from meshtop.model.telemetry import Sample
from meshtop.model.traffic import Edge, PeerKind
from tests.analysis.traffic.builders import UNKNOWN_TARGET, cluster, only, tcp, told

TO_WEST = {"destination_cluster": "west"}


def test_two_reports_from_two_prometheus_are_matched() -> None:
    edge = only(cluster("east", told(100, "source", **TO_WEST)), cluster("west", told(90, "destination", **TO_WEST)))
    assert (edge.source.cluster, edge.destination.cluster, edge.cross_cluster) == ("east", "west", True)
    assert (edge.sums.requests, edge.reports) == (100, {"destination": 90, "source": 100})
    assert edge.disagreement == pytest.approx(0.1)


def test_a_cluster_that_does_not_answer_leaves_the_sources_report_alone() -> None:
    silent = ClusterTraffic(name="west", cluster_id="west")
    edge = only(cluster("east", told(100, "source", **TO_WEST)), silent)
    assert (edge.destination.cluster, edge.sums.requests, edge.reports, edge.disagreement) == (
        "west",
        100,
        {"source": 100},
        None,
    )


def test_two_clusters_that_share_one_prometheus_are_not_counted_twice() -> None:
    samples = (told(100, "source", **TO_WEST), told(90, "destination", **TO_WEST))
    edge = only(*(_sharing(cluster(name, *samples)) for name in ("east", "west")))
    assert edge.reports == {"destination": 90, "source": 100}


def _sharing(traffic: ClusterTraffic) -> ClusterTraffic:
    return structs.replace(traffic, telemetry=_with_identity(traffic, "http://one"))


def _with_identity(traffic: ClusterTraffic, identity: str) -> Any:
    assert traffic.telemetry is not None
    return structs.replace(traffic.telemetry, identity=identity)


def test_an_engine_above_all_does_not_repeat_what_a_clusters_own_prometheus_says() -> None:
    above = cluster("east", told(5, "destination", target="pay"), told(90, "destination", **TO_WEST))
    own = cluster("west", told(90, "destination", **TO_WEST))
    found = {edge.destination.workload: edge.sums.requests for edge in edges([above, own])}
    assert found == {"pay": 5, "cart": 90}


def test_two_clusters_with_the_default_id_are_told_apart_by_their_endpoint() -> None:
    same = {"source_cluster": "Kubernetes", "destination_cluster": "Kubernetes"}
    found = edges(
        [
            cluster("east", told(1, "destination", **same), cluster_id="Kubernetes"),
            cluster("west", told(2, "destination", **same), cluster_id="Kubernetes"),
        ]
    )
    assert [(e.source.cluster, e.destination.cluster, e.cross_cluster, e.sums.requests) for e in found] == [
        ("east", "east", False, 1),
        ("west", "west", False, 2),
    ]


def test_with_the_default_id_a_workload_that_only_the_other_cluster_has_is_the_others() -> None:
    same = {"source_cluster": "Kubernetes", "destination_cluster": "Kubernetes"}
    edge = only(
        cluster(
            "east", told(10, "source", **same), cluster_id="Kubernetes", kinds={"web": PeerKind.WORKLOAD}, mesh_id="m"
        ),
        cluster(
            "west",
            told(9, "destination", **same),
            cluster_id="Kubernetes",
            kinds={"cart": PeerKind.WORKLOAD},
            mesh_id="m",
        ),
    )
    assert (edge.source.cluster, edge.destination.cluster, edge.reports) == (
        "east",
        "west",
        {"destination": 9, "source": 10},
    )


def test_an_id_of_no_known_cluster_stays_visible() -> None:
    edge = only(cluster("east", told(1, "source", destination_cluster="far-away")))
    assert (edge.destination.cluster, edge.cross_cluster) == ("far-away", True)


def test_requests_that_the_clients_own_proxy_ended_are_added_to_the_destinations_report() -> None:
    edge = only(
        cluster(
            "east",
            told(90, "source"),
            told(10, "source", response_code="503", response_flags="UF,URX"),
            told(90, "destination"),
        )
    )
    assert (edge.sums.requests, edge.sums.errors) == (100, 10)
    assert edge.codes == {"200": 90, "503": 10}
    assert edge.flags == {"UF,URX": 10}
    assert edge.disagreement == pytest.approx(0.1)


def test_requests_that_timed_out_at_the_client_have_arrived_and_are_not_added() -> None:
    edge = only(cluster("east", told(10, "source", response_code="504", response_flags="UT"), told(10, "destination")))
    assert edge.sums.requests == 10


def test_a_source_that_knows_only_the_service_is_matched_with_the_destinations_report() -> None:
    half = UNKNOWN_TARGET | {"destination_service_namespace": "unknown"}
    fields_east = {
        "tcp_opened": (tcp(10, "source", **half), tcp(2, "source", **half, response_flags="UH")),
        "tcp_received": (tcp(500, "source", **half),),
    }
    fields_west = {
        "tcp_opened": (tcp(9, "destination", **TO_WEST),),
        "tcp_received": (tcp(480, "destination", **TO_WEST),),
    }
    found = edges([cluster("east", fields=fields_east), cluster("west", fields=fields_west)])
    by_kind = {edge.destination.kind: edge for edge in found}
    assert by_kind[PeerKind.WORKLOAD].sums.sent == 500
    assert by_kind[PeerKind.WORKLOAD].reports == {"destination": 9, "source": 10}
    assert by_kind[PeerKind.SERVICE].sums.connections == 2
    assert by_kind[PeerKind.SERVICE].flags == {"UH": 2}


def test_an_edge_between_networks_is_one_logical_edge_with_the_east_west_gateway_as_its_hop() -> None:
    gateway = "istio-eastwestgateway"
    passing = {"source_workload_namespace": "istio-system", "source_cluster": "west"}
    edge = only(
        cluster("east", told(100, "source", **TO_WEST), network="one"),
        cluster(
            "west",
            told(90, "destination", **TO_WEST),
            network="two",
            east_west=frozenset({("istio-system", gateway)}),
            fields={"tcp_received": (tcp(9999, "source", source=gateway, **passing, **TO_WEST),)},
        ),
    )
    assert edge.hops == ("west/istio-system/istio-eastwestgateway",)
    assert (edge.protocol, edge.sums.requests, edge.sums.sent) == ("http", 100, None)


def test_a_gateway_that_is_ingress_and_east_west_at_once_keeps_its_own_requests() -> None:
    gateway = {"source_workload_namespace": "istio-system", "source_cluster": "west"} | TO_WEST
    found = edges(
        [
            cluster("east", told(100, "source", **TO_WEST)),
            cluster(
                "west",
                told(90, "destination", **TO_WEST),
                told(40, "source", source="gw", **gateway),
                told(40, "destination", source="gw", **gateway),
                east_west=frozenset({("istio-system", "gw")}),
                fields={"tcp_received": (tcp(9999, "source", source="gw", **gateway),)},
            ),
        ]
    )
    assert {(e.source.workload, e.protocol): e.sums.requests for e in found} == {
        ("web", "http"): 100,
        ("gw", "http"): 40,
    }


def test_two_hops_in_a_row_are_one_logical_edge() -> None:
    """Ambient across networks: client → east-west gateway → waypoint → server, told as a whole by the waypoint."""
    service = {"destination_service": "cart.shop.svc.cluster.local", "destination_service_name": "cart"}
    west = {"source_cluster": "west"} | TO_WEST
    edge = only(
        cluster("east", fields={"tcp_received": (tcp(700, "source", target="gw", **service, **TO_WEST),)}),
        cluster(
            "west",
            told(20, "waypoint", **TO_WEST),
            kinds={"waypoint": PeerKind.WAYPOINT, "gw": PeerKind.GATEWAY},
            east_west=frozenset({("shop", "gw")}),
            fields={
                "tcp_received": (
                    tcp(700, "source", source="gw", target="waypoint", **service, **west),
                    tcp(710, "destination", source="waypoint", **west),
                )
            },
        ),
    )
    assert (edge.source.workload, edge.destination.workload, edge.protocol) == ("web", "cart", "http")
    assert (edge.sums.requests, edge.sums.sent) == (20, None)
    assert edge.hops == ("west/shop/gw", "west/shop/waypoint")


@pytest.mark.parametrize("onward", [True, False])
def test_a_hop_without_a_report_of_the_whole_way_is_stitched_by_its_shares(onward: bool) -> None:
    """Ambient L4 through a waypoint whose own metrics are missing."""
    service = {"destination_service": "cart.shop.svc.cluster.local", "destination_service_name": "cart"}
    samples = [
        tcp(60, "source", target="waypoint", **service),
        tcp(60, "destination", target="waypoint", **service),
    ]
    if onward:
        samples += [
            tcp(45, "destination", source="waypoint", target="cart-v1", **service),
            tcp(15, "destination", source="waypoint", target="cart-v2", **service),
        ]
    found = edges([cluster("east", kinds={"waypoint": PeerKind.WAYPOINT}, fields={"tcp_received": tuple(samples)})])
    ends = {(e.source.workload, e.destination.workload): e.sums.sent for e in found}
    assert ends == ({("web", "cart-v1"): 45, ("web", "cart-v2"): 15} if onward else {("web", ""): 60})
    assert all(edge.hops == ("east/shop/waypoint",) for edge in found)


def test_a_gateways_own_report_of_the_way_through_a_waypoint_is_held_against_the_waypoints() -> None:
    service = {"destination_service": "cart.shop.svc.cluster.local", "destination_service_name": "cart"}
    edge = only(
        cluster(
            "east",
            told(10, "source", source="ingress", target="waypoint", **service),
            told(8, "waypoint", source="ingress"),
            kinds={"waypoint": PeerKind.WAYPOINT, "ingress": PeerKind.GATEWAY},
        )
    )
    assert (edge.sums.requests, edge.reports) == (10, {"gateway": 10, "waypoint": 8})
    assert edge.disagreement == pytest.approx(0.2)


def test_service_entries_are_external_unless_they_stand_in_the_mesh() -> None:
    def host(name: str) -> Sample:
        return told(1, "source", **UNKNOWN_TARGET, destination_service=name, destination_service_name=name)

    found = edges(
        [
            cluster(
                "east",
                host("api.example.org"),
                host("deep.wild.example.com"),
                host("db.internal"),
                external_hosts=frozenset({"*.example.com"}),
                internal_hosts=frozenset({"db.internal"}),
            )
        ]
    )
    assert {edge.destination.service: edge.destination.kind for edge in found} == {
        "api.example.org": PeerKind.EXTERNAL,
        "deep.wild.example.com": PeerKind.EXTERNAL,
        "db.internal": PeerKind.SERVICE,
    }


def test_latency_is_summed_in_buckets_and_falls_back_to_the_report_that_has_them() -> None:
    def bucket(reporter: str, le: str, rate: float) -> Sample:
        return told(rate, reporter, response_code="", response_flags="", connection_security_policy="", le=le)

    edge = only(
        cluster(
            "east",
            told(10, "source"),
            told(10, "destination"),
            fields={
                "duration_buckets": (
                    bucket("source", "10", 5),
                    bucket("source", "100", 10),
                    bucket("source", "+Inf", 10),
                ),
                "duration_sum": (bucket("source", "", 400),),
            },
        )
    )
    latency = edge.sums.traffic().latency_ms
    assert (latency.p50, latency.p90, latency.mean) == (10, 82, 40)


@pytest.mark.parametrize("port", ["", ":9080"])
def test_both_reporters_spellings_of_one_service_are_one(port: str) -> None:
    bare = {"destination_service": "cart", "destination_service_name": "cart"}
    edge = only(
        cluster(
            "east",
            told(5, "source", destination_service=f"cart.shop.svc.cluster.local{port}"),
            told(5, "destination", **bare),
        )
    )
    assert edge.reports == {"destination": 5, "source": 5}


def test_inputs_are_read_from_the_inventory() -> None:
    def made(name: str, **more: Any) -> Workload:
        return Workload(cluster="east", namespace="istio-system", name=name, kind="Deployment", **more)

    def config(kind: str, group: str, name: str, spec: dict[str, Any]) -> ConfigObject:
        meta = Meta(name=name, namespace="istio-system")
        return ConfigObject(group=group, version="v1", kind=kind, meta=meta, spec=spec)

    gateways = (
        config(
            "Gateway",
            "networking.istio.io",
            "cross",
            {"selector": {"istio": "ew"}, "servers": [{"tls": {"mode": "AUTO_PASSTHROUGH"}}]},
        ),
        config("Gateway", "networking.istio.io", "in", {"selector": {"istio": "in"}, "servers": [{"port": {}}]}),
        config("Gateway", "gateway.networking.k8s.io", "amb", {"gatewayClassName": "istio-east-west"}),
    )
    entries = (
        config("ServiceEntry", "networking.istio.io", "out", {"hosts": ["API.example.org"]}),
        config("ServiceEntry", "networking.istio.io", "vm", {"hosts": ["vm.local"], "location": "MESH_INTERNAL"}),
    )
    machine = VirtualMachine(
        cluster="east", namespace="shop", name="vm-1", meta=Meta(name="vm-1"), workload_group="vm", app="billing"
    )
    traffic = cluster_traffic(
        "east",
        telemetry=None,
        facts=MeshFacts(cluster_id="c1", mesh_id="m", network="n"),
        inventory=Inventory(config={"Gateway": gateways, "ServiceEntry": entries}),
        workloads=[
            made("ew-gw", labels=(("istio", "ew"),), is_gateway=True),
            made("in-gw", labels=(("istio", "in"),), is_gateway=True),
            made("amb-gw", labels=(("gateway.networking.k8s.io/gateway-name", "amb"),), is_gateway=True),
            made("way", is_waypoint=True, is_gateway=True, proxy=Proxy.AMBIENT),
        ],
        machines=[machine],
    )
    assert traffic.east_west == {("istio-system", "ew-gw"), ("istio-system", "amb-gw")}
    assert traffic.external_hosts == {"api.example.org"}
    assert traffic.internal_hosts == {"vm.local"}
    assert traffic.peers["shop", "vm"] == KnownPeer(PeerKind.VIRTUAL_MACHINE, "billing", "")
    assert traffic.peers["istio-system", "way"].kind is PeerKind.WAYPOINT
    assert traffic.peers["istio-system", "way"].ambient
    assert (traffic.cluster_id, traffic.mesh_id, traffic.network) == ("c1", "m", "n")


NAMES = ("east", "west", "north")
WORKLOADS = ("web", "cart", "pay", "waypoint", "unknown")


@st.composite
def meshes(draw: st.DrawFn) -> list[ClusterTraffic]:
    made = []
    for name in NAMES:
        samples = [
            told(
                draw(st.floats(0, 1e6, allow_nan=False)),
                reporter,
                draw(st.sampled_from(WORKLOADS)),
                draw(st.sampled_from(WORKLOADS)),
                source_cluster=name if reporter == "source" else draw(st.sampled_from((*NAMES, "unknown"))),
                destination_cluster=name if reporter != "source" else draw(st.sampled_from((*NAMES, "unknown"))),
                response_code=draw(st.sampled_from(("200", "503", "0"))),
                response_flags=draw(st.sampled_from(("-", "UF", "UT"))),
            )
            for reporter in draw(st.lists(st.sampled_from(("source", "destination", "waypoint")), max_size=8))
        ]
        identity = draw(st.sampled_from((f"http://{name}", "http://shared")))
        made.append(
            ClusterTraffic(
                name=name,
                cluster_id=draw(st.sampled_from((name, "Kubernetes"))),
                telemetry=_with_identity(cluster(name, *samples), identity),
                peers={("shop", "waypoint"): KnownPeer(PeerKind.WAYPOINT)},
            )
        )
    return made


@given(meshes())
@settings(max_examples=60, deadline=None)
def test_merging_clusters_in_any_order_gives_the_same_edges(mesh: list[ClusterTraffic]) -> None:
    expected = edges(mesh)
    for order in permutations(mesh):
        assert edges(order) == expected


@given(meshes())
@settings(max_examples=60, deadline=None)
def test_every_edge_is_consistent(mesh: list[ClusterTraffic]) -> None:
    found = edges(mesh)
    ends = [(e.source, e.destination, e.protocol) for e in found]
    assert len(set(ends)) == len(ends)
    for edge in found:
        _check(edge)


def _check(edge: Edge) -> None:
    requests = edge.sums.requests
    assert requests is not None
    assert isclose(sum(edge.codes.values()), requests, abs_tol=1e-6)
    assert (edge.sums.errors or 0) <= requests * (1 + 1e-9)
    assert (edge.sums.secured or 0) <= (edge.sums.judged or 0)
    assert edge.disagreement is None or 0 <= edge.disagreement <= 1
    assert requests <= sum(edge.reports.values()) * (1 + 1e-9)


def test_series_of_a_reporter_that_istio_does_not_know_are_not_counted() -> None:
    edge = only(cluster("east", told(5, "destination"), told(90, "probe"), told(70, "probe", target="pay")))
    assert (edge.destination.workload, edge.sums.requests, edge.reports) == ("cart", 5, {"destination": 5})
