"""A counter that keeps its plan from refresh to refresh says what one says that never saw another refresh."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.traffic.edges import EdgeCounter, edges
from meshtop.analysis.traffic.inputs import ClusterTraffic, KnownPeer
from meshtop.analysis.traffic.opening import Opener
from meshtop.model.telemetry import Labels, Sample, Telemetry
from meshtop.model.traffic import PeerKind
from tests.analysis.traffic.builders import UNKNOWN_SOURCE, UNKNOWN_TARGET, cluster, labels, told

WORKLOADS = ("web", "cart", "waypoint", "gateway")
CLUSTERS = ("east", "west", "unknown")
REPORTERS = ("source", "destination", "waypoint", "", "odd")
ODDITIES: tuple[dict[str, str], ...] = (
    {},
    UNKNOWN_SOURCE,
    UNKNOWN_TARGET,
    {"destination_service_name": "PassthroughCluster", "destination_service": "", "destination_workload": "unknown",
     "destination_canonical_service": "unknown"},
    {"destination_service_name": "BlackHoleCluster", "destination_service": "shop.example.com",
     "destination_workload": "unknown", "destination_canonical_service": "unknown"},
    {"destination_workload": "unknown"},
    {"source_workload": "unknown"},
    {"destination_service": "10.0.0.1", "destination_service_name": "unknown"},
    {"destination_service": "", "destination_service_name": "cart"},
    {"request_protocol": "", "grpc_response_status": "14"},
    {"request_protocol": ""},
    {"source_version": "v2", "destination_version": "v3"},
)  # fmt: skip
HOW: tuple[dict[str, str], ...] = (
    {"response_code": "200", "response_flags": "-"},
    {"response_code": "503", "response_flags": "UF"},
    {"response_code": "0", "response_flags": "DC"},
    {"response_code": "", "response_flags": ""},
)


@st.composite
def series(draw: st.DrawFn) -> Labels:
    odd, how = draw(st.sampled_from(ODDITIES)), draw(st.sampled_from(HOW))
    places = {
        "source_cluster": draw(st.sampled_from(CLUSTERS)),
        "destination_cluster": draw(st.sampled_from(CLUSTERS)),
        "connection_security_policy": draw(st.sampled_from(("mutual_tls", "none", "unknown"))),
        "le": draw(st.sampled_from(("10", "+Inf", "odd"))),
    }
    ends = draw(st.sampled_from(WORKLOADS)), draw(st.sampled_from(WORKLOADS))
    return labels(draw(st.sampled_from(REPORTERS)), *ends, **{**places, **how, **odd})


FIELDS = (
    "requests", "duration_buckets", "duration_sum", "request_bytes_sum", "response_bytes_sum", "request_messages",
    "response_messages", "tcp_received", "tcp_sent", "tcp_opened",
)  # fmt: skip
KINDS: tuple[dict[str, PeerKind], ...] = (
    {},
    {"waypoint": PeerKind.WAYPOINT},
    {"gateway": PeerKind.GATEWAY, "web": PeerKind.WORKLOAD},
)
# A counter that starts anew makes a rate of 0 or of nothing; NaN is dropped before anything is counted.
VALUES = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))


@st.composite
def refresh(draw: st.DrawFn, pool: list[Labels]) -> list[ClusterTraffic]:
    found = []
    for name in draw(st.permutations(["east", "west"])):
        told_by: dict[str, Any] = {}
        for metric in draw(st.lists(st.sampled_from(FIELDS), max_size=4, unique=True)):
            chosen = draw(st.lists(st.sampled_from(pool), max_size=8, unique_by=id))
            told_by[metric] = tuple(Sample(one, draw(VALUES)) for one in chosen)
        engine = draw(st.sampled_from(("", "http://both")))
        telemetry = Telemetry(at=draw(st.sampled_from((1.0, 2.0))), window_seconds=300.0, identity=engine, **told_by)
        peers = {("shop", who): KnownPeer(kind) for who, kind in draw(st.sampled_from(KINDS)).items()}
        found.append(
            ClusterTraffic(
                name=name,
                cluster_id=name,
                peers=peers,
                network=name,
                telemetry=draw(st.sampled_from((telemetry, telemetry, telemetry, None))),
                east_west=draw(st.sampled_from((frozenset(), frozenset({("shop", "gateway")})))),
            )
        )
    return found


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_kept_plan_counts_what_a_new_one_counts(data: st.DataObject) -> None:
    pool = data.draw(st.lists(series(), min_size=1, max_size=12))
    counter = EdgeCounter()
    clusters: list[ClusterTraffic] = []
    for _ in range(data.draw(st.integers(2, 4))):
        clusters = data.draw(st.one_of(refresh(pool), st.just(clusters)))
        assert repr(counter.edges(clusters)) == repr(edges(clusters))


def opened(monkeypatch: Any) -> list[Labels]:
    """The label sets that are read from now on."""
    read: list[Labels] = []
    really = Opener.open

    def noted(self: Opener, homes: Any, of: Labels, protocol: str) -> Any:
        read.append(of)
        return really(self, homes, of, protocol)

    monkeypatch.setattr(Opener, "open", noted)
    return read


def test_only_new_series_are_read(monkeypatch: Any) -> None:
    counter = EdgeCounter()
    kept = [labels("source"), labels("destination"), labels("source", "cart", "db")]
    first = cluster("east", *(Sample(one, 1.0) for one in kept))
    counter.edges([first])
    read = opened(monkeypatch)
    assert first.telemetry is not None
    again = structs.replace(first.telemetry, requests=tuple(Sample(one, 2.0) for one in kept))
    assert counter.edges([structs.replace(first, telemetry=again)])[0].sums.requests == 2.0
    assert read == []
    new = told(3.0, "source", "web", "db")
    more = structs.replace(again, requests=(*again.requests[1:], new))
    found = counter.edges([structs.replace(first, telemetry=more)])
    assert read == [new.labels]
    assert {(edge.source.workload, edge.destination.workload) for edge in found} == {
        ("web", "cart"),
        ("cart", "db"),
        ("web", "db"),
    }


def test_what_an_inventory_says_anew_is_heard() -> None:
    counter = EdgeCounter()
    before = cluster("east", told(1.0, "source"), kinds={"web": PeerKind.WORKLOAD})
    after = cluster("east", told(1.0, "source"), kinds={"web": PeerKind.GATEWAY})
    assert counter.edges([before])[0].source.kind is PeerKind.WORKLOAD
    assert counter.edges([after])[0].source.kind is PeerKind.GATEWAY
    assert counter.edges([after])[0].reports == {"gateway": 1.0}


def test_a_series_that_decides_the_protocol_may_go() -> None:
    """Where the protocol's label is gone, the first series of an edge decides, and the next one when that goes."""
    counter = EdgeCounter()
    grpc = told(1.0, "source", request_protocol="", grpc_response_status="14")
    plain = told(1.0, "source", request_protocol="")
    for samples in ((grpc, plain), (plain,), (plain, grpc), (grpc,)):
        given = [cluster("east", *samples)]
        assert counter.edges(given) == edges(given)


def test_no_samples_are_kept_with_a_plan() -> None:
    counter = EdgeCounter()
    counter.edges([cluster("east", told(1.0, "source"))])
    plan = counter._plan
    assert plan is not None
    assert all(known.telemetry is None for known in plan._opener._clusters.values())


def test_edges_are_in_order_whatever_came_and_went() -> None:
    counter = EdgeCounter()
    for callers in ("dbac", "dbac", "ac", "cezba", "y"):
        found = counter.edges([cluster("east", *(told(1.0, "source", caller) for caller in callers))])
        assert [edge.source.workload for edge in found] == sorted(callers)
