"""The Flow by keys: where one gets, what is remembered, what is said, and what esc takes back."""

from __future__ import annotations

import re

import pytest
from textual.pilot import Pilot

from meshtop.analysis.graph.metric import GraphMetric
from meshtop.analysis.graph.service_graph import Level
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.flow import FlowScreen
from meshtop.console.screens.flow_foot import FlowFoot
from meshtop.console.screens.graph import GraphScreen
from meshtop.console.screens.object import ObjectScreen
from meshtop.console.screens.table import TableScreen
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.flow_sheet import CALLEES, CALLERS, CENTRE, FlowCursor
from meshtop.console.widgets.flow_view import FlowView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.plot_memory import plots_of
from meshtop.console.widgets.top_bar import TopBar
from meshtop.model.snapshot import Snapshot
from tests import worlds
from tests.analysis.security.mtls.objects import destination_rule
from tests.console.flow.strolling import (
    flow_made,
    flow_screen,
    flow_text,
    flow_view,
    open_flow,
    open_tree,
    shown_flow,
    stroll,
)
from tests.console.graph.walking import drawn, until
from tests.console.stage import StillApp, session_of, stage
from tests.views.kinds.test_security import with_objects
from tests.views.reports.test_flow import calling

SIZE, SMALL = (120, 40), (80, 24)
WEB, REVIEWS = "service/east/shop/web", "service/east/shop/reviews"


def chain(*more: str) -> Snapshot:
    """gate calls shop, shop calls db and cache; and `more` callers of shop."""
    samples = [calling("gate", "shop", 90.0), calling("shop", "db", 40.0), calling("shop", "cache", 60.0)]
    return worlds.world(worlds.cluster("east", [*samples, *(calling(name, "shop", 1.0) for name in more)]))


def at(pilot: Pilot[int]) -> str:
    return shown_flow(pilot).centre.label


def cursor(pilot: Pilot[int]) -> FlowCursor:
    model = flow_view(pilot).model
    assert model is not None
    return model.cursor


def said(pilot: Pilot[int]) -> str:
    return pilot.app.screen.query_one(BottomBar).hints.render_line(0).text


def top(pilot: Pilot[int]) -> str:
    bar = pilot.app.screen.query_one(TopBar)
    return "\n".join(bar.render_line(y).text for y in range(bar.size.height))


async def test_it_opens_on_the_worst_with_the_cursor_on_who_calls_it() -> None:
    async with stage(worlds.world()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        assert shown_flow(pilot).centre.id == REVIEWS
        assert cursor(pilot) == FlowCursor(CALLERS, 0)
        assert "east ▸ shop ▸ reviews" in top(pilot)
        text = flow_text(pilot)
        for part in ("▸web", "▲ 1.50", "100 %", "also serves:  west  50/s  healthy", "web ─▶ [reviews]", "v2 20.0 %"):
            assert part in text


async def test_walking_to_callers_and_callees_and_back() -> None:
    async with stage(chain()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        assert at(pilot) == "shop"
        await stroll(pilot, "right")
        assert cursor(pilot) == FlowCursor(CENTRE, 0)
        await stroll(pilot, "right", "down")
        assert cursor(pilot) == FlowCursor(CALLEES, 1)
        await stroll(pilot, "right")
        assert at(pilot) == "db"
        # It calls nobody: the cursor is on who calls it.
        assert cursor(pilot) == FlowCursor(CALLERS, 0)
        await stroll(pilot, "left")
        assert at(pilot) == "shop"
        await stroll(pilot, "left")
        assert at(pilot) == "gate"
        await stroll(pilot, "escape", "escape")
        assert at(pilot) == "db"
        assert cursor(pilot) == FlowCursor(CALLERS, 0)
        await stroll(pilot, "escape")
        assert at(pilot) == "shop"
        # The cursor is on what one came back from.
        assert cursor(pilot) == FlowCursor(CALLEES, 1)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, FleetScreen))


async def test_up_and_down_lead_over_the_end_of_a_side() -> None:
    async with stage(chain()).run_test(size=SMALL) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "down")
        assert cursor(pilot) == FlowCursor(CALLEES, 0)
        await stroll(pilot, "up")
        assert cursor(pilot) == FlowCursor(CALLERS, 0)
        await stroll(pilot, "end", "home")
        assert cursor(pilot) == FlowCursor(CALLERS, 0)


