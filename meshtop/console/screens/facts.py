"""Facts, verdicts and headlines as lines of text and tones."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

from meshtop.console.widgets.chart_model import NO_ANSWER, NO_DATA, ChartModel, ChartSeries
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.numbers import UNKNOWN, age, latency, percent, quantity
from meshtop.model.telemetry import History
from meshtop.model.telemetry import Line as TimeLine
from meshtop.model.text import cell_width, clean, cut, fit
from meshtop.model.thresholds import Thresholds
from meshtop.model.traffic import Sums
from meshtop.views.frame.columns import error_tone
from meshtop.views.frame.facts import Detail, Section
from meshtop.views.frame.sparkline import scale_of, sparkline
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.console.session import ConsoleSession
    from meshtop.views.frame.charts import Chart

MARGIN = 2
LABEL_WIDTH = 15
MOST_LABEL_WIDTH = 26
BLANK = TextLine("plain", ())
SPARK_WIDTH = 8


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


def detail_lines(detail: Detail | None, width: int) -> list[TextLine]:
    """A detail's facts as lines, or a line that the item no longer exists."""
    if detail is None:
        return [BLANK, TextLine("plain", (TextRun(MARGIN, cut("It is gone.", width), Tone.DIM),))]
    return section_lines(detail.sections, width)


COURSE_SECONDS = 1800.0
"""Seconds shown in the charts of a detail."""
COURSE_POINTS = 120
COURSE_AGAIN_SECONDS = 15.0
"""Seconds between queries of their lines."""


def read_courses(
    session: ConsoleSession, charts: Sequence[Chart], end: float, done: Callable[[int, tuple[TimeLine, ...]], None]
) -> None:
    """Query the lines of charts over the `COURSE_SECONDS` before `end` (Unix seconds).

    `done` is called with each chart's index and its lines (none on failure), on another thread.
    """
    step = COURSE_SECONDS / COURSE_POINTS
    end -= end % step
    for index, chart in enumerate(charts):
        session.lines(chart, start=end - COURSE_SECONDS, end=end, step=step, done=partial(done, index))


def course(chart: Chart, lines: Sequence[TimeLine] | None, marks: tuple[float, ...] = ()) -> ChartModel:
    """The model of a chart; lines None means that the answer is pending, empty that the query failed.

    `marks` are where changes stand, from 0 at its beginning to 1 at its end.
    """
    return ChartModel(
        chart.title,
        chart.unit,
        tuple(ChartSeries(line.name, line.values) for line in lines or ()),
        start=f"-{age(COURSE_SECONDS)}",
        where=clean(chart.cluster),
        marks=marks,
        nothing="asking Prometheus …" if lines is None else NO_DATA if lines else NO_ANSWER,
    )


def _added(lines: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Point by point sums of series that may be added; a point where no series has a value is a gap."""
    length = max((len(line) for line in lines), default=0)
    columns = [[line[i - length] for line in lines if len(line) >= length - i] for i in range(length)]
    return [sum(known) if (known := [v for v in column if v is not None]) else None for column in columns]


def headline(
    sums: Sums, histories: Sequence[History], width: int, thresholds: Thresholds, missing: Sequence[str] = ()
) -> TextLine:
    """The golden signals of the scope in one line, with sparklines of the last half hour if there is room.

    Requests and errors are added across clusters; the p99 is that of the added buckets. `missing` are clusters of the
    scope with unknown traffic; the line names them.
    """
    traffic = sums.traffic()
    bad = error_tone(traffic.error_ratio or 0.0, thresholds)
    errors_tone = Tone.STRONG if bad is Tone.PLAIN else bad
    lacking: list[tuple[str, str, Tone, list[float | None]]] = []
    if missing:
        lacking = [("?", f" without {', '.join(map(clean, missing))}", Tone.UNKNOWN, [])]
    parts: list[tuple[str, str, Tone, list[float | None]]] = [
        (quantity(traffic.requests_per_second), " req/s", Tone.STRONG, _added([h.requests.values for h in histories])),
        (
            percent(traffic.error_ratio),
            " % errors",
            errors_tone,
            _added([h.errors.values for h in histories]),
        ),
        (f"p99 {latency(traffic.latency_ms.p99)}", "", Tone.STRONG, []),
        (percent(sums.mtls_ratio), " % mTLS", Tone.STRONG, []),
        *lacking,
    ]
    texts = sum(cell_width(number) + cell_width(unit) for number, unit, _, _ in parts)
    sparks = width >= texts + 3 * len(parts) + 2 * (SPARK_WIDTH + 1) + MARGIN
    spark_width = min(30, max(SPARK_WIDTH, (width - texts - 5 * len(parts)) // 4)) if sparks else 0
    runs: list[TextRun] = []
    x = MARGIN
    for number, unit, tone, values in parts:
        words = tone if tone is Tone.UNKNOWN else Tone.DIM
        runs += [TextRun(x, number, tone), TextRun(x + cell_width(number), unit, words)]
        x += cell_width(number) + cell_width(unit)
        if values and spark_width:
            spark_tone = bad if unit.endswith("errors") and bad is not Tone.PLAIN else Tone.DIM
            low, high = scale_of(values)
            runs.append(TextRun(x + 1, sparkline(values, spark_width, low=low, high=high), spark_tone))
            x += spark_width + 1
        x += 3
    return TextLine("plain", tuple(run for run in runs if run.x + cell_width(run.text) <= width))
