"""Who may call whom, and what runs out when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtop.analysis.security.authorization import (
    Authorization,
    PolicyAction,
    PolicyTarget,
    authorization,
    policy_applies,
)
from meshtop.analysis.security.expiry import DAY, CertificateKind, Expiry, expiries, expiry_findings
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.telemetry import Scalar, Telemetry
from tests.analysis.security.mtls.objects import config

NOW = 1_700_000_000.0
API = PolicyTarget(namespace="shop", labels={"app": "api"}, services=("api",))
RULE = [{"to": [{"operation": {"methods": ["GET"]}}]}]


def policy(name: str, namespace: str = "shop", **spec: Any) -> ConfigObject:
    return config("AuthorizationPolicy", namespace, name, spec, group="security.istio.io")


def decide(
    *policies: ConfigObject, subject: PolicyTarget = API, requests: tuple[ConfigObject, ...] = ()
) -> Authorization:
    return authorization(policies, requests, subject, "istio-system")


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


WAYPOINT = PolicyTarget(namespace="shop", labels={"gateway.networking.k8s.io/gateway-name": "waypoint"}, waypoint=True)
GATEWAY = PolicyTarget(
    namespace="shop", labels={"gateway.networking.k8s.io/gateway-name": "public", "app": "api"}, gateway=True
)
REF = {"kind": "Gateway", "name": "public"}


@pytest.mark.parametrize(
    ("obj", "subject", "by"),
    [
        (policy("a"), API, "its whole namespace"),
        (policy("a", "istio-system"), API, "the whole mesh"),
        (policy("a", "other"), API, None),
        (policy("a", selector={"matchLabels": {"app": "api"}}), API, "its selector"),
        (policy("a", selector={"matchLabels": {"app": "web"}}), API, None),
        (policy("a", "istio-system", selector={"matchLabels": {"app": "api"}}), API, "its selector"),
        (policy("a", targetRefs=[{"kind": "Service", "name": "api"}]), API, "its target Service api, at the waypoint"),
        (policy("a", targetRefs=[{"kind": "Service", "name": "web"}]), API, None),
        (policy("a", targetRefs=[REF]), GATEWAY, "its target Gateway public"),
        (policy("a", targetRef=REF), GATEWAY, "its target Gateway public"),
        (policy("a", "other", targetRefs=[REF]), GATEWAY, None),
        (policy("a", targetRefs=[REF]), WAYPOINT, None),
        (policy("a"), WAYPOINT, None),
        (policy("a", selector={"matchLabels": {"app": "api"}}), GATEWAY, None),
        (policy("a", "istio-system", targetRefs=[{"kind": "GatewayClass", "name": "istio-waypoint"}]), WAYPOINT,
         "its target GatewayClass istio-waypoint"),
    ],
)  # fmt: skip
def test_what_applies_to_whom(obj: ConfigObject, subject: PolicyTarget, by: str | None) -> None:
    assert policy_applies(obj, subject, "istio-system") == by


def test_request_authentications_name_their_issuers() -> None:
    jwt = config("RequestAuthentication", "shop", "jwt", {"jwtRules": [{"issuer": "https://id.example"}]})
    assert "tokens of https://id.example" in decide(requests=(jwt,)).authentications[0]


@pytest.mark.conformance
def test_istios_own_analyzer_agrees_on_which_policies_match_nothing(shared_data: Path) -> None:
    folder = shared_data / "analysis"
    documents = [d for d in yaml.safe_load_all((folder / "testdata/authorizationpolicies.yaml").read_text()) if d]
    subjects = [
        PolicyTarget(namespace=d["metadata"].get("namespace", ""), labels=d["metadata"].get("labels") or {})
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


def scalar(metric: str, value: float, **labels: str) -> Scalar:
    return Scalar(metric, labels, value)


def told(*scalars: Scalar) -> Telemetry:
    return Telemetry(at=NOW, window_seconds=300, control=scalars)


def test_metrics_tell_what_no_config_map_does() -> None:
    found = expiries(
        "east",
        Inventory(),
        told(
            scalar("citadel_server_root_cert_expiry_timestamp", NOW + 90 * DAY),
            scalar("citadel_server_cert_chain_expiry_timestamp", NOW + 20 * DAY),
            scalar("istio_agent_cert_expiry_seconds", 40_000.0, resource_name="default", namespace="shop", app="api"),
            scalar("istio_agent_cert_expiry_seconds", 30_000.0, resource_name="default", namespace="shop", app="web"),
            scalar("istio_agent_cert_expiry_seconds", 5.0, resource_name="ROOTCA", namespace="shop", app="web"),
            scalar("envoy_server_days_until_first_cert_expiring", 12.0, namespace="edge", app="istio-ingressgateway"),
            scalar("envoy_server_days_until_first_cert_expiring", 0.0, namespace="edge", app="other-gateway"),
            scalar("envoy_server_days_until_first_cert_expiring", 4_294_967_295.0, namespace="edge", app="x-gateway"),
        ),
    )
    assert [(e.kind.value, e.subject, round(e.days_left(NOW), 2)) for e in found] == [
        ("workload", "shop/web", 0.35),
        ("gateway", "edge/istio-ingressgateway", 12.0),
        ("controlplane", "istiod", 20.0),
        ("root", "of istiod", 90.0),
    ]
    assert [f.finding.code for f in expiry_findings(found, NOW)] == ["CERT-EXPIRES-THIS-MONTH"] * 2
    assert expiries("east", None, None) == ()


def expiry(kind: CertificateKind, left: float, subject: str = "x") -> Expiry:
    return Expiry(cluster="east", kind=kind, subject=subject, not_after=NOW + left)


@pytest.mark.parametrize(
    ("kind", "left", "code", "severity"),
    [
        (CertificateKind.ROOT, -1.0, "CERT-EXPIRED", "error"),
        (CertificateKind.ROOT, 6.9 * DAY, "CERT-EXPIRES-THIS-WEEK", "error"),
        (CertificateKind.GATEWAY, 7.1 * DAY, "CERT-EXPIRES-THIS-MONTH", "warning"),
        (CertificateKind.CONTROL_PLANE, 29.9 * DAY, "CERT-EXPIRES-THIS-MONTH", "warning"),
        (CertificateKind.ROOT, 30.1 * DAY, None, None),
        (CertificateKind.WORKLOAD, 3_600.0, None, None),
        (CertificateKind.WORKLOAD, 60.0, "CERT-NOT-RENEWED", "warning"),
        (CertificateKind.WORKLOAD, -60.0, "CERT-EXPIRED", "error"),
    ],
)
def test_what_runs_out_is_a_finding(kind: CertificateKind, left: float, code: str | None, severity: str | None) -> None:
    found = expiry_findings([expiry(kind, left)], NOW)
    assert [(f.finding.code, f.finding.severity.value) for f in found] == ([(code, severity)] if code else [])
    assert all(f.finding.fix and f.finding.message.startswith("east: ") for f in found)


def test_an_istiod_that_signs_with_the_root_is_told_once() -> None:
    both = [expiry(CertificateKind.ROOT, DAY), expiry(CertificateKind.CONTROL_PLANE, DAY)]
    assert len(expiry_findings(both, NOW)) == 1
    apart = [expiry(CertificateKind.ROOT, DAY), expiry(CertificateKind.CONTROL_PLANE, DAY / 2)]
    assert len(expiry_findings(apart, NOW)) == 2


@pytest.mark.conformance
def test_the_root_of_the_config_map_counts_before_the_metric(shared_data: Path) -> None:
    pem = next(iter(sorted((shared_data / "certs").rglob("root-cert*.pem"))))
    inventory = Inventory(config_maps={"istio-system/istio-ca-root-cert": {"root-cert.pem": pem.read_text()}})
    found = expiries("east", inventory, told(scalar("citadel_server_root_cert_expiry_timestamp", NOW + DAY)))
    assert [e.kind for e in found] == [CertificateKind.ROOT]
    assert found[0].fingerprint is not None
    assert found[0].not_after != NOW + DAY
