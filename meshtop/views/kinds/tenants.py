"""The kind `tenants`: every tenant and workspace with its traffic, and what is wrong; and tenants as a column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from meshtop.analysis.tenancy.apdex import apdex
from meshtop.analysis.tenancy.findings import Located, disagreements, forbidden_crossings, unmatched
from meshtop.analysis.tenancy.ownership import HIDDEN, NONE, Owner
from meshtop.analysis.tenancy.traffic import Unit, UnitTraffic, Within, by_unit
from meshtop.model.state import Finding, Health, HealthStatus, Severity
from meshtop.model.traffic import NO_TRAFFIC, Sums, Traffic
from meshtop.views.frame import columns as c
from meshtop.views.frame.columns import NOTHING, text_cell
from meshtop.views.frame.detail import Fact, fact
from meshtop.views.frame.table import Align, Cell, Column, Tone
from meshtop.views.frame.view import View
from meshtop.views.picture.query import Place, Query

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

SEVERITY_TONES = {Severity.ERROR: Tone.FAILING, Severity.WARNING: Tone.DEGRADED, Severity.INFO: Tone.DIM}
SEVERITY_SIGNS = {Severity.ERROR: "✗ ", Severity.WARNING: "▲ ", Severity.INFO: "~ "}
SEVERITY_ORDER = {severity: order for order, severity in enumerate(SEVERITY_TONES)}
LAST = {HIDDEN: 1, NONE: 2}
"""What is no tenant stands below all tenants."""


def tenant_text(tenants: tuple[str, ...]) -> str | None:
    """The tenant, or several joined by `|` where marks disagree; None where nothing is marked."""
    return "|".join(tenants) or None


def tenant_column(*, priority: int = 3, wide: bool = False) -> Column:
    """The column for items with `tenant` and `tenants`; a filter looks at each of several."""

    def cell(item: Any) -> Cell:
        if not item.tenants:
            return NOTHING
        return text_cell(item.tenant, Tone.DEGRADED if len(item.tenants) > 1 else Tone.PLAIN)

    return Column(
        name="tenant",
        title="TENANT",
        help="Who owns the namespace, by the marks on it; several where the marks disagree.",
        value=lambda item: item.tenants,
        cell=cell,
        priority=priority,
        wide=wide,
        max_width=24,
    )


class TenantItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A tenant's namespaces, or those of one of its workspaces (INTERFACE.md, kind tenants).

    Every namespace is in exactly one row, so that inbound and internal of all rows add up to the mesh's total.
    `namespaces` are `CLUSTER/NAMESPACE`; `marks` say by what they were found, `tenancy` standing for the tenancy file.
    `crossTenant` is what comes from and goes to other tenants. `apdex` is of all requests that the row answers.
    """

    organization: str | None
    tenant: str
    workspace: str | None
    namespaces: tuple[str, ...]
    marks: tuple[str, ...]
    inbound: Traffic = NO_TRAFFIC
    outbound: Traffic = NO_TRAFFIC
    internal: Traffic = NO_TRAFFIC
    cross_tenant: Traffic = NO_TRAFFIC
    mtls_ratio: float | None = None
    findings: tuple[Finding, ...] = ()
    received: Traffic = NO_TRAFFIC
    apdex: float | None = None
    clusters: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    health: Health = Health()


def scope_of(query: Query) -> Within | None:
    """Which namespaces a resolved query looks at; None for all. A whole tenant is a choice of rows, not of figures."""
    if not (query.clusters or query.namespaces or query.within is not None):
        return None
    bare = structs.replace(query, tenant=None)
    return lambda cluster, namespace: bare.holds((Place(cluster=cluster, namespace=namespace),))


def located_findings(picture: Picture, within: Within | None = None) -> tuple[Located, ...]:
    """What is wrong with the tenants; of everything made once for each Picture, else of a scope."""

    def make() -> tuple[Located, ...]:
        found = [*forbidden_crossings(picture.edges, picture.owners, within), *disagreements(picture.owners, within)]
        if picture.tenancy is not None and picture.access is None:
            clusters = [cluster.name for cluster in picture.snapshot.clusters]
            read = [c.name for c in picture.snapshot.clusters if c.inventory is not None and c.inventory.namespaces]
            found += unmatched(picture.tenancy, clusters, read, picture.owners)
        return tuple(sorted(found, key=lambda f: (SEVERITY_ORDER[f.finding.severity], f.unit, f.finding.message)))

    if within is not None:
        return make()
    made: tuple[Located, ...] = picture.once("tenant findings", make)
    return made


