"""Small questions are asked as one, are answered as if each was asked by itself, and never cost each other anything."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Response

from meshtop.analysis.traffic.metrics import CONTROL, TRAFFIC
from meshtop.model.state import State
from meshtop.sources.prometheus.answers import decode_samples
from meshtop.sources.prometheus.engine import LONGEST_GET, encoded_length
from meshtop.sources.prometheus.joining import (
    APART_SECONDS,
    LATE_SECONDS,
    MARK,
    MOST_LATE,
    MOST_SERIES,
    SOON_SECONDS,
    Joining,
    asked_together,
    split_samples,
    split_scalars,
)
from meshtop.sources.prometheus.labelsets import LabelSets
from meshtop.sources.prometheus.source import CONTROL_EVERY_SECONDS, PrometheusSource
from tests.patience import PATIENCE_SECONDS
from tests.sources.prometheus.fake import (
    NOW,
    PROMETHEUS,
    FakePrometheus,
    refusal,
    series,
    telemetry_of,
    vector,
)

TWO = {"a": "up", "b": "down"}


def seen(**sizes: tuple[int, float]) -> Joining:
    joining = Joining()
    joining.begin(300)
    for name, (count, seconds) in sizes.items():
        joining.saw(name, count, seconds)
    return joining


@pytest.mark.parametrize(
    ("joining", "expected"),
    [
        (seen(), []),
        (seen(a=(1, 0.1)), []),
        (seen(a=(1, 0.1), b=(2, 0.1)), [("a", "b")]),
        (seen(a=(MOST_SERIES, 0.1), b=(0, 0.1)), [("a", "b")]),
        (seen(a=(MOST_SERIES, 0.1), b=(1, 0.1)), []),
        (seen(a=(1, SOON_SECONDS), b=(1, 0.1)), []),
    ],
    ids=["never asked", "one known", "small", "just small enough", "too many series", "too late"],
)
def test_what_was_small_and_came_soon_is_joined(joining: Joining, expected: list[tuple[str, ...]]) -> None:
    assert joining.groups(TWO, 0.0) == expected


def test_a_big_one_does_not_keep_the_others_apart() -> None:
    joining = seen(a=(1, 0.1), b=(MOST_SERIES, 0.1), c=(2, 0.1))
    assert joining.groups({**TWO, "c": "side"}, 0.0) == [("a", "c")]


def test_the_shortest_time_counts() -> None:
    joining = seen(a=(1, 0.1), b=(1, 0.1))
    joining.saw("a", 1, 10 * SOON_SECONDS)
    assert joining.groups(TWO, 0.0) == [("a", "b")]


def test_another_window_is_another_question() -> None:
    joining = seen(a=(1, 0.1), b=(1, 0.1))
    joining.begin(300)
    assert joining.groups(TWO, 0.0)
    joining.begin(3600)
    assert not joining.groups(TWO, 0.0)


def test_what_is_too_long_for_a_request_line_becomes_several() -> None:
    long = {name: f"metric_{name * (LONGEST_GET // 5)}" for name in "abcdef"}
    joining = seen(**dict.fromkeys(long, (1, 0.01)))
    groups = joining.groups(long, 0.0)
    assert [name for group in groups for name in group] == list(long)
    assert len(groups) > 1
    assert all(len(asked_together({n: long[n] for n in group})) < LONGEST_GET for group in groups)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_length_is_what_forms_make_of_a_text(text: str) -> None:
    assert encoded_length(text) == len(quote_plus(text))


def test_after_one_that_did_not_go_well_they_are_asked_one_by_one_for_a_while() -> None:
    joining = seen(a=(1, 0.1), b=(1, 0.1))
    joining.keep_apart(100.0)
    for name in TWO:
        joining.saw(name, 1, 0.1)
    assert not joining.groups(TWO, 99.0 + APART_SECONDS)
    assert joining.groups(TWO, 100.0 + APART_SECONDS)


def test_late_ones_in_a_row_are_asked_one_by_one() -> None:
    joining = seen(a=(1, 0.1), b=(1, 0.1))
    for late in [1, 0, *[1] * (MOST_LATE - 1)]:
        joining.came({"a": 1, "b": 1}, LATE_SECONDS + late, 0.0) if late else joining.came({"a": 1, "b": 1}, 0.1, 0.0)
        assert joining.groups(TWO, 0.0)
    joining.came({"a": 1, "b": 1}, LATE_SECONDS + 1, 0.0)
    assert not joining.groups(TWO, 0.0)


def answer(*metrics: str, **more: Any) -> bytes:
    result = ",".join(f'{{"metric":{metric},"value":[0,"{i}"]}}' for i, metric in enumerate(metrics))
    said = {"status": "success", "data": {"resultType": "vector", "result": []}, **more}
    return json.dumps(said).replace('"result": []', f'"result":[{result}]').encode()


@pytest.mark.parametrize(
    ("joined", "alone"),
    [
        ('{"meshtop_asked":"a"}', "{}"),
        ('{"meshtop_asked":"a","reporter":"source"}', '{"reporter":"source"}'),
        ('{"le":"1","meshtop_asked":"a"}', '{"le":"1"}'),
        ('{"le": "1", "meshtop_asked": "a"}', '{"le": "1"}'),
        ('{ "meshtop_asked" : "a" , "le" : "1" }', '{ "le" : "1" }'),
        ('{"le":"1","meshtop_asked":"a","reporter":"source"}', '{"le":"1","reporter":"source"}'),
        (
            r'{"le":"\"meshtop_asked\":\"b\",","meshtop_asked":"a","reporter":"source"}',
            r'{"le":"\"meshtop_asked\":\"b\",","reporter":"source"}',
        ),
    ],
)
async def test_labels_are_the_same_objects_as_if_it_was_asked_alone(joined: str, alone: str) -> None:
    sets = LabelSets()
    parts = await split_samples(answer(joined), ("a", "b"), sets)
    (expected,) = (await decode_samples(answer(alone), sets)).items
    assert parts is not None
    assert parts["b"].items == []
    (item,) = parts["a"].items
    assert item.labels is expected.labels


@pytest.mark.parametrize(
    "body",
    [
        answer('{"reporter":"source"}'),
        answer('{"meshtop_asked":"c"}'),
        answer('{"meshtop_asked":"a"}', '{"meshtop_asked":"a","le":7}'),
        answer('{"meshtop_asked":"a"}', warnings=["a shard is missing"]),
        answer('{"meshtop_asked":"a"}', isPartial=True),
    ],
    ids=["no mark", "another mark", "an odd label", "a warning", "partial"],
)
async def test_an_answer_in_doubt_is_none(body: bytes) -> None:
    assert await split_samples(body, ("a", "b"), LabelSets()) is None


@pytest.mark.parametrize(
    "body",
    [
        answer('{"__name__":"pilot_xds"}'),
        answer('{"__name__":"pilot_xds","meshtop_asked":"c"}'),
        answer('{"meshtop_asked":"a"}', '{"meshtop_asked":"a","le":7}'),
        answer('{"meshtop_asked":"a"}', warnings=["a shard is missing"]),
    ],
)
async def test_so_is_one_about_the_control_plane(body: bytes) -> None:
    assert await split_scalars(body, ("a", "b"), "metric") is None


async def test_what_has_no_number_is_counted_for_its_question() -> None:
    body = answer('{"meshtop_asked":"a"}', '{"meshtop_asked":"b"}').replace(b'"1"', b'"NaN"')
    parts = await split_samples(body, ("a", "b"), LabelSets())
    assert parts is not None
    assert [(len(part.items), part.dropped) for part in parts.values()] == [(1, 0), (0, 1)]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def told(query: str) -> Any:
    """Two series for each marked question, one for a plain one's metric; their value is the question's number."""
    names = [metric.field for metric in TRAFFIC] + [group.query for group in CONTROL]
    marks = [name for name in names if f'"{MARK}", "{name}"' in query]
    if marks:
        return vector(*(series(str(names.index(name)), reporter="source", **{MARK: name}) for name in marks))
    for metric in TRAFFIC:
        if f"({metric.name}[5m]" in query:
            return vector(series(str(names.index(metric.field)), reporter="source"))
    for group in CONTROL:
        if all(name in query for name in group.names):
            return vector(series(str(names.index(group.query)), reporter="source"))
    return vector()


def source_on(fake: FakePrometheus, clock: Clock) -> PrometheusSource:
    return PrometheusSource(cluster="east", connection=fake.wire(), clock=clock, timeout=PATIENCE_SECONDS)


async def refreshed(source: PrometheusSource, fake: FakePrometheus, clock: Clock) -> list[str]:
    """The questions of a refresh that asks about the control plane too."""
    clock.now += CONTROL_EVERY_SECONDS
    fake.asked.clear()
    await source.refresh([PROMETHEUS], window_seconds=300)
    besides = ("count({", "meshtop:istio", "count_over_time")
    return [query for query in fake.queries if not any(one in query for one in besides)]


async def test_the_second_refresh_asks_two_questions_and_is_told_the_same(httpserver: HTTPServer) -> None:
    fake, clock = FakePrometheus(httpserver, told), Clock()
    source = source_on(fake, clock)
    # Those about the control plane are few in any installation.
    assert len(await refreshed(source, fake, clock)) == len(TRAFFIC) + 1
    first = telemetry_of(source)
    assert len(await refreshed(source, fake, clock)) == 2
    second = telemetry_of(source)
    assert source.status.state is State.FRESH
    for metric in TRAFFIC:
        before, after = getattr(first, metric.field), getattr(second, metric.field)
        assert [s.value for s in before] == [s.value for s in after] != []
        assert all(a.labels is b.labels for a, b in zip(before, after, strict=True)), "plans of the counting stay"
    assert sorted(s.value for s in first.control) == sorted(s.value for s in second.control)


@pytest.mark.parametrize("said", [refusal("too many samples"), vector(series("1", reporter="source"))])
async def test_what_goes_wrong_together_is_asked_one_by_one_at_once(httpserver: HTTPServer, said: Any) -> None:
    fake, clock = FakePrometheus(httpserver, told), Clock()
    source = source_on(fake, clock)
    await refreshed(source, fake, clock)
    first = telemetry_of(source)
    fake.decide = lambda query: said if MARK in query else told(query)
    asked = await refreshed(source, fake, clock)
    assert len([query for query in asked if MARK not in query]) == len(TRAFFIC) + len(CONTROL)
    assert source.status.state is State.FRESH
    assert [s.value for s in telemetry_of(source).requests] == [s.value for s in first.requests]
    assert not [query for query in await refreshed(source, fake, clock) if MARK in query]


async def test_a_metric_that_is_missing_of_a_joined_answer_is_not_there(httpserver: HTTPServer) -> None:
    fake, clock = FakePrometheus(httpserver, told), Clock()
    source = source_on(fake, clock)
    await refreshed(source, fake, clock)

    def without_bytes(query: str) -> Any:
        said = told(query)
        said["data"]["result"] = [r for r in said["data"]["result"] if "tcp" not in r["metric"].get(MARK, "")]
        return said

    fake.decide = without_bytes
    await refreshed(source, fake, clock)
    assert source.status.state is State.FRESH
    assert telemetry_of(source).requests
    assert not telemetry_of(source).tcp_sent


async def test_a_metric_that_grows_is_asked_for_alone(httpserver: HTTPServer) -> None:
    fake, clock = FakePrometheus(httpserver, told), Clock()
    source = source_on(fake, clock)
    await refreshed(source, fake, clock)
    many = [series("1", reporter="source", source_workload=f"w{i}", **{MARK: "requests"}) for i in range(MOST_SERIES)]

    def grown(query: str) -> Any:
        said = told(query)
        if f'"{MARK}", "requests"' in query:
            said["data"]["result"] += many
        return said

    fake.decide = grown
    await refreshed(source, fake, clock)
    assert len(telemetry_of(source).requests) == MOST_SERIES + 1
    asked = await refreshed(source, fake, clock)
    (alone,) = [query for query in asked if "istio_requests_total[5m]" in query]
    assert MARK not in alone
    assert len([query for query in asked if MARK in query]) == 2


async def test_a_server_that_is_gone_is_not_asked_once_more_for_each_metric(httpserver: HTTPServer) -> None:
    fake, clock = FakePrometheus(httpserver, told), Clock()
    source = source_on(fake, clock)
    await refreshed(source, fake, clock)
    fake.decide = lambda query: Response("", 503)
    asked = await refreshed(source, fake, clock)
    assert all(MARK in query for query in asked)
    assert source.status.state is State.STALE


async def test_one_that_ran_out_of_time_is_asked_one_by_one(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, clock = FakePrometheus(httpserver, told), Clock()
    source = source_on(fake, clock)
    await refreshed(source, fake, clock)
    monkeypatch.setattr("meshtop.sources.prometheus.collecting.LATE_SECONDS", 0.0)
    fake.decide = lambda query: Response("", 503) if MARK in query else told(query)
    await refreshed(source, fake, clock)
    assert source.status.state is State.FRESH
    assert telemetry_of(source).requests