async def test_healthy_calls_without_room_are_counted_and_opened_by_enter() -> None:
    names = [f"caller-{n:02}" for n in range(40)]
    async with stage(chain(*names)).run_test(size=SMALL) as pilot:
        view = await open_flow(pilot)
        rows = view.rows(CALLERS)
        assert rows[-1].text == f"+ {41 - len(rows) + 1} healthy"
        assert rows[-1].text in flow_text(pilot)
        assert "cache" in flow_text(pilot)
        await stroll(pilot, "end", "enter")
        assert len(view.rows(CALLERS)) == 41
        assert cursor(pilot) == FlowCursor(CALLERS, len(rows) - 1)
        await stroll(pilot, "end")
        assert "▸caller-39" in flow_text(pilot)


async def test_bars_measure_what_e_chooses() -> None:
    async with stage(worlds.world()).run_test(size=SIZE) as pilot:
        view = await open_flow(pilot)
        assert "share" in flow_text(pilot)
        await stroll(pilot, "e", "e")
        assert view.metric is GraphMetric.P99
        assert "98.2 ms" in flow_text(pilot)
        assert "e: p99" in top(pilot)
        await stroll(pilot, "e", "e")
        assert "e:" not in top(pilot)


async def test_levels_and_hops() -> None:
    async with stage(worlds.world()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "greater_than_sign")
        assert shown_flow(pilot).centre.id == "workload/east/shop/reviews-v2"
        await stroll(pilot, "greater_than_sign")
        assert "workloads is the finest level" in said(pilot)
        await stroll(pilot, "escape", "less_than_sign", "less_than_sign")
        assert shown_flow(pilot).level is Level.CLUSTERS
        await stroll(pilot, "escape", "escape", "f")
        assert "up to 2 hops away" in said(pilot)
        await stroll(pilot, "f")
        assert flow_screen(pilot).shown.hops == 3
        assert "CALLERS 1 ±3" in flow_text(pilot)
        assert "v draws the whole graph" in said(pilot)
        await stroll(pilot, "f")
        assert flow_screen(pilot).shown.hops == 1
        assert "Its own calls alone" in said(pilot)
        await stroll(pilot, "escape")
        assert flow_screen(pilot).shown.hops == 3


async def test_tab_goes_to_the_same_service_of_the_next_cluster() -> None:
    async with stage(worlds.world()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "tab")
        assert shown_flow(pilot).centre.id == "service/west/shop/reviews"
        await stroll(pilot, "tab")
        assert shown_flow(pilot).centre.id == REVIEWS
    async with stage(chain()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "tab")
        assert "No other cluster serves this" in said(pilot)


async def test_the_mouse_chooses_a_line_and_a_second_click_goes_there() -> None:
    async with stage(chain()).run_test(size=SIZE) as pilot:
        view = await open_flow(pilot)
        await pilot.click(FlowView, offset=(100, 3))
        assert cursor(pilot) == FlowCursor(CALLEES, 1)
        await pilot.click(FlowView, offset=(100, 1), times=2)
        await until(pilot, lambda: shown_flow(pilot).centre.label == "cache")
        assert view.call is not None


async def test_w_goes_through_what_is_ill_and_says_where_nothing_is() -> None:
    async with stage(worlds.world()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "left")
        assert at(pilot) == "web"
        await stroll(pilot, "w")
        assert at(pilot) == "reviews"
    async with stage(chain()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "w")
        assert "Nothing here is degraded or failing" in said(pilot)


async def test_o_opens_the_call_or_lists_those_that_it_adds_up_and_enter_opens_the_centre() -> None:
    async with stage(chain()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailScreen))
        await pilot.press("escape")
        await flow_made(pilot)
    async with stage(worlds.world()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, TableScreen))
        await pilot.press("escape")
        await flow_made(pilot)
        await stroll(pilot, "right")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailScreen))
        assert isinstance(pilot.app.screen, DetailScreen)
        assert (pilot.app.screen.kind, pilot.app.screen.key) == ("services", "east/shop/reviews")


