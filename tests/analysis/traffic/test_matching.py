"""Two reports of one call are one, whatever names its sides wrote; and of both the larger count of each code holds."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.traffic.edges import edges
from meshtop.analysis.traffic.figures import add_all, by_workload
from meshtop.analysis.traffic.inputs import ClusterTraffic, KnownPeer
from meshtop.model.telemetry import Sample
from meshtop.model.traffic import PeerKind
from tests.analysis.traffic.builders import UNKNOWN_SOURCE, UNKNOWN_TARGET, cluster, only, tcp, told

CART = "cart.shop.svc.cluster.local"


def host(name: str, short: str = "", namespace: str = "shop") -> dict[str, str]:
    return {
        "destination_service": name,
        "destination_service_name": short or name,
        "destination_service_namespace": namespace,
    }


NAMES = {
    "the service": host(CART, "cart"),
    "the service with its port": host(f"{CART}:9080", "cart"),
    "a short name with a port": host("cart:9080", "cart"),
    "another service of the workload": host("cart-v1.shop.svc.cluster.local", "cart-v1"),
    "a host of a ServiceEntry": host("cart-shop.example.io"),
    "a pod of a headless service": host("cart-0.cart.shop.svc.cluster.local"),
    "what no service claims": host("10.1.0.7:8080", "PassthroughCluster", "unknown"),
    "nothing": host("unknown", "unknown", "unknown"),
    "an address": host("10.1.0.7:8080", namespace="unknown"),
}


@pytest.mark.parametrize("mine", NAMES)
@pytest.mark.parametrize("theirs", NAMES)
def test_a_call_that_both_sides_report_is_one_whatever_host_each_of_them_names(mine: str, theirs: str) -> None:
    edge = only(cluster("east", told(26, "source", **NAMES[mine]), told(26, "destination", **NAMES[theirs])))
    assert (edge.sums.requests, edge.reports) == (26, {"destination": 26, "source": 26})
    if "the service" in (mine, theirs) and "another service of the workload" not in (mine, theirs):
        assert edge.destination.service == CART


@given(
    st.lists(st.tuples(st.sampled_from(sorted(NAMES)), st.integers(1, 50)), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(sorted(NAMES)), st.integers(1, 50)), min_size=1, max_size=4),
    st.permutations(range(8)),
)
@settings(max_examples=80, deadline=None)
def test_names_neither_add_calls_nor_lose_any_and_their_order_does_not_matter(
    mine: list[tuple[str, int]], theirs: list[tuple[str, int]], order: list[int]
) -> None:
    samples = [told(n, "source", **NAMES[name]) for name, n in mine]
    samples += [told(n, "destination", **NAMES[name]) for name, n in theirs]
    found = edges([cluster("east", *samples)])
    expected = max(sum(n for _, n in mine), sum(n for _, n in theirs))
    assert add_all([edge.sums for edge in found]).requests == pytest.approx(expected)
    shuffled = [samples[i] for i in order if i < len(samples)]
    again = edges([cluster("east", *shuffled)])
    assert [(e.source, e.destination) for e in again] == [(e.source, e.destination) for e in found]
    assert [e.sums.requests for e in again] == pytest.approx([e.sums.requests for e in found])


def test_two_services_of_one_workload_stay_two_where_the_client_tells_them_apart() -> None:
    other = NAMES["another service of the workload"]
    samples = (told(10, "source"), told(5, "source", **other), told(15, "destination"))
    found = edges([cluster("east", *samples)])
    told_of = {e.destination.service: e.reports for e in found}
    assert told_of == {
        CART: pytest.approx({"destination": 10, "source": 10}),
        "cart-v1.shop.svc.cluster.local": pytest.approx({"destination": 5, "source": 5}),
    }


def test_a_call_to_a_pods_address_arrives_and_what_really_leaves_still_leaves() -> None:
    out = UNKNOWN_TARGET | NAMES["what no service claims"]
    found = edges([cluster("east", told(105, "source", **out), told(5, "destination"))])
    assert {e.destination.kind: e.sums.requests for e in found} == {PeerKind.EXTERNAL: 100, PeerKind.WORKLOAD: 5}
    assert only(cluster("east", told(5, "source", **out), told(5, "destination"))).sums.requests == 5


def test_only_the_source_sees_the_workload_behind_an_address() -> None:
    edge = only(cluster("east", told(50, "source", **NAMES["what no service claims"])))
    assert (edge.destination.workload, edge.destination.kind, edge.sums.requests) == ("cart", PeerKind.WORKLOAD, 50)


def test_ztunnel_that_does_not_know_the_service_tells_of_the_same_connections() -> None:
    unknown = NAMES["nothing"]
    fields = {
        "tcp_opened": (tcp(2, "source"), tcp(2, "destination", **unknown)),
        "tcp_received": (tcp(1000, "source"), tcp(1000, "destination", **unknown)),
    }
    edge = only(cluster("east", fields=fields))
    assert (edge.sums.connections, edge.sums.sent, edge.destination.service) == (2, 1000, CART)


@pytest.mark.parametrize("guess", ["nothing", "another service of the workload"])
def test_the_last_segment_after_a_waypoint_of_another_namespace_is_no_edge(guess: str) -> None:
    at = {"destination_workload_namespace": "infra"}
    peers = {("infra", "waypoint"): KnownPeer(PeerKind.WAYPOINT)}
    fields = {
        "tcp_opened": (
            tcp(1, "source", target="waypoint", **at | NAMES["the service"]),
            tcp(1, "destination", source="waypoint", source_workload_namespace="infra", **NAMES[guess]),
        )
    }
    edge = only(cluster("east", told(10, "waypoint"), fields=fields, peers=peers))
    assert (edge.source.workload, edge.destination.workload, edge.protocol) == ("web", "cart", "http")
    assert (edge.sums.requests, edge.hops) == (10, ("east/infra/waypoint",))


def code(value: str, flags: str = "-") -> dict[str, str]:
    return {"response_code": value, "response_flags": flags}


@pytest.mark.parametrize(
    ("mine", "theirs", "codes"),
    [
        ({"200": 90, "503 UC": 10}, {"200": 90}, {"200": 90, "503": 10}),
        ({"200": 90, "503 UR": 10}, {"200": 100}, {"200": 90, "503": 10}),
        ({"200": 57}, {"200": 23}, {"200": 57}),
        ({"200": 57}, {"200": 21, "500": 2}, {"200": 57, "500": 2}),
        ({"504 UT": 10}, {"200": 10}, {"504": 10}),
        ({"200": 5, "504 UT": 5}, {"200": 5, "0 DC": 5}, {"200": 5, "504": 5}),
        ({"200": 90, "503 UF": 10}, {"200": 90, "500": 20}, {"200": 90, "500": 20, "503": 10}),
        ({"200": 100}, {"200": 100, "503": 20}, {"200": 100, "503": 20}),
        ({"200": 90, "503": 10}, {"": 100}, {"200": 90, "503": 10}),
        ({"": 100}, {"200": 60}, {"200": 60, "": 40}),
        ({"": 8}, {"": 8}, {"": 8}),
    ],
)
def test_of_each_code_the_larger_count_of_both_sides_holds_and_no_call_counts_twice(
    mine: dict[str, float], theirs: dict[str, float], codes: dict[str, float]
) -> None:
    def samples(reporter: str, counts: dict[str, float]) -> list[Sample]:
        return [told(n, reporter, **code(*(words.split() or [""]))) for words, n in counts.items()]

    edge = only(cluster("east", *samples("source", mine), *samples("destination", theirs)))
    assert edge.codes == pytest.approx(codes)
    assert edge.sums.requests == pytest.approx(sum(codes.values()))


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_codes_that_were_taken_out_of_the_metrics_make_errors_unknown_not_zero(protocol: str) -> None:
    """gRPC ends with its status: HTTP's 200 alone says nothing."""
    bare = {"request_protocol": protocol, "response_code": "" if protocol == "http" else "200", "response_flags": ""}
    edge = only(cluster("east", told(8, "source", **bare), told(8, "destination", **bare)))
    traffic = edge.sums.traffic()
    assert (traffic.requests_per_second, traffic.errors_per_second, traffic.error_ratio) == (8, None, None)
    known = only(
        cluster("east", told(9992, "destination"), told(8, "destination", **bare | {"request_protocol": "http"}))
    )
    assert known.sums.traffic().error_ratio == 0


