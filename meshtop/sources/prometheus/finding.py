"""Finds the Prometheus of a cluster among its Services."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from meshtop.model.constants import ISTIO_NAMESPACE
from meshtop.model.kube import Service, ServicePort
from meshtop.sources.prometheus.answers import QueryFailed, decode_scalars
from meshtop.sources.prometheus.engine import Engine, EngineAddress, EngineWire, Meter, proxy_path
from meshtop.sources.prometheus.promql import ALWAYS_THERE, one_of, selector

NAMESPACES = (
    ISTIO_NAMESPACE,
    "monitoring",
    "observability",
    "openshift-monitoring",
    "openshift-user-workload-monitoring",
    "prometheus",
    "kube-prometheus-stack",
    "thanos",
    "mimir",
    "cortex",
    "victoria-metrics",
    "victoriametrics",
    "metrics",
    "kube-system",
)
MOST_PROBED = 8
GRACE_SECONDS = 0.5
"""Seconds to wait for a likelier candidate once another has answered."""

_NOT_IT = re.compile(
    r"alertmanager|exporter|kube-state|pushgateway|adapter|operator|blackbox|grafana|webhook|sidecar|ruler|compact"
    r"|store-?gateway|ingester|distributor|receive|vminsert|vmagent|vmalert|bucket|memberlist|kubelet|coredns"
    r"|kube-(?:scheduler|controller|etcd|proxy|dns)"
)


class _Kind(Struct, frozen=True):
    """A kind of engine: how its Services are named, its ports by likelihood, and the prefix of its API."""

    name: str
    pattern: re.Pattern[str]
    ports: tuple[int, ...]
    prefix: str = ""


_KINDS = (
    _Kind("Prometheus", re.compile(r"prometheus|prom-server"), (9090, 80, 9091, 443)),
    _Kind("Thanos", re.compile(r"thanos-?(?:query|querier)"), (9090, 10902, 9091, 80)),
    _Kind("Mimir", re.compile(r"mimir.*(?:nginx|gateway|query-frontend|querier)|^mimir$"), (80, 8080), "/prometheus"),
    _Kind(
        "Cortex", re.compile(r"cortex.*(?:nginx|gateway|query-frontend|querier)|^cortex$"), (80, 8080), "/prometheus"
    ),
    _Kind("VictoriaMetrics", re.compile(r"vmselect"), (8481,), "/select/0/prometheus"),
    _Kind("VictoriaMetrics", re.compile(r"vmsingle|victoria-?metrics"), (8428, 8429, 80)),
)


class Candidate(Struct, frozen=True, order=True):
    """A Service that may be the engine; the smaller, the likelier."""

    rank: tuple[int, ...]
    namespace: str
    service: str
    port: str
    scheme: str
    prefix: str
    kind: str

    @property
    def address(self) -> EngineAddress:
        """Where it is behind the API server."""
        path = proxy_path(self.namespace, self.service, self.port, scheme=self.scheme, prefix=self.prefix)
        return EngineAddress(path, proxied=True, label=f"{self.kind} {self.namespace}/{self.service}:{self.port}")


def engine_candidates(services: Sequence[Service]) -> list[Candidate]:
    """Services that may be the engine, the likeliest first."""
    found = (candidate for service in services if (candidate := _candidate(service)) is not None)
    return sorted(found)


def _candidate(service: Service) -> Candidate | None:
    meta = service.meta
    labels = meta.labels
    name = meta.name.lower()
    told = labels.get("app.kubernetes.io/name") or labels.get("app") or labels.get("k8s-app") or ""
    if _NOT_IT.search(name) or service.external_name or not service.ports:
        return None
    for order, kind in enumerate(_KINDS):
        by_name, by_label = kind.pattern.search(name), kind.pattern.search(told.lower())
        if not (by_name or by_label) or (kind.name == "Prometheus" and "thanos" in name):
            continue
        port = _port(service.ports, kind.ports)
        if port is None or _NOT_IT.search(labels.get("app.kubernetes.io/component", "")):
            continue
        namespace = NAMESPACES.index(meta.namespace) if meta.namespace in NAMESPACES else len(NAMESPACES)
        rank = (
            namespace,
            0 if by_name else 1,
            0 if service.cluster_ip != "None" else 1,
            order,
            kind.ports.index(port.port) if port.port in kind.ports else len(kind.ports),
        )
        secure = port.name.startswith("https") or port.port in (443, 8443)
        secure = secure or (meta.namespace.startswith("openshift-") and port.port == 9091)
        return Candidate(
            rank, meta.namespace, meta.name, str(port.port), "https" if secure else "", kind.prefix, kind.name
        )
    return None


def _port(ports: Sequence[ServicePort], likely: Sequence[int]) -> ServicePort | None:
    for number in likely:
        for port in ports:
            if port.port == number:
                return port
    named = [port for port in ports if port.name.lower() in ("web", "http", "http-web", "https", "https-web")]
    return named[0] if named else None


class Found(Struct, frozen=True):
    """The chosen engine (None when none answered), and the result of each candidate."""

    engine: Engine | None
    tried: tuple[str, ...]
    problem: QueryFailed | None = None


PROBE = f"count({selector('', (one_of('__name__', ALWAYS_THERE),))})"


async def find_engine(
    services: Sequence[Service],
    wire: EngineWire,
    *,
    timeout: float,
    read_only: bool,
    headers: Mapping[str, str] | None = None,
    meter: Meter | None = None,
    avoid: str | None = None,
) -> Found:
    """Query the likeliest candidates concurrently for Istio's metrics.

    The likeliest one with metrics is chosen, else the likeliest that answers at all. `avoid` is the path of an engine
    that has just failed: it is tried last.
    """
    line = engine_candidates(services)
    line.sort(key=lambda candidate: candidate.address.path == avoid)
    engines = [
        Engine(wire, candidate.address, timeout=timeout, read_only=read_only, headers=headers, meter=meter)
        for candidate in line[:MOST_PROBED]
    ]
    if not engines:
        return Found(None, ())
    tasks = [asyncio.create_task(_probe(engine)) for engine in engines]
    try:
        await _until_clear(tasks)
        answers = [task.result() if task.done() else None for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    tried = tuple(
        _tried(engine.address.label, _outcome(answer)) for engine, answer in zip(engines, answers, strict=True)
    )
    for wanted in (1, 0):
        for engine, answer in zip(engines, answers, strict=True):
            if isinstance(answer, int) and answer >= wanted:
                return Found(engine, tried)
    return Found(None, tried, next((a for a in answers if isinstance(a, QueryFailed)), None))


def _tried(label: str, said: str) -> str:
    """The result of a candidate in words."""
    return said if label in said else f"{label}: {said}"


async def _probe(engine: Engine) -> int | QueryFailed:
    """1 for an engine with Istio's metrics, 0 for one without, or why it does not answer."""
    try:
        vector = await decode_scalars(await engine.query(PROBE), "")
    except QueryFailed as problem:
        return problem.kept()
    return 1 if vector.items else 0


async def _until_clear(tasks: Sequence[asyncio.Task[int | QueryFailed]]) -> None:
    """Wait until the best answer is known: a likelier candidate gets some extra time, but no more."""
    pending = set(tasks)
    while pending:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        best = next((i for i, task in enumerate(tasks) if task.done() and task.result() == 1), None)
        if best is not None:
            better = [task for task in tasks[:best] if not task.done()]
            if better:
                await asyncio.wait(better, timeout=GRACE_SECONDS)
            return


def _outcome(answer: int | QueryFailed | None) -> str:
    if answer is None:
        return "no answer yet"
    if isinstance(answer, QueryFailed):
        return answer.message
    return "has Istio's metrics" if answer else "answers, without Istio's metrics"
