"""Which objects shape a service: by host, by reference, by selector, by place."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.analysis.visibility.shaping import ConfigTarget, applicable_config
from meshtop.model.kube import ConfigObject, Inventory, Meta

REVIEWS = ConfigTarget(
    namespace="shop",
    service="reviews",
    hosts=("reviews.shop.svc.cluster.local",),
    workloads=({"app": "reviews", "version": "v1"}, {"app": "reviews", "version": "v2"}),
)


def config(kind: str, spec: dict[str, Any], namespace: str = "shop", name: str = "one") -> Inventory:
    obj = ConfigObject(group="g", version="v1", kind=kind, meta=Meta(name=name, namespace=namespace), spec=spec)
    return Inventory(config={kind: (obj,)})


def selector(**labels: str) -> dict[str, Any]:
    return {"selector": {"matchLabels": labels}}


@pytest.mark.parametrize(
    ("kind", "spec", "namespace", "why"),
    [
        ("VirtualService", {"hosts": ["reviews"]}, "shop", "routes reviews"),
        ("VirtualService", {"hosts": ["reviews"]}, "other", ""),
        ("VirtualService", {"hosts": ["REVIEWS.shop.svc.cluster.local"]}, "other",
         "routes REVIEWS.shop.svc.cluster.local"),
        ("VirtualService", {"hosts": ["*.shop.svc.cluster.local"]}, "other", "routes *.shop.svc.cluster.local"),
        ("VirtualService", {"hosts": ["www.example"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]},
         "shop", "sends www.example here"),
        ("VirtualService", {"hosts": ["www.example"], "http": [{"route": [{"destination": {"host": "ratings"}}]}]},
         "shop", ""),
        ("DestinationRule", {"host": "reviews"}, "shop", "for reviews"),
        ("DestinationRule", {"host": "ratings"}, "shop", ""),
        ("ServiceEntry", {"hosts": ["api.example"]}, "shop", ""),
        ("HTTPRoute", {"parentRefs": [{"kind": "Service", "name": "reviews"}]}, "shop", "routes its requests"),
        ("HTTPRoute", {"parentRefs": [{"kind": "Gateway", "name": "reviews"}]}, "shop", ""),
        ("GRPCRoute", {"rules": [{"backendRefs": [{"name": "reviews"}]}]}, "shop", "sends traffic here"),
        ("HTTPRoute", {"rules": [{"backendRefs": [{"name": "reviews"}]}]}, "other", ""),
        ("HTTPRoute", {"rules": [{"backendRefs": [{"name": "reviews", "namespace": "shop"}]}]}, "other",
         "sends traffic here"),
        ("PeerAuthentication", {}, "shop", "for the namespace"),
        ("PeerAuthentication", {}, "istio-system", "for the whole mesh"),
        ("PeerAuthentication", {}, "other", ""),
        ("PeerAuthentication", selector(version="v2"), "shop", "selects it"),
        ("PeerAuthentication", selector(version="v3"), "shop", ""),
        ("AuthorizationPolicy", selector(app="reviews"), "istio-system", "selects it"),
        ("AuthorizationPolicy", {"targetRefs": [{"kind": "Service", "name": "reviews"}]}, "shop", "names it"),
        ("AuthorizationPolicy", {"targetRefs": [{"kind": "Service", "name": "ratings"}]}, "shop", ""),
        ("AuthorizationPolicy", {"targetRef": {"kind": "Gateway", "name": "reviews"}}, "shop", ""),
        ("WorkloadGroup", {"host": "reviews"}, "shop", ""),
    ],
)  # fmt: skip
def test_what_shapes_a_service(kind: str, spec: dict[str, Any], namespace: str, why: str) -> None:
    found = applicable_config(config(kind, spec, namespace), REVIEWS, root_namespace="istio-system")
    assert [one.why for one in found] == ([why] if why else [])
    assert all((one.kind, one.namespace, one.name) == (kind, namespace, "one") for one in found)


@pytest.mark.parametrize("spec", [{"hosts": "reviews"}, {"hosts": None, "http": "x"}, {"http": [None, {"route": 3}]}])
def test_odd_specs_shape_nothing(spec: dict[str, Any]) -> None:
    assert applicable_config(config("VirtualService", spec), REVIEWS, root_namespace="istio-system") == ()


def test_another_root_namespace() -> None:
    inventory = config("PeerAuthentication", {}, "mesh-root")
    assert applicable_config(inventory, REVIEWS, root_namespace="istio-system") == ()
    assert [one.why for one in applicable_config(inventory, REVIEWS, root_namespace="mesh-root")] == [
        "for the whole mesh"
    ]
