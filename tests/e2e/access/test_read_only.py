"""Every way to write, through every object that a read-only program builds: none of them reaches a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import httpx
import pytest
import requests
from aiohttp import web

from meshtop.actions.fleet import FleetCluster, open_fleet
from meshtop.analysis.canary.judging import Judging
from meshtop.observatory.build import open_observatory
from meshtop.observatory.observatory import Observatory
from meshtop.settings.schema import Settings
from meshtop.sources.http.client import ServerClient
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.gate import ReadOnlyError
from meshtop.sources.problem import SourceProblem
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.engine import Engine
from meshtop.views.picture.picture import Picture
from tests.demo.kube.running import Running, running

METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "patch", "Delete", "MKCOL", "X-WRITE")
PATHS = (
    "/api/v1/namespaces",
    "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews",
    "/api/v1/namespaces/shop/services/web:80/proxy/api/v1/query",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/../../../../api/v1/namespaces",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    "/api/v1/admin/tsdb/delete_series",
    "/-/quit",
)
SESSIONS = tuple(f"/api/v1/namespaces/shop/pods/web-1/{verb}" for verb in ("exec", "attach", "portforward"))
OVERRIDES = ({"X-HTTP-Method-Override": "DELETE"}, {"X-Method-Override": "PATCH"}, {"Upgrade": "SPDY/3.1"})

Seen = list[tuple[str, str]]


@pytest.fixture
def server() -> Iterator[tuple[Running, Seen]]:
    """A server that takes whatever comes and remembers what was no read."""
    seen: Seen = []

    async def take(request: web.Request) -> web.Response:
        overridden = any("override" in name.lower() or name.lower() == "upgrade" for name in request.headers)
        session = request.path.rstrip("/").endswith(("/exec", "/attach", "/portforward"))
        if request.method not in ("GET", "HEAD") or overridden or session:
            seen.append((request.method, request.path))
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}})

    def make() -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", take)
        return app

    with running(make) as served:
        yield served, seen


def kubeconfig(folder: Path, url: str) -> str:
    path = folder / "kubeconfig"
    path.write_text(
        f"""\
