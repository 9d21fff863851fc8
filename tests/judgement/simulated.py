"""A demo world in this process whose clock is moved by hand, read by the real observatory over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from meshtop.demo.kube.access import admin
from meshtop.demo.serve import HOST, ServedCluster, write_kubeconfig
from meshtop.demo.world.plan import Options
from meshtop.demo.world.world import World
from meshtop.model.snapshot import Snapshot
from meshtop.observatory.build import open_observatory
from meshtop.observatory.observatory import Observatory
from meshtop.settings.schema import Settings

START = 1_785_593_100.0
"""2026-08-01T14:05:00Z, at which a world's story begins."""


class SimulatedWorld:
    """A world that listens, and the clock of both sides."""

    def __init__(self, scenario: str, *, begins: float = 0.0, services: int | None = None) -> None:
        self.now = START
        options = Options(3, services, 1, "none")
        self.world = World(options, lambda: self.now, scenario, begins)
        self.served: list[ServedCluster] = []

    @property
    def begins(self) -> float:
        """When the story sets in, Unix seconds."""
        return self.world.begins

    @contextlib.asynccontextmanager
    async def observed(self, folder: Path) -> AsyncIterator[Observatory]:
        """An observatory on all its clusters."""
        for cluster in self.world.clusters.values():
            dies = self.begins if cluster.name == self.world.dying else None
            one = ServedCluster(cluster, lambda: self.now, [admin()], None)
            one._dies_at = dies
            await one.listen(HOST, 0)
            self.world.servers[cluster.name] = f"http://{HOST}:{one.api_port}"
            self.served.append(one)
        path = folder / "kubeconfig"
        write_kubeconfig(path, self.world.servers, False)
        observatory = open_observatory(
            Settings(), kubeconfig=str(path), clock=lambda: self.now, canaries=True, timeout_seconds=60.0
        )
        try:
            yield observatory
        finally:
            await observatory.close()
            for one in self.served:
                await one.close()

    async def look(self, observatory: Observatory) -> Snapshot:
        """One settled snapshot of this moment."""
        return await observatory.once()
