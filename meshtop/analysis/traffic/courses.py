"""The courses of calls, brought together by workload: both Prometheuses of a call over borders tell a part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.traffic.health import Lately
from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.analysis.traffic.naming import ClusterNames, known
from meshtop.analysis.traffic.onset import Onset, level_onset
from meshtop.model.telemetry import CallEnd, Courses

LEAST_REQUESTS = 20.0
"""A mean latency of fewer requests in a minute says little."""
_Values = tuple[float | None, ...]


class WorkloadCourse(Struct, frozen=True, kw_only=True):
    """What was asked of a workload over time, per second, and by whom; `window_seconds` is that of each rate."""

    times: tuple[float, ...]
    window_seconds: float
    requests: _Values
    errors: _Values
    busy_ms: _Values
    callers: dict[CallEnd, _Values]
    slower: Onset | None = None
    """Its mean latency (ms) where it rose from its own past."""

    @property
    def latency_ms(self) -> _Values:
        """Mean latency; None where too few requests tell."""
        least = LEAST_REQUESTS / self.window_seconds
        return tuple(
            [
                b / r if b is not None and r and r >= least else None
                for b, r in zip(self.busy_ms, self.requests, strict=True)
            ]
        )

    @property
    def lately(self) -> Lately | None:
        """The last minute; None where nothing is known of it."""
        requests, errors = self.requests[-1] if self.requests else None, self.errors[-1] if self.errors else None
        if requests is None:
            return None
        slower = self.slower
        return Lately(
            requests=requests,
            failed=errors or 0.0,
            seconds=self.window_seconds,
            latency_ms=None if slower is None else slower.after,
            usual_ms=None if slower is None else slower.before,
        )


def workload_courses(
    read: Sequence[tuple[str, Courses]], clusters: Sequence[ClusterTraffic], *, slower: float, slower_ms: float
) -> dict[CallEnd, WorkloadCourse]:
    """The course of each called workload (cluster, namespace, name), of what all clusters read.

    `slower` and `slower_ms` are by which factor and how many ms a latency must have risen to be called slower; with a
    factor of 0 none is.
    """
    lost = _lost(read)
    # Without a cluster's own reports its part of a sum would end, and what is left would look like a change.
    read = [(home, courses) for home, courses in read if home not in lost]
    grid = _grid([courses for _, courses in read])
    if not grid:
        return {}
    names = ClusterNames(clusters)
    index = {round(at): i for i, at in enumerate(grid)}
    whole = list(range(len(grid)))
    parts: dict[CallEnd, list[tuple[CallEnd, _Values, _Values, _Values]]] = {}
    for home, courses in read:
        places = [index.get(round(at), -1) for at in courses.times]
        for call in courses.calls:
            target = _resolved(call.destination, names, home)
            if target[2] and target[0] not in lost:
                source = _resolved(call.source, names, home)
                requests, errors, busy_ms = call.requests, call.errors, call.busy_ms
                if places != whole:
                    requests = _placed(requests, places, grid)
                    errors, busy_ms = _placed(errors, places, grid), _placed(busy_ms, places, grid)
                parts.setdefault(target, []).append((source, requests, errors, busy_ms))
    window = max(courses.window_seconds for _, courses in read)
    found = {}
    for target, calls in parts.items():
        callers: dict[CallEnd, list[_Values]] = {}
        for source, requests, _, _ in calls:
            callers.setdefault(source, []).append(requests)
        course = WorkloadCourse(
            times=grid,
            window_seconds=window,
            requests=_added([requests for _, requests, _, _ in calls]),
            errors=_added([errors for _, _, errors, _ in calls]),
            busy_ms=_added([busy_ms for _, _, _, busy_ms in calls]),
            callers={source: _added(values) for source, values in callers.items()},
        )
        rose = level_onset(grid, course.latency_ms, factor=slower) if slower > 0 else None
        if rose is not None and rose.after - rose.before >= slower_ms:
            course = WorkloadCourse(
                times=course.times, window_seconds=window, requests=course.requests, errors=course.errors,
                busy_ms=course.busy_ms, callers=course.callers, slower=rose,
            )  # fmt: skip
        found[target] = course
    return found


def grown_callers(course: WorkloadCourse, *, factor: float) -> Mapping[CallEnd, Onset]:
    """The callers that ask `factor` times as much as they used to, each with when that began."""
    found = {}
    for source, values in course.callers.items():
        rose = level_onset(course.times, values, factor=factor)
        if rose is not None:
            found[source] = rose
    return found


def _lost(read: Sequence[tuple[str, Courses]]) -> set[str]:
    """The clusters whose reading is older than that of the others."""
    newest = max((courses.times[-1] for _, courses in read if courses.times), default=0.0)
    return {
        home
        for home, courses in read
        if len(courses.times) < 2 or courses.times[-1] < newest - 2 * (courses.times[1] - courses.times[0])
    }


def _grid(read: Sequence[Courses]) -> tuple[float, ...]:
    """The moments that all have read."""
    whole = [courses.times for courses in read]
    if not whole:
        return ()
    step = whole[0][1] - whole[0][0]
    last = min(times[-1] for times in whole)
    first = min(times[0] for times in whole)
    return tuple(first + i * step for i in range(int((last - first) // step) + 1))


def _placed(values: _Values, places: Sequence[int], grid: Sequence[float]) -> _Values:
    """Values at the moments of the grid; `places` are theirs in it, -1 outside."""
    found: list[float | None] = [None] * len(grid)
    for place, value in zip(places, values, strict=True):
        if place >= 0:
            found[place] = value
    return tuple(found)


def _added(parts: Sequence[_Values]) -> _Values:
    """Values added moment by moment; a gap where none of them is known."""
    total, *others = parts
    for other in others:
        total = tuple(
            [
                sum_ if value is None else value if sum_ is None else sum_ + value
                for sum_, value in zip(total, other, strict=True)
            ]
        )
    return total


def _resolved(end: CallEnd, names: ClusterNames, home: str) -> CallEnd:
    cluster, namespace, workload = known(end[0]), known(end[1]), known(end[2])
    named = names.resolve(cluster, (namespace, workload), home) if cluster else ""
    if not named and workload:
        named = names.having((namespace, workload), home)
    return (named, namespace, workload)