apiVersion: v1
kind: Config
clusters: [{{name: a, cluster: {{server: "{url}"}}}}, {{name: b, cluster: {{server: "{url}/b"}}}}]
contexts: [{{name: a, context: {{cluster: a, user: u}}}}, {{name: b, context: {{cluster: b, user: u}}}}]
users: [{{name: u, user: {{token: t}}}}]
""",
        encoding="utf-8",
    )
    return str(path)


def everything(*roots: object) -> list[Any]:
    """Every object of ours (and every HTTP client) that can be reached from these."""
    found: dict[int, Any] = {}
    queue = list(roots)
    for one in queue:
        if id(one) in found:
            continue
        found[id(one)] = one
        if isinstance(one, dict):
            queue += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            queue += list(one)
        elif type(one).__module__.startswith("meshtop"):
            queue += list(vars(one).values()) if hasattr(one, "__dict__") else []
            fields = getattr(one, "__struct_fields__", ())
            queue += [getattr(one, field) for field in fields]
        elif isinstance(one, FunctionType):
            queue += [cell.cell_contents for cell in one.__closure__ or () if _filled(cell)]
    return list(found.values())


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def settings(url: str) -> Settings:
    return Settings.model_validate(
        {
            "clusters": [
                {"name": "own", "context": "a", "prometheus": {"url": f"{url}/prometheus"}},
                {"name": "found", "context": "a", "prometheus": {"service": "istio-system/prometheus:9090"}},
                {"name": "shared", "context": "b"},
            ],
            "telemetry": {"url": f"{url}/thanos"},
        }
    )


async def writers(observatory: Observatory) -> list[FleetCluster]:
    """What actions would write with."""
    snapshot = await observatory.once()
    survey = Picture(snapshot).canaries.survey
    fleet = open_fleet(observatory.feeds, snapshot, survey, judging=Judging(), access=None, timeout_seconds=5.0)
    return list(fleet.members.values())


async def refused(send: Any) -> None:
    """A refusal of ours, or no request at all for a reason that came before it."""
    with pytest.raises((ReadOnlyError, httpx.InvalidURL, ValueError)):
        await send()


async def test_nothing_that_is_no_read_leaves_a_read_only_program(server: tuple[Running, Seen], tmp_path: Path) -> None:
    served, seen = server
    observatory = open_observatory(
        settings(served.url), kubeconfig=kubeconfig(tmp_path, served.url), read_only=True, timeout_seconds=5.0
    )
    members = await writers(observatory)
    try:
        for found in everything(observatory, members):
            if isinstance(found, Connection | DirectWire):
                with contextlib.suppress(SourceProblem):
                    await found.request("GET", "/version")
        reached = everything(observatory, members)
        wires = [found for found in reached if isinstance(found, Connection | DirectWire)]
        kinds = {type(wire) for wire in wires}
        assert kinds == {Connection, DirectWire}
        assert len([w for w in wires if isinstance(w, Connection)]) == 3 + len(members)
        for wire in wires:
            await _try_wire(wire, served.url)
        clients = [found for found in reached if isinstance(found, ServerClient)]
        assert len(clients) >= len(wires)
        for client in clients:
            for method in METHODS:
                question = client.question(method, f"{served.url}{PATHS[0]}", silence=httpx.Timeout(5.0))
                await refused(lambda c=client, q=question: c.open(q, sent=lambda: None, again=False))
        for engine in (found for found in reached if isinstance(found, Engine)):
            await engine.query("up")
            with pytest.raises(SourceProblem):
                await engine.query("up" + " " * 10_000)
        for member in members:
            await refused(
                lambda api=member.api: api.send("PATCH", PATHS[1], what="patch virtualservices", body=[{"op": "add"}])
            )
        assert seen == []
    finally:
        for member in members:
            await member.api.close()
        await observatory.close()


async def _try_wire(wire: Connection | DirectWire, url: str) -> None:
    for method in METHODS:
        for path in PATHS:
            await refused(lambda m=method, p=path: wire.request(m, p, content=b"{}"))
    session = wire.requests_session()
    for method in METHODS:
        with pytest.raises((ReadOnlyError, requests.RequestException, ValueError)):
            await asyncio.to_thread(session.request, method, f"{wire.server}{PATHS[1]}", data=b"{}")
    with pytest.raises(requests.exceptions.InvalidSchema):
        await asyncio.to_thread(session.post, "http://192.0.2.1/elsewhere")
    if isinstance(wire, Connection):
        for path in SESSIONS:
            await refused(lambda p=path: wire.request("GET", p))
        for headers in OVERRIDES:
            await refused(lambda h=headers: wire.request("GET", PATHS[1], headers=h))
            with pytest.raises((ReadOnlyError, requests.RequestException)):
                await asyncio.to_thread(session.get, f"{url}{PATHS[1]}", headers=headers)


async def test_one_read_only_cluster_among_others(server: tuple[Running, Seen], tmp_path: Path) -> None:
    served, seen = server
    wanted = settings(served.url).model_dump(by_alias=True, exclude_unset=True)
    wanted["clusters"][0]["readOnly"] = True
    observatory = open_observatory(
        Settings.model_validate(wanted), kubeconfig=kubeconfig(tmp_path, served.url), timeout_seconds=5.0
    )
    members = await writers(observatory)
    try:
        assert [member.read_only for member in members] == [True, False, False]
        assert {(method, path.rpartition("/api/v1/")[2]) for method, path in seen} <= {("POST", "query")}
        assert all(path.startswith("/thanos/") for _, path in seen)
        seen.clear()
        await refused(lambda: members[0].api.send("PATCH", PATHS[1], what="patch", body=[]))
        assert seen == []
        await members[1].api.send("PATCH", PATHS[1], what="patch", body=[])
        assert seen == [("PATCH", PATHS[1])]
    finally:
        for member in members:
            await member.api.close()
        await observatory.close()


async def test_a_console_that_may_write_still_only_asks_its_engines(
    server: tuple[Running, Seen], tmp_path: Path
) -> None:
    served, seen = server
    observatory = open_observatory(
        settings(served.url), kubeconfig=kubeconfig(tmp_path, served.url), timeout_seconds=5.0
    )
    try:
        (wire, *_) = [w for w in everything(observatory) if isinstance(w, DirectWire)]
        for path in ("/api/v1/admin/tsdb/delete_series", "/-/reload", "/api/v1/write"):
            await refused(lambda p=path: wire.request("POST", p))
        assert seen == []
        await wire.request("POST", "/api/v1/query", content=b"query=up")
        assert len(seen) == 1
    finally:
        await observatory.close()
