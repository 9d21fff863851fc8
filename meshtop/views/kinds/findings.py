"""The kind `findings`: problems of mutual TLS, trust, certificates and the fleet, each with its fix."""

from __future__ import annotations

import re

from msgspec import Struct

from meshtop.analysis.security.findings import LocatedFinding
from meshtop.model.state import Finding, Health, HealthStatus, Severity
from meshtop.views.frame.columns import Columns, signed
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Section, fact
from meshtop.views.frame.findings import SEVERITY_ORDER, SEVERITY_SIGNS, SEVERITY_TONES, applicable, finding_facts
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import findings_of
from meshtop.views.picture.query import Place


class FindingItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A finding with its place; `opensKind` and `opensKey` identify the item that it is about."""

    code: str
    severity: Severity
    message: str
    fix: str | None
    cluster: str
    namespace: str
    workload: str
    requests_per_second: float
    opens_kind: str
    opens_key: str
    tenants: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()


_MEASURED = re.compile(r"\([^)]*\)|\d[\d.,]*[kM]?(?= ?(?:%|/s|requests|calls|proxies|points|days?|hours?|minutes?))")
"""Matches figures in a message, which change with every refresh while the finding stays the same."""
_FLEET = {"MEMBER-": "members", "DISCOVERY-": "discovery", "CONTROLPLANE-": "controlplanes", "VM-": "virtualmachines"}
"""The kind of item that a fleet finding is about, by the prefix of its code."""


def build(picture: Picture) -> list[FindingItem]:
    """A row for each finding."""
    return picture.rows("findings", findings_of(picture), lambda located: _item(picture, located))


def _item(picture: Picture, located: LocatedFinding) -> FindingItem:
    kind, key = opens(located)
    finding = applicable(located.finding, picture.snapshot.cluster(located.cluster))
    return FindingItem(
        code=finding.code,
        severity=finding.severity,
        message=finding.message,
        fix=finding.fix,
        cluster=located.cluster,
        namespace=located.namespace,
        workload=located.workload,
        requests_per_second=located.weight,
        opens_kind=kind,
        opens_key=key,
        tenants=picture.tenants(located.cluster, located.namespace),
        callers=tuple("/".join(client) for client in located.clients),
    )


def opens(located: LocatedFinding) -> tuple[str, str]:
    """The kind and key of the item that a finding is about."""
    if located.finding.code.startswith("TRUST-"):
        return "trust", ""
    if located.finding.code.startswith("CERT-"):
        return "certificates", ""
    for start, kind in _FLEET.items():
        if located.finding.code.startswith(start):
            return kind, ""
    if located.workload:
        return "mtls", "/".join(located.where)
    if located.namespace:
        return "namespaces", f"{located.cluster}/{located.namespace}"
    return "clusters", located.cluster


def _severity_cell(item: FindingItem) -> Cell:
    return signed(SEVERITY_SIGNS[item.severity], item.severity.value, SEVERITY_TONES[item.severity])


_HEALTH = {Severity.ERROR: HealthStatus.FAILING, Severity.WARNING: HealthStatus.DEGRADED}


def detail(picture: Picture, item: FindingItem, key: str) -> Detail:
    """The detail of one finding."""
    place = "/".join(filter(None, (item.cluster, item.namespace, item.workload)))
    return Detail(
        kind="findings",
        key=key,
        title=item.code,
        health=Health(_HEALTH.get(item.severity, HealthStatus.UNKNOWN), (item.message,)),
        sections=(
            Section(
                "What is wrong",
                (
                    *finding_facts(Finding(code=item.code, severity=item.severity, message=item.message, fix=item.fix)),
                    fact("where", place or "between clusters"),
                    fact("callers", item.callers),
                    fact("read more", f"docs/findings.md, {item.code}", Tone.DIM),
                ),
            ),
        ),
        related=(
            related(
                picture,
                "mtls",
                "Workloads",
                lambda m: (m.cluster, m.namespace, m.workload) == (item.cluster, item.namespace, item.workload),
                "It is about more than one workload.",
            ),
        ),
        charts=(),
    )


c = Columns(FindingItem)

VIEW: View[FindingItem] = View(
    kind="findings",
    singular="finding",
    list_kind="FindingList",
    title="Findings",
    item=FindingItem,
    columns=(
        c.custom(name="severity", title="SEVERITY", help_="error, warning or info.", value=lambda i: i.severity.value,
                 cell=_severity_cell, order=lambda i: SEVERITY_ORDER[i.severity], priority=0, min_width=9,
                 max_width=10),
        c.text("message", "WHAT", "The problem, in a sentence.", "message", priority=0, min_width=90, max_width=160),
        c.rate("requestsPerSecond", "REQ/S", "Affected requests per second.", "requests_per_second",
               aliases=("rps",), priority=3),
        c.text("code", "CODE", "The finding's code (docs/findings.md).", "code", priority=2, max_width=30),
        c.text("cluster", "CLUSTER", "The cluster.", "cluster", priority=4, max_width=24, wide=True),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), priority=5, wide=True),
        c.text("workload", "WORKLOAD", "The workload.", "workload", aliases=("wl",), priority=6, max_width=40,
               wide=True),
        c.words("callers", "CALLERS", "The affected callers.", "callers", wide=True, priority=7),
        c.words("tenant", "TENANT", "The namespace's tenant.", "tenants", hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster, i.namespace, i.workload, i.code),
    places=lambda i: (Place(cluster=i.cluster, namespace=i.namespace, tenants=i.tenants),) if i.cluster
    else (Place(),),
    key=lambda i: "/".join((i.cluster, i.namespace, i.workload, i.code, _MEASURED.sub("", i.message))),
    default_sort="severity,requestsPerSecond,code",
    empty="There are no known findings in this scope.",
    needs=Needs(("Service", "EndpointSlice", "Pod", "Deployment",
                 "PeerAuthentication", "DestinationRule", "VirtualService", "ConfigMap"), traffic=True),
    all_is_well=True,
    related=("mtls", "trust", "certificates"),
)  # fmt: skip
