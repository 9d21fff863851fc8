"""Joining what belongs to one logical edge: hops through waypoints and gateways, and half-known destinations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from meshtop.analysis.traffic.counting import Ledger
from meshtop.analysis.traffic.reports import EdgeKey, Report, SourceId, TargetId
from meshtop.model.traffic import PeerKind

DEPARTING = ("source", "gateway")
ARRIVING = ("destination", "waypoint")
Reports = dict[EdgeKey, dict[str, Report]]
Hops = dict[EdgeKey, set[str]]
_Place = tuple[str, str, str]
_Way = tuple[_Place, str]
"""A hop and the service that is asked for through it."""


class _Kind(Enum):
    """What stands between a client and a server."""

    NONE = 0
    WAYPOINT = 1
    EAST_WEST = 2


def stitch(ledger: Ledger) -> tuple[Reports, Hops]:
    """The logical edges of a ledger, and the hops that each one passes through."""
    reports = {key: dict(roles) for key, roles in ledger.reports.items()}
    hops: Hops = {}
    memo: dict[_Place, _Kind] = {}

    def kind_of(place: _Place) -> _Kind:
        kind = memo.get(place)
        if kind is None:
            home = ledger.clusters.get(place[0])
            if home is not None and place[1:] in home.east_west:
                kind = _Kind.EAST_WEST
            else:
                kind = _Kind.WAYPOINT if ledger.peer(*place).kind is PeerKind.WAYPOINT else _Kind.NONE
            memo[place] = kind
        return kind

    _join_hops(reports, hops, kind_of)
    _join_half_known(reports)
    _name_gateways_between_networks(ledger, reports, hops)
    return reports, hops


def _join_hops(reports: Reports, hops: Hops, kind_of: Callable[[_Place], _Kind]) -> None:
    """Replace client → hop and hop → server by client → server.

    A waypoint, or a server behind a gateway, that reports the whole way itself wins: then the segments only name
    the hop, and their bytes are dropped, because L4 bytes of a tunnel are not added to the requests inside it.
    """
    into: dict[_Way, list[EdgeKey]] = {}
    out_of: dict[_Way, list[EdgeKey]] = {}
    for key in reports:
        source, target, protocol = key
        service = target[4]
        leaves = kind_of(source[:3])
        if kind_of(target[:3]) is not _Kind.NONE:
            if service and not _own_service(target):
                into.setdefault((target[:3], service), []).append(key)
        elif leaves is _Kind.WAYPOINT or (leaves is _Kind.EAST_WEST and protocol == "tcp"):
            # An east-west gateway passes TCP through; what it answers in HTTP is its own, as an ingress.
            out_of.setdefault((source[:3], service), []).append(key)
    if not into and not out_of:
        return
    whole = _whole_ways(reports, set().union(*into.values(), *out_of.values()))
    for way in sorted(into.keys() | out_of.keys()):
        hop, service = way
        name = "/".join(hop)
        segments, onward = into.get(way, []), out_of.get(way, [])
        told = [key for key in whole.get(service, ()) if _told_by_hop(reports, key, hop)]
        for key in segments:
            roles = reports.pop(key)
            ends = [k for k in whole.get(service, ()) if k[0] == key[0] and k[1][0] == hop[0]]
            if ends:
                _credit(reports, [k for k in ends if k[2] == key[2]], roles)
                told += ends
            elif not (told and kind_of(key[0][:3]) is not _Kind.NONE):
                for end, share in _shares(reports, onward, key):
                    _put(reports, end, roles, share)
                    hops.setdefault(end, set()).add(name)
        for key in told:
            hops.setdefault(key, set()).add(name)
        if segments or told:
            for key in onward:
                reports.pop(key, None)


def _own_service(target: TargetId) -> bool:
    """Whether the service asked for is the hop's own."""
    return target[4].split(".", 1)[0] == target[2]


def _whole_ways(reports: Reports, segments: set[EdgeKey]) -> dict[str, list[EdgeKey]]:
    """Edges that somebody at the far end reported from client to server, by service."""
    whole: dict[str, list[EdgeKey]] = {}
    for key, roles in reports.items():
        if key not in segments and key[1][2] and any(role in roles for role in ARRIVING):
            whole.setdefault(key[1][4], []).append(key)
    return whole


