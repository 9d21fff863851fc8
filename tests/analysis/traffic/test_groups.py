"""A group is not its worst member: how many of what, and what share of the requests."""

from __future__ import annotations

import pytest

from meshtop.analysis.traffic.groups import GroupMember, group_health
from meshtop.model.state import Health, HealthStatus


def members(**counts: int) -> list[GroupMember]:
    """So many members of each status, each asked 10 requests per second."""
    return [
        GroupMember(f"shop/{status}-{i}", Health(HealthStatus(status)), 0.0 if status == "idle" else 10.0)
        for status, count in counts.items()
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ({}, "idle"),
        ({"idle": 2}, "idle"),
        ({"idle": 1, "healthy": 1}, "healthy"),
        ({"idle": 1, "unknown": 1, "healthy": 1}, "unknown"),
        ({"healthy": 39, "degraded": 1}, "healthy"),
        ({"healthy": 39, "failing": 1}, "healthy"),
        ({"healthy": 36, "degraded": 4}, "degraded"),
        ({"healthy": 36, "failing": 4}, "degraded"),
        ({"healthy": 2, "failing": 2}, "failing"),
        ({"idle": 9, "failing": 1}, "failing"),
        ({"healthy": 39, "unknown": 1}, "healthy"),
    ],
)
def test_the_health_of_a_group(counts: dict[str, int], status: str) -> None:
    assert group_health(members(**counts)).status == status


def test_it_says_how_many_of_what_and_the_share_of_requests() -> None:
    found = group_health(members(healthy=35, degraded=4, failing=1))
    assert found.reasons == (
        "1 of 40 workloads fails (shop/failing-0), 2.5 % of requests",
        "4 of 40 workloads are degraded"
        " (shop/degraded-0, shop/degraded-1, shop/degraded-2 and 1 more), 10 % of requests",
    )
    assert group_health(members(healthy=39, degraded=1)).reasons == (
        "1 of 40 workloads is degraded (shop/degraded-0), 2.5 % of requests",
    ), "healthy, and it says what is not"


def test_one_that_carries_the_traffic_is_the_group() -> None:
    busy = GroupMember("shop/catalog", Health(HealthStatus.FAILING), 1000.0)
    assert group_health([*members(healthy=39), busy]).status is HealthStatus.FAILING


def test_one_of_two_that_hardly_anybody_asks_is_no_outage() -> None:
    quiet = GroupMember("shop/report", Health(HealthStatus.FAILING), 0.1)
    assert group_health([*members(healthy=1), quiet]).status is HealthStatus.DEGRADED
