"""Combines the reports of the caller's side and the called side into one count.

For each code and flag the larger count is taken: an error that only the client's proxy saw (a broken connection) is
real, and a server side on which not all pods report counts too little. A call that ends with different codes on the two
sides (the client gave up, the server's response came too late) is counted once, with the client's code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

from msgspec import Struct

from meshtop.analysis.traffic.flags import NO_RESPONSE, is_error, is_success
from meshtop.analysis.traffic.reports import EdgeReport, histogram
from meshtop.model.traffic import Sums

_MISSED = 0.5
"""A server side that counted less than this share does not cover all pods; then the client's durations are used."""
_ROUNDING = 1e-9

Counts = dict[str, float]


class Counted(Struct, frozen=True):
    """The sums of an edge and its rates by code and by flag; code "" means an unknown outcome."""

    sums: Sums
    codes: Counts
    flags: Counts


def combine(protocol: str, departure: EdgeReport | None, arrival: EdgeReport | None) -> Counted:
    """The counts of an edge reported by the caller's side, the called side or both."""
    sides = [report for report in (arrival, departure) if report is not None]
    codes = combined_codes(protocol, departure, arrival)
    requests = fsum(codes.values()) if any(report.has_requests for report in sides) else None
    lost = departure.lost_connections if departure else 0.0
    connections = [
        report.connections + (lost if report is arrival else 0.0) for report in sides if report.has_connections
    ]
    fullest = max(sides, key=lambda report: report.sent + report.received)
    timed = _timed(departure, arrival)
    sure = next((report for report in sides if report.judged), None)
    sure_bytes = next((report for report in sides if report.judged_bytes), None)
    return Counted(
        sums=Sums(
            requests=requests,
            errors=None if requests is None else fsum(rate for code, rate in codes.items() if is_error(protocol, code)),
            unknown=codes.get("") or None,
            buckets=histogram(timed.buckets) if timed else Sums().buckets,
            duration_sum_ms=timed.duration_sum if timed else None,
            sent=fullest.sent if fullest.has_bytes else None,
            received=fullest.received if fullest.has_bytes else None,
            connections=max(connections, default=None),
            messages_sent=_largest(sides, "messages_sent"),
            messages_received=_largest(sides, "messages_received"),
            request_bytes=_largest(sides, "request_bytes"),
            response_bytes=_largest(sides, "response_bytes"),
            secured=sure.secured if sure else None,
            judged=sure.judged if sure else None,
            unjudged=_unjudged(sure or sides[0]),
            secured_bytes=sure_bytes.secured_bytes if sure_bytes else None,
            judged_bytes=sure_bytes.judged_bytes if sure_bytes else None,
            unjudged_bytes=_unjudged_bytes(sure_bytes or fullest),
        ),
        codes=codes,
        flags=_combined_flags(departure, arrival),
    )


def _unjudged(report: EdgeReport) -> float | None:
    """The requests of a report of which it does not say how they came; what never arrived has not come at all."""
    rest = report.requests - report.lost_requests - report.judged
    return rest if rest > _ROUNDING * report.requests else None


def _unjudged_bytes(report: EdgeReport) -> float | None:
    rest = report.sent + report.received - report.judged_bytes
    return rest if rest > _ROUNDING * (report.sent + report.received) else None


def combined_codes(protocol: str, departure: EdgeReport | None, arrival: EdgeReport | None) -> Counts:
    """Requests per second by outcome; the remainder with an unknown outcome is under "".

    Requests that the client's own proxy ended are added to those that arrived, since no server can have counted them.
    """
    if departure is None or arrival is None:
        only = departure or arrival
        return dict(only.codes) if only else {}
    theirs = dict(arrival.codes)
    for code, rate in departure.lost_codes.items():
        theirs[code] = theirs.get(code, 0.0) + rate
    mine = departure.codes
    once = max(departure.requests, arrival.requests + departure.lost_requests)
    unknown = bool(mine.get("") or theirs.get(""))
    codes = {code: max(mine.get(code, 0.0), theirs.get(code, 0.0)) for code in sorted({*mine, *theirs} - {""})}
    twice = fsum(codes.values()) - once
    if twice > 0 and not mine.get(""):
        _count_once(protocol, codes, mine, twice)
    if unknown:
        left = once - fsum(codes.values())
        if left > _ROUNDING * once:
            codes[""] = left
    return codes


def _count_once(protocol: str, codes: Counts, mine: Mapping[str, float], twice: float) -> None:
    """Subtract requests that the server counted under another code than the client: successes and missing responses."""
    beyond = {
        code: rate - mine.get(code, 0.0)
        for code, rate in codes.items()
        if (code == NO_RESPONSE or is_success(protocol, code)) and rate > mine.get(code, 0.0)
    }
    total = sum(beyond.values())
    for code, rate in beyond.items():
        codes[code] -= min(1.0, twice / total) * rate
        if codes[code] <= _ROUNDING * rate:
            del codes[code]


def _combined_flags(departure: EdgeReport | None, arrival: EdgeReport | None) -> Counts:
    mine = departure.flags if departure else {}
    theirs = dict(arrival.flags) if arrival else {}
    if arrival is not None and departure is not None:
        for flag, rate in departure.lost_flags.items():
            theirs[flag] = theirs.get(flag, 0.0) + rate
    flags = {flag: max(mine.get(flag, 0.0), theirs.get(flag, 0.0)) for flag in sorted({*mine, *theirs})}
    if departure is not None and arrival is not None and ("" not in mine or "" not in theirs):
        flags.pop("", None)  # One side knows the flags.
    return flags


def _timed(departure: EdgeReport | None, arrival: EdgeReport | None) -> EdgeReport | None:
    """The side whose durations are used: the server's, unless it has none or does not see most of the calls."""
    if arrival is None or not arrival.buckets:
        return departure if departure is not None and departure.buckets else arrival or departure
    if departure is not None and departure.buckets and arrival.volume < _MISSED * departure.volume:
        return departure
    return arrival


def _largest(sides: Sequence[EdgeReport], name: str) -> float | None:
    return max((value for report in sides if (value := getattr(report, name)) is not None), default=None)
