"""The kind `tenanttree`: organization → tenants → workspaces → namespaces of each cluster, and the groups beside them.

A row is the sum of the rows below it: requests, errors and buckets of namespaces add up to those of their workspace,
and so on upward. A group is another partition of its workspace's namespaces: it is listed after them and not added.
Unowned namespaces are at the end, beside the organization.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, structs

from meshtop.analysis.tenancy.ownership import HIDDEN, NONE, NamespaceOwner
from meshtop.analysis.tenancy.traffic import Within
from meshtop.analysis.tenancy.units import TenancyLevel, UnitFigures
from meshtop.model.state import Finding, Health
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.views.frame.columns import GOLDEN_FACTS, Columns, text_cell
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.facts import Detail, Section, column_facts
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.tree import Folding, Tree
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.levels import FIGURES, figures_of, level_detail, of_tenant
from meshtop.views.kinds.namespaces import VIEW as NAMESPACES
from meshtop.views.kinds.tenants import scope_of, units_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query

_TONES: Mapping[str, Tone] = {TenancyLevel.ORGANIZATION: Tone.STRONG, TenancyLevel.GROUP: Tone.DIM}
_LAST = {HIDDEN: 2, NONE: 3}


class TenantNode(Struct, frozen=True, rename="camel", kw_only=True):
    """A row of the tree; `key` is its name in the access policy (`workspace:TENANT/NAME`), `parent` the key above it.

    Figures are defined as in the kind tenants: inbound and outbound are from and to outside of this row.
    """

    key: str
    parent: str | None
    level: str
    name: str
    organization: str | None = None
    tenant: str | None = None
    workspace: str | None = None
    group: str | None = None
    namespaces: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
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


def build(picture: Picture) -> list[TenantNode]:
    """Every row of the tree."""
    return _nodes(picture, None)


def scoped(picture: Picture, query: Query) -> list[TenantNode] | None:
    """The rows of a scope, with figures of that scope only."""
    within = scope_of(query)
    if within is None and query.tenant is None:
        return None
    nodes = _nodes(picture, within) if within is not None else VIEW.all_items(picture)
    return [node for node in nodes if of_tenant(query, node.tenant)]


def _nodes(picture: Picture, within: Within | None) -> list[TenantNode]:
    units = units_of(picture, within)

    def node(figures: UnitFigures) -> TenantNode:
        return TenantNode(
            key=figures.unit.key,
            parent=figures.unit.parent,
            level=figures.unit.level.value,
            name=figures.unit.name,
            organization=units.organization,
            tenant=figures.unit.tenant,
            workspace=figures.unit.workspace,
            group=figures.unit.group,
            **figures_of(picture, figures),
        )

    return picture.rows("tenanttree", units.tree(), node, lambda figures: figures.unit.key)


def rank(node: TenantNode) -> int:
    """Sort rank among siblings: groups come after the others, and unowned namespaces last."""
    if node.level == TenancyLevel.GROUP:
        return 1
    if node.level != TenancyLevel.TENANT or node.tenant is None:
        return 0
    return _LAST.get(node.tenant, 1 if "|" in node.tenant else 0)


def tree_of(nodes: list[TenantNode]) -> Tree[TenantNode]:
    """The nodes as a tree."""
    return Tree(nodes, key=lambda n: n.key, parent=lambda n: n.parent, rank=rank)


def at_first(nodes: list[TenantNode], folding: Folding) -> Folding:
    """The initial folding: open down to the workspaces, with the unowned part folded."""
    outside = frozenset(node.key for node in nodes if node.level == TenancyLevel.TENANT and rank(node))
    rooted = any(node.level == TenancyLevel.ORGANIZATION for node in nodes)
    return structs.replace(folding, depth=2 if rooted else 1, shut=outside)


def _name_cell(node: TenantNode) -> Cell:
    tone = Tone.DEGRADED if node.tenant is not None and "|" in node.tenant else Tone.PLAIN
    return text_cell(node.name, _TONES.get(node.level, tone))


def detail(picture: Picture, item: TenantNode, key: str) -> Detail:
    """The detail of one row."""
    path = item.key.partition(":")[2]
    if item.level == TenancyLevel.NAMESPACE:
        found = find_item(picture, "namespaces", path)
        return _unknown(picture, item, key) if found is None else NAMESPACES.detail(picture, found, path)

    def belongs(owner: NamespaceOwner) -> bool:
        return owner.is_tenants if item.level == TenancyLevel.ORGANIZATION else owner.within(path)

    return level_detail(picture, "tenanttree", item, key, title=item.name, belongs=belongs, group=item.group)


def _unknown(picture: Picture, item: TenantNode, key: str) -> Detail:
    """The detail of a namespace in no cluster that was read: only requests to it are known."""
    return Detail(
        kind="tenanttree",
        key=key,
        title=item.name,
        health=item.health,
        sections=(Section("Inbound", column_facts(FIGURES, item, *GOLDEN_FACTS, thresholds=picture.thresholds)),),
        related=(),
        charts=(),
    )


c = Columns(TenantNode)

VIEW: View[TenantNode] = View(
    kind="tenanttree",
    singular="tenantnode",
    list_kind="TenantNodeList",
    title="Tenant tree",
    item=TenantNode,
    columns=(
        c.custom(name="name", title="TENANT", help_="Organization, tenants, workspaces and their groups, namespaces.",
                 value=lambda n: n.name, cell=_name_cell, priority=0, min_width=12, max_width=56),
        *FIGURES,
        c.text("level", "LEVEL", "Organization, tenant, workspace, group or namespace.", "level", wide=True,
               priority=9),
        c.text("tenant", "TENANT", "The tenant.", "tenant", hidden=True),
        c.text("workspace", "WORKSPACE", "The workspace.", "workspace", hidden=True),
        c.text("group", "GROUP", "The group.", "group", hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda n: (n.key,),
    places=lambda n: (Place(tenants=(n.tenant,) if n.tenant else ()),),
    default_sort="findings,health,requestsPerSecond,name",
    empty="There is no namespace in this scope, so there are no tenants.",
    needs=Needs(("Namespace",), traffic=True),
    related=("tenants", "namespaces"),
    scoped=scoped,
)  # fmt: skip
