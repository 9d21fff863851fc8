"""Findings about virtual machines: health, connection, services, and groups without any machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshtop.analysis.inventory.virtual_machines import NOT_REPORTED
from meshtop.model.kube import ConfigObject
from meshtop.model.mesh import VirtualMachine
from meshtop.model.state import Finding, Severity


def is_disconnected(machine: VirtualMachine) -> bool:
    """Whether its proxy has disconnected and not reconnected."""
    left = machine.disconnected_at
    return left is not None and left >= (machine.connected_at or 0.0)


def last_seen(machine: VirtualMachine, now: float) -> float | None:
    """When its proxy was connected last, in Unix seconds; None for one that was registered by hand."""
    if is_disconnected(machine):
        return machine.disconnected_at
    return None if machine.connected_at is None else now


def machine_findings(machine: VirtualMachine) -> tuple[Finding, ...]:
    """Findings about one machine."""
    who = f"VM {machine.namespace}/{machine.name} in {machine.cluster}"
    found = []
    if machine.healthy is False:
        says = "has not passed" if machine.health_message == NOT_REPORTED else "fails"
        found.append(
            Finding(
                code="VM-UNHEALTHY",
                severity=Severity.ERROR,
                message=f"{who} {says} its readiness probe: {machine.health_message or 'no reason given'}.",
                fix="Check the application on the machine; it gets no traffic while its probe fails.",
            )
        )
    if is_disconnected(machine):
        found.append(
            Finding(
                code="VM-DISCONNECTED",
                severity=Severity.WARNING,
                message=f"{who}: its proxy has disconnected from the control plane.",
                fix="Check that the machine runs and reaches istiod (port 15012).",
            )
        )
    if not machine.services:
        found.append(
            Finding(
                code="VM-NO-SERVICE",
                severity=Severity.INFO,
                message=f"{who} is selected by no Service and no ServiceEntry: no client can find it by name.",
                fix="Create a Service whose selector matches the labels of its WorkloadEntry.",
            )
        )
    return tuple(found)


def group_findings(
    cluster: str, groups: Iterable[ConfigObject], machines: Sequence[VirtualMachine]
) -> tuple[tuple[str, Finding], ...]:
    """Findings about groups that no machine has registered with, each with its namespace."""
    used = {(machine.namespace, machine.workload_group) for machine in machines}
    return tuple(
        (
            group.meta.namespace,
            Finding(
                code="VM-GROUP-EMPTY",
                severity=Severity.INFO,
                message=f"WorkloadGroup {'/'.join(group.meta.key)} in {cluster} has no machine.",
                fix=None,
            ),
        )
        for group in groups
        if group.meta.key not in used
    )
