"""What plots are drawn of: the lines that Prometheus is asked for, and their model for a chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message
from textual.widget import Widget

from meshtop.console.host import host_of
from meshtop.console.widgets.chart import plot_time
from meshtop.console.widgets.chart_model import NO_ANSWER, NO_DATA, ChartModel, ChartSeries
from meshtop.console.widgets.plot_memory import SPANS, PlotSpan, plots_of
from meshtop.model.numbers import age
from meshtop.model.text import clean

if TYPE_CHECKING:
    from meshtop.console.host import ConsoleHost
    from meshtop.model.telemetry import Line as TimeLine
    from meshtop.views.frame.charts import Chart

COURSE_SPAN = SPANS[1]
"""What plots show before anybody chose."""
COURSE_AGAIN_SECONDS = 15.0
"""Seconds between queries of their lines, at least: there is nothing new before the next point."""
_LATE = 0.05
"""Where the first known point comes after this share of a plot, it is said when."""


class LinesArrived(Message):
    """Message: a chart's lines arrived."""

    def __init__(self, index: int, lines: tuple[TimeLine, ...]) -> None:
        super().__init__()
        self.index = index
        self.lines = lines


class PlotCourses:
    """The lines of the plots that a screen or widget draws: what was asked for, what has come, and when it is due.

    The owner gets a `LinesArrived` for each answer, and gives it to `take`. The time is the one that is chosen for all
    plots of the console.
    """

    def __init__(self, owner: Widget) -> None:
        self._owner = owner
        self._charts: tuple[Chart, ...] = ()
        self._lines: dict[int, tuple[TimeLine, ...]] = {}
        self._asked_for: object = None
        self.asked_at = 0.0
        """When they were asked for last, in Unix seconds; 0 if never."""

    @property
    def charts(self) -> tuple[Chart, ...]:
        """What was asked for."""
        return self._charts

    @property
    def span(self) -> PlotSpan:
        """The time that plots show, as it was chosen wherever that is done."""
        return plots_of(self._owner).span

    @property
    def is_due(self) -> bool:
        """Whether lines that were asked for can have another point by now."""
        return due_again(self.asked_at, host_of(self._owner).now(), self.span)

    def window(self, moment: float | None) -> tuple[float, float]:
        """Beginning and end (Unix seconds) of what was asked for last, or of the time before a past moment."""
        return self.span.window(moment or self.asked_at)

    def wanted(self, asked_for: object) -> bool:
        """Whether this is to be asked for: it is something else than before, or nothing was asked for yet."""
        if asked_for == self._asked_for and self.asked_at:
            return False
        self._asked_for = asked_for
        return True

    def choose(self, charts: Sequence[Chart]) -> None:
        """Say which charts are to be asked for from now on."""
        self._charts = tuple(charts)
        for chart in charts:
            # Colours go by the order of the plots, not by that in which their lines arrive.
            plots_of(self._owner).tones([line.name for line in chart.lines])

    def forget(self) -> None:
        """Drop the lines that have come."""
        self._lines = {}

    def ask(self, moment: float | None, window_seconds: float) -> None:
        """Query the lines of the time before the present, or before a past moment, with the window of their rates."""
        host = host_of(self._owner)
        self.asked_at = host.now()
        end = moment or self.asked_at
        read_courses(host, self._charts, end, self._came, span=self.span, window_seconds=window_seconds)

    def _came(self, index: int, lines: tuple[TimeLine, ...]) -> None:
        """Called on another thread: only a message may be posted from there."""
        self._owner.post_message(LinesArrived(index, lines))

    def take(self, message: LinesArrived) -> bool:
        """Keep lines that arrived, if they are still of what is shown; whether they are.

        A later question that fails leaves the lines of the one before.
        """
        if message.index >= len(self._charts) or not lines_span(message.lines, self.span):
            return False
        self._lines[message.index] = message.lines or self._lines.get(message.index, ())
        return True

    def lines(self, index: int) -> tuple[TimeLine, ...] | None:
        """The latest lines of a chart; None while they are awaited, none where the query failed."""
        return self._lines.get(index)

    @property
    def all_lines(self) -> dict[int, tuple[TimeLine, ...]]:
        """The lines that have come, by the number of their chart."""
        return self._lines


