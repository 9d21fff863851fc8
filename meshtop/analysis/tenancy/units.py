"""Figures of tenancy at any level: tenants with their workspaces, the whole tree, and traffic from tenant to tenant.

All of them are summed from the traffic between namespaces, so that the parts of a level add up to it. Groups are
another partition of a workspace's namespaces and are not part of that sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.tenancy.findings import TenantFinding
from meshtop.analysis.tenancy.ownership import HIDDEN, NamespaceOwner, Owners, tenant_order
from meshtop.analysis.tenancy.traffic import Namespace, Pairs, UnitTraffic, Within, by_pair, rolled_up
from meshtop.model.state import Finding, Severity
from meshtop.model.traffic import Sums
from meshtop.settings.forms import GROUP_KINDS

_SEVERITIES = tuple(Severity)


class TenancyLevel(StrEnum):
    """The levels of tenancy, from the outside in; groups are siblings of the namespaces of their workspace."""

    ORGANIZATION = "organization"
    TENANT = "tenant"
    WORKSPACE = "workspace"
    GROUP = "group"
    NAMESPACE = "namespace"


class Unit(Struct, frozen=True, kw_only=True):
    """An organization, tenant, workspace, group or namespace.

    `key` is its name in the access policy (`workspace:TENANT/NAME`), `parent` the key of the unit above (None at the
    top). Unowned namespaces are in a unit of level tenant, beside the organization.
    """

    key: str
    parent: str | None = None
    level: TenancyLevel
    name: str
    tenant: str | None = None
    workspace: str | None = None
    group: str | None = None


class UnitFigures(Struct, frozen=True, kw_only=True):
    """A unit with its namespaces (cluster and name), their owners, its traffic, and its findings, the worst first."""

    unit: Unit
    namespaces: tuple[Namespace, ...] = ()
    owners: tuple[NamespaceOwner, ...] = ()
    traffic: UnitTraffic = UnitTraffic()
    findings: tuple[Finding, ...] = ()

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters that its namespaces are in."""
        return tuple(dict.fromkeys(cluster for cluster, _ in self.namespaces))

    @property
    def marks(self) -> tuple[str, ...]:
        """Sources of its namespaces' owners: the names of marks, and `tenancy` for the tenancy file."""
        return tuple(dict.fromkeys(mark for owner in self.owners for mark in owner.found_by))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that its namespaces are in, as KIND/NAME."""
        return tuple(dict.fromkeys(f"{kind}/{name}" for owner in self.owners for kind, name in owner.groups))


class PairFigures(Struct, frozen=True, kw_only=True):
    """Traffic from one tenant to another (or inside one), and its findings on forbidden traffic."""

    source: str
    target: str
    sums: Sums
    findings: tuple[Finding, ...] = ()


class Units:
    """The units of a fleet with their figures; with `within`, of the namespaces of a scope only.

    `findings` are those of the same scope. `may_name` says whether a workspace of the tenancy file (tenant, name) may
    be shown although none of its namespaces is there.
    """

    def __init__(
        self,
        pairs: Pairs,
        owners: Owners,
        findings: Sequence[TenantFinding] = (),
        *,
        within: Within | None = None,
        may_name: Callable[[str, str], bool] = lambda tenant, workspace: True,
    ) -> None:
        self._pairs = pairs
        self._owners = owners
        self._findings = findings
        self._within = within
        self._may_name = may_name
        self.organization = owners.tenancy.file.organization if owners.tenancy is not None else None

    def workspaces(self) -> list[UnitFigures]:
        """Every tenant's workspaces, and the tenant itself for its namespaces in no workspace.

        Every namespace is in exactly one of them, so inbound + internal of all add up to all requests into the scope.
        Without a scope, workspaces without namespaces are included.
        """
        units: dict[tuple[str, str], Unit] = {}
        for tenant, workspace, _ in self._declared():
            units[tenant, workspace] = _workspace_unit(tenant, workspace)
        places: dict[tuple[str, str], list[Namespace]] = {}
        for place, owner in self._known():
            places.setdefault(owner.unit, []).append(place)
        traffic = rolled_up(self._pairs, lambda place: (self._owners.of(*place).unit,), self._owners, self._within)
        for unit in (*places, *traffic):
            units.setdefault(unit, _workspace_unit(*unit))
        findings: dict[tuple[str, str], list[Finding]] = {}
        for found in self._findings:
            findings.setdefault(found.unit, []).append(found.finding)
        return [
            self._figures(units[key], places.get(key, ()), traffic.get(key), findings.get(key, ()))
            for key in sorted(units, key=lambda key: (tenant_order(key[0]), key[1]))
        ]

    def tree(self) -> list[UnitFigures]:
        """Every unit of every level; without a scope, also units of the tenancy file without namespaces."""
        tree = _Tree(self._owners, self.organization)
        for tenant, workspace, groups in self._declared():
            tree.chain(tenant, workspace, groups)
        places: dict[str, list[Namespace]] = {}
        for place, _ in self._known():
            for key in tree.keys_of(place):
                places.setdefault(key, []).append(place)
        traffic = rolled_up(self._pairs, tree.keys_of, self._owners, self._within)
        findings = tree.spread(self._findings)
        return [
            self._figures(unit, places.get(key, ()), traffic.get(key), findings.get(key, ()))
            for key, unit in tree.units.items()
            if self._within is None or key in places or key in traffic
        ]

    def tenant_pairs(self, touching: Within | None = None) -> list[PairFigures]:
        """Traffic from each tenant to each tenant, itself included; with `touching`, only with an end in that scope."""
        findings: dict[tuple[str, str], list[Finding]] = {}
        for found in self._findings:
            if found.pair is not None:
                findings.setdefault(found.pair, []).append(found.finding)
        pairs = by_pair(self._pairs, self._owners, self._within, touching)
        return [
            PairFigures(source=source, target=target, sums=sums, findings=tuple(findings.get((source, target), ())))
            for (source, target), sums in sorted(pairs.items())
        ]

    def _declared(self) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
        """The workspaces of the tenancy file with their groups (kind, name); empty when there is a scope."""
        tenancy = self._owners.tenancy
        for _, tenant, workspace in tenancy.workspaces() if tenancy is not None and self._within is None else ():
            if self._may_name(tenant.name, workspace.name):
                groups = ((kind, group.name) for kind in GROUP_KINDS for group in workspace.groups.of_kind(kind))
                yield tenant.name, workspace.name, tuple(groups)

    def _known(self) -> Iterator[tuple[Namespace, NamespaceOwner]]:
        """The existing namespaces in the scope, in order."""
        for place, owner in sorted(self._owners.all_known().items()):
            if self._within is None or self._within(*place):
                yield place, owner

    def _figures(
        self, unit: Unit, places: Sequence[Namespace], traffic: UnitTraffic | None, findings: Sequence[Finding]
    ) -> UnitFigures:
        return UnitFigures(
            unit=unit,
            namespaces=tuple(places),
            owners=tuple(self._owners.of(*place) for place in places),
            traffic=traffic or UnitTraffic(),
            findings=tuple(findings),
        )


def _workspace_unit(tenant: str, workspace: str) -> Unit:
    if not workspace:
        return Unit(key=f"tenant:{tenant}", level=TenancyLevel.TENANT, name=tenant, tenant=tenant)
    return Unit(
        key=f"workspace:{tenant}/{workspace}",
        parent=f"tenant:{tenant}",
        level=TenancyLevel.WORKSPACE,
        name=workspace,
        tenant=tenant,
        workspace=workspace,
    )


class _Tree:
    """All units by key, and the units that each namespace is in."""

    def __init__(self, owners: Owners, organization: str | None) -> None:
        self.units: dict[str, Unit] = {}
        self._owners = owners
        self._organization = organization
        self._keys: dict[Namespace, tuple[str, ...]] = {}

    def keys_of(self, place: Namespace) -> tuple[str, ...]:
        """The keys of all units that a namespace is in, from the outside in."""
        if place not in self._keys:
            self._keys[place] = tuple(self._seat_namespace(place))
        return self._keys[place]

    def _seat_namespace(self, place: Namespace) -> Iterator[str]:
        owner = self._owners.of(*place)
        if owner.is_tenants:
            chain, holder = self.chain(owner.tenant, owner.workspace, owner.groups)
            yield from chain
        else:
            holder = self._seat(TenancyLevel.TENANT, owner.tenant, tenant=owner.tenant)
            yield holder
        if owner.tenant != HIDDEN:
            yield self._seat(
                TenancyLevel.NAMESPACE,
                "/".join(place),
                holder,
                name=_namespace_name(place),
                tenant=owner.tenant,
                workspace=owner.workspace,
            )

    def chain(
        self, tenant: str, workspace: str | None, groups: Iterable[tuple[str, str]]
    ) -> tuple[tuple[str, ...], str]:
        """The keys from the organization down to the groups, and the key of a namespace's parent."""
        top = None if self._organization is None else self._seat(TenancyLevel.ORGANIZATION, self._organization)
        holder = self._seat(TenancyLevel.TENANT, tenant, top, tenant=tenant)
        chain = [holder] if top is None else [top, holder]
        if workspace is None:
            return tuple(chain), holder
        path = f"{tenant}/{workspace}"
        owned = {"tenant": tenant, "workspace": workspace}
        holder = self._seat(TenancyLevel.WORKSPACE, path, holder, name=workspace, **owned)
        chain.append(holder)
        for kind, group in groups:
            name = f"{kind} group {group}"
            chain.append(self._seat(TenancyLevel.GROUP, f"{path}/{group}", holder, name=name, group=group, **owned))
        return tuple(chain), holder

    def _seat(
        self, level: TenancyLevel, path: str, parent: str | None = None, *, name: str = "", **owned: str | None
    ) -> str:
        key = f"{level}:{path}"
        if key not in self.units:
            self.units[key] = Unit(key=key, parent=parent, level=level, name=name or path, **owned)
        return key

    def spread(self, findings: Iterable[TenantFinding]) -> dict[str, list[Finding]]:
        """The findings of each unit including the units below it; groups do not include their namespaces'."""
        found: dict[str, list[Finding]] = {}
        for one in findings:
            tenant, workspace = one.unit
            if one.place is not None:
                keys = [key for key in self.keys_of(one.place) if self.units[key].level is not TenancyLevel.GROUP]
            else:
                own = f"workspace:{tenant}/{workspace}" if workspace else f"tenant:{tenant}"
                keys = [own, *self._above(own)]
            for key in keys:
                found.setdefault(key, []).append(one.finding)
        return {key: sorted(some, key=lambda f: _SEVERITIES.index(f.severity)) for key, some in found.items()}

    def _above(self, key: str) -> Iterator[str]:
        unit = self.units.get(key)
        while unit is not None and unit.parent is not None:
            yield unit.parent
            unit = self.units.get(unit.parent)


def _namespace_name(place: Namespace) -> str:
    """Display name of a namespace, also where telemetry names only part of it."""
    cluster, namespace = place
    if cluster and namespace:
        return f"{cluster}/{namespace}"
    if cluster:
        return f"no namespace, {cluster}"
    return f"{namespace}, no known cluster" if namespace else "outside of every cluster"
