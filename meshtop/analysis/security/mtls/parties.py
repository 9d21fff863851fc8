"""Possible ends of a call (workloads and virtual machines) with the attributes that mutual TLS depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from msgspec import Struct

from meshtop.analysis.inventory.virtual_machines import entry_labels
from meshtop.analysis.security.mtls.config import MeshMember, unreadable
from meshtop.model.kube import ConfigObject
from meshtop.model.mesh import Proxy, VirtualMachine, Workload

TLS_MODE = "security.istio.io/tlsMode"
"""The label that injection sets; auto mTLS sends mutual TLS to endpoints that have it with the value `istio`."""

WorkloadId = tuple[str, str, str]
"""Cluster, namespace, name."""


class Party(Struct, frozen=True, kw_only=True):
    """One end of a call; `tls` tells whether auto mTLS assumes that its endpoints support mutual TLS."""

    cluster: str
    namespace: str
    name: str
    labels: dict[str, str]
    proxy: Proxy
    tls: bool
    services: tuple[str, ...] = ()
    gateway: bool = False
    host_network: bool = False
    unknown: str | None = None
    """Why its proxy is not known, in a sentence."""

    @property
    def id(self) -> WorkloadId:
        """Cluster, namespace, name."""
        return (self.cluster, self.namespace, self.name)


class Parties:
    """Index of all clusters' workloads and machines, by name in telemetry and by the services that select them."""

    def __init__(self, members: Sequence[MeshMember]) -> None:
        self._found: dict[WorkloadId, Party] = {}
        self._behind: dict[WorkloadId, list[Party]] = {}
        self.silent = {m.name: unreadable(m.name, m.inventory, "Pod") for m in members}
        self._inventories = {m.name: m.inventory for m in members}
        for member in members:
            for party in _parties(member, partial(self.silence, member.name)):
                self._found.setdefault(party.id, party)
                for service in party.services:
                    self._behind.setdefault((member.name, party.namespace, service), []).append(party)
            for machine in member.machines:
                for name in (machine.workload_group, machine.name):
                    known = self._found.get((member.name, machine.namespace, machine.workload))
                    if name and known is not None:
                        self._found.setdefault((member.name, machine.namespace, name), known)

    def find(self, where: WorkloadId) -> Party | None:
        """The workload or machine of that name."""
        return self._found.get(where)

    def silence(self, cluster: str, namespace: str) -> str | None:
        """Why the pods of a namespace are not known, in a sentence; None where they were read."""
        if self.silent.get(cluster) is None:
            return None
        return unreadable(cluster, self._inventories[cluster], "Pod", namespace=namespace)

    def behind(self, clusters: Iterable[str], namespace: str, service: str) -> list[Party]:
        """All that a service selects in these clusters."""
        return [party for cluster in clusters for party in self._behind.get((cluster, namespace, service), ())]

    def __iter__(self) -> Iterator[Party]:
        """Each party once, also where it has several names."""
        return iter({id(party): party for party in self._found.values()}.values())


def _parties(member: MeshMember, silence: Callable[[str], str | None]) -> Iterable[Party]:
    for workload in member.workloads:
        yield party_of(workload, silence(workload.namespace))
    entries = member.inventory.config.get("WorkloadEntry", ()) if member.inventory is not None else ()
    by_key = {entry.meta.key: entry for entry in entries}
    for machine in member.machines:
        yield _machine(machine, by_key.get((machine.namespace, machine.name)))


def party_of(workload: Workload, silent: str | None = None) -> Party:
    """A workload as an end of calls; `silent` is the reason why its pods cannot be read, if they cannot."""
    labels = dict(workload.labels)
    return Party(
        cluster=workload.cluster,
        namespace=workload.namespace,
        name=workload.name,
        labels=labels,
        proxy=workload.proxy,
        tls=labels.get(TLS_MODE) == "istio",
        services=workload.services,
        gateway=workload.is_gateway,
        host_network=workload.host_network,
        unknown=silent,
    )


def _machine(machine: VirtualMachine, entry: ConfigObject | None) -> Party:
    """A machine: its label decides, and without one its service account does (istiod's rule for WorkloadEntries)."""
    spec: Mapping[str, object] = entry.spec if entry is not None else {}
    labels = entry_labels(entry) if entry is not None else dict(machine.labels)
    tls = labels[TLS_MODE] == "istio" if TLS_MODE in labels else bool(spec.get("serviceAccount"))
    meshed = tls or machine.workload_group is not None
    return Party(
        cluster=machine.cluster,
        namespace=machine.namespace,
        name=machine.workload or machine.name,
        labels=labels,
        proxy=Proxy.SIDECAR if meshed else Proxy.NONE,
        tls=tls,
        services=machine.services,
    )
