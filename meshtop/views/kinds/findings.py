"""The kind `findings`: problems of the configuration, mutual TLS, trust, certificates and the fleet, with fixes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct, structs

from meshtop.analysis.findings.codes import CODES
from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.suppression import SUPPRESS
from meshtop.analysis.security.findings import LocatedFinding
from meshtop.model.evidence import Unknown
from meshtop.model.state import Finding, Health, HealthStatus, Severity
from meshtop.views.frame.columns import Columns, signed
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Related, Section, fact
from meshtop.views.frame.findings import (
    SEVERITY_ORDER,
    SEVERITY_SIGNS,
    SEVERITY_TONES,
    applicable,
    finding_facts,
    in_context,
)
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.configuration import judgement_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import findings_of
from meshtop.views.picture.query import Place


class FindingItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A finding with its place; `opensKind` and `opensKey` identify the item that it is about.

    `id` stays while the finding is the same, whatever its figures are. `kind`, `name` and `path` are the object and its
    field where it is about one; `istCode` is the code if it is one of Istio's messages. `requestsPerSecond` are the
    calls that it really touches, null where that is not known.
    """

    id: str
    code: str
    ist_code: str | None
    severity: Severity
    cluster: str
    namespace: str
    kind: str
    name: str
    message: str
    fix: str | None
    path: str
    workload: str = ""
    requests_per_second: float | None = None
    opens_kind: str
    opens_key: str
    tenants: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()

    @property
    def on_configuration(self) -> bool:
        """Whether it is about an object of the configuration, and not about what runs or is seen."""
        return self.code in CODES


_MEASURED = re.compile(r"\([^)]*\)|\d[\d.,]*[kM]?(?= ?(?:%|/s|requests|calls|proxies|points|days?|hours?|minutes?))")
"""Matches figures in a message, which change with every refresh while the finding stays the same."""
_SAID_OF_OBJECTS = frozenset({"DISCOVERY-NO-OUTLIER-DETECTION", "DISCOVERY-PORTS-DIFFER"})
"""What the kind `discovery` says of a host; here CONFIG-FAILOVER-BLIND and IST0170 say it of the object itself."""
_FLEET = {
    "MEMBER-": "members",
    "SECRET-": "members",
    "DISCOVERY-": "discovery",
    "CONTROLPLANE-": "controlplanes",
    "VM-": "virtualmachines",
}
"""The kind of item that a fleet finding is about, by the prefix of its code."""


def build(picture: Picture) -> list[FindingItem]:
    """A row for each finding."""
    others = [one for one in findings_of(picture) if one.finding.code not in _SAID_OF_OBJECTS]
    located = picture.rows("findings", others, lambda one: _item(picture, one))
    return located + picture.rows("findings", judgement_of(picture).findings, lambda one: item_in(picture, one))


def item_in(picture: Picture, one: ConfigFinding) -> FindingItem:
    """The item of a finding on a cluster's configuration; the commands of its fix name that cluster's context."""
    item = config_item(one, _tenants(picture, one))
    cluster = picture.snapshot.cluster(item.cluster)
    return item if cluster is None else structs.replace(item, fix=in_context(item.fix, cluster.context))


def unknowns(picture: Picture) -> tuple[Unknown, ...]:
    """What the rules on the configuration needed and was not read."""
    return judgement_of(picture).unknowns


def _tenants(picture: Picture, one: ConfigFinding) -> tuple[str, ...]:
    return picture.tenants(one.object.cluster, _namespace(one)) if one.object.cluster else ()


