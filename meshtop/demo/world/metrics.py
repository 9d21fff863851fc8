"""A cluster's Prometheus as a source of series: streams as Istio's metric families, and the control plane's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from meshtop.demo.world.control import ControlPlane
from meshtop.demo.world.mesh import MeshState
from meshtop.demo.world.naming import timestamp
from meshtop.demo.world.stream import BYTES_SPREAD, LE, CounterSeries, Era, Points, Stream, Target, mean, shares

SCRAPE_SECONDS = 15
KEPT = 2_000
"""Series are kept between queries while a cluster has no more streams: a big world would not fit in memory."""
COUNTER, HISTOGRAM, GAUGE = "counter", "histogram", "gauge"


class WorldSeries(Protocol):
    """A time series as the query engine reads it."""

    @property
    def labels(self) -> Mapping[str, str]:
        """All labels, the metric's name among them."""

    def samples(self, start_ms: int, end_ms: int) -> Points:
        """Timestamps (ms) and values between two moments, both included."""


def _rate(era: Era) -> float:
    return era.rate


def _sent(era: Era) -> float:
    return era.rate * era.profile.request_bytes


def _received(era: Era) -> float:
    return era.rate * era.profile.response_bytes


def _times(era: Era) -> tuple[float, float]:
    return era.profile.median_ms, era.profile.spread


def _asked(era: Era) -> tuple[float, float]:
    return era.profile.request_bytes, BYTES_SPREAD


def _answered(era: Era) -> tuple[float, float]:
    return era.profile.response_bytes, BYTES_SPREAD


def _bucket(shape: Callable[[Era], tuple[float, float]], index: int) -> Callable[[Era], float]:
    return lambda era: era.rate * shares(*shape(era))[index]


def _mean(shape: Callable[[Era], tuple[float, float]]) -> Callable[[Era], float]:
    return lambda era: era.rate * mean(*shape(era))


_BUCKETS = {
    name: [(le, _bucket(shape, i)) for i, le in enumerate(LE)]
    for name, shape in (
        ("istio_request_duration_milliseconds", _times),
        ("istio_request_bytes", _asked),
        ("istio_response_bytes", _answered),
    )
}

# In Istio's naming the client's sent bytes are "received" (istio#32399), on both reporters.
_COUNTERS: dict[str, tuple[str, Callable[[Era], float], bool]] = {
    "istio_requests_total": ("http", _rate, True),
    "istio_request_duration_milliseconds_sum": ("http", _mean(_times), False),
    "istio_request_duration_milliseconds_count": ("http", _rate, True),
    "istio_request_bytes_sum": ("http", _mean(_asked), True),
    "istio_request_bytes_count": ("http", _rate, True),
    "istio_response_bytes_sum": ("http", _mean(_answered), True),
    "istio_response_bytes_count": ("http", _rate, True),
    "istio_request_messages_total": ("messages", _rate, True),
    "istio_response_messages_total": ("messages", _rate, True),
    "istio_tcp_connections_opened_total": ("tcp", _rate, True),
    "istio_tcp_connections_closed_total": ("tcp", _rate, True),
    "istio_tcp_received_bytes_total": ("tcp", _sent, True),
    "istio_tcp_sent_bytes_total": ("tcp", _received, True),
}

_HELP = {
    "istio_requests_total": (COUNTER, "Total requests", ""),
    "istio_request_duration_milliseconds": (HISTOGRAM, "Duration of requests", ""),
    "istio_request_bytes": (HISTOGRAM, "Sizes of request bodies", ""),
    "istio_response_bytes": (HISTOGRAM, "Sizes of response bodies", ""),
    "istio_request_messages_total": (COUNTER, "gRPC messages from clients", ""),
    "istio_response_messages_total": (COUNTER, "gRPC messages from servers", ""),
    "istio_tcp_connections_opened_total": (COUNTER, "The total number of TCP connections opened", ""),
    "istio_tcp_connections_closed_total": (COUNTER, "The total number of TCP connections closed", ""),
    "istio_tcp_received_bytes_total": (
        COUNTER,
        "The size of total bytes received during request in case of a TCP connection",
        "",
    ),
    "istio_tcp_sent_bytes_total": (
        COUNTER,
        "The size of total bytes sent during response in case of a TCP connection",
        "",
    ),
    "up": (GAUGE, "Whether the last scrape went well", ""),
}


