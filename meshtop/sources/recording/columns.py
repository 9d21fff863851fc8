"""Numbers and sequences as differences: what is written of them is what nobody could have known.

Numbers of series are predicted by those of the moment before; a byte for each says whether it is as predicted, equal to
the number before it in the column (as cumulative buckets often are), new, or not known. New ones are doubles, whose
bytes are written plane by plane, because first bytes are alike and last ones are not. No digit is lost.

A sequence is told as parts of the one before and as numbers of things in a table.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence

from msgspec import Struct

Number = float | None
_AS_PREDICTED, _AS_BEFORE, _NEW, _NONE = range(4)
_COPY, _RANGE = 0, 1
MOST_ITEMS = 5_000_000
"""The longest sequence that is believed."""


class MalformedColumn(ValueError):
    """A column or sequence that nothing could have written."""


class Numbers(Struct, frozen=True, array_like=True):
    """A column of numbers against its prediction; `states` is None where all of it is as predicted."""

    states: bytes | None = None
    fresh: bytes = b""


def numbers_written(values: Sequence[Number], predicted: Sequence[Number] | None) -> Numbers:
    """The column of these values; `predicted` is as long as they are, or None where nothing is."""
    if predicted is not None and list(values) == list(predicted):
        return Numbers()
    states = bytearray()
    fresh = array("d")
    before: Number = None
    guesses: Sequence[Number] = predicted if predicted is not None else (None,) * len(values)
    for value, guess in zip(values, guesses, strict=True):
        if value is None:
            states.append(_NONE)
        elif value == guess:
            states.append(_AS_PREDICTED)
        elif value == before:
            states.append(_AS_BEFORE)
        else:
            states.append(_NEW)
            fresh.append(value)
        before = value
    return Numbers(bytes(states), _planes(fresh))


def numbers_read(column: Numbers, count: int, predicted: Sequence[Number] | None) -> list[Number]:
    """The values of a column of `count` numbers. Raises MalformedColumn."""
    if column.states is None:
        if predicted is None or len(predicted) != count:
            raise MalformedColumn("a column refers to one that is not there")
        return list(predicted)
    if len(column.states) != count:
        raise MalformedColumn("a column is not as long as its series")
    fresh = iter(_of_planes(column.fresh))
    found: list[Number] = []
    before: Number = None
    for position, state in enumerate(column.states):
        if state == _NEW:
            before = next(fresh, None)
            if before is None:
                raise MalformedColumn("a column lacks numbers")
        elif state == _AS_PREDICTED:
            if predicted is None or position >= len(predicted) or (before := predicted[position]) is None:
                raise MalformedColumn("a column refers to one that is not there")
        elif state == _NONE:
            before = None
        elif state != _AS_BEFORE or before is None:
            raise MalformedColumn("a column has a number of no known kind")
        found.append(before)
    return found


def _planes(values: array[float]) -> bytes:
    if sys.byteorder == "big":
        values = array("d", values)
        values.byteswap()
    raw = values.tobytes()
    return b"".join(raw[i::8] for i in range(8))


def _of_planes(planes: bytes) -> array[float]:
    if len(planes) % 8:
        raise MalformedColumn("a column is not whole")
    raw = bytearray(len(planes))
    length = len(planes) // 8
    for i in range(8):
        raw[i::8] = planes[i * length : (i + 1) * length]
    values = array("d")
    values.frombytes(bytes(raw))
    if sys.byteorder == "big":
        values.byteswap()
    return values


def sequence_written(numbers: Sequence[int], before: Sequence[int]) -> list[int] | None:
    """A sequence of table numbers as triples (kind, start, count) over the one before; None where it is the same.

    Kind 0 copies from the one before, kind 1 counts up from `start`.
    """
    if numbers == before:
        return None
    where = {number: position for position, number in enumerate(before)}
    told: list[int] = []
    kind = start = count = -1
    for number in numbers:
        position = where.get(number, -1)
        if position >= 0:
            if kind == _COPY and position == start + count:
                count += 1
                continue
        elif kind == _RANGE and number == start + count:
            count += 1
            continue
        if kind >= 0:
            told += (kind, start, count)
        kind, start, count = (_COPY, position, 1) if position >= 0 else (_RANGE, number, 1)
    if kind >= 0:
        told += (kind, start, count)
    return told


def sequence_read(told: Sequence[int] | None, before: Sequence[int], most: int = MOST_ITEMS) -> list[int]:
    """The sequence that was told, of at most so many items. Raises MalformedColumn."""
    if told is None:
        return list(before)
    if len(told) % 3:
        raise MalformedColumn("a sequence is not whole")
    found: list[int] = []
    for i in range(0, len(told), 3):
        kind, start, count = told[i : i + 3]
        if kind not in (_COPY, _RANGE) or start < 0 or count < 1 or len(found) + count > most:
            raise MalformedColumn("a sequence has a part of no known kind")
        if kind == _RANGE:
            found.extend(range(start, start + count))
        elif start + count > len(before):
            raise MalformedColumn("a sequence refers to one that is not there")
        else:
            found.extend(before[start : start + count])
    return found


def predicted_by(numbers: Sequence[int], known: Mapping[int, Number]) -> list[Number]:
    """What the values of these series are if they stay what they were."""
    return [known.get(number) for number in numbers]
