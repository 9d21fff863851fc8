"""A chart over time as a widget, drawn line by line.

Usage::

    chart = Chart()
    chart.show(ChartModel("Requests", "/s", (Series("requests", values), Series("errors", errors)), start="-30 min"))
"""

from __future__ import annotations

from meshtop.console.widgets.line_styles import TONE_CLASSES
from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.plot import ChartModel, chart_lines
from meshtop.console.widgets.table_frame import Line


class Chart(LineWidget):
    """One chart; a refresh draws only the lines that changed."""

    COMPONENT_CLASSES = TONE_CLASSES

    def __init__(self, model: ChartModel | None = None, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._chart = model

    def show(self, model: ChartModel) -> None:
        """Draw another state of the same lines."""
        if model == self._chart and self._drawn:
            return
        self._chart = model
        self.draw()

    def work_out(self, width: int, height: int) -> list[Line]:
        """The chart's lines."""
        return [] if self._chart is None else chart_lines(self._chart, width, height)