def test_sums_of_which_a_part_is_unknown_do_not_give_a_ratio() -> None:
    found = edges([cluster("east", told(80, "destination"), told(20, "destination", target="pay", **code("", "")))])
    assert by_workload(found)["east", "shop", "web"].outbound.traffic().error_ratio is None
    assert by_workload(found)["east", "shop", "cart"].inbound.traffic().error_ratio == 0


WEST = {"destination_cluster": "west"}


def test_a_server_that_does_not_know_the_cluster_of_its_caller_tells_of_the_same_call() -> None:
    blind = {"source_cluster": "unknown"} | WEST
    edge = only(cluster("east", told(10, "source", **WEST)), cluster("west", told(10, "destination", **blind)))
    assert (edge.source.cluster, edge.destination.cluster, edge.sums.requests) == ("east", "west", 10)


def test_a_caller_of_that_name_in_each_cluster_gets_its_share_of_what_the_server_could_not_place() -> None:
    blind = {"source_cluster": "unknown"} | WEST
    east = cluster("east", told(10, "source", **WEST))
    west = cluster("west", told(5, "source", source_cluster="west", **WEST), told(15, "destination", **blind))
    assert {e.source.cluster: e.reports for e in edges([east, west])} == {
        "east": {"destination": 10, "source": 10},
        "west": {"destination": 5, "source": 5},
    }


