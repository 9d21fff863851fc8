"""Courses, the last hour and the counts of routes are asked as one where they were small, and are told the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import pytest

from meshtop.model.state import State
from meshtop.observatory.canaries import RouteToCount, count_routes
from meshtop.sources.prometheus.answers import QueryFailed
from meshtop.sources.prometheus.collecting import collect_ranges
from meshtop.sources.prometheus.counts import route_counts
from meshtop.sources.prometheus.engine import Engine
from meshtop.sources.prometheus.joining import MARK, Joining, split_ranges
from meshtop.sources.prometheus.labelsets import LabelSets
from meshtop.sources.prometheus.series import SeriesReader
from tests.sources.prometheus.fake import NOW

_MARKS = re.compile(rf'"{MARK}", "(\w+)", "", ""\)')
EXPRESSIONS = {"one": "rate(a[5m])", "two": "rate(b[5m])", "three": "rate(c[5m])"}


class MarkingEngine:
    """Answers each expression with two series whose values tell the expressions apart; marked where it is marked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.label_sets = LabelSets()
        self.url = "http://engine.example"
        self.refuses: str | None = None
        self.says: dict[str, Any] = {}

    def _answer(self, expression: str, kind: str, more: Mapping[str, Any]) -> bytes:
        self.asked.append(expression)
        if self.refuses is not None and self.refuses in expression:
            raise QueryFailed(State.PARTIAL, "too many samples", too_much=True)
        parts = [("", expression)]
        if MARK in expression:
            ends = [(found[1], found.end()) for found in _MARKS.finditer(expression)]
            begins = [0, *(end + len(" or ") for _, end in ends)]
            cuts = [expression[a:b] for a, (_, b) in zip(begins, ends, strict=False)]
            parts = [
                (name, cut.removeprefix("label_replace(").split(f', "{MARK}"')[0])
                for (name, _), cut in zip(ends, cuts, strict=True)
            ]
        result = []
        for name, inner in parts:
            for reporter in ("source", "destination"):
                labels = {"reporter": reporter, **({MARK: name} if name else {})}
                number = str(sum(map(ord, inner)) + len(reporter))
                result.append({"metric": labels, **{k: v(number) for k, v in more.items()}})
        said = {"status": "success", "data": {"resultType": kind, "result": result}, **self.says}
        return json.dumps(said).encode()

    async def query(self, expression: str, *, at: float | None = None) -> bytes:
        return self._answer(expression, "vector", {"value": lambda number: [at, number]})

    async def query_range(self, expression: str, *, start: float, end: float, step: float) -> bytes:
        return self._answer(expression, "matrix", {"values": lambda number: [[start, number], [end, number]]})


async def ranges(engine: MarkingEngine, joining: Joining) -> dict[str, Any]:
    engine.asked.clear()
    found = await collect_ranges(cast(Engine, engine), EXPRESSIONS, joining, start=0.0, end=15.0, step=15.0)
    return {name: (one.failure, [item for part in one.parts for item in part.items]) for name, one in found.items()}


async def test_ranges_are_asked_as_one_from_the_second_time_on() -> None:
    engine, joining = MarkingEngine(), Joining()
    first = await ranges(engine, joining)
    assert engine.asked == list(EXPRESSIONS.values())
    assert await ranges(engine, joining) == first
    assert len(engine.asked) == 1
    assert all(len(series) == 2 for _, series in first.values())
    assert len({str(series) for _, series in first.values()}) == len(EXPRESSIONS)


async def test_ranges_that_go_wrong_together_are_asked_one_by_one_at_once() -> None:
    engine, joining = MarkingEngine(), Joining()
    first = await ranges(engine, joining)
    engine.refuses = MARK
    assert await ranges(engine, joining) == first
    assert engine.asked[1:] == list(EXPRESSIONS.values())
    await ranges(engine, joining)
    assert engine.asked == list(EXPRESSIONS.values()), "and so for a while"


async def test_one_range_that_fails_costs_the_others_nothing() -> None:
    engine, joining = MarkingEngine(), Joining()
    first = await ranges(engine, joining)
    engine.refuses = EXPRESSIONS["two"]
    found = await ranges(engine, joining)
    assert isinstance(found["two"][0], QueryFailed)
    assert {name: found[name] for name in ("one", "three")} == {name: first[name] for name in ("one", "three")}


def matrix(*metrics: Any, **more: Any) -> bytes:
    result = [{"metric": one, "values": [[0, "1"]]} for one in metrics]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more}).encode()


@pytest.mark.parametrize(
    "body",
    [
        matrix({MARK: "one"}, {"reporter": "source"}),
        matrix({MARK: "four"}),
        matrix({MARK: "one"}, {MARK: "one", "reporter": 7}),
        matrix({MARK: "one"}, warnings=["a shard is missing"]),
        matrix({MARK: "one"}, isPartial=True),
        b"<html>",
    ],
    ids=["no mark", "another mark", "an odd label", "a warning", "partial", "a page"],
)
async def test_ranges_in_doubt_are_none(body: bytes) -> None:
    assert await split_ranges(body, tuple(EXPRESSIONS)) is None


ROUTES = [
    RouteToCount("shop/cart#0", NOW - 600, ("cart.shop.svc.cluster.local",), tcp=False),
    RouteToCount("shop/till#0", NOW - 900, ("till.shop.svc.cluster.local",), tcp=False),
    RouteToCount("shop/base#0", NOW - 900, ("base.shop.svc.cluster.local",), tcp=True),
]


def reader_on(engine: MarkingEngine) -> SeriesReader:
    return SeriesReader("east", engine=cast(Engine, engine), matchers={}, headers={}, clock=lambda: NOW)


async def test_the_counts_of_routes_are_asked_as_few_from_the_second_time_on_and_are_the_same() -> None:
    engine = MarkingEngine()
    reader = reader_on(engine)
    first = await count_routes(reader, ROUTES, NOW)
    assert len(engine.asked) == 5
    engine.asked.clear()
    assert await count_routes(reader, ROUTES, NOW) == first
    assert len(engine.asked) < 5
    assert all(MARK in question for question in engine.asked)
    alone = [
        await route_counts(reader, labels=[r.label], hosts=r.hosts, since=r.since, at=NOW, tcp=r.tcp, http=not r.tcp)
        for r in ROUTES
    ]
    assert sorted(alone, key=lambda one: one.labels) == sorted(first, key=lambda one: one.labels)


@pytest.mark.parametrize(("refuses", "says"), [(MARK, {}), (None, {"warnings": ["a shard is missing"]})])
async def test_counts_in_doubt_are_asked_one_by_one_at_once(refuses: str | None, says: dict[str, Any]) -> None:
    engine = MarkingEngine()
    reader = reader_on(engine)
    first = await count_routes(reader, ROUTES, NOW)
    engine.asked.clear()
    engine.refuses, engine.says = refuses, says
    assert await count_routes(reader, ROUTES, NOW) == first
    assert len([question for question in engine.asked if MARK not in question]) == 5


async def test_counts_that_fail_cost_their_routes_alone() -> None:
    engine = MarkingEngine()
    reader = reader_on(engine)
    first = await count_routes(reader, ROUTES, NOW)
    engine.refuses = "cart"
    found = await count_routes(reader, ROUTES, NOW)
    assert [one for one in first if one.labels != ("shop/cart#0",)] == list(found)
