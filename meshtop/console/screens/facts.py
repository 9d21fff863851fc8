"""Facts as lines of text and tones, and the plots of a detail."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec.structs import replace

from meshtop.console.widgets.chart import plot_time
from meshtop.console.widgets.chart_model import NO_ANSWER, NO_DATA, ChartModel, ChartSeries
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.plot_memory import SPANS, PlotSpan
from meshtop.model.numbers import UNKNOWN, age
from meshtop.model.telemetry import Line as TimeLine
from meshtop.model.text import cell_width, clean, cut, fit
from meshtop.views.frame.charts import chart_over
from meshtop.views.frame.facts import Detail, Section
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.console.session import ConsoleSession
    from meshtop.views.frame.charts import Chart

MARGIN = 2
LABEL_WIDTH = 15
MOST_LABEL_WIDTH = 26
BLANK = TextLine("plain", ())


def section_lines(sections: Sequence[Section], width: int) -> list[TextLine]:
    """Facts under their headings, wrapped to the width."""
    lines: list[TextLine] = []
    longest = max((cell_width(fact.label) for section in sections for fact in section.facts), default=0)
    labels = max(LABEL_WIDTH, min(longest, MOST_LABEL_WIDTH, width // 3))
    room = max(8, width - labels - 2 * MARGIN)
    for section in sections:
        if not section.facts:
            continue
        lines.append(
            TextLine("plain", (TextRun(MARGIN, cut(section.title.upper(), max(0, width - MARGIN)), Tone.DIM),))
        )
        for fact in section.facts:
            pieces = textwrap.wrap(clean(fact.cell.text), room, break_on_hyphens=False) or [UNKNOWN]
            # A label that is too long goes on below: cut, it would not say what is measured.
            names = textwrap.wrap(fact.label, labels, break_on_hyphens=False)
            for name, piece in zip_longest(names, pieces, fillvalue=""):
                lines.append(
                    TextLine(
                        "plain",
                        (
                            TextRun(MARGIN, fit(name, labels), Tone.DIM),
                            TextRun(MARGIN + labels + 1, cut(piece, room), fact.cell.tone),
                        ),
                    )
                )
        lines.append(BLANK)
    return lines[:-1] if lines else lines


COLUMN_WIDTH = 62
"""Cells of a column of facts, at least, where sections stand side by side."""


def section_columns(sections: Sequence[Section], width: int) -> list[TextLine]:
    """Sections side by side in as many columns as there is room for, in their order, as low as possible."""
    shown = [section for section in sections if section.facts]
    count = max(1, min(len(shown), width // COLUMN_WIDTH))
    each = width // count
    blocks = [section_lines([section], each) for section in shown]
    height = max(map(len, blocks), default=0)
    columns = _packed(blocks, height)
    while len(columns) > count:
        height += 1
        columns = _packed(blocks, height)
    return [
        TextLine("plain", tuple(replace(run, x=run.x + n * each) for n, line in enumerate(row) for run in line.runs))
        for row in zip_longest(*columns, fillvalue=BLANK)
    ]


def _packed(blocks: Sequence[list[TextLine]], height: int) -> list[list[TextLine]]:
    """Blocks of lines below each other in columns of at most a height, a blank line between two."""
    columns: list[list[TextLine]] = []
    for block in blocks:
        if columns and len(columns[-1]) + 1 + len(block) <= height:
            columns[-1] += [BLANK, *block]
        else:
            columns.append(list(block))
    return columns


def detail_lines(detail: Detail | None, width: int, *, columns: bool = False) -> list[TextLine]:
    """A detail's facts as lines, in columns where there is room, or a line that the item no longer exists."""
    if detail is None:
        return [BLANK, TextLine("plain", (TextRun(MARGIN, cut("It is gone.", width), Tone.DIM),))]
    return section_columns(detail.sections, width) if columns else section_lines(detail.sections, width)


COURSE_SPAN = SPANS[1]
"""What plots show before anybody chose."""
COURSE_AGAIN_SECONDS = 15.0
"""Seconds between queries of their lines, at least: there is nothing new before the next point."""
_LATE = 0.05
"""Where the first known point comes after this share of a plot, it is said when."""


def read_courses(
    session: ConsoleSession,
    charts: Sequence[Chart],
    end: float,
    done: Callable[[int, tuple[TimeLine, ...]], None],
    *,
    span: PlotSpan = COURSE_SPAN,
    window_seconds: float | None = None,
) -> None:
    """Query the lines of charts over a span before `end` (Unix seconds).

    `done` is called with each chart's index and its lines (none on failure), on another thread. With the window of
    their rates, points that are farther apart than that are rates over all that is between them.
    """
    start, last = span.window(end)
    for index, chart in enumerate(charts):
        asked = chart if window_seconds is None else chart_over(chart, window_seconds=window_seconds, step=span.step)
        session.lines(asked, start=start, end=last, step=span.step, done=partial(done, index))


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
