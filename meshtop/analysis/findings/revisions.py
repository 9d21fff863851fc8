"""The configuration as one revision of a control plane reads it, and the mesh in which that counts.

istiod reads Istio's objects from its own cluster, those labelled `istio.io/rev` only if the label is its revision (or a
tag of it), and Services and pods from every cluster of its mesh. So hosts are looked for in the whole mesh, and an
object is judged once for each revision with a view of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct, structs

from meshtop.analysis.findings.finding import ConfigFinding, ObjectKey, Touched
from meshtop.analysis.findings.shapes import misshapen
from meshtop.analysis.identity.control_planes import istiods, revision_of, tags_of
from meshtop.analysis.identity.settings import settings_among
from meshtop.analysis.identity.trees import Tree, text_at
from meshtop.analysis.inventory.labels import proxy_container
from meshtop.analysis.inventory.untyped import mapping, maps, text, texts
from meshtop.analysis.security.mtls.hosts import Host, Hosts, Port
from meshtop.analysis.visibility.clients import Client, Visibility
from meshtop.analysis.visibility.exports import Audience, ExportDefaults, export_defaults
from meshtop.analysis.visibility.hosts import full_host, host_matches
from meshtop.analysis.visibility.selection import oldest_first, selects
from meshtop.model.constants import ISTIO_NAMESPACE
from meshtop.model.evidence import Unknown
from meshtop.model.kube import ConfigObject, Controller, Inventory, Meta, Namespace, Pod, Service
from meshtop.model.mesh import MeshFacts

REVISION = "istio.io/rev"
INJECT = "sidecar.istio.io/inject"
_RBAC = "rbac.authorization.k8s.io"
_REDIRECTED = "ambient.istio.io/redirection"
_TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")
_CLUSTER_SET = ".svc.clusterset.local"
_HOSTNAME = "kubernetes.io/hostname"
SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
"""Namespaces that are never injected."""

Destination = tuple[str, str, Mapping[str, Any]]
"""A field's path, `route` or `mirror`, and the destination that stands there."""
AnyObject = ConfigObject | Service | Pod | Controller | Namespace


class MisreadObject(Struct, frozen=True, kw_only=True):
    """An object that could not be decoded at all, and why."""

    kind: str
    namespace: str
    name: str
    why: str


class JudgedCluster(Struct, frozen=True, kw_only=True):
    """One cluster whose configuration is judged; files without a cluster are one with an empty name.

    `read` is False where nothing of it is known: then it is not judged, and what may be there is not said to be absent.
    `hides` is whether an access policy leaves something out, which is not absent either.
    """

    name: str
    inventory: Inventory
    facts: MeshFacts = MeshFacts()
    misread: tuple[MisreadObject, ...] = ()
    read: bool = True
    hides: bool = False
    checked: bool = False
    """Whether its objects are all of their kinds' forms (`well_formed`)."""


def well_formed(cluster: JudgedCluster) -> JudgedCluster:
    """A cluster without the objects that are not of their kind's form, which are among the `misread` ones instead."""
    if cluster.checked:
        return cluster
    misread = list(cluster.misread)
    config: dict[str, tuple[ConfigObject, ...]] = {}
    for kind, objects in cluster.inventory.config.items():
        kept = []
        for obj in objects:
            why = misshapen(kind, obj)
            if why is None:
                kept.append(obj)
            else:
                misread.append(MisreadObject(kind=obj.kind, namespace=obj.meta.namespace, name=obj.meta.name, why=why))
        config[kind] = objects if len(kept) == len(objects) else tuple(kept)
    if len(misread) == len(cluster.misread):
        return structs.replace(cluster, checked=True)
    inventory = structs.replace(cluster.inventory, config=config)
    return structs.replace(cluster, inventory=inventory, misread=tuple(misread), checked=True)


def obeyed_by(cluster: JudgedCluster) -> str | None:
    """The cluster whose objects a cluster's proxies obey, itself or another; None where that is not told."""
    return cluster.facts.obeys.cluster if cluster.facts.obeys is not None else None


class MeshPod(Struct, frozen=True, kw_only=True):
    """A pod of the mesh, for selectors: whether it is in the mesh, and whether by ambient mode.

    `served` is whether it obeys the objects of the cluster that is judged; pods of other primaries obey their own.
    """

    cluster: str
    pod: Pod
    in_mesh: bool
    ambient: bool
    served: bool = True

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.pod.meta.labels


def key_of(cluster: str, obj: AnyObject | Meta, kind: str = "") -> ObjectKey:
    """The key of an object of a cluster."""
    meta = obj if isinstance(obj, Meta) else obj.meta
    told = kind or (obj.kind if isinstance(obj, ConfigObject | Controller) else type(obj).__name__)
    return ObjectKey(cluster, told, meta.namespace, meta.name)


