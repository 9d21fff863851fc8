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
"""2026-08-01T14:05:00Z, at which a world's clock begins."""


class SimulatedWorld:
    """A world that listens, and the clock of both sides, which stands still until somebody moves it.

    `begins` is when the story sets in, in seconds from the start; a cluster that dies in it refuses connections then.
    """

    def __init__(self, scenario: str, *, begins: float = 0.0, services: int | None = None) -> None:
        self.now = START
        self.world = World(Options(3, services, 1, "none"), lambda: self.now, scenario, begins)
        self.kubeconfig = Path()
        self._served: dict[str, ServedCluster] = {}

    @property
    def begins(self) -> float:
        """When the story sets in, Unix seconds."""
        return self.world.begins

    @contextlib.asynccontextmanager
    async def served(self, folder: Path) -> AsyncIterator[None]:
        """Let all clusters listen; their kubeconfig is in the folder."""
        for cluster in self.world.clusters.values():
            one = ServedCluster(cluster, lambda: self.now, [admin()], None)
            await one.listen(HOST, 0)
            self.world.servers[cluster.name] = f"http://{HOST}:{one.api_port}"
            self._served[cluster.name] = one
        self.kubeconfig = folder / "kubeconfig"
        write_kubeconfig(self.kubeconfig, self.world.servers, False)
        try:
            yield
        finally:
            for one in self._served.values():
                await one.close()

    @contextlib.asynccontextmanager
    async def observed(self, folder: Path) -> AsyncIterator[Observatory]:
        """The same, with an observatory on all of them."""
        async with self.served(folder):
            observatory = open_observatory(
                Settings(),
                kubeconfig=str(self.kubeconfig),
                clock=lambda: self.now,
                canaries=True,
                courses=True,
                timeout_seconds=60.0,
            )
            try:
                yield observatory
            finally:
                await observatory.close()

    async def look(self, observatory: Observatory) -> Snapshot:
        """One settled snapshot of this moment."""
        await self.die()
        return await observatory.once(plaintext=True)

    async def die(self) -> None:
        """Close the cluster that dies, when its moment has come."""
        dying = self.world.dying
        if dying is not None and self.now >= self.begins and dying in self._served:
            await self._served.pop(dying).close()
