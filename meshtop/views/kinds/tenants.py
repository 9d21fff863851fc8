"""The kind `tenants`: every tenant and workspace with its traffic, and what is wrong."""

from __future__ import annotations

from msgspec import Struct, structs

from meshtop.analysis.tenancy.findings import (
    TenantFinding,
    tenant_findings,
)
from meshtop.analysis.tenancy.ownership import tenant_order
from meshtop.analysis.tenancy.traffic import Within
from meshtop.analysis.tenancy.units import Units
from meshtop.model.state import Finding, Health
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.facts import Detail
from meshtop.views.frame.view import View
from meshtop.views.kinds.levels import FIGURES, figures_of, level_detail, of_tenant
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query

_FINDINGS: Key[tuple[TenantFinding, ...]] = Key("findings about tenants")


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
    return picture.cached(_FINDINGS, make)


def build(picture: Picture) -> list[TenantItem]:
    """A row for each tenant's workspace, and for what is in none."""
    return _rows(picture, None)


def scoped(picture: Picture, query: Query) -> list[TenantItem] | None:
    """The rows of a scope, with the figures of what is in it."""
    within = scope_of(query)
    if within is None:
        return None
    return [row for row in _rows(picture, within) if of_tenant(query, row.tenant)]


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


def _places(item: TenantItem) -> tuple[Place, ...]:
    tenants = tuple(item.tenant.split("|"))
    found = (name.rpartition("/") for name in item.namespaces)
    inside = tuple(Place(cluster=cluster, namespace=name, tenants=tenants) for cluster, _, name in found)
    return inside or (Place(tenants=tenants),)


def detail(picture: Picture, item: TenantItem, key: str) -> Detail:
    """Everything about one tenant, or one workspace of it."""
    level = f"{item.tenant}/{item.workspace}" if item.workspace else item.tenant
    return level_detail(picture, "tenants", item, key, title=level, belongs=lambda owner: owner.within(level))


c = Columns(TenantItem)

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
    detail=detail,
    path=lambda i: (i.tenant, i.workspace) if i.workspace else (i.tenant,),
    places=_places,
    default_sort="findings,health,requestsPerSecond,tenant,workspace",
    empty="No namespace is in this scope, and nothing is known of tenants.",
    related=("tenantmatrix", "namespaces", "edges"),
    scoped=scoped,
)  # fmt: skip
