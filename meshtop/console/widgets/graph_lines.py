"""A window on a drawing: where it stands, and its rows as the lines of a widget."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.analysis.graph.canvas import Run as Cells
from meshtop.analysis.graph.geometry import Box
from meshtop.console.widgets.lines import Line, Run
from meshtop.model.text import cell_width, clean, fit
from meshtop.views.frame.table import Tone


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds them all."""
    x, y = min(b.x for b in boxes), min(b.y for b in boxes)
    return Box(x, y, max(b.right for b in boxes) - x + 1, max(b.bottom for b in boxes) - y + 1)


def within(origin: int, length: int, room: int) -> int:
    """The origin at which a drawing smaller than the window stands in its middle, and a larger one fills it."""
    if length <= room:
        return -((room - length) // 2)
    return min(max(origin, -1), length - room + 1)


def shifted(origin: int, low: int, high: int, room: int) -> int:
    """The origin nearest to this one from which `low`…`high` is in sight (its beginning, where it is too long)."""
    if high - low + 1 > room or low < origin:
        return low
    return max(origin, high - room + 1)


def row_line(row: Sequence[Cells]) -> Line:
    """A painted row; what a terminal might measure otherwise is replaced cell by cell."""
    runs = []
    x = 0
    for text, tone in row:
        width = cell_width(text)
        shown = text if text.isprintable() and clean(text) == text else fit(text, width)
        if shown.strip() or not shown.isascii():
            runs.append(Run(x, shown, Tone(tone.value)))
        x += width
    return Line("plain", tuple(runs))


def overlaid(line: Line, text: str, width: int) -> Line:
    """The line with a text over its right end."""
    start = max(0, width - cell_width(text))
    runs = []
    for run in line.runs:
        if run.x + cell_width(run.text) <= start:
            runs.append(run)
        elif run.x < start:
            runs.append(
                Run(
                    run.x,
                    fit(run.text, start - run.x) if not run.text.isascii() else run.text[: start - run.x],
                    run.tone,
                )
            )
    return Line(line.ground, (*runs, Run(start, text, Tone.DIM)))
