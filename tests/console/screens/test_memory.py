"""What closed screens leave behind: nothing that lives, and little that waits for the garbage collector."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from textual.dom import DOMNode
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

from meshtop.console.widgets.graph_window import GraphScene
from meshtop.model.snapshot import Snapshot
from meshtop.views.frame.facts import Detail
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.answers import WhatIfAnswer
from tests import cheaper
from tests.console.screens.test_screens import settled
from tests.console.stage import StillApp, busy_world, session_of, stage
from tests.patience import PATIENCE_SECONDS

SIZE = (160, 50)
ROUNDS = 3
WAYS: dict[str, tuple[str, ...]] = {
    "places": (*"23456789", "1"),
    "detail": ("2", "enter", "escape", "1"),
    "graph": ("3", "l", "plus", "1"),
    "graph of a row": ("2", "g", "escape", "1"),
    "filter": ("2", "slash", "s", "h", "enter", "escape", "1"),
    "command line": ("colon", "h", "escape"),
    "help": ("question_mark", "escape"),
    "palette": ("ctrl+p", "escape"),
    "journal": ("J", "escape"),
    "shift": ("6", "S", "escape", "1"),
    "cockpit": ("6", "enter", "escape", "1"),
    "tenants": ("7", "enter", "escape", "1"),
    "Flow": ("2", "f", "escape", "1"),
    "tree of calls": ("3", "T", "escape", "1"),
    "what-if": ("2", "W", "escape", "W", "escape", "1"),
    "described": ("2", "D", "escape", "1"),
    "object": ("2", "Y", "escape", "1"),
    "settings": ("colon", *"settings", "enter", "escape", "1"),
}
"""Keys that end where they begin."""


async def walk(pilot: Pilot[int], keys: tuple[str, ...]) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


def dead_screens(app: StillApp) -> list[str]:
    gc.collect()
    gc.collect()
    alive = {id(screen) for screen in app.screen_stack}
    return sorted(type(one).__name__ for one in gc.get_objects() if isinstance(one, Screen) and id(one) not in alive)


def strips() -> int:
    return sum(isinstance(one, Strip) for one in gc.get_objects())


async def test_no_closed_screen_lives_on() -> None:
    """All ways with one console: to look through everything that is alive costs more than to walk them."""
    gc.collect()
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        before = dead_screens(app)
        for way in WAYS.values():
            # A screen that lives on is one for each time: of two, one is more than a timer names.
            for _ in range(2):
                await walk(pilot, way)
        session_of(app).publish(busy_world())
        await settled(pilot)
        # A timer of less than a second, or a thread that is not done yet, may still name the last ones: of a leak all
        # rounds stay, however long one waits.
        end = time.monotonic() + PATIENCE_SECONDS / 10
        while len(after := dead_screens(app)) - len(before) > 1 and time.monotonic() < end:
            await pilot.pause(0.2)
        assert len(after) - len(before) <= 1, f"still named, with all that they show: {after}"


@pytest.fixture
def uncollected() -> Iterator[None]:
    """The collector rests, as it does while somebody types; what is there already is out of its sight."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()
    cheaper.hide_again()


@pytest.mark.usefixtures("uncollected")
async def test_what_a_closed_screen_has_drawn_is_freed_at_once() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await walk(pilot, WAYS["detail"])
        gc.collect()
        gc.freeze()
        for _ in range(ROUNDS):
            await walk(pilot, WAYS["detail"])
        left = Counter(type(one) for one in gc.get_objects())
        opened = ROUNDS * 2
        assert left[Strip] / opened < 2 * SIZE[1], "drawn lines"
        assert left[DOMNode] / opened < 10, "component styles"


@pytest.mark.usefixtures("uncollected")
async def test_a_closed_screen_keeps_no_picture() -> None:
    """A picture of a big fleet is hundreds of megabytes, and somebody who looks around closes a screen a second."""
    app = stage(busy_world())
    # So high that plots stand below the facts of a row.
    async with app.run_test(size=(200, 60)) as pilot:
        await settled(pilot)
        gc.freeze()
        for name, way in WAYS.items():
            await walk(pilot, way)
            session_of(app).publish(busy_world())
            await settled(pilot)
            assert app.picture is not None
            shown = {id(app.picture), id(app.picture.snapshot)}
            looked_for = (Picture, Snapshot, Detail, GraphScene, WhatIfAnswer)
            kept = Counter(
                type(one) for one in gc.get_objects() if isinstance(one, looked_for) and id(one) not in shown
            )
            # A timer of less than a second may still name one.
            assert max(kept.values(), default=0) <= 1, f"what waits for the collector after {name}: {kept}"


@pytest.mark.usefixtures("uncollected")
async def test_a_screen_that_stays_leaves_nothing_of_what_it_drew_before() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        app.screen.refresh()
        await settled(pilot)
        gc.collect()
        gc.freeze()
        for _ in range(20):
            for widget in app.screen.walk_children():
                widget.refresh()
            await pilot.pause()
        drawn = strips()
        gc.collect()
        assert drawn - strips() < SIZE[1], "lines of twenty frames that waited for the collector"
