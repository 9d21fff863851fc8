"""The kind `tenants`: every tenant and workspace with its traffic, and what is wrong; and tenants as a column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from meshtop.analysis.tenancy.findings import TenantFinding, tenant_findings
from meshtop.analysis.tenancy.ownership import tenant_order
from meshtop.analysis.tenancy.traffic import Within, apdex
from meshtop.analysis.tenancy.units import UnitFigures, Units
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


def units_of(picture: Picture, within: Within | None) -> Units:
    """The picture's tenants, workspaces, groups and namespaces with their figures; of a scope where there is one."""
    access = picture.access
    return Units(
        picture.between_namespaces,
        picture.owners,
        located_findings(picture, within),
        within=within,
        **({} if access is None else {"may_name": access.may_read_workspace}),
    )


def located_findings(picture: Picture, within: Within | None = None) -> tuple[TenantFinding, ...]:
    """What is wrong with the tenants; of everything made once for each Picture, else of a scope."""

    def make() -> tuple[TenantFinding, ...]:
        clusters = picture.snapshot.clusters
        return tenant_findings(
            picture.edges,
            picture.owners,
            within,
            # Selectors of namespaces that the user may not see are not judged.
            clusters=[cluster.name for cluster in clusters] if picture.access is None else None,
            read=[c.name for c in clusters if c.inventory is not None and c.inventory.namespaces],
        )

    if within is not None:
        return make()
    made: tuple[TenantFinding, ...] = picture.once("tenant findings", make)
    return made


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
    units = units_of(picture, within)
    return [
        TenantItem(
            organization=units.organization,
            tenant=figures.unit.tenant or "",
            workspace=figures.unit.workspace,
            **figures_of(picture, figures),
        )
        for figures in units.workspaces()
    ]


def figures_of(picture: Picture, figures: UnitFigures) -> dict[str, Any]:
    """What an item says of a unit's namespaces and their traffic, at whatever level it is."""
    sides, received = figures.traffic.figures, figures.traffic.figures.received
    workloads = [workload for place in figures.namespaces for workload in picture.workloads_in(*place)]
    return {
        "namespaces": tuple("/".join(place) for place in figures.namespaces),
        "marks": figures.marks,
        "inbound": sides.inbound.traffic(),
        "outbound": sides.outbound.traffic(),
        "internal": sides.internal.traffic(),
        "cross_tenant": figures.traffic.crossing.traffic(),
        "mtls_ratio": received.mtls_ratio,
        "findings": figures.findings,
        "received": received.traffic(),
        "apdex": apdex(received.buckets, picture.apdex_ms),
        "clusters": figures.clusters,
        "groups": figures.groups,
        "health": _together(picture, workloads, asked=received != Sums()),
    }


def _together(picture: Picture, workloads: list[Any], *, asked: bool) -> Health:
    from meshtop.views.picture.picture import together

    if asked and not workloads:
        return Health(HealthStatus.UNKNOWN, ("what answers here is not known",))
    return together([picture.workload_health(workload) for workload in workloads])


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
               priority=0, min_width=8, max_width=32, order=lambda i: tenant_order(i.tenant)),
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
