"""A known world as OpenMetrics: counters that rise evenly, so that every rate is known beforehand."""

from __future__ import annotations

from collections.abc import Iterable

END = 1_700_000_100
STEP = 15
POINTS = 61
"""Fifteen minutes: more than any window that the tests ask for."""

BOUNDS = (
    *("0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000"),
    *("10000", "30000", "60000", "300000", "600000", "1800000", "3600000", "+Inf"),
)

Series = tuple[str, dict[str, str], float]


def ends(reporter: str, source: str, target: str, service: str = "", **more: str) -> dict[str, str]:
    """Labels of one report; workloads are written CLUSTER/NAMESPACE/NAME/VERSION, or unknown."""
    labels = {"reporter": reporter}
    for side, text in (("source", source), ("destination", target)):
        cluster, namespace, name, version = ["unknown"] * 4 if text == "unknown" else text.split("/")
        app = name.removesuffix(f"-{version}")
        labels |= {
            f"{side}_cluster": cluster,
            f"{side}_workload_namespace": namespace,
            f"{side}_workload": name,
            f"{side}_app": app,
            f"{side}_version": version,
            f"{side}_canonical_service": app,
            f"{side}_canonical_revision": "latest" if version == "unknown" else version,
            f"{side}_principal": f"spiffe://mesh/ns/{namespace}/sa/{app}",
        }
    name, _, namespace = (service or "unknown.unknown").partition(".")
    host = "unknown" if not service else f"{name}.{namespace}.svc.cluster.local"
    labels |= {
        "destination_service": host,
        "destination_service_name": name,
        "destination_service_namespace": namespace,
        "pod": f"{reporter}-1",
    }
    return labels | more


def http(labels: dict[str, str], rate: float, *, code: str = "200", flags: str = "-", **more: str) -> list[Series]:
    """Requests at a rate per second, none slower than 100 ms: half under 10 ms, nine tenths under 50 ms."""
    security = {"source": "unknown"}.get(labels["reporter"], "mutual_tls")
    whole = {"request_protocol": "http", "connection_security_policy": security} | labels
    whole |= {"response_code": code, "response_flags": flags} | more
    shares = {"10": 0.5, "25": 0.8, "50": 0.9}
    series: list[Series] = [("istio_requests_total", whole, rate)]
    for bound in BOUNDS:
        share = shares.get(bound, 0.0 if bound in ("0.5", "1", "5") else 1.0)
        series.append(("istio_request_duration_milliseconds_bucket", whole | {"le": bound}, rate * share))
    series.append(("istio_request_duration_milliseconds_sum", whole, rate * 20))
    series.append(("istio_request_bytes_sum", whole, rate * 300))
    series.append(("istio_response_bytes_sum", whole, rate * 2000))
    return series


def grpc(labels: dict[str, str], rate: float, status: str) -> list[Series]:
    return http(labels, rate, request_protocol="grpc", grpc_response_status=status)


def tcp(labels: dict[str, str], *, sent: float, received: float, opened: float, security: str = "") -> list[Series]:
    """Bytes as the client sees them; the counters carry Istio's inverted names."""
    policy = security or {"source": "unknown"}.get(labels["reporter"], "mutual_tls")
    whole = labels | {"request_protocol": "tcp", "response_flags": "-", "connection_security_policy": policy}
    return [
        ("istio_tcp_received_bytes_total", whole, sent),
        ("istio_tcp_sent_bytes_total", whole, received),
        ("istio_tcp_connections_opened_total", whole, opened),
        ("istio_tcp_connections_closed_total", whole, opened),
    ]


def openmetrics(series: Iterable[Series]) -> str:
    """Every series as an evenly rising counter that ends at `END`."""
    lines: list[str] = []
    for name, labels, rate in series:
        text = ",".join(f'{label}="{value}"' for label, value in labels.items())
        lines.extend(
            f"{name}{{{text}}} {1000 + rate * STEP * i!r} {END - STEP * (POINTS - 1 - i)}" for i in range(POINTS)
        )
    return "\n".join([*lines, "# EOF", ""])


