"""What a table shows at one moment, as fitted text, and where two such frames differ."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.console.widgets.lines import Line, Run
from meshtop.console.widgets.table_layout import GUTTER, Layout
from meshtop.model.text import cell_width, clean, cut, fit
from meshtop.views.frame.table import AnyColumn, Cell, TableModel, Tone

CURSOR_SIGN = "▸"
MARK_SIGN = "•"


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


def row_line(row: Sequence[Cell], layout: Layout, *, ground: str, marked: bool) -> Line:
    """A row as a line: the gutter with its signs, then each column in its place."""
    cursor = ground == "cursor"
    gutter = (MARK_SIGN if marked else " ") + (CURSOR_SIGN if cursor else " ")
    runs = [Run(0, gutter.ljust(GUTTER), Tone.ACCENT)]
    for place in layout.places:
        cell = row[place.column]
        lead = cut(cell.lead, place.width) if cell.lead else ""
        if lead:
            runs.append(Run(place.x, lead, Tone.DIM))
        room = place.width - cell_width(lead)
        runs.append(Run(place.end - room, fit(cell.text, room, right=place.right), cell.tone))
    return Line(ground, tuple(runs))


def header_line(
    columns: Sequence[AnyColumn], layout: Layout, *, sort: tuple[str, bool] | None, picked: int | None, width: int
) -> Line:
    """The titles, the sort arrow, and signs for columns that are out of sight."""
    runs = [Run(0, "‹ " if layout.hidden_left else " " * GUTTER, Tone.DIM)]
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
        runs.append(Run(place.x, fit(title, place.width, right=place.right), tone))
    if layout.hidden_right and counted:
        runs.append(Run(width - len(more), more, Tone.DIM))
    return Line("header", tuple(runs))
