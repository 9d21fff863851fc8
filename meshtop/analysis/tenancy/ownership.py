"""Whose each namespace of each cluster is: by tenancy.yaml where it says, else by the marks on the namespace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from meshtop.analysis.tenancy.declared import Declarations
from meshtop.analysis.tenancy.marks import Mark, marks_of
from meshtop.model.kube import Namespace
from meshtop.model.snapshot import Snapshot
from meshtop.settings.tenancy import Tenancy

NONE = "(none)"
"""Stands for the tenant of what belongs to nobody; no tenant may be named so, as names of tenants hold no brackets."""
HIDDEN = "(hidden)"
"""Stands for a namespace that the access policy keeps from the user."""


class Owner(Struct, frozen=True, kw_only=True):
    """Who owns a namespace. `tenants` holds several where marks conflict; `declared` when tenancy.yaml says so.

    `groups` are (kind, name); the modes are those in force, None where no level sets any.
    """

    tenants: tuple[str, ...] = ()
    workspace: str | None = None
    groups: tuple[tuple[str, str], ...] = ()
    traffic_mode: str | None = None
    authorization_mode: str | None = None
    declared: bool = False
    marks: tuple[Mark, ...] = ()

    @property
    def tenant(self) -> str:
        """The tenant in one word: `(none)` for nobody's, all of several joined by `|`."""
        return "|".join(self.tenants) or NONE

    @property
    def unit(self) -> tuple[str, str]:
        """Tenant and workspace ("" without one): every namespace is in exactly one such unit."""
        return (self.tenant, self.workspace or "")

    @property
    def security_group(self) -> str | None:
        """The security group it is in."""
        return next((name for kind, name in self.groups if kind == "security"), None)

    def within(self, level: str) -> bool:
        """Whether it belongs to a tenant `T`, a workspace `T/W` or a group `T/W/G`."""
        if level in self.tenants or level == self.tenant:
            return True
        if not self.declared or self.workspace is None:
            return False
        workspace = f"{self.tenant}/{self.workspace}"
        return level == workspace or any(level == f"{workspace}/{name}" for _, name in self.groups)


NOBODY = Owner()
_HIDDEN_OWNER = Owner(tenants=(HIDDEN,))


class Owners:
    """The owner of every namespace, known or not; the same question is worked out once."""

    def __init__(
        self,
        namespaces: Mapping[str, Iterable[Namespace]],
        *,
        tenancy: Tenancy | None = None,
        tenant_label: str | None = None,
    ) -> None:
        self.tenancy = tenancy
        self.tenant_label = tenant_label
        self._declarations = Declarations(tenancy) if tenancy is not None else None
        self.known = {
            (cluster, namespace.meta.name): namespace for cluster, some in namespaces.items() for namespace in some
        }
        self._found: dict[tuple[str, str], Owner] = {}

    def of(self, cluster: str, namespace: str) -> Owner:
        """The owner of a namespace; what has no cluster or no namespace is nobody's."""
        place = (cluster, namespace)
        if place not in self._found:
            self._found[place] = self._owner(cluster, namespace)
        return self._found[place]

    def all_known(self) -> dict[tuple[str, str], Owner]:
        """The owner of every namespace that is there."""
        return {place: self.of(*place) for place in self.known}

    def _owner(self, cluster: str, namespace: str) -> Owner:
        if namespace == HIDDEN:
            return _HIDDEN_OWNER
        if not cluster or not namespace:
            return NOBODY
        known = self.known.get((cluster, namespace))
        marks = marks_of(known, self.tenant_label) if known is not None else ()
        declared = self._declarations.of(cluster, namespace) if self._declarations is not None else None
        if declared is None:
            return Owner(tenants=tuple(dict.fromkeys(mark.tenant for mark in marks)), marks=marks)
        return Owner(
            tenants=(declared.tenant,),
            workspace=declared.workspace,
            groups=declared.groups,
            traffic_mode=declared.traffic_mode,
            authorization_mode=declared.authorization_mode,
            declared=True,
            marks=marks,
        )


def owners_of(snapshot: Snapshot, tenancy: Tenancy | None = None, tenant_label: str | None = None) -> Owners:
    """The owners of a snapshot's namespaces."""
    known = {c.name: c.inventory.namespaces for c in snapshot.clusters if c.inventory is not None}
    return Owners(known, tenancy=tenancy, tenant_label=tenant_label)
