"""One name for one concept: whoever searches the product for a public name finds one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import meshtop

PRODUCT = Path(meshtop.__file__).parent
DEMO = PRODUCT / "demo"
BY_MODULE = {"build", "command", "detail", "main", "run", "scoped", "view"}
"""What several modules have under one name on purpose: a kind's or a command's module is asked for it by that name."""


def _is_click_command(node: ast.stmt) -> bool:
    """A click command is named as the user types it."""
    calls = (one.func if isinstance(one, ast.Call) else one for one in getattr(node, "decorator_list", []))
    return any(isinstance(call, ast.Attribute) and call.attr in ("command", "group") for call in calls)


def _public(kinds: tuple[type[ast.stmt], ...], files: list[Path]) -> dict[str, list[str]]:
    """Every public name of these kinds at the top of a module, with the modules that define it."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in files:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            name = getattr(node, "name", "_")
            if isinstance(node, kinds) and not name.startswith("_") and not _is_click_command(node):
                found[name].append(str(file.relative_to(PRODUCT)))
    return found


@pytest.mark.parametrize(
    ("kinds", "of_the_demo"),
    [
        pytest.param((ast.ClassDef,), False, id="classes"),
        pytest.param((ast.FunctionDef, ast.AsyncFunctionDef), False, id="functions"),
        pytest.param((ast.ClassDef,), True, id="classes of the demo"),
    ],
)
def test_a_public_name_stands_for_one_thing(kinds: tuple[type[ast.stmt], ...], of_the_demo: bool) -> None:
    files = [file for file in sorted(PRODUCT.rglob("*.py")) if (DEMO in file.parents) is of_the_demo]
    assert len(files) > 50
    names = _public(kinds, files)
    assert len(names) > 50
    assert not {name: where for name, where in names.items() if len(where) > 1 and name not in BY_MODULE}
