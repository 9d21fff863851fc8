"""Machines, findings, tenants and drift that need somebody."""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.analysis.fleet.drift.compare import Drift
from meshtop.analysis.security.expiry import CertificateKind
from meshtop.analysis.traffic.onset import appeared
from meshtop.model.state import Severity
from meshtop.model.text import clean
from meshtop.views.frame.registry import view
from meshtop.views.kinds.findings import FindingItem
from meshtop.views.picture.fleet import drift_lately, stands_in
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query
from meshtop.views.reports.attention.draft import Draft
from meshtop.views.reports.attention.notice.calls import ILL, callers_of

EVERYTHING = Query()
PLAINTEXT = "MTLS-PLAINTEXT-SEEN"
URGENT_DAYS = 2
"""A certificate that runs out sooner is an error in NOW."""
BETWEEN_CLUSTERS = frozenset({"IST0170", "CONFIG-FAILOVER-BLIND"})
"""What breaks only when a cluster fails, so that nobody is hit before."""


def of_machines(picture: Picture) -> Iterator[Draft]:
    """Virtual machines that fail, by their probe or by what they answer, or that have disconnected.

    How bad it is follows from the machine's health, as the list of machines shows it: one fault has one severity.
    """
    for machine in picture.machines:
        gone = machine.disconnected_at is not None and machine.disconnected_at > (machine.connected_at or 0.0)
        health = picture.machine_health(machine)
        if health.status not in ILL and not gone:
            continue
        where = (machine.cluster, machine.namespace, machine.name)
        reasons = (machine.health_message,) if machine.healthy is False and machine.health_message else health.reasons
        why = "; ".join(reasons[:2]) if health.status in ILL else "it has disconnected"
        named = picture.machine_id(machine)
        edges = () if picture.shares_traffic(machine) else picture.edges_to(named)
        yield Draft(
            id="/".join(("virtualmachine", *where)),
            severity=ILL.get(health.status, Severity.WARNING),
            title=f"VM {clean('/'.join(where[1:]))} in {machine.cluster}: {clean(why).rstrip('.')}.",
            kind="virtualmachines",
            key="/".join(where),
            places=(namespace_place(picture, *where[:2]),),
            onset=machine.disconnected_at if gone else machine.health_since if machine.healthy is False else None,
            requests=sum(edge.sums.requests or 0.0 for edge in edges),
            errors=sum(edge.sums.errors or 0.0 for edge in edges),
            workloads=(named,),
            callers=callers_of(edges, failing_only=True),
            answers=tuple((machine.cluster, machine.namespace, service) for service in machine.services),
        )


def namespace_place(picture: Picture, cluster: str, namespace: str) -> Place:
    """A namespace with its tenants."""
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
            severity=Severity.WARNING if _has_time(picture, first) else first.severity,
            title=clean(first.message) + more,
            kind="findings",
            key=view("findings").key(first),
            places=tuple(namespace_place(picture, *place) for place in places),
            onset=min((since for _, since, _ in items if since is not None), default=None),
            no_later=min((known for *_, known in items if known is not None), default=None),
            requests=sum(rates),
            exposed=sum(rates) if first.code == PLAINTEXT else 0.0,
            workloads=tuple(dict.fromkeys(workloads)),
            findings=(first.code,),
            objects=tuple(dict.fromkeys((i.cluster, i.kind, i.namespace, i.name) for i, *_ in items if i.kind)),
        )


def _has_time(picture: Picture, item: FindingItem) -> bool:
    """Whether a certificate runs out this week, and not in the next days: nothing fails yet, and it is no news."""
    if item.code != "CERT-EXPIRES-THIS-WEEK":
        return False
    left = (
        row.days_left
        for row in view("certificates").all_items(picture)
        if row.cluster == item.cluster and row.kind is not CertificateKind.WORKLOAD and row.days_left > 0
    )
    return min(left, default=0.0) >= URGENT_DAYS


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
                places=tuple(namespace_place(picture, *place) for place in places if len(place) == 2),
                findings=(found.code,),
            )


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
        objects=tuple(
            (cluster, found.kind.partition(".")[0], found.namespace, found.name)
            for found in drifted
            for cluster in found.clusters
        ),
    )


def _places(picture: Picture, found: Drift) -> list[Place]:
    where = stands_in(found.kind, found.namespace, found.name)
    return [namespace_place(picture, name, where) for name in found.clusters]
