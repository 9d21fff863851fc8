"""How calls went over the last half hour: when something began is found in it.

Three range queries, summed by both ends on the server, and asked as one where they are small. As in the official
dashboards the source (or the waypoint) speaks for a request, and the destination only for callers that report nothing.
What was read before is kept and only what is new is asked for, so that following costs two points and not a hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from meshtop.analysis.traffic.metrics import duration_text
from meshtop.analysis.traffic.naming import BLACK_HOLE, PASSTHROUGH, UNKNOWN
from meshtop.model.telemetry import CallCourse, CallEnd, Courses, Telemetry
from meshtop.sources.prometheus.answers import RangeSeries
from meshtop.sources.prometheus.collecting import Collected, collect_ranges
from meshtop.sources.prometheus.engine import Engine
from meshtop.sources.prometheus.joining import Joining
from meshtop.sources.prometheus.promql import Matcher, equal, failures, one_of, selector

SPAN_SECONDS = 1800.0
STEP_SECONDS = 15.0
WINDOWS = (60.0, 180.0)
"""Rates look back so far: one that is short tells when; where scrapes are rarer than that allows, the longer one."""
ALL_UP_TO = 100
"""Up to so many called workloads the courses of all of them are read."""
MOST_CHOSEN = 40
"""Of more, these: those with the most errors. Their names must fit into a request line."""

_ENDS = (
    "source_cluster", "source_workload_namespace", "source_workload",
    "destination_cluster", "destination_workload_namespace", "destination_workload", "destination_service",
    "destination_service_name",
)  # fmt: skip
_Key = tuple[CallEnd, CallEnd, str]
_Points = dict[_Key, dict[int, float]]


def course_queries(
    window_seconds: float, matchers: Mapping[str, str], workloads: Collection[str] | None = None
) -> Mapping[str, str]:
    """Requests, errors and busy milliseconds per second by both ends; `workloads` are the called ones, None for all."""
    window = duration_text(window_seconds)
    only = () if workloads is None else (one_of("destination_workload", workloads),)
    speakers = (
        (one_of("reporter", ("source", "waypoint")), *only, *equal(matchers)),
        (Matcher("reporter", "=", "destination"), Matcher("source_workload", "=", "unknown"), *only, *equal(matchers)),
    )

    def summed(selectors: Sequence[str]) -> str:
        return f"sum by ({', '.join(_ENDS)}) ({' or '.join(f'rate({one}[{window}])' for one in selectors)})"

    return {
        "requests": summed([selector("istio_requests_total", one) for one in speakers]),
        "errors": summed(
            [selector("istio_requests_total", (*which, *one)) for one in speakers for which in failures()]
        ),
        "busy_ms": summed([selector("istio_request_duration_milliseconds_sum", one) for one in speakers]),
    }


class CourseReader:
    """Reads the courses of one cluster, and keeps what it read."""

    def __init__(self) -> None:
        self._points: dict[str, _Points] = {}
        self._last: float | None = None
        self._window = WINDOWS[0]
        self._chosen: frozenset[str] | None = None
        self._joining = Joining()

    async def read(
        self, engine: Engine, telemetry: Telemetry, *, matchers: Mapping[str, str], end: float
    ) -> Courses | None:
        """The half hour that ends at `end` (Unix seconds); None where nothing came."""
        last = end - end % STEP_SECONDS
        first = last - SPAN_SECONDS
        chosen = called_most(telemetry)
        fits = self._last is not None and first <= self._last <= last and chosen == self._chosen
        begin = self._last + STEP_SECONDS if fits and self._last is not None else first
        if not fits:
            # Half an hour of many calls is not small, as what is new in it is.
            self._points, self._joining = {}, Joining()
        if begin <= last:
            # The newest point is asked for again the next time: a scrape that came late changes it.
            fresh = await self._ask(engine, matchers, chosen, begin, last)
            if fresh is None:
                return None
            if not fits and not fresh["requests"] and telemetry.requests and self._window == WINDOWS[0]:
                self._window = WINDOWS[1]
                fresh = await self._ask(engine, matchers, chosen, begin, last) or fresh
            for name, points in fresh.items():
                kept = self._points.setdefault(name, {})
                for key, values in points.items():
                    kept.setdefault(key, {}).update(values)
            self._last, self._chosen = last - STEP_SECONDS, chosen
        return self._courses(first, last)

    async def _ask(
        self, engine: Engine, matchers: Mapping[str, str], chosen: frozenset[str] | None, begin: float, last: float
    ) -> dict[str, _Points] | None:
        queries = course_queries(self._window, matchers, None if chosen is None else sorted(chosen))
        answers = await collect_ranges(engine, queries, self._joining, start=begin, end=last, step=STEP_SECONDS)
        if any(one.failure is not None for one in answers.values()):
            return None
        return {name: _points_of(one) for name, one in answers.items()}

    def _courses(self, first: float, last: float) -> Courses:
        count = int((last - first) // STEP_SECONDS) + 1
        times = tuple(first + i * STEP_SECONDS for i in range(count))
        keys = [round(at) for at in times]
        begin = keys[0]
        for points in self._points.values():
            for key, values in tuple(points.items()):
                # Nearly all stand in the order of time; one that stands behind a newer one goes with that.
                while values and (oldest := next(iter(values))) < begin:
                    del values[oldest]
                if not values:
                    del points[key]
        errors, busy = self._points.get("errors", {}), self._points.get("busy_ms", {})
        calls = []
        for key, requests in self._points.get("requests", {}).items():
            failed, took, asked = errors.get(key, {}), busy.get(key, {}), tuple(map(requests.get, keys))
            # Where there are requests and no failing series, none failed.
            none_failed = [None if rate is None else 0.0 for rate in asked]
            calls.append(
                CallCourse(
                    source=key[0],
                    destination=key[1],
                    service=key[2],
                    requests=asked,
                    errors=tuple(map(failed.get, keys, none_failed) if failed else none_failed),
                    busy_ms=tuple(map(took.get, keys)),
                )
            )
        return Courses(times=times, window_seconds=self._window, calls=tuple(calls))


def _points_of(answer: Collected[RangeSeries]) -> _Points:
    found: _Points = {}
    for labels, values in (series for part in answer.parts for series in part.items):
        said = [labels.get(label, "") for label in _ENDS]
        # What leads nowhere is one thing to whoever counts calls, whatever hosts were asked for.
        service = said[7] if said[7] in (BLACK_HOLE, PASSTHROUGH) or said[6] in ("", UNKNOWN) else said[6]
        key = ((said[0], said[1], said[2]), (said[3], said[4], said[5]), service)
        found.setdefault(key, {}).update((round(at), value) for at, value in values)
    return found


def called_most(telemetry: Telemetry) -> frozenset[str] | None:
    """The names of the called workloads to read in a big cluster, those with the most errors first; None for all."""
    failing: dict[str, float] = {}
    for sample in telemetry.requests:
        code = sample.labels.response_code
        bad = sample.value if code == "0" or code.startswith("5") else 0.0
        name = sample.labels.destination_workload
        failing[name] = failing.get(name, 0.0) + bad
    if len(failing) <= ALL_UP_TO:
        return None
    return frozenset(sorted(failing, key=lambda name: (-failing[name], name))[:MOST_CHOSEN])
