"""The whole world: clusters whose objects and metrics are created on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from meshtop.demo.world import naming
from meshtop.demo.world.conditions import Conditions
from meshtop.demo.world.control import ControlPlane
from meshtop.demo.world.inventory import Inventory
from meshtop.demo.world.mesh import ORIGIN, MeshState
from meshtop.demo.world.metrics import Metrics
from meshtop.demo.world.plan import Cluster, Options, Plan
from meshtop.demo.world.registries import REGISTRIES
from meshtop.demo.world.scenarios import DEFAULT, scenario_named
from meshtop.demo.world.workload_objects import endpoint

Json = dict[str, Any]


class Store(Protocol):
    """The part of a simulated cluster's object store that the world uses."""

    def put(self, obj: Json, *, manager: str | None = ...) -> Json:
        """Create or replace an object, status included; `manager` None leaves managedFields as they are."""

    def get(self, group: str, kind: str, namespace: str | None, name: str) -> Json | None:
        """An object, None where there is none."""

    def list(self, group: str, kind: str, namespace: str | None = None) -> list[Json]:
        """The objects of a kind."""

    def delete(self, group: str, kind: str, namespace: str | None, name: str) -> bool:
        """Remove an object."""

    def subscribe(self, callback: Callable[[str, Json], None]) -> None:
        """Call back after each change with ADDED, MODIFIED or DELETED and the object."""


class SimulatedCluster:
    """One cluster of the world: its inventory, its Prometheus, and its store once it has been filled."""

    def __init__(self, world: World, cluster: Cluster, state: MeshState, inventory: Inventory) -> None:
        self.plan = cluster
        self.inventory = inventory
        self._world = world
        self._state = state
        self._store: Store | None = None
        self._metrics: Metrics | None = None
        self._due: dict[tuple[str, str, str], Json] = {}
        self.on_work: Callable[[], None] = lambda: None
        """Called when controllers have something to do: then call `reconcile` soon, outside of the store's callback."""

    @property
    def name(self) -> str:
        """The cluster's name, which is its Istio cluster id as well."""
        return self.plan.name

    @property
    def metrics(self) -> Metrics:
        """The source of series of the cluster's Prometheus."""
        if self._metrics is None:
            self._metrics = Metrics(
                self._state, self.name, ControlPlane(self._state, self.inventory, self._world.clock)
            )
        return self._metrics

    def fill(self, store: Store) -> None:
        """Put every object into a store, and obey what is changed there from then on."""
        for obj in self.inventory.objects():
            store.put(obj, manager=None)
        self._store = store
        store.subscribe(self._changed)

    def reconcile(self) -> None:
        """Do what the controllers of Deployments and StatefulSets would: pods, status and endpoints follow replicas."""
        due, self._due = self._due, {}
        for (kind, namespace, name), obj in due.items():
            workload = next(
                (w for w in self.inventory.workloads if (w.kind, w.namespace, w.name) == (kind, namespace, name)), None
            )
            if workload is None or self._store is None:
                continue
            wanted = int(obj.get("spec", {}).get("replicas", 1))
            builder = self.inventory.builder
            place = self.inventory.places[workload.key]
            present = {naming.pod_name(builder.seed, workload, i): i for i in range(max(wanted, 1) + 500)}
            pods = [p for p in self._store.list("", "Pod", namespace) if p["metadata"]["name"] in present]
            for pod in pods:
                if present[pod["metadata"]["name"]] >= wanted:
                    self._store.delete("", "Pod", namespace, pod["metadata"]["name"])
            known = {p["metadata"]["name"] for p in pods}
            for pod_name, ordinal in present.items():
                if ordinal < wanted and pod_name not in known:
                    pod = builder.pod(workload, place, ordinal)
                    started = naming.timestamp(self._world.clock())
                    pod["metadata"]["creationTimestamp"] = pod["status"]["startTime"] = started
                    self._store.put(pod, manager=None)
            for fresh in builder.controllers(workload, wanted, wanted):
                current = self._store.get("apps", fresh["kind"], namespace, fresh["metadata"]["name"])
                if current is not None:
                    current["spec"]["replicas"] = wanted
                    current["status"] = fresh["status"]
                    self._store.put(current, manager=None)
            self._refresh_endpoints(namespace, workload.app)

    def _refresh_endpoints(self, namespace: str, app: str) -> None:
        if self._store is None:
            return
        for listed in self._store.list("discovery.k8s.io", "EndpointSlice", namespace):
            owner = listed["metadata"].get("labels", {}).get("kubernetes.io/service-name", "")
            found = self._store.get("", "Service", namespace, owner)
            if found is None or found["spec"].get("selector", {}).get("app") != app:
                continue
            selector = found["spec"]["selector"].items()
            pods = [
                p for p in self._store.list("", "Pod", namespace) if selector <= p["metadata"].get("labels", {}).items()
            ]
            listed["endpoints"] = [endpoint(self.inventory.builder, p) for p in pods]
            self._store.put(listed, manager=None)

    def _changed(self, event: str, obj: Json) -> None:
        kind = obj.get("kind", "")
        self._state.changed(self.name, event, obj)
        if kind in ("Deployment", "StatefulSet") and event == "MODIFIED":
            wanted = int(obj.get("spec", {}).get("replicas", 1))
            if obj.get("status", {}).get("replicas", 0) != wanted:
                self._due[(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])] = obj
                self.on_work()


class World:
    """Every cluster of the demo. `clock` gives Unix seconds; the same seed gives the same world at the same moment."""

    def __init__(
        self, options: Options, clock: Callable[[], float], scenario: str = DEFAULT, begins: float | None = None
    ) -> None:
        """`begins` is when the story sets in, in seconds from here (negative: it is under way); None is its own choice.

        `servers` is to be filled with the clusters' URLs before anything is asked for. Raises ValueError for options,
        a registry or a scenario that do not exist.
        """
        if options.registry not in REGISTRIES:
            raise ValueError(f"--registry {options.registry}: choose one of {', '.join(REGISTRIES)}")
        self.clock = clock
        self.plan = Plan(options)
        self.scenario = scenario_named(scenario)
        self.started = clock()
        self.begins = self.started + (self.scenario.offset if begins is None else begins)
        phases = [(max(at, ORIGIN), conditions) for at, conditions in self.scenario.phases(self.plan, self.begins)]
        told = self.scenario.edited
        edited = self.started - 720.0 if told is None else self.begins + told
        self.servers: dict[str, str] = {}
        inventories = {
            c.name: Inventory(self.plan, c, scenario, self.started, edited, self.servers, self.begins)
            for c in self.plan.clusters
        }
        self.clusters: dict[str, SimulatedCluster] = {}
        for mesh in {c.mesh.name: c.mesh for c in self.plan.clusters}.values():
            here = [c for c in self.plan.clusters if c.mesh.name == mesh.name]
            members = {c.name: inventories[c.name] for c in here}
            story = phases if mesh.name == self.plan.clusters[0].mesh.name else [(ORIGIN, Conditions())]
            state = MeshState(self.plan, mesh, members, story, clock)
            for cluster in here:
                self.clusters[cluster.name] = SimulatedCluster(self, cluster, state, inventories[cluster.name])

    @property
    def dying(self) -> str | None:
        """The cluster whose API server stops answering when the story begins."""
        first = self.plan.members(self.plan.clusters[0].mesh.name)
        return None if self.scenario.dies is None else first[min(self.scenario.dies, len(first) - 1)].name
