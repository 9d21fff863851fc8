"""The kind `tenants`: every tenant and workspace with its traffic and findings."""

from __future__ import annotations

from msgspec import Struct, structs

from meshtop.analysis.tenancy.findings import (
    TenantFinding,
    tenant_findings,
)
from meshtop.analysis.tenancy.ownership import tenant_order
from meshtop.analysis.tenancy.traffic import Within
from meshtop.analysis.tenancy.units import UnitFigures, Units
from meshtop.model.state import Finding, Health
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.facts import Detail
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.levels import FIGURES, figures_of, level_detail, of_tenant
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query

_FINDINGS: Key[tuple[TenantFinding, ...]] = Key("findings about tenants")


class TenantItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A tenant's namespaces, or those of one of its workspaces (INTERFACE.md, kind tenants).

    Every namespace is in exactly one row, so that inbound and internal of all rows add up to the mesh's total.
    `namespaces` are `CLUSTER/NAMESPACE`; `marks` tell how the owner was found, `tenancy` is the tenancy file.
    `crossTenant` is the traffic from and to other tenants. `apdex` covers all requests that the row receives.
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
    """Predicate for the namespaces of a resolved query; None for all. A whole tenant selects rows, not namespaces."""
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
    """Findings about tenants, of a scope if given; those of the whole are computed once for each Picture."""

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
    """A row for each workspace of each tenant, and for namespaces in no workspace."""
    return _rows(picture, None)


def scoped(picture: Picture, query: Query) -> list[TenantItem] | None:
    """The rows of a scope, with figures of that scope only."""
    within = scope_of(query)
    if within is None:
        return None
    return [row for row in _rows(picture, within) if of_tenant(query, row.tenant)]


def _rows(picture: Picture, within: Within | None) -> list[TenantItem]:
    units = units_of(picture, within)

    def item(figures: UnitFigures) -> TenantItem:
        return TenantItem(
            organization=units.organization,
            tenant=figures.unit.tenant or "",
            workspace=figures.unit.workspace,
            **figures_of(picture, figures),
        )

    return picture.rows("tenants", units.workspaces(), item, lambda figures: figures.unit.key)


def _places(item: TenantItem) -> tuple[Place, ...]:
    tenants = tuple(item.tenant.split("|"))
    found = (name.rpartition("/") for name in item.namespaces)
    inside = tuple(Place(cluster=cluster, namespace=name, tenants=tenants) for cluster, _, name in found)
    return inside or (Place(tenants=tenants),)


def detail(picture: Picture, item: TenantItem, key: str) -> Detail:
    """The detail of one tenant, or one workspace of it."""
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
        c.text("workspace", "WORKSPACE", "The workspace of the tenancy file; a dash without one.", "workspace",
               priority=1, max_width=32),
        *FIGURES,
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.tenant, i.workspace) if i.workspace else (i.tenant,),
    places=_places,
    default_sort="findings,health,requestsPerSecond,tenant,workspace",
    empty="There is no namespace in this scope, so there are no tenants.",
    needs=Needs(("Namespace",), traffic=True),
    related=("tenantmatrix", "namespaces", "edges"),
    scoped=scoped,
)  # fmt: skip
