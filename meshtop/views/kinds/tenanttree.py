"""The kind `tenanttree`: organization → tenants → workspaces → namespaces of each cluster, and the groups beside them.

Under each row stand the rows that it is added up from: requests, errors and buckets of namespaces make those of their
workspace, and so on upward. A group is another cut through the namespaces of its workspace: it stands after them and is
not added. What belongs to no tenant stands at the end, beside the organization.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from meshtop.analysis.tenancy.ownership import HIDDEN, NONE, Owner
from meshtop.analysis.tenancy.traffic import Namespace, UnitTraffic, Within, rolled_up
from meshtop.model.state import Finding, Health
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.settings.tenancy import GROUP_KINDS
from meshtop.views.frame.columns import GOLDEN_FACTS, Columns, text_cell
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.facts import Detail, Section, column_facts
from meshtop.views.frame.findings import SEVERITY_ORDER
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.tree import Folding, Tree
from meshtop.views.frame.view import View
from meshtop.views.kinds.levels import FIGURES, figures_of, level_detail, of_tenant
from meshtop.views.kinds.namespaces import VIEW as NAMESPACES
from meshtop.views.kinds.tenants import located_findings, scope_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query

ORGANIZATION, TENANT, WORKSPACE, GROUP, NAMESPACE = "organization", "tenant", "workspace", "group", "namespace"
_TONES = {ORGANIZATION: Tone.STRONG, GROUP: Tone.DIM}
_LAST = {HIDDEN: 2, NONE: 3}


class TenantNode(Struct, frozen=True, rename="camel", kw_only=True):
    """A row of the tree; `key` is what the access policy calls it (`workspace:TENANT/NAME`), `parent` what it is under.

    Figures are those of the kind tenants: inbound and outbound are from and to what is outside of this very row.
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


class _Seat(Struct, frozen=True, kw_only=True):
    """Where a row stands, before anything is counted."""

    key: str
    parent: str | None = None
    level: str
    name: str
    tenant: str | None = None
    workspace: str | None = None
    group: str | None = None


def is_tenant(owner: Owner) -> bool:
    """Whether a namespace belongs to one tenant; what is nobody's, or in dispute, stands outside of all."""
    return len(owner.tenants) == 1 and owner.tenant != HIDDEN


class _Seats:
    """The rows that there are, and which of them a namespace is in."""

    def __init__(self, picture: Picture, within: Within | None) -> None:
        self._picture = picture
        file = picture.tenancy.file if picture.tenancy is not None else None
        self.organization = file.organization if file is not None else None
        self.found: dict[str, _Seat] = {}
        self.places: dict[str, list[Namespace]] = {}
        self._of: dict[Namespace, tuple[str, ...]] = {}
        if within is None:
            self._declared()
        for place in sorted(picture.owners.all_known()):
            if within is None or within(*place):
                for key in self.of(place):
                    self.places.setdefault(key, []).append(place)

    def _declared(self) -> None:
        """Levels of the tenancy file that no namespace is in."""
        picture = self._picture
        if picture.tenancy is None:
            return
        for _, tenant, workspace in picture.tenancy.workspaces():
            if picture.access is None or picture.access.may_read_workspace(tenant.name, workspace.name):
                groups = tuple((kind, g.name) for kind in GROUP_KINDS for g in workspace.groups.of_kind(kind))
                self._chain(tenant.name, workspace.name, groups)

    def of(self, place: Namespace) -> tuple[str, ...]:
        """The keys of all rows that a namespace is in, from the outside in."""
        if place not in self._of:
            self._of[place] = tuple(self._keys(place))
        return self._of[place]

    def _keys(self, place: Namespace) -> Iterator[str]:
        owner = self._picture.owner(*place)
        if is_tenant(owner):
            chain, holder = self._chain(owner.tenant, owner.workspace, owner.groups)
            yield from chain
        else:
            holder = self._seat(TENANT, owner.tenant, tenant=owner.tenant)
            yield holder
        if owner.tenant != HIDDEN:
            yield self._seat(
                NAMESPACE, "/".join(place), holder, name=_name(place), tenant=owner.tenant, workspace=owner.workspace
            )

    def _chain(
        self, tenant: str, workspace: str | None, groups: Iterable[tuple[str, str]]
    ) -> tuple[tuple[str, ...], str]:
        """The rows from the organization down to the groups, and the one that a namespace stands under."""
        top = None if self.organization is None else self._seat(ORGANIZATION, self.organization)
        holder = self._seat(TENANT, tenant, top, tenant=tenant)
        chain = [holder] if top is None else [top, holder]
        if workspace is not None:
            holder = self._seat(
                WORKSPACE, f"{tenant}/{workspace}", holder, name=workspace, tenant=tenant, workspace=workspace
            )
            chain.append(holder)
            for kind, group in groups:
                path, name = f"{tenant}/{workspace}/{group}", f"{kind} group {group}"
                chain.append(
                    self._seat(GROUP, path, holder, name=name, tenant=tenant, workspace=workspace, group=group)
                )
        return tuple(chain), holder

    def _seat(self, level: str, path: str, parent: str | None = None, *, name: str = "", **owned: str | None) -> str:
        key = f"{level}:{path}"
        if key not in self.found:
            self.found[key] = _Seat(key=key, parent=parent, level=level, name=name or path, **owned)
        return key


