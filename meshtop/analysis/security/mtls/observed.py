"""Observed mTLS: which traffic was mutual TLS (by reporters that can tell), and which callers still send plaintext.

Requests and TCP bytes are never mixed: each protocol has its own sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct, field

from meshtop.analysis.traffic.figures import add_all
from meshtop.model.telemetry import PlaintextDay, Sample
from meshtop.model.traffic import Edge, Peer, Sums

WorkloadId = tuple[str, str, str]
SourceId = tuple[str, str, str]
EPSILON = 1e-9
"""Below this, a difference of rates is rounding."""


class PlaintextSource(Struct, frozen=True, rename="camel", kw_only=True):
    """A sender of plaintext: requests and TCP bytes per second now, requests or connections of the last day.

    `last_day` and `since` (the first time that its series was there) are None when not measured.
    An unknown caller is one outside of the mesh, or one whose proxy said nothing of itself.
    """

    cluster: str
    namespace: str
    workload: str
    requests_per_second: float | None = None
    bytes_per_second: float | None = None
    last_day: float | None = None
    since: datetime | None = None

    @property
    def title(self) -> str:
        """Name of the source for users."""
        if not self.workload:
            return "an unknown caller"
        return f"{self.namespace}/{self.workload}" + (f" in {self.cluster}" if self.cluster else "")


class WorkloadDay(Struct, frozen=True):
    """The last day of a workload: whether it was measured throughout, and the plaintext in it by source.

    `since` is Unix seconds.
    """

    measured: bool
    counts: dict[SourceId, float] = field(default_factory=dict)
    since: dict[SourceId, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Requests and connections in plaintext."""
        return sum(self.counts.values())


class ObservedTraffic(Struct, frozen=True, kw_only=True):
    """Observed security of a workload's incoming traffic; None where no reporter can tell."""

    sums: Sums = Sums()
    sources: tuple[PlaintextSource, ...] = ()
    day: WorkloadDay | None = None
    """None when the last day was not queried."""

    @property
    def plaintext_requests(self) -> float | None:
        """Requests per second that came in plaintext."""
        return plaintext(self.sums.judged, self.sums.secured)

    @property
    def plaintext_bytes(self) -> float | None:
        """TCP bytes per second that came or went in plaintext."""
        return plaintext(self.sums.judged_bytes, self.sums.secured_bytes)

    @property
    def plaintext_seen(self) -> bool:
        """Whether any plaintext was seen in this window."""
        return bool(self.plaintext_requests or self.plaintext_bytes)

    @property
    def secured_seen(self) -> bool:
        """Whether any mutual TLS was seen in this window."""
        return bool(self.sums.secured or self.sums.secured_bytes)


def plaintext(judged: float | None, secured: float | None) -> float | None:
    """The rate of traffic judged not to be mutual TLS; None when nothing was judged."""
    if judged is None:
        return None
    rest = judged - (secured or 0.0)
    return rest if rest > EPSILON * max(1.0, judged) else 0.0


def seen(edges: Sequence[Edge], day: WorkloadDay | None = None) -> ObservedTraffic:
    """Observed security of one workload's traffic, from the edges into it."""
    parts: dict[SourceId, list[Sums]] = {}
    for edge in edges:
        parts.setdefault(_source(edge.source), []).append(edge.sums)
    found = []
    counts = day.counts if day is not None else {}
    for where in dict.fromkeys([*parts, *counts]):
        sums = add_all(parts.get(where, ()))
        requests = plaintext(sums.judged, sums.secured)
        amount = plaintext(sums.judged_bytes, sums.secured_bytes)
        if requests or amount or counts.get(where):
            found.append(
                PlaintextSource(
                    cluster=where[0],
                    namespace=where[1],
                    workload=where[2],
                    requests_per_second=requests,
                    bytes_per_second=amount,
                    last_day=counts.get(where, 0.0) if day is not None and day.measured else counts.get(where),
                    since=_moment(day.since.get(where)) if day is not None else None,
                )
            )
    return ObservedTraffic(
        sums=add_all([edge.sums for edge in edges]),
        sources=tuple(sorted(found, key=lambda s: (-(s.requests_per_second or 0), s.cluster, s.namespace, s.workload))),
        day=day,
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _source(peer: Peer) -> SourceId:
    return (peer.cluster, peer.namespace, peer.workload) if peer.workload else ("", "", "")


def last_day(
    days: Mapping[str, PlaintextDay | None], cluster_of: Callable[[str, str], str]
) -> Callable[[WorkloadId], WorkloadDay | None]:
    """A function that gives a workload's last day; None for workloads of clusters where it was not queried.

    `cluster_of` turns a label's cluster id into a cluster's name, with the cluster whose telemetry it is from.
    """
    counts: dict[WorkloadId, dict[SourceId, float]] = {}
    since: dict[WorkloadId, dict[SourceId, float]] = {}
    measured: set[WorkloadId] = set()
    for home, day in days.items():
        if day is None:
            continue
        measured.update(_target(sample, home, cluster_of) for sample in day.measured)
        for sample in (*day.requests, *day.connections):
            if sample.value > 0:
                into = counts.setdefault(_target(sample, home, cluster_of), {})
                source = _caller(sample, home, cluster_of)
                into[source] = into.get(source, 0.0) + sample.value
        for sample in day.first_seen:
            firsts = since.setdefault(_target(sample, home, cluster_of), {})
            source = _caller(sample, home, cluster_of)
            firsts[source] = min(sample.value, firsts.get(source, sample.value))

    def of(where: WorkloadId) -> WorkloadDay | None:
        if days.get(where[0]) is None:
            return None
        return WorkloadDay(where in measured, counts.get(where, {}), since.get(where, {}))

    return of


def _target(sample: Sample, home: str, cluster_of: Callable[[str, str], str]) -> WorkloadId:
    labels = sample.labels
    cluster = cluster_of(labels.destination_cluster, home) or home
    return (cluster, labels.destination_workload_namespace, labels.destination_workload)


def _caller(sample: Sample, home: str, cluster_of: Callable[[str, str], str]) -> SourceId:
    labels = sample.labels
    if labels.source_workload in ("", "unknown"):
        return ("", "", "")
    namespace = labels.source_workload_namespace
    return (
        cluster_of(labels.source_cluster, home),
        "" if namespace == "unknown" else namespace,
        labels.source_workload,
    )
