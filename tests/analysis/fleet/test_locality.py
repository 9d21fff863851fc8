"""Where endpoints and traffic are, and what would become of hosts without a cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.fleet.links import Site
from meshtop.analysis.fleet.locality import EvacuationEffect, HostLocality, endpoints_unread, evacuation_effect, locate
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import Endpoint, EndpointSlice, Inventory, KindStatus, Meta, Node
from meshtop.model.mesh import MeshFacts, VirtualMachine
from meshtop.model.traffic import Edge, Peer, Sums, Target

HOST = "web.shop.svc.cluster.local"


def site(name: str, *zones: str, region: str | None = None, ready: bool | None = True) -> Site:
    """A cluster with an endpoint of `web` in each of these zones."""
    nodes = tuple(Node(meta=Meta(name=f"n-{zone}"), zone=zone, region=region) for zone in set(zones))
    endpoints = tuple(Endpoint(addresses=(f"10.0.0.{i}",), node=f"n-{z}", ready=ready) for i, z in enumerate(zones))
    piece = EndpointSlice(meta=Meta(name="web-x", namespace="shop"), service="web", endpoints=endpoints)
    return Site(
        name=name,
        inventory=Inventory(nodes=nodes, endpoint_slices=(piece,)),
        facts=MeshFacts(cluster_id=name, mesh_id="m", region=region),
    )


def edge(source: str, target: str, rate: float | None = None, *, size: float | None = None) -> Edge:
    return Edge(
        source=Peer(cluster=source, namespace="shop", workload="caller"),
        destination=Target(cluster=target, namespace="shop", workload="web-v1", service=HOST),
        protocol="http" if size is None else "tcp",
        sums=Sums(requests=rate, sent=size),
    )


def only(found: tuple[HostLocality, ...]) -> HostLocality:
    (one,) = found
    return one


def test_endpoints_of_one_service_stand_together_where_one_cluster_does_not_tell_its_domain() -> None:
    one, two = site("a", "z1"), site("b", "z2")
    told = structs.replace(one, facts=structs.replace(one.facts, cluster_domain="k8s.acme"))
    found = only(locate([told, two], [], []))
    assert (found.host, found.clusters) == ("web.shop.svc.k8s.acme", ("a", "b"))


def test_endpoints_are_counted_by_zone_and_traffic_by_cluster() -> None:
    found = only(
        locate(
            [site("a", "z1", "z1", "z2", region="eu"), site("b", "z3", region="us")],
            [],
            [edge("a", "a", 60.0), edge("a", "b", 30.0), edge("b", "b", 10.0)],
        )
    )
    assert [(s.cluster, s.region, s.zone, s.endpoints) for s in found.stands] == [
        ("a", "eu", "z1", 2),
        ("a", "eu", "z2", 1),
        ("b", "us", "z3", 1),
    ]
    assert found.cross_cluster == pytest.approx(0.3)
    assert found.cross_region == pytest.approx(0.3)


def test_two_clusters_of_one_region_cross_clusters_only() -> None:
    found = only(locate([site("a", "z1", region="eu"), site("b", "z2", region="eu")], [], [edge("a", "b", 1.0)]))
    assert (found.cross_cluster, found.cross_region) == (1.0, 0.0)


def test_without_traffic_or_regions_nothing_is_said() -> None:
    assert only(locate([site("a", "z1")], [], [])).cross_cluster is None
    found = only(locate([site("a", "z1"), site("b", "z2")], [], [edge("a", "b", 1.0)]))
    assert (found.cross_cluster, found.cross_region) == (1.0, None)


def test_bytes_count_where_there_are_no_requests() -> None:
    found = only(locate([site("a", "z"), site("b", "z")], [], [edge("a", "b", size=30.0), edge("a", "a", size=10.0)]))
    assert found.cross_cluster == pytest.approx(0.75)


def test_a_dual_stack_pod_is_one_endpoint_and_one_that_ends_is_none() -> None:
    slices = tuple(
        EndpointSlice(
            meta=Meta(name=f"web-{family}", namespace="shop"),
            service="web",
            endpoints=(
                *(Endpoint(addresses=(f"{family}{i}",), target_kind="Pod", target_name=f"p-{i}") for i in (1, 2)),
                Endpoint(addresses=(f"{family}9",), target_name="old", ready=None, terminating=True),
            ),
        )
        for family in ("10.0.0.", "fd::")
    )
    here = structs.replace(site("a"), inventory=Inventory(endpoint_slices=slices))
    found = locate([here], [], [])
    assert [stand.endpoints for stand in only(found).stands] == [2]
    assert evacuation_effect("a", found)[0].leaving == 2


def test_endpoints_that_are_not_ready_are_none() -> None:
    assert locate([site("a", "z1", ready=False)], [], []) == ()


def test_virtual_machines_are_endpoints_unless_their_probe_fails() -> None:
    def machine(healthy: bool | None) -> VirtualMachine:
        return VirtualMachine(
            cluster="a", namespace="shop", name="vm", meta=Meta(name="vm"), services=("web",), healthy=healthy,
            locality="eu/z9",
        )  # fmt: skip

    here = Site(name="a", inventory=Inventory(), facts=MeshFacts(mesh_id="m"))
    found = only(locate([here], [machine(None), machine(False)], []))
    assert [(s.region, s.zone, s.endpoints) for s in found.stands] == [("eu", "z9", 1)]


@pytest.mark.parametrize(
    ("zones_a", "zones_b", "edges", "fate", "factor"),
    [
        (("z",), (), [edge("b", "a", 5.0)], EvacuationEffect.GONE, None),
        (("z",), ("z",), [edge("a", "a", 5.0), edge("b", "b", 5.0)], EvacuationEffect.DOUBLES, 2.0),
        (("z",), ("z",), [edge("a", "a", 4.9), edge("b", "b", 5.0)], EvacuationEffect.GROWS, 1.98),
        (("z",), ("z",), [edge("a", "a", 5.0)], EvacuationEffect.DOUBLES, None),
        (("z",), ("z",), [edge("b", "b", 5.0)], EvacuationEffect.IDLE, 1.0),
        (("z",), ("z",), [], EvacuationEffect.IDLE, None),
        (("z",), ("z",), [edge("a", "a", size=30.0), edge("b", "b", size=10.0)], EvacuationEffect.DOUBLES, 4.0),
    ],
)
def test_what_evacuating_does(
    zones_a: tuple[str, ...], zones_b: tuple[str, ...], edges: list[Edge], fate: EvacuationEffect, factor: float | None
) -> None:
    (found,) = evacuation_effect("a", locate([site("a", *zones_a), site("b", *zones_b)], [], edges))
    assert found.fate is fate
    assert found.factor == (None if factor is None else pytest.approx(factor))


def test_a_host_whose_load_nobody_measured_is_unknown() -> None:
    hosts = locate([site("a", "z"), site("b", "z")], [], [edge("a", "a", 1.0)])
    assert [e.fate for e in evacuation_effect("a", hosts, ["b"])] == [EvacuationEffect.UNKNOWN]


def test_hosts_without_endpoints_there_do_not_care() -> None:
    assert evacuation_effect("b", locate([site("a", "z")], [], [edge("a", "a", 1.0)])) == ()


_RATES = st.lists(st.integers(0, 1000).map(float), min_size=4, max_size=4)


@given(_RATES)
def test_no_traffic_is_lost_by_evacuating(rates: list[float]) -> None:
    pairs = [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
    edges = [edge(source, target, rate) for (source, target), rate in zip(pairs, rates, strict=True)]
    (found,) = evacuation_effect("a", locate([site("a", "z"), site("b", "z")], [], edges))
    staying = rates[1] + rates[3]
    assert found.moved[0] == pytest.approx(rates[0] + rates[2])
    if found.factor is not None:
        assert found.factor * staying == pytest.approx(sum(rates), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("perhaps", "unread", "fate"),
    [
        ((), (), EvacuationEffect.GONE),
        ((), ("b",), EvacuationEffect.UNKNOWN),
        (("b",), (), EvacuationEffect.GONE),
        (("c",), (), EvacuationEffect.UNKNOWN),
        ((), ("a",), EvacuationEffect.GONE),
    ],
)
def test_a_host_is_gone_only_where_all_that_may_have_it_are_known(
    perhaps: tuple[str, ...], unread: tuple[str, ...], fate: EvacuationEffect
) -> None:
    other = structs.replace(site("c", "z"), facts=MeshFacts(cluster_id="c", mesh_id="other"))
    hosts = locate([site("a", "z"), site("b"), other], [], [])
    assert [one.fate for one in evacuation_effect("a", hosts, perhaps=perhaps, unread=unread)] == [fate]


def test_what_is_not_known_of_endpoints() -> None:
    kinds = (KindStatus(kind="EndpointSlice", state="denied"), KindStatus(kind="WorkloadEntry", state="missing"))
    assert endpoints_unread("a", Inventory(kinds=kinds)) == (Unknown("EndpointSlice", "a", WhyUnknown.DENIED),)
    assert endpoints_unread("a", Inventory()) == ()
    assert endpoints_unread("a", None) == (Unknown("every endpoint", "a", WhyUnknown.UNREACHABLE),)


def test_a_machine_stands_where_its_locality_says() -> None:
    def standing(locality: str | None) -> list[tuple[str | None, str | None]]:
        vm = VirtualMachine(
            cluster="a", namespace="shop", name="vm", meta=Meta(name="vm"), services=("web",), locality=locality
        )
        return [(s.region, s.zone) for s in only(locate([site("a", region="eu")], [vm], [])).stands]

    assert standing("us/us-1/rack-7") == [("us", "us-1")]
    assert standing("us") == [("us", None)]
    assert standing(None) == [(None, None)]


def test_a_host_is_not_gone_where_a_cluster_that_may_be_of_the_mesh_has_endpoints() -> None:
    hosts = locate([site("a", "z")], [], [edge("a", "a", 1.0)])
    assert [e.fate for e in evacuation_effect("a", hosts)] == [EvacuationEffect.GONE]
    assert [e.fate for e in evacuation_effect("a", hosts, perhaps=["b"])] == [EvacuationEffect.GONE], "b has none"
    assert [e.fate for e in evacuation_effect("a", hosts, perhaps=["b"], unread=["b"])] == [EvacuationEffect.UNKNOWN]
