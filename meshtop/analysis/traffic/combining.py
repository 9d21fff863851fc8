"""Combines the reports of the caller's side and the called side into one count.

For each code and flag the larger count is taken: an error that only the client's proxy saw (a broken connection) is
real, and a server side on which not all pods report counts too little. A call that ends with different codes on the two
sides (the client gave up, the server's response came too late) is counted once, with the client's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import fsum

from msgspec import Struct

from meshtop.analysis.traffic.flags import NO_RESPONSE, is_error, is_success
from meshtop.analysis.traffic.reports import EdgeReport, histogram
from meshtop.model.traffic import Buckets, Sums

_MISSED = 0.5
"""A server side that counted less than this share does not cover all pods; then the client's durations are used."""
_ROUNDING = 1e-9
_NO_BUCKETS = Buckets()
_MOST_CODES = 1_000
"""Codes come from outside: no more are remembered."""


class _Errors(dict[str, bool]):
    """Whether each code of a protocol counts as an error: there are few codes, and many edges."""

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol

    def __missing__(self, code: str) -> bool:
        found = is_error(self._protocol, code)
        if len(self) < _MOST_CODES:
            self[code] = found
        return found


_errors_of = lru_cache(64)(_Errors)

Counts = dict[str, float]


class Counted(Struct, frozen=True, gc=False):
    """The sums of an edge and its rates by code and by flag; code "" means an unknown outcome."""

    sums: Sums
    codes: Counts
    flags: Counts


def combine(protocol: str, departure: EdgeReport | None, arrival: EdgeReport | None) -> Counted:
    """The counts of an edge reported by the caller's side, the called side or both."""
    # For ten thousand edges at a refresh: `one` is the called side where it reported, `other` the caller's.
    one, other = (arrival, departure) if arrival is not None else (departure, None)
    if one is None:
        raise ValueError("an edge is reported by one side at least")
    codes = combined_codes(protocol, departure, arrival)
    requests = fsum(codes.values()) if one.has_requests or (other is not None and other.has_requests) else None
    sure = one if one.judged else other if other is not None and other.judged else None
    errors = None
    if requests is not None:
        fails = _errors_of(protocol)
        errors = fsum([rate for code, rate in codes.items() if fails[code]])
    flags = _combined_flags(departure, arrival)
    fullest = one if other is None or one.sent + one.received >= other.sent + other.received else other
    timed = _timed(departure, arrival)
    sure_bytes = one if one.judged_bytes else other if other is not None and other.judged_bytes else None
    return Counted(
        sums=Sums(
            requests=requests,
            errors=errors,
            unknown=codes.get("") or None,
            buckets=histogram(timed.buckets) if timed is not None and timed.buckets else _NO_BUCKETS,
            duration_sum_ms=timed.duration_sum if timed is not None else None,
            sent=fullest.sent if fullest.has_bytes else None,
            received=fullest.received if fullest.has_bytes else None,
            connections=_connections(departure, arrival),
            messages_sent=_larger(one.messages_sent, other.messages_sent if other is not None else None),
            messages_received=_larger(one.messages_received, other.messages_received if other is not None else None),
            request_bytes=_larger(one.request_bytes, other.request_bytes if other is not None else None),
            response_bytes=_larger(one.response_bytes, other.response_bytes if other is not None else None),
            secured=sure.secured if sure is not None else None,
            judged=sure.judged if sure is not None else None,
            unjudged=_unjudged(sure or one),
            secured_bytes=sure_bytes.secured_bytes if sure_bytes is not None else None,
            judged_bytes=sure_bytes.judged_bytes if sure_bytes is not None else None,
            unjudged_bytes=_unjudged_bytes(sure_bytes or fullest),
        ),
        codes=codes,
        flags=flags,
    )


def _connections(departure: EdgeReport | None, arrival: EdgeReport | None) -> float | None:
    """The larger count of connections; those that never arrived belong to the called side's too."""
    lost = departure.lost_connections if departure is not None else 0.0
    return _larger(
        arrival.connections + lost if arrival is not None and arrival.has_connections else None,
        departure.connections if departure is not None and departure.has_connections else None,
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
    mine, theirs = departure.codes, _with_lost(arrival.codes, departure.lost_codes)
    once = max(departure.requests, arrival.requests + departure.lost_requests)
    unknown = bool(mine.get("") or theirs.get(""))
    codes = _larger_of_each(mine, theirs)
    codes.pop("", None)
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
    if departure is None or arrival is None:
        only = departure or arrival
        return dict(sorted(only.flags.items())) if only is not None else {}
    mine, theirs = departure.flags, _with_lost(arrival.flags, departure.lost_flags)
    if not mine and not theirs:
        return {}
    flags = _larger_of_each(mine, theirs)
    if "" not in mine or "" not in theirs:
        flags.pop("", None)  # One side knows the flags.
    return flags


def _with_lost(arrived: Counts, lost: Counts) -> Counts:
    """What arrived, with what never did: no server can have counted that."""
    if not lost:
        return arrived
    both = dict(arrived)
    for name, rate in lost.items():
        both[name] = both.get(name, 0.0) + rate
    return both


def _larger_of_each(mine: Counts, theirs: Counts) -> Counts:
    """The larger count under each name, in the order of the names."""
    if mine.keys() == theirs.keys():
        names = sorted(mine) if len(mine) > 1 else mine
        return {name: rate if (rate := mine[name]) >= (other := theirs[name]) else other for name in names}
    larger = {}
    for name in sorted(mine.keys() | theirs.keys()):
        rate, other = mine.get(name, 0.0), theirs.get(name, 0.0)
        larger[name] = rate if rate >= other else other
    return larger


def _timed(departure: EdgeReport | None, arrival: EdgeReport | None) -> EdgeReport | None:
    """The side whose durations are used: the server's, unless it has none or does not see most of the calls."""
    if arrival is None or not arrival.buckets:
        return departure if departure is not None and departure.buckets else arrival or departure
    if departure is not None and departure.buckets and arrival.volume < _MISSED * departure.volume:
        return departure
    return arrival


def _larger(one: float | None, other: float | None) -> float | None:
    if one is None:
        return other
    return one if other is None or one >= other else other
