"""AuthorizationPolicies as the demo's proxies enforce them."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.demo.world.authorization import Request, applying, at_waypoint, permitted
from meshtop.demo.world.sight import exported, imports, registry_only, sidecar_of

WEB = "cluster.local/ns/shop/sa/web"


def source(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"from": [{"source": fields}]}]}


def operation(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"to": [{"operation": fields}]}]}


@pytest.mark.parametrize(
    ("spec", "principal", "http", "passes"),
    [
        ({}, WEB, True, False),
        ({"action": "DENY"}, WEB, True, True),
        ({"rules": [{}]}, None, True, True),
        ({"action": "DENY", "rules": [{}]}, WEB, True, False),
        ({"action": "AUDIT", "rules": [{}]}, WEB, True, True),
        (source(namespaces=["shop"]), WEB, True, True),
        (source(namespaces=["shop"]), None, True, False),
        (source(notNamespaces=["shop"]), WEB, True, False),
        (source(principals=["cluster.local/ns/shop/*"]), WEB, True, True),
        (source(principals=["*"]), None, True, False),
        (source(serviceAccounts=["shop/web"]), WEB, True, True),
        (source(requestPrincipals=["*"]), WEB, True, False),
        (source(notRequestPrincipals=["*"]), WEB, True, True),
        (operation(methods=["GET"], ports=["80"]), WEB, True, True),
        (operation(methods=["PUT"]), WEB, True, False),
        (operation(methods=["GET"]), WEB, False, False),
        ({"action": "DENY", **operation(methods=["PUT"])}, WEB, False, False),
        ({"rules": [{"when": [{"key": "source.namespace", "values": ["shop"]}]}]}, WEB, True, True),
        ({"rules": [{"when": [{"key": "request.auth.claims[x]", "values": ["y"]}]}]}, WEB, True, False),
    ],
)
def test_what_passes(spec: dict[str, Any], principal: str | None, http: bool, passes: bool) -> None:
    assert permitted([spec], Request(principal, 80, "api", http=http)) is passes


def test_where_policies_apply() -> None:
    own: dict[str, Any] = {"action": "ALLOW"}
    root: dict[str, Any] = {"action": "DENY"}
    far: dict[str, Any] = {"action": "AUDIT"}
    picky: dict[str, Any] = {"selector": {"matchLabels": {"app": "other"}}}
    bound: dict[str, Any] = {"targetRefs": [{"kind": "Service", "name": "api"}]}
    everywhere = [("shop", own), ("root", root), ("far", far), ("shop", picky), ("shop", bound)]
    assert applying(everywhere, "shop", {"app": "api"}, "root") == [own, root]
    assert at_waypoint(everywhere, "shop", "api", "waypoint") == [bound]
    assert at_waypoint(everywhere, "shop", "web", "waypoint") == []


def test_what_a_sidecar_imports() -> None:
    own: dict[str, Any] = {"workloadSelector": {"labels": {"app": "web"}}}
    home: dict[str, Any] = {"egress": [{"hosts": ["./*", "data/db.example"]}]}
    root: dict[str, Any] = {"egress": [{"hosts": ["*/*"]}]}
    listed = [("shop", home), ("root", root), ("shop", own)]
    assert sidecar_of(listed, "shop", {"app": "web"}, "root") is own
    assert sidecar_of(listed, "shop", {}, "root") is home
    assert sidecar_of(listed, "other", {}, "root") is root
    assert imports(home, "shop", "shop", "x")
    assert imports(home, "shop", "data", "db.example")
    assert not imports(home, "shop", "data", "x")
    assert imports(None, "shop", "data", "x")
    assert registry_only({"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}, False)
    assert registry_only(home, True)
    assert [exported(to, "shop", "web") for to in ([], ["*"], ["."], ["web"], ["~"])] == [
        True,
        True,
        False,
        True,
        False,
    ]
