"""From query text to a checked expression, by the grammar of promql-parser.

Whatever the engine cannot evaluate with Prometheus' own result is refused here, before anything is read.
"""

from __future__ import annotations

import datetime
from functools import lru_cache
from typing import Any, Literal

import promql_parser as grammar

from meshtop.demo.prom.errors import BadData
from meshtop.demo.prom.matchers import Matcher
from meshtop.demo.prom.syntax import (
    Aggregate,
    At,
    Binary,
    Expr,
    FunctionCall,
    Matching,
    Negation,
    Number,
    Range,
    Selector,
    String,
    Subquery,
    ValueKind,
)

AGGREGATIONS = frozenset(
    ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"],
)
OPERATORS = frozenset(["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless"])
_FUNCTION_NAMES = """
    abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max clamp_min
    cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv exp floor
    histogram_quantile hour idelta increase irate label_join label_replace last_over_time ln log10 log2 max_over_time
    min_over_time minute month pi predict_linear present_over_time quantile_over_time rad rate resets round scalar sgn
    sin sinh sort sort_desc sqrt stddev_over_time stdvar_over_time sum_over_time tan tanh time timestamp vector year
"""
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
"""The functions of Prometheus 2.42, save those of native histograms and ``holt_winters``."""


@lru_cache(maxsize=2048)
def parse(text: str) -> Expr:
    """Parse and check a query. Raises BadData for anything that cannot be evaluated."""
    return _expr(_parse(text))


@lru_cache(maxsize=512)
def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a ``match[]`` parameter. Raises BadData when it is not a plain vector selector."""
    expr = parse(text)
    if not isinstance(expr, Selector) or expr.offset or expr.at is not None:
        raise BadData(f"parse error: {text!r} is not a series selector")
    return expr.matchers


def _parse(text: str) -> Any:
    if not text.strip():
        raise BadData("parse error: no expression found in input")
    try:
        return grammar.parse(text)
    except ValueError as err:
        raise BadData(f"parse error: {err}") from err


def _expr(node: Any) -> Expr:
    match node:
        case grammar.NumberLiteral():
            return Number(node.val)
        case grammar.StringLiteral():
            return String(node.val)
        case grammar.ParenExpr():
            return _expr(node.expr)
        case grammar.UnaryExpr():
            return Negation(_expr(node.expr))
        case grammar.VectorSelector():
            return _selector(node)
        case grammar.MatrixSelector():
            return Range(_selector(node.vector_selector), _span(node, "range"))
        case grammar.SubqueryExpr():
            step = _span(node, "step", 0) or None
            return Subquery(_expr(node.expr), _span(node, "range"), step, _span(node, "offset", 0), _at(node))
        case grammar.Call():
            return _call(node)
        case grammar.AggregateExpr():
            return _aggregate(node)
        case grammar.BinaryExpr():
            return _binary(node)
    raise BadData(f"parse error: {type(node).__name__} is not supported by the simulated Prometheus")


def _selector(node: Any) -> Selector:
    if node.matchers.or_matchers:
        raise BadData("parse error: 'or' between label matchers is not PromQL of this version")
    matchers = [Matcher(m.name, _MATCH_OPS[str(m.op)], m.value) for m in node.matchers.matchers]
    if node.name:
        matchers.insert(0, Matcher("__name__", "=", node.name))
    return Selector(tuple(matchers), _span(node, "offset", 0), _at(node))


_MATCH_OPS = {
    str(grammar.MatchOp.Equal): "=",
    str(grammar.MatchOp.NotEqual): "!=",
    str(grammar.MatchOp.Re): "=~",
    str(grammar.MatchOp.NotRe): "!~",
}


def _span(node: Any, attribute: str, default: int | None = None) -> int:
    """A duration of the tree in milliseconds."""
    try:
        value = getattr(node, attribute)
    except (ValueError, OverflowError) as err:
        raise BadData(f"parse error: {attribute} is out of bounds") from err
    if value is None:
        assert default is not None
        return default
    return int(value / datetime.timedelta(milliseconds=1))


def _at(node: Any) -> At:
    modifier = node.at
    if modifier is None:
        return None
    if modifier.type == grammar.AtModifierType.Start:
        return "start"
    if modifier.type == grammar.AtModifierType.End:
        return "end"
    if str(modifier) == "@ 0.000":
        # The binding shows every time before 1970 like this, and panics when asked for it.
        raise BadData("parse error: @ modifiers at or before 1970 are not supported by the simulated Prometheus")
    try:
        return round(modifier.at.timestamp() * 1000)
    except (ValueError, OverflowError) as err:
        raise BadData("parse error: timestamp out of bounds for @ modifier") from err


def _call(node: Any) -> FunctionCall:
    name = node.func.name
    if name not in FUNCTIONS:
        raise BadData(f'parse error: unknown function with name "{name}"')
    return FunctionCall(name, tuple(_expr(arg) for arg in node.args), _KINDS[str(node.func.return_type)])


_KINDS: dict[str, ValueKind] = {
    str(grammar.ValueType.Scalar): "scalar",
    str(grammar.ValueType.Vector): "vector",
    str(grammar.ValueType.Matrix): "matrix",
    str(grammar.ValueType.String): "string",
}


def _aggregate(node: Any) -> Aggregate:
    op = str(node.op)
    if op not in AGGREGATIONS:
        raise BadData(f'parse error: unknown aggregation "{op}"')
    param = None if node.param is None else _expr(node.param)
    if node.modifier is None:
        return Aggregate(op, _expr(node.expr), param, (), without=False)
    without = node.modifier.type == grammar.AggModifierType.Without
    return Aggregate(op, _expr(node.expr), param, tuple(dict.fromkeys(node.modifier.labels)), without)


def _binary(node: Any) -> Binary:
    op = str(node.op).strip()
    if op not in OPERATORS:
        raise BadData(f'parse error: unknown operator "{op}"')
    modifier = node.modifier
    if modifier is None:
        return Binary(op, _expr(node.lhs), _expr(node.rhs), returns_bool=False, matching=Matching())
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise BadData("parse error: fill is not PromQL of this version")
    on, labels = False, ()
    if modifier.matching is not None:
        on = modifier.matching.type == grammar.LabelModifierType.Include
        labels = tuple(modifier.matching.labels)
    many: Literal["left", "right"] | None = None
    if modifier.card == grammar.VectorMatchCardinality.ManyToOne:
        many = "left"
    elif modifier.card == grammar.VectorMatchCardinality.OneToMany:
        many = "right"
    matching = Matching(on, labels, many, tuple(modifier.group_labels or ()))
    return Binary(op, _expr(node.lhs), _expr(node.rhs), bool(modifier.return_bool), matching)
