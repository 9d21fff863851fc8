"""Which network a cluster is in, as istiod tells it: pods in different networks meet through gateways only.

The order is istiod's (pilot/pkg/serviceregistry/kube/controller/network.go): the label on the control plane's
namespace, then MeshNetworks (by registry, then by addresses); the chart's value is what its proxies say of themselves.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshtop.analysis.identity.settings import PlaneSettings
from meshtop.analysis.identity.trees import Tree, text_at
from meshtop.analysis.inventory.untyped import maps
from meshtop.model.kube import Inventory

NETWORK_LABEL = "topology.istio.io/network"
_ENOUGH_PODS = 50
"""So many addresses are held against the networks' ranges: pods of one cluster share its ranges."""


def network_of(
    inventory: Inventory, homes: Sequence[str], settings: PlaneSettings, cluster_id: str | None
) -> str | None:
    """The network of a cluster whose control plane (or what it keeps of one) is in `homes`; None where nothing says."""
    labels = {n.meta.name: n.meta.labels.get(NETWORK_LABEL) for n in inventory.namespaces}
    labelled = next((network for home in homes if (network := labels.get(home))), None)
    return (
        labelled
        or network_of_registry(settings.networks, cluster_id)
        or _of_addresses(settings.networks, (pod.ip for pod in inventory.pods if pod.ip and not pod.host_network))
        or text_at(settings.values, "global", "network")
    )


def network_of_registry(networks: Tree | None, cluster_id: str | None) -> str | None:
    """The network that MeshNetworks give to a cluster by its id (`fromRegistry`)."""
    for name, endpoints in _endpoints(networks):
        if cluster_id and any(endpoint.get("fromRegistry") == cluster_id for endpoint in endpoints):
            return name
    return None


def gateways_of_network(networks: Tree | None, network: str) -> list[Mapping[str, Any]]:
    """The gateways that MeshNetworks name for a network, each by `address` or `registryServiceName`."""
    known = (networks or {}).get("networks")
    entry = known.get(network) if isinstance(known, Mapping) else None
    found = maps(entry.get("gateways")) if isinstance(entry, Mapping) else []
    return [gateway for gateway in found if gateway.get("address") or gateway.get("registryServiceName")]


def _endpoints(networks: Tree | None) -> list[tuple[str, list[Mapping[str, Any]]]]:
    known = (networks or {}).get("networks")
    if not isinstance(known, Mapping):
        return []
    return [
        (name, maps(entry.get("endpoints")))
        for name, entry in known.items()
        if isinstance(name, str) and isinstance(entry, Mapping)
    ]


def _of_addresses(networks: Tree | None, addresses: Iterable[str]) -> str | None:
    """The one network whose ranges (`fromCidr`) hold the pods' addresses; None where they hold none, or several do."""
    ranges = [
        (name, block)
        for name, endpoints in _endpoints(networks)
        for endpoint in endpoints
        if (block := _range(endpoint.get("fromCidr"))) is not None
    ]
    if not ranges:
        return None
    found: set[str] = set()
    for _, address in zip(range(_ENOUGH_PODS), addresses, strict=False):
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            continue
        found.update(name for name, block in ranges if parsed in block)
    return found.pop() if len(found) == 1 else None


def _range(text: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if isinstance(text, str) else None
    except ValueError:
        return None
