"""Snapshots one after another in which everything happens that happens to clusters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from msgspec import structs

from meshtop.model.alerting import Alert, Alerts, AlertState, SloReading, Slos
from meshtop.model.canary import RouteCounts
from meshtop.model.changes import FieldWrite, KubeEvent, ObjectTrace, Traces
from meshtop.model.kube import Identity, Inventory, RemoteSecret
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.telemetry import CallCourse, Courses, History, Line, PlaintextDay, Sample, Scalar, Telemetry
from meshtop.sources.recording.frames import RecordingHeader
from meshtop.sources.recording.recorded import RecordedSnapshots
from meshtop.sources.recording.redaction import cleaner
from meshtop.sources.recording.writer import RecordingWriter
from tests import worlds

SPAN = 20


def written(path: Path, snapshots: Sequence[Snapshot], *, redact: bool = False, whole_every: int = 3) -> Path:
    """A recording of these Snapshots."""
    header = RecordingHeader(meshtop="0", begun=worlds.AT, window_seconds=worlds.WINDOW, whole_every=whole_every)
    writer = RecordingWriter(path, header, cleaner(redact=redact))
    for snapshot in snapshots:
        writer.add(snapshot)
    writer.close()
    return path


def read(path: Path) -> list[Snapshot]:
    """All Snapshots of a recording."""
    recording = RecordedSnapshots(path)
    try:
        return [recording.snapshot(i) for i in range(len(recording.moments))]
    finally:
        recording.close()


def story(moments: int, seed: int = 1) -> list[Snapshot]:
    """So many Snapshots, 15 seconds apart."""
    random = Random(seed)
    clusters = {one.name: one for one in (worlds.east(), worlds.west(), worlds.north())}
    found = []
    for i in range(moments):
        at = worlds.AT + 15.0 * i
        clusters = {name: _later(one, i, at, random) for name, one in clusters.items()}
        # One is adopted late, and one leaves for a while.
        shown = [one for name, one in clusters.items() if not (name == "west" and i % 7 == 4)]
        found.append(worlds.world(*shown, sequence=i + 1, at=at))
    return found


def _later(cluster: ClusterSnapshot, i: int, at: float, random: Random) -> ClusterSnapshot:
    if cluster.name == "north":
        return cluster
    inventory, telemetry = cluster.inventory, cluster.telemetry
    assert inventory is not None
    if random.random() < 0.6:
        inventory = _changed(inventory, i, random)
    if random.random() < 0.9:
        telemetry = _measured(telemetry, i, at, random)
    elif random.random() < 0.3:
        telemetry = None
    return structs.replace(
        cluster,
        inventory=inventory,
        telemetry=telemetry,
        history=_history(at, random) if i % 2 == 0 else cluster.history,
        courses=_courses(cluster.courses, at, random) if random.random() < 0.8 else cluster.courses,
        canaries=(_counts(at, random),) if i > 2 else (),
        alerts=_alerts(at, random) if random.random() < 0.4 else cluster.alerts,
        slos=_slos(random) if random.random() < 0.4 else cluster.slos,
        kubernetes=structs.replace(cluster.kubernetes, answered_at=at - 0.3),
    )


def _changed(inventory: Inventory, i: int, random: Random) -> Inventory:
    pods = list(inventory.pods)
    pods[random.randrange(len(pods))] = structs.replace(
        pods[0], restarts=i, meta=structs.replace(pods[0].meta, uid=f"{i}")
    )
    if random.random() < 0.3:
        random.shuffle(pods)
    if len(pods) > 2 and random.random() < 0.3:
        del pods[random.randrange(len(pods))]
    config = {**inventory.config}
    if random.random() < 0.5:
        config["WorkloadEntry"] = tuple(worlds.machine(f"ledger-{n}") for n in range(random.randrange(3)))
    elif random.random() < 0.5:
        config.pop("WorkloadEntry", None)
    secret = RemoteSecret(meta=worlds.meta(f"istio-remote-secret-{i}", "istio-system"), cluster_id="west")
    return structs.replace(
        inventory,
        pods=tuple(pods),
        config=config,
        config_maps={**inventory.config_maps, "istio-system/istio-ca-root-cert": {"root-cert.pem": f"{i // 3}"}},
        remote_secrets=(secret,) if random.random() < 0.5 else inventory.remote_secrets,
        traces=traces(i) if random.random() < 0.5 else inventory.traces,
        identity=Identity("maria", ("oncall",)) if i > 3 else None,
    )


def _measured(before: Telemetry | None, i: int, at: float, random: Random) -> Telemetry:
    samples = [
        Sample(one.labels, one.value if random.random() < 0.5 else random.random() * 100)
        for one in (before or worlds.telemetry([worlds.request("east/web", "east/v1", 80.0)], "x")).requests
    ]
    if random.random() < 0.4:
        samples.insert(random.randrange(len(samples) + 1), worlds.request("east/web", f"east/v{i}", float(i)))
    made = worlds.telemetry(samples, "http://prometheus")
    day = before.plaintext_day if before is not None else None
    if i % 4 == 0:
        day = PlaintextDay(at=at, requests=tuple(samples[:1]), first_seen=(Sample(samples[0].labels, at),))
    control = tuple(
        Scalar("pilot_xds_pushes", {"type": kind, "revision": "default"}, random.random()) for kind in ("cds", "eds")
    )
    return structs.replace(
        made, at=at, control=control[: 1 + i % 2], complete=i % 5 != 0, plaintext_day=day, recording_rules=i % 2 == 0
    )


def _history(at: float, random: Random) -> History:
    times = tuple(at - 15.0 * (SPAN - n) for n in range(SPAN))

    def line(name: str, unit: str) -> Line:
        values = tuple(None if random.random() < 0.2 else random.random() for _ in times)
        return Line(name=name, unit=unit, times=times, values=values)

    return History(requests=line("requests", "/s"), errors=line("errors", "/s"), p99_ms=line("p99", "ms"))


def _courses(before: Courses | None, at: float, random: Random) -> Courses:
    last = at - at % 15.0
    times = tuple(last - 15.0 * (SPAN - 1 - n) for n in range(SPAN))
    known = {(one.source, one.destination): one for one in before.calls} if before is not None else {}
    old = before.times if before is not None else ()
    calls = []
    for name in ("web", "reviews", "ledger"):
        key = (("east", "shop", name), ("east", "shop", "reviews-v1"))
        if random.random() < 0.2:
            continue
        earlier = known.get(key)

        def of(field: str, earlier: CallCourse | None = earlier) -> tuple[float | None, ...]:
            there = dict(zip(old, getattr(earlier, field), strict=True)) if earlier is not None else {}
            # The newest point is read again; now and then an old one changes too.
            keeps = random.random() < 0.9
            return tuple(there[t] if keeps and t in there and t != old[-1] else random.random() for t in times)

        calls.append(
            CallCourse(source=key[0], destination=key[1], service="reviews", requests=of("requests"),
                       errors=of("errors"), busy_ms=(None, *of("busy_ms")[1:]))
        )  # fmt: skip
    return Courses(times=times, window_seconds=60.0, calls=tuple(calls))


def traces(i: int) -> Traces:
    """Marks of changes, in which a label, a container and a message name something."""
    fields = b'{"f:metadata":{"f:labels":{"f:teamsecret":{}}},"f:spec":{"k:{\\"name\\":\\"reviews\\"}":{}}}'
    write = FieldWrite(manager="kubectl", operation="Update", time=float(i), fields=fields)
    event = KubeEvent(reason="BackOff", kind="Pod", namespace="shop", name="reviews-v2", message="token=hunter-two")
    trace = ObjectTrace(kind="Deployment", namespace="shop", name="reviews-v2", writes=(write,))
    return Traces(objects=(trace,), events=(event,) if i == 10_000 else ())


def _alerts(at: float, random: Random) -> Alerts | None:
    if random.random() < 0.1:
        return None
    found = [
        Alert(name=name, state=AlertState.FIRING, since=at - 60, labels={"severity": "page", "namespace": "shop"})
        for name in ("TooManyErrors", "TooSlow")
        if random.random() < 0.5
    ]
    return Alerts(alerts=tuple(found), problem="It was not read." if random.random() < 0.2 else None)


def _slos(random: Random) -> Slos:
    ratios = {300.0: random.random(), 3600.0: random.random()}
    reading = SloReading(name="availability", objective=0.999, ratios=ratios, counts={300.0: (1.0, random.random())})
    return Slos(readings=(reading,))


def _counts(at: float, random: Random) -> RouteCounts:
    return RouteCounts(
        labels=("shop/reviews#0",),
        since=worlds.AT,
        at=at,
        identity="http://prometheus",
        requests=(worlds.request("east/web", "east/v1", float(random.randrange(1000))),),
    )
