"""All weighted routes of a set of clusters with what stands behind them: what the board and a shift both start from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from meshtop.analysis.canary.backends import Backend, backends
from meshtop.analysis.canary.binding import MESH, RouteBinding, binding_of, bound_gateways, common_host, telemetry_hosts
from meshtop.analysis.canary.owners import RouteOwner, last_change, route_owner
from meshtop.analysis.canary.routes import WeightedRoute, weighted_routes
from meshtop.analysis.canary.tally import SAME_MOMENT_SECONDS, Caller, tally
from meshtop.analysis.security.mtls.config import IstioConfig, MeshMember
from meshtop.analysis.traffic.inputs import cluster_traffic
from meshtop.analysis.traffic.naming import ClusterNames
from meshtop.model.canary import RouteCounts
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.mesh import MeshFacts, VirtualMachine, Workload

LONGEST_SECONDS = 3600.0
"""Weights that stand for longer are judged on their last hour."""
SETTLE_SECONDS = 20.0
"""Between a change and the first request that counts: the push to the proxies, and one scrape of the old weights."""


class BoardCluster(Struct, frozen=True, kw_only=True):
    """One cluster as the board needs it."""

    name: str
    inventory: Inventory
    facts: MeshFacts = MeshFacts()
    workloads: tuple[Workload, ...] = ()
    machines: tuple[VirtualMachine, ...] = ()
    counts: tuple[RouteCounts, ...] = ()

    @property
    def obeys_itself(self) -> bool:
        """Whether this cluster's own objects are read by an istiod; a remote cluster obeys its primary."""
        return "remote" not in self.facts.roles


class SurveyedRoute(Struct, frozen=True, kw_only=True):
    """A route with everything that shows whom it serves: what the board and a shift both start from."""

    route: WeightedRoute
    obj: ConfigObject
    binding: RouteBinding
    backends: tuple[Backend, ...]
    owner: RouteOwner
    service: str
    mesh: str | None


class Survey:
    """Every weighted route of the clusters; made once for each Snapshot."""

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
        self.surveyed = tuple(one for cluster in clusters for one in self._survey(cluster))

    def routes_like(self, surveyed: SurveyedRoute) -> list[WeightedRoute]:
        """The same route in the other clusters of its mesh."""
        return [
            o.route
            for o in self.surveyed
            if o.route.label == surveyed.route.label
            and o.route.cluster != surveyed.route.cluster
            and o.mesh == surveyed.mesh
        ]

    def callers(
        self, surveyed: SurveyedRoute, counts: Sequence[tuple[str, RouteCounts]] | None = None
    ) -> tuple[tuple[Caller, ...], float]:
        """Who was seen to call through the route, and over how many seconds; `counts` where the caller has its own."""
        own = self.counts_of(surveyed) if counts is None else list(counts)
        hosts = telemetry_hosts(surveyed.route, surveyed.binding)
        found = tally(surveyed.backends, hosts, own, self.names, self.obeys(surveyed))
        return found, max((one.seconds for _, one in own), default=0.0)

    def obeys(self, surveyed: SurveyedRoute) -> Callable[[str, tuple[str, str]], bool]:
        """Whether a caller (cluster, (namespace, workload)) follows this route's weights."""
        home = self.clusters[surveyed.route.cluster]
        gateways = {
            c.name: bound_gateways(surveyed.binding, c.workloads, home.inventory.config.get("Gateway", ()))
            if c.name == home.name
            else frozenset()
            for c in self.clusters.values()
        }
        all_gateways = {
            (c.name, (w.namespace, w.name)) for c in self.clusters.values() for w in c.workloads if w.is_gateway
        }
        governed = {home.name, *self.remotes_of(home.name)}
        in_mesh = MESH in surveyed.binding.gateways

        def follows(cluster: str, workload: tuple[str, str]) -> bool:
            if cluster not in governed or not workload[1]:
                return False
            if workload in gateways.get(cluster, frozenset()):
                return True
            return in_mesh and (cluster, workload) not in all_gateways

        return follows

    def remotes_of(self, primary: str) -> tuple[str, ...]:
        """The clusters without a control plane of their own that may obey this one."""
        mesh = self.clusters[primary].facts.mesh_id
        return tuple(
            c.name
            for c in self.clusters.values()
            if not c.obeys_itself and c.name != primary and mesh is not None and c.facts.mesh_id == mesh
        )

    def _survey(self, cluster: BoardCluster) -> list[SurveyedRoute]:
        config = cluster.inventory.config
        near = [c for c in self.clusters.values() if c.name == cluster.name or _same_mesh(c, cluster)]
        rules = IstioConfig(MeshMember(name=cluster.name, inventory=cluster.inventory, facts=cluster.facts))
        services = {s.meta.key for s in cluster.inventory.services}
        entries = {str(h) for e in config.get("ServiceEntry", ()) for h in e.spec.get("hosts") or ()}
        workloads = [w for c in near for w in c.workloads]
        machines = [m for c in near for m in c.machines]
        objects = {(o.kind, *o.meta.key): o for kind in config for o in config[kind]}
        found = []
        for route in weighted_routes(cluster.name, config):
            obj = objects[route.kind, route.namespace, route.name]
            binding = binding_of(route, config)
            found.append(
                SurveyedRoute(
                    route=route,
                    obj=obj,
                    binding=binding,
                    backends=backends(route, rules, tuple(services), tuple(entries), workloads, machines),
                    owner=route_owner(obj, config),
                    service=common_host(route, binding),
                    mesh=cluster.facts.mesh_id,
                )
            )
        return found

    def counts_of(self, surveyed: SurveyedRoute) -> list[tuple[str, RouteCounts]]:
        """The counts that all clusters of the mesh have for this route, as far as they begin at one moment."""
        route, home = surveyed.route, self.clusters[surveyed.route.cluster]
        own = _nearest(home.counts, route.label, lambda one: since_of(route, one.at))
        if own is None:
            return []
        found = [(home.name, own)]
        for cluster in self.clusters.values():
            if cluster.name != home.name and _same_mesh(cluster, home):
                theirs = _nearest(cluster.counts, route.label, lambda _: own.since)
                if theirs is not None:
                    found.append((cluster.name, theirs))
        return found


def _nearest(counts: Sequence[RouteCounts], label: str, since: Callable[[RouteCounts], float]) -> RouteCounts | None:
    """The counts for a route that begin when they should."""
    fitting = [c for c in counts if label in c.labels and abs(c.since - since(c)) <= SAME_MOMENT_SECONDS]
    return min(fitting, key=lambda c: abs(c.since - since(c)), default=None)


def since_of(route: WeightedRoute, at: float) -> float:
    """From when on requests count for a route that is looked at `at`: its last change, and at most an hour ago."""
    change = last_change(route.managers)
    earliest = at - LONGEST_SECONDS
    return earliest if change is None else max(earliest, change.at + SETTLE_SECONDS)


def _same_mesh(left: BoardCluster, right: BoardCluster) -> bool:
    return left.facts.mesh_id is not None and left.facts.mesh_id == right.facts.mesh_id