def _namespace(one: ConfigFinding) -> str:
    """The namespace of a finding's object; a Namespace is in itself."""
    return one.object.name if one.object.kind == "Namespace" else one.object.namespace


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _item(picture: Picture, located: LocatedFinding) -> FindingItem:
    kind, key = opens(located)
    finding = applicable(located.finding, picture.snapshot.cluster(located.cluster))
    return FindingItem(
        id=_id(finding.code, *located.where, _MEASURED.sub("", finding.message)),
        code=finding.code,
        ist_code=None,
        severity=finding.severity,
        cluster=located.cluster,
        namespace=located.namespace,
        kind="Workload"
        if located.workload
        else "Namespace"
        if located.namespace
        else "Cluster"
        if located.cluster
        else "",
        name=located.workload or located.namespace or located.cluster,
        message=finding.message,
        fix=finding.fix,
        path="",
        workload=located.workload,
        requests_per_second=located.weight,
        opens_kind=kind,
        opens_key=key,
        tenants=picture.tenants(located.cluster, located.namespace),
        callers=tuple("/".join(client) for client in located.clients),
    )


_OPENS = {"Pod": "workloads", "Deployment": "workloads", "Service": "services", "VirtualService": "canaries",
          "HTTPRoute": "canaries", "GRPCRoute": "canaries"}  # fmt: skip
"""The kind of item that is nearest to an object."""


def config_item(one: ConfigFinding, tenants: Iterable[str] = ()) -> FindingItem:
    """The item of a finding on the configuration."""
    obj, namespace = one.object, _namespace(one)
    kind = _OPENS.get(obj.kind, "namespaces" if namespace else "clusters")
    place = {"namespaces": f"{obj.cluster}/{namespace}", "clusters": obj.cluster}
    return FindingItem(
        id=_id(one.code, obj.cluster, obj.kind, obj.namespace, obj.name, one.path, _MEASURED.sub("", one.message)),
        code=one.code,
        ist_code=one.ist_code,
        severity=one.severity,
        cluster=obj.cluster,
        namespace=namespace,
        kind=obj.kind,
        name=obj.name,
        message=one.message,
        fix=one.fix,
        path=one.path,
        requests_per_second=one.requests_per_second,
        opens_kind=kind,
        opens_key=place.get(kind, "") if obj.cluster else "",
        tenants=tuple(tenants),
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
                    *([fact("", "W says what this fix would do", Tone.DIM)] if has_objects(item.fix) else []),
                    fact("object", about(item) or "between clusters"),
                    *([fact("field", item.path)] if item.path else []),
                    *VIEW.facts(item, "requestsPerSecond"),
                    *([fact("callers", item.callers)] if item.callers else []),
                    *([fact("why it matters", CODES[item.code].meaning)] if item.code in CODES else []),
                    fact("read more", f"docs/findings.md, {item.code}", Tone.DIM),
                ),
            ),
            *([_ignoring(picture, item)] if item.on_configuration else []),
        ),
        related=_pages(picture, item),
        charts=(),
    )


def has_objects(fix: str | None) -> bool:
    """Whether a fix holds objects that can be applied, and so be forecast."""
    return any(line.startswith("apiVersion:") for line in (fix or "").splitlines())


def _ignoring(picture: Picture, item: FindingItem) -> Section:
    """How this finding is left out from now on: on its object, or in the settings."""
    place = f"{item.namespace}/{item.name}" if item.namespace and item.kind != "Namespace" else item.name
    where = f" -n {item.namespace}" if item.namespace and item.kind != "Namespace" else ""
    facts = [fact("settings", f'findings: {{ignore: ["{item.code}={item.kind} {place}"]}}', Tone.ACCENT)]
    cluster = picture.snapshot.cluster(item.cluster)
    if cluster is not None and item.kind != "Cluster":
        command = f"kubectl annotate {item.kind.lower()}{where} {item.name} {SUPPRESS}={item.code}"
        facts.insert(0, fact("annotation", in_context(command, cluster.context), Tone.ACCENT))
    return Section("If it is meant so", tuple(facts))


