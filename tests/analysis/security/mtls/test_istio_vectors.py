"""istiod's own test vectors for mutual TLS, each a named test."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshtop.analysis.security.mtls.client import AppliedRule, TlsMode, client_tls
from meshtop.analysis.security.mtls.server import Mode, compose, service_mode
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
