"""Holds each look at the clusters against the one before, so that what changes is known with its values."""

from __future__ import annotations

import logging

from meshtop.log import log_repeated
from meshtop.model.changes import ChangeMemory
from meshtop.model.kube import Inventory
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import State

_log = logging.getLogger(__name__)


class ChangeWatch:
    """The last inventory of each cluster, and what became of it."""

    def __init__(self) -> None:
        self._before: dict[str, Inventory] = {}

    def look(self, snapshot: Snapshot, memory: ChangeMemory) -> None:
        """Write down what differs from the last look; a past moment is not one, and a defect costs nothing else."""
        if snapshot.moment is not None:
            return
        for cluster in snapshot.clusters:
            inventory = cluster.inventory
            if inventory is None or cluster.kubernetes.state not in (State.FRESH, State.PARTIAL):
                continue
            scope = cluster.uid or cluster.server
            before = self._before.get(scope)
            self._before[scope] = inventory
            if before is None or before is inventory:
                continue
            # A single look compares nothing, and need not load what does.
            from meshtop.analysis.changes.seen import seen_between

            try:
                found = seen_between(before, inventory, at=snapshot.at, scope=scope)
                if found:
                    memory.note(found)
            except Exception as error:  # noqa: BLE001 - what is shown must not depend on what is remembered
                log_repeated(_log, f"what changed in {cluster.name} could not be written down", error)
