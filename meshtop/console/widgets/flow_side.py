"""One side of a Flow: its columns, its heading and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meshtop.analysis.graph.metric import GraphMetric
from meshtop.analysis.graph.service_graph import GraphNode
from meshtop.console.widgets.flow_rows import (
    METRIC_TITLES,
    FlowRow,
    errors_cell,
    lock_cell,
    measured,
    rate_text,
    slowest_of,
    where_text,
)
from meshtop.console.widgets.flow_sheet import CALLERS, FlowCursor, FlowHit, FlowModel, FlowSheet
from meshtop.model.state import HealthStatus
from meshtop.model.text import cell_width, clean, fit
from meshtop.views.frame.columns import HEALTH_TONES
from meshtop.views.frame.sparkline import bar
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.reports.flow import FlowCall
from meshtop.views.reports.graph_words import node_name

_RATE, _ERRORS, _VALUE, _LOCK = 8, 6, 6, 2
_MOST_NAME = 28
_LEAST_NAME, _MOST_BAR, _LEAST_BAR, _LEAST_WHERE = 12, 18, 3, 8


class SideColumns(NamedTuple):
    """Widths of a side's columns in cells, 0 where there is no room: of the two figures the metric's goes last."""

    name: int
    errors: int
    value: int
    bar: int
    where: int


def side_columns(
    rows: Sequence[FlowRow], centre: GraphNode, width: int, metric: GraphMetric, *, tell_where: bool
) -> SideColumns:
    """The columns of a side `width` cells wide."""
    names = [cell_width(node_name(row.call.node, centre)) + 2 * row.depth for row in rows if row.call is not None]
    longest = max((*names, _LEAST_NAME))
    room = width - 1 - _RATE - _LOCK - 2
    errors, value = _ERRORS + 1, _VALUE + 1
    if room - errors - value < _LEAST_NAME:
        # The chosen metric stays; a share says least where everything does not fit.
        errors, value = (errors, 0) if metric in (GraphMetric.RATE, GraphMetric.ERRORS) else (0, value)
    room -= errors + value
    name = max(1, min(longest, room))
    room -= name
    where = 0
    if tell_where and room > _LEAST_WHERE:
        told = max((cell_width(where_text(row.call.node)) for row in rows if row.call is not None), default=0)
        where = min(told + 2, max(0, room - (_LEAST_BAR + 1) * bool(value)))
        where = where if where >= _LEAST_WHERE else 0
    bars = min(_MOST_BAR, room - where - 1) if value else 0
    if room - where - 1 > bars > 0:
        # What is left keeps figures together, at the name's end.
        name += room - where - 1 - bars
    return SideColumns(name, errors, value, bars if bars >= _LEAST_BAR else 0, where)


def needed_width(model: FlowModel, side: int) -> int:
    """Cells of a side that shows the names of its calls (long ones cut) and all figures, without a bar."""
    names = (cell_width(node_name(call.node, model.flow.centre)) for call in model.calls(side))
    figures = 1 + _RATE + _ERRORS + 1 + _VALUE + 1 + _LOCK + 2
    return min(_MOST_NAME, max(names, default=0)) + figures if model.calls(side) else len(nobody(side))


def nobody(side: int) -> str:
    """What is said of a side without calls."""
    return "nobody calls it" if side == CALLERS else "it calls nobody"


def draw_side(
    sheet: FlowSheet,
    model: FlowModel,
    side: int,
    rows: Sequence[FlowRow],
    x: int,
    y: int,
    width: int,
    room: int,
    *,
    spaced: bool,
    tell_where: bool,
) -> int:
    """The heading and the rows, as far as there is room around the cursor; returns the lines below the heading."""
    columns = side_columns(rows, model.flow.centre, width, model.metric, tell_where=tell_where)
    _draw_heading(sheet, model, side, columns, x, y, width)
    tall = 2 if spaced else 1
    most = max(1, room // tall)
    at = model.cursor.row if model.cursor.side == side else 0
    first = max(0, min(at - most // 2, len(rows) - most))
    slowest = slowest_of(rows)
    for number, row in enumerate(rows[first : first + most]):
        cursor = FlowCursor(side, first + number)
        top = y + 1 + number * tall
        _draw_row(sheet, model, row, columns, x, top, chosen=model.keyed and cursor == model.cursor, slowest=slowest)
        if spaced and row.call is not None:
            _draw_second(sheet, row.call, model, x + 3, top + 1, width - 4)
        sheet.hits.append(FlowHit(x, x + width, top, top + tall - 1, cursor))
    return min(len(rows), most) * tall


def _draw_heading(
    sheet: FlowSheet, model: FlowModel, side: int, columns: SideColumns, x: int, y: int, width: int
) -> None:
    calls = model.calls(side)
    far = f" ±{model.hops}" if model.hops > 1 else ""
    title = f"{'CALLERS' if side == CALLERS else 'CALLEES'} {len(calls)}{far}"
    sheet.put(x + 1, y, title, Tone.DIM, columns.name if calls else width - 1)
    if not calls:
        return
    at = x + 1 + columns.name + 1
    sheet.put(at, y, fit("req/s", _RATE, right=True), Tone.DIM)
    at += _RATE
    if columns.errors:
        sheet.put(at + 1, y, fit("err %", columns.errors - 1, right=True), Tone.DIM)
        at += columns.errors
    if columns.value:
        at += columns.bar + bool(columns.bar)
        name = METRIC_TITLES[model.metric]
        sheet.put(at + 1, y, fit(name, columns.value - 1, right=True), Tone.DIM)


def _draw_row(
    sheet: FlowSheet,
    model: FlowModel,
    row: FlowRow,
    columns: SideColumns,
    x: int,
    y: int,
    *,
    chosen: bool,
    slowest: float | None,
) -> None:
    if chosen:
        sheet.put(x, y, "▸", Tone.ACCENT)
    lead = f"{'  ' * (row.depth - 1)}└ " if row.depth else ""
    call = row.call
    at = sheet.put(x + 1, y, lead, Tone.DIM)
    end = x + 1 + columns.name
    if call is None:
        sheet.put(at, y, row.text, Tone.ACCENT if chosen else Tone.DIM, end - at)
        return
    name = "itself" if call.edge.source == call.edge.target else node_name(call.node, model.flow.centre)
    sheet.put(at, y, name, Tone.ACCENT if chosen else Tone.PLAIN, end - at)
    at = end + 1
    sheet.put(at, y, fit(rate_text(call.edge.sums), _RATE, right=True))
    at += _RATE
    if columns.errors:
        cell = errors_cell(call)
        sheet.put(at + 1, y, fit(cell.text, columns.errors - 1, right=True), cell.tone)
        at += columns.errors
    if columns.value:
        part, text = measured(call, model.metric, slowest)
        tone = HEALTH_TONES[call.edge.health.status] if model.metric is not GraphMetric.MTLS else Tone.PLAIN
        if columns.bar:
            sheet.put(at + 1, y, bar(part, columns.bar), Tone.DIM if tone is Tone.PLAIN else tone)
            at += columns.bar + 1
        sheet.put(at + 1, y, fit(text, columns.value - 1, right=True))
        at += columns.value
    lock = lock_cell(call.edge.mtls_ratio)
    sheet.put(at + 1, y, lock.text, lock.tone)
    if columns.where:
        sheet.put(at + 1 + _LOCK + 1, y, where_text(call.node), Tone.DIM, columns.where - 1)


def _draw_second(sheet: FlowSheet, call: FlowCall, model: FlowModel, x: int, y: int, room: int) -> None:
    """Whose and where the far end is, and why the call is not healthy."""
    cells = [Cell(where_text(call.node), Tone.DIM)]
    if call.edge.cross_cluster:
        cells.append(Cell("crosses a border", Tone.DIM))
    health = call.edge.health
    if health.status in (HealthStatus.DEGRADED, HealthStatus.FAILING) and health.reasons:
        cells.append(Cell(clean(health.reasons[0]), HEALTH_TONES[health.status]))
    x_after = x
    for cell in cells:
        if cell.text and x_after < x + room - 4:
            x_after = sheet.put(x_after, y, cell.text, cell.tone, x + room - x_after) + 2