class _Pulse:
    """A series of a target's own: `up`, `scrape_samples_scraped`."""

    __slots__ = ("_target", "_value", "labels")

    def __init__(self, name: str, target: Target, value: float) -> None:
        self.labels = {**target.labels, "__name__": name}
        self._target = target
        self._value = value

    def samples(self, start_ms: int, end_ms: int) -> Points:
        stamps = self._target.stamps(start_ms, end_ms)
        return stamps, [self._value] * len(stamps)


class Metrics:
    """The series of one cluster's Prometheus, built family by family on first use."""

    def __init__(self, state: MeshState, cluster: str, control: ControlPlane) -> None:
        self._state = state
        self._cluster = cluster
        self._control = control
        self._built: dict[str, tuple[int, int, list[WorldSeries]]] = {}

    @property
    def keeps_series(self) -> bool:
        """Whether series are the same objects from query to query."""
        return len(self._state.streams[self._cluster]) <= KEPT

    def select(self, name: str | None, among: Callable[[str], bool] | None = None) -> Iterable[WorldSeries]:
        """All series of a metric, or of all metrics accepted by `among`."""
        self._state.advance()
        if name is None:
            names = (family for family in self._names() if among is None or among(family))
            return (series for family in names for series in self._family(family))
        return self._family(name)

    def metadata(self) -> Mapping[str, tuple[str, str, str]]:
        """Type, help and unit of every family."""
        return {**_HELP, **self._control.metadata()}

    def targets(self) -> Sequence[dict[str, Any]]:
        """The scrape targets, in the form of /api/v1/targets."""
        self._state.advance()
        return [self._described(target) for target in self._all_targets() if target.up]

    def _all_targets(self) -> list[Target]:
        return [*self._state.targets(self._cluster), *self._control.targets()]

    def _described(self, target: Target) -> dict[str, Any]:
        url = f"http://{target.labels['instance']}/stats/prometheus"
        stamps = target.stamps(*self._control.last_interval())
        return {
            "discoveredLabels": {
                "__address__": target.labels["instance"],
                "__metrics_path__": "/stats/prometheus",
                "job": target.job,
            },
            "labels": dict(target.labels),
            "scrapePool": target.job,
            "scrapeUrl": url,
            "globalUrl": url,
            "lastError": "",
            "lastScrape": timestamp(stamps[-1] / 1000) if stamps else "0001-01-01T00:00:00Z",
            "lastScrapeDuration": 0.004,
            "health": "up",
            "scrapeInterval": f"{SCRAPE_SECONDS}s",
            "scrapeTimeout": "10s",
        }

    def _names(self) -> Iterator[str]:
        yield from _COUNTERS
        yield from (f"{name}_bucket" for name in _BUCKETS)
        yield from ("up", "scrape_samples_scraped")
        yield from self._control.names()

    def _family(self, name: str) -> Iterable[WorldSeries]:
        streams = self._state.streams[self._cluster]
        size = len(streams) + len(self._all_targets()) + self._control.size()
        known = self._built.get(name)
        if known is not None and known[0] == size:
            return known[2]
        if known is not None and (name in _COUNTERS or name.removesuffix("_bucket") in _BUCKETS):
            # Streams are only ever added: the series of those before stay the objects that they are.
            made = [*known[2], *self._make(name, streams[known[1] :])]
        else:
            made = list(self._make(name, streams))
        if len(streams) <= KEPT:
            self._built[name] = (size, len(streams), made)
        else:
            self._built.pop(name, None)
        return made

    def _make(self, name: str, streams: list[tuple[str, Stream]]) -> Iterator[WorldSeries]:
        if name in _COUNTERS:
            family, weight, whole = _COUNTERS[name]
            for kind, stream in streams:
                if kind == family:
                    yield CounterSeries(
                        {**stream.target.labels, **stream.labels, "__name__": name}, stream, weight, whole
                    )
        elif name.removesuffix("_bucket") in _BUCKETS:
            for kind, stream in streams:
                if kind == "http":
                    labels = {**stream.target.labels, **stream.labels, "__name__": name}
                    for le, weight in _BUCKETS[name.removesuffix("_bucket")]:
                        yield CounterSeries({**labels, "le": le}, stream, weight)
        elif name == "up":
            yield from (_Pulse(name, target, 1.0) for target in self._all_targets())
        elif name == "scrape_samples_scraped":
            counts = {id(target): 0 for target in self._all_targets()}
            for kind, stream in streams:
                if stream.target is not None:
                    counts[id(stream.target)] += {"http": 67, "messages": 2, "tcp": 4}[kind]
            yield from (_Pulse(name, target, float(counts[id(target)] + 40)) for target in self._all_targets())
        else:
            yield from self._control.family(name)
