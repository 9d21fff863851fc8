"""Gateways into a cluster's network, found as istiod finds them (pilot/pkg/model/network.go, kube/controller).

istiod takes the addresses of Services that carry the network's label, of those that MeshNetworks name, and of Gateway
API gateways of its east-west classes. A gateway without an address reachable from outside does not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from meshtop.analysis.identity.networks import NETWORK_LABEL, gateways_of_network
from meshtop.analysis.identity.trees import Tree
from meshtop.analysis.inventory.untyped import items, mapping, maps
from meshtop.model.kube import Inventory, Service

GATEWAY_API = "Gateway.gateway.networking.k8s.io"
EAST_WEST_CLASSES = frozenset({"istio-east-west", "istio-remote"})
_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_NODE_SELECTOR = "traffic.istio.io/nodeSelector"


def gateway_into(inventory: Inventory, network: str, networks: Iterable[Tree]) -> bool | None:
    """Whether a cluster has a gateway into its network; None where the objects that would show it were not read.

    `networks` are the MeshNetworks of the control planes that would use it.
    """
    named = [gateway for tree in networks for gateway in gateways_of_network(tree, network)]
    if any(gateway.get("address") for gateway in named):
        return True
    services = [service for service in inventory.services if service.meta.labels.get(NETWORK_LABEL) == network]
    hosts = [str(gateway.get("registryServiceName", "")).split(".") for gateway in named]
    for parts in hosts:
        services += [s for s in inventory.services if [s.meta.name, s.meta.namespace] == parts[:2]]
    addressed = [_has_address(service, inventory) for service in services]
    if True in addressed and _listens(inventory):
        return True
    if _ambient_gateway(inventory, network):
        return True
    unread = inventory.unread("Service", "Gateway", GATEWAY_API)
    return None if None in addressed or unread else False


def _listens(inventory: Inventory) -> bool:
    """Whether some Gateway (AUTO_PASSTHROUGH) or Gateway API Gateway accepts traffic from other networks."""
    for gateway in inventory.config.get("Gateway", ()):
        for server in map(mapping, items(gateway.spec.get("servers"))):
            if mapping(server.get("tls")).get("mode") == "AUTO_PASSTHROUGH":
                return True
    return any(_is_east_west(gateway.spec) for gateway in inventory.config.get(GATEWAY_API, ()))


def _is_east_west(spec: Mapping[str, object]) -> bool:
    kind = spec.get("gatewayClassName")
    return isinstance(kind, str) and kind in EAST_WEST_CLASSES


def _ambient_gateway(inventory: Inventory, network: str) -> bool:
    """Whether a Gateway API east-west gateway of the network has an address; the label defaults to the cluster's."""
    for gateway in inventory.config.get(GATEWAY_API, ()):
        if not _is_east_west(gateway.spec) or gateway.meta.labels.get(NETWORK_LABEL, network) != network:
            continue
        if maps(gateway.status.get("addresses")) or maps(gateway.spec.get("addresses")):
            return True
        own = (s for s in inventory.services if s.meta.namespace == gateway.meta.namespace)
        if any(s.external_ips for s in own if s.meta.labels.get(_GATEWAY_NAME) == gateway.meta.name):
            return True
    return False


def _has_address(service: Service, inventory: Inventory) -> bool | None:
    """Whether istiod knows an address of a Service for other networks; None where that depends on nodes not read."""
    if service.external_ips:
        return True
    selector = service.meta.annotations.get(_NODE_SELECTOR)
    if service.type != "NodePort" or selector is None:
        return False
    try:
        wanted = json.loads(selector)
    except (ValueError, RecursionError):
        return False
    if not isinstance(wanted, dict):
        return False
    if not inventory.evidence("Node").known:
        return None
    return any(all(node.meta.labels.get(k) == v for k, v in wanted.items()) for node in inventory.nodes)
