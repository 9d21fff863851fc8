"""Policies, points and calls for the tests of this folder, in few words."""

from __future__ import annotations

from typing import Any

from meshtop.analysis.authorization.attachment import EnforcementPoint, Enforcer
from meshtop.analysis.authorization.call import JudgedCall
from meshtop.analysis.authorization.decision import AccessVerdict, decide_call
from meshtop.analysis.authorization.policies import AuthorizationConfig, MeshPolicySettings
from meshtop.model.kube import ConfigObject
from tests.analysis.security.mtls.objects import config

NOW = 1_790_000_000.0
WEB = "cluster.local/ns/shop/sa/web"
SETTINGS = MeshPolicySettings(trust_domains=("cluster.local",))


def policy(name: str = "p", namespace: str = "shop", **spec: Any) -> ConfigObject:
    return config("AuthorizationPolicy", namespace, name, spec, group="security.istio.io")


def tokens(name: str = "jwt", **spec: Any) -> ConfigObject:
    return config("RequestAuthentication", "shop", name, spec, group="security.istio.io")


def point(enforcer: Enforcer = Enforcer.SIDECAR, **labels: str) -> EnforcementPoint:
    return EnforcementPoint(enforcer=enforcer, namespace="shop", name="api", labels=labels or {"app": "api"})


def call(**told: Any) -> JudgedCall:
    """A whole call, of which nothing is missing but what is set to UNTOLD."""
    fields: dict[str, Any] = {
        "protocol": "http",
        "principal": WEB,
        "source_ip": "10.0.0.1",
        "remote_ip": "10.0.0.1",
        "destination_ip": "10.0.0.2",
        "port": 8080,
        "method": "GET",
        "path": "/",
        "host": "api.shop.svc.cluster.local",
        "headers": {},
        "claims": None,
        "sni": None,
    }
    return JudgedCall(**(fields | told))


def judge(
    *objects: ConfigObject,
    of: JudgedCall | None = None,
    at: EnforcementPoint | None = None,
    settings: MeshPolicySettings = SETTINGS,
) -> AccessVerdict:
    return decide_call(AuthorizationConfig(objects, settings), at or point(), of or call(), now=NOW)


def source(**fields: list[str]) -> dict[str, Any]:
    return {"from": [{"source": fields}]}


def operation(**fields: list[str]) -> dict[str, Any]:
    return {"to": [{"operation": fields}]}


def when(key: str, *values: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"when": [{"key": key, "values": list(values), "notValues": list(without)}]}
