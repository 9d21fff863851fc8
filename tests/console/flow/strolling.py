"""Waiting for the Flow: it is made on another thread, so tests wait for states and never for a time."""

from __future__ import annotations

from textual.pilot import Pilot

from meshtop.console.screens.call_tree import CallTreeScreen
from meshtop.console.screens.flow import FlowScreen
from meshtop.console.screens.flow_foot import FlowFoot
from meshtop.console.widgets.flow_view import FlowView
from meshtop.views.reports.flow import Flow
from tests.console.graph.walking import until
from tests.console.stage import StillApp


def flow_screen(pilot: Pilot[int]) -> FlowScreen:
    """The Flow's screen, which must be on top."""
    assert isinstance(pilot.app.screen, FlowScreen)
    return pilot.app.screen


def flow_view(pilot: Pilot[int]) -> FlowView:
    """The pipe."""
    return flow_screen(pilot).view


def shown_flow(pilot: Pilot[int]) -> Flow:
    """What is centred, which must be something."""
    found = flow_screen(pilot).flow
    assert found is not None
    return found


async def flow_made(pilot: Pilot[int]) -> FlowView:
    """The pipe, once everything that was asked for is on screen."""
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, FlowScreen) and bool(app.screen.query(FlowFoot)))
    screen = flow_screen(pilot)
    await until(pilot, lambda: screen._answer is not None and not screen.working)
    await pilot.pause()
    await until(pilot, lambda: not screen.working)
    return screen.view


async def open_flow(pilot: Pilot[int]) -> FlowView:
    """Press the graph's key and wait for the Flow."""
    app = pilot.app
    assert isinstance(app, StillApp)
    await until(pilot, lambda: app.picture is not None)
    await pilot.press("3")
    return await flow_made(pilot)


async def stroll(pilot: Pilot[int], *keys: str) -> FlowView:
    """Press keys one after another, each once the one before has had its effect."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
        await flow_made(pilot)
    return await flow_made(pilot)


async def open_tree(pilot: Pilot[int]) -> CallTreeScreen:
    """Press the tree's key and wait for the lines."""
    await pilot.press("T")
    await until(pilot, lambda: isinstance(pilot.app.screen, CallTreeScreen))
    screen = pilot.app.screen
    assert isinstance(screen, CallTreeScreen)
    await until(pilot, lambda: screen._tree is not None and not screen.working)
    await pilot.pause()
    return screen


def flow_text(pilot: Pilot[int]) -> str:
    """What the pipe and what stands below it say."""
    screen = flow_screen(pilot)
    parts = (screen.view, screen.query_one(FlowFoot))
    return "\n".join(part.render_line(y).text.rstrip() for part in parts for y in range(part.size.height))
