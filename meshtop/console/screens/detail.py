"""The detail screen of an item: facts, charts and related items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct, structs
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from meshtop.console.picture_request import PictureRequest
from meshtop.console.places import place_title
from meshtop.console.screens.courses import LinesArrived, PlotCourses, course
from meshtop.console.screens.facts import detail_lines
from meshtop.console.screens.plotted import PlottedScreen
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from meshtop.views.frame.detail import detail, find_item
from meshtop.views.frame.facts import Detail, Related
from meshtop.views.frame.registry import view
from meshtop.views.frame.sort import parse_sort, sort_items, sort_text
from meshtop.views.frame.table import Table
from meshtop.views.reports.shaped_by import SHAPED_BY, shaping_object, shaping_page

if TYPE_CHECKING:
    from meshtop.views.frame.charts import Chart as ChartSpec
    from meshtop.views.picture.picture import Picture

WIDE = 120
"""Width in cells from which facts, charts and relations are shown side by side."""
TALL = 30
"""Height in lines from which plots below each other have a blank line between them."""
OVERVIEW, COURSE = "Overview", "Over time"
MOST_CHARTS = 3
LEAST_ROWS = 6
"""Lines that a relation has at least, so that an empty one can say why."""


class DetailPage(Struct, frozen=True, kw_only=True):
    """A page of a detail: its name in the line of pages, and its content (`charts`: how many)."""

    name: str
    facts: bool = False
    charts: int = 0
    related: Related | None = None


def pages_of_detail(found: Detail | None, *, wide: bool) -> tuple[DetailPage, ...]:
    """The pages of a detail, at least one.

    Where there is room, facts and charts are above each relation; else they are separate pages. A page without a name
    is the only one.
    """
    charts = min(MOST_CHARTS, len(found.charts)) if found is not None else 0
    related = [(f"{one.title} {len(one.table)}", one) for one in found.related] if found is not None else []
    if wide:
        pages = tuple(DetailPage(name=name, facts=True, charts=charts, related=one) for name, one in related)
        return pages or (DetailPage(name="", facts=True, charts=charts),)
    return (
        DetailPage(name=OVERVIEW, facts=True),
        *((DetailPage(name=COURSE, charts=charts),) if charts else ()),
        *(DetailPage(name=name, related=one) for name, one in related),
    )


def first_page(pages: Sequence[DetailPage]) -> int:
    """The number of the page to open on: the first that has something to show."""
    filled = (number for number, page in enumerate(pages) if page.related is None or page.related.table.items)
    return next(filled, 0)


class DetailScreen(PlottedScreen):
    """The detail of an item of any kind; tab goes through its pages and into its plots, esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "graph", "graph", id="detail.graph"),
        Binding("tab", "page(1)", "next page", id="detail.next"),
        Binding("shift+tab", "page(-1)", "previous page", id="detail.previous", show=False),
        Binding("y", "evidence", "copy", id="detail.text"),
        Binding("Y", "object", "object", id="detail.object", show=False),
        Binding("b", "bookmark", "bookmark", id="detail.bookmark", show=False),
    ]

    def __init__(self, kind: str, key: str) -> None:
        super().__init__()
        self.kind = kind
        self.key = key
        self._detail: Detail | None = None
        self._page: int | None = None
        """The page that is shown; None until there is something to show."""
        self._sorts: dict[str, str] = {}
        self._courses = PlotCourses(self)

    @property
    def place(self) -> str:
        """The title in the top bar."""
        return place_title(self.kind)

    @property
    def is_place(self) -> bool:
        """False: it was opened from a place, and closes to it."""
        return False

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return f"One {view(self.kind).singular}: {self.key}"

    def crumbs(self) -> tuple[str, ...]:
        """The breadcrumb after the place."""
        return (self._detail.title if self._detail is not None else self.key,)

    def body(self) -> ComposeResult:
        """Facts beside charts, relations below."""
        with Vertical(classes="detail"):
            with Horizontal(id="top"):
                yield LineView(id="facts")
                with Vertical(id="charts"):
                    for index in range(MOST_CHARTS):
                        yield ChartView(id=f"chart-{index}")
            yield Pages(id="pages")
            yield LiveTable(id="related", waiting=Note("Reading …"))

    def action_bookmark(self) -> None:
        """Mark this, or take the mark away."""
        self.bookmark(self.kind, self.key)

    def tick(self) -> None:
        """Refresh charts when they are old."""
        super().tick()
        if self._courses.is_due:
            self._ask_charts()

    def kinds(self) -> frozenset[str]:
        """Its own kind, and those of related items."""
        related = {one.kind for one in self._detail.related} if self._detail is not None else set()
        return frozenset({self.kind} | related - {SHAPED_BY})

    def request(self) -> PictureRequest:
        """The rows of its kinds, and what shapes the item."""
        from meshtop.views.picture.asks import SHAPING

        return structs.replace(super().request(), asked=SHAPING)

    @property
    def wide(self) -> bool:
        """Whether there is room for everything on one page."""
        return self.size.width >= WIDE

    @property
    def detail_pages(self) -> tuple[DetailPage, ...]:
        """What tab goes through."""
        return pages_of_detail(self._detail, wide=self.wide)

    @property
    def shown_page(self) -> DetailPage:
        """What is on screen."""
        pages = self.detail_pages
        return pages[min(self._page or 0, len(pages) - 1)]

    def let_go(self) -> None:
        """It is closed: the rows of what is related are somebody else's."""
        self._detail = None

    def refresh_picture(self, picture: Picture) -> None:
        """Show the item, or that it no longer exists."""
        found = self._detail = self.make_detail(picture)
        self.query_one("#facts", LineView).show(lambda width: detail_lines(found, width))
        self._arrange()
        snapshot = picture.snapshot
        if self._courses.wanted((snapshot.moment, snapshot.window_seconds, self.span)):
            self._ask_charts()

    @property
    def facts_view(self) -> LineView | None:
        """The facts, where they are on the page."""
        return next((facts for facts in self.query("#facts").results(LineView) if facts.display), None)

    def make_detail(self, picture: Picture) -> Detail | None:
        """The item's detail with the objects that shape it; None if it does not exist (any more)."""
        found = detail(picture, self.kind, self.key)
        item = find_item(picture, self.kind, self.key) if found is not None else None
        shaping = shaping_page(picture, self.kind, item) if item is not None else None
        return found if found is None or shaping is None else structs.replace(found, related=(*found.related, shaping))

    def _arrange(self) -> None:
        """Show the current page and focus its table, if any."""
        pages = self.detail_pages
        if self._page is None and self._detail is not None:
            self._page = first_page(pages)
        number = min(self._page or 0, len(pages) - 1)
        page = pages[number]
        self.query_one("#pages", Pages).show(tuple(one.name for one in pages if one.name), number)
        top, facts, charts, table = (self.query_one(f"#{i}") for i in ("top", "facts", "charts", "related"))
        top.display = page.facts or page.charts > 0
        facts.display = page.facts
        charts.display = page.charts > 0
        charts.set_class(self.size.height < TALL, "tight")
        for index in range(MOST_CHARTS):
            self.query_one(f"#chart-{index}").display = index < page.charts
        table.display = page.related is not None
        top.styles.height = "1fr"
        if page.related is not None:
            # With plots the table is as high as its rows, and they have what remains; without, the facts are.
            rows, room = max(LEAST_ROWS, len(page.related.table) + 1), max(LEAST_ROWS, self.size.height * 2 // 5)
            facts_high = len(detail_lines(self._detail, max(1, self.size.width))) + 1
            table.styles.height = min(rows, room) if page.charts else "1fr"
            if not page.charts:
                top.styles.height = min(facts_high, self.size.height * 3 // 5)
            self._show_related(page.related)
        lost = self.reading and self.focused not in self.plots
        if self.focused is None or lost or not self.focused.display or (table.display and self.focused is facts):
            if self.plots_are_all:
                self.query_one("#chart-0").focus()
            else:
                (table if table.display else facts).focus()

    @property
    def plots_are_all(self) -> bool:
        """Where there is no room for more, plots are a page of their own."""
        page = self.shown_page
        return page.charts > 0 and not page.facts and page.related is None

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
        related = self.shown_page.related
        if related is None or related.kind == SHAPED_BY:
            return
        kind = related.kind
        self._sorts[kind] = sort_text(event.column, view(kind).columns, descending=event.descending)
        self._arrange()

    def on_resize(self) -> None:
        """More room shows more."""
        self.update()

    def action_page(self, step: int) -> None:
        """Go to another page; after the last one into the plots beside it, and from there to the first."""
        pages, number = self.detail_pages, self._page or 0
        beside = not self.plots_are_all
        if step > 0 and beside and number == len(pages) - 1 and self.enter_plots():
            return
        if beside and self.reading:
            self.leave_plots()
        self._page = (number + step) % len(pages)
        self._arrange()

    def action_graph(self) -> None:
        """Open the graph around the item, or around the selected row."""
        self.host.open_graph(*self.meant)

    def action_narrow(self) -> None:
        """Narrow the scope to the item's place, or the selected row's, and go back to the place."""
        kind, key = self.meant
        self.narrow_to(kind, key)

    @property
    def meant(self) -> tuple[str, str]:
        """The kind and key of the selected related row, else of the item itself."""
        table, related = self.query_one("#related", LiveTable), self.shown_page.related
        if related is None or related.kind == SHAPED_BY or not table.has_focus or table.cursor_key is None:
            return self.kind, self.key
        return related.kind, table.cursor_key

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        """The item itself, then the selected related row."""
        return tuple(dict.fromkeys(((self.kind, self.key), self.meant)))

    def on_live_table_row_chosen(self, event: LiveTable.RowChosen) -> None:
        """Open the related item."""
        related = self.shown_page.related
        if related is not None and related.kind == SHAPED_BY:
            self.show_wanted(shaping_object(event.key))
        elif related is not None:
            self.host.open_detail(related.kind, event.key)

    def plots_changed(self) -> None:
        """Ask for the time that was chosen."""
        self._courses.forget()
        super().plots_changed()

    def _ask_charts(self) -> None:
        """Query the charts' data of the time before the present, or before the shown moment."""
        found, app = self._detail, self.host
        if found is None or app.picture is None:
            return
        self._courses.choose(found.charts[:MOST_CHARTS])
        snapshot = app.picture.snapshot
        self._courses.ask(snapshot.moment, snapshot.window_seconds)
        for index, chart in enumerate(self._courses.charts):
            self._show_chart(index, chart)

    def on_lines_arrived(self, message: LinesArrived) -> None:
        """Draw a chart."""
        known = self._detail.charts if self._detail is not None else ()
        if message.index < len(known) and self._courses.take(message):
            self._show_chart(message.index, known[message.index])

    def _show_chart(self, index: int, chart: ChartSpec) -> None:
        """Show the latest lines of a chart, or a sentence if there are none."""
        moment = self.host.picture.snapshot.moment if self.host.picture is not None else None
        shown = course(chart, self._courses.lines(index), self._marks(), span=self.span, moment=moment)
        self.query_one(f"#chart-{index}", ChartView).show(shown)

    def _marks(self) -> tuple[float, ...]:
        """Where changes of the item stand in the time of its charts."""
        from meshtop.views.reports.changes.plot_marks import marks_of_item

        picture = self.host.picture
        if picture is None:
            return ()
        return marks_of_item(picture, self.kind, self.key, *self._courses.window(picture.snapshot.moment))

    def action_object(self) -> None:
        """Show the object as YAML, in every cluster: the selected relation's, else the item's own."""
        table, related = self.query_one("#related", LiveTable), self.shown_page.related
        if related is not None and related.kind == SHAPED_BY and table.has_focus and table.cursor_key is not None:
            self.show_wanted(shaping_object(table.cursor_key))
            return
        self.show_object(*self.meant)

    def told_item(self) -> object:
        """The item."""
        picture = self.host.picture
        return find_item(picture, self.kind, self.key) if picture is not None else None

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """Columns and their meanings, for the help."""
        return tuple((c.title, c.help) for c in view(self.kind).columns if not c.hidden)
