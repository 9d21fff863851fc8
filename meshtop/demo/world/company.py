# ruff: noqa: E501 - the tables below read best with a service on a line
"""Halyard Supply Co., an invented outdoor outfitter: its shop, payments and logistics as services that call each other.

Rates are requests per second at a mean hour, latencies are milliseconds, `fanout` is calls per request served.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["http", "grpc", "tcp"]

DOMAIN = "halyard.example"
REGISTRY = f"registry.{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a service: its pods and how well it serves.

    `median_ms` and `spread` are a log-normal latency (spread is sigma); `errors` are shares of requests by HTTP code or,
    for gRPC, by gRPC status.
    """

    name: str
    replicas: int = 2
    median_ms: float = 12.0
    spread: float = 0.75
    errors: tuple[tuple[str, float], ...] = ()
    release: str = "1.0.0"


@dataclass(frozen=True, slots=True)
class Call:
    """That a service calls another, `fanout` times for each request it serves; for TCP, connections a second."""

    service: str
    fanout: float = 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the company and where it runs: `mesh` is "prod", "legacy" or both, `only` names a single home.

    `entry_rate` comes from the ingress gateway; in a namespace outside the mesh it is what the service does by itself.
    `home` is an index of a cluster within its mesh; where it is None the service runs in each of them.
    For TCP services `sent` and `received` are bytes for each connection, as the client sees them.
    """

    name: str
    namespace: str
    port: int
    versions: tuple[Version, ...]
    protocol: Protocol = "http"
    mesh: str = "prod"
    home: int | None = None
    calls: tuple[Call, ...] = ()
    kind: Literal["Deployment", "StatefulSet"] = "Deployment"
    headless: bool = False
    entry_rate: float = 0.0
    sent: float = 0.0
    received: float = 0.0
    request_bytes: float = 900.0
    response_bytes: float = 4_200.0
    account: str = ""

    @property
    def service_account(self) -> str:
        """The Kubernetes service account its pods run as."""
        return self.account or self.name


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace: who owns it and how it takes part in the mesh."""

    name: str
    tenant: str
    mode: Literal["sidecar", "ambient", "none"] = "sidecar"
    mesh: str = "prod"


NAMESPACES = (
    Namespace("shop", "storefront"),
    Namespace("checkout", "payments"),
    Namespace("logistics", "logistics"),
    Namespace("loyalty", "storefront", mode="ambient"),
    Namespace("platform", "platform"),
    Namespace("data", "platform"),
    Namespace("analytics", "insights"),
    Namespace("batch", "insights", mode="none"),
    Namespace("warehouse", "logistics", mesh="legacy"),
    Namespace("finance", "payments", mesh="legacy"),
    Namespace("plant", "operations", mode="none", mesh="legacy"),
)

_FINE = (("404", 0.004), ("500", 0.0004))
_OK = (("500", 0.0006), ("503", 0.0002))
_GRPC = (("5", 0.003), ("14", 0.0004))

