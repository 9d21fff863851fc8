"""Whom each cluster obeys: the cluster whose Istio objects configure its proxies, or why that is not known.

A primary's istiod reads the objects of its own cluster, an external one those of the cluster that its CLUSTER_ID names;
of all others they read Services and endpoints alone. A cluster without a control plane obeys what its servers read.
It is told here once, for mutual TLS, routes, shifts, drift and control planes; less evidence makes no other claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import structs

from meshtop.analysis.identity.meshes import Meshes, MeshEvidence
from meshtop.model.evidence import WhyUnknown
from meshtop.model.mesh import MeshFacts, Obeyed

_INHERITED = ("mesh_id", "trust_domain", "root_namespace", "auto_mtls", "cluster_domain")
_ALL_CLUSTERS = "*"
"""In `topology.istio.io/controlPlaneClusters`: any control plane may serve."""


def why_not_read(what: str, cluster: str, why: WhyUnknown) -> str:
    """The sentence that something of a cluster was not read."""
    if why is WhyUnknown.NOT_READ:
        return f"{what} of {cluster} was not read."
    return f"{what} of {cluster} cannot be read ({why})."


def with_meshes(found: Mapping[str, MeshFacts], told: Meshes, clusters: Sequence[MeshEvidence]) -> dict[str, MeshFacts]:
    """The facts completed with each cluster's mesh, whom it obeys, and values from clusters that serve it.

    Of several that serve a cluster, only values that they agree on are taken; none where it is not known who does.
    """
    obedience = _Obedience(found, told, clusters)
    resolved = {}
    for name, facts in found.items():
        obeyed = obedience.of(name)
        changes: dict[str, object] = {"group": told.mesh_of(name), "perhaps": told.perhaps(name), "obeys": obeyed}
        if not facts.control_planes and facts.roles:
            for field in _INHERITED:
                values = {getattr(found[server], field) for server in obeyed.servers}
                if getattr(facts, field) is None and len(values) == 1:
                    changes[field] = values.pop()
        resolved[name] = structs.replace(facts, **changes)
    return resolved


def _unknown(why: str, kind: WhyUnknown = WhyUnknown.UNSUPPORTED) -> Obeyed:
    return Obeyed(why=why, kind=kind)


class _Obedience:
    """Whom clusters obey, from the facts and the evidence of all of them."""

    def __init__(self, found: Mapping[str, MeshFacts], told: Meshes, clusters: Sequence[MeshEvidence]) -> None:
        self.found = found
        self.told = told
        self.evidence = {cluster.name: cluster for cluster in clusters}
        ids = [self._id(name) for name in found]
        counted = Counter(ids)
        # One id for two clusters (the default is one for all) names neither.
        self.by_id = {one: name for one, name in zip(ids, found, strict=True) if counted[one] == 1}
        self._hiding = {name for name in found if self._hides_its_id(name)}

    def _id(self, name: str) -> str:
        """The id of a cluster; its name, as istioctl uses it, where no id is known."""
        return self.found[name].cluster_id or name

    def of(self, name: str) -> Obeyed:
        """Whom a cluster obeys."""
        facts = self.found[name]
        if facts.control_planes and facts.outside is False:
            return Obeyed(cluster=name, servers=(name,))
        if facts.control_planes and facts.outside is None:
            return self._of_a_doubtful_plane(name)
        readers = [p for p, other in self.found.items() if self._id(name) in other.config_of]
        if readers and self._place(self._id(name), name) == name:
            return Obeyed(cluster=name, servers=tuple(sorted(readers)))
        if facts.outside:
            return self._reads([name], f"the control plane of {name}")
        if silent := self._unread(name, "Deployment", "Namespace", *(() if facts.roles else ("ConfigMap",))):
            kind, why = silent
            return _unknown(f"Which control plane {name} obeys is not known: {why_not_read(kind, name, why)}", why)
        if readers:
            # A control plane names this id. Whether it means this cluster decides before what the cluster itself says.
            who = ", ".join(sorted(readers))
            silent = self._unread(name, "ConfigMap")
            return _unknown(
                f"Whether {name} is the cluster {self._id(name)} that the control plane of {who} reads is not known.",
                silent[1] if silent else WhyUnknown.UNSUPPORTED,
            )
        if facts.config_cluster or not facts.roles:
            return Obeyed(cluster=name)
        named = facts.served_by
        if len(named) == 1 and named[0] != _ALL_CLUSTERS:
            return self._of_the_named(name, named[0])
        return self._of_its_primaries(name)

    def _of_a_doubtful_plane(self, name: str) -> Obeyed:
        if silent := self._unread(name, "Deployment", "MutatingWebhookConfiguration", "ConfigMap", "Secret"):
            kind, why = silent
            return _unknown(
                f"Whether the control plane in {name} reads {name} or another cluster is not known:"
                f" {why_not_read(kind, name, why)}",
                why,
            )
        return _unknown(
            f"Whether the control plane in {name} reads {name} or another cluster is not known: it has EXTERNAL_ISTIOD,"
            " and neither an injector here nor a kubeconfig tells."
        )

    def _of_the_named(self, name: str, server: str) -> Obeyed:
        """Whom a cluster obeys whose annotation names one control plane, by the id of the cluster that it reads."""
        place = self._place(server, name)
        if place is None:
            return self._not_among(name, server)
        if place != name and (same := self.told.same(name, place)) is not True:
            if same is None:
                return _unknown(f"Whether {name} obeys {place} is not known: they may be of two meshes.")
            return self._not_among(name, server)
        hosts = sorted(p for p, other in self.found.items() if server in other.config_of)
        servers = (place,) if self.found[place].outside is False and self.found[place].control_planes else ()
        return Obeyed(cluster=place, servers=(*servers, *hosts))

    def _place(self, identity: str, asking: str) -> str | None:
        """The cluster with an id; None where it is not known, or another but the asking one may have it as well."""
        place = self.by_id.get(identity)
        if place is None or not self._is_certain(place):
            return None
        return place if self._hiding <= {place, asking} else None

    def _hides_its_id(self, name: str) -> bool:
        """Whether a cluster may have any id: what would tell it was not read, or does not tell whose id it is."""
        facts = self.found[name]
        if self._unread(name, "Deployment"):
            return True
        if facts.cluster_id is not None or facts.outside:
            return False
        return bool(facts.control_planes) or self._unread(name, "ConfigMap") is not None

    def _is_certain(self, place: str) -> bool:
        """Whether a cluster is known to have the id that it goes by; of one without any, all that tells was read."""
        facts = self.found[place]
        if facts.control_planes:
            return facts.outside is False and facts.cluster_id is not None
        return not self._unread(place, "Deployment", *(() if facts.cluster_id is not None else ("ConfigMap",)))

    def _of_its_primaries(self, name: str) -> Obeyed:
        """Whom a cluster obeys that says nothing of it: what the primaries that know it read, if they agree.

        A cluster that was not read, or may be of the mesh, may serve it as well.
        """
        primaries = self._primaries(name)
        perhaps, peers = frozenset(self.told.perhaps(name)), frozenset(self.told.peers(name))
        doubtful = {p for p in self.evidence if p != name and self._may_serve(p, perhaps, peers)}
        if len(primaries) > 1:
            doubtful |= {p for p in primaries if self._unread(p, "Secret") or self.evidence[p].unnamed_remotes}
            if self.found[name].cluster_id is None and (silent := self._unread(name, "ConfigMap")):
                kind, why = silent
                return _unknown(f"Which primary {name} obeys is not known: {why_not_read(kind, name, why)}", why)
        if doubtful:
            names = sorted(doubtful)
            whys = [told[1] for p in names if (told := self._unread(p, "Deployment", "Secret"))]
            return _unknown(
                f"Which primary {name} obeys is not known: {', '.join(names)} may serve it.",
                whys[0] if whys else WhyUnknown.UNSUPPORTED,
            )
        if not primaries:
            return _unknown(f"{name} is configured by a primary cluster that meshtop does not read.")
        return self._reads(self._serving(name), name)

    def _reads(self, servers: Sequence[str], who: str) -> Obeyed:
        """The cluster that all of these servers read."""
        read: set[str | None] = set()
        for server in servers:
            facts = self.found[server]
            if facts.outside is None:
                return self._of_a_doubtful_plane(server)
            if not facts.outside:
                read.add(server)
                continue
            for identity in facts.config_of:
                place = self._place(identity, server)
                if place is None:
                    return self._not_among(who, identity)
                read.add(place)
        if len(read) == 1:
            return Obeyed(cluster=read.pop(), servers=tuple(sorted(servers)))
        if len(servers) > 1:
            return _unknown(f"Which primary {who} obeys cannot be told: {', '.join(sorted(servers))} serve its mesh.")
        return _unknown(f"Whose configuration {servers[0]} reads cannot be told: its istiods name none, or several.")

    def _not_among(self, who: str, identity: str) -> Obeyed:
        return _unknown(f"{who} obeys {identity}, which is not for certain among the clusters that are read.")

    def _primaries(self, name: str) -> list[str]:
        return [p for p in self.told.peers(name) if p != name and p in self.found and self.found[p].control_planes]

    def _serving(self, name: str) -> tuple[str, ...]:
        """The clusters whose control planes serve one that has none: those that know it, else all of its mesh."""
        facts, own = self.found[name], self._id(name)
        primaries = self._primaries(name)
        knowing = [
            p
            for p in primaries
            if own in self.evidence[p].remotes or {self._id(p), *self.found[p].config_of} & {*facts.served_by}
        ]
        return tuple(knowing or primaries)

    def _may_serve(self, other: str, perhaps: Collection[str], peers: Collection[str]) -> bool:
        """Whether it is not known if a cluster is a primary of a mesh, of which others are, and others may be."""
        facts = self.found.get(other)
        if facts is None or facts.is_primary:
            return other in perhaps
        return self._unread(other, "Deployment") is not None and (other in perhaps or other in peers)

    def _unread(self, name: str, *kinds: str) -> tuple[str, WhyUnknown] | None:
        """The first of these kinds of a cluster that was not read, and why."""
        return _first(self.evidence[name].unread_kinds, kinds)


def _first(unread: Iterable[tuple[str, WhyUnknown]], kinds: Sequence[str]) -> tuple[str, WhyUnknown] | None:
    lost = dict(unread)
    return next(((kind, lost[kind]) for kind in kinds if kind in lost), None)