async def test_v_is_the_canvas_and_back_and_is_remembered() -> None:
    app = stage(worlds.world())
    async with app.run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "left")
        await pilot.press("v")
        view = await drawn(pilot)
        assert view.cursor.node == WEB
        await pilot.press("1", "3")
        await drawn(pilot)
        await pilot.press("v")
        await flow_made(pilot)
        assert app.graph_canvas is False
        await pilot.press("1", "3")
        await flow_made(pilot)
        assert isinstance(app.screen, FlowScreen)
        assert app.screen.is_place


@pytest.mark.parametrize(("width", "canvas"), [(159, False), (160, True)])
async def test_where_there_is_room_the_graph_opens_as_a_drawing(width: int, canvas: bool) -> None:
    app = stage(worlds.world())
    async with app.run_test(size=(width, 40)) as pilot:
        await until(pilot, lambda: app.picture is not None)
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, GraphScreen if canvas else FlowScreen))


async def test_g_opens_it_around_a_row_and_esc_closes_it() -> None:
    app = stage(worlds.world())
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.picture is not None)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, TableScreen) and bool(app.screen.query(LiveTable)))
        table = app.screen.query_one(LiveTable)
        await until(pilot, lambda: table.model is not None and table.cursor_key is not None)
        table.go_to("west/shop/web")
        await pilot.press("g")
        await flow_made(pilot)
        assert shown_flow(pilot).centre.id == "service/west/shop/web"
        assert not flow_screen(pilot).is_place
        await pilot.press("v")
        await drawn(pilot)
        assert isinstance(app.screen, MeshScreen)
        assert not app.screen.is_place
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TableScreen))


async def test_figures_change_under_the_cursor_and_what_is_gone_says_so() -> None:
    async with stage(chain("other")).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "down")
        assert flow_view(pilot).call is not None
        session = session_of(flow_screen(pilot).host)
        more = [calling("gate", "shop", 1.0), calling("other", "shop", 9.0), calling("shop", "db", 1.0)]
        session.publish(worlds.world(worlds.cluster("east", more), sequence=2))
        await until(pilot, lambda: len(shown_flow(pilot).callees) == 1)
        call = flow_view(pilot).call
        assert call is not None
        assert call.node.label == "other"
        assert cursor(pilot).row == 0
        session.publish(worlds.world(worlds.cluster("east", [calling("x", "y", 1.0)]), sequence=3))
        await until(pilot, lambda: flow_screen(pilot).flow is None)
        assert "Nobody calls shop, and it calls nobody" in flow_text(pilot)
        await stroll(pilot, "down", "left", "enter", "o", "e", "T")


async def test_a_filter_narrows_the_calls_and_nothing_left_says_so() -> None:
    app = stage(chain())
    async with app.run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await pilot.press("slash", *"gate", "enter")
        await until(pilot, lambda: not shown_flow(pilot).callees)
        assert [call.node.label for call in shown_flow(pilot).callers] == ["gate"]
        await pilot.press("slash", *"nosuchthing", "enter")
        await until(pilot, lambda: flow_screen(pilot).flow is None)
        assert "No calls match the filter" in flow_text(pilot)


async def test_the_tree_and_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(StillApp, "copy_to_clipboard", lambda self, text: copied.append(text))
    async with stage(chain()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await pilot.press("y", "escape")
        assert "CALLERS 1" in copied[0]
        assert "Graph ▸ east ▸ shop ▸ shop" in copied[0]
        screen = await open_tree(pilot)
        await pilot.press("y", "escape")
        assert "├─ cache" in copied[1]
        assert "gate" not in copied[1]
        await pilot.press("T")
        await until(pilot, lambda: not screen.working and "entry points" in "".join(screen.crumbs()))
        await pilot.press("y", "escape")
        assert "└─ shop" in copied[2]
        await pilot.press("escape")
        await flow_made(pilot)


async def test_nothing_to_show_says_why() -> None:
    async with stage(worlds.world(worlds.north())).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        assert "No traffic was seen" in flow_text(pilot)
        await stroll(pilot, "w", "T")
        await pilot.press("y", "escape")


def shaped_world() -> Snapshot:
    """A cluster with two DestinationRules for reviews."""
    rules = [destination_rule("shop", name, worlds.REVIEWS_HOST) for name in ("one", "two")]
    return worlds.world(with_objects(worlds.east(), *rules))


async def test_plus_and_minus_choose_the_time_of_the_plots_here_too() -> None:
    app = stage(worlds.world())
    async with app.run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "plus")
        assert plots_of(app).span.name == "6h"
        asked = [about for what, about in session_of(app).asked if what == "lines"]
        assert isinstance(asked[-1], tuple)
        _, start, end, _ = asked[-1]
        assert end - start == 21_600.0
        await stroll(pilot, "minus", "minus")
        assert plots_of(app).span.name == "15m"


