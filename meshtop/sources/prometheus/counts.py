"""Request and connection counts of weighted routes, by a few separate queries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from meshtop.analysis.traffic.metrics import duration_text
from meshtop.model.canary import RouteCounts
from meshtop.model.telemetry import Sample
from meshtop.sources.prometheus.promql import Matcher, equal, regex_literal, selector

_ENDS = (
    "reporter",
    "source_cluster",
    "source_workload_namespace",
    "source_workload",
    "destination_cluster",
    "destination_workload_namespace",
    "destination_workload",
    "destination_version",
    "destination_canonical_revision",
    "destination_service",
)
_OUTCOME = ("request_protocol", "response_code", "grpc_response_status", "response_flags")
SHORTEST_SECONDS = 30.0
"""`increase` needs two scrapes, and the usual interval is 15 s."""


_CONNECTION_PROTOCOLS = frozenset({"tcp", "tls"})


def counts_connections(protocol: str) -> bool:
    """Whether a route of this protocol (of a weighted route) is counted by connections: it has no requests."""
    return protocol in _CONNECTION_PROTOCOLS


class Counting(Protocol):
    """A source that answers instant queries with samples (PrometheusSource, a central engine's part)."""

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        """The samples of an instant vector; raises SourceProblem."""

    @property
    def matchers(self) -> Mapping[str, str]:
        """What every selector about this cluster must hold."""

    @property
    def identity(self) -> str:
        """Identity of the set of series."""


class CountingTogether(Counting, Protocol):
    """A source that is asked for the counts of many routes again and again."""

    async def samples_of(self, expressions: Mapping[str, str], *, at: float) -> dict[str, tuple[Sample, ...] | None]:
        """The samples of several instant vectors by name; None for one that failed."""


def host_matcher(hosts: Sequence[str]) -> Matcher:
    """Matches any of the hosts, with or without a port. A mirror's Host ends in `-shadow`, which leaves it out."""
    exact = "|".join(regex_literal(host) for host in dict.fromkeys(hosts))
    return Matcher("destination_service", "=~", f"({exact})(:[0-9]+)?")


class CountsQuestion(Struct, frozen=True, kw_only=True):
    """Which requests to which hosts are counted between two moments (Unix seconds), for the routes of these labels."""

    labels: Sequence[str]
    hosts: Sequence[str]
    since: float
    at: float
    tcp: bool = False
    http: bool = True

    @property
    def seconds(self) -> float:
        """The counted period."""
        return max(SHORTEST_SECONDS, self.at - self.since)

    def queries(self, matchers: Mapping[str, str]) -> dict[str, str]:
        """The instant queries at `at`, by the field of RouteCounts that they fill."""
        ours = equal(matchers)
        chosen = (host_matcher(self.hosts), *ours)
        window = duration_text(round(self.seconds))
        up = selector("up", ours)

        def ask(metric: str, by: Sequence[str]) -> str:
            # `increase` loses what a series had counted at its first scrape. A series that appears where the scrapes
            # before had gone well (`up`) counts from zero; after a gap nobody knows from what, and it is left to
            # `increase`.
            series = selector(metric, chosen)
            appeared = f"({series} unless {series} offset {window}) and on (job, instance) ({up} offset {window} == 1)"
            return f"sum by ({', '.join(by)}) ({appeared} or increase({series}[{window}]))"

        asked = {}
        if self.http:
            asked["requests"] = ask("istio_requests_total", (*_ENDS, *_OUTCOME))
            asked["buckets"] = ask("istio_request_duration_milliseconds_bucket", (*_ENDS, "le"))
        if self.tcp:
            asked["connections"] = ask("istio_tcp_connections_opened_total", (*_ENDS, "response_flags"))
        return asked

    def counts(self, answers: Mapping[str, tuple[Sample, ...]], identity: str) -> RouteCounts:
        """The counts of these answers; `identity` is that of the set of series."""
        return RouteCounts(
            labels=tuple(self.labels), since=self.at - self.seconds, at=self.at, identity=identity, **answers
        )


async def route_counts(
    source: Counting,
    *,
    labels: Sequence[str],
    hosts: Sequence[str],
    since: float,
    at: float,
    tcp: bool = False,
    http: bool = True,
) -> RouteCounts:
    """Counts of requests to the hosts between two moments (Unix seconds); raises SourceProblem."""
    question = CountsQuestion(labels=labels, hosts=hosts, since=since, at=at, tcp=tcp, http=http)
    queries = question.queries(source.matchers)
    answers = await asyncio.gather(*(source.samples(expression, at=at) for expression in queries.values()))
    return question.counts(dict(zip(queries, answers, strict=True)), source.identity)
