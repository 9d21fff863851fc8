"""The metrics that meshtop queries, the labels they are grouped by, and the names of their recording rules.

Label names are Istio's (docs of the standard metrics). Queries group only by labels that the counting needs, because
each further label makes every answer larger.
"""

from __future__ import annotations

from msgspec import Struct

ENDS = (
    "reporter",
    "source_cluster",
    "source_workload_namespace",
    "source_workload",
    "source_canonical_service",
    "destination_cluster",
    "destination_workload_namespace",
    "destination_workload",
    "destination_canonical_service",
    "destination_service",
    "destination_service_name",
    "destination_service_namespace",
)
"""Labels that identify an edge."""
VERSIONS = (
    "source_version",
    "source_canonical_revision",
    "destination_version",
    "destination_canonical_revision",
)
OUTCOME = ("response_code", "grpc_response_status", "response_flags", "connection_security_policy")

RECORDED_PREFIX = "meshtop:"


class Metric(Struct, frozen=True, kw_only=True):
    """One counter: the field of Telemetry it fills, its name, and the labels that its rate is summed by."""

    field: str
    name: str
    by: tuple[str, ...]

    def recorded(self, window: str) -> str:
        """The name of the recording rule for its rate over a window, such as `meshtop:istio_requests:rate5m`."""
        return f"{RECORDED_PREFIX}{self.name.removesuffix('_total')}:rate{window}"


TRAFFIC: tuple[Metric, ...] = (
    Metric(field="requests", name="istio_requests_total", by=(*ENDS, *VERSIONS, "request_protocol", *OUTCOME)),
    Metric(
        field="duration_buckets",
        name="istio_request_duration_milliseconds_bucket",
        by=(*ENDS, "request_protocol", "le"),
    ),
    Metric(field="duration_sum", name="istio_request_duration_milliseconds_sum", by=(*ENDS, "request_protocol")),
    Metric(field="request_bytes_sum", name="istio_request_bytes_sum", by=(*ENDS, "request_protocol")),
    Metric(field="response_bytes_sum", name="istio_response_bytes_sum", by=(*ENDS, "request_protocol")),
    Metric(field="tcp_sent", name="istio_tcp_sent_bytes_total", by=(*ENDS, *VERSIONS, "connection_security_policy")),
    Metric(
        field="tcp_received",
        name="istio_tcp_received_bytes_total",
        by=(*ENDS, *VERSIONS, "connection_security_policy"),
    ),
    Metric(field="tcp_opened", name="istio_tcp_connections_opened_total", by=(*ENDS, *VERSIONS, "response_flags")),
    Metric(field="request_messages", name="istio_request_messages_total", by=ENDS),
    Metric(field="response_messages", name="istio_response_messages_total", by=ENDS),
)
"""Everything that Telemetry holds of the data plane, one query each."""


REVISION_LABEL = "istio_io_rev"
"""The pods' label istio.io/rev in series of istiod, where the scrape configuration keeps pods' labels."""


class ControlMetrics(Struct, frozen=True, kw_only=True):
    """Control-plane metrics read in one query: how replicas are aggregated, and the labels that are kept."""

    query: str
    fold: str
    by: tuple[str, ...]
    names: tuple[str, ...]
    counters: bool = False
    lowest: int = 0
    """For gauges with many series: the number of lowest series kept for each `resource_name`."""
    only: tuple[str, str] | None = None
    """A label and a regular expression for it, where only some series matter."""


CONTROL: tuple[ControlMetrics, ...] = (
    ControlMetrics(
        query="control_added",
        fold="sum",
        by=("version", "component", "tag"),
        names=("pilot_xds", "pilot_info", "istio_build"),
    ),
    ControlMetrics(
        query="control_seen",
        fold="max",
        by=("cluster_type", "cluster", "status"),
        names=(
            "pilot_services",
            "pilot_virt_services",
            "pilot_conflict_inbound_listener",
            "pilot_conflict_outbound_listener_tcp_over_current_tcp",
            "pilot_vservice_dup_domain",
            "pilot_destrule_subsets",
            "pilot_eds_no_instances",
            "istiod_managed_clusters",
            "istiod_remote_cluster_sync_status",
        ),
    ),
    ControlMetrics(
        query="control_certificates",
        fold="min",
        by=("resource_name",),
        names=("citadel_server_root_cert_expiry_timestamp", "citadel_server_cert_chain_expiry_timestamp"),
    ),
    ControlMetrics(
        query="control_agents",
        fold="min",
        by=("resource_name", "namespace", "app"),
        names=("istio_agent_cert_expiry_seconds",),
        lowest=5,
    ),
    ControlMetrics(
        query="control_gateways",
        fold="min",
        by=("namespace", "app"),
        names=("envoy_server_days_until_first_cert_expiring",),
        only=("app", ".*(gateway|ingress|egress).*"),
    ),
    ControlMetrics(
        query="control_rates",
        fold="sum",
        by=("type", "le", REVISION_LABEL),
        names=(
            "pilot_proxy_convergence_time_bucket",
            "pilot_proxy_queue_time_bucket",
            "pilot_xds_push_time_bucket",
            "pilot_total_xds_rejects",
            "pilot_xds_pushes",
            "pilot_total_xds_internal_errors",
            "pilot_xds_write_timeout",
            "galley_validation_passed",
            "galley_validation_failed",
        ),
        counters=True,
    ),
)
"""Control-plane metrics: gauges unchanged, counters as rates per second; never by pod."""
METRIC_LABEL = "metric"
"""The label that keeps a metric's name, which `rate()` removes."""


def duration_text(seconds: float) -> str:
    """Seconds as PromQL writes a duration: 5m, 1h, 90s, 1500ms."""
    millis = round(seconds * 1000)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if millis and millis % size == 0:
            return f"{millis // size}{unit}"
    return f"{max(1, millis)}ms"
