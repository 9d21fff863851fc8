"""Where things stand: positions in tables, panels by width, no empty halves, facts that scroll by keys."""

from __future__ import annotations

from itertools import pairwise

import pytest

from meshtop.console.scope import answering, utc_clock
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.facts import COLUMN_WIDTH, section_columns
from meshtop.console.screens.row_plots import LEAST_PLOT, RowPlots
from meshtop.console.screens.table import TableScreen
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.top_bar import TopBar
from meshtop.model.text import cell_width
from meshtop.views.frame.facts import Section, fact
from meshtop.views.frame.table import Tone
from tests.console.screens.test_screens import go, press, settled, text_of
from tests.console.stage import StillApp, busy_world, session_of, stage
from tests.console.widgets.sample import until
from tests.worlds import east, west, world

KINDS = ("services", "workloads", "edges", "namespaces", "mtls", "tenants", "canaries", "changes", "certificates")


def position(app: StillApp) -> str:
    return app.screen.query_one(BottomBar).hints.render_line(0).text.split()[-1]


async def test_every_table_says_where_the_cursor_is() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(80, 24)) as pilot:
        await go(pilot, "services")
        assert position(app) == "1/4"
        await press(pilot, "j", "j")
        assert position(app) == "3/4"
        await press(pilot, "G")
        assert position(app) == "4/4"
        await press(pilot, "slash", *"reviews", "enter")
        await settled(pilot)
        hints = app.screen.query_one(BottomBar).hints.render_line(0).text
        assert hints.rstrip().endswith("2/2 of 4") or hints.rstrip().endswith("1/2 of 4")


async def test_the_position_is_that_of_the_table_that_has_the_keyboard() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(240, 30)) as pilot:
        await settled(pilot)
        assert position(app) == "1/3"
        await press(pilot, "n")
        assert position(app) == "1/2"
        await press(pilot, "n")
        assert position(app) == "1/3"


@pytest.mark.parametrize("kind", KINDS)
async def test_at_120_columns_there_is_no_empty_half(kind: str) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await go(pilot, kind)
        screen = app.screen
        assert isinstance(screen, TableScreen)
        if not len(screen.shown or ()):
            return
        side = screen.query_one(".side", LineView)
        assert side.display
        rows, count = screen.rows, len(screen.shown or ())
        assert rows.size.height == count + 1, "as high as its rows"
        assert side.region.y == rows.region.bottom
        assert side.size.width > 100


async def test_on_a_wide_screen_a_short_table_has_all_of_its_width_and_facts_stand_in_columns_below() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(200, 60)) as pilot:
        await go(pilot, "services")
        screen = app.screen
        assert isinstance(screen, TableScreen)
        side, rows = screen.query_one(".side", LineView), screen.rows
        assert (rows.size.width, rows.size.height) == (200, len(screen.shown or ()) + 1)
        assert side.region.y == rows.region.bottom
        titles = [line.runs for line in side._text_lines if line.runs and line.runs[0].text.isupper()]
        assert len(titles[0]) > 1, "sections beside each other"
        await pilot.resize_terminal(200, 22)
        await settled(pilot)
        assert side.region.x >= rows.region.right, "where rows leave little room, beside them"


def test_sections_in_columns_keep_their_order_and_overlap_nowhere() -> None:
    sections = [Section(f"Part {n}", tuple(fact(f"label {m}", "x" * 50) for m in range(n))) for n in range(1, 7)]
    for width in (60, 124, 186, 260):
        lines = section_columns(sections, width)
        titles = sorted(
            (run.x // COLUMN_WIDTH, y, run.text)
            for y, line in enumerate(lines)
            for run in line.runs
            if run.text.startswith("PART")
        )
        assert [text for _, _, text in titles] == [f"PART {n}" for n in range(1, 7)]
        for line in lines:
            ends = [(run.x, run.x + cell_width(run.text)) for run in line.runs]
            assert all(end <= start for (_, end), (start, _) in pairwise(ends))
            assert all(end <= width for _, end in ends)
    assert len(section_columns(sections, 186)) < len(section_columns(sections, 60)) // 2


async def test_beside_a_long_table_there_is_a_slim_panel_and_below_it_none_is_left() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 18)) as pilot:
        await go(pilot, "workloads")
        side, rows = app.screen.query_one(".side", LineView), app.screen.query_one(LiveTable)
        assert side.display
        assert side.region.x >= rows.region.right
        assert rows.size.width > 70
        await pilot.resize_terminal(100, 18)
        await settled(pilot)
        assert (side.display, rows.size.width in (99, 100)) == (False, True)


async def test_facts_scroll_by_keys_while_the_keyboard_is_in_a_table() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 20)) as pilot:
        await go(pilot, "services")
        await press(pilot, "enter")
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)
        facts = app.screen.query_one("#facts", LineView)
        assert app.screen.query_one("#related", LiveTable).has_focus
        await press(pilot, "shift+down", "shift+down")
        await settled(pilot)
        assert facts.scroll_offset.y == 2
        await press(pilot, "shift+up")
        await settled(pilot)
        assert facts.scroll_offset.y == 1


async def test_a_relation_is_as_high_as_its_rows() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 60)) as pilot:
        await go(pilot, "services")
        await press(pilot, "enter")
        await settled(pilot)
        related = app.screen.query_one("#related", LiveTable)
        assert related.size.height == 6


async def test_line_2_says_what_is_opened_and_who_answers() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 30)) as pilot:
        await go(pilot, "localities")
        top = app.screen.query_one(TopBar)
        assert top.render_line(1).text.startswith(" Placement by locality   all clusters")
        assert top.render_line(1).text.rstrip().endswith("UTC · live · 2s ago · 2/3 ok")


def test_who_answers_is_dim_only_where_all_do() -> None:
    assert answering(None) == ("", Tone.DIM)
    assert answering(world(east(), west())) == ("2/2 ok", Tone.DIM)
    assert answering(busy_world()) == ("2/3 ok", Tone.DEGRADED)


def test_the_clock_is_utc() -> None:
    assert utc_clock(0.0) == "00:00:00 UTC"


async def test_below_the_facts_of_a_short_table_come_the_plots_of_its_row() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(200, 60)) as pilot:
        await go(pilot, "tenants")
        await settled(pilot)
        plots = app.screen.query_one(RowPlots)
        await until(pilot, lambda: [name for name, _ in session_of(app).asked].count("lines") == 3)
        await settled(pilot)
        drawn = [one for one in plots.query(ChartView) if one.display]
        assert len(drawn) == 3
        assert all(one.size.height >= LEAST_PLOT for one in drawn)
        assert plots.region.bottom == app.screen.query_one(".body").region.bottom, "no empty half"
        await press(pilot, "down")
        await until(pilot, lambda: [name for name, _ in session_of(app).asked].count("lines") == 6)
    async with stage(busy_world()).run_test(size=(120, 24)) as pilot:
        await go(pilot, "tenants")
        assert not pilot.app.screen.query(RowPlots), "none is made where there is no room"


async def test_what_has_no_plots_leaves_its_facts_the_room() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(200, 60)) as pilot:
        await go(pilot, "findings")
        await settled(pilot)
        assert app.screen.query_one(".side").display
        assert not app.screen.query(RowPlots)


async def test_a_row_of_a_matrix_is_not_said_to_be_gone() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(200, 60)) as pilot:
        await go(pilot, "trust")
        await settled(pilot)
        await press(pilot, "down")
        assert not app.screen.query_one(".side").display
        await press(pilot, "m")
        await settled(pilot)
        assert app.screen.query_one(".side").display
        assert "It is gone" not in text_of(app.screen.query_one(".side"))
