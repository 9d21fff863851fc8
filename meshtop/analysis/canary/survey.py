"""Survey of all weighted routes of a set of clusters with their backends: the input of the board and of shifts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy

from msgspec import Struct, structs

from meshtop.analysis.authorization.waypoints import WaypointBindings
from meshtop.analysis.canary.attachment import BrokenBackend, broken_backends
from meshtop.analysis.canary.backends import Backend, KnownHosts, backends, untold_split
from meshtop.analysis.canary.backing import MemberBacking
from meshtop.analysis.canary.binding import RouteBinding, binding_of, common_host, telemetry_hosts
from meshtop.analysis.canary.callers import Callers
from meshtop.analysis.canary.governing import Follows, Governing
from meshtop.analysis.canary.owners import RouteOwner, last_change, route_owner
from meshtop.analysis.canary.routes import VIRTUAL_SERVICE, WeightedRoute, weighted_routes
from meshtop.analysis.canary.tally import SAME_MOMENT_SECONDS, Caller, SeriesByHost, tally
from meshtop.analysis.security.mtls.config import IstioConfig, MeshMember
from meshtop.analysis.traffic.inputs import cluster_traffic
from meshtop.analysis.traffic.naming import ClusterNames
from meshtop.model.canary import RouteCounts
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.mesh import MeshFacts, VirtualMachine, Workload

LONGEST_SECONDS = 3600.0
"""Weights that stand for longer are judged on their last hour."""
PUSH_SECONDS = 10.0
"""How long a change takes to reach the proxies where istiod does not say: it gathers changes for so long at most
(PILOT_DEBOUNCE_MAX)."""
LONGEST_PUSH_SECONDS = 120.0
"""Longer than this is waited for no push."""
SCRAPES_SECONDS = 30.0
"""Two scrapes, the last that hold requests by the old weights."""


_Followed = dict[tuple[str, tuple[str, str]], tuple[Follows, str]]
"""Which callers (cluster, (namespace, workload)) follow a route, and why that is unclear."""


class BoardCluster(Struct, frozen=True, kw_only=True):
    """The data of one cluster that the board is computed from."""

    name: str
    inventory: Inventory
    facts: MeshFacts = MeshFacts()
    workloads: tuple[Workload, ...] = ()
    machines: tuple[VirtualMachine, ...] = ()
    counts: tuple[RouteCounts, ...] = ()
    silent: bool = False
    """Whether no Prometheus holds a series of its proxies: then that nothing was counted is not that nothing came."""

    @property
    def obeys_itself(self) -> bool:
        """Whether this cluster's own objects are read by an istiod; a remote cluster obeys another one's."""
        return self.facts.obeys is None or self.facts.obeys.cluster == self.name

    @property
    def obeys_unknown(self) -> str | None:
        """Why it is not known whose objects its proxies obey, in a sentence; None where it is."""
        obeyed = self.facts.obeys
        return obeyed.why if obeyed is not None and obeyed.cluster is None else None

    def obeys(self, other: BoardCluster) -> bool:
        """Whether its proxies are known to obey another cluster's objects."""
        if self.facts.outside or self.facts.obeys is None:
            return False
        return self.name != other.name and self.facts.obeys.cluster == other.name

    def may_obey(self, other: BoardCluster) -> bool:
        """Whether it is not known if its proxies obey another cluster's objects: it is, or may be, of its mesh."""
        if self.facts.outside or self.obeys_unknown is None or self.name == other.name:
            return False
        return _same_mesh(self, other) or other.name in self.facts.perhaps


class SurveyedRoute(Struct, frozen=True, kw_only=True):
    """A route with its object, binding, backends and owner: the input of the board and of shifts."""

    route: WeightedRoute
    obj: ConfigObject
    binding: RouteBinding
    backends: tuple[Backend, ...]
    owner: RouteOwner
    service: str
    mesh: str | None
    broken: tuple[BrokenBackend, ...] = ()
    untold: str | None = None