def _told_by_hop(reports: Reports, key: EdgeKey, hop: _Place) -> bool:
    """Whether the edge was reported by this waypoint, or crosses into the cluster of this gateway."""
    source, target, _ = key
    if target[0] != hop[0]:
        return False
    return "waypoint" in reports.get(key, ()) or source[0] != hop[0]


def _credit(reports: Reports, ends: list[EdgeKey], roles: dict[str, Report]) -> None:
    """Give the client's own report of the segment to the whole ways that lack one, so that both can be compared."""
    lacking = [key for key in ends if not any(role in reports[key] for role in DEPARTING)]
    total = sum(_arrived(reports[key]) for key in lacking)
    for role, report in roles.items():
        if role in DEPARTING and lacking:
            for key in lacking:
                share = _arrived(reports[key]) / total if total else 1.0 / len(lacking)
                reports[key].setdefault(role, Report(report.plain_if_unknown)).add(report, share)


def _arrived(roles: dict[str, Report]) -> float:
    return max((roles[role].volume for role in ARRIVING if role in roles), default=0.0)


def _shares(reports: Reports, onward: Iterable[EdgeKey], segment: EdgeKey) -> list[tuple[EdgeKey, float]]:
    """Where a segment leads, by the shares of the hop's own onward traffic; to the service where that is unknown."""
    source, target, protocol = segment
    weights: dict[TargetId, float] = {}
    for key in onward:
        if key[2] == protocol and key in reports:
            weights[key[1]] = weights.get(key[1], 0.0) + max((r.volume for r in reports[key].values()), default=0.0)
    total = sum(weights.values())
    if total:
        return [((source, end, protocol), weight / total) for end, weight in weights.items() if weight]
    service = target[4]
    namespace = service.split(".", 1)[1] if service.count(".") == 1 else target[1]
    return [((source, (target[0], namespace, "", "", service), protocol), 1.0)]


def _put(reports: Reports, key: EdgeKey, roles: dict[str, Report], share: float) -> None:
    into = reports.setdefault(key, {})
    for role, report in roles.items():
        into.setdefault(role, Report(report.plain_if_unknown)).add(report, share)


def _join_half_known(reports: Reports) -> None:
    """A source that knows only the service, and destinations that nobody's source has claimed, tell of one request.

    What the source's own proxy ended (no healthy host, no route) stays on the edge to the service: it reached nobody.
    """
    unclaimed: dict[tuple[SourceId, str, str], list[EdgeKey]] = {}
    half: list[EdgeKey] = []
    for key, roles in reports.items():
        source, target, protocol = key
        departs = any(role in roles for role in DEPARTING)
        if target[2]:
            if not departs and any(role in roles for role in ARRIVING):
                unclaimed.setdefault((source, target[4], protocol), []).append(key)
        elif departs and target[4] and not target[3]:
            half.append(key)
    for key in half:
        ends = unclaimed.get((key[0], key[1][4], key[2]))
        if not ends:
            continue
        roles = reports[key]
        if any(role in roles for role in ARRIVING):
            continue
        total = sum(_arrived(reports[end]) for end in ends)
        lost: dict[str, Report] = {}
        for role, report in roles.items():
            delivered = report.without_lost()
            for end in ends:
                share = _arrived(reports[end]) / total if total else 1.0 / len(ends)
                reports[end].setdefault(role, Report(report.plain_if_unknown)).add(delivered, share)
            if report.lost_requests or report.lost_connections:
                lost[role] = report.only_lost()
        if lost:
            reports[key] = lost
        else:
            del reports[key]


def _name_gateways_between_networks(ledger: Ledger, reports: Reports, hops: Hops) -> None:
    """An edge into another network passes that network's east-west gateway, whether or not it reported."""
    for key in reports:
        here, there = ledger.clusters.get(key[0][0]), ledger.clusters.get(key[1][0])
        if here is None or there is None or here is there or not there.east_west or not key[1][2]:
            continue
        if here.network and there.network and here.network != there.network:
            hops.setdefault(key, set()).update(f"{there.name}/{'/'.join(gateway)}" for gateway in there.east_west)
