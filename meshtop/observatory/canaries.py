"""Counts behind weighted routes, asked now and then and only where there are such routes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from meshtop.analysis.canary.binding import binding_of, telemetry_hosts
from meshtop.analysis.canary.routes import weighted_routes
from meshtop.analysis.canary.survey import since_of
from meshtop.model.canary import RouteCounts
from meshtop.model.kube import Inventory
from meshtop.model.telemetry import Sample
from meshtop.sources.http.problem import SourceProblem
from meshtop.sources.prometheus.counts import SHORTEST_SECONDS, route_counts

EVERY_SECONDS = 15.0
"""Istio's Prometheus scrapes as often; asking more often would tell nothing new."""
_TCP = ("tcp", "tls")


class Metrics(Protocol):
    """What is needed of a cluster's Prometheus."""

    @property
    def matchers(self) -> Mapping[str, str]:
        """What every selector must hold."""

    @property
    def identity(self) -> str:
        """Tells one set of series from another."""

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        """The samples of one instant query; raises SourceProblem."""


class Wanted(Struct, frozen=True):
    """A route whose requests are to be counted since a moment (whole Unix seconds)."""

    label: str
    since: float
    hosts: tuple[str, ...]
    tcp: bool


def wanted(inventories: Iterable[Inventory], at: float) -> frozenset[Wanted]:
    """What is to be counted for all weighted routes of some clusters, looked at `at`.

    Every cluster is asked for every route: its Prometheus holds what its own proxies saw of another's requests.
    """
    found = set()
    for inventory in inventories:
        for route in weighted_routes("", inventory.config):
            hosts = telemetry_hosts(route, binding_of(route, inventory.config))
            since = since_of(route, at)
            if hosts and at - since >= SHORTEST_SECONDS:
                found.add(Wanted(route.label, float(round(since)), hosts, route.protocol in _TCP))
    return frozenset(found)


async def count(metrics: Metrics, routes: Iterable[Wanted], at: float) -> tuple[RouteCounts, ...]:
    """The counts of routes, those that begin together in one query; what cannot be had is left out."""
    groups: dict[tuple[float, bool], list[Wanted]] = {}
    for route in sorted(routes, key=lambda r: (r.since, r.label)):
        groups.setdefault((route.since, route.tcp), []).append(route)

    async def ask(since: float, tcp: bool, group: list[Wanted]) -> RouteCounts | None:
        hosts = tuple(dict.fromkeys(host for route in group for host in route.hosts))
        try:
            return await route_counts(
                metrics,
                labels=[route.label for route in group],
                hosts=hosts,
                since=since,
                at=at,
                tcp=tcp,
                http=not tcp,
            )
        except SourceProblem:
            return None

    answers = await asyncio.gather(*(ask(since, tcp, group) for (since, tcp), group in groups.items()))
    return tuple(answer for answer in answers if answer is not None)