class SeenCallers(Struct, frozen=True):
    """Who was seen to call through a route, over how many seconds until `at`; `untold`: why its split is not judged.

    `silent` is set where nothing was counted, and nothing follows from that.
    """

    callers: tuple[Caller, ...]
    seconds: float
    untold: str | None = None
    at: float = 0.0
    silent: bool = False


class Survey:
    """Every weighted route of the clusters, with the counts of one Snapshot.

    All but the counts follows from objects, which change rarely: `counted` is the same survey with other counts.
    """

    def __init__(self, clusters: Sequence[BoardCluster]) -> None:
        self.clusters = {cluster.name: cluster for cluster in clusters}
        traffic = [
            cluster_traffic(
                c.name,
                telemetry=None,
                facts=c.facts,
                inventory=c.inventory,
                workloads=c.workloads,
                machines=c.machines,
            )
            for c in clusters
        ]
        self.names = ClusterNames(traffic)
        self._backing = {c.name: MemberBacking(c.inventory, c.workloads, c.machines) for c in clusters}
        self._clients = {c.name: Callers(c.workloads, c.machines, c.inventory) for c in clusters}
        self._rules = {c.name: _rules_of(c) for c in clusters}
        self._governing = {
            c.name: Governing(
                c.inventory.config,
                self._rules[c.name].visibility,
                c.inventory.services,
                WaypointBindings(c.inventory, c.workloads, None),
            )
            for c in clusters
        }
        self._series: dict[int, SeriesByHost] = {}
        self._following: dict[str, _Followed] = {}
        self.surveyed = tuple(one for cluster in clusters for one in self._survey(cluster))

    def counted(self, counts: Mapping[str, tuple[RouteCounts, ...]], silent: Collection[str]) -> Survey:
        """The same routes with the counts of another moment, by cluster, and its clusters that are silent."""
        other = copy(self)
        other._series = {}
        other.clusters = {
            name: structs.replace(cluster, counts=counts[name], silent=name in silent)
            for name, cluster in self.clusters.items()
        }
        return other

    def routes_like(self, surveyed: SurveyedRoute) -> list[WeightedRoute]:
        """Routes with the same label (kind, namespace, name, route) in the other clusters of its mesh."""
        return [
            o.route
            for o in self.surveyed
            if o.route.label == surveyed.route.label
            and o.route.cluster != surveyed.route.cluster
            and o.mesh == surveyed.mesh
        ]

    def seen(self, surveyed: SurveyedRoute, counts: Sequence[tuple[str, RouteCounts]] | None = None) -> SeenCallers:
        """Observed callers of the route; `counts` replaces the snapshot's own request counts.

        Callers that certainly follow the route are counted. Only where none was seen, callers with interfering rules,
        or of which it is unknown, are counted instead; the split is then shown but not judged.
        """
        own = self.counts_of(surveyed) if counts is None else list(counts)
        seconds = max((one.seconds for _, one in own), default=0.0)
        at = max((one.at for _, one in own), default=0.0)
        if surveyed.binding.refused is not None:
            return SeenCallers((), seconds, f"it is not in force: {surveyed.binding.refused}", at)
        if unread := self._unread_by_istiod(surveyed.route.cluster):
            return SeenCallers((), seconds, unread, at)
        hosts = telemetry_hosts(surveyed.route, surveyed.binding)
        follows = self._follows(surveyed)

        def surely(cluster: str, workload: tuple[str, str]) -> bool:
            return follows(cluster, workload)[0] is Follows.YES

        sure = tally(surveyed.backends, hosts, own, self.names, surely, self._by_host)
        untold = surveyed.untold
        if untold is None and surveyed.broken:
            untold = "a share of its requests is answered 500 and reaches no backend"
        if any(sum(caller.split) > 0 for caller in sure):
            return SeenCallers(sure, seconds, untold, at)
        doubts: set[str] = set()

        def perhaps(cluster: str, workload: tuple[str, str]) -> bool:
            what, why = follows(cluster, workload)
            if what in (Follows.MIXED, Follows.UNKNOWN):
                doubts.add(why)
            return what is not Follows.NO

        unsure = tally(surveyed.backends, hosts, own, self.names, perhaps, self._by_host)
        counted = any(sum(caller.split) > 0 for caller in unsure)
        silence = None if counted else self._silence(surveyed.route.cluster)
        return SeenCallers(unsure, seconds, untold or silence or min(doubts, default=None), at, silence is not None)

    def _by_host(self, counts: RouteCounts) -> SeriesByHost:
        """The series of these counts by host, kept while the survey is."""
        kept = self._series.get(id(counts))
        if kept is None:
            kept = self._series[id(counts)] = SeriesByHost(counts)
        return kept

    def _silence(self, home: str) -> str | None:
        """Why it is no answer that nothing was counted for a route: nobody scrapes those that would follow it."""
        followers = (c for c in self.clusters.values() if c.name == home or c.obeys(self.clusters[home]))
        silent = sorted(cluster.name for cluster in followers if cluster.silent)
        return f"no Prometheus holds a series of the proxies of {', '.join(silent)}" if silent else None

    def _unread_by_istiod(self, home: str) -> str | None:
        """Why a route of a cluster has no effect where that cluster's proxies obey another one's objects."""
        obeyed = self.clusters[home].facts.obeys
        if obeyed is None or obeyed.cluster in (None, home):
            return None
        return f"no control plane reads it: {home} obeys {obeyed.cluster}"

    def callers(
        self, surveyed: SurveyedRoute, counts: Sequence[tuple[str, RouteCounts]] | None = None
    ) -> tuple[tuple[Caller, ...], float]:
        """Observed callers of the route, and the period in seconds; `counts` replaces the snapshot's own counts."""
        found = self.seen(surveyed, counts)
        return found.callers, found.seconds

    def _follows(self, surveyed: SurveyedRoute) -> Callable[[str, tuple[str, str]], tuple[Follows, str]]:
        """A cached function: whether a caller (cluster, (namespace, workload)) follows the route, and why unclear."""
        home = surveyed.route.cluster
        known = self._following.setdefault(surveyed.route.identity, {})
        governing, gateways = self._governing[home], self.clusters[home].inventory.config
        governed = {home, *self.remotes_of(home)}
        doubtful = {name: why for name in (home, *self._may_be_remotes_of(home)) if (why := self._doubt(name))}

        def follows(cluster: str, workload: tuple[str, str]) -> tuple[Follows, str]:
            if (cluster not in governed and cluster not in doubtful) or not workload[1]:
                return Follows.NO, ""
            key = (cluster, workload)
            if key not in known:
                client = self._clients[cluster].client(workload, gateways)
                found = governing.of(surveyed.route, surveyed.binding, surveyed.obj, client)
                known[key] = (found.follows, found.why)
                if cluster in doubtful and found.follows is not Follows.NO:
                    known[key] = (Follows.UNKNOWN, doubtful[cluster])
            return known[key]

        return follows

    def shares_clients(self, cluster: str) -> Callable[[ConfigObject, ConfigObject], bool]:
        """A function that tells whether the sidecars of some namespace of a cluster see both of two VirtualServices."""
        home = self.clusters[cluster]
        visibility = self._rules[cluster].visibility
        names = {n.meta.name for n in home.inventory.namespaces} | {w.namespace for w in home.workloads}

        def shares(one: ConfigObject, other: ConfigObject) -> bool:
            return visibility.share_clients(one, other, sorted(names))

        return shares

    def remotes_of(self, primary: str) -> tuple[str, ...]:
        """The clusters without a control plane of their own that this one is known to configure."""
        home = self.clusters[primary]
        return tuple(c.name for c in self.clusters.values() if c.obeys(home))

    def _may_be_remotes_of(self, primary: str) -> tuple[str, ...]:
        home = self.clusters[primary]
        return tuple(c.name for c in self.clusters.values() if c.may_obey(home))

    def _doubt(self, cluster: str) -> str | None:
        """Why it is not known whether a cluster's callers follow a route, as a clause."""
        why = self.clusters[cluster].obeys_unknown
        return f"it is not known whether callers in {cluster} follow it: {why.rstrip('.')}" if why else None

    def _survey(self, cluster: BoardCluster) -> list[SurveyedRoute]:
        config = cluster.inventory.config
        near = [c for c in self.clusters.values() if c.name == cluster.name or _same_mesh(c, cluster)]
        rules, known = self._rules[cluster.name], KnownHosts(cluster.inventory, cluster.facts.cluster_domain)
        members = {c.name: self._backing[c.name] for c in near}
        perhaps = {name: self._backing.get(name) for name in cluster.facts.perhaps if name not in members}
        grants = config.get("ReferenceGrant", ()) if cluster.inventory.evidence("ReferenceGrant").known else None
        objects = {(o.kind, *o.meta.key): o for kind in config for o in config[kind]}
        found = []
        for route in weighted_routes(cluster.name, config, cluster.facts.domain):
            obj = objects[route.kind, route.namespace, route.name]
            binding = binding_of(route, config, cluster.facts.domain)
            behind = backends(route, rules, known, members, perhaps)
            there = {b.destination.name: b.service_exists for b in behind}
            found.append(
                SurveyedRoute(
                    route=route,
                    obj=obj,
                    binding=binding,
                    backends=behind,
                    owner=route_owner(obj, config),
                    service=common_host(route, binding),
                    mesh=cluster.facts.mesh,
                    broken=() if route.kind == VIRTUAL_SERVICE else _broken(route, binding, grants, there),
                    untold=untold_split(behind),
                )
            )
        return found

    def counts_of(self, surveyed: SurveyedRoute) -> list[tuple[str, RouteCounts]]:
        """Request counts for this route from all clusters of the mesh that start at the same moment."""
        route, home = surveyed.route, self.clusters[surveyed.route.cluster]
        own = _own_counts(home.counts, route)
        if own is None:
            return []
        found = [(home.name, own)]
        for cluster in self.clusters.values():
            if cluster.name != home.name and _same_mesh(cluster, home):
                theirs = _counts_from(cluster.counts, route.label, own.since)
                if theirs is not None:
                    found.append((cluster.name, theirs))
        return found


