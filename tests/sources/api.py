"""A small API server whose objects and misbehaviour a test decides, over a real socket."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.patience import PATIENCE_SECONDS

Json = dict[str, Any]
Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None] | web.StreamResponse | None]

BUILTIN_PATHS = {
    "/api/v1/services": "ServiceList",
    "/api/v1/namespaces": "NamespaceList",
    "/api/v1/nodes": "NodeList",
    "/api/v1/pods": "PodList",
    "/apis/apps/v1/deployments": "DeploymentList",
    "/apis/apps/v1/statefulsets": "StatefulSetList",
    "/apis/apps/v1/daemonsets": "DaemonSetList",
    "/apis/apps/v1/replicasets": "ReplicaSetList",
    "/apis/discovery.k8s.io/v1/endpointslices": "EndpointSliceList",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": "MutatingWebhookConfigurationList",
    "/api/v1/namespaces/istio-system/secrets": "SecretList",
    "/api/v1/namespaces/mesh-home/secrets": "SecretList",
}
PODS = "/api/v1/pods"
SERVICES = "/api/v1/services"
NAMESPACES = "/api/v1/namespaces"
SECRETS = "/api/v1/namespaces/istio-system/secrets"
VIRTUAL_SERVICES = "/apis/networking.istio.io/v1/virtualservices"
ISTIO = {"networking.istio.io": {"v1": ["virtualservices"], "v1beta1": ["virtualservices"]}}


def object_named(name: str, namespace: str = "shop", *, version: str = "1", **rest: Any) -> Json:
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": version}, **rest}


def refusal(code: int, message: str = "no", **headers: str) -> web.Response:
    body = {"kind": "Status", "code": code, "message": message}
    return web.json_response(body, status=code, headers={k.replace("_", "-"): v for k, v in headers.items()})


class Api:
    """Objects by path, faults that are asked first, and all that was asked.

    `groups` are what API discovery says, aggregated unless `legacy`. A watch stays open until `drop`.
    """

    def __init__(self, *, groups: dict[str, dict[str, list[str]]] | None = None, legacy: bool = False) -> None:
        self.objects: dict[str, list[Json]] = {path: [] for path in BUILTIN_PATHS}
        self.config_maps: dict[str, dict[str, str]] = {}
        self.groups = groups or {}
        self.legacy = legacy
        self.tag = ""
        """What the answer about API groups is tagged with; it is not sent to who has it already."""
        self.tokens: set[str] | None = None
        self.asked: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        self.faults: list[Fault] = []
        self.version = 100
        self.watches: dict[str, list[web.StreamResponse]] = {}
        self._ends: dict[int, asyncio.Event] = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        self.url = ""
        for group, versions in self.groups.items():
            for version, plurals in versions.items():
                for plural in plurals:
                    self.objects.setdefault(f"/apis/{group}/{version}/{plural}", [])

    def asked_for(self, path: str, **query: str) -> list[tuple[str, str, dict[str, str], dict[str, str]]]:
        """The requests for a path that carried these query parameters."""
        return [
            entry for entry in self.asked if entry[1] == path and all(entry[2].get(k) == v for k, v in query.items())
        ]

    def fail(self, path: str, *answers: web.StreamResponse | Callable[[web.Request], Any], watch: bool = False) -> None:
        """Give these answers to the next requests for a path (of lists, or of watches)."""
        remaining = list(answers)

        async def fault(request: web.Request) -> web.StreamResponse | None:
            if request.path != path or bool(request.query.get("watch")) != watch or not remaining:
                return None
            answer = remaining.pop(0)
            if isinstance(answer, web.StreamResponse):
                return answer
            result: web.StreamResponse | None = answer(request)
            return result

        self.faults.append(fault)

    def always(self, path: str, make: Callable[[], web.StreamResponse]) -> None:
        """Give this answer to every request for a path."""
        self.faults.append(lambda request: make() if request.path == path else None)

    def call(self, function: Callable[[], Awaitable[None]]) -> None:
        """Run in the server's loop and wait for it."""
        assert self.loop is not None

        async def run() -> None:
            await function()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout=PATIENCE_SECONDS)

    def send(self, path: str, *events: Json | bytes) -> None:
        """Write events into every open watch of a path."""

        async def write() -> None:
            for response in self.watches.get(path, []):
                for event in events:
                    await response.write(event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n")

        self.call(write)

    def drop(self, path: str) -> None:
        """End every open watch of a path without a word."""

        async def end() -> None:
            for response in self.watches.get(path, []):
                self._ends[id(response)].set()

        self.call(end)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.asked.append((request.method, request.path, dict(request.query), dict(request.headers)))
        if self.tokens is not None and request.headers.get("Authorization") not in {f"Bearer {t}" for t in self.tokens}:
            return refusal(401, "Unauthorized")
        for fault in list(self.faults):
            answer = fault(request)
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer is not None:
                assert isinstance(answer, web.StreamResponse)
                return answer
        return await self._good(request)

    async def _good(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/version":
            return web.json_response({"gitVersion": "v1.34.1"})
        if path == "/apis" and self.tag:
            if request.headers.get("If-None-Match") == self.tag:
                return web.Response(status=304, headers={"ETag": self.tag})
            return web.json_response(self._groups(), headers={"ETag": self.tag})
        if path == "/apis":
            return web.json_response(self._legacy_groups() if self.legacy else self._groups())
        if path.startswith("/api/v1/namespaces/istio-system/configmaps/"):
            name = path.rsplit("/", 1)[1]
            if name not in self.config_maps:
                return refusal(404)
            return web.json_response({"metadata": {"name": name}, "data": self.config_maps[name]})
        parts = path.strip("/").split("/")
        if len(parts) == 3 and parts[0] == "apis" and parts[1] in self.groups:
            names = self.groups[parts[1]].get(parts[2], [])
            return web.json_response({"resources": [{"name": name} for name in names]})
        if path not in self.objects:
            return refusal(404)
        return await (self._watch(request) if request.query.get("watch") else self._list(request))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        objects = self.objects[request.path]
        limit = int(request.query.get("limit", "0")) or len(objects) or 1
        start = int(request.query.get("continue") or 0)
        meta: Json = {"resourceVersion": str(self.version)}
        if start + limit < len(objects):
            meta["continue"] = str(start + limit)
        kind = BUILTIN_PATHS.get(request.path, "List")
        if "as=PartialObjectMetadataList" in request.headers.get("Accept", ""):
            kind = "PartialObjectMetadataList"
        return web.json_response({"kind": kind, "metadata": meta, "items": objects[start : start + limit]})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/json"
        self._ends[id(response)] = asyncio.Event()
        await response.prepare(request)
        self.watches.setdefault(request.path, []).append(response)
        try:
            await self._ends[id(response)].wait()
        finally:
            self.watches[request.path].remove(response)
        return response

    def _groups(self) -> Json:
        items = [
            {
                "metadata": {"name": group},
                "versions": [
                    {"version": version, "resources": [{"resource": plural} for plural in plurals]}
                    for version, plurals in versions.items()
                ],
            }
            for group, versions in self.groups.items()
        ]
        return {"kind": "APIGroupDiscoveryList", "items": items}

    def _legacy_groups(self) -> Json:
        groups = [
            {"name": group, "versions": [{"groupVersion": f"{group}/{v}", "version": v} for v in versions]}
            for group, versions in self.groups.items()
        ]
        return {"kind": "APIGroupList", "groups": groups}


@contextmanager
def served(api: Api, tls: ssl.SSLContext | None = None) -> Iterator[Api]:
    """Serve an Api from a thread of its own until the block ends; `api.url` says where."""
    started: Future[int] = Future()
    stop: list[asyncio.Event] = []

    async def serve() -> None:
        stop.append(asyncio.Event())
        api.loop = asyncio.get_running_loop()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", api.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        started.set_result(runner.addresses[0][1])
        await stop[0].wait()
        for end in api._ends.values():
            end.set()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    api.url = f"{'https' if tls else 'http'}://127.0.0.1:{started.result(timeout=PATIENCE_SECONDS)}"
    try:
        yield api
    finally:
        assert api.loop is not None
        api.loop.call_soon_threadsafe(stop[0].set)
        thread.join(timeout=PATIENCE_SECONDS)
