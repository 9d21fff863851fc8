"""What stands in the frames of a recording: Snapshots taken apart into tables, sequences and columns.

Objects, label sets and ends of calls stand in tables, each once; a moment names them by their numbers. Of every part
of a cluster there is what changed since the moment before, `True` where nothing did, or `False` where there is none.
A `whole` moment refers to no moment before it.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct, field

from meshtop.model.alerting import Alerts, Slos
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.changes import KubeEvent, ObjectTrace
from meshtop.model.kube import ConfigObject, Identity, Inventory, KindStatus
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.telemetry import CallEnd, Labels
from meshtop.sources.recording.columns import Numbers

_SINGLE = frozenset({"kinds"})
PARTS: dict[str, Any] = {
    name: get_args(kind)[0]
    for name, kind in get_type_hints(Inventory).items()
    if get_origin(kind) is tuple and name not in _SINGLE
}
"""The lists of an Inventory, each with the type of its items and a table of its own."""
CONFIG, CONFIG_MAPS, KINDS, LABELS, SCALARS, CALLS = "config", "config_maps", "kinds", "labels", "scalars", "calls"
ALERTS, SLOS, TRACED, TRACED_EVENTS = "alerts", "slos", "traced", "traced_events"
TABLES: dict[str, Any] = {
    **PARTS,
    CONFIG: ConfigObject,
    CONFIG_MAPS: dict[str, dict[str, str]],
    KINDS: tuple[KindStatus, ...],
    LABELS: Labels,
    SCALARS: tuple[str, dict[str, str]],
    CALLS: tuple[CallEnd, CallEnd, str],
    ALERTS: Alerts,
    SLOS: Slos,
    TRACED: ObjectTrace,
    TRACED_EVENTS: KubeEvent,
}
"""Every table with the type of its items."""
TRAFFIC_FIELDS = (
    "requests",
    "duration_buckets",
    "duration_sum",
    "request_bytes_sum",
    "response_bytes_sum",
    "tcp_sent",
    "tcp_received",
    "tcp_opened",
    "request_messages",
    "response_messages",
)
DAY_FIELDS = ("requests", "connections", "first_seen", "measured")
COUNT_FIELDS = ("requests", "buckets", "connections")
COURSE_FIELDS = ("requests", "errors", "busy_ms")
LINES = ("requests", "errors", "p99_ms")


class SamplesFrame(Struct, frozen=True, array_like=True):
    """Series, by their numbers in a table, and their values."""

    series: list[int] | None
    values: Numbers


class TimesFrame(Struct, frozen=True, array_like=True):
    """Moments: `count` from `first`, `step` seconds apart; or `given` one by one."""

    first: float = 0.0
    step: float = 0.0
    count: int = 0
    given: list[float] | None = None


class DayFrame(Struct, frozen=True, array_like=True):
    """A PlaintextDay; the fields are in the order of `DAY_FIELDS`."""

    at: float
    span_seconds: float
    fields: list[SamplesFrame]


class TelemetryFrame(Struct, frozen=True, array_like=True):
    """A Telemetry; the fields are in the order of `TRAFFIC_FIELDS`."""

    at: float
    window_seconds: float
    identity: str
    complete: bool
    recording_rules: bool
    withheld: bool
    fields: list[SamplesFrame]
    control: SamplesFrame
    day: DayFrame | bool


class CountsFrame(Struct, frozen=True, array_like=True):
    """RouteCounts; the fields are in the order of `COUNT_FIELDS`."""

    labels: list[str]
    since: float
    at: float
    identity: str
    fields: list[SamplesFrame]


class CoursesFrame(Struct, frozen=True, array_like=True):
    """Courses: the series of each call one after another, of which only what is new stands in the column.

    `tail` says of each series (one byte) whether it begins as it went on before: then only its values from `kept` on
    are told, and the others are those of the moment before, from `shift` on.
    """

    times: TimesFrame
    window_seconds: float
    calls: list[int] | None
    shift: int
    kept: int
    tail: bytes
    values: Numbers


class LineFrame(Struct, frozen=True, array_like=True):
    """A Line; what it was at the same times before is its prediction."""

    name: str
    unit: str
    times: TimesFrame
    values: Numbers


class TracesFrame(Struct, frozen=True, array_like=True):
    """The marks of changes, as sequences of those that are known by their value (None: unchanged)."""

    objects: list[int] | None = None
    events: list[int] | None = None


class InventoryFrame(Struct, frozen=True, array_like=True):
    """An Inventory: its changed lists, of its configuration every kind in its order (None: unchanged)."""

    version: str | None
    uid: str | None
    identity: Identity | None
    parts: dict[str, list[int]]
    config: dict[str, list[int] | None]
    config_maps: int
    kinds: int
    traces: TracesFrame | None = None


class ClusterFrame(Struct, frozen=True, array_like=True):
    """A cluster at a moment; `head` is all of it but its parts. Alerts and objectives stand in tables as they are."""

    head: ClusterSnapshot
    inventory: InventoryFrame | bool = False
    telemetry: TelemetryFrame | bool = False
    history: list[LineFrame] | bool = False
    courses: CoursesFrame | bool = False
    canaries: list[CountsFrame] | bool = False
    alerts: int | bool = False
    slos: int | bool = False


class MomentFrame(Struct, frozen=True, kw_only=True):
    """A Snapshot."""

    sequence: int
    at: float
    window_seconds: float
    moment: float | None = None
    settled: bool = True
    hidden: str | None = None
    asked: Asked = EVERYTHING_ASKED
    whole: bool = False
    clusters: list[ClusterFrame] = field(default_factory=list)
