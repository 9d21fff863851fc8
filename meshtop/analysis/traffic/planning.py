"""The plan of counting: what follows from the labels of all series, kept from refresh to refresh.

Refreshes differ in numbers and hardly in series, and an unchanged label set is the identical object
(`sources/prometheus/labelsets.py`). So which report each sample is added to is worked out when a series comes; with the
same series, a refresh only adds numbers. With others, only new series are read, and what all of them say is put
together anew. A plan is never changed once it is made: threads may share it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from math import inf
from operator import attrgetter
from typing import Any

from meshtop.analysis.traffic.flags import is_error, is_unknown, never_arrived, outcome
from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.analysis.traffic.metrics import ENDS, VERSIONS
from meshtop.analysis.traffic.opening import Opener, Opening, has_traffic, telemetry_id
from meshtop.analysis.traffic.reports import UNSAID, EdgeKey, SourceKey, WorkloadPlace
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.telemetry import Labels, Sample, Telemetry

_what_decides = attrgetter(*ENDS, *VERSIONS, "request_protocol")
"""The labels that determine a series' opening, as a tuple (`attrgetter` builds it at C speed)."""
_labels = attrgetter("labels")
_MemoKey = tuple[str, ...]

RequestHow = tuple[str, bool, str, bool, bool, bool]
"""How a request sample is added: its code, whether that is an error, its flags ("-" for none), whether the calls never
arrived, and whether they are mutual TLS and judged at all."""


class SeriesPlan:
    """The series of one metric of one Prometheus: what they say, and for each sample which of that is its own.

    `how` says how each sample is added, where its labels say more than the report: one entry a sample.
    """

    __slots__ = ("_firsts", "_memo", "how", "labels", "openings", "places")

    def __init__(
        self,
        labels: tuple[Labels, ...],
        open_series: Callable[[Labels], Opening],
        how: Callable[[Labels], Any],
        before: SeriesPlan | None,
    ) -> None:
        memo: dict[_MemoKey, Opening] = {} if before is None else dict(before._memo)
        # An id names one object only while that lives: `before` holds all of them.
        known: Mapping[int, tuple[Opening, Any]] = {} if before is None else before._by_identity()
        opened_by = {} if before is None else before._opened_by()
        index: dict[int, int] = {}
        firsts: list[Labels] = []
        openings: list[Opening] = []
        places: list[int] = []
        hows: list[Any] = []
        for one in labels:
            opening, way = known.get(id(one)) or (None, None)
            if opening is None:
                opening, way = memo.get(_what_decides(one)), how(one)
            place = None if opening is None else index.get(id(opening))
            if place is None:
                # Of series that differ only in what does not decide, the first one is read, whichever came before.
                if opening is None or opened_by[id(opening)] != one:
                    fresh = memo[_what_decides(one)] = open_series(one)
                    if opening is not None:
                        index[id(opening)] = len(openings)
                    opening = fresh
                place = index[id(opening)] = len(openings)
                openings.append(opening)
                firsts.append(one)
            places.append(place)
            hows.append(way)
        self.labels, self.openings, self.places, self.how = labels, openings, places, hows
        self._firsts = firsts
        self._memo: dict[_MemoKey, Opening] = {key: opening for key, opening in memo.items() if id(opening) in index}

    def _opened_by(self) -> dict[int, Labels]:
        return {id(opening): first for opening, first in zip(self.openings, self._firsts, strict=True)}

    def _by_identity(self) -> dict[int, tuple[Opening, Any]]:
        return {
            id(labels): (self.openings[place], how)
            for labels, place, how in zip(self.labels, self.places, self.how, strict=True)
        }


