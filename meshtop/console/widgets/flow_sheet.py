"""What a Flow is drawn on, and what is drawn: the model with its cursor, and lines of cells to write on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from meshtop.analysis.graph.metric import GraphMetric
from meshtop.console.widgets.flow_past import FlowPast
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, cut
from meshtop.model.thresholds import Thresholds
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.reports.flow import Flow, FlowCall
from meshtop.views.reports.flow_detail import FlowDetail

CALLERS, CENTRE, CALLEES = -1, 0, 1
"""The sides of a Flow, from left to right."""
_LEAST_CUT = 16
"""Cells of a text that are worth reading."""


class FlowCursor(NamedTuple):
    """Where the cursor is: the side, and the row of it."""

    side: int = CENTRE
    row: int = 0


class FlowModel(Struct, frozen=True, kw_only=True):
    """What is drawn of a Flow; `opened` are the sides whose folded calls were opened, `only_ill` folds all healthy.

    The cursor is drawn only if the keyboard is here (`keyed`).
    """

    flow: Flow
    detail: FlowDetail
    thresholds: Thresholds
    metric: GraphMetric = GraphMetric.RATE
    cursor: FlowCursor = FlowCursor()
    opened: frozenset[int] = frozenset()
    only_ill: bool = False
    keyed: bool = True
    past: FlowPast = FlowPast()
    hops: int = 1

    def calls(self, side: int) -> tuple[FlowCall, ...]:
        """The calls of a side."""
        return self.flow.callers if side == CALLERS else self.flow.callees


class FlowHit(NamedTuple):
    """A row on the screen: its lines and columns, and what a click on it chooses."""

    x: int
    right: int
    y: int
    bottom: int
    cursor: FlowCursor


class FlowSheet:
    """Lines to write on; what is written later must not overlap."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._runs: dict[int, list[TextRun]] = {}
        self.hits: list[FlowHit] = []

    def put(self, x: int, y: int, text: str, tone: Tone = Tone.PLAIN, room: int | None = None) -> int:
        """Write a text, cut to `room` and to the sheet; returns the column after it."""
        shown = cut(text, max(0, min(self.width - x, self.width if room is None else room)))
        if shown.strip():
            self._runs.setdefault(y, []).append(TextRun(x, shown, tone))
        return x + cell_width(shown)

    def lines(self, height: int) -> list[TextLine]:
        """The lines, exactly `height`."""
        return [TextLine("plain", tuple(sorted(self._runs.get(y, ()), key=lambda run: run.x))) for y in range(height)]


def put_cells(sheet: FlowSheet, cells: Sequence[Cell], x: int, y: int, room: int, gap: int = 2) -> int:
    """Cells side by side; what does not fit is cut, or left out where too little of it would remain.

    Returns the column after them."""
    end = x + room
    for number, cell in enumerate(cells):
        if not cell.text:
            continue
        if number and end - x < min(_LEAST_CUT, cell_width(cell.text)):
            break
        x = sheet.put(x, y, cell.text, cell.tone, end - x) + gap
    return x
