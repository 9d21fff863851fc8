"""Findings about tenants: traffic that the settings forbid, marks that disagree, selectors without a match."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.analysis.tenancy.ownership import NamespaceOwner, Owners
from meshtop.analysis.tenancy.traffic import Within, in_scope, owner_of
from meshtop.analysis.traffic.figures import namespace_of
from meshtop.model.numbers import quantity
from meshtop.model.state import Finding, Severity
from meshtop.model.traffic import Edge, Sums
from meshtop.settings.forms import selector_matches, split_selector

if TYPE_CHECKING:
    from meshtop.settings.tenancy import Tenancy

PLAINTEXT = "TENANT-PLAINTEXT"
OUTSIDE = "TENANT-OUTSIDE"
CONFLICT = "TENANT-MARKS-CONFLICT"
DIFFER = "TENANT-MARKS-DIFFER"
NO_CLUSTER = "TENANT-UNKNOWN-CLUSTER"
NOTHING = "TENANT-NOTHING-SELECTED"
_SEVERITIES = tuple(Severity)
_NOISE = 1e-9
"""Shares below this are rounding, not traffic."""


class TenantFinding(Struct, frozen=True):
    """A finding about a tenant and workspace ("" without one).

    A crossing also names the tenants at both ends, a disagreement the namespace.
    """

    unit: tuple[str, str]
    finding: Finding
    pair: tuple[str, str] | None = None
    place: tuple[str, str] | None = None


class _Forbidden(Struct):
    """Forbidden traffic between one pair, per second, with its callers."""

    requests: float = 0.0
    byte_rate: float = 0.0
    connections: float = 0.0
    places: dict[str, None] = {}


def tenant_findings(
    edges: Iterable[Edge],
    owners: Owners,
    within: Within | None = None,
    *,
    clusters: Collection[str] | None = None,
    read: Collection[str] = (),
) -> tuple[TenantFinding, ...]:
    """All findings about tenants, the worst first; with `within`, only about requests into a scope.

    `clusters` are the names of all clusters, `read` those whose namespaces are known; both are used to check the
    tenancy file's selectors, None skips that.
    """
    found = [*forbidden_crossings(edges, owners, within), *disagreements(owners, within)]
    if owners.tenancy is not None and clusters is not None:
        found += unmatched(owners.tenancy, clusters, read, owners)
    return tuple(sorted(found, key=lambda f: (_SEVERITIES.index(f.finding.severity), f.unit, f.finding.message)))


def forbidden_crossings(edges: Iterable[Edge], owners: Owners, within: Within | None = None) -> list[TenantFinding]:
    """Findings on plaintext where mutual TLS is required, and on requests into a closed group or workspace.

    With `within`, only about requests into a scope.
    """
    found: dict[tuple[str, tuple[str, str], str], _Forbidden] = {}
    modes: dict[tuple[str, str], str] = {}
    for edge in edges:
        if not in_scope(namespace_of(edge.source), namespace_of(edge.destination), within)[1]:
            continue
        source, target = owner_of(owners, edge.source), owner_of(owners, edge.destination)
        where = f"{edge.source.workload or 'an unknown caller'} in {edge.source.cluster or 'no known cluster'}"
        plain = _plaintext(edge.sums)
        if target.traffic_mode == "REQUIRED" and plain is not None:
            _add(found, (PLAINTEXT, target.unit, source.tenant), plain, where)
        if target.authorization_mode in ("GROUP", "WORKSPACE") and not _allowed(source, target):
            modes[target.unit] = target.authorization_mode
            rates = (edge.sums.requests or 0.0, _bytes(edge.sums), edge.sums.connections or 0.0)
            if any(rates):
                _add(found, (OUTSIDE, target.unit, source.tenant), rates, where)
    return [_located(*key, rates, modes) for key, rates in found.items()]


def _add(
    found: dict[tuple[str, tuple[str, str], str], _Forbidden],
    key: tuple[str, tuple[str, str], str],
    rates: tuple[float, float, float],
    where: str,
) -> None:
    into = found.setdefault(key, _Forbidden(places={}))
    into.requests += rates[0]
    into.byte_rate += rates[1]
    into.connections += rates[2]
    into.places[where] = None


def _plaintext(sums: Sums) -> tuple[float, float, float] | None:
    requests = (sums.judged or 0.0) - (sums.secured or 0.0)
    byte_rate = (sums.judged_bytes or 0.0) - (sums.secured_bytes or 0.0)
    seen = requests > _NOISE * (sums.judged or 0.0) or byte_rate > _NOISE * (sums.judged_bytes or 0.0)
    return (max(0.0, requests), max(0.0, byte_rate), 0.0) if seen else None


def _bytes(sums: Sums) -> float:
    return (sums.sent or 0.0) + (sums.received or 0.0)


def _allowed(source: NamespaceOwner, target: NamespaceOwner) -> bool:
    """Whether the target's authorization mode admits the source; without a group, the workspace counts as one."""
    if not source.declared or source.unit != target.unit:
        return False
    group = target.security_group
    return target.authorization_mode == "WORKSPACE" or group is None or source.security_group == group


