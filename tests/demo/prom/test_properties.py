"""What must hold for any expression, without a real Prometheus to ask."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.demo.prom.columns import identity
from meshtop.demo.prom.engine import Answer, Engine
from meshtop.demo.prom.errors import ExecutionError
from meshtop.demo.prom.numbers import format_value, parse_float
from tests.demo.prom import corpus
from tests.demo.prom.expressions import vectors
from tests.demo.prom.static import StaticSource


@cache
def engine() -> Engine:
    return Engine(StaticSource(corpus.series()))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(query=vectors(), start=st.integers(0, 2000), step=st.integers(1, 300), steps=st.integers(1, 5))
def test_a_range_query_is_an_instant_query_at_each_step(query: str, start: int, step: int, steps: int) -> None:
    first = corpus.START_MS + start * 1000
    times = [first + index * step * 1000 for index in range(steps)]
    query = query.replace("end()", str(times[-1] / 1000))
    try:
        ranged = engine().over(query, times[0], times[-1], step * 1000)
    except ExecutionError:
        return
    for index, time in enumerate(times):
        assert shown(engine().instant(query, time), 0) == shown(ranged, index)


def shown(answer: Answer, step: int) -> dict[object, str]:
    """The series of an answer that have a value at a step, with that value."""
    return {identity(c.labels): format_value(v) for c in answer.vector if (v := c.values[step]) is not None}


@given(st.floats())
def test_formatted_numbers_read_back(value: float) -> None:
    text = format_value(value)
    assert "e" not in text
    back = parse_float(text)
    assert back is not None
    assert repr(back) == repr(value)
