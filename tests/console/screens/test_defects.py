"""Each kind is broken once: its screen says so, the console lives, and the other places still show their rows."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.console.app import MOST_DEFECTS
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.widgets.line_widget import LineView, SentenceLine
from meshtop.views.frame.registry import KINDS, view
from meshtop.views.frame.view import View
from tests.console.screens.test_journal import text_of
from tests.console.screens.test_screens import SIZE, settled
from tests.console.stage import StillApp, busy_world, session_of, stage


@pytest.fixture(autouse=True)
def lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StillApp, "lives_on", True)


def said(app: StillApp) -> str:
    assert isinstance(app.screen, MeshScreen)
    return app.screen.query_one(SentenceLine).sentence


def broken(*_: Any, **__: Any) -> Any:
    raise KeyError("an odd object")


async def calm(pilot: Any) -> None:
    """Wait until messages are dealt with; a screen that is broken never has its rows."""
    for _ in range(4):
        await pilot.pause()


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
async def test_a_kind_that_breaks_costs_its_screen(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        monkeypatch.setattr(view(kind), "_build", broken)
        monkeypatch.setattr(view(kind), "_scoped", broken if view(kind)._scoped else None)
        session_of(app).publish(busy_world())
        await calm(pilot)
        app.open_place(kind)
        await calm(pilot)
        screen = app.screen
        assert isinstance(screen, MeshScreen)
        if kind in screen.kinds():
            assert "A defect of meshtop" in said(app)
            assert "an odd object" in text_of(app)
        elsewhere = "workloads" if "workloads" not in screen.kinds() else "certificates"
        app.open_place(elsewhere)
        await calm(pilot)
        assert said(app) == ""
        monkeypatch.setattr(view(kind), "_build", view_builds[kind][0])
        monkeypatch.setattr(view(kind), "_scoped", view_builds[kind][1])
        app.open_place(kind)
        session_of(app).publish(busy_world())
        await settled(pilot)
        assert said(app) == ""


view_builds = {kind.name: (view(kind.name)._build, view(kind.name)._scoped) for kind in KINDS}


async def test_a_detail_and_a_key_that_break_leave_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        monkeypatch.setattr(View, "detail", broken)
        await pilot.press("enter")
        await calm(pilot)
        assert isinstance(app.screen, DetailScreen)
        assert "A defect of meshtop" in said(app)
        await pilot.press("escape")
        await calm(pilot)
        assert isinstance(app.screen, FleetScreen)
        monkeypatch.setattr(FleetScreen, "action_worst", broken)
        await pilot.press("w")
        await calm(pilot)
        assert "A defect of meshtop" in said(app)
        monkeypatch.undo()
        monkeypatch.setattr(StillApp, "lives_on", True)
        session_of(app).publish(busy_world())
        await settled(pilot)
        assert said(app) == ""


async def test_a_body_that_cannot_be_made_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        monkeypatch.setattr(DetailScreen, "body", broken)
        await pilot.press("enter")
        await calm(pilot)
        assert isinstance(app.screen, DetailScreen)
        assert app.is_running
        await pilot.press("escape")
        await calm(pilot)
        assert isinstance(app.screen, FleetScreen)


async def test_a_widget_that_cannot_be_drawn_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        monkeypatch.setattr(LineView, "on_resize", broken)
        await pilot.resize_terminal(SIZE[0] - 5, SIZE[1])
        await calm(pilot)
        assert app.is_running
        monkeypatch.undo()
        monkeypatch.setattr(StillApp, "lives_on", True)
        await pilot.press("2")
        await calm(pilot)
        assert not isinstance(app.screen, FleetScreen)


async def test_so_many_defects_that_nothing_works_end_it() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert all(app.survives(KeyError(str(number))) for number in range(MOST_DEFECTS))
        assert not app.survives(KeyError("the last"))
