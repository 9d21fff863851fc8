"""What is wrong, told once each, with the YAML that mends it."""
# ruff: noqa: E501 - a case of the table reads best on one line

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.security.findings import LocatedFinding
from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.observed import WorkloadDay, WorkloadId, last_day, seen
from meshtop.analysis.security.mtls.posture import Posture, TrafficWindow, posture
from meshtop.model.kube import ConfigObject, Manager, ServicePort
from meshtop.model.mesh import Proxy, Workload
from meshtop.model.state import Severity
from meshtop.model.telemetry import Labels, PlaintextDay, Sample
from meshtop.model.traffic import Edge, Sums
from tests.analysis.security.mtls.meshes import edge, member, service, workload
from tests.analysis.security.mtls.objects import destination_rule as dr
from tests.analysis.security.mtls.objects import peer_authentication

NOW = 1_700_000_000.0
WEB, API = workload("web", "front"), workload("api-v1", version="v1")
STRICT = peer_authentication("shop", mtls={"mode": "STRICT"})
OFF = dr("shop", "api", "api", trafficPolicy={"tls": {"mode": "DISABLE"}, "loadBalancer": {"simple": "RANDOM"}})
CLEAN_DAY = WorkloadDay(measured=True)


def assess(
    *objects: ConfigObject,
    edges: Sequence[Edge] = (),
    workloads: tuple[Workload, ...] = (WEB, API),
    day: WorkloadDay | None = None,
    ports: tuple[ServicePort, ...] = (),
    **facts: Any,
) -> Posture:
    east = member(workloads=workloads, services=(service("api", "shop", *ports),), config=objects, **facts)
    return judge([east], edges, day)


def judge(members: Sequence[MeshMember], edges: Sequence[Edge], day: WorkloadDay | None = None) -> Posture:
    def of(where: WorkloadId) -> WorkloadDay | None:
        return day

    return posture(MeshTls(members), edges, window=TrafficWindow(NOW, 300.0), day=of)


def codes(found: Posture) -> list[str]:
    return [located.finding.code for located in found.findings]


def only(found: Posture, code: str) -> LocatedFinding:
    (located,) = [f for f in found.findings if f.finding.code == code]
    return located


def test_a_fault_is_told_once_with_all_callers_and_the_objects_own_yaml() -> None:
    other = workload("cron", "front")
    edges = [edge(WEB, API, requests=3.0), edge(other, API, requests=5.0)]
    located = only(assess(STRICT, OFF, edges=edges, workloads=(WEB, API, other)), "MTLS-STRICT-CLIENT-DISABLE")
    assert located.finding.severity is Severity.ERROR
    assert located.finding.message.startswith("front/cron, front/web cannot reach shop/api-v1 in east: ")
    assert located.weight == pytest.approx(8.0)
    assert located.where == ("east", "shop", "api-v1")
    fix = yaml.safe_load(str(located.finding.fix))
    assert fix["apiVersion"] == "networking.istio.io/v1"
    assert fix["metadata"] == {"name": "api", "namespace": "shop"}
    assert fix["spec"]["trafficPolicy"] == {"tls": {"mode": "ISTIO_MUTUAL"}, "loadBalancer": {"simple": "RANDOM"}}
    assert OFF.spec["trafficPolicy"]["tls"] == {"mode": "DISABLE"}, "the object itself is not touched"


def test_a_conflict_that_nobody_ran_into_is_a_warning_and_not_told_twice() -> None:
    located = only(assess(STRICT, OFF), "MTLS-STRICT-CLIENT-DISABLE")
    assert located.finding.severity is Severity.WARNING
    assert "No such call" in located.finding.message
    assert codes(assess(STRICT, OFF, edges=[edge(WEB, API)])).count("MTLS-STRICT-CLIENT-DISABLE") == 1
    foreign = dr("front", "mine", "api.shop.svc.cluster.local", trafficPolicy={"tls": {"mode": "DISABLE"}})
    assert "Sidecars of front" in only(assess(STRICT, foreign), "MTLS-STRICT-CLIENT-DISABLE").finding.message


