"""meshtop's own findings: what was forgotten, what does nothing, and the order by the calls that are touched."""

from __future__ import annotations

import pytest

from meshtop.analysis.findings.calls import Calls, calls_of
from meshtop.analysis.findings.judge import judge_config, routes_left_idle, together
from meshtop.analysis.findings.suppression import Suppression, suppression
from meshtop.model.traffic import Edge, Peer, Sums, Target
from tests.analysis.findings.worlds import cluster, codes, found, istio, namespace, pod, service

CART = service("cart") + pod("cart", version="v1") + namespace("shop", istio_injection="enabled")


def route(name: str = "cart", rule: str = "route: [{destination: {host: cart}}]", more: str = "") -> str:
    return istio("VirtualService", name, f"{{hosts: [{name}], http: [{{{rule}}}]{more}}}")


@pytest.mark.parametrize(
    ("rule", "code", "told"),
    [
        (
            "fault: {abort: {httpStatus: 500, percentage: {value: 10}}}",
            "CONFIG-FAULT-LEFT",
            "10 % of requests are aborted",
        ),
        ("fault: {delay: {fixedDelay: 5s}}", "CONFIG-FAULT-LEFT", "100 % of requests are delayed"),
        ("mirror: {host: cart}, mirrorPercentage: {value: 5}", "CONFIG-MIRROR-LEFT", "5 % of the requests"),
        ("mirrors: [{destination: {host: cart}}]", "CONFIG-MIRROR-LEFT", "100 % of the requests"),
        ("fault: {delay: {fixedDelay: 5s, percentage: {value: 0}}}", None, ""),
        ("mirror: {host: cart}, mirrorPercentage: {value: 0}", None, ""),
    ],
)
def test_faults_and_mirrors_that_were_left(rule: str, code: str | None, told: str) -> None:
    made = found(
        cluster(CART + route(rule=f"route: [{{destination: {{host: cart}}}}], {rule}")), only="faults-and-mirrors"
    )
    assert [one.code for one in made] == ([code] if code else [])
    assert all(told in one.message for one in made)


@pytest.mark.parametrize(
    ("export", "hit"),
    [("[nowhere]", True), ("['~']", True), ("[web]", True), ("['.']", False), ("['*']", False), ("[shop]", False)],
)
def test_a_rule_that_no_client_sees(export: str, hit: bool) -> None:
    text = CART + namespace("web") + istio("DestinationRule", "cart", f"{{host: cart, exportTo: {export}}}")
    assert [code for code, _ in codes(cluster(text), only="unseen-rules")] == (["CONFIG-RULE-UNSEEN"] if hit else [])


def policy(name: str, spec: str, namespace: str = "shop") -> str:
    return istio("AuthorizationPolicy", name, spec, namespace=namespace)


@pytest.mark.parametrize(
    ("policies", "hit"),
    [
        (policy("none", "{}"), True),
        (policy("none", "{action: DENY, rules: [{}]}"), True),
        (policy("none", "{selector: {matchLabels: {app: cart}}}"), True),
        (policy("none", "{selector: {matchLabels: {app: gone}}}"), False),
        (policy("none", "{}") + policy("some", "{rules: [{from: [{source: {namespaces: [web]}}]}]}"), False),
        (policy("none", "{}", "istio-system"), True),
        (policy("some", "{rules: [{}]}"), False),
        (policy("audit", "{action: AUDIT}"), False),
        (policy("none", "{selector: {matchLabels: {app: cart}}}")
         + policy("some", "{selector: {matchLabels: {app: web}}, rules: [{}]}"), True),
    ],
)  # fmt: skip
def test_a_policy_that_denies_everything(policies: str, hit: bool) -> None:
    assert [code for code, _ in codes(cluster(CART + policies), only="deny-all")] == (
        ["CONFIG-DENY-ALL"] if hit else []
    )


