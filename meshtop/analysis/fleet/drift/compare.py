"""Objects that should be the same in several clusters and are not, one row for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial

from msgspec import Struct

from meshtop.analysis.fleet.drift.meaning import of_config, of_images, of_namespace, of_rbac, of_service
from meshtop.analysis.fleet.drift.placement import Declared, Thing
from meshtop.analysis.fleet.drift.trees import Tree, differences, key, without
from meshtop.model.kube import Inventory, Meta

CONFIG = (
    "VirtualService",
    "DestinationRule",
    "PeerAuthentication",
    "AuthorizationPolicy",
    "Gateway",
    "Gateway.gateway.networking.k8s.io",
    "HTTPRoute",
    "Telemetry",
)
"""Kinds of Istio and Gateway API that are compared."""
RBAC = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
"""Kinds of RBAC that are compared."""
KINDS = ("Namespace", "Service", *CONFIG, *RBAC, "Workload")
_SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease"})
_VENDORS = ("system:", "eks:", "gce:", "azure:", "aks-", "kubeadm:", "cluster-admin")
_BOOTSTRAPPING = "kubernetes.io/bootstrapping"
_EVERYWHERE = frozenset({*CONFIG, *RBAC})
"""Kinds that a mesh's clusters should all have where they have the namespace (each istiod reads its own cluster's).

Where Services and workloads run is a choice; a host that cannot be resolved is a matter of discovery.
"""
_MOST_PATHS = 12


class Mark(StrEnum):
    """How one cluster stands to an object."""

    SAME = "same"
    DIFFERS = "differs"
    MISSING = "missing"
    EXTRA = "extra"
    ABSENT = "absent"
    UNKNOWN = "unknown"


BAD = (Mark.DIFFERS, Mark.MISSING, Mark.EXTRA)


class Compared(Struct, frozen=True, kw_only=True):
    """One cluster's part of the comparison; `group` names the clusters that belong together, "" for none."""

    name: str
    group: str
    inventory: Inventory | None


class Drift(Struct, frozen=True, kw_only=True):
    """An object, how each cluster stands to it, where its meanings differ, and why in a sentence.

    `forms` are the meanings themselves; `reference` is the cluster whose meaning most clusters share (the first of
    equals), with which the others are compared.
    """

    kind: str
    namespace: str
    name: str
    clusters: dict[str, Mark]
    differs: tuple[str, ...]
    reason: str
    reference: str = ""
    forms: dict[str, Tree] = {}


def drift(
    clusters: Sequence[Compared], declarations: Mapping[Thing, Declared], root_namespace: str = "istio-system"
) -> tuple[Drift, ...]:
    """Everything that drifted, by kind, namespace and name; what is the same everywhere is left out."""
    groups: dict[str, list[Compared]] = {}
    for cluster in clusters:
        if cluster.group:
            groups.setdefault(cluster.group, []).append(cluster)
    found: list[Drift] = []
    told: set[Thing] = set()
    for group in groups.values():
        world = _World(group, root_namespace)
        for thing in world.things():
            declaration = declarations.get(thing)
            if declaration is None:
                found.extend(_judge(thing, world, None))
            elif declaration.clusters & set(world.names) and thing not in told:
                told.add(thing)
                everyone = world if declaration.clusters <= set(world.names) else _World(clusters, root_namespace)
                found.extend(_judge(thing, everyone, declaration))
    unseen = [thing for thing in declarations if thing not in told and thing[0] in KINDS]
    if unseen:
        world = _World(clusters, root_namespace)
        for thing in unseen:
            found.extend(_judge(thing, world, declarations[thing]))
    order = {kind: number for number, kind in enumerate(KINDS)}
    return tuple(sorted(found, key=lambda d: (order.get(d.kind, len(order)), d.namespace, d.name)))


class _World:
    """The meanings of every object of some clusters."""

    def __init__(self, clusters: Sequence[Compared], root_namespace: str) -> None:
        self.names = [cluster.name for cluster in clusters]
        self.namespaces = {
            c.name: {n.meta.name for n in c.inventory.namespaces} if c.inventory is not None else set()
            for c in clusters
        }
        self.inventories = {c.name: c.inventory for c in clusters}
        self._forms: dict[Thing, dict[str, Callable[[], Tree]]] = {}
        self._unread = {c.name: _unread(c.inventory) for c in clusters}
        for cluster in clusters:
            if cluster.inventory is not None:
                for thing, form in _objects(cluster.inventory, root_namespace):
                    self._forms.setdefault(thing, {})[cluster.name] = form

    def things(self) -> Iterable[Thing]:
        """All that stands in any of the clusters."""
        return list(self._forms)

    def forms(self, thing: Thing, overridden: Sequence[str]) -> dict[str, Tree]:
        """The meaning of an object in each cluster that has it, without what may differ."""
        found = {}
        for cluster, make in self._forms.get(thing, {}).items():
            tree = make()
            for pointer in overridden:
                tree = without(tree, pointer)
            found[cluster] = tree
        return found

    def unreadable(self, thing: Thing, cluster: str) -> bool:
        """Whether nobody knows if the cluster has it."""
        return self.inventories[cluster] is None or thing[0] in self._unread[cluster]


