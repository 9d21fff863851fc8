"""The configuration that people wrote for the meshes: routes, rules, policies, gateways, machines, exports."""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.demo.world import naming
from meshtop.demo.world.company import DOMAIN, EXTERNALS, Service
from meshtop.demo.world.plan import EASTWEST, INGRESS, WAYPOINT, Plan
from meshtop.demo.world.workload_objects import DAY, Builder, Json

NETWORKING = "networking.istio.io/v1"
SECURITY = "security.istio.io/v1"
GATEWAY = "gateway.networking.k8s.io/v1"
MCS = "multicluster.x-k8s.io/v1beta1"

SPLITS = {
    "reviews": (("v2", 80), ("v3", 20)),
    "checkout": (("v1", 95), ("v2", 5)),
    "catalog": (("v1", 90), ("v2", 10)),
    "search": (("v1", 100), ("v2", 0)),
    "fraud": (("v1", 75), ("v2", 25)),
    "pick-planner": (("v1", 70), ("v2", 30)),
}
"""The weights of the company's routes by service and version."""
OFFERS = (("v1", 90), ("v2", 10))
EXPORTED = ("inventory", "ledger", "catalog")


class Author:
    """Writes one cluster's mesh configuration; `scenario` and `now` decide what has been broken, and when."""

    def __init__(self, plan: Plan, builder: Builder, scenario: str, now: float) -> None:
        self._plan = plan
        self._builder = builder
        self._cluster = builder.cluster
        self._scenario = scenario
        self._now = now
        self._here = {s.name: s for s in plan.services(self._cluster.mesh.template).values()}
        self._second = self._cluster.position == 1

    def objects(self) -> Iterator[Json]:
        """All of it."""
        yield from self._gateways()
        yield from self._routes()
        yield from self._rules()
        yield from self._policies()
        yield from self._externals()
        yield from self._machines()
        if self._cluster.mesh.template == "prod":
            yield from self._ambient()
            yield from self._exports()

    def _object(
        self,
        version: str,
        kind: str,
        name: str,
        namespace: str,
        spec: Json,
        *,
        labels: Json | None = None,
        days: float = 0.0,
    ) -> Json:
        meta = self._builder.meta(name, namespace, labels, days=days, kind=kind)
        meta["managedFields"] = [
            {
                "manager": "kubectl-client-side-apply",
                "operation": "Update",
                "apiVersion": version,
                "time": meta["creationTimestamp"],
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {}},
            }
        ]
        return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec}

    def _gateways(self) -> Iterator[Json]:
        tls = {"mode": "SIMPLE", "credentialName": "public-cert"}
        servers = [
            {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": [f"*.{DOMAIN}"], "tls": tls},
            {
                "port": {"number": 80, "name": "http", "protocol": "HTTP"},
                "hosts": [f"*.{DOMAIN}"],
                "tls": {"httpsRedirect": True},
            },
        ]
        yield self._object(
            NETWORKING,
            "Gateway",
            "public",
            "istio-system",
            {"selector": {"istio": INGRESS.removeprefix("istio-")}, "servers": servers},
        )
        if self._cluster.mesh.template == "prod":
            passing = {
                "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                "tls": {"mode": "AUTO_PASSTHROUGH"},
                "hosts": ["*.local"],
            }
            yield self._object(
                NETWORKING,
                "Gateway",
                "cross-network-gateway",
                "istio-system",
                {"selector": {"istio": EASTWEST.removeprefix("istio-")}, "servers": [passing]},
            )

    def _weighted(self, service: Service) -> list[Json]:
        split = SPLITS.get(service.name)
        if split is None:
            return [{"destination": {"host": self._host(service)}}]
        if self._scenario == "drifted-config" and self._second and service.name == "reviews":
            split = (("v2", 50), ("v3", 50))
        return [
            {"destination": {"host": self._host(service), "subset": version}, "weight": weight}
            for version, weight in split
        ]

    @staticmethod
    def _host(service: Service) -> str:
        return f"{service.name}.{service.namespace}.svc.cluster.local"

    def _routes(self) -> Iterator[Json]:
        paths = {
            "checkout": "/checkout",
            "tracking": "/track",
            "collector": "/events",
            "reporting": "/reports",
            "wms": "/wms",
            "invoices": "/invoices",
        }
        entries = [s for s in self._here.values() if s.entry_rate and s.name in {*paths, "storefront"}]
        routes = [
            {"name": s.name, "match": [{"uri": {"prefix": paths.get(s.name, "/")}}], "route": self._weighted(s)}
            for s in sorted(entries, key=lambda s: -len(paths.get(s.name, "/")))
        ]
        if routes:
            yield self._object(
                NETWORKING,
                "VirtualService",
                "public",
                "istio-system",
                {"hosts": [f"www.{DOMAIN}"], "gateways": ["istio-system/public"], "http": routes},
            )
        for service in self._here.values():
            if service.name in SPLITS:
                route: Json = {"name": "weighted", "route": self._weighted(service)}
                if service.name == "reviews":
                    route |= {
                        "timeout": "3s",
                        "retries": {"attempts": 2, "perTryTimeout": "1s", "retryOn": "connect-failure,refused-stream"},
                    }
                found = self._object(
                    NETWORKING,
                    "VirtualService",
                    service.name,
                    service.namespace,
                    {"hosts": [service.name], "http": [route]},
                    days=40,
                )
                if service.name == "reviews":
                    time = naming.timestamp(self._now // 60 * 60 - 720)
                    found["metadata"]["managedFields"].append(
                        {
                            "manager": "kubectl-edit",
                            "operation": "Update",
                            "apiVersion": NETWORKING,
                            "time": time,
                            "fieldsType": "FieldsV1",
                            "fieldsV1": {"f:spec": {"f:http": {}}},
                        }
                    )
                yield found

    def _rules(self) -> Iterator[Json]:
        outliers = {"consecutive5xxErrors": 7, "interval": "10s", "baseEjectionTime": "30s"}
        for service in self._here.values():
            if service.name not in SPLITS and service.name not in ("payments", "inventory", "postgres"):
                continue
            versions = [v.name for v in service.versions]
            if self._scenario == "drifted-config" and self._second and service.name == "catalog":
                versions = versions[:1]
            policy: Json = (
                {"outlierDetection": outliers}
                if service.protocol != "tcp"
                else {"connectionPool": {"tcp": {"maxConnections": 400}}}
            )
            if (
                service.name == "payments"
                and self._scenario == "broken-destinationrule"
                and self._cluster.position == 0
            ):
                policy["tls"] = {"mode": "DISABLE"}
            spec: Json = {"host": self._host(service), "trafficPolicy": policy}
            if len(versions) > 1 or service.name in SPLITS:
                spec["subsets"] = [{"name": v, "labels": {"version": v}} for v in versions]
            yield self._object(NETWORKING, "DestinationRule", service.name, service.namespace, spec, days=40)

    def _policies(self) -> Iterator[Json]:
        used = {s.namespace for s in self._here.values()}
        legacy = self._cluster.mesh.template == "legacy"
        yield self._object(
            SECURITY, "PeerAuthentication", "default", "istio-system", {"mtls": {"mode": "PERMISSIVE"}}, days=200
        )
        strict = ("finance",) if legacy else ("checkout",)
        for namespace in strict:
            if namespace in used and not (self._scenario == "drifted-config" and self._second):
                yield self._object(
                    SECURITY, "PeerAuthentication", "default", namespace, {"mtls": {"mode": "STRICT"}}, days=180
                )
        if "logistics" in used:
            yield self._object(
                SECURITY,
                "PeerAuthentication",
                "tracking",
                "logistics",
                {
                    "selector": {"matchLabels": {"app": "tracking"}},
                    "mtls": {"mode": "STRICT"},
                    "portLevelMtls": {"8081": {"mode": "PERMISSIVE"}},
                },
                days=90,
            )
        if "payments" in self._here:
            principals = [f"cluster.local/ns/checkout/sa/{name}" for name in ("checkout", "fraud")]
            if self._scenario == "drifted-config" and self._second:
                principals.append("*")
            rules = [
                {"from": [{"source": {"principals": principals}}], "to": [{"operation": {"methods": ["GET", "POST"]}}]}
            ]
            yield self._object(
                SECURITY,
                "AuthorizationPolicy",
                "payments-callers",
                "checkout",
                {"selector": {"matchLabels": {"app": "payments"}}, "action": "ALLOW", "rules": rules},
                days=120,
            )
        if "auth" in self._here:
            spec = {
                "selector": {"matchLabels": {"app": "storefront"}},
                "jwtRules": [{"issuer": f"https://auth.{DOMAIN}", "jwksUri": f"https://auth.{DOMAIN}/jwks.json"}],
            }
            if "storefront" in self._here:
                yield self._object(SECURITY, "RequestAuthentication", "customers", "shop", spec, days=120)
        if "shop" in used:
            yield self._object(
                NETWORKING,
                "Sidecar",
                "default",
                "shop",
                {
                    "egress": [
                        {
                            "hosts": [
                                "./*",
                                "istio-system/*",
                                "platform/*",
                                "data/*",
                                "logistics/*",
                                "loyalty/*",
                                "analytics/*",
                                "checkout/*",
                            ]
                        }
                    ]
                },
                days=60,
            )
        yield self._object(
            "telemetry.istio.io/v1",
            "Telemetry",
            "mesh-default",
            "istio-system",
            {"accessLogging": [{"providers": [{"name": "envoy"}], "filter": {"expression": "response.code >= 500"}}]},
            days=150,
        )

    def _externals(self) -> Iterator[Json]:
        called = {c.service for s in self._here.values() for c in s.calls}
        for external in EXTERNALS:
            if external.name in called:
                spec = {
                    "hosts": [external.host],
                    "location": "MESH_EXTERNAL",
                    "resolution": "DNS",
                    "ports": [{"number": external.port, "name": "https", "protocol": "HTTPS"}],
                }
                yield self._object(NETWORKING, "ServiceEntry", external.name, external.namespace, spec, days=130)

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
                    "lastProbeTime": None,
                    "lastTransitionTime": naming.timestamp(self._now // 60 * 60 - 1_380),
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
        for namespace in self._plan.namespaces(self._cluster):
            if namespace.mode == "ambient":
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
                        "addresses": [{"type": "Hostname", "value": f"{WAYPOINT}.{namespace.name}.svc.cluster.local"}],
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
