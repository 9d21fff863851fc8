"""The fleet screen: golden signals on top, what needs attention, a row for each cluster, and their plots."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from meshtop.console.picture_request import PictureRequest
from meshtop.console.places import CHANGES, FLEET, JOURNAL
from meshtop.console.replay import NOT_OF_A_RECORDING
from meshtop.console.screens.courses import LinesArrived, PlotCourses, course
from meshtop.console.screens.facts import MARGIN
from meshtop.console.screens.now_rows import Need, needs_of, needs_table, whole_sentences
from meshtop.console.screens.plotted import PlottedScreen
from meshtop.console.screens.table import TableScreen
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView, LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from meshtop.model.text import cut
from meshtop.views.frame.hour_ago import HOUR_SECONDS
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.model.telemetry import Line as TimeLine
    from meshtop.views.frame.charts import Chart
    from meshtop.views.picture.picture import Picture
    from meshtop.views.picture.query import Query

MOST_SHOWN = 6
"""Maximum rows of the attention list on a screen of 24 lines."""

TALL = 34
"""Height in lines from which charts of each cluster's golden signals are shown below the table."""
TRENDS = 2
"""Plots: the share of errors and the p99 of each cluster."""


MOST_CHANGES = 3
"""So many of the last changes stand below what needs attention where there is room, else one."""
ROOMY = 30
"""Height in lines from which there is."""


