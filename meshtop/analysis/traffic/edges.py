"""Edges across clusters, each call counted once.

Both reporters describe the same calls, so for each code the larger count is taken; both reports are kept. Across
clusters they come from two Prometheus servers; clusters that share one are counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from msgspec import structs

from meshtop.analysis.traffic.combining import combine
from meshtop.analysis.traffic.counting import Ledger
from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.analysis.traffic.matching import Reports, Roles
from meshtop.analysis.traffic.naming import CATCH_ALLS
from meshtop.analysis.traffic.planning import CountingPlan, PlanNames
from meshtop.analysis.traffic.reports import (
    ARRIVING,
    DEPARTING,
    EdgeKey,
    EdgeReport,
    SourceKey,
    TargetKey,
    WorkloadPlace,
)
from meshtop.analysis.traffic.stitching import Hops, stitch
from meshtop.model.traffic import Edge, Peer, PeerKind, Sums, Target

_DEPARTED = frozenset(DEPARTING)


def edges(clusters: Sequence[ClusterTraffic]) -> tuple[Edge, ...]:
    """Every edge of these clusters, sorted by ends and protocol; independent of the order of the clusters."""
    return EdgeCounter().edges(clusters)


class EdgeCounter:
    """Counts one refresh after the other: what follows from the series alone is kept while these are the same.

    Its answers are those of `edges`. Threads may share it. `between` is called between small pieces of work, where the
    caller may give way to others.
    """

    def __init__(self, between: Callable[[], None] = lambda: None) -> None:
        self._between = between
        self._plan: CountingPlan | None = None
        self._ends: _Ends | None = None
        self._order: tuple[EdgeKey, ...] = ()

    def edges(self, clusters: Sequence[ClusterTraffic]) -> tuple[Edge, ...]:
        """Every edge of these clusters, sorted by ends and protocol; independent of the order of the clusters."""
        ledger = Ledger(sorted(clusters, key=lambda cluster: cluster.name), self._plan, self._between)
        ends = self._ends
        if ends is None or ends.names is not ledger.plan.names:
            ends = _Ends(ledger.plan.names, {}, {})
        reports: Reports = ledger.reports
        if ends.plain is not None:
            hops, order = ends.plain
        else:
            reports, hops = stitch(ledger)
            order = _ordered(reports, self._order)
            if reports is ledger.reports:
                # Nothing was joined, for reasons that stand in the names alone.
                ends = ends._replace(plain=(hops, order))
        self._plan, self._ends, self._order = ledger.plan, ends, order
        writer = _Writer(ledger, ends)
        found = []
        for key in order:
            self._between()
            found.append(writer.edge(key, reports[key], tuple(sorted(hops[key])) if key in hops else ()))
        # Nobody else has them: freed in one step at the end, ten thousand reports would take as long as a frame.
        del reports
        while ledger.reports:
            ledger.reports.popitem()
            self._between()
        return tuple(_seen_by_ztunnel(found)) if any(edge.protocol == "tcp" for edge in found) else tuple(found)


def _ordered(keys: Collection[EdgeKey], before: tuple[EdgeKey, ...]) -> tuple[EdgeKey, ...]:
    """The keys in order, given an earlier order of about the same ones.

    Comparing ten thousand keys takes a tenth of a second in which no other thread runs. Few are new: they are sorted,
    and go in among those that are in order already.
    """
    kept = [key for key in before if key in keys]
    if len(kept) == len(keys):
        return before if len(kept) == len(before) else tuple(kept)
    known = frozenset(kept)
    return tuple(sorted([*kept, *sorted(key for key in keys if key not in known)]))


class _Ends(NamedTuple):
    """The ends of edges, each made once, and the names that they are made of.

    `plain` are the hops and the order of the edges where, with these names, no reports are joined.
    """

    names: PlanNames
    peers: dict[SourceKey, Peer]
    targets: dict[TargetKey, Target]
    plain: tuple[Hops, tuple[EdgeKey, ...]] | None = None


def _seen_by_ztunnel(found: Sequence[Edge]) -> Iterator[Edge]:
    """The edges, without the connections that carry requests, where only those were seen to arrive.

    A sidecar that calls a workload in ambient mode reports requests; the ztunnel there reports their connections, and
    whether these are mutual TLS. That is one call: it is judged by the connections, which are no edge of their own.
    What a client sends as TCP, its own proxy reports as TCP.
    """
    asked = {
        (edge.source, *_place(edge.destination))
        for edge in found
        if edge.protocol != "tcp" and "destination" not in edge.reports and not _DEPARTED.isdisjoint(edge.reports)
    }
    carriers: dict[tuple[Peer, str, str, str], Sums] = {}
    for edge in found:
        if edge.protocol == "tcp" and edge.sums.judged_bytes:
            carriers[edge.source, *_place(edge.destination)] = edge.sums
    for edge in found:
        if (
            edge.protocol == "tcp"
            and {*edge.reports} == {"destination"}
            and edge.destination.workload
            and (edge.source, *_place(edge.destination)) in asked
        ):
            continue
        sums = edge.sums
        carrier = carriers.get((edge.source, *_place(edge.destination))) if sums.unjudged else None
        if carrier is None or sums.judged or carrier.mtls_ratio is None:
            yield edge
            continue
        requests = sums.unjudged or 0.0
        judged = structs.replace(sums, unjudged=None, judged=requests, secured=requests * carrier.mtls_ratio)
        yield structs.replace(edge, sums=judged)


def _place(target: Target) -> tuple[str, str, str]:
    return target.cluster, target.namespace, target.workload


class _Writer:
    """Turns reports into edges; ends shared by several edges are created once."""

    def __init__(self, ledger: Ledger, ends: _Ends) -> None:
        self._ledger = ledger
        self._peers, self._targets = ends.peers, ends.targets

    def edge(self, key: EdgeKey, roles: Roles, hops: tuple[str, ...]) -> Edge:
        source = self._peers.get(key.source) or self._peer(key.source)
        target = self._targets.get(key.target) or self._target(key.target)
        departure, arrival = _first(roles, DEPARTING), _first(roles, ARRIVING)
        counted = combine(key.protocol, departure, arrival)
        sums = counted.sums
        if target.kind is PeerKind.EXTERNAL:
            # What leaves the mesh is no part of the share of its mutual TLS.
            sums = structs.replace(sums, unjudged=None, unjudged_bytes=None)
        return Edge(
            source=source,
            destination=target,
            protocol=key.protocol,
            sums=sums,
            codes=counted.codes,
            flags=counted.flags,
            reports={
                role: report.requests if report.has_requests else report.connections
                for role in (sorted(roles) if len(roles) > 1 else roles)
                if (report := roles[role]).has_requests or report.has_connections or report.has_bytes
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
        """A workload's kind, app and version, from its own telemetry, else from the inventory."""
        app, version = self._ledger.told_of(place)
        known = self._ledger.peer(place)
        return known.kind, app or known.app, version or known.version

    def _is_external(self, cluster: str, service: str) -> bool:
        """Whether a host is outside the mesh: by its ServiceEntry, else if it is not a Kubernetes name."""
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
    for name in names:
        if name in roles:
            return roles[name]
    return None


def _disagreement(departure: EdgeReport | None, arrival: EdgeReport | None) -> float | None:
    """|source - destination| / the larger one; None without two reports, or when neither counted anything."""
    if departure is None or arrival is None:
        return None
    if departure.has_requests or arrival.has_requests or (departure.connections and arrival.connections):
        left = departure.requests if departure.has_requests else departure.connections
        right = arrival.requests if arrival.has_requests else arrival.connections
    else:
        left, right = departure.volume, arrival.volume
    larger = left if left >= right else right
    return abs(left - right) / larger if larger > 0 else None
