"""Members declared by registries, compared with the clusters that meshtop reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from meshtop.analysis.fleet.registries import ISTIO, RegistryEntry, registered
from meshtop.analysis.inventory.untyped import Condition
from meshtop.model.kube import Inventory
from meshtop.model.mesh import MeshFacts
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import Finding, Health, HealthStatus, Severity, State

_LOST = (State.UNREACHABLE, State.DENIED, State.STALE)
_SAYS_ISSUE = ("Offline", "KubeConfigCertExpiresInSevenDays", "Conflict")
"""Types of conditions that report a problem when True."""
_SAYS_GOOD = (
    "CompleteAPIEnablements",
    "ManagedClusterClockSynced",
    "ManagedClusterImportSucceeded",
    "Joined",
    "Initialized",
    "AgentAvailable",
    "KSCoreReady",
)
"""Types of conditions whose False is a warning although the registry calls the member ready; of any registry."""
_SAYS_READY = ("Ready", "ManagedClusterConditionAvailable", "ControlPlaneHealthy")
"""Conditions by which registries call a member ready; the status is Unknown when it stops reporting."""


class RegisteredMember(Struct, frozen=True, kw_only=True):
    """A member with its health by the registry, and the name of the cluster that meshtop reads for it (None: none).

    A cluster that is in no registry is a member without a registry.
    """

    entry: RegistryEntry
    cluster: str | None
    state: State
    says: Health
    findings: tuple[Finding, ...] = ()
    adopted: bool = False
    via: str | None = None


def endpoint(url: str) -> str:
    """An API server's identity: scheme, host, port and path, normalised; "" if this is not a URL."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}{parts.path.rstrip('/')}" if parts.netloc else ""


def kube_system(inventory: Inventory | None) -> str | None:
    """The UID of kube-system, by which federation projects identify clusters; None when it is not known."""
    if inventory is None or inventory.uid:
        return inventory.uid if inventory is not None else None
    for namespace in inventory.namespaces:
        if namespace.meta.name == "kube-system":
            return namespace.meta.uid or None
    return None


def match(entry: RegistryEntry, clusters: Sequence[ClusterSnapshot], facts: Mapping[str, MeshFacts]) -> str | None:
    """The cluster that a registry's entry refers to; None when it is none of these.

    By certainty: the UID of kube-system, then the API server's URL, then the Istio cluster id (of remote secrets),
    the cluster's name or context, by each name that identifies the entry. An API server's URL with several clusters
    sharing it (an access proxy) means the one of that name. An entry whose UID no cluster has is matched by the rest
    only with clusters whose own UID is not known.
    """
    if entry.itself:
        return entry.host
    known = [_identity(cluster, facts.get(cluster.name)) for cluster in clusters]
    certain = next((c.name for c in known if c.uid and c.uid in entry.ids), None)
    uids = {*entry.ids} - {*entry.aliases}
    rest = [c for c in known if not uids or c.uid is None]
    home = facts[entry.host].mesh if entry.host in facts else None
    names = (entry.name, *entry.aliases)
    return (
        certain
        or _by_server(endpoint(entry.server), names, rest)
        or (_by_cluster_id(entry.name, home, rest) if entry.registry == ISTIO else None)
        or _by_name(names, rest)
    )


class _ClusterIdentity(Struct, frozen=True, kw_only=True):
    """Attributes by which a registry may refer to a cluster; `uid` and the ids are None where unknown."""

    name: str
    context: str
    uid: str | None
    server: str
    cluster_id: str | None
    mesh_id: str | None


def _identity(cluster: ClusterSnapshot, facts: MeshFacts | None) -> _ClusterIdentity:
    return _ClusterIdentity(
        name=cluster.name,
        context=cluster.context,
        uid=kube_system(cluster.inventory),
        server=endpoint(cluster.server),
        cluster_id=facts.cluster_id if facts is not None else None,
        mesh_id=facts.mesh if facts is not None else None,
    )


def _by_server(server: str, names: Sequence[str], clusters: Iterable[_ClusterIdentity]) -> str | None:
    behind = [c for c in clusters if server and c.server == server]
    return behind[0].name if len(behind) == 1 else _by_name(names, behind)


def _by_name(names: Sequence[str], clusters: Sequence[_ClusterIdentity]) -> str | None:
    return next((c.name for name in names for c in clusters if name in (c.name, c.context)), None)


def _by_cluster_id(cluster_id: str, mesh_id: str | None, clusters: Iterable[_ClusterIdentity]) -> str | None:
    """The cluster with an Istio cluster id; one in the mesh of the remote secret's cluster is preferred."""
    named = [c for c in clusters if c.cluster_id == cluster_id]
    return next((c.name for c in (*(c for c in named if c.mesh_id == mesh_id), *named)), None)


def registered_members(
    clusters: Sequence[ClusterSnapshot], facts: Mapping[str, MeshFacts]
) -> tuple[RegisteredMember, ...]:
    """Every member of every registry, then the clusters in no registry (if there is any registry)."""
    entries = [
        entry
        for cluster in clusters
        if cluster.inventory is not None
        for entry in registered(cluster.name, cluster.inventory, cluster.telemetry)
    ]
    by_name = {cluster.name: cluster for cluster in clusters}
    found = [_member(entry, match(entry, clusters, facts), by_name) for entry in entries]
    known = {member.cluster for member in found} | {entry.host for entry in entries}
    if any(entry.registry != ISTIO for entry in entries):
        found.extend(_stranger(cluster) for cluster in clusters if cluster.name not in known)
    return tuple(found)


