"""Textual's private parts: one file names them, for the version that is pinned, and they are there."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from textual.app import App
from textual.driver import Driver
from textual.screen import ModalScreen, Screen
from textual.scroll_view import ScrollView
from textual.widget import Widget

import meshtop.console
from meshtop.console.terminal import textual_hooks
from meshtop.console.terminal.shell import Shell
from meshtop.console.terminal.textual_hooks import APP_PARTS, DRIVER_PARTS, NODE_PARTS, TEXTUAL_VERSION, WORKER_PARTS

CONSOLE = Path(meshtop.console.__file__).parent
ROOT = CONSOLE.parents[1]


def modules() -> list[Path]:
    """All modules of the console but the one that may name private parts."""
    hooks = Path(textual_hooks.__file__)
    return [path for path in sorted(CONSOLE.rglob("*.py")) if path != hooks]


@cache
def private_parts() -> frozenset[str]:
    """The private attributes of Textual's own classes, those that are set on instances too; its source stays."""
    found: set[str] = set()
    for base in (App, Screen, ModalScreen, Widget, ScrollView, Driver):
        for one in base.__mro__:
            if one.__module__.startswith("textual."):
                found |= set(re.findall(r"\bself\.(_[a-z]\w*)", inspect.getsource(sys.modules[one.__module__])))
                found |= {name for name in vars(one) if re.fullmatch(r"_[a-z]\w*", name)}
    return frozenset(found)


def test_the_version_is_the_one_whose_source_was_read() -> None:
    assert importlib.metadata.version("textual") == TEXTUAL_VERSION
    assert f'"textual=={TEXTUAL_VERSION}"' in (ROOT / "pyproject.toml").read_text()


async def test_every_part_that_is_named_is_there() -> None:
    app = Shell()
    async with app.run_test():
        assert [part for part in APP_PARTS if not hasattr(app, part)] == []
        assert [part for part in DRIVER_PARTS if not hasattr(app._driver, part)] == []
        assert [part for part in NODE_PARTS if not hasattr(app.screen, part)] == []
        worker = app.run_worker(lambda: None, thread=True)
        assert [part for part in WORKER_PARTS if not hasattr(worker, part)] == []


def test_the_file_names_no_part_beside_those_of_its_list() -> None:
    tree = ast.parse(Path(textual_hooks.__file__).read_text())
    named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & private_parts()
    assert named <= {*APP_PARTS, *DRIVER_PARTS, *NODE_PARTS}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(CONSOLE)))
def test_no_other_module_names_a_private_part(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if re.search(r"^textual\..*\b_", name)]
    named = {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node) != "os._exit"
    }
    named |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    # What screens and widgets inherit from, and work they have done, cannot stand in a room that imports widgets.
    allowed = {"guarded.py": {"_dispatch_message"} & {*APP_PARTS}, "workers.py": {*WORKER_PARTS}}.get(path.name, set())
    assert sorted((named & private_parts()) - allowed) == []