def _name(place: Namespace) -> str:
    cluster, namespace = place
    if cluster and namespace:
        return f"{cluster}/{namespace}"
    if cluster:
        return f"no namespace, {cluster}"
    return f"{namespace}, no known cluster" if namespace else "outside of every cluster"


def build(picture: Picture) -> list[TenantNode]:
    """Every row of the tree, each with what is added up under it."""
    return _nodes(picture, None)


def scoped(picture: Picture, query: Query) -> list[TenantNode] | None:
    """The rows of a scope, with the figures of what is in it."""
    within = scope_of(query)
    if within is None and query.tenant is None:
        return None
    nodes = _nodes(picture, within) if within is not None else VIEW.all_items(picture)
    return [node for node in nodes if of_tenant(query, node.tenant)]


def _nodes(picture: Picture, within: Within | None) -> list[TenantNode]:
    seats = _Seats(picture, within)
    traffic = rolled_up(picture.between_namespaces, seats.of, picture.owners, within)
    wrong = _findings(picture, seats, within)
    return [
        TenantNode(
            key=seat.key,
            parent=seat.parent,
            level=seat.level,
            name=seat.name,
            organization=seats.organization,
            tenant=seat.tenant,
            workspace=seat.workspace,
            group=seat.group,
            findings=tuple(wrong.get(seat.key, ())),
            **figures_of(picture, seats.places.get(seat.key, []), traffic.get(seat.key, UnitTraffic())),
        )
        for seat in seats.found.values()
        if within is None or seat.key in seats.places or seat.key in traffic
    ]


def _findings(picture: Picture, seats: _Seats, within: Within | None) -> dict[str, list[Finding]]:
    """What is wrong in each row: with itself, and with what stands under it; the worst first."""
    found: dict[str, list[Finding]] = {}
    for located in located_findings(picture, within):
        tenant, workspace = located.unit
        if located.place is not None:
            keys: tuple[str, ...] = tuple(k for k in seats.of(located.place) if seats.found[k].level != GROUP)
        else:
            own = f"workspace:{tenant}/{workspace}" if workspace else f"tenant:{tenant}"
            keys = (own, *_above(seats, own))
        for key in keys:
            found.setdefault(key, []).append(located.finding)
    return {key: sorted(some, key=lambda f: SEVERITY_ORDER[f.severity]) for key, some in found.items()}


def _above(seats: _Seats, key: str) -> Iterator[str]:
    seat = seats.found.get(key)
    while seat is not None and seat.parent is not None:
        yield seat.parent
        seat = seats.found.get(seat.parent)


def rank(node: TenantNode) -> int:
    """What stands after its siblings in any order: groups, and at the end whatever belongs to no tenant."""
    if node.level == GROUP:
        return 1
    if node.level != TENANT or node.tenant is None:
        return 0
    return _LAST.get(node.tenant, 1 if "|" in node.tenant else 0)


def tree_of(nodes: list[TenantNode]) -> Tree[TenantNode]:
    """The nodes as a tree."""
    return Tree(nodes, key=lambda n: n.key, parent=lambda n: n.parent, rank=rank)


def at_first(nodes: list[TenantNode], folding: Folding) -> Folding:
    """The folding with what is open at first: down to the workspaces, and nothing of what belongs to no tenant."""
    outside = frozenset(node.key for node in nodes if node.level == TENANT and rank(node))
    rooted = any(node.level == ORGANIZATION for node in nodes)
    return structs.replace(folding, depth=2 if rooted else 1, shut=outside)


def _name_cell(node: TenantNode) -> Cell:
    tone = Tone.DEGRADED if node.tenant is not None and "|" in node.tenant else Tone.PLAIN
    return text_cell(node.name, _TONES.get(node.level, tone))


def detail(picture: Picture, item: TenantNode, key: str) -> Detail:
    """Everything about one row."""
    path = item.key.partition(":")[2]
    if item.level == NAMESPACE:
        found = find_item(picture, "namespaces", path)
        return _unknown(picture, item, key) if found is None else NAMESPACES.detail(picture, found, path)

    def belongs(owner: Owner) -> bool:
        return is_tenant(owner) if item.level == ORGANIZATION else owner.within(path)

    return level_detail(picture, "tenanttree", item, key, title=item.name, belongs=belongs, group=item.group)


def _unknown(picture: Picture, item: TenantNode, key: str) -> Detail:
    """A namespace that is in no cluster that was read: all that is known is what was asked of it."""
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
    empty="No namespace is in this scope, and nothing is known of tenants.",
    related=("tenants", "namespaces"),
    scoped=scoped,
)  # fmt: skip
