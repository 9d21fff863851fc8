"""A line chart over time: braille dots on axes with units and gaps for unknown values, and its widget.

Usage::

    chart = Chart()
    chart.show(ChartModel("Requests", "/s", (Series("requests", values), Series("errors", errors)), start="-30 min"))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, cut
from meshtop.views.frame.sparkline import resample
from meshtop.views.frame.table import Tone

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
# Told apart without colour, too: the legend names each line with its latest value, the first is drawn last (on top).
LINE_TONES = (Tone.ACCENT, Tone.DEGRADED, Tone.GOOD, Tone.FAILING, Tone.DIM)

LEGEND_APART = 8
"""Height from which a legend that does not fit beside the title gets a line of its own."""


class ChartSeries(Struct, frozen=True):
    """A named line: values at equal time intervals, the latest last; None is unknown."""

    name: str
    values: tuple[float | None, ...]
    tone: Tone | None = None


NO_DATA = "no data in this window"
NO_ANSWER = "Prometheus gave no answer"


class ChartModel(Struct, frozen=True):
    """A chart: lines of one unit between two moments, given as labels (`-30 min`, `now`).

    `where` is its cluster; `nothing` is the sentence shown without values. `marks` are moments on the time axis, from 0
    at its beginning to 1 at its end, at which something changed.
    """

    title: str
    unit: str
    series: tuple[ChartSeries, ...]
    start: str = ""
    end: str = "now"
    zero: bool = True
    where: str = ""
    nothing: str = NO_DATA
    marks: tuple[float, ...] = ()


def axis_top(highest: float) -> float:
    """The smallest round number (one significant digit, or 1.5 and 2.5) that is not below the highest value."""
    if not highest > 0 or not math.isfinite(highest):
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(power * step for step in _STEPS if power * step >= highest * (1 - 1e-12))


def short_number(value: float, unit: str = "") -> str:
    """An axis label of at most three significant digits: `0.25`, `12.5`, `410`, `7.1k`; milliseconds in full."""
    if unit == "ms" and 1000 <= abs(value) < 100_000:
        return f"{float(f'{value:.3g}'):.0f}"
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"


Points = list[tuple[int, float | None]]


def _spread(values: Sequence[float | None], dots: int) -> Points:
    """The values resampled to a width in dots: means of intervals if there are too many, else at equal distances."""
    points = resample(values, min(len(values), dots))
    last = max(1, len(points) - 1)
    return [(round(index * (dots - 1) / last), value) for index, value in enumerate(points)]


def _bounds(model: ChartModel, lines: Sequence[Points]) -> tuple[float, float]:
    known = [value for points in lines for _, value in points if value is not None]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    if model.zero and low >= 0:
        return 0.0, axis_top(high)
    pad = (high - low or abs(high) or 1.0) * 0.1
    return low - pad, high + pad


class _Canvas:
    """Cells of braille dots; a cell has the tone of the line that was drawn last."""

    def __init__(self, width: int, height: int) -> None:
        self.dots = [[0] * width for _ in range(height)]
        self.tones = [[Tone.PLAIN] * width for _ in range(height)]

    def dot(self, x: int, y: int, tone: Tone) -> None:
        self.dots[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        self.tones[y // 4][x // 2] = tone

    def runs(self, row: int, x: int) -> list[TextRun]:
        runs: list[TextRun] = []
        text, tone, start = "", Tone.PLAIN, x
        for column, (dots, cell_tone) in enumerate(zip(self.dots[row], self.tones[row], strict=True)):
            shown = chr(0x2800 + dots) if dots else " "
            cell_tone = cell_tone if dots else tone
            if cell_tone != tone and text:
                runs.append(TextRun(start, text, tone))
                text, start = "", x + column
            text, tone = text + shown, cell_tone
        return [*runs, TextRun(start, text, tone)] if text else runs


def _draw(canvas: _Canvas, points: Points, place: Callable[[float], int], tone: Tone) -> None:
    """Draw the values, joining consecutive known ones."""
    before: tuple[int, int] | None = None
    for x, value in points:
        here = None if value is None else (x, place(value))
        if here is not None:
            for dot_x, dot_y in _between(before or here, here):
                canvas.dot(dot_x, dot_y, tone)
        before = here


def _between(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    (x0, y0), (x1, y1) = start, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    return [(round(x0 + (x1 - x0) * n / steps), round(y0 + (y1 - y0) * n / steps)) for n in range(steps + 1)]


def chart_lines(model: ChartModel, width: int, height: int) -> list[TextLine]:
    """The chart in exactly `height` lines of at most `width` cells: title and legend, plot, time axis.

    If it is too small for axes, only the title is shown; without values, a sentence.
    """
    tones = [series.tone or LINE_TONES[index % len(LINE_TONES)] for index, series in enumerate(model.series)]
    lines = _heading(model, tones, width, height)
    rows = height - 2 - len(lines)
    low, high = _bounds(model, [_spread(series.values, 2 * max(1, width)) for series in model.series])
    labels = _labels(low, high, rows, model.unit)
    margin = max((cell_width(label) for label in labels), default=0) + 1
    columns = width - margin - 1
    if rows < 2 or columns < 8:
        return (lines + [TextLine("plain", ())] * height)[:height]
    spread = [_spread(series.values, columns * 2) for series in model.series]
    if all(value is None for points in spread for _, value in points):
        middle = [TextLine("plain", ())] * (height - len(lines))
        middle[len(middle) // 2] = TextLine("plain", (TextRun(2, cut(model.nothing, width - 2), Tone.DIM),))
        return lines + middle
    canvas = _Canvas(columns, rows)
    bottom = rows * 4 - 1

    def place(value: float) -> int:
        return max(0, min(bottom, round((high - value) / (high - low) * bottom)))

    for points, tone in reversed(list(zip(spread, tones, strict=True))):
        _draw(canvas, points, place, tone)
    for row in range(rows):
        label = labels[row]
        runs = [
            TextRun(margin - 1 - cell_width(label), label, Tone.DIM),
            TextRun(margin, "┤" if label else "│", Tone.DIM),
        ]
        lines.append(TextLine("plain", (*[run for run in runs if run.text], *canvas.runs(row, margin + 1))))
    lines.append(TextLine("plain", _axis(model, margin, columns)))
    lines.append(_times(model, margin + 1, columns))
    return (lines + [TextLine("plain", ())] * height)[:height]


MARK = "▲"
"""What stands on the time axis where something changed."""


def _axis(model: ChartModel, x: int, columns: int) -> tuple[TextRun, ...]:
    """The time axis with a mark for each change."""
    runs = [TextRun(x, "└" + "─" * columns, Tone.DIM)]
    places = sorted({min(columns - 1, int(mark * columns)) for mark in model.marks if 0 <= mark <= 1})
    if not places:
        return tuple(runs)
    runs, at = [], -1
    for place in places:
        line = "─" * (place - max(at, 0)) if at >= 0 else "└" + "─" * place
        if line:
            runs.append(TextRun(x + (1 + at if at >= 0 else 0), line, Tone.DIM))
        runs.append(TextRun(x + 1 + place, MARK, Tone.DEGRADED))
        at = place + 1
    if at < columns:
        runs.append(TextRun(x + 1 + at, "─" * (columns - at), Tone.DIM))
    return tuple(runs)


def _labels(low: float, high: float, rows: int, unit: str) -> list[str]:
    labels = [""] * max(0, rows)
    if rows >= 2:
        labels[0], labels[-1] = short_number(high, unit), short_number(low, unit)
    if rows >= 5 and rows % 2:
        labels[rows // 2] = short_number((low + high) / 2, unit)
    return labels


def _heading(model: ChartModel, tones: Sequence[Tone], width: int, height: int) -> list[TextLine]:
    """Title and legend: in one line if they fit, else the legend below, else cut beside the title."""
    title = cut(f"{model.title} {model.unit}".strip(), width)
    x = cell_width(title)
    where = cut(f" · {model.where}", max(0, width - x)) if model.where else ""
    head = (TextRun(0, title, Tone.STRONG), *([TextRun(x, where, Tone.DIM)] if where else ()))
    x += cell_width(where) + 3
    names = [series.name for series in model.series]
    labels = [f"{name} {_latest(series, model.unit)}" for name, series in zip(names, model.series, strict=True)]
    for entries in (labels, names) if height < LEGEND_APART else (labels,):
        legend = _legend(entries, tones, x, width)
        if len(legend) == 2 * len(entries):
            return [TextLine("plain", (*head, *legend))]
    if height < LEGEND_APART:
        return [TextLine("plain", (*head, *_legend(labels, tones, x, width)))]
    below = max((_legend(entries, tones, 0, width) for entries in (labels, names)), key=len)
    return [TextLine("plain", head), TextLine("plain", tuple(below))]


def _legend(entries: Sequence[str], tones: Sequence[Tone], x: int, width: int) -> list[TextRun]:
    """A sign and a name for each line, as many as fit from a column on."""
    runs: list[TextRun] = []
    for entry, tone in zip(entries, tones, strict=True):
        if x + cell_width(entry) + 2 > width:
            break
        runs += [TextRun(x, "━", tone), TextRun(x + 2, entry, Tone.PLAIN)]
        x += cell_width(entry) + 5
    return runs


def _latest(series: ChartSeries, unit: str) -> str:
    known = (v for v in reversed(series.values) if v is not None and math.isfinite(v))
    return next((short_number(v, unit) for v in known), "–")


def _times(model: ChartModel, x: int, columns: int) -> TextLine:
    end = cut(model.end, columns)
    start = cut(model.start, max(0, columns - cell_width(end) - 1))
    runs = [TextRun(x, start, Tone.DIM), TextRun(x + columns - cell_width(end), end, Tone.DIM)]
    return TextLine("plain", tuple(run for run in runs if run.text))


class ChartView(LineWidget):
    """A chart widget; a refresh redraws only changed lines."""

    def __init__(self, model: ChartModel | None = None, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._chart = model

    def show(self, model: ChartModel) -> None:
        """Show new values."""
        if model == self._chart and self._drawn:
            return
        self._chart = model
        self.draw()

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The chart's lines."""
        return [] if self._chart is None else chart_lines(self._chart, width, height)
