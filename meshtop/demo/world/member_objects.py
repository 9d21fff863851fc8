# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""What makes members of a mesh of more than sidecars: virtual machines, ambient namespaces, services exported to peers."""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.demo.world import naming
from meshtop.demo.world.mesh_objects import NETWORKING, Author
from meshtop.demo.world.plan import WAYPOINT
from meshtop.demo.world.workload_objects import DAY, Json

GATEWAY = "gateway.networking.k8s.io/v1"
MCS = "multicluster.x-k8s.io/v1beta1"

OFFERS = (("v1", 90), ("v2", 10))
EXPORTED = ("inventory", "ledger", "catalog")


class Members(Author):
    """Writes machines, waypoints with their routes, and exports of one cluster."""

    def objects(self) -> Iterator[Json]:
        """All of it; of what an istiod has to read, nothing in a cluster whose configuration none reads."""
        if self._cluster.hosting:
            return
        yield from self._machines()
        if self._cluster.mesh.template == "prod":
            if self._plan.home(self._cluster) == self._cluster:
                yield from self._ambient()
            yield from self._exports()

    def _machines(self) -> Iterator[Json]:
        cluster = self._cluster
        for machine in self._plan.machines(cluster):
            labels = {
                "app": machine.name,
                "version": machine.version.name,
                "service.istio.io/canonical-name": machine.name,
                "service.istio.io/canonical-revision": machine.version.name,
            }
            template: Json = {
                "serviceAccount": machine.name,
                "network": f"{cluster.name}-vm",
                "ports": {"main": machine.port},
            }
            probe: Json = {
                "initialDelaySeconds": 5,
                "periodSeconds": 10,
                "httpGet": {"path": "/healthz", "port": machine.port},
            }
            group: Json = {"metadata": {"labels": labels}, "template": template, "probe": probe}
            yield self._object(NETWORKING, "WorkloadGroup", machine.name, machine.namespace, group, days=75)
            connected = self._now // DAY * DAY - 9 * DAY + 3_911
            annotations = {
                "istio.io/autoRegistrationGroup": machine.name,
                "istio.io/connectedAt": naming.timestamp(connected),
                "istio.io/workloadController": f"istiod-{naming.letters(9, cluster.name)}-{naming.letters(5, cluster.name)}",
            }
            spec = {
                "address": machine.address,
                "labels": labels,
                "serviceAccount": machine.name,
                "network": f"{cluster.name}-vm",
                "locality": f"{cluster.region}/{naming.zone(cluster, 0)}",
                "ports": {"main": machine.port},
            }
            entry = self._object(
                NETWORKING,
                "WorkloadEntry",
                f"{machine.name}-{machine.address}-{cluster.name}-vm",
                machine.namespace,
                spec,
                labels=labels,
                days=9,
            )
            entry["metadata"]["annotations"] = annotations
            entry["metadata"]["ownerReferences"] = [
                {
                    "apiVersion": NETWORKING,
                    "kind": "WorkloadGroup",
                    "name": machine.name,
                    "uid": self._builder.uid("WorkloadGroup", machine.namespace, machine.name),
                    "controller": True,
                }
            ]
            if machine.healthy is not None:
                condition = {
                    "type": "Healthy",
                    "status": str(machine.healthy),
                    "lastProbeTime": naming.timestamp(self._now // 60 * 60),
                    "lastTransitionTime": naming.timestamp(
                        self._now // 60 * 60 - 1_380 if machine.healthy else self._now // DAY * DAY - 2 * DAY
                    ),
                }
                if not machine.healthy:
                    condition |= {
                        "reason": "HealthCheckFailed",
                        "message": f'unhealthy: Get "http://{machine.address}:{machine.port}/healthz": context deadline exceeded',
                    }
                entry["status"] = {"conditions": [condition]}
            yield entry

    def _ambient(self) -> Iterator[Json]:
        accepted = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "observedGeneration": 1,
                "message": "",
                "lastTransitionTime": naming.timestamp(self._now // DAY * DAY),
            }
            for kind in ("Accepted", "Programmed")
        ]
        for name in ("istio", "istio-waypoint", "istio-remote"):
            controller = {
                "istio": "istio.io/gateway-controller",
                "istio-waypoint": "istio.io/mesh-controller",
                "istio-remote": "istio.io/unmanaged-gateway",
            }[name]
            meta = self._builder.meta(name, days=214, kind="GatewayClass")
            yield {
                "apiVersion": GATEWAY,
                "kind": "GatewayClass",
                "metadata": meta,
                "spec": {"controllerName": controller},
                "status": {"conditions": accepted[:1]},
            }
        waypoints = self._plan.waypoints(self._cluster)
        for namespace in self._plan.namespaces(self._cluster):
            if namespace.name in waypoints:
                gateway = self._object(
                    GATEWAY,
                    "Gateway",
                    WAYPOINT,
                    namespace.name,
                    {
                        "gatewayClassName": "istio-waypoint",
                        "listeners": [
                            {
                                "name": "mesh",
                                "port": 15008,
                                "protocol": "HBONE",
                                "allowedRoutes": {"namespaces": {"from": "Same"}},
                            }
                        ],
                    },
                    labels={"istio.io/waypoint-for": "service"},
                    days=55,
                )
                yield {
                    **gateway,
                    "status": {
                        "conditions": accepted,
                        "addresses": [{"type": "Hostname", "value": f"{WAYPOINT}.{namespace.name}{self._mesh.suffix}"}],
                    },
                }
        if "offers" in self._here:
            parent = {"group": "", "kind": "Service", "name": "offers", "port": 8080}
            backends = [
                {"group": "", "kind": "Service", "name": f"offers-{version}", "port": 8080, "weight": weight}
                for version, weight in OFFERS
            ]
            route = self._object(
                GATEWAY,
                "HTTPRoute",
                "offers",
                "loyalty",
                {"parentRefs": [parent], "rules": [{"backendRefs": backends}]},
                days=20,
            )
            parents = [
                {
                    "parentRef": parent,
                    "controllerName": "istio.io/mesh-controller",
                    "conditions": [
                        dict(accepted[0]),
                        {**accepted[0], "type": "ResolvedRefs", "reason": "ResolvedRefs"},
                    ],
                }
            ]
            yield {**route, "status": {"parents": parents}}

    def _exports(self) -> Iterator[Json]:
        members = self._plan.members(self._cluster.mesh.name)
        for name in EXPORTED:
            service = self._here.get(name)
            if service is None:
                continue
            homes = [c.name for c in members if service.home is None or service.home % len(members) == c.position]
            if self._cluster.name in homes:
                export = self._object(MCS, "ServiceExport", name, service.namespace, {}, days=66)
                now = naming.timestamp(self._now // DAY * DAY)
                conditions = [{"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": now, "observedGeneration": 1}
                              for kind, status, reason in (("Valid", "True", "Valid"), ("Ready", "True", "Ready"), ("Conflict", "False", "NoConflicts"))]  # fmt: skip
                yield {**export, "status": {"conditions": conditions}}
            imported = self._object(
                MCS,
                "ServiceImport",
                name,
                service.namespace,
                {
                    "type": "ClusterSetIP",
                    "ips": [f"10.250.0.{10 + EXPORTED.index(name)}"],
                    "ports": [{"port": service.port, "protocol": "TCP", "name": service.protocol}],
                },
                days=66,
            )
            yield {**imported, "status": {"clusters": [{"cluster": home} for home in homes]}}
