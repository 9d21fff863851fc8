"""A shift in a process that is killed (SIGKILL) at its n-th step; started by the tests through a fork server."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx

from meshtop.actions.fleet import Fleet, FleetCluster
from meshtop.actions.journal.journal import Action, ActionState, EntryKind, Journal
from meshtop.actions.kube import KubeApi
from meshtop.actions.shift.preflight import preflight
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.analysis.canary.survey import Survey
from meshtop.model.kube import Inventory
from meshtop.sources.http.connection import Connection
from tests.actions.mesh import board_cluster, plan, reference

for slow in ("kubernetes.client", "kubernetes.config"):
    # The fork server imports them once, so that no child has to.
    import_module(slow)


class Doom:
    """Counts the moments at which a process may die, and dies at one of them."""

    def __init__(self, at: int) -> None:
        self.left = at

    def moment(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class DoomedWire:
    """A connection after whose every writing request the process may die, before it knows the answer."""

    def __init__(self, connection: Connection, doom: Doom) -> None:
        self.connection = connection
        self.doom = doom

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        writes = method in ("PATCH", "PUT", "DELETE") or (method == "POST" and "reviews" not in path)
        response = await self.connection.request(
            method, path, params=params, headers=headers, content=content, timeout=timeout
        )
        if writes:
            self.doom.moment()
        return response

    async def close(self) -> None:
        await self.connection.close()


class DoomedJournal(Journal):
    """A journal after whose every entry the process may die (which is also before whatever comes next)."""

    doom: Doom

    def begin(self, **fields: Any) -> Action:
        made = super().begin(**fields)
        self.doom.moment()
        return made

    def write(self, action: str, event: EntryKind, *, cluster: str = "", object_: str = "", **detail: Any) -> None:
        super().write(action, event, cluster=cluster, object_=object_, **detail)
        self.doom.moment()

    def set_state(self, action: str, state: ActionState) -> None:
        super().set_state(action, state)
        self.doom.moment()


def shift(at: int, journal: str, urls: Mapping[str, str], inventories: Mapping[str, Inventory]) -> None:
    """Shift v2 to 50 % in every cluster, one after another, without waiting; die at moment `at`."""
    asyncio.run(_shift(at, Path(journal), urls, inventories))


async def _shift(at: int, path: Path, urls: Mapping[str, str], inventories: Mapping[str, Inventory]) -> None:
    doom = Doom(at)
    journal = DoomedJournal(path)
    journal.doom = doom
    fleet = Fleet(
        [
            FleetCluster(name, KubeApi(name, DoomedWire(Connection(reference(name, url), writes=True), doom)), None)
            for name, url in urls.items()
        ],
        Survey([board_cluster(name, inventory) for name, inventory in inventories.items()]),
        who="maria",
        origin="laptop",
    )
    wanted = plan(wait=False, waves=tuple((name,) for name in urls))
    runner = ShiftRunner.begin(await preflight(wanted, fleet), fleet, journal)
    async for _ in runner.run():
        pass
    await fleet.close()
    journal.close()
