"""The graph by keys: where one gets, what travels, what is said, and what esc takes back."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from meshtop.analysis.graph.walk import Direction
from meshtop.console.places import GRAPH
from meshtop.console.screens.call_tree import CallTreeScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.flow import FlowScreen
from meshtop.console.screens.graph import GraphScreen
from meshtop.console.screens.graph_edges import GraphEdgesScreen
from meshtop.console.screens.graph_panel import GraphPanel
from meshtop.console.screens.table import TableScreen
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.chart import MARK, ChartView
from meshtop.console.widgets.graph_cursor import GraphCursor
from meshtop.console.widgets.line_widget import CellsLine
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.top_bar import TopBar
from meshtop.model.snapshot import Snapshot
from meshtop.views.picture.query import Query
from tests import worlds
from tests.console.graph.walking import drawn, open_graph, press, rows, screen_of, shown, until, view_of
from tests.console.screens.test_changes import changed_world
from tests.console.stage import StillApp, session_of, stage
from tests.views.reports.test_graph_fold import called

SIZE = (100, 30)
WEB, REVIEWS = "service/east/shop/web", "service/east/shop/reviews"
WEST_WEB, WEST_REVIEWS = "service/west/shop/web", "service/west/shop/reviews"


def two() -> Snapshot:
    return worlds.world(worlds.east(), worlds.west())


def line(pilot: Pilot[int]) -> str:
    """The one line about what is chosen."""
    return pilot.app.screen.query_one("#chosen", CellsLine).render_line(0).text


def hints(pilot: Pilot[int]) -> str:
    """The bottom line, where what is not possible is said."""
    return pilot.app.screen.query_one(BottomBar).hints.render_line(0).text


def top(pilot: Pilot[int]) -> str:
    bar = pilot.app.screen.query_one(TopBar)
    return "\n".join(bar.render_line(y).text for y in range(2))


async def test_it_opens_at_the_worst_edge_at_a_level_that_fits() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        assert shown(view) == ["east/shop/reviews", "east/shop/web", "west/shop/reviews", "west/shop/web"]
        assert view.edge is not None
        assert (view.edge.source, view.edge.target) == (WEB, REVIEWS)
        assert "web → reviews  ▲ degraded  HTTP 100/s  1.50 % 503" in line(pilot)
        assert "\n services  " in top(pilot)


async def test_a_small_screen_begins_coarser_and_keeps_what_was_chosen() -> None:
    many = [worlds.request(f"east/web{n}", "east/v1", 1.0) for n in range(40)]
    async with stage(worlds.world(worlds.cluster("east", many))).run_test(size=(80, 24)) as pilot:
        view = await open_graph(pilot)
        assert shown(view) == ["east/shop"]
        await press(pilot, "greater_than_sign")
        assert len(shown(view)) == 41
        session_of(screen_of(pilot).host).publish(worlds.world(worlds.cluster("east", many), sequence=2))
        await drawn(pilot)
        assert len(shown(view)) == 41


async def test_walking_along_edges_and_among_siblings() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "left")
        assert view.cursor.node == WEB
        await press(pilot, "right")
        assert view.cursor == GraphCursor(REVIEWS)
        await press(pilot, "j")
        assert view.cursor.node == WEST_REVIEWS
        await press(pilot, "h")
        assert view.cursor.node == WEST_WEB
        await press(pilot, "home")
        assert view.cursor.node == WEB
        await press(pilot, "end")
        assert view.cursor.node == WEST_REVIEWS


async def test_tab_goes_through_the_edges_of_a_node() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "left", "tab")
        assert view.cursor.edge == f"{WEB} {REVIEWS}"
        await press(pilot, "tab")
        assert view.cursor.edge == f"{WEB} {WEST_REVIEWS}"
        assert "across clusters" in line(pilot)
        await press(pilot, "tab")
        assert view.cursor == GraphCursor(WEB)
        await press(pilot, "shift+tab", "right")
        assert view.cursor == GraphCursor(WEST_REVIEWS)


async def test_levels_in_and_out_and_back() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        before = shown(view)
        await press(pilot, "minus")
        assert shown(view) == ["east/shop", "west/shop/reviews", "west/shop/web"]
        assert view.cursor.node == "namespace/east/shop"
        await press(pilot, "minus")
        assert shown(view) == ["east", "west/shop/reviews", "west/shop/web"]
        await press(pilot, "plus", "plus")
        assert shown(view) == before
        await press(pilot, "escape", "escape", "escape", "escape")
        assert shown(view) == before
        await press(pilot, "less_than_sign")
        assert shown(view) == ["east/shop", "west/shop"]
        await press(pilot, "less_than_sign")
        assert shown(view) == ["east", "west"]
        await press(pilot, "less_than_sign")
        assert "clusters is the coarsest level." in hints(pilot)
        await press(pilot, "greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert len(shown(view)) == 5
        await press(pilot, "greater_than_sign")
        assert "workloads is the finest level." in hints(pilot)


async def test_a_refresh_moves_no_box_and_keeps_the_cursor() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "left")
        assert view.scene is not None
        before, places = view.cursor, view.scene.layout
        busier = worlds.east()
        session_of(screen_of(pilot).host).publish(worlds.world(busier, worlds.west(), sequence=2))
        await until(pilot, lambda: screen_of(pilot).host.picture is not None and not view.working)
        await drawn(pilot)
        assert view.scene.layout is places
        assert view.cursor == before


async def test_what_is_gone_lets_the_cursor_go_on() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "end")
        session_of(screen_of(pilot).host).publish(worlds.world(worlds.east(), sequence=2))
        await until(pilot, lambda: view.graph is not None and not any("west/shop/web" in n for n in shown(view)))
        assert view.cursor.node in {node.id for node in view.graph.nodes} if view.graph else False


async def test_focus_widens_hop_by_hop_and_esc_comes_back() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "end", "up", "f")
        assert shown(view) == ["east/shop/reviews", "east/shop/web"]
        assert "reviews ±1" in top(pilot)
        await press(pilot, "f")
        assert "reviews ±2" in top(pilot)
        for key in ("less_than_sign", "greater_than_sign", "greater_than_sign", "less_than_sign", "plus"):
            await press(pilot, key)
            assert shown(view), f"the focus is lost after {key}"
            assert "reviews ±2" in top(pilot)
        await press(pilot, *["escape"] * 5)
        await press(pilot, "escape", "escape")
        assert len(shown(view)) == 4


async def test_hide_unhealthy_and_idle() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "end", "x")
        assert "west/shop/reviews" not in shown(view)
        assert "1 hidden" in top(pilot)
        await press(pilot, "escape", "u")
        assert shown(view) == ["east/shop/reviews", "east/shop/web"]
        await press(pilot, "u", "i")
        assert len(shown(view)) == 4
        assert "no idle" in top(pilot)


async def test_a_path_from_here_to_there() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "home", "p", "end", "p")
        assert shown(view) == ["east/shop/web", "west/shop/reviews"]
        assert "web to reviews" in top(pilot)
        await press(pilot, "escape", "end", "p", "home", "p")
        assert shown(view) == []
        assert "No path leads there" in "\n".join(rows(view))
        await press(pilot, "escape")
        assert len(shown(view)) == 4


async def test_the_worst_edge_and_the_next() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "end", "w")
        assert view.cursor.edge == f"{WEB} {REVIEWS}"
        await press(pilot, "w")
        assert view.cursor.edge == f"{WEB} {REVIEWS}"


async def test_the_filter_is_that_of_the_tables_and_travels() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await pilot.press("slash", *"errorRatio:>1%", "enter")
        await until(pilot, lambda: len(shown(view)) == 2)
        await drawn(pilot)
        app = screen_of(pilot).host
        assert app.scope.query.filter == "errorRatio:>1%"
        await press(pilot, "escape")
        assert app.scope.query.filter == ""
        await until(pilot, lambda: len(shown(view)) == 4)


async def test_finding_leaves_nothing_out() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        await pilot.press("F", *"cluster:west", "enter")
        await until(pilot, lambda: view.cursor.edge == f"{WEST_WEB} {WEST_REVIEWS}")
        assert len(shown(view)) == 4
        await press(pilot, "n")
        assert view.cursor.edge == f"{WEB} {WEST_REVIEWS}"


async def test_a_filter_of_another_kind_is_said_and_not_used() -> None:
    async with stage(two(), query=Query(filter="pods:>0")).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        assert len(shown(view)) == 4


async def test_enter_opens_nodes_edges_and_what_an_edge_adds_up() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        await open_graph(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, GraphEdgesScreen))
        table = pilot.app.screen.query_one(LiveTable)
        await until(pilot, lambda: table.model is not None and len(table.model) == 2)
        await pilot.press("escape")
        await drawn(pilot)
        await press(pilot, "tab", "left")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailScreen))
        assert isinstance(pilot.app.screen, DetailScreen)
        assert (pilot.app.screen.kind, pilot.app.screen.key) == ("services", "east/shop/web")
        await pilot.press("escape")
        await press(pilot, "home", "tab", "tab")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailScreen))
        assert isinstance(pilot.app.screen, DetailScreen)
        assert pilot.app.screen.kind == "edges"


async def test_g_opens_the_graph_around_a_row() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        app = pilot.app
        assert isinstance(app, StillApp)
        await until(pilot, lambda: app.picture is not None)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, TableScreen) and bool(app.screen.query(LiveTable)))
        table = app.screen.query_one(LiveTable)
        await until(pilot, lambda: table.model is not None and table.cursor_key is not None)
        table.go_to("west/shop/web")
        app.graph_canvas = True
        await pilot.press("g")
        view = await drawn(pilot)
        assert shown(view) == ["west/shop/reviews", "west/shop/web"]
        assert view.cursor.node == WEST_WEB
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TableScreen))


async def test_the_scope_travels() -> None:
    async with stage(two(), query=Query(clusters=("west",))).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        assert shown(view) == ["east/shop/web", "west/shop/reviews", "west/shop/web"]
        await press(pilot, "home", "X")
        assert screen_of(pilot).host.scope.query.clusters == ("east",)
        assert screen_of(pilot).host.scope.query.namespaces == ("shop",)


async def test_playing_steps_once_for_each_moment_and_ends_at_the_present() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        await open_graph(pilot)
        session = session_of(screen_of(pilot).host)
        await press(pilot, "t")
        asked = [told for what, told in session.asked if what == "change"]
        assert asked == [(None, pytest.approx(worlds.AT + 2 - 30 * 60), False)]
        assert "playing" in screen_of(pilot).crumbs()
        past = Snapshot(
            sequence=2,
            at=worlds.AT,
            window_seconds=300.0,
            clusters=two().clusters,
            moment=worlds.AT - 600,
            settled=True,
        )
        session.publish(past)
        await until(pilot, lambda: len([1 for what, _ in session.asked if what == "change"]) == 2)
        assert session.asked[-1] == ("change", (None, worlds.AT - 540, False))
        assert "at 2026-08-01 13:50:00 UTC" in top(pilot)
        assert "playing" in top(pilot)
        await press(pilot, "t")
        assert "playing" not in screen_of(pilot).crumbs()
        await press(pilot, "t")
        session.publish(worlds.world(worlds.east(), worlds.west(), sequence=3))
        await until(pilot, lambda: "playing" not in screen_of(pilot).crumbs())


async def test_the_panel_opens_where_there_is_room() -> None:
    async with stage(two()).run_test(size=(200, 60)) as pilot:
        await open_graph(pilot)
        panel = pilot.app.screen.query_one(GraphPanel)
        await until(pilot, lambda: panel.detail is not None)
        assert panel.display
        assert panel.detail is not None
        assert panel.detail.title == "web → reviews"
        await press(pilot, "left")
        await until(pilot, lambda: panel.detail is not None and panel.detail.title == "web")
    async with stage(two()).run_test(size=SIZE) as pilot:
        await open_graph(pilot)
        assert not pilot.app.screen.query_one(GraphPanel).display


async def test_charts_beside_the_graph_mark_what_was_changed() -> None:
    async with stage(changed_world()).run_test(size=(200, 60)) as pilot:
        await open_graph(pilot)
        panel = pilot.app.screen.query_one(GraphPanel)
        chart = panel.query_one("#course-0", ChartView)

        def axes() -> str:
            return "".join(run.text for row in chart.make_lines(60, 12) for run in row.runs)

        await until(pilot, lambda: panel.detail is not None and panel.detail.title == "web → reviews" and "└" in axes())
        assert axes().count(MARK) == 1


async def test_dragging_and_the_wheel_pan_and_a_click_chooses() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        row = next(y for y, text in enumerate(rows(view)) if "web" in text)
        column = rows(view)[row].index("web")
        await pilot.click(view, offset=(column, row))
        assert view.cursor.node == WEB
        await pilot.click(view, offset=(column, row), times=2)
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailScreen))


async def test_a_drawing_larger_than_the_window_says_where_it_goes_on() -> None:
    many = [worlds.request(f"east/web{n}", "east/v1", 1.0) for n in range(40)]
    async with stage(worlds.world(worlds.cluster("east", many))).run_test(size=(80, 24)) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "greater_than_sign", "home")
        assert "more ▾" in rows(view)[0]
        before = rows(view)
        await press(pilot, "pagedown")
        assert "more ▴▾" in rows(view)[0]
        assert rows(view) != before
        assert view.cursor.node == "service/east/shop/web0"


async def test_nothing_to_draw_says_why() -> None:
    async with stage(worlds.world(worlds.north())).run_test(size=SIZE) as pilot:
        app = pilot.app
        assert isinstance(app, StillApp)
        await until(pilot, lambda: app.picture is not None)
        app.graph_canvas = True
        await pilot.press("3")
        view = await drawn(pilot)
        assert "No traffic was seen" in "\n".join(rows(view))


async def test_help_and_back_to_the_fleet() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        await open_graph(pilot)
        await pilot.press("question_mark")
        await pilot.press("escape")
        await drawn(pilot)
        assert isinstance(pilot.app.screen, GraphScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, FleetScreen))


async def test_a_big_mesh_is_drawn_off_the_loop_and_walked() -> None:
    calls = [worlds.request(f"east/web{n}", f"east/v{n % 30}", 1.0) for n in range(200)]
    async with stage(worlds.world(worlds.cluster("east", calls))).run_test(size=(120, 40)) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "greater_than_sign", "greater_than_sign")
        assert len(shown(view)) > 200
        node = view.cursor.node
        await press(pilot, "down")
        assert view.cursor.node != node
        assert view.cursor.node is not None
        await until(pilot, lambda: not view_of(pilot).working)


async def test_a_level_of_many_boxes_is_folded_and_opened_where_one_looks() -> None:
    calls = [called(f"team-{n % 9}", f"app-{n}", "503" if n == 5 else "200") for n in range(540)]
    async with stage(worlds.world(worlds.cluster("east", calls))).run_test(size=(120, 40)) as pilot:
        view = await open_graph(pilot)
        view.go_to("namespace/east/team-3")
        await press(pilot, "greater_than_sign")
        assert len(shown(view)) <= 400
        assert "east/team-3/app-3" in shown(view)
        assert "east/team-5/app-5" in shown(view)
        assert "folded" in top(pilot)
        folded = next(node for node in shown(view) if "/app-" not in node and "/team-" in node)
        view.go_to(f"namespace/{folded}")
        before = len(shown(view))
        await press(pilot, "down", "up", "tab", "tab")
        assert len(shown(view)) == before
        view.go_to(f"namespace/{folded}")
        await press(pilot, "plus")
        assert len(shown(view)) == before + 59
        assert "east/team-3/app-3" in shown(view)


async def test_no_key_of_a_quick_walk_is_lost() -> None:
    """Keys that come faster than frames take effect one by one, in their order."""
    calls = [called(f"team-{n % 3}", f"app-{n}", "200") for n in range(30)]
    async with stage(worlds.world(worlds.cluster("east", calls))).run_test(size=(100, 30)) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "greater_than_sign", "home")
        assert view.scene is not None
        order = view.scene.paths.order
        for _ in range(12):
            view.walk(Direction.DOWN)
        for _ in range(5):
            view.walk(Direction.UP)
        await pilot.press(*["down"] * 6)
        await drawn(pilot)
        assert view.cursor.node == order[order.index(view.scene.paths.order[0]) + 13]


def teams(sick: int = 5) -> Snapshot:
    """Nine teams of ten services that one service calls; one of them fails."""
    calls = [called(f"team-{n % 9}", f"app-{n}", "503" if n == sick else "200") for n in range(90)]
    return worlds.world(worlds.cluster("east", calls))


async def test_it_opens_with_what_is_ill_and_counts_the_rest() -> None:
    async with stage(teams()).run_test(size=(120, 40)) as pilot:
        view = await open_graph(pilot)
        assert "east/team-5/app-5" in shown(view)
        assert "healthy/namespace/east/team-5" in shown(view)
        assert "+ 9 healthy" in "\n".join(rows(view))
        assert view.cursor.edge is not None
        assert view.cursor.edge.endswith("/team-5/app-5")
        assert view.scene is not None
        assert view.scene.layout.width <= view.size.width
        assert view.scene.layout.height <= view.size.height
        assert "folded" in top(pilot)


@pytest.mark.parametrize("key", ["enter", "plus"])
async def test_a_fold_opens_and_closes_again(key: str) -> None:
    async with stage(teams()).run_test(size=(120, 40)) as pilot:
        view = await open_graph(pilot)
        view.go_to("fold/healthy/namespace/east/team-5")
        before = shown(view)
        await press(pilot, key)
        assert [name for name in shown(view) if name not in before] == sorted(
            f"east/team-5/app-{n}" for n in range(14, 90, 9)
        )
        assert view.cursor.node is not None
        assert "/team-5/" in view.cursor.node
        await press(pilot, "minus")
        assert shown(view) == before
        assert view.cursor.node == "fold/healthy/namespace/east/team-5"
        await press(pilot, "escape", "escape")
        assert shown(view) == before


async def test_z_unfolds_everything_and_folds_it_again() -> None:
    async with stage(teams()).run_test(size=(120, 40)) as pilot:
        view = await open_graph(pilot)
        before = shown(view)
        await press(pilot, "z")
        assert len(shown(view)) == 91
        await press(pilot, "z")
        assert shown(view) == before
    async with stage(two()).run_test(size=SIZE) as pilot:
        await open_graph(pilot)
        await press(pilot, "z")
        assert "Everything fits" in hints(pilot)


async def test_what_becomes_ill_comes_to_light_at_the_next_refresh() -> None:
    async with stage(teams()).run_test(size=(120, 40)) as pilot:
        view = await open_graph(pilot)
        assert "east/team-5/app-14" not in shown(view)
        worse = [called(f"team-{n % 9}", f"app-{n}", "503" if n in (5, 14, 3) else "200") for n in range(90)]
        session_of(screen_of(pilot).host).publish(worlds.world(worlds.cluster("east", worse), sequence=2))
        await until(pilot, lambda: "east/team-5/app-14" in shown(view))
        assert "east/team-3/app-3" in shown(view)
        assert "+ 8 healthy" in "\n".join(rows(view))


async def test_a_fold_has_no_path_focus_or_flow_and_says_so() -> None:
    async with stage(teams()).run_test(size=(120, 40)) as pilot:
        view = await open_graph(pilot)
        view.go_to("fold/healthy/namespace/east/team-5")
        for key in ("f", "p", "v", "T"):
            await press(pilot, key)
            assert "+ 9 healthy are several: + opens them." in hints(pilot)
        await press(pilot, "x")
        assert "healthy/namespace/east/team-5" not in shown(view)
        assert "east/team-5/app-5" in shown(view)


async def test_the_calls_of_a_node_are_a_tree_here_too() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        assert view.node is not None
        await pilot.press("T")
        await until(pilot, lambda: isinstance(pilot.app.screen, CallTreeScreen) and not pilot.app.screen.working)
        assert view.node.label in "".join(pilot.app.screen.crumbs())  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, GraphScreen))


async def test_the_metric_goes_round_is_said_and_is_remembered() -> None:
    async with stage(two()).run_test(size=SIZE) as pilot:
        view = await open_graph(pilot)
        assert "metric e: rate" in top(pilot)
        assert "▲100/s" in "\n".join(rows(view))
        assert view.scene is not None
        layout = view.scene.layout
        await press(pilot, "e")
        assert "metric e: errors" in top(pilot)
        assert "▲1.5%" in "\n".join(rows(view))
        assert view.scene.layout is layout
        await press(pilot, "e", "e")
        assert "metric e: mTLS" in top(pilot)
        await pilot.press("1")
        await until(pilot, lambda: isinstance(pilot.app.screen, FleetScreen))
        await open_graph(pilot)
        assert "metric e: mTLS" in top(pilot)
        await press(pilot, "e", "e")
        assert "metric e: errors" in top(pilot)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(pilot.app.screen, FlowScreen) and "e: errors" in top(pilot))


async def test_the_map_says_where_one_is_and_goes() -> None:
    async with stage(teams()).run_test(size=(120, 30)) as pilot:
        view = await open_graph(pilot)
        await press(pilot, "z", "home")
        assert " map m " in "\n".join(rows(view))
        before = rows(view)
        await press(pilot, "pagedown")
        assert "✗" in "".join(rows(view)[-6:])
        assert rows(view) != before
        await press(pilot, "m")
        assert " map m " not in "\n".join(rows(view))
        assert "m shows it" in hints(pilot)
        await press(pilot, "m")
        assert " map m " in "\n".join(rows(view))


async def test_the_panel_of_a_fold_names_what_is_in_it() -> None:
    async with stage(teams()).run_test(size=(200, 40)) as pilot:
        view = await open_graph(pilot)
        panel = pilot.app.screen.query_one(GraphPanel)
        view.go_to("fold/healthy/namespace/east/team-5")
        await until(pilot, lambda: panel.detail is not None and panel.detail.title == "+ 9 healthy")
        assert panel.detail is not None
        about = next(section for section in panel.detail.sections if section.title == "About")
        assert any("app-14" in str(fact) for fact in about.facts)


async def test_a_tick_while_everything_is_closed_finds_nothing_to_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    closing: list[bool] = []
    tick = GraphScreen.tick

    async def closed(bar: TopBar) -> None:
        closing.append(True)
        assert isinstance(bar.app, StillApp)
        bar.app._tick()

    def ticked(screen: GraphScreen) -> None:
        assert not closing, "a screen that is being closed was drawn"
        tick(screen)

    monkeypatch.setattr(GraphScreen, "tick", ticked)
    monkeypatch.setattr(BottomBar, "on_unmount", closed, raising=False)
    async with stage(two()).run_test(size=SIZE) as pilot:
        await open_graph(pilot)
    assert closing


async def test_what_is_repeated_waits_until_the_screen_is_there() -> None:
    """The bars are there before the drawing: a tick in between looked for it, and the console ended."""
    app = stage(two())
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.picture is not None)
        app.graph_canvas = True
        app.open_place(GRAPH)
        ticks = 0
        while not (isinstance(app.screen, GraphScreen) and app.screen.is_mounted):
            app._tick()
            app.show_chrome()
            ticks += isinstance(app.screen, GraphScreen)
            await asyncio.sleep(0)
        assert ticks > 1
        await drawn(pilot)
