"""What an alert is about: the objects that its labels name, where they exist.

Rules carry along whatever labels their series have, and those of an exporter (`job`, `instance`, often `pod`) name who
measured and not what is wrong: they count only where nothing else names anything, and `exported_…` wins over what
Prometheus had to rename it for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct, field

from meshtop.analysis.inventory.pod_owners import PodOwners
from meshtop.model.kube import Inventory
from meshtop.model.mesh import VirtualMachine, Workload

_CONTROLLERS = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "job_name": "Job",
    "cronjob": "CronJob",
    "rollout": "Rollout",
}
"""Labels of kube-state-metrics that name a controller, and its kind."""
_MEASURED = ("kube-state-metrics", "node-exporter", "blackbox-exporter", "cadvisor")
"""Exporters, whose own labels stand beside those of what they measure."""


class TieKind(StrEnum):
    """The kinds of objects that an alert may be about, the most specific first; the words are those of `get`."""

    WORKLOAD = "workloads"
    MACHINE = "virtualmachines"
    SERVICE = "services"
    NAMESPACE = "namespaces"
    NODE = "nodes"
    CLUSTER = "clusters"


class Tie(Struct, frozen=True):
    """An object that an alert is about; `type` is a workload's kind."""

    kind: TieKind
    cluster: str
    namespace: str = ""
    name: str = ""
    type: str = ""


class TieIndex(Struct, frozen=True, kw_only=True):
    """The objects of one cluster by the names that labels have for them."""

    cluster: str
    workloads: dict[tuple[str, str], str] = field(default_factory=dict)
    """Kinds, by namespace and name."""
    machines: frozenset[tuple[str, str]] = frozenset()
    pods: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Namespace and name of the workload of a pod."""
    addresses: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The workload of a pod's own IP."""
    hosts: dict[str, str] = field(default_factory=dict)
    """The node of an IP that pods share with their node."""
    services: frozenset[tuple[str, str]] = frozenset()
    namespaces: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()

    def workload(self, namespace: str, name: str) -> Tie | None:
        """The workload of that name, or the machine; without a namespace only where there is exactly one."""
        found = self._one(self.workloads, namespace, name)
        if found is not None:
            return Tie(TieKind.WORKLOAD, self.cluster, *found, self.workloads[found])
        machine = self._one(self.machines, namespace, name)
        return None if machine is None else Tie(TieKind.MACHINE, self.cluster, *machine)

    def service(self, namespace: str, name: str) -> Tie | None:
        """The Service of that name; without a namespace only where there is exactly one."""
        found = self._one(self.services, namespace, name)
        return None if found is None else Tie(TieKind.SERVICE, self.cluster, *found)

    @staticmethod
    def _one(known: Iterable[tuple[str, str]], namespace: str, name: str) -> tuple[str, str] | None:
        if not name:
            return None
        if namespace:
            return (namespace, name) if (namespace, name) in known else None
        found = [one for one in known if one[1] == name]
        return found[0] if len(found) == 1 else None


def tie_index(
    cluster: str, inventory: Inventory, workloads: Iterable[Workload], machines: Iterable[VirtualMachine]
) -> TieIndex:
    """The index of one cluster's objects."""
    known = {(w.namespace, w.name): w.kind for w in workloads}
    owners = PodOwners(inventory.controllers)
    pods: dict[tuple[str, str], tuple[str, str]] = {}
    addresses: dict[str, tuple[str, str]] = {}
    hosts: dict[str, str] = {}
    for pod in inventory.pods:
        owner = owners.of_pod(pod)
        where = (owner.namespace, owner.name)
        if pod.host_network:
            if pod.ip and pod.node:
                hosts[pod.ip] = pod.node
        elif pod.ip and where in known:
            addresses[pod.ip] = where
        if where in known:
            pods[pod.meta.namespace, pod.meta.name] = where
    return TieIndex(
        cluster=cluster,
        workloads=known,
        machines=frozenset((m.namespace, m.name) for m in machines),
        pods=pods,
        addresses=addresses,
        hosts=hosts,
        services=frozenset((s.meta.namespace, s.meta.name) for s in inventory.services),
        namespaces=frozenset(n.meta.name for n in inventory.namespaces),
        nodes=frozenset(n.meta.name for n in inventory.nodes),
    )


