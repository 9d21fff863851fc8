"""A shift in a process of its own whose first answer never comes; started by the tests through a fork server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from meshtop.actions.fleet import Fleet, FleetCluster
from meshtop.actions.journal.journal import Journal
from meshtop.actions.kube import KubeApi
from meshtop.actions.shift.controls import Controls
from meshtop.actions.shift.preflight import preflight
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.analysis.canary.survey import Survey
from meshtop.cli.progress import follow_shift
from meshtop.model.kube import Inventory
from meshtop.sources.http.connection import Connection
from tests.actions.mesh import FaultyWire, board_cluster, plan, reference


def shift(hanging: Event, journal: str, urls: Mapping[str, str], inventories: Mapping[str, Inventory]) -> None:
    """Shift v2 to 50 % without waiting, by the command's own loop; `hanging` is set once the answer does not come."""
    sys.exit(int(asyncio.run(_shift(hanging, Path(journal), urls, inventories))))


async def _shift(hanging: Event, path: Path, urls: Mapping[str, str], inventories: Mapping[str, Inventory]) -> int:
    async def never(wire: FaultyWire, method: str, path: str, params: Any, headers: Any, content: bytes | None) -> None:
        await wire.connection.request(method, path, params=params, headers=headers, content=content)
        hanging.set()
        await asyncio.Event().wait()

    wires = {name: FaultyWire(Connection(reference(name, url), writes=True)) for name, url in urls.items()}
    fleet = Fleet(
        [FleetCluster(name, KubeApi(name, wire), None) for name, wire in wires.items()],
        Survey([board_cluster(name, inventory) for name, inventory in inventories.items()]),
        who="maria",
        origin="laptop",
    )
    found = await preflight(plan(wait=False), fleet)
    wires["east"].faults.append(("PATCH", never))
    controls = Controls()
    journal = Journal(path)
    try:
        return await follow_shift(ShiftRunner.begin(found, fleet, journal, controls=controls).run(), controls)
    finally:
        await fleet.close()
        journal.close()