async def test_u_counts_what_is_healthy_and_i_leaves_out_what_is_idle() -> None:
    async with stage(worlds.world()).run_test(size=SIZE) as pilot:
        view = await open_flow(pilot)
        assert [row.call is not None for row in view.rows(CALLERS)] == [True]
        await stroll(pilot, "left")
        assert at(pilot) == "web"
        every = len(view.rows(CALLEES))
        assert every > 1
        await stroll(pilot, "u")
        ill = [row for row in view.rows(CALLEES) if row.call is not None]
        assert 0 < len(ill) < every
        assert view.rows(CALLEES)[-1].text == f"+ {every - len(ill)} healthy"
        assert "u: only unhealthy" in top(pilot)
        await stroll(pilot, "u", "i")
        assert len(view.rows(CALLEES)) == every
        assert not flow_screen(pilot).shown.idle
        assert "i: without idle" in top(pilot)
        await stroll(pilot, "escape")
        assert flow_screen(pilot).shown.idle


async def test_the_box_says_what_became_of_requests_errors_and_p99() -> None:
    async with stage(worlds.world()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await until(pilot, lambda: "was" in flow_text(pilot))
        lines = flow_text(pilot).splitlines()
        assert any(re.search(r"┃ in 100/s +[▁-█]{6,}", line) for line in lines), lines
        assert any(re.search(r"┃ errors .*1\.50 % +[▁-█]{6,}", line) for line in lines), lines
        assert any(re.search(r"┃ p99 98\.2 ms  was 40 ms", line) for line in lines), lines


async def test_what_shapes_it_is_reached_by_s_and_below_the_last_call_and_opens() -> None:
    app = stage(shaped_world())
    async with app.run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        foot = app.screen.query_one(FlowFoot)
        assert foot.chosen is not None
        assert "▸" in flow_text(pilot)
        await stroll(pilot, "down")
        assert foot.has_focus
        assert [line.count("▸") for line in flow_text(pilot).splitlines() if "▸" in line] == [1]
        assert f"▸{foot.chosen.title}" in flow_text(pilot)
        await stroll(pilot, "up")
        assert flow_view(pilot).has_focus
        await stroll(pilot, "s", "escape")
        assert flow_view(pilot).has_focus
        await stroll(pilot, "s")
        wanted = foot.chosen
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ObjectScreen))
        assert isinstance(app.screen, ObjectScreen)
        assert app.screen._title == wanted.title


async def test_where_nothing_shapes_it_s_says_so() -> None:
    async with stage(chain()).run_test(size=SIZE) as pilot:
        await open_flow(pilot)
        await stroll(pilot, "s")
        assert "Nothing that could be opened shapes it" in said(pilot)


async def test_g_on_a_call_centres_on_what_is_called_with_the_cursor_on_the_caller() -> None:
    app = stage(chain(*(f"caller-{n:02}" for n in range(40))))
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.picture is not None)
        app.open_place("edges")
        await until(pilot, lambda: isinstance(app.screen, TableScreen) and bool(app.screen.query(LiveTable)))
        table = app.screen.query_one(LiveTable)
        await until(pilot, lambda: table.model is not None and table.cursor_key is not None)
        assert table.model is not None
        keys = [table.model.key(index) for index in range(len(table.model))]
        table.go_to(next(key for key in keys if "caller-33" in key))
        await pilot.press("g")
        await flow_made(pilot)
        assert at(pilot) == "shop"
        call = flow_view(pilot).call
        assert call is not None
        # It is healthy and there is no room for it, so that its side was opened.
        assert call.node.label == "caller-33"
