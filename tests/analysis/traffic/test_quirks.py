"""Every quirk of reference Istio telemetry, one test each, named after it."""

from __future__ import annotations

import pytest

from meshtop.analysis.traffic.edges import edges
from meshtop.analysis.traffic.figures import add_all, by_workload
from meshtop.analysis.traffic.flags import outcome
from meshtop.analysis.traffic.health import edge_health
from meshtop.analysis.traffic.inputs import KnownPeer
from meshtop.model.state import HealthStatus
from meshtop.model.traffic import PeerKind
from tests.analysis.traffic.builders import UNKNOWN_SOURCE, UNKNOWN_TARGET, cluster, only, tcp, told


def test_source_and_destination_of_one_request_are_never_added() -> None:
    edge = only(cluster("east", told(100, "source"), told(99, "destination")))
    assert edge.sums.requests == 100
    assert edge.reports == {"destination": 99, "source": 100}
    assert edge.disagreement == pytest.approx(0.01)


def test_source_counts_where_no_destination_reports() -> None:
    edge = only(cluster("east", told(7, "source")))
    assert (edge.sums.requests, edge.disagreement) == (7, None)


def test_a_destination_that_has_gone_quiet_does_not_silence_the_source() -> None:
    edge = only(cluster("east", told(7, "source"), told(0, "destination")))
    assert edge.sums.requests == 7
    assert edge.disagreement == 1


def test_security_policy_is_always_unknown_from_the_source_and_is_not_judged() -> None:
    edge = only(cluster("east", told(7, "source")))
    assert edge.sums.judged is None
    assert edge.sums.mtls_ratio is None


def test_security_is_judged_by_the_destination_and_summed_over_its_series() -> None:
    plain = told(1, "destination", connection_security_policy="none")
    edge = only(cluster("east", told(4, "source"), told(3, "destination"), plain))
    assert (edge.sums.secured, edge.sums.judged) == (3, 4)
    assert edge.sums.mtls_ratio == pytest.approx(0.75)


def test_all_unknown_source_is_one_unknown_node_per_cluster() -> None:
    found = edges(
        [
            cluster(
                "east", told(1, "destination", **UNKNOWN_SOURCE), told(2, "destination", target="pay", **UNKNOWN_SOURCE)
            ),
            cluster("west", told(3, "destination", **UNKNOWN_SOURCE, destination_cluster="west")),
        ]
    )
    sources = {edge.source for edge in found}
    assert [(s.cluster, s.kind, s.workload) for s in sorted(sources, key=lambda s: s.cluster)] == [
        ("east", PeerKind.UNKNOWN, ""),
        ("west", PeerKind.UNKNOWN, ""),
    ]
    assert not any(edge.cross_cluster for edge in found)


def test_all_unknown_destination_is_a_service_node_for_the_host_asked_for() -> None:
    edge = only(cluster("east", told(5, "source", **UNKNOWN_TARGET)))
    assert edge.destination.kind is PeerKind.SERVICE
    assert edge.destination.service == "cart.shop.svc.cluster.local"
    assert (edge.destination.workload, edge.destination.namespace) == ("", "shop")


def test_source_namespace_known_but_workload_and_app_unknown_is_dropped() -> None:
    odd = told(5, "destination", source_workload="unknown", source_canonical_service="unknown")
    assert edges([cluster("east", odd)]) == ()


@pytest.mark.parametrize("host", ["10.1.2.3", "10.1.2.3:8080", "fd00::1", "[fd00::1]:80"])
def test_service_name_that_is_an_ip_with_unknown_workload_is_dropped(host: str) -> None:
    odd = told(
        5,
        "source",
        **UNKNOWN_TARGET,
        destination_service=host,
        destination_service_name=host,
        destination_service_namespace="unknown",
    )
    assert edges([cluster("east", odd)]) == ()


def test_destination_cluster_unknown_with_a_known_service_namespace_is_the_sources_cluster_istio_29373() -> None:
    edge = only(cluster("east", told(5, "source", destination_cluster="unknown")))
    assert edge.destination.cluster == "east"
    assert not edge.cross_cluster


