"""Floating point as Go does it: no exceptions, IEEE results, and strconv's shortest formats.

Python raises where IEEE 754 has a result (``1/0``, ``log(0)``, ``(-8) ** 0.5``); PromQL needs the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

NAN = math.nan
INF = math.inf


def divide(a: float, b: float) -> float:
    """``a / b`` with ±Inf or NaN for a zero divisor."""
    if b != 0 or b != b:
        return a / b
    if a == 0 or a != a:
        return NAN
    return math.copysign(INF, a) * math.copysign(1.0, b)


def modulo(a: float, b: float) -> float:
    """``math.Mod``: the remainder has the sign of ``a``."""
    try:
        return math.fmod(a, b)
    except ValueError:
        return NAN


def power(a: float, b: float) -> float:
    """``math.Pow``."""
    odd = b % 2 == 1 if math.isfinite(b) else False
    try:
        return math.pow(a, b)
    except OverflowError:
        return -INF if a < 0 and odd else INF
    except ValueError:
        if a == 0:
            return math.copysign(INF, a) if odd else INF
        return NAN


def minimum(a: float, b: float) -> float:
    """``math.Min``: NaN if either is NaN, save that -Inf wins."""
    if a == -INF or b == -INF:
        return -INF
    if a != a or b != b:
        return NAN
    return min(a, b)


def maximum(a: float, b: float) -> float:
    """``math.Max``: NaN if either is NaN, save that +Inf wins."""
    if a == INF or b == INF:
        return INF
    if a != a or b != b:
        return NAN
    return max(a, b)


def total(function: Callable[[float], float], overflow: float = INF) -> Callable[[float], float]:
    """``function`` with NaN outside its domain and ``overflow`` where its result is too large."""

    def wrapped(value: float) -> float:
        try:
            return float(function(value))
        except ValueError:
            return NAN
        except OverflowError:
            return overflow

    return wrapped


def logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    """A logarithm with -Inf at zero and NaN below it."""

    def wrapped(value: float) -> float:
        if value == 0:
            return -INF
        return NAN if value < 0 or value != value else function(value)

    return wrapped


def floor(value: float) -> float:
    """``math.Floor``: NaN, Inf and the sign of zero stay what they are."""
    return float(math.floor(value)) if math.isfinite(value) and value != 0 else value


def ceil(value: float) -> float:
    """``math.Ceil``: like floor, and -0.5 becomes -0."""
    return -floor(-value)


def compensated(increment: float, total_: float, compensation: float) -> tuple[float, float]:
    """One step of the Kahan-Babuška-Neumaier sum that Prometheus uses: the new sum and compensation."""
    result = total_ + increment
    if abs(total_) >= abs(increment):
        compensation += (total_ - result) + increment
    else:
        compensation += (increment - result) + total_
    return result, compensation


def format_value(value: float) -> str:
    """``strconv.FormatFloat(v, 'f', -1, 64)``: shortest digits, never an exponent; NaN, +Inf, -Inf."""
    if value != value:
        return "NaN"
    if value in (INF, -INF):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def parse_float(text: str) -> float | None:
    """A number as ``strconv.ParseFloat`` takes it, or None. Surrounding space is not a number's."""
    if text != text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        return None


square_root = total(math.sqrt)
"""``math.Sqrt``: NaN below zero."""
