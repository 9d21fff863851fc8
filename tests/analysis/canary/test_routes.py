"""Weighted routes read from objects, and the patches that shift them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.canary.routes import WeightedRoute, parse_route, weighted_routes
from meshtop.analysis.canary.weights import apportion, new_weights, parse_targets, weight_patch
from meshtop.model.kube import ConfigObject, Meta


def obj(kind: str, spec: dict[str, Any], *, name: str = "reviews", namespace: str = "shop") -> ConfigObject:
    group = "networking.istio.io" if kind == "VirtualService" else "gateway.networking.k8s.io"
    meta = Meta(name=name, namespace=namespace, resource_version="41")
    return ConfigObject(group=group, version="v1", kind=kind, meta=meta, spec=spec)


def virtual_service(*weights: int | None, protocol: str = "http") -> ConfigObject:
    route = []
    for index, weight in enumerate(weights, start=1):
        element: dict[str, Any] = {"destination": {"host": "reviews", "subset": f"v{index}"}}
        if weight is not None:
            element["weight"] = weight
        route.append(element)
    return obj("VirtualService", {"hosts": ["reviews"], protocol: [{"route": route, "retries": {"attempts": 3}}]})


def route_of(source: ConfigObject) -> WeightedRoute:
    (route,) = weighted_routes("east", {source.kind: [source]})
    return route


def apply(document: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """JSON Patch as RFC 6902 says, for the operations that are used."""
    result = copy.deepcopy(document)
    for operation in patch:
        *parents, last = operation["path"].split("/")[1:]
        at: Any = result
        for part in parents:
            at = at[int(part)] if isinstance(at, list) else at[part]
        key: Any = int(last) if isinstance(at, list) else last
        if operation["op"] == "test":
            assert at[key] == operation["value"]
        elif operation["op"] == "remove":
            del at[key]
        else:
            assert operation["op"] == "add" or key in at
            at[key] = operation["value"]
    return result


def document_of(source: ConfigObject) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": source.meta.resource_version}, "spec": copy.deepcopy(source.spec)}


def test_a_virtual_services_shares_are_weight_over_sum() -> None:
    route = route_of(virtual_service(550, 500))
    assert [d.share for d in route.destinations] == [550 / 1050, 500 / 1050]
    assert [d.name for d in route.destinations] == ["v1", "v2"]
    assert route.destinations[0].host == "reviews.shop.svc.cluster.local"
    assert route.label == "shop/reviews#0"
    assert route.identity == "east/shop/reviews#0"


def test_absent_weights_are_0_in_istio_and_1_in_gateway_api() -> None:
    assert [d.share for d in route_of(virtual_service(None, 30)).destinations] == [0.0, 1.0]
    backends = [{"name": "a", "port": 80}, {"name": "b", "port": 80, "weight": 3}]
    http = obj(
        "HTTPRoute", {"parentRefs": [{"kind": "Service", "name": "reviews"}], "rules": [{"backendRefs": backends}]}
    )
    route = route_of(http)
    assert [d.share for d in route.destinations] == [0.25, 0.75]
    assert route.hosts == ("reviews.shop.svc.cluster.local",)
    assert route.label == "httproute/shop/reviews#0"


def test_a_route_with_one_destination_has_no_weights_to_shift() -> None:
    assert weighted_routes("east", {"VirtualService": [virtual_service(100)]}) == []


def test_destinations_of_one_name_are_told_apart() -> None:
    backends = [{"name": "a", "port": 80}, {"name": "a", "port": 81}, {"name": "b", "port": 80}]
    route = route_of(obj("TCPRoute", {"rules": [{"backendRefs": backends}]}))
    assert [d.name for d in route.destinations] == ["a:80", "a:81", "b"]


@pytest.mark.parametrize(
    ("text", "kind", "route"),
    [
        ("shop/reviews", "VirtualService", None),
        ("shop/reviews#canary", "VirtualService", "canary"),
        ("httproute/shop/reviews", "HTTPRoute", None),
        ("GRPCRoute/shop/reviews#1", "GRPCRoute", "1"),
    ],
)
def test_routes_are_named(text: str, kind: str, route: str | None) -> None:
    reference = parse_route(text)
    assert (reference.kind, reference.namespace, reference.name, reference.route) == (kind, "shop", "reviews", route)


@pytest.mark.parametrize("text", ["reviews", "a/b/c", "/reviews", "shop/", "podroute/shop/reviews", ""])
def test_what_names_no_route_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a route"):
        parse_route(text)


def test_those_not_named_keep_their_proportions_of_what_is_left() -> None:
    route = route_of(virtual_service(60, 30, 10))
    assert new_weights(route, {"v3": 40}) == (40, 20, 40)
    assert new_weights(route, {"v1": 100}) == (100, 0, 0)
    assert new_weights(route_of(virtual_service(100, 0)), {"v1": 80}) == (80, 20)


@pytest.mark.parametrize(
    ("weights", "wanted", "message"),
    [
        ((80, 20), {"v9": 20}, "has no destination v9; it has v1, v2"),
        ((80, 20), {"v1": 60, "v2": 60}, "add up to 120"),
        ((80, 20), {"v1": 60, "v2": 30}, "all destinations are named, so make it 100"),
        ((80, 20), {"v1": 101}, "whole percent"),
        ((100, 0, 0), {"v1": 80}, "v2, v3 have 0: name who gets it"),
    ],
)
def test_weights_that_make_no_sense(weights: tuple[int, ...], wanted: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_weights(route_of(virtual_service(*weights)), wanted)


@pytest.mark.parametrize("text", ["v3", "v3=", "=20", "v3=-1", "v3=1.5", "v3=20,v3=30"])
def test_targets_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError):
        parse_targets(text)


def test_targets() -> None:
    assert parse_targets("v2=80, v3=20") == {"v2": 80, "v3": 20}


@given(st.integers(0, 1000), st.lists(st.floats(0.001, 1000), min_size=1, max_size=8))
def test_apportioning_loses_nothing_and_is_off_by_less_than_one(total: int, parts: list[float]) -> None:
    result = apportion(total, parts)
    assert sum(result) == total
    assert all(abs(got - total * part / sum(parts)) < 1 for got, part in zip(result, parts, strict=True))


WEIGHTS = st.lists(st.one_of(st.none(), st.integers(0, 200)), min_size=2, max_size=5)


@given(WEIGHTS, st.data())
def test_a_patch_sets_the_weights_and_changes_nothing_else(written: list[int | None], data: st.DataObject) -> None:
    source = virtual_service(*written)
    document = document_of(source)
    new = data.draw(st.lists(st.integers(0, 100), min_size=len(written), max_size=len(written)))
    patched = apply(document, weight_patch(route_of(source), new))
    elements = patched["spec"]["http"][0]["route"]
    assert [e["weight"] for e in elements] == new
    for element, before in zip(elements, document["spec"]["http"][0]["route"], strict=True):
        assert element["destination"] == before["destination"]
    assert patched["spec"]["http"][0]["retries"] == {"attempts": 3}


@given(WEIGHTS, st.data())
def test_taking_back_restores_exactly_what_was_written(written: list[int | None], data: st.DataObject) -> None:
    source = virtual_service(*written)
    new = data.draw(st.lists(st.integers(0, 100), min_size=len(written), max_size=len(written)))
    shifted = apply(document_of(source), weight_patch(route_of(source), new))
    after = ConfigObject(group=source.group, version="v1", kind=source.kind, meta=source.meta, spec=shifted["spec"])
    assert apply(shifted, weight_patch(route_of(after), written)) == document_of(source)


def test_a_patch_fails_on_an_object_that_changed() -> None:
    source = virtual_service(80, 20)
    patch = weight_patch(route_of(source), (50, 50))
    changed = document_of(virtual_service(70, 30))
    with pytest.raises(AssertionError):
        apply(changed, patch)
    newer = document_of(source)
    newer["metadata"]["resourceVersion"] = "42"
    with pytest.raises(AssertionError):
        apply(newer, patch)


@pytest.mark.conformance
def test_bookinfo_and_gateway_samples(shared_data: Path) -> None:
    def read(path: Path) -> list[WeightedRoute]:
        config: dict[str, list[ConfigObject]] = {}
        for document in yaml.safe_load_all(path.read_text()):
            if document:
                meta = document["metadata"]
                one = obj(
                    document["kind"],
                    document.get("spec", {}),
                    name=meta["name"],
                    namespace=meta.get("namespace", "default"),
                )
                config.setdefault(one.kind, []).append(one)
        return weighted_routes("east", config)

    (reviews,) = read(shared_data / "samples/bookinfo/networking/virtual-service-reviews-80-20.yaml")
    assert [(d.name, d.weight) for d in reviews.destinations] == [("v1", 80), ("v2", 20)]
    weighted = read(shared_data / "gateway-api-conversion/weighted.yaml")
    http = next(r for r in weighted if r.kind == "HTTPRoute")
    assert [(d.name, d.weight, d.share) for d in http.destinations] == [
        ("httpbin", 2, 0.4),
        ("httpbin-other", 3, 0.6),
        ("httpbin-zero", 0, 0.0),
    ]