def read_courses(
    host: ConsoleHost,
    charts: Sequence[Chart],
    end: float,
    done: Callable[[int, tuple[TimeLine, ...]], None],
    *,
    span: PlotSpan,
    window_seconds: float,
) -> None:
    """Query the lines of charts over a span before `end` (Unix seconds).

    `done` is called with each chart's index and its lines (none on failure), on another thread. Points that are farther
    apart than the window of their rates are rates over all that is between them; a recording has its points as they
    were kept.
    """
    from meshtop.views.frame.charts import chart_over  # here, as the first frame has no charts

    start, last = span.window(end)
    for index, chart in enumerate(charts):
        recorded = host.replay is not None
        asked = chart if recorded else chart_over(chart, window_seconds=window_seconds, step=span.step)
        host.session.lines(asked, start=start, end=last, step=span.step, done=partial(done, index))


def due_again(asked_at: float, now: float, span: PlotSpan) -> bool:
    """Whether lines that were asked for at a moment (Unix seconds) can have another point now."""
    return bool(asked_at) and abs(now - asked_at) >= max(COURSE_AGAIN_SECONDS, span.step)


def lines_span(lines: Sequence[TimeLine], span: PlotSpan) -> bool:
    """Whether an answer is of this span: one that was asked for before another was chosen may come late."""
    times = next((line.times for line in lines if line.times), ())
    return not times or abs(times[-1] - times[0] - span.seconds) <= span.step


def course(
    chart: Chart,
    lines: Sequence[TimeLine] | None,
    marks: tuple[float, ...] = (),
    *,
    span: PlotSpan = COURSE_SPAN,
    moment: float | None = None,
) -> ChartModel:
    """The model of a chart; lines None means that the answer is pending, empty that the query failed.

    `marks` are where changes stand, from 0 at its beginning to 1 at its end. `moment` (Unix seconds) is the past one
    that is shown, None the present.
    """
    times = next((line.times for line in lines or () if line.times), ())
    began, ended = (times[0], times[-1]) if times else (None, None)
    # A recording of before may hold less than is shown.
    length = times[-1] - times[0] if times else span.seconds
    start, end = f"-{age(length) if span.seconds - length > span.step else span.name}", "now"
    if moment is not None:
        start = plot_time(began if began is not None else moment - span.seconds, span.seconds)
        end = plot_time(ended if ended is not None else moment, span.seconds)
    return ChartModel(
        chart.title,
        chart.unit,
        tuple(ChartSeries(line.name, line.values) for line in lines or ()),
        start=start,
        end=end,
        where=clean(chart.cluster),
        marks=marks,
        nothing="asking Prometheus …" if lines is None else _nothing(span) if lines else NO_ANSWER,
        began=began,
        ended=ended,
        note=_known_since(lines or (), span),
    )


def _nothing(span: PlotSpan) -> str:
    return NO_DATA if span == COURSE_SPAN else f"Prometheus has nothing of these {span.name}"


def _known_since(lines: Sequence[TimeLine], span: PlotSpan) -> str:
    """From when on there is anything, where that is not from the beginning: Prometheus keeps no more, or it is new."""
    known = [when for line in lines for when, value in zip(line.times, line.values, strict=True) if value is not None]
    began = min((line.times[0] for line in lines if line.times), default=0.0)
    late = max(_LATE * span.seconds, 2 * span.step)
    # Near enough to the minute: there is little room on the axis.
    return (
        f"none before {plot_time(min(known), max(span.seconds, 7200.0))}" if known and min(known) - began > late else ""
    )
