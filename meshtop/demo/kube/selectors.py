"""Label and field selectors of list, watch and deletecollection."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from meshtop.demo.kube.resource import Json, Resource
from meshtop.demo.kube.status import bad_request

Test = Callable[[Json], bool]

_NAME = r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*/)?[A-Za-z0-9][-A-Za-z0-9_.]*"
_SET = re.compile(rf"^({_NAME})\s+(in|notin)\s+\(([^()]*)\)$")
_EQUAL = re.compile(rf"^({_NAME})\s*(==|=|!=)\s*([-A-Za-z0-9_.]*)$")
_ORDER = re.compile(rf"^({_NAME})\s*([<>])\s*(-?\d+)$")
_EXISTS = re.compile(rf"^(!?)\s*({_NAME})$")


def _terms(selector: str) -> list[str]:
    """Split at the commas that are outside parentheses."""
    return [term.strip() for term in re.split(r",(?![^()]*\))", selector)]


def _label_test(term: str) -> Callable[[Json], bool]:
    if match := _SET.match(term):
        name, operator = match[1], match[2]
        values = {value.strip() for value in match[3].split(",")}
        if operator == "in":
            return lambda labels: name in labels and labels[name] in values
        return lambda labels: labels.get(name) not in values
    if match := _EQUAL.match(term):
        name, operator, value = match[1], match[2], match[3]
        if operator == "!=":
            return lambda labels: labels.get(name) != value
        return lambda labels: labels.get(name) == value
    if match := _ORDER.match(term):
        name, operator, bound = match[1], match[2], int(match[3])

        def ordered(labels: Json) -> bool:
            try:
                value = int(labels.get(name, ""))
            except ValueError:
                return False
            return value > bound if operator == ">" else value < bound

        return ordered
    if match := _EXISTS.match(term):
        absent, name = match[1], match[2]
        return (lambda labels: name not in labels) if absent else (lambda labels: name in labels)
    raise bad_request(f'unable to parse requirement: "{term}" is not a label selector')


def label_selector(selector: str) -> Test | None:
    """The test for a labelSelector; None where it selects everything. Raises 400 for a bad one."""
    if not selector.strip():
        return None
    tests = [_label_test(term) for term in _terms(selector)]

    def matches(obj: Json) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(test(labels) for test in tests)

    return matches


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _field_test(resource: Resource, term: str) -> Test:
    match = re.match(r"^([^=!]+?)\s*(==|=|!=)\s*(.*)$", term)
    if match is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    path, wanted, value = match[1].strip(), match[2] != "!=", match[3]
    if path not in ("metadata.name", "metadata.namespace", *resource.field_selectors):
        raise bad_request(f"field label not supported: {path}")
    names = path.split(".")

    def matches(obj: Json) -> bool:
        found: Any = obj
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return (_text(found) == value) is wanted

    return matches


def field_selector(resource: Resource, selector: str) -> Test | None:
    """The test for a fieldSelector; raises 400 for a field that this kind cannot be selected by."""
    if not selector.strip():
        return None
    tests = [_field_test(resource, term) for term in _terms(selector)]
    return lambda obj: all(test(obj) for test in tests)


def both(first: Test | None, second: Test | None) -> Test | None:
    """What passes both tests."""
    if first is None or second is None:
        return first or second
    return lambda obj: first(obj) and second(obj)
