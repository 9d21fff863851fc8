"""The plots below a Flow: what its centre is asked over time, and which part of it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from meshtop.console.guarded import Guarded
from meshtop.console.host import ConsoleHost, host_of
from meshtop.console.screens.facts import course, due_again, lines_span, read_courses
from meshtop.console.screens.plotted import LinesArrived
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.flow_past import FlowPast, flow_past
from meshtop.console.widgets.plot_memory import PlotSpan, plots_of

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot
    from meshtop.model.telemetry import Line as TimeLine
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
        self.charts: tuple[Chart, ...] = ()
        self._lines: dict[int, tuple[TimeLine, ...]] = {}
        self._marks: tuple[float, ...] = ()
        self._counted = False
        self._asked_at = 0.0
        self._asked_for: object = None
        self._moment: float | None = None
        self._window: float | None = None

    def compose(self) -> ComposeResult:
        """The charts."""
        for index in range(MOST_PLOTS):
            yield ChartView(id=f"course-{index}")

    @property
    def host(self) -> ConsoleHost:
        """The console that shows it."""
        return host_of(self)

    @property
    def span(self) -> PlotSpan:
        """The time that plots show, as it was chosen wherever that is done."""
        return plots_of(self).span

    @property
    def past(self) -> FlowPast:
        """What the lines tell of the centre."""
        return flow_past(self._lines, counted=self._counted)

    def on_resize(self) -> None:
        """As many plots as there is room for."""
        self.query_one(f"#course-{MOST_PLOTS - 1}").display = self.size.width >= WIDE

    def show(self, detail: FlowDetail, marks: tuple[float, ...], snapshot: Snapshot) -> None:
        """Show the charts of a centre, with marks at changes of it, as of a snapshot."""
        charts, self._counted = detail.charts[:MOST_PLOTS], detail.counted
        if charts != self.charts:
            self.charts, self._lines = charts, {}
            for chart in charts:
                # Colours go by the order of the plots, not by that in which their lines arrive.
                plots_of(self).tones([line.name for line in chart.lines])
        asked_for = (charts, snapshot.moment, snapshot.window_seconds, self.span)
        if asked_for != self._asked_for:
            self._asked_for, self._moment = asked_for, snapshot.moment
            self._window = snapshot.window_seconds if self.host.replay is None else None
            self._ask()
        self._marks = marks
        for index in range(len(charts)):
            self._draw(index)

    def forget(self) -> None:
        """Show nothing: there is no centre."""
        self.charts, self._lines, self._asked_for = (), {}, None

    def tick(self) -> None:
        """Ask again when the lines are old."""
        if due_again(self._asked_at, self.host.now(), self.span):
            self._ask()

    def _ask(self) -> None:
        self._asked_at = self.host.now()
        end = self._moment or self.host.now()
        read_courses(self.host.session, self.charts, end, self._lines_came, span=self.span, window_seconds=self._window)

    def _lines_came(self, index: int, lines: tuple[TimeLine, ...]) -> None:
        """Called on another thread: only a message may be posted from there."""
        self.post_message(LinesArrived(index, lines))

    def on_lines_arrived(self, message: LinesArrived) -> None:
        """Draw a chart; a later question that fails leaves the lines of the one before."""
        message.stop()
        # Lines that come while the screen is closed find no chart.
        if message.index < len(self.charts) and self.query(ChartView) and lines_span(message.lines, self.span):
            self._lines[message.index] = message.lines or self._lines.get(message.index, ())
            self._draw(message.index)
            self.post_message(self.Told())

    def _draw(self, index: int) -> None:
        lines = self._lines.get(index)
        chart = course(self.charts[index], lines, self._marks, span=self.span, moment=self._moment)
        self.query_one(f"#course-{index}", ChartView).show(chart)
