"""The centre of a Flow: its box with state, figures and versions, and what is said of it below both sides."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.console.widgets.flow_rows import lock_cell, p99_of, rate_text
from meshtop.console.widgets.flow_sheet import CENTRE, FlowCursor, FlowHit, FlowModel, FlowSheet, put_cells
from meshtop.model.numbers import latency, percent
from meshtop.model.state import Health, HealthStatus
from meshtop.model.text import cell_width, clean, cut, fit
from meshtop.model.thresholds import Thresholds
from meshtop.model.traffic import Sums
from meshtop.views.frame.columns import HEALTH_SIGNS, HEALTH_TONES, error_tone, mtls_cell, ready_cell
from meshtop.views.frame.sparkline import sparkline
from meshtop.views.frame.table import Cell, Tone

_MOST_VERSIONS, _MOST_VERSION = 4, 8
_FIGURE, _LEAST_COURSE, _MOST_COURSE = 13, 6, 16
"""Cells of a figure before its course, and of a course."""


def draw_box(sheet: FlowSheet, model: FlowModel, x: int, y: int, width: int, height: int) -> None:
    """The centre in a box of at most `height` lines, with its versions below it as far as there is room."""
    chosen = model.keyed and model.cursor.side == CENTRE
    edge = Tone.ACCENT if chosen else Tone.DIM
    inner = width - 4
    texts, versions = box_texts(model, inner), version_lines(model)
    title = cut(clean(model.flow.centre.label), max(0, inner - 2))
    mark = "▸" if chosen else "━"
    sheet.put(x, y, f"┏{mark} ", edge)
    end = sheet.put(x + 3, y, title, Tone.STRONG)
    sheet.put(end, y, f" {'━' * (x + width - end - 2)}┓", edge)
    room = max(1, height - 2)
    shown = versions[: room - len(texts) - 1] if versions and len(texts) + 2 <= room else []
    lines: list[list[Cell] | None] = [*texts[:room], *([None] if shown else []), *shown]
    for number, cells in enumerate(lines, y + 1):
        if cells is None:
            sheet.put(x, number, f"┠{'─' * (width - 2)}┨", edge)
            continue
        sheet.put(x, number, "┃", edge)
        put_cells(sheet, cells, x + 2, number, inner, 1 if cells in shown else 2)
        sheet.put(x + width - 1, number, "┃", edge)
    bottom = y + 1 + len(lines)
    sheet.put(x, bottom, f"┗{'━' * (width - 2)}┛", edge)
    sheet.hits.append(FlowHit(x, x + width, y, bottom, FlowCursor()))


def draw_low_box(sheet: FlowSheet, model: FlowModel, y: int) -> None:
    """The centre in a low box as wide as the sheet."""
    chosen = model.keyed and model.cursor.side == CENTRE
    edge = Tone.ACCENT if chosen else Tone.DIM
    x, width = 1, sheet.width - 2
    title = cut(clean(model.flow.centre.label), width - 8)
    sheet.put(x, y, f"┏{'▸' if chosen else '━'} ", edge)
    end = sheet.put(x + 3, y, title, Tone.STRONG)
    sheet.put(end, y, f" {'━' * (x + width - end - 2)}┓", edge)
    state, *figures = box_texts(model)
    versions = version_lines(model)
    lines = [[cell for cells in (state, *figures) for cell in cells]]
    if versions:
        lines.append([cell for cells in versions for cell in cells])
    for number, cells in enumerate(lines, y + 1):
        sheet.put(x, number, "┃", edge)
        put_cells(sheet, cells, x + 2, number, width - 4)
        sheet.put(x + width - 1, number, "┃", edge)
    bottom = y + 1 + len(lines)
    sheet.put(x, bottom, f"┗{'━' * (width - 2)}┛", edge)
    sheet.hits.append(FlowHit(x, x + width, y, bottom, FlowCursor()))


def health_word(health: Health | None) -> Cell:
    """`▲ degraded`; of what only calls, that there is nothing to judge."""
    if health is None:
        return Cell("only calls", Tone.DIM)
    status = health.status
    return Cell(f"{HEALTH_SIGNS[status]}{status.value}", HEALTH_TONES[status])


def box_texts(model: FlowModel, room: int = 0) -> list[list[Cell]]:
    """The centre's lines: its state and since when, and its figures.

    In so many cells of room, what became of requests and of errors stands beside them.
    """
    centre, since = model.flow.centre, model.detail.since
    lines = [[health_word(centre.health), Cell(since if _is_ill(model) else "", Tone.DIM)]]
    sums = centre.inbound
    if _has(sums):
        lines += _asked(Cell(f"in {_rate(sums)}", Tone.STRONG), sums, model, room, charted=True)
        p99, mutual = p99_of(sums), mtls_cell(sums.mtls_ratio)
        timed = [Cell(f"p99 {latency(p99)}")] if p99 is not None else []
        if p99 is not None and model.past.differs(p99):
            timed.append(Cell(f"was {latency(model.past.p99_before)}", Tone.DIM))
        lock = lock_cell(sums.mtls_ratio)
        lines += [timed, [Cell(f"mTLS {mutual.text} % {lock.text}", mutual.tone) if lock.text else Cell("")]]
    if _has(centre.internal):
        lines.append([Cell(f"within {_rate(centre.internal)}", Tone.DIM)])
    if _has(centre.outbound):
        lines += _asked(Cell(f"out {_rate(centre.outbound)}"), centre.outbound, model, room, charted=not _has(sums))
    return [cells for cells in lines if any(cell.text for cell in cells)]


def _asked(rate: Cell, sums: Sums, model: FlowModel, room: int, *, charted: bool) -> list[list[Cell]]:
    """A rate and its errors in a line; with room in two, each with its course where it is charted."""
    errors = _errors(sums, model.thresholds)
    if not room:
        return [[rate, errors]]
    requests, failed = (model.past.requests, model.past.errors) if charted else ((), ())
    told = Cell(f"errors {errors.text}", errors.tone) if errors.text else errors
    return [[rate, _course(requests, room, rate)], [told, _course(failed, room, told)] if told.text else []]


def _course(values: Sequence[float | None], room: int, beside: Cell) -> Cell:
    """A sparkline at the end of a line; none where nothing is known or there is too little room."""
    width = min(_MOST_COURSE, room - max(_FIGURE, cell_width(beside.text)) - 2)
    if width < _LEAST_COURSE or not any(value is not None for value in values):
        return Cell("")
    text = sparkline(values, width)
    return Cell(f"{' ' * max(0, _FIGURE - cell_width(beside.text))}{text}", Tone.DIM)


def _has(sums: Sums) -> bool:
    return any(value is not None for value in (sums.requests, sums.sent, sums.received))


def _rate(sums: Sums) -> str:
    return f"{rate_text(sums)}/s" if sums.requests is not None else rate_text(sums)


def _errors(sums: Sums, thresholds: Thresholds) -> Cell:
    ratio = sums.traffic().error_ratio
    if not ratio:
        return Cell("")
    status = thresholds.of_errors(ratio, "")
    return Cell(f"{HEALTH_SIGNS[status]}{percent(ratio)} %", error_tone(ratio, thresholds))


def version_lines(model: FlowModel) -> list[list[Cell]]:
    """A line for each version: its share, its ready pods, its errors where there are some."""
    found = model.detail.versions
    if len(found) == 1 and found[0].ready is None:
        # It is all of it, and nothing else is known of it.
        return []
    name = min(_MOST_VERSION, max((cell_width(version.name) for version in found), default=0))
    lines = []
    for version in found[:_MOST_VERSIONS]:
        share = "" if version.share is None else fit(f"{percent(version.share)} %", 6, right=True)
        ready = ready_cell(version.ready) if version.ready is not None else Cell("")
        errors = _errors(version.sums, model.thresholds)
        told = Cell(errors.text.removesuffix(" %"), errors.tone)
        lines.append([Cell(fit(version.name, name)), Cell(share), told, ready])
    if len(found) > _MOST_VERSIONS:
        lines.append([Cell(f"+ {len(found) - _MOST_VERSIONS} versions", Tone.DIM)])
    return lines


def low_box_height(model: FlowModel) -> int:
    """Lines of the box where it is as wide as the screen."""
    return 3 + bool(version_lines(model))


def box_height(model: FlowModel) -> int:
    """Lines of the box with all that it can say."""
    versions = version_lines(model)
    return len(box_texts(model, _FIGURE)) + 2 + (len(versions) + 1 if versions else 0)


def foot_height(model: FlowModel, most: int) -> int:
    """Lines of what is said below both sides, in at most so many."""
    return max(0, min(most, 1 + bool(_notes(model)) + bool(_twins(model))))


def _is_ill(model: FlowModel) -> bool:
    health = model.flow.centre.health
    return health is not None and health.status in (HealthStatus.DEGRADED, HealthStatus.FAILING)


def _notes(model: FlowModel) -> list[Cell]:
    """What is answered instead of success, and why the centre is ill, or what else attention says of it."""
    health, noted = model.flow.centre.health, model.flow.ill
    told = []
    if health is not None and _is_ill(model) and health.reasons:
        told.append(Cell(f"{HEALTH_SIGNS[health.status]}{clean(health.reasons[0])}", HEALTH_TONES[health.status]))
    elif noted is not None and not _is_ill(model):
        since = f", {model.detail.since}" if model.detail.since else ""
        told.append(Cell(f"{noted.sign} {clean(noted.title).rstrip('.')}{since}", noted.tone))
    return [*model.detail.answers, *told]


def _twins(model: FlowModel) -> list[Cell]:
    """`also serves: eu-west 443/s healthy`."""
    cells = []
    for node in model.flow.twins:
        word = health_word(node.health)
        cells += [Cell(clean(node.cluster), Tone.PLAIN), Cell(f"{_rate(node.inbound)}"), word]
    return [Cell("also serves:", Tone.DIM), *cells] if cells else []


def draw_foot(sheet: FlowSheet, model: FlowModel, y: int, height: int) -> None:
    """What is answered, who else serves it, and the way through it; of few lines the last two go first."""
    notes, twins = _notes(model), _twins(model)
    if twins and height < 2 + bool(notes):
        twins = []
    for cells in (notes, twins):
        if cells and height:
            put_cells(sheet, cells, 2, y, sheet.width - 3)
            y, height = y + 1, height - 1
    if height:
        _draw_way(sheet, model, y)


def _draw_way(sheet: FlowSheet, model: FlowModel, y: int) -> None:
    """`ingressgateway ─▶ storefront ─▶ [catalog] ─▶ inventory`; what is furthest from the centre goes first."""
    way = model.flow.way
    names = [f"[{clean(n.label)}]" if i == way.at else clean(n.label) for i, n in enumerate(way.nodes)]
    first, last = 0, len(names)
    arrow = " ─▶ "
    room = sheet.width - 4

    def width() -> int:
        ends = (first > 0) + (last < len(names))
        return sum(map(cell_width, names[first:last])) + len(arrow) * (last - first - 1 + ends) + ends

    while width() > room and last - first > 1:
        if last - 1 - way.at >= way.at - first:
            last -= 1
        else:
            first += 1
    shown = [*(["…"] if first else []), *names[first:last], *(["…"] if last < len(names) else [])]
    at = 2
    for number, name in enumerate(shown):
        if number:
            at = sheet.put(at, y, arrow, Tone.DIM)
        at = sheet.put(at, y, name, Tone.STRONG if name.startswith("[") else Tone.PLAIN)
