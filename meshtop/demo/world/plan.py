"""What stands where: meshes, clusters and workloads, drawn up from the options before anything is built."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random

from meshtop.demo.world import company
from meshtop.demo.world.company import Call, Machine, Namespace, Protocol, Service, Version

INGRESS = "istio-ingressgateway"
EASTWEST = "istio-eastwestgateway"
WAYPOINT = "waypoint"
MESH_SIZE = 4
"""Clusters of each further mesh when more than three clusters are asked for."""

_REGIONS = (
    ("us-east", 20), ("eu-west", 19), ("on-prem", 12), ("us-west", 3), ("ap-south", 14), ("eu-north", 18),
    ("sa-east", 23), ("ap-east", 11), ("ca-central", 1), ("me-south", 16), ("af-south", 17), ("au-east", 9),
)  # fmt: skip
"""Regions and the hour (UTC) of their busiest time."""
_KINDS = (
    "feed",
    "index",
    "sync",
    "router",
    "quotes",
    "media",
    "audit",
    "profile",
    "rules",
    "export",
    "pricing",
    "alerts",
)
_THINGS = (
    "tent",
    "boot",
    "stove",
    "kayak",
    "rope",
    "lamp",
    "pack",
    "jacket",
    "map",
    "radio",
    "sled",
    "compass",
    "knife",
)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Clusters that share a control-plane configuration, a trust domain and a root."""

    name: str
    template: str
    trust_domain: str
    revision: str
    istio: str
    registry_only: bool = False


@dataclass(frozen=True)
class Cluster:
    """A cluster: `position` counts within its mesh; its Istio cluster id is its name."""

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

    @property
    def network(self) -> str:
        """The network label of the cluster, different for each of them."""
        return f"{self.name}-net"


@dataclass(frozen=True, slots=True)
class Workload:
    """Pods of one version of a service (or a machine, or a gateway) in one cluster, as telemetry names them."""

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
        return {"app": self.app, "version": self.version} if self.version else {"app": self.app}


@dataclass(frozen=True)
class Options:
    """What the user may choose: clusters, services in each cluster (None: the company's own), the seed, a registry."""

    clusters: int = 3
    services: int | None = None
    seed: int = 1
    registry: str = "none"


@dataclass(frozen=True)
class Plan:
    """Every mesh, cluster and workload of a world; equal options give an equal plan."""

    options: Options
    clusters: tuple[Cluster, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clusters", tuple(_clusters(self.options)))

    def cluster(self, name: str) -> Cluster:
        """The cluster of that name."""
        return next(c for c in self.clusters if c.name == name)

    def members(self, mesh: str) -> tuple[Cluster, ...]:
        """The clusters of a mesh, in order of position."""
        return tuple(c for c in self.clusters if c.mesh.name == mesh)

    def services(self, template: str) -> dict[str, Service]:
        """The services of a mesh of that template by name, without calls to services that were left out."""
        return self._services[template]

    @cached_property
    def _services(self) -> dict[str, dict[str, Service]]:
        return {template: _trimmed(self.options, template) for template in ("prod", "legacy")}

    def namespaces(self, cluster: Cluster) -> tuple[Namespace, ...]:
        """The company's namespaces in a cluster: those that hold a service of its mesh."""
        used = {s.namespace for s in self.services(cluster.mesh.template).values()}
        known = {n.name: n for n in company.NAMESPACES}
        own = [n for n in company.NAMESPACES if n.name in used]
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
        )

    def here(self, cluster: Cluster) -> tuple[Service, ...]:
        """The services that have pods in a cluster."""
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

    def gateway(self, cluster: Cluster, name: str = INGRESS) -> Workload:
        """A gateway of a cluster as a workload."""
        serving = Version("", 2, 1.0, 0.5)
        return Workload(
            cluster.name,
            "istio-system",
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
        return {template: _topological(self._services[template]) for template in self._services}


HOME = (
    Mesh("prod", "prod", "cluster.local", "1-30", "1.30.1"),
    Mesh("prod", "prod", "cluster.local", "1-30", "1.30.1"),
    Mesh("legacy", "legacy", "warehouse.halyard.example", "default", "1.28.4", registry_only=True),
)
"""The meshes of the first three clusters."""


MOST_CLUSTERS, MOST_SERVICES = 200, 20_000


def _clusters(options: Options) -> list[Cluster]:
    if not 1 <= options.clusters <= MOST_CLUSTERS:
        raise ValueError(f"--clusters {options.clusters}: choose 1 to {MOST_CLUSTERS}")
    if options.services is not None and not 1 <= options.services <= MOST_SERVICES:
        raise ValueError(f"--services {options.services}: choose 1 to {MOST_SERVICES}")
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
            )
        )
    return found


def _trimmed(options: Options, template: str) -> dict[str, Service]:
    own = [s for s in company.SERVICES if s.mesh == template]
    if options.services is not None:
        own = own[: options.services]
        own += _invented(options, template, options.services - len(own))
    names = {s.name for s in own} | {m.name for m in company.MACHINES if m.mesh == template}
    names |= {e.name for e in company.EXTERNALS}
    return {s.name: replace(s, calls=tuple(c for c in s.calls if c.service in names)) for s in own}


def _invented(options: Options, template: str, count: int) -> list[Service]:
    """More services for a big world: in teams of twelve, each calling up to five later ones."""
    random = Random(f"{options.seed}/{template}/services")
    names = [f"{_THINGS[i % len(_THINGS)]}-{_KINDS[i // len(_THINGS) % len(_KINDS)]}-{i:04d}" for i in range(count)]
    found = []
    for i, name in enumerate(names):
        later = range(i + 1, min(count, i + 60))
        calls = tuple(
            Call(names[j], 0.15 + 0.35 * random.random()) for j in sorted(random.sample(later, min(4, len(later))))
        )
        versions = [Version("v1", 2, 4 + 60 * random.random(), 0.7, _ERRORS[i % len(_ERRORS)], "1.0.0")]
        if i % 9 == 0:
            versions.append(Version("v2", 1, 4 + 60 * random.random(), 0.7, (), "2.0.0"))
        found.append(
            Service(
                name,
                f"team-{i // 12 + 1:03d}",
                8080,
                tuple(versions),
                mesh=template,
                calls=calls,
                entry_rate=5 + 20 * random.random() if i % 7 == 0 else 0.0,
            )
        )
    return found


_ERRORS = ((("404", 0.004), ("500", 0.0006)), (("500", 0.0004),), (), (("503", 0.001),))


def _topological(services: dict[str, Service]) -> tuple[str, ...]:
    waiting = dict.fromkeys(services, 0)
    for service in services.values():
        for call in service.calls:
            if call.service in waiting:
                waiting[call.service] += 1
    ready = [name for name, count in waiting.items() if count == 0]
    found = []
    while ready:
        name = ready.pop()
        found.append(name)
        for call in services[name].calls:
            if call.service in waiting:
                waiting[call.service] -= 1
                if waiting[call.service] == 0:
                    ready.append(call.service)
    if len(found) != len(services):
        raise ValueError("the company's services call each other in a circle")
    return tuple(found)
