"""The service proxy: requests to a service of the cluster, through its API server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from yarl import URL

from meshtop.demo.kube.resource import Resource
from meshtop.demo.kube.status import ApiError, not_found
from meshtop.demo.kube.store import KubeStore
from meshtop.demo.kube.target import RequestTarget

Handler = Callable[[web.Request, str], Awaitable[web.StreamResponse]]
"""Answers a request for a service; the second argument is the path behind the proxy, with its leading slash."""

Services = Mapping[tuple[str, str], web.Application | Handler]
"""What answers for each service, by namespace and name."""


def service_name(text: str) -> str:
    """The service in ``name``, ``name:port`` or ``scheme:name:port``."""
    parts = text.split(":")
    return parts[1] if len(parts) == 3 else parts[0]


async def proxied(
    store: KubeStore, resource: Resource, target: RequestTarget, request: web.Request, services: Services
) -> web.StreamResponse:
    """Hand a request on. Raises 404 for a service that is not there, 503 for one that nothing answers for."""
    name = service_name(target.name)
    if store.entry("", "Service", target.namespace, name) is None:
        raise not_found(resource, name)
    behind = services.get((target.namespace, name))
    if behind is None:
        raise ApiError(503, "ServiceUnavailable", f'no endpoints available for service "{target.name}"')
    path = "/" + target.rest
    if isinstance(behind, web.Application):
        url = URL.build(path=path, query=request.rel_url.query)
        return await behind._handle(request.clone(rel_url=url))
    return await behind(request, path)
