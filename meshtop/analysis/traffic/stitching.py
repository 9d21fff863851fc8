"""Joins reports of one logical edge: hops through waypoints and gateways, and incompletely known destinations.

Every step takes reports by edge and returns new ones, or the identical ones where their keys and reporters leave it
nothing to do, whatever was counted; its input is not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from msgspec import Struct, field

from meshtop.analysis.traffic.counting import Ledger
from meshtop.analysis.traffic.figures import InTurns
from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.analysis.traffic.matching import (
    Reports,
    Roles,
    call_shares,
    has_any,
    join_half_known_sources,
    join_passed_through,
    match_names,
    merged,
    place_guessed_ends,
)
from meshtop.analysis.traffic.reports import ARRIVING, DEPARTING, EdgeKey, SourceKey, TargetKey, WorkloadPlace
from meshtop.model.traffic import PeerKind

Hops = Mapping[EdgeKey, Collection[str]]
"""The hops that an edge passes through, as `cluster/namespace/workload`."""


class HopKind(Enum):
    """Kind of a hop between a client and a server."""

    NONE = 0
    WAYPOINT = 1
    EAST_WEST = 2


class Way(NamedTuple):
    """A hop and the service requested through it."""

    hop: WorkloadPlace
    service: str


class Segments(Struct, frozen=True):
    """The two halves of the edges that pass one hop: client → hop, and hop → server."""

    into: list[EdgeKey] = field(default_factory=list)
    onward: list[EdgeKey] = field(default_factory=list)


class Stitched(NamedTuple):
    """Logical edges with the hops that they pass through."""

    reports: Reports
    hops: Hops


def stitch(ledger: Ledger) -> Stitched:
    """The logical edges of a ledger, and the hops that each one passes through.

    The ledger's identical reports mean that nothing was joined, and that nothing will be, with the same hops, while the
    ledger's names are the same.
    """
    kind_of = _hop_kinds(ledger)
    reports = place_guessed_ends(ledger)
    ledger.between()
    reports = join_half_known_sources(reports, ledger.app_of, ledger.in_turns)
    ledger.between()
    reports = match_names(reports, ledger.rank, lambda place: kind_of(place) is not HopKind.NONE, ledger.in_turns)
    ledger.between()
    reports, hops = join_hops(reports, kind_of, ledger.in_turns)
    ledger.between()
    reports = merge_service_only_edges(reports, ledger.app_of)
    ledger.between()
    reports = join_passed_through(reports, ledger.outside)
    ledger.between()
    return Stitched(reports, _union(hops, gateways_between_networks(reports, ledger.clusters)))


def _hop_kinds(ledger: Ledger) -> Callable[[WorkloadPlace], HopKind]:
    """A cached function: the hop kind of a place by the inventory."""
    memo: dict[WorkloadPlace, HopKind] = {}

    def kind_of(place: WorkloadPlace) -> HopKind:
        kind = memo.get(place)
        if kind is None:
            home = ledger.clusters.get(place.cluster)
            if home is not None and (place.namespace, place.workload) in home.east_west:
                kind = HopKind.EAST_WEST
            else:
                kind = HopKind.WAYPOINT if ledger.peer(place).kind is PeerKind.WAYPOINT else HopKind.NONE
            memo[place] = kind
        return kind

    return kind_of


def join_hops(reports: Reports, kind_of: Callable[[WorkloadPlace], HopKind], in_turns: InTurns = iter) -> Stitched:
    """Replace client → hop and hop → server by client → server.

    A waypoint, or a server behind a gateway, that reports from end to end takes precedence: then the segments only name
    the hop, and their bytes are dropped, because L4 bytes of a tunnel are not added to the requests inside it.
    """
    ways = find_segments(in_turns(reports), kind_of)
    if not ways:
        return Stitched(reports, {})
    into = {key for segments in ways.values() for key in segments.into}
    last = _last_segments_of_unknown_service(ways)
    whole = end_to_end(reports, into.union(*(segments.onward for segments in ways.values())))
    joined = {key: roles for key, roles in reports.items() if key not in into}
    hops: dict[EdgeKey, set[str]] = {}
    for way in sorted(ways):
        segments = ways[way]
        onward_keys = segments.onward or last.get(way.hop, [])
        seen = [key for key in whole.get(way.service, ()) if _reported_by_hop(key, joined[key], way.hop)]
        for segment in segments.into:
            ends = [
                key
                for key in whole.get(way.service, ())
                if key.source == segment.source and key.target.place.cluster == way.hop.cluster
            ]
            if ends:
                same = {key: joined[key] for key in ends if key.protocol == segment.protocol}
                joined |= credit_client(same, reports[segment])
                seen += ends
            elif not seen or kind_of(segment.source.place) is HopKind.NONE:
                # Where the hop reports from end to end, a segment between two hops is counted there already.
                onward = {key: reports[key] for key in onward_keys}
                for end, share in onward_shares(segment, onward):
                    joined[end] = merged(joined.get(end, {}), reports[segment], share)
                    hops.setdefault(end, set()).add(way.hop.path)
        for key in seen:
            hops.setdefault(key, set()).add(way.hop.path)
        if segments.into or seen:
            for key in segments.onward:
                joined.pop(key, None)
    _drop_last_segments(joined, hops, last)
    return Stitched(joined, hops)


def _last_segments_of_unknown_service(ways: Mapping[Way, Segments]) -> dict[WorkloadPlace, list[EdgeKey]]:
    """Segments from a hop to a server under a service name that no client requested from this hop.

    The ztunnel of a server does not know which service a waypoint was asked for, and guesses one or none.
    """
    entered = {way.hop for way, segments in ways.items() if segments.into}
    last: dict[WorkloadPlace, list[EdgeKey]] = {}
    for way, segments in ways.items():
        if not segments.into and way.hop in entered:
            last.setdefault(way.hop, []).extend(segments.onward)
    return last


def _drop_last_segments(
    joined: dict[EdgeKey, Roles],
    hops: Mapping[EdgeKey, Collection[str]],
    last: Mapping[WorkloadPlace, Sequence[EdgeKey]],
) -> None:
    """Remove last segments whose servers are ends of logical edges through that hop, which already count them."""
    reached: dict[str, set[WorkloadPlace]] = {}
    for key, passed in hops.items():
        for hop in passed:
            reached.setdefault(hop, set()).add(key.target.place)
    for place, keys in last.items():
        for key in keys:
            if key.target.place in reached.get(place.path, ()):
                joined.pop(key, None)


def find_segments(keys: Iterable[EdgeKey], kind_of: Callable[[WorkloadPlace], HopKind]) -> dict[Way, Segments]:
    """The edges that end or begin at a hop, by hop and requested service.

    An east-west gateway only passes TCP through; its HTTP requests are its own, as an ingress.
    """
    ways: dict[Way, Segments] = {}
    for key in keys:
        source, target = key.source.place, key.target.place
        if kind_of(target) is not HopKind.NONE:
            service = key.target.service
            own = service.split(".", 1)[0] == target.workload
            if service and not own:
                ways.setdefault(Way(target, service), Segments()).into.append(key)
            continue
        leaves = kind_of(source)
        if leaves is HopKind.WAYPOINT or (leaves is HopKind.EAST_WEST and key.protocol == "tcp"):
            ways.setdefault(Way(source, key.target.service), Segments()).onward.append(key)
    return ways


def end_to_end(reports: Reports, segments: Collection[EdgeKey]) -> dict[str, list[EdgeKey]]:
    """Edges from client to server that were reported at the far end, by service."""
    whole: dict[str, list[EdgeKey]] = {}
    for key, roles in reports.items():
        if key not in segments and key.target.place.workload and has_any(roles, ARRIVING):
            whole.setdefault(key.target.service, []).append(key)
    return whole


def _reported_by_hop(key: EdgeKey, roles: Roles, hop: WorkloadPlace) -> bool:
    """Whether the edge was reported by this waypoint, or crosses into the cluster of this gateway."""
    if key.target.place.cluster != hop.cluster:
        return False
    return "waypoint" in roles or key.source.place.cluster != hop.cluster


def credit_client(ends: Reports, segment: Roles) -> dict[EdgeKey, Roles]:
    """Edges without a client's report, with a share of the segment's, so that both sides can be compared."""
    told = {role: report for role, report in segment.items() if role in DEPARTING}
    lacking = {key: roles for key, roles in ends.items() if not has_any(roles, DEPARTING)}
    if not told:
        return {}
    return {key: merged(lacking[key], told, share) for key, share in call_shares(lacking, ARRIVING)}


def onward_shares(segment: EdgeKey, onward: Reports) -> list[tuple[EdgeKey, float]]:
    """Targets of a segment with shares, by the hop's own onward traffic; the bare service where that is unknown."""
    weights: dict[TargetKey, float] = {}
    for key, roles in onward.items():
        if key.protocol == segment.protocol:
            weights[key.target] = weights.get(key.target, 0.0) + max((r.volume for r in roles.values()), default=0.0)
    total = sum(weights.values())
    if total:
        return [
            (EdgeKey(segment.source, target, segment.protocol), weight / total)
            for target, weight in weights.items()
            if weight
        ]
    place, service = segment.target.place, segment.target.service
    namespace = service.split(".", 1)[1] if service.count(".") == 1 else place.namespace
    target = TargetKey(WorkloadPlace(place.cluster, namespace, ""), service=service)
    return [(EdgeKey(segment.source, target, segment.protocol), 1.0)]