SERVICES = (
    Service("storefront", "shop", 8080, (Version("v5", 6, 38, 0.7, (("404", 0.011), ("500", 0.0008)), "5.12.0"),), entry_rate=310, response_bytes=38_000,
            calls=(Call("catalog", 1.4), Call("reviews", 0.65), Call("search", 0.4), Call("cart", 0.35), Call("recommendations", 0.5), Call("auth", 0.3), Call("loyalty-api", 0.15), Call("feature-flags", 0.2))),
    Service("catalog", "shop", 8080, (Version("v1", 4, 9, 0.6, _FINE, "1.48.2"), Version("v2", 1, 8, 0.6, _FINE, "2.0.0")), calls=(Call("redis", 0.002), Call("inventory", 0.22), Call("pricing-engine", 0.3))),
    Service("reviews", "shop", 9080, (Version("v2", 6, 22, 0.65, (("404", 0.001), ("500", 0.0019)), "2.9.1"), Version("v3", 2, 24, 0.7, (("404", 0.001), ("500", 0.0021)), "3.0.0")), calls=(Call("ratings", 1.0),)),
    Service("ratings", "shop", 9080, (Version("v1", 3, 5, 0.5, _OK, "1.17.0"),), calls=(Call("postgres", 0.0015),)),
    Service("cart", "shop", 8080, (Version("v1", 3, 11, 0.6, _OK, "1.9.4"),), calls=(Call("redis", 0.004),)),
    Service("checkout", "checkout", 8080, (Version("v1", 3, 85, 0.7, (("400", 0.006), ("500", 0.0012)), "1.33.0"), Version("v2", 1, 79, 0.7, (("400", 0.006), ("500", 0.0011)), "2.0.0-rc4")), entry_rate=24,
            calls=(Call("cart", 1.0), Call("payments", 0.8), Call("fraud", 0.9), Call("orders", 0.75), Call("auth", 1.0))),
    Service("payments", "checkout", 8443, (Version("v4", 4, 120, 0.6, (("402", 0.012), ("500", 0.001)), "4.2.7"),), calls=(Call("ledger", 1.1), Call("paybridge", 0.95), Call("postgres", 0.01))),
    Service("orders", "logistics", 8080, (Version("v1", 3, 31, 0.65, _OK, "1.21.3"),), calls=(Call("inventory", 1.2), Call("shipping", 0.9), Call("kafka", 0.01), Call("postgres", 0.008), Call("notifications", 0.4))),
    Service("inventory", "logistics", 9090, (Version("v1", 4, 7, 0.55, _GRPC, "1.8.0"),), protocol="grpc", home=1, calls=(Call("postgres", 0.002),), request_bytes=140, response_bytes=620),
    Service("postgres", "data", 5432, (Version("v16", 3),), protocol="tcp", kind="StatefulSet", headless=True, sent=90_000, received=600_000),
    Service("redis", "data", 6379, (Version("v7", 3),), protocol="tcp", sent=50_000, received=210_000),
    Service("search", "shop", 8080, (Version("v1", 3, 46, 0.8, _FINE, "1.62.0"), Version("v2", 1, 35, 0.8, _FINE, "2.1.0")), calls=(Call("catalog", 0.2),)),
    Service("recommendations", "shop", 8080, (Version("v1", 3, 57, 0.9, _OK, "1.4.0"),), calls=(Call("features", 1.0),)),
    Service("fraud", "checkout", 9090, (Version("v1", 2, 28, 0.7, _GRPC, "1.12.5"), Version("v2", 1, 26, 0.7, _GRPC, "2.0.1")), protocol="grpc", calls=(Call("fraud-scoring", 0.5),), request_bytes=480, response_bytes=210),
    Service("ledger", "checkout", 9090, (Version("v1", 3, 14, 0.5, (("14", 0.0002),), "1.5.0"),), protocol="grpc", home=0, calls=(Call("postgres", 0.01),), request_bytes=350, response_bytes=120),
    Service("shipping", "logistics", 8080, (Version("v1", 2, 64, 0.7, _OK, "1.7.9"),), calls=(Call("kafka", 0.004), Call("tracking", 0.3))),
    Service("tracking", "logistics", 8080, (Version("v1", 2, 18, 0.6, _FINE, "1.3.3"),), entry_rate=16),
    Service("auth", "platform", 8080, (Version("v3", 3, 6, 0.5, (("401", 0.018), ("500", 0.0002)), "3.14.0"),), calls=(Call("redis", 0.003),)),
    Service("notifications", "platform", 8080, (Version("v1", 2, 15, 0.6, _OK, "1.2.2"),), calls=(Call("mailgrid", 0.8),)),
    Service("kafka", "data", 9092, (Version("v4", 3),), protocol="tcp", kind="StatefulSet", headless=True, sent=1_600_000, received=120_000),
    Service("loyalty-api", "loyalty", 8080, (Version("v1", 2, 17, 0.6, _OK, "1.1.0"),), calls=(Call("points", 0.8), Call("offers", 0.6))),
    Service("points", "loyalty", 8080, (Version("v1", 2, 9, 0.5, _OK, "1.6.0"),), calls=(Call("redis", 0.001),)),
    Service("offers", "loyalty", 8080, (Version("v1", 2, 13, 0.6, _OK, "1.0.8"), Version("v2", 1, 14, 0.6, (("500", 0.003),), "2.0.0"))),
    Service("feature-flags", "platform", 8080, (Version("v1", 2, 2, 0.4, (), "1.0.3"),)),
    Service("features", "analytics", 9090, (Version("v1", 2, 11, 0.6, _GRPC, "1.3.0"),), protocol="grpc", calls=(Call("redis", 0.001),), request_bytes=260, response_bytes=1_900),
    Service("collector", "analytics", 8080, (Version("v2", 3, 4, 0.5, _OK, "2.5.0"),), entry_rate=85, request_bytes=2_400, response_bytes=40, calls=(Call("kafka", 0.003),)),
    Service("reporting", "analytics", 8080, (Version("v1", 1, 240, 0.9, (("500", 0.006),), "1.0.19"),), entry_rate=1.6, calls=(Call("catalog", 4.0), Call("orders", 2.0))),
    Service("pricing-engine", "shop", 9090, (Version("v1", 2, 5, 0.5, _GRPC, "1.25.0"),), protocol="grpc", request_bytes=90, response_bytes=160),
    Service("etl", "batch", 8080, (Version("v1", 1, 5, 0.5, (), "0.7.2"),), entry_rate=2.4, calls=(Call("catalog", 1.0), Call("postgres", 0.01))),
    Service("wms", "warehouse", 8080, (Version("v3", 3, 42, 0.7, _FINE, "3.6.2"),), mesh="legacy", entry_rate=14, calls=(Call("stock-sync", 0.6), Call("labels", 0.4), Call("wms-db", 0.02), Call("pick-planner", 0.5))),
    Service("stock-sync", "warehouse", 8080, (Version("v1", 2, 36, 0.7, _OK, "1.14.0"),), mesh="legacy", calls=(Call("rabbitmq", 0.01), Call("mainframe-bridge", 0.3))),
    Service("labels", "warehouse", 8080, (Version("v1", 2, 75, 0.6, (("500", 0.004),), "1.0.6"),), mesh="legacy"),
    Service("pick-planner", "warehouse", 9090, (Version("v1", 2, 19, 0.6, _GRPC, "1.2.0"), Version("v2", 1, 17, 0.6, _GRPC, "2.0.0")), protocol="grpc", mesh="legacy", calls=(Call("wms-db", 0.01),)),
    Service("invoices", "finance", 8080, (Version("v1", 2, 90, 0.8, _OK, "1.31.4"),), mesh="legacy", entry_rate=3, calls=(Call("mainframe-bridge", 0.8), Call("wms-db", 0.01))),
    Service("wms-db", "warehouse", 5432, (Version("v14", 2),), protocol="tcp", kind="StatefulSet", headless=True, mesh="legacy", sent=70_000, received=440_000),
    Service("rabbitmq", "warehouse", 5672, (Version("v3", 1),), protocol="tcp", kind="StatefulSet", mesh="legacy", sent=180_000, received=90_000),
    Service("scanner-feed", "plant", 8080, (Version("v1", 2, 3, 0.4, (), "0.9.1"),), mesh="legacy", entry_rate=3.2, calls=(Call("wms", 1.0),)),
)  # fmt: skip
"""Ordered by importance: `--services N` keeps the first N of a mesh, and drops calls to what is left out."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine in the mesh: a workload without a pod, reached as a service of its own."""

    name: str
    namespace: str
    mesh: str
    home: int
    port: int
    protocol: Protocol
    address: str
    version: Version
    healthy: bool | None
    request_bytes: float = 700.0
    response_bytes: float = 1_500.0


