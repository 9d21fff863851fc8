"""One step back and forward again: places, details, the scope and the row that was chosen."""

from __future__ import annotations

import gc

import pytest
from msgspec import structs
from textual.pilot import Pilot

from meshtop.analysis.graph.service_graph import Level
from meshtop.console.scope import Scope
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.flow import FlowScreen
from meshtop.console.screens.flow_place import FlowPlace
from meshtop.console.screens.graph import GraphScreen
from meshtop.console.screens.graph_steps import CanvasPlace
from meshtop.console.screens.inner_steps import InnerSteps
from meshtop.console.screens.table import TableScreen
from meshtop.console.trail import MOST_STEPS, Opened, Trail, Visit, Whereabouts
from meshtop.views.reports.graph import Sight
from tests.console.flow.strolling import flow_made, open_flow, shown_flow, stroll
from tests.console.graph.walking import drawn, open_graph, screen_of
from tests.console.graph.walking import press as walk
from tests.console.screens.test_screens import press, settled
from tests.console.stage import StillApp, busy_world, session_of, stage

SIZE = (120, 30)


def at(kind: str, **scope: str) -> Whereabouts:
    return Whereabouts((Visit(Opened.PLACE, kind),), Scope().narrowed(**scope))


def test_back_and_forward_are_each_others_opposite() -> None:
    trail = Trail()
    for kind in ("a", "b"):
        trail.leaving(at(kind))
    assert trail.back(at("c")) == at("b")
    assert trail.back(at("b")) == at("a")
    assert trail.back(at("a")) is None
    assert trail.forward(at("a")) == at("b")
    assert trail.forward(at("b")) == at("c")
    assert trail.forward(at("c")) is None


def test_going_elsewhere_forgets_what_was_ahead() -> None:
    trail = Trail()
    trail.leaving(at("a"))
    trail.back(at("b"))
    trail.leaving(at("a"))
    assert trail.forward(at("z")) is None


def test_what_is_closed_can_be_opened_again_and_is_not_gone_back_to_twice() -> None:
    trail = Trail()
    trail.leaving(at("a"))
    trail.went_back(at("b"), at("a"))
    assert trail.back(at("a")) is None
    assert trail.forward(at("a")) == at("b")


def test_a_step_that_led_nowhere_is_none() -> None:
    trail = Trail()
    trail.went_back(at("a"), at("a"))
    assert trail.forward(at("a")) is None


def test_a_filter_and_a_cursor_are_no_steps() -> None:
    here = at("a", namespace="shop")
    assert here.is_same(Whereabouts((Visit(Opened.PLACE, "a", cursor="x"),), here.scope.filtered("y")))
    assert not here.is_same(at("a"))


def test_it_is_bounded() -> None:
    trail = Trail()
    for number in range(3 * MOST_STEPS):
        trail.leaving(at(str(number)))
    assert len(trail.behind) == MOST_STEPS
    for number in range(3 * MOST_STEPS):
        trail.went_back(at(str(number)), at("x"))
    assert len(trail.ahead) == MOST_STEPS


def test_a_command_is_one_step() -> None:
    trail = Trail()
    with trail.one_step():
        trail.leaving(at("a"))
        trail.leaving(at("b"))
    assert trail.behind == [at("a")]
    with trail.one_step():
        pass
    trail.leaving(at("c"))
    assert trail.behind == [at("a"), at("c")]


def kind_of(app: StillApp) -> str:
    screen = app.screen
    return getattr(screen, "kind", type(screen).__name__)


async def step(pilot: Pilot[int], *keys: str) -> None:
    await press(pilot, *keys)
    await settled(pilot)


async def test_places_are_gone_back_to_and_forward_again() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await step(pilot, "2", "4", "5")
        await step(pilot, "alt+left")
        assert kind_of(app) == "mtls"
        await step(pilot, "alt+left", "alt+left")
        assert isinstance(app.screen, FleetScreen)
        await step(pilot, "alt+left")
        assert isinstance(app.screen, FleetScreen)
        await step(pilot, "alt+right", "right_square_bracket", "alt+right")
        assert kind_of(app) == "tenants"


async def test_a_detail_that_was_left_by_esc_opens_again_on_its_row() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await step(pilot, "2", "j", "j", "enter")
        opened = app.screen
        assert isinstance(opened, DetailScreen)
        key = opened.key
        await step(pilot, "escape", "1", "alt+left")
        assert isinstance(app.screen, TableScreen)
        assert app.screen.rows.cursor_key == key
        await step(pilot, "enter", "escape", "right_square_bracket")
        assert isinstance(app.screen, DetailScreen)
        assert app.screen is not opened
        assert app.screen.key == key
        await step(pilot, "escape")
        assert isinstance(app.screen, TableScreen)
        assert app.screen.rows.cursor_key == key


