"""Groups clusters into meshes by evidence; where it does not suffice, the answer is unknown and never "another mesh".

A mesh ID shows intent (where it is left out, Istio takes the trust domain), but two default installations share
one, so an equal ID counts only together with a link between the clusters: a remote secret, istiod's
sync status, `topology.istio.io/controlPlaneClusters`, observed calls, or a shared root. Where one ID is not known (a
remote cluster has no mesh config, or it may not be read), a link of istiod or of traffic suffices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import combinations, product
from typing import Any

from msgspec import Struct

from meshtop.analysis.identity.certificates import CertificateInfo, is_issued_by, read_certificates
from meshtop.analysis.identity.control_planes import is_injector
from meshtop.analysis.identity.mesh import root_bundle
from meshtop.analysis.identity.remotes import hinted_id, remote_ids
from meshtop.analysis.inventory.labels import proxy_container
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import Inventory
from meshtop.model.mesh import MeshFacts
from meshtop.model.telemetry import Telemetry

TELLING_KINDS = ("Deployment", "ConfigMap", "Secret")
"""The kinds that tell a cluster's mesh: istiod with its settings, the mesh config, and remote secrets."""
KINDS_OF_CONTROL = (*TELLING_KINDS, "Namespace", "MutatingWebhookConfiguration")
"""The kinds that tell which control plane serves a cluster, and whose configuration that one reads."""
_SIGNS_OF_A_MESH = ("Namespace", "Deployment", "DaemonSet", "Pod", "ConfigMap", "MutatingWebhookConfiguration")

_InTurns = Callable[[Iterable[Any]], Iterable[Any]]
Calls = frozenset[tuple[str, str]]
"""Pairs of cluster ids (caller, called) with observed calls between their proxies."""


class MeshEvidence(Struct, frozen=True, kw_only=True):
    """Evidence from one cluster: its facts, its istiod's remote clusters, and observed calls between clusters.

    `facts` is None where nothing of the cluster was read. `remotes` are cluster ids. `calls` and `roots` (the roots'
    certificates) are evaluated only if nothing else decides. `meshless` is set where it is known that there is no mesh.
    `unread` is the reason why some evidence was not read; None where all was. `unread_kinds` are the kinds that tell of
    control planes and were not read, each with the reason; `unnamed_remotes` is whether there are remote clusters whose
    ids are not known.
    """

    name: str
    facts: MeshFacts | None = None
    remotes: frozenset[str] = frozenset()
    calls: Callable[[], Calls] = frozenset
    roots: Callable[[], tuple[CertificateInfo, ...]] = tuple
    meshless: bool = False
    unread: WhyUnknown | None = None
    unread_kinds: tuple[tuple[str, WhyUnknown], ...] = ()
    unnamed_remotes: bool = False


class Meshes(Struct, frozen=True, dict=True):
    """The mesh of each cluster, and the pairs of clusters that are known to be in different meshes.

    `names` gives every cluster's mesh; clusters with the same name are one mesh. `apart` holds the pairs known to be in
    different meshes; other pairs with different names may be one mesh.
    """

    names: tuple[tuple[str, str], ...] = ()
    apart: frozenset[frozenset[str]] = frozenset()
    unread: tuple[tuple[str, WhyUnknown], ...] = ()

    def mesh_of(self, cluster: str) -> str:
        """The name of a cluster's mesh; a cluster that is alone in one without an ID is named itself."""
        return self._by_cluster.get(cluster, f"cluster {cluster}")

    @cached_property
    def _by_cluster(self) -> dict[str, str]:
        return dict(self.names)

    @cached_property
    def _members(self) -> dict[str, tuple[str, ...]]:
        members: dict[str, list[str]] = {}
        for name, mesh in self.names:
            members.setdefault(mesh, []).append(name)
        return {mesh: tuple(names) for mesh, names in members.items()}

    def peers(self, cluster: str) -> tuple[str, ...]:
        """The clusters of a cluster's mesh, itself included, in order."""
        return self._members.get(self.mesh_of(cluster), (cluster,))

    def same(self, left: str, right: str) -> bool | None:
        """Whether two clusters are one mesh; None where the evidence does not suffice."""
        if left == right or self.mesh_of(left) == self.mesh_of(right):
            return True
        return False if frozenset((left, right)) in self.apart else None

    def perhaps(self, cluster: str) -> tuple[str, ...]:
        """The other clusters that may belong to a cluster's mesh (the evidence does not suffice)."""
        return tuple(name for name, _ in self.names if self.same(cluster, name) is None)

    def unknowns(self, *clusters: str) -> tuple[Unknown, ...]:
        """Open questions about the meshes of the given clusters (of all clusters if none is given)."""
        why = dict(self.unread)
        wanted = clusters or tuple(name for name, _ in self.names)
        pairs = dict.fromkeys(frozenset((name, other)) for name in wanted for other in self.perhaps(name))
        found = []
        for left, right in sorted(tuple(sorted(pair)) for pair in pairs):
            reason = why.get(left) or why.get(right) or WhyUnknown.UNSUPPORTED
            found.append(Unknown(what=one_mesh_with(right), cluster=left, why=reason))
        return tuple(found)


