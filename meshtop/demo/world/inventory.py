"""All objects of one cluster, put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from meshtop.demo.world import control_objects, naming, platform_objects
from meshtop.demo.world.company import Service
from meshtop.demo.world.evidence import EDITED, Evidence, rotated_at, scaled_to
from meshtop.demo.world.kinds import definitions
from meshtop.demo.world.member_objects import OFFERS, Members
from meshtop.demo.world.owner_objects import OwnedRoutes, selectors
from meshtop.demo.world.people import people
from meshtop.demo.world.plan import Cluster, Plan, Workload
from meshtop.demo.world.registries import Registrar
from meshtop.demo.world.routing import CONTROLLERS
from meshtop.demo.world.workload_objects import DAY, Builder, Json, endpoint, endpoint_slice, service

TROUBLED = {("legacy", "labels"): 1, ("prod", "reporting"): 0}
"""How many pods of a service crash, by mesh template."""


OUTDATED = ("payments", "4.1.9")
"""A service and the release that a drifted cluster still runs."""


def _outdated(workload: Workload) -> Workload:
    return replace(workload, serving=replace(workload.serving, release=OUTDATED[1]))


class Inventory:
    """The initial objects of one cluster, built on first use."""

    def __init__(
        self,
        plan: Plan,
        cluster: Cluster,
        scenario: str,
        now: float,
        edited: float,
        servers: Mapping[str, str] | None = None,
        begins: float | None = None,
    ) -> None:
        """`edited` is when the route reviews got its weights, `begins` when the story is felt (Unix seconds).

        `servers` gives the clusters' URLs once they are known.
        """
        self.servers = {} if servers is None else servers
        self.plan = plan
        self.cluster = cluster
        self.scenario = scenario
        self.now = now
        self.edited = edited
        self.begins = now if begins is None else begins
        self.builder = Builder(plan.options.seed, cluster, now // DAY * DAY)
        self.workloads = plan.workloads(cluster)
        if scenario == "drifted-config" and cluster.position == 1:
            self.workloads = tuple(_outdated(w) if w.service == OUTDATED[0] else w for w in self.workloads)
        self.workloads = tuple(self._scaled(w) for w in self.workloads)
        self.by_key = {w.key: w for w in self.workloads}
        self.places = {w.key: platform_objects.PLACES + i for i, w in enumerate(self.workloads)}

    def _scaled(self, workload: Workload) -> Workload:
        counts = scaled_to(self.plan, self.cluster, self.scenario, workload.service)
        return workload if counts is None else replace(workload, replicas=counts[1])

    def config(self) -> list[Json]:
        """What decides where traffic goes: mesh configuration, and controllers for their replicas."""
        found = list(self._written())
        for workload in self.workloads:
            if workload.kind in CONTROLLERS:
                found.append(next(iter(self.builder.controllers(workload, workload.replicas, workload.replicas))))
        return found

    def objects(self) -> Iterator[Json]:
        """Everything, definitions first, with the marks of what was changed."""
        calm: list[Json] = []
        if self.scenario in EDITED:
            quiet = Inventory(self.plan, self.cluster, "calm", self.now, self.edited, self.servers)
            calm = quiet.config()
        evidence = Evidence(self.plan, self.builder, self.scenario, self.begins, calm)
        yield from evidence.told(self._objects())

    def _objects(self) -> Iterator[Json]:
        builder, plan, cluster = self.builder, self.plan, self.cluster
        yield from definitions(registries=cluster.index == 0, owners=bool(plan.installation.owners))
        yield from platform_objects.nodes(builder)
        yield from platform_objects.namespaces(builder, plan)
        rotated = rotated_at(cluster, self.scenario, self.begins)
        root = control_objects.root_certificate(plan, cluster, self.scenario, self.now, rotated)
        yield from control_objects.settings(plan, builder, root)
        yield from platform_objects.platform(plan, cluster, builder.today)
        yield from control_objects.remote_secrets(plan, builder)
        yield control_objects.gateway_certificate(builder)
        accounts = {(w.namespace, w.account) for w in self.workloads}
        for namespace, name in sorted(accounts):
            yield {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": builder.meta(name, namespace, kind="ServiceAccount"),
            }
        pods: dict[str, list[Json]] = {}
        for workload in self.workloads:
            if workload.kind == "WorkloadGroup":
                continue
            for obj in builder.workload(workload, self.places[workload.key], trouble=self.trouble(workload)):
                if obj["kind"] == "Pod":
                    pods.setdefault(workload.service, []).append(obj)
                yield obj
        yield from self._services(pods)
        yield from self._written()
        yield from people(plan, builder, self.scenario)
        if cluster.index == 0:
            registrar = Registrar(plan, builder, self.scenario, self.servers, self.now)
            yield from registrar.objects(plan.options.registry)

    def _written(self) -> Iterator[Json]:
        for author in (OwnedRoutes, Members):
            yield from author(self.plan, self.builder, self.scenario, self.now, self.edited).objects()

    def trouble(self, workload: Workload) -> int:
        """How many pods of a workload crash at the beginning."""
        return 0 if self.scenario == "calm" else TROUBLED.get((self.cluster.mesh.template, workload.service), 0)

    def _services(self, pods: dict[str, list[Json]]) -> Iterator[Json]:
        place = platform_objects.PLACES
        everywhere = {} if self.cluster.hosting else self.plan.services(self.cluster.mesh.template)
        for item in everywhere.values():
            # A host is resolved only where its Service exists, so it exists in each cluster of a mesh.
            for name, selector in selectors(self.plan, item):
                place += 1
                behind = [p for p in pods.get(item.name, []) if selector.items() <= p["metadata"]["labels"].items()]
                yield from self._service(item, name, selector, behind, place)
        for item in everywhere.values():
            if item.name == "offers":
                for version, _ in OFFERS:
                    place += 1
                    own = [p for p in pods.get(item.name, []) if p["metadata"]["labels"].get("version") == version]
                    yield from self._service(
                        item, f"{item.name}-{version}", {"app": item.name, "version": version}, own, place
                    )
        for machine in self.plan.machines(self.cluster):
            place += 1
            ports = [{"name": machine.protocol, "port": machine.port, "targetPort": machine.port, "protocol": "TCP"}]
            address = naming.service_address(self.cluster, place)
            yield service(self.builder, machine.name, machine.namespace, ports, {"app": machine.name}, address)

    def _service(self, item: Service, name: str, selector: Json, pods: list[Json], place: int) -> Iterator[Json]:
        port: Json = {
            "name": item.protocol if item.protocol != "tcp" else f"tcp-{item.name}",
            "port": item.port,
            "targetPort": item.port,
            "protocol": "TCP",
        }
        if item.protocol == "grpc":
            port["appProtocol"] = "grpc"
        address = "None" if item.headless else naming.service_address(self.cluster, place)
        labels = {"app": item.name, "app.kubernetes.io/part-of": item.namespace}
        yield service(self.builder, name, item.namespace, [port], selector, address, labels=labels)
        listed = [{"name": port["name"], "port": item.port, "protocol": "TCP"}]
        yield endpoint_slice(self.builder, name, item.namespace, listed, [endpoint(self.builder, p) for p in pods])
