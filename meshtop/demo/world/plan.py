"""The plan of the world: meshes, clusters and workloads, computed from the options before anything is built."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from meshtop.demo.world import company
from meshtop.demo.world.catalog import in_calling_order, services_of
from meshtop.demo.world.company import Machine, Namespace, Protocol, Service, Version
from meshtop.demo.world.worlds.installation import Installation
from meshtop.demo.world.worlds.registry import USUAL, world_named
from meshtop.demo.world.worlds.revisions import Revisions

INGRESS = "istio-ingressgateway"
EASTWEST = "istio-eastwestgateway"
WAYPOINT = "waypoint"
HOST = "control"
"""The cluster that runs an external control plane, and nothing else."""
MESH_SIZE = 4
"""Clusters of each further mesh when more than three clusters are asked for."""

_REGIONS = (
    ("us-east", 20), ("eu-west", 19), ("on-prem", 12), ("us-west", 3), ("ap-south", 14), ("eu-north", 18),
    ("sa-east", 23), ("ap-east", 11), ("ca-central", 1), ("me-south", 16), ("af-south", 17), ("au-east", 9),
)  # fmt: skip
"""Regions and the hour (UTC) of their busiest time."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Clusters that share a control-plane configuration, a trust domain and a root.

    `system` is the namespace of istiod and the gateways, `root` the root namespace, `domain` the clusters' DNS domain.
    """

    name: str
    template: str
    trust_domain: str
    revision: str
    istio: str
    registry_only: bool = False
    system: str = "istio-system"
    root: str = "istio-system"
    domain: str = "cluster.local"

    @property
    def suffix(self) -> str:
        """What the full names of its Services end with."""
        return f".svc.{self.domain}"

    @property
    def public(self) -> str:
        """The ingress gateway's configuration, as routes name it."""
        return f"{self.system}/public"


@dataclass(frozen=True)
class Cluster:
    """A cluster: `position` counts within its mesh; its Istio cluster id is its name.

    `serves` is the id of the cluster whose configuration its istiod reads, where that is another one's,
    `serves_others` whether it configures the proxies of other clusters.
    """

    name: str
    index: int
    mesh: Mesh
    position: int
    region: str
    peak_hour: float
    kubernetes: str
    nodes: int
    tenancy: str
    native_sidecars: bool
    revisions: Revisions = field(hash=False)
    serves: str = ""
    serves_others: bool = False

    @property
    def hosting(self) -> bool:
        """Whether it runs a control plane for other clusters, and nothing else of the mesh."""
        return bool(self.serves)

    @property
    def istiod_id(self) -> str:
        """The id that its istiod goes by: its own, or that of the cluster which an external one reads."""
        return self.serves or self.name

    @property
    def network(self) -> str:
        """The network label of the cluster, different for each of them."""
        return f"{self.name}-net"


@dataclass(frozen=True, slots=True)
class Workload:
    """Pods of one version of a service (or a machine, or a gateway) in one cluster.

    `track` is what a controller that owns the service's routes knows these pods by; a `Rollout` has several such
    workloads, its ReplicaSets, and `rollout` is its name.
    """

    cluster: str
    namespace: str
    name: str
    service: str
    app: str
    version: str
    account: str
    proxy: str
    kind: str
    port: int
    protocol: Protocol
    replicas: int
    serving: Version
    trust_domain: str
    track: str = ""
    rollout: str = ""

    @property
    def controller(self) -> str:
        """The name of the controller on top, which telemetry knows the workload by."""
        return self.rollout or self.name

    @property
    def key(self) -> tuple[str, str, str]:
        """Cluster, namespace and name."""
        return (self.cluster, self.namespace, self.name)

    @property
    def principal(self) -> str:
        """The SPIFFE identity of its pods."""
        return f"spiffe://{self.trust_domain}/ns/{self.namespace}/sa/{self.account}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its pods that selectors and telemetry use."""
        if self.rollout:
            return {"app": self.app, "rollouts-pod-template-hash": self.track}
        return {"app": self.app, "version": self.version} if self.version else {"app": self.app}


@dataclass(frozen=True)
class Options:
    """What the user may choose: clusters, services in each (None: the company's own), the seed, a registry, a world."""

    clusters: int = 3
    services: int | None = None
    seed: int = 1
    registry: str = "none"
    world: str = USUAL


