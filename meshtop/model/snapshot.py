"""All that is known at one moment, each part with its cluster, age and confidence."""

from __future__ import annotations

from msgspec import Struct

from meshtop.model.canary import RouteCounts
from meshtop.model.kube import Inventory
from meshtop.model.state import Cost, SourceStatus
from meshtop.model.telemetry import Courses, History, Telemetry


class ClusterSnapshot(Struct, frozen=True, kw_only=True):
    """One cluster at one moment; `inventory` and `telemetry` are the last good answers, None before the first.

    A source that fails keeps its last good answer here and says its age in its status: nothing is lost,
    and nothing old pretends to be new.
    """

    name: str
    context: str
    server: str
    read_only: bool = False
    kubernetes: SourceStatus = SourceStatus()
    prometheus: SourceStatus = SourceStatus()
    kubernetes_cost: Cost = Cost()
    prometheus_cost: Cost = Cost()
    inventory: Inventory | None = None
    telemetry: Telemetry | None = None
    history: History | None = None
    courses: Courses | None = None
    """Calls over the last half hour; None where nobody asked."""
    via: str | None = None
    """The cluster whose API server forwards to this one, where that is the way to it."""
    adopted: bool = False
    """Whether it was found in a registry and is read with the credentials that the registry keeps."""
    canaries: tuple[RouteCounts, ...] = ()
    """Counts behind weighted routes since their weights last changed; empty where nobody asked."""

    @property
    def uid(self) -> str | None:
        """The UID of its namespace kube-system, by which it is known for certain; None where that is not known."""
        return self.inventory.uid if self.inventory is not None else None


class Snapshot(Struct, frozen=True, kw_only=True):
    """A frozen picture of every cluster. The next refresh makes a new one; nobody edits this one.

    `at` is the Unix time this was published; `moment` is the past moment that was asked for (None = live).
    `settled` is True once every source has answered or failed for the first time.
    """

    sequence: int
    at: float
    window_seconds: float
    clusters: tuple[ClusterSnapshot, ...] = ()
    moment: float | None = None
    settled: bool = False
    hidden: str | None = None
    """That something is left out by the access policy, in one sentence; None when nothing is."""

    def cluster(self, name: str) -> ClusterSnapshot | None:
        """The cluster of that name, None when there is none."""
        return next((c for c in self.clusters if c.name == name), None)