def _judge(thing: Thing, world: _World, declaration: Declared | None) -> Iterator[Drift]:
    kind, namespace, name = thing
    forms = world.forms(thing, declaration.overridden if declaration is not None else ())
    expected = _expected(thing, world, forms, declaration)
    keys = {cluster: key(tree) for cluster, tree in forms.items()}
    counted = Counter(keys.values())
    reference = max(forms, key=lambda c: (counted[keys[c]], -world.names.index(c)), default="")
    marks: dict[str, Mark] = {}
    for cluster in world.names:
        if world.unreadable(thing, cluster):
            marks[cluster] = Mark.UNKNOWN
        elif cluster not in forms:
            marks[cluster] = Mark.MISSING if cluster in expected else Mark.ABSENT
        elif declaration is not None and cluster not in expected:
            marks[cluster] = Mark.EXTRA
        else:
            marks[cluster] = Mark.SAME if keys[cluster] == keys[reference] else Mark.DIFFERS
    complaints = tuple(why for _, why in declaration.complaints) if declaration is not None else ()
    if not complaints and not any(mark in BAD for mark in marks.values()):
        return
    paths = [
        path
        for cluster, mark in marks.items()
        if mark is Mark.DIFFERS
        for path in differences(forms[reference], forms[cluster])
    ]
    yield Drift(
        kind=kind,
        namespace=namespace,
        name=name,
        clusters=marks,
        differs=tuple(dict.fromkeys(paths))[:_MOST_PATHS],
        reason=_reason(marks, reference, declaration),
        reference=reference,
        forms=forms,
    )


def _expected(thing: Thing, world: _World, forms: Mapping[str, Tree], declaration: Declared | None) -> frozenset[str]:
    """The clusters that should have it: where a federation puts it, else wherever its kind belongs."""
    kind, namespace, _ = thing
    if declaration is not None:
        return declaration.clusters
    if kind not in _EVERYWHERE or namespace in _SYSTEM:
        return frozenset(forms)
    return frozenset(c for c in world.names if not namespace or namespace in world.namespaces[c])


def _reason(marks: Mapping[str, Mark], reference: str, declaration: Declared | None) -> str:
    def of(mark: Mark) -> str:
        return ", ".join(cluster for cluster, found in marks.items() if found is mark)

    parts = []
    by = f" ({declaration.by} puts it there)" if declaration is not None else ""
    if missing := of(Mark.MISSING):
        parts.append(f"{missing} should have it and does not{by}")
    if differs := of(Mark.DIFFERS):
        parts.append(f"{differs} differs from {reference}")
    if extra := of(Mark.EXTRA):
        parts.append(f"{extra} has it although {declaration.by if declaration else 'nothing'} does not put it there")
    if unknown := of(Mark.UNKNOWN):
        parts.append(f"{unknown} is not known")
    if declaration is not None:
        complaints = "; ".join(why for _, why in declaration.complaints)
        if complaints:
            parts.append(f"{declaration.by} says: {complaints}")
        elif missing or differs or extra:
            parts.append(f"{declaration.by} says that all is well")
    return "; ".join(parts) + "."


def _unread(inventory: Inventory | None) -> frozenset[str]:
    """Kinds of which a cluster says nothing: forbidden, or failed."""
    if inventory is None:
        return frozenset(KINDS)
    lost = {status.kind for status in inventory.kinds if status.state in ("denied", "failed")}
    if lost & {"Deployment", "StatefulSet", "DaemonSet"}:
        lost.add("Workload")
    return frozenset(lost)


def _objects(inventory: Inventory, root_namespace: str) -> Iterator[tuple[Thing, Callable[[], Tree]]]:
    """Everything that is compared, with what makes its meaning; objects that another object owns are left to it."""
    for namespace in inventory.namespaces:
        if namespace.meta.name not in _SYSTEM:
            yield ("Namespace", "", namespace.meta.name), partial(of_namespace, namespace)
    for service in inventory.services:
        if _compared(service.meta):
            yield ("Service", *service.meta.key), partial(of_service, service)
    for kind in CONFIG:
        for obj in inventory.config.get(kind, ()):
            if _compared(obj.meta):
                yield (kind, *obj.meta.key), partial(of_config, obj)
    for kind in RBAC:
        for obj in inventory.config.get(kind, ()):
            if _compared(obj.meta) and _BOOTSTRAPPING not in obj.meta.labels and not obj.meta.name.startswith(_VENDORS):
                yield (kind, *obj.meta.key), partial(of_rbac, obj)
    for controller in inventory.controllers:
        # Control planes and gateways follow their revision, which is a matter of its own.
        if (
            _compared(controller.meta)
            and controller.kind != "ReplicaSet"
            and controller.meta.namespace != root_namespace
        ):
            yield ("Workload", *controller.meta.key), partial(of_images, controller)


def _compared(meta: Meta) -> bool:
    return meta.owner is None and meta.namespace not in _SYSTEM