def merge_service_only_edges(reports: Reports, app_of: Callable[[WorkloadPlace], str] = lambda place: "") -> Reports:
    """Merge a source's report that names only the service or app with destinations that no source reported.

    Requests that the source's own proxy ended (no healthy host, no route) stay on the edge to the service.
    """
    unclaimed: dict[tuple[SourceKey, str], list[EdgeKey]] = {}
    half_known: list[EdgeKey] = []
    for key, roles in reports.items():
        departs, arrives = has_any(roles, DEPARTING), has_any(roles, ARRIVING)
        if key.target.place.workload:
            if arrives and not departs:
                unclaimed.setdefault((key.source, key.protocol), []).append(key)
        elif departs and not arrives and (key.target.service or key.target.app):
            half_known.append(key)
    whose = [
        (key, ends)
        for key in half_known
        if (ends := _ends_of(key.target, unclaimed.get((key.source, key.protocol), ()), app_of))
    ]
    if not whose:
        return reports
    joined = dict(reports)
    for key, ends in whose:
        delivered = {role: report.without_lost() for role, report in reports[key].items()}
        for end, share in call_shares({end: joined[end] for end in ends}, ARRIVING):
            joined[end] = merged(joined[end], delivered, share)
        lost = {
            role: report.only_lost()
            for role, report in reports[key].items()
            if report.lost_requests or report.lost_connections
        }
        if lost:
            joined[key] = lost
        else:
            del joined[key]
    return joined