def units(picture: Picture, within: Within | None = None) -> dict[Unit, list[tuple[str, str]]]:
    """Every unit (tenant, workspace) and its namespaces as (cluster, name), also units without any.

    In a scope, only units that have a namespace there.
    """
    found: dict[Unit, list[tuple[str, str]]] = {}
    if picture.tenancy is not None and within is None:
        for _, tenant, workspace in picture.tenancy.workspaces():
            if picture.access is None or picture.access.may_read_workspace(tenant.name, workspace.name):
                found[tenant.name, workspace.name] = []
    for place, owner in sorted(picture.owners.all_known().items()):
        if within is None or within(*place):
            found.setdefault(owner.unit, []).append(place)
    return found


def build(picture: Picture) -> list[TenantItem]:
    """A row for each tenant's workspace, and for what is in none."""
    return _rows(picture, None)


def scoped(picture: Picture, query: Query) -> list[TenantItem] | None:
    """The rows of a scope, with the figures of what is in it."""
    within = scope_of(query)
    if within is None:
        return None
    return [row for row in _rows(picture, within) if _chosen(row, query)]


def _chosen(row: TenantItem, query: Query) -> bool:
    return query.tenant is None or query.within is not None or query.tenant in row.tenant.split("|")


def _rows(picture: Picture, within: Within | None) -> list[TenantItem]:
    traffic = by_unit(picture.between_namespaces, picture.owners, within)
    places = units(picture, within)
    wrong: dict[Unit, list[Finding]] = {}
    for located in located_findings(picture, within):
        wrong.setdefault(located.unit, []).append(located.finding)
    return [
        _item(picture, unit, places.get(unit, []), traffic.get(unit, UnitTraffic()), wrong.get(unit, []))
        for unit in sorted({*places, *traffic}, key=lambda unit: (LAST.get(unit[0], 0), unit))
    ]


def _item(
    picture: Picture, unit: Unit, places: list[tuple[str, str]], traffic: UnitTraffic, findings: list[Finding]
) -> TenantItem:
    return TenantItem(
        organization=picture.tenancy.file.organization if picture.tenancy is not None else None,
        tenant=unit[0],
        workspace=unit[1] or None,
        findings=tuple(findings),
        **figures_of(picture, places, traffic),
    )


def figures_of(picture: Picture, places: Sequence[tuple[str, str]], traffic: UnitTraffic) -> dict[str, Any]:
    """What an item says of some namespaces and their traffic, at whatever level they stand together."""
    owners = [picture.owner(*place) for place in places]
    figures, received = traffic.figures, traffic.figures.received
    workloads = [workload for place in places for workload in picture.workloads_in(*place)]
    return {
        "namespaces": tuple("/".join(place) for place in places),
        "marks": tuple(dict.fromkeys(mark for owner in owners for mark in _marks(owner))),
        "inbound": figures.inbound.traffic(),
        "outbound": figures.outbound.traffic(),
        "internal": figures.internal.traffic(),
        "cross_tenant": traffic.crossing.traffic(),
        "mtls_ratio": received.mtls_ratio,
        "received": received.traffic(),
        "apdex": apdex(received.buckets, picture.apdex_ms),
        "clusters": tuple(dict.fromkeys(cluster for cluster, _ in places)),
        "groups": tuple(dict.fromkeys(f"{kind}/{name}" for owner in owners for kind, name in owner.groups)),
        "health": _together(picture, workloads, asked=received != Sums()),
    }


def _together(picture: Picture, workloads: list[Any], *, asked: bool) -> Health:
    from meshtop.views.picture.picture import together

    if asked and not workloads:
        return Health(HealthStatus.UNKNOWN, ("what answers here is not known",))
    return together([picture.workload_health(workload) for workload in workloads])


def _marks(owner: Owner) -> tuple[str, ...]:
    return ("tenancy",) if owner.declared else tuple(mark.name for mark in owner.marks)


def _findings_cell(item: TenantItem) -> Cell:
    if not item.findings:
        return NOTHING
    worst = min(item.findings, key=lambda f: SEVERITY_ORDER[f.severity])
    more = f" +{len(item.findings) - 1}" if len(item.findings) > 1 else ""
    return Cell(f"{SEVERITY_SIGNS[worst.severity]}{worst.code}{more}", SEVERITY_TONES[worst.severity])