def test_what_would_break_is_sought_once_and_told_as_long_as_nobody_ran_into_it() -> None:
    east = member(workloads=(WEB, API), services=(service("api", "shop"),), config=(STRICT, OFF))
    mesh = MeshTls([east])
    told = [
        [f.finding.severity for f in found.findings if f.finding.code == "MTLS-STRICT-CLIENT-DISABLE"]
        for edges in ((), (edge(WEB, API),), ())
        for found in [posture(mesh, edges, window=TrafficWindow(NOW, 300.0))]
    ]
    assert told == [[Severity.WARNING], [Severity.ERROR], [Severity.WARNING]]


FIXED: list[tuple[str, list[ConfigObject], tuple[Workload, ...], tuple[str, ...], str]] = [
    ("MTLS-MUTUAL-NO-SIDECAR", [dr("shop", "api", "api", trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})],
     (WEB, workload("api-v1", proxy=Proxy.NONE)), ("spec", "trafficPolicy"), "{}"),
    ("MTLS-AUTO-TO-DISABLE", [peer_authentication("shop", "api", selector={"matchLabels": {"app": "api"}}, mtls={"mode": "DISABLE"})],
     (WEB, API), ("spec", "mtls", "mode"), "PERMISSIVE"),
    ("MTLS-AUTO-TO-DISABLE", [peer_authentication("shop", "api", selector={"matchLabels": {"app": "api"}},
     mtls={"mode": "STRICT"}, portLevelMtls={8080: {"mode": "DISABLE"}})], (WEB, API),
     ("spec", "portLevelMtls", "8080", "mode"), "PERMISSIVE"),
    ("MTLS-STRICT-AUTO-PLAINTEXT", [peer_authentication("shop", mtls={"mode": "DISABLE"}),
     peer_authentication("shop", "api", selector={"matchLabels": {"app": "api"}}, mtls={"mode": "STRICT"})], (WEB, API),
     ("spec", "trafficPolicy", "tls", "mode"), "ISTIO_MUTUAL"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "objects", "workloads", "path", "value"), FIXED)
def test_every_conflict_comes_with_the_object_to_apply(
    code: str, objects: list[ConfigObject], workloads: tuple[Workload, ...], path: tuple[str, ...], value: str
) -> None:
    web, api = workloads
    found = only(assess(*objects, workloads=workloads, edges=[edge(web, api)]), code)
    place: Any = yaml.safe_load(str(found.finding.fix))
    for step in path:
        place = {str(k): v for k, v in place.items()}[step]
    assert str(place) == value


def test_strict_with_plaintext_seen_is_an_error_unless_the_policy_is_younger_than_the_window() -> None:
    plain = [edge(None, API, judged=4.0, secured=0.0, requests=4.0), edge(WEB, API, judged=6.0, secured=6.0)]
    located = only(assess(STRICT, edges=plain), "MTLS-STRICT-PLAINTEXT-SEEN")
    assert located.finding.severity is Severity.ERROR
    assert "an unknown caller (4/s)" in located.finding.message
    assert located.weight == pytest.approx(4.0)
    assert "MTLS-STRICT-OUTSIDE-CLIENT" not in codes(assess(STRICT, edges=plain)), "what arrives is not broken"
    young = structs.replace(STRICT, managers=(Manager("kubectl", time=NOW - 20),))
    assert "MTLS-STRICT-PLAINTEXT-SEEN" not in codes(assess(young, edges=plain))
    lax = peer_authentication(
        "shop", "api", selector={"matchLabels": {"app": "api"}}, mtls={"mode": "STRICT"},
        portLevelMtls={8080: {"mode": "PERMISSIVE"}},
    )  # fmt: skip
    assert "MTLS-STRICT-PLAINTEXT-SEEN" not in codes(assess(lax, edges=plain)), "a port may take it"
    assert "MTLS-PLAINTEXT-SEEN" in codes(assess(lax, edges=plain))


def test_who_sends_plaintext_to_whom_how_much_and_since_when() -> None:
    day = WorkloadDay(True, {("", "", ""): 900.0}, {("", "", ""): NOW - 600})
    located = only(assess(edges=[edge(None, API, judged=4.0, secured=1.0)], day=day), "MTLS-PLAINTEXT-SEEN")
    assert "plaintext from an unknown caller (3/s, 10 min);" in located.finding.message
    standing = assess(edges=[edge(None, API, judged=4.0, secured=1.0)]).workloads["east", "shop", "api-v1"]
    (source,) = standing.seen.sources
    assert (source.since, source.last_day) == (None, None), "what was not measured is not known"