WEB, GATE = "east/shop/web-v1/v1", "east/istio-system/ingress/unknown"
CART1, CART2 = "east/shop/cart-v1/v1", "east/shop/cart-v2/v2"
STOCK = "west/store/stock-v1/v1"
DB, LEGACY = "east/data/db-v1/v1", "east/shop/legacy-vm/v1"
AMBIENT, WAYPOINT = "east/quiet/reader-v1/v1", "east/quiet/waypoint/unknown"


def both(source: str, target: str, service: str) -> list[dict[str, str]]:
    return [ends(reporter, source, target, service) for reporter in ("source", "destination")]


def control_plane() -> list[Series]:
    """Metrics of an istiod with two replicas; gauges rise here too, so that only their presence is known beforehand."""
    one, other = {"pod": "istiod-0"}, {"pod": "istiod-1"}
    gateway = {"app": "istio-ingressgateway", "namespace": "istio-system"}
    return [
        ("pilot_xds", one | {"version": "1.30.1"}, 1),
        ("pilot_xds", other | {"version": "1.30.1"}, 1),
        ("pilot_info", one | {"version": "1.30.1"}, 0),
        ("istio_build", one | {"component": "pilot", "tag": "1.30.1"}, 0),
        ("pilot_services", one, 1),
        ("istiod_managed_clusters", one | {"cluster_type": "remote"}, 0),
        ("citadel_server_root_cert_expiry_timestamp", one, 0),
        ("envoy_server_days_until_first_cert_expiring", gateway, 0),
        *(("pilot_xds_pushes", pod | {"type": kind}, 2.0) for pod in (one, other) for kind in ("lds", "rds")),
        *(("pilot_proxy_convergence_time_bucket", one | {"le": bound}, 3.0) for bound in ("0.1", "1", "+Inf")),
        *(
            ("istio_agent_cert_expiry_seconds", {"app": f"a{i}", "namespace": "shop", "resource_name": "default"}, i)
            for i in range(7)
        ),
    ]


def east() -> list[Series]:
    """Cluster east: a gateway, two versions, gRPC, TCP, a waypoint, a virtual machine, and what leaves for west."""
    series: list[Series] = []
    for labels in both(GATE, WEB, "web.shop"):
        series += http(labels, 100) + http(labels, 4, code="404")
    for labels in both(WEB, CART1, "cart.shop"):
        series += http(labels, 80)
    for labels in both(WEB, CART2, "cart.shop"):
        series += http(labels, 18) + http(labels, 2, code="503")
    series += http(ends("source", WEB, CART2, "cart.shop"), 5, code="503", flags="UF")
    for labels in both(CART1, CART2, "cart.shop"):
        series += grpc(labels, 9, "0") + grpc(labels, 1, "14")
    for labels in both(CART1, DB, "db.data"):
        series += tcp(labels, sent=1000, received=9000, opened=2)
    series += http(ends("source", WEB, STOCK, "stock.store"), 30)
    series += http(ends("destination", LEGACY, CART1, "cart.shop"), 3)
    series += http(ends("destination", "unknown", CART1, "cart.shop"), 1, connection_security_policy="none")
    series += http(ends("waypoint", WEB, AMBIENT, "reader.quiet"), 12)
    series += tcp(
        ends("source", WEB, WAYPOINT, "reader.quiet"), sent=5000, received=70000, opened=12, security="mutual_tls"
    )
    outside = {"destination_service": "api.example.org", "destination_service_name": "PassthroughCluster"}
    series += http(ends("source", WEB, "unknown") | outside, 6)
    return series


def west() -> list[Series]:
    """Cluster west: only the destination's side of what comes from east, a little less than was sent."""
    return http(ends("destination", WEB, STOCK, "stock.store"), 27)
