from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from meshtop.analysis.graph.build import GraphOptions, build_graph, edge_key, make_id
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.service_graph import Level, NodeKind, ServiceGraph
from meshtop.analysis.traffic.health import worst
from meshtop.model.state import Health, HealthStatus
from meshtop.model.traffic import Edge, Peer, PeerKind, Sums, Target
from tests.analysis.graph.samples import BOOKINFO, SHOP, TWO_CLUSTERS, call, graph, judge, meshes


def names(g: ServiceGraph) -> list[str]:
    return [n.id for n in g.nodes]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (Level.CLUSTERS, ["cluster/eu-west", "cluster/us-east"]),
        (Level.NAMESPACES, ["namespace/eu-west/shop", "namespace/us-east/shop"]),
        (
            Level.SERVICES,
            [
                "service/eu-west/shop/inventory",
                "service/us-east/shop/catalog",
                "service/us-east/shop/gateway",
                "service/us-east/shop/ratings",
                "service/us-east/shop/reviews",
                "service/us-east/shop/storefront",
            ],
        ),
    ],
)
def test_levels(level: Level, expected: list[str]) -> None:
    assert names(graph(SHOP, GraphOptions(level=level))) == expected


def test_versions_are_one_service_and_several_workloads() -> None:
    services = graph(BOOKINFO)
    assert "service/east/bookinfo/reviews" in names(services)
    edge = services.edge("service/east/bookinfo/productpage", "service/east/bookinfo/reviews")
    assert edge is not None
    assert edge.sums.requests == 50
    assert edge.members == 3
    workloads = graph(BOOKINFO, GraphOptions(level=Level.WORKLOADS))
    assert "workload/east/bookinfo/reviews-v2" in names(workloads)


def test_expanding_one_service_leaves_the_others_folded() -> None:
    g = graph(BOOKINFO, GraphOptions(expanded=frozenset({"service/east/bookinfo/reviews"})))
    versions = [n for n in g.nodes if n.kind == NodeKind.WORKLOAD]
    assert [v.label for v in versions] == ["reviews-v1", "reviews-v2", "reviews-v3"]
    assert {v.group for v in versions} == {"service/east/bookinfo/reviews"}
    assert "service/east/bookinfo/productpage" in names(g)
    assert {x.id: x.parent for x in g.groups}["service/east/bookinfo/reviews"] == "namespace/east/bookinfo"


def test_collapsing_one_cluster_leaves_the_others_open() -> None:
    g = graph(TWO_CLUSTERS, GraphOptions(collapsed=frozenset({"cluster/west"})))
    west = g.node("cluster/west")
    assert west is not None
    assert west.members == 3
    assert west.internal.requests == 30
    assert west.expandable
    assert not [n for n in names(g) if n.startswith("service/west")]


def test_traffic_inside_a_folded_group_is_internal_and_a_service_calling_itself_is_a_loop() -> None:
    edges = [call("c/n/a", "c/n/b", 5), call("c/n/b", "c/n/b", 2)]
    folded = graph(edges, GraphOptions(level=Level.NAMESPACES))
    assert folded.edges == ()
    assert folded.nodes[0].internal.requests == 7
    open_ = graph(edges)
    assert ("service/c/n/b", "service/c/n/b") in [(e.source, e.target) for e in open_.edges]


def test_tenants_frame_their_namespaces_in_all_clusters() -> None:
    tenants = {("east", "web"): "store", ("west", "web"): "store", ("east", "pay"): "bank", ("west", "pay"): "bank"}
    options = GraphOptions(level=Level.TENANTS, grouping=(NodeKind.TENANT, NodeKind.NAMESPACE), tenants=tenants)
    g = graph(TWO_CLUSTERS, options)
    assert names(g) == ["tenant/bank", "tenant/store"]
    finer = graph(TWO_CLUSTERS, replace(options, level=Level.SERVICES))
    cart = finer.node("service/store/web/cart")
    assert cart is not None
    assert (cart.tenant, cart.cluster, cart.members) == ("store", "", 2)