@pytest.mark.parametrize(
    ("day", "secured", "ready"),
    [
        (CLEAN_DAY, 5.0, True),
        (WorkloadDay(measured=False), 5.0, False),
        (None, 5.0, False),
        (WorkloadDay(True, {("", "", ""): 2.0}), 5.0, False),
        (CLEAN_DAY, None, False),
    ],
)
def test_ready_for_strict_needs_a_clean_measured_day(
    day: WorkloadDay | None, secured: float | None, ready: bool
) -> None:
    found = assess(edges=[edge(WEB, API, judged=secured, secured=secured)], day=day)
    assert ("MTLS-READY-FOR-STRICT" in codes(found)) == ready
    if ready:
        assert "whole namespace" in only(found, "MTLS-READY-FOR-STRICT").finding.message
    strict = assess(STRICT, edges=[edge(WEB, API, judged=secured, secured=secured)], day=day)
    assert "MTLS-READY-FOR-STRICT" not in codes(strict)


def selecting(name: str = "api", app: str = "api", namespace: str = "shop", **spec: Any) -> ConfigObject:
    return peer_authentication(namespace, name, selector={"matchLabels": {"app": app}}, **spec)


POLICIES: list[tuple[str, list[ConfigObject], dict[str, Any], list[str]]] = [
    ("a selector in the root namespace", [selecting(namespace="istio-system", mtls={"mode": "STRICT"})], {},
     ["MTLS-ROOT-SELECTOR-IGNORED"]),
    ("two for a namespace", [STRICT, peer_authentication("shop", "later", created=1.0)], {}, ["MTLS-POLICY-SHADOWED"]),
    ("two for a workload", [selecting("a"), selecting("b", created=1.0)], {}, ["MTLS-POLICY-SHADOWED"]),
    ("nobody is selected", [selecting(app="ghost")], {}, ["MTLS-POLICY-SELECTS-NOTHING"]),
    ("a Service's port", [selecting(portLevelMtls={80: {"mode": "STRICT"}})], {}, ["MTLS-PORT-UNUSED"]),
    ("a workload's port", [selecting(portLevelMtls={8080: {"mode": "STRICT"}})], {}, []),
    ("a port that cannot be told", [selecting(portLevelMtls={80: {"mode": "STRICT"}})],
     {"ports": (ServicePort(80, "http", target="named"),)}, []),
    ("ports without a selector", [peer_authentication("shop", portLevelMtls={80: {"mode": "STRICT"}})], {},
     ["MTLS-PORTS-WITHOUT-SELECTOR"]),
    ("no proxy", [STRICT], {"workloads": (workload("api-v1", proxy=Proxy.NONE),)}, ["MTLS-STRICT-NO-PROXY"]),
    ("auto mTLS off", [], {"auto_mtls": False}, ["MTLS-AUTO-OFF"]),
    ("policies may not be read", [selecting(app="ghost")], {"denied": ("PeerAuthentication",)}, []),
    ("pods may not be read", [selecting(app="ghost"), STRICT], {"denied": ("Pod",)}, []),
    ("nothing", [], {}, []),
]  # fmt: skip


@pytest.mark.parametrize(("objects", "more", "want"), [pytest.param(*p[1:], id=p[0]) for p in POLICIES])
def test_policies_that_do_not_do_what_they_seem_to(
    objects: list[ConfigObject], more: dict[str, Any], want: list[str]
) -> None:
    assert codes(assess(*objects, **more)) == want


def test_a_mesh_wide_strict_is_only_information_for_pods_without_a_proxy() -> None:
    everywhere = peer_authentication("istio-system", mtls={"mode": "STRICT"})
    found = assess(everywhere, workloads=(workload("api-v1", proxy=Proxy.NONE),))
    assert only(found, "MTLS-STRICT-NO-PROXY").finding.severity is Severity.INFO


