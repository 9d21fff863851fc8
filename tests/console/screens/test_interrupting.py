"""ctrl-c while an action runs: the first press says what it would do, the second one of the same action ends."""

from __future__ import annotations

from textual.app import ComposeResult

from meshtop.console.screens.run import RunScreen
from tests.console.screens.test_screens import SIZE, press, settled
from tests.console.stage import busy_world, stage


class BareRun(RunScreen):
    """A screen with nothing but what runs."""

    @property
    def subject(self) -> str:
        return "shop/reviews"

    def body(self) -> ComposeResult:
        yield from self.running_body()


async def test_each_action_asks_anew_whether_ctrl_c_is_meant() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        screen = BareRun()
        await app.push_screen(screen)
        for _ in range(2):
            screen.begin(None)
            await press(pilot, "ctrl+c")
            assert app.is_running
            assert app.return_code is None
            screen.ended()
        screen.begin(None)
        await press(pilot, "ctrl+c")
        assert app.return_code is None, "the third action was not asked about before"
        await pilot.press("ctrl+c")
    assert app.return_code == 130


async def test_help_over_a_running_action_does_not_let_ctrl_c_through() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        screen = BareRun()
        await app.push_screen(screen)
        screen.begin(None)
        await press(pilot, "question_mark")
        assert app.screen is not screen
        await press(pilot, "ctrl+c")
        assert app.return_code is None


async def test_the_log_of_what_runs_is_scrolled_by_keys() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        screen = BareRun()
        await app.push_screen(screen)
        for number in range(200):
            screen.append_log(f"line {number}")
        await settled(pilot)
        screen.set_focus(None)
        before = screen.log_view.scroll_offset.y
        await press(pilot, "pageup")
        assert screen.log_view.scroll_offset.y == before - 10