@dataclass(frozen=True)
class Plan:
    """Every mesh, cluster and workload of a world; equal options give an equal plan.

    Raises ValueError for options that cannot be, or a world that does not exist.
    """

    options: Options
    installation: Installation = field(init=False)
    clusters: tuple[Cluster, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "installation", world_named(self.options.world))
        object.__setattr__(self, "clusters", tuple(_clusters(self.options, self.installation)))

    def cluster(self, name: str) -> Cluster:
        """The cluster of that name."""
        return next(c for c in self.clusters if c.name == name)

    def members(self, mesh: str) -> tuple[Cluster, ...]:
        """The clusters of a mesh that have workloads of it, in order of position."""
        return tuple(c for c in self.clusters if c.mesh.name == mesh and not c.hosting)

    def home(self, cluster: Cluster) -> Cluster:
        """The cluster that holds the mesh configuration which a cluster's proxies obey."""
        shared = self.installation.control != "own" and cluster.mesh.name == HOME[0].name
        return self.members(cluster.mesh.name)[0] if shared else cluster

    def plane(self, cluster: Cluster) -> Cluster:
        """The cluster whose istiod configures a cluster's proxies."""
        found = (c for c in self.clusters if c.hosting and c.mesh.name == cluster.mesh.name)
        return next(found, self.home(cluster))

    def served(self, cluster: Cluster) -> tuple[Cluster, ...]:
        """The clusters whose proxies the istiod of a cluster configures; none where it has no istiod."""
        return tuple(c for c in self.members(cluster.mesh.name) if self.plane(c) == cluster)

    def waypoints(self, cluster: Cluster) -> frozenset[str]:
        """The ambient namespaces of a cluster that have a waypoint."""
        ambient = frozenset(n.name for n in self.namespaces(cluster) if n.mode == "ambient")
        chosen = self.installation.waypoints
        return ambient if chosen is None else ambient & chosen

    def services(self, template: str) -> dict[str, Service]:
        """The services of a mesh of that template by name, without calls to services that were left out."""
        return self._services[template]

    @cached_property
    def _services(self) -> dict[str, dict[str, Service]]:
        return {
            template: services_of(template, self.options.services, self.options.seed) for template in ("prod", "legacy")
        }

    def namespaces(self, cluster: Cluster) -> tuple[Namespace, ...]:
        """The company's namespaces in a cluster: those that hold a service of its mesh."""
        if cluster.hosting:
            return ()
        used = {s.namespace for s in self.services(cluster.mesh.template).values()}
        known = {n.name: n for n in company.NAMESPACES}
        modes = self.installation.modes if cluster.mesh.template == "prod" else {}
        own = [replace(n, mode=modes.get(n.name, n.mode)) for n in company.NAMESPACES if n.name in used]
        return (*own, *(Namespace(name, "marketplace") for name in sorted(used - set(known))))

    def machines(self, cluster: Cluster) -> tuple[Machine, ...]:
        """The virtual machines that are registered in a cluster."""
        services = self.services(cluster.mesh.template)
        called = {call.service for service in services.values() for call in service.calls}
        return tuple(
            m
            for m in company.MACHINES
            if m.mesh == cluster.mesh.template
            and m.name in called
            and m.home == cluster.position
            and cluster.index < len(HOME)
            and not cluster.hosting
        )

    def here(self, cluster: Cluster) -> tuple[Service, ...]:
        """The services that have pods in a cluster."""
        if cluster.hosting:
            return ()
        size = len(self.members(cluster.mesh.name))
        return tuple(
            s
            for s in self.services(cluster.mesh.template).values()
            if s.home is None or s.home % size == cluster.position
        )

    def workloads(self, cluster: Cluster) -> tuple[Workload, ...]:
        """The company's workloads in a cluster, machines among them."""
        modes = {n.name: n.mode for n in self.namespaces(cluster)}
        found = [
            Workload(
                cluster.name,
                s.namespace,
                s.name if s.protocol == "tcp" else f"{s.name}-{v.name}",
                s.name,
                s.name,
                v.name,
                s.service_account,
                modes[s.namespace],
                s.kind,
                s.port,
                s.protocol,
                v.replicas,
                v,
                cluster.mesh.trust_domain,
            )
            for s in self.here(cluster)
            for v in s.versions
        ]
        found = [self._tracked(workload) for workload in found]
        found += [
            Workload(
                cluster.name,
                m.namespace,
                m.name,
                m.name,
                m.name,
                m.version.name,
                m.name,
                "sidecar",
                "WorkloadGroup",
                m.port,
                m.protocol,
                1,
                m.version,
                cluster.mesh.trust_domain,
            )
            for m in self.machines(cluster)
        ]
        return tuple(found)

    def _tracked(self, workload: Workload) -> Workload:
        """A workload as the controller that owns its service's routes keeps it."""
        owner = self.installation.owners.get(workload.service)
        track = owner.tracks.get(workload.version) if owner is not None else None
        if owner is None or track is None:
            return workload
        if owner.controller == "rollouts":
            name = f"{workload.service}-{track}"
            return replace(workload, name=name, version="", kind="Rollout", track=track, rollout=workload.service)
        # Flagger copies what it finds to a Deployment NAME-primary, and keeps the original for the canary.
        name = f"{workload.service}-primary" if track == "primary" else workload.service
        return replace(workload, name=name, app=name, version="", track=track)

    def gateway(self, cluster: Cluster, name: str = INGRESS) -> Workload:
        """A gateway of a cluster as a workload."""
        serving = Version("", 2, 1.0, 0.5)
        return Workload(
            cluster.name,
            cluster.mesh.system,
            name,
            name,
            name,
            "",
            f"{name}-service-account",
            "sidecar",
            "Deployment",
            8080,
            "http",
            2,
            serving,
            cluster.mesh.trust_domain,
        )

    def waypoint(self, cluster: Cluster, namespace: str) -> Workload:
        """The waypoint proxy of an ambient namespace as a workload."""
        return Workload(
            cluster.name,
            namespace,
            WAYPOINT,
            WAYPOINT,
            WAYPOINT,
            "",
            WAYPOINT,
            "ambient",
            "Deployment",
            15008,
            "tcp",
            1,
            Version("", 1, 1.0, 0.4),
            cluster.mesh.trust_domain,
        )

    def order(self, template: str) -> tuple[str, ...]:
        """The services of a mesh so that each comes after all its callers."""
        return self._orders[template]

    @cached_property
    def _orders(self) -> dict[str, tuple[str, ...]]:
        return {template: in_calling_order(self._services[template]) for template in self._services}