@pytest.mark.parametrize(
    ("policy", "hit"),
    [
        ("loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}", True),
        ("loadBalancer: {localityLbSetting: {failoverPriority: [topology.kubernetes.io/zone]}}", True),
        ("loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}, outlierDetection: {interval: 1s}", False),
        ("loadBalancer: {localityLbSetting: {enabled: false, failover: [{from: a, to: b}]}}", False),
        ("loadBalancer: {simple: RANDOM}", False),
    ],
)
def test_failover_without_outlier_detection(policy: str, hit: bool) -> None:
    text = CART + istio("DestinationRule", "cart", f"{{host: cart, trafficPolicy: {{{policy}}}}}")
    assert [code for code, _ in codes(cluster(text), only="blind-failover")] == (
        ["CONFIG-FAILOVER-BLIND"] if hit else []
    )


L7 = "{rules: [{to: [{operation: {methods: [GET]}}]}]}"


@pytest.mark.parametrize(
    ("mode", "labels", "spec", "hit"),
    [
        ("ambient", {}, L7, True),
        ("ambient", {}, "{rules: [{when: [{key: 'request.headers[a]', values: [b]}]}]}", True),
        ("ambient", {}, "{rules: [{from: [{source: {namespaces: [shop]}}]}]}", False),
        ("ambient", {"istio_io__use_waypoint": "w"}, L7, False),
        ("none", {}, L7, False),
        ("ambient", {}, L7.replace("{rules", "{targetRefs: [{kind: Gateway, name: w}], rules"), False),
    ],
)
def test_a_policy_on_requests_needs_a_waypoint(mode: str, labels: dict[str, str], spec: str, hit: bool) -> None:
    text = f"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio.io/dataplane-mode: {mode}"
    text += ", istio.io/use-waypoint: w}}\n" if labels else "}}\n"
    made = codes(cluster(text + policy("get", spec)), only="unenforced-policies")
    assert [code for code, _ in made] == (["CONFIG-NO-WAYPOINT"] if hit else [])


def test_a_waypoint_that_is_to_be_used_has_to_be_there() -> None:
    home = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/use-waypoint: w}}\n"
    waypoint = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: w, namespace: shop}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
"""
    assert codes(cluster(home), only="missing-waypoints") == [("CONFIG-WAYPOINT-MISSING", "east: Namespace shop")]
    assert codes(cluster(home + waypoint), only="missing-waypoints") == []


def edge(service_: str, requests: float) -> Edge:
    return Edge(
        source=Peer(workload="web"), destination=Target(namespace="shop", service=service_), protocol="http",
        sums=Sums(requests=requests),
    )  # fmt: skip


def test_a_route_is_idle_only_where_all_telemetry_was_read() -> None:
    clusters = [cluster(CART + route())]
    assert [one.code for one in routes_left_idle(clusters, calls_of([], complete=True))] == ["CONFIG-ROUTE-IDLE"]
    assert routes_left_idle(clusters, calls_of([], complete=False)) == ()
    assert routes_left_idle(clusters, calls_of([edge("cart.shop.svc.cluster.local", 1.0)], complete=True)) == ()
    assert routes_left_idle(clusters, calls_of([edge("cart", 1.0)], complete=True)) == ()


def test_a_route_of_gateway_api_is_called_under_its_parent_as_well() -> None:
    text = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec: {parentRefs: [{kind: Service, name: cart}], rules: [{backendRefs: [{name: cart-v2, port: 80}]}]}
"""
    clusters = [cluster(CART + service("cart-v2") + text)]
    assert [one.object.kind for one in routes_left_idle(clusters, calls_of([], complete=True))] == ["HTTPRoute"]
    assert routes_left_idle(clusters, calls_of([edge("cart", 2.0)], complete=True)) == ()