async def test_the_graph_around_a_row_is_gone_back_to() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await step(pilot, "2", "g", "1", "alt+left")
        assert isinstance(app.screen, FlowScreen)
        await step(pilot, "escape")
        assert kind_of(app) == "services"


async def test_a_flow_is_gone_back_to_where_it_was_and_not_to_where_it_begins() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        first = shown_flow(pilot).centre.id
        await stroll(pilot, "left", "less_than_sign")
        there = shown_flow(pilot).centre.id
        assert there != first
        await step(pilot, "2", "alt+left")
        await flow_made(pilot)
        assert shown_flow(pilot).centre.id == there
        assert shown_flow(pilot).level is Level.NAMESPACES


async def test_a_graph_whose_form_a_key_changed_is_gone_back_to() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await step(pilot, "3", "v")
        assert isinstance(app.screen, GraphScreen)
        await step(pilot, "2", "alt+left")
        assert isinstance(app.screen, GraphScreen)


async def test_a_canvas_is_gone_back_to_as_it_was_and_its_steps_are_taken_again() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await open_graph(pilot)
        await walk(pilot, "greater_than_sign", "f", "u")
        left = screen_of(pilot)
        sight, cursor = left.sight, left.view.cursor
        assert sight.unhealthy
        assert sight.focus is not None
        await step(pilot, "2", "alt+left")
        await drawn(pilot)
        assert screen_of(pilot) is not left
        assert (screen_of(pilot).sight, screen_of(pilot).view.cursor) == (sight, cursor)
        await walk(pilot, "escape", "escape")
        assert screen_of(pilot).sight.focus is None
        await walk(pilot, "alt+right")
        assert (screen_of(pilot).sight.focus, screen_of(pilot).sight.unhealthy) == (sight.focus, False)
        await step(pilot, "1", "alt+left")
        await walk(pilot, "right_square_bracket")
        assert screen_of(pilot).sight == sight, "what was ahead is kept as well"


def test_another_step_inside_is_another_way() -> None:
    steps: InnerSteps[CanvasPlace] = InnerSteps()
    first, second = (CanvasPlace(Sight(level=level), auto=False) for level in (Level.NAMESPACES, Level.SERVICES))
    steps.leaving(first)
    assert (steps.back(second), steps.back(first)) == (first, None)
    steps.leaving(first)
    assert steps.forward(second) is None
    assert InnerSteps[FlowPlace]().resume(steps.way(second), FlowPlace) is None, "that was the canvas"


async def test_a_flow_walks_forward_again() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        first = shown_flow(pilot).centre.id
        await stroll(pilot, "left")
        there = shown_flow(pilot).centre.id
        await stroll(pilot, "escape")
        assert shown_flow(pilot).centre.id == first
        await stroll(pilot, "alt+right")
        assert shown_flow(pilot).centre.id == there != first


async def test_a_scope_that_was_widened_is_narrowed_again() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await step(pilot, "2", "x")
        narrowed = app.scope.query
        assert narrowed.namespaces
        await step(pilot, "escape")
        assert app.scope.query.namespaces == ()
        await step(pilot, "right_square_bracket")
        assert app.scope.query == narrowed
        await step(pilot, "alt+left")
        assert app.scope.query.namespaces == ()


async def test_a_command_that_narrows_and_goes_is_one_step_back() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await step(pilot, "4", "colon", *"svc shop", "enter")
        assert kind_of(app) == "services"
        assert app.scope.query.namespaces == ("shop",)
        await step(pilot, "alt+left")
        assert kind_of(app) == "mtls"
        assert not app.scope.query.namespaces


async def test_at_a_past_moment_the_bracket_is_a_minute_later() -> None:
    world = busy_world()
    app = stage(structs.replace(world, moment=world.at - 600))
    async with app.run_test(size=SIZE) as pilot:
        await step(pilot, "2", "enter", "escape", "right_square_bracket")
        assert isinstance(app.screen, TableScreen)
        assert [name for name, _ in session_of(app).asked if name == "change"] == ["change"]
        await step(pilot, "alt+right")
        assert isinstance(app.screen, DetailScreen)


@pytest.mark.parametrize("rounds", [3])
async def test_the_way_keeps_no_screen_alive(rounds: int) -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        for _ in range(rounds):
            await step(pilot, "2", "enter", "escape", "alt+right", "1")
        session_of(app).publish(busy_world())
        await settled(pilot)
        gc.collect()
        assert len(app.navigation.trail.behind) > rounds
        alive = {id(screen) for screen in app.screen_stack}
        left = [one for one in gc.get_objects() if isinstance(one, MeshScreen) and id(one) not in alive]
        assert len(left) <= 1, "a timer may still name the last one"
