# ruff: noqa: E501 - tables read best with one thing on a line
"""The metric families of istiod and of the agents, with their help (names as istio/istio registers them)."""

from __future__ import annotations

from math import inf

CONVERGENCE = (0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0, inf)
PUSH_TIME = (0.01, 0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0, inf)
"""Bounds (seconds) of istiod's histograms."""

GAUGES = {
    "pilot_xds": "Number of endpoints connected to this pilot using XDS.",
    "pilot_info": "Pilot version and build information.",
    "pilot_services": "Total services known to pilot.",
    "pilot_virt_services": "Total virtual services known to pilot.",
    "pilot_conflict_inbound_listener": "Number of conflicting inbound listeners.",
    "pilot_conflict_outbound_listener_tcp_over_current_tcp": "Number of conflicting tcp listeners with current tcp listener.",
    "pilot_vservice_dup_domain": "Virtual services with dup domains.",
    "pilot_destrule_subsets": "Duplicate subsets across destination rules for same host",
    "pilot_eds_no_instances": "Number of clusters without instances.",
    "istiod_managed_clusters": "Number of clusters managed by istiod",
    "istiod_remote_cluster_sync_status": "Current synchronization state of remote clusters managed by istiod.",
    "istiod_uptime_seconds": "Current istiod server uptime in seconds",
    "citadel_server_root_cert_expiry_timestamp": "The unix timestamp, in seconds, when the root cert will expire.",
    "citadel_server_cert_chain_expiry_timestamp": "The unix timestamp, in seconds, when Istio generated cert chain will expire.",
    "istio_agent_cert_expiry_seconds": "The time remaining, in seconds, before the certificate chain will expire.",
    "envoy_server_days_until_first_cert_expiring": "Number of days until the next certificate being managed will expire",
    "istio_build": "Istio component build info",
    "process_resident_memory_bytes": "Resident memory size in bytes.",
    "process_start_time_seconds": "Start time of the process since unix epoch in seconds.",
    "go_goroutines": "Number of goroutines that currently exist.",
    "go_memstats_alloc_bytes": "Number of bytes allocated and still in use.",
}
COUNTERS = {
    "pilot_xds_pushes": "Pilot build and send errors for lds, rds, cds and eds.",
    "pilot_total_xds_rejects": "Total number of XDS responses from pilot rejected by proxy.",
    "pilot_total_xds_internal_errors": "Total number of internal XDS errors in pilot.",
    "pilot_xds_write_timeout": "Pilot XDS response write timeouts.",
    "pilot_k8s_cfg_events": "Events from k8s config.",
    "galley_validation_passed": "Resource is valid",
    "galley_validation_failed": "Resource validation failed",
    "citadel_server_csr_count": "The number of CSRs received by Citadel server.",
    "citadel_server_success_cert_issuance_count": "The number of certificates issuances that have succeeded.",
    "process_cpu_seconds_total": "Total user and system CPU time spent in seconds.",
}
HISTOGRAMS = {
    "pilot_proxy_convergence_time": (CONVERGENCE, 1.0, "Delay in seconds between config change and a proxy receiving all required configuration."),
    "pilot_proxy_queue_time": (CONVERGENCE, 0.4, "Time in seconds, a proxy is in the push queue before being dequeued."),
    "pilot_xds_push_time": (PUSH_TIME, 0.15, "Total time in seconds Pilot takes to push lds, rds, cds and eds."),
}  # fmt: skip
"""Bounds, the factor on the convergence median, and help."""
