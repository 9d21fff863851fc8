"""The configuration that people wrote for the meshes: routes, rules, policies, gateways, machines, exports."""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.demo.world import naming
from meshtop.demo.world.company import DOMAIN, EXTERNALS, Service
from meshtop.demo.world.plan import EASTWEST, INGRESS, Plan
from meshtop.demo.world.workload_objects import Builder, Json

NETWORKING = "networking.istio.io/v1"
SECURITY = "security.istio.io/v1"

SPLITS = {
    "reviews": (("v2", 80), ("v3", 20)),
    "checkout": (("v1", 95), ("v2", 5)),
    "catalog": (("v1", 90), ("v2", 10)),
    "search": (("v1", 100), ("v2", 0)),
    "fraud": (("v1", 75), ("v2", 25)),
    "pick-planner": (("v1", 70), ("v2", 30)),
}
"""The weights of the company's routes by service and version."""


class Author:
    """Writes one cluster's mesh configuration; `scenario` and `now` decide what has been broken, and when.

    `edited` is when the route reviews got its weights, in Unix seconds.
    """

    def __init__(self, plan: Plan, builder: Builder, scenario: str, now: float, edited: float) -> None:
        self._plan = plan
        self._builder = builder
        self._cluster = builder.cluster
        self._mesh = builder.cluster.mesh
        self._scenario = scenario
        self._now = now
        self._edited = edited
        self._here = {s.name: s for s in plan.services(self._cluster.mesh.template).values()}
        self._second = self._cluster.position == 1

    def objects(self) -> Iterator[Json]:
        """All of it; nothing in a cluster whose configuration no istiod reads."""
        if self._cluster.hosting or self._plan.home(self._cluster) != self._cluster:
            return
        yield from self._gateways()
        yield from self._routes()
        yield from self._rules()
        yield from self._policies()
        yield from self._externals()

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
            self._mesh.system,
            {"selector": {"istio": INGRESS.removeprefix("istio-")}, "servers": servers},
        )
        if self._cluster.mesh.template == "prod":
            passing = {
                "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                "tls": {"mode": "AUTO_PASSTHROUGH"},
                "hosts": [f"*.{self._mesh.domain.rpartition('.')[2]}"],
            }
            yield self._object(
                NETWORKING,
                "Gateway",
                "cross-network-gateway",
                self._mesh.system,
                {"selector": {"istio": EASTWEST.removeprefix("istio-")}, "servers": [passing]},
            )

        if any(c != self._cluster and not self._plan.plane(c).hosting for c in self._plan.served(self._cluster)):
            yield from self._istiod_for_others()

    def _istiod_for_others(self) -> Iterator[Json]:
        """The way into the primary's istiod for remote clusters: samples/multicluster/expose-istiod-rev.yaml."""
        ports = ((15012, "tls-istiod"), (15017, "tls-istiodwebhook"))
        selector, system = {"istio": EASTWEST.removeprefix("istio-")}, self._mesh.system
        servers = [
            {
                "port": {"number": number, "name": name, "protocol": "TLS"},
                "tls": {"mode": "PASSTHROUGH"},
                "hosts": ["*"],
            }
            for number, name in ports
        ]
        spec: Json = {"selector": selector, "servers": servers}
        yield self._object(NETWORKING, "Gateway", "istiod-gateway", system, spec)
        host = f"istiod{self._cluster.revisions.planes[0].suffix}.{system}{self._mesh.suffix}"
        routes = [
            {
                "match": [{"port": number, "sniHosts": ["*"]}],
                "route": [{"destination": {"host": host, "port": {"number": 15012 if number == 15012 else 443}}}],
            }
            for number, _ in ports
        ]
        spec = {"hosts": ["*"], "gateways": ["istiod-gateway"], "tls": routes}
        yield self._object(NETWORKING, "VirtualService", "istiod-vs", system, spec)

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

    def _host(self, service: Service) -> str:
        return f"{service.name}.{service.namespace}{self._mesh.suffix}"

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
                self._mesh.system,
                {"hosts": [f"www.{DOMAIN}"], "gateways": [self._mesh.public], "http": routes},
            )
        for service in self._here.values():
            if service.name in SPLITS:
                yield self._route(service)

    def _route(self, service: Service) -> Json:
        """The route with weights of a service."""
        route: Json = {"name": "weighted", "route": self._weighted(service)}
        if service.name == "reviews":
            route |= {
                "timeout": "3s",
                "retries": {"attempts": 2, "perTryTimeout": "1s", "retryOn": "connect-failure,refused-stream"},
            }
        spec = {"hosts": [service.name], "http": [route]}
        found = self._object(NETWORKING, "VirtualService", service.name, service.namespace, spec, days=40)
        if service.name == "reviews":
            time = naming.timestamp(self._edited // 60 * 60)
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
        return found

    def _rules(self) -> Iterator[Json]:
        for service in self._here.values():
            if service.name in SPLITS or service.name in ("payments", "inventory", "postgres"):
                yield from self._rules_of(service)

    def _rules_of(self, service: Service) -> Iterator[Json]:
        """The DestinationRules of a service: one, with its versions as subsets."""
        versions = [v.name for v in service.versions]
        if self._scenario == "drifted-config" and self._second and service.name == "catalog":
            versions = versions[:1]
        policy = self._policy(service)
        if service.name == "payments" and self._scenario == "broken-destinationrule" and self._cluster.position == 0:
            policy["tls"] = {"mode": "DISABLE"}
        spec: Json = {"host": self._host(service), "trafficPolicy": policy}
        if len(versions) > 1 or service.name in SPLITS:
            spec["subsets"] = [{"name": v, "labels": {"version": v}} for v in versions]
        yield self._object(NETWORKING, "DestinationRule", service.name, service.namespace, spec, days=40)

    @staticmethod
    def _policy(service: Service) -> Json:
        if service.protocol == "tcp":
            return {"connectionPool": {"tcp": {"maxConnections": 400}}}
        return {"outlierDetection": {"consecutive5xxErrors": 7, "interval": "10s", "baseEjectionTime": "30s"}}

    def _policies(self) -> Iterator[Json]:
        used = {s.namespace for s in self._here.values()}
        legacy = self._cluster.mesh.template == "legacy"
        yield self._object(
            SECURITY, "PeerAuthentication", "default", self._mesh.root, {"mtls": {"mode": "PERMISSIVE"}}, days=200
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
            principals = [f"{self._mesh.trust_domain}/ns/checkout/sa/{name}" for name in ("checkout", "fraud")]
            if self._scenario == "drifted-config" and self._second:
                principals.append("*")
            rules = [
                {"from": [{"source": {"principals": principals}}], "to": [{"operation": {"methods": ["GET", "POST"]}}]}
            ]
            modes = {one.name: one.mode for one in self._plan.namespaces(self._cluster)}
            where: Json = {"selector": {"matchLabels": {"app": "payments"}}}
            if modes.get("checkout") == "ambient":
                # A ztunnel knows no methods, and would refuse everything: the waypoint knows them.
                if "checkout" in self._plan.waypoints(self._cluster):
                    where = {"targetRefs": [{"group": "", "kind": "Service", "name": "payments"}]}
                else:
                    rules = [{"from": rules[0]["from"]}]
            yield self._object(
                SECURITY,
                "AuthorizationPolicy",
                "payments-callers",
                "checkout",
                {**where, "action": "ALLOW", "rules": rules},
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
                                f"{self._mesh.system}/*",
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
            self._mesh.root,
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
