"""The setting `keymap`: what there is not is said, with what may have been meant."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.console.keymap import is_key, key_ids, keymap_problems, without_taken_keys
from meshtop.console.widgets.bottom_bar import BottomBar
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
        ({"scope.filter": "ctrl+f", "time.earlier": "comma,f9", "table.row_down": "f8"}, []),
        ({"scope.fliter": "f"}, ["keymap: there is no key id scope.fliter; did you mean scope.filter?"]),
        ({"console.quit": "crtl+q"}, ["keymap: console.quit: there is no key crtl+q; did you mean ctrl+q?"]),
        ({"console.quit": "f7,"}, ["keymap: console.quit: there is no key (empty)."]),
        ({"zzz": "a"}, ["keymap: there is no key id zzz."]),
    ],
)
def test_what_is_wrong_is_said(keymap: dict[str, str], said: list[str]) -> None:
    assert keymap_problems(keymap) == said


def only_key(identity: str, key: str, other: str) -> str:
    said = f"keymap: {identity}: {key} is the only key of {other}; give that another"
    return f"{said}, or one of both cannot be reached."


@pytest.mark.parametrize(
    ("keymap", "said"),
    [
        ({"table.worst": "q"}, [("table.worst", "q", "console.quit")]),
        ({"table.worst": "q", "console.quit": "f10"}, []),
        ({"table.worst": "f5", "table.graph": "f5"}, [("table.graph", "f5", "table.worst")]),
        ({"table.row_down": "n"}, [("table.row_down", "n", "fleet.needs"), ("table.row_down", "n", "whatif.words")]),
        ({"fleet.needs": "f"}, []),
        ({"scope.filter": "ctrl+f"}, []),
        ({"time.earlier": "<"}, [("time.earlier", "less_than_sign", f"{one}.coarser") for one in ("flow", "graph")]),
    ],
)
def test_the_only_key_of_something_else_on_the_same_screen_is_not_given_away_without_a_word(
    keymap: dict[str, str], said: list[tuple[str, str, str]]
) -> None:
    """`f` is the graph's and the Flow's, which are never on screen with NOW; `ctrl+f` leaves a page key."""
    assert sorted(keymap_problems(keymap)) == [only_key(*one) for one in said]


def test_ids_are_those_of_all_screens() -> None:
    assert {"console.quit", "canary.take_out", "graph.focus", "table.row_down", "columns.turn", "go.1"} <= key_ids()


def test_a_key_that_is_given_away_is_taken_from_whom_it_was() -> None:
    assert without_taken_keys({}) == {}
    whole = without_taken_keys({"scope.filter": "ctrl+f", "time.earlier": ","})
    assert whole["table.page_forward"] == "pagedown"
    assert whole["text.page_down"] == "pagedown,space"
    assert set(whole) >= {"scope.filter", "time.earlier"}
    assert "console.quit" not in without_taken_keys({"table.worst": "q"}), "it would have no key at all"
    swapped = {"table.page_forward": "ctrl+b", "table.page_back": "ctrl+f"}
    assert {key: swapped[key] for key in swapped} == {key: without_taken_keys(swapped)[key] for key in swapped}


async def test_the_filter_of_the_documentation_opens_on_a_table() -> None:
    app = stage(busy_world())
    app.options = structs.replace(app.options, keymap={"scope.filter": "ctrl+f", "time.earlier": "comma"})
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await app.workers.wait_for_complete()
        await pilot.press("2")
        await settled(pilot)
        await pilot.press("ctrl+f")
        await settled(pilot)
        assert app.screen.query_one(BottomBar).typing


async def test_it_is_said_at_the_start() -> None:
    app = stage(busy_world())
    app.options = structs.replace(app.options, keymap={"scope.fliter": "f", "a": "b"})
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await app.workers.wait_for_complete()
        await settled(pilot)
        shown = app.screen.query_one(KeyHints).render_line(0).text
        assert "no key id scope.fliter; did you mean scope.filter? (and 1 more: meshtop config validate)" in shown
