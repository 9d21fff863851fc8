"""What a shift wants, out of the words of the command line."""

from __future__ import annotations

import pytest

from meshtop.actions.shift.plan import Guard, parse_guard, parse_steps


@pytest.mark.parametrize(
    ("to", "steps", "expected"),
    [
        ("v2=20", None, ({"v2": 20},)),
        ("v2=20,v3=10", None, ({"v2": 20, "v3": 10},)),
        ("v2", "5,25,50", ({"v2": 5}, {"v2": 25}, {"v2": 50})),
        ("v2=100", "5,25", ({"v2": 5}, {"v2": 25}, {"v2": 100})),
        ("v2=25", "5,25", ({"v2": 5}, {"v2": 25})),
    ],
)
def test_steps(to: str, steps: str | None, expected: tuple[dict[str, int], ...]) -> None:
    assert parse_steps(to, steps) == expected


@pytest.mark.parametrize(
    ("to", "steps"), [("v2", None), ("v2=1,v3=2", "5"), ("v2,v3", "5"), ("v2", "5,x"), ("v2", "101")]
)
def test_steps_that_are_none(to: str, steps: str | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_steps(to, steps)


def test_guards() -> None:
    assert parse_guard("none") == Guard(errors=False, latency=False)
    assert parse_guard("errors") == Guard(errors=True, latency=False)
    with pytest.raises(ValueError, match="is not a guard"):
        parse_guard("errors,none")
