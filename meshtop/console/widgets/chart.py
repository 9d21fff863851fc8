"""A line chart over time: dots on axes with units and gaps for unknown values, a cursor that reads it, and its widget.

Usage::

    chart = ChartView()
    chart.show(ChartModel("Requests", "/s", (ChartSeries("requests", values), ChartSeries("errors", errors))))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from meshtop.console.widgets.chart_model import ChartModel, highest_value, short_number
from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.plot_canvas import PlotCanvas, plot_canvas
from meshtop.console.widgets.plot_legend import chart_heading, legend_keys, side_legend
from meshtop.console.widgets.plot_memory import LINE_TONES, SPANS, PlotStyle, plots_of
from meshtop.console.widgets.told import ToldLines
from meshtop.model.text import cell_width, cut
from meshtop.views.frame.sparkline import resample
from meshtop.views.frame.table import Tone

_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


def axis_top(highest: float) -> float:
    """The smallest round number (one significant digit, or 1.5 and 2.5) that is not below the highest value."""
    if not highest > 0 or not math.isfinite(highest):
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(power * step for step in _STEPS if power * step >= highest * (1 - 1e-12))


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


def _draw(canvas: PlotCanvas, points: Points, place: Callable[[float], int], tone: Tone, bottom: int) -> None:
    """Draw the values, joining consecutive known ones."""
    before: tuple[int, int] | None = None
    for x, value in points:
        here = None if value is None else (x, place(value))
        if here is not None:
            for dot_x, dot_y in _between(before or here, here):
                for y in range(dot_y, bottom + 1) if canvas.fills else (dot_y,):
                    canvas.dot(dot_x, y, tone)
        before = here


def _between(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    (x0, y0), (x1, y1) = start, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    return [(round(x0 + (x1 - x0) * n / steps), round(y0 + (y1 - y0) * n / steps)) for n in range(steps + 1)]


def chart_lines(
    model: ChartModel,
    width: int,
    height: int,
    *,
    style: PlotStyle = "braille",
    tones: Sequence[Tone] | None = None,
    cursor: float | None = None,
    choices: tuple[TextRun, ...] = (),
) -> list[TextLine]:
    """The chart in exactly `height` lines of at most `width` cells: title and legend, plot, time axis.

    If it is too small for axes, only the title is shown; without values, a sentence. `cursor` is the moment (Unix
    seconds) that is read; `choices` stand at the end of the title, their x counted from their own beginning.
    """
    own = tones or [LINE_TONES[index % len(LINE_TONES)] for index in range(len(model.series))]
    tones = [series.tone or tone for series, tone in zip(model.series, own, strict=True)]
    keys = legend_keys(model, tones, cursor)
    low, high = _bounds(model, [_spread(series.values, 2 * max(1, width)) for series in model.series])
    # Room for the label in the middle too, which only some heights have.
    margin = max(cell_width(short_number(value, model.unit)) for value in (low, (low + high) / 2, high)) + 1
    known = any(highest_value(series) is not None for series in model.series)
    side = side_legend(keys, width - margin - 1, height - 3) if known else None
    lines = chart_heading(model, [] if side is not None else keys, width, height, choices)
    rows = height - 2 - len(lines)
    labels = _labels(low, high, rows, model.unit)
    columns = width - margin - 1 - (side.width + 2 if side is not None else 0)
    if rows < 2 or columns < 8:
        return (lines + [TextLine("plain", ())] * height)[:height]
    if not known:
        middle = [TextLine("plain", ())] * (height - len(lines))
        middle[len(middle) // 2] = TextLine("plain", (TextRun(2, cut(model.nothing, width - 2), Tone.DIM),))
        return lines + middle
    canvas = plot_canvas(style, len(model.series), columns, rows)
    bottom = rows * canvas.down - 1

    def place(value: float) -> int:
        return max(0, min(bottom, round((high - value) / (high - low) * bottom)))

    column = None
    if cursor is not None:
        column = min(columns - 1, int(model.share(cursor) * (columns - 1) + 0.5))
        canvas.ruler(column)
    spread = [_spread(series.values, columns * canvas.across) for series in model.series]
    for points, tone in reversed(list(zip(spread, tones, strict=True))):
        _draw(canvas, points, place, tone, bottom)
    for row in range(rows):
        label = labels[row]
        runs = [
            TextRun(margin - 1 - cell_width(label), label, Tone.DIM),
            TextRun(margin, "┤" if label else "│", Tone.DIM),
        ]
        beside = side.runs(keys[row], margin + columns + 3) if side is not None and row < len(keys) else ()
        lines.append(TextLine("plain", (*[run for run in runs if run.text], *canvas.runs(row, margin + 1), *beside)))
    lines.append(TextLine("plain", _axis(model, margin, columns)))
    lines.append(_times(model, margin + 1, columns, cursor, column, width))
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


_DATED = 43_200.0
"""Seconds of a plot from which a time of day alone may be that of another day."""


def time_of_day(moment: float, span: float) -> str:
    """A moment (UTC) on an axis of so many seconds: `11:39:30Z`, `11:39Z` from two hours on, dated from twelve."""
    form = "%H:%M:%S" if span < 7200 else "%H:%M" if span < _DATED else "%m-%d %H:%M"
    return f"{datetime.fromtimestamp(moment, UTC):{form}}Z"


def _times(model: ChartModel, x: int, columns: int, cursor: float | None, column: int | None, width: int) -> TextLine:
    """Beginning and end of the axis, and under the cursor its moment, else a time of day in the middle."""
    end = cut(model.end, columns)
    start = cut(f"{model.start}{f' · {model.note}' if model.note else ''}", max(0, columns - cell_width(end) - 1))
    runs = [TextRun(x, start, Tone.DIM), TextRun(x + columns - cell_width(end), end, Tone.DIM)]
    if model.began is not None and model.ended is not None:
        span = model.ended - model.began
        read = cursor if cursor is not None else (model.began + model.ended) / 2
        # Between the ends a minute is near enough.
        text = time_of_day(read, span if cursor is not None else max(span, 7200.0))
        where = columns // 2 if column is None else column
        at = x + max(0, min(columns - cell_width(text), where - cell_width(text) // 2))
        if cursor is not None:
            # What is read comes first: a label that it would stand on gives way.
            runs = [run for run in runs if run.x + cell_width(run.text) < at or run.x > at + cell_width(text)]
            runs.append(TextRun(at, text, Tone.ACCENT))
        elif runs[0].x + cell_width(start) + 2 < at and at + cell_width(text) + 2 < runs[1].x:
            runs.append(TextRun(at, text, Tone.DIM))
    return TextLine("plain", tuple(sorted((run for run in runs if run.text), key=lambda run: run.x)))


class ChartView(LineWidget, can_focus=True):
    """A chart widget; a refresh redraws only changed lines.

    With the keyboard it has a cursor, which all charts beside it share. Its style, and the colours of its series, are
    those of the console (`plots_of`).
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "read(-1)", "earlier", id="plots.left"),
        Binding("right,l", "read(1)", "later", id="plots.right"),
        Binding("home", "read(-100000)", "first", id="plots.first", show=False),
        Binding("end", "read(100000)", "last", id="plots.last", show=False),
        Binding("escape,enter", "leave", "leave the plot", id="plots.leave"),
    ]

    class PlotLeft(Message):
        """Message: the keyboard is wanted elsewhere."""

    def __init__(self, model: ChartModel | None = None, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._chart = model
        self._cursor: float | None = None
        self._read = False

    @property
    def chart(self) -> ChartModel | None:
        """What it shows."""
        return self._chart

    @property
    def cursor(self) -> float | None:
        """The moment that is read (Unix seconds); None without a cursor."""
        return self._chart.moment(self._cursor) if self._read and self._chart is not None else None

    def show(self, model: ChartModel) -> None:
        """Show new values; a cursor stays at its moment, and one at the end stays there."""
        if model == self._chart and self._drawn:
            return
        if self._chart is not None and self._cursor is not None and self._cursor == self._chart.moment(None):
            self._cursor = None
        self._chart = model
        self.draw()

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The chart's lines."""
        if self._chart is None:
            return []
        memory = plots_of(self)
        choices: list[TextRun] = []
        for span in SPANS if self.has_focus else ():
            x = choices[-1].x + cell_width(choices[-1].text) + 1 if choices else 0
            choices.append(TextRun(x, span.name, Tone.ACCENT if span == memory.span else Tone.DIM))
        return chart_lines(
            self._chart,
            width,
            height,
            style=memory.style,
            tones=memory.tones([series.name for series in self._chart.series]),
            cursor=self.cursor,
            choices=tuple(choices),
        )

    def told(self) -> ToldLines | None:
        """A sentence: what each series is, now or at the cursor, and at its highest."""
        shown = self._chart
        if shown is None:
            return None
        keys = legend_keys(shown, [Tone.PLAIN] * len(shown.series), self.cursor)
        where = f" · {shown.where}" if shown.where else ""
        moment, span = self.cursor, (shown.ended or 0.0) - (shown.began or 0.0)
        when = f" at {time_of_day(moment, span)}" if moment is not None else f", {shown.start} to {shown.end}"
        said = "; ".join(key.full for key in keys) or shown.nothing
        return ToldLines((f"{shown.title} {shown.unit}{where}{when}: {said}",))

    def read(self, moment: float | None, *, on: bool = True) -> None:
        """Put the cursor at a moment, None being the end; or take it away."""
        self._cursor, self._read = moment, on
        self.draw()

    @property
    def neighbours(self) -> list[ChartView]:
        """All charts side by side with this one, itself included."""
        return (
            [one for one in self.parent.children if isinstance(one, ChartView)] if self.parent is not None else [self]
        )

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor comes and goes with the keyboard."""
        super().watch_has_focus(has_focus)
        for one in self.neighbours:
            one.read(self._cursor if has_focus else None, on=has_focus)

    def action_read(self, steps: int) -> None:
        """Move the cursor over the points of the plot."""
        if self._chart is None:
            return
        moment = self._chart.moment(self._cursor, steps)
        for one in self.neighbours:
            one.read(moment)

    def on_click(self, event: events.Click) -> None:
        """Read the moment under the mouse."""
        shown, offset = self._chart, event.get_content_offset(self)
        axis = next((line for line in reversed(self._drawn) if any("└" in run.text for run in line.runs)), None)
        if shown is None or offset is None or axis is None or not self.has_focus:
            return
        left = axis.runs[0].x + 1
        columns = axis.runs[-1].x + cell_width(axis.runs[-1].text) - left
        if shown.began is not None and shown.ended is not None and columns > 1:
            share = max(0.0, min(1.0, (offset.x - left) / (columns - 1)))
            moment = shown.moment(shown.began + share * (shown.ended - shown.began))
            for one in self.neighbours:
                one.read(moment)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing to leave for where plots are all that there is."""
        if action == "leave":
            return not getattr(self.screen, "plots_are_all", False)
        return super().check_action(action, parameters)

    def action_leave(self) -> None:
        """Give the keyboard back."""
        self.screen.set_focus(None)
        self.post_message(self.PlotLeft())
