"""Numbers and sequences come back as they were, to the last digit, whatever was predicted of them."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.sources.recording.columns import (
    MalformedColumn,
    Number,
    Numbers,
    numbers_read,
    numbers_written,
    sequence_read,
    sequence_written,
)

_NUMBERS = st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1.5])))
_SEQUENCES = st.lists(st.integers(0, 30))


def _bits(values: list[Number]) -> list[bytes | None]:
    # NaN is not NaN, and -0.0 is 0.0 to whoever compares; -0.0 may come back as the 0.0 that was predicted.
    return [None if v is None else struct.pack("d", v if v else 0.0) if not math.isnan(v) else b"nan" for v in values]


@given(_NUMBERS, _NUMBERS)
def test_numbers_come_back(values: list[Number], guesses: list[Number]) -> None:
    predicted = (guesses + [None] * len(values))[: len(values)]
    for before in (predicted, None):
        column = numbers_written(values, before)
        assert _bits(numbers_read(column, len(values), before)) == _bits(values)


@given(_SEQUENCES, _SEQUENCES)
def test_sequences_come_back(now: list[int], before: list[int]) -> None:
    assert sequence_read(sequence_written(now, before), before) == now


def test_what_is_as_predicted_takes_no_room() -> None:
    values: list[Number] = [0.1 * n for n in range(10_000)]
    assert numbers_written(values, list(values)) == Numbers()
    assert sequence_written(list(range(10_000)), list(range(10_000))) is None
    changed = [*range(5000), 77_777, *range(5001, 10_000)]
    assert len(sequence_written(changed, list(range(10_000))) or ()) == 9


@given(st.binary(max_size=30), st.binary(max_size=40), st.integers(0, 30))
def test_a_column_that_nobody_wrote_is_refused_or_read(states: bytes, fresh: bytes, count: int) -> None:
    try:
        found = numbers_read(Numbers(states, fresh), count, [1.0] * (count // 2))
    except MalformedColumn:
        return
    assert len(found) == count


@given(st.lists(st.integers(-3, 2**40), max_size=12), st.lists(st.integers(0, 5), max_size=5))
def test_a_sequence_that_nobody_wrote_is_refused_or_bounded(told: list[int], before: list[int]) -> None:
    try:
        assert len(sequence_read(told, before, 1000)) <= 1000
    except MalformedColumn:
        return


def test_a_long_sequence_is_refused_before_it_is_made() -> None:
    with pytest.raises(MalformedColumn):
        sequence_read([1, 0, 2**62], [])
