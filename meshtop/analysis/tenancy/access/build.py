"""Builds the policy graph of a fleet from access.yaml, the tenancy with its role bindings, and the clusters.

Generated names: `organization:O`, `cluster:C`, `tenant:T`, `workspace:T/W`, `group:T/W/G` are object attributes,
`namespace:C/N` are objects, all under the policy class `meshtop`; `team:T` are user attributes. A namespace is assigned
to its groups and workspace (else its tenant) and to its cluster; these upward to the organization. Where marks disagree
about the tenant, a namespace is under its cluster only, so that no tenant's readers can read it until that is resolved.
A binding becomes a user attribute `ROLE on LEVEL`, to which its subjects are assigned, and an association.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from meshtop.analysis.tenancy.access.policy import Association, Policy, PolicyError, PolicyNodeKind, Prohibition
from meshtop.analysis.tenancy.ownership import NamespaceOwner
from meshtop.model.kube import Identity
from meshtop.settings.document import ConfigError
from meshtop.settings.forms import GROUP_KINDS

if TYPE_CHECKING:
    from meshtop.settings.access import AccessFile, AccessPolicy
    from meshtop.settings.tenancy import Binding, Tenancy

POLICY_CLASS = "meshtop"
READ, SHIFT, PROPAGATE = "read", "shift", "propagate"
RIGHTS = (READ, SHIFT, PROPAGATE)
"""The rights that meshtop checks."""
ROLE_RIGHTS: Mapping[str, frozenset[str]] = {
    "admin": frozenset({"*"}),
    "editor": frozenset({READ, "write", "create", SHIFT, PROPAGATE}),
    "creator": frozenset({READ, "create", PROPAGATE}),
    "writer": frozenset({READ, "write", SHIFT}),
    "reader": frozenset({READ}),
}
"""The rights of each role: shifting weights is writing, propagating to other clusters is creating."""

Place = tuple[str, str]
"""Cluster and namespace."""


def cluster_name(cluster: str) -> str:
    """The object attribute of a cluster."""
    return f"cluster:{cluster}"


def namespace_name(cluster: str, namespace: str) -> str:
    """The object of a namespace."""
    return f"namespace:{cluster}/{namespace}"


class _Graph:
    """A policy graph under construction."""

    def __init__(self) -> None:
        self.kinds: dict[str, PolicyNodeKind] = {}
        self.parents: dict[str, list[str]] = {}
        self.associations: list[Association] = []
        self.prohibitions: list[Prohibition] = []

    def add(self, kind: PolicyNodeKind, name: str, *parents: str) -> str:
        """Declare a name with its parents, or add parents to a known one."""
        self.kinds.setdefault(name, kind)
        self.parents.setdefault(name, []).extend(parents)
        return name


def build_policy(
    policy: AccessPolicy | None,
    tenancy: Tenancy | None = None,
    owners: Mapping[Place, NamespaceOwner] | None = None,
    clusters: Iterable[str] = (),
    identity: Identity | None = None,
) -> Policy:
    """The policy of a fleet. `identity` is a user to add, with the teams that Kubernetes' groups of the same name are.

    Raises ConfigError, with file and line, for an invalid policy.
    """
    graph = _Graph()
    from meshtop.settings.access import AccessFile

    file = policy.file if policy is not None else AccessFile()
    _declare(graph, file)
    if tenancy is not None or owners or policy is None:
        _generate(graph, tenancy, owners or {}, clusters)
    _mention(graph, file, tenancy)
    for binding in tenancy.file.bindings if tenancy is not None else ():
        assert tenancy is not None
        _bind(graph, binding, tenancy)
    if identity is not None:
        teams = [team for group in identity.groups if (team := f"team:{group}") in graph.kinds]
        graph.add(PolicyNodeKind.USER, identity.user, *teams)
    try:
        return Policy(graph.kinds, graph.parents, graph.associations, graph.prohibitions)
    except PolicyError as error:
        where = policy.place_of(error.name) if policy is not None else "the access policy"
        raise ConfigError(f"{where}: {error}.") from error


def _declare(graph: _Graph, file: AccessFile) -> None:
    for name in file.policy_classes:
        graph.add(PolicyNodeKind.POLICY_CLASS, name)
    for kind, names in (
        (PolicyNodeKind.USER_ATTRIBUTE, file.user_attributes),
        (PolicyNodeKind.OBJECT_ATTRIBUTE, file.object_attributes),
        (PolicyNodeKind.USER, file.users),
        (PolicyNodeKind.OBJECT, file.objects),
    ):
        for name, parents in names.items():
            graph.add(kind, name, *parents)
    graph.associations += [Association(a.user_attribute, frozenset(a.rights), a.target) for a in file.associations]
    graph.prohibitions += [
        Prohibition(p.subject, frozenset(p.rights), p.conjunctive, p.include, p.exclude) for p in file.prohibitions
    ]


def _generate(
    graph: _Graph, tenancy: Tenancy | None, owners: Mapping[Place, NamespaceOwner], clusters: Iterable[str]
) -> None:
    organization = _organization(graph, tenancy)
    for cluster in clusters:
        graph.add(PolicyNodeKind.OBJECT_ATTRIBUTE, cluster_name(cluster), organization)
    if tenancy is not None:
        for tenant in tenancy.file.tenants:
            above = graph.add(PolicyNodeKind.OBJECT_ATTRIBUTE, f"tenant:{tenant.name}", organization)
            for workspace in tenant.workspaces:
                name = f"workspace:{tenant.name}/{workspace.name}"
                graph.add(PolicyNodeKind.OBJECT_ATTRIBUTE, name, above)
                for kind in GROUP_KINDS:
                    for group in workspace.groups.of_kind(kind):
                        graph.add(
                            PolicyNodeKind.OBJECT_ATTRIBUTE, f"group:{tenant.name}/{workspace.name}/{group.name}", name
                        )
    for (cluster, namespace), owner in owners.items():
        above_it = [_attribute(graph, cluster_name(cluster), organization)]
        if owner.declared and owner.workspace is not None:
            workspace_name = f"{owner.tenant}/{owner.workspace}"
            above_it.append(f"workspace:{workspace_name}")
            above_it += [f"group:{workspace_name}/{group}" for _, group in owner.groups]
        elif len(owner.tenants) == 1:
            above_it.append(_attribute(graph, f"tenant:{owner.tenants[0]}", organization))
        graph.add(PolicyNodeKind.OBJECT, namespace_name(cluster, namespace), *above_it)


def _organization(graph: _Graph, tenancy: Tenancy | None) -> str:
    graph.add(PolicyNodeKind.POLICY_CLASS, POLICY_CLASS)
    name = tenancy.file.organization if tenancy is not None else "organization"
    return _attribute(graph, f"organization:{name}", POLICY_CLASS)


def _attribute(graph: _Graph, name: str, parent: str) -> str:
    if parent in graph.parents.get(name, ()):
        return name
    return graph.add(PolicyNodeKind.OBJECT_ATTRIBUTE, name, parent)


def _mention(graph: _Graph, file: AccessFile, tenancy: Tenancy | None) -> None:
    """Declare generated names that the policy refers to although no such object exists (yet)."""
    used: list[str] = [parent for parents in graph.parents.values() for parent in parents]
    used += [name for a in file.associations for name in (a.user_attribute, a.target)]
    used += [name for p in file.prohibitions for name in (p.subject, *p.include, *p.exclude)]
    for name in dict.fromkeys(used):
        prefix, _, rest = name.partition(":")
        if name in graph.kinds or not rest:
            continue
        if prefix == "team":
            graph.add(PolicyNodeKind.USER_ATTRIBUTE, name)
        elif prefix == "namespace":
            graph.add(PolicyNodeKind.OBJECT, name, _organization(graph, tenancy))
        elif prefix in ("organization", "cluster", "tenant", "workspace", "group"):
            graph.add(PolicyNodeKind.OBJECT_ATTRIBUTE, name, _organization(graph, tenancy))


def _bind(graph: _Graph, binding: Binding, tenancy: Tenancy) -> None:
    level, _, name = binding.on.partition("/")
    target = f"organization:{tenancy.file.organization}" if level == "organization" else f"{level}:{name}"
    role = graph.add(PolicyNodeKind.USER_ATTRIBUTE, f"{binding.role} on {binding.on}")
    for subject in binding.subjects:
        kind, _, who = subject.partition(":")
        if kind == "team":
            graph.add(PolicyNodeKind.USER_ATTRIBUTE, subject, role)
        else:
            graph.add(PolicyNodeKind.USER, who, role)
    graph.associations.append(Association(role, ROLE_RIGHTS[binding.role], target))
