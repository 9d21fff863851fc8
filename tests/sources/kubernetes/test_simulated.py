"""The same reading on the demo's API server, which speaks more of the real one's language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtop.demo.kube.access import admin, viewer
from meshtop.demo.kube.app import kube_app
from meshtop.demo.kube.store import KubeStore
from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from tests.demo.kube.running import running
from tests.sources.conftest import QUICK, following, names, ref_to, until, write_kubeconfig


def pod(name: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "app", "image": "app:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def make_store() -> KubeStore:
    store = KubeStore(lambda: 1_790_000_000.0, "tests")
    for name in ("shop", "istio-system"):
        store.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for number in range(1201):
        store.put(pod(f"p-{number:04}"))
    return store


async def test_lists_and_watches(tmp_path: Path) -> None:
    store = make_store()
    with running(lambda: kube_app(store, git_version="v1.32.4", accounts=[admin(token="good"), viewer()])) as server:
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", server.url)), timeout_seconds=10)
        source = KubernetesSource(connection, pace=QUICK)
        async with following(source):
            await until(lambda: len(names(source, "pods")) == 1201 and source.status.state is State.FRESH)
            server.call(lambda: store.put(pod("a-new-one")))
            await until(lambda: names(source, "pods")[0] == "a-new-one")
            inventory = source.inventory()
            assert inventory is not None
            assert inventory.version == "v1.32.4"
            assert {kind.kind for kind in inventory.kinds if kind.state == "missing"} >= {"VirtualService", "HTTPRoute"}
            assert not [kind for kind in inventory.kinds if kind.state in ("failed", "stale", "denied")]
        await connection.close()


@pytest.mark.conformance
async def test_istios_own_definitions_and_samples(shared_data: Path, tmp_path: Path) -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    def documents(pattern: str) -> list[dict[str, Any]]:
        found = [
            d for path in sorted(shared_data.glob(pattern)) for d in yaml.load_all(path.read_text(), Loader=loader)
        ]
        return [document for document in found if isinstance(document, dict) and "kind" in document]

    store = make_store()
    definitions = [d for d in documents("crds/**/*.yaml") if d["kind"] == "CustomResourceDefinition"]
    samples = documents("samples/bookinfo/networking/virtual-service-*.yaml")
    expected = sorted({d["metadata"]["name"] for d in samples if d["kind"] == "VirtualService"})
    for document in definitions:
        store.put(document)
    for document in samples:
        document["metadata"].setdefault("namespace", "shop")
        store.put(document)
    with running(lambda: kube_app(store, git_version="v1.32.4", accounts=[admin(token="good")])) as server:
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", server.url)), timeout_seconds=10)
        source = KubernetesSource(connection, pace=QUICK)
        await source.list_all()
        inventory = source.inventory()
        await connection.close()
    assert inventory is not None
    assert source.status.state is State.FRESH, source.status.error
    assert [item.meta.name for item in inventory.config["VirtualService"]] == expected
    assert {"HTTPRoute", "Gateway.gateway.networking.k8s.io", "WorkloadEntry", "Telemetry"} <= inventory.config.keys()
