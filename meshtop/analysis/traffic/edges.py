"""Edges across clusters: who calls whom, counted once.

The destination's report counts where there is one, else the source's; both are kept. Requests that the client's own
proxy ended (its flags say so) are added from the source, because no destination can have counted them. Across clusters
the two reports come from two Prometheus; two clusters that share one Prometheus are booked once.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.analysis.traffic.counting import ARRIVING, DEPARTING, Ledger
from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.analysis.traffic.naming import CATCH_ALLS
from meshtop.analysis.traffic.reports import EdgeKey, EdgeReport, SourceKey, TargetKey, WorkloadPlace, histogram
from meshtop.analysis.traffic.stitching import Roles, stitch
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
        self._peers: dict[SourceKey, Peer] = {}
        self._targets: dict[TargetKey, Target] = {}

    def edge(self, key: EdgeKey, roles: Roles, hops: tuple[str, ...]) -> Edge:
        source = self._peers.get(key.source) or self._peer(key.source)
        target = self._targets.get(key.target) or self._target(key.target)
        departure, arrival = _first(roles, DEPARTING), _first(roles, ARRIVING)
        counted, lost = _counted(departure, arrival)
        return Edge(
            source=source,
            destination=target,
            protocol=key.protocol,
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

    def _peer(self, key: SourceKey) -> Peer:
        place, app, version = key.place, key.app, ""
        kind = PeerKind.WORKLOAD if place.workload or app else PeerKind.UNKNOWN
        if place.workload:
            kind, app, version = self._described(place)
        peer = Peer(
            cluster=place.cluster,
            namespace=place.namespace,
            workload=place.workload,
            app=app,
            version=version,
            kind=kind,
        )
        return self._peers.setdefault(key, peer)

    def _target(self, key: TargetKey) -> Target:
        place, app, version = key.place, key.app, ""
        if place.workload:
            kind, app, version = self._described(place)
        elif app:
            kind = PeerKind.WORKLOAD
        elif key.service in CATCH_ALLS or self._is_external(place.cluster, key.service):
            kind = PeerKind.EXTERNAL
        else:
            kind = PeerKind.SERVICE if key.service else PeerKind.UNKNOWN
        target = Target(
            cluster=place.cluster,
            namespace=place.namespace,
            workload=place.workload,
            app=app,
            version=version,
            kind=kind,
            service=self._ledger.hosts.get(key.service, key.service),
        )
        return self._targets.setdefault(key, target)

    def _described(self, place: WorkloadPlace) -> tuple[PeerKind, str, str]:
        """A workload's kind, app and version: its own telemetry first, then the inventory."""
        app, version = self._ledger.versions.get(place, ("", ""))
        known = self._ledger.peer(place)
        return known.kind, app or known.app, version or known.version

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


def _first(roles: Roles, names: Sequence[str]) -> EdgeReport | None:
    return next((roles[name] for name in names if name in roles), None)


def _counted(departure: EdgeReport | None, arrival: EdgeReport | None) -> tuple[EdgeReport, EdgeReport | None]:
    """The report that counts, and the one whose lost part comes on top.

    An arriving report that counted nothing while the source counted something is a series that has gone quiet, not
    a report.
    """
    if arrival is not None and (departure is None or departure.silent or not arrival.silent):
        return arrival, departure
    if departure is None:
        raise ValueError("an edge has at least one report")
    return departure, None


def _merged(mine: dict[str, float], more: dict[str, float]) -> dict[str, float]:
    result = dict(mine)
    for key, value in more.items():
        result[key] = result.get(key, 0.0) + value
    return result


def _disagreement(departure: EdgeReport | None, arrival: EdgeReport | None) -> float | None:
    """|source - destination| / the larger one; None without two reports, or when neither counted anything."""
    if departure is None or arrival is None:
        return None
    if departure.has_requests or arrival.has_requests or (departure.connections and arrival.connections):
        left, right = (r.requests if r.has_requests else r.connections for r in (departure, arrival))
    else:
        left, right = departure.volume, arrival.volume
    larger = max(left, right)
    return abs(left - right) / larger if larger > 0 else None


def _sums(counted: EdgeReport, lost: EdgeReport | None, by_rank: tuple[EdgeReport | None, EdgeReport | None]) -> Sums:
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
