"""Owner of each namespace: from the tenancy file, else from the marks (labels and annotations) of other systems.

Several systems mark namespaces (reference: tenancy marks found on namespaces); where their marks differ, all are kept,
since meshtop cannot know which one is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.model.kube import Namespace
from meshtop.model.snapshot import Snapshot
from meshtop.settings.forms import GROUP_KINDS, selector_matches, split_selector

if TYPE_CHECKING:
    from meshtop.settings.tenancy import LevelSettings, Tenancy, Tenant, Workspace

NONE = "(none)"
"""Placeholder for "no tenant"; it cannot clash, as tenant names contain no brackets."""
HIDDEN = "(hidden)"
"""Placeholder for a namespace that the access policy hides from the user."""

WORKSPACE_MARK = "kubesphere.io/workspace"
PROJECT_MARK = "field.cattle.io/projectId"
REQUESTER_MARK = "openshift.io/requester"
TENANT_MARKS = (
    WORKSPACE_MARK,
    "capsule.clastix.io/tenant",
    "projectcapsule.dev/tenant",
    PROJECT_MARK,
    REQUESTER_MARK,
)
_ANNOTATION_FIRST = (PROJECT_MARK, REQUESTER_MARK)
"""Marks whose system uses the annotation (Rancher copies it to a label); all others are labels."""
HNC_SUFFIX = ".tree.hnc.x-k8s.io/depth"


class TenantMark(Struct, frozen=True):
    """A mark and the tenant it names."""

    name: str
    tenant: str


def marks_of(namespace: Namespace, tenant_label: str | None = None) -> tuple[TenantMark, ...]:
    """Every mark on a namespace; `tenant_label`, a label chosen in the settings, overrides all others.

    OpenShift's requester is whoever created the namespace (a person, a GitOps tool): it is used only without others.
    """
    meta = namespace.meta
    if tenant_label and (value := meta.labels.get(tenant_label) or meta.annotations.get(tenant_label)):
        return (TenantMark(tenant_label, value),)
    found = (*_known_marks(meta.labels, meta.annotations), *_hnc_root(meta.labels, meta.name))
    return _without_requester(found) or found


def workspace_of(namespace: Namespace) -> str | None:
    """The KubeSphere workspace of a namespace, if any."""
    return namespace.meta.labels.get(WORKSPACE_MARK) or None


def _known_marks(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Iterator[TenantMark]:
    """Each mark once, from where its system stores it; a copy in the other place may be outdated and is ignored."""
    for name in TENANT_MARKS:
        first, second = (annotations, labels) if name in _ANNOTATION_FIRST else (labels, annotations)
        value = first[name] if name in first else second.get(name, "")
        # Rancher writes CLUSTER:PROJECT; the project is the tenant.
        if tenant := value.rpartition(":")[2] if name == PROJECT_MARK else value:
            yield TenantMark(name, tenant)


def _without_requester(marks: tuple[TenantMark, ...]) -> tuple[TenantMark, ...]:
    return tuple(mark for mark in marks if mark.name != REQUESTER_MARK)


def _hnc_root(labels: Mapping[str, str], name: str) -> list[TenantMark]:
    """The topmost ancestor in the Hierarchical Namespace Controller's tree; a namespace alone is no tree."""
    depths = {
        label.removesuffix(HNC_SUFFIX): int(depth)
        for label, depth in labels.items()
        if label.endswith(HNC_SUFFIX) and depth.isdigit()
    }
    if not depths:
        return []
    root = max(depths, key=lambda ancestor: (depths[ancestor], ancestor))
    return [] if root == name and len(depths) == 1 else [TenantMark(f"{root}{HNC_SUFFIX}", root)]


class Declaration(Struct, frozen=True):
    """The tenant and workspace of a namespace, its groups as (kind, name), and the modes in force (None: none set)."""

    tenant: str
    workspace: str
    groups: tuple[tuple[str, str], ...]
    traffic_mode: str | None
    authorization_mode: str | None


