"""What istiods and agents report: convergence, pushes, conflicts, certificates, remote clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf, sin
from random import Random

from meshtop.demo.world import control_objects, naming, platform_objects
from meshtop.demo.world.conditions import Conditions
from meshtop.demo.world.control_families import COUNTERS, GAUGES, HISTOGRAMS
from meshtop.demo.world.curve import Curve
from meshtop.demo.world.inventory import Inventory
from meshtop.demo.world.mesh import ORIGIN, MeshState
from meshtop.demo.world.plan import Workload
from meshtop.demo.world.stream import (
    INTERVAL_MS,
    CounterSeries,
    Era,
    Points,
    Profile,
    Stream,
    Target,
    bucket_shares,
    mean,
)

USUAL_CONVERGENCE = 0.14
LEAF_SECONDS = 86_400.0
Value = Callable[[float], float]


class GaugeSeries:
    """A gauge whose value is a function of time (Unix seconds)."""

    __slots__ = ("_target", "_value", "labels")

    def __init__(self, name: str, labels: Mapping[str, str], target: Target, value: Value) -> None:
        self.labels = {**target.labels, **labels, "__name__": name}
        self._target = target
        self._value = value

    def samples(self, start_ms: int, end_ms: int) -> Points:
        """Timestamps (ms) and values between two moments, both included."""
        stamps = self._target.stamps(start_ms, end_ms)
        return stamps, [self._value(stamp / 1000) for stamp in stamps]


class ControlPlane:
    """The series of one cluster's istiods and of its workloads' agents."""

    def __init__(self, state: MeshState, inventory: Inventory, clock: Callable[[], float]) -> None:
        self._state = state
        self._inventory = inventory
        self._cluster = inventory.cluster
        self._plan = inventory.plan
        self._served = inventory.plan.served(inventory.cluster)
        self._home = inventory.plan.home(inventory.cluster).name
        self._clock = clock
        self._seed = inventory.plan.options.seed
        self._istiods = [w for w in platform_objects.system_workloads(self._plan, self._cluster) if w.app == "istiod"]
        self._targets = {w.name: self._state.target(w.key) for w in self._istiods}
        self._series: dict[str, list[GaugeSeries | CounterSeries]] = {}
        self._turned = 0
        self._pushes: dict[str, Stream] = {}

    def names(self) -> Iterator[str]:
        """The names of all families' series."""
        yield from GAUGES
        yield from COUNTERS
        for name in HISTOGRAMS:
            yield from (f"{name}_bucket", f"{name}_sum", f"{name}_count")

    def metadata(self) -> dict[str, tuple[str, str, str]]:
        """Type, help and unit of each family."""
        found = {name: ("gauge", text, "") for name, text in GAUGES.items()}
        found |= {name: ("counter", text, "") for name, text in COUNTERS.items()}
        return found | {name: ("histogram", text, "") for name, (_, _, text) in HISTOGRAMS.items()}

    def targets(self) -> list[Target]:
        """Targets beyond those of the mesh's own streams: none, since istiods are targets of the mesh."""
        return []

    def last_interval(self) -> tuple[int, int]:
        """The last scrape interval (ms)."""
        now = int(self._clock() * 1000)
        return now - INTERVAL_MS, now

    def size(self) -> int:
        """Changes when families have to be built anew."""
        return len(self._state.timeline)

    def family(self, name: str) -> Iterable[GaugeSeries | CounterSeries]:
        """The series of one family."""
        for workload in self._istiods:
            target = self._targets[workload.name]
            if name in GAUGES:
                yield from (GaugeSeries(name, labels, target, value) for labels, value in self._gauge(name, workload))
            elif name in COUNTERS:
                for labels, rate in self._counter(name, workload):
                    stream = self._stream(workload, f"{name}{sorted(labels.items())}", rate)
                    yield CounterSeries(
                        {**target.labels, **labels, "__name__": name},
                        stream,
                        lambda era: era.rate,
                        name != "process_cpu_seconds_total",
                    )
            else:
                yield from self._histogram(name, workload)
        if name in ("istio_agent_cert_expiry_seconds", "envoy_server_days_until_first_cert_expiring", "istio_build"):
            yield from self._agents(name)

    def _share(self, workload: Workload) -> float:
        """How much of the cluster's proxies an istiod serves."""
        planes = self._cluster.revisions.planes
        return next((p.share for p in planes if workload.name == f"istiod{p.suffix}"), 1.0)

    def _root(self) -> tuple[str, float]:
        return control_objects.root_of(self._plan, self._cluster, self._inventory.scenario, self._inventory.now)

    def _gauge(self, name: str, workload: Workload) -> list[tuple[dict[str, str], Value]]:
        version = workload.serving.release
        proxies = (w for cluster in self._served for w in self._plan.workloads(cluster) if w.proxy == "sidecar")
        pods = sum(w.replicas for w in proxies) + 4 * len(self._served)
        config = self._state.configs[self._home]
        born = self._inventory.now // 86_400 * 86_400 - 11 * 86_400
        phase = naming.unit(self._seed, self._cluster.name, workload.name) * 6
        others = [
            c.name
            for c in self._plan.members(self._cluster.mesh.name)
            if c.name not in (self._cluster.name, self._home)
        ]
        _, expiry = self._root()
        fixed: dict[str, Value] = {
            "pilot_services": lambda at: float(len(self._plan.services(self._cluster.mesh.template)) + 6),
            "pilot_virt_services": lambda at: float(config.size("VirtualService")),
            "pilot_eds_no_instances": lambda at: 1.0,
            "istiod_uptime_seconds": lambda at: max(0.0, at - born),
            "citadel_server_root_cert_expiry_timestamp": lambda at: float(int(expiry)),
            "citadel_server_cert_chain_expiry_timestamp": lambda at: float(int(expiry)),
            "process_resident_memory_bytes": lambda at: 2.1e8 + 1.2e7 * sin(at / 2_900 + phase),
            "process_start_time_seconds": lambda at: born,
            "go_goroutines": lambda at: 900.0 + int(40 * sin(at / 700 + phase)),
            "go_memstats_alloc_bytes": lambda at: 9.4e7 + 2e7 * sin(at / 130 + phase),
        }
        if name in fixed:
            return [({}, fixed[name])]
        if name == "pilot_xds":
            connected = float(round(pods * self._share(workload)))
            return [({"version": version}, lambda at: connected)]
        if name == "pilot_info":
            return [({"version": version}, lambda at: 1.0)]
        if name == "istio_build":
            return [({"component": "pilot", "tag": version}, lambda at: 1.0)]
        if name == "istiod_managed_clusters":
            return [
                ({"cluster_type": "local"}, lambda at: 1.0),
                ({"cluster_type": "remote"}, lambda at: float(len(others))),
            ]
        if name == "istiod_remote_cluster_sync_status":
            return [
                ({"cluster": other, "status": status}, self._sync(other, status))
                for other in others
                for status in ("synced", "syncing", "timeout", "closed")
            ]
        if name in ("istio_agent_cert_expiry_seconds", "envoy_server_days_until_first_cert_expiring"):
            return []
        return [({}, lambda at: 0.0)]

    def _sync(self, other: str, status: str) -> Value:
        def value(at: float) -> float:
            current = "timeout" if other in self._conditions(at).down else "synced"
            return float(status == current)

        return value

    def _conditions(self, at: float) -> Conditions:
        found = Conditions()
        for since, conditions in self._state.timeline:
            if since <= at:
                found = conditions
        return found

    def _counter(self, name: str, workload: Workload) -> list[tuple[dict[str, str], Callable[[Conditions], float]]]:
        share = self._share(workload)
        mine = self._home

        def rejects(conditions: Conditions) -> float:
            return conditions.rejects.get(mine, 0.0) * share

        def steady(rate: float) -> Callable[[Conditions], float]:
            return lambda conditions: rate * share

        if name == "pilot_xds_pushes":
            kinds = {"cds": 0.05, "eds": 0.6, "lds": 0.06, "rds": 0.09, "nds": 0.04}
            found = [({"type": kind}, steady(rate)) for kind, rate in kinds.items()]
            return [*found, ({"type": "cds_senderr"}, rejects)]
        if name == "pilot_total_xds_rejects":
            return [({"type": "cds"}, rejects)]
        rates = {
            "pilot_k8s_cfg_events": 0.04,
            "galley_validation_passed": 0.004,
            "citadel_server_csr_count": 0.03,
            "citadel_server_success_cert_issuance_count": 0.03,
            "process_cpu_seconds_total": 0.11,
        }
        if name == "pilot_xds_write_timeout":
            return [({}, lambda conditions: rejects(conditions) * 0.4)]
        return [({}, steady(rates.get(name, 0.0)))]

    def _stream(
        self, workload: Workload, name: str, rate: Callable[[Conditions], float], median: float = 0.0
    ) -> Stream:
        """A stream of the control plane with an era for each stretch of conditions."""
        key = f"{self._cluster.name}/{workload.name}/{name}"
        stream = self._pushes.get(key)
        if stream is None:
            curve = Curve.seeded(
                Random(f"{self._seed}/{self._cluster.name}/{workload.name}"), ORIGIN, peak_hour=self._cluster.peak_hour
            )
            stream = self._pushes[key] = Stream({}, self._targets[workload.name], curve)
        for at, conditions in self._state.timeline:
            if not stream.eras or at > stream.eras[-1].at:
                usual = USUAL_CONVERGENCE * (1 + naming.unit(self._cluster.name))
                slow = conditions.convergence.get(self._home, usual)
                stream.turn(at, rate(conditions), Profile(slow * median, 0.8))
        return stream

    def _histogram(self, name: str, workload: Workload) -> Iterator[CounterSeries]:
        base = next((h for h in HISTOGRAMS if name.startswith(h)), None)
        if base is None:
            return
        bounds, factor, _ = HISTOGRAMS[base]
        stream = self._stream(workload, base, lambda conditions: 0.6 * self._share(workload), factor)
        target = self._targets[workload.name]
        labels: list[dict[str, str]] = [{}]
        if base == "pilot_xds_push_time":
            labels = [{"type": kind} for kind in ("cds", "eds", "lds", "rds")]
        for extra in labels:
            listed = {**target.labels, **extra, "__name__": name}
            if name.endswith("_count"):
                yield CounterSeries(listed, stream, lambda era: era.rate)
            elif name.endswith("_sum"):
                yield CounterSeries(
                    listed, stream, lambda era: era.rate * mean(era.profile.median_ms, era.profile.spread), whole=False
                )
            elif name.endswith("_bucket"):
                for i, bound in enumerate(bounds):
                    yield CounterSeries(
                        {**listed, "le": "+Inf" if bound == inf else f"{bound:g}"}, stream, _bucket(bounds, i)
                    )

    def _agents(self, name: str) -> Iterator[GaugeSeries]:
        """Certificates of the workloads: renewed at half of their day, each at its own time; none outlives the root."""
        _, root = self._root()
        for workload in self._inventory.workloads:
            if workload.proxy != "sidecar" or workload.kind == "WorkloadGroup":
                continue
            target = self._state.target(workload.key)
            phase = naming.unit(self._seed, *workload.key) * LEAF_SECONDS / 2

            def left(at: float, phase: float = phase) -> float:
                return min(LEAF_SECONDS - (at + phase) % (LEAF_SECONDS / 2), root - at)

            if name == "istio_agent_cert_expiry_seconds":
                yield GaugeSeries(name, {"resource_name": "default"}, target, left)
                yield GaugeSeries(name, {"resource_name": "ROOTCA"}, target, lambda at: root - at)
            elif name == "envoy_server_days_until_first_cert_expiring":
                yield GaugeSeries(name, {}, target, lambda at, left=left: float(left(at) // 86_400))  # type: ignore[misc]
            else:
                version = self._inventory.builder.proxy_version(workload.namespace)
                yield GaugeSeries(name, {"component": "proxy", "tag": version}, target, lambda at: 1.0)


def _bucket(bounds: tuple[float, ...], index: int) -> Callable[[Era], float]:
    return lambda era: era.rate * bucket_shares(bounds, era.profile.median_ms, era.profile.spread)[index]