def ties_of(labels: Mapping[str, str], here: str, indexes: Mapping[str, TieIndex]) -> tuple[Tie, ...]:
    """What an alert with these labels, of the cluster `here`, is about: the most specific first, then where that is.

    `indexes` are by the cluster's name and by what telemetry calls it. A name without an object is left out; without
    any the alert is about its cluster.
    """
    said = {name: value for name, value in labels.items() if value and value != "unknown"}
    found = [tie for tie in _named(said, here, indexes) if tie is not None]
    if not found:
        found = _of_measurer(said, here, indexes)
    places: list[Tie] = []
    for tie in found:
        if tie.namespace:
            places.append(Tie(TieKind.NAMESPACE, tie.cluster, name=tie.namespace))
    if not found:
        namespace = said.get("exported_namespace") or said.get("namespace", "")
        index = indexes.get(here)
        if index is not None and namespace in index.namespaces and said.get("job") not in _MEASURED:
            places.append(Tie(TieKind.NAMESPACE, here, name=namespace))
    every = (*found, *places)
    clusters = [tie.cluster for tie in every] or [_cluster_named(said, here, indexes)]
    return tuple(dict.fromkeys((*every, *(Tie(TieKind.CLUSTER, c, name=c) for c in dict.fromkeys(clusters) if c))))


def _cluster_named(said: Mapping[str, str], here: str, indexes: Mapping[str, TieIndex]) -> str:
    """The cluster that the labels name, where it is one that is known; else the one whose Prometheus says it."""
    for label in ("cluster", "cluster_name", "exported_cluster"):
        index = indexes.get(said.get(label, ""))
        if index is not None:
            return index.cluster
    return here


def _named(said: Mapping[str, str], here: str, indexes: Mapping[str, TieIndex]) -> Iterable[Tie | None]:
    """What the labels name outright: the called workload and service, a controller, a pod, a node."""
    index = indexes.get(_cluster_named(said, here, indexes)) or indexes.get(here)
    if index is None:
        return
    there = indexes.get(said.get("destination_cluster", "")) or index
    namespace = said.get("exported_namespace") or said.get("namespace", "")
    to = said.get("destination_workload_namespace") or said.get("destination_service_namespace", "")
    called = [there.workload(to, said.get("destination_workload", "")), *_called_service(said, to, there)]
    yield from called
    if any(called):
        return
    for label in _CONTROLLERS:
        if label in said:
            yield index.workload(namespace, said[label])
    workload = index.workload(said.get("workload_namespace") or namespace, said.get("workload", ""))
    yield workload
    if workload is None and not any(label in said for label in _CONTROLLERS):
        yield from _of_pod(said, namespace, index)
    asking = indexes.get(said.get("source_cluster", "")) or index
    if not to:
        yield asking.workload(said.get("source_workload_namespace", namespace), said.get("source_workload", ""))
    if (node := said.get("node", said.get("nodename", ""))) in index.nodes:
        yield Tie(TieKind.NODE, index.cluster, name=node)


def _called_service(said: Mapping[str, str], namespace: str, index: TieIndex) -> Iterable[Tie | None]:
    host = said.get("destination_service", "")
    name = said.get("destination_service_name", "") or host.split(".")[0]
    where = said.get("destination_service_namespace", "") or [*host.split("."), "", ""][1] or namespace
    yield index.service(where, name)
    if not said.get("destination_workload") and (canonical := said.get("destination_canonical_service")):
        yield index.service(where, canonical)


def _of_pod(said: Mapping[str, str], namespace: str, index: TieIndex) -> Iterable[Tie | None]:
    pod = said.get("exported_pod") or said.get("pod", "") or said.get("pod_name", "")
    where = index.pods.get((namespace, pod))
    if where is None:
        return
    measures = any(name in where[1] for name in _MEASURED)
    # The exporter's own pod stands beside the node, or whatever else it measured.
    if not (measures and (said.get("node") or said.get("exported_pod"))):
        yield index.workload(*where)


def _of_measurer(said: Mapping[str, str], here: str, indexes: Mapping[str, TieIndex]) -> list[Tie]:
    """What a scraped target is, where the labels name nothing else."""
    index = indexes.get(_cluster_named(said, here, indexes)) or indexes.get(here)
    if index is None:
        return []
    namespace = said.get("exported_namespace") or said.get("namespace", "")
    address = said.get("instance", "").rpartition(":")[0].strip("[]") or said.get("instance", "")
    if address in index.nodes or address in index.hosts:
        return [Tie(TieKind.NODE, index.cluster, name=index.hosts.get(address, address))]
    found: list[Tie | None] = []
    if address in index.addresses:
        found.append(index.workload(*index.addresses[address]))
    names = (said.get("service"), said.get("exported_service"), said.get("app"), said.get("job", "").split("/")[-1])
    for name in filter(None, names):
        found += [index.service(namespace, name)] if namespace else []
    return [tie for tie in dict.fromkeys(found) if tie is not None]
