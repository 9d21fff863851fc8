from __future__ import annotations

from collections import defaultdict

import pytest

from tests.demo.world.worlds import make, rates

EDGE = (
    "source_cluster",
    "source_workload",
    "destination_cluster",
    "destination_workload",
    "destination_service",
    "response_code",
)


def _edges(reporter: str, metric: str = "istio_requests_total") -> dict[tuple[str, ...], float]:
    world, _ = make("calm")
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for name in world.clusters:
        for key, rate in rates(world, name, metric, ("reporter", *EDGE)).items():
            if key[0] == reporter:
                found[key[1:]] += rate
    return dict(found)


def test_both_ends_count_the_same_requests() -> None:
    source, destination = _edges("source"), _edges("destination")
    both = source.keys() & destination.keys()
    assert len(both) > 60
    for edge in both:
        # The two ends are scraped at different moments, and counters are integers.
        assert source[edge] == pytest.approx(destination[edge], rel=0.08, abs=0.02), edge


def test_each_prometheus_holds_only_its_own_reporters() -> None:
    world, _ = make("everyday")
    crossing = 0
    for name in world.clusters:
        for reporter, source, destination in rates(
            world, name, "istio_requests_total", ("reporter", "source_cluster", "destination_cluster")
        ):
            assert {"source": source, "destination": destination, "waypoint": destination}[reporter] == name
            crossing += source != destination and "unknown" not in (source, destination)
    assert crossing >= 4


def test_crossing_traffic_passes_the_east_west_gateway() -> None:
    world, _ = make("calm")
    found = rates(
        world, "eu-west", "istio_tcp_connections_opened_total", ("reporter", "source_workload", "destination_workload")
    )
    assert found[("source", "istio-eastwestgateway", "inventory-v1")] > 0


def test_the_quirks_of_real_meshes_are_there() -> None:
    world, _ = make("everyday")
    east = rates(
        world,
        "us-east",
        "istio_requests_total",
        ("reporter", "source_workload", "destination_service_name", "connection_security_policy"),
    )
    assert east[("destination", "unknown", "catalog", "none")] > 0
    assert east[("source", "recommendations-v1", "PassthroughCluster", "unknown")] > 0
    assert east[("source", "payments-v4", "api.paybridge.example", "unknown")] > 0
    assert east[("waypoint", "loyalty-api-v1", "offers", "mutual_tls")] > 0
    prem = rates(world, "on-prem", "istio_requests_total", ("destination_service_name", "response_code"))
    assert prem[("BlackHoleCluster", "502")] > 0


def test_machines_are_seen_by_their_peers_only() -> None:
    world, _ = make("calm")
    by = ("reporter", "destination_workload")
    east = rates(world, "us-east", "istio_requests_total", by)
    assert east[("source", "fraud-scoring")] > 0
    assert ("destination", "fraud-scoring") not in east


def test_a_clients_sent_bytes_are_called_received() -> None:
    """istio#32399: TCP names are inverted. The database answers far more than it is asked."""
    world, _ = make("calm")
    by = ("reporter", "destination_workload")
    sent_by_client = rates(world, "us-east", "istio_tcp_received_bytes_total", by)[("source", "postgres")]
    got_by_client = rates(world, "us-east", "istio_tcp_sent_bytes_total", by)[("source", "postgres")]
    assert got_by_client > 4 * sent_by_client > 0


def test_weights_are_what_routes_say() -> None:
    world, _ = make("calm")
    for cluster in ("us-east", "eu-west"):
        found = rates(
            world, cluster, "istio_requests_total", ("destination_version",),
            where=lambda labels: labels["reporter"] == "source" and labels["destination_service_name"] == "reviews",
        )  # fmt: skip
        assert found[("v3",)] / (found[("v2",)] + found[("v3",)]) == pytest.approx(0.2, abs=0.01)
        offers = rates(
            world, cluster, "istio_requests_total", ("destination_version",),
            where=lambda labels: labels["reporter"] == "waypoint" and labels["destination_service_name"] == "offers",
        )  # fmt: skip
        assert offers[("v2",)] / sum(offers.values()) == pytest.approx(0.1, abs=0.01)


def test_rates_are_those_of_a_shop() -> None:
    world, _ = make("calm")
    for cluster, low, high in (("us-east", 900, 5000), ("eu-west", 600, 4000), ("on-prem", 15, 150)):
        total = rates(world, cluster, "istio_requests_total", ("reporter",))[("source",)]
        assert low < total < high
