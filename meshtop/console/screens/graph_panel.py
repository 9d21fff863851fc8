"""The panel beside the graph: the selected node or edge in words, and its golden signals over time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.worker import get_current_worker

from meshtop.console.host import host_of
from meshtop.console.screens.courses import course, due_again, lines_span, read_courses
from meshtop.console.screens.facts import BLANK, MARGIN, detail_lines
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.plot_memory import plots_of
from meshtop.console.workers import work_on_thread
from meshtop.log import defects_logged
from meshtop.model.telemetry import Line as TimeLine
from meshtop.model.text import clean, cut
from meshtop.views.frame.facts import Detail
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.views.frame.charts import Chart as ChartSpec

_log = logging.getLogger(__name__)
ROOM_FOR_CHARTS = (26, 36, 46)
"""Heights in rows from which one chart, two and three are shown below the text."""
FIRST_CHART = "Error ratio"
"""Where there is room for one chart only, it is this one, if there is one."""
REST_SECONDS = 0.3
"""Seconds that the cursor must rest before Prometheus is queried."""


class GraphPanel(Vertical):
    """Facts above charts; computed on a worker thread."""

    class Ready(Message):
        """Message: the facts are computed."""

        def __init__(self, panel: GraphPanel, detail: Detail, marks: tuple[float, ...]) -> None:
            super().__init__()
            self.panel = panel
            self.detail = detail
            self.marks = marks

    class LinesCame(Message):
        """Message: a chart's lines arrived."""

        def __init__(self, key: str, index: int, lines: tuple[TimeLine, ...]) -> None:
            super().__init__()
            self.key = key
            self.index = index
            self.lines = lines

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._detail: Detail | None = None
        self._marks: tuple[float, ...] = ()
        self._charted: dict[int, tuple[TimeLine, ...]] = {}
        self._end = 0.0
        self._moment: float | None = None
        self._asked: tuple[str, float] = ("", 0.0)
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Words, then charts."""
        yield LineView(id="about")
        for index in range(len(ROOM_FOR_CHARTS)):
            chart = ChartView(id=f"course-{index}")
            # The keyboard is the graph's.
            chart.can_focus = False
            yield chart

    @property
    def detail(self) -> Detail | None:
        """What is shown."""
        return self._detail

    def show(
        self,
        make: Callable[[], Detail],
        end: float,
        marks: Callable[[float, float], tuple[float, ...]] = lambda *_: (),
        *,
        past: bool = False,
    ) -> None:
        """Compute and show a detail; `end` is the moment (Unix seconds) at which its charts end, `past` if that was.

        `marks` tells where changes stand on them, given their beginning and their end.
        """
        self._end, self._moment = end, end if past else None
        work = partial(self._work, make, marks, plots_of(self).span.window(end))
        work_on_thread(self, work, exclusive=True, group="panel")

    def let_go(self) -> None:
        """The screen is closed: the rows of what is related are somebody else's."""
        self._detail = None

    def _work(
        self,
        make: Callable[[], Detail],
        marks: Callable[[float, float], tuple[float, ...]],
        window: tuple[float, float],
    ) -> None:
        worker = get_current_worker()
        with defects_logged(_log, "working out what stands beside the graph"):
            detail = make()
            marked = marks(*window) if detail.charts else ()
        if not worker.is_cancelled:
            self.post_message(self.Ready(self, detail, marked))

    def on_graph_panel_ready(self, message: Ready) -> None:
        """Show the facts, and query the charts once the cursor rests."""
        changed = self._detail is None or self._detail.key != message.detail.key
        self._detail = found = message.detail
        self._marks = message.marks
        self.query_one("#about", LineView).show(lambda width: _lines(found, width))
        if changed:
            self._charted = {}
            self.query_one("#about", LineView).scroll_home(animate=False)
            if self._timer is not None:
                self._timer.stop()
            self._timer = self.set_timer(REST_SECONDS, self._ask)
        elif due_again(self._asked[1], self._end, plots_of(self).span):
            self._ask()
        for index in range(len(ROOM_FOR_CHARTS)):
            chart = self.query_one(f"#course-{index}", ChartView)
            chart.display = index in self._shown(found)
            if chart.display:
                self._draw(index, found.charts[index])

    def _shown(self, found: Detail) -> tuple[int, ...]:
        """The numbers of the charts that there is room for."""
        room = sum(self.size.height >= least for least in ROOM_FOR_CHARTS)
        numbers = range(min(len(found.charts), len(ROOM_FOR_CHARTS)))
        if room == 1:
            return tuple(sorted(numbers, key=lambda one: found.charts[one].title != FIRST_CHART)[:1])
        return tuple(numbers[:room])

    def _ask(self) -> None:
        found = self._detail
        if found is None:
            return
        self._asked = (found.key, self._end)
        charts = found.charts[: len(ROOM_FOR_CHARTS)]
        host, came = host_of(self), partial(self._came, found.key)
        read_courses(host, charts, self._end, came, span=plots_of(self).span, window_seconds=host.window_seconds)

    def _came(self, key: str, index: int, lines: tuple[TimeLine, ...]) -> None:
        """Called on another thread: only a message may be posted from there."""
        self.post_message(self.LinesCame(key, index, lines))

    def on_graph_panel_lines_came(self, message: LinesCame) -> None:
        """Draw a chart, unless the cursor has moved on."""
        found = self._detail
        if found is None or message.key != found.key or message.index >= len(found.charts):
            return
        if not lines_span(message.lines, plots_of(self).span):
            return
        # A later question that fails leaves the lines of the one before.
        self._charted[message.index] = message.lines or self._charted.get(message.index, ())
        self._draw(message.index, found.charts[message.index])

    def _draw(self, index: int, chart: ChartSpec) -> None:
        span = plots_of(self).span
        shown = course(chart, self._charted.get(index), self._marks, span=span, moment=self._moment)
        self.query_one(f"#course-{index}", ChartView).show(shown)


def _lines(detail: Detail, width: int) -> list[TextLine]:
    title = TextLine("plain", (TextRun(MARGIN, cut(clean(detail.title), max(0, width - MARGIN)), Tone.STRONG),))
    return [title, BLANK, *detail_lines(detail, width)]