def test_tcp_names_are_inverted_istio_32399() -> None:
    edge = only(
        cluster("east", fields={"tcp_received": (tcp(10, "destination"),), "tcp_sent": (tcp(90, "destination"),)})
    )
    assert (edge.protocol, edge.sums.sent, edge.sums.received) == ("tcp", 10, 90)


@pytest.mark.parametrize(
    ("protocol", "code", "status", "expected"),
    [
        ("grpc", "200", "14", "14"),
        ("grpc", "200", "0", "0"),
        ("grpc", "503", "14", "503"),
        ("grpc", "404", "12", "404"),
        ("grpc", "200", "", "200"),
        ("grpc", "0", "14", "-"),
        ("http", "200", "14", "200"),
        ("http", "0", "", "-"),
    ],
)
def test_grpc_outcome_is_its_status_unless_http_says_4xx_or_5xx(
    protocol: str, code: str, status: str, expected: str
) -> None:
    assert outcome(protocol, code, status) == expected


def test_grpc_error_is_counted_by_its_status_although_http_says_200() -> None:
    grpc = {"request_protocol": "grpc"}
    edge = only(
        cluster(
            "east",
            told(9, "destination", **grpc, grpc_response_status="0"),
            told(1, "destination", **grpc, grpc_response_status="14"),
        )
    )
    assert edge.codes == {"0": 9, "14": 1}
    assert edge.sums.errors == 1


def test_code_0_means_no_response_is_shown_as_a_dash_and_is_an_error() -> None:
    edge = only(cluster("east", told(2, "destination", response_code="0", response_flags="DC")))
    assert edge.codes == {"-": 2}
    assert edge.flags == {"DC": 2}
    assert edge.sums.errors == 2


def test_revision_latest_is_no_version() -> None:
    edge = only(
        cluster(
            "east",
            told(
                1,
                "destination",
                source_canonical_revision="latest",
                destination_version="unknown",
                destination_canonical_revision="v2",
            ),
        )
    )
    assert (edge.source.version, edge.destination.version) == ("", "v2")


def test_no_service_node_goes_in_front_of_a_waypoint() -> None:
    own = told(3, "destination", target="waypoint")
    edge = only(cluster("east", own, kinds={"waypoint": PeerKind.WAYPOINT}))
    assert edge.destination.kind is PeerKind.WAYPOINT
    assert edge.destination.workload == "waypoint"
    assert edge.hops == ()


def test_ztunnels_l4_bytes_to_a_waypoint_are_not_added_to_the_l7_requests_behind_it() -> None:
    hop = {
        "destination_service": "cart.shop.svc.cluster.local",
        "destination_service_name": "cart",
        "connection_security_policy": "mutual_tls",
    }
    edge = only(
        cluster(
            "east",
            told(20, "waypoint"),
            kinds={"waypoint": PeerKind.WAYPOINT},
            fields={
                "tcp_received": (
                    tcp(5000, "source", target="waypoint", **hop),
                    tcp(5000, "destination", target="waypoint", **hop),
                    tcp(5100, "destination", source="waypoint", **hop | {"destination_workload": "cart"}),
                ),
            },
        )
    )
    assert (edge.source.workload, edge.destination.workload, edge.protocol) == ("web", "cart", "http")
    assert (edge.sums.requests, edge.sums.sent) == (20, None)
    assert edge.hops == ("east/shop/waypoint",)


def test_ztunnel_unknown_security_is_plaintext_because_it_never_says_none() -> None:
    ambient = {("shop", "cart"): KnownPeer(ambient=True), ("shop", "web"): KnownPeer()}
    fields = {"tcp_received": (tcp(30, "destination", connection_security_policy="unknown"),)}
    edge = only(cluster("east", fields=fields, peers=ambient))
    assert (edge.sums.secured_bytes, edge.sums.judged_bytes, edge.sums.mtls_ratio) == (0, 30, 0)


def test_ztunnel_security_is_valid_from_the_source_too() -> None:
    edge = only(cluster("east", fields={"tcp_sent": (tcp(30, "source", connection_security_policy="mutual_tls"),)}))
    assert edge.sums.mtls_ratio == 1