def _ends_of(target: TargetKey, unclaimed: Sequence[EdgeKey], app_of: Callable[[WorkloadPlace], str]) -> list[EdgeKey]:
    """The edges that an incompletely known target may refer to: by service, by app, or with an unnamed service."""
    if target.app:
        return [
            key
            for key in unclaimed
            if key.target.place.namespace == target.place.namespace and app_of(key.target.place) == target.app
        ]
    named = [key for key in unclaimed if key.target.service == target.service]
    return named or [
        key for key in unclaimed if not key.target.service and key.target.place.namespace == target.place.namespace
    ]


def gateways_between_networks(
    keys: Iterable[EdgeKey], clusters: Mapping[str, ClusterTraffic]
) -> dict[EdgeKey, list[str]]:
    """The east-west gateways of the network that each edge leads into, whether or not they reported."""
    found: dict[EdgeKey, list[str]] = {}
    for key in keys:
        if not key.target.place.workload or key.source.place.cluster == key.target.place.cluster:
            continue
        here, there = clusters.get(key.source.place.cluster), clusters.get(key.target.place.cluster)
        if here and there and there.east_west and here.network and there.network and here.network != there.network:
            found[key] = [f"{there.name}/{'/'.join(gateway)}" for gateway in there.east_west]
    return found


def _union(hops: Hops, more: Hops) -> Hops:
    return {key: {*hops.get(key, ()), *more.get(key, ())} for key in {**hops, **more}}
