"""Workloads that fail or are slow, calls that fail without a workload that could be blamed, and callers that grew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from meshtop.analysis.traffic.courses import WorkloadCourse, grown_callers
from meshtop.analysis.traffic.onset import Onset, errors_onset
from meshtop.model.mesh import Workload
from meshtop.model.numbers import quantity
from meshtop.model.state import HealthStatus, Severity
from meshtop.model.text import clean
from meshtop.model.traffic import Edge
from meshtop.views.frame.ends import call_path
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place
from meshtop.views.reports.attention.draft import Draft, WorkloadId

GROWN = 4.0
"""A caller that asks so many times as much as it used to is named as the cause of what its callee cannot bear."""
LEAST_SHARE = 0.2
"""And that is this share of what the callee is asked now."""
TOGETHER_SECONDS = 120.0
"""What began so shortly before something else may be its cause."""
ILL = {HealthStatus.FAILING: Severity.ERROR, HealthStatus.DEGRADED: Severity.WARNING}
"""How bad it is that something is of this health."""


def of_workloads(picture: Picture) -> Iterator[Draft]:
    """Each workload with a fault of its own: what it is asked and its pods, not what others answer it."""
    for workload in picture.workloads:
        verdict = picture.verdicts.own_fault(workload)
        if verdict.status in ILL:
            yield _of_workload(picture, workload, ILL[verdict.status], verdict.reasons)


def fault_of(picture: Picture, where: WorkloadId) -> Draft | None:
    """The fault of one workload, as `of_workloads` tells it; None where it has none, or there is no such workload."""
    workload = picture.workload(*where)
    verdict = None if workload is None else picture.verdicts.own_fault(workload)
    if workload is None or verdict is None or verdict.status not in ILL:
        return None
    return _of_workload(picture, workload, ILL[verdict.status], verdict.reasons)


def _of_workload(picture: Picture, workload: Workload, severity: Severity, reasons: Sequence[str]) -> Draft:
    where = (workload.cluster, workload.namespace, workload.name)
    edges = picture.edges_to(where)
    of_pods = workload.readiness.reasons[:1] if workload.readiness.status in ILL else ()
    # What fails comes before what is not ready: readers are cut off at the end.
    told = (*[reason for reason in reasons if reason not in workload.readiness.reasons][:2], *of_pods)
    course = picture.courses.get(where)
    requests = sum(edge.sums.requests or 0.0 for edge in edges)
    errors = sum(edge.sums.errors or 0.0 for edge in edges)
    slow, began = 0.0, None
    no_later = None
    if course is not None:
        lately = course.lately
        if lately is not None:
            requests, errors = lately.requests, lately.failed
            slow = lately.requests if lately.latency_ms is not None else 0.0
        onset = errors_onset(course.times, course.requests, course.errors) if errors else None
        no_later = onset.at if onset is not None and not onset.exact else None
        began = _first([onset, course.slower])
    if workload.readiness.status in ILL:
        began = min((at for at in (began, workload.troubled_since) if at is not None), default=None)
    changed, changed_at = _rollout(workload, began)
    return Draft(
        id="/".join(("workload", *where)),
        severity=severity,
        title=f"{clean(f'{workload.namespace}/{workload.name}')} in {workload.cluster}: {clean('; '.join(told))}",
        kind="workloads",
        key="/".join((*where, workload.kind)),
        places=_places(picture, (where,)),
        onset=began,
        no_later=no_later if began is None else None,
        requests=requests,
        errors=errors,
        slow=slow,
        workloads=(where,),
        callers=callers_of(edges, failing_only=not slow),
        changed=changed,
        changed_at=changed_at,
    )


def _first(onsets: Iterable[Onset | None]) -> float | None:
    return min((one.at for one in onsets if one is not None and one.exact), default=None)


def _rollout(workload: Workload, began: float | None) -> tuple[str, float | None]:
    """What happened to its pods just before: new ones (a rollout, a scaling), or a restarted container."""
    if began is None:
        return "", None
    name = f"{clean(workload.name)} in {workload.cluster}"
    happened = [(workload.renewed, f"new pods of {name}")]
    if workload.restarted is not None:
        at, reason = workload.restarted
        happened.append((at, f"a container of {name} restarted" + (f" ({clean(reason)})" if reason else "")))
    near = [(at, what) for at, what in happened if began - 600 <= at <= began + 30]
    if not near:
        return "", None
    at, what = max(near)
    return what, at


def callers_of(edges: Iterable[Edge], *, failing_only: bool) -> tuple[WorkloadId, ...]:
    """Who is hit: whoever asks it, or those whose calls fail."""
    found = {
        (edge.source.cluster, edge.source.namespace, edge.source.workload)
        for edge in edges
        if edge.source.workload and (edge.sums.errors or not failing_only)
    }
    return tuple(sorted(found))


def _places(picture: Picture, workloads: Iterable[WorkloadId]) -> tuple[Place, ...]:
    places = dict.fromkeys((cluster, namespace) for cluster, namespace, _ in workloads)
    return tuple(Place(cluster=c, namespace=n, tenants=picture.tenants(c, n)) for c, n in places)


def of_calls(picture: Picture, ill: Iterable[Draft]) -> Iterator[Draft]:
    """Calls that fail outright without a workload that is named for it: nobody answers, or nobody may ask."""
    blamed = {workload for draft in ill for workload in draft.workloads}
    groups: dict[tuple[str, str], list[Edge]] = {}
    for edge in picture.edges:
        answering = (edge.destination.cluster, edge.destination.namespace, edge.destination.workload)
        if answering in blamed or picture.edge_health(edge).status is not HealthStatus.FAILING:
            continue
        name = edge.destination.service or edge.destination.workload
        groups.setdefault((edge.source.cluster or edge.destination.cluster, name), []).append(edge)
    for (cluster, name), edges in groups.items():
        verdict = picture.calls_health(edges)
        callers = callers_of(edges, failing_only=True)
        onset = _calls_onset(picture, cluster, name)
        who = f"from {clean(callers[0][2])}" if len(callers) == 1 else f"from {len(callers)} workloads"
        tcp = all(edge.protocol == "tcp" for edge in edges)
        requests = sum(edge.sums.requests or 0.0 for edge in edges)
        errors = sum(edge.sums.errors or 0.0 for edge in edges)
        yield Draft(
            id=f"calls/{cluster}/{name}",
            severity=Severity.ERROR,
            title=f"calls to {clean(name or 'nobody known')} {who} in {cluster} fail: {clean(verdict.reasons[0])}",
            kind="edges",
            key="/".join(call_path(edges[0], edges[0].protocol)),
            places=_places(picture, callers) or (Place(cluster=cluster),),
            onset=onset.at if onset is not None and onset.exact else None,
            no_later=onset.at if onset is not None and not onset.exact else None,
            requests=requests,
            errors=errors if not tcp else sum(edge.sums.connections or 0.0 for edge in edges),
            callers=callers,
            service=name,
        )


def _calls_onset(picture: Picture, cluster: str, service: str) -> Onset | None:
    """When the calls from a cluster to a service began to fail: also those that another workload answered before."""
    read = picture.snapshot.cluster(cluster)
    if read is None or read.courses is None or not service:
        return None
    times = read.courses.times
    requests: list[float | None] = [None] * len(times)
    errors: list[float | None] = [None] * len(times)
    for call in read.courses.calls:
        if call.service.lower() != service.lower():
            continue
        for total, values in ((requests, call.requests), (errors, call.errors)):
            for i, value in enumerate(values):
                if value is not None:
                    total[i] = (total[i] or 0.0) + value
    return errors_onset(times, requests, errors)


def of_noisy_callers(picture: Picture, ill: Sequence[Draft]) -> dict[str, tuple[Draft, tuple[str, ...]]]:
    """Callers that ask many times as much as they used to, where what they ask is failing or slow since then.

    By their ids: the draft, and the ids of what they harm.
    """
    found: dict[WorkloadId, list[tuple[Draft, Onset, WorkloadCourse]]] = {}
    for draft in ill:
        course = picture.courses.get(draft.workloads[0]) if len(draft.workloads) == 1 else None
        if course is None or draft.onset is None:
            continue
        now = course.requests[-1] or 0.0
        for caller, grew in grown_callers(course, factor=GROWN).items():
            near = abs(grew.at - draft.onset) <= TOGETHER_SECONDS and grew.at <= draft.onset + 30
            if caller[2] and near and grew.after - grew.before >= LEAST_SHARE * now:
                found.setdefault(caller, []).append((draft, grew, course))
    return {"/".join(("caller", *caller)): _noisy(picture, caller, harmed) for caller, harmed in found.items()}


def _noisy(
    picture: Picture, caller: WorkloadId, harmed: Sequence[tuple[Draft, Onset, WorkloadCourse]]
) -> tuple[Draft, tuple[str, ...]]:
    before, after = sum(grew.before for _, grew, _ in harmed), sum(grew.after for _, grew, _ in harmed)
    worst = max(harmed, key=lambda one: (one[0].errors, one[1].after))[0]
    cluster, namespace, name = caller
    target = worst.workloads[0]
    more = f" and {len(harmed) - 1} more" if len(harmed) > 1 else ""
    factor = after / before if before > 0 else 0.0
    much = f"{quantity(factor)} times as much as before ({quantity(after)}/s)" if factor else f"{quantity(after)}/s"
    draft = Draft(
        id="/".join(("caller", *caller)),
        severity=worst.severity,
        title=f"{clean(f'{namespace}/{name}')} in {cluster} asks {much}: {clean(f'{target[1]}/{target[2]}')}{more}",
        kind="workloads",
        key=_workload_key(picture, caller),
        places=_places(picture, (caller,)),
        onset=min(grew.at for _, grew, _ in harmed),
        workloads=(caller,),
    )
    return draft, tuple(one.id for one, _, _ in harmed)


def _workload_key(picture: Picture, where: WorkloadId) -> str:
    found = picture.workload(*where)
    return "/".join((*where, found.kind)) if found is not None else "/".join(where)


def called_by(picture: Picture, where: WorkloadId) -> Mapping[WorkloadId, float]:
    """What a workload asks, and how often a second."""
    asked: dict[WorkloadId, float] = {}
    for edge in picture.edges_from(where):
        end = edge.destination
        if end.workload:
            key = (end.cluster, end.namespace, end.workload)
            asked[key] = asked.get(key, 0.0) + (edge.sums.requests or 0.0)
    return asked
