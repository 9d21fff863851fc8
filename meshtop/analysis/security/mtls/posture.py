"""Mutual TLS posture of the whole mesh: for every workload and edge the configuration, the observation and findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct, field

from meshtop.analysis.security.findings import LocatedFinding, finding, several, worst_first
from meshtop.analysis.security.mtls import fixes
from meshtop.analysis.security.mtls.conflicts import broken_edges, unused_conflicts
from meshtop.analysis.security.mtls.mesh import MeshTls, TlsVerdict
from meshtop.analysis.security.mtls.observed import ObservedTraffic, WorkloadDay, WorkloadId, seen
from meshtop.analysis.security.mtls.parties import Party
from meshtop.analysis.security.mtls.policies import policy_findings
from meshtop.analysis.security.mtls.server import Mode, ServerPolicy
from meshtop.model.mesh import Proxy
from meshtop.model.numbers import quantity
from meshtop.model.row_maker import RowMaker, all_or_none
from meshtop.model.state import Severity
from meshtop.model.traffic import Edge


class WorkloadPosture(Struct, frozen=True, kw_only=True):
    """One workload: its policy (None where unknown; `unknown` is the reason), and its observed traffic."""

    party: Party
    policy: ServerPolicy | None = None
    unknown: str | None = None
    seen: ObservedTraffic = ObservedTraffic()


class Posture(Struct, frozen=True, kw_only=True):
    """All workloads by identity, all edges with their verdicts, and all findings, the worst first."""

    workloads: dict[WorkloadId, WorkloadPosture] = field(default_factory=dict)
    edges: tuple[tuple[Edge, tuple[TlsVerdict, ...]], ...] = ()
    findings: tuple[LocatedFinding, ...] = ()


class TrafficWindow(Struct, frozen=True):
    """When the traffic was measured (Unix seconds), and over how long."""

    at: float
    window_seconds: float


def posture(
    mesh: MeshTls,
    edges: Sequence[Edge],
    *,
    window: TrafficWindow,
    day: Callable[[WorkloadId], WorkloadDay | None] = lambda where: None,
    rows: RowMaker = all_or_none,
) -> Posture:
    """Compute the posture of all workloads and edges. `day` gives the last day of a workload where it was measured.

    `rows` makes workloads (kind mtls), edges (mtlsedges) and findings.
    """
    judged = tuple(rows("mtlsedges", edges, lambda edge: (edge, mesh.edge(edge))))
    into: dict[WorkloadId, list[Edge]] = {}
    for edge in edges:
        end = edge.destination
        if end.workload:
            party = mesh.parties.find((end.cluster, end.namespace, end.workload))
            into.setdefault(party.id if party is not None else (end.cluster, end.namespace, end.workload), []).append(
                edge
            )

    def of_party(party: Party) -> WorkloadPosture:
        policy = mesh.policy(party)
        return WorkloadPosture(
            party=party,
            policy=None if isinstance(policy, str) else policy,
            unknown=policy if isinstance(policy, str) else None,
            seen=seen(into.get(party.id, ()), day(party.id)),
        )

    workloads = {one.party.id: one for one in rows("mtls", mesh.parties, of_party)}
    found: list[LocatedFinding] = []
    parts: dict[str, Callable[[], Iterable[LocatedFinding]]] = {
        "policies of mutual TLS": lambda: policy_findings(mesh),
        "calls that mutual TLS breaks": lambda: broken_edges(mesh, judged),
        "conflicts of mutual TLS": lambda: unused_conflicts(mesh, found),
        "observed mutual TLS": lambda: _seen_findings(mesh, workloads, window),
    }
    # One after the other: conflicts leave out what the parts before them told.
    rows("findings", parts, lambda part: found.extend(parts[part]()))
    return Posture(workloads=workloads, edges=judged, findings=worst_first(found))


def _seen_findings(
    mesh: MeshTls, workloads: Mapping[WorkloadId, WorkloadPosture], window: TrafficWindow
) -> Iterable[LocatedFinding]:
    neighbours: dict[tuple[str, str], list[WorkloadPosture]] = {}
    for workload in workloads.values():
        if not workload.party.gateway:
            neighbours.setdefault(workload.party.id[:2], []).append(workload)
    whole = {place for place, those in neighbours.items() if all(map(is_ready, those))}
    for workload in workloads.values():
        party, policy = workload.party, workload.policy
        if policy is None or party.unknown or party.gateway or party.proxy is Proxy.NONE:
            continue
        modes = {policy.mode, *policy.ports.values()}
        if workload.seen.plaintext_seen:
            strict = modes == {Mode.STRICT}
            if strict and not _changed_within(mesh, party, policy, window):
                yield _strict_plaintext(workload, policy)
            elif Mode.PERMISSIVE in modes:
                yield _plaintext(workload, policy, window)
        elif is_ready(workload):
            yield _ready(workload, policy, whole=party.id[:2] in whole)


def _changed_within(mesh: MeshTls, party: Party, policy: ServerPolicy, window: TrafficWindow) -> bool:
    """Whether the policy changed within the window, so that part of its traffic is older than the policy."""
    home = mesh.config_of(party.cluster)
    if isinstance(home, str) or policy.policy is None or policy.policy not in home.by_title:
        return False
    obj = home.by_title[policy.policy]
    changed = max((obj.meta.created, *(manager.time for manager in obj.managers)))
    return window.at - window.window_seconds - 60.0 < changed <= window.at


def _who(workload: WorkloadPosture, window: TrafficWindow | None = None) -> str:
    """The senders of plaintext and their rates, in words."""
    told = []
    for source in workload.seen.sources:
        if source.requests_per_second:
            amount = f"{quantity(source.requests_per_second)}/s"
        elif source.bytes_per_second:
            amount = f"{quantity(source.bytes_per_second)} B/s of TCP"
        else:
            continue
        since = ""
        if window is not None and source.since is not None:
            minutes = max(0.0, window.at - source.since.timestamp()) / 60
            since = f", {minutes:.0f} min" if minutes < 23 * 60 else ", ≥ 1 day"
        told.append(f"{source.title} ({amount}{since})")
    return several(told)


def _strict_plaintext(workload: WorkloadPosture, policy: ServerPolicy) -> LocatedFinding:
    party = workload.party
    return _of(
        workload,
        "MTLS-STRICT-PLAINTEXT-SEEN",
        Severity.ERROR,
        f"{party.namespace}/{party.name} in {party.cluster} is STRICT by {policy.decided_by()}, but plaintext arrives"
        f" from {_who(workload)}.",
        "Check whether its proxy follows this control plane (istioctl proxy-status), whether the port is excluded from"
        " the proxy (traffic.sidecar.istio.io/excludeInboundPorts), and whether another cluster's policy counts.",
    )


def _plaintext(workload: WorkloadPosture, policy: ServerPolicy, window: TrafficWindow) -> LocatedFinding:
    party = workload.party
    return _of(
        workload,
        "MTLS-PLAINTEXT-SEEN",
        Severity.WARNING,
        f"{party.namespace}/{party.name} in {party.cluster}: plaintext from {_who(workload, window)};"
        f" {policy.decided_by()} is {policy.mode}.",
        "Give the callers a sidecar, then require mutual TLS:\n"
        + fixes.peer_authentication(party.namespace, _name(party), Mode.STRICT, _selector(party)),
    )


def _ready(workload: WorkloadPosture, policy: ServerPolicy, *, whole: bool) -> LocatedFinding:
    """Finding on a PERMISSIVE workload in use without plaintext for a whole day; `whole`: so is its namespace."""
    party = workload.party
    fix = fixes.peer_authentication(party.namespace, _name(party), Mode.STRICT, _selector(party))
    if whole:
        fix = fixes.peer_authentication(party.namespace, "default", Mode.STRICT)
    return _of(
        workload,
        "MTLS-READY-FOR-STRICT",
        Severity.INFO,
        f"{party.namespace}/{party.name} in {party.cluster} is ready for STRICT"
        + (", as is its whole namespace" if whole else "")
        + f": PERMISSIVE by {policy.decided_by()}, and no plaintext arrived for a day.",
        fix,
    )


def is_ready(workload: WorkloadPosture) -> bool:
    """Whether STRICT would break no caller of the last day."""
    day, policy = workload.seen.day, workload.policy
    return (
        policy is not None
        and policy.mode is Mode.PERMISSIVE
        and workload.party.proxy is not Proxy.NONE
        and workload.party.unknown is None
        and day is not None
        and day.measured
        and day.total == 0
        and workload.seen.secured_seen
        and not workload.seen.plaintext_seen
    )


def _of(workload: WorkloadPosture, code: str, severity: Severity, message: str, fix: str) -> LocatedFinding:
    party = workload.party
    return finding(
        code,
        severity,
        message,
        fix,
        cluster=party.cluster,
        namespace=party.namespace,
        workload=party.name,
        weight=workload.seen.plaintext_requests or 0.0,
        clients=tuple((s.cluster, s.namespace, s.workload) for s in workload.seen.sources if s.workload),
    )


def _name(party: Party) -> str:
    return party.labels.get("app") or party.name


def _selector(party: Party) -> dict[str, str] | None:
    """Labels that select the workload: its app's, so that all versions get the same policy."""
    for label in ("app", "app.kubernetes.io/name", "service.istio.io/canonical-name"):
        if party.labels.get(label):
            return {label: party.labels[label]}
    return party.labels or None