class RevisionConfig:
    """What one revision of one cluster's control plane reads; `members` are the clusters of its mesh, itself first."""

    def __init__(
        self,
        cluster: JudgedCluster,
        members: Sequence[JudgedCluster],
        *,
        revision: str = "",
        names: frozenset[str] = frozenset(),
        mesh_config: Tree | None = None,
    ) -> None:
        self.cluster = cluster
        self.members = tuple(members)
        self.revision = revision
        self.mesh_config: Tree = mesh_config or {}
        self.inventory = cluster.inventory
        self.domain = cluster.facts.domain
        self.root_namespace = (
            text_at(self.mesh_config, "rootNamespace") or cluster.facts.root_namespace or ISTIO_NAMESPACE
        )
        self.exports: ExportDefaults = export_defaults(self.mesh_config)
        self._names = names
        self._objects: dict[str, tuple[ConfigObject, ...]] = {}
        self._entry_hosts: dict[str, Hosts] = {}
        self._found: dict[tuple[str, str], Host | None] = {}
        self._destinations: dict[tuple[str, str], tuple[Destination, ...]] = {}

    def objects(self, kind: str) -> tuple[ConfigObject, ...]:
        """The objects of a kind that this revision reads, in the order of their creation."""
        found = self._objects.get(kind)
        if found is None:
            read = (obj for obj in self.inventory.config.get(kind, ()) if self._reads(obj.meta))
            found = self._objects[kind] = tuple(oldest_first(read))
        return found

    def _reads(self, meta: Meta) -> bool:
        wanted = meta.labels.get(REVISION)
        return wanted is None or not self._names or wanted in self._names

    def finding(
        self,
        code: str,
        obj: AnyObject,
        message: str,
        fix: str | None = None,
        *,
        path: str = "",
        touches: tuple[Touched, ...] = (),
        cluster: str | None = None,
    ) -> ConfigFinding:
        """A finding on an object of this cluster, or of the member `cluster`."""
        key = key_of(self.cluster.name if cluster is None else cluster, obj)
        return ConfigFinding(code=code, object=key, message=message, fix=fix, path=path, touches=touches)

    def destinations(self, service: ConfigObject) -> tuple[Destination, ...]:
        """Where a VirtualService sends requests, worked out once."""
        found = self._destinations.get(service.meta.key)
        if found is None:
            found = self._destinations[service.meta.key] = tuple(_destinations(service))
        return found

    @cached_property
    def namespaces(self) -> dict[str, Namespace]:
        """The namespaces of the cluster by name."""
        return {namespace.meta.name: namespace for namespace in self.inventory.namespaces}

    @cached_property
    def mesh_namespaces(self) -> frozenset[str]:
        """The names of the namespaces of all clusters of the mesh."""
        return frozenset(n.meta.name for member in self.members for n in member.inventory.namespaces)

    @cached_property
    def visibility(self) -> Visibility:
        """Which clients see the Services of the mesh."""
        services = [service for member in self.members for service in member.inventory.services]
        return Visibility(exports=self.exports, services=services, domain=self.domain)

    @cached_property
    def _service_hosts(self) -> tuple[Hosts, ...]:
        """The Services of each cluster of the mesh, under the names that this istiod gives them."""
        return tuple(Hosts(m.inventory.services, m.inventory.endpoint_slices, (), self.domain) for m in self.members)

    @cached_property
    def mesh_hosts(self) -> dict[str, Host]:
        """All hosts of the mesh by their full names, ServiceEntries' included; the cluster's own first."""
        found: dict[str, Host] = {}
        for hosts in self._service_hosts:
            for host in hosts.services.values():
                found.setdefault(host.name, host)
        for entry in self.objects("ServiceEntry"):
            for name in texts(entry.spec.get("hosts")):
                found.setdefault(name.lower(), Host(name=name.lower(), namespace=entry.meta.namespace, service=name))
        return found

    def _entries_for(self, namespace: str) -> Hosts:
        """The hosts of the ServiceEntries that a namespace sees."""
        entries = self.objects("ServiceEntry")
        audiences = self._entry_audiences
        key = "" if all(audience.everyone for audience in audiences) else namespace
        found = self._entry_hosts.get(key)
        if found is None:
            seen = [e for e, audience in zip(entries, audiences, strict=True) if audience.includes(namespace)]
            found = self._entry_hosts[key] = Hosts((), (), seen, self.domain)
        return found

    @cached_property
    def _entry_audiences(self) -> tuple[Audience, ...]:
        return tuple(self.exports.of(entry) for entry in self.objects("ServiceEntry"))

    def full_name(self, host: str, namespace: str) -> str:
        """A host as this istiod reads it in an object of a namespace."""
        return full_host(host.lower(), namespace, self.domain)

    def resolve(self, host: str, namespace: str) -> Host | None:
        """The host of the mesh that clients in a namespace reach by a host as written there; None where there is none.

        A pattern is resolved to any host that it covers.
        """
        name = self.full_name(host, namespace)
        key = (name, namespace)
        if key not in self._found:
            self._found[key] = self._resolve(name, namespace)
        return self._found[key]

    def _resolve(self, name: str, namespace: str) -> Host | None:
        if not name:
            return None
        if name.endswith(_CLUSTER_SET):
            # A host of the cluster set is the Service of that name in whichever clusters export it.
            imported = self._imported(name)
            name = f"{name.removesuffix(_CLUSTER_SET)}.svc.{self.domain}"
            if imported is not None:
                return imported
        for hosts in (*self._service_hosts, self._entries_for(namespace)):
            found = hosts.find(name, namespace)
            if found is None or (found.name != name and not host_matches(found.name, name)):
                continue
            if not self.visibility.is_hidden(found.namespace, found.service, Client(namespace=namespace)):
                return found
        if name.startswith("*"):
            return next((host for full, host in self.mesh_hosts.items() if host_matches(name, full)), None)
        return None

    def _imported(self, name: str) -> Host | None:
        """The host of a ServiceImport by its name in the cluster set."""
        short, _, namespace = name.removesuffix(_CLUSTER_SET).partition(".")
        for one in self.inventory.config.get("ServiceImport", ()):
            if one.meta.key == (namespace, short):
                numbers = (port.get("port") for port in maps(one.spec.get("ports")))
                ports = tuple(Port(number, None) for number in numbers if isinstance(number, int))
                return Host(name=name, namespace=namespace, service=short, ports=ports)
        return None

    def resolve_for(self, obj: ConfigObject, host: str) -> Host | None:
        """The host that an object means: for its own namespace, else for the namespaces that it is exported to."""
        written = texts(obj.spec.get("exportTo"))
        seen = self.exports.of(obj)
        if not written or seen.everyone:
            return self.resolve(host, obj.meta.namespace)
        name = self.full_name(host, obj.meta.namespace)
        return next((found for home in sorted(seen.namespaces) if (found := self.resolve(name, home))), None)

    @cached_property
    def pods(self) -> dict[str, list[MeshPod]]:
        """The pods of all clusters of the mesh by namespace; ended ones are left out."""
        found: dict[str, list[MeshPod]] = {}
        for member in self.members:
            homes = {n.meta.name: n for n in member.inventory.namespaces}
            served = member is self.cluster or obeyed_by(member) == self.cluster.name
            for pod in member.inventory.pods:
                if pod.phase in ("Succeeded", "Failed"):
                    continue
                namespace = pod.meta.namespace
                in_mesh, ambient = _membership(pod, homes.get(namespace))
                found.setdefault(namespace, []).append(
                    MeshPod(cluster=member.name, pod=pod, in_mesh=in_mesh, ambient=ambient, served=served)
                )
        return found

    @cached_property
    def all_pods(self) -> tuple[MeshPod, ...]:
        """The pods of all clusters of the mesh."""
        return tuple(pod for pods in self.pods.values() for pod in pods)

    @cached_property
    def located_label_sets(self) -> dict[str, list[Mapping[str, str]]]:
        """Label sets of pods with the labels that istiod adds from their nodes: region, zone, subzone and host name."""
        found: dict[str, list[Mapping[str, str]]] = {}
        nodes = {m.name: {n.meta.name: n.meta.labels for n in m.inventory.nodes} for m in self.members}
        for namespace, pods in self.pods.items():
            kept: dict[frozenset[tuple[str, str]], Mapping[str, str]] = {}
            for one in pods:
                labels = dict(one.labels)
                at = nodes[one.cluster].get(one.pod.node or "")
                if at is not None:
                    labels.update({name: at[name] for name in _TOPOLOGY if at.get(name)})
                    labels[_HOSTNAME] = one.pod.node or ""
                kept.setdefault(frozenset(labels.items()), labels)
            found[namespace] = list(kept.values())
        return found

    def selected(self, namespace: str, wanted: Mapping[str, str]) -> list[MeshPod]:
        """The pods of a namespace in all clusters that a selector takes."""
        return [pod for pod in self.pods.get(namespace, ()) if selects(wanted, pod.labels)]

    def unread(self, own: Iterable[str], whole_mesh: Iterable[str]) -> tuple[Unknown, ...]:
        """Those of the kinds that were not read: of this cluster, and of all clusters of the mesh."""
        mesh = tuple(whole_mesh)
        found = [Unknown(kind, self.cluster.name, why) for kind, why in self.inventory.unread(*own)]
        for member in self.members:
            found += [Unknown(kind, member.name, why) for kind, why in member.inventory.unread(*mesh)]
        return tuple(dict.fromkeys(found))


