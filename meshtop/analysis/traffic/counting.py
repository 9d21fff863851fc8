"""The ledger: every sample of every cluster is counted once, under its edge and reporter.

The rules follow quirks of Istio's metrics (docs of the standard metrics, istio/istio issues named below). A memo maps
a sample's labels to its report in one lookup, because a refresh counts a hundred thousand samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from operator import attrgetter

from msgspec import structs

from meshtop.analysis.traffic.flags import is_error, is_unknown, never_arrived, outcome
from meshtop.analysis.traffic.inputs import ClusterTraffic, KnownPeer
from meshtop.analysis.traffic.metrics import ENDS, VERSIONS
from meshtop.analysis.traffic.naming import (
    CATCH_ALLS,
    ClusterNames,
    domain_of,
    is_address,
    known,
    service_key,
    service_key_rank,
    version_of,
)
from meshtop.analysis.traffic.reports import EdgeKey, EdgeReport, SourceKey, TargetKey, WorkloadPlace
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.telemetry import Labels, Sample, Telemetry
from meshtop.model.traffic import PeerKind

ARRIVING = ("destination", "waypoint")
"""Reporters at the called end."""
DEPARTING = ("source", "gateway")
"""Reporters at the calling end; "gateway" marks reports of requests that start at a gateway."""
UNSAID = "?"
"""Placeholder for a cluster that the reporter did not know, until it is resolved with the other report."""

_REPORTERS = frozenset((*ARRIVING, *DEPARTING))
_NOBODY = KnownPeer(PeerKind.WORKLOAD)
_NOT_COUNTED = EdgeReport(plain_if_unknown=False)
"""Memo entry for series that must not be counted."""
_what_decides = attrgetter(*ENDS, *VERSIONS, "request_protocol")
"""The labels that determine a series' report, as a tuple (`attrgetter` builds it at C speed)."""
_MemoKey = tuple[str, ...]


