"""The API server as an aiohttp application: authentication, authorization, and the way to each handler."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

from aiohttp import web

from meshtop.demo.kube.access import Account, Attributes
from meshtop.demo.kube.answers import json_answer, refusal
from meshtop.demo.kube.columns import timestamp
from meshtop.demo.kube.discovery import discover
from meshtop.demo.kube.openapi import open_api
from meshtop.demo.kube.proxy import Services, proxied
from meshtop.demo.kube.reading import get_object, list_objects
from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.reviews import review
from meshtop.demo.kube.status import ApiError, method_not_allowed, no_such_path, unauthorized
from meshtop.demo.kube.store import KubeStore
from meshtop.demo.kube.target import RequestTarget, find_resource, parse_target
from meshtop.demo.kube.watching import Watches, watch_objects
from meshtop.demo.kube.writing import Writer

Faults = Callable[[web.Request, Account], Awaitable[web.StreamResponse | None]]
"""Called before each authenticated request is answered; a response of its own, or an ApiError, is the answer."""

_HEALTH = re.compile(r"/(healthz|livez|readyz)(/.*)?")
_NO_SERVICES: Services = MappingProxyType({})
STORE: web.AppKey[KubeStore] = web.AppKey("store", KubeStore)
WATCHES: web.AppKey[Watches] = web.AppKey("watches", Watches)


class _Server:
    """One API server's settings and the dispatch of its requests."""

    def __init__(
        self,
        store: KubeStore,
        git_version: str,
        accounts: Sequence[Account],
        anonymous: Account | None,
        services: Services,
        latency: Callable[[], float] | None,
        faults: Faults | None,
        bookmark_seconds: float,
    ) -> None:
        self.store = store
        self.watches = Watches(bookmark_seconds)
        self._git_version = git_version
        self._by_token = {account.token: account for account in accounts}
        self._by_name = {account.name: account for account in accounts}
        self._anonymous = anonymous
        self._services = services
        self._latency = latency
        self._faults = faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; whatever is refused becomes a Status."""
        try:
            account = self._authenticate(request)
            if self._latency is not None:
                await asyncio.sleep(self._latency())
            if self._faults is not None and (answer := await self._faults(request, account)) is not None:
                return answer
            return await self._dispatch(request, account)
        except ApiError as error:
            return refusal(error)

    def _authenticate(self, request: web.Request) -> Account:
        header = request.headers.get("Authorization", "")
        if not header:
            account = self._anonymous
        else:
            scheme, _, token = header.partition(" ")
            account = self._by_token.get(token.strip()) if scheme.lower() == "bearer" else None
        if account is None:
            raise unauthorized()
        if other := request.headers.get("Impersonate-User"):
            account.check(Attributes("impersonate", "", "users", "", "", other))
            groups = tuple(request.headers.getall("Impersonate-Group", []))
            return self._by_name.get(other) or Account(other, "", (), groups)
        return account

    async def _dispatch(self, request: web.Request, account: Account) -> web.StreamResponse:
        target = parse_target(request)
        if target is None:
            verb = "get" if request.method in ("GET", "HEAD") else request.method.lower()
            account.check(Attributes(verb, url=request.path))
            return self._plain(request)
        account.check(target.attributes)
        return await self._resource(request, account, target)

    def _plain(self, request: web.Request) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        path = request.path
        if _HEALTH.fullmatch(path):
            return web.Response(text="ok")
        if path.rstrip("/") == "/version":
            return json_answer(self._version())
        if path.startswith("/openapi/"):
            return open_api(self.store, request, self._git_version)
        if path == "/":
            return json_answer({"paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]})
        return discover(self.store, request)

    def _version(self) -> Json:
        major, minor, *_ = self._git_version.lstrip("v").split(".")
        return {
            "major": major,
            "minor": minor,
            "gitVersion": self._git_version,
            "gitCommit": "0" * 40,
            "gitTreeState": "clean",
            "buildDate": timestamp(0),
            "goVersion": "go1.23",
            "compiler": "gc",
            "platform": "linux/amd64",
        }

    async def _resource(self, request: web.Request, account: Account, target: RequestTarget) -> web.StreamResponse:
        resource = find_resource(self.store, target)
        if resource.verbs == ("create",):
            return await review(resource.kind, account, request)
        if target.subresource == "proxy" and resource.key == ("", "Service"):
            return await proxied(self.store, resource, target, request, self._services)
        if target.verb in ("list", "watch"):
            if target.verb == "list":
                return await list_objects(self.store, resource, target, request)
            return await watch_objects(self.store, resource, target, request, self.watches)
        if target.verb == "get":
            if target.subresource and not (target.subresource == "status" and resource.status_subresource):
                raise no_such_path()
            return await get_object(self.store, resource, target, request)
        return await Writer(self.store, resource, target, request, account).answer()


def kube_app(
    store: KubeStore,
    *,
    git_version: str,
    accounts: Sequence[Account],
    anonymous: Account | None = None,
    services: Mapping[
        tuple[str, str], web.Application | Callable[[web.Request, str], Awaitable[web.StreamResponse]]
    ] = (_NO_SERVICES),
    latency: Callable[[], float] | None = None,
    faults: Faults | None = None,
    bookmark_seconds: float = 60.0,
) -> web.Application:
    """An API server on `store`.

    A request without a token is `anonymous`'s, or gets 401 where that is None. `services` answer behind the service
    proxy (an Application, or a handler that gets the request and the path); their Services must be in the store.
    `latency` gives the seconds to wait before each answer; `faults` may answer in the server's place.
    The store may only be used from the event loop that runs the application.
    """
    server = _Server(store, git_version, accounts, anonymous, services, latency, faults, bookmark_seconds)
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app[STORE] = store
    app[WATCHES] = server.watches
    app.router.add_route("*", "/{path:.*}", server.handle)
    inner = [service for service in services.values() if isinstance(service, web.Application)]

    async def start(_: web.Application) -> None:
        for service in inner:
            service.freeze()
            await service.startup()

    async def shut_down(_: web.Application) -> None:
        server.watches.end()
        for service in inner:
            await service.shutdown()

    async def clean_up(_: web.Application) -> None:
        for service in inner:
            await service.cleanup()

    app.on_startup.append(start)
    app.on_shutdown.append(shut_down)
    app.on_cleanup.append(clean_up)
    return app