class Headline(LineWidget):
    """The golden signals of the scope in one line."""

    def __init__(self) -> None:
        super().__init__()
        self.picture: Picture | None = None

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The line."""
        if self.picture is None:
            return []
        # Here, as the first frame has no totals.
        from meshtop.console.screens.totals_line import ClusterHistory, headline
        from meshtop.views.picture.totals import histories_in, sums_in, without_traffic

        query, picture = self.fleet.host.scope.query, self.picture
        missing = without_traffic(picture, query)
        histories = [ClusterHistory(name, history) for name, history in histories_in(picture, query)]
        return [headline(sums_in(picture, query), histories, width, picture.thresholds, missing)]

    @property
    def fleet(self) -> FleetScreen:
        """The screen of this widget."""
        assert isinstance(self.screen, FleetScreen)
        return self.screen


class ChangesLine(LineWidget):
    """The last lines of NOW: the changes of the last hour that matter most, what is suspected first."""

    LABEL = "CHANGES"

    def __init__(self) -> None:
        super().__init__(id="changes")
        self._told: tuple[tuple[str, Tone], ...] = ()
        # Before the first picture the room is for what is waited for.
        self.display = False

    def show(self, picture: Picture, query: Query, most: int) -> None:
        """Show the changes of a scope, at most so many; without any the lines are away."""
        from meshtop.views.frame.registry import view
        from meshtop.views.reports.changes.view import lately

        items = view(CHANGES).in_scope(picture, picture.resolved(query))
        self._told = tuple(
            (line, Tone.DIM if item.suspicion is None else Tone.DEGRADED) for item, line in lately(picture, items, most)
        )
        self.display = bool(self._told)
        self.styles.height = len(self._told)
        self.draw()

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """A line for each change, the first after the label."""
        x = MARGIN + len(self.LABEL) + 1
        label = (TextRun(MARGIN, self.LABEL, Tone.DIM),)
        return [
            TextLine("plain", (*(label if not number else ()), TextRun(x, cut(line, max(0, width - x - 1)), tone)))
            for number, (line, tone) in enumerate(self._told[:height])
        ]


class FleetScreen(PlottedScreen, TableScreen):
    """The first screen of the console."""

    AUTO_FOCUS = "#rows"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "needs", "attention", id="fleet.needs"),
        Binding("a", "acknowledge", "acknowledge", id="fleet.acknowledge", show=False),
        Binding("A", "all_needs", "known too", id="fleet.all_needs", show=False),
        Binding("c", "changes", "changes", id="fleet.changes", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(FLEET)
        self._needs: dict[str, Need] = {}
        self._all_needs = False
        self._kept: str | None = None
        """The id of what was acknowledged here last: it stays while the cursor is on it, to be taken back by `a`."""
        self._courses = PlotCourses(self)

    def body(self) -> ComposeResult:
        """Headline, what needs attention, clusters."""
        with Vertical(classes="fleet"):
            yield Headline()
            yield LiveTable(id="needs", sortable=False)
            yield ChangesLine()
            yield Pages(id="places")
            with Horizontal(classes="body"):
                with Vertical():
                    waiting = Note("Reading the kubeconfig …", "The first cluster to answer is shown at once.")
                    yield LiveTable(id="rows", waiting=waiting)
                    with Horizontal(id="trends"):
                        for index in range(TRENDS):
                            yield ChartView(id=f"trend-{index}")
                yield LineView(classes="side")

    def hint_text(self, action: str, description: str) -> str | None:
        """The key that goes between the list and the clusters says where it leads."""
        if action == "needs" and any(table.has_focus for table in self.query("#needs")):
            return "clusters"
        return super().hint_text(action, description)

    def action_needs(self) -> None:
        """Switch between the attention list and the clusters."""
        needs = self.query_one("#needs", LiveTable)
        (self.rows if needs.has_focus or not needs.display else needs).focus()

    def action_acknowledge(self) -> None:
        """Step what the cursor is on back, until it goes away; or forward again."""
        from meshtop.actions.attention import AttentionError

        if self.host.replay is not None:
            self.say(NOT_OF_A_RECORDING, Tone.PLAIN)
            return
        needs = self.query_one("#needs", LiveTable)
        one = self._needs.get(needs.cursor_key or "") if needs.has_focus else None
        store = self.host.session.attention_store
        picture = self.host.picture
        if one is None or not one.id or store is None or picture is None:
            self.say("n goes to NOW; a acknowledges what the cursor is on there.", Tone.PLAIN)
            return
        try:
            items = store.find(one.id, [cluster.uid or cluster.server for cluster in picture.snapshot.clusters])
            known = any(item.acknowledged is not None for item in items)
            if known:
                store.take_back(items)
            else:
                store.acknowledge(items, at=self.host.now(), until=None, reason="")
        except AttentionError as error:
            self.say(str(error), Tone.DEGRADED)
            return
        self._kept = one.id
        needs.go_to(one.id)
        self.say(f"{one.id} {'steps forward again' if known else 'steps back until it goes away'}.", Tone.GOOD)
        self.host.session.refresh()

    def action_travel(self, steps: int) -> None:
        """From a row of NOW, go to the moment at which it began; from there on, and elsewhere, by minutes."""
        needs = self.query_one("#needs", LiveTable)
        one = self._needs.get(needs.cursor_key or "") if needs.has_focus else None
        picture = self.host.picture
        at = None if picture is None else picture.snapshot.moment or self.host.now()
        if steps < 0 and one is not None and one.began is not None and at is not None and one.began < at - 1:
            self.host.session.change(moment=one.began)
            self.say("This is when it began; [ goes on by minutes, . comes back to the present.", Tone.PLAIN)
        else:
            super().action_travel(steps)

    def action_changes(self) -> None:
        """Open what changed."""
        self.host.open_place(CHANGES)

    def action_all_needs(self) -> None:
        """Show what is acknowledged too, or leave it out again."""
        self._all_needs = not self._all_needs
        if self.host.picture is not None:
            self.refresh_picture(self.host.picture)

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "All traffic in one line, what needs attention, and every cluster. n goes to NOW and back, "
            "w opens the worst of it, [ there goes to the moment at which it began; c lists what changed."
        )

    @property
    def chosen(self) -> tuple[str, str] | None:
        """The kind and key under the cursor, in the attention list or the clusters."""
        if not self.query_one("#needs", LiveTable).has_focus:
            return super().chosen
        one = self._needs.get(self.query_one("#needs", LiveTable).cursor_key or "")
        return (one.kind, one.key) if one is not None and one.kind not in ("", JOURNAL) else None

    def told_place(self) -> tuple[str, ...]:
        """The place alone: all of it is copied, not only its clusters."""
        return (self.place, *self.crumbs())

    @property
    def rows(self) -> LiveTable:
        """The table of clusters."""
        return self.query_one("#rows", LiveTable)

    def refresh_picture(self, picture: Picture) -> None:
        """Draw all three."""
        from meshtop.views.reports.attention.view import attention

        line = self.query_one(Headline)
        line.picture = picture
        line.draw()
        found = attention(picture, self.host.scope.query)
        new = [item for item in found if item.acknowledged is None]
        self._needs = {f"{JOURNAL}:{one.key}": one for one in self._waiting()}
        needs = self.query_one("#needs", LiveTable)
        if needs.cursor_key != self._kept or not needs.has_focus:
            self._kept = None
        consequences = 2 if self.size.height >= ROOMY else 1
        self._needs |= needs_of(
            found, picture.snapshot.at, known_too=self._all_needs, kept=self._kept, consequences=consequences
        )
        known = len(found) - len(new)
        title = f"NOW {len(self._waiting()) + len(new)}" + (f" · {known} known" if known else "")
        needs.display = bool(self._needs)
        most = max(MOST_SHOWN, self.size.height // 3)
        needs.whole = whole = needs_table(self._needs, title, self.size.width)
        self._needs = whole_sentences(self._needs, whole, self.size.width, most, first=3 if consequences > 1 else 2)
        needs.styles.height = min(len(self._needs), most) + 1
        needs.show(needs_table(self._needs, title, self.size.width))
        most_changes = MOST_CHANGES if self.size.height >= ROOMY else 1
        self.query_one(ChangesLine).show(picture, self.host.scope.query, most_changes)
        super().refresh_picture(picture)
        self._show_trends(picture)

    def _waiting(self) -> list[Need]:
        """What was interrupted or is held in the middle, above all else: half of it may be written."""
        from meshtop.console.desk.journaling import attention_text

        app = self.host
        damaged = [Need("▲", Tone.DEGRADED, problem, JOURNAL, f"problem {problem}") for problem in app.journal.problems]
        return damaged + [
            Need("▲", Tone.DEGRADED, attention_text(row, app.now()), JOURNAL, row.action.id)
            for row in app.journal.unfinished
        ]

    def _show_trends(self, picture: Picture) -> None:
        """Show plots of each cluster, if there is room: of the hour that was read anyway, or of what is asked for."""
        from meshtop.views.reports.fleet_plots import fleet_charts, lines_of_history

        shown = self.size.height >= TALL and any(c.history is not None for c in picture.snapshot.clusters)
        self.query_one("#trends").display = shown
        self.rows.styles.height = min(len(picture.snapshot.clusters) + 2, self.size.height // 3) if shown else "1fr"
        if not shown:
            return
        snapshot, span, query = picture.snapshot, self.span, self.host.scope.query
        charts = fleet_charts(picture, query)
        read = lines_of_history(picture, query, span.seconds) if span.seconds <= HOUR_SECONDS else None
        asked_for = (snapshot.moment, snapshot.window_seconds, span, charts)
        if read is None:
            if wanted := self._courses.wanted(asked_for):
                self._courses.choose(charts)
                self._courses.forget()
            if wanted or self._courses.is_due:
                self._courses.ask(snapshot.moment, snapshot.window_seconds)
        for index, chart in enumerate(charts):
            self._show_trend(index, chart, read[index] if read is not None else self._courses.lines(index))

    def _show_trend(self, index: int, chart: Chart, lines: Sequence[TimeLine] | None) -> None:
        from meshtop.views.reports.changes.plot_marks import marks_in_scope

        picture = self.host.picture
        assert picture is not None, "what is shown comes with a picture"
        times = next((line.times for line in lines or () if line.times), ())
        start, end = (
            (times[0], times[-1]) if times else self.span.window(picture.snapshot.moment or picture.snapshot.at)
        )
        marks = marks_in_scope(picture, self.host.scope.query, start, end)
        shown = course(chart, lines, marks, span=self.span, moment=picture.snapshot.moment)
        self.query_one(f"#trend-{index}", ChartView).show(shown)

    def on_lines_arrived(self, message: LinesArrived) -> None:
        """Draw what was asked for."""
        if self._courses.take(message) and self.host.picture is not None:
            self._show_trends(self.host.picture)

    def plots_changed(self) -> None:
        """Draw the time that was chosen."""
        if self.host.picture is not None:
            self._show_trends(self.host.picture)

    def action_page(self, step: int) -> None:
        """Into the plots, where there are some; from there on to the next page of the place."""
        if step < 0 or not self.enter_plots():
            super().action_page(step)

    def kinds(self) -> frozenset[str]:
        """Clusters."""
        return frozenset({FLEET})

    def request(self) -> PictureRequest:
        """What needs attention as well."""
        return structs.replace(super().request(), attention=self.host.scope.query)

    def open_other(self, table: LiveTable, key: str) -> None:
        """Open an item of the attention list."""
        chosen = self._needs.get(key)
        if chosen is not None and chosen.kind:
            self.host.open_detail(chosen.kind, chosen.key)

    def action_worst(self) -> None:
        """Open the first item of the attention list."""
        worst = next(iter(self._needs.values()), None)
        if worst is not None and worst.kind:
            self.host.open_detail(worst.kind, worst.key)
        else:
            self.say("Nothing needs attention.", Tone.GOOD)
