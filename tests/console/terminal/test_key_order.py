"""Keys that come in one read do what they do one by one."""

from __future__ import annotations

import asyncio
import time

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input

from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.table import TableScreen
from meshtop.console.terminal.key_order import KeyOrder
from meshtop.console.widgets.help_screen import HelpScreen
from tests.console.screens.test_screens import settled
from tests.console.stage import StillApp, busy_world, stage
from tests.garbage import left_behind, places
from tests.patience import PATIENCE_SECONDS


def keys_of(text: str) -> list[events.Key]:
    names = {"\r": "enter", "\x1b": "escape", "\t": "tab"}
    return [events.Key(names.get(one) or _character_to_key(one), one) for one in text]


async def at_once(pilot: Pilot[int], text: str) -> None:
    """All keys in one read, before any of them is looked at."""
    for key in keys_of(text):
        pilot.app.post_message(key)
    await done(pilot)


async def done(pilot: Pilot[int]) -> None:
    """Wait until the last key has done all that it does."""
    app = pilot.app
    assert isinstance(app, StillApp)
    await pilot.pause()
    end = time.monotonic() + PATIENCE_SECONDS
    while not app.key_order.is_idle and time.monotonic() < end:
        await pilot.pause(0.01)
    await settled(pilot)


def kind(app: StillApp) -> str:
    assert isinstance(app.screen, TableScreen)
    return app.screen.kind


async def test_a_place_a_filter_and_enter() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await at_once(pilot, "2/shop\r")
        assert kind(app) == "services"
        assert app.scope.query.filter == "shop"
        assert isinstance(app.focused, type(app.screen.query_one("LiveTable")))


async def test_what_follows_a_filter_is_no_part_of_it() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await at_once(pilot, "2/shop\r4")
        assert kind(app) == "mtls"
        assert app.scope.query.filter == "shop"


@pytest.mark.parametrize(
    ("keys", "screen"),
    [
        ("2\r", DetailScreen),
        ("2\r\x1b1", FleetScreen),
        (":help\r", HelpScreen),
        (":svc shop\rj\r", DetailScreen),
        ("245671", FleetScreen),
        ("?\x1b2\r", DetailScreen),
        ("/x\x1b2\r", DetailScreen),
    ],
)
async def test_many_in_a_row(keys: str, screen: type[MeshScreen | HelpScreen]) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await at_once(pilot, keys)
        assert isinstance(app.screen, screen)


async def test_a_paste_comes_after_the_key_that_opens_the_line() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        app.post_message(keys_of("/")[0])
        app.post_message(events.Paste("reviews"))
        app.post_message(keys_of("\r")[0])
        await done(pilot)
        assert app.scope.query.filter == "reviews"


async def test_whoever_waits_for_a_key_inside_of_a_key_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtop.console.terminal.key_order.PATIENCE_SECONDS", 0.05)
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        taken: list[str] = []
        stuck: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def dispatch(event: events.Event) -> None:
            assert isinstance(event, events.Key)
            taken.append(event.key)

        order = KeyOrder(app, dispatch)

        async def never(*_: object) -> None:
            await stuck

        app.screen.call_later(never)
        for key in keys_of("ab"):
            await order.take(key)
        assert taken == ["a"]
        await order.take(events.Key("ctrl+c", None))
        assert taken == ["a", "ctrl+c"]
        for _ in range(200):
            if len(taken) == 3:
                break
            await asyncio.sleep(0.01)
        stuck.set_result(None)
        assert taken == ["a", "ctrl+c", "b"]


async def test_keys_typed_into_a_line_arrive_in_order() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await at_once(pilot, "2/the quick brown fox 0123456789")
        assert app.screen.query_one(Input).value == "the quick brown fox 0123456789"


async def test_a_key_leaves_nothing_of_its_own_for_the_collector() -> None:
    """Somebody who types for hours would leave a cycle of five parts a key."""
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await at_once(pilot, "2jj")
        with left_behind() as garbage:
            await at_once(pilot, "jkjk")
    assert not {place for place in places(garbage) if place.startswith("KeyOrder")}
