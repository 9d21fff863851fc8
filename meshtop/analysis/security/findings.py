"""Findings with the object that they are about."""

from __future__ import annotations

from msgspec import Struct

from meshtop.model.state import Finding, Severity

ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


class LocatedFinding(Struct, frozen=True, kw_only=True):
    """A finding with its cluster, namespace and workload ("" where it concerns a larger scope).

    `weight` is the affected traffic in requests per second. `client` is set where a caller is affected too.
    """

    finding: Finding
    cluster: str = ""
    namespace: str = ""
    workload: str = ""
    weight: float = 0.0
    clients: tuple[tuple[str, str, str], ...] = ()

    @property
    def where(self) -> tuple[str, str, str]:
        """Cluster, namespace, workload."""
        return (self.cluster, self.namespace, self.workload)


def worst_first(found: list[LocatedFinding]) -> tuple[LocatedFinding, ...]:
    """Findings by severity, the worst first; the result does not depend on the input order."""
    return tuple(sorted(found, key=lambda f: (ORDER[f.finding.severity], -f.weight, f.finding.code, f.where,
                                              f.finding.message)))  # fmt: skip


def finding(
    code: str,
    severity: Severity,
    message: str,
    fix: str | None,
    *,
    cluster: str = "",
    namespace: str = "",
    workload: str = "",
    weight: float = 0.0,
    clients: tuple[tuple[str, str, str], ...] = (),
) -> LocatedFinding:
    """Create a finding located at a cluster, namespace and workload."""
    return LocatedFinding(
        finding=Finding(code=code, severity=severity, message=message, fix=fix),
        cluster=cluster,
        namespace=namespace,
        workload=workload,
        weight=weight,
        clients=clients,
    )


def several(names: list[str], most: int = 3) -> str:
    """Names in a sentence: the first few, and how many more."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