HOME = (
    Mesh("prod", "prod", "cluster.local", "1-30", "1.30.1"),
    Mesh("prod", "prod", "cluster.local", "1-30", "1.30.1"),
    Mesh("legacy", "legacy", "warehouse.halyard.example", "default", "1.28.4", registry_only=True),
)
"""The meshes of the first three clusters."""


MOST_CLUSTERS, MOST_SERVICES = 200, 20_000


def _installed(mesh: Mesh, installation: Installation) -> Mesh:
    """A mesh as a world installs it; another mesh than the company's first only where that holds everywhere."""
    if mesh.name != HOME[0].name and not installation.everywhere:
        return mesh
    own = mesh.trust_domain if mesh.template == "legacy" else installation.trust_domain
    return replace(
        mesh, trust_domain=own, system=installation.system, root=installation.root, domain=installation.domain
    )


def _clusters(options: Options, installation: Installation) -> list[Cluster]:
    if not 1 <= options.clusters <= MOST_CLUSTERS:
        raise ValueError(f"--clusters {options.clusters}: choose 1 to {MOST_CLUSTERS}")
    if options.services is not None and not 1 <= options.services <= MOST_SERVICES:
        raise ValueError(f"--services {options.services}: choose 1 to {MOST_SERVICES}")
    if options.clusters < installation.least_clusters:
        raise ValueError(f"--world {installation.name} takes {installation.least_clusters} clusters or more")
    tenancy = ("kubesphere", "capsule", "label")
    counts: dict[str, int] = {}
    found = []
    for index in range(options.clusters):
        region, peak = _REGIONS[index % len(_REGIONS)]
        name = region if index < len(_REGIONS) else f"{region}-{index // len(_REGIONS) + 1}"
        if index < len(HOME):
            mesh = HOME[index]
        else:
            number = (index - len(HOME)) // MESH_SIZE + 1
            mesh = Mesh(f"market-{number}", "prod", "cluster.local", "1-30", "1.30.1")
        mesh = _installed(mesh, installation)
        legacy = mesh.template == "legacy"
        position = counts.get(mesh.name, 0)
        counts[mesh.name] = position + 1
        found.append(
            Cluster(
                name=name,
                index=index,
                mesh=mesh,
                position=position,
                region="dc-oslo" if legacy else f"{name}-1",
                peak_hour=peak,
                kubernetes="1.31.9" if legacy else "1.34.2",
                nodes=5 if legacy else (12, 9)[index % 2] + (options.services or 0) // 100,
                tenancy=tenancy[index % 3],
                native_sidecars=not legacy,
                revisions=installation.revisions(mesh.template, position),
            )
        )
    if installation.control == "primary":
        found[0] = replace(found[0], serves_others=True)
    if installation.control == "external":
        first = found[0]
        found.append(
            replace(
                first,
                name=HOST,
                index=len(found),
                position=counts[first.mesh.name],
                nodes=3,
                serves=first.name,
                serves_others=True,
            )
        )
    return found