def test_the_inventory_tells_the_cluster_of_a_caller_that_nobody_else_names() -> None:
    east = cluster("east", kinds={"web": PeerKind.WORKLOAD}, mesh_id="m")
    blind = told(10, "destination", source_cluster="unknown", **WEST)
    west = cluster("west", blind, kinds={"cart": PeerKind.WORKLOAD}, mesh_id="m")
    assert only(east, west).source.cluster == "east"


def test_a_source_that_knows_the_app_but_not_the_workload_tells_of_the_same_call() -> None:
    edge = only(cluster("east", told(7, "source", destination_workload="unknown"), told(7, "destination")))
    assert (edge.destination.workload, edge.sums.requests) == ("cart", 7)


def test_a_server_that_knows_the_app_but_not_the_workload_of_its_caller_tells_of_the_same_call() -> None:
    edge = only(cluster("east", told(7, "source"), told(7, "destination", source_workload="unknown")))
    assert (edge.source.workload, edge.sums.requests) == ("web", 7)


@pytest.mark.parametrize("freshest", ["east", "west"])
def test_of_clusters_that_share_a_prometheus_the_labels_say_which_one_reports(freshest: str) -> None:
    """The callers nobody knows are those of the reporting cluster, whichever copy of the series is the freshest."""
    samples = (told(3, "destination", **UNKNOWN_SOURCE | WEST),)
    shared = [_shared(cluster(name, *samples), 2000.0 if name == freshest else 1000.0) for name in ("east", "west")]
    for order in permutations(shared):
        (edge,) = edges(order)
        assert (edge.source.cluster, edge.destination.cluster, edge.sums.requests) == ("west", "west", 3)


def _shared(traffic: ClusterTraffic, at: float) -> ClusterTraffic:
    assert traffic.telemetry is not None
    told_by: Any = structs.replace(traffic.telemetry, identity="http://one", at=at)
    return structs.replace(traffic, telemetry=told_by)
