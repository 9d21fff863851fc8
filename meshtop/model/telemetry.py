"""Answers of one cluster's Prometheus: samples summed by the server, with Istio's own labels."""

from __future__ import annotations

from msgspec import Struct, field


class Labels(Struct, frozen=True, gc=False):
    """The labels of Istio's standard metrics that meshtop groups by; an absent label is "".

    Decoded directly from a query's answer: field names are the label names (reference: Istio standard
    metrics). `le` is set on histogram buckets only.
    """

    reporter: str = ""
    source_cluster: str = ""
    source_workload_namespace: str = ""
    source_workload: str = ""
    source_canonical_service: str = ""
    source_app: str = ""
    source_version: str = ""
    source_canonical_revision: str = ""
    destination_cluster: str = ""
    destination_workload_namespace: str = ""
    destination_workload: str = ""
    destination_canonical_service: str = ""
    destination_app: str = ""
    destination_version: str = ""
    destination_canonical_revision: str = ""
    destination_service: str = ""
    destination_service_name: str = ""
    destination_service_namespace: str = ""
    request_protocol: str = ""
    response_code: str = ""
    grpc_response_status: str = ""
    response_flags: str = ""
    connection_security_policy: str = ""
    le: str = ""


class Sample(Struct, frozen=True, gc=False):
    """One summed series and its value; never NaN (those are dropped and counted in the notes)."""

    labels: Labels
    value: float


class Scalar(Struct, frozen=True):
    """One sample of a control-plane or certificate metric, with whatever labels it carries."""

    metric: str
    labels: dict[str, str]
    value: float


class PlaintextDay(Struct, frozen=True, kw_only=True):
    """Plaintext of the 24 hours before `at`, by caller and server, as the servers' proxies reported it; queried rarely.

    `requests` and `connections` count how many there were in `span_seconds`. `first_seen` holds Unix seconds: when a
    series of plaintext was first there within the span. `measured` names the destinations that reported at its
    beginning: of others, a day without plaintext says nothing.
    """

    at: float
    span_seconds: float = 86_400.0
    requests: tuple[Sample, ...] = ()
    connections: tuple[Sample, ...] = ()
    first_seen: tuple[Sample, ...] = ()
    measured: tuple[Sample, ...] = ()


CallEnd = tuple[str, str, str]
"""One end of a call as labels name it: cluster id, namespace, workload."""


class CallCourse(Struct, frozen=True, kw_only=True):
    """How the calls from one end to another went over time, each figure per second; None where nothing is known.

    `busy_ms` is the time that the requests took together: divided by `requests` it is their mean latency.
    """

    source: CallEnd
    destination: CallEnd
    service: str = ""
    requests: tuple[float | None, ...] = ()
    errors: tuple[float | None, ...] = ()
    busy_ms: tuple[float | None, ...] = ()


class Courses(Struct, frozen=True, kw_only=True):
    """The last half hour of one cluster's calls at `times` (Unix seconds, a multiple of the step apart).

    Each value is a rate over `window_seconds`, much shorter than that of `Telemetry`: it says when something began.
    """

    times: tuple[float, ...] = ()
    window_seconds: float = 60.0
    calls: tuple[CallCourse, ...] = ()


class Telemetry(Struct, frozen=True, kw_only=True):
    """One cluster's answers of one refresh; every rate is per second over `window_seconds`, ending at `at`.

    TCP byte counters keep Prometheus' names here; the analysis swaps their direction (istio#32399).
    `identity` tells one Prometheus from another (its URL without credentials), so that two clusters
    that share one are recognised. `complete` is False when a query, or a part of a narrowed one, failed or was
    answered only in part. `withheld` is True where the access policy leaves out all of its calls: that none are left
    then says nothing of the cluster.
    """

    at: float
    window_seconds: float
    identity: str = ""
    requests: tuple[Sample, ...] = ()
    duration_buckets: tuple[Sample, ...] = ()
    duration_sum: tuple[Sample, ...] = ()
    request_bytes_sum: tuple[Sample, ...] = ()
    response_bytes_sum: tuple[Sample, ...] = ()
    tcp_sent: tuple[Sample, ...] = ()
    tcp_received: tuple[Sample, ...] = ()
    tcp_opened: tuple[Sample, ...] = ()
    request_messages: tuple[Sample, ...] = ()
    response_messages: tuple[Sample, ...] = ()
    control: tuple[Scalar, ...] = ()
    complete: bool = True
    recording_rules: bool = False
    withheld: bool = False
    plaintext_day: PlaintextDay | None = None
    """None when it was not queried; it may be older than the rest."""

    @property
    def calls(self) -> tuple[tuple[Sample, ...], ...]:
        """The samples by which any call is known, one group for each metric: requests, connections and bytes."""
        return (self.requests, self.tcp_opened, self.tcp_sent, self.tcp_received)

    @property
    def silent(self) -> bool:
        """Whether there is no series of any call in the window, not even one at rest.

        Proxies that were ever called keep reporting their counters, so this is no data rather than no traffic.
        """
        return not self.withheld and not any(self.calls)


class Line(Struct, frozen=True, kw_only=True):
    """A series over time for charts: Unix seconds and values; a gap is None, never 0."""

    name: str
    unit: str = ""
    times: tuple[float, ...] = ()
    values: tuple[float | None, ...] = ()


class History(Struct, frozen=True, kw_only=True):
    """A cluster's golden signals over the last hour, for sparklines; may be added across clusters.

    `requests` and `errors` are per second and addable; `p99_ms` is not addable and only shown per cluster.
    """

    requests: Line = field(default_factory=lambda: Line(name="requests", unit="/s"))
    errors: Line = field(default_factory=lambda: Line(name="errors", unit="/s"))
    p99_ms: Line = field(default_factory=lambda: Line(name="p99", unit="ms"))
