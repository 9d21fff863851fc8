"""Tables as text: aligned by terminal cells, fitted to a terminal, and never cut in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from meshtop.model.text import cell_width, clean, cut, to_ascii
from meshtop.views.frame.table import Align, AnyColumn, Cell, Column, TableModel, Tone

GAP = "  "
VOCABULARY = 18
"""Columns of words up to this width have a fixed vocabulary (verdicts, states, versions) and are not cut."""

_SGR = {
    Tone.DIM: "2",
    Tone.FAINT: "2",
    Tone.STRONG: "1",
    Tone.GOOD: "32",
    Tone.DEGRADED: "33",
    Tone.FAILING: "31",
    Tone.UNKNOWN: "2",
    Tone.ACCENT: "36",
}
_HEADER_SGR = "1"


class Style:
    """Style of text output: colour, Unicode or ASCII, and width (None: unlimited)."""

    def __init__(self, *, color: bool = False, ascii_only: bool = False, width: int | None = None) -> None:
        self.color = color
        self.ascii_only = ascii_only
        self.width = width

    def plain(self, text: str) -> str:
        """The text in this style's character set."""
        return to_ascii(text) if self.ascii_only else text

    def paint(self, text: str, tone: Tone) -> str:
        """The text in its tone's colour."""
        code = _SGR.get(tone)
        return self._sgr(text, code) if code else text

    def heading(self, text: str) -> str:
        """The text as a heading."""
        return self._sgr(text, _HEADER_SGR)

    def _sgr(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text


class TextTableLayout:
    """The drawn columns and their widths, kept for later rows (`get --watch`)."""

    def __init__(self, columns: Sequence[AnyColumn], rows: Sequence[Sequence[Cell]], style: Style) -> None:
        self._style = style
        self._columns = list(columns)
        # A column that has nothing to say in any row, as a sparkline without a history, takes no room.
        said = [i for i in range(len(columns)) if not rows or any(row[i].text.strip() for row in rows)]
        natural = [
            max([cell_width(clean(columns[i].title)), *(cell_width(clean(row[i].text)) for row in rows)]) for i in said
        ]
        picked, self.widths = _fit([self._columns[i] for i in said], natural, style.width)
        self.picked = [said[i] for i in picked]

    def header(self) -> str:
        """The line of titles."""
        cells = [Cell(self._columns[i].title) for i in self.picked]
        return self._line(cells, heading=True)

    def row(self, cells: Sequence[Cell]) -> str:
        """One row's line; `cells` are those of all columns."""
        return self._line([cells[i] for i in self.picked])

    def _line(self, cells: Sequence[Cell], *, heading: bool = False) -> str:
        parts = []
        last = len(cells) - 1
        for place, (index, width, cell) in enumerate(zip(self.picked, self.widths, cells, strict=True)):
            text = self._style.plain(clean(cell.text) if self._style.width is None else cut(cell.text, width))
            padding = " " * max(0, width - cell_width(text))
            painted = self._style.heading(text) if heading else self._style.paint(text, cell.tone)
            if self._columns[index].align is Align.RIGHT:
                parts.append(padding + painted)
            else:
                parts.append(painted if place == last else painted + padding)
        return GAP.join(parts).rstrip(" ")


def render_table(table: TableModel, style: Style) -> list[str]:
    """All lines of a table, the header first."""
    rows = rows_of(table)
    layout = TextTableLayout(table.columns, rows, style)
    return [layout.header(), *(layout.row(row) for row in rows)]


def rows_of(table: TableModel) -> list[list[Cell]]:
    """Every cell of a table."""
    return [[table.cell(row, column) for column in range(len(table.columns))] for row in range(len(table))]


def _fit(columns: Sequence[AnyColumn], natural: Sequence[int], width: int | None) -> tuple[list[int], list[int]]:
    """The columns that fit and their widths.

    Unimportant columns (priority above 3) are dropped first; then long words are shortened to a readable width, then
    important columns are dropped; columns of priority 0 are shortened as far as necessary.
    """
    picked = list(range(len(columns)))
    if width is None:
        return picked, list(natural)
    wide = [
        min(have, max(column.max_width, cell_width(column.title)))
        for column, have in zip(columns, natural, strict=True)
    ]

    def total() -> int:
        return sum(wide[i] for i in picked) + len(GAP) * (len(picked) - 1)

    def room(least: Callable[[int], int]) -> int:
        return sum(max(0, wide[i] - least(i)) for i in words())

    def words() -> list[int]:
        left = [i for i in picked if columns[i].align is Align.LEFT]
        return [i for i in left if columns[i].max_width > VOCABULARY] or left

    while total() > width:
        need = total() - width
        last = max((i for i in picked if columns[i].priority > 0), key=lambda i: (columns[i].priority, i), default=None)
        importance = 0 if last is None else columns[last].priority
        readable = room(lambda i: max(_least(columns[i]), wide[i] * 3 // 5))
        keep = (readable if importance > 1 else room(lambda i: _least(columns[i]))) >= need
        if last is not None and (importance > 3 or not keep):
            picked.remove(last)
            continue
        _shorten(wide, words(), need)
        break
    return picked, [wide[i] for i in picked]


def _shorten(wide: list[int], words: Sequence[int], need: int) -> None:
    """Remove `need` cells from the widest columns of words, one at a time, down to one cell."""
    for _ in range(need):
        victim = max(words, key=lambda i: wide[i], default=None)
        if victim is None or wide[victim] <= 1:
            return
        wide[victim] -= 1


def _least(column: AnyColumn) -> int:
    """The narrowest readable width of a column of words."""
    return max(column.min_width, min(8, column.max_width))


def any_table(titles: Sequence[str], rows: Sequence[Sequence[Any]], style: Style) -> list[str]:
    """A small table of plain words, such as settings and their origins."""
    columns = [
        Column(name=title, title=title, help="", value=str, cell=lambda item: item, priority=0, max_width=80)
        for title in titles
    ]
    cells = [[cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in row] for row in rows]
    layout = TextTableLayout(columns, cells, style)
    return [layout.header(), *(layout.row(row) for row in cells)]