def _rules_of(cluster: BoardCluster) -> IstioConfig:
    return IstioConfig(MeshMember(name=cluster.name, inventory=cluster.inventory, facts=cluster.facts))


def _broken(
    route: WeightedRoute, binding: RouteBinding, grants: Sequence[ConfigObject] | None, there: Mapping[str, bool]
) -> tuple[BrokenBackend, ...]:
    """The backends of a Gateway API route that are answered 500; none of a route that is not in force."""
    return () if binding.refused is not None else broken_backends(route, binding.attached, grants, there)


def _own_counts(counts: Sequence[RouteCounts], route: WeightedRoute) -> RouteCounts | None:
    """The counts for a route that begin when its weights were in force, whatever the push was thought to take."""
    fitting = [
        one
        for one in counts
        if route.label in one.labels
        and since_of(route, one.at, push_seconds=-SCRAPES_SECONDS) - 1.0
        <= one.since
        <= since_of(route, one.at, push_seconds=LONGEST_PUSH_SECONDS) + SAME_MOMENT_SECONDS
    ]
    return min(fitting, key=lambda one: abs(one.since - since_of(route, one.at)), default=None)


def _counts_from(counts: Sequence[RouteCounts], label: str, since: float) -> RouteCounts | None:
    """The counts for a route that begin at a moment."""
    fitting = [one for one in counts if label in one.labels and abs(one.since - since) <= SAME_MOMENT_SECONDS]
    return min(fitting, key=lambda one: abs(one.since - since), default=None)


def since_of(route: WeightedRoute, at: float, *, push_seconds: float = PUSH_SECONDS) -> float:
    """From when on requests count for a route that is looked at `at`: at most an hour ago.

    That is after its last change has reached the proxies, for which istiod takes `push_seconds`, and two scrapes.
    """
    change = last_change(route.managers)
    earliest = at - LONGEST_SECONDS
    if change is None:
        return earliest
    return max(earliest, change.at + min(push_seconds, LONGEST_PUSH_SECONDS) + SCRAPES_SECONDS)


def _same_mesh(left: BoardCluster, right: BoardCluster) -> bool:
    return left.facts.mesh is not None and left.facts.mesh == right.facts.mesh
