"""The plots below a Flow: what its centre is asked over time, and which part of it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from meshtop.console.guarded import Guarded
from meshtop.console.screens.courses import LinesArrived, PlotCourses, course
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.flow_past import FlowPast, flow_past

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot
    from meshtop.views.frame.charts import Chart
    from meshtop.views.reports.flow_detail import FlowDetail

MOST_PLOTS = 3
WIDE = 160
"""Width in cells from which p99 has a plot as well; it is read anyway, for what it was an hour ago."""


class FlowCourses(Guarded, Horizontal):
    """Charts beside each other; asks Prometheus when they are others, and again when they are old."""

    class Told(Message):
        """Message: more is known of what became of the centre."""

    def __init__(self) -> None:
        super().__init__(id="courses")
        self._courses = PlotCourses(self)
        self._marks: tuple[float, ...] = ()
        self._counted = False
        self._moment: float | None = None
        self._window = 0.0

    def compose(self) -> ComposeResult:
        """The charts."""
        for index in range(MOST_PLOTS):
            yield ChartView(id=f"course-{index}")

    @property
    def charts(self) -> tuple[Chart, ...]:
        """What is drawn."""
        return self._courses.charts

    @property
    def past(self) -> FlowPast:
        """What the lines tell of the centre."""
        return flow_past(self._courses.all_lines, counted=self._counted)

    def on_resize(self) -> None:
        """As many plots as there is room for."""
        self.query_one(f"#course-{MOST_PLOTS - 1}").display = self.size.width >= WIDE

    def show(self, detail: FlowDetail, marks: tuple[float, ...], snapshot: Snapshot) -> None:
        """Show the charts of a centre, with marks at changes of it, as of a snapshot."""
        charts, self._counted = detail.charts[:MOST_PLOTS], detail.counted
        if charts != self.charts:
            self._courses.choose(charts)
            self._courses.forget()
        self._moment, self._window = snapshot.moment, snapshot.window_seconds
        if self._courses.wanted((charts, self._moment, self._window, self._courses.span)):
            self._courses.ask(self._moment, self._window)
        self._marks = marks
        for index in range(len(charts)):
            self._draw(index)

    def forget(self) -> None:
        """Show nothing: there is no centre."""
        self._courses = PlotCourses(self)

    def tick(self) -> None:
        """Ask again when the lines are old."""
        if self._courses.is_due:
            self._courses.ask(self._moment, self._window)

    def on_lines_arrived(self, message: LinesArrived) -> None:
        """Draw a chart."""
        message.stop()
        # Lines that come while the screen is closed find no chart.
        if self.query(ChartView) and self._courses.take(message):
            self._draw(message.index)
            self.post_message(self.Told())

    def _draw(self, index: int) -> None:
        lines, span = self._courses.lines(index), self._courses.span
        chart = course(self.charts[index], lines, self._marks, span=span, moment=self._moment)
        self.query_one(f"#course-{index}", ChartView).show(chart)