def served_ones(pods: Iterable[MeshPod]) -> list[MeshPod]:
    """The pods that obey the objects of the cluster that is judged."""
    return [pod for pod in pods if pod.served]


def _membership(pod: Pod, home: Namespace | None) -> tuple[bool, bool]:
    """Whether a pod is in the mesh, and whether by ambient mode (istio, analyzers' `in_mesh`)."""
    labels, annotations = pod.meta.labels, pod.meta.annotations
    proxy = proxy_container(pod.containers)
    if proxy is not None and proxy.image:
        return True, False
    if annotations.get(_REDIRECTED) == "enabled":
        return True, True
    for told in (labels, annotations):
        if INJECT in told:
            return told[INJECT] == "true", False
    marks = home.meta.labels if home is not None else {}
    if "istio-injection" in marks:
        return marks["istio-injection"] == "enabled", False
    if marks.get(REVISION):
        return True, False
    return False, False


def revisions_of(clusters: Sequence[JudgedCluster]) -> Iterator[RevisionConfig]:
    """Every view of a control plane on the configuration of its cluster; one for a cluster without control planes."""
    for cluster in clusters:
        if cluster.read:
            yield from _revisions(cluster, _members(cluster, clusters))


def _members(cluster: JudgedCluster, clusters: Sequence[JudgedCluster]) -> list[JudgedCluster]:
    """The clusters whose Services its istiod may know: those of its mesh, and those of which that is not known."""
    mesh = cluster.facts.mesh

    def may_belong(other: JudgedCluster) -> bool:
        if not other.read:
            return other.name in cluster.facts.perhaps
        theirs = other.facts.mesh
        return mesh is None or theirs is None or theirs == mesh or other.name in cluster.facts.perhaps

    return [cluster, *(c for c in clusters if c.name != cluster.name and may_belong(c))]


