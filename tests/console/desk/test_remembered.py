"""What the console remembers: bounded, the user's alone, whole or not there, and never in anybody's way."""

from __future__ import annotations

import json
import multiprocessing
from functools import partial
from pathlib import Path

import pytest

from meshtop.console.desk.remembered import (
    MOST_BOOKMARKS,
    MOST_BYTES,
    MOST_KINDS,
    MOST_VIEWS,
    BookmarkedThing,
    ConsoleMemory,
    ConsoleState,
    SavedView,
    view_name,
)

ONE = BookmarkedThing("services", "east/shop/reviews")


def full() -> ConsoleState:
    state = ConsoleState(theme="meshtop-light", place="services").sorted_by("services", "name").turned(ONE)
    return state.with_columns("services", ("name", "health")).with_view(SavedView(name="mine", kind="services"))


def test_what_is_changed_is_there_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "state" / "console.json"
    ConsoleMemory(path).change(lambda _: full())
    assert ConsoleMemory(path).state == full()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {one.name for one in path.parent.iterdir()} == {"console.json", "console.lock"}


def test_two_consoles_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    one, other = ConsoleMemory(path), ConsoleMemory(path)
    one.change(lambda state: state.sorted_by("services", "name"))
    other.change(lambda state: state.turned(ONE))
    assert ConsoleMemory(path).state == ConsoleState(sorts={"services": "name"}, bookmarks=(ONE,))


def _mark(path: Path, first: int) -> None:
    memory = ConsoleMemory(path)
    for number in range(first, first + 20):
        mark = BookmarkedThing("services", str(number))
        memory.change(partial(ConsoleState.turned, bookmark=mark))


def test_many_that_write_at_once_tear_nothing(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    spawned = multiprocessing.get_context("spawn")
    processes = [spawned.Process(target=_mark, args=(path, 100 * number)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    memory = ConsoleMemory(path)
    assert memory.problem == ""
    assert memory.state.bookmarks


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"sorts": 3}',
        "\x00\x01",
        '{"views": [{"name": 1}]}',
        '{"x": ' + "[" * 9999,
        " " * (MOST_BYTES + 1),
    ],
)
def test_a_damaged_file_is_said_and_set_aside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "console.json"
    path.write_text(text)
    memory = ConsoleMemory(path)
    assert memory.state == ConsoleState()
    assert memory.problem.startswith(f"{path} is damaged (")
    assert memory.problem.endswith("it is now console.damaged.")
    memory.change(lambda state: state.turned(ONE))
    assert ConsoleMemory(path).state.bookmarks == (ONE,)
    assert (tmp_path / "console.damaged").read_text() == text


def test_who_may_not_write_leaves_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_text("{")
    ConsoleMemory(path, writes=False).change(lambda state: state.turned(ONE))
    assert [one.name for one in tmp_path.iterdir()] == ["console.json"]
    assert path.read_text() == "{"


def test_without_a_file_it_is_remembered_until_the_end() -> None:
    memory = ConsoleMemory()
    memory.change(lambda state: state.turned(ONE))
    assert memory.state.marked("services") == {ONE.key}
    assert not memory.writes


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = ConsoleMemory(tmp_path / "file" / "console.json")
    memory.change(lambda state: state.turned(ONE))
    assert "not a directory" in memory.problem
    assert memory.state.bookmarks == (ONE,)


def test_fields_of_a_newer_version_are_ignored_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_text(json.dumps({"later": {"a": [1, "é"]}, "place": "mtls"}))
    memory = ConsoleMemory(path)
    assert memory.state == ConsoleState(place="mtls")
    memory.change(lambda state: state.turned(ONE))
    written = json.loads(path.read_text())
    assert written["later"] == {"a": [1, "é"]}
    assert written["bookmarks"], "and what was changed"
    assert ConsoleMemory(path).state.marked("services") == {ONE.key}


def test_what_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.mkdir()
    memory = ConsoleMemory(path)
    memory.change(lambda state: state.turned(ONE))
    assert "cannot be read" in memory.problem
    assert memory.problem.endswith("and keeps nothing.")
    assert memory.state.bookmarks == (ONE,)
    assert [one.name for one in tmp_path.iterdir()] == ["console.json"]


def test_it_is_bounded() -> None:
    state = ConsoleState()
    for number in range(2 * MOST_BOOKMARKS):
        state = state.turned(BookmarkedThing("services", str(number))).with_view(
            SavedView(name=str(number), kind="services")
        )
        state = state.sorted_by(str(number), "name").with_columns(str(number), ("name",))
    assert len(state.bookmarks) == MOST_BOOKMARKS
    assert len(state.views) == MOST_VIEWS
    assert len(state.sorts) == len(state.columns) == MOST_KINDS


def test_a_bookmark_is_turned_on_and_off_and_a_view_replaced() -> None:
    state = ConsoleState().turned(ONE)
    assert state.turned(ONE) == ConsoleState()
    twice = state.with_view(SavedView(name="a", kind="x")).with_view(SavedView(name="a", kind="y"))
    assert [view.kind for view in twice.views] == ["y"]
    assert twice.without_view("a").views == ()


@pytest.mark.parametrize(("text", "name"), [("  shop \t by  errors ", "shop by errors"), ("x" * 90, "x" * 60)])
def test_names_of_views_are_text(text: str, name: str) -> None:
    assert view_name(text) == name


def test_a_view_without_a_name_is_said() -> None:
    with pytest.raises(ValueError, match="give the view a name"):
        view_name("  ")
