"""Clusters to read: an API server, a kubeconfig that leads there, a connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtop.model.kube import KindStatus
from meshtop.sources.auth.kubeconfig import ClusterRef, find_clusters
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.pacing import Pace
from tests.patience import PATIENCE_SECONDS
from tests.sources.api import ISTIO, Api, served

QUICK = Pace(refresh=0.1, backoff=0.01, backoff_most=0.05, denied=0.1, slow=0.2, discovery=0.2, watch=60)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; a generous limit, so that a slow machine does not fail a test."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


def write_kubeconfig(path: Path, server: str, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "east",
        "clusters": [{"name": "east", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "me", "user": user or {"token": "good"}}],
        "contexts": [{"name": "east", "context": {"cluster": "east", "user": "me"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def ref_to(path: Path) -> ClusterRef:
    return find_clusters(kubeconfig=str(path), contexts=(), clusters=())[0]


def kind(source: KubernetesSource, name: str) -> KindStatus:
    inventory = source.inventory()
    found = [status for status in inventory.kinds if status.kind == name] if inventory is not None else []
    return found[0] if found else KindStatus(kind=name, state="not read yet")


def names(source: KubernetesSource, attribute: str) -> list[str]:
    inventory = source.inventory()
    return [item.meta.name for item in getattr(inventory, attribute)] if inventory is not None else []


@contextlib.asynccontextmanager
async def following(source: KubernetesSource) -> AsyncIterator[list[int]]:
    changes: list[int] = []
    task = asyncio.create_task(source.follow(lambda: changes.append(1)))
    try:
        yield changes
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def api() -> Iterator[Api]:
    with served(Api(groups=ISTIO)) as running:
        yield running


@pytest.fixture
async def connection(api: Api, tmp_path: Path) -> AsyncIterator[Connection]:
    opened = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)), timeout_seconds=10, connect_seconds=10)
    yield opened
    await opened.close()


@pytest.fixture
async def source(connection: Connection) -> KubernetesSource:
    return KubernetesSource(connection, pace=QUICK)
