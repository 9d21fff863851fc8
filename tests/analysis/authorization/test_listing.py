"""Which policies apply where, and the list of them for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import structs

from meshtop.analysis.authorization.attachment import EnforcementPoint, Enforcer, TargetService, policy_applies
from meshtop.analysis.authorization.listing import Authorization, authorization
from meshtop.analysis.authorization.policies import PolicyAction
from meshtop.model.kube import ConfigObject
from tests.analysis.security.mtls.objects import config

API = EnforcementPoint(enforcer=Enforcer.SIDECAR, namespace="shop", name="api", labels={"app": "api"})
RULE = [{"to": [{"operation": {"methods": ["GET"]}}]}]


def policy(name: str, namespace: str = "shop", **spec: Any) -> ConfigObject:
    return config("AuthorizationPolicy", namespace, name, spec, group="security.istio.io")


def decide(
    *policies: ConfigObject, subject: EnforcementPoint = API, requests: tuple[ConfigObject, ...] = ()
) -> Authorization:
    return authorization(policies, requests, subject, ("api",), "istio-system")


def test_actions_are_asked_in_order_and_any_allow_denies_the_rest() -> None:
    found = decide(
        policy("c", action="ALLOW", rules=RULE),
        policy("b", action="DENY", rules=RULE),
        policy("a", action="CUSTOM", rules=RULE),
    )
    assert [p.action for p in found.policies] == [PolicyAction.CUSTOM, PolicyAction.DENY, PolicyAction.ALLOW]
    assert found.default_deny
    assert not decide(policy("b", action="DENY", rules=RULE)).default_deny
    assert not decide().default_deny
    assert decide().verdict == "allowed"


def test_an_empty_spec_denies_all() -> None:
    found = decide(policy("nothing"))
    assert found.default_deny
    assert found.policies[0].meaning == "no rules: all is denied"
    assert decide(policy("all", rules=[{}])).policies[0].meaning == "allows everything"
    assert decide(policy("none", action="DENY")).policies[0].meaning == "no rules: never matches"


GROUP = "gateway.networking.k8s.io"
LABEL = f"{GROUP}/gateway-name"
WAYPOINT = EnforcementPoint(
    enforcer=Enforcer.WAYPOINT,
    namespace="shop",
    name="waypoint",
    labels={LABEL: "waypoint"},
    services=(TargetService("shop", "api"), TargetService("far", "host", entry=True)),
)
GATEWAY = EnforcementPoint(
    enforcer=Enforcer.GATEWAY, namespace="shop", name="public", labels={LABEL: "public", "app": "api"}
)
STRICT_GATEWAY = structs.replace(GATEWAY, selectors=False)
REF = {"group": GROUP, "kind": "Gateway", "name": "public"}
CLASS = {"group": GROUP, "kind": "GatewayClass", "name": "istio-waypoint"}
SERVICE = {"group": "", "kind": "Service", "name": "api"}
ENTRY = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "host"}


@pytest.mark.parametrize(
    ("obj", "subject", "by"),
    [
        (policy("a"), API, "its whole namespace"),
        (policy("a", "istio-system"), API, "the whole mesh"),
        (policy("a", "other"), API, None),
        (policy("a", selector={"matchLabels": {"app": "api"}}), API, "its selector"),
        (policy("a", selector={"matchLabels": {"app": "web"}}), API, None),
        (policy("a", "istio-system", selector={"matchLabels": {"app": "api"}}), API, "its selector"),
        (policy("a", targetRefs=[SERVICE]), API, None),
        (policy("a", targetRefs=[SERVICE]), WAYPOINT, "its target Service api"),
        (policy("a", targetRefs=[SERVICE | {"group": "core"}]), WAYPOINT, "its target Service api"),
        (policy("a", targetRefs=[SERVICE | {"group": "apps"}]), WAYPOINT, None),
        (policy("a", targetRefs=[SERVICE | {"name": "web"}]), WAYPOINT, None),
        (policy("a", "other", targetRefs=[SERVICE]), WAYPOINT, None),
        (policy("a", "far", targetRefs=[ENTRY]), WAYPOINT, "its target ServiceEntry host"),
        (policy("a", "far", targetRefs=[SERVICE | {"name": "host"}]), WAYPOINT, None),
        (policy("a", targetRefs=[REF]), GATEWAY, "its target Gateway public"),
        (policy("a", targetRef=REF), GATEWAY, "its target Gateway public"),
        (policy("a", "other", targetRefs=[REF]), GATEWAY, None),
        (policy("a", targetRefs=[REF | {"namespace": "other"}]), GATEWAY, None),
        (policy("a", targetRefs=[REF]), WAYPOINT, None),
        (policy("a", targetRefs=[REF | {"name": "waypoint"}]), WAYPOINT, "its target Gateway waypoint"),
        (policy("a"), WAYPOINT, None),
        (policy("a", selector={"matchLabels": {"app": "api"}}), GATEWAY, "its selector"),
        (policy("a", selector={"matchLabels": {"app": "api"}}), STRICT_GATEWAY, None),
        (policy("a", targetRefs=[REF]), STRICT_GATEWAY, "its target Gateway public"),
        (policy("a", "istio-system", targetRefs=[CLASS]), WAYPOINT, "its target GatewayClass istio-waypoint"),
        (policy("a", "shop", targetRefs=[CLASS]), WAYPOINT, None),
    ],
)  # fmt: skip
def test_what_applies_to_whom(obj: ConfigObject, subject: EnforcementPoint, by: str | None) -> None:
    assert policy_applies(obj, subject, "istio-system") == by


def test_the_list_has_what_the_waypoint_of_a_service_enforces_and_says_what_counts_for_nothing() -> None:
    dry = policy("dry", rules=RULE)
    dry = structs.replace(dry, meta=structs.replace(dry.meta, annotations={"istio.io/dry-run": "true"}))
    found = decide(
        policy("svc", action="DENY", targetRefs=[SERVICE], rules=[{}]), dry, policy("odd", rules={"from": 1})
    )
    assert [(p.policy.rpartition("/")[2], p.meaning, p.by) for p in found.policies] == [
        ("svc", "denies everything", "its target Service api, at the waypoint"),
        ("dry", "1 rule, in a dry run only", "its whole namespace"),
        ("odd", "cannot be judged: spec.rules is no list", "its whole namespace"),
    ]
    assert not decide(dry).default_deny


def test_request_authentications_name_their_issuers() -> None:
    jwt = config("RequestAuthentication", "shop", "jwt", {"jwtRules": [{"issuer": "https://id.example"}]})
    assert "tokens of https://id.example" in decide(requests=(jwt,)).authentications[0]
    none = config("RequestAuthentication", "shop", "none", {})
    assert decide(requests=(none,)).authentications == (
        "RequestAuthentication shop/none: no rule, so no token is looked at",
    )


@pytest.mark.conformance
def test_istios_own_analyzer_agrees_on_which_policies_match_nothing(shared_data: Path) -> None:
    folder = shared_data / "analysis"
    documents = [d for d in yaml.safe_load_all((folder / "testdata/authorizationpolicies.yaml").read_text()) if d]
    subjects = [
        EnforcementPoint(
            enforcer=Enforcer.SIDECAR,
            namespace=d["metadata"].get("namespace", ""),
            name=d["metadata"].get("name", ""),
            labels=d["metadata"].get("labels") or {},
        )
        for d in documents
        if d["kind"] == "Pod"
    ]
    unmatched = {
        f"{d['metadata'].get('namespace', '')}/{d['metadata']['name']}"
        for d in documents
        if d["kind"] == "AuthorizationPolicy"
        and not any(
            policy_applies(
                policy(d["metadata"]["name"], d["metadata"].get("namespace", ""), **(d.get("spec") or {})), s,
                "istio-system",
            )
            for s in subjects
        )
    }  # fmt: skip
    cases = json.loads((folder / "expected-messages.json").read_text())
    text = json.dumps(cases)
    said = {name for name in unmatched if f"AuthorizationPolicy {name}" in text}
    assert "httpbin/httpbin-nopods" in unmatched
    assert "istio-system/meshwide-httpbin-v1" in unmatched
    assert said >= {"httpbin/httpbin-nopods", "istio-system/meshwide-httpbin-v1", "test-ambient/no-workload"}