MACHINES = (
    Machine("fraud-scoring", "checkout", "prod", 0, 8500, "grpc", "10.40.7.21", Version("v7", 1, 34, 0.6, (("14", 0.0008),), "7.3.0"), True),
    Machine("mainframe-bridge", "finance", "legacy", 0, 8700, "http", "172.18.4.9", Version("v1", 1, 180, 0.9, (("503", 0.012), ("500", 0.004)), "1.0.77"), False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class External:
    """A host outside of every cluster that a ServiceEntry declares."""

    name: str
    host: str
    namespace: str
    port: int
    median_ms: float
    errors: tuple[tuple[str, float], ...]


EXTERNALS = (
    External("paybridge", "api.paybridge.example", "checkout", 443, 210, (("402", 0.009), ("502", 0.0011))),
    External("mailgrid", "smtp-api.mailgrid.example", "platform", 443, 150, (("429", 0.004),)),
)


@dataclass(frozen=True, slots=True)
class Stray:
    """Calls to an undeclared host, by a service of the company; `fanout` as in Call."""

    caller: str
    host: str
    fanout: float


STRAYS = (Stray("recommendations", "weights.modelhub.example", 0.01), Stray("wms", "updates.scanware.example", 0.02))
"""What happens to them is the mesh's outboundTrafficPolicy: passed through, or stopped with 502."""
