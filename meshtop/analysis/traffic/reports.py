"""Accumulated reports of one kind of reporter about one edge, and the keys that identify edges."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from msgspec import NODEFAULT, Struct, field
from msgspec.structs import fields

from meshtop.model.traffic import Buckets

ARRIVING = ("destination", "waypoint")
"""Reporters at the called end."""
DEPARTING = ("source", "gateway")
"""Reporters at the calling end; "gateway" marks reports of requests that start at a gateway."""
UNSAID = "?"
"""Placeholder for a cluster that the reporter did not know, until it is resolved with the other report."""


class WorkloadPlace(Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """Place of a workload; `workload` is "" where telemetry does not name it."""

    cluster: str
    namespace: str
    workload: str

    @property
    def path(self) -> str:
        """The place as one text, such as `east/shop/reviews-v1`."""
        return f"{self.cluster}/{self.namespace}/{self.workload}"


class SourceKey(Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """The calling end of an edge; `app` only where the workload is not known."""

    place: WorkloadPlace
    app: str = ""


class TargetKey(Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """The called end of an edge: `app` only where the workload is not known, and the key of the requested service."""

    place: WorkloadPlace
    app: str = ""
    service: str = ""


class EdgeKey(Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """Source, target and protocol (http, grpc, tcp) of an edge. Keys sort in this order."""

    source: SourceKey
    target: TargetKey
    protocol: str


class EdgeReport(Struct, kw_only=True):
    """Rates per second that one kind of reporter counted for one edge.

    `has_*` distinguish zero from no data. `lost_*` are the parts of requests or connections that the reporter's own
    proxy ended, so that no destination can have counted them. All fields but `plain_if_unknown` are added: booleans by
    "or", numbers and maps by sum; None means that nothing was reported.
    """

    plain_if_unknown: bool
    """Whether TCP bytes without a known policy count as plaintext, because the reporter's workload is ambient."""
    has_requests: bool = False
    has_connections: bool = False
    has_bytes: bool = False
    has_messages: bool = False
    requests: float = 0.0
    errors: float = 0.0
    connections: float = 0.0
    lost_requests: float = 0.0
    lost_errors: float = 0.0
    lost_connections: float = 0.0
    sent: float = 0.0
    received: float = 0.0
    secured: float = 0.0
    judged: float = 0.0
    secured_bytes: float = 0.0
    judged_bytes: float = 0.0
    duration_sum: float | None = None
    request_bytes: float | None = None
    response_bytes: float | None = None
    messages_sent: float | None = None
    messages_received: float | None = None
    codes: dict[str, float] = field(default_factory=dict)
    flags: dict[str, float] = field(default_factory=dict)
    lost_codes: dict[str, float] = field(default_factory=dict)
    lost_flags: dict[str, float] = field(default_factory=dict)
    buckets: dict[float, float] = field(default_factory=dict)

    @property
    def volume(self) -> float:
        """Requests, else connections, else bytes: the volume for comparing two reports."""
        if self.has_requests:
            return self.requests
        return self.connections or self.sent + self.received

    @property
    def silent(self) -> bool:
        """Whether it counted nothing at all in the window."""
        return not (self.requests or self.connections or self.sent or self.received)

    def plus(self, other: EdgeReport, share: float = 1.0) -> EdgeReport:
        """The sum of this report and another (or a share of it), as a new report."""
        sums: dict[str, Any] = {"plain_if_unknown": self.plain_if_unknown}
        for name, mine, theirs in zip(_TRUTHS, _truths(self), _truths(other), strict=True):
            sums[name] = mine or theirs
        for name, mine, theirs in zip(_NUMBERS, _numbers(self), _numbers(other), strict=True):
            sums[name] = mine + share * theirs
        for name, mine, theirs in zip(_OPTIONAL, _optional(self), _optional(other), strict=True):
            sums[name] = mine if theirs is None else (mine or 0.0) + share * theirs
        for name, mine, theirs in zip(_MAPS, _maps(self), _maps(other), strict=True):
            added = dict(mine)
            for key, value in theirs.items():
                added[key] = added.get(key, 0.0) + share * value
            sums[name] = added
        return EdgeReport(**sums)

    def times(self, share: float) -> EdgeReport:
        """A share of this report, as a new report."""
        return EdgeReport(plain_if_unknown=self.plain_if_unknown).plus(self, share)

    def only_lost(self) -> EdgeReport:
        """The part that never reached a destination, as a new report."""
        return EdgeReport(
            plain_if_unknown=self.plain_if_unknown,
            has_requests=self.has_requests,
            has_connections=self.has_connections,
            requests=self.lost_requests,
            errors=self.lost_errors,
            connections=self.lost_connections,
            lost_requests=self.lost_requests,
            lost_errors=self.lost_errors,
            lost_connections=self.lost_connections,
            codes=dict(self.lost_codes),
            flags=dict(self.lost_flags),
            lost_codes=dict(self.lost_codes),
            lost_flags=dict(self.lost_flags),
        )

    def without_lost(self) -> EdgeReport:
        """The part that a destination can have counted."""
        rest = self.plus(EdgeReport(plain_if_unknown=self.plain_if_unknown))
        rest.requests -= self.lost_requests
        rest.errors -= self.lost_errors
        rest.connections -= self.lost_connections
        rest.codes, rest.flags = _less(self.codes, self.lost_codes), _less(self.flags, self.lost_flags)
        rest.lost_requests = rest.lost_errors = rest.lost_connections = 0.0
        rest.lost_codes, rest.lost_flags = {}, {}
        return rest


def _less(whole: Mapping[str, float], lost: Mapping[str, float]) -> dict[str, float]:
    """Difference of rates by key; remainders caused by rounding are dropped."""
    left = dict(whole)
    for key, value in lost.items():
        rest = left[key] - value
        if rest > 1e-12 * value:
            left[key] = rest
        else:
            del left[key]
    return left


# How a field adds up follows from its default, so that a field is named once.
_ADDED = [f for f in fields(EdgeReport) if f.default is not NODEFAULT or f.default_factory is not NODEFAULT]
_TRUTHS = tuple(f.name for f in _ADDED if f.default is False)
_NUMBERS = tuple(f.name for f in _ADDED if isinstance(f.default, float))
_OPTIONAL = tuple(f.name for f in _ADDED if f.default is None)
_MAPS = tuple(f.name for f in _ADDED if f.default_factory is dict)
_truths, _numbers, _optional, _maps = (attrgetter(*names) for names in (_TRUTHS, _NUMBERS, _OPTIONAL, _MAPS))


def histogram(rates: Mapping[float, float]) -> Buckets:
    """Cumulative rates by upper bound in ms, as a histogram with rising bounds."""
    bounds = tuple(sorted(rates))
    return Buckets(bounds, tuple([rates[bound] for bound in bounds]))
