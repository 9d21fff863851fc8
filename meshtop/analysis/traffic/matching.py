"""Matches the two reports of one call by ends and protocol, although host name, cluster or app may differ.

A client's proxy reports the requested host; a server's proxy reports the first service of its port, ztunnel guesses
one, and both may report none (istio#46961). So names only tell which of a workload's services was requested; different
names never make two calls out of one. Every step takes reports by edge and returns new ones, or the identical ones
where their keys and reporters leave it nothing to do, whatever was counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

from msgspec import structs

from meshtop.analysis.traffic.counting import Ledger
from meshtop.analysis.traffic.figures import InTurns
from meshtop.analysis.traffic.naming import BLACK_HOLE, CATCH_ALLS
from meshtop.analysis.traffic.reports import ARRIVING, DEPARTING, UNSAID, EdgeKey, EdgeReport, SourceKey, WorkloadPlace

Roles = Mapping[str, EdgeReport]
"""The reports of one edge by reporter: "source", "gateway", "destination", "waypoint"."""
Reports = Mapping[EdgeKey, Roles]
_Ends = tuple[SourceKey, WorkloadPlace, str]

_NOISE = 0.1
"""Excess of the called side over its callers, up to this share, is attributed to different scrape times."""


def place_guessed_ends(ledger: Ledger) -> Reports:
    """Fill in clusters that one reporter did not know from the other reporter.

    Where neither knows it, take the only cluster whose inventory has the workload, else the reporter's own.
    """
    open_ends = [
        key for key in ledger.reports if key.source.place.cluster == UNSAID or key.target.place.cluster == UNSAID
    ]
    if not open_ends:
        return ledger.reports
    reports: dict[EdgeKey, Roles] = dict(ledger.reports)
    for key in open_ends:
        del reports[key]
    told: dict[tuple[object, ...], list[EdgeKey]] = {}
    for key in reports:
        for end in ("source", "target"):
            told.setdefault(_without_cluster(key, end), []).append(key)
    for key in sorted(open_ends):
        end, others = ("source", DEPARTING) if key.source.place.cluster == UNSAID else ("target", ARRIVING)
        candidates = [
            there for there in told.get(_without_cluster(key, end), ()) if has_any(ledger.reports[there], others)
        ]
        candidates = [there for there in candidates if there.target.service == key.target.service] or candidates
        if candidates:
            shares = call_shares({there: ledger.reports[there] for there in candidates}, others)
        else:
            shares = [(_placed(key, end, ledger.likely_home(key, end)), 1.0)]
        for there, share in shares:
            reports[there] = merged(reports.get(there, {}), ledger.reports[key], share)
    return reports


def _without_cluster(key: EdgeKey, end: str) -> tuple[object, ...]:
    source, target = key.source.place, key.target.place
    if end == "source":
        return (end, source.namespace, source.workload, key.source.app, target, key.target.app, key.protocol)
    return (end, key.source, target.namespace, target.workload, key.target.app, key.protocol)


def _placed(key: EdgeKey, end: str, cluster: str) -> EdgeKey:
    side = getattr(key, end)
    return structs.replace(key, **{end: structs.replace(side, place=structs.replace(side.place, cluster=cluster))})


def join_half_known_sources(
    reports: Reports, app_of: Callable[[WorkloadPlace], str], in_turns: InTurns = iter
) -> Reports:
    """Attribute calls from an app whose workload the server's proxy did not know to workloads that reported them."""
    half = [key for key in in_turns(reports) if key.source.app and not has_any(reports[key], DEPARTING)]
    if not half:
        return reports
    joined = dict(reports)
    for key in sorted(half):
        callers = {
            other: reports[other]
            for other in reports
            if other.target.place == key.target.place
            and other.protocol == key.protocol
            and other.source.place.workload
            and other.source.place.namespace == key.source.place.namespace
            and other.source.place.cluster == key.source.place.cluster
            and has_any(reports[other], DEPARTING)
            and not has_any(reports[other], ARRIVING)
            and app_of(other.source.place) == key.source.app
        }
        for there, share in call_shares(callers, DEPARTING):
            joined[there] = merged(joined[there], reports[key], share)
        if callers:
            del joined[key]
    return joined


def match_names(
    reports: Reports,
    rank: Callable[[str], int],
    is_hop: Callable[[WorkloadPlace], bool],
    in_turns: InTurns = iter,
) -> Reports:
    """Merge the reports of one pair of ends under the service names of the side that knows them best.

    If both know as much, the client's names are used, since the client chooses the service. The other side's count
    under a name goes to that name up to the naming side's count, the rest to names with missing counts. A hop forwards
    to many services, so there the names do distinguish calls.
    """
    ends: dict[_Ends, list[EdgeKey]] = {}
    for key in in_turns(reports):
        if key.target.place.workload and not is_hop(key.target.place):
            ends.setdefault((key.source, key.target.place, key.protocol), []).append(key)
    several = [keys for keys in ends.values() if len(keys) > 1]
    if not several:
        return reports
    matched = dict(reports)
    for keys in in_turns(several):
        told = {key: matched.pop(key) for key in sorted(keys)}
        matched.update(_named(told, rank))
    return matched


