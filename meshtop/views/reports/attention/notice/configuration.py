"""Machines, findings, tenants, canaries and drift that need somebody."""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.analysis.canary.board import CanaryRow
from meshtop.analysis.canary.verdict import Comparison
from meshtop.analysis.fleet.drift.compare import Drift
from meshtop.analysis.traffic.onset import appeared
from meshtop.model.state import Severity
from meshtop.model.text import clean
from meshtop.views.frame.registry import view
from meshtop.views.kinds.findings import FindingItem
from meshtop.views.picture.fleet import drift_lately, stands_in
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query
from meshtop.views.reports.attention.draft import Draft, WorkloadId

EVERYTHING = Query()
PLAINTEXT = "MTLS-PLAINTEXT-SEEN"
BETWEEN_CLUSTERS = frozenset({"IST0170", "CONFIG-FAILOVER-BLIND"})
"""What breaks only when a cluster fails, so that nobody is hit before."""


def of_machines(picture: Picture) -> Iterator[Draft]:
    """Virtual machines whose probe fails, or that have disconnected."""
    for machine in picture.machines:
        gone = machine.disconnected_at is not None and machine.disconnected_at > (machine.connected_at or 0.0)
        if machine.healthy is not False and not gone:
            continue
        where = (machine.cluster, machine.namespace, machine.name)
        why = machine.health_message or ("its probe fails" if machine.healthy is False else "it has disconnected")
        yield Draft(
            id="/".join(("virtualmachine", *where)),
            severity=Severity.WARNING,
            title=f"VM {clean(machine.namespace)}/{clean(machine.name)} in {machine.cluster}: {clean(why)}.",
            kind="virtualmachines",
            key="/".join(where),
            places=(_place(picture, *where[:2]),),
            onset=machine.disconnected_at if gone else None,
            workloads=(picture.machine_id(machine),),
        )


def _place(picture: Picture, cluster: str, namespace: str) -> Place:
    return Place(cluster=cluster, namespace=namespace, tenants=picture.tenants(cluster, namespace))


def of_findings(picture: Picture) -> Iterator[Draft]:
    """What is wrong with mutual TLS, trust, certificates and the fleet: of each code and cluster the worst.

    Plaintext that came today is told apart from what has always been there: it is news. Of the configuration only
    errors count that touch calls, and what fails with a cluster; the others wait until somebody asks for findings.
    """
    groups: dict[tuple[str, ...], list[tuple[FindingItem, float | None, float | None]]] = {}
    for item in view("findings").items(picture, EVERYTHING):
        # Of machines `of_machines` speaks, and leads to the machine itself.
        if item.severity is Severity.INFO or item.code.startswith("VM-") or _can_wait(item):
            continue
        key: tuple[str, ...] = (item.code, item.cluster)
        since, no_later = _plaintext_onset(picture, item) if item.code == PLAINTEXT else (None, None)
        if since is not None:
            key = (item.code, item.cluster, item.namespace, "new")
        groups.setdefault(key, []).append((item, since, no_later))
    for key, items in groups.items():
        first = items[0][0]
        more = f" And {len(items) - 1} more like it." if len(items) > 1 else ""
        rates = [
            _rate(picture, item) if item.code == PLAINTEXT else item.requests_per_second or 0.0 for item, *_ in items
        ]
        places = dict.fromkeys((item.cluster, item.namespace) for item, *_ in items)
        workloads = [(i.cluster, i.namespace, i.workload) for i, *_ in items if i.workload]
        yield Draft(
            id="/".join(("finding", *filter(None, key))),
            severity=first.severity,
            title=clean(first.message) + more,
            kind="findings",
            key=view("findings").key(first),
            places=tuple(_place(picture, *place) for place in places),
            onset=min((since for _, since, _ in items if since is not None), default=None),
            no_later=min((known for *_, known in items if known is not None), default=None),
            requests=sum(rates),
            exposed=sum(rates) if first.code == PLAINTEXT else 0.0,
            workloads=tuple(dict.fromkeys(workloads)),
            findings=(first.code,),
        )


def _can_wait(item: FindingItem) -> bool:
    if not item.on_configuration or item.code in BETWEEN_CLUSTERS:
        return False
    return item.severity is not Severity.ERROR or not item.requests_per_second


def _rate(picture: Picture, item: FindingItem) -> float:
    """What comes in plaintext a second now: the window's rate is small until it is full of it."""
    course = picture.courses.get((item.cluster, item.namespace, item.workload))
    unknown = () if course is None else course.callers.get(("", "", ""), ())
    return max(item.requests_per_second or 0.0, (unknown[-1] or 0.0) if unknown else 0.0)


