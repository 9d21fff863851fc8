"""The courses of calls: what is asked, that only what is new is asked again, and what rare scrapes need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from meshtop.model.state import State
from meshtop.model.telemetry import Labels, Sample, Telemetry
from meshtop.sources.prometheus.answers import QueryFailed
from meshtop.sources.prometheus.courses import ALL_UP_TO, MOST_CHOSEN, CourseReader, called_most, course_queries
from meshtop.sources.prometheus.engine import Engine

NOW = 1_785_593_107.0
LAST = 1_785_593_100.0
ENDS = {
    "source_cluster": "east", "source_workload_namespace": "shop", "source_workload": "web-v1",
    "destination_cluster": "east", "destination_workload_namespace": "shop", "destination_workload": "cart-v1",
    "destination_service": "cart.shop.svc.cluster.local",
}  # fmt: skip


class FakeEngine:
    """Answers with ten requests a second, one of which fails, at every step that is asked for."""

    def __init__(self, *, shortest: str = "[1m]") -> None:
        self.asked: list[tuple[str, float, float]] = []
        self.shortest = shortest
        self.broken = False
        self.callers = [ENDS["source_workload"]]
        self.fails = True
        self.silent_at: float | None = None

    async def query_range(self, expression: str, *, start: float, end: float, step: float) -> bytes:
        if self.broken:
            raise QueryFailed(State.UNREACHABLE, "gone")
        self.asked.append((expression, start, end))
        count = int((end - start) // step) + 1
        rate = "1" if "0|5.." in expression else "10"
        times = [start + i * step for i in range(count)]
        values: Sequence[Any] = [[at, rate] for at in times if at != self.silent_at]
        metrics = [{**ENDS, "source_workload": one} for one in self.callers]
        told = (self.shortest in expression or "[3m]" in expression) and (self.fails or rate == "10")
        result = [{"metric": one, "values": values} for one in metrics] if told else []
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def telemetry(*workloads: tuple[str, str, float]) -> Telemetry:
    samples = tuple(Sample(Labels(destination_workload=n, response_code=c), v) for n, c, v in workloads)
    return Telemetry(at=NOW, window_seconds=300.0, requests=samples)


async def read(reader: CourseReader, engine: FakeEngine, end: float = NOW) -> Any:
    return await reader.read(cast(Engine, engine), telemetry(("cart-v1", "200", 10.0)), matchers={}, end=end)


async def test_half_an_hour_at_multiples_of_the_step() -> None:
    courses = await read(CourseReader(), engine := FakeEngine())
    assert (courses.times[0], courses.times[-1], len(courses.times)) == (LAST - 1800, LAST, 121)
    assert len(engine.asked) == 3
    (call,) = courses.calls
    assert (call.source, call.destination) == (("east", "shop", "web-v1"), ("east", "shop", "cart-v1"))
    assert set(call.requests) == {10.0}
    assert set(call.errors) == {1.0}


async def test_only_what_is_new_is_asked_for_and_what_is_old_is_dropped() -> None:
    reader, engine = CourseReader(), FakeEngine()
    await read(reader, engine)
    engine.asked.clear()
    courses = await read(reader, engine, NOW + 30)
    assert {(start, end) for _, start, end in engine.asked} == {(LAST, LAST + 30)}
    assert len(courses.times) == 121
    assert all(value == 10.0 for value in courses.calls[0].requests)


async def test_where_there_are_requests_and_no_failing_series_none_failed() -> None:
    engine = FakeEngine()
    engine.fails, engine.silent_at = False, LAST - 30
    (call,) = (await read(CourseReader(), engine)).calls
    assert call.requests[-4:] == (10.0, None, 10.0, 10.0)
    assert call.errors[-4:] == (0.0, None, 0.0, 0.0)


async def test_scrapes_too_rare_for_a_minute_are_read_over_a_longer_window() -> None:
    courses = await read(CourseReader(), FakeEngine(shortest="[nothing]"))
    assert courses.window_seconds == 180.0
    assert courses.calls


async def test_an_engine_that_fails_gives_nothing_and_costs_nothing() -> None:
    reader, engine = CourseReader(), FakeEngine()
    engine.broken = True
    assert await read(reader, engine) is None
    engine.broken = False
    assert (await read(reader, engine)) is not None


def test_in_a_big_cluster_those_with_errors_are_chosen() -> None:
    quiet = [(f"w{i}", "200", 5.0) for i in range(ALL_UP_TO)]
    assert called_most(telemetry(*quiet)) is None
    chosen = called_most(telemetry(*quiet, ("sick", "503", 1.0)))
    assert chosen is not None
    assert "sick" in chosen
    assert len(chosen) == MOST_CHOSEN


def test_names_and_matchers_are_quoted() -> None:
    queries = course_queries(60.0, {"tenant": 'a"b'}, ["cart.v1"])
    assert all('tenant="a\\"b"' in query and "cart\\\\.v1" in query for query in queries.values())


async def test_two_thousand_callers_that_never_come_again_are_not_kept() -> None:
    reader, engine = CourseReader(), FakeEngine()
    for turn in range(40):
        names = [f"job-{turn}-{one}" for one in range(50)]
        engine.callers = names
        courses = await read(reader, engine, NOW + turn * 150.0)
    assert len(courses.calls) <= 50 * 13, "half an hour's worth"
