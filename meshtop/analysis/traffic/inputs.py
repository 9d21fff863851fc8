"""Input of traffic counting: a cluster's telemetry with the inventory facts needed to interpret it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from meshtop.analysis.inventory.untyped import mapping, maps, texts
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.mesh import MeshFacts, Proxy, VirtualMachine, Workload
from meshtop.model.telemetry import Telemetry
from meshtop.model.traffic import PeerKind

WorkloadKey = tuple[str, str]
"""Namespace and name of a workload, as telemetry names it."""

EAST_WEST_CLASS = "istio-east-west"
GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name"


class KnownPeer(Struct, frozen=True):
    """Inventory facts about a workload named in telemetry."""

    kind: PeerKind = PeerKind.WORKLOAD
    app: str = ""
    version: str = ""
    ambient: bool = False


class ClusterTraffic(Struct, frozen=True, kw_only=True):
    """One cluster's telemetry and the facts needed to interpret it.

    `cluster_id` is what its proxies write into `*_cluster` labels. `peers`, `external_hosts` and `internal_hosts`
    (hosts of ServiceEntries outside and inside the mesh) come from the inventory and may be empty. `east_west`
    names the workloads that are east-west gateways.
    """

    name: str
    telemetry: Telemetry | None = None
    cluster_id: str | None = None
    mesh_id: str | None = None
    network: str | None = None
    peers: dict[WorkloadKey, KnownPeer] = field(default_factory=dict)
    external_hosts: frozenset[str] = frozenset()
    internal_hosts: frozenset[str] = frozenset()
    east_west: frozenset[WorkloadKey] = frozenset()


def cluster_traffic(
    name: str,
    *,
    telemetry: Telemetry | None,
    facts: MeshFacts | None = None,
    inventory: Inventory | None = None,
    workloads: Sequence[Workload] = (),
    machines: Sequence[VirtualMachine] = (),
) -> ClusterTraffic:
    """A cluster's telemetry combined with facts from its inventory, mesh facts, workloads and machines."""
    config = inventory.config if inventory else {}
    return ClusterTraffic(
        name=name,
        telemetry=telemetry,
        cluster_id=facts.cluster_id if facts else None,
        mesh_id=facts.mesh if facts else None,
        network=facts.network if facts else None,
        peers=known_peers(workloads, machines),
        external_hosts=declared_hosts(config.get("ServiceEntry", ()), external=True),
        internal_hosts=declared_hosts(config.get("ServiceEntry", ()), external=False),
        east_west=east_west_gateways(
            (*config.get("Gateway", ()), *config.get("Gateway.gateway.networking.k8s.io", ())), workloads
        ),
    )


def known_peers(workloads: Iterable[Workload], machines: Iterable[VirtualMachine]) -> dict[WorkloadKey, KnownPeer]:
    """Workloads and virtual machines by their name in telemetry."""
    peers: dict[WorkloadKey, KnownPeer] = {}
    for machine in machines:
        known = KnownPeer(PeerKind.VIRTUAL_MACHINE, machine.app, machine.version)
        for name in (machine.workload, machine.workload_group, machine.name):
            if name:
                peers.setdefault((machine.namespace, name), known)
    for workload in workloads:
        kind = PeerKind.WORKLOAD
        if workload.is_waypoint:
            kind = PeerKind.WAYPOINT
        elif workload.is_gateway:
            kind = PeerKind.GATEWAY
        ambient = workload.proxy is Proxy.AMBIENT
        peers[workload.namespace, workload.name] = KnownPeer(kind, workload.app, workload.version, ambient)
    return peers


def declared_hosts(entries: Iterable[ConfigObject], *, external: bool) -> frozenset[str]:
    """Hosts of ServiceEntries outside or inside the mesh; MESH_EXTERNAL is also what an absent location means."""
    return frozenset(
        host.lower()
        for entry in entries
        if (entry.spec.get("location", "MESH_EXTERNAL") != "MESH_INTERNAL") is external
        for host in texts(entry.spec.get("hosts"))
    )


def east_west_gateways(gateways: Iterable[ConfigObject], workloads: Sequence[Workload]) -> frozenset[WorkloadKey]:
    """Workloads behind a Gateway with AUTO_PASSTHROUGH (Istio) or of the east-west class (Gateway API)."""
    found: set[WorkloadKey] = set()
    for gateway in gateways:
        if gateway.group.startswith("gateway.networking"):
            if gateway.spec.get("gatewayClassName") == EAST_WEST_CLASS:
                wanted: Mapping[str, Any] = {GATEWAY_NAME_LABEL: gateway.meta.name}
                found.update(_matching(wanted, workloads, gateway.meta.namespace))
        elif any(_passes_through(server) for server in maps(gateway.spec.get("servers"))):
            found.update(_matching(mapping(gateway.spec.get("selector")), workloads, None))
    return frozenset(found)


def _passes_through(server: Mapping[str, Any]) -> bool:
    return mapping(server.get("tls")).get("mode") == "AUTO_PASSTHROUGH"


def _matching(selector: Mapping[str, Any], workloads: Sequence[Workload], namespace: str | None) -> set[WorkloadKey]:
    if not selector:
        return set()
    wanted = {(str(key), str(value)) for key, value in selector.items()}
    return {
        (workload.namespace, workload.name)
        for workload in workloads
        if wanted <= set(workload.labels) and namespace in (None, workload.namespace)
    }
