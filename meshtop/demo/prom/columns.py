"""Values over the steps of a query: columns of one series each, and the checks of whole vectors.

A query is evaluated for all its steps at once; an instant query has one step. In a column, None says that
the series has no value at that step (NaN is a value).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meshtop.demo.prom.errors import ExecutionError
from meshtop.demo.prom.series import NAME

Values = list[float | None]
Labels = Mapping[str, str]

SAME_LABELSET = "vector cannot contain metrics with the same labelset"


@dataclass(slots=True)
class SeriesColumn:
    """One series of a vector, a value or None for each step."""

    labels: Labels
    values: Values


Vector = list[SeriesColumn]


def identity(labels: Labels) -> frozenset[tuple[str, str]]:
    """What makes two label sets the same."""
    return frozenset(labels.items())


def without_name(labels: Labels) -> Labels:
    """The labels with the metric name dropped."""
    if NAME not in labels:
        return labels
    rest = dict(labels)
    del rest[NAME]
    return rest


def drop_names(vector: Iterable[SeriesColumn]) -> Vector:
    """Drop the metric name of every column, in place. Raises ExecutionError where two become the same series."""
    names: set[str | None] = set()
    dropped = []
    for column in vector:
        names.add(column.labels.get(NAME))
        column.labels = without_name(column.labels)
        dropped.append(column)
    # Series of one metric differ in another label already.
    return dropped if len(names) <= 1 else assemble(dropped)


def assemble(vector: Iterable[SeriesColumn], clash: str = SAME_LABELSET) -> Vector:
    """Join columns of the same labels whose values are at different steps.

    Raises ExecutionError(clash) when two of them have a value at the same step. Columns without any value are left
    out.
    """
    seen: dict[frozenset[tuple[str, str]], SeriesColumn] = {}
    for column in vector:
        key = identity(column.labels)
        first = seen.get(key)
        if first is None:
            if any(value is not None for value in column.values):
                seen[key] = column
            continue
        first.values = join(first.values, column.values, clash)
    return list(seen.values())


def join(one: Values, other: Values, clash: str) -> Values:
    """Two columns as one. Raises ExecutionError(clash) where both have a value."""
    joined: Values = []
    for a, b in zip(one, other, strict=True):
        if a is not None and b is not None:
            raise ExecutionError(clash)
        joined.append(b if a is None else a)
    return joined
