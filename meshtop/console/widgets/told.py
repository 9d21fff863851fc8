"""What widgets tell of themselves to be copied: tables with whole cells, and lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.console.widgets.lines import TextLine
from meshtop.model.text import cell_width, fit

_SENTENCE = 60
"""Cells from which a column is one of sentences."""


class ToldLines(Struct, frozen=True):
    """Sentences, or whatever is no table."""

    lines: tuple[str, ...]

    @property
    def text(self) -> tuple[str, ...]:
        """The lines, without blank ones around them and without the margin that all of them share."""
        lines = [line.rstrip() for line in self.lines]
        while lines and not lines[0]:
            lines.pop(0)
        while lines and not lines[-1]:
            lines.pop()
        margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
        return tuple(line[margin:] for line in lines)


class ToldTable(Struct, frozen=True):
    """A table: its titles, its rows of whole cells, which columns are of numbers, and how many rows there are."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[bool, ...]
    total: int

    @property
    def more(self) -> str:
        """A sentence about rows that are not told; empty where all are."""
        return f"{len(self.rows)} of {self.total} rows" if len(self.rows) < self.total else ""

    @property
    def text(self) -> tuple[str, ...]:
        """The table, aligned; columns of sentences stand last, so that all else is read without scrolling."""
        widths = [max(cell_width(cell) for cell in column) for column in zip(self.titles, *self.rows, strict=True)]
        order = sorted(range(len(widths)), key=lambda column: widths[column] > _SENTENCE)
        lines = [
            "  ".join(fit(row[column], widths[column], right=self.right[column]) for column in order).rstrip()
            for row in (self.titles, *self.rows)
        ]
        return (*lines, *([f"({self.more})"] if self.more else ()))

    @property
    def markdown(self) -> tuple[str, ...]:
        """The table as GitHub and most chats take it."""

        def row(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.strip().replace("|", "\\|") for cell in cells) + " |"

        rule = "| " + " | ".join("--:" if right else "---" for right in self.right) + " |"
        return (row(self.titles), rule, *map(row, self.rows), *(["", self.more] if self.more else ()))


Told = ToldLines | ToldTable


def written_line(line: TextLine) -> str:
    """A drawn line as text."""
    text = ""
    for run in line.runs:
        text += " " * (run.x - cell_width(text)) + run.text
    return text
