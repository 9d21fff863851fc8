"""The steps of stitching, each by itself: segments, edges from end to end, onward shares, edges to a service only."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.analysis.traffic.matching import Reports
from meshtop.analysis.traffic.reports import EdgeKey, EdgeReport, SourceKey, TargetKey, WorkloadPlace
from meshtop.analysis.traffic.stitching import (
    HopKind,
    Way,
    credit_client,
    end_to_end,
    find_segments,
    gateways_between_networks,
    join_hops,
    merge_service_only_edges,
    onward_shares,
)

SERVICE = "cart.shop"


def place(path: str) -> WorkloadPlace:
    """`east/cart` is workload cart in namespace shop of east, `east/` a workload that is not known."""
    cluster, workload = path.split("/")
    return WorkloadPlace(cluster, "shop", workload)


def key(source: str, target: str, service: str = SERVICE, protocol: str = "http") -> EdgeKey:
    return EdgeKey(SourceKey(place(source)), TargetKey(place(target), service=service), protocol)


def report(requests: float, lost: float = 0.0) -> EdgeReport:
    return EdgeReport(plain_if_unknown=False, has_requests=True, requests=requests, lost_requests=lost)


def kinds(path: WorkloadPlace) -> HopKind:
    named = {"wp": HopKind.WAYPOINT, "wp2": HopKind.WAYPOINT, "gw": HopKind.EAST_WEST}
    return named.get(path.workload, HopKind.NONE)


def requests(reports: Reports) -> dict[EdgeKey, dict[str, float]]:
    return {edge: {role: told.requests for role, told in roles.items()} for edge, roles in reports.items()}


@pytest.mark.parametrize(
    ("edge", "way", "into"),
    [
        (key("east/web", "east/cart"), None, False),
        (key("east/web", "east/wp"), Way(place("east/wp"), SERVICE), True),
        (key("east/wp", "east/cart"), Way(place("east/wp"), SERVICE), False),
        (key("east/web", "west/gw", protocol="tcp"), Way(place("west/gw"), SERVICE), True),
        (key("west/gw", "west/cart", protocol="tcp"), Way(place("west/gw"), SERVICE), False),
        # What an east-west gateway asks in HTTP is its own doing.
        (key("west/gw", "west/cart"), None, False),
        # Somebody asks the hop itself, or nobody knows for what.
        (key("east/web", "east/wp", "wp.shop"), None, False),
        (key("east/web", "east/wp", ""), None, False),
        # Between two hops, the second one is what the segment leads into.
        (key("west/gw", "west/wp", protocol="tcp"), Way(place("west/wp"), SERVICE), True),
    ],
)
def test_segments(edge: EdgeKey, way: Way | None, into: bool) -> None:
    found = find_segments([edge], kinds)
    assert list(found) == ([] if way is None else [way])
    if way is not None:
        assert (found[way].into, found[way].onward) == (([edge], []) if into else ([], [edge]))


@pytest.mark.parametrize(
    ("edge", "roles", "whole"),
    [
        (key("east/web", "east/cart"), ("destination",), True),
        (key("east/web", "east/cart"), ("source", "waypoint"), True),
        (key("east/web", "east/cart"), ("source",), False),
        (key("east/web", "east/"), ("destination",), False),
    ],
)
def test_end_to_end(edge: EdgeKey, roles: tuple[str, ...], whole: bool) -> None:
    reports = {edge: {role: report(1) for role in roles}}
    assert end_to_end(reports, ()) == ({SERVICE: [edge]} if whole else {})
    assert end_to_end(reports, {edge}) == {}


def test_onward_shares_follow_the_hops_own_traffic_of_that_protocol() -> None:
    segment = key("east/web", "east/wp")
    onward = {
        key("east/wp", "east/cart-v1"): {"source": report(30), "destination": report(20)},
        key("east/wp", "east/cart-v2"): {"destination": report(10)},
        key("east/wp", "east/cart-v3"): {"destination": report(0)},
        key("east/wp", "east/cart-v4", protocol="tcp"): {"destination": report(100)},
    }
    assert onward_shares(segment, onward) == [
        (key("east/web", "east/cart-v1"), 0.75),
        (key("east/web", "east/cart-v2"), 0.25),
    ]


@pytest.mark.parametrize(
    ("service", "namespace"), [("cart.prod", "prod"), ("api.example.com", "shop"), ("cart", "shop")]
)
def test_where_nothing_goes_onward_the_segment_leads_to_the_service(service: str, namespace: str) -> None:
    expected = EdgeKey(
        SourceKey(place("east/web")), TargetKey(WorkloadPlace("west", namespace, ""), service=service), "tcp"
    )
    assert onward_shares(key("east/web", "west/gw", service, "tcp"), {}) == [(expected, 1.0)]


def test_the_clients_report_is_divided_among_the_edges_that_lack_one() -> None:
    ends = {
        key("east/web", "west/cart-v1"): {"destination": report(30)},
        key("east/web", "west/cart-v2"): {"waypoint": report(10)},
        key("east/web", "west/cart-v3"): {"destination": report(60), "source": report(60)},
    }
    told = credit_client(ends, {"source": report(100), "destination": report(99)})
    assert requests(told) == {
        key("east/web", "west/cart-v1"): {"destination": 30, "source": 75},
        key("east/web", "west/cart-v2"): {"waypoint": 10, "source": 25},
    }
    assert credit_client(ends, {"destination": report(99)}) == {}


@pytest.mark.parametrize(
    ("given_reports", "joined", "hops"),
    [
        pytest.param(
            {key("east/web", "east/cart"): {"source": report(1)}},
            {key("east/web", "east/cart"): {"source": 1}},
            {},
            id="no hop",
        ),
        pytest.param(
            {
                key("east/web", "east/wp"): {"source": report(8)},
                key("east/wp", "east/cart"): {"destination": report(7)},
            },
            {key("east/web", "east/cart"): {"source": 8}},
            {key("east/web", "east/cart"): {"east/shop/wp"}},
            id="two halves are joined",
        ),
        pytest.param(
            {
                key("east/web", "east/wp"): {"source": report(8)},
                key("east/wp", "east/cart"): {"destination": report(7)},
                key("east/web", "east/cart"): {"waypoint": report(7.5)},
            },
            {key("east/web", "east/cart"): {"waypoint": 7.5, "source": 8}},
            {key("east/web", "east/cart"): {"east/shop/wp"}},
            id="the waypoint's own report wins, and the client's is held against it",
        ),
        pytest.param(
            {key("east/wp", "east/cart"): {"destination": report(7)}},
            {key("east/wp", "east/cart"): {"destination": 7}},
            {},
            id="without anybody who comes in, the hop stays a caller",
        ),
        pytest.param(
            {
                key("east/web", "west/gw", protocol="tcp"): {"source": report(5)},
                key("west/gw", "west/wp", protocol="tcp"): {"source": report(5)},
                key("east/web", "west/cart"): {"waypoint": report(4)},
            },
            {key("east/web", "west/cart"): {"waypoint": 4}},
            {key("east/web", "west/cart"): {"west/shop/gw", "west/shop/wp"}},
            id="two hops in a row",
        ),
    ],
)
def test_hops_are_joined(
    given_reports: Reports, joined: dict[EdgeKey, dict[str, float]], hops: dict[EdgeKey, set[str]]
) -> None:
    before = deepcopy(given_reports)
    found = join_hops(given_reports, kinds)
    assert (requests(found.reports), found.hops) == (joined, hops)
    assert given_reports == before


@pytest.mark.parametrize(
    ("half", "ends", "merged"),
    [
        pytest.param(
            {"source": report(10)},
            {"cart-v1": {"destination": report(6)}, "cart-v2": {"destination": report(2)}},
            {"cart-v1": {"destination": 6, "source": 7.5}, "cart-v2": {"destination": 2, "source": 2.5}},
            id="divided by what arrived",
        ),
        pytest.param(
            {"source": report(10, lost=4)},
            {"cart": {"destination": report(6)}},
            {"cart": {"destination": 6, "source": 6}, "": {"source": 4}},
            id="what was lost stays on the service",
        ),
        pytest.param(
            {"source": report(10)},
            {"cart": {"destination": report(6), "source": report(6)}},
            {"": {"source": 10}, "cart": {"destination": 6, "source": 6}},
            id="a claimed destination is another request's",
        ),
        pytest.param(
            {"source": report(10), "destination": report(9)},
            {"cart": {"destination": report(6)}},
            {"": {"source": 10, "destination": 9}, "cart": {"destination": 6}},
            id="a service that reports itself is an end of its own",
        ),
    ],
)
def test_edges_to_a_service_only(
    half: dict[str, EdgeReport], ends: dict[str, dict[str, EdgeReport]], merged: dict[str, dict[str, float]]
) -> None:
    reports = {key("east/web", "east/"): half} | {key("east/web", f"west/{name}"): r for name, r in ends.items()}
    before = deepcopy(reports)
    expected = {key("east/web", f"west/{name}" if name else "east/"): roles for name, roles in merged.items()}
    assert requests(merge_service_only_edges(reports)) == expected
    assert reports == before


@given(st.lists(st.integers(0, 50), min_size=1, max_size=5), st.integers(0, 100), st.integers(0, 100))
def test_merging_neither_adds_nor_loses_a_request(arrived: list[int], delivered: int, lost: int) -> None:
    reports = {key("east/web", "east/"): {"source": report(delivered + lost, lost)}}
    reports |= {key("east/web", f"east/cart-v{i}"): {"destination": report(n)} for i, n in enumerate(arrived)}
    merged = requests(merge_service_only_edges(reports))
    assert sum(roles.get("source", 0.0) for roles in merged.values()) == pytest.approx(delivered + lost)
    assert sum(roles.get("destination", 0.0) for roles in merged.values()) == sum(arrived)


@pytest.mark.parametrize(
    ("edge", "networks", "named"),
    [
        (key("east/web", "west/cart"), ("one", "two"), True),
        (key("east/web", "west/cart"), ("one", "one"), False),
        (key("east/web", "west/cart"), (None, "two"), False),
        (key("east/web", "west/"), ("one", "two"), False),
        (key("west/web", "west/cart"), ("one", "two"), False),
        (key("far/web", "west/cart"), ("one", "two"), False),
    ],
)
def test_gateways_between_networks(edge: EdgeKey, networks: tuple[str | None, str | None], named: bool) -> None:
    clusters = {
        "east": ClusterTraffic(name="east", network=networks[0]),
        "west": ClusterTraffic(name="west", network=networks[1], east_west=frozenset({("istio-system", "gw")})),
    }
    expected = {edge: ["west/istio-system/gw"]} if named else {}
    assert gateways_between_networks([edge], clusters) == expected