class Declarations:
    """The tenancy file indexed by namespace: exact names and prefixes are looked up rather than scanned."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._exact: dict[str, list[tuple[str, Tenant, Workspace]]] = {}
        self._prefixes: dict[str, list[tuple[str, Tenant, Workspace]]] = {}
        self._made: dict[tuple[str, str, tuple[tuple[str, str], ...]], Declaration] = {}
        for _, tenant, workspace in tenancy.workspaces():
            for selector in workspace.namespaces:
                cluster, namespace = split_selector(selector)
                index = self._prefixes if namespace.endswith("*") else self._exact
                index.setdefault(namespace.removesuffix("*"), []).append((cluster, tenant, workspace))

    def of(self, cluster: str, namespace: str) -> Declaration | None:
        """The declaration of a namespace; None where no workspace owns it."""
        found = self._find(cluster, namespace)
        if found is None:
            return None
        tenant, workspace = found
        groups = tuple(
            (kind, group.name)
            for kind in GROUP_KINDS
            for group in workspace.groups.of_kind(kind)
            if not group.namespaces or any(selector_matches(s, cluster, namespace) for s in group.namespaces)
        )
        key = (tenant.name, workspace.name, groups)
        if key not in self._made:
            settings = self._settings(tenant, workspace, groups)
            self._made[key] = Declaration(*key, settings.traffic_mode, settings.authorization_mode)
        return self._made[key]

    def _find(self, cluster: str, namespace: str) -> tuple[Tenant, Workspace] | None:
        candidates = [*self._exact.get(namespace, ())]
        for length in range(len(namespace) + 1):
            candidates += self._prefixes.get(namespace[:length], ())
        return next(((tenant, workspace) for where, tenant, workspace in candidates if where in ("*", cluster)), None)

    def _settings(self, tenant: Tenant, workspace: Workspace, groups: Iterable[tuple[str, str]]) -> LevelSettings:
        """The settings of organization, tenant, workspace and groups merged, lower levels overriding higher ones."""
        named = set(groups)
        of_groups = [
            group.settings
            for kind in GROUP_KINDS
            for group in workspace.groups.of_kind(kind)
            if (kind, group.name) in named
        ]
        from meshtop.settings.tenancy import LevelSettings

        in_force = LevelSettings()
        for level in (self._tenancy.file.settings, tenant.settings, workspace.settings, *of_groups):
            in_force = in_force.model_copy(update=level.model_dump(exclude_none=True))
        return in_force


def tenant_order(tenant: str) -> tuple[int, str]:
    """Sort key of tenants: by name, with the hidden and unowned placeholders last."""
    return ({HIDDEN: 1, NONE: 2}.get(tenant, 0), tenant)


class NamespaceOwner(Struct, frozen=True, kw_only=True):
    """The owner of a namespace. `tenants` has several entries where marks conflict; `declared`: from tenancy.yaml.

    `groups` are (kind, name); the modes are those in force, None where no level sets any.
    """

    tenants: tuple[str, ...] = ()
    workspace: str | None = None
    groups: tuple[tuple[str, str], ...] = ()
    traffic_mode: str | None = None
    authorization_mode: str | None = None
    declared: bool = False
    marks: tuple[TenantMark, ...] = ()

    @property
    def tenant(self) -> str:
        """The tenant as one text: `(none)` without one, several joined by `|`."""
        return "|".join(self.tenants) or NONE

    @property
    def is_tenants(self) -> bool:
        """Whether it belongs to exactly one tenant; unowned, disputed and hidden namespaces do not."""
        return len(self.tenants) == 1 and self.tenant != HIDDEN

    @property
    def found_by(self) -> tuple[str, ...]:
        """Source of its tenant: `tenancy` for the tenancy file, else the names of its marks."""
        return ("tenancy",) if self.declared else tuple(mark.name for mark in self.marks)

    @property
    def unit(self) -> tuple[str, str]:
        """Tenant and workspace ("" without one): every namespace is in exactly one such pair."""
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


NOBODY = NamespaceOwner()
_HIDDEN_OWNER = NamespaceOwner(tenants=(HIDDEN,))


class Owners:
    """The owner of any namespace, known or not; answers are cached."""

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
        self._found: dict[tuple[str, str], NamespaceOwner] = {}

    def of(self, cluster: str, namespace: str) -> NamespaceOwner:
        """The owner of a namespace; none where the cluster or namespace is empty."""
        place = (cluster, namespace)
        if place not in self._found:
            self._found[place] = self._owner(cluster, namespace)
        return self._found[place]

    def all_known(self) -> dict[tuple[str, str], NamespaceOwner]:
        """The owner of every existing namespace."""
        return {place: self.of(*place) for place in self.known}

    def _owner(self, cluster: str, namespace: str) -> NamespaceOwner:
        if namespace == HIDDEN:
            return _HIDDEN_OWNER
        if not cluster or not namespace:
            return NOBODY
        known = self.known.get((cluster, namespace))
        marks = marks_of(known, self.tenant_label) if known is not None else ()
        declared = self._declarations.of(cluster, namespace) if self._declarations is not None else None
        if declared is None:
            return NamespaceOwner(tenants=tuple(dict.fromkeys(mark.tenant for mark in marks)), marks=marks)
        return NamespaceOwner(
            tenants=(declared.tenant,),
            workspace=declared.workspace,
            groups=declared.groups,
            traffic_mode=declared.traffic_mode,
            authorization_mode=declared.authorization_mode,
            declared=True,
            marks=_without_requester(marks),
        )


def owners_of(snapshot: Snapshot, tenancy: Tenancy | None = None, tenant_label: str | None = None) -> Owners:
    """The owners of a snapshot's namespaces."""
    known = {c.name: c.inventory.namespaces for c in snapshot.clusters if c.inventory is not None}
    return Owners(known, tenancy=tenancy, tenant_label=tenant_label)
