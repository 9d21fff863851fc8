"""The golden signals before and after a change, of what the change is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from meshtop.analysis.traffic.courses import WorkloadCourse

SPAN_SECONDS = 300.0
"""So much before and after a change is held against each other."""
LEAST_POINTS = 2


class Signals(Struct, frozen=True, rename="camel", kw_only=True):
    """Requests per second, the share of them that failed, and the mean latency; None where that is not known."""

    requests_per_second: float | None = None
    error_ratio: float | None = None
    latency_ms: float | None = None


class ChangeImpact(Struct, frozen=True, rename="camel", kw_only=True):
    """The signals before and after, each over so many seconds."""

    before: Signals
    after: Signals
    seconds: float


def impact_of(at: float, courses: Iterable[WorkloadCourse]) -> ChangeImpact | None:
    """What a change at Unix seconds did to the calls of these workloads; None where too little is known around it.

    A rate looks back over its window: after a change it is mixed for so long, and the first of it is left out.
    """
    found = list(courses)
    if not found:
        return None
    window = max(course.window_seconds for course in found)
    before = _signals(found, at - SPAN_SECONDS, at)
    # With less than a window gone by, what there is of it is still better than nothing.
    last = max((course.times[-1] for course in found if course.times), default=at)
    start = at + window if last - at >= 2 * window else at + window / 4
    after = _signals(found, start, start + SPAN_SECONDS)
    if before is None or after is None:
        return None
    return ChangeImpact(before=before, after=after, seconds=SPAN_SECONDS)


def _signals(courses: Sequence[WorkloadCourse], first: float, last: float) -> Signals | None:
    requests: dict[float, float] = {}
    failed = busy = total = 0.0
    for course in courses:
        for at, r, e, b in zip(course.times, course.requests, course.errors, course.busy_ms, strict=True):
            if first <= at < last and r is not None:
                requests[at] = requests.get(at, 0.0) + r
                total += r
                failed += min(e or 0.0, r)
                busy += b or 0.0
    if len(requests) < LEAST_POINTS:
        return None
    return Signals(
        requests_per_second=total / len(requests),
        error_ratio=failed / total if total else None,
        latency_ms=busy / total if total and busy else None,
    )
