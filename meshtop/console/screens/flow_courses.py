"""The plots below a Flow: what its centre is asked over time, and which part of it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal

from meshtop.console.guarded import Guarded
from meshtop.console.host import ConsoleHost, host_of
from meshtop.console.screens.facts import COURSE_AGAIN_SECONDS, course, read_courses
from meshtop.console.screens.plotted import LinesArrived
from meshtop.console.widgets.chart import ChartView

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot
    from meshtop.model.telemetry import Line as TimeLine
    from meshtop.views.frame.charts import Chart

MOST_PLOTS = 2


class FlowCourses(Guarded, Horizontal):
    """Charts beside each other; asks Prometheus when they are others, and again when they are old."""

    def __init__(self) -> None:
        super().__init__(id="courses")
        self.charts: tuple[Chart, ...] = ()
        self._lines: dict[int, tuple[TimeLine, ...]] = {}
        self._marks: tuple[float, ...] = ()
        self._asked_at = 0.0
        self._asked_for: object = None
        self._moment: float | None = None

    def compose(self) -> ComposeResult:
        """The charts."""
        for index in range(MOST_PLOTS):
            yield ChartView(id=f"course-{index}")

    @property
    def host(self) -> ConsoleHost:
        """The console that shows it."""
        return host_of(self)

    def show(self, charts: tuple[Chart, ...], marks: tuple[float, ...], snapshot: Snapshot) -> None:
        """Show the charts of a centre, with marks at changes of it, as of a snapshot."""
        charts = charts[:MOST_PLOTS]
        if charts != self.charts:
            self.charts, self._lines = charts, {}
        asked_for = (charts, snapshot.moment, snapshot.window_seconds)
        if asked_for != self._asked_for:
            self._asked_for, self._moment = asked_for, snapshot.moment
            self._ask()
        self._marks = marks
        for index in range(len(charts)):
            self._draw(index)

    def forget(self) -> None:
        """Show nothing: there is no centre."""
        self.charts, self._lines, self._asked_for = (), {}, None

    def tick(self) -> None:
        """Ask again when the lines are old."""
        if self._asked_at and abs(self.host.now() - self._asked_at) >= COURSE_AGAIN_SECONDS:
            self._ask()

    def _ask(self) -> None:
        self._asked_at = self.host.now()
        read_courses(self.host.session, self.charts, self._moment or self.host.now(), self._lines_came)

    def _lines_came(self, index: int, lines: tuple[TimeLine, ...]) -> None:
        """Called on another thread: only a message may be posted from there."""
        self.post_message(LinesArrived(index, lines))

    def on_lines_arrived(self, message: LinesArrived) -> None:
        """Draw a chart; a later question that fails leaves the lines of the one before."""
        message.stop()
        if message.index < len(self.charts):
            self._lines[message.index] = message.lines or self._lines.get(message.index, ())
            self._draw(message.index)

    def _draw(self, index: int) -> None:
        chart = course(self.charts[index], self._lines.get(index), self._marks)
        self.query_one(f"#course-{index}", ChartView).show(chart)
