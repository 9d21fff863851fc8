"""A fleet of fifty clusters, 20,000 services and 100,000 edge series, made in memory; its series decoded from JSON."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path

from meshtop.model.kube import Container, Controller, Inventory, KindStatus, Meta, Namespace, Node, Owner, Pod, Service
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import SourceStatus, State
from meshtop.model.telemetry import Telemetry
from meshtop.observatory.feed import Schedule
from meshtop.sources.prometheus.answers import decode_samples
from meshtop.sources.prometheus.labelsets import LabelSets

CLUSTERS = 50
SERVICES = 400
SERIES = 2_000
NAMESPACES = 20
NODES = 10
REFRESH_SECONDS = 5.0
_CODES = (("200", "-"), ("404", "-"), ("503", "UF"))
_WELL = (("200", "-"), ("201", "-"), ("302", "-"))


def name_of(number: int) -> str:
    """A service's name."""
    return f"app-{number:03}"


def inventory(cluster: int) -> Inventory:
    """400 services with a Deployment, a ReplicaSet and a pod each."""
    namespaces = tuple(Namespace(meta=_meta(f"team-{n:02}", "")) for n in range(NAMESPACES))
    services, controllers, pods = [], [], []
    proxy = Container("istio-proxy", "docker.io/istio/proxyv2:1.30.1")
    for number in range(SERVICES):
        name, namespace = name_of(number), f"team-{number % NAMESPACES:02}"
        labels = {"app": name, "version": "v1"}
        services.append(
            Service(
                meta=_meta(name, namespace), cluster_ip=f"10.{cluster}.{number // 250}.{number % 250}", selector=labels
            )
        )
        containers = (Container("app", "registry.example/app:1"), proxy)
        for kind, of, owner in (
            ("Deployment", f"{name}-v1", None),
            ("ReplicaSet", f"{name}-v1-5d9c7b", Owner("Deployment", f"{name}-v1", "apps/v1")),
        ):
            meta = _meta(of, namespace, labels, owner)
            controllers.append(
                Controller(kind=kind, meta=meta, desired=1, ready=1, template_labels=labels, containers=containers)
            )
        owner = Owner("ReplicaSet", f"{name}-v1-5d9c7b", "apps/v1")
        pods.append(
            Pod(
                meta=_meta(f"{name}-v1-5d9c7b-0", namespace, labels, owner),
                phase="Running", ready=True, ip=f"10.1.{number // 250}.{number % 250}", node=f"node-{number % NODES}",
                service_account=name, containers=containers,
            )
        )  # fmt: skip
    nodes = tuple(Node(meta=_meta(f"node-{n}", ""), ready=True) for n in range(NODES))
    kinds = ("Namespace", "Node", "Service", "Pod", "Deployment", "ReplicaSet")
    return Inventory(
        version="v1.34.2", nodes=nodes, namespaces=namespaces, services=tuple(services), pods=tuple(pods),
        controllers=tuple(controllers), kinds=tuple(KindStatus(kind=kind) for kind in kinds),
    )  # fmt: skip


def _meta(name: str, namespace: str, labels: dict[str, str] | None = None, owner: Owner | None = None) -> Meta:
    return Meta(name=name, namespace=namespace, uid=f"{namespace}-{name}", labels=labels or {}, owner=owner)


def answer(cluster: str, turn: int, *, failing_one_in: int = 1) -> bytes:
    """A Prometheus' answer with 2,000 series, whose values differ from turn to turn, and whose order does not.

    One of so many calls fails, a third of its requests.
    """
    result = []
    for number in range(SERIES):
        edge, code = divmod(number, len(_CODES))
        reporter, pair = ("source", "destination")[edge % 2], edge // 2
        codes = _WELL if pair % failing_one_in else _CODES
        caller, called = pair % 97, pair % SERVICES
        name, namespace = name_of(called), f"team-{called % NAMESPACES:02}"
        result.append(
            {
                "metric": {
                    "reporter": reporter,
                    "source_cluster": cluster,
                    "source_workload_namespace": f"team-{caller % NAMESPACES:02}",
                    "source_workload": f"{name_of(caller)}-v1",
                    "source_canonical_service": name_of(caller),
                    "destination_cluster": cluster,
                    "destination_workload_namespace": namespace,
                    "destination_workload": f"{name}-v1",
                    "destination_canonical_service": name,
                    "destination_service": f"{name}.{namespace}.svc.cluster.local",
                    "destination_service_name": name,
                    "destination_service_namespace": namespace,
                    "request_protocol": "http",
                    "response_code": codes[code][0],
                    "response_flags": codes[code][1],
                    "connection_security_policy": "mutual_tls" if reporter == "destination" else "unknown",
                },
                "value": [1_700_000_000.0, str((0.1 + number * 7 % 89) * (1 + turn / 1000))],
            }
        )
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


class Fleet:
    """The inventories, which stand still, and two turns of answers, which the refreshes alternate between."""

    def __init__(self, *, failing_one_in: int = 1) -> None:
        self.names = [f"cluster-{n:02}" for n in range(CLUSTERS)]
        self.inventories = [inventory(n) for n in range(CLUSTERS)]
        # In files, as they would come from sockets: what a program holds of them is what is measured.
        self._folder = tempfile.TemporaryDirectory(prefix="meshtop-answers-")
        for turn in range(2):
            for name in self.names:
                self._answer(name, turn).write_bytes(answer(name, turn, failing_one_in=failing_one_in))
        self.labels = {name: LabelSets() for name in self.names}
        self.turn = 0

    def _answer(self, cluster: str, turn: int) -> Path:
        return Path(self._folder.name, f"{cluster}-{turn}.json")

    async def refresh(self) -> Snapshot:
        """Decode every cluster's answer, and fold them into a Snapshot."""
        self.turn += 1
        fresh = SourceStatus(state=State.FRESH, answered_at=float(self.turn))
        clusters = []
        for name, known in zip(self.names, self.inventories, strict=True):
            self.labels[name].begin_refresh()
            samples = await decode_samples(self._answer(name, self.turn % 2).read_bytes(), self.labels[name])
            telemetry = Telemetry(
                at=float(self.turn), window_seconds=300.0, identity=name, requests=tuple(samples.items)
            )
            clusters.append(
                ClusterSnapshot(
                    name=name, context=name, server=f"https://{name}.example", kubernetes=fresh, prometheus=fresh,
                    inventory=known, telemetry=telemetry,
                )
            )  # fmt: skip
        return Snapshot(
            sequence=self.turn, at=float(self.turn), window_seconds=300.0, clusters=tuple(clusters), settled=True
        )


class FleetObservatory:
    """What the console's thread follows in place of the real sources: a refresh as soon as the last one is shown."""

    def __init__(self, fleet: Fleet, pause_seconds: float) -> None:
        self._fleet = fleet
        self._pause = pause_seconds
        self.schedule = Schedule(refresh_seconds=REFRESH_SECONDS, window_seconds=300.0, moment=None)

    async def follow(self, ready: Awaitable[object] | None = None) -> AsyncGenerator[Snapshot, None]:
        """Snapshots without end, as soon as what is done with them can be done."""
        if ready is not None:
            await ready
        while True:
            yield await self._fleet.refresh()
            await asyncio.sleep(self._pause)

    async def close(self) -> None:
        """Nothing is open."""
