"""The fleet screen: golden signals on top, then what needs attention, and a row for each cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from meshtop.console.places import FLEET, JOURNAL
from meshtop.console.screens.facts import headline
from meshtop.console.screens.table import TableScreen
from meshtop.console.session import PictureRequest
from meshtop.console.widgets.chart import ChartModel, ChartSeries, ChartView
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView, LineWidget
from meshtop.console.widgets.lines import TextLine
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from meshtop.views.frame.table import Cell, Column, Table, Tone

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture
    from meshtop.views.reports.attention import Attention

MOST_SHOWN = 6
"""Maximum rows of the attention list on a screen of 24 lines."""

TALL = 34
"""Height in lines from which charts of each cluster's golden signals are shown below the table."""
TRENDS = {"requests": ("Requests", "/s"), "errors": ("Errors", "/s"), "p99_ms": ("Latency p99", "ms")}


def _cell(one: Attention) -> Cell:
    return Cell(f"{one.sign} {one.message}", one.tone)


def _table(needs: dict[str, Attention]) -> Table[str]:
    """The attention list as a table; rows are keys, which are stable while the messages' figures change."""
    column: Column[str] = Column(
        name="message",
        title=f"NOW {len(needs)}",
        help="What needs attention, the worst first; enter opens it.",
        value=lambda key: needs[key].message,
        cell=lambda key: _cell(needs[key]),
        priority=0,
        min_width=40,
        max_width=400,
    )
    return Table((column,), tuple(needs), str)


def _by_key(found: Iterable[Attention]) -> dict[str, Attention]:
    """Attention items by key, in order; one item may have several reasons."""
    needs: dict[str, Attention] = {}
    reasons: Counter[str] = Counter()
    for one in found:
        key = f"{one.kind}:{one.key}"
        number = reasons[key]
        reasons[key] += 1
        needs[f"{key}#{number}" if number else key] = one
    return needs


class Headline(LineWidget):
    """The golden signals of the scope in one line."""

    def __init__(self) -> None:
        super().__init__()
        self.picture: Picture | None = None

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The line."""
        if self.picture is None:
            return []
        from meshtop.views.picture.totals import histories_in, sums_in, without_traffic

        query, picture = self.fleet.host.scope.query, self.picture
        missing = without_traffic(picture, query)
        return [headline(sums_in(picture, query), histories_in(picture, query), width, picture.thresholds, missing)]

    @property
    def fleet(self) -> FleetScreen:
        """The screen of this widget."""
        assert isinstance(self.screen, FleetScreen)
        return self.screen


class FleetScreen(TableScreen):
    """The first screen of the console."""

    AUTO_FOCUS = "#rows"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "needs", "now", id="fleet.needs"),
    ]

    def __init__(self) -> None:
        super().__init__(FLEET)
        self._needs: dict[str, Attention] = {}

    def body(self) -> ComposeResult:
        """Headline, what needs attention, clusters."""
        with Vertical(classes="fleet"):
            yield Headline()
            yield LiveTable(id="needs", sortable=False)
            yield Pages(id="places")
            with Horizontal(classes="body"):
                with Vertical():
                    waiting = Note("Reading the kubeconfig …", "The first cluster to answer is shown at once.")
                    yield LiveTable(id="rows", waiting=waiting)
                    with Horizontal(id="trends"):
                        for trend in TRENDS:
                            yield ChartView(id=f"trend-{trend}")
                yield LineView(classes="side")

    def action_needs(self) -> None:
        """Switch between the attention list and the clusters."""
        needs = self.query_one("#needs", LiveTable)
        (self.rows if needs.has_focus or not needs.display else needs).focus()

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "All traffic in one line, what needs attention, and every cluster. n goes to NOW and back, "
            "w opens the worst of it."
        )

    @property
    def chosen(self) -> tuple[str, str] | None:
        """The kind and key under the cursor, in the attention list or the clusters."""
        if not self.query_one("#needs", LiveTable).has_focus:
            return super().chosen
        one = self._needs.get(self.query_one("#needs", LiveTable).cursor_key or "")
        return (one.kind, one.key) if one is not None and one.kind != JOURNAL else None

    @property
    def rows(self) -> LiveTable:
        """The table of clusters."""
        return self.query_one("#rows", LiveTable)

    def refresh_picture(self, picture: Picture) -> None:
        """Draw all three."""
        from meshtop.views.reports.attention import attention

        line = self.query_one(Headline)
        line.picture = picture
        line.draw()
        self._needs = _by_key((*self._waiting(), *attention(picture, self.host.scope.query)))
        needs = self.query_one("#needs", LiveTable)
        needs.display = bool(self._needs)
        most = max(MOST_SHOWN, self.size.height // 3)
        needs.styles.height = min(len(self._needs), most) + 1
        needs.show(_table(self._needs))
        super().refresh_picture(picture)
        self._show_trends(picture)

    def _waiting(self) -> list[Attention]:
        """Unfinished actions, listed first because they may be half written."""
        from meshtop.console.desk.journaling import attention_text
        from meshtop.views.reports.attention import Attention

        app = self.host
        damaged = [
            Attention(tone=Tone.DEGRADED, message=problem, kind=JOURNAL, key=f"problem {problem}")
            for problem in app.journal.problems
        ]
        return damaged + [
            Attention(tone=Tone.DEGRADED, message=attention_text(row, app.now()), kind=JOURNAL, key=row.action.id)
            for row in app.journal.unfinished
        ]

    def _show_trends(self, picture: Picture) -> None:
        """Show charts of the last half hour of each cluster, if there is room."""
        shown = self.size.height >= TALL and any(c.history is not None for c in picture.snapshot.clusters)
        self.query_one("#trends").display = shown
        self.rows.styles.height = min(len(picture.snapshot.clusters) + 2, self.size.height // 3) if shown else "1fr"
        clusters = self.host.scope.query.clusters
        for name, (title, unit) in TRENDS.items() if shown else ():
            series = tuple(
                ChartSeries(cluster.name, getattr(cluster.history, name).values)
                for cluster in picture.snapshot.clusters
                if cluster.history is not None and (not clusters or cluster.name in clusters)
            )
            self.query_one(f"#trend-{name}", ChartView).show(ChartModel(title, unit, series, start="-30m"))

    def kinds(self) -> frozenset[str]:
        """Clusters."""
        return frozenset({FLEET})

    def request(self) -> PictureRequest:
        """What needs attention as well."""
        return structs.replace(super().request(), attention=self.host.scope.query)

    def open_other(self, table: LiveTable, key: str) -> None:
        """Open an item of the attention list."""
        chosen = self._needs.get(key)
        if chosen is not None:
            self.host.open_detail(chosen.kind, chosen.key)

    def action_worst(self) -> None:
        """Open the first item of the attention list."""
        worst = next(iter(self._needs.values()), None)
        if worst is not None:
            self.host.open_detail(worst.kind, worst.key)
        else:
            self.say("Nothing needs attention.", Tone.GOOD)
