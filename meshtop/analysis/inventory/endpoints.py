"""The endpoints of Services, each pod once, regardless of how many slices and address families list it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshtop.model.kube import Endpoint, EndpointSlice

_Identity = tuple[str, ...]


class ReadyEndpoint(Struct, frozen=True, kw_only=True):
    """An endpoint (pod or other target) of a Service, with node and zone; None where no slice names them."""

    namespace: str
    service: str
    node: str | None
    zone: str | None


def ready_endpoints(slices: Iterable[EndpointSlice]) -> tuple[ReadyEndpoint, ...]:
    """The endpoints that take traffic, one for each pod; terminating ones and those not ready are left out.

    A pod of a dual-stack Service is in one slice per address family, and while slices are rebalanced it may be in two
    of the same family.
    """
    found: dict[tuple[str, str, _Identity], ReadyEndpoint] = {}
    for piece in slices:
        for endpoint in piece.endpoints if piece.service else ():
            if endpoint.ready is False or endpoint.terminating or not endpoint.addresses:
                continue
            key = (piece.meta.namespace, piece.service, _identity(endpoint))
            before = found.get(key)
            found[key] = ReadyEndpoint(
                namespace=piece.meta.namespace,
                service=piece.service,
                node=(before.node if before is not None else None) or endpoint.node,
                zone=(before.zone if before is not None else None) or endpoint.zone,
            )
    return tuple(found.values())


def _identity(endpoint: Endpoint) -> _Identity:
    """Identity of an endpoint within its Service: its target, else its host name and node, else its address.

    Kubernetes requires one target for an endpoint in two slices; all addresses of an entry are of one endpoint.
    """
    if endpoint.target_uid or endpoint.target_name:
        return ("target", endpoint.target_kind or "", endpoint.target_name or endpoint.target_uid or "")
    if endpoint.hostname:
        return ("host", endpoint.hostname, endpoint.node or "")
    return ("address", min(endpoint.addresses))
