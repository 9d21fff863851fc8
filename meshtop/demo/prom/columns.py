"""Values over the steps of a query: columns of one series each, and the checks of whole vectors.

A query is evaluated for all its steps at once; an instant query has one step. In a column, None says that
the series has no value at that step (NaN is a value).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from meshtop.demo.prom.errors import ExecutionError
from meshtop.demo.prom.plans import Plans
from meshtop.demo.prom.series import NAME

Values = list[float | None]
Labels = Mapping[str, str]

UNPLANNED = Plans(0)
"""For operations whose labels nobody has seen before."""
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


def labels_of(vector: Iterable[SeriesColumn]) -> list[Labels]:
    """The labels of every column."""
    return [column.labels for column in vector]


def nameless(vector: Vector, plans: Plans) -> tuple[list[Labels], bool]:
    """The labels of every column without the metric name, and whether there was one name only."""
    given = labels_of(vector)

    def plan() -> tuple[list[Labels], bool]:
        return [without_name(labels) for labels in given], len({labels.get(NAME) for labels in given}) <= 1

    return plans.of("nameless", given, plan)


def drop_names(vector: Iterable[SeriesColumn], plans: Plans = UNPLANNED) -> Vector:
    """Drop the metric name of every column, in place. Raises ExecutionError where two become the same series."""
    dropped = list(vector)
    rest, of_one_metric = nameless(dropped, plans)
    for column, labels in zip(dropped, rest, strict=True):
        column.labels = labels
    # Series of one metric differ in another label already.
    return dropped if of_one_metric else assemble(dropped, plans=plans)


def assemble(vector: Iterable[SeriesColumn], clash: str = SAME_LABELSET, plans: Plans = UNPLANNED) -> Vector:
    """Join columns of the same labels whose values are at different steps.

    Raises ExecutionError(clash) when two of them have a value at the same step. Columns without any value are left
    out.
    """
    columns = list(vector)
    given = labels_of(columns)
    return joined(columns, plans.of("same", given, lambda: twins(given)), clash)


def twins(given: Sequence[Labels]) -> list[int] | None:
    """A number for each label set, the same for the same ones; None where all are different."""
    numbers: dict[frozenset[tuple[str, str]], int] = {}
    found = [numbers.setdefault(identity(labels), len(numbers)) for labels in given]
    return None if len(numbers) == len(found) else found


def has_values(column: SeriesColumn) -> bool:
    """Whether a column has a value at any step."""
    values = column.values
    return values.count(None) < len(values) if len(values) != 1 else values[0] is not None


def joined(columns: Vector, same: Sequence[int] | None, clash: str = SAME_LABELSET) -> Vector:
    """Columns without those that have no value, and those of one number (see twins) as one.

    Raises ExecutionError(clash) when two of one number have a value at the same step.
    """
    if same is None:
        return [column for column in columns if has_values(column)]
    seen: dict[int, SeriesColumn] = {}
    for column, key in zip(columns, same, strict=True):
        first = seen.get(key)
        if first is None:
            if has_values(column):
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
