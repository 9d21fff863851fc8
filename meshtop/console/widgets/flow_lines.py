"""A Flow as lines of cells: callers, the centre in a box, callees; side by side, or one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meshtop.console.widgets.flow_centre import (
    box_height,
    draw_box,
    draw_foot,
    draw_low_box,
    foot_height,
    low_box_height,
)
from meshtop.console.widgets.flow_rows import FlowRow, side_rows
from meshtop.console.widgets.flow_sheet import CALLEES, CALLERS, FlowHit, FlowModel, FlowSheet
from meshtop.console.widgets.flow_side import draw_side, needed_width, nobody
from meshtop.console.widgets.lines import TextLine
from meshtop.views.frame.table import Tone

BESIDE = 100
"""Width in cells from which callers and callees stand beside the centre."""
_BOX, _WIDE_BOX = 27, 37
_WIDE = 160
_HALVES = 120
"""Width in cells from which callees have as much room as callers."""
_LEAST_SIDE, _LEAST_BESIDE = 2, 6
_MOST_FOOT = 3
_ALL = 1_000_000


class FlowDrawing(NamedTuple):
    """The lines, what a click on them chooses, and the rows of both sides."""

    lines: list[TextLine]
    hits: list[FlowHit]
    callers: list[FlowRow]
    callees: list[FlowRow]


def draw_flow(model: FlowModel, width: int, height: int) -> FlowDrawing:
    """The drawing in exactly `height` lines."""
    sheet = FlowSheet(width)
    if width >= BESIDE:
        callers, callees = _beside(sheet, model, height)
    else:
        callers, callees = _below(sheet, model, height)
    return FlowDrawing(sheet.lines(height), sheet.hits, callers, callees)


def natural_height(model: FlowModel, width: int, *, spaced: bool = True) -> int:
    """The lines that a Flow takes with all its calls; `spaced`: with all that it can say of them."""
    rows = [len(side_rows(model.calls(side), _ALL, opened=True)) for side in (CALLERS, CALLEES)]
    if width >= BESIDE:
        return 2 + max(box_height(model), *((1 + spaced) * count for count in rows)) + foot_height(model, _MOST_FOOT)
    return 3 + sum(max(1, count) for count in rows) + low_box_height(model) + foot_height(model, _MOST_FOOT)


# Side by side


def _beside(sheet: FlowSheet, model: FlowModel, height: int) -> tuple[list[FlowRow], list[FlowRow]]:
    box = _WIDE_BOX if sheet.width >= _WIDE else _BOX
    both = sheet.width - box - 4
    left = _left_width(model, both) if sheet.width >= _HALVES else both * 3 // 5
    right = left + box + 4
    foot = foot_height(model, height - _LEAST_BESIDE)
    room = max(_LEAST_SIDE, height - 1 - foot)
    sides = []
    for side, x, width in ((CALLERS, 1, left - 1), (CALLEES, right, sheet.width - right - 1)):
        rows = _fitting(model, side, room)
        spaced = _is_spaced(rows, room, model, side)
        draw_side(sheet, model, side, rows, x, 0, width, room, spaced=spaced, tell_where=not spaced)
        if not rows:
            sheet.put(x, 1, nobody(side), Tone.DIM, width)
        sides.append(rows)
    draw_box(sheet, model, left + 2, 0, box, height - foot)
    for hit in sheet.hits:
        if hit.cursor.side in (CALLERS, CALLEES):
            sheet.put(left + 1 if hit.cursor.side == CALLERS else right - 2, hit.y, "▶", Tone.DIM)
    draw_foot(sheet, model, height - foot, foot)
    return sides[0], sides[1]


def _left_width(model: FlowModel, both: int) -> int:
    """Half of the room; less or more, where only so the names of a side are whole, and by need where none can be."""
    left, right = (needed_width(model, side) + 1 for side in (CALLERS, CALLEES))
    if left + right > both:
        return both * left // (left + right)
    return max(left, min(both // 2, both - right))


def _fitting(model: FlowModel, side: int, room: int) -> list[FlowRow]:
    return side_rows(model.calls(side), room, opened=side in model.opened, only_ill=model.only_ill)


def _is_spaced(rows: Sequence[FlowRow], room: int, model: FlowModel, side: int) -> bool:
    """Whether every row can have a second line."""
    return 2 * len(rows) <= room and side not in model.opened


# One below the other


def _below(sheet: FlowSheet, model: FlowModel, height: int) -> tuple[list[FlowRow], list[FlowRow]]:
    """Callers, the centre, callees, in the whole width."""
    box = low_box_height(model)
    foot = foot_height(model, height - box - 2 - 2 * _LEAST_SIDE)
    room = max(2, height - foot - box - 2)
    wanted = [max(1, len(side_rows(model.calls(side), _ALL, opened=True))) for side in (CALLERS, CALLEES)]
    # Each side has half of the room, and what the other does not need.
    first = min(wanted[0], max(room - wanted[1], room // 2))
    y, sides = 0, []
    for side, most in ((CALLERS, first), (CALLEES, room - first)):
        rows = _fitting(model, side, most)
        drawn = draw_side(sheet, model, side, rows, 1, y, sheet.width - 2, most, spaced=False, tell_where=True)
        if not rows:
            sheet.put(3, y + 1, nobody(side), Tone.DIM)
        y += 1 + max(1, drawn)
        if side == CALLERS:
            draw_low_box(sheet, model, y)
            y += box
        sides.append(rows)
    draw_foot(sheet, model, height - foot, foot)
    return sides[0], sides[1]
