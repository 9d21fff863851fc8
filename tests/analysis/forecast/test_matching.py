"""Conditions on requests: what one says of another is true of every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.forecast.matching import (
    Condition,
    RequestClass,
    condition_of,
    disjoint,
    gateway_condition,
    implies,
    takes,
)
from meshtop.analysis.visibility.clients import Applies

PATHS = ("/", "/a", "/a/b", "/b")
STRINGS = st.one_of(
    st.builds(lambda v: {"exact": v}, st.sampled_from(PATHS)),
    st.builds(lambda v: {"prefix": v}, st.sampled_from(PATHS)),
)
EXACT = st.builds(lambda v: {"exact": v}, st.sampled_from(("x", "y")))
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "uri": STRINGS,
        "method": st.builds(lambda v: {"exact": v}, st.sampled_from(("GET", "POST"))),
        "headers": st.dictionaries(st.sampled_from(("one", "two")), EXACT, min_size=1),
        "withoutHeaders": st.dictionaries(st.sampled_from(("one", "two")), EXACT, min_size=1),
        "port": st.sampled_from((80, 81)),
    },
)
REQUESTS = st.fixed_dictionaries(
    {
        "uri": st.sampled_from((*PATHS, "/a/b/c")),
        "method": st.sampled_from(("GET", "POST", "PUT")),
        "headers": st.dictionaries(st.sampled_from(("one", "two")), st.sampled_from(("x", "y", "z"))),
        "port": st.sampled_from((80, 81)),
    }
)


def says(match: Mapping[str, str], value: str | None) -> bool:
    if value is None:
        return False
    return value == match["exact"] if "exact" in match else value.startswith(match["prefix"])


def meets(request: Mapping[str, Any], condition: Condition) -> bool:
    return (
        all(says(condition[key], request[key]) for key in ("uri", "method") if key in condition)
        and all(says(match, request["headers"].get(name)) for name, match in condition.get("headers", {}).items())
        and not any(
            says(match, request["headers"].get(name)) for name, match in condition.get("withoutHeaders", {}).items()
        )
        and condition.get("port", request["port"]) == request["port"]
    )


@given(CONDITIONS, CONDITIONS, REQUESTS)
def test_what_is_implied_holds_and_what_is_disjoint_never_meets(
    one: Condition, other: Condition, request: Mapping[str, Any]
) -> None:
    if implies(one, other) and meets(request, one):
        assert meets(request, other)
    if disjoint(one, other):
        assert not (meets(request, one) and meets(request, other))


@given(st.lists(CONDITIONS, max_size=3), st.lists(CONDITIONS, max_size=2), st.lists(CONDITIONS, max_size=2), REQUESTS)
def test_a_rule_takes_what_it_is_said_to_take(
    rule: list[Condition], asked: list[Condition], gone: list[Condition], request: Mapping[str, Any]
) -> None:
    is_of_class = (not asked or any(meets(request, one) for one in asked)) and not any(meets(request, g) for g in gone)
    if not is_of_class:
        return
    found = takes(rule, RequestClass(tuple(asked), tuple(gone)))
    taken = not rule or any(meets(request, one) for one in rule)
    assert taken or found is not Applies.ALWAYS
    assert not taken or found is not Applies.NEVER


@pytest.mark.parametrize(
    ("match", "ports", "condition"),
    [
        ({"uri": {"prefix": "/"}}, (), {}),
        ({"uri": {"prefix": "/x"}, "sourceNamespace": "shop", "name": "n"}, (), {"uri": {"prefix": "/x"}}),
        ({"port": 80}, (80,), {}),
        ({"port": 80}, (81,), None),
        ({"port": 80}, (80, 81), {"port": 80}),
        ({"port": 80}, (), {"port": 80}),
    ],
)
def test_what_a_match_demands(match: dict[str, Any], ports: tuple[int, ...], condition: Condition | None) -> None:
    assert condition_of(match, ports) == condition


@pytest.mark.parametrize(
    ("match", "condition"),
    [
        ({}, {}),
        ({"path": {"type": "PathPrefix", "value": "/"}}, {}),
        (
            {"path": {"type": "Exact", "value": "/x"}, "method": "GET"},
            {"uri": {"exact": "/x"}, "method": {"exact": "GET"}},
        ),
        ({"headers": [{"name": "a", "value": "b"}]}, {"headers": {"a": {"exact": "b"}}}),
        ({"method": {"service": "s.S", "method": "M"}}, {"uri": {"exact": "/s.S/M"}}),
        ({"method": {"service": "s.S"}}, {"uri": {"prefix": "/s.S/"}}),
    ],
)
def test_gateway_api_says_it_in_its_own_way(match: dict[str, Any], condition: Condition) -> None:
    assert gateway_condition(match) == condition
