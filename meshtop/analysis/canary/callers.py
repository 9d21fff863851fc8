"""The workloads of a cluster as clients of routes: their namespaces, labels and the gateways that they serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshtop.analysis.canary.backends import service_of
from meshtop.analysis.inventory.untyped import mapping, maps, text
from meshtop.analysis.visibility.clients import Client
from meshtop.analysis.visibility.selection import selects
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.mesh import Proxy, VirtualMachine, Workload

ISTIO_GATEWAY, KUBERNETES_GATEWAY = "Gateway", "Gateway.gateway.networking.k8s.io"
"""The keys of Inventory.config: two kinds share the name."""
GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name"

WorkloadKey = tuple[str, str]
"""Namespace and name, as telemetry names a workload."""


class Callers:
    """The workloads and machines of one cluster as potential callers."""

    def __init__(self, workloads: Iterable[Workload], machines: Iterable[VirtualMachine], inventory: Inventory) -> None:
        self._workloads = {(w.namespace, w.name): w for w in workloads}
        self._machines: dict[WorkloadKey, VirtualMachine] = {}
        for machine in machines:
            for name in (machine.workload, machine.workload_group, machine.name):
                if name:
                    self._machines.setdefault((machine.namespace, name), machine)
        self._labels_known = inventory.evidence("Pod").known

    def client(self, key: WorkloadKey, config: Mapping[str, Sequence[ConfigObject]]) -> Client:
        """The client of that name; `config` are the objects of the cluster whose istiod configures it."""
        workload = self._workloads.get(key)
        if workload is None:
            machine = self._machines.get(key)
            return Client(namespace=key[0], labels=dict(machine.meta.labels) if machine is not None else None)
        labels = dict(workload.labels)
        return Client(
            namespace=workload.namespace,
            labels=labels if self._labels_known else None,
            gateways=served_gateways(workload, config) if workload.is_gateway else frozenset(),
            is_gateway=workload.is_gateway,
            has_sidecar=workload.proxy is not Proxy.AMBIENT,
            in_mesh=workload.proxy is not Proxy.NONE
            or workload.is_gateway
            or not (self._labels_known and workload.pods.total),
        )


def served_gateways(workload: Workload, config: Mapping[str, Sequence[ConfigObject]]) -> frozenset[str]:
    """The gateways (`NAMESPACE/NAME`) that a gateway's workload serves.

    An Istio Gateway selects workloads by labels in any namespace, or all of them without a selector. A Gateway API
    Gateway has workloads deployed for it in its own namespace, or names the Service in front of them as its address.
    """
    labels = dict(workload.labels)
    found = set()
    for gateway in config.get(ISTIO_GATEWAY, ()):
        selector = {str(key): str(value) for key, value in mapping(gateway.spec.get("selector")).items()}
        if selects(selector, labels):
            found.add("/".join(gateway.meta.key))
    for gateway in config.get(KUBERNETES_GATEWAY, ()):
        home, name = gateway.meta.key
        deployed = workload.namespace == home and labels.get(GATEWAY_NAME_LABEL) == name
        if deployed or any(_stands_behind(workload, text(one.get("value")) or "", home) for one in _addresses(gateway)):
            found.add(f"{home}/{name}")
    return frozenset(found)


def _addresses(gateway: ConfigObject) -> list[Mapping[str, object]]:
    return [one for one in maps(gateway.spec.get("addresses")) if one.get("type") == "Hostname"]


def _stands_behind(workload: Workload, host: str, home: str) -> bool:
    service = service_of(host) or ((home, host) if host and "." not in host else None)
    return service is not None and workload.namespace == service[0] and service[1] in workload.services
