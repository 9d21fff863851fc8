"""Waiting for the graph: it is made on another thread, so tests wait for states and never for a time."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot

from meshtop.console.screens.graph import GraphScreen
from meshtop.console.widgets.graph_view import GraphView
from tests.console.stage import StillApp

ROUNDS = 1000


def screen_of(pilot: Pilot[int]) -> GraphScreen:
    """The graph's screen, which must be on top."""
    assert isinstance(pilot.app.screen, GraphScreen)
    return pilot.app.screen


def view_of(pilot: Pilot[int]) -> GraphView:
    """The drawing."""
    return screen_of(pilot).view


async def until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    """Wait for a state."""
    for _ in range(ROUNDS):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError("waited in vain")


async def drawn(pilot: Pilot[int]) -> GraphView:
    """The drawing, once everything that was asked for is on screen."""
    await until(pilot, lambda: isinstance(pilot.app.screen, GraphScreen) and bool(pilot.app.screen.query(GraphView)))
    view = view_of(pilot)
    await until(pilot, lambda: view.graph is not None and not view.working)
    await pilot.pause()
    await until(pilot, lambda: not view.working)
    return view


async def open_graph(pilot: Pilot[int]) -> GraphView:
    """Press the graph's key and wait for the drawing."""
    app = pilot.app
    assert isinstance(app, StillApp)
    await until(pilot, lambda: app.picture is not None)
    app.graph_canvas = True
    await pilot.press("3")
    return await drawn(pilot)


async def press(pilot: Pilot[int], *keys: str) -> GraphView:
    """Press keys one after another, each once the one before has had its effect."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
        await drawn(pilot)
    return await drawn(pilot)


def shown(view: GraphView) -> list[str]:
    """The nodes on screen, without their kinds."""
    assert view.graph is not None
    return [node.id.split("/", 1)[1] for node in view.graph.nodes]


def rows(view: GraphView) -> list[str]:
    """What the widget draws."""
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]
