"""Facts as lines of text and tones."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec.structs import replace

from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.numbers import UNKNOWN
from meshtop.model.text import cell_width, clean, cut, fit
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.views.frame.facts import Detail, Section

MARGIN = 2
LABEL_WIDTH = 15
MOST_LABEL_WIDTH = 26
BLANK = TextLine("plain", ())


def section_lines(sections: Sequence[Section], width: int) -> list[TextLine]:
    """Facts under their headings, wrapped to the width."""
    lines: list[TextLine] = []
    longest = max((cell_width(fact.label) for section in sections for fact in section.facts), default=0)
    labels = max(LABEL_WIDTH, min(longest, MOST_LABEL_WIDTH, width // 3))
    room = max(8, width - labels - 2 * MARGIN)
    for section in sections:
        if not section.facts:
            continue
        lines.append(
            TextLine("plain", (TextRun(MARGIN, cut(section.title.upper(), max(0, width - MARGIN)), Tone.DIM),))
        )
        for fact in section.facts:
            pieces = textwrap.wrap(clean(fact.cell.text), room, break_on_hyphens=False) or [UNKNOWN]
            # A label that is too long goes on below: cut, it would not say what is measured.
            names = textwrap.wrap(fact.label, labels, break_on_hyphens=False)
            for name, piece in zip_longest(names, pieces, fillvalue=""):
                lines.append(
                    TextLine(
                        "plain",
                        (
                            TextRun(MARGIN, fit(name, labels), Tone.DIM),
                            TextRun(MARGIN + labels + 1, cut(piece, room), fact.cell.tone),
                        ),
                    )
                )
        lines.append(BLANK)
    return lines[:-1] if lines else lines


COLUMN_WIDTH = 62
"""Cells of a column of facts, at least, where sections stand side by side."""


def section_columns(sections: Sequence[Section], width: int) -> list[TextLine]:
    """Sections side by side in as many columns as there is room for, in their order, as low as possible."""
    shown = [section for section in sections if section.facts]
    count = max(1, min(len(shown), width // COLUMN_WIDTH))
    each = width // count
    blocks = [section_lines([section], each) for section in shown]
    height = max(map(len, blocks), default=0)
    columns = _packed(blocks, height)
    while len(columns) > count:
        height += 1
        columns = _packed(blocks, height)
    return [
        TextLine("plain", tuple(replace(run, x=run.x + n * each) for n, line in enumerate(row) for run in line.runs))
        for row in zip_longest(*columns, fillvalue=BLANK)
    ]


def _packed(blocks: Sequence[list[TextLine]], height: int) -> list[list[TextLine]]:
    """Blocks of lines below each other in columns of at most a height, a blank line between two."""
    columns: list[list[TextLine]] = []
    for block in blocks:
        if columns and len(columns[-1]) + 1 + len(block) <= height:
            columns[-1] += [BLANK, *block]
        else:
            columns.append(list(block))
    return columns


def detail_lines(detail: Detail | None, width: int, *, columns: bool = False) -> list[TextLine]:
    """A detail's facts as lines, in columns where there is room, or a line that the item no longer exists."""
    if detail is None:
        return [BLANK, TextLine("plain", (TextRun(MARGIN, cut("It is gone.", width), Tone.DIM),))]
    return section_columns(detail.sections, width) if columns else section_lines(detail.sections, width)
