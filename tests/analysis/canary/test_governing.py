"""Whom a route governs decides whose calls are counted, and whether its split is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.canary.board import Board, CanaryRow
from meshtop.analysis.canary.judging import Judgements, Judging
from meshtop.analysis.canary.survey import BoardCluster, Survey
from meshtop.analysis.canary.verdict import Honesty
from meshtop.model.kube import ConfigObject, Container, Controller, KindStatus, Meta, Owner, Pod, Service, ServicePort
from meshtop.model.mesh import Proxy, Ready, Workload
from meshtop.model.telemetry import Sample
from tests import worlds
from tests.analysis.canary.test_board import RECENT, RULE, board, cluster, codes, counts, obj, route, sample, service

GATEWAY_API = "gateway.networking.k8s.io"


def workload(name: str, namespace: str = "shop", **more: Any) -> Workload:
    labels = tuple({"app": name, **more.pop("labels", {})}.items())
    defaults: dict[str, Any] = {"pods": Ready(1, 1), "proxy": Proxy.SIDECAR, "services": ()}
    return Workload(
        cluster="east", namespace=namespace, name=name, kind="Deployment", labels=labels, **{**defaults, **more}
    )


FRONT = workload("front", "team")
BATCH = workload("batch", labels={"tier": "night"})
EDGE = workload("edge", "edge", is_gateway=True, labels={f"{GATEWAY_API}/gateway-name": "edge", "istio": "edge"})
AMBIENT = workload("calm", "team", proxy=Proxy.AMBIENT)


def world(
    *objects: ConfigObject, counted: Sequence[Sample] = (), mesh: str = "{}", label: str = "shop/reviews#0", **more: Any
) -> BoardCluster:
    """East with callers in three namespaces; `mesh` is its MeshConfig."""
    made = cluster(RULE, *objects, counted=[counts(*counted, label=label)])
    config: dict[str, tuple[ConfigObject, ...]] = {}
    for one in (RULE, *objects):
        both = f"Gateway.{GATEWAY_API}" if one.kind == "Gateway" and one.group == GATEWAY_API else one.kind
        config[both] = (*config.get(both, ()), one)
    inventory = structs.replace(
        made.inventory, config=config, config_maps={"istio-system/istio": {"mesh": mesh}}, **more.pop("inventory", {})
    )
    facts = structs.replace(made.facts, **{"auto_mtls": True, **more.pop("facts", {})})
    people = (*made.workloads, FRONT, BATCH, EDGE, AMBIENT, *more.pop("workloads", ()))
    return structs.replace(made, inventory=inventory, workloads=people, facts=facts)


def calls(who: str, v1: float, v2: float, namespace: str = "shop", **more: str) -> list[Sample]:
    source = {"source_workload": who, "source_workload_namespace": namespace, **more}
    return [sample("v1", v1, **source), sample("v2", v2, **source)]


def row(*objects: ConfigObject, counted: Sequence[Sample] = (), **more: Any) -> CanaryRow:
    rows = board(world(*objects, counted=counted, **more))
    return next(r for r in rows if r.name == "reviews")


def split(found: CanaryRow) -> list[float | None]:
    return [None if d.observed_share is None else round(d.observed_share, 3) for d in found.destinations]


ALL = [
    *calls("web-v1", 9000.0, 1000.0),
    *calls("front", 2000.0, 8000.0, "team"),
]
"""web follows 90/10; front does not."""
FROM_ALL = [round(11000 / 20000, 3), round(9000 / 20000, 3)]


def weighted(
    match: Any = None, *, other: Mapping[str, Any] | None = None, first: bool = False, **spec: Any
) -> ConfigObject:
    rule = {"route": route(("v1", 90), ("v2", 10)), **({"match": match} if match is not None else {})}
    rules = [rule] if other is None else [other, rule] if first else [rule, other]
    return obj("VirtualService", {"hosts": ["reviews"], "http": rules, **spec}, managers=RECENT)


PLAIN = {"route": route(("v1", 1))}
SIDECAR = obj("Sidecar", {"egress": [{"hosts": ["./*"]}]}, meta=Meta(name="default", namespace="team"))


@pytest.mark.parametrize(
    ("objects", "more"),
    [
        ([weighted([{"sourceNamespace": "shop"}])], {}),
        ([weighted([{"sourceNamespace": "shop"}, {"sourceLabels": {"app": "nobody"}}])], {}),
        ([weighted([{"sourceLabels": {"app": "web"}}])], {}),
        ([weighted([{"sourceNamespace": "shop"}], other=PLAIN)], {}),
        ([weighted(other={"match": [{"sourceNamespace": "team"}], **PLAIN}, first=True)], {}),
        ([weighted(exportTo=["."])], {}),
        ([weighted(exportTo=["shop", "elsewhere"])], {}),
        ([weighted()], {"mesh": "defaultVirtualServiceExportTo: ['.']"}),
        ([weighted(), SIDECAR], {}),
    ],
)
def test_only_those_count_whom_the_route_governs(objects: list[ConfigObject], more: dict[str, Any]) -> None:
    found = row(*objects, counted=ALL, **more)
    assert split(found) == [0.9, 0.1]
    assert found.honesty.verdict is Honesty.HONOURED
    assert codes(found) == []


@pytest.mark.parametrize(
    "objects",
    [
        [weighted([{"headers": {"x": {"exact": "1"}}}], other=PLAIN)],
        [weighted(other={"match": [{"uri": {"prefix": "/a"}}], **PLAIN}, first=True)],
        [weighted([{"sourceLabels": {"app": "front"}}], other=PLAIN)],
        [weighted(), obj("VirtualService", {"hosts": ["other.example"], "http": [PLAIN]}, name="other")],
    ],
)
def test_what_cannot_be_told_is_never_held_against_the_mesh(objects: list[ConfigObject]) -> None:
    found = row(*objects, counted=calls("front", 2000.0, 8000.0, "team"))
    assert found.honesty.verdict is Honesty.NOT_ENOUGH_DATA
    assert {"MIXED", "NOT-JUDGED"} & set(codes(found))


def test_an_unread_default_makes_other_namespaces_doubtful_and_leaves_its_own_alone() -> None:
    doubtful = row(weighted(), counted=calls("front", 2000.0, 8000.0, "team"), facts={"auto_mtls": None})
    assert doubtful.honesty.verdict is Honesty.NOT_ENOUGH_DATA
    assert any("MeshConfig was not read" in f.message for f in doubtful.findings)
    sure = row(weighted(), counted=ALL, facts={"auto_mtls": None})
    assert (split(sure), sure.honesty.verdict) == ([0.9, 0.1], Honesty.HONOURED)


def behind_waypoint(name: str = "waypoint") -> dict[str, Any]:
    """A cluster whose namespace shop is behind a waypoint, or behind none."""
    spaces = worlds.inventory(cluster_id="east").namespaces
    label = {"istio.io/use-waypoint": name}
    bound = (structs.replace(n, meta=structs.replace(n.meta, labels={**n.meta.labels, **label})) for n in spaces)
    return {"inventory": {"namespaces": tuple(bound)}}


def test_of_ambient_callers_the_waypoint_decides() -> None:
    found = row(weighted(exportTo=["team"]), counted=calls("calm", 2000.0, 8000.0, "team"), **behind_waypoint())
    assert found.honesty.verdict is Honesty.NOT_ENOUGH_DATA
    followed = row(weighted(), SIDECAR, counted=calls("calm", 9000.0, 1000.0, "team"), **behind_waypoint())
    assert followed.honesty.verdict is Honesty.HONOURED, "a Sidecar is nothing to an ambient caller"


@pytest.mark.parametrize("more", [{}, behind_waypoint("none")])
def test_without_a_waypoint_an_ambient_caller_follows_no_route(more: dict[str, Any]) -> None:
    found = row(weighted(), counted=calls("calm", 2000.0, 8000.0, "team"), **more)
    assert (found.honesty.verdict, codes(found)) == (Honesty.NO_TRAFFIC, [])


def test_a_caller_without_a_proxy_follows_no_route_and_one_whose_pods_were_not_read_may() -> None:
    bare = (workload("bare", proxy=Proxy.NONE), workload("gone", proxy=Proxy.NONE, pods=Ready()))
    found = row(weighted(), counted=calls("bare", 2000.0, 8000.0), workloads=bare)
    assert (found.honesty.verdict, codes(found)) == (Honesty.NO_TRAFFIC, [])
    ended = row(weighted(), counted=calls("gone", 2000.0, 8000.0), workloads=bare)
    assert ended.honesty.verdict is Honesty.NOT_HONOURED


PORTS = {
    "inventory": {
        "services": (
            Service(
                meta=Meta(name="reviews", namespace="shop"),
                selector={"app": "reviews"},
                ports=(ServicePort(9080, "http"), ServicePort(9443, "tls")),
            ),
        )
    }
}


@pytest.mark.parametrize(
    ("match", "verdict"),
    [
        ([{"port": 9080}], Honesty.NOT_HONOURED),
        ([{"port": 9080}, {"uri": {"prefix": "/"}}], Honesty.NOT_HONOURED),
        ([{"port": 8080}], Honesty.NOT_ENOUGH_DATA),
    ],
)
def test_a_rule_for_a_port_splits_the_calls_to_that_port(match: Any, verdict: Honesty) -> None:
    found = row(weighted(match), counted=calls("front", 2000.0, 8000.0, "team"), **PORTS)
    assert found.honesty.verdict is verdict
    if verdict is Honesty.NOT_ENOUGH_DATA:
        assert any("calls to port 9080 of" in f.message for f in found.findings)


def test_calls_to_the_service_itself_are_not_those_to_the_host_of_the_route() -> None:
    """Telemetry names the Service that answers; a route for another host splits only what asks for that host."""
    found = row(weighted(hosts=["api.example.com"]), counted=calls("front", 2000.0, 8000.0, "team"))
    assert found.honesty.verdict is Honesty.NOT_ENOUGH_DATA
    assert any("itself follow no rule of it" in f.message for f in found.findings)


ACME = {"cluster_domain": "k8s.acme"}
FULL = "reviews.shop.svc.cluster.local"


@pytest.mark.parametrize(
    ("host", "facts", "verdict"),
    [
        ("reviews", ACME, Honesty.NOT_HONOURED),
        ("reviews.shop.svc.k8s.acme", ACME, Honesty.NOT_HONOURED),
        (FULL, ACME, Honesty.NOT_ENOUGH_DATA),
        ("*.shop.svc.cluster.local", ACME, Honesty.NOT_ENOUGH_DATA),
        ("reviews", {"cluster_domain": None}, Honesty.NOT_HONOURED),
        (FULL, {"cluster_domain": None}, Honesty.NOT_ENOUGH_DATA),
        ("*.local", {"cluster_domain": None}, Honesty.NOT_ENOUGH_DATA),
        ("*.shop.svc.k8s.acme", {"cluster_domain": None}, Honesty.NOT_ENOUGH_DATA),
    ],
)
def test_a_route_governs_hosts_of_the_domain_of_its_cluster(host: str, facts: dict[str, Any], verdict: Honesty) -> None:
    asked = "reviews.shop.svc.k8s.acme" if facts is ACME else FULL
    counted = calls("front", 2000.0, 8000.0, "team", destination_service=asked)
    found = row(weighted(hosts=[host]), counted=counted, facts=facts)
    assert found.honesty.verdict is verdict


def test_whether_a_sidecar_imports_a_host_is_unknown_without_the_domain_or_the_sidecars() -> None:
    narrow = obj(
        "Sidecar",
        {"egress": [{"hosts": ["shop/*.shop.svc.k8s.acme"]}]},
        meta=Meta(name="default", namespace="team"),
    )
    counted = calls("front", 2000.0, 8000.0, "team")
    asked = calls("front", 2000.0, 8000.0, "team", destination_service="reviews.shop.svc.k8s.acme")
    there = row(weighted(), narrow, counted=asked, facts=ACME)
    assert there.honesty.verdict is Honesty.NOT_HONOURED
    elsewhere = row(weighted(), narrow, counted=counted, facts={"cluster_domain": "cluster.local"})
    assert elsewhere.honesty.verdict is Honesty.NO_TRAFFIC
    unknown = row(weighted(), narrow, counted=counted, facts={"cluster_domain": None})
    assert unknown.honesty.verdict is Honesty.NOT_ENOUGH_DATA
    assert any("DNS domain" in f.message for f in unknown.findings)
    denied = tuple(
        structs.replace(kind, state="denied") if kind.kind == "Sidecar" else kind for kind in worlds.all_read()
    )
    unread = row(weighted(), counted=counted, inventory={"kinds": denied})
    assert unread.honesty.verdict is Honesty.NOT_ENOUGH_DATA
    assert any("Sidecar of east cannot be read" in f.message for f in unread.findings)


@pytest.mark.parametrize(
    ("one", "two", "both"),
    [
        (["a"], ["b"], False),
        (["a"], ["a", "b"], True),
        (["."], ["team"], False),
        (None, ["team"], True),
        (["~"], None, False),
        (None, None, True),
    ],
)
def test_two_routes_are_one_too_many_only_for_clients_that_see_both(
    one: list[str] | None, two: list[str] | None, both: bool
) -> None:
    more: list[dict[str, Any]] = [{"exportTo": names} if names else {} for names in (one, two)]
    left = weighted(**more[0])
    right = obj("VirtualService", {"hosts": [worlds.REVIEWS_HOST], "http": [{"route": route(("v1", 1), ("v2", 1))}],
                                   **more[1]}, name="again")  # fmt: skip
    found = {r.name: codes(r) for r in board(world(left, right, facts={"cluster_domain": "cluster.local"}))}
    assert ("TWO-ROUTES" in found["reviews"], "TWO-ROUTES" in found["again"]) == (both, both)


@pytest.mark.parametrize(
    ("host", "domain", "two"),
    [("reviews", None, True), (FULL, None, False), (FULL, "k8s.acme", False), (FULL, "cluster.local", True)],
)
def test_a_short_host_and_a_full_one_are_one_in_one_domain_only(host: str, domain: str | None, two: bool) -> None:
    again = obj("VirtualService", {"hosts": [host], "http": [{"route": route(("v1", 1), ("v2", 1))}]}, name="again")
    rows = board(world(weighted(), again, facts={"cluster_domain": domain}))
    assert {"TWO-ROUTES" in codes(found) for found in rows} == {two}


@pytest.mark.parametrize(
    ("domain", "found"), [("k8s.acme", ["NO-SERVICE", "NO-SERVICE"]), ("cluster.local", []), (None, [])]
)
def test_a_destination_in_another_domain_is_no_service_of_the_cluster(domain: str | None, found: list[str]) -> None:
    parts = [{"destination": {"host": FULL, "subset": v}, "weight": w} for v, w in (("v1", 90), ("v2", 10))]
    rule = obj(
        "DestinationRule",
        {"host": FULL, "subsets": [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]},
        name="full",
    )
    sent = obj("VirtualService", {"hosts": ["reviews"], "http": [{"route": parts}]}, managers=RECENT)
    seen = row(sent, rule, facts={"cluster_domain": domain})
    assert codes(seen) == found
    if found:
        assert "Write reviews.shop.svc.k8s.acme" in str(seen.findings[0].fix)


def test_the_older_route_governs_and_one_for_a_namespace_alone_goes_first() -> None:
    old = obj("VirtualService", {"hosts": ["reviews"], "http": [{"route": route(("v1", 90), ("v2", 10))}]},
              meta=Meta(name="reviews", namespace="shop", created=1.0), managers=RECENT)  # fmt: skip
    private = obj("VirtualService", {"hosts": [worlds.REVIEWS_HOST], "exportTo": ["."], "http": [PLAIN]},
                  meta=Meta(name="mine", namespace="team", created=2.0))  # fmt: skip
    assert split(row(old, private, counted=ALL)) == [0.9, 0.1]


def test_one_host_written_twice_is_one_route() -> None:
    found = row(weighted(hosts=["reviews", worlds.REVIEWS_HOST, "reviews"]), counted=calls("web-v1", 900.0, 100.0))
    assert codes(found) == []
    assert found.honesty.verdict is Honesty.HONOURED


def test_a_delegate_is_governed_by_its_parents_conditions_too() -> None:
    delegate = obj("VirtualService", {"http": [{"route": route(("v1", 90), ("v2", 10))}]}, managers=RECENT)
    root = obj(
        "VirtualService",
        {"hosts": ["reviews"], "http": [
            {"match": [{"sourceNamespace": "shop"}], "delegate": {"name": "reviews", "namespace": "shop"}}, PLAIN]},
        name="root",
    )  # fmt: skip
    found = row(delegate, root, counted=ALL)
    assert (found.delegate_of, split(found)) == ("shop/root", [0.9, 0.1])
    hidden = structs.replace(delegate, spec={**delegate.spec, "exportTo": ["elsewhere"]})
    assert row(hidden, root, counted=ALL).honesty.verdict is Honesty.NO_TRAFFIC


# Gateway API


def accepted(parent: Mapping[str, Any], *, refs: tuple[str, str, str] = ("True", "ResolvedRefs", ""),
             status: str = "True", reason: str = "Accepted", seen: int = 0) -> dict[str, Any]:  # fmt: skip
    return {
        "parentRef": dict(parent),
        "controllerName": "istio.io/gateway-controller",
        "conditions": [
            {"type": "Accepted", "status": status, "reason": reason, "observedGeneration": seen},
            {"type": "ResolvedRefs", "status": refs[0], "reason": refs[1], "message": refs[2],
             "observedGeneration": seen},
        ],
    }  # fmt: skip


SERVICE_PARENT = {"group": "", "kind": "Service", "name": "reviews"}
EDGE_PARENT = {"name": "edge", "namespace": "edge"}


def http_route(
    *parents: Mapping[str, Any], status: Sequence[Mapping[str, Any]] = (), namespace: str = "shop",
    backends: Sequence[Mapping[str, Any]] = (), kind: str = "HTTPRoute", generation: int = 0, name: str = "reviews",
) -> ConfigObject:  # fmt: skip
    refs = backends or [{"name": "reviews-v1", "namespace": "shop", "port": 80, "weight": 90},
                        {"name": "reviews-v2", "namespace": "shop", "port": 80, "weight": 10}]  # fmt: skip
    spec = {"parentRefs": list(parents), "rules": [{"backendRefs": list(refs)}]}
    meta = Meta(name=name, namespace=namespace)
    return obj(kind, spec, meta=meta, status={"parents": list(status)}, generation=generation, managers=RECENT)


def kube_gateway(**spec: Any) -> ConfigObject:
    made = obj("Gateway", {"gatewayClassName": "istio", **spec}, meta=Meta(name="edge", namespace="edge"))
    return structs.replace(made, group=GATEWAY_API)


def backed(who: str, v1: float, v2: float, namespace: str = "shop", **more: str) -> list[Sample]:
    source = {"source_workload": who, "source_workload_namespace": namespace, **more}
    return [
        sample(v, n, destination_service=f"reviews-{v}.shop.svc.cluster.local", **source)
        for v, n in (("v1", v1), ("v2", v2))
    ]


VERSIONED = tuple(
    Service(meta=Meta(name=f"reviews-{v}", namespace="shop"), selector={"app": "reviews", "version": v})
    for v in ("v1", "v2")
)


def of_gateway(
    *objects: ConfigObject, counted: Sequence[Sample], label: str = "httproute/shop/reviews#0", **more: Any
) -> CanaryRow:
    inventory = {"services": (*worlds.inventory(cluster_id="east").services, *VERSIONED), **more.pop("inventory", {})}
    return row(*objects, counted=counted, label=label, inventory=inventory, **more)


MIXED_CALLS = [
    *backed("edge", 9000.0, 1000.0, "edge"),
    *backed("web-v1", 100.0, 900.0),
    *backed("front", 5000.0, 5000.0, "team"),
]


@pytest.mark.parametrize(
    "parent",
    [
        EDGE_PARENT,
        {**EDGE_PARENT, "sectionName": "http", "group": GATEWAY_API, "kind": "Gateway"},
        {**EDGE_PARENT, "port": 80},
    ],
)
def test_a_gateways_route_governs_its_gateway(parent: Mapping[str, Any]) -> None:
    found = of_gateway(http_route(parent), kube_gateway(), counted=MIXED_CALLS)
    assert (split(found), found.honesty.verdict, codes(found)) == ([0.9, 0.1], Honesty.HONOURED, [])


def test_a_gateway_may_name_the_service_in_front_of_it() -> None:
    gateway = kube_gateway(addresses=[{"type": "Hostname", "value": "ingress.infra.svc.cluster.local"}])
    ingress = workload("ingress", "infra", is_gateway=True, services=("ingress",))
    found = of_gateway(http_route(EDGE_PARENT), gateway, counted=backed("ingress", 900.0, 100.0, "infra"),
                       workloads=(ingress,))  # fmt: skip
    assert split(found) == [0.9, 0.1]


def test_a_consumers_route_governs_callers_of_its_own_namespace_and_there_instead_of_the_producers() -> None:
    consumer = http_route({**SERVICE_PARENT, "namespace": "shop"}, namespace="team")
    grant = obj("ReferenceGrant", {"from": [{"group": GATEWAY_API, "kind": "HTTPRoute", "namespace": "team"}],
                                   "to": [{"group": "", "kind": "Service"}]})  # fmt: skip
    theirs = of_gateway(consumer, grant, counted=MIXED_CALLS, label="httproute/team/reviews#0")
    assert (split(theirs), codes(theirs)[:1]) == ([0.5, 0.5], ["NOT-HONOURED"])
    producer = http_route(SERVICE_PARENT, name="producer")
    services = (*worlds.inventory(cluster_id="east").services, *VERSIONED)
    label = "httproute/shop/producer#0"
    rows = board(world(producer, consumer, grant, counted=MIXED_CALLS, label=label, inventory={"services": services}))
    assert split(next(r for r in rows if r.name == "producer")) == [0.1, 0.9], "only web-v1 is left to it"


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
def test_a_route_that_nobody_accepted_is_not_in_force(kind: str) -> None:
    refused = accepted(EDGE_PARENT, status="False", reason="NoMatchingParent")
    label = f"{kind.lower()}/shop/reviews#0"
    found = of_gateway(
        http_route(EDGE_PARENT, status=[refused], kind=kind), kube_gateway(), counted=MIXED_CALLS, label=label
    )
    assert codes(found) == ["NOT-IN-FORCE"]
    assert "NoMatchingParent" in found.findings[0].message
    assert (split(found), found.honesty.verdict) == ([None, None], Honesty.NOT_ENOUGH_DATA)


def test_one_parent_that_accepts_is_enough_and_only_its_callers_count() -> None:
    status = [accepted(EDGE_PARENT), accepted(SERVICE_PARENT, status="False")]
    found = of_gateway(http_route(EDGE_PARENT, SERVICE_PARENT, status=status), kube_gateway(), counted=MIXED_CALLS)
    assert (split(found), codes(found)) == ([0.9, 0.1], [])


def test_a_status_of_an_older_generation_says_nothing() -> None:
    stale = accepted(EDGE_PARENT, status="False", seen=1)
    found = of_gateway(http_route(EDGE_PARENT, status=[stale], generation=2), kube_gateway(), counted=MIXED_CALLS)
    assert codes(found) == []


FAR = [{"name": "reviews-v1", "weight": 90}, {"name": "reviews-v2", "namespace": "other", "weight": 10}]
NOT_PERMITTED = accepted(EDGE_PARENT, refs=("False", "RefNotPermitted", "backendRef reviews-v2/other not accessible"))
NOT_FOUND = accepted(EDGE_PARENT, refs=("False", "BackendNotFound", 'service "nowhere" not found'))


def grant(*, kind: str = "HTTPRoute", source: str = "shop", to: Mapping[str, Any] | None = None) -> ConfigObject:
    return obj("ReferenceGrant", {"from": [{"group": GATEWAY_API, "kind": kind, "namespace": source}],
                                  "to": [dict(to or {"group": "", "kind": "Service"})]},
               meta=Meta(name="g", namespace="other"))  # fmt: skip


@pytest.mark.parametrize(
    ("objects", "status", "broken"),
    [
        ([], [NOT_PERMITTED], True),
        ([], [], True),
        ([grant()], [], False),
        ([grant(to={"kind": "Service", "name": "reviews-v2"})], [], False),
        ([grant(to={"kind": "Service", "name": "ratings"})], [], True),
        ([grant(kind="GRPCRoute")], [], True),
        ([grant(source="elsewhere")], [], True),
        ([grant()], [NOT_PERMITTED], True),
        ([], [accepted(EDGE_PARENT)], False),
    ],
)
def test_a_share_whose_backend_is_not_resolved_is_answered_500(
    objects: list[ConfigObject], status: list[dict[str, Any]], broken: bool
) -> None:
    there = Service(meta=Meta(name="reviews-v2", namespace="other"), selector={"app": "reviews"})
    services = (*worlds.inventory(cluster_id="east").services, *VERSIONED, there)
    pods = (*worlds.inventory(cluster_id="east").pods, pod("far-0", "far", namespace="other"))
    found = of_gateway(
        http_route(EDGE_PARENT, status=status, backends=FAR), kube_gateway(), *objects,
        counted=backed("edge", 9000.0, 0.0, "edge"), inventory={"services": services, "pods": pods},
        workloads=(workload("far", "other", services=("reviews-v2",)),),
    )  # fmt: skip
    assert ("UNRESOLVED" in codes(found)) == broken
    if broken:
        assert found.findings[0].message.startswith(
            "httproute/shop/reviews#0: 10 % to other/reviews-v2 is answered 500"
        )
        assert found.honesty.verdict is Honesty.NOT_ENOUGH_DATA


def test_a_grant_leaves_the_whole_split_in_force() -> None:
    there = Service(meta=Meta(name="reviews-v2", namespace="other"), selector={"app": "reviews"})
    services = (*worlds.inventory(cluster_id="east").services, *VERSIONED, there)
    pods = (*worlds.inventory(cluster_id="east").pods, pod("far-0", "far", namespace="other"))
    (near, _), away = backed("edge", 9000.0, 0.0, "edge"), sample(
        "v2", 1000.0, source_workload="edge", source_workload_namespace="edge", destination_workload_namespace="other",
        destination_workload="far", destination_service="reviews-v2.other.svc.cluster.local",
    )  # fmt: skip
    found = of_gateway(
        http_route(EDGE_PARENT, backends=FAR), kube_gateway(), grant(), counted=[near, away],
        inventory={"services": services, "pods": pods}, workloads=(workload("far", "other", services=("reviews-v2",)),),
    )  # fmt: skip
    assert (split(found), found.honesty.verdict, codes(found)) == ([0.9, 0.1], Honesty.HONOURED, [])


def test_a_hostname_may_name_a_service_of_the_cluster() -> None:
    named = {"group": "networking.istio.io", "kind": "Hostname", "name": "reviews-v2.shop.svc.cluster.local"}
    refs = [{"name": "reviews-v1", "weight": 90}, {**named, "weight": 10}]
    found = of_gateway(http_route(SERVICE_PARENT, backends=refs), counted=())
    assert codes(found) == []
    assert [d.pods.ready for d in found.destinations] == [2, 2]


def test_a_backend_that_is_not_there_is_one_finding() -> None:
    missing = [{"name": "reviews-v1", "weight": 90}, {"name": "nowhere", "weight": 10}]
    said = of_gateway(http_route(EDGE_PARENT, status=[NOT_FOUND], backends=missing), kube_gateway(), counted=())
    assert codes(said) == ["UNRESOLVED"]
    unsaid = of_gateway(http_route(EDGE_PARENT, backends=missing), kube_gateway(), counted=())
    assert codes(unsaid) == ["NO-SERVICE"]


def test_grants_that_were_not_read_refuse_nothing() -> None:
    kinds = (KindStatus(kind="ReferenceGrant", state="denied"), KindStatus(kind="Pod"))
    found = of_gateway(http_route(EDGE_PARENT, backends=FAR), kube_gateway(), counted=(), inventory={"kinds": kinds})
    assert "UNRESOLVED" not in codes(found)


@pytest.mark.parametrize(
    ("backend", "objects"),
    [
        (
            {"group": "multicluster.x-k8s.io", "kind": "ServiceImport", "name": "far"},
            [obj("ServiceImport", {}, name="far")],
        ),
        (
            {"group": "networking.istio.io", "kind": "Hostname", "name": "api.example"},
            [obj("ServiceEntry", {"hosts": ["api.example"], "resolution": "DNS"}, name="api")],
        ),
        (
            {"group": "networking.istio.io", "kind": "Hostname", "name": "a.b.example"},
            [obj("ServiceEntry", {"hosts": ["*.example"], "location": "MESH_EXTERNAL"}, name="api")],
        ),
    ],
)
def test_what_is_behind_another_kind_of_backend_is_not_known_from_here(
    backend: dict[str, Any], objects: list[ConfigObject]
) -> None:
    refs = [{"name": "reviews-v1", "weight": 90}, {**backend, "weight": 10}]
    assert codes(of_gateway(http_route(SERVICE_PARENT, backends=refs), *objects, counted=())) == []
    assert codes(of_gateway(http_route(SERVICE_PARENT, backends=refs), counted=())) == ["NO-SERVICE"]


def test_a_host_without_its_domain_is_no_service() -> None:
    spec = {
        "hosts": ["reviews"],
        "http": [
            {
                "route": [
                    {"destination": {"host": "reviews-v1.shop"}, "weight": 90},
                    {"destination": {"host": "reviews-v1"}, "weight": 10},
                ]
            }
        ],
    }
    found = of_gateway(
        obj("VirtualService", spec, managers=RECENT), counted=(), facts={"cluster_domain": "cluster.local"}
    )
    assert codes(found) == ["NO-SERVICE"]
    assert found.findings[0].fix == "Write reviews-v1.shop.svc.cluster.local: Istio completes only names without a dot."


# Pods, one by one


def pod(name: str, owner: str, *, ready: bool = True, namespace: str = "shop", **labels: str) -> Pod:
    marks = {"app": "reviews", **labels}
    return Pod(meta=Meta(name=name, namespace=namespace, labels=marks, owner=Owner("ReplicaSet", owner, "apps/v1")),
               phase="Running", ready=ready, containers=(Container("istio-proxy", "proxyv2:1"),))  # fmt: skip


HASH = "rollouts-pod-template-hash"


def rollout(*, version: bool = False) -> BoardCluster:
    """A Rollout with three stable pods and one canary, split by subsets of their template hash."""
    sets = tuple(
        Controller(
            kind="ReplicaSet", meta=Meta(name=f"reviews-{h}", namespace="shop", owner=Owner("Rollout", "reviews"))
        )
        for h in ("aaa", "bbb")
    )
    marks = [{HASH: h, **({"version": h} if version else {})} for h in ("aaa", "aaa", "aaa", "bbb")]
    pods = tuple(pod(f"p{i}", f"reviews-{m[HASH]}", ready=i != 0, **m) for i, m in enumerate(marks))
    subsets = obj("DestinationRule", {"host": "reviews", "subsets": [
        {"name": "stable", "labels": {HASH: "aaa"}}, {"name": "canary", "labels": {HASH: "bbb"}}]})  # fmt: skip
    source = {"source_workload": "front", "source_workload_namespace": "team", "destination_workload": "reviews"}
    seen = [sample("aaa" if version else "", 800.0, **source), sample("bbb" if version else "", 200.0, **source)]
    made = world(service(("stable", 80), ("canary", 20)), counted=seen,
                 inventory={"pods": pods, "controllers": sets})  # fmt: skip
    config = {**made.inventory.config, "DestinationRule": (subsets,)}
    one = workload("reviews", services=("reviews",), labels={"app": "reviews"}, pods=Ready(3, 4))
    return structs.replace(made, inventory=structs.replace(made.inventory, config=config), workloads=(FRONT, one))


def test_subsets_by_template_hash_are_backed_by_the_pods_that_carry_it() -> None:
    (found,) = board(rollout())
    assert [(d.pods.ready, d.pods.total) for d in found.destinations] == [(2, 3), (1, 1)]
    assert (split(found), found.honesty.verdict) == ([None, None], Honesty.NOT_ENOUGH_DATA)
    assert codes(found) == ["NOT-JUDGED"]


def test_versions_tell_pods_of_one_workload_apart() -> None:
    (found,) = board(rollout(version=True))
    assert (split(found), found.honesty.verdict, codes(found)) == ([0.8, 0.2], Honesty.HONOURED, [])


def test_subsets_with_pods_in_common_are_not_told_apart() -> None:
    subsets = obj(
        "DestinationRule", {"host": "reviews", "subsets": [{"name": "v1"}, {"name": "v2", "labels": {"version": "v2"}}]}
    )
    made = world(weighted(), counted=calls("web-v1", 900.0, 100.0))
    inventory = structs.replace(made.inventory, config={**made.inventory.config, "DestinationRule": (subsets,)})
    (found,) = board(structs.replace(made, inventory=inventory))
    assert (found.honesty.verdict, codes(found)) == (Honesty.NOT_ENOUGH_DATA, ["NOT-JUDGED"])


@pytest.mark.parametrize(
    ("canary", "rules"),
    [
        (
            {"analysis": {"match": [{"headers": {"cookie": {"exact": "a"}}}]}},
            [{"route": route(("v1", 0), ("v2", 100))}],
        ),
        ({}, [{"match": [{"headers": {"Cookie": {"regex": ".*"}}}], "route": route(("v1", 0), ("v2", 100))}]),
    ],
)
def test_flaggers_rules_by_request_are_not_held_against_its_weight(canary: dict[str, Any], rules: list[Any]) -> None:
    owned = obj("VirtualService", {"hosts": ["reviews"], "http": rules},
                meta=Meta(name="reviews", namespace="shop", owner=Owner("Canary", "reviews")))  # fmt: skip
    made = obj(
        "Canary", {"targetRef": {"name": "reviews"}, **canary}, status={"phase": "Progressing", "canaryWeight": 10}
    )
    assert "STATUS-APART" not in codes(row(owned, made))


# Objects of any shape

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["hosts", "http", "tcp", "route", "destination", "host", "subset", "weight", "match", "name", "labels", "rules",
         "backendRefs", "parentRefs", "kind", "delegate", "subsets", "from", "to", "headers", "port", "number"]
    ), inner, max_size=4),
    max_leaves=14,
)  # fmt: skip
KINDS = ["VirtualService", "DestinationRule", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "Gateway", "Sidecar",
         "ServiceEntry", "ReferenceGrant", "Canary", "Rollout", "WorkloadEntry"]  # fmt: skip
FIELDS = {
    "VirtualService": ("hosts", "http", "tcp", "tls", "gateways", "exportTo"),
    "DestinationRule": ("host", "subsets", "trafficPolicy", "exportTo", "workloadSelector"),
    "Gateway": ("selector", "servers", "addresses"),
    "Sidecar": ("egress", "workloadSelector"),
    "ServiceEntry": ("hosts", "exportTo", "workloadSelector", "location"),
    "ReferenceGrant": ("from", "to"),
    "Canary": ("targetRef", "service", "analysis"),
    "Rollout": ("strategy",),
    "WorkloadEntry": ("labels",),
}


@st.composite
def odd_objects(draw: st.DrawFn) -> ConfigObject:
    kind = draw(st.sampled_from(KINDS))
    fields = FIELDS.get(kind, ("parentRefs", "rules", "hostnames"))
    spec = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(fields, JUNK)))
    destination = st.fixed_dictionaries({"destination": JUNK, "weight": JUNK})
    if kind == "VirtualService" and draw(st.booleans()):
        spec["http"] = [{"match": draw(JUNK), "route": draw(st.lists(destination, min_size=2, max_size=3))}]
    if kind.endswith("Route") and draw(st.booleans()):
        backend = st.fixed_dictionaries({"name": JUNK, "kind": JUNK, "namespace": JUNK, "weight": JUNK})
        spec["rules"] = [{"matches": draw(JUNK), "backendRefs": draw(st.lists(backend, min_size=2, max_size=3))}]
    status = draw(
        st.fixed_dictionaries({}, optional={"parents": JUNK, "phase": JUNK, "canaryWeight": JUNK, "canary": JUNK})
    )
    return obj(kind, spec, status=status, name=draw(st.sampled_from(["reviews", "one", "two"])))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(odd_objects(), min_size=1, max_size=4))
def test_objects_of_any_shape_cost_their_row_and_never_the_board(objects: list[ConfigObject]) -> None:
    unique = list({(o.kind, o.meta.key): o for o in objects}.values())
    good = structs.replace(weighted(), meta=Meta(name="good", namespace="shop"))
    made = world(good, *unique, counted=ALL, label="shop/good#0")
    rows = Board(Judgements(Survey([made]), Judging()), now=worlds.AT).rows()
    assert any(r.name == "good" for r in rows)
