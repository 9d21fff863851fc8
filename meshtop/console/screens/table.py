"""The table screen of a kind, with the selected row's detail beside it if there is room."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import structs
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from meshtop.console.desk.remembered import SavedView, view_name
from meshtop.console.picture_request import PictureRequest
from meshtop.console.places import page_name, pages_of, place_title
from meshtop.console.screens.facts import detail_lines
from meshtop.console.screens.filtered import FilteredScreen
from meshtop.console.screens.row_plots import LEAST_PLOT, RowPlots
from meshtop.console.screens.subject import kept_sentence
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from meshtop.model.text import clean
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.registry import find_kind, view
from meshtop.views.frame.sort import sort_text
from meshtop.views.frame.table import AnyColumn, Table, TableModel, Tone
from meshtop.views.picture.query import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.console.widgets.prompts import NameLine
    from meshtop.views.frame.facts import Detail
    from meshtop.views.frame.view import AnyView
    from meshtop.views.picture.picture import Picture

WIDE = 160
"""Width in cells from which the selected row's detail is shown beside the table."""
PANEL = 120
"""Width in cells from which it is shown at all: below the table where its rows leave room, else beside it."""
LEAST_BELOW, LEAST_BELOW_WIDE = 9, 16
"""So many free lines below the rows are room for it, and from `WIDE` on, where beside them it is whole more often."""


