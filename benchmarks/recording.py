"""Recording fifty clusters with 100,000 series: bytes an hour, and processor time.

    python -m benchmarks.recording [REFRESHES]

The clock is a pretended one: a refresh comes every 15 seconds, as Prometheus scrapes, every value of every series is
another, and the recorder takes those for which its pace has room. What an hour takes is that of the refreshes after the
first, which writes everything once. A refresh in which one value of ten changed is measured besides: so it is in a mesh
that is not busy everywhere. Marks of changes are read once a minute, as the console does: 40 objects that somebody
wrote lately in each cluster, and 300 Events, of which a tenth are others each time; alerts and objectives too.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from msgspec import Struct, structs

from benchmarks._big_fleet import Fleet, name_of
from benchmarks._rows import goal_row, report, row_of
from meshtop.model.alerting import Alert, Alerts, AlertState, SloReading, Slos
from meshtop.model.changes import FieldWrite, KubeEvent, ObjectTrace, Traces
from meshtop.model.snapshot import Snapshot
from meshtop.model.telemetry import Sample
from meshtop.sources.recording.frames import RecordingHeader
from meshtop.sources.recording.recorded import RecordedSnapshots
from meshtop.sources.recording.redaction import cleaner
from meshtop.sources.recording.writer import RecordingWriter

EVERY = 15.0
REFRESHES = 20
HOUR = 3600.0
MINUTE_REFRESHES = 4
OBJECTS, EVENTS = 40, 300
_FIELDS = b'{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\\"name\\":\\"app\\"}":{"f:image":{}}}}}}}'


def _traces(minute: int) -> Traces:
    """What somebody wrote, and Events: every minute a tenth of them are seen again."""
    objects = tuple(
        ObjectTrace(
            kind="Deployment", namespace=f"team-{n % 20:02}", name=f"{name_of(n)}-v1", uid=f"uid-{n}",
            writes=(FieldWrite(manager="argocd", operation="Apply", time=float(-n), fields=_FIELDS),),
        )
        for n in range(OBJECTS)
    )  # fmt: skip
    events = []
    for n in range(EVENTS):
        # The last minute in which this one was seen.
        seen = minute - (minute - n) % 10
        events.append(
            KubeEvent(
                reason="BackOff", kind="Pod", namespace=f"team-{n % 20:02}", name=f"{name_of(n)}-v1-5d9c7b-0",
                message=f"Back-off restarting failed container app in pod {name_of(n)}", last=60.0 * seen, count=seen,
            )
        )  # fmt: skip
    return Traces(objects=objects, events=tuple(events))


def _told(snapshot: Snapshot, refresh: int, random: Random) -> Snapshot:
    """The Snapshot with marks of changes, alerts and objectives."""
    clusters = []
    alerts = tuple(
        Alert(name="TooManyErrors", state=AlertState.FIRING, since=0.0, labels={"namespace": f"team-{n:02}"})
        for n in range(5)
    )
    for one in snapshot.clusters:
        assert one.inventory is not None
        inventory = structs.replace(one.inventory, traces=_traces(refresh // MINUTE_REFRESHES))
        readings = tuple(
            SloReading(
                name="available", namespace=f"team-{n:02}", service=name_of(n), objective=0.99,
                window_seconds=2_592_000.0, ratios={span: random.random() for span in (300.0, 3600.0, 21_600.0)},
            )
            for n in range(5)
        )  # fmt: skip
        clusters.append(
            structs.replace(one, inventory=inventory, alerts=Alerts(alerts=alerts), slos=Slos(readings=readings))
        )
    return structs.replace(snapshot, clusters=tuple(clusters))


def _busier(snapshot: Snapshot, random: Random) -> Snapshot:
    """The Snapshot with values that nothing can be known of: doubles of which every digit is another."""
    clusters = []
    for one in snapshot.clusters:
        assert one.telemetry is not None
        samples = tuple(Sample(sample.labels, sample.value * random.random()) for sample in one.telemetry.requests)
        clusters.append(structs.replace(one, telemetry=structs.replace(one.telemetry, requests=samples)))
    return structs.replace(snapshot, clusters=tuple(clusters))


def _calmer(before: Snapshot, now: Snapshot) -> Snapshot:
    """The next Snapshot with one value of ten of its own, and the others of the one before."""
    clusters = []
    for one, other in zip(before.clusters, now.clusters, strict=True):
        assert one.telemetry is not None
        assert other.telemetry is not None
        samples = tuple(
            new if i % 10 == 0 else Sample(new.labels, old.value)
            for i, (old, new) in enumerate(zip(one.telemetry.requests, other.telemetry.requests, strict=True))
        )
        clusters.append(structs.replace(other, telemetry=structs.replace(other.telemetry, requests=samples)))
    return structs.replace(now, clusters=tuple(clusters))


class Recorded(Struct, frozen=True):
    """What recording took: the first moment, each one after it, and an hour of it."""

    first_megabytes: float
    first_seconds: float
    megabytes_an_hour: float
    percent: float
    told: str


def measure(path: Path, snapshot: Callable[[int], Snapshot], refreshes: int, *, redact: bool = False) -> Recorded:
    """Record these refreshes."""
    now, random = 0.0, Random(2)
    header = RecordingHeader(meshtop="0", begun=0.0, window_seconds=300.0)
    writer = RecordingWriter(
        path, header, cleaner(redact=redact), every=EVERY, clock=lambda: now, processor_time=time.process_time
    )
    first = (0, 0.0)
    for i in range(refreshes + 1):
        now = i * EVERY
        if writer.is_due:
            writer.add(structs.replace(_told(snapshot(i), i, random), at=now))
        if i == 0:
            first = (writer.bytes, writer.seconds)
    writer.close()
    span = max(1, refreshes) * EVERY
    size, seconds = writer.bytes - first[0], writer.seconds - first[1]
    count = max(1, writer.moments - 1)
    return Recorded(
        first_megabytes=first[0] / 1e6,
        first_seconds=first[1],
        megabytes_an_hour=(first[0] + size * HOUR / span) / 1e6,
        percent=100 * (first[1] + seconds * HOUR / span) / HOUR,
        told=f"{writer.moments - 1} of {refreshes} refreshes written, {size / count / 1e3:.0f} kB and"
        f" {1000 * seconds / count:.0f} ms of CPU each",
    )


def main(refreshes: int) -> None:
    """Measure, and print a line for each way of recording."""
    gc.set_threshold(50_000, 20, 100)  # As the program itself does.
    fleet = Fleet()
    loop = asyncio.new_event_loop()
    base = loop.run_until_complete(fleet.refresh())
    loop.close()
    random = Random(1)
    series = sum(len(one.telemetry.requests) for one in base.clusters if one.telemetry is not None)
    print(f"{len(base.clusters)} clusters, {series} series")
    last = base

    def busy(_: int) -> Snapshot:
        return _busier(base, random)

    def calm(number: int) -> Snapshot:
        nonlocal last
        last = _calmer(last, _busier(base, random)) if number else _busier(base, random)
        return last

    with tempfile.TemporaryDirectory() as folder:
        every = measure(Path(folder, "busy.rec"), busy, refreshes)
        some = measure(Path(folder, "calm.rec"), calm, refreshes)
        redacted = measure(Path(folder, "redacted.rec"), busy, 0, redact=True)
        recording = RecordedSnapshots(Path(folder, "busy.rec"))
        began = time.process_time()
        recording.snapshot(0)
        opened = time.process_time()
        recording.snapshot(len(recording.moments) - 1)
        each = 1000 * (time.process_time() - opened) / max(1, len(recording.moments) - 1)
        recording.close()
    what = f"recording {series:,} series every {EVERY:g} s"
    report(
        [
            goal_row("recording-bytes", [every.megabytes_an_hour], note=every.told),
            goal_row("recording-cpu", [every.percent]),
            row_of(f"{what}, one of ten changes: an hour", [some.megabytes_an_hour], "MB", note=some.told),
            row_of(f"{what}, one of ten changes: of a processor", [some.percent], "%"),
            row_of(
                f"{what}, the first moment: CPU",
                [every.first_seconds],
                note=f"{every.first_megabytes:.1f} MB; redacted {redacted.first_seconds:.1f} s",
            ),
            row_of("reading a recording of them, the first moment: CPU", [opened - began]),
            row_of("reading a recording of them, each moment after it: CPU", [each], "ms"),
        ]
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REFRESHES)
