"""The live table: the heart of most screens, drawn line by line so that an unchanged cell sends no byte.

Usage::

    table = LiveTable(waiting=Note("Reading 3 clusters…"), empty=Note("No workloads", "…", "press n for another …"))
    table.show(model, sort=("errorRatio", True))     # after each refresh; a meshtop.views.frame.table.TableModel
    table.cursor_key                                 # the selected row's key, or None
    table.go_to("us-east/shop/reviews")              # select by key, wherever it stands

It posts `RowHighlighted(key)`, `RowChosen(key)`, `SortChanged(column, descending)` and `MarksChanged(keys)`;
whoever makes the model does the sorting.
"""

from __future__ import annotations

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from meshtop.console.widgets.lines import TONE_CLASSES, Line, LineStyles, changed_regions
from meshtop.console.widgets.notes import Note, note_lines
from meshtop.console.widgets.table_cursor import Cursor, find_key
from meshtop.console.widgets.table_frame import format_rows, header_line, row_line, widest_cells
from meshtop.console.widgets.table_keys import TABLE_BINDINGS, TableKeys
from meshtop.console.widgets.table_layout import Layout, Widths, lay_out
from meshtop.views.frame.table import AnyColumn, Cell, TableModel

Sort = tuple[str, bool]
_NOTHING = Line("plain", ())


