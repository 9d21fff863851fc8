"""The plots of the row under the cursor, below its facts, where a short table leaves room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal

from meshtop.console.screens.courses import LinesArrived, PlotCourses, course
from meshtop.console.widgets.chart import ChartView

if TYPE_CHECKING:
    from textual.timer import Timer

    from meshtop.views.frame.facts import Detail

MOST_PLOTS = 3
LEAST_PLOT = 9
"""Lines of a plot, at least."""
REST_SECONDS = 0.3
"""Seconds that the cursor must rest before Prometheus is queried."""


class RowPlots(Horizontal):
    """Plots side by side of what a row is about; they have no keys, which are the table's."""

    def __init__(self) -> None:
        super().__init__(classes="row-plots")
        self._courses = PlotCourses(self)
        self._shown_for: object = None
        self._moment: float | None = None
        self._window_seconds = 0.0
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """As many as there may be."""
        for number in range(MOST_PLOTS):
            plot = ChartView(id=f"row-plot-{number}")
            plot.can_focus = False
            yield plot

    def show(self, found: Detail, moment: float | None, window_seconds: float) -> None:
        """Show the plots of a row's detail; they are asked for once the cursor rests, and again when they are old.

        `moment` (Unix seconds) is the past one that is shown, None the present; rates are over so many seconds.
        """
        self._moment, self._window_seconds = moment, window_seconds
        shown_for = (found.kind, found.key, moment, window_seconds, self._courses.span)
        if shown_for != self._shown_for:
            self._shown_for = shown_for
            self._courses.choose(found.charts[:MOST_PLOTS])
            self._courses.forget()
            if self._timer is not None:
                self._timer.stop()
            self._timer = self.set_timer(REST_SECONDS, self._ask)
        elif self._courses.is_due:
            self._ask()
        for number in range(MOST_PLOTS):
            self._draw(number)

    def _ask(self) -> None:
        self._courses.ask(self._moment, self._window_seconds)

    def on_lines_arrived(self, message: LinesArrived) -> None:
        """Draw what was asked for."""
        message.stop()
        if self._courses.take(message):
            self._draw(message.index)

    def _draw(self, number: int) -> None:
        # It is shown before its plots are there: they are drawn as soon as they are.
        for plot in self.query(f"#row-plot-{number}").results(ChartView):
            charts = self._courses.charts
            plot.display = number < len(charts)
            if plot.display:
                lines = self._courses.lines(number)
                plot.show(course(charts[number], lines, span=self._courses.span, moment=self._moment))

    def on_mount(self) -> None:
        """Draw what was given before there was anything to draw it on."""
        for number in range(MOST_PLOTS):
            self._draw(number)
