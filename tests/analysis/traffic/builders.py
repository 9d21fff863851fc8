"""Short ways to write series, clusters and what is expected of them."""

from __future__ import annotations

from typing import Any

from meshtop.analysis.traffic.edges import edges
from meshtop.analysis.traffic.inputs import ClusterTraffic, KnownPeer
from meshtop.model.telemetry import Labels, Sample, Telemetry
from meshtop.model.traffic import Edge, PeerKind

SIDECAR_SECURITY = {"source": "unknown", "destination": "mutual_tls", "waypoint": "mutual_tls"}


def labels(reporter: str, source: str = "web", target: str = "cart", **more: str) -> Labels:
    """Labels of a request in namespace shop, as a sidecar writes them; `more` overrides any of them."""
    values = {
        "reporter": reporter,
        "source_cluster": "east",
        "source_workload_namespace": "shop",
        "source_workload": source,
        "source_canonical_service": source,
        "destination_cluster": "east",
        "destination_workload_namespace": "shop",
        "destination_workload": target,
        "destination_canonical_service": target,
        "destination_service": f"{target}.shop.svc.cluster.local",
        "destination_service_name": target,
        "destination_service_namespace": "shop",
        "request_protocol": "http",
        "response_code": "200",
        "response_flags": "-",
        "connection_security_policy": SIDECAR_SECURITY.get(reporter, "unknown"),
    }
    return Labels(**(values | more))


def told(value: float, reporter: str, source: str = "web", target: str = "cart", **more: str) -> Sample:
    return Sample(labels(reporter, source, target, **more), value)


def tcp(value: float, reporter: str, source: str = "web", target: str = "cart", **more: str) -> Sample:
    return told(value, reporter, source, target, **({"request_protocol": "tcp", "response_code": ""} | more))


def telemetry(*requests: Sample, identity: str = "", at: float = 1000.0, **fields: Any) -> Telemetry:
    return Telemetry(at=at, window_seconds=300.0, identity=identity, requests=requests, **fields)


def cluster(
    name: str,
    *requests: Sample,
    kinds: dict[str, PeerKind] | None = None,
    fields: dict[str, Any] | None = None,
    **more: Any,
) -> ClusterTraffic:
    """A cluster whose id is its name; `kinds` gives workloads of namespace shop, `fields` more of its telemetry."""
    peers = {("shop", workload): KnownPeer(kind) for workload, kind in (kinds or {}).items()}
    values: dict[str, Any] = {"cluster_id": name, "peers": peers}
    return ClusterTraffic(
        name=name, telemetry=telemetry(*requests, identity=f"http://{name}", **(fields or {})), **(values | more)
    )


def only(*clusters: ClusterTraffic) -> Edge:
    found = edges(clusters)
    assert len(found) == 1, found
    return found[0]


UNKNOWN_SOURCE = {
    "source_cluster": "unknown",
    "source_workload_namespace": "unknown",
    "source_workload": "unknown",
    "source_canonical_service": "unknown",
}
UNKNOWN_TARGET = {
    "destination_cluster": "unknown",
    "destination_workload_namespace": "unknown",
    "destination_workload": "unknown",
    "destination_canonical_service": "unknown",
}
