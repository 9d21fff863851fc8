"""What one kind of reporter said of one edge, while it is being added up."""

from __future__ import annotations

from collections.abc import Mapping

from meshtop.model.traffic import Buckets

SourceId = tuple[str, str, str, str]
"""Cluster, namespace, workload, and the app where the workload is not known."""
TargetId = tuple[str, str, str, str, str]
"""Cluster, namespace, workload, app where the workload is not known, and the service's key."""
EdgeKey = tuple[SourceId, TargetId, str]
"""Who, whom, and the protocol (http, grpc, tcp)."""


class Report:
    """Rates per second that one kind of reporter counted for one edge.

    `has_*` tell zero from nothing. `lost_*` are the parts of requests or connections that the reporter's own proxy
    ended, so that no destination can have counted them.
    """

    __slots__ = (
        "buckets",
        "codes",
        "connections",
        "duration_sum",
        "errors",
        "flags",
        "has_bytes",
        "has_connections",
        "has_messages",
        "has_requests",
        "judged",
        "judged_bytes",
        "lost_codes",
        "lost_connections",
        "lost_errors",
        "lost_flags",
        "lost_requests",
        "messages_received",
        "messages_sent",
        "plain_if_unknown",
        "received",
        "request_bytes",
        "requests",
        "response_bytes",
        "secured",
        "secured_bytes",
        "sent",
    )

    def __init__(self, plain_if_unknown: bool = False) -> None:
        self.plain_if_unknown = plain_if_unknown
        self.has_requests = self.has_connections = self.has_bytes = self.has_messages = False
        self.requests = self.errors = self.connections = 0.0
        self.lost_requests = self.lost_errors = self.lost_connections = 0.0
        self.codes: dict[str, float] = {}
        self.flags: dict[str, float] = {}
        self.lost_codes: dict[str, float] = {}
        self.lost_flags: dict[str, float] = {}
        self.buckets: dict[float, float] = {}
        self.duration_sum: float | None = None
        self.request_bytes: float | None = None
        self.response_bytes: float | None = None
        self.sent = self.received = 0.0
        self.messages_sent: float | None = None
        self.messages_received: float | None = None
        self.secured = self.judged = self.secured_bytes = self.judged_bytes = 0.0

    @property
    def arrived(self) -> float:
        """What a destination can have counted: requests, or connections for TCP."""
        if self.has_requests:
            return self.requests - self.lost_requests
        return self.connections - self.lost_connections

    @property
    def volume(self) -> float:
        """Requests, or connections, or bytes where no connection was opened: for comparing two reports."""
        if self.has_requests:
            return self.requests
        return self.connections or self.sent + self.received

    @property
    def silent(self) -> bool:
        """Whether it counted nothing at all in the window."""
        return not (self.requests or self.connections or self.sent or self.received)

    def add(self, other: Report, share: float = 1.0) -> None:
        """Add another report, or a share of it."""
        self.has_requests |= other.has_requests
        self.has_connections |= other.has_connections
        self.has_bytes |= other.has_bytes
        self.has_messages |= other.has_messages
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + share * getattr(other, name))
        for name in _OPTIONAL:
            theirs = getattr(other, name)
            if theirs is not None:
                setattr(self, name, (getattr(self, name) or 0.0) + share * theirs)
        for name in _MAPS:
            mine: dict[str | float, float] = getattr(self, name)
            for key, value in getattr(other, name).items():
                mine[key] = mine.get(key, 0.0) + share * value

    def only_lost(self) -> Report:
        """The part that never arrived anywhere, as a report of its own."""
        lost = Report(self.plain_if_unknown)
        lost.has_requests, lost.has_connections = self.has_requests, self.has_connections
        lost.requests = lost.lost_requests = self.lost_requests
        lost.errors = lost.lost_errors = self.lost_errors
        lost.connections = lost.lost_connections = self.lost_connections
        lost.codes, lost.flags = dict(self.lost_codes), dict(self.lost_flags)
        lost.lost_codes, lost.lost_flags = dict(self.lost_codes), dict(self.lost_flags)
        return lost

    def without_lost(self) -> Report:
        """The part that a destination can have counted."""
        rest = Report(self.plain_if_unknown)
        rest.add(self)
        rest.requests -= self.lost_requests
        rest.errors -= self.lost_errors
        rest.connections -= self.lost_connections
        for whole, lost in ((rest.codes, self.lost_codes), (rest.flags, self.lost_flags)):
            for key, value in lost.items():
                left = whole[key] - value
                if left > 1e-12 * value:
                    whole[key] = left
                else:
                    del whole[key]
        rest.lost_requests = rest.lost_errors = rest.lost_connections = 0.0
        rest.lost_codes, rest.lost_flags = {}, {}
        return rest


_NUMBERS = (
    "requests",
    "errors",
    "connections",
    "lost_requests",
    "lost_errors",
    "lost_connections",
    "sent",
    "received",
    "secured",
    "judged",
    "secured_bytes",
    "judged_bytes",
)
_OPTIONAL = ("duration_sum", "request_bytes", "response_bytes", "messages_sent", "messages_received")
_MAPS = ("codes", "flags", "lost_codes", "lost_flags", "buckets")


def histogram(rates: Mapping[float, float]) -> Buckets:
    """Cumulative rates by upper bound in ms, as a histogram with rising bounds."""
    bounds = tuple(sorted(rates))
    return Buckets(bounds, tuple([rates[bound] for bound in bounds]))
