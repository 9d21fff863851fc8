"""The live table, the main widget of most screens, drawn line by line so that unchanged cells send no bytes.

Usage::

    table = LiveTable(waiting=Note("Reading 3 clusters…"), empty=Note("No workloads", "…", "press n for another …"))
    table.show(model, sort=("errorRatio", True))     # after each refresh; a meshtop.views.frame.table.TableModel
    table.cursor_key                                 # the selected row's key, or None
    table.go_to("us-east/shop/reviews")              # select by key, wherever it stands

It posts `RowHighlighted(key)`, `RowChosen(key)`, `SortChanged(column, descending)` and `MarksChanged(keys)`; the
model is sorted by its creator.
"""

from __future__ import annotations

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from meshtop.console.guarded import Guarded
from meshtop.console.widgets.lines import LineStyles, TextLine, changed_regions
from meshtop.console.widgets.notes import Note, note_lines
from meshtop.console.widgets.table_frame import TableFrame
from meshtop.console.widgets.table_moves import TABLE_BINDINGS, TableMoves
from meshtop.console.widgets.table_state import Sort, TableState, find_key
from meshtop.console.widgets.told import Told, ToldLines
from meshtop.views.frame.table import TableModel

_NOTHING = TextLine("plain", ())


class LiveTable(Guarded, TableMoves, can_focus=True, inherit_bindings=False):
    """Rows of a `TableModel`, of which only those on screen are ever formatted."""

    BINDINGS = TABLE_BINDINGS

    class RowHighlighted(Message):
        """Message: the cursor moved to another row."""

        def __init__(self, table: LiveTable, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> LiveTable:
            """The table."""
            return self.table

    class RowChosen(RowHighlighted):
        """Message: a row was opened, by enter or a double click."""

    class SortChanged(Message):
        """Message: another order was requested; the next model should have it."""

        def __init__(self, table: LiveTable, column: str, descending: bool) -> None:
            super().__init__()
            self.table = table
            self.column = column
            self.descending = descending

        @property
        def control(self) -> LiveTable:
            """The table."""
            return self.table

    class PositionChanged(Message):
        """Message: the cursor stands at another row, or among others; "" while the keyboard is elsewhere."""

        def __init__(self, table: LiveTable, position: str) -> None:
            super().__init__()
            self.table = table
            self.position = position

    class MarksChanged(Message):
        """Message: rows were marked or unmarked."""

        def __init__(self, table: LiveTable, keys: frozenset[str]) -> None:
            super().__init__()
            self.table = table
            self.keys = keys

        @property
        def control(self) -> LiveTable:
            """The table."""
            return self.table

    def __init__(
        self,
        *,
        waiting: Note | None = None,
        empty: Note | None = None,
        sortable: bool = True,
        name: str | None = None,
        id: str | None = None,  # noqa: A002  # Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._note_waiting = waiting or Note("Reading…")
        self._note_empty = empty or Note("Nothing here")
        self.sortable = sortable
        self._state = TableState()
        self.starred: frozenset[str] = frozenset()
        """The keys of the bookmarked rows; drawn with the next model."""
        self.whole: TableModel | None = None
        """The rows whose cells go on in rows of their own where they are drawn; these are copied as they are."""
        self.total: int | None = None
        """How many rows there are, with what a filter or the scope leaves out."""
        self._position = ""
        self._frame = TableFrame()
        self._hover: int | None = None
        self._header = _NOTHING
        self._lines: list[TextLine] = []
        self._drawn_size = Size(0, 0)
        self._line_styles = LineStyles(self)

    @property
    def model(self) -> TableModel | None:
        """The shown model; None before the first."""
        return self._state.model

    @property
    def sorting(self) -> Sort | None:
        """The column's name and whether it is descending, as the last model was sorted."""
        return self._state.sort

    @property
    def cursor_key(self) -> str | None:
        """The key of the selected row."""
        return self._state.cursor.key

    @property
    def chosen_key(self) -> str | None:
        """The key of the selected row if it was chosen; None while the cursor only stands on the first line."""
        return self._state.cursor.key if self._state.cursor.chosen else None

    @property
    def marks(self) -> frozenset[str]:
        """The keys of the marked rows."""
        return frozenset(self._state.marks)

    @property
    def picking(self) -> bool:
        """Whether a column to sort by is being chosen."""
        return self._state.picked is not None

    @property
    def page(self) -> int:
        """How many rows are on screen."""
        return max(1, self.scrollable_content_region.height - 1)

    def show(self, model: TableModel, sort: Sort | None = None) -> None:
        """Show another state of the rows; `sort` is the model's order, for the heading's arrow."""
        before = self.cursor_key
        self._frame.take(other_columns=self._state.take(model, sort))
        if self.virtual_size.height != len(model) + 1:
            self.virtual_size = Size(0, len(model) + 1)
        self._reveal()
        self.draw(refreshed=True)
        if (self.cursor_key is None) != (before is None):
            self.refresh_bindings()
        if self.cursor_key is not None and self.cursor_key != before:
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def let_go(self) -> None:
        """The screen is closed: the rows are somebody else's."""
        self._state, self._lines, self.whole = TableState(), [], None

    @property
    def position(self) -> str:
        """Where the cursor is (`12/62`)."""
        return self._state.position(self.total)

    def _tell_position(self) -> None:
        before, self._position = self._position, self.position if self.has_focus else ""
        if before != self._position:
            self.post_message(self.PositionChanged(self, self._position))

    def wait(self, note: Note) -> None:
        """Remove the rows and show a waiting note."""
        self._state.model, self._note_waiting = None, note
        self.virtual_size = Size(0, 0)
        self.draw()

    def explain_empty(self, note: Note) -> None:
        """Set the note for a model without rows; it differs between "filtered out" and "no data"."""
        self._note_empty = note
        self.draw()

    def go_to(self, key: str) -> bool:
        """Select the row with this key; False where there is none."""
        index = None if self.model is None else find_key(self.model, key)
        if index is None:
            return False
        self.move_to(index)
        return True

    def move_to(self, index: int) -> None:
        """Select the row at an index, or the nearest one, and scroll to it."""
        if self.model is None or not len(self.model):
            return
        changed = self._state.cursor.move(self.model, index)
        self._reveal()
        self.draw()
        if changed and self.cursor_key is not None:
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def move_by(self, rows: int) -> None:
        """Move the cursor up or down."""
        self.move_to(self._state.cursor.index + rows)

    def sort_by(self, column: int) -> None:
        """Request the order by a column, given by its index among the visible ones."""
        if self.sortable:
            self.post_message(self.SortChanged(self, *self._state.order_by(column)))

    def pick(self, step: int) -> None:
        """Move the choice of a column to sort by; 0 begins it."""
        if self._frame.shown:
            self._state.pick(step, self._frame.shown)
            self.draw()
            self.refresh_bindings()

    def end_pick(self, *, sort: bool) -> None:
        """End the choice of a column, and sort by it."""
        picked, self._state.picked = self._state.picked, None
        self.draw()
        self.refresh_bindings()
        if sort and picked is not None:
            self.sort_by(picked)

    def draw(self, *, refreshed: bool = False) -> None:
        """Compute the visible lines, and let Textual redraw only what differs."""
        self._tell_position()
        size = self.scrollable_content_region.size
        if not self.is_mounted or not size.height or not size.width:
            return
        header, lines = self._drawn_lines(size, refreshed=refreshed)
        old = [self._header, *self._lines]
        new = [header, *lines]
        self._header, self._lines = header, lines
        regions = changed_regions(old, new, size.width) if size == self._drawn_size else None
        self._drawn_size = size
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def _drawn_lines(self, size: Size, *, refreshed: bool) -> tuple[TextLine, list[TextLine]]:
        """The heading and the lines below it; without rows, the note."""
        model = self.model
        if model is None or not len(model):
            note = self._note_waiting if model is None else self._note_empty
            return _NOTHING, note_lines(note, size.width, size.height - 1)
        return self._frame.draw(
            self._state,
            model,
            size.width,
            size.height - 1,
            self.scroll_offset.y,
            refreshed=refreshed,
            has_focus=self.has_focus,
            hover=self._hover,
            starred=self.starred,
        )

    def told(self) -> Told:
        """The marked rows, else those on screen, in the columns on screen, with whole cells; without rows, the note."""
        model = self.model
        if model is None or not len(model):
            note = self._note_waiting if model is None else self._note_empty
            return ToldLines(tuple(filter(None, (note.title, note.why))))
        first = self.scroll_offset.y
        shown = range(first, min(first + self.page, len(model)))
        marked = [index for index in range(len(model)) if model.key(index) in self.marks] if self.marks else []
        told = marked or shown
        if (whole := self.whole) is not None:
            places = {whole.key(index): index for index in range(len(whole))}
            told, model = [places[key] for key in map(model.key, told) if key in places], whole
        return self._frame.told(self._state, model, told)

    def _reveal(self) -> None:
        """Scroll as little as necessary to show the selected row."""
        top, page, index = self.scroll_offset.y, self.page, self._state.cursor.index
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + page:
            self.scroll_to(y=index - page + 1, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """A drawn line: the header at 0, the rows under it."""
        size = self.scrollable_content_region.size
        if size and size != self._drawn_size and self.model is None and self.is_mounted:
            # It is yet to be told its size; without its note the first frame would be blank.
            self._header, self._lines = self._drawn_lines(size, refreshed=False)
            self._drawn_size = size
        lines = [self._header, *self._lines[y - 1 : y]] if y else [self._header]
        line = lines[-1] if len(lines) == 1 + bool(y) else _NOTHING
        return self._line_styles.strip(line, self.scrollable_content_region.width)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Redraw after scrolling."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.draw()

    def watch_show_vertical_scrollbar(self) -> None:
        """Redraw, as the scrollbar takes a column."""
        self.draw()

    def notify_style_update(self) -> None:
        """Redraw with the styles of another theme."""
        super().notify_style_update()
        self._line_styles.clear()

    def on_mount(self) -> None:
        """Draw the model that was set before mounting."""
        self.draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Redraw the cursor with or without the focus."""
        super().watch_has_focus(has_focus)
        self.draw()

    def on_resize(self) -> None:
        """Lay out for another size."""
        if self.model is not None:
            self._reveal()
        self.draw()

    def _row_at(self, event: events.MouseEvent) -> int | None:
        """The index of the row under the mouse; -1 is the header, None is nothing."""
        offset = event.get_content_offset(self)
        if offset is None or self.model is None:
            return None
        if offset.y == 0:
            return -1
        index = self.scroll_offset.y + offset.y - 1
        return index if index < len(self.model) else None

    def on_click(self, event: events.Click) -> None:
        """Select a row, open it on the second click, or sort by a heading."""
        row = self._row_at(event)
        if row is None:
            return
        event.stop()
        if row >= 0:
            self.move_to(row)
            if event.chain == 2 and self.cursor_key is not None:
                self.post_message(self.RowChosen(self, self.cursor_key))
            return
        offset = event.get_content_offset(self)
        column = None if offset is None else self._frame.column_at(offset.x)
        if column is not None:
            self.sort_by(column)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show which row a click would select."""
        self._hover_over(self._row_at(event))

    def on_leave(self, event: events.Leave) -> None:
        """No row is under the mouse."""
        self._hover_over(None)

    def _hover_over(self, row: int | None) -> None:
        row = None if row == -1 else row
        if row != self._hover:
            self._hover = row
            self.draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enable escape only while choosing a column, and enter only with a row."""
        if action == "cancel_pick":
            return self.picking
        if action == "pick_sort":
            return self.sortable
        if action in {"choose", "mark"} and self.cursor_key is None:
            return None
        return True

    def action_choose(self) -> None:
        """Open the row, or sort by the chosen column."""
        if self.picking:
            self.end_pick(sort=True)
        elif self.cursor_key is not None:
            self.post_message(self.RowChosen(self, self.cursor_key))

    def action_columns_left(self) -> None:
        """Scroll columns to the left, or choose the heading on the left."""
        self._sideways(-1)

    def action_columns_right(self) -> None:
        """Scroll columns to the right, or choose the heading on the right."""
        self._sideways(1)

    def _sideways(self, step: int) -> None:
        """Scroll columns; at the start, columns are dropped by priority again."""
        if self.picking:
            self.pick(step)
        elif self._state.scroll_columns(step, hidden_right=self._frame.layout.hidden_right):
            self.draw()

    def action_pick_sort(self) -> None:
        """Start choosing a column to sort by; the same key again goes to the next."""
        self.pick(1 if self.picking else 0)

    def action_cancel_pick(self) -> None:
        """Cancel choosing a column, keeping the order."""
        self.end_pick(sort=False)

    def action_mark(self) -> None:
        """Mark or unmark the selected row, and go to the next."""
        if self._state.toggle_mark():
            self.move_by(1)
            self.draw()
            self.post_message(self.MarksChanged(self, self.marks))
