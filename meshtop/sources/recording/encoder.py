"""Takes Snapshots apart: what is new goes into tables, what changed into a moment."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import is_
from typing import Any

import msgspec
from msgspec import Struct, structs

from meshtop.model.canary import RouteCounts
from meshtop.model.changes import Traces
from meshtop.model.kube import Inventory
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.telemetry import Courses, History, Labels, Line, PlaintextDay, Sample, Scalar, Telemetry
from meshtop.sources.recording.columns import Number, numbers_written, predicted_by, sequence_written
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

Cleaned = Callable[[Any], Any]
"""What is written instead of something: without secrets, and with other names where that is wanted."""


class _Told:
    """What was written of one sequence last: its things, their numbers in the table, and their values."""

    def __init__(self) -> None:
        self.source: object = None
        self.things: Sequence[object] = ()
        self.numbers: list[int] = []
        self.values: list[Number] = []
        self.since = 0
        """The run of moments in which it was written: what was written before a whole moment is not referred to."""


class SnapshotEncoder:
    """Makes frames of the Snapshots of one recording, in their order.

    `clean` is applied to everything that is written. Objects are known again by their identity: sources keep what did
    not change.
    """

    def __init__(self, clean: Cleaned) -> None:
        self._clean = clean
        self._encode = msgspec.msgpack.Encoder().encode
        self._counts: dict[str, int] = {}
        self._new: dict[str, list[msgspec.Raw]] = {}
        self._by_value: dict[tuple[str, Hashable], int] = {}
        self._told: dict[tuple[str, ...], _Told] = {}
        self._before: dict[str, ClusterSnapshot] = {}
        self._latest: dict[str, ClusterSnapshot] = {}
        self._run = 0
        self._failed = False

    def frames(self, snapshot: Snapshot, *, whole: bool) -> tuple[bytes | None, bytes]:
        """The bodies of the frames of a Snapshot: what is new in the tables (None if nothing is), and its moment.

        Call `written` once they are in the file; without that, the next moment is a whole one.
        """
        if whole or self._failed or not self._before:
            self._run += 1
            self._before = {}
        self._failed = True
        moment = MomentFrame(
            sequence=snapshot.sequence,
            at=snapshot.at,
            window_seconds=snapshot.window_seconds,
            moment=snapshot.moment,
            settled=snapshot.settled,
            hidden=self._clean(snapshot.hidden),
            asked=snapshot.asked,
            whole=not self._before,
            clusters=[self._cluster(cluster) for cluster in snapshot.clusters],
        )
        self._latest = {cluster.name: cluster for cluster in snapshot.clusters}
        return (self._encode(self._new) if self._new else None), self._encode(moment)

    def written(self) -> None:
        """Note that the last frames are in the file, so that others may refer to them."""
        self._failed = False
        self._new = {}
        self._before = self._latest
        gone = {key for key in self._told if key[0] not in self._before}
        for key in gone:
            del self._told[key]

    def _cluster(self, cluster: ClusterSnapshot) -> ClusterFrame:
        before = self._before.get(cluster.name)

        def part(name: str, make: Callable[[Any], Any]) -> Any:
            now = getattr(cluster, name)
            if not now and not isinstance(now, Struct):
                return False
            if before is not None and getattr(before, name) is now:
                return True
            return make(now)

        parts = dict.fromkeys(("inventory", "telemetry", "history", "courses", "alerts", "slos"))
        head = structs.replace(cluster, canaries=(), **parts)
        name = cluster.name
        return ClusterFrame(
            head=self._clean(head),
            inventory=part("inventory", lambda one: self._inventory(name, one)),
            telemetry=part("telemetry", lambda one: self._telemetry(name, one)),
            history=part("history", lambda one: self._history(name, one)),
            courses=part("courses", lambda one: self._courses(name, one)),
            alerts=part("alerts", lambda one: self._single(name, ALERTS, one)),
            slos=part("slos", lambda one: self._single(name, SLOS, one)),
            canaries=part("canaries", lambda one: [self._route(name, i, each) for i, each in enumerate(one)]),
        )

    def _of(self, *key: str) -> _Told:
        return self._told.setdefault(key, _Told())

    def _known(self, told: _Told) -> bool:
        """Whether a reader that began with the last whole moment knows what was written of it."""
        return told.since == self._run

    def _add(self, table: str, thing: object) -> int:
        cleaned = self._clean(thing)
        try:
            body = self._encode(cleaned)
        except (OverflowError, UnicodeEncodeError):
            # Numbers and letters that a server may send and MessagePack has no form for.
            body = self._encode(_encodable(msgspec.to_builtins(cleaned, builtin_types=(bytes,))))
        number = self._counts.get(table, 0)
        self._counts[table] = number + 1
        self._new.setdefault(table, []).append(msgspec.Raw(body))
        return number

    def _number_of(self, table: str, key: Hashable, thing: object) -> int:
        """The number of something that is known again by its value."""
        number = self._by_value.get((table, key))
        if number is None:
            number = self._by_value[table, key] = self._add(table, thing)
        return number

    def _sequence(self, told: _Told, things: Sequence[object], number_of: Callable[[Any], int]) -> list[int] | None:
        """The sequence of some things as it is told, None where it is the one before."""
        refers = self._known(told)
        if refers and len(things) == len(told.things) and all(map(is_, things, told.things)):
            return None
        known = dict(zip(map(id, told.things), told.numbers, strict=True))
        numbers = [known[id(one)] if id(one) in known else number_of(one) for one in things]
        ops = sequence_written(numbers, told.numbers if refers else [])
        told.things, told.numbers, told.since = things, numbers, self._run
        return [] if ops is None and not refers else ops

    def _inventory(self, cluster: str, inventory: Inventory) -> InventoryFrame:
        parts = {}
        for part in PARTS:
            ops = self._objects(cluster, part, part, getattr(inventory, part))
            if ops is not None:
                parts[part] = ops
        return InventoryFrame(
            version=inventory.version,
            uid=self._clean(inventory.uid),
            identity=self._clean(inventory.identity),
            parts=parts,
            config={
                kind: self._objects(cluster, f"{CONFIG}.{kind}", CONFIG, objects)
                for kind, objects in inventory.config.items()
            },
            config_maps=self._single(cluster, CONFIG_MAPS, inventory.config_maps),
            kinds=self._single(cluster, KINDS, inventory.kinds),
            traces=None if inventory.traces is None else self._traces(cluster, inventory.traces),
        )

    def _objects(self, cluster: str, part: str, table: str, objects: Sequence[object]) -> list[int] | None:
        told = self._of(cluster, part)
        return (
            None
            if told.things is objects and self._known(told)
            else self._sequence(told, objects, lambda one: self._add(table, one))
        )

    def _traces(self, cluster: str, traces: Traces) -> TracesFrame:
        return TracesFrame(
            objects=self._of_values(cluster, TRACED, traces.objects),
            events=self._of_values(cluster, TRACED_EVENTS, traces.events),
        )

    def _of_values(self, cluster: str, table: str, things: Sequence[Hashable]) -> list[int] | None:
        """The sequence of things that are read anew each time, though few of them changed."""
        told = self._of(cluster, table)
        if told.things is things and self._known(told):
            return None
        return self._sequence(told, things, lambda one: self._number_of(table, one, one))

    def _single(self, cluster: str, table: str, thing: object) -> int:
        told = self._of(cluster, table)
        if not told.numbers or told.source != thing:
            told.numbers = [self._add(table, thing)]
        told.source = thing
        return told.numbers[0]

    def _samples(self, told: _Told, samples: Sequence[Sample]) -> SamplesFrame:
        labels = [sample.labels for sample in samples]
        values: list[Number] = [sample.value for sample in samples]
        return self._column(told, labels, values, self._labels)

    def _labels(self, labels: Labels) -> int:
        return self._number_of(LABELS, labels, labels)

    def _column(
        self, told: _Told, things: Sequence[object], values: list[Number], number_of: Callable[[Any], int]
    ) -> SamplesFrame:
        before, known, refers = told.numbers, told.values, self._known(told)
        ops = self._sequence(told, things, number_of)
        predicted: list[Number] | None
        if not refers:
            predicted = None
        elif ops is None:
            predicted = known
        else:
            predicted = predicted_by(told.numbers, dict(zip(before, known, strict=True)))
        told.values = values
        return SamplesFrame(ops, numbers_written(values, predicted))

    def _telemetry(self, cluster: str, telemetry: Telemetry) -> TelemetryFrame:
        return TelemetryFrame(
            at=telemetry.at,
            window_seconds=telemetry.window_seconds,
            identity=self._clean(telemetry.identity),
            complete=telemetry.complete,
            recording_rules=telemetry.recording_rules,
            withheld=telemetry.withheld,
            fields=[self._samples(self._of(cluster, one), getattr(telemetry, one)) for one in TRAFFIC_FIELDS],
            control=self._scalars(cluster, telemetry.control),
            day=self._day(cluster, telemetry.plaintext_day),
        )

    def _scalars(self, cluster: str, scalars: Iterable[Scalar]) -> SamplesFrame:
        told = self._of(cluster, SCALARS)
        keys = [(scalar.metric, tuple(scalar.labels.items())) for scalar in scalars]
        values: list[Number] = [scalar.value for scalar in scalars]
        if told.things and list(told.things) == keys:
            keys = list(told.things)  # type: ignore[arg-type]
        return self._column(told, keys, values, lambda key: self._number_of(SCALARS, key, (key[0], dict(key[1]))))

    def _day(self, cluster: str, day: PlaintextDay | None) -> DayFrame | bool:
        if day is None:
            return False
        told = self._of(cluster, "day")
        if told.source is day and self._known(told):
            return True
        told.source, told.since = day, self._run
        fields = [self._samples(self._of(cluster, f"day.{one}"), getattr(day, one)) for one in DAY_FIELDS]
        return DayFrame(day.at, day.span_seconds, fields)

    def _route(self, cluster: str, position: int, counts: RouteCounts) -> CountsFrame:
        return CountsFrame(
            labels=self._clean(list(counts.labels)),
            since=counts.since,
            at=counts.at,
            identity=self._clean(counts.identity),
            fields=[
                self._samples(self._of(cluster, f"counts.{position}.{one}"), getattr(counts, one))
                for one in COUNT_FIELDS
            ],
        )

    def _history(self, cluster: str, history: History) -> list[LineFrame]:
        before = self._before.get(cluster)
        last = before.history if before is not None else None
        return [_line(getattr(history, one), getattr(last, one) if last is not None else None) for one in LINES]

    def _courses(self, cluster: str, courses: Courses) -> CoursesFrame:
        told = self._of(cluster, "courses")
        last = told.source if isinstance(told.source, Courses) and self._known(told) else None
        keys: list[object] = [(call.source, call.destination, call.service) for call in courses.calls]
        before = dict(zip(told.numbers, last.calls, strict=True)) if last is not None else {}
        if list(told.things) == keys:
            keys = list(told.things)
        ops = self._sequence(told, keys, lambda key: self._number_of(CALLS, key, key))
        shift, kept = _overlap(last.times if last is not None else (), courses.times)
        tail = bytearray()
        column: list[Number] = []
        for number, call in zip(told.numbers, courses.calls, strict=True):
            earlier = before.get(number)
            for one in COURSE_FIELDS:
                values: tuple[Number, ...] = getattr(call, one)
                goes_on = (
                    earlier is not None and kept > 0 and getattr(earlier, one)[shift : shift + kept] == values[:kept]
                )
                tail.append(goes_on)
                column += values[kept:] if goes_on else values
        told.source = courses
        return CoursesFrame(
            times=times_written(courses.times),
            window_seconds=courses.window_seconds,
            calls=ops,
            shift=shift,
            kept=kept,
            tail=bytes(tail),
            values=numbers_written(column, None),
        )


def _line(line: Line, last: Line | None) -> LineFrame:
    known = dict(zip(last.times, last.values, strict=True)) if last is not None else {}
    predicted = [known.get(at) for at in line.times]
    return LineFrame(line.name, line.unit, times_written(line.times), numbers_written(line.values, predicted))


def _overlap(before: Sequence[float], now: Sequence[float]) -> tuple[int, int]:
    """How many of the earlier times are gone, and how many of the later ones go on from them, but for the newest."""
    if not before or not now or now[0] not in before:
        return 0, 0
    shift = before.index(now[0])
    common = before[shift:]
    return (shift, len(common) - 1) if now[: len(common)] == common else (0, 0)


def _encodable(value: Any) -> Any:
    """The same with floats for numbers beyond 64 bits, and with a sign for what is no letter."""
    if isinstance(value, dict):
        return {_encodable(key): _encodable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(one) for one in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return float(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def times_written(times: Sequence[float]) -> TimesFrame:
    """Moments as a grid where they are one."""
    if len(times) > 1:
        step = times[1] - times[0]
        if all(times[0] + i * step == at for i, at in enumerate(times)):
            return TimesFrame(times[0], step, len(times))
    return TimesFrame(given=list(times))
