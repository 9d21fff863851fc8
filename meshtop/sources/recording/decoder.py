"""Puts Snapshots together again from the frames of a recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import structs

from meshtop.model.canary import RouteCounts
from meshtop.model.changes import Traces
from meshtop.model.kube import Inventory
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.telemetry import CallCourse, Courses, History, Line, PlaintextDay, Sample, Scalar, Telemetry
from meshtop.sources.recording.columns import (
    MOST_ITEMS,
    MalformedColumn,
    Number,
    numbers_read,
    predicted_by,
    sequence_read,
)
from meshtop.sources.recording.frames import LONGEST_WINDOW_SECONDS, is_moment
from meshtop.sources.recording.shapes import (
    ALERTS,
    CALLS,
    CONFIG,
    CONFIG_MAPS,
    COUNT_FIELDS,
    COURSE_FIELDS,
    DAY_FIELDS,
    KINDS,
    LABELS,
    LINES,
    PARTS,
    SCALARS,
    SLOS,
    TABLES,
    TRACED,
    TRACED_EVENTS,
    TRAFFIC_FIELDS,
    ClusterFrame,
    CountsFrame,
    CoursesFrame,
    DayFrame,
    InventoryFrame,
    LineFrame,
    MomentFrame,
    SamplesFrame,
    TelemetryFrame,
    TimesFrame,
    TracesFrame,
)

MOST_TABLE_BYTES = 1024 * 1024 * 1024
"""All tables of a recording unpacked: fifty clusters have a tenth of it."""
NOT_A_FRAME: tuple[type[Exception], ...] = (
    msgspec.MsgspecError,
    MalformedColumn,
    RecursionError,
    UnicodeDecodeError,
    OverflowError,
)
"""What reading a frame raises that no recorder wrote."""


class ObjectTables:
    """The tables of a recording; what stands in them is understood when it is first named."""

    def __init__(self) -> None:
        self._raw: dict[str, list[Any]] = {}
        self._bytes = 0
        self._decode = msgspec.msgpack.Decoder(dict[str, list[msgspec.Raw]]).decode
        self._decoders = {name: msgspec.msgpack.Decoder(kind).decode for name, kind in TABLES.items()}

    def add(self, body: bytes) -> None:
        """Take a frame of tables. Raises one of `NOT_A_FRAME`."""
        self._bytes += len(body)
        if self._bytes > MOST_TABLE_BYTES:
            raise MalformedColumn("its tables are larger than those of any fleet")
        for name, rows in self._decode(body).items():
            self._raw.setdefault(name, []).extend(rows)

    def get(self, table: str, number: int) -> Any:
        """What stands there. Raises one of `NOT_A_FRAME`."""
        rows = self._raw.get(table, [])
        if not 0 <= number < len(rows):
            raise MalformedColumn("a moment names what is in no table")
        found = rows[number]
        if isinstance(found, msgspec.Raw):
            found = rows[number] = self._decoders[table](found)
        return found


class _Read:
    """What was read of one sequence last."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.values: list[Number] = []
        self.things: tuple[Any, ...] = ()


_Day = PlaintextDay | None


