"""Fleet-wide analyses of a Picture, each computed once, and their findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.analysis.fleet.discovery import Discovery, discovery
from meshtop.analysis.fleet.drift.compare import IN_FORCE, Drift, DriftCluster, drift, not_compared
from meshtop.analysis.fleet.drift.placement import ObjectKey, Placement, add, declared
from meshtop.analysis.fleet.federated import declarations
from meshtop.analysis.fleet.holdings import FederatedObject, held
from meshtop.analysis.fleet.links import Site, known_domains
from meshtop.analysis.fleet.locality import HostLocality, locate
from meshtop.analysis.fleet.machines import group_findings, machine_findings
from meshtop.analysis.fleet.planes import ControlPlaneRevision, planes
from meshtop.analysis.fleet.registries import ISTIO
from meshtop.analysis.fleet.remote_secrets import secret_findings
from meshtop.analysis.identity.control_planes import homes, istiods
from meshtop.analysis.security.findings import LocatedFinding
from meshtop.analysis.visibility.exports import ExportDefaults
from meshtop.analysis.visibility.hosts import names_full_hosts
from meshtop.model.constants import CLUSTER_DOMAIN, FEDERATED_KINDS
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import Inventory
from meshtop.model.mesh import MeshFacts, Obeyed
from meshtop.views.picture.members import members_of
from meshtop.views.picture.memory import Key

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

LATELY_SECONDS = 30.0
"""Maximum age in seconds of drift where it is always on screen."""

_SITES: Key[tuple[Site, ...]] = Key("sites")
_DISCOVERY: Key[Discovery] = Key("discovery")
_LOCALITIES: Key[tuple[HostLocality, ...]] = Key("localities")
_FEDERATED: Key[tuple[FederatedObject, ...]] = Key("what federations propagate")
_PLACED: Key[Counter[tuple[str, str, str]]] = Key("objects that each member should hold")
_PLANES: Key[tuple[ControlPlaneRevision, ...]] = Key("control planes")
_DISCOVERY_OF_INVENTORIES: Key[Discovery] = Key("discovery of inventories")
_DRIFT: Key[tuple[Drift, ...]] = Key("drift")
_DOMAIN_UNKNOWNS: Key[tuple[Unknown, ...]] = Key("clusters without a known domain")
_DECLARING = frozenset(
    {
        *FEDERATED_KINDS,
        *("ResourceBinding", "ClusterResourceBinding", "ManifestWork", "OverridePolicy", "ClusterOverridePolicy"),
    }
)
"""The kinds by which federations declare what they propagate."""
_NAMING_HOSTS = ("DestinationRule", "VirtualService", "Sidecar")
_DRIFT_UNKNOWNS: Key[tuple[Unknown, ...]] = Key("what drift did not compare")
_DRIFT_LATELY: Key[tuple[Drift, ...]] = Key("drift lately")


def drift_of(picture: Picture) -> tuple[Drift, ...]:
    """Every object that differs between clusters that should have it."""
    return picture.unless_changed(_DRIFT, lambda: _drift(picture))


def stands_in(kind: str, namespace: str, name: str) -> str:
    """The namespace of an object (a Namespace's own name); empty for cluster-scoped objects."""
    return namespace or (name if kind == "Namespace" else "")


def drift_lately(picture: Picture) -> tuple[Drift, ...]:
    """Drift that may be up to half a minute old, for displays that are always on screen.

    Pods come and go all the time, and comparing fifty clusters takes a second.
    """
    turn = picture.snapshot.at // LATELY_SECONDS
    names = tuple(cluster.name for cluster in picture.snapshot.clusters)
    read = sum(cluster.inventory is not None for cluster in picture.snapshot.clusters)
    settled = picture.snapshot.settled
    return picture.memory.get_or_make(_DRIFT_LATELY, (), lambda: drift_of(picture), also=(turn, names, read, settled))


def _drift(picture: Picture) -> tuple[Drift, ...]:
    return drift(_compared(picture), _declarations(picture))


def drift_unknowns(picture: Picture) -> tuple[Unknown, ...]:
    """What the comparison of clusters could not take into account; unless it is empty, "no drift" is not claimed.

    Two clusters of which it is unknown whether they are one mesh are not compared, although they may have to be alike.
    """
    return picture.unless_changed(
        _DRIFT_UNKNOWNS, lambda: (*not_compared(_compared(picture)), *picture.meshes.unknowns())
    )


def domain_unknowns(picture: Picture) -> tuple[Unknown, ...]:
    """The clusters whose DNS domain is not known, where rules or routes name hosts in full.

    Such an object counts for a Service in one domain and in no other.
    """
    return picture.unless_changed(_DOMAIN_UNKNOWNS, lambda: tuple(_domain_unknowns(picture)))


def _domain_unknowns(picture: Picture) -> Iterator[Unknown]:
    for cluster in picture.snapshot.clusters:
        config = cluster.inventory.config if cluster.inventory is not None else {}
        objects = (obj for kind in _NAMING_HOSTS for obj in config.get(kind, ()))
        if any(map(names_full_hosts, objects)) and picture.facts[cluster.name].cluster_domain is None:
            yield Unknown("the DNS domain", cluster.name, WhyUnknown.NOT_READ)


def unnamed_domains(picture: Picture) -> tuple[Unknown, ...]:
    """The clusters with Services whose DNS domain nothing tells: their hosts end with `.svc`, and not with a guess."""
    named = known_domains(sites_of(picture))
    return tuple(
        Unknown("the DNS domain", site.name, WhyUnknown.NOT_READ)
        for site in sites_of(picture)
        if site.name not in named and site.inventory.services
    )


def _compared(picture: Picture) -> list[DriftCluster]:
    """Every cluster but those that only host a control plane for others: nothing in them is of a mesh."""
    return [
        _part(picture, c.name, c.inventory)
        for c in picture.snapshot.clusters
        if not picture.facts.get(c.name, MeshFacts()).outside
    ]


def _exports(cluster: str, inventory: Inventory, facts: MeshFacts) -> ExportDefaults:
    # Only drift asks this, and with it comes all that is known of mutual TLS.
    from meshtop.analysis.security.mtls.config import MeshMember, exports_of

    return exports_of(MeshMember(name=cluster, inventory=inventory, facts=facts))


def _part(picture: Picture, name: str, inventory: Inventory | None) -> DriftCluster:
    facts = picture.facts.get(name)
    group = _group(picture, name)
    if inventory is None or facts is None:
        return DriftCluster(name=name, group=group, inventory=inventory)
    found = istiods(inventory.controllers, inventory.pods, inventory.webhooks)
    platform = {*homes(found, inventory.namespaces, inventory.webhooks), *filter(None, (facts.root_namespace,))}
    # Without a mesh nothing fills in what an object leaves out.
    meshed = bool(facts.control_planes or facts.roles)
    exports = _exports(name, inventory, facts) if meshed else ExportDefaults()
    return DriftCluster(
        name=name,
        group=group,
        inventory=inventory,
        read=_reads_itself(name, facts.obeys),
        doubt=WhyUnknown.UNSUPPORTED if facts.obeys is None else facts.obeys.kind,
        platform=frozenset(platform),
        domain=facts.cluster_domain if meshed else CLUSTER_DOMAIN,
        exports=exports,
    )


def _reads_itself(cluster: str, obeyed: Obeyed | None) -> bool | None:
    """Whether a cluster obeys its own Istio objects; None where that is not known."""
    if obeyed is None:
        return True
    return None if obeyed.cluster is None else obeyed.cluster == cluster


def obeys_unknowns(picture: Picture) -> tuple[Unknown, ...]:
    """The clusters of which it is not known whose Istio objects they obey."""
    return tuple(
        Unknown(IN_FORCE, name, facts.obeys.kind)
        for name, facts in picture.facts.items()
        if facts.obeys is not None and facts.obeys.cluster is None
    )


def _group(picture: Picture, cluster: str) -> str:
    """The comparison group of a cluster: its mesh, or without a mesh the members of its registry.

    A cluster in neither is alone; whether it is in another's mesh may be unknown (`meshes`).
    """
    facts = picture.facts.get(cluster)
    if facts is not None and (facts.mesh_id or len(picture.meshes.peers(cluster)) > 1):
        return f"mesh {facts.mesh}"
    alone = f"cluster {cluster}"
    if facts is not None and facts.control_planes:
        return alone
    registries = [m for m in members_of(picture) if m.cluster == cluster and m.entry.registry not in ("", ISTIO)]
    return f"{registries[0].entry.registry} on {registries[0].entry.host}" if registries else alone


class _FederationHost(Struct, frozen=True):
    """A cluster that may hold registries, with its members: their clusters by registry and name, and their names."""

    name: str
    inventory: Inventory
    clusters: dict[tuple[str, str], str | None]
    names: dict[str, list[str]]

    def cluster_of(self, registry: str, name: str) -> str | None:
        """The cluster that is read for a member; None where none is."""
        return self.clusters.get((registry, name))


def _hosts(picture: Picture) -> Iterator[_FederationHost]:
    for host in picture.snapshot.clusters:
        if host.inventory is None:
            continue
        mine = [m for m in members_of(picture) if m.entry.host == host.name]
        names: dict[str, list[str]] = {}
        for member in mine:
            names.setdefault(member.entry.registry, []).append(member.entry.name)
        clusters = {(m.entry.registry, m.entry.name): m.cluster for m in mine}
        yield _FederationHost(host.name, host.inventory, clusters, names)


def _declarations(picture: Picture) -> dict[ObjectKey, Placement]:
    found: dict[ObjectKey, Placement] = {}
    for host in _hosts(picture):
        for thing, one in declared(host.name, host.inventory, host.cluster_of, host.names).items():
            add(found, thing, one)
    return found


def federated_of(picture: Picture) -> tuple[FederatedObject, ...]:
    """Everything that federations propagate, and what of it their members have."""
    return picture.unless_changed(_FEDERATED, lambda: tuple(_federated(picture)))


def _federated(picture: Picture) -> Iterator[FederatedObject]:
    inventories = {cluster.name: cluster.inventory for cluster in picture.snapshot.clusters}
    for host in _hosts(picture):
        yield from held(host.name, declarations(host.inventory, host.names), host.cluster_of, inventories)


def federated_unknowns(picture: Picture) -> tuple[Unknown, ...]:
    """The kinds by which federations declare what they propagate that are there and could not be read."""
    return tuple(
        Unknown(status.kind, cluster.name, why)
        for cluster in picture.snapshot.clusters
        if cluster.inventory is not None
        for status in cluster.inventory.kinds
        if status.kind in _DECLARING and (why := status.evidence.why) is not None
    )


def placed_on(picture: Picture, registry: str, host: str, member: str) -> int:
    """How many objects a registry puts to one of its members."""
    counts = picture.unless_changed(_PLACED, lambda: _placed(picture))
    return counts[registry, host, member]


def _placed(picture: Picture) -> Counter[tuple[str, str, str]]:
    # An object that several declarations put to a member is one all the same.
    placed = {
        (one.registry, host.name, member, one.key)
        for host in _hosts(picture)
        for one in declarations(host.inventory, host.names)
        for member in one.placed
    }
    return Counter(found[:3] for found in placed)


def sites_of(picture: Picture) -> tuple[Site, ...]:
    """Every cluster with a known inventory, as input of discovery."""
    return picture.cached(
        _SITES,
        lambda: tuple(
            Site(
                name=c.name,
                context=c.context,
                inventory=c.inventory,
                facts=picture.facts[c.name],
                telemetry=c.telemetry,
            )
            for c in picture.snapshot.clusters
            if c.inventory is not None
        ),
    )


def discovery_of(picture: Picture) -> Discovery:
    """Every host, and every link between clusters."""
    return picture.cached(_DISCOVERY, lambda: _discovery(picture))


def _discovery(picture: Picture) -> Discovery:
    sites = sites_of(picture)
    synced = tuple((site.name, *sorted(site.synced.items())) for site in sites)
    return picture.unless_changed(_DISCOVERY_OF_INVENTORIES, lambda: discovery(sites, _machines(picture)), also=synced)


def _machines(picture: Picture) -> Counter[tuple[str, str, str]]:
    """The number of virtual machines of each Service; those whose probe fails do not count."""
    return Counter(
        (machine.cluster, machine.namespace, service)
        for machine in picture.machines
        if machine.healthy is not False
        for service in machine.services
    )


def localities_of(picture: Picture) -> tuple[HostLocality, ...]:
    """Where every host's endpoints and traffic are."""
    return picture.cached(_LOCALITIES, lambda: locate(sites_of(picture), picture.machines, picture.edges))


def planes_of(picture: Picture) -> tuple[ControlPlaneRevision, ...]:
    """Every revision of every control plane."""
    return picture.cached(_PLANES, lambda: _planes(picture))


def _planes(picture: Picture) -> tuple[ControlPlaneRevision, ...]:
    sites = sites_of(picture)
    return planes(sites, {site.name: picture.workloads_in(site.name) for site in sites})


def _machine_findings(picture: Picture) -> list[LocatedFinding]:
    found = [
        LocatedFinding(finding=finding, cluster=machine.cluster, namespace=machine.namespace)
        for machine in picture.machines
        for finding in machine_findings(machine)
    ]
    for site in sites_of(picture):
        groups = site.inventory.config.get("WorkloadGroup", ())
        empty = group_findings(site.name, groups, picture.machines_in(site.name))
        found += [
            LocatedFinding(finding=finding, cluster=site.name, namespace=namespace) for namespace, finding in empty
        ]
    return found


def fleet_findings(picture: Picture) -> list[LocatedFinding]:
    """All findings about the fleet, each with its place."""
    found = discovery_of(picture)
    return [
        *(
            LocatedFinding(finding=finding, cluster=member.cluster or member.entry.host)
            for member in members_of(picture)
            for finding in member.findings
        ),
        *(
            LocatedFinding(finding=finding, cluster=cluster)
            for cluster, finding in secret_findings(
                sites_of(picture), all(c.inventory is not None for c in picture.snapshot.clusters)
            )
        ),
        *(LocatedFinding(finding=finding, cluster=link.source) for link in found.links for finding in link.findings),
        *(
            LocatedFinding(finding=finding, cluster=next(iter(row.clusters)), namespace=row.namespace)
            for row in found.hosts
            for finding in row.findings
        ),
        *(
            LocatedFinding(finding=finding, cluster=plane.cluster)
            for plane in planes_of(picture)
            for finding in plane.findings
        ),
        *_machine_findings(picture),
    ]
