"""Aggregations: ``sum by (...)``, ``topk`` and the like, over whole columns."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from operator import itemgetter

from meshtop.demo.prom.columns import UNPLANNED, Labels, SeriesColumn, Values, Vector, assemble, labels_of
from meshtop.demo.prom.errors import ExecutionError
from meshtop.demo.prom.numbers import format_value, square_root
from meshtop.demo.prom.overtime import greatest, least, quantile
from meshtop.demo.prom.plans import Plans
from meshtop.demo.prom.series import NAME

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


def plain_sum(values: Sequence[float]) -> float:
    """Addition in order, without compensation, as Prometheus 2.42 aggregates."""
    result = values[0]
    for value in values[1:]:
        result += value
    return result


def running_mean(values: Sequence[float]) -> float:
    """The mean, computed so that it does not overflow."""
    mean = values[0]
    for count, value in enumerate(values[1:], 2):
        if math.isinf(mean):
            if math.isinf(value) and (mean > 0) == (value > 0):
                continue
            if math.isfinite(value):
                continue
        mean += value / count - mean / count
    return mean


def variance(values: Sequence[float]) -> float:
    """The population variance by Welford's method; of one value it is 0."""
    mean, square = values[0], 0.0
    for count, value in enumerate(values[1:], 2):
        delta = value - mean
        mean += delta / count
        square += delta * (value - mean)
    return square / len(values)


REDUCERS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": plain_sum,
    "avg": running_mean,
    "min": least,
    "max": greatest,
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
    "stdvar": variance,
    "stddev": lambda values: square_root(variance(values)),
}


def grouping(labels: Sequence[str], without: bool) -> Callable[[Labels], object]:
    """The key of the group that a series belongs to."""
    if without:
        left_out = frozenset((*labels, NAME))
        return lambda series: frozenset([item for item in series.items() if item[0] not in left_out])
    names = tuple(labels)
    if len(names) < 2:
        return lambda series: tuple([series.get(name, "") for name in names])
    pick = itemgetter(*names)

    def key(series: Labels) -> object:
        try:
            return pick(series)
        except KeyError:
            return tuple([series.get(name, "") for name in names])

    return key


def group_labels(series: Labels, labels: Sequence[str], without: bool) -> Labels:
    """The labels of the group that a series belongs to."""
    if without:
        return {name: value for name, value in series.items() if name not in labels and name != NAME}
    return {name: value for name in labels if (value := series.get(name))}


def _grouped(vector: Vector, labels: Sequence[str], without: bool, plans: Plans) -> tuple[list[int], list[Labels]]:
    """The number of each column's group, and the groups' labels."""
    given = labels_of(vector)

    def plan() -> tuple[list[int], list[Labels]]:
        key = grouping(labels, without)
        numbers: dict[object, int] = {}
        groups: list[Labels] = []
        places = []
        for series in given:
            place = numbers.setdefault(key(series), len(groups))
            if place == len(groups):
                groups.append(group_labels(series, labels, without))
            places.append(place)
        return places, groups

    return plans.of(("group", tuple(labels), without), given, plan)


def _groups(vector: Vector, labels: Sequence[str], without: bool) -> list[Vector]:
    key = grouping(labels, without)
    groups: dict[object, Vector] = {}
    for column in vector:
        groups.setdefault(key(column.labels), []).append(column)
    return list(groups.values())


def reduce_groups(op: str, vector: Vector, labels: Sequence[str], without: bool, plans: Plans = UNPLANNED) -> Vector:
    """``sum``, ``avg``, ``min``, ``max``, ``count``, ``group``, ``stdvar`` or ``stddev``."""
    reducer = REDUCERS[op]
    return _reduce(vector, labels, without, lambda step, row: reducer(row), plans)


def quantiles(vector: Vector, q: list[float], labels: Sequence[str], without: bool) -> Vector:
    """``quantile`` with a φ for each step."""
    return _reduce(vector, labels, without, lambda step, row: quantile(q[step], row), UNPLANNED)


def _reduce(
    vector: Vector,
    labels: Sequence[str],
    without: bool,
    reduce: Callable[[int, Sequence[float]], float],
    plans: Plans,
) -> Vector:
    places, groups = _grouped(vector, labels, without, plans)
    if vector and len(vector[0].values) == 1:
        found: list[list[float]] = [[] for _ in groups]
        for column, place in zip(vector, places, strict=True):
            value = column.values[0]
            if value is not None:
                found[place].append(value)
        return [
            SeriesColumn(group, [reduce(0, row) if row else None]) for group, row in zip(groups, found, strict=True)
        ]
    members: list[list[Values]] = [[] for _ in groups]
    for column, place in zip(vector, places, strict=True):
        members[place].append(column.values)
    result = []
    for group, columns in zip(groups, members, strict=True):
        values: Values = []
        for step, one in enumerate(zip(*columns, strict=True)):
            present = [value for value in one if value is not None]
            values.append(reduce(step, present) if present else None)
        result.append(SeriesColumn(group, values))
    return result


def extremes(op: str, vector: Vector, k: list[float], labels: Sequence[str], without: bool) -> Vector:
    """``topk`` or ``bottomk`` with a k for each step: the series that are chosen, with their own labels.

    Columns come in order of their value at the first step, which is the order of an instant query's result.
    Raises ExecutionError for a k that is no number of series.
    """
    for number in k:
        if not -(2.0**63) <= number <= 2.0**63:
            raise ExecutionError(f"Scalar value {format_value(number)} overflows int64")
    sign = -1.0 if op == "topk" else 1.0
    result = []
    for group in _groups(vector, labels, without):
        chosen: list[Values] = [[None] * len(k) for _ in group]
        first: list[int] = []
        for step, number in enumerate(k):
            if number < 1:
                continue
            ranked = [(v != v, sign * v, i) for i, c in enumerate(group) if (v := c.values[step]) is not None]
            ranked.sort(key=lambda entry: (entry[0], 0.0 if entry[0] else entry[1]))
            for _, _, index in ranked[: int(number)]:
                chosen[index][step] = group[index].values[step]
                first += [index] if step == 0 else []
        order = first + [index for index in range(len(group)) if index not in set(first)]
        result += [SeriesColumn(group[index].labels, chosen[index]) for index in order]
    return assemble(result)


def count_values(name: str, vector: Vector, labels: Sequence[str], without: bool) -> Vector:
    """How many series of a group have each value, the value in label ``name``.

    Raises ExecutionError when ``name`` is no label name.
    """
    if not LABEL_NAME.fullmatch(name):
        raise ExecutionError(f"invalid label name {quote_go(name)}")
    by = labels if without else (*labels, name)
    counted: dict[object, SeriesColumn] = {}
    key = grouping(by, without)
    for column in vector:
        for step, value in enumerate(column.values):
            if value is None:
                continue
            marked = {**column.labels, name: format_value(value)}
            group = counted.get(key(marked))
            if group is None:
                group = counted[key(marked)] = SeriesColumn(
                    group_labels(marked, by, without), [None] * len(column.values)
                )
            group.values[step] = (group.values[step] or 0.0) + 1.0
    return list(counted.values())


def quote_go(text: str) -> str:
    """A text in double quotes for a message."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
