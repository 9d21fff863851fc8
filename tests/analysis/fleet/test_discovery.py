"""Which clusters resolve a host and reach what is behind it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.fleet.discovery import HostReachability, HostRow, discovery
from meshtop.analysis.fleet.links import Site, known_domains, links
from meshtop.model.kube import (
    ConfigObject,
    Endpoint,
    EndpointSlice,
    Inventory,
    KindStatus,
    Meta,
    RemoteSecret,
    Service,
    ServicePort,
)
from meshtop.model.mesh import ControlPlane, MeshFacts
from meshtop.model.telemetry import Scalar, Telemetry
from tests.analysis.fleet.objects import condition, obj, secret

HOST = "reviews.shop.svc.cluster.local"
EAST_WEST = obj("Gateway", "ew", "istio-system", spec={"servers": [{"tls": {"mode": "AUTO_PASSTHROUGH"}}]})


def site(
    name: str,
    *,
    service: bool = True,
    endpoints: int = 0,
    ports: tuple[int, ...] = (80,),
    secrets: tuple[str, ...] = (),
    network: str | None = None,
    gateway: bool = False,
    status: str | None = None,
    primary: bool = True,
    mesh: str = "m",
    domain: str | None = "cluster.local",
    objects: tuple[ConfigObject, ...] = (),
    **more: Any,
) -> Site:
    """A cluster with one Service and what decides who reaches it."""
    config: dict[str, tuple[ConfigObject, ...]] = {}
    door = Meta(name="ew", namespace="istio-system", labels={"topology.istio.io/network": network or ""})
    doors = (Service(meta=door, type="LoadBalancer", external_ips=("192.0.2.1",)),) if gateway else ()
    for one in (*objects, *((EAST_WEST,) if gateway else ())):
        config[one.kind] = (*config.get(one.kind, ()), one)
    meta = Meta(name="reviews", namespace="shop")
    found = EndpointSlice(meta=meta, service="reviews", endpoints=(Endpoint(addresses=("10.0.0.1",)),) * endpoints)
    samples = tuple(
        Scalar("istiod_remote_cluster_sync_status", {"cluster": peer, "status": status or ""}, 1.0) for peer in secrets
    )
    remote: tuple[RemoteSecret, ...] = tuple(secret(peer) for peer in secrets)
    return Site(
        name=name,
        inventory=Inventory(
            services=(*((Service(meta=meta, ports=tuple(ServicePort(p) for p in ports)),) if service else ()), *doors),
            endpoint_slices=(found,) if endpoints else (),
            remote_secrets=remote,
            config=config,
            **more,
        ),
        facts=MeshFacts(
            cluster_id=name,
            mesh_id=mesh,
            network=network,
            cluster_domain=domain,
            control_planes=(ControlPlane(revision="default"),) if primary else (),
        ),
        telemetry=Telemetry(at=0, window_seconds=1, control=samples) if status else None,
    )


def row(*sites: Site, host: str = HOST) -> HostRow:
    return next(r for r in discovery(sites, {}).hosts if r.host == host)


def codes(found: HostRow) -> list[str]:
    return [finding.code for finding in found.findings]


@pytest.mark.parametrize(
    ("a", "b", "mark"),
    [
        ({"endpoints": 1}, {}, HostReachability.LOCAL),
        ({"secrets": ("b",)}, {"endpoints": 1}, HostReachability.REMOTE),
        ({"service": False, "secrets": ("b",)}, {"endpoints": 1}, HostReachability.UNRESOLVED),
        ({"secrets": ()}, {"endpoints": 1}, HostReachability.UNREACHABLE),
        ({"secrets": ("b",)}, {}, HostReachability.NO_ENDPOINTS),
        ({"secrets": ("b",), "status": "synced"}, {"endpoints": 1}, HostReachability.REMOTE),
        ({"secrets": ("b",), "status": "timeout"}, {"endpoints": 1}, HostReachability.UNREACHABLE),
        ({"secrets": ("b",), "network": "n1"}, {"endpoints": 1, "network": "n1"}, HostReachability.REMOTE),
        ({"secrets": ("b",), "network": "n1"}, {"endpoints": 1, "network": "n2"}, HostReachability.UNREACHABLE),
        (
            {"secrets": ("b",), "network": "n1"},
            {"endpoints": 1, "network": "n2", "gateway": True},
            HostReachability.REMOTE,
        ),
        ({"primary": False}, {"endpoints": 1, "secrets": ("a",)}, HostReachability.REMOTE),
        ({"primary": False}, {"endpoints": 1}, HostReachability.UNKNOWN),
    ],
)
def test_how_a_host_is_there(a: dict[str, Any], b: dict[str, Any], mark: HostReachability) -> None:
    known = tuple(KindStatus(kind=kind) for kind in ("Secret", "Service", "EndpointSlice"))
    found = row(site("a", kinds=known, **a), site("b", **b))
    assert found.clusters["a"] is mark
    assert ("a" in found.reachable_from) is (mark in (HostReachability.LOCAL, HostReachability.REMOTE))


@pytest.mark.parametrize(
    ("lost", "there", "mark"),
    [
        ("Service", "a", HostReachability.UNKNOWN),
        ("EndpointSlice", "a", HostReachability.UNKNOWN),
        ("EndpointSlice", "b", HostReachability.UNKNOWN),
        ("VirtualService", "b", HostReachability.NO_ENDPOINTS),
    ],
)
@pytest.mark.parametrize("state", ["denied", "failed"])
def test_what_could_not_be_read_is_not_missing(lost: str, there: str, mark: HostReachability, state: str) -> None:
    kinds = tuple(
        KindStatus(kind=kind, state=state if kind == lost else "fresh")
        for kind in ("Secret", "Service", "EndpointSlice", "VirtualService")
    )
    of = {name: kinds if name == there else () for name in ("a", "b")}
    a = site("a", secrets=("b",), service=(lost, there) != ("Service", "a"), kinds=of["a"])
    assert row(a, site("b", kinds=of["b"])).clusters["a"] is mark


def test_clusters_of_another_mesh_have_rows_of_their_own() -> None:
    found = discovery([site("a", mesh="other", secrets=("b",)), site("b", endpoints=1)], {})
    assert [r.clusters for r in found.hosts] == [{"b": HostReachability.LOCAL}, {"a": HostReachability.NO_ENDPOINTS}]
    assert not found.links


def test_a_forbidden_list_of_secrets_says_nothing() -> None:
    denied = (KindStatus(kind="Secret", state="denied"),)
    assert row(site("a", kinds=denied), site("b", endpoints=1)).clusters["a"] is HostReachability.UNKNOWN


def test_why_a_cluster_cannot_reach_another_is_said_once_for_the_pair() -> None:
    found = links([site("a", secrets=("b",), network="n1"), site("b", network="n2", endpoints=1, secrets=("a",))])
    assert [f.code for f in found["a", "b"].findings] == ["DISCOVERY-NO-EAST-WEST"]
    assert "DISCOVERY-UNREACHABLE" in codes(
        row(site("a", secrets=("b",), network="n1"), site("b", network="n2", endpoints=1))
    )


def test_cluster_local_hosts_stay_in_their_cluster() -> None:
    mesh = "serviceSettings:\n- settings: {clusterLocal: true}\n  hosts: ['*.shop.svc.cluster.local']\n"
    here = site("a", secrets=("b",), config_maps={"istio-system/istio": {"mesh": mesh}}, domain=None)
    there = site("b", endpoints=1, domain=None)
    unknown = row(here, there, host="reviews.shop.svc")
    assert (unknown.cluster_local, unknown.clusters["a"]) == (None, HostReachability.UNKNOWN)
    known = (named(here, "cluster.local"), there)
    found = row(*known)
    assert (found.cluster_local, found.clusters["a"]) == (True, HostReachability.NO_ENDPOINTS)
    elsewhere = row(named(here, "k8s.acme"), there, host="reviews.shop.svc.k8s.acme")
    assert (elsewhere.cluster_local, elsewhere.clusters["a"]) == (False, HostReachability.REMOTE)


def named(cluster: Site, domain: str) -> Site:
    """The cluster with a known DNS domain."""
    return structs.replace(cluster, facts=structs.replace(cluster.facts, cluster_domain=domain))


def test_a_domain_that_was_not_read_is_the_one_that_the_rest_of_the_mesh_has() -> None:
    one, two, other = site("a"), site("b", domain=None), site("c", mesh="n", domain=None)
    assert known_domains([named(one, "k8s.acme"), two, other]) == {"a": "k8s.acme", "b": "k8s.acme"}
    several = [named(one, "k8s.acme"), named(two, "corp"), site("d", domain=None)]
    assert known_domains(several) == {"a": "k8s.acme", "b": "corp"}
    (only,) = [r.host for r in discovery([named(one, "k8s.acme"), two], {}).hosts]
    assert only == "reviews.shop.svc.k8s.acme"
    (unknown,) = [r.host for r in discovery([site("a", domain=None), two], {}).hosts]
    assert unknown == "reviews.shop.svc", "nobody is told a domain that nothing tells"


def test_a_rule_for_a_full_host_wants_failover_only_where_that_is_the_host() -> None:
    locality = {"failover": [{"from": "eu", "to": "us"}]}
    rule = obj("DestinationRule", "r", "shop", spec={
        "host": HOST, "trafficPolicy": {"loadBalancer": {"localityLbSetting": locality}}})  # fmt: skip
    here = site("a", secrets=("b",), endpoints=1, objects=(rule,), domain=None)
    there = site("b", secrets=("a",), endpoints=1, domain=None)
    assert "DISCOVERY-NO-OUTLIER-DETECTION" not in codes(row(here, there, host="reviews.shop.svc"))
    assert "DISCOVERY-NO-OUTLIER-DETECTION" in codes(row(named(here, "cluster.local"), there))


def test_different_ports_of_one_name_are_found() -> None:
    assert codes(row(site("a", ports=(80,)), site("b", ports=(80, 81)))) == ["DISCOVERY-PORTS-DIFFER"]
    assert not codes(row(site("a", ports=(80, 81)), site("b", ports=(81, 80))))


EXPORT = obj("ServiceExport", "reviews", "shop")
IMPORT = obj("ServiceImport", "reviews", "shop")


def test_exports_and_imports() -> None:
    found = row(site("a", endpoints=1, objects=(EXPORT,)), site("b", endpoints=1, objects=(IMPORT,)))
    assert (found.exported_by, found.imported_by) == (("a",), ("b",))
    assert found.dns_name == "reviews.shop.svc.clusterset.local"
    assert not codes(found)
    lonely = row(site("a", endpoints=1, objects=(EXPORT, IMPORT)), site("b", endpoints=1))
    assert codes(lonely) == ["DISCOVERY-EXPORT-NOT-IMPORTED"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("Conflict", "True", "DISCOVERY-EXPORT-CONFLICT"),
        ("Valid", "False", "DISCOVERY-EXPORT-INVALID"),
        ("Ready", "False", "DISCOVERY-EXPORT-INVALID"),
        ("Conflict", "False", None),
        ("Valid", "True", None),
    ],
)
def test_conditions_of_exports(kind: str, status: str, code: str | None) -> None:
    export = obj("ServiceExport", "reviews", "shop", status={"conditions": [condition(kind, status)]})
    found = row(site("a", endpoints=1, objects=(export,)), site("b", endpoints=1, objects=(IMPORT,)))
    assert codes(found) == ([code] if code else [])


@pytest.mark.parametrize(("policy", "found"), [({}, True), ({"outlierDetection": {}}, False)])
def test_failover_needs_outlier_detection(policy: dict[str, Any], found: bool) -> None:
    balancing = {"localityLbSetting": {"failover": [{"from": "eu", "to": "us"}]}}
    spec = {"host": "reviews", "trafficPolicy": {"loadBalancer": balancing, **policy}}
    rule = obj("DestinationRule", "reviews", "shop", spec=spec)
    said = codes(row(site("a", endpoints=1, objects=(rule,)), site("b", endpoints=1)))
    assert said == (["DISCOVERY-NO-OUTLIER-DETECTION"] if found else [])


def test_service_entries_and_legacy_names() -> None:
    entry = obj("ServiceEntry", "pay", "shop", spec={"hosts": ["pay.example"]})
    found = row(site("a", objects=(entry,)), site("b"), host="pay.example")
    assert found.clusters == {"a": HostReachability.EXTERNAL, "b": HostReachability.UNRESOLVED}
    record = obj("ServiceDNSRecord", "reviews", "shop", spec={"domainRef": "fed"}, status={"domain": "example.org"})
    assert row(site("a", objects=(record,))).legacy_names == ("reviews.shop.fed.svc.example.org",)


def test_virtual_machines_are_endpoints() -> None:
    (found,) = discovery([site("a")], {("a", "shop", "reviews"): 1}).hosts
    assert found.clusters == {"a": HostReachability.LOCAL}


_SITES = st.fixed_dictionaries(
    {
        "endpoints": st.integers(0, 1),
        "service": st.booleans(),
        "secrets": st.sets(st.sampled_from("abc")).map(lambda s: tuple(sorted(s))),
        "network": st.sampled_from(["n1", "n2", None]),
        "gateway": st.booleans(),
    }
)


@given(st.lists(_SITES, min_size=3, max_size=3), st.permutations([0, 1, 2]))
def test_the_order_of_clusters_does_not_matter(parts: list[dict[str, Any]], order: list[int]) -> None:
    sites = [site(name, **part) for name, part in zip("abc", parts, strict=True)]
    one = {r.host: r.clusters for r in discovery(sites, {}).hosts}
    two = {r.host: r.clusters for r in discovery([sites[i] for i in order], {}).hosts}
    assert one == two


def test_a_host_is_not_said_to_have_no_endpoints_where_another_cluster_may_be_of_the_mesh() -> None:
    alone, other = site("a", mesh="one"), site("b", mesh="two", endpoints=1)
    doubtful = structs.replace(alone, facts=structs.replace(alone.facts, perhaps=("b",)))
    marks = {row.mesh: row.clusters for row in discovery([doubtful, other], {}).hosts}
    assert marks["one"] == {"a": HostReachability.UNKNOWN}
    assert {row.mesh: row.clusters for row in discovery([alone, other], {}).hosts}["one"] == {
        "a": HostReachability.NO_ENDPOINTS
    }


def test_a_host_is_not_said_to_have_no_endpoints_where_a_cluster_that_was_not_read_may_be_of_the_mesh() -> None:
    alone = site("a", mesh="one")
    doubtful = structs.replace(alone, facts=structs.replace(alone.facts, perhaps=("unread",)))
    (row,) = discovery([doubtful], {}).hosts
    assert row.clusters == {"a": HostReachability.UNKNOWN}


def test_the_service_by_which_istiod_is_found_is_each_clusters_own() -> None:
    def one(name: str, port: int) -> Site:
        found = site(name, secrets=("b",) if name == "a" else ("a",), status="synced")
        meta = Meta(name="istiod", namespace="mesh", labels={"app": "istiod"})
        services = (*found.inventory.services, Service(meta=meta, ports=(ServicePort(port, "x"),)))
        return structs.replace(found, inventory=structs.replace(found.inventory, services=services))

    rows = {row.host: row for row in discovery([one("a", 443), one("b", 15012)], {}).hosts}
    assert rows["istiod.mesh.svc.cluster.local"].findings == ()


def test_what_is_beside_an_external_control_plane_is_in_no_mesh() -> None:
    host = site("control", endpoints=1, secrets=("a",), status="synced")
    outside = structs.replace(host.facts, outside=True, config_of=("a",))
    found = discovery([site("a", endpoints=1), structs.replace(host, facts=outside)], {})
    assert all("control" not in row.clusters for row in found.hosts)
    assert found.links == ()
