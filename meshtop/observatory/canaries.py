"""Request counts of weighted routes, queried at intervals, and only if there are such routes."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.analysis.traffic.convergence import convergence_seconds
from meshtop.analysis.traffic.naming import seen_domain
from meshtop.model.canary import RouteCounts
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import Inventory
from meshtop.model.telemetry import Telemetry
from meshtop.sources.prometheus.counts import (
    SHORTEST_SECONDS,
    CountingTogether,
    CountsQuestion,
    counts_connections,
)

EVERY_SECONDS = 15.0
"""Seconds between queries: the scrape interval of Istio's Prometheus, so more queries would give nothing new."""


class RouteToCount(Struct, frozen=True):
    """A route whose requests (connections where `tcp`) are to be counted since a moment, in whole Unix seconds."""

    label: str
    since: float
    hosts: tuple[str, ...]
    tcp: bool


def routes_to_count(known: Iterable[tuple[Inventory, Telemetry | None]], at: float) -> frozenset[RouteToCount]:
    """What is to be counted at the moment `at` for all weighted routes of some clusters, by what is known of them.

    Counting begins when a change has reached the proxies, which a cluster's own istiod measures. Every cluster is asked
    for every route: its Prometheus holds what its own proxies saw of another's requests.
    """
    # What reads once asks for no counts unless it shows canaries.
    from meshtop.analysis.canary.binding import binding_of, telemetry_hosts
    from meshtop.analysis.canary.routes import weighted_routes
    from meshtop.analysis.canary.survey import PUSH_SECONDS, since_of

    found = set()
    for inventory, telemetry in known:
        told = seen_domain(telemetry) if telemetry is not None else None
        domain = mesh_facts(inventory).cluster_domain or told or CLUSTER_DOMAIN
        push = convergence_seconds(telemetry)
        for route in weighted_routes("", inventory.config, domain):
            hosts = telemetry_hosts(route, binding_of(route, inventory.config, domain))
            since = since_of(route, at, push_seconds=PUSH_SECONDS if push is None else push)
            if hosts and at - since >= SHORTEST_SECONDS:
                found.add(RouteToCount(route.label, float(round(since)), hosts, counts_connections(route.protocol)))
    return frozenset(found)


async def count_routes(metrics: CountingTogether, routes: Iterable[RouteToCount], at: float) -> tuple[RouteCounts, ...]:
    """The counts of routes; those with the same start are queried together, and failures are left out."""
    groups: dict[tuple[float, bool], list[RouteToCount]] = {}
    for route in sorted(routes, key=lambda r: (r.since, r.label)):
        groups.setdefault((route.since, route.tcp), []).append(route)
    questions = [
        CountsQuestion(
            labels=[route.label for route in group],
            hosts=tuple(dict.fromkeys(host for route in group for host in route.hosts)),
            since=since,
            at=at,
            tcp=tcp,
            http=not tcp,
        )
        for (since, tcp), group in groups.items()
    ]
    matchers, identity = metrics.matchers, metrics.identity
    names = [
        {part: (f"{part}_{number}", query) for part, query in question.queries(matchers).items()}
        for number, question in enumerate(questions)
    ]
    samples = await metrics.samples_of(dict(named for parts in names for named in parts.values()), at=at)
    found = []
    for question, parts in zip(questions, names, strict=True):
        answers = {part: told for part, (name, _) in parts.items() if (told := samples[name]) is not None}
        if len(answers) == len(parts):
            found.append(question.counts(answers, identity))
    return tuple(found)
