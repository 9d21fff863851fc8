"""A short answer is taken apart in one pass, a long one series by series: both say the same, also of odd ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtop.sources.prometheus import answers
from meshtop.sources.prometheus.answers import QueryFailed, decode_samples
from meshtop.sources.prometheus.labelsets import LabelSets, _mark

METRICS = st.one_of(
    st.dictionaries(
        st.sampled_from(("reporter", "source_workload", "le", "job")),
        st.one_of(st.sampled_from(("web", "c\u00e4rt", '"', "\ud83d\ude00", "")), st.just(1)),
        max_size=3,
    ),
    st.sampled_from((None, [], "web")),
)
VALUES = st.sampled_from(
    ([1.0, "2.5"], [1, "0"], [1.0, "NaN"], [1.0, "+Inf"], [1.0, "much"], [1.0, 2.5], [1.0], None, "3", [1.0, "1", "2"])
)
SERIES = st.one_of(
    st.fixed_dictionaries({"metric": METRICS}, optional={"value": VALUES, "extra": st.just({"a": [1]})}),
    st.fixed_dictionaries({"metric": st.just({"reporter": "source"}), "value": st.just([1.0, "2.5"])}),
    st.sampled_from((None, 1, {}, [])),
)
FRAMES = st.fixed_dictionaries(
    {"status": st.sampled_from(("success", "success", "success", "error"))},
    optional={
        "warnings": st.just(["slow"]),
        "infos": st.just(["odd"]),
        "isPartial": st.booleans(),
        "error": st.just("too many samples"),
    },
)
TYPES = st.sampled_from(("vector", "vector", "", "matrix"))


async def told(body: bytes) -> tuple[Any, ...]:
    try:
        found = await decode_samples(body, LabelSets())
    except QueryFailed as error:
        return ("failed", str(error), error.state, error.too_much)
    return (found.items, found.dropped, found.odd, found.notes, found.partial)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FRAMES, TYPES, st.lists(SERIES, max_size=5), st.integers(0, 400))
async def test_one_pass_says_what_many_say(
    monkeypatch: pytest.MonkeyPatch, frame: dict[str, Any], kind: str, series: list[Any], cut: int
) -> None:
    body = json.dumps({**frame, "data": {"resultType": kind, "result": series}}).encode()
    for whole in (body, body[:cut], body.replace(b"web", b"w\xff")):
        with monkeypatch.context() as patched:
            patched.setattr(answers, "_SHORT", -1)
            expected = await told(whole)
        assert await told(whole) == expected


@given(st.lists(st.binary(max_size=40), unique=True, min_size=2, max_size=8))
def test_no_two_texts_have_one_mark(texts: list[bytes]) -> None:
    assert len({_mark(text) for text in texts}) == len(texts)


def test_a_mark_tells_also_where_one_of_its_hashes_is_the_same() -> None:
    """A text that ends with what the second hash adds is not the text before it."""
    assert len({_mark(text) for text in (b"a", b"a\0", b"a\0\0", b"")}) == 4