def hosts(entries: Iterable[RegisteredMember]) -> frozenset[str]:
    """The clusters that hold a registry of their own members (Istio's remote secrets do not make a host)."""
    return frozenset(m.entry.host for m in entries if m.entry.registry not in (ISTIO, ""))


def _member(entry: RegistryEntry, cluster: str | None, by_name: Mapping[str, ClusterSnapshot]) -> RegisteredMember:
    reached = by_name[cluster] if cluster is not None else None
    host = by_name[entry.host]
    state = reached.kubernetes.state if reached is not None else State.NONE
    says = _verdict(entry)
    found: list[Finding] = []
    who = f"{entry.name} ({entry.registry} on {entry.host})"
    calls = f"{entry.name}: {entry.registry} on {entry.host} calls it"
    if host.kubernetes.state in _LOST and cluster != entry.host:
        found.append(
            Finding(
                code="MEMBER-HOST-GONE",
                severity=Severity.WARNING,
                message=f"{who}: its host is {host.kubernetes.state}, so what the registry says is out of date.",
                fix=host.kubernetes.remedy or f"Restore access to {entry.host}; the member itself is read directly.",
            )
        )
    if says.status is HealthStatus.FAILING:
        found.append(
            Finding(
                code="MEMBER-NOT-READY",
                severity=Severity.ERROR,
                message=f"{calls} NotReady: {'; '.join(says.reasons)}.",
                fix=f"Check its conditions and its agent: meshtop get members {entry.name} -o yaml.",
            )
        )
    elif says.status is HealthStatus.DEGRADED:
        found.append(
            Finding(
                code="MEMBER-CONDITION",
                severity=Severity.WARNING,
                message=f"{who}: its registry warns: {'; '.join(says.reasons)}.",
                fix=None,
            )
        )
    if reached is None:
        found.append(
            Finding(
                code="MEMBER-UNREACHED",
                severity=Severity.INFO if entry.registry == ISTIO else Severity.WARNING,
                message=f"{who}: no context of the kubeconfig leads to it.",
                fix="Add a context for it, name it in the settings' clusters with via, or adopt it with "
                "discovery.adoptCredentials: true.",
            )
        )
    elif entry.ready and state in _LOST:
        found.append(
            Finding(
                code="MEMBER-DISAGREEMENT",
                severity=Severity.WARNING,
                message=f"{calls} Ready, yet from here it is {state}.",
                fix=reached.kubernetes.remedy,
            )
        )
    elif entry.ready is False and state is State.FRESH:
        found.append(
            Finding(
                code="MEMBER-DISAGREEMENT",
                severity=Severity.WARNING,
                message=f"{calls} NotReady, yet it answers.",
                fix="Check the host's way to the member, and the host's credential for it.",
            )
        )
    elif entry.ready is None and state is State.FRESH and (lost := _no_longer_heard(entry)):
        found.append(
            Finding(
                code="MEMBER-DISAGREEMENT",
                severity=Severity.WARNING,
                message=f"{entry.name}: {entry.registry} on {entry.host} no longer hears from it, yet it answers: "
                f"{_words(lost)}.",
                fix="Check the member's agent, and its way to the host.",
            )
        )
    return RegisteredMember(
        entry=entry,
        cluster=cluster,
        state=state,
        says=says,
        findings=tuple(found),
        adopted=reached.adopted if reached is not None else False,
        via=reached.via if reached is not None else None,
    )


def _verdict(entry: RegistryEntry) -> Health:
    """The registry's own verdict on a member. Unknown counts neither as ready nor as not ready."""
    wrong = tuple(_words(c) for c in entry.conditions if c.status == ("True" if c.type in _SAYS_ISSUE else "False"))
    if entry.ready is None:
        unknown = tuple(_words(c) for c in entry.conditions if c.status == "Unknown")
        return Health(HealthStatus.UNKNOWN, unknown or ("the registry reports no health",))
    if entry.ready is False:
        return Health(HealthStatus.FAILING, wrong or ("not ready",))
    warned = tuple(
        _words(c)
        for c in entry.conditions
        if (c.type in _SAYS_ISSUE and c.status == "True") or (c.type in _SAYS_GOOD and c.status == "False")
    )
    return Health(HealthStatus.DEGRADED, warned) if warned else Health(HealthStatus.HEALTHY)


def _no_longer_heard(entry: RegistryEntry) -> Condition | None:
    return next((c for c in entry.conditions if c.type in _SAYS_READY and c.status == "Unknown"), None)


def _words(condition: Condition) -> str:
    more = ": ".join(part for part in (condition.reason, condition.message) if part)
    return f"{condition.type} is {condition.status}" + (f" ({more})" if more else "")


def _stranger(cluster: ClusterSnapshot) -> RegisteredMember:
    return RegisteredMember(
        entry=RegistryEntry(registry="", host="", name=cluster.name, server=cluster.server),
        cluster=cluster.name,
        state=cluster.kubernetes.state,
        says=Health(HealthStatus.UNKNOWN, ("it is in no registry",)),
        findings=(
            Finding(
                code="MEMBER-UNREGISTERED",
                severity=Severity.INFO,
                message=f"{cluster.name} is in no registry.",
                fix="Join it to a registry if it should get what the other clusters get.",
            ),
        ),
        via=cluster.via,
    )
