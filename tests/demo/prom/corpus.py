"""Known series and the queries by which the engine is held against a real Prometheus."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from meshtop.demo.prom.series import NAME
from tests.demo.prom.static import StaticSeries

START_MS = 1_700_000_000_000
SCRAPE_MS = 15_000
SCRAPES = 160
END_MS = START_MS + SCRAPES * SCRAPE_MS
BOUNDS = ("1", "5", "25", "100", "500", "+Inf")


def _times(rng: random.Random, gaps: bool) -> list[int]:
    """Scrapes of one target, off the grid by some milliseconds, with holes if asked for."""
    shift = rng.randrange(SCRAPE_MS)
    times = [START_MS + index * SCRAPE_MS + shift + rng.randrange(-4, 5) for index in range(SCRAPES)]
    if not gaps:
        return times
    hole = range(SCRAPES // 3, SCRAPES // 3 + 30)
    return [time for index, time in enumerate(times) if index not in hole and rng.random() > 0.1]


def _counter(rng: random.Random, length: int, resets: bool, rate: float) -> list[float]:
    value, values = float(rng.randrange(1000)), []
    for _ in range(length):
        value = 0.0 if resets and rng.random() < 0.03 else value + rng.randrange(int(rate * 2) + 1)
        values.append(value)
    return values


def _istio(rng: random.Random) -> Iterator[StaticSeries]:
    services = ["web", "cart", "pay"]
    for number, service in enumerate(services):
        times = _times(rng, gaps=number == 2)
        for reporter in ("source", "destination", "waypoint"):
            for code in ("200", "404", "503"):
                labels = {
                    "reporter": reporter,
                    "source_workload": "istio-ingressgateway" if number == 0 else f"{services[number - 1]}-v1",
                    "source_workload_namespace": "shop",
                    "source_cluster": "east",
                    "destination_workload": f"{service}-v1",
                    "destination_workload_namespace": "shop",
                    "destination_service": f"{service}.shop.svc.cluster.local",
                    "destination_service_name": service,
                    "destination_service_namespace": "shop",
                    "destination_cluster": "east" if number else "west",
                    "request_protocol": "http",
                    "response_code": code,
                    "connection_security_policy": "none" if code == "404" else "mutual_tls",
                }
                if code != "404":
                    labels["destination_principal"] = f"spiffe://cluster.local/ns/shop/sa/{service}"
                calls = _counter(rng, len(times), number == 1, {"200": 40.0, "404": 3.0, "503": 1.0}[code])
                yield StaticSeries({NAME: "istio_requests_total", **labels}, times, calls)
                for metric in ("istio_request_duration_milliseconds", "istio_request_bytes", "istio_response_bytes"):
                    yield from _histogram(rng, metric, labels, times, calls)
            for direction in ("sent", "received"):
                for policy in ("none", "mutual_tls"):
                    tcp = {
                        key: value for key, value in labels.items() if key not in ("response_code", "request_protocol")
                    }
                    names = {NAME: f"istio_tcp_{direction}_bytes_total", **tcp, "connection_security_policy": policy}
                    yield StaticSeries(names, times, _counter(rng, len(times), False, 9000.0))


def _histogram(
    rng: random.Random, metric: str, labels: dict[str, str], times: list[int], counts: list[float]
) -> Iterator[StaticSeries]:
    shape = rng.uniform(1.5, 6.0)
    for index, bound in enumerate(BOUNDS):
        share = 1.0 if bound == "+Inf" else (index + 1) ** shape / len(BOUNDS) ** shape
        values = [float(int(count * share)) for count in counts]
        yield StaticSeries({NAME: f"{metric}_bucket", **labels, "le": bound}, times, values)
    yield StaticSeries({NAME: f"{metric}_sum", **labels}, times, [count * 7.25 for count in counts])
    yield StaticSeries({NAME: f"{metric}_count", **labels}, times, counts)


def _platform(rng: random.Random) -> Iterator[StaticSeries]:
    for pod in ("istiod-0", "istiod-1", "ztunnel-a", "istio-ingressgateway-a"):
        app = pod.partition("-")[0]
        times = _times(rng, gaps=pod == "istiod-1")
        common = {"pod": pod, "app": app, "instance": f"{pod}:15014"}
        for name in (
            "process_cpu_seconds_total", "pilot_xds_pushes", "pilot_total_xds_internal_errors",
            "istio_xds_message_total", "container_cpu_usage_seconds_total", "pilot_xds_push_errors",
            "pilot_k8s_reg_events", "pilot_k8s_cfg_events", "pilot_push_triggers",
            "go_memstats_alloc_bytes_total", "go_memstats_mallocs_total",
        ):  # fmt: skip
            values = _counter(rng, len(times), pod == "istiod-0", 12.0)
            extra = {"type": rng.choice(("cds", "eds")), "url": "type.googleapis.com/x", "container": "istio-proxy"}
            yield StaticSeries({NAME: name, **common, **extra}, times, values)
        for name in (
            "go_goroutines", "go_memstats_stack_inuse_bytes", "go_memstats_heap_inuse_bytes", "pilot_xds",
            "pilot_services", "process_resident_memory_bytes", "container_memory_working_set_bytes",
            "go_memstats_heap_alloc_bytes", "go_memstats_alloc_bytes", "process_open_fds", "container_fs_usage_bytes",
            "go_memstats_heap_sys_bytes", "process_virtual_memory_bytes",
            "workload_manager_active_proxy_count", "pilot_virt_services", "envoy_wasm_remote_load_cache_entries",
        ):  # fmt: skip
            values = [round(rng.gauss(500, 80), 3) for _ in times]
            yield StaticSeries({NAME: name, **common, "container": "istio-proxy"}, times, values)
        build = {"component": "pilot" if app == "istiod" else "ztunnel", "tag": "1.28.0"}
        yield StaticSeries({NAME: "istio_build", **common, **build}, times, [1.0] * len(times))
        for bound, share in (("0.1", 0.4), ("1", 0.8), ("10", 0.95), ("+Inf", 1.0)):
            values = [float(int(index * 10 * share)) for index in range(len(times))]
            labels = {NAME: "pilot_proxy_convergence_time_bucket", **common, "le": bound}
            yield StaticSeries(labels, times, values)


def _oddities(rng: random.Random) -> Iterator[StaticSeries]:
    times = [START_MS + index * SCRAPE_MS for index in range(SCRAPES)]
    for name in ("up", "g", "h"):
        for job in ("a", "b", "c"):
            for instance in ("0", "1"):
                labels = {NAME: name, "job": job, "instance": instance}
                if name == "h":
                    labels["extra"] = f"x{job}"
                values = [round(rng.uniform(-50, 50), 2) for _ in times]
                yield StaticSeries(labels, times, values)
    strange = [float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1e21, 1e-9, -2.5, 2.5, 1e300, 0.5, -0.5]
    for index, value in enumerate(strange):
        yield StaticSeries({NAME: "odd", "n": f"{index:02}"}, times, [value] * len(times))
    mixed = [rng.choice(strange) for _ in times]
    yield StaticSeries({NAME: "mixed", "n": "a"}, times, mixed)
    finite = [rng.choice([0.0, 1.0, 2.5, -2.5, float("nan")]) for _ in times]
    yield StaticSeries({NAME: "mixed", "n": "b"}, times, finite)
    yield StaticSeries({NAME: "flat"}, times, [3.0] * len(times))
    yield StaticSeries({NAME: "brief"}, times[5:6], [7.0])
    yield StaticSeries({NAME: "pair"}, times[5:7], [7.0, 9.0])
    yield StaticSeries({NAME: "gone"}, times[:20], [float(index) for index in range(20)])
    yield StaticSeries({NAME: "info", "job": "a", "version": "1"}, times[:80], [1.0] * 80)
    yield StaticSeries({NAME: "info", "job": "a", "version": "2"}, times[80:], [1.0] * 80)
    yield StaticSeries({NAME: "info", "job": "b", "version": "1", "extra": "y"}, times, [1.0] * len(times))
    yield StaticSeries({NAME: "esc", "path": 'a"b\\c\nd', "job": "ü"}, times, [1.0] * len(times))
    for le, count in (("0.1", 5.0), ("0.2", 4.0), ("1", 9.0), ("1.0", 3.0), ("+Inf", 8.0), ("bad", 1.0)):
        yield StaticSeries({NAME: "broken_bucket", "le": le}, times, [count] * len(times))
    for le, count in (("-1", 5.0), ("0", 6.0), ("1", 9.0), ("+Inf", 12.0)):
        yield StaticSeries({NAME: "below_bucket", "le": le}, times, [count] * len(times))
    for le in ("1", "2"):
        yield StaticSeries({NAME: "topless_bucket", "le": le}, times, [5.0] * len(times))


def series(seed: int = 7) -> list[StaticSeries]:
    """Counters with resets and gaps, gauges, Istio's histograms, and odd values."""
    rng = random.Random(seed)
    return [*_istio(rng), *_platform(rng), *_oddities(rng)]


def queries() -> list[str]:
    """All queries of the corpus, some of which must fail."""
    text = Path(__file__).with_name("queries.promql").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