class LiveTable(TableKeys, ScrollView, can_focus=True, inherit_bindings=False):
    """Rows of a `TableModel`, of which only those on screen are ever formatted."""

    COMPONENT_CLASSES = TONE_CLASSES
    BINDINGS = TABLE_BINDINGS

    class RowHighlighted(Message):
        """The cursor came to another row."""

        def __init__(self, table: LiveTable, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> LiveTable:
            """The table."""
            return self.table

    class RowChosen(RowHighlighted):
        """A row was opened, by enter or by a double click."""

    class SortChanged(Message):
        """Somebody asked for another order; the next model should have it."""

        def __init__(self, table: LiveTable, column: str, descending: bool) -> None:
            super().__init__()
            self.table = table
            self.column = column
            self.descending = descending

        @property
        def control(self) -> LiveTable:
            """The table."""
            return self.table

    class MarksChanged(Message):
        """Rows were marked or unmarked."""

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
        self._model: TableModel | None = None
        self._columns: tuple[AnyColumn, ...] = ()
        self._visible: tuple[int, ...] = ()
        self._sort: Sort | None = None
        self._cursor = Cursor()
        self._marks: set[str] = set()
        self._hover: int | None = None
        self._skip = 0
        self._picked: int | None = None
        self._widths = Widths()
        self._layout = Layout()
        self._header = _NOTHING
        self._lines: list[Line] = []
        self._drawn_size = Size(0, 0)
        self._rows: list[list[Cell]] = []
        self._rows_of: tuple[int, int] | None = None
        self._styles_of_lines = LineStyles(self)

    @property
    def model(self) -> TableModel | None:
        """What is shown, or None as long as nothing has come."""
        return self._model

    @property
    def sorting(self) -> Sort | None:
        """The column's name and whether it is descending, as the last model was sorted."""
        return self._sort

    @property
    def cursor_key(self) -> str | None:
        """The key of the selected row."""
        return self._cursor.key

    @property
    def marks(self) -> frozenset[str]:
        """The keys of the marked rows."""
        return frozenset(self._marks)

    @property
    def page(self) -> int:
        """How many rows are on screen."""
        return max(1, self.scrollable_content_region.height - 1)

    def show(self, model: TableModel, sort: Sort | None = None) -> None:
        """Draw another state of the same rows; `sort` is the order that the model has, for the heading's arrow."""
        visible = tuple(index for index, column in enumerate(model.columns) if not column.hidden)
        columns = tuple(model.columns[index] for index in visible)
        if [column.name for column in columns] != [column.name for column in self._columns]:
            self._layout, self._skip, self._picked = Layout(), 0, None
        self._visible, self._columns = visible, columns
        before = self._cursor.key
        self._model, self._sort, self._rows_of = model, sort, None
        self._cursor.follow(model)
        if self.virtual_size.height != len(model) + 1:
            self.virtual_size = Size(0, len(model) + 1)
        self._reveal()
        self.draw(refreshed=True)
        if (self._cursor.key is None) != (before is None):
            self.refresh_bindings()
        if self._cursor.key is not None and self._cursor.key != before:
            self.post_message(self.RowHighlighted(self, self._cursor.key))

    def wait(self, note: Note) -> None:
        """Forget the rows and say what is awaited."""
        self._model, self._note_waiting = None, note
        self.virtual_size = Size(0, 0)
        self.draw()

    def explain_empty(self, note: Note) -> None:
        """What to say when the model has no rows; a filter that hides all is worth other words than no data."""
        self._note_empty = note
        self.draw()

    def go_to(self, key: str) -> bool:
        """Select the row with this key; False where there is none."""
        index = None if self._model is None else find_key(self._model, key)
        if index is None:
            return False
        self.move_to(index)
        return True

    def move_to(self, index: int) -> None:
        """Select the row at an index, or the nearest that there is, and bring it on screen."""
        if self._model is None or not len(self._model):
            return
        changed = self._cursor.move(self._model, index)
        self._reveal()
        self.draw()
        if changed and self._cursor.key is not None:
            self.post_message(self.RowHighlighted(self, self._cursor.key))

    def move_by(self, rows: int) -> None:
        """Move the cursor up or down."""
        self.move_to(self._cursor.index + rows)

    def mark(self) -> None:
        """Mark the selected row, or take its mark away, and go on to the next."""
        if self._cursor.key is None:
            return
        self._marks ^= {self._cursor.key}
        self.move_by(1)
        self.draw()
        self.post_message(self.MarksChanged(self, self.marks))

    def clear_marks(self) -> None:
        """Take all marks away."""
        self._marks.clear()
        self.draw()
        self.post_message(self.MarksChanged(self, self.marks))

    def choose(self) -> None:
        """Open the selected row."""
        if self._cursor.key is not None:
            self.post_message(self.RowChosen(self, self._cursor.key))

    def sort_by(self, column: int) -> None:
        """Ask for the order of a column: the other way round where it has it already, else numbers downward."""
        if not self.sortable:
            return
        spec = self._columns[column]
        same = self._sort is not None and self._sort[0] == spec.name
        descending = not self._sort[1] if same and self._sort else spec.numeric and spec.order is None
        self.post_message(self.SortChanged(self, spec.name, descending))

    def scroll_columns(self, step: int) -> None:
        """Bring columns on screen that did not fit; back at the start, they give way again by their priority."""
        hidden = self._layout.hidden_right > 0 or self._skip > 0
        skip = max(0, min(len(self._columns) - 2, self._skip + step))
        if hidden and skip != self._skip and (step < 0 or self._layout.hidden_right):
            self._skip = skip
            self.draw()

    def pick(self, step: int) -> None:
        """Move the choice of a column to sort by; 0 begins it."""
        shown = [place.column for place in self._layout.places]
        if not shown:
            return
        if self._picked not in shown:
            names = [self._columns[column].name for column in shown]
            start = names.index(self._sort[0]) if self._sort and self._sort[0] in names else 0
            self._picked = shown[start]
        else:
            self._picked = shown[(shown.index(self._picked) + step) % len(shown)]
        self.draw()
        self.refresh_bindings()

    def end_pick(self, *, sort: bool) -> None:
        """End the choice of a column, and sort by it."""
        picked, self._picked = self._picked, None
        self.draw()
        self.refresh_bindings()
        if sort and picked is not None:
            self.sort_by(picked)

    @property
    def picking(self) -> bool:
        """Whether a column to sort by is being chosen."""
        return self._picked is not None

    def draw(self, *, refreshed: bool = False) -> None:
        """Work out what is on screen, and ask Textual to draw again only what differs."""
        size = self.scrollable_content_region.size
        if not self.is_mounted or not size.height or not size.width:
            return
        header, lines = self._frame(size, refreshed=refreshed)
        old = [self._header, *self._lines]
        new = [header, *lines]
        self._header, self._lines = header, lines
        regions = changed_regions(old, new, size.width) if size == self._drawn_size else None
        self._drawn_size = size
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def _frame(self, size: Size, *, refreshed: bool) -> tuple[Line, list[Line]]:
        """The header and the lines under it."""
        model = self._model
        if model is None or not len(model):
            note = self._note_waiting if model is None else self._note_empty
            return _NOTHING, note_lines(note, size.width, size.height - 1)
        first = self.scroll_offset.y
        if self._rows_of != (first, size.height):
            self._rows = format_rows(model, self._visible, first, first + size.height - 1)
            self._rows_of = (first, size.height)
        widest = widest_cells(self._rows, len(self._columns))
        self._widths.learn(self._columns, widest, refreshed=refreshed)
        previous = self._layout if size.width == self._drawn_size.width else None
        self._layout = layout = lay_out(
            self._columns, self._widths.wanted, size.width, skip=self._skip, previous=previous
        )
        lines = []
        for index, row in enumerate(self._rows, first):
            ground = "hover" if index == self._hover else "plain"
            if index == self._cursor.index:
                ground = "cursor" if self.has_focus else "resting" if self._cursor.chosen else ground
            marked = bool(self._marks) and model.key(index) in self._marks
            lines.append(row_line(row, layout, ground=ground, marked=marked))
        lines += [_NOTHING] * (size.height - 1 - len(lines))
        header = header_line(self._columns, layout, sort=self._sort, picked=self._picked, width=size.width)
        return header, lines

    def _reveal(self) -> None:
        top, page = self.scroll_offset.y, self.page
        if self._cursor.index < top:
            self.scroll_to(y=self._cursor.index, animate=False, force=True)
        elif self._cursor.index >= top + page:
            self.scroll_to(y=self._cursor.index - page + 1, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """A drawn line: the header at 0, the rows under it."""
        lines = [self._header, *self._lines[y - 1 : y]] if y else [self._header]
        line = lines[-1] if len(lines) == 1 + bool(y) else _NOTHING
        return self._styles_of_lines.strip(line, self.scrollable_content_region.width)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows are on screen."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.draw()

    def watch_show_vertical_scrollbar(self) -> None:
        """The scrollbar takes a column, or gives it back."""
        self.draw()

    def notify_style_update(self) -> None:
        """Another theme has other styles."""
        super().notify_style_update()
        self._styles_of_lines.clear()

    def on_mount(self) -> None:
        """Draw what was shown before there was a place to draw it."""
        self.draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor's sign is in the table with the keyboard; where it was in another one stays marked."""
        super().watch_has_focus(has_focus)
        self.draw()

    def on_resize(self) -> None:
        """Another size has room for other columns and rows."""
        if self._model is not None:
            self._reveal()
        self.draw()

    def _row_at(self, event: events.MouseEvent) -> int | None:
        """The index of the row under the mouse; -1 is the header, None is nothing."""
        offset = event.get_content_offset(self)
        if offset is None or self._model is None:
            return None
        if offset.y == 0:
            return -1
        index = self.scroll_offset.y + offset.y - 1
        return index if index < len(self._model) else None

    def on_click(self, event: events.Click) -> None:
        """Select a row, open it on the second click, or sort by a heading."""
        row = self._row_at(event)
        if row is None:
            return
        event.stop()
        if row >= 0:
            self.move_to(row)
            if event.chain == 2:
                self.choose()
            return
        offset = event.get_content_offset(self)
        for place in self._layout.places:
            if offset is not None and place.x <= offset.x < place.end + 1:
                self.sort_by(place.column)

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