def _located(
    code: str, unit: tuple[str, str], source: str, rates: _Forbidden, modes: dict[tuple[str, str], str]
) -> TenantFinding:
    who = _name(unit)
    places = list(rates.places)
    from_ = ", ".join(places[:2]) + (f" and {len(places) - 2} more" if len(places) > 2 else "")
    if code == PLAINTEXT:
        finding = Finding(
            code=code,
            severity=Severity.ERROR,
            message=f"{source} → {who}: {_rate(rates)} in plaintext where mutual TLS is required (from {from_}).",
            fix="Bring the caller into the mesh, then set a PeerAuthentication with mtls mode STRICT there.",
        )
    else:
        own = "group" if modes[unit] == "GROUP" else "workspace"
        finding = Finding(
            code=code,
            severity=Severity.WARNING,
            message=f"{source} → {who}: {_rate(rates)}, although only its own {own} may call it (from {from_}).",
            fix=f"Deny it with an AuthorizationPolicy, or correct authorizationMode of {who}.",
        )
    return TenantFinding(unit, finding, (source, unit[0]))


def _rate(rates: _Forbidden) -> str:
    if rates.requests:
        return f"{quantity(rates.requests)}/s"
    if rates.byte_rate:
        return f"{quantity(rates.byte_rate)} B/s"
    return f"{quantity(rates.connections)} connections/s"


def _name(unit: tuple[str, str]) -> str:
    return "/".join(part for part in unit if part)


def disagreements(owners: Owners, within: Within | None = None) -> list[TenantFinding]:
    """Findings on namespaces whose marks name several tenants, or another tenant than tenancy.yaml."""
    found = []
    for (cluster, namespace), owner in sorted(owners.all_known().items()):
        if within is not None and not within(cluster, namespace):
            continue
        named = dict.fromkeys(mark.tenant for mark in owner.marks)
        said = ", ".join(f"{mark.name} says {mark.tenant}" for mark in owner.marks)
        if not owner.declared and len(named) > 1:
            finding = Finding(
                code=CONFLICT,
                severity=Severity.WARNING,
                message=f"{namespace} in {cluster}: its marks disagree: {said}.",
                fix="Correct the marks, or assign the namespace in tenancy.yaml.",
            )
            found.append(TenantFinding(owner.unit, finding, place=(cluster, namespace)))
        elif owner.declared and any(tenant not in owner.tenants for tenant in named):
            finding = Finding(
                code=DIFFER,
                severity=Severity.INFO,
                message=f"{namespace} in {cluster} belongs to {owner.tenant} by the tenancy file, but {said}.",
                fix="The tenancy file decides; correct the marks or the file.",
            )
            found.append(TenantFinding(owner.unit, finding, place=(cluster, namespace)))
    return found


def unmatched(
    tenancy: Tenancy, clusters: Collection[str], read: Collection[str], owners: Owners
) -> list[TenantFinding]:
    """Findings on selectors that name an unknown cluster or match no namespace.

    `clusters` are the names of all clusters; `read` those whose namespaces are known. A selector of a cluster that
    was not read is not judged.
    """
    found = []
    for path, selector in tenancy.selectors():
        cluster, _ = split_selector(selector)
        _, tenant, workspace = next(w for w in tenancy.workspaces() if w[0] == path[:4])
        unit = (tenant.name, workspace.name)
        if cluster != "*" and cluster not in clusters:
            message = (
                f"{tenancy.where(path)}: {selector} names a cluster that is not one of {', '.join(sorted(clusters))}."
            )
            found.append(_of_file(unit, NO_CLUSTER, message))
        elif (cluster in read or (cluster == "*" and set(clusters) == set(read))) and not any(
            selector_matches(selector, *place) for place in owners.known
        ):
            found.append(_of_file(unit, NOTHING, f"{tenancy.where(path)}: {selector} selects no existing namespace."))
    return found


def _of_file(unit: tuple[str, str], code: str, message: str) -> TenantFinding:
    fix = "Correct the selector, or remove it."
    return TenantFinding(unit, Finding(code=code, severity=Severity.WARNING, message=message, fix=fix))
