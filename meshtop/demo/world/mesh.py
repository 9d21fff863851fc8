"""One mesh through time: its clusters' configuration and conditions, and the streams that follow from them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from meshtop.demo.world import naming, platform_objects
from meshtop.demo.world.conditions import Conditions
from meshtop.demo.world.curve import DAY, Curve
from meshtop.demo.world.inventory import Inventory
from meshtop.demo.world.plan import Cluster, Mesh, Plan, Workload
from meshtop.demo.world.routing import OF_ITS_CLUSTER, Config
from meshtop.demo.world.stream import INTERVAL_MS, Stream, Target
from meshtop.demo.world.traffic import Key, Report, Traffic

Json = dict[str, Any]
Phase = tuple[float, Conditions]
ORIGIN = 1_735_689_600.0
"""When all counting began: 2025-01-01T00:00:00Z."""
GATHER = 0.5
"""Changes that take effect within so many seconds begin one era."""


class _Change(NamedTuple):
    """Something that takes effect at a moment; `number` keeps the order of arrival."""

    at: float
    number: int
    apply: Callable[[], object]


class MeshState:
    """The traffic of one mesh. There is no ticking: pending time is simulated when metrics are read."""

    def __init__(
        self, plan: Plan, mesh: Mesh, inventories: dict[str, Inventory], phases: list[Phase], clock: Callable[[], float]
    ) -> None:
        self.plan = plan
        self.mesh = mesh
        self._clock = clock
        self._seed = plan.options.seed
        self._inventories = inventories
        self.configs = {name: Config(mesh.root, mesh.suffix) for name in inventories}
        self._streams: dict[tuple[object, ...], Stream] = {}
        self._curves: dict[str, Curve] = {}
        self._targets: dict[Key, Target] = {}
        self.streams: dict[str, list[tuple[str, Stream]]] = {name: [] for name in inventories}
        self.timeline: list[Phase] = []
        self.conditions = Conditions()
        self._begun = False
        self._pushed: dict[str, float] = {}
        self._queue: list[_Change] = []
        self._number = 0
        for at, conditions in phases:
            self._enqueue(at, self._change_conditions(at, conditions))

    def changed(self, cluster: str, event: str, obj: Json) -> None:
        """Take note of a change in a cluster: it takes effect when the control plane has pushed it."""
        self.advance()
        now = self._clock()
        # A later change never overtakes an earlier one of the same cluster.
        due = self._pushed[cluster] = max(now + self.delay(cluster, now), self._pushed.get(cluster, now))
        self._enqueue(due, lambda: self._apply(cluster, event, obj))

    def _apply(self, cluster: str, event: str, obj: Json) -> None:
        """Tell an object to the proxies that it concerns: pods are their own cluster's, configuration its home's."""
        if obj.get("kind") in OF_ITS_CLUSTER:
            self.configs[cluster].apply(event, obj)
            return
        for member in self.plan.members(self.mesh.name):
            if self.plan.home(member).name == cluster:
                self.configs[member.name].apply(event, obj)

    def delay(self, cluster: str, at: float) -> float:
        """Seconds that a change takes to reach the proxies of a cluster."""
        slow = self.conditions.convergence.get(self.plan.home(self.plan.cluster(cluster)).name)
        return slow if slow else 2.0 + 3.0 * naming.unit(self._seed, cluster, int(at))

    def advance(self) -> None:
        """Catch up with everything that is due."""
        now = self._clock()
        if not self._begun:
            self._begun = True
            for name, inventory in self._inventories.items():
                for obj in inventory.config():
                    self._apply(name, "ADDED", obj)
        while self._queue and self._queue[0].at <= now:
            at = self._queue[0].at
            until = min(at + GATHER, now)
            while self._queue and self._queue[0].at <= until:
                change = self._queue.pop(0)
                at = change.at
                change.apply()
            self._turn(at)

    def target(self, key: Key) -> Target:
        """The scraped pod that represents a workload (one ztunnel for its whole DaemonSet)."""
        if key not in self._targets:
            self._targets[key] = self._scraped(key)
        return self._targets[key]

    def targets(self, cluster: str) -> list[Target]:
        """The targets of a cluster that have reported something."""
        return [target for key, target in self._targets.items() if key[0] == cluster]

    def curve(self, flow: str) -> Curve:
        """The curve of a flow; its name begins with the cluster whose day it follows."""
        if flow not in self._curves:
            place = flow.split("/")[0].removeprefix("?>")
            peak = self.plan.cluster(place).peak_hour
            self._curves[flow] = Curve.seeded(Random(f"{self._seed}/{flow}"), ORIGIN, peak_hour=peak)
        return self._curves[flow]

    def _enqueue(self, at: float, change: Callable[[], object]) -> None:
        self._number += 1
        insort(self._queue, _Change(at, self._number, change))

    def _change_conditions(self, at: float, conditions: Conditions) -> Callable[[], None]:
        def change() -> None:
            self.conditions = conditions
            self.timeline.append((at, conditions))

        return change

    def _turn(self, at: float) -> None:
        """Begin an era: work the traffic out anew and turn every stream to its new rate."""
        traffic = Traffic(self.plan, self.mesh, self.configs, self.conditions)
        merged: dict[tuple[object, ...], Report] = {}
        for report in traffic.run():
            key: tuple[object, ...] = (report.target, report.family, *report.labels.values())
            known = merged.get(key)
            merged[key] = report if known is None else known._replace(rate=known.rate + report.rate)
        for key, report in merged.items():
            stream = self._streams.get(key)
            if stream is None:
                stream = Stream(report.labels, self.target(report.target), self.curve(report.flow))
                self._streams[key] = stream
                self.streams[report.target[0]].append((report.family, stream))
            stream.turn(at, report.rate, report.profile)
        for key, stream in self._streams.items():
            if key not in merged:
                stream.turn(at, 0.0, stream.eras[-1].profile)
        for inventory in self._inventories.values():
            for workload in inventory.workloads:
                target = self._targets.get(workload.key)
                if target is not None:
                    target.turn(traffic.ready(workload) > 0, at)

    def _scraped(self, key: Key) -> Target:
        inventory = self._inventories[key[0]]
        cluster = inventory.cluster
        workload, place = self._find(inventory, key)
        pod = naming.pod_name(self._seed, workload, 0)
        labels = {
            "app": workload.app,
            "instance": f"{naming.pod_address(cluster, place, 0)}:15020",
            "job": "kubernetes-pods",
            "namespace": workload.namespace,
            "node": naming.node_name(cluster, place % cluster.nodes),
            "pod": pod,
        }
        if workload.version:
            labels["version"] = workload.version
        return Target(labels, "kubernetes-pods", naming.digest(self._seed, pod) % INTERVAL_MS, self._clock, ORIGIN)

    def _find(self, inventory: Inventory, key: Key) -> tuple[Workload, int]:
        cluster: Cluster = inventory.cluster
        if key in inventory.places:
            return inventory.by_key[key], inventory.places[key]
        for place, workload in enumerate(platform_objects.system_workloads(self.plan, cluster)):
            if workload.key == key:
                return workload, place
        raise KeyError(f"no workload {key[1]}/{key[2]} in {key[0]}")


def midnight(now: float) -> float:
    """The last midnight (UTC) before a moment."""
    return now // DAY * DAY
