"""One thing opened: facts, its course over time, and what it is connected to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message

from meshtop.console.places import name_of
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.facts import course, detail_lines
from meshtop.console.widgets.chart import Chart
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from meshtop.model.telemetry import Line as TimeLine
from meshtop.views.frame.detail import detail, find_item
from meshtop.views.frame.facts import Detail, Related
from meshtop.views.frame.registry import view
from meshtop.views.frame.sort import parse_sort, sort_items, sort_text
from meshtop.views.frame.table import Table

if TYPE_CHECKING:
    from meshtop.views.frame.charts import Chart as ChartSpec
    from meshtop.views.picture.picture import Picture

SPAN_SECONDS = 1800.0
POINTS = 120
AGAIN_SECONDS = 15.0
WIDE = 120
"""From so many cells on, facts, charts and relations are shown side by side."""
OVERVIEW, COURSE = "Overview", "Over time"


class LinesArrived(Message):
    """A chart's lines came."""

    def __init__(self, index: int, lines: tuple[TimeLine, ...]) -> None:
        super().__init__()
        self.index = index
        self.lines = lines


class DetailScreen(MeshScreen):
    """A thing of any kind; tab goes through its pages, esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "graph", "graph", id="detail.graph"),
        Binding("tab", "page(1)", "next page", id="detail.next"),
        Binding("shift+tab", "page(-1)", "page before", id="detail.previous", show=False),
        Binding("y", "as_text", "as text", id="detail.text"),
    ]

    def __init__(self, kind: str, key: str) -> None:
        super().__init__()
        self.kind = kind
        self.key = key
        self._detail: Detail | None = None
        self._page = 0
        self._sorts: dict[str, str] = {}
        self._asked_at = 0.0
        self._charted: dict[int, tuple[TimeLine, ...]] = {}
        self._asked_for: tuple[float | None, float] | None = None

    @property
    def place(self) -> str:
        """The place of its kind."""
        return name_of(self.kind)

    @property
    def is_place(self) -> bool:
        """It was opened from a place, and closes to it."""
        return False

    @property
    def about(self) -> str:
        """What is shown."""
        return f"One {view(self.kind).singular}: {self.key}"

    def crumbs(self) -> tuple[str, ...]:
        """Its name."""
        return (self._detail.title if self._detail is not None else self.key,)

    def body(self) -> ComposeResult:
        """Facts beside charts, relations below."""
        with Vertical(classes="detail"):
            with Horizontal(id="top"):
                yield LineView(id="facts")
                with Vertical(id="charts"):
                    yield Chart(id="chart-0")
                    yield Chart(id="chart-1")
            yield Pages(id="pages")
            yield LiveTable(id="related", waiting=Note("Reading …"))

    def on_mount(self) -> None:
        """Ask for charts again as time goes on."""
        self.set_interval(AGAIN_SECONDS, self._ask_charts)

    def kinds(self) -> frozenset[str]:
        """Its own kind, and those of what it is connected to."""
        related = {one.kind for one in self._detail.related} if self._detail is not None else set()
        return frozenset({self.kind} | related)

    @property
    def wide(self) -> bool:
        """Whether everything has room at once."""
        return self.size.width >= WIDE

    @property
    def page_names(self) -> tuple[str, ...]:
        """What tab goes through: relations only, where the rest has room of its own."""
        related = tuple(f"{r.title} {len(r.table)}" for r in self._detail.related) if self._detail is not None else ()
        if self.wide:
            return related
        return (OVERVIEW, *((COURSE,) if self._detail is not None and self._detail.charts else ()), *related)

    def refresh_picture(self, picture: Picture) -> None:
        """Show the thing as it is, or that it is gone."""
        found = self._detail = self.made_detail(picture)
        self.query_one("#facts", LineView).show(lambda width: detail_lines(found, width))
        self._arrange()
        snapshot = picture.snapshot
        asked_for = (snapshot.moment, snapshot.window_seconds)
        if asked_for != self._asked_for or not self._asked_at:
            self._asked_for = asked_for
            self._ask_charts()

    def made_detail(self, picture: Picture) -> Detail | None:
        """What is known of it; None when it is not there (any more)."""
        return detail(picture, self.kind, self.key)

    def _arrange(self) -> None:
        """Show what has room, and the current page; the keyboard goes where something can be chosen."""
        names = self.page_names
        self._page = min(self._page, max(0, len(names) - 1))
        pages = self.query_one("#pages", Pages)
        pages.show(names, self._page)
        top, facts, charts, table = (self.query_one(f"#{i}") for i in ("top", "facts", "charts", "related"))
        found = self._detail
        has_charts = found is not None and bool(found.charts)
        first_related = len(names) - len(found.related) if found is not None else 0
        on_related = self._page >= first_related and bool(names) and found is not None and bool(found.related)
        current = names[self._page] if names else OVERVIEW
        top.display = self.wide or not on_related
        facts.display = self.wide or current == OVERVIEW
        charts.display = has_charts and (self.wide or current == COURSE)
        table.display = on_related
        top.set_class(self.wide and on_related, "above")
        if found is not None and on_related:
            self._show_related(found.related[self._page - first_related])
        if self.focused is None or not self.focused.display or (table.display and self.focused is facts):
            (table if table.display else facts).focus()
        for index in (0, 1):
            self.query_one(f"#chart-{index}").display = found is not None and index < len(found.charts)

    def _show_related(self, related: Related) -> None:
        table = self.query_one("#related", LiveTable)
        table.explain_empty(Note(related.title, related.empty))
        sort = self._sorts.get(related.kind)
        if sort is None:
            table.show(related.table)
            return
        keys = parse_sort(sort, view(related.kind).columns)
        rows = Table(related.table.columns, sort_items(related.table.items, keys), view(related.kind).key)
        table.show(rows, (keys[0].column.name, keys[0].descending))

    def on_live_table_sort_changed(self, event: LiveTable.SortChanged) -> None:
        """Put the relation's rows in another order."""
        kind = self._related().kind
        self._sorts[kind] = sort_text(event.column, view(kind).columns, descending=event.descending)
        self._arrange()

    def on_resize(self) -> None:
        """More room shows more."""
        self.update()

    def action_page(self, step: int) -> None:
        """Go to another page."""
        names = self.page_names
        if not names:
            return
        self._page = (self._page + step) % len(names)
        self._arrange()

    def action_graph(self) -> None:
        """The graph around it, or around the row that is chosen."""
        self.host.open_graph(*self._meant())

    def action_narrow(self) -> None:
        """Look only at where it stands, or the row that is chosen, and go back to the place."""
        kind, key = self._meant()
        self.narrow_to(kind, key)

    def _meant(self) -> tuple[str, str]:
        """The kind and key under the cursor of a relation, else the thing itself."""
        table, found = self.query_one("#related", LiveTable), self._detail
        if found is None or not table.has_focus or table.cursor_key is None:
            return self.kind, self.key
        return self._related().kind, table.cursor_key

    def _related(self) -> Related:
        """The relation that is shown."""
        assert self._detail is not None
        related = self._detail.related
        return related[self._page - (len(self.page_names) - len(related))]

    def on_live_table_row_chosen(self, event: LiveTable.RowChosen) -> None:
        """Open what it is connected to."""
        if self._detail is not None:
            self.host.open_detail(self._related().kind, event.key)

    def _ask_charts(self) -> None:
        """Ask Prometheus for the course of the last half hour, or of that before the moment that is shown."""
        found, app = self._detail, self.host
        if found is None or app.picture is None:
            return
        self._asked_at = app.now()
        end = app.picture.snapshot.moment or app.now()
        step = SPAN_SECONDS / POINTS
        end -= end % step
        for index, chart in enumerate(found.charts[:2]):
            self._show_chart(index, chart)
            app.session.lines(
                chart, start=end - SPAN_SECONDS, end=end, step=step, done=partial(self._lines_came, index)
            )

    def _lines_came(self, index: int, lines: tuple[TimeLine, ...]) -> None:
        """Called on another thread: only a message may be posted from there."""
        self.post_message(LinesArrived(index, lines))

    def on_lines_arrived(self, message: LinesArrived) -> None:
        """Draw a chart."""
        if self._detail is not None and message.index < len(self._detail.charts):
            # A later question that fails leaves the lines of the one before.
            self._charted[message.index] = message.lines or self._charted.get(message.index, ())
            self._show_chart(message.index, self._detail.charts[message.index])

    def _show_chart(self, index: int, chart: ChartSpec) -> None:
        """The lines that came last; before the first, and where none came, a sentence."""
        self.query_one(f"#chart-{index}", Chart).show(course(chart, self._charted.get(index), SPAN_SECONDS))

    def action_as_text(self) -> None:
        """The thing as JSON, to read and to copy."""
        from meshtop.console.screens.text import TextScreen, as_json

        picture = self.host.picture
        if picture is None:
            return
        item = find_item(picture, self.kind, self.key)
        if item is not None:
            self.app.push_screen(TextScreen(self.key, as_json(item)))

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """The columns of its kind."""
        return tuple((c.title, c.help) for c in view(self.kind).columns if not c.hidden)