def test_findings_are_ordered_by_severity_and_then_by_the_calls_that_they_touch() -> None:
    text = CART + service("pay") + service("web")
    text += "".join(
        istio(
            "VirtualService",
            name,
            f"{{hosts: [{name}], http: [{{route: [{{destination: {{host: {name}, subset: x}}}}]}}]}}",
        )
        for name in ("cart", "pay", "web")
    )
    calls = Calls({("shop", "pay"): 9.0, ("shop", "web"): 1.0}, complete=True)
    judged = together(judge_config([cluster(text)], only=["destination-subsets"]), (), calls)
    assert [(one.object.name, one.requests_per_second) for one in judged.findings] == [
        ("pay", 9.0), ("web", 1.0), ("cart", 0.0),
    ]  # fmt: skip
    unknown = together(judge_config([cluster(text)], only=["destination-subsets"]), (), Calls({}, complete=False))
    assert {one.requests_per_second for one in unknown.findings} == {None}


def test_an_annotation_takes_findings_of_its_object_away() -> None:
    text = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
    noted = text.replace("{name: a}", "{name: a, annotations: {galley.istio.io/analyze-suppress: 'IST0101,IST0102'}}")
    other = noted.replace("IST0101,IST0102", "IST0103")
    every = noted.replace("IST0101,IST0102", "*")
    assert [len(codes(cluster(one), only="undecided-namespaces")) for one in (text, noted, other, every)] == [
        1,
        0,
        1,
        0,
    ]


@pytest.mark.parametrize(
    ("written", "hidden"),
    [
        ("IST0102", True), ("IST01*", True), ("IST0103", False), ("IST0102=Namespace a", True),
        ("IST0102=namespace a", True), ("IST0102=Namespace b", False), ("IST0102=Service a", False),
        ("*=Namespace a*", True), ("IST0102=Namespace", True),
    ],
)  # fmt: skip
def test_settings_take_findings_away(written: str, hidden: bool) -> None:
    text = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
    judged = judge_config([cluster(text)], only=["undecided-namespaces"], ignored=[suppression(written)])
    assert (judged.findings == ()) is hidden


@pytest.mark.parametrize("written", ["", "=Namespace a", "IST0102="])
def test_a_suppression_that_names_nothing_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="write CODE"):
        suppression(written)


def test_a_suppression_names_a_namespace_with_a_name() -> None:
    assert suppression("IST0101=Pod shop/*") == Suppression("IST0101", "Pod", "shop", "*")


def test_pods_of_one_owner_are_one_finding() -> None:
    owned = "".join(
        f"""
---
apiVersion: v1
kind: Pod
metadata:
  name: cart-{number}
  namespace: shop
  ownerReferences: [{{kind: ReplicaSet, name: cart-1, controller: true}}]
spec: {{containers: [{{name: app, image: app}}]}}
"""
        for number in range(3)
    )
    text = namespace("shop", istio_injection="enabled") + owned + pod("bare", proxy=False)
    made = found(cluster(text), only="injection")
    assert [(one.code, one.object.name, one.more) for one in made] == [("IST0103", "bare", 0), ("IST0103", "cart-0", 2)]
    assert "2 more pods of the same owner" in made[1].message


@pytest.mark.parametrize(
    ("selector", "hit"),
    [
        ("{app: api}", True),
        ("{tier: back}", True),
        ("{app: api, tier: back}", True),
        ("{app: api, tier: front}", False),
        ("{other: label, app: api}", False),
    ],
)
def test_services_contradict_each_other_where_both_select_a_deployment(selector: str, hit: bool) -> None:
    deployment = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api, tier: back}}
    spec: {containers: [{name: app, image: app}, {name: istio-proxy, image: proxyv2}]}
"""
    other = f"""
---
apiVersion: v1
kind: Service
metadata: {{name: second, namespace: shop}}
spec: {{selector: {selector}, ports: [{{name: udp, port: 80, protocol: UDP}}]}}
"""
    told = codes(cluster(deployment + service("api") + other))
    assert (("IST0116", "east: Deployment shop/api") in told) is hit
