"""Graphs to test with: written by hand, and generated."""

from __future__ import annotations

from math import inf

from hypothesis import strategies as st

from meshtop.analysis.graph.build import GraphOptions, build_graph
from meshtop.analysis.graph.service_graph import ServiceGraph
from meshtop.model.state import Health, HealthStatus
from meshtop.model.traffic import Buckets, Edge, Peer, PeerKind, Sums, Target


def judge(edge: Edge) -> Health:
    """A verdict by the share of errors alone."""
    if not edge.sums.requests:
        return Health(HealthStatus.IDLE, ("no requests",))
    ratio = (edge.sums.errors or 0.0) / edge.sums.requests
    if ratio > 0.03:
        return Health(HealthStatus.FAILING, (f"{ratio:.0%} errors",))
    return Health(HealthStatus.DEGRADED if ratio > 0.01 else HealthStatus.HEALTHY)


def call(
    source: str,
    target: str,
    rate: float = 100.0,
    errors: float = 0.0,
    secured: float = 1.0,
    protocol: str = "http",
) -> Edge:
    """An edge between two ends written `cluster/namespace/app[@version]`, or `x/HOST` for something outside."""
    rate = float(rate)
    s, d = _end(source), _end(target)
    sums = Sums(
        requests=rate,
        errors=rate * errors,
        buckets=Buckets((50.0, 100.0, inf), (rate * 0.9, rate, rate)),
        secured=rate * secured,
        judged=rate,
    )
    cross = s.cluster != d.cluster and d.kind != PeerKind.EXTERNAL
    return Edge(source=_peer(s), destination=d, protocol=protocol, sums=sums, cross_cluster=cross)


def _end(text: str) -> Target:
    parts = text.split("/")
    if parts[0] == "x":
        return Target(kind=PeerKind.EXTERNAL, service=parts[1])
    name, _, version = parts[2].partition("@")
    kind = PeerKind.GATEWAY if "gateway" in name else PeerKind.WORKLOAD
    workload = f"{name}-{version}" if version else name
    return Target(
        cluster=parts[0], namespace=parts[1], workload=workload, app=name, version=version, kind=kind, service=name
    )


def _peer(t: Target) -> Peer:
    return Peer(
        cluster=t.cluster, namespace=t.namespace, workload=t.workload, app=t.app, version=t.version, kind=t.kind
    )


def graph(edges: list[Edge], options: GraphOptions | None = None) -> ServiceGraph:
    """The built graph."""
    return build_graph(edges, judge, options)


SHOP = [
    call("us-east/shop/gateway", "us-east/shop/storefront", 412),
    call("us-east/shop/storefront", "us-east/shop/reviews", 260),
    call("us-east/shop/reviews", "us-east/shop/ratings", 260, 0.041),
    call("us-east/shop/storefront", "us-east/shop/catalog", 150),
    call("us-east/shop/catalog", "eu-west/shop/inventory", 40),
]
BOOKINFO = [
    call("east/istio-system/istio-ingressgateway", "east/bookinfo/productpage@v1", 50),
    call("east/bookinfo/productpage@v1", "east/bookinfo/details@v1", 50),
    call("east/bookinfo/productpage@v1", "east/bookinfo/reviews@v1", 17),
    call("east/bookinfo/productpage@v1", "east/bookinfo/reviews@v2", 17),
    call("east/bookinfo/productpage@v1", "east/bookinfo/reviews@v3", 16),
    call("east/bookinfo/reviews@v2", "east/bookinfo/ratings@v1", 17, 0.02),
    call("east/bookinfo/reviews@v3", "east/bookinfo/ratings@v1", 16, 0.06, 0.5),
]
CYCLE = [
    call("east/loop/a", "east/loop/b"),
    call("east/loop/b", "east/loop/c", 7.25),
    call("east/loop/c", "east/loop/a", 0),
    call("east/loop/b", "east/loop/b", 3, 0.5),
]
STAR = [call("east/fan/hub", f"east/fan/leaf-{i}", 10.0**i) for i in range(6)]
FUNNEL = [call(f"east/fan/caller-{i}", "x/payments.example.com", 5, 0.02 * (i % 2)) for i in range(5)]
ISLANDS = [
    *(call(f"east/islands/a{i}", f"east/islands/b{i}", 20) for i in range(4)),
    call("west/islands/lone", "west/islands/lone", 1),
]
TWO_CLUSTERS = [
    call(f"{c}/{ns}/{a}", f"{d}/{ns}/{b}", 30)
    for c, d, ns, a, b in (
        ("east", "east", "web", "front", "cart"),
        ("east", "east", "web", "cart", "stock"),
        ("west", "west", "web", "front", "cart"),
        ("west", "east", "web", "cart", "stock"),
        ("east", "east", "pay", "ledger", "bank"),
        ("west", "east", "pay", "ledger", "bank"),
    )
]
ALL = {
    "shop": SHOP,
    "bookinfo": BOOKINFO,
    "cycle": CYCLE,
    "star": STAR,
    "funnel": FUNNEL,
    "islands": ISLANDS,
    "two_clusters": TWO_CLUSTERS,
}


@st.composite
def meshes(draw: st.DrawFn, most: int = 14) -> list[Edge]:
    """Any small mesh: up to three clusters and namespaces, loops, cycles, islands, things outside."""
    count = draw(st.integers(1, most))
    clusters, namespaces = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    where = draw(
        st.lists(
            st.tuples(st.integers(0, clusters - 1), st.integers(0, namespaces - 1), st.integers(0, 9)),
            min_size=count,
            max_size=count,
        )
    )
    names = [f"x/host-{i}.example" if k == 9 else f"c{c}/ns{n}/app-{i}" for i, (c, n, k) in enumerate(where)]
    pairs = draw(
        st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), min_size=1, max_size=2 * count, unique=True
        )
    )
    rates = st.sampled_from([0.0, 0.3, 12.0, 4321.0])
    return [call(names[a], names[b], draw(rates), draw(st.sampled_from([0.0, 0.02, 0.2]))) for a, b in pairs]
