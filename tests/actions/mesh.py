"""Two clusters of one mesh with real (simulated) API servers, telemetry that obeys their weights, and time that a
test moves.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web
from msgspec import structs

from meshtop.actions.events import ActionEvent
from meshtop.actions.fleet import Fleet, FleetCluster
from meshtop.actions.journal.journal import Journal
from meshtop.actions.kube import KubeApi, RouteObject, config_object
from meshtop.actions.shift.controls import Controls
from meshtop.actions.shift.plan import ShiftPace, ShiftPlan
from meshtop.actions.shift.preflight import preflight
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.analysis.canary.judging import Judging
from meshtop.analysis.canary.survey import BoardCluster, Survey
from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.analysis.inventory.workloads import workloads
from meshtop.demo.kube.access import admin, viewer
from meshtop.demo.kube.app import kube_app
from meshtop.demo.kube.resource import Json, Resource
from meshtop.demo.kube.store import KubeStore
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.state import State
from meshtop.model.telemetry import Labels, Sample
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.http.connection import Connection
from meshtop.sources.problem import SourceProblem
from tests import worlds
from tests.demo.kube.running import Running, running

NETWORKING = "networking.istio.io"
HOST = worlds.REVIEWS_HOST
ROUTE = "shop/reviews"
NOW = 1_785_592_800.0
QUICK = ShiftPace(settle=0.0, patience=90.0, poll=10.0, lease=60.0)


def virtual_service(weights: Sequence[int | None] = (80, 20), **metadata: Any) -> Json:
    """Route `reviews`: versions v1 and v2 with these weights (None: not written)."""
    routes = [{"destination": {"host": "reviews", "subset": f"v{i + 1}"}} for i in range(len(weights))]
    for route, weight in zip(routes, weights, strict=True):
        if weight is not None:
            route["weight"] = weight  # type: ignore[assignment]
    return {
        "apiVersion": f"{NETWORKING}/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "shop", **metadata},
        "spec": {"hosts": ["reviews"], "http": [{"name": "main", "timeout": "3s", "route": routes}]},
    }


def destination_rule() -> Json:
    """Subsets v1 and v2 of reviews."""
    subsets = [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]
    return {
        "apiVersion": f"{NETWORKING}/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "reviews", "namespace": "shop"},
        "spec": {"host": "reviews", "subsets": subsets},
    }


def as_config(obj: Json) -> ConfigObject:
    """An object as the analysis reads it."""
    where = RouteObject(cluster="", group=NETWORKING, version="v1", kind=obj["kind"], namespace="", name="", index=0)
    return config_object(where, obj)


def window_seconds(expression: str) -> float:
    """How far back an expression looks."""
    (window,) = re.findall(r"\[([0-9smh]+)\]", expression)
    return float(
        sum(int(number) * {"s": 1, "m": 60, "h": 3600}[unit] for number, unit in re.findall(r"(\d+)(.)", window))
    )


class FakeMetrics:
    """Telemetry of one cluster: its web asks reviews, split as the cluster's weights say, with these error shares.

    `honest` False sends everything to the first version, whatever the weights say; `rate` is in requests a second.
    """

    def __init__(self, cluster: str, store: KubeStore) -> None:
        self.cluster = cluster
        self.store = store
        self.rate = 200.0
        self.errors = {"v1": 0.002, "v2": 0.002}
        self.honest = True
        self.matchers: Mapping[str, str] = {}
        self.identity = cluster
        self.asked: list[str] = []

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        self.asked.append(expression)
        seconds = window_seconds(expression)
        requests = self.rate * seconds
        shares = self._shares()
        found = []
        for version, share in shares.items():
            count, bad = requests * share, self.errors[version]
            if "bucket" in expression:
                found += [self._sample(version, count * part, le=le) for le, part in (("100", 0.999), ("+Inf", 1.0))]
            elif count:
                found.append(self._sample(version, count * (1 - bad), response_code="200"))
                found.append(self._sample(version, count * bad, response_code="503"))
        return tuple(found)

    def _shares(self) -> dict[str, float]:
        if not self.honest:
            return {"v1": 1.0, "v2": 0.0}
        obj = self.store.get(NETWORKING, "VirtualService", "shop", "reviews")
        assert obj is not None
        weights = [route.get("weight", 0) for route in obj["spec"]["http"][0]["route"]]
        return {f"v{i + 1}": weight / sum(weights) for i, weight in enumerate(weights)}

    def _sample(self, version: str, value: float, **more: str) -> Sample:
        labels = Labels(
            reporter="source",
            source_cluster=self.cluster,
            source_workload_namespace="shop",
            source_workload="web-v1",
            destination_cluster=self.cluster,
            destination_workload_namespace="shop",
            destination_workload=f"reviews-{version}",
            destination_version=version,
            destination_service=HOST,
            request_protocol="http",
            response_flags="-",
        )
        return Sample(structs.replace(labels, **more), value)


class FaultyWire:
    """A connection whose n-th PATCH (or other method) goes wrong as told; everything else is real."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sent: list[tuple[str, str]] = []
        self.faults: list[tuple[str, Any]] = []
        self.dead = False

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        self.sent.append((method, path))
        if self.dead:
            raise SourceProblem(State.UNREACHABLE, "the cluster does not answer.")
        if self.faults and self.faults[0][0] == method and "dryRun" not in (params or {}):
            _, fault = self.faults.pop(0)
            answer = await fault(self, method, path, params, headers, content)
            if answer is not None:
                assert isinstance(answer, httpx.Response)
                return answer
        return await self.connection.request(
            method, path, params=params, headers=headers, content=content, timeout=timeout
        )

    async def close(self) -> None:
        await self.connection.close()


