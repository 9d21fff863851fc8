"""Drawing of tables: rows and heading as fitted text, with stable column positions."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.table_layout import GUTTER, ColumnLayout, ColumnWidths, lay_out
from meshtop.console.widgets.table_state import TableState
from meshtop.console.widgets.told import ToldTable
from meshtop.model.text import cell_width, clean, cut, fit
from meshtop.views.frame.table import AnyColumn, Cell, TableModel, Tone

CURSOR_SIGN = "▸"
MARK_SIGN = "•"
STAR_SIGN = "★"
_BLANK = TextLine("plain", ())
_NOTHING = ("", False, False)
"""What no line is drawn for."""


def widest_cells(rows: Sequence[Sequence[Cell]], count: int) -> list[int]:
    """The widest text of each column among formatted rows, in cells."""
    return [
        max((cell_width(row[column].lead + row[column].text) for row in rows), default=0) for column in range(count)
    ]


def format_rows(model: TableModel, columns: Sequence[int], first: int, last: int) -> list[list[Cell]]:
    """The cells of some columns of the rows from `first` to before `last`, cleaned; no other row is formatted."""
    rows: list[list[Cell]] = []
    for index in range(first, min(last, len(model))):
        row = [model.cell(index, column) for column in columns]
        rows.append([cell if cell.text.isprintable() else Cell(clean(cell.text), cell.tone, cell.lead) for cell in row])
    return rows


def table_row_line(
    row: Sequence[Cell], layout: ColumnLayout, *, ground: str, marked: bool, starred: bool = False
) -> TextLine:
    """A row as a line: the gutter with its signs, then the columns."""
    cursor = ground == "cursor"
    gutter = (MARK_SIGN if marked else STAR_SIGN if starred else " ") + (CURSOR_SIGN if cursor else " ")
    runs = [TextRun(0, gutter.ljust(GUTTER), Tone.ACCENT)]
    for place in layout.places:
        cell = row[place.column]
        lead = cut(cell.lead, place.width) if cell.lead else ""
        if lead:
            runs.append(TextRun(place.x, lead, Tone.DIM))
        room = place.width - cell_width(lead)
        runs.append(TextRun(place.end - room, fit(cell.text, room, right=place.right), cell.tone))
    return TextLine(ground, tuple(runs))


def header_line(
    columns: Sequence[AnyColumn], layout: ColumnLayout, *, sort: tuple[str, bool] | None, picked: int | None, width: int
) -> TextLine:
    """The titles, the sort arrow, and signs for hidden columns."""
    runs = [TextRun(0, "‹ " if layout.hidden_left else " " * GUTTER, Tone.DIM)]
    end = layout.places[-1].end if layout.places else GUTTER
    more = f"+{layout.hidden_right}›"
    counted = end + 1 + len(more) <= width
    for place in layout.places:
        column = columns[place.column]
        title = column.title
        tone = Tone.DIM
        if sort is not None and sort[0] == column.name:
            title += "↓" if sort[1] else "↑"
            tone = Tone.STRONG
        if picked == place.column:
            tone = Tone.ACCENT
        if layout.hidden_right and not counted and place is layout.places[-1]:
            title = cut(title, max(0, place.width - 1)) + "›"
        runs.append(TextRun(place.x, fit(title, place.width, right=place.right), tone))
    if layout.hidden_right and counted:
        runs.append(TextRun(width - len(more), more, Tone.DIM))
    return TextLine("header", tuple(runs))


class TableFrame:
    """Draws a table's state for a size; formats only visible rows, and keeps widths and positions if possible."""

    def __init__(self) -> None:
        self.layout = ColumnLayout()
        self._widths = ColumnWidths()
        self._width = 0
        self._rows: list[list[Cell]] = []
        self._rows_of: tuple[int, int] | None = None
        self._laid_out_for: tuple[int, int] | None = None
        """The width and the columns scrolled out to the left for which the columns of these rows were laid out."""
        self._row_lines: list[tuple[tuple[str, bool, bool], TextLine]] = []
        """The lines of these rows in this layout, with what each was drawn for: a step of the cursor changes two."""

    def take(self, *, other_columns: bool) -> None:
        """Mark rows as changed, to format them again, and to lay out columns again if they differ."""
        self._rows_of = None
        if other_columns:
            self.layout = ColumnLayout()

    def draw(
        self,
        state: TableState,
        model: TableModel,
        width: int,
        height: int,
        first: int,
        *,
        refreshed: bool,
        has_focus: bool,
        hover: int | None,
        starred: frozenset[str] = frozenset(),
    ) -> tuple[TextLine, list[TextLine]]:
        """The heading, and `height` lines of rows from the index `first` on."""
        if self._rows_of != (first, height):
            self._rows = format_rows(model, state.visible, first, first + height)
            self._rows_of = (first, height)
            self._laid_out_for = None
        if refreshed or self._laid_out_for != (width, state.skip):
            self._lay_out(state, width, refreshed=refreshed)
        layout = self.layout
        for index, row in enumerate(self._rows, first):
            ground = "hover" if index == hover else "plain"
            if index == state.cursor.index:
                ground = "cursor" if has_focus else "resting" if state.cursor.chosen else ground
            marked = bool(state.marks) and model.key(index) in state.marks
            star = bool(starred) and model.key(index) in starred
            drawn_for, place = (ground, marked, star), index - first
            if place == len(self._row_lines):
                self._row_lines.append((_NOTHING, _BLANK))
            if self._row_lines[place][0] != drawn_for:
                line = table_row_line(row, layout, ground=ground, marked=marked, starred=star)
                self._row_lines[place] = drawn_for, line
        lines = [line for _, line in self._row_lines]
        lines += [_BLANK] * (height - len(lines))
        return header_line(state.columns, layout, sort=state.sort, picked=state.picked, width=width), lines

    def _lay_out(self, state: TableState, width: int, *, refreshed: bool) -> None:
        """Lay out the columns for the rows at hand, all of whose lines are drawn anew."""
        self._widths.learn(state.columns, widest_cells(self._rows, len(state.columns)), refreshed=refreshed)
        previous = self.layout if width == self._width else None
        self.layout = lay_out(state.columns, self._widths.wanted, width, skip=state.skip, previous=previous)
        self._width = width
        self._laid_out_for = width, state.skip
        self._row_lines.clear()

    def told(self, state: TableState, model: TableModel, rows: Sequence[int]) -> ToldTable:
        """Some rows, in the columns on screen, with whole cells."""
        places = self.layout.places
        numbers = [state.visible[place.column] for place in places]
        cells = [format_rows(model, numbers, row, row + 1)[0] for row in rows]
        return ToldTable(
            titles=tuple(state.columns[place.column].title for place in places),
            rows=tuple(tuple(f"{cell.lead}{cell.text}" for cell in row) for row in cells),
            right=tuple(place.right for place in places),
            total=len(rows) if state.marks else len(model),
        )

    @property
    def shown(self) -> list[int]:
        """The columns on screen, by their index."""
        return [place.column for place in self.layout.places]

    def column_at(self, x: int) -> int | None:
        """The index of the column at a cell of the heading; None between two columns, and past the last."""
        return next((place.column for place in self.layout.places if place.x <= x < place.end + 1), None)
