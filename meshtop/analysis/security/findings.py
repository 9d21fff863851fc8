"""A finding and where it belongs."""

from __future__ import annotations

from msgspec import Struct

from meshtop.model.state import Finding, Severity

ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


class LocatedFinding(Struct, frozen=True, kw_only=True):
    """A finding with its cluster, namespace and workload ("" where it is of something larger).

    `weight` is the traffic that it touches, in requests per second. `client` is set where a caller has the fault too.
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
    """In the order in which they need somebody; the same for the same findings in whatever order they came."""
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
    """A finding in its place."""
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
