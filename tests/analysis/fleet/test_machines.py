"""What stands out about virtual machines."""

from __future__ import annotations

import pytest

from meshtop.analysis.fleet.machines import group_findings, is_disconnected, last_seen, machine_findings
from meshtop.model.kube import Meta
from meshtop.model.mesh import VirtualMachine
from tests.analysis.fleet.objects import obj

NOW = 1_000.0


def machine(
    *, healthy: bool | None = None, connected: float | None = None, left: float | None = None, services: bool = True
) -> VirtualMachine:
    return VirtualMachine(
        cluster="a", namespace="shop", name="vm", meta=Meta(name="vm"), workload_group="vms", healthy=healthy,
        connected_at=connected, disconnected_at=left, services=("web",) if services else (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("connected", "left", "away", "seen"),
    [
        (None, None, False, None),
        (10.0, None, False, NOW),
        (10.0, 20.0, True, 20.0),
        (30.0, 20.0, False, NOW),
        (None, 20.0, True, 20.0),
        (20.0, 20.0, True, 20.0),
    ],
)
def test_when_it_was_seen_last(connected: float | None, left: float | None, away: bool, seen: float | None) -> None:
    one = machine(connected=connected, left=left)
    assert (is_disconnected(one), last_seen(one, NOW)) == (away, seen)


@pytest.mark.parametrize(
    ("one", "codes"),
    [
        (machine(), []),
        (machine(healthy=True), []),
        (machine(healthy=False), ["VM-UNHEALTHY"]),
        (machine(connected=1.0, left=2.0), ["VM-DISCONNECTED"]),
        (machine(services=False), ["VM-NO-SERVICE"]),
    ],
)
def test_findings(one: VirtualMachine, codes: list[str]) -> None:
    assert [f.code for f in machine_findings(one)] == codes


def test_groups_without_machines() -> None:
    groups = [obj("WorkloadGroup", "vms", "shop"), obj("WorkloadGroup", "others", "shop")]
    ((namespace, found),) = group_findings("a", groups, [machine()])
    assert (namespace, found.code) == ("shop", "VM-GROUP-EMPTY")
    assert "shop/others" in found.message