def one_mesh_with(other: str) -> str:
    """What is not known of a cluster that may be of another's mesh."""
    return f"whether it is one mesh with {other}"


def mesh_evidence(
    name: str,
    inventory: Inventory | None,
    facts: MeshFacts | None,
    *,
    synced: Iterable[str] = (),
    telemetry: Telemetry | None = None,
) -> MeshEvidence:
    """The evidence from one cluster; `synced` are the cluster ids in its istiod's metrics."""
    if inventory is None:
        return MeshEvidence(name=name, unread=WhyUnknown.UNREACHABLE)
    # Which control planes serve a cluster from elsewhere is annotated on a namespace.
    unread = inventory.unread(*TELLING_KINDS, "Namespace")
    told = frozenset(synced)
    read = frozenset(facts.config_of) if facts is not None else frozenset[str]()
    return MeshEvidence(
        name=name,
        facts=facts,
        remotes=remote_ids(inventory, told) | read,
        calls=lambda: calls_between(telemetry),
        roots=lambda: read_certificates(root_bundle(inventory)),
        meshless=facts is not None and _is_meshless(inventory, facts),
        unread=unread[0][1] if unread else None if telemetry is not None else WhyUnknown.NOT_READ,
        unread_kinds=inventory.unread(*KINDS_OF_CONTROL),
        unnamed_remotes=not told and any(hinted_id(secret) is None for secret in inventory.remote_secrets),
    )


def _is_meshless(inventory: Inventory, facts: MeshFacts) -> bool:
    """Whether a cluster has neither a control plane, nor what another one's injects: known only where all was read."""
    if facts.control_planes or facts.roles or facts.roots or facts.ambient or any(map(is_injector, inventory.webhooks)):
        return False
    if inventory.unread(*_SIGNS_OF_A_MESH):
        return False
    return not any(proxy_container(pod.containers) is not None for pod in inventory.pods)


def calls_between(telemetry: Telemetry | None) -> Calls:
    """The pairs of different cluster ids between which telemetry shows calls."""
    if telemetry is None:
        return frozenset()
    samples = (*telemetry.requests, *telemetry.tcp_opened)
    pairs = {(s.labels.source_cluster, s.labels.destination_cluster) for s in samples if s.value > 0}
    return frozenset(p for p in pairs if p[0] != p[1] and not {"", "unknown"} & {*p})


def meshes(clusters: Sequence[MeshEvidence], in_turns: _InTurns = iter) -> Meshes:
    """Group clusters into meshes; the result does not depend on the order of the clusters.

    Each is held against each other one; `in_turns` goes through pairs and clusters, and may let others work in between.
    """
    return _Telling(clusters, in_turns).told()


