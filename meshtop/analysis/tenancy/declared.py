"""What the tenancy file says of a namespace, found without looking through all of it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshtop.settings.tenancy import GROUP_KINDS, LevelSettings, Tenancy, Tenant, Workspace, selects, split_selector


class Declaration(Struct, frozen=True):
    """The tenant and workspace of a namespace, its groups as (kind, name), and the modes in force (None: none set)."""

    tenant: str
    workspace: str
    groups: tuple[tuple[str, str], ...]
    traffic_mode: str | None
    authorization_mode: str | None


class Declarations:
    """The tenancy file by namespace: exact names and prefixes are looked up, not tried one after another."""

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
        """What the file says; None where no workspace owns the namespace."""
        found = self._find(cluster, namespace)
        if found is None:
            return None
        tenant, workspace = found
        groups = tuple(
            (kind, group.name)
            for kind in GROUP_KINDS
            for group in workspace.groups.of_kind(kind)
            if not group.namespaces or any(selects(s, cluster, namespace) for s in group.namespaces)
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
        """What the organization, tenant, workspace and groups say, each replacing what stood above it."""
        named = set(groups)
        of_groups = [
            group.settings
            for kind in GROUP_KINDS
            for group in workspace.groups.of_kind(kind)
            if (kind, group.name) in named
        ]
        in_force = LevelSettings()
        for level in (self._tenancy.file.settings, tenant.settings, workspace.settings, *of_groups):
            in_force = in_force.model_copy(update=level.model_dump(exclude_none=True))
        return in_force
