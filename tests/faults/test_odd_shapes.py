"""Answers of shapes that nobody has seen: each costs its object, its series or its question, and is never an exception
that nobody expects."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.sources.http.limits import DEEPEST
from meshtop.sources.kubernetes.kinds import BUILTIN, CONFIG, IDENTITY, REGISTRIES, REMOTE_SECRETS, WEBHOOKS, codec
from meshtop.sources.kubernetes.watches import decode_events
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem
from meshtop.sources.prometheus.answers import (
    QueryFailed,
    decode_labelled_matrix,
    decode_samples,
    decode_scalars,
    decode_split,
    error_of,
)

_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", "True", "0001-01-01"]),
)
_NAMES = """name namespace labels annotations resourceVersion creationTimestamp ownerReferences spec status ports port
metric conditions containers items template replicas endpoints addresses value values result resultType le"""
_WORDS = st.sampled_from(_NAMES.split())
ANYTHING = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4), max_leaves=12
)
KINDS = [(kind.key, codec(kind, kind.versions[0])) for kind in (*BUILTIN, *CONFIG, *IDENTITY, *REGISTRIES)]
CODECS = dict([*KINDS, ("Secret", REMOTE_SECRETS), ("Webhook", WEBHOOKS)])


def text_of(value: Any) -> bytes:
    """As JSON, with the NaN and Infinity that some servers write."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


@given(st.sampled_from(sorted(CODECS)), ANYTHING, ANYTHING, ANYTHING)
@settings(max_examples=120, deadline=None)
def test_an_odd_object_costs_itself(name: str, metadata: Any, spec: Any, status: Any) -> None:
    good = {"metadata": {"name": "good"}}
    odd = {"metadata": metadata, "spec": spec, "status": status}
    try:
        page = CODECS[name].page(text_of({"items": [good, odd, good]}))
    except NOT_UNDERSTOOD:
        # Text that is no JSON (NaN) has no rows to be told apart.
        with pytest.raises(ValueError):
            json.loads(text_of(odd), parse_constant=_refuse)
        return
    assert len(page.objects) + len(page.odd) == 3
    assert page.objects[0].meta.name == "good" if hasattr(page.objects[0], "meta") else page.objects[0].name == "good"


def _refuse(constant: str) -> None:
    raise ValueError(constant)


@given(st.sampled_from(sorted(CODECS)), ANYTHING)
@settings(max_examples=60, deadline=None)
def test_an_odd_list_is_said_to_be_one(name: str, document: Any) -> None:
    try:
        CODECS[name].page(text_of(document))
    except NOT_UNDERSTOOD:
        return


@given(st.lists(ANYTHING, max_size=3), st.sampled_from(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "NEW"]))
@settings(max_examples=60, deadline=None)
def test_an_odd_event_is_a_problem_of_its_watch(objects: list[Any], kind: str) -> None:
    lines = [text_of({"type": kind, "object": item}) for item in objects]
    try:
        decode_events(lines, CODECS["Pod"])
    except SourceProblem:
        return
    except NOT_UNDERSTOOD:
        return


def nested(levels: int) -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(("levels", "kept"), [(DEEPEST // 2, 2), (DEEPEST + 1, 1), (700, 1)])
def test_what_is_nested_too_deep_is_left_out(levels: int, kept: int) -> None:
    """Later it would end in whatever walks through it."""
    items = [{"metadata": {"name": "good"}}, {"metadata": {"name": "deep"}, "spec": nested(levels)}]
    page = CODECS["VirtualService"].page(json.dumps({"items": items}).encode())
    assert len(page.objects) == kept
    assert list(page.odd) == ([] if kept == 2 else [("", "deep")])


SERIES = st.fixed_dictionaries({"metric": ANYTHING, "value": ANYTHING}) | ANYTHING


def answer(result: Any, result_type: Any = "vector") -> bytes:
    return text_of({"status": "success", "data": {"resultType": result_type, "result": result}})


GOOD = {"metric": {"reporter": "source"}, "value": [1.0, "1"]}


@given(st.lists(SERIES, max_size=4), ANYTHING | st.just("vector") | st.just("matrix"))
@settings(max_examples=60, deadline=None)
def test_an_odd_answer_of_prometheus_is_a_failed_query(series: list[Any], result_type: Any) -> None:
    body = answer(series, result_type)

    async def everything() -> None:
        for asking in (decode_samples(body), decode_scalars(body, "metric"), decode_split(body, "cluster")):
            with contextlib.suppress(QueryFailed):
                await asking

    asyncio.run(everything())
    try:
        decode_labelled_matrix(body)
    except QueryFailed:
        return


@pytest.mark.parametrize(
    "odd",
    [
        {"metric": {"reporter": 7}, "value": [1.0, "1"]},
        {"metric": {"reporter": ["a"]}, "value": [1.0, "1"]},
        {"metric": [], "value": [1.0, "1"]},
        {"metric": {}, "value": [1.0, 1]},
        {"metric": {}, "value": ["x", "1"]},
        {"metric": {}, "value": [1.0, "1,5"]},
        {"metric": {}, "value": []},
        {"value": [1.0, "1"]},
        7,
        None,
    ],
)
async def test_an_odd_series_costs_itself_and_is_told(odd: Any) -> None:
    body = answer([GOOD, odd, GOOD])
    samples = await decode_samples(body)
    assert (len(samples.items), samples.odd, samples.partial) == (2, 1, True)
    split = await decode_split(body, "cluster")
    assert (len(split.parts[""]), split.vector.odd) == (2, 1)
    with pytest.raises(QueryFailed, match="not what Prometheus writes"):
        await decode_samples(answer([odd]))


async def test_a_label_that_is_no_text_costs_its_series() -> None:
    body = answer([GOOD, GOOD]).replace(b'"source"', b'"so\xffrce"', 1)
    samples = await decode_samples(body)
    assert (len(samples.items), samples.odd) == (1, 1)
    scalars = await decode_scalars(body, "metric")
    assert (len(scalars.items), scalars.odd) == (1, 1)


@pytest.mark.parametrize("levels", [1_000, 100_000])
async def test_depth_is_no_answer(levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    for body in (deep, b'{"status": "success", "data": {"resultType": "vector", "result": ' + deep + b"}}"):
        for asking in (decode_samples(body), decode_scalars(body, ""), decode_split(body, "cluster")):
            with pytest.raises(QueryFailed):
                await asking
        with pytest.raises(QueryFailed):
            decode_labelled_matrix(body)
        error_of(body)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e999"])
async def test_what_is_no_finite_number_is_no_sample(value: str) -> None:
    samples = await decode_samples(answer([{"metric": {}, "value": [1.0, value]}]))
    assert (samples.items, samples.dropped, samples.odd) == ([], 1, 0)