@pytest.mark.parametrize(
    ("tenants", "expected"),
    [
        ({}, {"service/web/cart": "namespace/web", "service/web/front": "namespace/web"}),
        (
            {("east", "web"): "red", ("west", "web"): "blue"},
            {
                "service/blue/web/cart": "namespace/blue/web",
                "service/blue/web/front": "namespace/blue/web",
                "service/red/web/cart": "namespace/red/web",
                "service/red/web/front": "namespace/red/web",
            },
        ),
        (
            {("east", "web"): "red", ("west", "web"): "red"},
            {"service/red/web/cart": "namespace/red/web", "service/red/web/front": "namespace/red/web"},
        ),
        (
            {("west", "web"): "blue"},
            {
                "service/blue/web/cart": "namespace/blue/web",
                "service/blue/web/front": "namespace/blue/web",
                "service/web/cart": "namespace/web",
                "service/web/front": "namespace/web",
            },
        ),
    ],
)
def test_a_namespace_of_two_tenants_is_two_groups(
    tenants: dict[tuple[str, str], str], expected: dict[str, str]
) -> None:
    """Namespaces of one name in two clusters: where the tenant frames them, each stands in its own."""
    edges = [call("east/web/front", "east/web/cart"), call("west/web/front", "west/web/cart")]
    options = GraphOptions(grouping=(NodeKind.TENANT, NodeKind.NAMESPACE), tenants=tenants)
    found = graph(edges, options)
    assert {node.id: node.group for node in found.nodes} == expected
    assert set(layout(found).frames) >= set(expected.values())


GROUPINGS = st.lists(st.sampled_from((NodeKind.CLUSTER, NodeKind.TENANT, NodeKind.NAMESPACE)), unique=True)


@given(meshes(), GROUPINGS, st.sampled_from(list(Level)))
@settings(max_examples=60, deadline=None)
def test_every_group_holds_a_node(edges: list[Edge], grouping: list[NodeKind], level: Level) -> None:
    tenants = {("c0", "ns0"): "red", ("c1", "ns0"): "blue", ("c1", "ns1"): "red"}
    found = graph(edges, GraphOptions(level=level, grouping=tuple(grouping), tenants=tenants))
    parents = {group.id: group.parent for group in found.groups}
    held: set[str | None] = {None}
    for node in found.nodes:
        at = node.group
        while at not in held:
            held.add(at)
            at = parents[at] if at is not None else None
    assert held - {None} == set(parents)
    layout(found)


def test_edges_are_told_apart_by_their_key() -> None:
    one = call("east/web/front", "east/web/cart", 5)
    assert edge_key(one) == edge_key(call("east/web/front", "east/web/cart", 7))
    others = [
        call("west/web/front", "east/web/cart"),
        call("east/web/front", "east/web/cart@v2"),
        replace(one, protocol="tcp"),
        replace(one, destination=replace(one.destination, service="other")),
    ]
    assert len({edge_key(edge) for edge in [one, *others]}) == 5


def test_idle_edges_and_healthy_edges_can_be_hidden() -> None:
    edges = [call("c/n/a", "c/n/b", 0), call("c/n/b", "c/n/c", 9, 0.5), call("c/n/c", "c/n/d", 9)]
    assert len(graph(edges).edges) == 3
    assert names(graph(edges, GraphOptions(idle=False))) == [f"service/c/n/{x}" for x in "bcd"]
    assert names(graph(edges, GraphOptions(only_unhealthy=True))) == ["service/c/n/b", "service/c/n/c"]


def test_a_filter_sees_observed_edges() -> None:
    g = graph(BOOKINFO, GraphOptions(keep=lambda e: e.destination.version == "v2"))
    assert [(e.source.rsplit("/")[-1], e.target.rsplit("/")[-1]) for e in g.edges] == [("productpage", "reviews")]


