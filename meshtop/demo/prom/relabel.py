"""``label_replace`` and ``label_join``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshtop.demo.prom.aggregation import LABEL_NAME
from meshtop.demo.prom.columns import UNPLANNED, Labels, SeriesColumn, Vector, assemble, joined, labels_of, twins
from meshtop.demo.prom.errors import BadData, ExecutionError
from meshtop.demo.prom.matchers import compile_regex
from meshtop.demo.prom.plans import Plans

_TEMPLATE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)


def expand(template: str, match: re.Match[str]) -> str:
    """Go's ``Regexp.Expand``: ``$1``, ``${name}`` and ``$$``; an unknown group is empty, ``$1x`` is the group "1x"."""

    def value(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    return _TEMPLATE.sub(value, template)


def _with(labels: Labels, name: str, value: str) -> Labels:
    changed = {key: old for key, old in labels.items() if key != name}
    if value:
        changed[name] = value
    return changed


def label_replace(
    vector: Vector, target: str, template: str, source: str, pattern: str, plans: Plans = UNPLANNED
) -> Vector:
    """Set label ``target`` from ``template`` where ``pattern`` matches all of label ``source``.

    Raises ExecutionError for a bad pattern or label name, or when two series become the same.
    """
    try:
        regex = compile_regex(pattern)
    except BadData as err:
        raise ExecutionError(f"invalid regular expression in label_replace(): {pattern}: {err}") from err
    if not LABEL_NAME.fullmatch(target):
        raise ExecutionError(f"invalid destination label name in label_replace(): {target}")
    given = labels_of(vector)

    def plan() -> tuple[list[Labels], list[int] | None]:
        made = []
        for labels in given:
            match = regex.fullmatch(labels.get(source, ""))
            made.append(labels if match is None else _with(labels, target, expand(template, match)))
        return made, twins(made)

    made, same = plans.of(("label_replace", target, template, source, pattern), given, plan)
    return joined([SeriesColumn(labels, column.values) for labels, column in zip(made, vector, strict=True)], same)


def label_join(vector: Vector, target: str, separator: str, sources: Sequence[str]) -> Vector:
    """Set label ``target`` to the values of ``sources``, joined. Raises ExecutionError for a bad label name."""
    for name in sources:
        if not LABEL_NAME.fullmatch(name):
            raise ExecutionError(f"invalid source label name in label_join(): {name}")
    if not LABEL_NAME.fullmatch(target):
        raise ExecutionError(f"invalid destination label name in label_join(): {target}")
    result = []
    for column in vector:
        value = separator.join(column.labels.get(name, "") for name in sources)
        result.append(SeriesColumn(_with(column.labels, target, value), column.values))
    return assemble(result)