class Ledger:
    """Reports by edge and reporter ("source", "gateway", "destination", "waypoint"), and names of the ends."""

    def __init__(self, clusters: Sequence[ClusterTraffic]) -> None:
        self.clusters = {cluster.name: cluster for cluster in clusters}
        self.reports: dict[EdgeKey, dict[str, EdgeReport]] = {}
        self.hosts: dict[str, str] = {}
        """The full host of each service, by its key, once all samples are counted."""
        self.versions: dict[WorkloadPlace, tuple[str, str]] = {}
        """App and version of a workload, from its own telemetry."""
        self.outside: set[SourceKey] = set()
        """Callers with observed requests to hosts outside of the mesh by name."""
        self._kubernetes: set[str] = set()
        self._domains: dict[str, int] = {}
        self._own: dict[EdgeKey, str] = {}
        self._names = ClusterNames(clusters)
        self._telemetry_ids = {c.name: _telemetry_id(c) for c in clusters if c.telemetry and _has_traffic(c.telemetry)}
        self._waypoints = {
            c.name for c in clusters if not c.peers or any(p.kind is PeerKind.WAYPOINT for p in c.peers.values())
        }
        for homes, told in _one_for_each_prometheus(clusters):
            _Booking(self, homes, told).book()
        self._name_hosts()

    def rank(self, service: str) -> int:
        """How precisely a service's key names the requested service; higher is better."""
        return service_key_rank(service, service in self._kubernetes)

    def likely_home(self, key: EdgeKey, end: str) -> str:
        """The likely cluster of an end without one: the only cluster with the workload, else the reporter's own."""
        place = key.source.place if end == "source" else key.target.place
        own = self._own[key]
        return self._names.having((place.namespace, place.workload), own)

    def app_of(self, place: WorkloadPlace) -> str:
        """A workload's app, as telemetry or the inventory names it."""
        return self.told_of(place)[0] or self.peer(place).app

    def told_of(self, place: WorkloadPlace) -> tuple[str, str]:
        """App and version of a workload, from its own telemetry, else from a report without its cluster."""
        nowhere = ("", "")
        return self.versions.get(place) or self.versions.get(structs.replace(place, cluster=UNSAID), nowhere)

    def _name_hosts(self) -> None:
        """Record the full host of each Kubernetes service, also where samples used a short name or a pod's."""
        domain = min(self._domains, key=lambda name: (-self._domains[name], name), default=CLUSTER_DOMAIN)
        for service in self._kubernetes:
            host = self.hosts.get(service, "")
            self.hosts[service] = host or f"{service}.svc.{domain}"

    def peer(self, place: WorkloadPlace) -> KnownPeer:
        """The inventory's entry of a workload; an ordinary workload where there is none."""
        home = self.clusters.get(place.cluster)
        return home.peers.get((place.namespace, place.workload), _NOBODY) if home else _NOBODY

    def home_of(self, homes: Sequence[ClusterTraffic], labels: Labels) -> ClusterTraffic:
        """The cluster whose proxy reported a series; of clusters that share a Prometheus, the one in its labels."""
        if len(homes) == 1:
            return homes[0]
        label = labels.destination_cluster if labels.reporter in ARRIVING else labels.source_cluster
        if not known(label):
            return homes[0]
        name = self._names.resolve(label, ("", ""), homes[0].name)
        return next((home for home in homes if home.name == name), homes[0])

    def open(self, homes: Sequence[ClusterTraffic], labels: Labels, protocol: str) -> EdgeReport | None:
        """The report that a series with these labels is counted in; None when it must not be counted.

        `homes` are the clusters that share the Prometheus which holds the series, sorted by name.
        """
        home = self.home_of(homes, labels)
        source = self._source(home, labels)
        target = None if source is None else self._target(home, labels, source)
        if source is None or target is None or self._reported_by_other_prometheus(home, labels, source, target):
            return None
        role = labels.reporter or "source"
        if role not in _REPORTERS:
            return None
        sender = self.peer(source.place)
        if role == "source" and sender.kind is PeerKind.GATEWAY:
            role = "gateway"
        judge = self.peer(target.place) if role in ARRIVING else sender
        key = EdgeKey(source, target, protocol)
        if UNSAID in (source.place.cluster, target.place.cluster):
            self._own.setdefault(key, home.name)
        roles = self.reports.setdefault(key, {})
        report = roles.get(role)
        if report is None:
            report = roles[role] = EdgeReport(plain_if_unknown=judge.ambient)
        return report

    def _source(self, home: ClusterTraffic, labels: Labels) -> SourceKey | None:
        namespace, workload = known(labels.source_workload_namespace), known(labels.source_workload)
        app = known(labels.source_canonical_service) or known(labels.source_app)
        cluster = known(labels.source_cluster)
        if not workload and not app and namespace:
            return None
        if cluster:
            where = self._names.resolve(cluster, (namespace, workload), home.name)
        else:
            where = UNSAID if workload and labels.reporter in ARRIVING else home.name
        place = WorkloadPlace(where, namespace, workload)
        if not workload:
            return SourceKey(place, app)
        self._remember(place, app, labels.source_version, labels.source_canonical_revision)
        return SourceKey(place)

    def _target(self, home: ClusterTraffic, labels: Labels, source: SourceKey) -> TargetKey | None:
        name, host = known(labels.destination_service_name), known(labels.destination_service)
        namespace, workload = known(labels.destination_workload_namespace), known(labels.destination_workload)
        app = known(labels.destination_canonical_service) or known(labels.destination_app)
        if not workload and not app and name in CATCH_ALLS:
            if "." in host and not is_address(host):
                self.outside.add(source)
            return TargetKey(WorkloadPlace(source.place.cluster, "", ""), service=name)
        if not workload and not app and is_address(name or host):
            return None
        service, service_namespace = self._service(name, host, known(labels.destination_service_namespace))
        namespace = namespace or service_namespace
        label = known(labels.destination_cluster)
        if label:
            where = self._names.resolve(label, (namespace, workload), home.name)
        elif labels.reporter in ARRIVING:
            where = home.name  # The destination's own report comes from its own cluster.
        else:
            # A source that does not know the cluster of a known service means its own (istio#29373), unless the
            # destination's report says better.
            where = UNSAID if workload else source.place.cluster
        place = WorkloadPlace(where, namespace, workload)
        if not workload:
            return TargetKey(place, app, service)
        self._remember(place, app, labels.destination_version, labels.destination_canonical_revision)
        return TargetKey(place, service=service)

    def _service(self, name: str, host: str, namespace: str) -> tuple[str, str]:
        """The key of the requested service, and its namespace."""
        if name in CATCH_ALLS:
            return name, ""
        service, namespace = service_key(host, name, namespace)
        if namespace and service == f"{service.split('.', 1)[0]}.{namespace}":
            self._kubernetes.add(service)
            domain = domain_of(host)
            if domain:
                self._domains[domain] = self._domains.get(domain, 0) + 1
                self.hosts[service] = max(self.hosts.get(service, ""), f"{service}.svc.{domain}")
        elif service:
            self.hosts[service] = max(self.hosts.get(service, ""), host or name)
        return service, namespace

    def _reported_by_other_prometheus(
        self, home: ClusterTraffic, labels: Labels, source: SourceKey, target: TargetKey
    ) -> bool:
        """Whether the reporting proxy is in another cluster whose own Prometheus has these series too.

        A Prometheus above several clusters repeats their own series. A waypoint may be in another cluster than the
        workloads it serves, so its reports are accepted from any cluster.
        """
        if labels.reporter == "waypoint" and home.name in self._waypoints:
            return False
        local = (target if labels.reporter in ARRIVING else source).place.cluster
        mine = self._telemetry_ids.get(home.name)
        return local != home.name and self._telemetry_ids.get(local, mine) != mine

    def _remember(self, place: WorkloadPlace, app: str, version: str, revision: str) -> None:
        before = self.versions.get(place, ("", ""))
        self.versions[place] = (max(before[0], app), max(before[1], version_of(version, revision)))


