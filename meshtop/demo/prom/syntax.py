"""The expressions that the engine evaluates: what the grammar's tree becomes once it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from meshtop.demo.prom.matchers import Matcher

ValueKind = Literal["scalar", "vector", "matrix", "string"]
At = int | Literal["start", "end"] | None
"""An ``@`` modifier: milliseconds, or the start or end of the whole query."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal."""

    value: float


@dataclass(frozen=True, slots=True)
class String:
    """A string literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """An instant vector selector. Offset in milliseconds; negative looks ahead."""

    matchers: tuple[Matcher, ...]
    offset: int = 0
    at: At = None


@dataclass(frozen=True, slots=True)
class Range:
    """A range vector selector; ``range`` in milliseconds."""

    selector: Selector
    range: int


@dataclass(frozen=True, slots=True)
class Subquery:
    """``expr[range:step]``; milliseconds, ``step`` None for the default evaluation interval."""

    expr: Expr
    range: int
    step: int | None
    offset: int = 0
    at: At = None


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    expr: Expr


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function call with its arguments."""

    name: str
    args: tuple[Expr, ...]
    kind: ValueKind


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation. ``param`` is k, the quantile or the label of ``count_values``."""

    op: str
    expr: Expr
    param: Expr | None
    labels: tuple[str, ...]
    without: bool


@dataclass(frozen=True, slots=True)
class Matching:
    """How series of two vectors find each other. ``many`` is the side with many series, if any."""

    on: bool = False
    labels: tuple[str, ...] = ()
    many: Literal["left", "right"] | None = None
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """A binary operation; ``matching`` counts only between two vectors."""

    op: str
    left: Expr
    right: Expr
    returns_bool: bool
    matching: Matching


Expr = Number | String | Selector | Range | Subquery | Negation | FunctionCall | Aggregate | Binary


def kind(expr: Expr) -> ValueKind:
    """The type of an expression's value."""
    match expr:
        case Number():
            return "scalar"
        case String():
            return "string"
        case Selector() | Aggregate():
            return "vector"
        case Range() | Subquery():
            return "matrix"
        case Negation(inner):
            return kind(inner)
        case FunctionCall():
            return expr.kind
        case Binary():
            return "scalar" if kind(expr.left) == kind(expr.right) == "scalar" else "vector"
