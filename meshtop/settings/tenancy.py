"""tenancy.yaml: organization, tenants, workspaces and groups, validated with file and line in every error.

The model is Tetrate Service Bridge's: organization → tenants → workspaces → groups. A workspace owns its namespaces
exclusively, across clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Annotated, Any, Literal

from msgspec import Struct
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from meshtop.settings.checked import Where, checked, fault, read_checked
from meshtop.settings.document import ConfigError, KeyPath, dotted
from meshtop.settings.forms import GROUP_KINDS, meet, split_selector


def _selector(text: str) -> str:
    cluster, namespace = split_selector(text)
    if not cluster or not namespace:
        raise ValueError(f"{text!r} is not a selector; write CLUSTER/NAMESPACE, such as */checkout or east/shop-*")
    if "*" in cluster and cluster != "*":
        raise ValueError(f"{text!r}: a cluster is its whole name, or * for all of them")
    if "*" in namespace[:-1]:
        raise ValueError(f"{text!r}: a namespace is its whole name, a prefix such as shop-*, or *")
    return text


def _name(text: str) -> str:
    if not text or "/" in text or ":" in text or text != text.strip():
        raise ValueError(f"{text!r} is not a valid name; leave out slashes, colons and spaces around it")
    return text


def _subject(text: str) -> str:
    kind, _, name = text.partition(":")
    if kind not in ("user", "team") or not name:
        raise ValueError(f"{text!r} is not a subject; write user:NAME or team:NAME")
    return text


Selector = Annotated[str, AfterValidator(_selector)]
Name = Annotated[str, AfterValidator(_name)]
Subject = Annotated[str, AfterValidator(_subject)]


class _Section(BaseModel):
    # Where there is no tenancy file nothing is built: `model_construct` gives the defaults without a check.
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


class LevelSettings(_Section):
    """Settings of a level for its namespaces; a value set at a lower level replaces the higher level's.

    `traffic_mode` REQUIRED means mutual TLS only. `authorization_mode` limits where requests may come from: the same
    group, the same workspace, or as separate policies define (CUSTOM).
    """

    traffic_mode: Literal["OPTIONAL", "REQUIRED"] | None = None
    authorization_mode: Literal["GROUP", "WORKSPACE", "CUSTOM"] | None = None


class Group(_Section):
    """A traffic, security or gateway group: all namespaces of its workspace, or those selected."""

    name: Name
    namespaces: tuple[Selector, ...] = ()
    mode: Literal["BRIDGED", "DIRECT"] = "BRIDGED"
    settings: LevelSettings = LevelSettings.model_construct()


class Groups(_Section):
    """The groups of a workspace."""

    traffic: tuple[Group, ...] = ()
    security: tuple[Group, ...] = ()
    gateway: tuple[Group, ...] = ()

    def of_kind(self, kind: str) -> tuple[Group, ...]:
        """The groups of a kind of `GROUP_KINDS`."""
        found: tuple[Group, ...] = getattr(self, kind)
        return found


class Workspace(_Section):
    """A set of namespaces that belong to no other workspace."""

    name: Name
    namespaces: tuple[Selector, ...] = Field(min_length=1)
    groups: Groups = Groups.model_construct()
    settings: LevelSettings = LevelSettings.model_construct()


class Tenant(_Section):
    """A part of the organization and its workspaces."""

    name: Name
    workspaces: tuple[Workspace, ...] = ()
    settings: LevelSettings = LevelSettings.model_construct()


class Binding(_Section):
    """A role for users and teams on a level: `organization`, `tenant/T`, `workspace/T/W` or `group/T/W/G`."""

    role: Literal["admin", "editor", "creator", "writer", "reader"]
    subjects: tuple[Subject, ...] = Field(min_length=1)
    on: str


class TenancyFile(_Section):
    """The whole of tenancy.yaml."""

    organization: Name = "organization"
    settings: LevelSettings = LevelSettings.model_construct()
    tenants: tuple[Tenant, ...] = ()
    bindings: tuple[Binding, ...] = ()


class Tenancy(Struct, frozen=True):
    """A validated tenancy file, and the places of its keys."""

    file: TenancyFile
    where: Callable[[KeyPath], str]

    def workspaces(self) -> Iterator[tuple[KeyPath, Tenant, Workspace]]:
        """Every workspace with its key path and its tenant."""
        for t, tenant in enumerate(self.file.tenants):
            for w, workspace in enumerate(tenant.workspaces):
                yield ("tenants", t, "workspaces", w), tenant, workspace

    def selectors(self) -> Iterator[tuple[KeyPath, str]]:
        """Every selector of a workspace or group with its key path."""
        for path, _, workspace in self.workspaces():
            for n, selector in enumerate(workspace.namespaces):
                yield (*path, "namespaces", n), selector
            for kind in GROUP_KINDS:
                for g, group in enumerate(workspace.groups.of_kind(kind)):
                    for n, selector in enumerate(group.namespaces):
                        yield (*path, "groups", kind, g, "namespaces", n), selector


def read_tenancy(given: str | dict[str, Any] | None) -> Tenancy | None:
    """The tenancy that the settings name (a file) or contain (inline); None without any. Raises ConfigError."""
    if given is None:
        return None
    if isinstance(given, dict):
        return check_tenancy(given, lambda path: dotted(("tenancy", *path)), ("tenancy",))
    file, where = read_checked(TenancyFile, given, "tenancy file")
    tenancy = Tenancy(file, where)
    _check(tenancy)
    return tenancy


def check_tenancy(data: dict[str, Any], where: Where, under: KeyPath = ()) -> Tenancy:
    """Validate tenancy data; `where` gives the place, `under` is the key that holds the data. Raises ConfigError."""
    tenancy = Tenancy(checked(TenancyFile, data, where, under), where)
    _check(tenancy)
    return tenancy


def _check(tenancy: Tenancy) -> None:
    where = tenancy.where
    _names_differ(where, ("tenants",), [tenant.name for tenant in tenancy.file.tenants], "tenant")
    for t, tenant in enumerate(tenancy.file.tenants):
        _names_differ(where, ("tenants", t, "workspaces"), [w.name for w in tenant.workspaces], "workspace")
    _check_owners(tenancy)
    for path, _, workspace in tenancy.workspaces():
        _check_groups(where, path, workspace)
    for b, binding in enumerate(tenancy.file.bindings):
        if binding.on not in levels(tenancy.file):
            raise fault(where, ("bindings", b, "on"), f"there is no {binding.on}; write {_levels_hint(tenancy.file)}")


def _names_differ(where: Where, path: KeyPath, names: list[str], what: str) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            first = where((*path, names.index(name), "name"))
            raise fault(where, (*path, index, "name"), f"{what} {name} already exists ({first}); rename one of them")


def _check_owners(tenancy: Tenancy) -> None:
    """Raise ConfigError where workspaces or groups overlap; selectors are compared by exact name and by prefix."""
    owned = [
        (f"{tenant.name}/{workspace.name}", (*path, "namespaces", n), selector)
        for path, tenant, workspace in tenancy.workspaces()
        for n, selector in enumerate(workspace.namespaces)
    ]
    exact: dict[str, list[int]] = {}
    prefixes: dict[str, list[int]] = {}
    for index, (_, _, selector) in enumerate(owned):
        name = split_selector(selector)[1]
        (prefixes if name.endswith("*") else exact).setdefault(name.removesuffix("*"), []).append(index)
    for index, (owner, _, selector) in enumerate(owned):
        name = split_selector(selector)[1]
        base = name.removesuffix("*")
        near = exact.get(name, []) if base == name else []
        near = near + [i for length in range(len(base) + 1) for i in prefixes.get(base[:length], ())]
        for i in near:
            if owned[i][0] != owner and meet(selector, owned[i][2]):
                first, second = sorted((index, i))
                raise _overlap(tenancy.where, owned[first], owned[second])


def _overlap(where: Where, first: tuple[str, KeyPath, str], second: tuple[str, KeyPath, str]) -> ConfigError:
    owner, path, selector = first
    other, other_path, other_selector = second
    return fault(
        where,
        other_path,
        f"{other_selector} of workspace {other} overlaps {selector} of workspace {owner} "
        f"({where(path)}); a namespace belongs to one workspace, so narrow one of them",
    )


def _check_groups(where: Where, path: KeyPath, workspace: Workspace) -> None:
    names: dict[str, KeyPath] = {}
    for kind in GROUP_KINDS:
        groups = workspace.groups.of_kind(kind)
        for g, group in enumerate(groups):
            place: KeyPath = (*path, "groups", kind, g)
            if group.name in names:
                first = where(names[group.name])
                raise fault(where, (*place, "name"), f"group {group.name} already exists ({first}); rename one of them")
            names[group.name] = (*place, "name")
            for n, selector in enumerate(group.namespaces):
                if not any(meet(selector, own) for own in workspace.namespaces):
                    message = f"{selector} selects nothing of workspace {workspace.name}; it owns {_list(workspace)}"
                    raise fault(where, (*place, "namespaces", n), message)
        for (one, left), (two, right) in combinations(enumerate(groups), 2):
            if any(meet(a, b) for a in left.namespaces or ("*/*",) for b in right.namespaces or ("*/*",)):
                raise fault(
                    where,
                    (*path, "groups", kind, two),
                    f"{kind} group {right.name} shares namespaces with {left.name} "
                    f"({where((*path, 'groups', kind, one))}); a namespace is in one group of each kind",
                )


def _list(workspace: Workspace) -> str:
    return ", ".join(workspace.namespaces)


def levels(file: TenancyFile) -> frozenset[str]:
    """Every level that a binding may name."""
    found = ["organization", f"organization/{file.organization}"]
    for tenant in file.tenants:
        found.append(f"tenant/{tenant.name}")
        for workspace in tenant.workspaces:
            found.append(f"workspace/{tenant.name}/{workspace.name}")
            found += [
                f"group/{tenant.name}/{workspace.name}/{group.name}"
                for kind in GROUP_KINDS
                for group in workspace.groups.of_kind(kind)
            ]
    return frozenset(found)


def _levels_hint(file: TenancyFile) -> str:
    names = ", ".join(sorted(f"tenant/{tenant.name}" for tenant in file.tenants))
    return f"organization, {names or 'tenant/NAME'}, workspace/TENANT/NAME or group/TENANT/WORKSPACE/NAME"
