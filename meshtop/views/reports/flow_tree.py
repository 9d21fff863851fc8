"""The calls of a graph as aligned lines, one for each call: to read on a screen, and to paste into a chat."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from msgspec import Struct

from meshtop.analysis.graph.call_tree import CYCLE, TreeCall, call_tree
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.pipe import carried_bytes
from meshtop.model.numbers import UNKNOWN, latency, percent, quantity
from meshtop.model.text import cell_width, clean, fit
from meshtop.model.traffic import Sums
from meshtop.views.frame.columns import HEALTH_SIGNS, HEALTH_TONES, mtls_cell
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.reports.graph import path_of
from meshtop.views.reports.graph_words import node_name

HEADS = ("REQ/S", "ERR %", "P99", "mTLS %")
_WIDTHS = (9, 8, 9, 8)
_MOST_NAME = 60
"""Cells of strokes and name that are aligned; a longer line pushes its figures to the right."""


class TreeReport(Struct, frozen=True):
    """Lines of cells, each padded to its column, heading first; and how many calls were left out."""

    lines: tuple[tuple[Cell, ...], ...]
    more: int = 0


def tree_report(
    lookup: GraphLookup, roots: Sequence[str], *, deep: int | None = None, most: int | None = None
) -> TreeReport:
    """The tree below `roots` in at most `most` lines, `deep` calls deep; without calls it has no lines."""
    calls = call_tree(lookup, roots, deep=deep)
    shown = list(calls if most is None else islice(calls, most))
    more = sum(1 for _ in calls)
    if not shown:
        return TreeReport(())
    names = [_name(lookup, call) for call in shown]
    widths = [cell_width(call.lead) + cell_width(name) for call, name in zip(shown, names, strict=True)]
    room = min(_MOST_NAME, max(*widths, len("CALLS")))
    lines = [(Cell(fit("CALLS", room), Tone.DIM), *_heads())]
    lines += [_line(call, name, room) for call, name in zip(shown, names, strict=True)]
    return TreeReport(tuple(lines), more)


def line_text(cells: Sequence[Cell]) -> str:
    """A line as text."""
    return "".join(cell.lead + cell.text for cell in cells).rstrip()


def _heads() -> list[Cell]:
    return [Cell(fit(head, width, right=True), Tone.DIM) for head, width in zip(HEADS, _WIDTHS, strict=True)]


def _name(lookup: GraphLookup, call: TreeCall) -> str:
    node = lookup.nodes[call.node]
    if call.edge is None:
        return "/".join(map(clean, path_of(node))) or clean(node.label)
    return node_name(node, lookup.node(call.edge.source))


def _line(call: TreeCall, name: str, room: int) -> tuple[Cell, ...]:
    pad = " " * max(0, room - cell_width(call.lead) - cell_width(name))
    if call.edge is None:
        return (Cell(name + pad, Tone.STRONG),)
    status, sums = call.edge.health.status, call.edge.sums
    ratio = None if sums.requests is None else sums.traffic().error_ratio
    mutual = mtls_cell(sums.mtls_ratio)
    p99 = sums.buckets.quantile(0.99)
    figures = (
        Cell(_rate(sums)),
        Cell(f"{HEALTH_SIGNS[status]}{'' if sums.requests is None else percent(ratio)}".strip(), HEALTH_TONES[status]),
        Cell(latency(p99) if p99 is not None else UNKNOWN),
        mutual,
    )
    cells = [Cell(name + pad, Tone.PLAIN, call.lead)]
    cells += [Cell(fit(f.text, width, right=True), f.tone) for f, width in zip(figures, _WIDTHS, strict=True)]
    if call.mark:
        cells.append(Cell(f"  {call.mark}{' a cycle' if call.mark == CYCLE else ''}", Tone.DIM))
    return tuple(cells)


def _rate(sums: Sums) -> str:
    if sums.requests is not None:
        return quantity(sums.requests)
    carried = carried_bytes(sums)
    return UNKNOWN if carried is None else f"{quantity(carried)}B/s"
