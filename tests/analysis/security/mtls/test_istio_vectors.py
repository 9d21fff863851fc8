"""istiod's own test vectors for mutual TLS, each a named test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtop.analysis.security.mtls.client import AppliedRule, TlsMode, client_tls
from meshtop.analysis.security.mtls.server import AmbientDenial, Mode, ambient_denial, compose, service_mode
from meshtop.analysis.visibility.selection import match_labels
from meshtop.model.kube import ConfigObject
from tests.analysis.security.mtls.objects import config
from tests.conftest import SHARED_DATA

pytestmark = pytest.mark.conformance
FOLDER = SHARED_DATA / "mtls"


def cases(file: str) -> list[Any]:
    path = FOLDER / file
    if not path.is_file():
        return []
    return [pytest.param(case, id=case["name"]) for case in json.loads(path.read_text())["cases"]]


def policy_of(document: dict[str, Any]) -> ConfigObject:
    meta = document["metadata"]
    return config(
        "PeerAuthentication",
        meta.get("namespace", ""),
        meta["name"],
        document.get("spec", {}),
        created=1_000_000.0 + document.get("createdSecondsFromNow", -1_000_000.0),
    )


@pytest.mark.parametrize("case", cases("compose-peer-authentication.json"))
def test_compose_peer_authentication(case: dict[str, Any]) -> None:
    policy = compose(map(policy_of, case["peerAuthentications"]), case["rootNamespace"])
    assert policy.mode == case["want"]["mode"]
    assert {str(port): mode for port, mode in policy.ports.items()} == case["want"].get("perPort", {})


@pytest.mark.parametrize("case", cases("best-effort-service-mode.json"))
def test_best_effort_service_mode(case: dict[str, Any]) -> None:
    document = json.loads((FOLDER / "best-effort-service-mode.json").read_text())
    policies = [policy_of(p) for p in document["peerAuthentications"]]

    def mode(*, mesh_external: bool) -> Mode:
        return service_mode(
            policies,
            namespace=case["serviceNamespace"],
            root_namespace=document["rootNamespace"],
            mesh_external=mesh_external,
            headless=case["resolution"] == "Passthrough",
            endpoints_with_tls=[i["tlsMode"] == "istio" for i in case.get("instances", [])],
        )

    assert mode(mesh_external=False) == case["want"]
    assert mode(mesh_external=True) is Mode.UNKNOWN


@pytest.mark.parametrize("case", cases("build-auto-mtls-settings.json"))
def test_build_auto_mtls_settings(case: dict[str, Any]) -> None:
    tls = case["destinationRuleTls"]
    rule = None
    if tls is not None:
        rule = AppliedRule(("DestinationRule a/b",), "foo.com", {"tls": {"mode": tls["Mode"]}}, (), {})
    answer = client_tls(
        rule,
        port=80,
        subset=None,
        auto_mtls=case["autoMTLSEnabled"],
        mesh_external=case["meshExternal"],
        service_mode=Mode(case["serviceMTLSMode"]),
    )
    if case["want"] is None:
        assert answer.mode is TlsMode.DISABLE
    elif case["wantContext"] == "autoDetected":
        assert answer.mode is TlsMode.AUTO
        assert answer.policy is None
    else:
        # A proxy with certificates of its own in its metadata sends MUTUAL in place of ISTIO_MUTUAL;
        # what the rule asks for is the same mutual TLS.
        asked = {TlsMode.ISTIO_MUTUAL: {"ISTIO_MUTUAL", "MUTUAL"}}.get(answer.mode, {answer.mode.value})
        assert case["want"]["Mode"] in asked
        assert answer.policy is not None


def ambient_cases() -> list[Any]:
    folder = FOLDER / "ambient-peerauthn"
    return [pytest.param(path, id=path.name.removesuffix("-in.yaml")) for path in sorted(folder.glob("*-in.yaml"))]


def expected_denies(authorization: dict[str, Any], port: int, *, has_principal: bool) -> bool:
    """ztunnel's reading: groups are OR, rules of a group AND, matches of a rule OR, fields of a match AND."""

    def matches(match: dict[str, Any]) -> bool:
        answers = []
        if "destinationPorts" in match:
            answers.append(port in match["destinationPorts"])
        if "notDestinationPorts" in match:
            answers.append(port not in match["notDestinationPorts"])
        if "notPrincipals" in match:
            answers.append(not has_principal)
        return all(answers)

    return any(all(any(map(matches, rule["matches"])) for rule in group["rules"]) for group in authorization["groups"])


@pytest.mark.parametrize("path", ambient_cases())
def test_ambient_peer_authentication(path: Path) -> None:
    documents = [d for d in yaml.safe_load_all(path.read_text()) if d]
    policies = [policy_of(d) for d in documents]
    with_selector = [p for p in policies if match_labels(p.spec)]
    subject = with_selector[-1] if with_selector else policies[-1]
    others = [p for p in policies if p is not subject]
    denial = ambient_denial(subject, others, "istio-system")
    expected = yaml.safe_load(path.with_name(path.name.replace("-in.yaml", ".yaml")).read_text())
    assert (denial is None) == (expected is None)
    if denial is not None:
        assert isinstance(denial, AmbientDenial)
        for port in (80, 8080, 9090):
            for has_principal in (True, False):
                wanted = expected_denies(expected, port, has_principal=has_principal)
                assert denial.denies(port, has_principal=has_principal) == wanted, (port, has_principal)
