"""The state of all clusters at one moment, each part with its cluster, age and confidence."""

from __future__ import annotations

from msgspec import Struct, structs

from meshtop.model.alerting import Alerts, Slos
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.canary import RouteCounts
from meshtop.model.kube import Inventory
from meshtop.model.state import Cost, SourceStatus
from meshtop.model.telemetry import Courses, History, Telemetry


class ClusterSnapshot(Struct, frozen=True, kw_only=True):
    """One cluster at one moment; `inventory` and `telemetry` are the last good answers, None before the first.

    A source that fails keeps its last good answer here, with the answer's age in its status: no data is dropped, and
    stale data is never shown as fresh.
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
    alerts: Alerts | None = None
    """The active alerts; None where nobody asked, or before the first answer."""
    slos: Slos | None = None
    """How objectives are kept; None where nobody asked, or before the first answer."""
    via: str | None = None
    """The cluster whose API server proxies requests to this one, if it is reached that way."""
    adopted: bool = False
    """Whether the cluster was found in a registry and is read with credentials stored there."""
    canaries: tuple[RouteCounts, ...] = ()
    """Request counts of weighted routes since their weights last changed; empty if not requested."""

    @property
    def uid(self) -> str | None:
        """The UID of its namespace kube-system, which identifies the cluster for certain; None where not known."""
        return self.inventory.uid if self.inventory is not None else None

    def says_the_same_as(self, other: ClusterSnapshot) -> bool:
        """Whether nothing was read anew but that everything is as it was: only times and costs may differ."""
        return all(
            getattr(self, part) is getattr(other, part)
            for part in ("inventory", "telemetry", "history", "courses", "alerts", "slos")
        ) and _without_times(self) == _without_times(other)


def _without_times(cluster: ClusterSnapshot) -> tuple[object, ...]:
    """What a cluster is compared by, besides what is the identical object as long as it is the same."""
    statuses = (structs.replace(s, answered_at=None) for s in (cluster.kubernetes, cluster.prometheus))
    who = (cluster.name, cluster.context, cluster.server, cluster.read_only, cluster.via, cluster.adopted)
    return (*who, *statuses, cluster.canaries)


class Snapshot(Struct, frozen=True, kw_only=True):
    """The immutable state of every cluster at one moment. Each refresh publishes a new one.

    `at` is the Unix time this was published; `moment` is the past moment that was asked for (None = live).
    `settled` is True once every source has answered or failed for the first time.
    """

    sequence: int
    at: float
    window_seconds: float
    clusters: tuple[ClusterSnapshot, ...] = ()
    moment: float | None = None
    settled: bool = False
    asked: Asked = EVERYTHING_ASKED
    """What was asked of the clusters: of what was not, nothing is known."""
    hidden: str | None = None
    """One sentence stating that the access policy leaves something out; None when nothing is left out."""

    def cluster(self, name: str) -> ClusterSnapshot | None:
        """The cluster of that name, None when there is none."""
        return next((c for c in self.clusters if c.name == name), None)

    def says_the_same_as(self, other: Snapshot) -> bool:
        """Whether nothing was read anew since the other one but that everything is as it was."""
        return (
            (self.window_seconds, self.moment, self.settled, self.asked, self.hidden, len(self.clusters))
            == (other.window_seconds, other.moment, other.settled, other.asked, other.hidden, len(other.clusters))
        ) and all(mine.says_the_same_as(theirs) for mine, theirs in zip(self.clusters, other.clusters, strict=True))
