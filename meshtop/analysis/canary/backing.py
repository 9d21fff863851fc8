"""Pods and virtual machines of a Service's subset, selected pod by pod: pods of one workload may differ in labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.inventory.labels import canonical_version
from meshtop.analysis.inventory.pod_counts import counted, has_ended
from meshtop.analysis.inventory.pod_owners import PodOwners
from meshtop.analysis.visibility.selection import selects
from meshtop.model.kube import Inventory, Pod
from meshtop.model.mesh import Ready, VirtualMachine, Workload

EndpointId = tuple[str, str, str]
"""Cluster, namespace and name of a pod or machine; a workload without pods is named itself, prefixed with `/`."""


class Backing(Struct, frozen=True, kw_only=True):
    """What one workload or machine contributes to a subset."""

    cluster: str
    namespace: str
    names: tuple[str, ...]
    pods: Ready
    endpoints: frozenset[EndpointId]
    versions: frozenset[str]


class MemberBacking:
    """The workloads and machines of one cluster, by namespace, with their pods."""

    def __init__(self, inventory: Inventory, workloads: Iterable[Workload], machines: Iterable[VirtualMachine]) -> None:
        self._inventory = inventory
        self._selectors = {service.meta.key: service.selector for service in inventory.services}
        owners = PodOwners(inventory.controllers)
        self._pods: dict[tuple[str, str], list[Pod]] = {}
        for pod in inventory.pods:
            if not has_ended(pod):
                owner = owners.of_pod(pod)
                self._pods.setdefault((owner.namespace, owner.name), []).append(pod)
        self._workloads: dict[str, list[Workload]] = {}
        for workload in workloads:
            self._workloads.setdefault(workload.namespace, []).append(workload)
        # Where in the list of its namespace a workload is, by each label of its pods and by each Service that it is of.
        self._labelled: dict[tuple[str, str, str], dict[int, None]] = {}
        self._named: dict[tuple[str, str], dict[int, None]] = {}
        for namespace, several in self._workloads.items():
            for place, workload in enumerate(several):
                for pod in self._pods.get((namespace, workload.name), ()):
                    for key, value in pod.meta.labels.items():
                        self._labelled.setdefault((namespace, key, value), {})[place] = None
                for named in workload.services:
                    self._named.setdefault((namespace, named), {})[place] = None
        self._machines: dict[str, list[VirtualMachine]] = {}
        for machine in machines:
            self._machines.setdefault(machine.namespace, []).append(machine)

    def knows_pods(self, service: tuple[str, str] | None) -> bool:
        """Whether the pods that a Service may select were read, be it in its namespace alone."""
        return self._inventory.evidence("Pod", service[0] if service is not None else None).known

    def behind(self, service: tuple[str, str] | None, host: str, labels: Mapping[str, str]) -> list[Backing]:
        """The workloads and machines of this cluster with `labels` that a Service (or ServiceEntry's host) selects."""
        namespaces = [service[0]] if service is not None else list(dict.fromkeys((*self._workloads, *self._machines)))
        name = service[1] if service is not None else host
        found = []
        for namespace in namespaces:
            for workload in self._near(namespace, service, name):
                one = self._of_workload(workload, service, name, labels)
                if one is not None:
                    found.append(one)
            for machine in self._machines.get(namespace, ()):
                if (name in machine.services or host in machine.services) and _has(machine, labels):
                    found.append(_of_machine(machine))
        return found

    def _near(self, namespace: str, service: tuple[str, str] | None, name: str) -> list[Workload]:
        """The workloads of a namespace that may be behind a Service: one of many has few, and most have one."""
        places = self._named.get((namespace, name), {})
        selector = self._selectors.get(service) if service is not None else None
        if selector:
            few = min((self._labelled.get((namespace, *label), {}) for label in selector.items()), key=len)
            places = {**places, **few}
        several = self._workloads.get(namespace, [])
        return [several[place] for place in sorted(places)]

    def _of_workload(
        self, workload: Workload, service: tuple[str, str] | None, name: str, labels: Mapping[str, str]
    ) -> Backing | None:
        pods = self._pods.get((workload.namespace, workload.name), [])
        selector = self._selectors.get(service) if service is not None else None
        if selector and pods:
            chosen = [p for p in pods if selects(selector, p.meta.labels) and selects(labels, p.meta.labels)]
        elif name in workload.services:
            chosen = [p for p in pods if selects(labels, p.meta.labels)]
            if not pods and not selects(labels, dict(workload.labels)):
                return None
        else:
            return None
        if pods and not chosen:
            return None
        own = (workload.cluster, workload.namespace, workload.name)
        whole = len(chosen) == len(pods)
        return Backing(
            cluster=workload.cluster,
            namespace=workload.namespace,
            names=(workload.name,),
            pods=workload.pods if whole else counted(chosen),
            endpoints=frozenset((own[0], own[1], pod.meta.name) for pod in chosen)
            or frozenset({(own[0], own[1], f"/{own[2]}")}),
            versions=frozenset(canonical_version(pod.meta.labels) for pod in chosen) or frozenset({workload.version}),
        )


def _has(machine: VirtualMachine, labels: Mapping[str, str]) -> bool:
    return selects(labels, dict(machine.labels) if machine.labels else {"version": machine.version})


def _of_machine(machine: VirtualMachine) -> Backing:
    """A machine as a backend: healthy counts as a ready pod; telemetry names it by workload, group or own name."""
    named: Sequence[str | None] = (machine.workload, machine.workload_group, machine.name)
    return Backing(
        cluster=machine.cluster,
        namespace=machine.namespace,
        names=tuple(dict.fromkeys(name for name in named if name)),
        pods=Ready(int(machine.healthy is not False), 1),
        endpoints=frozenset({(machine.cluster, machine.namespace, machine.name)}),
        versions=frozenset({machine.version}),
    )