def _named(told: Reports, rank: Callable[[str], int]) -> dict[EdgeKey, Roles]:
    best = max(rank(key.target.service) for key in told)
    known = [key for key in told if rank(key.target.service) == best]
    departing = [key for key in known if has_any(told[key], DEPARTING)]
    naming, others = (departing, ARRIVING) if departing else (known, DEPARTING)
    side = DEPARTING if departing else ARRIVING
    named: dict[EdgeKey, Roles] = {key: _only(told[key], side) for key in naming}
    size = {key: _size(named[key], side) for key in naming}
    total = sum(size.values())
    even = {key: size[key] / total if total else 1.0 / len(naming) for key in naming}
    for key in told:  # What the naming side itself says under a worse name.
        if key not in size and (more := _only(told[key], side)):
            for name, share in even.items():
                named[name] = merged(named[name], more, share)
    _give_across(told, others, named, side, even)
    return named


def _give_across(
    told: Reports,
    others: Sequence[str],
    named: dict[EdgeKey, Roles],
    side: Sequence[str],
    even: Mapping[EdgeKey, float],
) -> None:
    """Distribute the other side's reports to the names: equal names first, the rest where counts are missing."""
    wanted = {key: _size(roles, side) for key, roles in named.items()}
    lacking = dict(wanted)
    rest: list[tuple[EdgeKey, Roles, float, float]] = []
    for key in told:
        more = _only(told[key], others)
        if not more:
            continue
        size = _size(more, others)
        kept = min(size, wanted.get(key, 0.0)) / size if size else float(key in wanted)
        if kept:
            named[key] = merged(named[key], more, kept)
            lacking[key] -= kept * size
        if kept < 1.0:
            rest.append((key, more, 1.0 - kept, size))
    spare, short = sum(left * size for _, _, left, size in rest), sum(lacking.values())
    fill = min(1.0, short / spare) if spare > 0 else 0.0
    for key, more, left, _ in rest:
        for name, lack in lacking.items():
            if fill and lack > 0:
                named[name] = merged(named[name], more, left * fill * lack / short)
        surplus = left * (1.0 - fill)
        if surplus > 0:
            for name, share in ({key: 1.0} if key in wanted else even).items():
                if share > 0:
                    named[name] = merged(named[name], more, surplus * share)


def join_passed_through(reports: Reports, leaving: Set[SourceKey] = frozenset()) -> Reports:
    """Remove calls to pod addresses from the calls that a client reported as PassthroughCluster.

    The client's proxy reports only that the request left; the server's proxy reports the server. The amount that
    arrived at workloads from this client, and that no other report of the client accounts for, is moved to them; the
    rest left the mesh. For callers in `leaving`, with observed requests to outside hosts by name, everything counts as
    having left: their calls to addresses cannot be distinguished.
    """
    left = [
        key
        for key, roles in reports.items()
        if not key.target.place.workload
        and key.target.service in CATCH_ALLS
        and key.target.service != BLACK_HOLE
        and key.source not in leaving
        and has_any(roles, DEPARTING)
    ]
    if not left:
        return reports
    callers = {(key.source, key.protocol) for key in left}
    arrived: dict[tuple[SourceKey, str], dict[EdgeKey, float]] = {}
    for key, roles in reports.items():
        caller = (key.source, key.protocol)
        if caller in callers and key.target.place.workload and has_any(roles, ARRIVING):
            beyond = _size(roles, ARRIVING) - _size(roles, DEPARTING)
            if beyond > _NOISE * _size(roles, ARRIVING):
                arrived.setdefault(caller, {})[key] = beyond
    joined = dict(reports)
    for key in sorted(left):
        there = arrived.get((key.source, key.protocol))
        size = _size(reports[key], DEPARTING)
        if not there or not size:
            continue
        delivered = {role: report.without_lost() for role, report in reports[key].items()}
        passed = _size(delivered, DEPARTING)
        total = sum(there.values())
        taken = min(passed, total)
        if taken <= 0:
            continue
        for end, beyond in there.items():
            joined[end] = merged(joined[end], delivered, taken / passed * beyond / total)
        rest = {role: report.without_lost().times(1.0 - taken / passed) for role, report in reports[key].items()}
        lost = {
            role: report.only_lost()
            for role, report in reports[key].items()
            if report.lost_requests or report.lost_connections
        }
        outside = merged(rest, lost) if passed - taken > _NOISE * taken else lost
        if outside:
            joined[key] = outside
        else:
            del joined[key]
    return joined


def has_any(roles: Roles, names: Sequence[str]) -> bool:
    """Whether one of these reporters reported the edge."""
    return not roles.keys().isdisjoint(names)


def call_shares(ends: Reports, names: Sequence[str]) -> list[tuple[EdgeKey, float]]:
    """Shares of calls among edges by these reporters' counts; even where they counted nothing."""
    sizes = {key: _size(roles, names) for key, roles in ends.items()}
    total = sum(sizes.values())
    return [(key, size / total if total else 1.0 / len(sizes)) for key, size in sizes.items()]


def merged(roles: Roles, more: Roles, share: float = 1.0) -> Roles:
    """Reports with a share of other ones added, role by role."""
    added = {
        role: roles.get(role, EdgeReport(plain_if_unknown=report.plain_if_unknown)).plus(report, share)
        for role, report in more.items()
    }
    return {**roles, **added}


def _only(roles: Roles, names: Sequence[str]) -> Roles:
    return {role: report for role, report in roles.items() if role in names}


def _size(roles: Roles, names: Sequence[str]) -> float:
    """The count of one side: its largest report, because each reporter of a side reports all calls."""
    return max((roles[role].volume for role in names if role in roles), default=0.0)
