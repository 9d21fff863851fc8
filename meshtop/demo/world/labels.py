"""Istio's standard labels, exactly as sidecars, gateways, waypoints and ztunnels write them.

Sources: the metric goldens of istio/proxy and a scrape of a ztunnel. Prometheus stores no empty label, so
`grpc_response_status=""` of plain HTTP is left out.
"""

from __future__ import annotations

from sys import intern

from meshtop.demo.world.plan import Workload

UNKNOWN = "unknown"


def canonical_revision(workload: Workload) -> str:
    """What Istio writes for a workload's revision: its version label, else `latest`."""
    return workload.version or "latest"


_FIELDS = (
    "workload", "canonical_service", "canonical_revision", "workload_namespace", "principal", "app", "version",
    "cluster",
)  # fmt: skip
_NAMES = {prefix: tuple(f"{prefix}_{field}" for field in _FIELDS) for prefix in ("source", "destination")}
_NOBODY = (UNKNOWN, UNKNOWN, "latest", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)


def _end(prefix: str, workload: Workload | None, principal: bool) -> dict[str, str]:
    if workload is None:
        values: tuple[str, ...] = _NOBODY
    else:
        values = (
            workload.controller,
            workload.app,
            canonical_revision(workload),
            workload.namespace,
            # A big world repeats its identities so often that each is kept once.
            intern(workload.principal) if principal else UNKNOWN,
            workload.app,
            workload.version or UNKNOWN,
            workload.cluster,
        )
    return dict(zip(_NAMES[prefix], values, strict=True))


def peers(
    reporter: str, source: Workload | None, destination: Workload | None, service: tuple[str, str, str], secured: bool
) -> dict[str, str]:
    """The labels of all Istio metrics: `service` is host, name and namespace; principals only under mutual TLS."""
    host, name, namespace = service
    return {
        "reporter": reporter,
        **_end("source", source, secured),
        **_end("destination", destination, secured),
        "destination_service": host,
        "destination_service_name": name,
        "destination_service_namespace": namespace,
    }


def security(reporter: str, secured: bool, ztunnel: bool = False) -> str:
    """`connection_security_policy`: a source sidecar never knows; a ztunnel knows on both sides and never says none."""
    if ztunnel:
        return "mutual_tls" if secured else UNKNOWN
    if reporter == "source":
        return UNKNOWN
    return "mutual_tls" if secured else "none"


def http(base: dict[str, str], *, protocol: str, code: str, grpc: str, flags: str, policy: str) -> dict[str, str]:
    """The labels of the HTTP and gRPC metrics."""
    labels = {
        **base,
        "request_protocol": protocol,
        "response_code": code,
        "response_flags": flags,
        "connection_security_policy": policy,
    }
    if grpc:
        labels["grpc_response_status"] = grpc
    return labels


def tcp(
    base: dict[str, str], *, flags: str, policy: str, localities: tuple[str, str, str, str] | None = None
) -> dict[str, str]:
    """The labels of the TCP metrics; `localities` (source region, zone, destination region, zone) is ztunnel's."""
    labels = {**base, "request_protocol": "tcp", "response_flags": flags, "connection_security_policy": policy}
    if localities is not None:
        labels["source_region"], labels["source_zone"], labels["destination_region"], labels["destination_zone"] = (
            localities
        )
    return labels


def home_zone(region: str) -> str:
    """The zone that a ztunnel writes for a region: the first one, `unknown` for a region that is not known."""
    return region if region == UNKNOWN else f"{region}a"
