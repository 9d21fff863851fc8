"""The endpoints behind Services, each pod once, whatever slices and address families it is written down in."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshtop.model.kube import Endpoint, EndpointSlice

_Identity = tuple[str, ...]


class ReadyEndpoint(Struct, frozen=True, kw_only=True):
    """A pod (or whatever else) that answers for a Service, and where it stands; None where no slice says."""

    namespace: str
    service: str
    node: str | None
    zone: str | None


def ready_endpoints(slices: Iterable[EndpointSlice]) -> tuple[ReadyEndpoint, ...]:
    """The endpoints that take traffic, one for each pod; those that are ending or not ready are left out.

    A pod of a dual-stack Service is in one slice for each address family, and while slices are rearranged it may be in
    two of one family.
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
    """What tells an endpoint from the others of its Service: its target, else its name at its node, else its address.

    Kubernetes asks that two slices of one endpoint have the same target, and addresses of one entry are of one.
    """
    if endpoint.target_uid or endpoint.target_name:
        return ("target", endpoint.target_kind or "", endpoint.target_name or endpoint.target_uid or "")
    if endpoint.hostname:
        return ("host", endpoint.hostname, endpoint.node or "")
    return ("address", min(endpoint.addresses))
