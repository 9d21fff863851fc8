"""Every world of the demo in every scenario: its objects are accepted, and its telemetry speaks of what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from meshtop.demo.accounts import accounts_of
from meshtop.demo.kube.access import Attributes
from meshtop.demo.kube.admission import check_mesh_rules, fill_in
from meshtop.demo.kube.bodies import check_name
from meshtop.demo.kube.schema import validate
from meshtop.demo.kube.status import ApiError
from meshtop.demo.kube.store import KubeStore
from meshtop.demo.world.plan import Options, Plan
from meshtop.demo.world.scenarios import SCENARIOS
from meshtop.demo.world.world import World
from meshtop.demo.world.worlds.registry import USUAL, WORLDS, world_named
from tests.demo.world.worlds import filled, make, rates

METRICS = ("istio_requests_total", "istio_tcp_connections_opened_total")


def admitted(store: KubeStore) -> Iterator[tuple[str, str]]:
    """What the simulated server would not let anybody create as it is: the object, and why."""
    for resource in store.resources():
        for entry in store.snapshot(resource, None)[1]:  # type: ignore[index]
            obj = json.loads(json.dumps(entry.object))
            name = f"{resource.kind} {obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"
            try:
                check_name(resource, obj)
                fill_in(resource, obj)
                check_mesh_rules(resource, obj)
            except ApiError as error:
                yield name, str(error)
            schema = resource.schemas.get(obj["apiVersion"].rpartition("/")[2])
            for problem in validate(obj, schema) if schema else ():
                yield name, str(problem)


@pytest.mark.parametrize("world", WORLDS)
def test_every_world_is_accepted_in_every_scenario(world: str) -> None:
    for scenario in SCENARIOS:
        made, _ = make(scenario, Options(world=world, clusters=2, services=6))
        for name in made.clusters:
            assert list(admitted(filled(made, name))) == [], (scenario, name)
            assert any(True for _ in made.clusters[name].metrics.select("pilot_xds")) == bool(
                made.plan.served(made.clusters[name].plan)
            ), (scenario, name)


@pytest.mark.parametrize("world", WORLDS)
def test_telemetry_names_workloads_that_exist(world: str) -> None:
    made, _ = make("everyday", Options(world=world))
    known = set()
    for name in made.clusters:
        store = filled(made, name)
        groups = [("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet")]
        groups += [("networking.istio.io", "WorkloadGroup")]
        groups += [("argoproj.io", "Rollout")] if WORLDS[world].owners else []
        for group, kind in groups:
            known |= {(name, o["metadata"]["namespace"], o["metadata"]["name"]) for o in store.list(group, kind)}
    for name in made.clusters:
        for side in ("source", "destination"):
            by = (f"{side}_cluster", f"{side}_workload_namespace", f"{side}_workload")
            for metric in METRICS:
                for peer in rates(made, name, metric, by):
                    assert peer in known or peer == ("unknown", "unknown", "unknown"), peer


@pytest.mark.parametrize("world", WORLDS)
def test_no_two_series_of_a_world_are_the_same(world: str) -> None:
    made, _ = make("calm", Options(world=world))
    for name, cluster in made.clusters.items():
        for metric in (*METRICS, "pilot_xds", "istio_agent_cert_expiry_seconds"):
            labels = [frozenset(series.labels.items()) for series in cluster.metrics.select(metric)]
            assert len(labels) == len(set(labels)), (name, metric)


def text_of(world: World) -> str:
    """All objects and all labels of a world."""
    found: list[Any] = []
    for cluster in world.clusters.values():
        found += cluster.inventory.objects()
        found += [dict(series.labels) for name in METRICS for series in cluster.metrics.select(name)]
    return json.dumps(found)


def test_nothing_in_a_world_of_its_own_names_has_istios_default_names() -> None:
    made, _ = make("everyday", Options(world="own-root"))
    text = text_of(made)
    assert "istio-system" not in text
    assert "cluster.local" not in text


def test_nothing_says_a_mesh_id_where_nobody_gave_one() -> None:
    made, _ = make("everyday", Options(world="no-mesh-id"))
    text = text_of(made)
    assert "meshId" not in text
    assert "meshID" not in text


def test_an_istiod_serves_the_clusters_without_one() -> None:
    remote, external = Plan(Options(world="primary-remote")), Plan(Options(world="external"))
    east, west, prem = remote.clusters
    assert remote.served(east) == (east, west)
    assert remote.served(west) == ()
    assert remote.served(prem) == (prem,)
    host = external.cluster("control")
    assert [c.name for c in external.served(host)] == ["us-east", "eu-west"]
    assert external.workloads(host) == ()


def test_a_change_in_the_primary_reaches_the_remote_cluster_and_one_there_nobody() -> None:
    made, clock = make("calm", Options(world="primary-remote"))
    stores = {name: filled(made, name) for name in ("us-east", "eu-west")}

    def mine(labels: dict[str, str]) -> bool:
        return (labels["reporter"], labels["destination_service_name"]) == ("source", "reviews")

    def v3() -> float:
        found = rates(made, "eu-west", METRICS[0], ("destination_version",), window=60.0, where=mine)
        return found.get(("v3",), 0.0) / sum(found.values())

    assert v3() == pytest.approx(0.2, abs=0.02)
    route = stores["us-east"].get("networking.istio.io", "VirtualService", "shop", "reviews")
    assert route is not None
    for weighted, weight in zip(route["spec"]["http"][0]["route"], (0, 100), strict=True):
        weighted["weight"] = weight
    stores["eu-west"].put(route)
    clock.now += 120
    assert v3() == pytest.approx(0.2, abs=0.02)
    stores["us-east"].put(route)
    clock.now += 120
    assert v3() == pytest.approx(1.0, abs=0.01)


def test_the_user_of_one_namespace_may_do_nothing_elsewhere() -> None:
    plan = Plan(Options(world="one-namespace"))
    for cluster in plan.clusters:
        user = accounts_of(plan, cluster)[0]
        inside = user.may(Attributes("list", "", "pods", "", "shop"))
        assert inside == (cluster.mesh.template == "prod")
        for request in (
            Attributes("list", "", "pods", "", "checkout"),
            Attributes("list", "", "pods"),
            Attributes("list", "", "secrets", "", "shop"),
            Attributes("list", "", "namespaces"),
            Attributes("get", "", "services", "proxy", "istio-system", "prometheus:9090"),
        ):
            assert not user.may(request), request
            with pytest.raises(ApiError, match="is forbidden"):
                user.check(request)


def test_an_unknown_world_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"--world atlantis.*primary-remote, external, no-mesh-id"):
        world_named("atlantis")


@pytest.mark.parametrize("world", ["primary-remote", "external"])
def test_a_world_of_several_clusters_is_not_made_of_one(world: str) -> None:
    with pytest.raises(ValueError, match=f"--world {world} takes 2 clusters"):
        Plan(Options(world=world, clusters=1))


def test_the_usual_world_comes_first_and_each_has_its_line() -> None:
    assert next(iter(WORLDS)) == USUAL == Options().world
    assert all(world.line and name == world.name for name, world in WORLDS.items())