def _revisions(cluster: JudgedCluster, members: Sequence[JudgedCluster]) -> Iterator[RevisionConfig]:
    inventory = cluster.inventory
    found = istiods(inventory.controllers, inventory.pods, inventory.webhooks)
    by_revision: dict[str, Tree] = {}
    for istiod in found:
        by_revision.setdefault(revision_of(istiod), settings_among(inventory, [istiod]).mesh or {})
    # A control plane reads no roles; whoever installs it may label its own with its revision.
    labelled = any(
        REVISION in obj.meta.labels for objects in inventory.config.values() for obj in objects if obj.group != _RBAC
    )
    configs = list(by_revision.values())
    if len(by_revision) < 2 or (not labelled and all(config == configs[0] for config in configs)):
        names = _names(next(iter(by_revision)), inventory) if len(by_revision) == 1 and labelled else frozenset()
        mesh = settings_among(inventory, found).mesh or {}
        yield RevisionConfig(cluster, members, mesh_config=mesh, names=names)
        return
    for revision, config in by_revision.items():
        names = _names(revision, inventory)
        yield RevisionConfig(cluster, members, revision=revision, names=names, mesh_config=config)


def _names(revision: str, inventory: Inventory) -> frozenset[str]:
    return frozenset({revision, *tags_of(inventory.webhooks).get(revision, ())})


def _destinations(service: ConfigObject) -> Iterator[Destination]:
    """Where a VirtualService sends requests: the field's path, `route` or `mirror`, and the destination."""
    for protocol in ("http", "tcp", "tls"):
        for number, rule in enumerate(maps(service.spec.get(protocol))):
            at = f"spec.{protocol}[{number}]"
            for index, route in enumerate(maps(rule.get("route"))):
                yield f"{at}.route[{index}]", "route", mapping(route.get("destination"))
            if isinstance(rule.get("mirror"), Mapping):
                yield f"{at}.mirror", "mirror", rule["mirror"]
            for index, mirror in enumerate(maps(rule.get("mirrors"))):
                yield f"{at}.mirrors[{index}]", "mirror", mapping(mirror.get("destination"))


def touched_by(config: RevisionConfig, obj: ConfigObject, hosts: Iterable[str]) -> tuple[Touched, ...]:
    """The Services of the mesh that some hosts, as an object writes them, stand for."""
    found = (config.resolve(host, obj.meta.namespace) for host in hosts)
    return tuple(dict.fromkeys((host.namespace, host.service) for host in found if host is not None))


def target_host(destination: Mapping[str, Any]) -> str:
    """The host of a destination; "" where there is none."""
    return text(destination.get("host")) or ""
