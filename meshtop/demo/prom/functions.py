"""Functions of instant vectors that work on each value alone, and the parts of a date."""

from __future__ import annotations

import calendar
import datetime
import math
from collections.abc import Callable

from meshtop.demo.prom.columns import Labels, SeriesColumn, Values, Vector, drop_names
from meshtop.demo.prom.numbers import INF, NAN, ceil, divide, floor, logarithm, maximum, minimum, square_root, total
from meshtop.demo.prom.series import NAME
from meshtop.demo.prom.syntax import Expr, Range, Selector


def _sign(value: float) -> float:
    if value < 0:
        return -1.0
    return 1.0 if value > 0 else value


def _atanh(value: float) -> float:
    return math.copysign(INF, value) if abs(value) == 1 else math.atanh(value)


def _sinh(value: float) -> float:
    try:
        return math.sinh(value)
    except OverflowError:
        return math.copysign(INF, value)


SIMPLE: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": ceil,
    "floor": floor,
    "exp": total(math.exp),
    "sqrt": square_root,
    "ln": logarithm(math.log),
    "log2": logarithm(math.log2),
    "log10": logarithm(math.log10),
    "sgn": _sign,
    "sin": total(math.sin),
    "cos": total(math.cos),
    "tan": total(math.tan),
    "asin": total(math.asin),
    "acos": total(math.acos),
    "atan": math.atan,
    "sinh": _sinh,
    "cosh": total(math.cosh),
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": total(math.acosh),
    "atanh": total(_atanh),
    "deg": lambda value: value * 180 / math.pi,
    "rad": lambda value: value * math.pi / 180,
}


def _date(part: Callable[[datetime.datetime], int]) -> Callable[[float], float]:
    def wrapped(value: float) -> float:
        try:
            moment = datetime.datetime.fromtimestamp(int(value), tz=datetime.UTC)
        except (ValueError, OverflowError, OSError):
            return NAN
        return float(part(moment))

    return wrapped


DATES: dict[str, Callable[[float], float]] = {
    "minute": _date(lambda moment: moment.minute),
    "hour": _date(lambda moment: moment.hour),
    "day_of_week": _date(lambda moment: moment.isoweekday() % 7),
    "day_of_month": _date(lambda moment: moment.day),
    "day_of_year": _date(lambda moment: moment.timetuple().tm_yday),
    "days_in_month": _date(lambda moment: calendar.monthrange(moment.year, moment.month)[1]),
    "month": _date(lambda moment: moment.month),
    "year": _date(lambda moment: moment.year),
}
"""Parts of a Unix time in UTC; NaN for what is no time between the years 1 and 9999."""


def each(vector: Vector, function: Callable[[float], float]) -> Vector:
    """Apply a function to every value; the metric name goes."""
    return drop_names(SeriesColumn(c.labels, [None if v is None else function(v) for v in c.values]) for c in vector)


def each_step(vector: Vector, function: Callable[[int, float], float | None]) -> Vector:
    """Apply a function of step and value to every value; the metric name goes."""
    return drop_names(
        SeriesColumn(c.labels, [None if v is None else function(i, v) for i, v in enumerate(c.values)]) for c in vector
    )


def round_to(vector: Vector, nearest: list[float]) -> Vector:
    """``round``: to the nearest multiple, halves up."""
    inverse = [divide(1.0, number) for number in nearest]
    return each_step(vector, lambda i, v: divide(floor(v * inverse[i] + 0.5), inverse[i]))


def clamp(vector: Vector, low: list[float] | None, high: list[float] | None) -> Vector:
    """``clamp``, ``clamp_min`` and ``clamp_max``; nothing where the lower bound is above the upper."""

    def limited(step: int, value: float) -> float | None:
        if high is not None:
            if low is not None and high[step] < low[step]:
                return None
            value = minimum(high[step], value)
        return value if low is None else maximum(low[step], value)

    return [column for column in each_step(vector, limited) if any(v is not None for v in column.values)]


def as_scalar(vector: Vector, steps: int) -> list[float]:
    """``scalar``: the value of the only series at each step, else NaN."""
    found: Values = [None] * steps
    several = [False] * steps
    for column in vector:
        for step, value in enumerate(column.values):
            if value is not None:
                several[step] = found[step] is not None or several[step]
                found[step] = value
    return [NAN if value is None or more else value for value, more in zip(found, several, strict=True)]


def absent(present: list[bool], argument: Expr) -> Vector:
    """``absent``: 1 at the steps without any value, with the labels that the selector's ``=`` matchers promise."""
    if all(present):
        return []
    return [SeriesColumn(_absent_labels(argument), [None if there else 1.0 for there in present])]


def _absent_labels(argument: Expr) -> Labels:
    selector = argument.selector if isinstance(argument, Range) else argument
    if not isinstance(selector, Selector):
        return {}
    labels: dict[str, str] = {}
    unclear = set()
    for matcher in selector.matchers:
        if matcher.name == NAME:
            continue
        if matcher.op == "=" and matcher.name not in labels:
            labels[matcher.name] = matcher.value
        else:
            unclear.add(matcher.name)
    return {name: value for name, value in labels.items() if name not in unclear and value}


def ordered(vector: Vector, descending: bool) -> Vector:
    """``sort`` and ``sort_desc`` by the first step's value; NaN last. Range queries order by labels anyway."""

    def key(column: SeriesColumn) -> tuple[bool, float]:
        value = column.values[0]
        if value is None or value != value:
            return True, 0.0
        return False, -value if descending else value

    return sorted(vector, key=key)
