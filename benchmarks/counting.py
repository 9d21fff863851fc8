"""Turning a big mesh's samples into edges and sums: CPU seconds for 100,000 series.

Run: python -m benchmarks.counting [EDGES]
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

from benchmarks._rows import report, row_of
from meshtop.analysis.traffic.edges import EdgeCounter, edges
from meshtop.analysis.traffic.figures import add_all, by_workload
from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.model.telemetry import Labels, Sample, Telemetry

ROUNDS = 3
CODES = (("200", "-"), ("404", "-"), ("500", "-"), ("503", "UF"))


def labels(edge: int, reporter: str, code: str, flags: str) -> Labels:
    source, target, namespace = f"web-{edge % 997}", f"cart-{edge}", f"team-{edge % 40}"
    return Labels(
        reporter=reporter,
        source_cluster="east",
        source_workload_namespace=f"team-{edge % 50}",
        source_workload=source,
        source_canonical_service=source,
        source_version="v1",
        destination_cluster="east",
        destination_workload_namespace=namespace,
        destination_workload=target,
        destination_canonical_service=target,
        destination_version="v1",
        destination_service=f"{target}.{namespace}.svc.cluster.local",
        destination_service_name=target,
        destination_service_namespace=namespace,
        request_protocol="http",
        response_code=code,
        response_flags=flags,
        connection_security_policy="mutual_tls" if reporter == "destination" else "unknown",
    )


def seconds(action: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return times


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12_500
    samples = tuple(
        Sample(labels(edge, reporter, code, flags), 1.5)
        for edge in range(count)
        for reporter in ("source", "destination")
        for code, flags in CODES
    )
    telemetry = Telemetry(at=0.0, window_seconds=300.0, requests=samples)
    clusters = [ClusterTraffic(name="east", cluster_id="east", telemetry=telemetry)]
    gc.collect()
    gc.freeze()
    found = edges(clusters)
    counter = EdgeCounter()
    counter.edges(clusters)
    what = f"{len(samples):,} series into {len(found):,} edges"
    report(
        [
            row_of(f"counting {what}: CPU", seconds(lambda: edges(clusters))),
            row_of(f"counting {what}, known ones: CPU", seconds(lambda: counter.edges(clusters))),
            row_of(f"adding up {len(found):,} edges by workload: CPU", seconds(lambda: by_workload(found))),
            row_of(f"adding up {len(found):,} edges: CPU", seconds(lambda: add_all([edge.sums for edge in found]))),
        ]
    )


if __name__ == "__main__":
    main()
