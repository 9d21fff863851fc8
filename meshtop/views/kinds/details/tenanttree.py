"""A row of the tenants' tree opened: the level with its traffic, talkers and roles, or the namespace."""

from __future__ import annotations

from meshtop.analysis.tenancy.ownership import NamespaceOwner
from meshtop.analysis.tenancy.units import TenancyLevel
from meshtop.views.frame.detail import Detail, Section, find_item
from meshtop.views.kinds.details import namespaces
from meshtop.views.kinds.details.tenantmatrix import traffic_facts
from meshtop.views.kinds.details.tenants import level_detail
from meshtop.views.kinds.tenanttree import TenantNode
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: TenantNode, key: str) -> Detail:
    """Everything about one row."""
    path = item.key.partition(":")[2]
    if item.level == TenancyLevel.NAMESPACE:
        found = find_item(picture, "namespaces", path)
        return _unknown(item, key) if found is None else namespaces.detail(picture, found, path)

    def belongs(owner: NamespaceOwner) -> bool:
        return owner.is_tenants if item.level == TenancyLevel.ORGANIZATION else owner.within(path)

    return level_detail(picture, "tenanttree", item, key, title=item.name, belongs=belongs, group=item.group)


def _unknown(item: TenantNode, key: str) -> Detail:
    """A namespace that is in no cluster that was read: all that is known is what was asked of it."""
    return Detail(
        kind="tenanttree",
        key=key,
        title=item.name,
        health=item.health,
        sections=(Section("What it answers", traffic_facts(item.received, item.mtls_ratio)),),
        related=(),
        charts=(),
    )