def _telemetry_id(cluster: ClusterTraffic) -> str:
    """Identity of a cluster's Prometheus; without one in the telemetry, it is unique to the cluster."""
    identity = cluster.telemetry.identity if cluster.telemetry else ""
    return identity or f"the Prometheus of {cluster.name}"


def _one_for_each_prometheus(
    clusters: Sequence[ClusterTraffic],
) -> list[tuple[tuple[ClusterTraffic, ...], Telemetry]]:
    """Clusters grouped by Prometheus, each group with the freshest copy of the samples."""
    sharing: dict[str, list[ClusterTraffic]] = {}
    freshest: dict[str, Telemetry] = {}
    for cluster in clusters:
        if cluster.telemetry is None:
            continue
        engine = _telemetry_id(cluster)
        sharing.setdefault(engine, []).append(cluster)
        if engine not in freshest or freshest[engine].at < cluster.telemetry.at:
            freshest[engine] = cluster.telemetry
    return [(tuple(homes), freshest[engine]) for engine, homes in sharing.items()]


def _has_traffic(telemetry: Telemetry) -> bool:
    return bool(telemetry.requests or telemetry.tcp_opened or telemetry.tcp_sent or telemetry.tcp_received)


class _Booking:
    """Counts the samples of one Prometheus for all clusters that it serves."""

    def __init__(self, ledger: Ledger, homes: Sequence[ClusterTraffic], telemetry: Telemetry) -> None:
        self._ledger = ledger
        self._homes = homes
        self._telemetry = telemetry

    def book(self) -> None:
        told = self._telemetry
        self._book_requests(told.requests)
        self._book_buckets(told.duration_buckets)
        for report, sample in self._each(told.duration_sum):
            report.duration_sum = (report.duration_sum or 0.0) + sample.value
        for report, sample in self._each(told.request_bytes_sum):
            report.request_bytes = (report.request_bytes or 0.0) + sample.value
        for report, sample in self._each(told.response_bytes_sum):
            report.response_bytes = (report.response_bytes or 0.0) + sample.value
        for report, sample in self._each(told.request_messages, "grpc"):
            report.has_messages = True
            report.messages_sent = (report.messages_sent or 0.0) + sample.value
        for report, sample in self._each(told.response_messages, "grpc"):
            report.has_messages = True
            report.messages_received = (report.messages_received or 0.0) + sample.value
        # The names are inverted (istio#32399): what the client sends is istio_tcp_received_bytes_total.
        for report, sample in self._each(told.tcp_received, "tcp"):
            report.sent += sample.value
            _book_bytes(report, sample)
        for report, sample in self._each(told.tcp_sent, "tcp"):
            report.received += sample.value
            _book_bytes(report, sample)
        self._book_connections(told.tcp_opened)

    def _book_requests(self, samples: Iterable[Sample]) -> None:
        # As `_each`, but written out: this loop is most of a refresh.
        memo: dict[_MemoKey, EdgeReport] = {}
        outcomes: dict[tuple[str, str, str], tuple[str, bool]] = {}
        for sample in samples:
            labels = sample.labels
            key = _what_decides(labels)
            report = memo.get(key)
            if report is None:
                opened = self._ledger.open(self._homes, labels, _protocol(labels))
                if opened is not None:
                    opened.has_requests = True
                report = memo[key] = opened or _NOT_COUNTED
            if report is _NOT_COUNTED:
                continue
            value = sample.value
            coded = (labels.request_protocol, labels.response_code, labels.grpc_response_status)
            judged = outcomes.get(coded)
            if judged is None:
                kind = _protocol(labels)
                code = outcome(kind, labels.response_code, labels.grpc_response_status)
                code = "" if is_unknown(kind, code) else code
                judged = outcomes[coded] = (code, is_error(kind, code))
            code, error = judged
            report.requests += value
            report.codes[code] = report.codes.get(code, 0.0) + value
            if error:
                report.errors += value
            flags = labels.response_flags
            if flags != "-":
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
        for report, sample in self._each(samples):
            text = sample.labels.le
            bound = bounds.get(text)
            if bound is None:
                bound = bounds[text] = _bound(text)
            buckets = report.buckets
            buckets[bound] = buckets.get(bound, 0.0) + sample.value

    def _book_connections(self, samples: Iterable[Sample]) -> None:
        for report, sample in self._each(samples, "tcp"):
            value, flags = sample.value, sample.labels.response_flags
            report.has_connections = True
            report.connections += value
            if flags != "-":
                report.flags[flags] = report.flags.get(flags, 0.0) + value
                if sample.labels.reporter == "source" and never_arrived(flags):
                    report.lost_connections += value
                    report.lost_flags[flags] = report.lost_flags.get(flags, 0.0) + value

    def _each(self, samples: Iterable[Sample], protocol: str | None = None) -> Iterator[tuple[EdgeReport, Sample]]:
        """Each sample to be counted with its report; without `protocol`, the series' labels determine it."""
        memo: dict[_MemoKey, EdgeReport] = {}
        for sample in samples:
            labels = sample.labels
            key = _what_decides(labels)
            report = memo.get(key)
            if report is None:
                opened = self._ledger.open(self._homes, labels, protocol or _protocol(labels))
                report = memo[key] = opened or _NOT_COUNTED
            if report is not _NOT_COUNTED:
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


def _protocol(labels: Labels) -> str:
    """The protocol of an L7 series; where the Telemetry API removed the label, a gRPC status decides."""
    protocol = labels.request_protocol.lower()
    if protocol.startswith("grpc") or (not protocol and labels.grpc_response_status):
        return "grpc"
    return "http" if not protocol or protocol.startswith("http") else protocol


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return inf
