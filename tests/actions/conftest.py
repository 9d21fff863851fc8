"""A mesh of two served clusters, shared by a module's tests, as new for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from tests.actions.mesh import Cluster, FakeMetrics, Scene, mesh


@pytest.fixture(scope="module")
def clusters() -> Iterator[dict[str, Cluster]]:
    with mesh("east", "west") as found:
        yield found


@pytest_asyncio.fixture
async def scene(clusters: Mapping[str, Cluster], tmp_path: Path) -> AsyncIterator[Scene]:
    for cluster in clusters.values():
        cluster.reset()
        cluster.metrics = FakeMetrics(cluster.name, cluster.store)
    made = Scene(clusters, tmp_path)
    yield made
    await made.close()
