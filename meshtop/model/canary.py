"""Requests that one Prometheus counted for weighted routes since their weights last changed."""

from __future__ import annotations

from msgspec import Struct

from meshtop.model.telemetry import Sample


class RouteCounts(Struct, frozen=True, kw_only=True):
    """Counts (not rates) from `since` to `at`, Unix seconds, of requests to the hosts of some routes.

    `labels` names the routes (`NAMESPACE/NAME#ROUTE`) that they are for. `buckets` are cumulative counts of
    durations by `le` (milliseconds), `connections` opened TCP connections. `identity` tells one Prometheus from
    another.
    """

    labels: tuple[str, ...]
    since: float
    at: float
    identity: str = ""
    requests: tuple[Sample, ...] = ()
    buckets: tuple[Sample, ...] = ()
    connections: tuple[Sample, ...] = ()

    @property
    def seconds(self) -> float:
        """Length of the counted period, in seconds."""
        return max(0.0, self.at - self.since)