@pytest.mark.parametrize("name", ["PassthroughCluster", "BlackHoleCluster"])
def test_catch_all_clusters_are_one_external_node_per_cluster(name: str) -> None:
    catch = UNKNOWN_TARGET | {"destination_service_name": name, "destination_service_namespace": "unknown"}
    edge = only(
        cluster(
            "east",
            told(1, "source", **catch, destination_service="10.0.0.9"),
            told(2, "source", **catch, destination_service="example.org"),
        )
    )
    assert (edge.destination.kind, edge.destination.service, edge.sums.requests) == (PeerKind.EXTERNAL, name, 3)


def test_inbound_passthrough_keeps_the_workload_it_reached() -> None:
    odd = told(
        4,
        "destination",
        destination_service="InboundPassthroughCluster",
        destination_service_name="InboundPassthroughCluster",
        destination_service_namespace="unknown",
    )
    edge = only(cluster("east", odd))
    assert (edge.destination.workload, edge.destination.kind) == ("cart", PeerKind.WORKLOAD)
    assert edge.destination.service == "InboundPassthroughCluster"


def test_message_counters_without_protocol_and_codes_belong_to_the_grpc_edge() -> None:
    bare = {"request_protocol": "", "response_code": "", "response_flags": "", "connection_security_policy": ""}
    edge = only(
        cluster(
            "east",
            told(5, "destination", request_protocol="grpc", grpc_response_status="0"),
            fields={
                "request_messages": (told(50, "destination", **bare),),
                "response_messages": (told(60, "destination", **bare),),
            },
        )
    )
    assert (edge.protocol, edge.sums.messages_sent, edge.sums.messages_received) == ("grpc", 50, 60)


def test_labels_that_the_telemetry_api_dropped_are_tolerated() -> None:
    bare = dict.fromkeys(("request_protocol", "response_code", "response_flags", "connection_security_policy"), "")
    edge = only(cluster("east", told(5, "destination", **bare, source_cluster="", destination_cluster="")))
    assert (edge.protocol, edge.source.cluster, edge.destination.cluster) == ("http", "east", "east")
    assert edge.sums.requests == 5
    assert edge.sums.judged is None


@pytest.mark.parametrize(
    ("removed", "ratio"),
    [
        pytest.param(0.0, 1.0, id="none of it"),
        pytest.param(0.05, 1.0, id="what does not matter"),
        pytest.param(2.0, None, id="a part"),
        pytest.param(10.0, None, id="all of it"),
    ],
)
def test_a_policy_label_that_was_taken_out_makes_the_share_of_mutual_tls_unknown(
    removed: float, ratio: float | None
) -> None:
    bare = told(removed, "destination", connection_security_policy="", response_code="201")
    edge = only(cluster("east", told(10.0, "source"), told(10.0 - removed, "destination"), bare))
    assert edge.sums.requests == pytest.approx(10.0, abs=0.1)
    assert edge.sums.mtls_ratio == ratio


def test_callers_of_whom_no_reporter_knows_make_the_share_of_the_whole_unknown() -> None:
    known = told(10.0, "destination")
    whole = by_workload(edges([cluster("east", known)]))[("east", "shop", "cart")].inbound
    assert whole.mtls_ratio == 1.0
    half = edges([cluster("east", known, told(9.0, "source", "batch"))])
    assert by_workload(half)[("east", "shop", "cart")].inbound.mtls_ratio is None
    assert sorted(str(edge.sums.mtls_ratio) for edge in half) == ["1.0", "None"]


def test_what_leaves_the_mesh_is_no_part_of_the_share_of_mutual_tls() -> None:
    host = dict.fromkeys(("destination_service", "destination_service_name"), "api.example.com")
    outside = told(90.0, "source", **UNKNOWN_TARGET | host, destination_service_namespace="unknown")
    found = edges([cluster("east", told(10.0, "destination"), outside)])
    assert add_all([edge.sums for edge in found]).mtls_ratio == 1.0
    assert [edge.destination.kind for edge in found] == [PeerKind.EXTERNAL, PeerKind.WORKLOAD]
    assert found[0].sums.requests == 90.0