class _Telling:
    """One grouping: the links between clusters, the contradictions, and the resulting groups."""

    def __init__(self, clusters: Sequence[MeshEvidence], in_turns: _InTurns) -> None:
        self._in_turns = in_turns
        self.order = [cluster.name for cluster in clusters]
        self.clusters = {cluster.name: cluster for cluster in sorted(clusters, key=lambda c: c.name)}
        # One id for two clusters (the default is one for all) names neither.
        counted = Counter(_id(c) for c in self.clusters.values())
        self.by_id = {_id(c): c.name for c in self.clusters.values() if counted[_id(c)] == 1}
        self._id_of = {name: cluster_id for cluster_id, name in self.by_id.items()}
        self._calls: Calls | None = None

    def told(self) -> Meshes:
        """The meshes."""
        names = list(self.clusters)
        parent = {name: name for name in names}

        def root(name: str) -> str:
            while parent[name] != name:
                name = parent[name]
            return name

        known = {n for n in names if _mesh_id(self.clusters[n]) is not None}
        links = [pair for pair in self._in_turns(combinations(names, 2)) if self._one(*pair)]
        for left, right in links:
            if (left in known) == (right in known):
                parent[root(right)] = root(left)
        # A group whose ID is not known goes to those that it is linked with, if these agree what they are.
        wanted: dict[str, set[str]] = {}
        for left, right in links:
            if (left in known) != (right in known):
                nameless, named = (right, left) if left in known else (left, right)
                wanted.setdefault(root(nameless), set()).add(root(named))
        for nameless, groups in sorted(wanted.items()):
            ids = {_mesh_id(self.clusters[group]) for group in groups}
            if len(ids) == 1:
                for group in sorted(groups):
                    parent[root(group)] = root(nameless)
        members: dict[str, list[str]] = {}
        for name in names:
            members.setdefault(root(name), []).append(name)
        labels = self._labels(list(members.values()))
        apart = {frozenset(pair) for pair in self._in_turns(combinations(names, 2)) if self._two(*pair)}
        why = tuple((n, c.unread) for n, c in self.clusters.items() if c.unread is not None)
        return Meshes(tuple((n, labels[n]) for n in self.order), frozenset(apart), why)

    def _one(self, left: str, right: str) -> bool:
        """Whether the evidence of the two alone shows that they are one mesh."""
        a, b = self.clusters[left], self.clusters[right]
        if a.facts is None or b.facts is None:
            return False
        ids = (_mesh_id(a), _mesh_id(b))
        if None not in ids:
            return ids[0] == ids[1] and (_share_root(a, b) or self._linked(left, right))
        return self._linked(left, right)

    def _two(self, left: str, right: str) -> bool:
        """Whether the evidence of the two alone shows that they are different meshes."""
        a, b = self.clusters[left], self.clusters[right]
        if a.facts is not None and b.facts is not None and (a.meshless or b.meshless):
            return not self._linked(left, right)
        if a.facts is None or b.facts is None or None in (_mesh_id(a), _mesh_id(b)) or _mesh_id(a) == _mesh_id(b):
            return False
        if a.facts.mesh_id and b.facts.mesh_id:
            return True
        # An ID that was left out may have been forgotten: then a link, or one that was not read, leaves it open.
        if a.unread is not None or b.unread is not None or _share_root(a, b):
            return False
        return not self._linked(left, right)

    def _linked(self, left: str, right: str) -> bool:
        """Whether istiod of one has the other as a remote cluster, serves it, or calls between them were seen."""
        for one, other in ((left, right), (right, left)):
            a, b = self.clusters[one], self.clusters[other]
            told = a.remotes | frozenset(a.facts.served_by if a.facts is not None else ())
            if any(self.by_id.get(name) == b.name for name in told):
                return True
        if self._calls is None:
            self._calls = frozenset(
                pair for cluster in self._in_turns(self.clusters.values()) for pair in cluster.calls()
            )
        one, other = self._id_of.get(left, ""), self._id_of.get(right, "")
        return (one, other) in self._calls or (other, one) in self._calls

    def _labels(self, groups: list[list[str]]) -> dict[str, str]:
        told: list[tuple[list[str], str]] = []
        for group in groups:
            facts = [f for name in group if (f := self.clusters[name].facts) is not None]
            written = sorted({f.mesh_id for f in facts if f.mesh_id})
            domains = sorted({f.trust_domain for f in facts if f.trust_domain})
            alone = f"cluster {group[0]}"
            told.append((group, written[0] if written else domains[0] if domains and len(group) > 1 else alone))
        several = Counter(label for _, label in told)
        return {
            name: label if several[label] == 1 else f"{label} ({group[0]})" for group, label in told for name in group
        }


def _id(cluster: MeshEvidence) -> str:
    """The id of a cluster in remote secrets and metrics; its name, as istioctl uses it, where no id is known."""
    return (cluster.facts.cluster_id if cluster.facts is not None else None) or cluster.name


def _mesh_id(cluster: MeshEvidence) -> str | None:
    """The mesh ID as Istio determines it; None where it is not known."""
    facts = cluster.facts
    return (facts.mesh_id or facts.trust_domain) if facts is not None else None


def _share_root(left: MeshEvidence, right: MeshEvidence) -> bool:
    """Whether some root of one verifies what a root of the other signs: it is the same, renewed, or cross-signed.

    Fingerprints are compared first: reading certificates takes longer, and tells only what they do not.
    """
    if left.facts is None or right.facts is None or not left.facts.roots or not right.facts.roots:
        return False
    if not set(left.facts.roots).isdisjoint(right.facts.roots):
        return True
    return any(
        (one.name, one.key) == (other.name, other.key)
        or is_issued_by(one.der, other.der)
        or is_issued_by(other.der, one.der)
        for one, other in product(left.roots(), right.roots())
    )
