"""The ledger: every sample of every cluster is counted once, under its edge and reporter.

The rules follow quirks of Istio's metrics (docs of the standard metrics, istio/istio issues named below). What follows
from labels alone is in the plan (`planning.py`), because a refresh counts a hundred thousand samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import structs

from meshtop.analysis.traffic.flags import never_arrived
from meshtop.analysis.traffic.inputs import ClusterTraffic, KnownPeer
from meshtop.analysis.traffic.naming import service_key_rank
from meshtop.analysis.traffic.planning import CountingPlan, SeriesPlan, by_prometheus
from meshtop.analysis.traffic.reports import UNSAID, EdgeKey, EdgeReport, WorkloadPlace
from meshtop.model.telemetry import Sample, Telemetry

_Reports = Sequence[EdgeReport | None]
_PIECE = 100
"""So many things are gone through before others may work: well below a millisecond of it."""


class Ledger:
    """Reports by edge and reporter ("source", "gateway", "destination", "waypoint"), and names of the ends.

    `before` is the plan of an earlier refresh, of which all is taken that still holds; `plan` is for the next one.
    `between` is called between pieces of work.
    """

    def __init__(
        self,
        clusters: Sequence[ClusterTraffic],
        before: CountingPlan | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.between = between
        self.clusters = {cluster.name: cluster for cluster in clusters}
        self.plan = CountingPlan(clusters, before, between)
        self._names = self.plan.names
        self.hosts = self._names.hosts
        """The full host of each service, by its key."""
        self.outside = self._names.outside
        """Callers with observed requests to hosts outside of the mesh by name."""
        self.reports: dict[EdgeKey, dict[str, EdgeReport]] = {}
        counted: list[EdgeReport] = []
        for key, role, ambient in self.in_turns(self._names.slots):
            report = EdgeReport(plain_if_unknown=ambient)
            self.reports.setdefault(key, {})[role] = report
            counted.append(report)
        for engine, _, told in by_prometheus(clusters):
            between()
            _Booking(self.plan, engine, told, counted).book()

    def in_turns(self, things: Iterable[Any]) -> Iterator[Any]:
        """The same things one by one; others may work in between."""
        for number, thing in enumerate(things):
            if not number % _PIECE:
                self.between()
            yield thing

    def rank(self, service: str) -> int:
        """How precisely a service's key names the requested service; higher is better."""
        return service_key_rank(service, service in self._names.kubernetes)

    def likely_home(self, key: EdgeKey, end: str) -> str:
        """The likely cluster of an end without one: the only cluster with the workload, else the reporter's own."""
        place = key.source.place if end == "source" else key.target.place
        return self._names.opener.names.having((place.namespace, place.workload), self._names.own[key])

    def app_of(self, place: WorkloadPlace) -> str:
        """A workload's app, as telemetry or the inventory names it."""
        return self.told_of(place)[0] or self.peer(place).app

    def told_of(self, place: WorkloadPlace) -> tuple[str, str]:
        """App and version of a workload, from its own telemetry, else from a report without its cluster."""
        versions = self._names.versions
        return versions.get(place) or versions.get(structs.replace(place, cluster=UNSAID), ("", ""))

    def peer(self, place: WorkloadPlace) -> KnownPeer:
        """The inventory's entry of a workload; an ordinary workload where there is none."""
        return self._names.opener.peer(place)