def test_folding_adds_sums_keeps_protocols_and_takes_the_worst_verdict() -> None:
    edges = [
        call("c/n/a@v1", "c/n/b", 90, 0.0, 1.0),
        call("c/n/a@v2", "c/n/b", 10, 0.5, 0.0),
        call("c/n/a@v2", "c/n/b", 4, 0.0, 1.0, protocol="grpc"),
    ]
    edges[1] = replace(edges[1], codes={"503": 5.0}, flags={"UC": 5.0}, disagreement=0.2, hops=("gw",))
    (edge,) = graph(edges).edges
    assert edge.sums.requests == 104
    assert edge.sums.errors == 5
    assert edge.mtls_ratio == pytest.approx(94 / 104)
    assert [name for name, _ in edge.protocols] == ["grpc", "http"]
    assert edge.health == Health(HealthStatus.FAILING, ("50% errors",))
    assert (edge.codes, edge.flags, edge.disagreement, edge.hops) == ((("503", 5.0),), (("UC", 5.0),), 0.2, ("gw",))


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ("healthy idle", HealthStatus.HEALTHY),
        ("healthy unknown", HealthStatus.UNKNOWN),
        ("unknown degraded", HealthStatus.DEGRADED),
        ("degraded failing healthy", HealthStatus.FAILING),
        ("idle", HealthStatus.IDLE),
        ("", HealthStatus.UNKNOWN),
    ],
)
def test_the_worst_of_verdicts(statuses: str, expected: HealthStatus) -> None:
    assert worst([Health(HealthStatus(s)) for s in statuses.split()]).status == expected


def test_things_outside_stand_in_no_frame_and_fold_into_one_at_coarse_levels() -> None:
    edges = [call("c/n/a", "x/api.example.com"), call("c/n/a", "x/db.example.com")]
    g = graph(edges)
    outside = [n for n in g.nodes if n.kind == NodeKind.EXTERNAL]
    assert [(n.label, n.group) for n in outside] == [("api.example.com", None), ("db.example.com", None)]
    assert names(graph(edges, GraphOptions(level=Level.CLUSTERS))) == ["cluster/c", "external"]


def test_hosts_are_shortened_only_where_they_are_services() -> None:
    def service(host: str, namespace: str) -> str:
        d = Target(cluster="c", namespace=namespace, workload="w", kind=PeerKind.WORKLOAD, service=host)
        s = Peer(cluster="c", namespace="n", workload="a", app="a", kind=PeerKind.WORKLOAD)
        g = graph([Edge(source=s, destination=d, protocol="http", sums=Sums(requests=1.0))])
        return next(n.label for n in g.nodes if n.label != "a")

    assert service("reviews.shop.svc.cluster.local", "shop") == "reviews"
    assert service("reviews.shop", "shop") == "reviews"
    assert service("reviews", "shop") == "reviews"
    assert service("api.example.com", "shop") == "api.example.com"


def test_an_unknown_caller_is_a_node_of_its_own() -> None:
    target = Target(cluster="c", namespace="n", workload="b", app="b", kind=PeerKind.WORKLOAD, service="b")
    g = graph([Edge(source=Peer(cluster="c"), destination=target, protocol="tcp", sums=Sums(sent=5.0))])
    assert [(n.label, n.kind) for n in g.nodes] == [("b", NodeKind.SERVICE), ("unknown", NodeKind.UNKNOWN)]


@given(st.lists(st.text(max_size=6), min_size=1, max_size=3), st.lists(st.text(max_size=6), min_size=1, max_size=3))
def test_ids_never_collide_and_hold_no_space(a: list[str], b: list[str]) -> None:
    one, two = make_id(NodeKind.SERVICE, *a), make_id(NodeKind.SERVICE, *b)
    assert (one == two) == (a == b)
    assert " " not in one


@settings(max_examples=40, deadline=None)
@given(meshes(), st.sampled_from(list(Level)), st.randoms(use_true_random=False))
def test_no_request_is_lost_or_counted_twice_at_any_level(edges: list[Edge], level: Level, rng: random.Random) -> None:
    shuffled = list(edges)
    rng.shuffle(shuffled)
    g = build_graph(shuffled, judge, GraphOptions(level=level))
    assert g == build_graph(edges, judge, GraphOptions(level=level))
    whole = sum(e.sums.requests or 0.0 for e in edges)
    shown = sum(e.sums.requests or 0.0 for e in g.edges) + sum(n.internal.requests or 0.0 for n in g.nodes)
    assert shown == pytest.approx(whole)
    assert sum(n.inbound.requests or 0.0 for n in g.nodes) == pytest.approx(
        sum(e.sums.requests or 0.0 for e in g.edges)
    )
