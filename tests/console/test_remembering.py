"""What is remembered in the console: columns, order, views, bookmarks, theme and place."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from meshtop.console.desk.remembered import BookmarkedThing, ConsoleMemory, ConsoleState, SavedView
from meshtop.console.run import memory_of, remembered_theme
from meshtop.console.screens.columns import ColumnList, ColumnScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.table import TableScreen
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.prompts import CommandBar
from meshtop.views.frame.registry import view
from tests.console.screens.test_screens import go, press, settled, text_of
from tests.console.stage import StillApp, busy_world, stage

SIZE = (120, 30)


def remembering(path: Path | None = None) -> StillApp:
    return stage(busy_world(), memory=ConsoleMemory(path))


def titles(app: StillApp) -> list[str]:
    assert isinstance(app.screen, TableScreen)
    assert app.screen.shown is not None
    return [column.name for column in app.screen.shown.columns]


def said(app: StillApp) -> str:
    return app.screen.query_one(KeyHints).render_line(0).text.strip()


async def step(pilot: Pilot[int], *keys: str) -> None:
    await press(pilot, *keys)
    await settled(pilot)


def test_columns_are_moved_and_turned() -> None:
    columns = ColumnList(view("services").columns[:4], ["name", "namespace"])
    names = [column.name for column in view("services").columns[:4]]
    assert list(columns.chosen) == ["name", "namespace"]
    assert set(columns.order) == set(names)
    columns.move(1)
    assert list(columns.chosen) == ["namespace", "name"]
    columns.go(1)
    columns.turn()
    assert len(columns.chosen) == 3
    columns.go(-9)
    columns.move(-1)
    assert columns.at == 0
    for name in tuple(columns.chosen)[1:]:
        columns.at = columns.order.index(name)
        assert columns.turn()
    columns.at = columns.order.index(columns.chosen[0])
    assert not columns.turn(), "one stays"


async def test_columns_are_chosen_by_keys_for_this_run_and_the_next(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    app = remembering(path)
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "services")
        before = titles(app)
        await step(pilot, "K")
        assert isinstance(app.screen, ColumnScreen)
        await step(pilot, "down", "space", "up", "J", "enter")
        assert isinstance(app.screen, TableScreen)
        wanted = titles(app)
        assert wanted == [before[0], *before[2:]]
        await step(pilot, "K", "J", "enter")
        assert titles(app) == [before[2], before[0], *before[3:]]
        wanted = titles(app)
    app = remembering(path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go(pilot, "services")
        assert titles(app) == wanted
        await step(pilot, "K", "R")
        assert titles(app) == before


async def test_the_columns_of_a_tree_are_chosen_and_those_of_a_matrix_are_not() -> None:
    app = remembering()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "tenanttree")
        before = titles(app)
        await step(pilot, "K", "down", "space", "enter")
        assert titles(app) == [before[0], *before[2:]]
        await go(pilot, "trust")
        await step(pilot, "K")
        assert isinstance(app.screen, TableScreen)
        assert "The columns of a matrix are whoever is called; m lists the pairs" in said(app)
        await step(pilot, "m", "K")
        assert isinstance(app.screen, ColumnScreen)


async def test_the_columns_of_findings_are_chosen_and_the_first_tells_what_it_is() -> None:
    app = remembering()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "findings")
        before = titles(app)
        assert before == ["object", "requestsPerSecond", "message"]
        await step(pilot, "K")
        picker = app.screen
        assert isinstance(picker, ColumnScreen)
        assert not {"severity", "code"} & set(picker.list.columns), "the first column tells them"
        at = picker.list.order.index("namespace")
        await step(pilot, *["down"] * at, "space", *["K"] * (at - 1), "enter")
        assert titles(app) == [before[0], "namespace", *before[1:]]
        await step(pilot, "K", "J", "enter")
        assert titles(app)[0] == "object", "where it stands is not a matter of choice: the tree hangs on it"
        await step(pilot, "K", "R")
        assert titles(app) == before


async def test_the_order_is_that_of_the_last_run(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    app = remembering(path)
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "services")
        await step(pilot, "s", "right", "enter")
        chosen = app.screen.query_one(LiveTable).sorting
    app = remembering(path)
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "services")
        assert app.screen.query_one(LiveTable).sorting == chosen


async def test_a_remembered_order_by_a_column_that_is_gone_is_none() -> None:
    app = remembering()
    app.scope = app.scope.sorted_by("services", "gone")
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "services")
        assert "reviews" in text_of(app.screen.query_one(LiveTable))
        assert "not used" not in said(app)


async def test_a_view_is_saved_listed_opened_and_forgotten() -> None:
    app = remembering()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        await step(pilot, "x", "slash", *"reviews", "enter", "V", *"my shop", "enter")
        saved = app.memory.state.view("my shop")
        assert saved is not None
        assert saved.query == app.scope.query
        assert ":view my shop" in said(app).replace("`", "")
        await step(pilot, "escape", "escape", "1", "colon", *"my sh")
        bar = app.screen.query_one(CommandBar)
        assert "saved view: workloads" in bar.proposals.render_line(0).text
        await step(pilot, "enter")
        assert isinstance(app.screen, TableScreen)
        assert app.screen.kind == "workloads"
        assert app.scope.query == saved.query
        app.run_command("forget", "my shop")
        assert app.memory.state.views == ()
        app.run_command("view", "my shop")
        await settled(pilot)
        assert "there is no saved view my shop; V on a table saves one" in said(app)


async def test_what_is_bookmarked_is_marked_and_listed() -> None:
    app = remembering()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "services")
        key = app.screen.query_one(LiveTable).cursor_key
        assert key is not None
        await step(pilot, "b", "down")
        assert "★ " in text_of(app.screen.query_one(LiveTable))
        await step(pilot, "1", "colon", *"bookmark")
        await step(pilot, "ctrl+u", *key[-5:])
        bar = app.screen.query_one(CommandBar)
        assert bar.proposals.chosen is not None
        assert "★ bookmark" in bar.proposals.chosen.about
        await step(pilot, "enter")
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.key == key
        await step(pilot, "b")
        assert app.memory.state.bookmarks == ()


async def test_the_place_and_the_theme_are_those_of_the_last_run(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    app = remembering(path)
    async with app.run_test(size=SIZE) as pilot:
        await step(pilot, "4", "enter")
        app.run_command("theme", "light")
    assert ConsoleMemory(path).state == ConsoleState(place="mtls", theme="meshtop-light")
    app = remembering(path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, TableScreen)
        assert app.screen.kind == "mtls"
        await step(pilot, "1")
    assert ConsoleMemory(path).state.place == "clusters"


@pytest.mark.parametrize("place", ["", "clusters", "nothing-so"])
async def test_a_place_that_there_is_not_is_the_fleet(place: str, tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    ConsoleMemory(path).change(lambda _: ConsoleState(place=place))
    app = remembering(path)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, FleetScreen)


async def test_a_damaged_file_is_said_once_and_the_console_opens(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_text("{")
    app = remembering(path)
    async with app.run_test(size=(200, 30)) as pilot:
        await settled(pilot)
        assert "is damaged" in said(app)


async def test_views_of_kinds_that_are_gone_are_said_and_not_opened() -> None:
    app = remembering()
    app.memory.change(
        lambda _: ConsoleState(views=(SavedView(name="old", kind="gone"),), bookmarks=(BookmarkedThing("gone", "x"),))
    )
    async with app.run_test(size=SIZE) as pilot:
        await step(pilot, "colon", *"old", "enter")
        assert isinstance(app.screen, FleetScreen)
        assert "which this version does not have" in said(app)


def test_who_remembers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    assert memory_of(remember=True, reads_only=False).writes
    assert not memory_of(remember=False, reads_only=False).writes
    assert not memory_of(remember=True, reads_only=True).writes
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.web_driver:WebDriver")
    assert not memory_of(remember=True, reads_only=False).writes


@pytest.mark.parametrize(("theme", "name"), [("meshtop-light", "light"), ("meshtop-gone", None), (None, None)])
def test_a_theme_that_is_gone_is_none(theme: str | None, name: str | None) -> None:
    memory = ConsoleMemory()
    memory.change(lambda _: ConsoleState(theme=theme))
    assert remembered_theme(memory) == name
