"""A served API server and the real kubectl, each with its own home."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from meshtop.demo.kube.access import admin, viewer
from meshtop.demo.kube.app import STORE, kube_app
from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.store import KubeStore
from tests.demo.kube.running import Running, running
from tests.patience import PATIENCE_SECONDS

NOW = 1_790_000_000.0


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "status": {"phase": "Active"}}


async def echo(request: web.Request, path: str) -> web.StreamResponse:
    """A service that says what it was asked."""
    body = (await request.read()).decode()
    return web.json_response({"method": request.method, "path": path, "query": dict(request.query), "body": body})


def inner_application() -> web.Application:
    async def query(request: web.Request) -> web.Response:
        form = await request.post()
        return web.json_response({"path": request.path, "query": dict(request.query), "form": dict(form)})

    app = web.Application()
    app.router.add_route("*", "/api/v1/query", query)
    return app


def make_store() -> KubeStore:
    store = KubeStore(lambda: NOW, "tests")
    store.put(namespace("default"))
    store.put(namespace("monitoring"))
    for name in ("echo", "prometheus"):
        spec = {"type": "ClusterIP", "clusterIP": "10.96.0.9", "ports": [{"port": 9090}]}
        metadata = {"name": name, "namespace": "monitoring"}
        store.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    return store


def make_app(store: KubeStore | None = None, **settings: Any) -> web.Application:
    services = {("monitoring", "echo"): echo, ("monitoring", "prometheus"): inner_application()}
    wanted = {"git_version": "v1.32.4", "accounts": [admin(), viewer()], "services": services, **settings}
    return kube_app(store or make_store(), **wanted)


@dataclass(frozen=True)
class Kubectl:
    """The real kubectl against one server, as one account."""

    environment: Mapping[str, str]
    server: Running
    store: KubeStore
    home: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["kubectl", *arguments], env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", *arguments],
            env=self.environment,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *arguments: str, stdin: str | None = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "-o", "json"))


def kubeconfig(server: Running, path: Path, user: str) -> None:
    """Write a kubeconfig (JSON is YAML) for one account."""
    authority = base64.b64encode(server.certificate).decode()
    users = [{"name": name, "user": {"token": f"demo-{name}"}} for name in ("admin", "viewer", "nobody")]
    contexts = [
        {"name": name, "context": {"cluster": "one", "user": name, "namespace": "default"}}
        for name in ("admin", "viewer", "nobody")
    ]
    cluster = {"server": server.url, "certificate-authority-data": authority}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": cluster}],
        "users": users,
        "contexts": contexts,
        "current-context": user,
    }
    path.write_text(json.dumps(config))


def wait_until(condition: Any, seconds: float = PATIENCE_SECONDS) -> None:
    """Return when `condition()` is true; fail after `seconds`."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "the condition did not come true in time"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """An empty cluster over TLS and an admin's kubectl on it, shared by the tests of a module."""
    stores: list[KubeStore] = []

    def make() -> web.Application:
        app = make_app()
        stores.append(app[STORE])
        return app

    home = tmp_path_factory.mktemp("home")
    with running(make, tls=True) as server:
        kubeconfig(server, home / "config", "admin")
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(home / "config")}
        yield Kubectl(environment, server, stores[0], home)
