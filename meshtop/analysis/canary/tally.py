"""Requests counted for each destination of a route, by calling cluster, from both reporters.

The split is decided by the client's proxy (or by the waypoint), so shares are taken from its report; the server's
report is used where there is none. A failure is reported only by the side that it reached: of errors and requests the
larger count of both sides is taken, since each side misses what did not reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from math import inf

from msgspec import Struct

from meshtop.analysis.canary.backends import Backend
from meshtop.analysis.traffic.flags import is_error, outcome
from meshtop.analysis.traffic.naming import ClusterNames, known, version_of
from meshtop.model.canary import RouteCounts
from meshtop.model.telemetry import Labels
from meshtop.model.traffic import Buckets, Sums, Traffic

SAME_MOMENT_SECONDS = 30.0
"""Counts of two clusters are combined when their periods start within this many seconds of each other."""
_SIDES = ("waypoint", "source", "destination")
_Counted = tuple[int, str, Labels, float]
"""A series with its place among those of its answer, and what it counts: requests, connections or durations."""


class Tally(Struct, frozen=True):
    """Responses of one destination: requests, failures, and the histogram of durations (counts, not rates).

    `untold` counts the requests with an unknown outcome, because the metrics have no response code.
    """

    requests: float = 0.0
    bad: float = 0.0
    durations: Buckets = Buckets()
    untold: float = 0.0

    @property
    def told(self) -> float:
        """The requests with a known outcome."""
        return max(0.0, self.requests - self.untold)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.requests + other.requests,
            self.bad + other.bad,
            self.durations + other.durations,
            self.untold + other.untold,
        )

    def slower(self, bound_ms: float) -> tuple[float, float] | None:
        """(requests slower than a bucket's bound, requests timed); None when that is not known."""
        if bound_ms not in self.durations.bounds:
            return None
        timed = self.durations.rates[-1]
        within = self.durations.rates[self.durations.bounds.index(bound_ms)]
        return max(0.0, timed - within), timed

    def traffic(self, seconds: float) -> Traffic:
        """The golden signals, as rates over a period in seconds."""
        if seconds <= 0:
            return Traffic()
        rates = Buckets(self.durations.bounds, tuple(count / seconds for count in self.durations.rates))
        return Sums(
            requests=self.requests / seconds,
            errors=self.bad / seconds,
            unknown=self.untold / seconds or None,
            buckets=rates,
        ).traffic()


class Caller(Struct, frozen=True):
    """Traffic of one calling cluster, with destinations in the route's order.

    `split` counts requests as reported by the side that decides, `tallies` combines both sides' reports.
    `lost` counts failures that reached no destination and cannot be attributed to one.
    """

    cluster: str
    split: tuple[float, ...]
    tallies: tuple[Tally, ...]
    lost: float = 0.0


class SeriesByHost:
    """The series of one cluster's counts by the called host, in the order in which they were told.

    Several routes are often counted together, and each of them looks only at the series of its own hosts.
    """

    def __init__(self, counts: RouteCounts) -> None:
        self.counts = counts
        self._found: dict[str, list[_Counted]] = {}
        series = (("request", counts.requests), ("connection", counts.connections), ("duration", counts.buckets))
        place = 0
        for sort, samples in series:
            for sample in samples:
                labels = sample.labels
                if labels.reporter in _SIDES:
                    place += 1
                    self._found.setdefault(_host_of(labels), []).append((place, sort, labels, sample.value))

    def of(self, hosts: Collection[str]) -> Sequence[_Counted]:
        """The series of these hosts (in small letters)."""
        found = [self._found[host] for host in hosts if host in self._found]
        # In the order in which they were told, so that sums are the same to the last digit.
        return found[0] if len(found) == 1 else sorted(chain.from_iterable(found))


class _Side:
    def __init__(self, count: int) -> None:
        self.requests = [0.0] * count
        self.bad = [0.0] * count
        self.untold = [0.0] * count
        self.durations: list[dict[float, float]] = [{} for _ in range(count)]
        self.lost = 0.0


def tally(
    backends: Sequence[Backend],
    hosts: Sequence[str],
    counts: Sequence[tuple[str, RouteCounts]],
    names: ClusterNames,
    obeys: Callable[[str, tuple[str, str]], bool],
    by_host: Callable[[RouteCounts], SeriesByHost] = SeriesByHost,
) -> tuple[Caller, ...]:
    """Requests of each calling cluster to each destination.

    `counts` are pairs of a cluster and the counts of its Prometheus; a Prometheus that two clusters share is taken
    once. `obeys` tells whether a caller (cluster, (namespace, workload)) follows this route. `by_host` may keep what
    it made of the same counts for another route.
    """
    place = _Place(backends)
    asked = frozenset(host.lower() for host in hosts)
    sides: dict[str, dict[str, _Side]] = {}
    seen: set[str] = set()
    for home, one in counts:
        if one.identity and one.identity in seen:
            continue
        seen.add(one.identity)
        # A call is a series for each outcome and each bucket of its histogram.
        calls: dict[tuple[str, ...], tuple[_Side | None, int | None]] = {}
        for _, sort, labels, value in by_host(one).of(asked):
            call = (
                labels.reporter,
                labels.source_cluster,
                labels.source_workload_namespace,
                labels.source_workload,
                labels.destination_service,
                labels.destination_workload_namespace,
                labels.destination_workload,
                labels.destination_version,
                labels.destination_canonical_revision,
            )
            found = calls.get(call)
            if found is None:
                workload = (known(labels.source_workload_namespace), known(labels.source_workload))
                where = known(labels.source_cluster)
                caller = names.resolve(where, workload, home) if where else home
                counted: _Side | None = None
                if obeys(caller, workload):
                    counted = sides.setdefault(caller, {}).setdefault(labels.reporter, _Side(len(backends)))
                found = calls[call] = (counted, place.of(labels))
            side, index = found
            if side is None:
                continue
            if sort != "duration":
                _book(side, index, labels, value)
                if sort == "request" and index is not None and not _tells_its_end(labels):
                    side.untold[index] += value
            elif index is not None:
                le = inf if labels.le == "+Inf" else float(labels.le or "nan")
                held = side.durations[index]
                held[le] = held.get(le, 0.0) + value
    return tuple(_caller(name, found, len(backends)) for name, found in sorted(sides.items()))


def added(callers: Sequence[Caller], count: int) -> tuple[Tally, ...]:
    """Each destination's tallies over all callers."""
    result = [Tally()] * count
    for caller in callers:
        result = [one + two for one, two in zip(result, caller.tallies, strict=True)]
    return tuple(result)


def _host_of(labels: Labels) -> str:
    """The called host in small letters, without a port."""
    return labels.destination_service.lower().partition(":")[0]


def _tells_its_end(labels: Labels) -> bool:
    """Whether a series of requests has an outcome: a response code or a response flag."""
    return bool(labels.response_code) or labels.response_flags not in ("-", "")


def _book(side: _Side, index: int | None, labels: Labels, value: float) -> None:
    code = outcome(labels.request_protocol, labels.response_code, labels.grpc_response_status)
    bad = is_error(labels.request_protocol, code) if labels.response_code else labels.response_flags not in ("-", "")
    if index is None:
        side.lost += value if bad else 0.0
        return
    side.requests[index] += value
    side.bad[index] += value if bad else 0.0


def _caller(name: str, sides: Mapping[str, _Side], count: int) -> Caller:
    deciding = next(sides[s] for s in _SIDES if s in sides)
    tallies = []
    for i in range(count):
        requests = max(side.requests[i] for side in sides.values())
        bad = max(side.bad[i] for side in sides.values())
        timed = next((sides[s].durations[i] for s in ("source", *_SIDES) if s in sides and sides[s].durations[i]), {})
        bounds = tuple(sorted(timed))
        untold = requests - max(side.requests[i] - side.untold[i] for side in sides.values())
        durations = Buckets(bounds, tuple(timed[b] for b in bounds))
        tallies.append(Tally(requests, min(bad, requests), durations, max(0.0, untold)))
    return Caller(name, tuple(deciding.requests), tuple(tallies), max(side.lost for side in sides.values()))


class _Place:
    """Assigns series to the destinations of a route."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self._by_workload: dict[tuple[str, str], int] = {}
        self._by_version: dict[str, int] = {}
        self._shared: set[tuple[str, str]] = set()
        self._by_host: dict[str, list[int]] = {}
        for index, backend in enumerate(backends):
            for workload in backend.workloads:
                if workload in self._by_workload:
                    self._shared.add(workload)
                self._by_workload[workload] = index
            if backend.version:
                self._by_version.setdefault(backend.version, index)
            self._by_host.setdefault(backend.destination.host.lower(), []).append(index)
        self._empty = [i for i, b in enumerate(backends) if b.destination.share > 0 and b.is_empty]
        self._told_by_host = len(self._by_host) > 1

    def of(self, labels: Labels) -> int | None:
        """The index of the destination that a series belongs to; None when it is ambiguous or none of them.

        The client's proxy reports the host it chose; the server's proxy reports one of the Services that select it.
        """
        by_host = self._by_host.get(_host_of(labels), [])
        if self._told_by_host and len(by_host) == 1 and labels.reporter != "destination":
            return by_host[0]
        workload = (known(labels.destination_workload_namespace), known(labels.destination_workload))
        if workload in self._by_workload and workload not in self._shared:
            return self._by_workload[workload]
        version = version_of(labels.destination_version, labels.destination_canonical_revision)
        if version in self._by_version:
            return self._by_version[version]
        if len(by_host) == 1:
            return by_host[0]
        # Requests that reached no workload can only have been sent to the one destination without endpoints.
        if not workload[1] and len(self._empty) == 1:
            return self._empty[0]
        return None
