from __future__ import annotations

from typing import Any

import pytest

from meshtop.demo.kube.store import KubeStore
from meshtop.demo.world.world import World
from tests.demo.world.worlds import Clock, filled, make, rates

Json = dict[str, Any]
NETWORKING = "networking.istio.io"


@pytest.fixture
def shop() -> tuple[World, Clock, KubeStore]:
    world, clock = make("calm")
    return world, clock, filled(world, "us-east")


def _edit(store: KubeStore, group: str, kind: str, namespace: str, name: str, **spec: Any) -> None:
    obj = store.get(group, kind, namespace, name)
    assert obj is not None
    obj["spec"].update(spec)
    store.put(obj)


def _reviews(world: World, by: str = "destination_version", cluster: str = "us-east") -> dict[str, float]:
    found = rates(
        world, cluster, "istio_requests_total", (by,), window=60,
        where=lambda labels: labels["reporter"] == "source" and labels["destination_service_name"] == "reviews",
    )  # fmt: skip
    return {key[0]: rate for key, rate in found.items() if rate}


def _weights(v2: int, v3: int) -> list[Json]:
    host = "reviews.shop.svc.cluster.local"
    return [{"route": [{"destination": {"host": host, "subset": s}, "weight": w} for s, w in (("v2", v2), ("v3", v3))]}]


def test_the_split_moves_when_the_weight_has_propagated(shop: tuple[World, Clock, KubeStore]) -> None:
    world, clock, store = shop
    before = _reviews(world)
    assert before["v3"] / sum(before.values()) == pytest.approx(0.2, abs=0.02)
    _edit(store, NETWORKING, "VirtualService", "shop", "reviews", http=_weights(40, 60))
    clock.now += 1
    assert _reviews(world) == pytest.approx(before, rel=0.1)
    clock.now += 75
    after = _reviews(world)
    assert after["v3"] / sum(after.values()) == pytest.approx(0.6, abs=0.02)
    west = _reviews(world, cluster="eu-west")
    assert west["v3"] / sum(west.values()) == pytest.approx(0.2, abs=0.02)


def test_history_keeps_the_old_split(shop: tuple[World, Clock, KubeStore]) -> None:
    world, clock, store = shop
    moment = clock.now
    _edit(store, NETWORKING, "VirtualService", "shop", "reviews", http=_weights(0, 100))
    clock.now += 600
    found = rates(
        world, "us-east", "istio_requests_total", ("destination_version",), at=moment,
        where=lambda labels: labels["reporter"] == "source" and labels["destination_service_name"] == "reviews",
    )  # fmt: skip
    assert found[("v3",)] / sum(found.values()) == pytest.approx(0.2, abs=0.02)


def test_a_missing_subset_answers_503_nc(shop: tuple[World, Clock, KubeStore]) -> None:
    world, clock, store = shop
    _edit(
        store, NETWORKING, "DestinationRule", "shop", "reviews", subsets=[{"name": "v2", "labels": {"version": "v2"}}]
    )
    clock.now += 80
    flags = _reviews(world, "response_flags")
    assert flags["NC"] / sum(flags.values()) == pytest.approx(0.2, abs=0.02)


def test_a_subset_without_pods_answers_503_uh(shop: tuple[World, Clock, KubeStore]) -> None:
    world, clock, store = shop
    _edit(store, "apps", "Deployment", "shop", "reviews-v3", replicas=0)
    world.clusters["us-east"].reconcile()
    # The other cluster of the mesh still has pods of v3, and takes the traffic over.
    clock.now += 80
    assert _reviews(world, "destination_cluster").keys() == {"us-east", "eu-west"}
    west = filled(world, "eu-west")
    _edit(west, "apps", "Deployment", "shop", "reviews-v3", replicas=0)
    clock.now += 80
    flags = _reviews(world, "response_flags")
    assert flags["UH"] / sum(flags.values()) == pytest.approx(0.2, abs=0.02)
    assert not [s for s in world.clusters["us-east"].metrics.targets() if s["labels"]["pod"].startswith("reviews-v3-")]


def test_controllers_follow_the_wanted_replicas(shop: tuple[World, Clock, KubeStore]) -> None:
    world, _, store = shop
    asked: list[bool] = []
    cluster = world.clusters["us-east"]
    cluster.on_work = lambda: asked.append(True)

    def pods() -> int:
        return sum(
            p["metadata"]["labels"].get("version") == "v3" and p["metadata"]["labels"]["app"] == "reviews"
            for p in store.list("", "Pod", "shop")
        )

    def endpoints() -> int:
        listed = store.list("discovery.k8s.io", "EndpointSlice", "shop")
        return next(
            len(s["endpoints"]) for s in listed if s["metadata"]["labels"]["kubernetes.io/service-name"] == "reviews"
        )

    for wanted in (0, 5, 2):
        _edit(store, "apps", "Deployment", "shop", "reviews-v3", replicas=wanted)
        cluster.reconcile()
        deployment = store.get("apps", "Deployment", "shop", "reviews-v3")
        assert deployment is not None
        assert (pods(), endpoints(), deployment["status"]["readyReplicas"]) == (wanted, 6 + wanted, wanted)
    assert asked


def test_strict_keeps_plaintext_clients_out(shop: tuple[World, Clock, KubeStore]) -> None:
    world, clock, store = shop

    def plaintext() -> float:
        found = rates(
            world,
            "us-east",
            "istio_requests_total",
            ("destination_service_name", "connection_security_policy"),
            window=60,
        )
        return found.get(("catalog", "none"), 0.0)

    assert plaintext() > 0
    store.put({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "shop"}, "spec": {"mtls": {"mode": "STRICT"}},
    })  # fmt: skip
    clock.now += 80
    assert plaintext() == 0


def test_tls_turned_off_toward_strict_breaks(shop: tuple[World, Clock, KubeStore]) -> None:
    world, clock, store = shop
    _edit(store, NETWORKING, "DestinationRule", "checkout", "payments", trafficPolicy={"tls": {"mode": "DISABLE"}})
    clock.now += 80
    found = rates(
        world, "us-east", "istio_requests_total", ("response_code", "response_flags"), window=60,
        where=lambda labels: labels["destination_service_name"] == "payments",
    )  # fmt: skip
    assert {key for key, rate in found.items() if rate} == {("503", "UF")}


def test_a_route_of_the_gateway_api_is_obeyed_through_the_waypoint(shop: tuple[World, Clock, KubeStore]) -> None:
    world, clock, store = shop
    backends = [
        {"group": "", "kind": "Service", "name": f"offers-{v}", "port": 8080, "weight": w}
        for v, w in (("v1", 1), ("v2", 3))
    ]
    _edit(store, "gateway.networking.k8s.io", "HTTPRoute", "loyalty", "offers", rules=[{"backendRefs": backends}])
    clock.now += 80
    found = rates(
        world, "us-east", "istio_requests_total", ("destination_version",), window=60,
        where=lambda labels: labels["reporter"] == "waypoint" and labels["destination_service_name"] == "offers",
    )  # fmt: skip
    assert found[("v2",)] / sum(found.values()) == pytest.approx(0.75, abs=0.06)
