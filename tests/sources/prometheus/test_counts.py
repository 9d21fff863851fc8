"""Requests counted between two moments: also those of a series that appears within them, from its first scrape on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from meshtop.demo.prom.engine import Engine
from meshtop.model.telemetry import Labels, Sample
from meshtop.sources.prometheus.counts import CountsQuestion, route_counts
from meshtop.sources.prometheus.joining import MARK, asked_together
from tests.demo.prom.static import StaticSeries, StaticSource, to_openmetrics
from tests.realprom import RealPrometheus

BEGAN, STEP, POINTS = 1_700_000_000, 15, 81
SINCE, AT = BEGAN + 600, BEGAN + 1200
FIRST = 44
"""The scrape at which a series appears within the counted time: a minute after it began."""
HOST = "reviews.shop.svc.cluster.local"


def series(name: str, instance: str, values: Mapping[int, float], **labels: str) -> StaticSeries:
    times = [1000 * (BEGAN + STEP * number) for number in values]
    return StaticSeries({"__name__": name, "job": "pods", "instance": instance, **labels}, times, list(values.values()))


def requests(instance: str, code: str, values: Mapping[int, float]) -> StaticSeries:
    return series("istio_requests_total", instance, values, destination_service=HOST, response_code=code)


def up(instance: str, values: Mapping[int, float]) -> StaticSeries:
    return series("up", instance, values)


ALWAYS = dict.fromkeys(range(POINTS), 1.0)
APPEARS = {number: 7.0 + (number - FIRST) for number in range(FIRST, POINTS)}
"""7 requests at the first scrape, then one at each."""
WORLDS: dict[str, tuple[list[StaticSeries], dict[str, float]]] = {
    "what was there before counts by its increase": (
        [requests("a", "200", {n: 1000.0 + 3 * n for n in range(POINTS)}), up("a", ALWAYS)],
        {"200": 120.0},
    ),
    "what appears counts from zero": (
        [
            requests("a", "200", {n: 3.0 * n for n in range(POINTS)}),
            requests("a", "503", APPEARS),
            up("a", ALWAYS),
        ],
        {"200": 120.0, "503": APPEARS[POINTS - 1]},
    ),
    "what comes back after a gap counts by its increase": (
        [
            requests("a", "200", {n: 50_000.0 + n for n in range(POINTS) if n < 20 or n >= FIRST}),
            up("a", {n: float(n < 20 or n >= FIRST) for n in range(POINTS)}),
        ],
        {"200": 36.0},
    ),
    "where nothing says that it was scraped before it counts by its increase": (
        [requests("a", "200", {n: 50_000.0 + n for n in range(FIRST, POINTS)})],
        {"200": 36.0},
    ),
}


class Answering:
    """A source that answers by `ask`: an instant query at a moment."""

    matchers: Mapping[str, str] = {}
    identity = "p"

    def __init__(self, ask: Callable[[str, float], list[tuple[Mapping[str, str], float]]]) -> None:
        self.ask = ask

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        assert at is not None
        found = self.ask(expression, at)
        return tuple(Sample(Labels(response_code=labels.get("response_code", "")), value) for labels, value in found)


def simulated(world: list[StaticSeries]) -> Answering:
    def ask(expression: str, at: float) -> list[tuple[Mapping[str, str], float]]:
        answer = Engine(StaticSource(world)).instant(expression, round(1000 * at))
        return [(dict(column.labels), v) for column in answer.vector if (v := column.values[0]) is not None]

    return Answering(ask)


def by_code(samples: tuple[Sample, ...]) -> dict[str, float]:
    return {sample.labels.response_code: sample.value for sample in samples}


@pytest.mark.parametrize("name", WORLDS)
async def test_requests_of_a_series_that_appears(name: str) -> None:
    world, expected = WORLDS[name]
    counted = await route_counts(simulated(world), labels=["r"], hosts=[HOST], since=SINCE, at=AT)
    assert by_code(counted.requests) == pytest.approx(expected, rel=0.06)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Answering]]:
    """Each world's series under a host of its own, in one real Prometheus."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus here")
    everything = []
    for number, (world, _) in enumerate(WORLDS.values()):
        for one in world:
            more = {"destination_service": f"h{number}"} if "destination_service" in one.labels else {}
            labels = one.labels | {"instance": f"{number}"} | more
            everything.append(StaticSeries(labels, one.times, one.values))
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with RealPrometheus.on_blocks(folder, to_openmetrics(everything)) as prometheus:

        def ask(expression: str, at: float) -> list[tuple[Mapping[str, str], float]]:
            answer: dict[str, Any] = prometheus.get("query", [("query", expression), ("time", str(at))])[1]
            return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

        yield lambda _: Answering(ask)


@pytest.mark.parametrize("name", WORLDS)
async def test_a_real_prometheus_answers_the_same(name: str, real: Callable[[str], Answering]) -> None:
    host = f"h{list(WORLDS).index(name)}"
    counted = await route_counts(real(name), labels=["r"], hosts=[host], since=SINCE, at=AT)
    assert by_code(counted.requests) == pytest.approx(WORLDS[name][1], rel=0.06)


def test_a_real_prometheus_answers_them_together_as_one_by_one(real: Callable[[str], Answering]) -> None:
    asked = real("").ask
    queries = {
        f"requests_{number}": CountsQuestion(labels=["r"], hosts=[f"h{number}"], since=SINCE, at=AT).queries({})[
            "requests"
        ]
        for number in range(len(WORLDS))
    }
    together: dict[str, list[tuple[dict[str, str], float]]] = {name: [] for name in queries}
    for labels, value in asked(asked_together(queries), AT):
        rest = dict(labels)
        together[rest.pop(MARK)].append((rest, value))
    for name, query in queries.items():
        alone = [(dict(labels), value) for labels, value in asked(query, AT)]
        assert sorted(together[name], key=str) == sorted(alone, key=str) != []
