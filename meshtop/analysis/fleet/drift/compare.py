"""Objects that should be equal in several clusters and differ, one row for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial

from msgspec import Struct

from meshtop.analysis.fleet.drift.meaning import (
    LocalDefaults,
    alike_perhaps,
    of_config,
    of_images,
    of_namespace,
    of_rbac,
    of_service,
)
from meshtop.analysis.fleet.drift.placement import ObjectKey, Placement
from meshtop.analysis.fleet.drift.trees import Tree, differences, key, without
from meshtop.analysis.inventory.labels import is_istiod
from meshtop.analysis.visibility.exports import ExportDefaults
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import Inventory, Meta

CONFIG = (
    "VirtualService",
    "DestinationRule",
    "Gateway",
    "ServiceEntry",
    "Sidecar",
    "PeerAuthentication",
    "AuthorizationPolicy",
    "RequestAuthentication",
    "Telemetry",
    "Gateway.gateway.networking.k8s.io",
    "HTTPRoute",
    "GRPCRoute",
    "TCPRoute",
    "TLSRoute",
)
"""Kinds of Istio and Gateway API that are compared: all that can be copied from one cluster to another."""
_MACHINES = "WorkloadEntry"
IN_FORCE = "the configuration in force"
"""What is not known of a cluster of which it is not known whose Istio objects it obeys."""
_READ_BY_ISTIOD = frozenset({*CONFIG, _MACHINES})
RBAC = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
"""Kinds of RBAC that are compared."""
KINDS = ("Namespace", "Service", *CONFIG, _MACHINES, *RBAC, "Workload")
_SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease"})
_VENDORS = ("system:", "eks:", "gce:", "azure:", "aks-", "kubeadm:", "cluster-admin")
_BOOTSTRAPPING = "kubernetes.io/bootstrapping"
_EVERYWHERE = frozenset({*CONFIG, *RBAC})
"""Kinds expected in all clusters of a mesh that have the namespace (each istiod reads its own cluster's).

Services and workloads need not run everywhere; hosts that cannot be resolved are reported by discovery.
"""
_OF_THE_CLUSTER = (("default", "kubernetes"),)
"""Services that every API server makes for itself."""
_REGISTERED = ("istio.io/autoRegistrationGroup", "istio.io/workloadController")
"""Annotations of WorkloadEntries that istiod creates for registered machines; these objects come and go."""
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_MOST_PATHS = 12
_OWN_DOMAIN = "(the cluster's domain)"
"""What hosts end with where clusters do not have one DNS domain in common, or it is not known."""


class DriftStatus(StrEnum):
    """State of an object in one cluster."""

    SAME = "same"
    DIFFERS = "differs"
    MISSING = "missing"
    EXTRA = "extra"
    ABSENT = "absent"
    UNKNOWN = "unknown"


DRIFTED = (DriftStatus.DIFFERS, DriftStatus.MISSING, DriftStatus.EXTRA)


class DriftCluster(Struct, frozen=True, kw_only=True):
    """One cluster's part of the comparison; `group` names the clusters that belong together, "" where it is not known.

    `read` is whether an istiod reads the cluster's Istio objects: a cluster that obeys another one's needs none of its
    own; None where that is not known, for the reason `doubt`. `platform` are the namespaces of its control plane and
    gateways. `domain` (its DNS domain) is None where it is not known; `exports` says so itself.
    """

    name: str
    group: str
    inventory: Inventory | None
    read: bool | None = True
    doubt: WhyUnknown = WhyUnknown.UNSUPPORTED
    platform: frozenset[str] = frozenset()
    domain: str | None = CLUSTER_DOMAIN
    exports: ExportDefaults = ExportDefaults()


class Drift(Struct, frozen=True, kw_only=True):
    """An object, its state in each cluster, the paths at which its meanings differ, and a sentence in summary.

    `meanings` holds the object's meaning in each cluster that has it; `reference` is the cluster whose meaning most
    clusters share (the first of equals), with which the others are compared.
    """

    kind: str
    namespace: str
    name: str
    clusters: dict[str, DriftStatus]
    differs: tuple[str, ...]
    reason: str
    reference: str = ""
    meanings: dict[str, Tree] = {}


def drift(clusters: Sequence[DriftCluster], declarations: Mapping[ObjectKey, Placement]) -> tuple[Drift, ...]:
    """All objects that drifted, by kind, namespace and name; objects that are equal everywhere are left out."""
    groups: dict[str, list[DriftCluster]] = {}
    for cluster in clusters:
        if cluster.group:
            groups.setdefault(cluster.group, []).append(cluster)
    found: list[Drift] = []
    told: set[ObjectKey] = set()
    for members in groups.values():
        group = _Group(members)
        for object_key in group.object_keys():
            declaration = declarations.get(object_key)
            if declaration is None:
                found.extend(_judge(object_key, group, None))
            elif declaration.clusters & set(group.names) and object_key not in told:
                told.add(object_key)
                everyone = group if declaration.clusters <= set(group.names) else _Group(clusters)
                found.extend(_judge(object_key, everyone, declaration))
    unseen = [object_key for object_key in declarations if object_key not in told and object_key[0] in KINDS]
    if unseen:
        group = _Group(clusters)
        for object_key in unseen:
            found.extend(_judge(object_key, group, declarations[object_key]))
    order = {kind: number for number, kind in enumerate(KINDS)}
    return tuple(sorted(found, key=lambda d: (order.get(d.kind, len(order)), d.namespace, d.name)))


def not_compared(clusters: Sequence[DriftCluster]) -> tuple[Unknown, ...]:
    """What could not be compared between these clusters, by cluster; empty where everything was compared.

    A cluster with an unknown group is not compared, so its drift is unknown. One that is
    known to be alone in its group has nothing to differ from. Kinds that were not read are listed one by one, unless
    nothing of the cluster was read.
    """
    size = Counter(cluster.group for cluster in clusters if cluster.group)
    found = []
    for cluster in clusters:
        if cluster.inventory is None:
            found.append(Unknown("every object", cluster.name, WhyUnknown.UNREACHABLE))
        elif size[cluster.group] > 1:
            found += [Unknown(kind, cluster.name, why) for kind, why in _unread(cluster.inventory).items()]
            if cluster.read is None:
                found.append(Unknown(IN_FORCE, cluster.name, cluster.doubt))
            if cluster.domain is None:
                found.append(Unknown("the DNS domain", cluster.name, WhyUnknown.NOT_READ))
            if not cluster.exports.known:
                found.append(Unknown("the MeshConfig", cluster.name, WhyUnknown.NOT_READ))
        elif not cluster.group and len(clusters) > 1:
            found.append(Unknown("which clusters it should be like", cluster.name, WhyUnknown.UNSUPPORTED))
    return tuple(found)


class _Group:
    """A set of clusters that are compared with one another, and the meaning of every object in each of them."""

    def __init__(self, clusters: Sequence[DriftCluster]) -> None:
        self.unread_config = frozenset(c.name for c in clusters if c.read is False)
        self.doubtful_config = frozenset(c.name for c in clusters if c.read is None)
        self.names = [cluster.name for cluster in clusters]
        self.namespaces = {
            c.name: {n.meta.name for n in c.inventory.namespaces} if c.inventory is not None else set()
            for c in clusters
        }
        self._meanings: dict[ObjectKey, dict[str, Callable[[], Tree]]] = {}
        self._unread = {c.name: _unread(c.inventory) for c in clusters}
        domains = {c.domain for c in clusters if c.inventory is not None}
        shown = next(iter(domains)) if len(domains) == 1 else None
        self._defaults = {c.name: LocalDefaults(c.domain, c.exports, shown or _OWN_DOMAIN) for c in clusters}
        for cluster in clusters:
            if cluster.inventory is not None:
                for object_key, meaning in _objects(cluster, self._defaults[cluster.name]):
                    self._meanings.setdefault(object_key, {})[cluster.name] = meaning

    def object_keys(self) -> Iterable[ObjectKey]:
        """Keys of all objects that exist in any of the clusters."""
        return list(self._meanings)

    def meanings(self, object_key: ObjectKey, overridden: Sequence[str]) -> dict[str, Tree]:
        """The meaning of an object in each cluster that has it, without the fields that may differ."""
        found = {}
        for cluster, make in self._meanings.get(object_key, {}).items():
            tree = make()
            for pointer in overridden:
                tree = without(tree, pointer)
            found[cluster] = tree
        return found

    def assumed(self, *clusters: str) -> bool:
        """Whether what objects leave out is not known of some of these clusters."""
        return not all(self._defaults[cluster].known for cluster in clusters)

    def unreadable(self, object_key: ObjectKey, cluster: str) -> bool:
        """Whether it is unknown if the cluster has the object, because its kind was not read."""
        why = self._unread[cluster].get(object_key[0])
        return why is not None and (why is not WhyUnknown.NOT_READ or cluster not in self._meanings.get(object_key, {}))


def _judge(object_key: ObjectKey, group: _Group, declaration: Placement | None) -> Iterator[Drift]:
    kind, namespace, name = object_key
    meanings = group.meanings(object_key, declaration.overridden if declaration is not None else ())
    # What no istiod reads has no meaning; where a federation is to put it, it has to be all the same.
    for_istiod = declaration is None and kind in _READ_BY_ISTIOD
    idle = group.unread_config if for_istiod else frozenset[str]()
    doubtful = group.doubtful_config if for_istiod else frozenset[str]()
    meanings = {cluster: tree for cluster, tree in meanings.items() if cluster not in idle | doubtful}
    if not meanings and declaration is None:
        return
    expected = _expected(object_key, group, meanings, declaration) - idle
    keys = {cluster: key(tree) for cluster, tree in meanings.items()}
    counted = Counter(keys.values())
    reference = max(meanings, key=lambda c: (counted[keys[c]], -group.names.index(c)), default="")
    statuses: dict[str, DriftStatus] = {}
    for cluster in group.names:
        if cluster in idle:
            statuses[cluster] = DriftStatus.ABSENT
        elif cluster in doubtful or group.unreadable(object_key, cluster):
            statuses[cluster] = DriftStatus.UNKNOWN
        elif cluster not in meanings:
            statuses[cluster] = DriftStatus.MISSING if cluster in expected else DriftStatus.ABSENT
        elif declaration is not None and cluster not in expected:
            statuses[cluster] = DriftStatus.EXTRA
        else:
            statuses[cluster] = DriftStatus.SAME if keys[cluster] == keys[reference] else DriftStatus.DIFFERS
            assumed = statuses[cluster] is DriftStatus.DIFFERS and group.assumed(cluster, reference)
            if assumed and alike_perhaps(meanings[cluster], meanings[reference]):
                statuses[cluster] = DriftStatus.UNKNOWN
    complaints = tuple(why for _, why in declaration.complaints) if declaration is not None else ()
    if not complaints and not any(status in DRIFTED for status in statuses.values()):
        return
    paths = [
        path
        for cluster, status in statuses.items()
        if status is DriftStatus.DIFFERS
        for path in differences(meanings[reference], meanings[cluster])
    ]
    yield Drift(
        kind=kind,
        namespace=namespace,
        name=name,
        clusters=statuses,
        differs=tuple(dict.fromkeys(paths))[:_MOST_PATHS],
        reason=_reason(statuses, reference, declaration),
        reference=reference,
        meanings=meanings,
    )


def _expected(
    object_key: ObjectKey, group: _Group, meanings: Mapping[str, Tree], declaration: Placement | None
) -> frozenset[str]:
    """The clusters that should have it: where a federation places it, else wherever its kind is expected."""
    kind, namespace, _ = object_key
    if declaration is not None:
        return declaration.clusters
    if kind not in _EVERYWHERE or namespace in _SYSTEM:
        return frozenset(meanings)
    return frozenset(c for c in group.names if not namespace or namespace in group.namespaces[c])


def _reason(statuses: Mapping[str, DriftStatus], reference: str, declaration: Placement | None) -> str:
    def of(status: DriftStatus) -> str:
        return ", ".join(cluster for cluster, found in statuses.items() if found is status)

    parts = []
    by = f" (placed there by {declaration.by})" if declaration is not None else ""
    if missing := of(DriftStatus.MISSING):
        parts.append(f"missing in {missing}{by}")
    if differs := of(DriftStatus.DIFFERS):
        parts.append(f"{differs} differs from {reference}")
    if extra := of(DriftStatus.EXTRA):
        parts.append(f"extra in {extra}, where {declaration.by if declaration else 'nothing'} does not place it")
    if unknown := of(DriftStatus.UNKNOWN):
        parts.append(f"not known in {unknown}")
    if declaration is not None:
        complaints = "; ".join(why for _, why in declaration.complaints)
        if complaints:
            parts.append(f"{declaration.by} reports: {complaints}")
        elif missing or differs or extra:
            parts.append(f"{declaration.by} reports no problem")
    return "; ".join(parts) + "."


def _unread(inventory: Inventory | None) -> dict[str, WhyUnknown]:
    """The kinds that were not read in a cluster, each with the reason."""
    if inventory is None:
        return dict.fromkeys(KINDS, WhyUnknown.UNREACHABLE)
    parts = {kind: _WORKLOADS if kind == "Workload" else (kind,) for kind in KINDS}
    lost = {kind: inventory.unread(*of) for kind, of in parts.items()}
    return {kind: unread[0][1] for kind, unread in lost.items() if unread}


def _objects(cluster: DriftCluster, defaults: LocalDefaults) -> Iterator[tuple[ObjectKey, Callable[[], Tree]]]:
    """Every compared object with a function that gives its meaning; objects owned by another object are left out."""
    inventory = cluster.inventory
    assert inventory is not None, "only clusters that were read are compared"
    for namespace in inventory.namespaces:
        if namespace.meta.name not in _SYSTEM:
            yield ("Namespace", "", namespace.meta.name), partial(of_namespace, namespace)
    for service in inventory.services:
        # The Service of its istiod leads each cluster to the one that serves it.
        own = service.meta.key in _OF_THE_CLUSTER or is_istiod(service.meta.labels)
        if _compared(service.meta) and not own:
            yield ("Service", *service.meta.key), partial(of_service, service)
    for kind in CONFIG:
        for obj in inventory.config.get(kind, ()):
            if _compared(obj.meta):
                yield (kind, *obj.meta.key), partial(of_config, obj, defaults)
    for obj in inventory.config.get(_MACHINES, ()):
        if _compared(obj.meta) and not any(mark in obj.meta.annotations for mark in _REGISTERED):
            yield (_MACHINES, *obj.meta.key), partial(of_config, obj, defaults)
    for kind in RBAC:
        for obj in inventory.config.get(kind, ()):
            if _compared(obj.meta) and _BOOTSTRAPPING not in obj.meta.labels and not obj.meta.name.startswith(_VENDORS):
                yield (kind, *obj.meta.key), partial(of_rbac, obj)
    # Control planes and gateways follow their revision, which is a matter of its own.
    installed = cluster.platform | {
        controller.meta.namespace for controller in inventory.controllers if is_istiod(controller.template_labels)
    }
    for controller in inventory.controllers:
        if (
            _compared(controller.meta)
            and controller.kind != "ReplicaSet"
            and controller.meta.namespace not in installed
        ):
            yield ("Workload", *controller.meta.key), partial(of_images, controller)


def _compared(meta: Meta) -> bool:
    return meta.owner is None and meta.namespace not in _SYSTEM
