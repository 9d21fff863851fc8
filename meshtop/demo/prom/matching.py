"""Binary operators between two vectors: which series find each other, and what labels the result has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from meshtop.demo.prom.arithmetic import DROPS_NAME, elementwise
from meshtop.demo.prom.columns import (
    UNPLANNED,
    Labels,
    SeriesColumn,
    Values,
    Vector,
    assemble,
    join,
    joined,
    labels_of,
    twins,
    without_name,
)
from meshtop.demo.prom.errors import ExecutionError
from meshtop.demo.prom.exposition import show
from meshtop.demo.prom.plans import Plans
from meshtop.demo.prom.series import NAME
from meshtop.demo.prom.syntax import Matching

Signature = object

_NOT_ONE_TO_ONE = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
_NOT_UNIQUE = "multiple matches for labels: grouping labels must ensure unique matches"


def signature(matching: Matching) -> Callable[[Labels], Signature]:
    """The part of a series' labels by which it finds its match."""
    names = matching.labels
    if matching.on:
        return lambda labels: tuple([labels.get(name, "") for name in names])
    left_out = frozenset((*names, NAME))
    return lambda labels: frozenset([item for item in labels.items() if item[0] not in left_out])


def _by_signature(vector: Vector, sign: Callable[[Labels], Signature]) -> dict[Signature, Vector]:
    groups: dict[Signature, Vector] = {}
    for column in vector:
        groups.setdefault(sign(column.labels), []).append(column)
    return groups


def _presence(columns: Iterable[SeriesColumn], steps: int) -> list[bool]:
    present = [False] * steps
    for column in columns:
        for step, value in enumerate(column.values):
            if value is not None:
                present[step] = True
    return present


class SetPlan(NamedTuple):
    """How the series of a set operation find each other.

    ``asked`` numbers the signatures of the side that decides; ``found`` has the number that each series of the other
    side looks for, -1 for none; ``same`` tells which results have the same labels.
    """

    asked: list[int]
    found: list[int]
    same: list[int] | None


def set_operation(
    op: str, left: Vector, right: Vector, matching: Matching, steps: int, plans: Plans = UNPLANNED
) -> Vector:
    """``and``, ``or`` and ``unless``, at each step."""
    other, kept = (left, right) if op == "or" else (right, left)

    def plan() -> SetPlan:
        sign = signature(matching)
        numbers: dict[Signature, int] = {}
        # Both sides are often the same series, at another moment.
        known: dict[int, int] = {}
        asked = []
        for column in other:
            number = known[id(column.labels)] = numbers.setdefault(sign(column.labels), len(numbers))
            asked.append(number)
        found = [
            known[id(column.labels)] if id(column.labels) in known else numbers.get(sign(column.labels), -1)
            for column in kept
        ]
        return SetPlan(asked, found, twins(labels_of([*left, *right] if op == "or" else left)))

    # The sides' lengths belong to it: the same series can be parted in other ways.
    purpose = (op, matching.on, matching.labels, len(left))
    asked, found, same = plans.of(purpose, [*labels_of(left), *labels_of(right)], plan)
    wanted = op == "and"
    filtered = []
    if steps == 1:
        there = {number for column, number in zip(other, asked, strict=True) if column.values[0] is not None}
        for column, number in zip(kept, found, strict=True):
            values: Values = column.values if (number in there) is wanted else [None]
            filtered.append(SeriesColumn(column.labels, values))
    else:
        groups: dict[int, Vector] = {}
        for column, number in zip(other, asked, strict=True):
            groups.setdefault(number, []).append(column)
        present = {number: _presence(group, steps) for number, group in groups.items()}
        nowhere = [False] * steps
        for column, number in zip(kept, found, strict=True):
            mask = present.get(number, nowhere)
            masked = [v if seen is wanted else None for v, seen in zip(column.values, mask, strict=True)]
            filtered.append(SeriesColumn(column.labels, masked))
    return joined([*left, *filtered] if op == "or" else filtered, same)


def match_vectors(op: str, left: Vector, right: Vector, matching: Matching, returns_bool: bool, steps: int) -> Vector:
    """An arithmetic or comparison operator between two vectors.

    Raises ExecutionError where a series finds more than one match at the same step.
    """
    sign = signature(matching)
    apply = elementwise(op, returns_bool)
    swapped = matching.many == "right"
    many, one = (right, left) if swapped else (left, right)
    ones = _by_signature(one, sign)
    _refuse_many_to_many(ones, many, matching, swapped, steps)
    result = []
    for key, group in _by_signature(many, sign).items():
        partners = ones.get(key)
        if not partners:
            continue
        pairs = [
            SeriesColumn(
                _result_labels(a.labels, b.labels, op, matching, returns_bool),
                _pair(b.values, a.values, apply) if swapped else _pair(a.values, b.values, apply),
            )
            for a in group
            for b in partners
        ]
        if len(pairs) > 1 and matching.many is None:
            _refuse_overlap(pairs)
        result += assemble(pairs, _NOT_UNIQUE) if matching.many and len(pairs) > 1 else pairs
    return assemble(result)


def _pair(left: Values, right: Values, apply: Callable[[float, float], float | None]) -> Values:
    return [None if a is None or b is None else apply(a, b) for a, b in zip(left, right, strict=True)]


def _refuse_overlap(pairs: Vector) -> None:
    together = pairs[0].values
    for pair in pairs[1:]:
        together = join(together, pair.values, _NOT_ONE_TO_ONE)


def _refuse_many_to_many(
    ones: dict[Signature, Vector], many: Vector, matching: Matching, swapped: bool, steps: int
) -> None:
    """Raise ExecutionError when two series of the "one" side have the same signature at a step with a match to make."""
    if all(len(group) == 1 for group in ones.values()):
        return
    needed = _presence(many, steps)
    for group in ones.values():
        seen: list[SeriesColumn | None] = [None] * steps
        for column in group:
            for step, value in enumerate(column.values):
                if value is None or not needed[step]:
                    continue
                if (first := seen[step]) is not None:
                    side = "left" if swapped else "right"
                    raise ExecutionError(
                        f"found duplicate series for the match group {show(_matched(column.labels, matching))} on the "
                        f"{side} hand-side of the operation: [{show(column.labels)}, {show(first.labels)}];"
                        "many-to-many matching not allowed: matching labels must be unique on one side"
                    )
                seen[step] = column


def _matched(labels: Labels, matching: Matching) -> Labels:
    if matching.on:
        return {name: labels[name] for name in matching.labels if name in labels}
    return {name: value for name, value in labels.items() if name not in matching.labels and name != NAME}


def _result_labels(many: Labels, one: Labels, op: str, matching: Matching, returns_bool: bool) -> Labels:
    labels = dict(many)
    if op in DROPS_NAME:
        labels.pop(NAME, None)
    if matching.many is None:
        if matching.on:
            labels = {name: value for name, value in labels.items() if name in matching.labels}
        else:
            for name in matching.labels:
                labels.pop(name, None)
    for name in matching.include:
        if value := one.get(name):
            labels[name] = value
        else:
            labels.pop(name, None)
    return without_name(labels) if returns_bool else labels