@pytest.mark.parametrize(("policy", "ratio"), [("mutual_tls", 1.0), ("none", 0.0)])
def test_requests_into_ambient_are_judged_by_the_connections_that_ztunnel_reports(policy: str, ratio: float) -> None:
    bytes_seen = tcp(500, "destination", connection_security_policy=policy)
    found = edges([cluster("east", told(10.0, "source"), fields={"tcp_sent": (bytes_seen,)})])
    (requests,) = [edge for edge in found if edge.protocol == "http"]
    assert (requests.sums.requests, requests.sums.mtls_ratio) == (10.0, ratio)


def test_the_connections_that_carry_requests_into_ambient_are_no_call_of_their_own() -> None:
    """A sidecar reports the requests, the ztunnel of the server what carries them: one call, one edge."""
    fields = {"tcp_sent": (tcp(500, "destination", connection_security_policy="mutual_tls"),),
              "tcp_opened": (tcp(2, "destination", connection_security_policy="mutual_tls"),)}  # fmt: skip
    edge = only(cluster("east", told(10.0, "source"), fields=fields))
    assert (edge.protocol, edge.sums.requests, edge.sums.connections, edge.sums.mtls_ratio) == ("http", 10.0, None, 1.0)


def test_what_a_client_also_sends_as_tcp_stays_an_edge_beside_its_requests() -> None:
    both = {"tcp_opened": (tcp(2, "source"), tcp(2, "destination", connection_security_policy="mutual_tls"))}
    found = edges([cluster("east", told(10.0, "source"), fields=both)])
    assert [(edge.protocol, edge.sums.connections) for edge in found] == [("http", None), ("tcp", 2.0)]
    arrived = {"tcp_opened": (tcp(2, "destination"),)}
    found = edges([cluster("east", told(10.0, "source"), told(10.0, "destination"), fields=arrived)])
    assert [edge.protocol for edge in found] == ["http", "tcp"], (
        "a server that tells of the requests tells of other TCP"
    )


def test_long_connections_flow_although_none_is_opened_in_the_window() -> None:
    sides = ("source", "destination")
    edge = only(cluster("east", fields={
        "tcp_received": tuple(tcp(300, side) for side in sides),
        "tcp_sent": tuple(tcp(1000, side) for side in sides),
    }))  # fmt: skip
    assert (edge.sums.sent, edge.sums.received, edge.sums.connections) == (300, 1000, None)
    assert edge_health(edge).status is HealthStatus.HEALTHY


def test_a_vanished_series_leaves_its_peers_report() -> None:
    both = cluster("east", told(5, "source"), told(5, "destination"))
    evicted = cluster("east", told(5, "source"))
    assert only(both).sums.requests == only(evicted).sums.requests == 5


def test_without_a_cluster_label_series_belong_to_the_endpoint_they_came_from() -> None:
    bare = {"source_cluster": "", "destination_cluster": ""}
    found = edges([cluster("east", told(1, "destination", **bare)), cluster("west", told(2, "destination", **bare))])
    assert [(e.source.cluster, e.destination.cluster, e.sums.requests) for e in found] == [
        ("east", "east", 1),
        ("west", "west", 2),
    ]


def test_virtual_machines_are_joined_by_workload_entry_and_have_only_the_peers_report() -> None:
    edge = only(
        cluster("east", told(3, "destination", source="billing-vm"), kinds={"billing-vm": PeerKind.VIRTUAL_MACHINE})
    )
    assert edge.source.kind is PeerKind.VIRTUAL_MACHINE
    assert edge.reports == {"destination": 3}


def test_a_gateway_reports_as_source_and_is_called_a_gateway() -> None:
    edge = only(
        cluster(
            "east",
            told(8, "source", source="ingress"),
            told(8, "destination", source="ingress"),
            kinds={"ingress": PeerKind.GATEWAY},
        )
    )
    assert edge.source.kind is PeerKind.GATEWAY
    assert edge.reports == {"destination": 8, "gateway": 8}