class _Booking:
    """Adds the samples of one Prometheus, for all clusters that it serves, to the reports of the plan's slots."""

    def __init__(self, plan: CountingPlan, engine: str, telemetry: Telemetry, counted: Sequence[EdgeReport]) -> None:
        self._plan = plan
        self._engine = engine
        self._telemetry = telemetry
        self._counted = counted

    def book(self) -> None:
        self._book_requests()
        self._book_buckets()
        for report, sample in self._each("duration_sum"):
            report.duration_sum = (report.duration_sum or 0.0) + sample.value
        for report, sample in self._each("request_bytes_sum"):
            report.request_bytes = (report.request_bytes or 0.0) + sample.value
        for report, sample in self._each("response_bytes_sum"):
            report.response_bytes = (report.response_bytes or 0.0) + sample.value
        for report, sample in self._each("request_messages"):
            report.has_messages = True
            report.messages_sent = (report.messages_sent or 0.0) + sample.value
        for report, sample in self._each("response_messages"):
            report.has_messages = True
            report.messages_received = (report.messages_received or 0.0) + sample.value
        # The names are inverted (istio#32399): what the client sends is istio_tcp_received_bytes_total.
        for report, sample in self._each("tcp_received"):
            report.sent += sample.value
            _book_bytes(report, sample)
        for report, sample in self._each("tcp_sent"):
            report.received += sample.value
            _book_bytes(report, sample)
        self._book_connections()

    def _planned(self, metric: str) -> tuple[tuple[Sample, ...], SeriesPlan, _Reports] | None:
        """A metric's samples, their plan, and the report of each of its openings; None without a sample."""
        plan = self._plan.series.get((self._engine, metric))
        if plan is None:
            return None
        slots = self._plan.names.slot_of[self._engine, metric]
        samples: tuple[Sample, ...] = getattr(self._telemetry, metric)
        return samples, plan, [None if slot is None else self._counted[slot] for slot in slots]

    def _book_requests(self) -> None:
        # As `_each`, but written out: this loop runs a hundred thousand times in a refresh.
        planned = self._planned("requests")
        if planned is None:
            return
        samples, plan, reports = planned
        for report in reports:
            if report is not None:
                report.has_requests = True
        for sample, place, how in zip(samples, plan.places, plan.how, strict=True):
            report = reports[place]
            if report is None:
                continue
            value = sample.value
            code, error, flags, lost, secured, judged = how
            report.requests += value
            codes = report.codes
            codes[code] = codes.get(code, 0.0) + value
            if error:
                report.errors += value
            if flags != "-":
                report.flags[flags] = report.flags.get(flags, 0.0) + value
                if lost:
                    report.lost_requests += value
                    report.lost_errors += value if error else 0.0
                    report.lost_codes[code] = report.lost_codes.get(code, 0.0) + value
                    report.lost_flags[flags] = report.lost_flags.get(flags, 0.0) + value
            if secured:
                report.secured += value
            if judged:
                report.judged += value

    def _book_buckets(self) -> None:
        planned = self._planned("duration_buckets")
        if planned is None:
            return
        samples, plan, reports = planned
        for sample, place, bound in zip(samples, plan.places, plan.how, strict=True):
            report = reports[place]
            if report is not None:
                buckets = report.buckets
                buckets[bound] = buckets.get(bound, 0.0) + sample.value

    def _book_connections(self) -> None:
        for report, sample in self._each("tcp_opened"):
            value, flags = sample.value, sample.labels.response_flags
            report.has_connections = True
            report.connections += value
            if flags != "-":
                report.flags[flags] = report.flags.get(flags, 0.0) + value
                if sample.labels.reporter == "source" and never_arrived(flags):
                    report.lost_connections += value
                    report.lost_flags[flags] = report.lost_flags.get(flags, 0.0) + value

    def _each(self, metric: str) -> Iterator[tuple[EdgeReport, Sample]]:
        """Each sample to be counted with its report."""
        planned = self._planned(metric)
        if planned is None:
            return
        samples, plan, reports = planned
        for sample, place in zip(samples, plan.places, strict=True):
            report = reports[place]
            if report is not None:
                yield report, sample


def _book_bytes(report: EdgeReport, sample: Sample) -> None:
    """Count bytes as mutual TLS or as plaintext; as neither where the reporter does not know."""
    report.has_bytes = True
    policy = sample.labels.connection_security_policy
    if policy == "mutual_tls":
        report.secured_bytes += sample.value
        report.judged_bytes += sample.value
    elif policy == "none" or (policy == "unknown" and report.plain_if_unknown):
        report.judged_bytes += sample.value