def finding_facts(findings: Iterable[Finding]) -> tuple[Fact, ...]:
    """What is wrong and what to do about it, for a detail."""
    facts = []
    for finding in findings:
        facts.append(fact(finding.code, finding.message, SEVERITY_TONES[finding.severity]))
        if finding.fix:
            facts.append(fact("", finding.fix, Tone.DIM))
    return tuple(facts)


def _worst(item: TenantItem) -> int:
    return min((SEVERITY_ORDER[f.severity] for f in item.findings), default=len(SEVERITY_ORDER))


def _apdex_tone(value: float) -> Tone:
    """The Apdex Alliance's words: below 0.7 is poor, below 0.85 fair."""
    if value < 0.7:
        return Tone.FAILING
    return Tone.DEGRADED if value < 0.85 else Tone.PLAIN


def _places(item: TenantItem) -> tuple[Place, ...]:
    tenants = tuple(item.tenant.split("|"))
    found = (name.rpartition("/") for name in item.namespaces)
    inside = tuple(Place(cluster=cluster, namespace=name, tenants=tenants) for cluster, _, name in found)
    return inside or (Place(tenants=tenants),)


def _apdex_cell(item: TenantItem) -> Cell:
    return NOTHING if item.apdex is None else Cell(f"{item.apdex:.2f}", _apdex_tone(item.apdex))


FIGURES: tuple[Column, ...] = (
    c.health(),
    c.text("organization", "ORGANIZATION", "The organization.", "organization", wide=True, priority=7),
    c.count("count", "NS", "Namespaces, over all clusters.", lambda i: len(i.namespaces), priority=3),
    c.words("namespaces", "NAMESPACES", "The namespaces, as cluster/namespace.", "namespaces", wide=True,
            aliases=("namespace", "ns"), priority=8, max_width=48),
    c.words("clusters", "CLUSTERS", "The clusters that its namespaces are in.", "clusters", wide=True,
            aliases=("cluster",), priority=6),
    c.words("marks", "FOUND BY", "By what it was found: `tenancy` is the tenancy file.", "marks", wide=True,
            priority=8),
    c.words("groups", "GROUPS", "Traffic, security and gateway groups.", "groups", wide=True, priority=8),
    *c.golden("received"),
    Column(name="apdex", title="APDEX", help="Share of users who are satisfied, those who tolerate counting half.",
           value=lambda i: i.apdex, cell=_apdex_cell, numeric=True, align=Align.RIGHT, priority=3),
    c.rate("inbound", "IN/S", "Requests per second from outside of the row.",
           lambda i: i.inbound.requests_per_second, priority=4),
    c.rate("outbound", "OUT/S", "Requests per second to outside of the row.",
           lambda i: i.outbound.requests_per_second, priority=4),
    c.rate("internal", "WITHIN/S", "Requests per second within the row.",
           lambda i: i.internal.requests_per_second, priority=5),
    c.rate("crossTenant", "CROSS/S", "Requests per second from and to other tenants.",
           lambda i: i.cross_tenant.requests_per_second, aliases=("crossing",), priority=3),
    c.mtls(priority=2),
    Column(name="findings", title="FINDINGS", help="What is wrong, the worst first (docs/findings.md).",
           value=lambda i: tuple(f.code for f in i.findings), cell=_findings_cell, order=_worst,
           aliases=("finding", "code"), priority=2, min_width=10, max_width=30),
)  # fmt: skip
"""What is said of some namespaces together, at whatever level."""

VIEW: View[TenantItem] = View(
    kind="tenants",
    singular="tenant",
    list_kind="TenantList",
    title="Tenants",
    item=TenantItem,
    columns=(
        c.text("tenant", "TENANT", "The tenant: by the tenancy file, else by the marks on namespaces.", "tenant",
               priority=0, min_width=8, max_width=32, order=lambda i: (LAST.get(i.tenant, 0), i.tenant)),
        c.text("workspace", "WORKSPACE", "The workspace of the tenancy file; a dash for what is in none.", "workspace",
               priority=1, max_width=32),
        *FIGURES,
    ),
    build=build,
    path=lambda i: (i.tenant, i.workspace) if i.workspace else (i.tenant,),
    places=_places,
    default_sort="findings,health,requestsPerSecond,tenant,workspace",
    empty="No namespace is in this scope, and nothing is known of tenants.",
    related=("tenantmatrix", "namespaces", "edges"),
    scoped=scoped,
)  # fmt: skip
