"""A key is shown in one frame, for which only what it changes is worked out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from rich.console import RenderableType
from textual import events
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

from meshtop.console.screens.table import TableScreen
from meshtop.console.terminal.textual_hooks import HookedApp, active_bindings, shown_keys
from meshtop.console.widgets import table_frame
from meshtop.console.widgets.key_hints import hints_of
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.table_layout import ColumnLayout
from meshtop.views.frame.table import Cell
from tests.console.screens.test_screens import settled
from tests.console.stage import StillApp, busy_world, stage


class Frames:
    """The frames that are painted while it is watched."""

    def __init__(self) -> None:
        self.count = 0


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Frames:
    """Counts whatever has something to paint."""
    counted, display = Frames(), HookedApp._display

    def counting(self: HookedApp, screen: Screen[object], renderable: RenderableType | None) -> None:
        counted.count += renderable is not None
        display(self, screen, renderable)

    monkeypatch.setattr(HookedApp, "_display", counting)
    return counted


async def pressed(pilot: Pilot[int], key: str) -> None:
    """A key as a terminal sends it, and all that follows; a pilot's own pause would paint in between."""
    app = pilot.app
    assert isinstance(app, StillApp)
    app.post_message(events.Key(key, key))
    await asyncio.sleep(0.01)
    while not app.key_order.is_idle:
        await asyncio.sleep(0.01)
    # Two more frames would fit into that.
    await asyncio.sleep(0.1)


@pytest.mark.parametrize(("place", "keys"), [("2", "jjkj"), ("1", "jk"), ("7", "jk")])
async def test_a_step_of_the_cursor_is_one_frame(frames: Frames, place: str, keys: str) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        await pilot.press(place)
        await settled(pilot)
        table = app.focused
        assert isinstance(table, LiveTable)
        for key in keys:
            frames.count, before = 0, table.position
            await pressed(pilot, key)
            assert table.position != before
            assert frames.count == 1, f"{key} in {place}: the row, its place in the list, and its facts"


async def test_a_frame_does_not_wait_for_a_key_that_takes_long(frames: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage(busy_world())
    ended = asyncio.Event()

    async def action_help() -> None:
        await ended.wait()

    async with app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        monkeypatch.setattr(app.screen, "action_help", action_help)
        app.post_message(events.Key("question_mark", "?"))
        await asyncio.sleep(0.02)
        frames.count = 0
        app.screen.refresh()
        for _ in range(300):
            if frames.count:
                break
            await asyncio.sleep(0.01)
        assert frames.count
        assert not app.key_order.is_idle
        ended.set()


async def test_a_step_of_the_cursor_draws_two_rows_and_the_facts_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await settled(pilot)
        drawn: list[str] = []
        rendered: list[int] = []
        row_line, render_line = table_frame.table_row_line, LineView.render_line

        def noted_row(row: Sequence[Cell], layout: ColumnLayout, *, ground: str, **more: bool) -> TextLine:
            drawn.append(ground)
            return row_line(row, layout, ground=ground, **more)

        def noted_line(self: LineView, y: int) -> Strip:
            rendered.append(y)
            return render_line(self, y)

        monkeypatch.setattr(table_frame, "table_row_line", noted_row)
        monkeypatch.setattr(LineView, "render_line", noted_line)
        await pressed(pilot, "j")
        assert sorted(drawn) == ["cursor", "plain"]
        facts = app.screen.query_one(".side", LineView)
        assert rendered
        assert len(rendered) == len(set(rendered)) < facts.size.height


@pytest.mark.parametrize("place", ["1", "2", "6"])
async def test_a_few_keys_do_what_all_say_that_they_do(place: str) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        await pilot.press(place)
        await settled(pilot)
        every = app.screen.active_bindings
        assert active_bindings(app.screen, every) == every
        for key in ("j", "enter", "tab", "q", "question_mark", "f5"):
            assert active_bindings(app.screen, (key,)) == {k: v for k, v in every.items() if k == key}
        shown = shown_keys(app.screen)
        told = {hint.press for hint in hints_of(app.screen)}
        assert told
        assert told <= shown < set(every) | shown


async def test_a_key_asks_only_whether_it_and_what_is_hinted_at_may_be_pressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await settled(pilot)
        assert isinstance(app.screen, TableScreen)
        asked: list[str] = []
        check = TableScreen.check_action

        def noted(self: TableScreen, action: str, parameters: tuple[object, ...]) -> bool | None:
            asked.append(action)
            return check(self, action, parameters)

        monkeypatch.setattr(TableScreen, "check_action", noted)
        _ = app.screen.active_bindings
        assert "scroll_facts" in asked
        asked.clear()
        await pressed(pilot, "j")
        assert asked
        assert "scroll_facts" not in asked
