"""Binary operators on numbers, between scalars, and between a vector and a scalar."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from meshtop.demo.prom.columns import UNPLANNED, SeriesColumn, Values, Vector, assemble, labels_of, nameless
from meshtop.demo.prom.numbers import divide, modulo, power
from meshtop.demo.prom.plans import Plans

ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divide,
    "%": modulo,
    "^": power,
    "atan2": math.atan2,
}
COMPARISON: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
DROPS_NAME = frozenset(["+", "-", "*", "/", "%", "^"])
"""Operators whose result is another quantity than its left side. Prometheus 2.42 leaves out atan2."""


def elementwise(op: str, returns_bool: bool) -> Callable[[float, float], float | None]:
    """The operator on two numbers; a comparison that filters gives the left number or None."""
    if op in ARITHMETIC:
        return ARITHMETIC[op]
    compare = COMPARISON[op]
    if returns_bool:
        return lambda a, b: 1.0 if compare(a, b) else 0.0
    return lambda a, b: a if compare(a, b) else None


def scalars(op: str, left: list[float], right: list[float]) -> list[float]:
    """An operator between two scalars, for each step."""
    if op in COMPARISON:
        compare = COMPARISON[op]
        return [float(compare(a, b)) for a, b in zip(left, right, strict=True)]
    apply = ARITHMETIC[op]
    return [apply(a, b) for a, b in zip(left, right, strict=True)]


def vector_scalar(
    op: str, vector: Vector, scalar: list[float], scalar_left: bool, returns_bool: bool, plans: Plans = UNPLANNED
) -> Vector:
    """An operator between a vector and a scalar. A filter keeps the vector's values on either side."""
    apply = elementwise(op, returns_bool)
    keeps_right = scalar_left and op in COMPARISON and not returns_bool
    drops = returns_bool or op in DROPS_NAME
    given = nameless(vector, plans)[0] if drops else labels_of(vector)
    result = []
    for column, labels in zip(vector, given, strict=True):
        values: Values
        if keeps_right:
            values = [
                None if v is None or apply(s, v) is None else v for v, s in zip(column.values, scalar, strict=True)
            ]
        elif scalar_left:
            values = [None if v is None else apply(s, v) for v, s in zip(column.values, scalar, strict=True)]
        else:
            values = [None if v is None else apply(v, s) for v, s in zip(column.values, scalar, strict=True)]
        result.append(SeriesColumn(labels, values))
    return assemble(result, plans=plans)
