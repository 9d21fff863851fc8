"""Plots by keys: the way in and out, what a cursor reads, how far back they reach, and what that costs."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest
from textual.pilot import Pilot

from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.graph_panel import GraphPanel
from meshtop.console.screens.plotted import PlottedScreen
from meshtop.console.screens.table import TableScreen
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.plot_memory import SPANS
from meshtop.model.telemetry import Line
from tests.console.screens.test_screens import go, press, settled
from tests.console.stage import StillApp, busy_world, session_of, stage
from tests.worlds import AT

WIDE, NARROW = (120, 40), (80, 24)


@pytest.fixture
def app() -> StillApp:
    return stage(busy_world())


def plot(app: StillApp, selector: str) -> str:
    chart = app.screen.query_one(selector, ChartView)
    return "\n".join(chart.render_line(y).text.rstrip() for y in range(chart.size.height))


def asked_spans(app: StillApp) -> list[float]:
    """How long the times were that lines were asked for."""
    asked = [what for name, what in session_of(app).asked if name == "lines"]
    spans: list[float] = []
    for what in asked:
        _, start, end, _ = cast("tuple[object, float, float, object]", what)
        spans.append(end - start)
    return spans


async def service(pilot: Pilot[int]) -> PlottedScreen:
    await go(pilot, "services")
    await press(pilot, "enter")
    assert isinstance(pilot.app.screen, DetailScreen)
    return pilot.app.screen


async def test_tab_leads_into_the_plots_of_now_and_on_to_the_next_page(app: StillApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await press(pilot, "tab")
        assert app.focused is app.screen.query_one("#trend-0")
        assert all("┊" in plot(app, f"#trend-{n}") for n in (0, 1)), "plots side by side are read at one moment"
        await press(pilot, "left", "left")
        assert all("13:59:00Z" in plot(app, f"#trend-{n}") for n in (0, 1))
        await press(pilot, "escape")
        assert isinstance(app.focused, LiveTable)
        assert "┊" not in plot(app, "#trend-0")
        assert isinstance(app.screen, FleetScreen), "esc left the plot, not the place"
        await press(pilot, "tab", "tab")
        assert isinstance(app.screen, TableScreen)
        assert not isinstance(app.screen, FleetScreen)


async def test_without_room_for_plots_tab_goes_to_the_next_page(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        await press(pilot, "tab")
        assert not isinstance(app.screen, FleetScreen)


async def test_tab_goes_round_pages_and_plots_of_a_detail(app: StillApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        screen = await service(pilot)
        pages = len(screen.detail_pages)  # type: ignore[attr-defined]
        await press(pilot, *["tab"] * pages)
        assert screen.reading
        await press(pilot, "tab")
        assert (screen.reading, screen.shown_page == screen.detail_pages[0]) == (False, True)  # type: ignore[attr-defined]
        await press(pilot, *["tab"] * pages, "enter")
        assert (screen.reading, app.screen is screen) == (False, True)


async def test_on_a_page_of_their_own_plots_have_the_keyboard_and_esc_closes_the_detail(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        screen = await service(pilot)
        await press(pilot, "tab", "left")
        assert screen.reading
        for number in range(3):
            assert "13:59:30Z" in plot(app, f"#chart-{number}"), "there is room for all three"
        await press(pilot, "escape")
        assert app.screen is not screen


async def test_the_span_travels_and_is_remembered(app: StillApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await service(pilot)
        assert {*asked_spans(app)} == {3600.0}
        await press(pilot, "plus")
        assert asked_spans(app)[-3:] == [21_600.0] * 3
        assert "-6h" in plot(app, "#chart-0")
        await press(pilot, "escape")
        await go(pilot, "workloads")
        await press(pilot, "enter")
        assert asked_spans(app)[-1] == 21_600.0
        await press(pilot, "minus", "minus")
        assert asked_spans(app)[-1] == 900.0
        assert "-15m" in plot(app, "#chart-0")


async def test_the_hour_of_now_is_asked_for_once_and_longer_times_only_where_they_are_looked_at(app: StillApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert not asked_spans(app), "the hour was read anyway"
        await press(pilot, "minus")
        assert "-15m" in plot(app, "#trend-0")
        assert not asked_spans(app)
        await press(pilot, "plus", "plus")
        assert asked_spans(app) == [21_600.0] * 2
        app.screen.update()  # type: ignore[attr-defined]
        await settled(pilot)
        assert asked_spans(app) == [21_600.0] * 2, "nothing is asked again before there can be another point"
        # Findings have no plots of their own.
        await press(pilot, "7")
        app.screen.update()  # type: ignore[attr-defined]
        await settled(pilot)
        assert asked_spans(app) == [21_600.0] * 2


async def test_a_late_answer_for_another_span_is_dropped(app: StillApp) -> None:
    session = session_of(app)
    late = []
    answer = session.lines
    async with app.run_test(size=WIDE) as pilot:
        session.lines = lambda chart, **more: late.append((chart, more))  # type: ignore[method-assign]
        await service(pilot)
        session.lines = answer  # type: ignore[method-assign]
        await press(pilot, "plus")
        chart, more = late[0]
        answer(chart, **more)
        await settled(pilot)
        assert "-6h" in plot(app, "#chart-0")
        shown = app.screen.query_one("#chart-0", ChartView).chart
        assert shown is not None
        assert shown.began is not None
        assert shown.ended is not None
        assert shown.ended - shown.began == 21_600.0


async def test_what_prometheus_does_not_have_is_said(app: StillApp) -> None:
    session = session_of(app)
    told = session.lines

    def short(chart: object, **more: object) -> None:
        done = more.pop("done")

        def cut(lines: tuple[Line, ...]) -> None:
            values = [(None,) * 100 + one.values[100:] for one in lines]
            pairs = zip(lines, values, strict=True)
            done(tuple(msgspec.structs.replace(one, values=kept) for one, kept in pairs))  # type: ignore[operator]

        told(chart, **more, done=cut)  # type: ignore[arg-type]

    session.lines = short  # type: ignore[method-assign]
    async with app.run_test(size=WIDE) as pilot:
        await service(pilot)
        assert "none before 13:50Z" in plot(app, "#chart-0")


async def test_at_a_past_moment_the_axis_says_that_moment() -> None:
    app = stage(msgspec.structs.replace(busy_world(), moment=AT - 600.0))
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await service(pilot)
        drawn = plot(app, "#chart-0")
        assert "12:50:00Z" in drawn
        assert "13:50:00Z" in drawn
        assert "now" not in drawn


async def test_a_series_has_one_colour_on_all_screens(app: StillApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        before = app.plots.tones(["east", "west"])
        await service(pilot)
        await press(pilot, "escape")
        assert app.plots.tones(["west", "east"]) == before[::-1]


async def test_beside_the_graph_the_keyboard_stays_with_the_graph(app: StillApp) -> None:
    async with app.run_test(size=(160, 50)) as pilot:
        await settled(pilot)
        await press(pilot, "3")
        charts = app.screen.query_one(GraphPanel).query(ChartView)
        assert len(charts) == 3
        assert not any(chart.can_focus for chart in charts)


def test_the_choice_is_the_one_that_is_documented() -> None:
    assert [span.name for span in SPANS] == ["15m", "1h", "6h", "1d"]