def _pages(picture: Picture, item: FindingItem) -> tuple[Related, ...]:
    """What the finding is about, as rows that open: the nearest item of its object, else its namespace or cluster."""
    place = (item.cluster, item.namespace, item.workload)
    if item.workload:
        return (
            related(
                picture,
                "mtls",
                "Workloads",
                lambda m: (m.cluster, m.namespace, m.workload) == place,
                "It is about more than one workload.",
            ),
        )
    for kind, wanted in _nearest(item):
        found = related(picture, kind, view(kind).title, wanted, "")
        if found.table.items:
            return (found,)
    return ()


def _nearest(item: FindingItem) -> Iterator[tuple[str, Callable[[Any], bool]]]:
    """Kinds that may have a row for the finding's object, the nearest first, each with how it is known there."""

    def named(row: Any) -> bool:
        return (row.cluster, row.namespace, row.name) == (item.cluster, item.namespace, item.name)

    kind = item.opens_kind
    if kind == "workloads" and item.kind == "Pod":
        # A pod has its workload's name, and one part or two more.
        names = {item.name.rsplit("-", parts)[0] for parts in (1, 2)}
        yield (
            "workloads",
            lambda row: (row.cluster, row.namespace) == (item.cluster, item.namespace) and row.name in names,
        )
    elif kind in ("workloads", "services", "canaries"):
        yield kind, named
    elif kind == "trust":
        yield kind, lambda row: item.cluster in (row.left, row.right)
    elif kind in ("certificates", "controlplanes", "members", "virtualmachines"):
        yield kind, lambda row: item.cluster == row.cluster
    if item.namespace:
        yield "namespaces", lambda row: (row.cluster, row.name) == (item.cluster, item.namespace)
    yield "clusters", lambda row: bool(item.cluster) and row.name == item.cluster


def about(item: FindingItem) -> str:
    """The object that a finding is about, or the place; "" where it is between clusters."""
    return _object(item) or "/".join(filter(None, (item.cluster, item.namespace, item.workload)))


def _object(item: FindingItem) -> str:
    """What it is about, and its cluster: an object, or the workload, namespace or cluster that it is found in."""
    if not item.kind:
        return "between clusters"
    place = f"{item.namespace}/" if item.namespace and item.kind != "Namespace" else ""
    return f"{item.kind} {place}{item.name}" + (f" in {item.cluster}" if item.cluster not in ("", item.name) else "")


def _key(item: FindingItem) -> str:
    """The identity of a finding; its figures are no part of it."""
    said = _MEASURED.sub("", item.message)
    if not item.on_configuration:
        return "/".join((item.cluster, item.namespace, item.workload, item.code, said))
    return "/".join((item.cluster, item.kind, item.namespace, item.name, item.code, item.path, said))


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
        c.text("object", "OBJECT", "The object that it is about.", _object, priority=1, max_width=56),
        c.text("message", "WHAT", "The problem, in a sentence.", "message", priority=0, min_width=80, max_width=160),
        c.rate("requestsPerSecond", "REQ/S", "Affected requests per second.", "requests_per_second",
               aliases=("rps",), priority=3),
        c.text("kind", "KIND", "The kind of the object.", "kind", hidden=True),
        c.text("name", "NAME", "The name of the object.", "name", hidden=True),
        c.text("path", "FIELD", "The field of the object.", "path", wide=True, priority=8, max_width=40),
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
    path=lambda i: (i.cluster, i.namespace, i.name if i.on_configuration else i.workload, i.code),
    places=lambda i: (Place(cluster=i.cluster, namespace=i.namespace, tenants=i.tenants),) if i.cluster
    else (Place(),),
    key=_key,
    default_sort="severity,requestsPerSecond,code",
    empty="There are no known findings in this scope.",
    needs=Needs(("Service", "EndpointSlice", "Pod", "Deployment",
                 "PeerAuthentication", "DestinationRule", "VirtualService", "ConfigMap"), traffic=True),
    all_is_well=True,
    unknowns=unknowns,
    related=("mtls", "workloads", "services", "canaries", "trust", "certificates", "controlplanes", "members",
             "virtualmachines", "namespaces", "clusters"),
)  # fmt: skip
