"""The hosts behind Envoy's catch-all clusters, to which calls without a matching service go."""

from __future__ import annotations

from meshtop.analysis.traffic.naming import CATCH_ALLS, known
from meshtop.model.telemetry import Telemetry


def hosts_behind(telemetry: Telemetry, namespace: str, workload: str, catch_all: str) -> dict[str, float]:
    """The hosts that a workload called through a catch-all, as its own proxy names them, with requests per second.

    Istio keeps the host of an HTTP request in `destination_service`, and an address where there is none; of TCP
    nothing is known. Empty for any other service than a catch-all.
    """
    found: dict[str, float] = {}
    if catch_all not in CATCH_ALLS:
        return found
    for sample in telemetry.requests:
        labels = sample.labels
        if (
            labels.reporter == "source"
            and labels.destination_service_name == catch_all
            and labels.source_workload == workload
            and labels.source_workload_namespace == namespace
        ):
            host = known(labels.destination_service)
            if host and host != catch_all:
                found[host] = found.get(host, 0.0) + sample.value
    return found