class CountingPlan:
    """What the labels of all series say together, for clusters sorted by name.

    `slots` are the reports by edge and reporter in the order in which they were told, each with whether its reporter's
    workload is ambient; `slot_of` holds for each series plan the slot of each of its openings, None where those samples
    are not counted. `between` is called between small pieces of work.
    """

    def __init__(
        self,
        clusters: Sequence[ClusterTraffic],
        before: CountingPlan | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.facts = facts_of(clusters)
        same = before is not None and before.facts == self.facts
        self._opener: Opener = before._opener if before is not None and same else Opener(clusters)
        self.series: dict[tuple[str, str], SeriesPlan] = {}
        """By the Prometheus and the field of Telemetry."""
        for engine, homes, telemetry in by_prometheus(clusters):
            for metric, protocol in COUNTED.items():
                samples: tuple[Sample, ...] = getattr(telemetry, metric)
                if samples:
                    between()
                    old = before.series.get((engine, metric)) if before is not None and same else None
                    self.series[engine, metric] = self._planned(homes, metric, protocol, samples, old)
        kept = before is not None and same and before.is_of(self.series)
        self.names: PlanNames = before.names if before is not None and kept else PlanNames(self._opener, self.series)

    def _planned(
        self,
        homes: Sequence[ClusterTraffic],
        metric: str,
        protocol: str | None,
        samples: Sequence[Sample],
        before: SeriesPlan | None,
    ) -> SeriesPlan:
        labels = tuple(map(_labels, samples))
        # Tuples compare their parts by identity first.
        if before is not None and before.labels == labels:
            return before

        def open_series(one: Labels) -> Opening:
            return self._opener.open(homes, one, protocol or protocol_by_labels(one))

        return SeriesPlan(labels, open_series, _hows(metric), before)

    def is_of(self, series: Mapping[tuple[str, str], SeriesPlan]) -> bool:
        """Whether these are the identical plans in the same order."""
        return list(self.series) == list(series) and all(self.series[name] is plan for name, plan in series.items())


class PlanNames:
    """What all openings together tell: the reports that there are, and names of the ends."""

    def __init__(self, opener: Opener, series: Mapping[tuple[str, str], SeriesPlan]) -> None:
        self.opener = opener
        self.slots: list[tuple[EdgeKey, str, bool]] = []
        self.slot_of: dict[tuple[str, str], list[int | None]] = {}
        self.hosts: dict[str, str] = {}
        """The full host of each service, by its key."""
        self.versions: dict[WorkloadPlace, tuple[str, str]] = {}
        """App and version of a workload, from its own telemetry."""
        self.outside: set[SourceKey] = set()
        """Callers with observed requests to hosts outside of the mesh by name."""
        self.kubernetes: set[str] = set()
        self.own: dict[EdgeKey, str] = {}
        """The reporter's own cluster, of an edge with an end whose cluster it did not know."""
        self._domains: dict[str, int] = {}
        index: dict[tuple[EdgeKey, str], int] = {}
        for name, plan in series.items():
            self.slot_of[name] = [self._slot(opening, index) for opening in plan.openings]
        self._name_hosts()

    def _slot(self, said: Opening, index: dict[tuple[EdgeKey, str], int]) -> int | None:
        for place, app, version in said.told:
            before = self.versions.get(place, ("", ""))
            self.versions[place] = (max(before[0], app), max(before[1], version))
        if said.outside is not None:
            self.outside.add(said.outside)
        service = said.service
        if said.is_kubernetes:
            self.kubernetes.add(service)
            if said.domain:
                self._domains[said.domain] = self._domains.get(said.domain, 0) + 1
                self.hosts[service] = max(self.hosts.get(service, ""), f"{service}.svc.{said.domain}")
        elif service:
            self.hosts[service] = max(self.hosts.get(service, ""), said.host)
        key = said.key
        if key is None:
            return None
        if UNSAID in (key.source.place.cluster, key.target.place.cluster):
            self.own.setdefault(key, said.home)
        slot = index.get((key, said.role))
        if slot is None:
            slot = index[key, said.role] = len(self.slots)
            self.slots.append((key, said.role, said.ambient))
        return slot

    def _name_hosts(self) -> None:
        """Record the full host of each Kubernetes service, also where samples used a short name or a pod's."""
        domain = min(self._domains, key=lambda name: (-self._domains[name], name), default=CLUSTER_DOMAIN)
        for service in self.kubernetes:
            host = self.hosts.get(service, "")
            self.hosts[service] = host or f"{service}.svc.{domain}"


COUNTED: dict[str, str | None] = {
    "requests": None,
    "duration_buckets": None,
    "duration_sum": None,
    "request_bytes_sum": None,
    "response_bytes_sum": None,
    "request_messages": "grpc",
    "response_messages": "grpc",
    "tcp_received": "tcp",
    "tcp_sent": "tcp",
    "tcp_opened": "tcp",
}
"""The fields of Telemetry that are counted, in that order, with their protocol; None where the labels determine it."""


def facts_of(clusters: Sequence[ClusterTraffic]) -> Hashable:
    """All by which labels are read, but the series: to be compared with that of another refresh."""
    return tuple(
        (
            c.name,
            c.cluster_id,
            c.mesh_id,
            c.network,
            c.peers,
            c.external_hosts,
            c.internal_hosts,
            c.east_west,
            None if c.telemetry is None else (telemetry_id(c), has_traffic(c.telemetry)),
        )
        for c in clusters
    )


def by_prometheus(
    clusters: Sequence[ClusterTraffic],
) -> Iterator[tuple[str, tuple[ClusterTraffic, ...], Telemetry]]:
    """Clusters grouped by Prometheus, each group with the freshest copy of the samples."""
    sharing: dict[str, list[ClusterTraffic]] = {}
    freshest: dict[str, Telemetry] = {}
    for cluster in clusters:
        if cluster.telemetry is None:
            continue
        engine = telemetry_id(cluster)
        sharing.setdefault(engine, []).append(cluster)
        if engine not in freshest or freshest[engine].at < cluster.telemetry.at:
            freshest[engine] = cluster.telemetry
    for engine, homes in sharing.items():
        yield engine, tuple(homes), freshest[engine]


def protocol_by_labels(labels: Labels) -> str:
    """The protocol of an L7 series; where the Telemetry API removed the label, a gRPC status decides."""
    protocol = labels.request_protocol.lower()
    if protocol.startswith("grpc") or (not protocol and labels.grpc_response_status):
        return "grpc"
    return "http" if not protocol or protocol.startswith("http") else protocol


def _hows(metric: str) -> Callable[[Labels], Any]:
    """How a sample of this metric is added, by its labels."""
    if metric == "duration_buckets":
        return _bound
    if metric == "requests":
        return _RequestHows().of
    return _nothing


def _nothing(labels: Labels) -> None:
    """The report alone says it."""


def _bound(labels: Labels) -> float:
    try:
        return float(labels.le)
    except ValueError:
        return inf


class _RequestHows:
    """One object for all samples that are added in the same way."""

    def __init__(self) -> None:
        self._made: dict[_MemoKey, RequestHow] = {}

    def of(self, labels: Labels) -> RequestHow:
        code, status, flags = labels.response_code, labels.grpc_response_status, labels.response_flags
        policy = labels.connection_security_policy
        reporter, said = labels.reporter, labels.request_protocol
        told = (said, code, status, flags, reporter, policy)
        made = self._made.get(told)
        if made is None:
            protocol = protocol_by_labels(labels)
            code = outcome(protocol, code, status)
            code = "" if is_unknown(protocol, code) else code
            secured = policy == "mutual_tls"
            lost = flags != "-" and reporter == "source" and never_arrived(flags)
            made = (code, is_error(protocol, code), flags, lost, secured, secured or policy == "none")
            self._made[told] = made
        return made