class TableScreen(FilteredScreen):
    """One kind's rows in the scope; enter opens one."""

    AUTO_FOCUS = "LiveTable"
    beside_from: ClassVar[int] = PANEL
    """Width in cells from which the selected row's detail is shown beside a long table."""
    columns_are_own: ClassVar[bool] = True
    """Whether its rows are those of the kind, which are counted."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "worst", "worst", id="table.worst"),
        Binding("g", "graph", "graph", id="table.graph"),
        Binding("tab", "page(1)", "next page", id="place.next"),
        Binding("shift+tab", "page(-1)", "previous page", id="place.previous", show=False),
        Binding("K", "columns", "columns", id="table.columns", show=False),
        Binding("V", "save_view", "save this view", id="table.save_view", show=False),
        Binding("b", "bookmark", "bookmark", id="table.bookmark", show=False),
        Binding("Y", "object", "object", id="table.object", show=False),
    ]

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._beside: str | None = None
        self._returning: str | None = None

    @cached_property
    def kind_view(self) -> AnyView:
        """The kind's view; imported lazily, as it imports the analysis, which the first frame does not need."""
        return view(self.kind)

    @property
    def filtered_kind(self) -> str:
        """Its own kind."""
        return self.kind

    @property
    def place(self) -> str:
        """The title in the top bar."""
        return place_title(self.kind)

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        summary = find_kind(self.kind).summary.partition(";")[0]
        return f"{summary[:1].upper()}{summary[1:]}."

    def body(self) -> ComposeResult:
        """The table, and a panel that opens by itself on a wide screen."""
        title = self.kind_view.title.lower()
        if len(self.pages) > 1:
            yield Pages(id="places")
        with Horizontal(classes="body"):
            yield LiveTable(waiting=Note(f"Reading {title} …", "The first cluster to answer is shown at once."))
            yield LineView(classes="side")

    @property
    def pages(self) -> tuple[str, ...]:
        """The kinds that tab goes through here."""
        return pages_of(self.kind)

    def show_pages(self) -> None:
        """Name the pages of the place, this one marked."""
        if self.query("#places"):
            names = tuple(map(page_name, self.pages))
            self.query_one("#places", Pages).show(names, self.pages.index(self.kind))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the key for pages if there is only one."""
        return len(self.pages) > 1 if action == "page" else super().check_action(action, parameters)

    def action_page(self, step: int) -> None:
        """Go to another page of the place."""
        pages = self.pages
        self.host.open_place(pages[(pages.index(self.kind) + step) % len(pages)])

    def on_pages_chosen(self, event: Pages.Chosen) -> None:
        """A page was clicked."""
        self.host.open_place(self.pages[event.index])

    @property
    def rows(self) -> LiveTable:
        """The table."""
        return self.query_one(LiveTable)

    @property
    def chosen(self) -> tuple[str, str] | None:
        """The kind and key of the selected row."""
        key = self.rows.cursor_key
        return None if key is None else (self.kind, key)

    @property
    def shown(self) -> TableModel | None:
        """The rows on screen; None before the first."""
        found = self.query(LiveTable)
        return self.rows.model if found else None

    def kinds(self) -> frozenset[str]:
        """This kind."""
        return frozenset({self.kind})

    def request(self) -> PictureRequest:
        """All rows, those in the scope in its order, and the detail beside them."""
        beside = () if self._beside is None else ((self.kind, self._beside),)
        return PictureRequest(
            kinds=self.kinds(), table=(self.kind, self.host.scope.for_kind(self.kind)), details=beside
        )

    def refresh_picture(self, picture: Picture) -> None:
        """Show the rows of the scope."""
        self.show_pages()
        query = self.usable_query()
        table = self.table(picture, query)
        live = self.rows
        keys = self.kind_view.order(query)
        if not len(table):
            live.explain_empty(self.why_empty(picture))
        live.total = len(self.kind_view.all_items(picture)) if self.columns_are_own else None
        live.starred = self.host.memory.state.marked(self.kind)
        live.show(table, (keys[0].column.name, keys[0].descending) if keys else None)
        if self._returning is not None and len(table):
            live.go_to(self._returning)
            self._returning = None
        self._show_side(picture, live.cursor_key)

    @property
    def chosen_row(self) -> str | None:
        """The row that was chosen in the kind's table."""
        return self.rows.chosen_key if self.query(LiveTable) else None

    def return_to_row(self, key: str) -> None:
        """Choose a row once it is shown."""
        self._returning = key

    def table(self, picture: Picture, query: Query) -> Table[Any]:
        """The rows to show."""
        return self.kind_view.table(picture, query, wide=self.size.width >= WIDE, chosen=self.chosen_columns)

    @property
    def chosen_columns(self) -> tuple[str, ...]:
        """The columns that were chosen for this kind; none are the kind's own."""
        return self.host.memory.state.columns.get(self.kind, ())

    def choosable_columns(self) -> Sequence[AnyColumn]:
        """The columns that can be chosen for what is on screen; none where `why_no_choice` tells why not."""
        names = {column.name for column in self.kind_view.columns}
        if self.shown is None or not {column.name for column in self.shown.columns} <= names:
            return ()
        return [column for column in self.kind_view.columns if not column.hidden]

    def why_no_choice(self) -> str:
        """Why columns cannot be chosen here."""
        return "There are no columns to choose before the first rows are here."

    def action_columns(self) -> None:
        """Choose the columns of this kind, and their order."""
        columns = self.choosable_columns()
        if self.shown is None or not columns:
            self.say(self.why_no_choice())
            return
        shown = [column.name for column in self.shown.columns if not column.hidden]
        # Here, as the first frame does without.
        from meshtop.console.screens.columns import ColumnScreen

        self.app.push_screen(ColumnScreen(self.kind_view.title.lower(), columns, shown, self._keep_columns))

    def _keep_columns(self, names: tuple[str, ...]) -> None:
        """Remember the columns of this kind, and show them."""
        self.host.memory.change(lambda state: state.with_columns(self.kind, names))
        self.update()

    async def action_save_view(self) -> None:
        """Ask for a name for what is shown."""
        await self.query_one(BottomBar).open_name()

    def on_name_line_given(self, event: NameLine.Given) -> None:
        """Save what is shown under a name."""
        query = self.host.scope.for_kind(self.kind)
        try:
            name = view_name(event.text)
        except ValueError as error:
            self.say(str(error), Tone.DEGRADED)
            return
        saved = SavedView(
            name=name,
            kind=self.kind,
            clusters=query.clusters,
            namespaces=query.namespaces,
            tenant=query.tenant,
            filter=query.filter,
            sort=query.sort,
            columns=self.chosen_columns,
        )
        self.host.memory.change(lambda state: state.with_view(saved))
        self.say(kept_sentence(self.host.memory, f"Saved: `:view {name}` opens it."), Tone.GOOD)

    def action_bookmark(self) -> None:
        """Mark what is under the cursor, or take the mark away."""
        if self.chosen is not None:
            self.bookmark(*self.chosen)

    def usable_query(self) -> Query:
        """The scope's query for this kind; a filter on columns that it does not have is reported and ignored."""
        scope = self.host.scope
        query = scope.for_kind(self.kind)
        try:
            self.kind_view.order(query)
        except FilterError:
            # ConsoleState of a version that had another column.
            query = structs.replace(query, sort="")
        try:
            self.kind_view.check(query)
        except FilterError as error:
            self.say(f"The filter is not used here: {error}", Tone.DEGRADED)
            return scope.filtered("").for_kind(self.kind)
        return query

    def why_empty(self, picture: Picture) -> Note:
        """The note for an empty table: no rows, none that match the filter, or nothing read."""
        if self.kind_view.all_items(picture):
            return self._why_none_left()
        if not picture.snapshot.settled:
            return Note(f"Reading {self.kind_view.title.lower()} …", "No cluster has answered yet.")
        lost = [c for c in picture.snapshot.clusters if c.kubernetes.error and c.inventory is None]
        if lost and len(lost) == len(picture.snapshot.clusters):
            return Note("Nothing was read", clean(lost[0].kubernetes.error), "1 shows every cluster and what to do")
        return Note(f"No {self.kind_view.title.lower()}", self.kind_view.nothing(picture, self.usable_query()))

    def _why_none_left(self) -> Note:
        """The note that the filter or scope hides all rows, and what esc removes first."""
        scope = self.host.scope
        if scope.query.filter:
            return Note(
                f"Nothing matches /{scope.query.filter}",
                "No row of this kind passes the filter.",
                "esc takes it away, / changes it",
            )
        where = " · ".join(scope.words(window_seconds=self.host.window_seconds)[:-1])
        return Note("Nothing in this scope", f"There are others outside of {where}.", "esc widens it by a step")

    def _show_side(self, picture: Picture, key: str | None) -> None:
        side = self.query_one(".side", LineView)
        side.display = self.arrange_side(shown=key is not None)
        self._beside = key if side.display else None
        self.hand_over_request()
        found, columns = None, self.query_one(".body").has_class("below")
        if side.display and key is not None:
            found = self.beside(picture, key)
            side.show(lambda width: detail_lines(found, width, columns=columns))
        self._show_plots(picture, found if columns else None)

    def _show_plots(self, picture: Picture, found: Detail | None) -> None:
        """Below the facts of a row come its plots, where there is room for them; none are made before."""
        body, side = self.query_one(".body"), self.query_one(".side", LineView)
        plots = next(iter(body.query(RowPlots).results(RowPlots)), None)
        shown, wanted = False, "1fr"
        if found is not None and found.charts:
            facts = len(detail_lines(found, self.size.width, columns=True)) + 2
            rows = self.rows.styles.height
            free = body.size.height - (int(rows.value) if rows is not None and rows.is_cells else 0) - facts
            shown = free >= LEAST_PLOT + 1
            wanted = str(facts) if shown else wanted
        if str(side.styles.height) != wanted:
            side.styles.height = wanted
        if shown and plots is None:
            plots = RowPlots()
            body.mount(plots)
        if plots is not None:
            plots.display = shown
            if shown and found is not None:
                plots.show(found, picture.snapshot.moment, picture.snapshot.window_seconds)

    def arrange_side(self, *, shown: bool) -> bool:
        """Put the detail below the table where the rows leave half a screen empty, else beside it.

        Returns whether there is room for it.
        """
        body, rows, width = self.query_one(".body"), self.rows, self.size.width
        if rows.parent is not body:
            return shown and width >= WIDE
        count = len(rows.model) if rows.model is not None else 0
        least = LEAST_BELOW if width < WIDE else LEAST_BELOW_WIDE
        below = shown and width >= PANEL and body.size.height - count - 2 >= least
        body.set_class(below, "below")
        body.set_class(width < WIDE, "slim")
        wanted = str(count + 1) if below else "1fr"
        if str(rows.styles.height) != wanted:
            rows.styles.height = wanted
        return shown and (below or width >= self.beside_from)

    @property
    def facts_view(self) -> LineView | None:
        """The detail of the selected row."""
        return next((side for side in self.query(".side").results(LineView) if side.display), None)

    def beside(self, picture: Picture, key: str) -> Detail | None:
        """The detail beside the table for a row."""
        # Here, as the first frame has nothing to tell.
        from meshtop.views.frame.detail import detail

        return detail(picture, self.kind, key)

    def on_resize(self) -> None:
        """More room shows more."""
        self.update()

    def on_live_table_row_highlighted(self, event: LiveTable.RowHighlighted) -> None:
        """Update the side panel for the kind's table; other tables of the screen do not change it."""
        mine = event.table is self.rows and type(event) is LiveTable.RowHighlighted
        if mine and self.host.picture is not None:
            self._show_side(self.host.picture, event.key)

    def on_live_table_row_chosen(self, event: LiveTable.RowChosen) -> None:
        """Open a row of the kind's table, or handle a row of another table of the screen."""
        if event.table is self.rows:
            self.open_row(event.key)
        else:
            self.open_other(event.table, event.key)

    def open_row(self, key: str) -> None:
        """Open one of the kind's rows."""
        self.host.open_detail(self.kind, key)

    def open_other(self, table: LiveTable, key: str) -> None:
        """Handle a chosen row of another table of the screen."""

    def on_live_table_sort_changed(self, event: LiveTable.SortChanged) -> None:
        """Put the rows in another order."""
        sort = sort_text(event.column, self.kind_view.columns, descending=event.descending)
        self.host.set_scope(self.host.scope.sorted_by(self.kind, sort))

    def action_narrow(self) -> None:
        """Narrow the scope to this row's cluster and namespace."""
        if self.chosen is not None:
            self.narrow_to(*self.chosen)

    def action_worst(self) -> None:
        """Go to the worst row in any order: the first by health, else by the kind's own order."""
        picture = self.host.picture
        if picture is None:
            return
        names = [column.name for column in self.kind_view.columns]
        sort = "health" if "health" in names else ""
        items = self.kind_view.items(picture, structs.replace(self.usable_query(), sort=sort))
        if items:
            self.rows.go_to(self.kind_view.key(items[0]))

    def action_graph(self) -> None:
        """Open the graph around this row."""
        if self.chosen is not None:
            self.host.open_graph(*self.chosen)

    def told_place(self) -> tuple[str, ...]:
        """The place, its page, and what is open."""
        return tuple(dict.fromkeys((self.place, self.kind_view.title, *self.crumbs())))

    def told_item(self) -> object:
        """The items of the marked rows, else that of the row under the cursor."""
        from meshtop.views.frame.detail import find_item

        picture, chosen = self.host.picture, self.chosen
        if picture is None or chosen is None:
            return None
        marks = self.rows.marks if self.rows.has_focus else frozenset()
        if marks:
            return [item for item in self.kind_view.all_items(picture) if self.kind_view.key(item) in marks]
        return find_item(picture, *chosen)

    def action_object(self) -> None:
        """Show the object under the cursor as YAML, in every cluster."""
        if self.chosen is not None:
            self.show_object(*self.chosen)

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """Columns and their meanings, for the help."""
        return tuple((c.title, _meaning(c)) for c in self.kind_view.columns if not c.hidden)


def _meaning(column: AnyColumn) -> str:
    """A column's help, with its filter name if the title does not show it."""
    named = column.title.lower() in (column.name.lower(), *column.aliases)
    return column.help if named else f"{column.help} Filter: {column.name}"
