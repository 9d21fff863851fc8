from __future__ import annotations

import pytest

from meshtop.demo.world.plan import Options, Plan
from meshtop.demo.world.world import World
from tests.demo.world.worlds import NOON, filled, make, rates


def _everything(world: World, cluster: str) -> dict[frozenset[tuple[str, str]], tuple[float, ...]]:
    end = int(world.clock() * 1000)
    return {
        frozenset(series.labels.items()): tuple(series.samples(end - 60_000, end)[1])
        for series in world.clusters[cluster].metrics.select(None)
    }


def test_the_same_seed_gives_the_same_world_at_the_same_moment() -> None:
    one, _ = make("everyday")
    other, clock = make("everyday", now=NOON)
    for name in one.clusters:
        assert _everything(one, name) == _everything(other, name)
        assert list(one.clusters[name].inventory.objects()) == list(other.clusters[name].inventory.objects())
    clock.now += 15
    assert _everything(one, "us-east") != _everything(other, "us-east")


def test_a_world_that_began_earlier_counts_the_same() -> None:
    early, clock = make("calm", now=NOON - 3600)
    early.clusters["eu-west"].metrics.select("up")
    clock.now = NOON
    late, _ = make("calm", now=NOON)
    by = ("source_workload", "destination_workload", "response_code", "reporter")
    assert rates(early, "eu-west", "istio_requests_total", by) == rates(late, "eu-west", "istio_requests_total", by)


def test_another_seed_gives_other_traffic() -> None:
    one, _ = make("calm", Options(seed=1))
    other, _ = make("calm", Options(seed=2))
    by = ("source_workload", "destination_workload")
    assert rates(one, "us-east", "istio_requests_total", by) != rates(other, "us-east", "istio_requests_total", by)


def test_no_two_series_are_the_same() -> None:
    world, _ = make("everyday")
    for name, cluster in world.clusters.items():
        labels = [frozenset(series.labels.items()) for series in cluster.metrics.select(None)]
        assert len(labels) == len(set(labels)), name


def test_three_clusters_in_two_meshes_by_default() -> None:
    plan = Plan(Options())
    assert [(c.name, c.mesh.name) for c in plan.clusters] == [
        ("us-east", "prod"),
        ("eu-west", "prod"),
        ("on-prem", "legacy"),
    ]
    assert len({s.name for c in plan.clusters for s in plan.here(c)}) >= 25


@pytest.mark.parametrize(("clusters", "services"), [(1, 5), (2, 40), (7, 120), (50, 400)])
def test_the_world_scales_as_asked(clusters: int, services: int) -> None:
    world, _ = make("calm", Options(clusters=clusters, services=services))
    assert len(world.clusters) == clusters
    last = list(world.clusters.values())[-1]
    assert abs(len(world.plan.here(last.plan)) - services) <= 2


def test_a_small_world_has_traffic() -> None:
    world, _ = make("everyday", Options(clusters=1, services=3))
    assert rates(world, "us-east", "istio_requests_total", ("destination_service_name",))[("storefront",)] > 50


@pytest.mark.parametrize("options", [Options(clusters=0), Options(clusters=1000), Options(services=0)])
def test_impossible_sizes_are_refused(options: Options) -> None:
    with pytest.raises(ValueError, match="choose"):
        make("calm", options)


def test_every_telemetry_workload_exists_in_its_cluster() -> None:
    world, _ = make("everyday")
    known = set()
    for name in world.clusters:
        store = filled(world, name)
        for kind in ("Deployment", "StatefulSet", "DaemonSet"):
            known |= {(name, o["metadata"]["namespace"], o["metadata"]["name"]) for o in store.list("apps", kind)}
        groups = store.list("networking.istio.io", "WorkloadGroup")
        known |= {(name, o["metadata"]["namespace"], o["metadata"]["name"]) for o in groups}
    for name in world.clusters:
        for side in ("source", "destination"):
            by = (f"{side}_cluster", f"{side}_workload_namespace", f"{side}_workload")
            for metric in ("istio_requests_total", "istio_tcp_connections_opened_total"):
                for peer in rates(world, name, metric, by):
                    assert peer in known or peer == ("unknown", "unknown", "unknown"), peer
