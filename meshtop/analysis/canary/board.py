"""The canary board: every weighted route of every cluster with its backends, observed split, verdict and findings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from meshtop.analysis.canary.binding import RouteBinding, bound_names, hosts_of
from meshtop.analysis.canary.evidence import Interval
from meshtop.analysis.canary.findings import RouteFacts, differing, duplicate, duplicates, findings
from meshtop.analysis.canary.judging import CanaryVerdict, Judgements
from meshtop.analysis.canary.owners import (
    LastChange,
    RouteOwner,
    controller_status,
    last_change,
)
from meshtop.analysis.canary.routes import VIRTUAL_SERVICE, WeightedRoute
from meshtop.analysis.canary.survey import BoardCluster, SurveyedRoute
from meshtop.analysis.canary.tally import Caller
from meshtop.analysis.canary.verdict import HonestyVerdict
from meshtop.analysis.visibility.hosts import NOBODYS_DOMAIN
from meshtop.model.mesh import Ready
from meshtop.model.state import Finding
from meshtop.model.traffic import Traffic


class CanaryDestination(Struct, frozen=True, rename="camel", kw_only=True):
    """One destination (INTERFACE.md, `destinations[]`).

    Besides what is promised: `share_interval` and `error_interval` are confidence sequences of the share that was seen
    and of its share of errors: at every look they hold what is true with probability 1 - alpha.
    """

    name: str
    host: str
    subset: str | None
    version: str | None
    weight: int | None
    share: float
    pods: Ready
    observed_share: float | None
    traffic: Traffic
    share_interval: Interval | None = None
    error_interval: Interval | None = None


class ChangeRecord(Struct, frozen=True, rename="camel"):
    """Who changed the object last (the field manager), how, and when."""

    who: str
    how: str
    time: datetime


class CallerSplit(Struct, frozen=True, rename="camel"):
    """Observed traffic of one calling cluster: requests, and each destination's share of them."""

    cluster: str
    requests: float
    shares: dict[str, float]


class CanaryRow(Struct, frozen=True, rename="camel", kw_only=True):
    """One weighted route of one cluster (INTERFACE.md, kind canaries).

    Fields beyond INTERFACE.md: `service` groups routes across clusters, `callers` is the split by calling cluster,
    `counted_seconds` the period counted for honesty and verdict, `delegate_of` the parent of a delegate.
    """

    id: str
    cluster: str
    namespace: str
    kind: str
    name: str
    route: str
    host: str
    protocol: str
    destinations: tuple[CanaryDestination, ...]
    owner: RouteOwner
    honesty: HonestyVerdict
    verdict: CanaryVerdict
    findings: tuple[Finding, ...]
    service: str = ""
    label: str = ""
    last_change: ChangeRecord | None = None
    callers: tuple[CallerSplit, ...] = ()
    counted_seconds: float | None = None
    delegate_of: str | None = None
    mesh: str | None = None


class Board:
    """Builds the board's rows from judgements, as of a moment (Unix seconds)."""

    def __init__(self, judgements: Judgements, *, now: float) -> None:
        self.survey = judgements.survey
        self.judgements = judgements
        self.now = now
        self._doubles: dict[str, Mapping[tuple[str, str], str]] = {}

    def rows(self) -> tuple[CanaryRow, ...]:
        """One row for each weighted route, grouped by service."""
        return tuple(sorted(map(self.row, self.survey.surveyed), key=board_order))

    def _duplicates(self, cluster: BoardCluster) -> dict[tuple[str, str], str]:
        services = cluster.inventory.config.get(VIRTUAL_SERVICE, ())
        # Where the domain is not known, a short host and a full one may be two: only what is one in any domain counts.
        domain = cluster.facts.cluster_domain or NOBODYS_DOMAIN
        bindings = {s.meta.key: RouteBinding(hosts_of(s, domain), bound_names(s)) for s in services}
        return duplicates(services, bindings, self.survey.shares_clients(cluster.name))

    def _doubles_in(self, name: str) -> Mapping[tuple[str, str], str]:
        """The duplicates of a cluster, looked for once."""
        if name not in self._doubles:
            self._doubles[name] = self._duplicates(self.survey.clusters[name])
        return self._doubles[name]

    def row(self, surveyed: SurveyedRoute, *, in_brief: bool = False) -> CanaryRow:
        """The row of one weighted route; `in_brief` is that of `Judgements.of`."""
        route = surveyed.route
        judged = self.judgements.of(surveyed, in_brief=in_brief)
        change = last_change(surveyed.obj.managers)
        known = RouteFacts(
            route=route,
            binding=surveyed.binding,
            backends=surveyed.backends,
            owner=surveyed.owner,
            controller=controller_status(route, surveyed.obj, self.survey.clusters[route.cluster].inventory.config),
            change=change,
            split=judged.split,
            honesty=judged.honesty,
            verdict=judged.verdict,
            now=self.now,
            broken=surveyed.broken,
            untold=judged.untold,
            domain=self.survey.clusters[route.cluster].facts.cluster_domain,
        )
        found = findings(known)
        other = (
            self._doubles_in(route.cluster).get((route.namespace, route.name))
            if route.kind == VIRTUAL_SERVICE
            else None
        )
        if other is not None:
            found.append(duplicate(route, other))
        unlike = differing(route, self.survey.routes_like(surveyed))
        if unlike is not None:
            found.append(unlike)
        total = sum(judged.split)
        return CanaryRow(
            id=route.identity,
            cluster=route.cluster,
            namespace=route.namespace,
            kind=route.kind,
            name=route.name,
            route=route.route_name or str(route.index),
            host=surveyed.binding.hosts[0] if surveyed.binding.hosts else surveyed.service,
            protocol=route.protocol,
            destinations=tuple(
                CanaryDestination(
                    name=d.name,
                    host=d.host,
                    subset=d.subset,
                    version=backend.version or None,
                    weight=d.weight,
                    share=d.share,
                    pods=backend.pods,
                    observed_share=judged.split[i] / total if total > 0 else None,
                    traffic=judged.tallies[i].traffic(judged.seconds) if total > 0 else Traffic(),
                    share_interval=judged.share_intervals[i],
                    error_interval=judged.error_intervals[i],
                )
                for i, (d, backend) in enumerate(zip(route.destinations, surveyed.backends, strict=True))
            ),
            owner=surveyed.owner,
            honesty=judged.honesty,
            verdict=judged.verdict,
            findings=tuple(found),
            service=surveyed.service,
            label=route.label,
            last_change=_shown(change),
            callers=tuple(_caller_split(route, caller) for caller in judged.callers),
            counted_seconds=judged.seconds or None,
            delegate_of=surveyed.binding.delegate_of,
            mesh=surveyed.mesh,
        )


def board_order(row: CanaryRow) -> tuple[str, ...]:
    """The order of the board's rows: by service, so that its routes in several clusters stand together."""
    return row.service, row.name, row.route, row.cluster


def _shown(change: LastChange | None) -> ChangeRecord | None:
    return ChangeRecord(change.who, change.how, datetime.fromtimestamp(change.at, UTC)) if change else None


def _caller_split(route: WeightedRoute, caller: Caller) -> CallerSplit:
    total = sum(caller.split)
    shares = {d.name: count / total for d, count in zip(route.destinations, caller.split, strict=True) if total > 0}
    return CallerSplit(caller.cluster, total, shares)