class SnapshotDecoder:
    """Makes Snapshots of the moments of one recording, beginning with a whole one, then in their order."""

    def __init__(self, tables: ObjectTables) -> None:
        self._tables = tables
        self._decode = msgspec.msgpack.Decoder(MomentFrame).decode
        self._read: dict[tuple[str, ...], _Read] = {}
        self._days: dict[str, _Day] = {}
        self._before: dict[str, ClusterSnapshot] = {}
        self._room = 0

    def snapshot(self, body: bytes) -> Snapshot:
        """The Snapshot of a moment's frame. Raises one of `NOT_A_FRAME`."""
        frame = self._decode(body)
        if not is_moment(frame.at) or not is_moment(frame.moment or 0.0):
            raise MalformedColumn("a moment is none of the calendar")
        if not 0 < frame.window_seconds <= LONGEST_WINDOW_SECONDS:
            raise MalformedColumn("a moment has a window of no length")
        if frame.whole:
            self._read, self._days, self._before = {}, {}, {}
        self._room = MOST_ITEMS
        clusters = tuple(map(self._cluster, frame.clusters))
        self._before = {cluster.name: cluster for cluster in clusters}
        for key in [key for key in self._read if key[0] not in self._before]:
            del self._read[key]
        for name in [name for name in self._days if name not in self._before]:
            del self._days[name]
        return Snapshot(
            sequence=frame.sequence,
            at=frame.at,
            window_seconds=frame.window_seconds,
            clusters=clusters,
            moment=frame.moment,
            settled=frame.settled,
            asked=frame.asked,
            hidden=frame.hidden,
        )

    def _cluster(self, frame: ClusterFrame) -> ClusterSnapshot:
        name = frame.head.name
        before = self._before.get(name)

        def part(field: str, told: Any, read: Callable[[Any], Any], none: Any = None) -> Any:
            if told is True:
                if before is None:
                    raise MalformedColumn("a moment refers to one that is not there")
                return getattr(before, field)
            return none if told is False else read(told)

        return structs.replace(
            frame.head,
            inventory=part("inventory", frame.inventory, partial(self._inventory, name)),
            telemetry=part("telemetry", frame.telemetry, partial(self._telemetry, name)),
            history=part(
                "history", frame.history, partial(self._history, before.history if before is not None else None)
            ),
            courses=part("courses", frame.courses, partial(self._courses, name)),
            alerts=part("alerts", frame.alerts, partial(self._tables.get, ALERTS)),
            slos=part("slos", frame.slos, partial(self._tables.get, SLOS)),
            canaries=part("canaries", frame.canaries, partial(self._routes, name), ()),
        )

    def _of(self, *key: str) -> _Read:
        return self._read.setdefault(key, _Read())

    def _objects(self, cluster: str, part: str, table: str, told: Sequence[int] | None) -> tuple[Any, ...]:
        read = self._of(cluster, part)
        if told is not None:
            read.numbers = self._sequence(told, read.numbers)
            read.things = tuple(self._tables.get(table, number) for number in read.numbers)
        return read.things

    def _sequence(self, told: Sequence[int] | None, before: Sequence[int]) -> list[int]:
        found = sequence_read(told, before, self._room)
        # So many in one moment, however often it names the same.
        self._room -= len(found)
        return found

    def _inventory(self, cluster: str, frame: InventoryFrame) -> Inventory:
        parts = {part: self._objects(cluster, part, part, frame.parts.get(part)) for part in PARTS}
        config = {kind: self._objects(cluster, f"{CONFIG}.{kind}", CONFIG, told) for kind, told in frame.config.items()}
        return Inventory(
            version=frame.version,
            uid=frame.uid,
            identity=frame.identity,
            config=config,
            config_maps=self._tables.get(CONFIG_MAPS, frame.config_maps),
            kinds=self._tables.get(KINDS, frame.kinds),
            traces=None if frame.traces is None else self._traces(cluster, frame.traces),
            **parts,
        )

    def _traces(self, cluster: str, frame: TracesFrame) -> Traces:
        return Traces(
            objects=self._objects(cluster, TRACED, TRACED, frame.objects),
            events=self._objects(cluster, TRACED_EVENTS, TRACED_EVENTS, frame.events),
        )

    def _column(self, read: _Read, frame: SamplesFrame) -> tuple[list[int], list[float]]:
        before, known = read.numbers, read.values
        numbers = before if frame.series is None else self._sequence(frame.series, before)
        predicted = known if frame.series is None else predicted_by(numbers, dict(zip(before, known, strict=True)))
        values = numbers_read(frame.values, len(numbers), predicted)
        read.numbers, read.values = numbers, values
        told = [value for value in values if value is not None]
        if len(told) != len(values):
            raise MalformedColumn("a series has no value")
        return numbers, told

    def _samples(self, frame: SamplesFrame, *key: str) -> tuple[Sample, ...]:
        numbers, values = self._column(self._of(*key), frame)
        get = self._tables.get
        return tuple([Sample(get(LABELS, number), value) for number, value in zip(numbers, values, strict=True)])

    def _fields(
        self, cluster: str, prefix: str, names: Sequence[str], frames: Sequence[SamplesFrame]
    ) -> dict[str, tuple[Sample, ...]]:
        if len(frames) != len(names):
            raise MalformedColumn("a moment has other queries than there are")
        return {
            name: self._samples(frame, cluster, f"{prefix}{name}") for name, frame in zip(names, frames, strict=True)
        }

    def _telemetry(self, cluster: str, frame: TelemetryFrame) -> Telemetry:
        fields = self._fields(cluster, "", TRAFFIC_FIELDS, frame.fields)
        numbers, values = self._column(self._of(cluster, SCALARS), frame.control)
        control = []
        for number, value in zip(numbers, values, strict=True):
            metric, labels = self._tables.get(SCALARS, number)
            control.append(Scalar(metric, labels, value))
        return Telemetry(
            at=frame.at,
            window_seconds=frame.window_seconds,
            identity=frame.identity,
            complete=frame.complete,
            recording_rules=frame.recording_rules,
            withheld=frame.withheld,
            control=tuple(control),
            plaintext_day=self._day(cluster, frame.day),
            **fields,
        )

    def _day(self, cluster: str, frame: DayFrame | bool) -> _Day:
        if frame is False:
            return None
        if isinstance(frame, DayFrame):
            fields = self._fields(cluster, "day.", DAY_FIELDS, frame.fields)
            self._days[cluster] = PlaintextDay(at=frame.at, span_seconds=frame.span_seconds, **fields)
        elif cluster not in self._days:
            raise MalformedColumn("a moment refers to one that is not there")
        return self._days[cluster]

    def _routes(self, cluster: str, frames: Sequence[CountsFrame] | bool) -> tuple[RouteCounts, ...]:
        assert not isinstance(frames, bool)
        return tuple(
            RouteCounts(
                labels=tuple(frame.labels),
                since=frame.since,
                at=frame.at,
                identity=frame.identity,
                **self._fields(cluster, f"counts.{position}.", COUNT_FIELDS, frame.fields),
            )
            for position, frame in enumerate(frames)
        )

    def _history(self, last: History | None, frames: Sequence[LineFrame]) -> History:
        if len(frames) != len(LINES):
            raise MalformedColumn("a moment has other lines than there are")
        lines = {
            name: self._line(frame, getattr(last, name) if last is not None else None)
            for name, frame in zip(LINES, frames, strict=True)
        }
        return History(**lines)

    def _line(self, frame: LineFrame, last: Line | None) -> Line:
        times = self._times(frame.times)
        known = dict(zip(last.times, last.values, strict=False)) if last is not None else {}
        values = numbers_read(frame.values, len(times), [known.get(at) for at in times])
        return Line(name=frame.name, unit=frame.unit, times=times, values=tuple(values))

    def _times(self, frame: TimesFrame) -> tuple[float, ...]:
        count = len(frame.given) if frame.given is not None else frame.count
        if not 0 <= count <= self._room:
            raise MalformedColumn("a grid of times is longer than any")
        self._room -= count
        if frame.given is not None:
            return tuple(frame.given)
        return tuple(frame.first + i * frame.step for i in range(count))

    def _courses(self, cluster: str, frame: CoursesFrame) -> Courses:
        read = self._of(cluster, "courses")
        before, earlier_calls = read.numbers, read.things
        numbers = self._sequence(frame.calls, before)
        earlier: dict[int, CallCourse] = dict(zip(before, earlier_calls, strict=True))
        times = self._times(frame.times)
        series = len(numbers) * len(COURSE_FIELDS)
        if len(frame.tail) != series or not 0 <= frame.kept <= len(times) or frame.shift < 0:
            raise MalformedColumn("the course of calls is not whole")
        count = sum(len(times) - (frame.kept if goes_on else 0) for goes_on in frame.tail)
        if count > MOST_ITEMS:
            raise MalformedColumn("the course of calls is longer than any")
        column = numbers_read(frame.values, count, None)
        position, calls = 0, []
        tail = iter(frame.tail)
        for number in numbers:
            source, destination, service = self._tables.get(CALLS, number)
            fields: dict[str, tuple[Number, ...]] = {}
            for one in COURSE_FIELDS:
                begin: tuple[Number, ...] = ()
                if next(tail):
                    if number not in earlier:
                        raise MalformedColumn("the course of calls refers to one that is not there")
                    begin = getattr(earlier[number], one)[frame.shift : frame.shift + frame.kept]
                    if len(begin) != frame.kept:
                        raise MalformedColumn("the course of calls refers to one that is shorter")
                end = position + len(times) - len(begin)
                fields[one] = (*begin, *column[position:end])
                position = end
            calls.append(CallCourse(source=source, destination=destination, service=service, **fields))
        read.numbers, read.things = numbers, tuple(calls)
        return Courses(times=times, window_seconds=frame.window_seconds, calls=read.things)