def _plaintext_onset(picture: Picture, item: FindingItem) -> tuple[float | None, float | None]:
    """When the plaintext to a workload began, where that is within the last day; else by when it had begun."""
    course = picture.courses.get((item.cluster, item.namespace, item.workload))
    if course is not None:
        onset = appeared(course.times, course.callers.get(("", "", ""), ()), course.requests)
        if onset is not None:
            return onset.at, None
    read = picture.snapshot.cluster(item.cluster)
    day = read.telemetry.plaintext_day if read is not None and read.telemetry is not None else None
    if day is None:
        return None, None
    began = min(
        (
            sample.value
            for sample in day.first_seen
            if (sample.labels.destination_workload_namespace, sample.labels.destination_workload)
            == (item.namespace, item.workload)
        ),
        default=None,
    )
    # What was there in the first quarter of an hour of the day may have been there for ever.
    if began is None or began <= day.at - day.span_seconds + 900:
        return None, began
    return began, None


def of_tenants(picture: Picture) -> Iterator[Draft]:
    """Crossings between tenants that the settings forbid, and tenancy that is not clear."""
    of_kind = view("tenants")
    for item in of_kind.items(picture, EVERYTHING):
        for found in item.findings:
            if found.severity is Severity.INFO:
                continue
            places = [tuple(name.split("/", 1)) for name in item.namespaces]
            yield Draft(
                id="/".join(filter(None, ("tenant", item.tenant, item.workspace or "", found.code))),
                severity=found.severity,
                title=clean(found.message),
                kind="tenants",
                key=of_kind.key(item),
                places=tuple(_place(picture, *place) for place in places if len(place) == 2),
                findings=(found.code,),
            )


def of_canaries(picture: Picture) -> Iterator[Draft]:
    """The worst finding of each weighted route; what is only worth knowing stays on the board."""
    of_kind = view("canaries")
    order = (Severity.ERROR, Severity.WARNING)
    for row in of_kind.all_items(picture):
        worst = min(
            (f for f in row.findings if f.severity in order), key=lambda f: order.index(f.severity), default=None
        )
        if worst is None:
            continue
        workloads = canary_workloads(picture, row)
        changed = (
            f"{row.last_change.how} of {row.label or row.name} by {row.last_change.who}" if row.last_change else ""
        )
        yield Draft(
            id=f"canary/{of_kind.key(row)}",
            severity=worst.severity,
            title=f"{clean(row.namespace)}/{clean(row.name)} in {row.cluster}: {clean(worst.message)}",
            kind="canaries",
            key=of_kind.key(row),
            places=(_place(picture, row.cluster, row.namespace),),
            requests=sum(
                d.traffic.requests_per_second or 0.0 for d in row.destinations if d.name == row.verdict.canary
            ),
            workloads=workloads,
            findings=tuple(f.code for f in row.findings if f.severity in order),
            changed=clean(changed),
            changed_at=row.last_change.time.timestamp() if row.last_change else None,
        )


def canary_workloads(picture: Picture, row: CanaryRow) -> tuple[WorkloadId, ...]:
    """The workloads behind the version that is worse, in the route's mesh; none where no version is said to be."""
    if row.verdict.verdict is not Comparison.WORSE or row.verdict.canary is None:
        return ()
    worse = [d for d in row.destinations if d.name == row.verdict.canary]
    peers = set(picture.meshes.peers(row.cluster)) or {row.cluster}
    found = []
    for workload in picture.workloads:
        if workload.cluster not in peers or workload.namespace != row.namespace:
            continue
        for destination in worse:
            host = destination.host.split(".")[0]
            served = host in workload.services or host == workload.app
            if served and destination.version in (None, workload.version):
                found.append((workload.cluster, workload.namespace, workload.name))
    return tuple(dict.fromkeys(found))


def of_drift(picture: Picture) -> Iterator[Draft]:
    """What differs between clusters, in one item; nothing until every cluster has answered once."""
    if not picture.snapshot.settled:
        return
    drifted = drift_lately(picture)
    if not drifted:
        return
    names = [f"{found.kind} {'/'.join(filter(None, (found.namespace, found.name)))}" for found in drifted]
    shown = ", ".join(map(clean, names[:2])) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    differ = "1 object differs" if len(names) == 1 else f"{len(names)} objects differ"
    first = drifted[0]
    yield Draft(
        id="drift",
        severity=Severity.WARNING,
        title=f"{differ} between clusters that should be alike: {shown}.",
        kind="drift",
        key="/".join((first.kind, first.namespace, first.name)),
        places=tuple(dict.fromkeys(place for found in drifted for place in _places(picture, found))),
    )


def _places(picture: Picture, found: Drift) -> list[Place]:
    where = stands_in(found.kind, found.namespace, found.name)
    return [_place(picture, name, where) for name in found.clusters]
