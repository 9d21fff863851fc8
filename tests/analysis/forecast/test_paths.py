"""The rules that requests may take: order, delegates, faults, wildcards, gateways, exports and Gateway API."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.analysis.forecast.matching import RequestClass
from meshtop.analysis.forecast.paths import RoutePath, RouteTable, classes, walk
from meshtop.analysis.visibility.clients import Client, Visibility
from meshtop.model.kube import ConfigObject, Meta

WEB = Client(namespace="web", labels={"app": "web"})
GATEWAY = Client(namespace="istio-system", labels={}, is_gateway=True, gateways=frozenset({"istio-system/public"}))
API = "api.shop.svc.cluster.local"


def vs(name: str, *, hosts: list[str] | None = None, http: list[Any], **more: Any) -> ConfigObject:
    meta = Meta(name=name, namespace="shop")
    spec = {**({"hosts": hosts} if hosts is not None else {}), "http": http, **more}
    return ConfigObject(group="networking.istio.io", version="v1", kind="VirtualService", meta=meta, spec=spec)


def to(host: str, subset: str | None = None, weight: int | None = None) -> dict[str, Any]:
    destination = {"host": host, **({"subset": subset} if subset else {})}
    return {"destination": destination, **({"weight": weight} if weight is not None else {})}


def table(*objects: ConfigObject) -> RouteTable:
    config: dict[str, list[ConfigObject]] = {}
    for obj in objects:
        config.setdefault(obj.kind, []).append(obj)
    return RouteTable(config, Visibility())


def ends(paths: tuple[RoutePath, ...] | None) -> list[list[tuple[str, str | None, float]]]:
    return [[(end.host.partition(".")[0], end.subset, end.share) for end in path.ends] for path in paths or ()]


def test_weights_are_shares_and_one_destination_gets_all() -> None:
    found = table(vs("api", hosts=["api"], http=[{"route": [to("api", "v1", 3), to("api", "v2", 1)]}])).of(
        API, WEB, "http", ()
    )
    assert ends(found) == [[("api", "v1", 0.75), ("api", "v2", 0.25)]]
    assert ends(table(vs("api", hosts=["api"], http=[{"route": [to("api", "v1", 0)]}])).of(API, WEB, "http", ())) == [
        [("api", "v1", 1.0)]
    ]


def test_no_route_is_for_a_host_that_none_names_or_another_protocol() -> None:
    found = table(vs("other", hosts=["other"], http=[{"route": [to("api")]}]))
    assert found.of(API, WEB, "http", ()) is None
    assert found.of("other.shop.svc.cluster.local", WEB, "tcp", ()) is None


def test_a_client_outside_of_an_export_follows_no_rule_and_a_match_may_leave_it_out() -> None:
    home = table(vs("api", hosts=["api"], http=[{"route": [to("api", "v1")]}], exportTo=["."]))
    assert home.of(API, WEB, "http", ()) is None
    assert home.of(API, Client(namespace="shop", labels={}), "http", ()) is not None
    picky = [{"match": [{"sourceNamespace": "shop"}], "route": [to("api", "v1")]}, {"route": [to("api", "v2")]}]
    assert ends(table(vs("api", hosts=["api"], http=picky)).of(API, WEB, "http", ())) == [[("api", "v2", 1.0)]]


def test_the_rule_that_a_request_took_is_found_again_in_another_configuration() -> None:
    canary = {"match": [{"headers": {"beta": {"exact": "1"}}}], "route": [to("api", "v2")]}
    rest = {"route": [to("api", "v1")]}
    before = table(vs("api", hosts=["api"], http=[canary, rest])).of(API, WEB, "http", ()) or ()
    taken = list(classes(before))
    assert [path.title for path, _ in taken] == ["VirtualService shop/api, rule 1", "VirtualService shop/api, rule 2"]
    after = table(vs("api", hosts=["api"], http=[canary, {"route": [to("api", "v3")]}])).of(API, WEB, "http", ()) or ()
    one, other = (requests for _, requests in taken)
    assert [[end.subset for end in path.ends] for path in walk(after, one) if path] == [["v2"]]
    assert [[end.subset for end in path.ends] for path in walk(after, other) if path] == [["v3"]]


def test_what_no_rule_takes_ends_with_none() -> None:
    only = {"match": [{"uri": {"prefix": "/v1"}}], "route": [to("api")]}
    paths = table(vs("api", hosts=["api"], http=[only])).of(API, WEB, "http", ()) or ()
    assert walk(paths, RequestClass())[-1] is None
    assert walk(paths, RequestClass(({"uri": {"exact": "/v1/x"}},))) == (paths[0],)


def test_a_delegate_has_the_conditions_of_both() -> None:
    root = vs("root", hosts=["api"], http=[{"match": [{"uri": {"prefix": "/x"}}], "delegate": {"name": "part"}}])
    part = vs("part", http=[{"match": [{"method": {"exact": "GET"}}], "route": [to("api", "v2")]}])
    found = table(root, part).of(API, WEB, "http", ()) or ()
    assert found[0].conditions == ({"uri": {"prefix": "/x"}, "method": {"exact": "GET"}},)
    assert ends(found) == [[("api", "v2", 1.0)]]
    assert ends(table(root).of(API, WEB, "http", ())) == [[]]


@pytest.mark.parametrize(
    ("rule", "aborted"),
    [
        ({"fault": {"abort": {"httpStatus": 500, "percentage": {"value": 25}}}}, 0.25),
        ({"fault": {"abort": {"httpStatus": 500}}}, 0.0),
        ({"fault": {"delay": {"fixedDelay": "5s", "percentage": {"value": 50}}}, "timeout": "2s"}, 0.5),
        ({"fault": {"delay": {"fixedDelay": "1s", "percentage": {"value": 50}}}, "timeout": "2s"}, 0.0),
        ({"fault": {"delay": {"fixedDelay": "5s", "percentage": {"value": 50}}}}, 0.0),
    ],
)
def test_what_a_fault_ends(rule: dict[str, Any], aborted: float) -> None:
    found = table(vs("api", hosts=["api"], http=[{**rule, "route": [to("api")]}])).of(API, WEB, "http", ()) or ()
    assert found[0].aborted == aborted


def test_answers_of_the_proxy_itself() -> None:
    rules = [{"directResponse": {"status": 503}}, {"directResponse": {"status": 204}}, {"redirect": {"uri": "/"}}]
    found = [(table(vs("api", hosts=["api"], http=[rule])).of(API, WEB, "http", ()) or ())[0] for rule in rules]
    assert [(bool(path.answer), path.answer_fails) for path in found] == [(True, True), (True, False), (True, False)]


def test_an_exact_host_comes_before_a_wildcard() -> None:
    both = table(
        vs("all", hosts=["*.shop.svc.cluster.local"], http=[{"route": [to("api", "all")]}]),
        vs("api", hosts=["api"], http=[{"route": [to("api", "own")]}]),
    )
    assert ends(both.of(API, WEB, "http", ())) == [[("api", "own", 1.0)]]
    assert ends(both.of("x.shop.svc.cluster.local", WEB, "http", ())) == [[("api", "all", 1.0)]]


def test_gateways_join_the_rules_of_a_host() -> None:
    at = {"gateways": ["istio-system/public"]}
    found = table(
        vs("a", hosts=["www.example"], http=[{"match": [{"uri": {"prefix": "/a"}}], "route": [to("api")]}], **at),
        vs("b", hosts=["www.example"], http=[{"route": [to("web")]}], **at),
    )
    assert ends(found.at_gateway("www.example", GATEWAY, "http")) == [[("api", None, 1.0)], [("web", None, 1.0)]]
    assert found.at_gateway("other.example", GATEWAY, "http") is None
    assert found.asked_at_gateway(API, GATEWAY, "http") == ("www.example",)
    assert found.of(API, WEB, "http", ()) is None


def test_telemetry_names_where_a_route_leads_and_not_what_was_asked_for() -> None:
    found = table(vs("front", hosts=["front"], http=[{"route": [to("api")]}]))
    assert found.asked_for(API, WEB, "http") == ("front.shop.svc.cluster.local",)
    assert found.asked_for("front.shop.svc.cluster.local", WEB, "http") == ()


def http_route(name: str, rules: list[Any], *, namespace: str = "shop") -> ConfigObject:
    spec = {"parentRefs": [{"group": "", "kind": "Service", "name": "api", "namespace": "shop"}], "rules": rules}
    meta = Meta(name=name, namespace=namespace)
    return ConfigObject(group="gateway.networking.k8s.io", version="v1", kind="HTTPRoute", meta=meta, spec=spec)


def test_a_gateway_api_route_comes_first_and_its_longest_path_too() -> None:
    rules = [
        {"backendRefs": [{"name": "api-v1", "port": 80}]},
        {"matches": [{"path": {"value": "/long"}}], "backendRefs": [{"name": "api-v2", "port": 80, "weight": 1}]},
    ]
    found = table(http_route("api", rules), vs("api", hosts=["api"], http=[{"route": [to("api", "v1")]}]))
    assert ends(found.of(API, WEB, "http", ())) == [[("api-v2", None, 1.0)], [("api-v1", None, 1.0)]]


def test_a_route_of_the_callers_namespace_replaces_the_services_own() -> None:
    own = http_route("api", [{"backendRefs": [{"name": "api-v1"}]}])
    consumer = http_route("mine", [{"backendRefs": [{"name": "web-api"}]}], namespace="web")
    found = table(own, consumer)
    assert ends(found.of(API, WEB, "http", ())) == [[("web-api", None, 1.0)]]
    assert ends(found.of(API, Client(namespace="other", labels={}), "http", ())) == [[("api-v1", None, 1.0)]]


def test_a_reference_into_another_namespace_wants_a_grant() -> None:
    route = http_route("api", [{"backendRefs": [{"name": "db", "namespace": "data"}]}])
    grant = ConfigObject(
        group="gateway.networking.k8s.io",
        version="v1",
        kind="ReferenceGrant",
        meta=Meta(name="g", namespace="data"),
        spec={"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}],
              "to": [{"group": "", "kind": "Service"}]},
    )  # fmt: skip
    closed = RouteTable({"HTTPRoute": [route], "ReferenceGrant": []}, Visibility()).of(API, WEB, "http", ()) or ()
    assert closed[0].ends[0].refused is not None
    assert (table(route, grant).of(API, WEB, "http", ()) or ())[0].ends[0].refused is None
