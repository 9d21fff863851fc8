"""What rules of routes do besides weighing, in words; and objects that are not what they should be."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.analysis.canary.route_rules import RouteRule, route_rules
from meshtop.model.kube import ConfigObject, Meta


def rules(kind: str, **spec: Any) -> tuple[RouteRule, ...]:
    group = "networking.istio.io" if kind == "VirtualService" else "gateway.networking.k8s.io"
    meta = Meta(name="reviews", namespace="shop")
    return route_rules(ConfigObject(group=group, version="v1", kind=kind, meta=meta, spec=spec))


def told(kind: str, **rule: Any) -> list[str]:
    field = "http" if kind == "VirtualService" else "rules"
    (found,) = rules(kind, **{field: [rule]})
    return [f"{word} {said}" for word, said in found.does]


TO = {"destination": {"host": "reviews", "subset": "v2"}}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"mirror": {"host": "reviews", "subset": "v3"}, "mirrorPercentage": {"value": 10.0}},
         ["mirrors 10 % to reviews v3"]),
        ({"mirror": {"host": "reviews"}}, ["mirrors everything to reviews"]),
        ({"mirrors": [{"destination": {"host": "a"}, "percentage": {"value": 5}}, {"destination": {"host": "b"}}]},
         ["mirrors 5 % to a", "mirrors everything to b"]),
        ({"fault": {"abort": {"httpStatus": 503, "percentage": {"value": 100}},
                    "delay": {"fixedDelay": "5s", "percentage": {"value": 0.5}}}},
         ["aborts 100 % with 503", "delays 0.5 % by 5s"]),
        ({"fault": {"abort": {"grpcStatus": "UNAVAILABLE"}}}, ["aborts all with UNAVAILABLE"]),
        ({"retries": {"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx"}, "timeout": "10s"},
         ["timeout 10s", "retries 3 times, 2s each, on 5xx"]),
        ({"retries": {"attempts": 0}}, ["retries none"]),
        ({"match": [{"uri": {"prefix": "/api"}, "headers": {"end-user": {"exact": "jason"}}}, {"port": 80}]},
         ["if path begins with /api, header end-user=jason", "if port 80"]),
        ({"match": [{"headers": {"x": {}}, "sourceLabels": {"app": "web"}, "gateways": ["mesh"]}]},
         ["if header x is there, from app=web, gateway mesh"]),
        ({"headers": {"request": {"set": {"x-a": "1"}, "add": {"x-b": "2"}, "remove": ["x-c"]}}},
         ["requests set x-a: 1, add x-b: 2, remove x-c"]),
        ({"route": [{**TO, "headers": {"response": {"remove": ["server"]}}}]},
         ["responses remove server of reviews v2"]),
        ({"rewrite": {"uri": "/v2"}}, ["rewrites uri to /v2"]),
    ],
)  # fmt: skip
def test_a_rule_of_istio(rule: dict[str, Any], expected: list[str]) -> None:
    assert told("VirtualService", **{"route": [TO], **rule}) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"matches": [{"path": {"type": "PathPrefix", "value": "/a"}, "method": "GET",
                       "headers": [{"name": "x", "value": "1"}]}]},
         ["if path begins with /a, method=GET, header x=1"]),
        ({"filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b"}, "percent": 7}}]},
         ["mirrors 7 % to b"]),
        ({"filters": [{"requestHeaderModifier": {"set": [{"name": "x", "value": "1"}], "remove": ["y"]}}]},
         ["requests set x: 1, remove y"]),
        ({"backendRefs": [{"name": "b", "filters": [{"responseHeaderModifier": {"add": [{"name": "z",
                                                                                            "value": "2"}]}}]}]},
         ["responses add z: 2 of b"]),
        ({"timeouts": {"request": "10s", "backendRequest": "2s"}, "retry": {"attempts": 2, "codes": [502, 503]}},
         ["timeout 10s", "timeout 2s for each try", "retries 2 times, on 502, 503"]),
        ({"filters": [{"urlRewrite": {"hostname": "h", "path": {"replaceFullPath": "/b"}}},
                      {"requestRedirect": {"hostname": "other", "statusCode": 302}}]},
         ["rewrites h, path to /b", "redirects hostname other, statusCode 302"]),
    ],
)  # fmt: skip
def test_a_rule_of_gateway_api(rule: dict[str, Any], expected: list[str]) -> None:
    assert told("HTTPRoute", **rule) == expected


@pytest.mark.parametrize(
    ("rule", "sends"),
    [
        ({"route": [{**TO, "weight": 80}, {"destination": {"host": "b", "port": {"number": 8080}}, "weight": 20}]},
         "reviews v2 80, b:8080 20"),
        ({"redirect": {"uri": "/login", "redirectCode": 302}}, "redirects to /login (302)"),
        ({"directResponse": {"status": 503}}, "answers 503 itself"),
        ({"delegate": {"namespace": "shop", "name": "sub"}}, "delegates to shop/sub"),
        ({}, "nowhere"),
    ],
)  # fmt: skip
def test_where_a_rule_sends(rule: dict[str, Any], sends: str) -> None:
    (found,) = rules("VirtualService", http=[rule])
    assert found.sends == sends


def test_rules_are_named_or_numbered_as_routes_are() -> None:
    found = rules("VirtualService", http=[{"name": "weighted"}, {}], tcp=[{}])
    assert [(one.name, one.index) for one in found] == [("weighted", 0), ("1", 1), ("2", 2)]


def test_a_secret_in_a_header_is_hidden() -> None:
    (said,) = told("VirtualService", route=[TO], headers={"request": {"set": {"authorization": "Bearer abcdef123"}}})
    assert "abcdef123" not in said
    (said,) = told(
        "VirtualService", route=[TO], match=[{"headers": {"authorization": {"exact": "Basic Zm9vOmJhcg=="}}}]
    )
    assert "Zm9v" not in said


@pytest.mark.parametrize("odd", [None, 3, "x", [], ["x", 3, None], {"a": 1}, [[]], [{"x": {"y": object}}]])
def test_odd_specs_are_no_defects(odd: Any) -> None:
    fields = ("match", "route", "fault", "mirror", "mirrors", "retries", "headers", "rewrite", "redirect", "timeout",
              "matches", "filters", "backendRefs", "timeouts", "retry", "delegate", "directResponse")  # fmt: skip
    for kind, field in (("VirtualService", "http"), ("HTTPRoute", "rules")):
        rules(kind, **{field: odd})
        rules(kind, **{field: [dict.fromkeys(fields, odd)]})
