"""Edges across clusters: who calls whom, counted once.

The destination's report counts where there is one, else the source's; both are kept. Requests that the client's own
proxy ended (its flags say so) are added from the source, because no destination can have counted them. Across clusters
the two reports come from two Prometheus; two clusters that share one Prometheus are booked once.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.analysis.traffic.counting import Ledger
from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.analysis.traffic.naming import CATCH_ALLS
from meshtop.analysis.traffic.reports import EdgeKey, Report, SourceId, TargetId, histogram
from meshtop.analysis.traffic.stitching import ARRIVING, DEPARTING, stitch
from meshtop.model.traffic import Edge, Peer, PeerKind, Sums, Target


def edges(clusters: Sequence[ClusterTraffic]) -> tuple[Edge, ...]:
    """Every edge of these clusters, the same in whatever order they are given, sorted by its ends and protocol."""
    ledger = Ledger(sorted(clusters, key=lambda cluster: cluster.name))
    reports, hops = stitch(ledger)
    writer = _Writer(ledger)
    return tuple(writer.edge(key, reports[key], tuple(sorted(hops.get(key, ())))) for key in sorted(reports))


class _Writer:
    """Turns booked reports into edges; an end that many edges share is made once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._peers: dict[SourceId, Peer] = {}
        self._targets: dict[TargetId, Target] = {}

    def edge(self, key: EdgeKey, roles: dict[str, Report], hops: tuple[str, ...]) -> Edge:
        source_id, target_id, protocol = key
        source = self._peers.get(source_id) or self._peer(source_id)
        target = self._targets.get(target_id) or self._target(target_id)
        departure, arrival = _first(roles, DEPARTING), _first(roles, ARRIVING)
        counted, lost = _counted(departure, arrival)
        return Edge(
            source=source,
            destination=target,
            protocol=protocol,
            sums=_sums(counted, lost, (arrival, departure)),
            codes=_merged(counted.codes, lost.lost_codes if lost else {}),
            flags=_merged(counted.flags, lost.lost_flags if lost else {}),
            reports={
                role: report.requests if report.has_requests else report.connections
                for role, report in sorted(roles.items())
                if report.has_requests or report.has_connections or report.has_bytes
            },
            disagreement=_disagreement(departure, arrival),
            cross_cluster=bool(source.cluster and target.cluster and source.cluster != target.cluster)
            and source.kind is not PeerKind.UNKNOWN,
            hops=hops,
        )

    def _peer(self, where: SourceId) -> Peer:
        cluster, namespace, workload, tag = where
        kind = PeerKind.WORKLOAD if workload or tag else PeerKind.UNKNOWN
        app, version = tag, ""
        if workload:
            kind, app, version = self._described(cluster, namespace, workload)
        peer = Peer(cluster=cluster, namespace=namespace, workload=workload, app=app, version=version, kind=kind)
        return self._peers.setdefault(where, peer)

    def _target(self, where: TargetId) -> Target:
        cluster, namespace, workload, tag, service = where
        app, version = tag, ""
        if workload:
            kind, app, version = self._described(cluster, namespace, workload)
        elif tag:
            kind = PeerKind.WORKLOAD
        elif service in CATCH_ALLS or self._is_external(cluster, service):
            kind = PeerKind.EXTERNAL
        else:
            kind = PeerKind.SERVICE if service else PeerKind.UNKNOWN
        target = Target(
            cluster=cluster,
            namespace=namespace,
            workload=workload,
            app=app,
            version=version,
            kind=kind,
            service=self._ledger.hosts.get(service, service),
        )
        return self._targets.setdefault(where, target)

    def _described(self, cluster: str, namespace: str, workload: str) -> tuple[PeerKind, str, str]:
        told = self._ledger.versions.get((cluster, namespace, workload), ("", ""))
        known = self._ledger.peer(cluster, namespace, workload)
        return known.kind, told[0] or known.app, told[1] or known.version

    def _is_external(self, cluster: str, service: str) -> bool:
        """Whether a host stands outside the mesh: by its ServiceEntry, else by not being a name of Kubernetes."""
        host = self._ledger.hosts.get(service, service).lower()
        home = self._ledger.clusters.get(cluster)
        if home and _covers(home.internal_hosts, host):
            return False
        return (home is not None and _covers(home.external_hosts, host)) or (service == host and "." in host)


def _covers(declared: frozenset[str], host: str) -> bool:
    return bool(declared) and (host in declared or any(f"*.{parent}" in declared for parent in _parents(host)))


def _parents(host: str) -> list[str]:
    parts = host.split(".")
    return [".".join(parts[i:]) for i in range(1, len(parts))]


def _first(roles: dict[str, Report], names: Sequence[str]) -> Report | None:
    return next((roles[name] for name in names if name in roles), None)


def _counted(departure: Report | None, arrival: Report | None) -> tuple[Report, Report | None]:
    """The report that counts, and the one whose lost part comes on top.

    An arriving report that counted nothing while the source counted something is a series that has gone quiet, not
    a report.
    """
    if arrival is None or (arrival.silent and departure is not None and not departure.silent):
        assert departure is not None or arrival is not None, "an edge has at least one report"
        return (departure or arrival or Report()), None
    return arrival, departure


def _merged(mine: dict[str, float], more: dict[str, float]) -> dict[str, float]:
    result = dict(mine)
    for key, value in more.items():
        result[key] = result.get(key, 0.0) + value
    return result


def _disagreement(departure: Report | None, arrival: Report | None) -> float | None:
    """|source - destination| / the larger one; None without two reports, or when neither counted anything."""
    if departure is None or arrival is None:
        return None
    if departure.has_requests or arrival.has_requests or (departure.connections and arrival.connections):
        left, right = (r.requests if r.has_requests else r.connections for r in (departure, arrival))
    else:
        left, right = departure.volume, arrival.volume
    larger = max(left, right)
    return abs(left - right) / larger if larger > 0 else None


def _sums(counted: Report, lost: Report | None, by_rank: tuple[Report | None, Report | None]) -> Sums:
    timed = counted if counted.buckets else next((r for r in by_rank if r and r.buckets), counted)
    sure = counted if counted.judged else next((r for r in by_rank if r and r.judged), counted)
    sure_bytes = counted if counted.judged_bytes else next((r for r in by_rank if r and r.judged_bytes), counted)
    has_requests = counted.has_requests
    return Sums(
        requests=counted.requests + (lost.lost_requests if lost else 0.0) if has_requests else None,
        errors=counted.errors + (lost.lost_errors if lost else 0.0) if has_requests else None,
        buckets=histogram(timed.buckets),
        duration_sum_ms=timed.duration_sum,
        sent=counted.sent if counted.has_bytes else None,
        received=counted.received if counted.has_bytes else None,
        connections=(
            counted.connections + (lost.lost_connections if lost else 0.0) if counted.has_connections else None
        ),
        messages_sent=counted.messages_sent,
        messages_received=counted.messages_received,
        request_bytes=counted.request_bytes,
        response_bytes=counted.response_bytes,
        secured=sure.secured if sure.judged else None,
        judged=sure.judged or None,
        secured_bytes=sure_bytes.secured_bytes if sure_bytes.judged_bytes else None,
        judged_bytes=sure_bytes.judged_bytes or None,
    )
