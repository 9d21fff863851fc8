"""The ledger: every sample of every cluster, booked once, under the edge and the reporter that it belongs to.

The rules are Istio's own quirks (docs of the standard metrics, istio/istio issues named below). One lookup in a
memo decides where a sample goes, because a refresh books a hundred thousand of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from meshtop.analysis.traffic.flags import is_error, never_arrived, outcome
from meshtop.analysis.traffic.inputs import ClusterTraffic, KnownPeer
from meshtop.analysis.traffic.naming import CATCH_ALLS, ClusterNames, is_address, known, service_key, version_of
from meshtop.analysis.traffic.reports import EdgeKey, Report, SourceId, TargetId
from meshtop.model.telemetry import Labels, Sample, Telemetry
from meshtop.model.traffic import PeerKind

_NOBODY = KnownPeer(PeerKind.WORKLOAD)
_UNSEEN = object()
Identity = tuple[str, ...]


class Ledger:
    """Reports by edge and reporter ("source", "gateway", "destination", "waypoint"), and what the ends are called."""

    def __init__(self, clusters: Sequence[ClusterTraffic]) -> None:
        self.clusters = {cluster.name: cluster for cluster in clusters}
        self.reports: dict[EdgeKey, dict[str, Report]] = {}
        self.hosts: dict[str, str] = {}
        self.versions: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._names = ClusterNames(clusters)
        self._voices = {c.name: _voice(c) for c in clusters if c.telemetry and _has_traffic(c.telemetry)}
        self._waypoints = {
            c.name for c in clusters if not c.peers or any(p.kind is PeerKind.WAYPOINT for p in c.peers.values())
        }
        for cluster in _one_for_each_prometheus(clusters):
            if cluster.telemetry is not None:
                _Booking(self, cluster, cluster.telemetry).book()

    def peer(self, cluster: str, namespace: str, workload: str) -> KnownPeer:
        """What the inventory knows of a workload; an ordinary workload where it knows nothing."""
        home = self.clusters.get(cluster)
        return home.peers.get((namespace, workload), _NOBODY) if home else _NOBODY

    def open(self, home: ClusterTraffic, labels: Labels, protocol: str) -> Report | None:
        """The report that a series with these labels is booked in; None when it must not be counted."""
        ends = self._ends(home, labels)
        if ends is None or self._told_elsewhere(home, labels, ends):
            return None
        source, target = ends
        role = labels.reporter or "source"
        sender = self.peer(*source[:3])
        if role == "source" and sender.kind is PeerKind.GATEWAY:
            role = "gateway"
        arriving = role in ("destination", "waypoint")
        judge = self.peer(*target[:3]) if arriving else sender
        roles = self.reports.setdefault((source, target, protocol), {})
        report = roles.get(role)
        if report is None:
            report = roles[role] = Report(plain_if_unknown=judge.ambient)
        return report

    def _ends(self, home: ClusterTraffic, labels: Labels) -> tuple[SourceId, TargetId] | None:
        source = self._source(home, labels)
        return None if source is None else self._with_target(home, labels, source)

    def _source(self, home: ClusterTraffic, labels: Labels) -> SourceId | None:
        namespace, workload = known(labels.source_workload_namespace), known(labels.source_workload)
        app = known(labels.source_canonical_service) or known(labels.source_app)
        cluster = known(labels.source_cluster)
        if not workload and not app and namespace:
            return None
        where = self._names.resolve(cluster, (namespace, workload), home.name) if cluster else home.name
        if workload:
            self._remember(where, namespace, workload, app, labels.source_version, labels.source_canonical_revision)
        return (where, namespace, workload, "" if workload else app)

    def _with_target(self, home: ClusterTraffic, labels: Labels, source: SourceId) -> tuple[SourceId, TargetId] | None:
        name, host = known(labels.destination_service_name), known(labels.destination_service)
        if name in CATCH_ALLS:
            return source, (source[0], "", "", "", name)
        namespace, workload = known(labels.destination_workload_namespace), known(labels.destination_workload)
        app = known(labels.destination_canonical_service) or known(labels.destination_app)
        if not workload and not app and is_address(name or host):
            return None
        service, service_namespace = service_key(host, name, known(labels.destination_service_namespace))
        if service:
            self.hosts[service] = max(self.hosts.get(service, ""), host or name)
        namespace = namespace or service_namespace
        label = known(labels.destination_cluster)
        if label:
            where = self._names.resolve(label, (namespace, workload), home.name)
        else:
            # The destination's own report comes from its own cluster; a source that does not know the cluster of a
            # known service means its own (istio#29373).
            where = home.name if labels.reporter in ("destination", "waypoint") else source[0]
        if workload:
            revision = labels.destination_canonical_revision
            self._remember(where, namespace, workload, app, labels.destination_version, revision)
        return source, (where, namespace, workload, "" if workload else app, service)

    def _told_elsewhere(self, home: ClusterTraffic, labels: Labels, ends: tuple[SourceId, TargetId]) -> bool:
        """Whether the proxy that reported this lives in another cluster, whose own Prometheus tells the same.

        A Prometheus above several clusters repeats what each of them says itself. A waypoint may stand in another
        cluster than the workloads it serves, so its reports are taken wherever a waypoint can be.
        """
        source, target = ends
        if labels.reporter == "waypoint" and home.name in self._waypoints:
            return False
        local = target[0] if labels.reporter in ("destination", "waypoint") else source[0]
        voice = self._voices.get(home.name)
        return local != home.name and self._voices.get(local, voice) != voice

    def _remember(self, cluster: str, namespace: str, workload: str, app: str, version: str, revision: str) -> None:
        where = (cluster, namespace, workload)
        before = self.versions.get(where, ("", ""))
        self.versions[where] = (max(before[0], app), max(before[1], version_of(version, revision)))


def _voice(cluster: ClusterTraffic) -> str:
    identity = cluster.telemetry.identity if cluster.telemetry else ""
    return identity or f"the Prometheus of {cluster.name}"


def _one_for_each_prometheus(clusters: Sequence[ClusterTraffic]) -> list[ClusterTraffic]:
    """Clusters that share one Prometheus hold the same samples: only the freshest copy is booked."""
    chosen: dict[str, ClusterTraffic] = {}
    for cluster in clusters:
        if cluster.telemetry is None:
            continue
        before = chosen.get(_voice(cluster))
        if before is None or before.telemetry is None or before.telemetry.at < cluster.telemetry.at:
            chosen[_voice(cluster)] = cluster
    return list(chosen.values())


def _has_traffic(telemetry: Telemetry) -> bool:
    return bool(telemetry.requests or telemetry.tcp_opened or telemetry.tcp_sent or telemetry.tcp_received)


class _Booking:
    """Books one cluster's telemetry; the memos of one booking map label tuples to reports."""

    def __init__(self, ledger: Ledger, home: ClusterTraffic, telemetry: Telemetry) -> None:
        self._ledger = ledger
        self._home = home
        self._telemetry = telemetry

    def book(self) -> None:
        told = self._telemetry
        self._book_requests(told.requests)
        self._book_buckets(told.duration_buckets)
        for field, samples in (
            ("duration_sum", told.duration_sum),
            ("request_bytes", told.request_bytes_sum),
            ("response_bytes", told.response_bytes_sum),
        ):
            for report, sample in self._each(samples, None):
                setattr(report, field, (getattr(report, field) or 0.0) + sample.value)
        for field, samples in (("messages_sent", told.request_messages), ("messages_received", told.response_messages)):
            for report, sample in self._each(samples, "grpc"):
                report.has_messages = True
                setattr(report, field, (getattr(report, field) or 0.0) + sample.value)
        self._book_bytes(told.tcp_sent, told.tcp_received)
        self._book_connections(told.tcp_opened)

    def _book_requests(self, samples: Iterable[Sample]) -> None:
        memo: dict[Identity, Report | None] = {}
        outcomes: dict[tuple[str, str, str], tuple[str, bool]] = {}
        unseen = _UNSEEN
        for sample in samples:
            labels = sample.labels
            identity = (
                labels.reporter,
                labels.source_cluster,
                labels.source_workload_namespace,
                labels.source_workload,
                labels.source_canonical_service,
                labels.source_version,
                labels.destination_cluster,
                labels.destination_workload_namespace,
                labels.destination_workload,
                labels.destination_canonical_service,
                labels.destination_version,
                labels.destination_service,
                labels.destination_service_name,
                labels.request_protocol,
            )
            found = memo.get(identity, unseen)
            if found is unseen:
                report = self._ledger.open(self._home, labels, _protocol(labels))
                if report is not None:
                    report.has_requests = True
                memo[identity] = report
            else:
                report = found  # type: ignore[assignment]
            if report is None:
                continue
            value = sample.value
            coded = (labels.request_protocol, labels.response_code, labels.grpc_response_status)
            judged = outcomes.get(coded)
            if judged is None:
                kind = _protocol(labels)
                code = outcome(kind, labels.response_code, labels.grpc_response_status)
                judged = outcomes[coded] = (code, is_error(kind, code))
            code, error = judged
            report.requests += value
            report.codes[code] = report.codes.get(code, 0.0) + value
            if error:
                report.errors += value
            flags = labels.response_flags
            if flags not in ("-", ""):
                report.flags[flags] = report.flags.get(flags, 0.0) + value
                if labels.reporter == "source" and never_arrived(flags):
                    report.lost_requests += value
                    report.lost_errors += value if error else 0.0
                    report.lost_codes[code] = report.lost_codes.get(code, 0.0) + value
                    report.lost_flags[flags] = report.lost_flags.get(flags, 0.0) + value
            policy = labels.connection_security_policy
            if policy == "mutual_tls":
                report.secured += value
                report.judged += value
            elif policy == "none":
                report.judged += value

    def _book_buckets(self, samples: Iterable[Sample]) -> None:
        bounds: dict[str, float] = {}
        for report, sample in self._each(samples, None):
            text = sample.labels.le
            bound = bounds.get(text)
            if bound is None:
                bound = bounds[text] = _bound(text)
            buckets = report.buckets
            buckets[bound] = buckets.get(bound, 0.0) + sample.value

    def _book_bytes(self, sent: Iterable[Sample], received: Iterable[Sample]) -> None:
        # The names are inverted (istio#32399): what the client sends is istio_tcp_received_bytes_total.
        for field, samples in (("sent", received), ("received", sent)):
            for report, sample in self._each(samples, "tcp"):
                value = sample.value
                report.has_bytes = True
                setattr(report, field, getattr(report, field) + value)
                policy = sample.labels.connection_security_policy
                if policy == "mutual_tls":
                    report.secured_bytes += value
                    report.judged_bytes += value
                elif policy == "none" or (policy == "unknown" and report.plain_if_unknown):
                    report.judged_bytes += value

    def _book_connections(self, samples: Iterable[Sample]) -> None:
        for report, sample in self._each(samples, "tcp"):
            value, flags = sample.value, sample.labels.response_flags
            report.has_connections = True
            report.connections += value
            if flags not in ("-", ""):
                report.flags[flags] = report.flags.get(flags, 0.0) + value
                if sample.labels.reporter == "source" and never_arrived(flags):
                    report.lost_connections += value
                    report.lost_flags[flags] = report.lost_flags.get(flags, 0.0) + value

    def _each(self, samples: Iterable[Sample], protocol: str | None) -> Iterable[tuple[Report, Sample]]:
        """Each sample with the report it is booked in; `protocol` None reads it from the series."""
        memo: dict[Identity, Report | None] = {}
        unseen = _UNSEEN
        for sample in samples:
            labels = sample.labels
            identity = (
                labels.reporter,
                labels.source_cluster,
                labels.source_workload_namespace,
                labels.source_workload,
                labels.source_canonical_service,
                labels.destination_cluster,
                labels.destination_workload_namespace,
                labels.destination_workload,
                labels.destination_canonical_service,
                labels.destination_service,
                labels.destination_service_name,
                labels.request_protocol,
            )
            found = memo.get(identity, unseen)
            if found is unseen:
                report = self._ledger.open(self._home, labels, protocol or _protocol(labels))
                memo[identity] = report
            else:
                report = found  # type: ignore[assignment]
            if report is not None:
                yield report, sample


def _protocol(labels: Labels) -> str:
    """The protocol of an L7 series; where the Telemetry API dropped the label, a gRPC status tells."""
    protocol = labels.request_protocol.lower()
    if protocol.startswith("grpc") or (not protocol and labels.grpc_response_status):
        return "grpc"
    return "http" if not protocol or protocol.startswith("http") else protocol


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return inf