class Clock:
    """Time that moves only when somebody waits."""

    def __init__(self) -> None:
        self.began = self.now = time.time()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Hurried(Controls):
    """Controls whose waiting moves the clock; `script` maps a number of waits to a wish."""

    def __init__(self, clock: Clock, script: Mapping[int, str] | None = None) -> None:
        super().__init__()
        self.clock = clock
        self.script = dict(script or {})
        self.waits = 0

    async def wait(self, seconds: float) -> None:
        self.waits += 1
        assert self.waits < 1000, "the shift waits for ever"
        self.clock.now += seconds
        wish = self.script.get(self.waits)
        if wish is not None:
            getattr(self, wish)()


class Cluster:
    """One cluster: its store, its served API and its telemetry."""

    def __init__(self, name: str, store: KubeStore, server: Running) -> None:
        self.name = name
        self.store = store
        self.server = server
        self.metrics = FakeMetrics(name, store)

    def put(self, obj: Json, manager: str = "kubectl-edit") -> None:
        self.server.call(lambda: self.store.put(obj, manager=manager))

    def reset(self, weights: Sequence[int | None] = (80, 20)) -> None:
        """The objects as they were, and no Lease."""

        def clean() -> None:
            for lease in self.store.list("coordination.k8s.io", "Lease", "shop"):
                self.store.delete("coordination.k8s.io", "Lease", "shop", lease["metadata"]["name"])
            self.store.put(virtual_service(weights), manager="kubectl-create")

        self.server.call(clean)

    @property
    def weights(self) -> tuple[int | None, ...]:
        obj = self.server.call(lambda: self.store.get(NETWORKING, "VirtualService", "shop", "reviews"))
        assert obj is not None
        return tuple(route.get("weight") for route in obj["spec"]["http"][0]["route"])

    @property
    def object(self) -> Json:
        found = self.server.call(lambda: self.store.get(NETWORKING, "VirtualService", "shop", "reviews"))
        assert found is not None
        return found

    def ref(self, user: str = "admin") -> ClusterRef:
        return reference(self.name, self.server.url, user)

    def inventory(self) -> Inventory:
        plain = worlds.inventory(cluster_id=self.name)
        config = {"VirtualService": (as_config(self.object),), "DestinationRule": (as_config(destination_rule()),)}
        return structs.replace(plain, config=config)


def reference(name: str, url: str, user: str = "admin") -> ClusterRef:
    """A kubeconfig's entry for a served cluster."""
    return ClusterRef(
        name=name,
        context=name,
        server=url,
        user=user,
        document={
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
            "clusters": [{"name": name, "cluster": {"server": url}}],
            "users": [{"name": user, "user": {"token": f"demo-{user}"}}],
        },
    )


def make_store(seed: str) -> KubeStore:
    store = KubeStore(time.time, seed)
    for kind, plural in (("VirtualService", "virtualservices"), ("DestinationRule", "destinationrules")):
        store.install(Resource(NETWORKING, ("v1",), kind, plural, custom=True))
    for name in ("kube-system", "shop"):
        store.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    store.put(virtual_service())
    store.put(destination_rule())
    return store


@contextmanager
def mesh(*names: str) -> Iterator[dict[str, Cluster]]:
    """Served clusters of one mesh."""
    with ExitStack() as stack:
        found = {}
        for name in names:
            stores: list[KubeStore] = []

            def make(name: str = name, stores: list[KubeStore] = stores) -> web.Application:
                stores.append(make_store(name))
                return kube_app(stores[0], git_version="v1.34.0", accounts=[admin(), viewer()], services={})

            server = stack.enter_context(running(make))
            found[name] = Cluster(name, stores[0], server)
        yield found


def board_cluster(name: str, inventory: Inventory) -> BoardCluster:
    return BoardCluster(
        name=name,
        inventory=inventory,
        facts=structs.replace(mesh_facts(inventory), roles=("primary",)),
        workloads=workloads(inventory, name),
    )


class Scene:
    """Everything that a shift needs on a mesh; `wires` are where faults are put."""

    def __init__(self, clusters: Mapping[str, Cluster], folder: Path, *, user: str = "admin", **more: Any) -> None:
        self.clock = Clock()
        self.clusters = clusters
        self.journal = Journal(folder / "journal.db")
        self.wires = {name: FaultyWire(Connection(c.ref(user), writes=True)) for name, c in clusters.items()}
        read_only = more.pop("read_only", ())
        self.fleet = Fleet(
            [
                FleetCluster(
                    name, KubeApi(name, self.wires[name], server=c.server.url), c.metrics, read_only=name in read_only
                )
                for name, c in clusters.items()
            ],
            Survey([board_cluster(name, c.inventory()) for name, c in clusters.items()]),
            judging=more.pop("judging", Judging()),
            who="maria",
            origin="laptop",
            clock=self.clock,
            **more,
        )

    async def shift(
        self, plan: ShiftPlan, script: Mapping[int, str] | None = None, *, attended: bool = False
    ) -> list[ActionEvent]:
        """Run a whole shift; its events."""
        found = await preflight(plan, self.fleet)
        runner = ShiftRunner.begin(
            found,
            self.fleet,
            self.journal,
            controls=Hurried(self.clock, script),
            attended=attended,
            sleep=self.clock.sleep,
        )
        return [event async for event in runner.run()]

    @property
    def weights(self) -> dict[str, tuple[int | None, ...]]:
        return {name: cluster.weights for name, cluster in self.clusters.items()}

    async def close(self) -> None:
        await self.fleet.close()
        self.journal.close()


def plan(**more: Any) -> ShiftPlan:
    """Shift v2 of reviews to 50 %."""
    return ShiftPlan(**{"route": ROUTE, "steps": ({"v2": 50},), "pace": QUICK, "every_seconds": 60.0, **more})
