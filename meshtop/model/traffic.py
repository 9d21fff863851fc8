"""Golden signals: sums that may be added, and the figures that follow from them."""

from __future__ import annotations

from enum import StrEnum
from math import inf
from operator import add

from msgspec import Struct, field

UNKNOWN_THAT_MATTERS = 0.01
"""Share of requests with an unknown outcome (for error ratios) or unknown transport (for mutual TLS) at which a ratio
is unknown. It equals the share of errors that degrades a workload.
"""


class Latency(Struct, frozen=True, rename="camel", gc=False):
    """Request durations in milliseconds, estimated from histogram buckets; None when nothing was timed."""

    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    mean: float | None = None


class ByteRates(Struct, frozen=True, rename="camel", gc=False):
    """TCP bytes per second as the client sees them: sent by it, received by it."""

    sent: float | None = None
    received: float | None = None


class Traffic(Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """The golden signals of an edge, workload, service, tenant or cluster (INTERFACE.md, `traffic`)."""

    requests_per_second: float | None = None
    errors_per_second: float | None = None
    error_ratio: float | None = None
    latency_ms: Latency = field(default_factory=Latency)
    bytes_per_second: ByteRates = field(default_factory=ByteRates)
    connections_per_second: float | None = None


NO_TRAFFIC = Traffic()
_UNTIMED = Latency()
_NO_BYTES = ByteRates()


def _plus(a: float | None, b: float | None) -> float | None:
    if a is None:
        return b
    return a if b is None else a + b


class Buckets(Struct, frozen=True, gc=False):
    """A histogram's cumulative rates per second: `bounds` rising upper bounds in ms, the last one infinite."""

    bounds: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()

    def __add__(self, other: Buckets) -> Buckets:
        """Sum two histograms; where bounds differ, only the bounds that both have are kept, which stays exact."""
        if not self.bounds:
            return other
        if not other.bounds:
            return self
        if self.bounds == other.bounds:
            return Buckets(self.bounds, tuple(map(add, self.rates, other.rates)))
        mine = dict(zip(self.bounds, self.rates, strict=True))
        both = [(b, mine[b] + r) for b, r in zip(other.bounds, other.rates, strict=True) if b in mine]
        return Buckets(tuple(b for b, _ in both), tuple(r for _, r in both))

    def quantile(self, q: float) -> float | None:
        """The q-quantile in ms by linear interpolation, as PromQL's histogram_quantile does; None when empty.

        A quantile in the infinite bucket answers the highest finite bound.
        """
        if len(self.bounds) < 2 or self.bounds[-1] != inf or self.rates[-1] <= 0:
            return None
        rank = q * self.rates[-1]
        lower_bound, lower_rate = 0.0, 0.0
        for bound, rate in zip(self.bounds, self.rates, strict=True):
            if rate >= rank:
                if bound == inf:
                    return lower_bound
                if rate == lower_rate:
                    return bound
                return lower_bound + (bound - lower_bound) * (rank - lower_rate) / (rate - lower_rate)
            lower_bound, lower_rate = bound, max(lower_rate, rate)
        return lower_bound


class Sums(Struct, frozen=True, kw_only=True, gc=False):
    """What may be added across series, workloads and clusters: rates per second and bucket rates.

    Ratios and quantiles are never added; they are computed at the end, by `traffic()`.
    None means that no series exists, which is not the same as 0.
    `secured` and `judged` are per second: what was seen as mutual TLS, and what was seen at all by reporters
    that know; `unjudged` is what arrived, or was sent, where no reporter knows. Requests for HTTP, bytes for TCP, never
    mixed: `secured_bytes`, `judged_bytes`, `unjudged_bytes`.
    `unknown` counts the requests whose outcome is not reported (the code was removed from the metrics); `errors`
    counts the failures among all others.
    """

    requests: float | None = None
    errors: float | None = None
    unknown: float | None = None
    buckets: Buckets = field(default_factory=Buckets)
    duration_sum_ms: float | None = None
    sent: float | None = None
    received: float | None = None
    connections: float | None = None
    messages_sent: float | None = None
    messages_received: float | None = None
    request_bytes: float | None = None
    response_bytes: float | None = None
    secured: float | None = None
    judged: float | None = None
    unjudged: float | None = None
    secured_bytes: float | None = None
    judged_bytes: float | None = None
    unjudged_bytes: float | None = None

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            requests=_plus(self.requests, other.requests),
            errors=_plus(self.errors, other.errors),
            unknown=_plus(self.unknown, other.unknown),
            buckets=self.buckets + other.buckets,
            duration_sum_ms=_plus(self.duration_sum_ms, other.duration_sum_ms),
            sent=_plus(self.sent, other.sent),
            received=_plus(self.received, other.received),
            connections=_plus(self.connections, other.connections),
            messages_sent=_plus(self.messages_sent, other.messages_sent),
            messages_received=_plus(self.messages_received, other.messages_received),
            request_bytes=_plus(self.request_bytes, other.request_bytes),
            response_bytes=_plus(self.response_bytes, other.response_bytes),
            secured=_plus(self.secured, other.secured),
            judged=_plus(self.judged, other.judged),
            unjudged=_plus(self.unjudged, other.unjudged),
            secured_bytes=_plus(self.secured_bytes, other.secured_bytes),
            judged_bytes=_plus(self.judged_bytes, other.judged_bytes),
            unjudged_bytes=_plus(self.unjudged_bytes, other.unjudged_bytes),
        )

    def traffic(self) -> Traffic:
        """The figures that people read."""
        buckets = self.buckets
        timed = buckets.rates[-1] if buckets.rates else 0.0
        ratio = (self.errors or 0.0) / self.requests if self.requests and self.errors_known else None
        mean = self.duration_sum_ms / timed if self.duration_sum_ms is not None and timed > 0 else None
        return Traffic(
            requests_per_second=self.requests,
            errors_per_second=None if self.requests is None or not self.errors_known else self.errors or 0.0,
            error_ratio=ratio,
            latency_ms=_UNTIMED
            if not buckets.bounds
            else Latency(
                p50=buckets.quantile(0.50),
                p90=buckets.quantile(0.90),
                p95=buckets.quantile(0.95),
                p99=buckets.quantile(0.99),
                mean=mean,
            ),
            bytes_per_second=_NO_BYTES
            if self.sent is None and self.received is None
            else ByteRates(sent=self.sent, received=self.received),
            connections_per_second=self.connections,
        )

    @property
    def errors_known(self) -> bool:
        """Whether requests with an unknown outcome are too few to affect the error ratio."""
        return not self.unknown or self.unknown <= UNKNOWN_THAT_MATTERS * (self.requests or 0.0)

    @property
    def mtls_ratio(self) -> float | None:
        """Share of traffic seen as mutual TLS: of requests where there are any, else of bytes.

        None when unseen, and where so much was not seen by a reporter that knows that the share of all may be another.
        """
        if self.judged:
            return _known_share(self.secured, self.judged, self.unjudged)
        if self.judged_bytes:
            return _known_share(self.secured_bytes, self.judged_bytes, self.unjudged_bytes)
        return None


