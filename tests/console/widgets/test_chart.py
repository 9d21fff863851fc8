from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import ComposeResult

from meshtop.console.terminal.shell import Shell, stylesheets
from meshtop.console.widgets.chart import ChartModel, ChartSeries, ChartView, axis_top, chart_lines, short_number
from meshtop.console.widgets.lines import TextLine
from meshtop.model.text import cell_width, to_ascii
from meshtop.views.frame.sparkline import bar, resample, scale_of, sparkline
from tests.console.widgets.sample import written

WANTED = [
    "Requests /s   ━ in 10",
    "10 ┤                 ⣀⠔⠊",
    "   │                ⠈",
    " 5 ┤     ⢀",
    "   │   ⡠⠒⠁",
    " 0 ┤⡠⠔⠉",
    "   └────────────────────",
    "    -30 min          now",
]
VALUES = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=40)


def drawn(line: TextLine, width: int) -> str:
    text = written(line)
    assert cell_width(text) <= width
    return text.rstrip()


@pytest.mark.parametrize(
    ("values", "width", "wanted"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], 9, "▁▁▂▃▄▅▆▇█"),
        ([0, 0, 0], 3, "▁▁▁"),
        ([5, 5, 5], 3, "███"),
        ([None, 1, None, 2], 4, " ▄ █"),
        ([8], 3, "  █"),
        ([1, 1, 3, 3], 2, "▃█"),
        ([], 3, "   "),
        ([math.nan, math.inf, 1], 3, "  █"),
    ],
)
def test_sparkline(values: list[float | None], width: int, wanted: str) -> None:
    assert sparkline(values, width) == wanted


def test_sparklines_can_share_a_scale() -> None:
    assert sparkline([1, 2], 2, high=8) == "▁▂"
    assert sparkline([10, 12], 2, low=None) == "▁█"


@pytest.mark.parametrize(
    ("values", "wanted"),
    [([100, 100, 100], "▄▄▄"), ([100, 103, 100], "▄▅▄"), ([50, 100, 50], "▁█▁"), ([0, 0], "▁▁"), ([0, 8, None], "▁█ ")],
)
def test_a_sparkline_scaled_to_itself_makes_no_mountain_of_some_percent(
    values: list[float | None], wanted: str
) -> None:
    low, high = scale_of(values)
    assert sparkline(values, len(values), low=low, high=high) == wanted


@given(VALUES, st.integers(0, 20))
def test_sparkline_is_exact(values: list[float | None], width: int) -> None:
    assert len(sparkline(values, width)) == width


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.integers(1, 30))
def test_resampling_stays_between_the_extremes(values: list[float], count: int) -> None:
    points = resample(values, count)
    assert len(points) == count
    known = [point for point in points if point is not None]
    slack = 1e-9 * max(values)
    assert all(min(values) - slack <= point <= max(values) + slack for point in known)


@pytest.mark.parametrize(
    ("share", "wanted"),
    [(0, "    "), (1, "████"), (0.5, "██  "), (0.001, "▏   "), (None, "    "), (7, "████"), (0.28, "█▏  ")],
)
def test_bar(share: float | None, wanted: str) -> None:
    assert bar(share, 4) == wanted


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (0.3, 0.3), (1, 1), (7, 8), (23, 25), (26, 30), (1001, 1500), (math.inf, 1)]
)
def test_axes_end_in_round_numbers(highest: float, top: float) -> None:
    assert axis_top(highest) == pytest.approx(top)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.25, "0.25"), (410, "410"), (7100, "7.1k"), (2.5e6, "2.5M")])
def test_labels_have_three_digits(value: float, text: str) -> None:
    assert short_number(value) == text


def test_a_line_rises_breaks_and_is_labelled() -> None:
    values = (0.0, 2.0, 4.0, None, None, None, 8.0, 10.0)
    model = ChartModel("Requests", "/s", (ChartSeries("in", values),), start="-30 min")
    assert [drawn(line, 24) for line in chart_lines(model, 24, 8)] == WANTED


def test_no_data_is_a_sentence() -> None:
    lines = [
        drawn(line, 40) for line in chart_lines(ChartModel("Latency", "ms", (ChartSeries("p99", (None, None)),)), 40, 8)
    ]
    assert any("no data in this window" in line for line in lines)
    assert "p99 –" in lines[0]


@settings(max_examples=150)
@given(st.lists(VALUES, max_size=3), st.integers(1, 60), st.integers(1, 14), st.booleans())
def test_any_values_fit_any_size(series: list[list[float | None]], width: int, height: int, zero: bool) -> None:
    model = ChartModel(
        "Requests",
        "/s",
        tuple(ChartSeries(f"s{n}", tuple(v)) for n, v in enumerate(series)),
        start="-30 min",
        zero=zero,
    )
    lines = chart_lines(model, width, height)
    assert len(lines) == height
    assert all(to_ascii(drawn(line, width)).isascii() for line in lines)


class ChartApp(Shell):
    CSS_PATH = stylesheets("app", "widgets")

    def compose(self) -> ComposeResult:
        yield ChartView(id="chart")


async def test_the_widget_draws_again_only_what_changed() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 15)) as pilot:
        chart = app.query_one(ChartView)
        model = ChartModel("Requests", "/s", (ChartSeries("in", (1.0, 2.0, 3.0)),))
        chart.show(model)
        await pilot.pause()
        assert chart.render_line(0).text.startswith("Requests /s")
        assert {chart.render_line(y).cell_length for y in range(12)} == {60}
        chart._exchange_repaint_regions()
        chart.show(model)
        assert not chart._exchange_repaint_regions()
        chart.show(ChartModel("Requests", "/s", (ChartSeries("in", (1.0, 2.0, 4.0)),)))
        assert chart._exchange_repaint_regions()
        app.theme = "meshtop-light"
        await pilot.resize_terminal(10, 3)


def test_milliseconds_are_written_out_on_the_axis_and_the_cluster_follows_the_title() -> None:
    model = ChartModel("Latency", "ms", (ChartSeries("p99", (1160.0, 2400.0)),), where="east")
    drawn = [written(line) for line in chart_lines(model, 60, 8)]
    assert drawn[0].startswith("Latency ms · east")
    assert "p99 2400" in drawn[0]
    assert drawn[1].startswith("2500 ┤")


def test_a_chart_says_why_it_is_empty() -> None:
    model = ChartModel("Latency", "ms", (), nothing="asking Prometheus …")
    assert any("asking Prometheus …" in written(line) for line in chart_lines(model, 40, 8))