def test_pods_on_their_nodes_network_are_not_to_be_injected() -> None:
    host = structs.replace(workload("api-v1", proxy=Proxy.NONE), host_network=True)
    finding = only(assess(STRICT, workloads=(host,)), "MTLS-STRICT-NO-PROXY").finding
    assert "node's network" in finding.message
    assert "istio-injection" not in (finding.fix or "")
    assert "hostNetwork" in (finding.fix or "")


def test_istiod_is_not_blamed_for_having_no_proxy() -> None:
    everywhere = peer_authentication("istio-system", mtls={"mode": "STRICT"})
    istiod = workload("istiod", "istio-system", proxy=Proxy.NONE, services=())
    assert codes(assess(everywhere, workloads=(istiod,))) == []


def test_gateways_are_not_judged_by_policies() -> None:
    gate = workload("gate", "shop", gateway=True, services=())
    found = assess(workloads=(gate,), edges=[edge(None, gate, judged=3.0, secured=0.0)], day=CLEAN_DAY)
    assert codes(found) == []


def test_requests_and_bytes_are_never_mixed() -> None:
    from msgspec import structs

    tcp = structs.replace(edge(WEB, API, protocol="tcp"), sums=Sums(judged_bytes=100.0, secured_bytes=25.0))
    got = seen([edge(WEB, API, judged=10.0, secured=10.0), tcp])
    assert (got.plaintext_requests, got.plaintext_bytes) == (0.0, 75.0)
    (source,) = got.sources
    assert (source.requests_per_second, source.bytes_per_second) == (0.0, 75.0)


def test_the_last_day_is_read_by_workload_and_caller() -> None:
    def sample(value: float, source: str = "unknown") -> Sample:
        labels = Labels(
            source_workload=source,
            source_workload_namespace="front" if source != "unknown" else "unknown",
            source_cluster="id-east" if source != "unknown" else "unknown",
            destination_cluster="id-east",
            destination_workload_namespace="shop",
            destination_workload="api-v1",
        )
        return Sample(labels, value)

    day = PlaintextDay(
        at=NOW,
        requests=(sample(7.0), sample(2.0, "web")),
        connections=(sample(1.0),),
        first_seen=(sample(NOW - 50), sample(NOW - 90)),
        measured=(sample(1.0),),
    )

    def cluster_of(cluster_id: str, home: str) -> str:
        return {"id-east": "east"}.get(cluster_id, "")

    of = last_day({"east": day, "west": None}, cluster_of)
    told = of(("east", "shop", "api-v1"))
    assert told is not None
    assert told.measured
    assert told.counts == {("", "", ""): 8.0, ("east", "front", "web"): 2.0}
    assert told.since == {("", "", ""): NOW - 90}
    quiet = of(("east", "shop", "other"))
    assert quiet is not None
    assert (quiet.measured, quiet.total) == (False, 0.0)
    assert of(("west", "shop", "api-v1")) is None


OBJECTS = [
    STRICT, OFF, selecting("a", mtls={"mode": "DISABLE"}), selecting("b", created=1.0), selecting(app="ghost"),
    peer_authentication("istio-system", mtls={"mode": "STRICT"}), selecting("x", namespace="istio-system"),
    dr("front", "mine", "*.local", trafficPolicy={"tls": {"mode": "SIMPLE"}}),
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(OBJECTS), unique_by=id, max_size=6), st.randoms())
def test_findings_depend_neither_on_the_order_of_objects_nor_of_edges(objects: list[ConfigObject], random: Any) -> None:
    edges = [edge(WEB, API, judged=5.0, secured=1.0), edge(None, API, judged=2.0, secured=0.0), edge(API, WEB)]
    other_objects, other_edges = list(objects), list(edges)
    random.shuffle(other_objects)
    random.shuffle(other_edges)
    assert assess(*objects, edges=edges).findings == assess(*other_objects, edges=other_edges).findings


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(OBJECTS), unique_by=id, max_size=6))
def test_a_healthy_stranger_changes_no_finding(objects: list[ConfigObject]) -> None:
    edges = [edge(WEB, API, judged=5.0, secured=1.0)]
    lonely = workload("lonely", "apart", services=())
    mine = peer_authentication("apart", mtls={"mode": "PERMISSIVE"})
    before = assess(*objects, edges=edges).findings
    assert assess(*objects, mine, edges=edges, workloads=(WEB, API, lonely)).findings == before
