"""The network of a cluster, by istiod's rules: pods in different networks reach each other only through gateways.

The order is istiod's (pilot/pkg/serviceregistry/kube/controller/network.go): the label on the control plane's
namespace, then MeshNetworks (by registry, then by addresses), then the chart's value, which its proxies report.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshtop.analysis.identity.settings import PlaneSettings
from meshtop.analysis.identity.trees import Tree, text_at
from meshtop.analysis.inventory.untyped import maps
from meshtop.model.addresses import ip_address_of
from meshtop.model.kube import Inventory

NETWORK_LABEL = "topology.istio.io/network"
_ENOUGH_PODS = 50
"""Number of pod addresses that are compared with the networks' ranges: pods of one cluster share its ranges."""


def network_of(
    inventory: Inventory, homes: Sequence[str], settings: PlaneSettings, cluster_id: str | None
) -> str | None:
    """The network of a cluster whose control plane (or remote part) is in `homes`; None where none is configured."""
    labels = {n.meta.name: n.meta.labels.get(NETWORK_LABEL) for n in inventory.namespaces}
    labelled = next((network for home in homes if (network := labels.get(home))), None)
    return (
        labelled
        or network_of_registry(settings.networks, cluster_id)
        or _of_addresses(settings.networks, (pod.ip for pod in inventory.pods if pod.ip and not pod.host_network))
        or text_at(settings.values, "global", "network")
    )


def network_of_registry(networks: Tree | None, cluster_id: str | None) -> str | None:
    """The network that MeshNetworks assign to a cluster by its id (`fromRegistry`)."""
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
    """The only network whose ranges (`fromCidr`) contain the pods' addresses; None if none or several do."""
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
        parsed = ip_address_of(address)
        if parsed is not None:
            found.update(name for name, block in ranges if parsed in block)
    return found.pop() if len(found) == 1 else None


def _range(text: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if isinstance(text, str) else None
    except ValueError:
        return None