def _known_share(secured: float | None, judged: float, unjudged: float | None) -> float | None:
    missing = unjudged or 0.0
    return None if missing > UNKNOWN_THAT_MATTERS * (judged + missing) else (secured or 0.0) / judged


class PeerKind(StrEnum):
    """What an end of an edge is."""

    WORKLOAD = "workload"
    SERVICE = "service"
    VIRTUAL_MACHINE = "virtualmachine"
    GATEWAY = "gateway"
    WAYPOINT = "waypoint"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


class Peer(Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """The calling end of an edge; fields that telemetry does not report are empty strings."""

    cluster: str = ""
    namespace: str = ""
    workload: str = ""
    app: str = ""
    version: str = ""
    kind: PeerKind = PeerKind.UNKNOWN


class Target(Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """The called end of an edge: a Peer with the requested service (its host, or a bare name)."""

    cluster: str = ""
    namespace: str = ""
    workload: str = ""
    app: str = ""
    version: str = ""
    kind: PeerKind = PeerKind.UNKNOWN
    service: str = ""


class Edge(Struct, frozen=True, kw_only=True, gc=False):
    """Who calls whom with which protocol, counted once, with both reports kept.

    `reports` maps a reporter ("source", "destination", "waypoint", "gateway") to what it counted, per second:
    requests, or connections for TCP. `disagreement` is |source - destination| / the larger one, None with one report.
    `hops` names gateways or waypoints that the logical edge passes through.
    """

    source: Peer
    destination: Target
    protocol: str
    sums: Sums
    codes: dict[str, float] = field(default_factory=dict)
    flags: dict[str, float] = field(default_factory=dict)
    reports: dict[str, float] = field(default_factory=dict)
    disagreement: float | None = None
    cross_cluster: bool = False
    hops: tuple[str, ...] = ()
