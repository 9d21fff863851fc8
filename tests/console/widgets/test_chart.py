from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import ComposeResult

from meshtop.console.terminal.shell import Shell, stylesheets
from meshtop.console.widgets.chart import ChartView, axis_top, chart_lines, time_of_day
from meshtop.console.widgets.chart_model import ChartModel, ChartSeries, short_number
from meshtop.console.widgets.lines import TextLine
from meshtop.console.widgets.plot_memory import LINE_TONES, SPANS, PlotMemory, PlotSpan, PlotStyle
from meshtop.model.text import cell_width, to_ascii
from meshtop.views.frame.sparkline import bar, resample, scale_of, sparkline
from meshtop.views.frame.table import Tone
from tests.console.widgets.sample import written
from tests.worlds import AT

RISE = tuple(float(n) for n in range(11))

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


@pytest.mark.parametrize("height", range(6, 14))
def test_the_axis_is_straight_whatever_its_labels_are(height: int) -> None:
    lines = [written(line) for line in chart_lines(timed((0.1, 0.28)), 60, height)]
    axis = {line.index(sign) for line in lines for sign in "┤│└" if sign in line}
    assert len(axis) == 1, lines


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
    assert drawn[1].startswith("2500 ┤")
    assert drawn[1].endswith("━ p99 2400 max 2400"), "the present value and the highest stand beside the plot"


def test_a_chart_says_why_it_is_empty() -> None:
    model = ChartModel("Latency", "ms", (), nothing="asking Prometheus …")
    assert any("asking Prometheus …" in written(line) for line in chart_lines(model, 40, 8))


def timed(values: tuple[float | None, ...], *, name: str = "in") -> ChartModel:
    series = (ChartSeries(name, values),)
    return ChartModel("Requests", "/s", series, began=AT - 3600.0, ended=AT)


@given(
    st.integers(2, 300),
    st.none() | st.floats(AT - 10_000, AT + 10_000),
    st.lists(st.integers(-400, 400), max_size=6),
)
def test_a_cursor_never_leaves_its_plot(points: int, at: float | None, moves: list[int]) -> None:
    model = timed((1.0,) * points)
    for steps in moves or [0]:
        at = model.moment(at, steps)
        assert at is not None
        assert AT - 3600.0 - 1e-6 <= at <= AT + 1e-6
        drawn = "".join(written(line) for line in chart_lines(model, 60, 8, cursor=at))
        assert time_of_day(at, 3600.0) in drawn


def test_a_plot_without_times_or_points_has_no_cursor() -> None:
    assert ChartModel("Requests", "/s", (ChartSeries("in", (1.0, 2.0)),)).moment(None) is None
    assert timed(()).moment(None) is None
    assert timed((1.0,)).moment(AT) is None


def test_the_cursor_reads_each_series_at_its_moment() -> None:
    series = (ChartSeries("v1", (1.0, 2.0, 3.0)), ChartSeries("v2", (10.0, None, 30.0)))
    model = ChartModel("Requests", "/s", series, began=AT - 60.0, ended=AT)
    last, middle = (chart_lines(model, 60, 8, cursor=at) for at in (AT, AT - 30.0))
    assert [written(last[row]).rstrip().split("━")[1].split() for row in (1, 2)] == [
        ["v1", "3", "max", "3"],
        ["v2", "30", "max", "30"],
    ]
    assert [written(middle[row]).rstrip().split("━")[1].split() for row in (1, 2)] == [
        ["v1", "2", "max", "3"],
        ["v2", "–", "max", "30"],
    ]
    assert "13:59:30Z" in written(middle[-1])
    assert any("┊" in written(line) for line in middle)


def test_a_series_that_ended_has_no_present_value() -> None:
    lines = [written(line) for line in chart_lines(timed((5.0, 7.0, None, None, None)), 60, 8)]
    assert "in – max 7" in lines[1]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True), min_size=1), st.randoms())
def test_a_series_keeps_its_colour_in_any_order(charts: list[list[str]], random: Random) -> None:
    memory = PlotMemory()
    first: dict[str, Tone] = {}
    for names in charts:
        mixed = random.sample(names, len(names))
        for name, tone in zip(mixed, memory.tones(mixed), strict=True):
            assert first.setdefault(name, tone) == tone
    assert dict(zip("abcdefgh", memory.tones("abcdefgh"), strict=True)).items() >= first.items()


def test_names_that_come_together_are_told_apart() -> None:
    memory = PlotMemory()
    memory.tones(["requests"])
    memory.tones(["p50", "p99"])
    assert len({*memory.tones(["p50", "p99"])}) == 2
    assert len({*memory.tones(["v1", "v2", "v3", "v4", "v5", "v6"])}) == len(LINE_TONES)


@pytest.mark.parametrize("span", SPANS)
@given(moment=st.floats(1e9, 2e9))
def test_plots_ask_for_aligned_points(span: PlotSpan, moment: float) -> None:
    start, end = span.window(moment)
    assert start % span.step == end % span.step == span.seconds % span.step == 0
    assert end <= moment < end + span.step
    assert end - start == span.seconds


def test_one_chooses_among_spans_and_stays_at_the_ends() -> None:
    memory = PlotMemory()
    assert [memory.choose(step).name for step in (-1, -1, 1, 1, 1, 1)] == ["15m", "15m", "1h", "6h", "1d", "1d"]


@pytest.mark.parametrize(
    ("style", "series", "allowed"),
    [
        ("blocks", 1, "▁▂▃▄▅▆▇█"),
        ("blocks", 2, "▀▄█"),
        ("ascii", 1, "'.:"),
        ("braille", 1, "".join(map(chr, range(0x2801, 0x2900)))),
    ],
)
def test_what_plots_are_drawn_with(style: PlotStyle, series: int, allowed: str) -> None:
    lines = tuple(ChartSeries(f"s{n}", RISE) for n in range(series))
    model = ChartModel("Requests", "/s", lines)
    drawn = [written(line)[4:15] for line in chart_lines(model, 15, 6, style=style)][1:4]
    signs = {*"".join(drawn)} - {" "}
    assert signs
    assert signs <= {*allowed}, drawn
