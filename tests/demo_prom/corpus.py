"""Known series and the queries by which the engine is held against a real Prometheus."""

from __future__ import annotations

import random
from collections.abc import Iterator

from meshtop.demo.prom.series import NAME
from tests.demo_prom.static import StaticSeries

START_MS = 1_700_000_000_000
SCRAPE_MS = 15_000
SCRAPES = 160
END_MS = START_MS + SCRAPES * SCRAPE_MS
BOUNDS = ("0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "+Inf")


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


QUERIES = r"""
1
1 + 2 * 3 ^ 2 ^ 0.5
-1 ^ 2
7 % 4 - -7 % 4
1 / 0
-1 / 0
0 / 0
5 % 0
1 atan2 2
1 > bool 2
NaN == bool NaN
"text"
(((1)))
time()
pi()
vector(time())
vector(1) + vector(2)
scalar(vector(3)) + 1
scalar(g)
scalar(flat) / 2
g
g{job="a"}
g{job!="a"}
g{job=~"a|b"}
g{job!~"a|b"}
g{job=~"a|b",instance!="0"}
{job="a"}
{__name__=~"g|h",job="b"}
{__name__=~".*_bytes",pod!=""}
g{nolabel=""}
g{job=~""}
g offset 5m
g offset -1m
g @ 1700001000
g @ 1700001000.5 offset 1m
g @ start()
g @ end() offset 2m
esc
gone
absent(gone)
absent(gone offset 30m)
-g
-odd
- - g
+g
g + 1
1 - g
g / 0
g % 7
g ^ 2
2 ^ g
g ^ 0.5
odd * 2
odd % 2
odd ^ 3
odd ^ 0.5
odd ^ -1
2 ^ odd
0 ^ odd
odd / odd
odd atan2 1
odd > 0
odd >= bool 0
odd == odd
odd != odd
g > 0
0 < g
g > bool 0
0 > bool g
g == g
g + g
g - on(job, instance) h
g * ignoring(extra) h
g > ignoring(extra) h
g > bool ignoring(extra) h
g == on(job, instance) g
g > on(job, instance) h
g atan2 on(job, instance) h
g * on(job) group_left info
g * on(job) group_left(version) info
g * on(job) group_left(version, extra) info
g + on(job) group_left(extra) info
info * on(job) group_right(version) g
g > on(job) group_left(version) info
g > bool on(job) group_left(version) info
g * on(job) info
info * on(job) g
g + on(job) h
g and h
g and ignoring(extra) h
g and on(job) info
g unless on(job) info
g unless ignoring(extra) h
g or h
g or on(job) info
info or on(job) g
g or vector(1)
sum(g) or vector(1)
sum(nothing) or vector(0)
sum(nothing) or on() vector(0)
sum(nothing)
count(nothing) or on() vector(0)
sum(g)
sum by (job) (g)
sum by (nolabel) (g)
sum without (job) (g)
sum without () (g)
sum by () (g)
sum by (__name__, job) ({__name__=~"g|h"})
avg(g)
avg by (job) (odd)
avg(odd{n!~"0[012]"})
min(odd)
max(odd)
max by (job) (g)
min without (instance) (g)
count(odd)
count by (job) ({job!=""})
group by (job) (g)
stddev(g)
stdvar by (job) (g)
stddev(odd)
stddev by (n) (odd)
quantile(0.9, g)
quantile by (job) (0.3, g)
quantile(-1, g)
quantile(2, g)
quantile(NaN, g)
quantile(0.5, odd)
quantile(scalar(flat) / 4, g)
topk(3, g)
topk by (job) (1, g)
bottomk(2, g)
topk(0, g)
topk(-3, g)
topk(2.9, g)
topk(100, g)
topk(scalar(flat), g)
topk(NaN, g)
bottomk(3, odd{n!~"0[34]"})
topk(3, odd{n!~"0[34]"})
count_values("v", odd)
count_values by (job) ("v", round(g / 20))
count_values without (instance) ("job", round(g / 20))
count_values("bad-name", g)
rate(istio_requests_total[5m])
rate(istio_requests_total[1m])
rate(istio_requests_total[31s])
rate(istio_requests_total[15s])
rate(istio_requests_total[1h])
rate(istio_requests_total[5m] offset 7m)
rate(istio_requests_total[5m] @ 1700001000)
rate(istio_requests_total[5m] @ end() offset 3m)
irate(istio_requests_total[5m])
irate(istio_requests_total[30s])
increase(istio_requests_total[10m])
delta(g[5m])
idelta(g[5m])
deriv(g[5m])
deriv(flat[5m])
deriv(odd[5m])
predict_linear(g[10m], 600)
predict_linear(pair[10m], scalar(flat))
resets(istio_requests_total[20m])
resets(mixed[20m])
changes(mixed[20m])
changes(g[5m])
rate(mixed[5m])
increase(pair[5m])
rate(brief[5m])
delta(pair[1m])
rate({__name__=~"g|h"}[5m])
rate({__name__=~"g|h",job="a",instance="0"}[5m])
rate({__name__=~"odd|flat"}[5m])
avg_over_time(g[5m])
avg_over_time(mixed[5m])
avg_over_time(odd[5m])
sum_over_time(g[5m])
sum_over_time(mixed[20m])
min_over_time(mixed[5m])
max_over_time(mixed[5m])
count_over_time(istio_requests_total[5m])
last_over_time(g[1m])
last_over_time({__name__=~"g|h"}[10m])
present_over_time(brief[20m])
absent_over_time(brief[10m])
absent_over_time(brief{a="b",c!="d"}[10m])
absent_over_time(nothing{job="x"}[5m])
absent_over_time((nothing{job="x"}[5m]))
absent_over_time(nothing{job="x"}[5m:1m])
quantile_over_time(0.9, g[5m])
quantile_over_time(0.5, mixed[5m])
quantile_over_time(2, g[5m])
stddev_over_time(g[5m])
stdvar_over_time(istio_requests_total[10m])
stddev_over_time(mixed[5m])
absent(nothing)
absent(nothing{job="a",instance!="b"})
absent(nothing{job="a",job="b"})
absent((nothing{job="a"}))
absent(sum(nothing{job="a"}))
absent(g)
abs(odd)
ceil(odd)
floor(odd)
round(odd)
round(g, 0.1)
round(g, 10)
round(odd, 0)
exp(odd)
ln(odd)
log2(odd)
log10(odd)
sqrt(odd)
sgn(odd)
sin(odd{n!="05",n!="09"})
cos(g)
tan(g)
asin(odd)
acos(odd)
atan(odd)
sinh(odd)
cosh(odd)
tanh(odd)
asinh(g)
acosh(odd)
atanh(odd)
deg(g)
rad(g)
clamp(odd, -1, 1)
clamp(g, 5, 1)
clamp_min(odd, 0)
clamp_max(odd, 0)
clamp_min(g, NaN)
clamp(g, scalar(flat), 10)
timestamp(g)
timestamp(g offset 1m)
timestamp(g @ 1700001000)
timestamp((istio_requests_total))
timestamp(g + 1)
timestamp(vector(1))
sort(g)
sort_desc(odd)
hour()
minute()
month(vector(1700000000))
year()
day_of_week()
day_of_month()
day_of_year()
days_in_month(vector(1709251199))
hour(flat)
minute(g * 1e6)
label_replace(g, "dst", "$1-x", "job", "(.*)")
label_replace(g, "dst", "${name}", "job", "(?P<name>.).*")
label_replace(g, "dst", "$$1 $1x $2", "job", "(.*)")
label_replace(g, "job", "", "job", "a")
label_replace(g, "instance", "same", "job", ".*")
label_replace(g, "bad-dst", "x", "job", ".*")
label_replace(g, "dst", "x", "job", "(")
label_replace(g, "dst", "x", "nolabel", "")
label_replace(g, "__name__", "renamed", "job", "a")
label_join(g, "both", "/", "job", "instance")
label_join(g, "job", ",")
label_join(g, "job", "-", "nolabel", "job")
label_join(g, "bad-dst", "/", "job")
label_join(g, "dst", "/", "bad-src")
histogram_quantile(0.9, sum by (le) (rate(istio_request_duration_milliseconds_bucket[5m])))
histogram_quantile(0.5, rate(istio_request_duration_milliseconds_bucket[5m]))
histogram_quantile(0.99, sum by (destination_service, le) (irate(istio_request_bytes_bucket[1m])))
histogram_quantile(0, sum by (le) (istio_request_bytes_bucket))
histogram_quantile(1, sum by (le) (istio_request_bytes_bucket))
histogram_quantile(-1, broken_bucket)
histogram_quantile(2, broken_bucket)
histogram_quantile(NaN, broken_bucket)
histogram_quantile(0.5, broken_bucket)
histogram_quantile(0.9, broken_bucket)
histogram_quantile(0.2, below_bucket)
histogram_quantile(0.45, below_bucket)
histogram_quantile(0.9, below_bucket)
histogram_quantile(0.5, topless_bucket)
histogram_quantile(0.5, g)
histogram_quantile(0.5, {__name__=~"broken_bucket|below_bucket"})
histogram_quantile(scalar(flat) / 4, below_bucket)
max_over_time(rate(istio_requests_total[1m])[10m:1m])
max_over_time(g[10m:])
avg_over_time(g[10m:37s])
rate(istio_requests_total[10m:15s])
sum_over_time((g > 0)[10m:1m] offset 3m)
sum_over_time(g[10m:1m] @ 1700001500)
count_over_time(time()[1m:1s])
count_over_time(vector(1)[5m:10s])
sum_over_time(vector(time())[3m:1m])
max_over_time(sum by (job) (rate(istio_requests_total[1m]))[10m:30s])
min_over_time(max_over_time(g[5m:1m])[10m:2m])
last_over_time(g[5m:1m])
rate((istio_requests_total{response_code="200"})[5m:30s] @ end())
deriv(rate(istio_requests_total[2m])[10m:1m])
sum by (job) (rate(g[5m])) / sum by (job) (rate(h[5m]))
sum(rate(istio_requests_total{reporter="source"}[5m])) by (source_workload, destination_service) > 0
topk(5, sum by (destination_service, response_code) (rate(istio_requests_total[5m])))
count(count by (pod) (go_goroutines))
rate(g)
g[5m] + 1
sum(1)
unknown_function(g)
g{
{}
"""
"""Queries, one a line; some must fail, and fail alike."""


def queries() -> list[str]:
    """All queries of the corpus."""
    return [line for line in QUERIES.splitlines() if line]
