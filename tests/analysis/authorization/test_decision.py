"""One point's decision: what the vectors leave out, what is not told, and shapes that Istio's schema has not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.authorization.attachment import Enforcer
from meshtop.analysis.authorization.call import UNTOLD
from meshtop.analysis.authorization.decision import Permission, decide_call
from meshtop.analysis.authorization.policies import AuthorizationConfig, MeshPolicySettings
from meshtop.model.kube import ConfigObject
from tests.analysis.authorization.build import (
    NOW,
    SETTINGS,
    WEB,
    call,
    judge,
    operation,
    point,
    policy,
    source,
    tokens,
    when,
)
from tests.analysis.security.mtls.objects import config

ALLOWED, DENIED, DEPENDS = Permission.ALLOWED, Permission.DENIED, Permission.DEPENDS


@pytest.mark.parametrize(
    ("rule", "told", "expected"),
    [
        (operation(paths=["/a/{*}/b"]), {"path": "/a/x/b"}, ALLOWED),
        (operation(paths=["/a/{*}/b"]), {"path": "/a/x/y/b"}, DENIED),
        (operation(paths=["/a/{**}"]), {"path": "/a/x/y?q=1"}, ALLOWED),
        (operation(paths=["/a.b/{*}"]), {"path": "/aXb/c"}, DENIED),
        (operation(paths=["/v1"]), {"path": "/x/../v1"}, ALLOWED),
        (operation(paths=["/v1/"]), {"path": "/v1/x/.."}, ALLOWED),
        (operation(paths=["/v1"]), {"path": "//v1"}, DENIED),
        (operation(paths=["/%2Fv1"]), {"path": "/%2Fv1"}, ALLOWED),
        (operation(methods=["get"]), {}, DENIED),
        (operation(hosts=["*"]), {"host": "x"}, ALLOWED),
        (operation(ports=["80a"]), {}, DENIED),
        (source(principals=["*/ns/shop/*"]), {}, DENIED),
        (source(serviceAccounts=["web"]), {}, ALLOWED),
        (source(notServiceAccounts=["shop/web"]), {}, DENIED),
        (source(ipBlocks=["10.0.0.0/8"], notIpBlocks=["10.0.0.1"]), {}, DENIED),
        (source(requestPrincipals=["iss/*"]), {"claims": {"iss": "iss", "sub": "x"}}, ALLOWED),
        (source(requestPrincipals=["iss"]), {"claims": {"iss": "iss", "sub": "x"}}, DENIED),
        (source(requestPrincipals=["*s/x"]), {"claims": {"iss": "iss", "sub": "x"}}, ALLOWED),
        (source(requestPrincipals=["is*"]), {"claims": {"iss": "iss", "sub": "x"}}, ALLOWED),
        (when("request.auth.claims[level]", "3"), {"claims": {"iss": "iss", "sub": "x", "level": 3}}, DENIED),
        (when("request.headers[:method]", "GET"), {}, ALLOWED),
        (when("connection.sni", "*.example"), {"sni": "a.example"}, ALLOWED),
        (when("connection.sni", "*.example"), {"sni": None}, DENIED),
        (when("experimental.envoy.filters.a.b[c]", "x"), {}, DEPENDS),
        (when("source.unheardOf", "x"), {}, DEPENDS),
        (operation(methods=["POST"]), {"protocol": "grpc", "method": UNTOLD}, ALLOWED),
        (operation(methods=["GET"]), {"protocol": "grpc", "method": UNTOLD}, DENIED),
        (when("request.headers[:method]", "POST"), {"protocol": "grpc", "method": UNTOLD}, ALLOWED),
        ({}, {}, ALLOWED),
    ],
)  # fmt: skip
def test_an_allow_rule(rule: dict[str, Any], told: dict[str, Any], expected: Permission) -> None:
    accepts = tokens(jwtRules=[{"issuer": "iss"}])
    assert judge(policy(rules=[rule]), accepts, of=call(**told)).permission is expected


@pytest.mark.parametrize(
    ("rule", "protocol", "enforcer", "expected"),
    [
        (operation(ports=["nonsense"]), "http", Enforcer.SIDECAR, DENIED),
        (operation(paths=["/x"]), "tcp", Enforcer.SIDECAR, DENIED),
        (operation(paths=["/x"]), "http", Enforcer.SIDECAR, ALLOWED),
        (operation(paths=["/x"]), "http", Enforcer.ZTUNNEL, ALLOWED),
        (operation(paths=["/x"], ports=["8080"]), "http", Enforcer.ZTUNNEL, DENIED),
        (source(trustDomains=["other"]), "http", Enforcer.SIDECAR, ALLOWED),
        (source(trustDomains=["cluster.local"]), "tcp", Enforcer.SIDECAR, DENIED),
        (source(trustDomains=["cluster.local"]), "http", Enforcer.ZTUNNEL, ALLOWED),
        ({}, "http", Enforcer.ZTUNNEL, DENIED),
    ],
)  # fmt: skip
def test_a_deny_rule(rule: dict[str, Any], protocol: str, enforcer: Enforcer, expected: Permission) -> None:
    """What a point cannot compare is left out of DENY; at ztunnel, an entry that is then empty matches nothing."""
    found = judge(policy(action="DENY", rules=[rule]), of=call(protocol=protocol), at=point(enforcer))
    assert found.permission is expected


def test_aliases_count_at_envoy_and_not_at_ztunnel() -> None:
    settings = MeshPolicySettings(trust_domains=("new.example", "old.example"))
    allow = policy(rules=[source(principals=["old.example/ns/shop/sa/web"])])
    caller = call(principal="new.example/ns/shop/sa/web")
    assert judge(allow, of=caller, settings=settings).permission is ALLOWED
    assert judge(allow, of=caller, settings=settings, at=point(Enforcer.ZTUNNEL)).permission is DENIED


def test_the_reason_names_policy_and_rule_or_says_that_nothing_matches() -> None:
    allow = policy("a", rules=[operation(paths=["/no"]), operation(paths=["/"])])
    deny = policy("d", action="DENY", rules=[{}])
    assert judge().why == "No AuthorizationPolicy restricts shop/api."
    assert judge(allow).why == "AuthorizationPolicy shop/a, rule 2, allows it."
    assert judge(allow, deny).why == "AuthorizationPolicy shop/d, rule 1, denies it."
    refused = judge(allow, of=call(path="/x"))
    assert refused.why == "No ALLOW rule matches at shop/api (AuthorizationPolicy shop/a)."
    assert (judge(allow).policy, judge(allow).rule) == ("AuthorizationPolicy shop/a", 2)


def test_what_is_not_told_is_named() -> None:
    allow = policy("a", rules=[{**operation(paths=["/x"]), **when("request.headers[x-team]", "a")}])
    found = judge(allow, of=call(path=UNTOLD, headers=UNTOLD))
    assert found.permission is DEPENDS
    assert (
        found.why == "AuthorizationPolicy shop/a, rule 1, may allow it: it depends on the path and the header x-team."
    )
    sure = judge(allow, of=call(path="/y", headers=UNTOLD))
    assert sure.permission is DENIED


def test_a_token_that_is_not_told_may_be_a_bad_one() -> None:
    accepts = tokens(jwtRules=[{"issuer": "iss", "audiences": ["shop"]}])
    assert judge(accepts, of=call(claims=UNTOLD)).permission is DEPENDS
    assert judge(of=call(claims=UNTOLD)).permission is ALLOWED
    assert judge(tokens(), of=call(claims={"iss": "any"})).permission is ALLOWED
    assert judge(tokens(jwtRules=[]), of=call(claims=UNTOLD)).permission is ALLOWED
    for claims, why in (
        ({"iss": "iss", "aud": "other"}, "it is for another audience"),
        ({"iss": "iss", "aud": ["shop"], "nbf": NOW + 60}, "it is not valid yet"),
        ({"iss": "iss", "aud": ["shop"], "exp": NOW}, "it has expired"),
        ({"iss": 3, "aud": ["shop"]}, "no rule is for its issuer"),
    ):
        found = judge(accepts, of=call(claims=claims))
        assert (found.permission, found.rejected) == (DENIED, True)
        assert why in found.why
    assert judge(accepts, of=call(claims={"iss": "iss", "aud": ["shop", {}]})).permission is ALLOWED


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"rules": "x"}, "spec.rules is no list"),
        ({"rules": ["x"]}, "spec.rules[0] is no object"),
        ({"rules": [None]}, "spec.rules[0] is no object"),
        ({"rules": [{"form": []}]}, "spec.rules[0] has an unknown field form"),
        ({"rules": [{"from": [{"source": {"principal": ["a"]}}]}]}, "spec.rules[0].from[0].source has an unknown"),
        ({"rules": [{"from": [{"source": []}]}]}, "spec.rules[0].from[0].source is no object"),
        ({"rules": [{"to": [{"operation": {"ports": [80]}}]}]}, "spec.rules[0].to[0].operation.ports[0] is no text"),
        ({"rules": [{"to": [{"operation": {"ports": "80"}}]}]}, "spec.rules[0].to[0].operation.ports is no list"),
        ({"rules": [{"when": [{"values": ["x"]}]}]}, "spec.rules[0].when[0].key is no text"),
        ({"action": "PERMIT"}, "spec.action is PERMIT"),
        ({"action": ["DENY"]}, "spec.action is ['DENY']"),
        ({"action": "CUSTOM", "rules": [{}]}, "spec.provider names no provider"),
        ({"selector": []}, "spec.selector is no object"),
        ({"selector": {"matchLabels": ["a"]}}, "spec.selector.matchLabels is no object"),
        ({"selector": {"matchLabels": {"a": 1}}}, "spec.selector.matchLabels has a value that is no text"),
        ({"selector": {"matchExpressions": []}}, "spec.selector has an unknown field matchExpressions"),
        ({"targetRefs": {}}, "spec.targetRefs is no list"),
        ({"targetRefs": ["x"]}, "spec.targetRefs[0] is no object"),
        ({"targetRef": {"kind": "Service"}}, "spec.targetRef names no kind and name"),
    ],
)  # fmt: skip
def test_an_odd_shape_costs_its_policy(spec: dict[str, Any], said: str) -> None:
    found = judge(policy("odd", **spec))
    assert found.permission is DEPENDS
    assert found.why.startswith(f"AuthorizationPolicy shop/odd cannot be judged: {said}")
    denied = judge(policy("odd", **spec), policy("deny", action="DENY", rules=[{}]))
    assert denied.permission is DENIED
    assert judge(structs.replace(policy("odd", **spec), meta=policy(namespace="far").meta)).permission is ALLOWED


def test_a_spec_that_is_none_costs_its_policy() -> None:
    odd = structs.replace(policy("odd"), spec=["x"])
    assert judge(odd).why == "AuthorizationPolicy shop/odd cannot be judged: spec is no object."
    for bad in (structs.replace(tokens(), spec="x"), tokens(selector=[], jwtRules=[{"issuer": "b"}])):
        assert judge(bad, of=call(claims={"iss": "a"})).permission is DEPENDS


@pytest.mark.parametrize("rules", ["x", [1], [{"issuer": 3}], {"issuer": "iss"}])
def test_odd_token_rules_leave_open_what_depends_on_them(rules: Any) -> None:
    found = judge(tokens(jwtRules=rules), of=call(claims={"iss": "iss"}))
    assert found.permission is DEPENDS
    assert judge(tokens(jwtRules=rules)).permission is ALLOWED


def test_what_was_not_read_is_open_and_never_allowed() -> None:
    def unread(*objects: ConfigObject, kind: str) -> Permission:
        known = AuthorizationConfig(objects, SETTINGS, {kind: f"{kind} of east may not be read."})
        return decide_call(known, point(), call(principal=None), now=NOW).permission

    assert unread(kind="AuthorizationPolicy") is DEPENDS
    assert unread(kind="PeerAuthentication") is DEPENDS
    assert unread(kind="RequestAuthentication") is ALLOWED
    rootless = MeshPolicySettings(root_namespace=None)
    assert judge(policy(namespace="maybe-root", action="DENY", rules=[{}]), settings=rootless).permission is DEPENDS
    assert judge(policy(rules=[{}]), settings=rootless).permission is ALLOWED


def test_several_providers_are_open_where_istiods_switch_is_not_known() -> None:
    first = policy("a", action="CUSTOM", provider={"name": "one"}, rules=[{}])
    second = policy("b", action="CUSTOM", provider={"name": "two"}, rules=[operation(paths=["/x"])])
    assert judge(first).asked
    assert judge(first).providers == ("one",)
    found = judge(first, second)
    assert (found.permission, found.asked) == (DEPENDS, False)
    assert "takes several providers" in found.why
    gone = judge(first, settings=structs.replace(SETTINGS, providers=frozenset({"two"})))
    assert (gone.permission, gone.why) == (
        DENIED, "AuthorizationPolicy shop/a, rule 1, matches, but there is no provider one: Istio denies it.",
    )  # fmt: skip


def test_a_target_that_may_be_the_gateways_is_open_there_and_nothing_elsewhere() -> None:
    ref = {"group": "networking.istio.io", "kind": "Gateway", "name": "public"}
    closed = policy("gw", targetRefs=[ref])
    found = judge(closed, at=point(Enforcer.GATEWAY))
    assert found.permission is DEPENDS
    assert "whether the gateway shop/api serves its target Gateway public is not known" in found.why
    assert judge(closed).permission is ALLOWED
    assert judge(policy("gw", "far", targetRefs=[ref]), at=point(Enforcer.GATEWAY)).permission is ALLOWED


def test_strict_mutual_tls_is_asked_first() -> None:
    strict = config("PeerAuthentication", "shop", "default", {"mtls": {"mode": "STRICT"}}, group="security.istio.io")
    assert judge(strict, policy(rules=[{}]), of=call(principal=None)).permission is DENIED
    assert judge(strict, of=call(principal=UNTOLD)).permission is DEPENDS
    assert judge(strict, of=call(principal=WEB)).permission is ALLOWED
    assert judge(strict, of=call(principal=None), at=point(Enforcer.GATEWAY)).permission is ALLOWED
    foreign = call(principal="elsewhere/ns/shop/sa/web")
    assert judge(of=foreign).why == "shop/api does not trust the trust domain elsewhere."


@pytest.mark.parametrize("enforcer", [Enforcer.GATEWAY, Enforcer.WAYPOINT])
def test_a_policy_for_one_route_of_gateway_api_cannot_be_judged_where_it_may_count(enforcer: Enforcer) -> None:
    refs = [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "api"}]
    bound = policy("r", action="DENY", rules=[{}], targetRefs=refs)
    found = judge(bound, at=point(enforcer))
    assert found.permission is DEPENDS
    assert "serves its target HTTPRoute api is not known" in found.why
    assert judge(bound, at=point(Enforcer.SIDECAR)).permission is ALLOWED
    other = policy("r", action="DENY", rules=[{}], targetRefs=[{**refs[0], "group": "other.example"}])
    assert judge(other, at=point(enforcer)).permission is ALLOWED


@pytest.mark.parametrize("enforcer", [Enforcer.GATEWAY, Enforcer.WAYPOINT])
def test_token_rules_for_one_route_of_gateway_api_cannot_be_judged_where_they_may_count(enforcer: Enforcer) -> None:
    refs = [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "api"}]
    spec = {"targetRefs": refs, "jwtRules": [{"issuer": "https://a"}]}
    bound = config("RequestAuthentication", "shop", "r", spec, group="security.istio.io")
    asked = call(claims={"iss": "https://b"})
    found = judge(bound, at=point(enforcer), of=asked)
    assert found.permission is DEPENDS
    assert f"RequestAuthentication shop/r cannot be judged: whether {point(enforcer).title} serves" in found.why
    assert "its target HTTPRoute api is not known" in found.why
    assert judge(bound, at=point(enforcer), of=call(claims=None)).permission is ALLOWED
    assert judge(bound, at=point(Enforcer.SIDECAR), of=asked).permission is ALLOWED
    empty = config("RequestAuthentication", "shop", "r", {"targetRefs": refs}, group="security.istio.io")
    assert judge(empty, at=point(enforcer), of=asked).permission is ALLOWED
