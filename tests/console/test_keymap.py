"""The setting `keymap`: what there is not is said, with what may have been meant."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.console.keymap import is_key, key_ids, keymap_problems
from meshtop.console.widgets.key_hints import KeyHints
from tests.console.screens.test_screens import settled
from tests.console.stage import busy_world, stage


@pytest.mark.parametrize(
    "key", ["a", "A", "?", "ctrl+f", "shift+f5", "question_mark", "slash", "comma", "enter", "alt+left", "space", "+"]
)
def test_these_are_keys(key: str) -> None:
    assert is_key(key)


@pytest.mark.parametrize("key", ["", "crtl+f", "ctrl+", "entr", "questionmark", "ctrl+foo", "ab"])
def test_these_are_none(key: str) -> None:
    assert not is_key(key)


@pytest.mark.parametrize(
    ("keymap", "said"),
    [
        ({}, []),
        ({"scope.filter": "ctrl+f", "time.earlier": "comma,less_than_sign", "table.row_down": "n"}, []),
        ({"scope.fliter": "f"}, ["keymap: there is no key id scope.fliter; did you mean scope.filter?"]),
        ({"console.quit": "crtl+q"}, ["keymap: console.quit: there is no key crtl+q; did you mean ctrl+q?"]),
        ({"console.quit": "x,"}, ["keymap: console.quit: there is no key (empty)."]),
        ({"zzz": "a"}, ["keymap: there is no key id zzz."]),
    ],
)
def test_what_is_wrong_is_said(keymap: dict[str, str], said: list[str]) -> None:
    assert keymap_problems(keymap) == said


def test_ids_are_those_of_all_screens() -> None:
    assert {"console.quit", "canary.take_out", "graph.focus", "table.row_down", "columns.turn", "go.1"} <= key_ids()


async def test_it_is_said_at_the_start() -> None:
    app = stage(busy_world())
    app.options = structs.replace(app.options, keymap={"scope.fliter": "f", "a": "b"})
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await app.workers.wait_for_complete()
        await settled(pilot)
        shown = app.screen.query_one(KeyHints).render_line(0).text
        assert "no key id scope.fliter; did you mean scope.filter? (and 1 more: meshtop config validate)" in shown
