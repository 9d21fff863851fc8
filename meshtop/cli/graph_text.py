"""The graph as text to read and paste: scope and time, the drawing, and the worst edges in words."""

from __future__ import annotations

from meshtop.analysis.graph.canvas import ASCII, UNICODE, InkRun
from meshtop.analysis.graph.draw import GraphDrawing
from meshtop.analysis.graph.geometry import LayoutOptions
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.service_graph import ServiceGraph
from meshtop.cli.text_table import Style
from meshtop.model.numbers import number_of
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import HealthStatus
from meshtop.model.text import clean
from meshtop.settings.durations import format_duration
from meshtop.views.frame.document import rfc3339
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import Sight
from meshtop.views.reports.graph_words import edge_line

WIDTH = 100
"""Width in cells to aim for without a terminal."""
MOST_NAMED = 5
_HURT = (HealthStatus.FAILING, HealthStatus.DEGRADED, HealthStatus.UNKNOWN)


def graph_text(picture: Picture, graph: ServiceGraph, query: Query, sight: Sight, style: Style) -> str:
    """The whole text; "" for an empty graph. Lines are as long as the drawing is wide."""
    if not graph.nodes:
        return ""
    lines = [
        style.paint(style.plain(_title(graph, picture.snapshot, query, sight)), Tone.DIM),
        "",
        *graph_lines(graph, style),
    ]
    lookup = GraphLookup(graph)
    hurt = [edge for edge in lookup.worst if edge.health.status in _HURT]
    if hurt:
        lines.append("")
        lines += [_words(edge_line(lookup, edge, picture.thresholds), style) for edge in hurt[:MOST_NAMED]]
        if len(hurt) > MOST_NAMED:
            lines.append(style.paint(f"and {len(hurt) - MOST_NAMED} more; --unhealthy shows them alone", Tone.DIM))
    return "\n".join(lines)


def _title(graph: ServiceGraph, snapshot: Snapshot, query: Query, sight: Sight) -> str:
    scope = [" ".join(query.clusters) or "all clusters"]
    scope += [f"namespace {name}" for name in query.namespaces]
    scope += [f"tenant {query.tenant}"] if query.tenant else []
    scope += [query.filter] if query.filter else []
    when = snapshot.moment if snapshot.moment is not None else snapshot.at
    counts = (
        f"{number_of(len(graph.nodes), sight.level.value.removesuffix('s'))}, {number_of(len(graph.edges), 'edge')}"
    )
    told = (*map(clean, scope), counts, f"last {format_duration(snapshot.window_seconds)}", rfc3339(when))
    return " · ".join(told)


def graph_lines(graph: ServiceGraph, style: Style) -> list[str]:
    """The drawing alone, line by line."""
    placed = layout(graph, LayoutOptions(width=style.width or WIDTH))
    rows = GraphDrawing(graph, placed, ASCII if style.ascii_only else UNICODE).paint()
    return [_row(row, style) for row in rows]


def _row(row: list[InkRun], style: Style) -> str:
    """A row without the spaces at its end."""
    kept = list(row)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[-1] = InkRun(kept[-1].text.rstrip(), kept[-1].ink)
    return "".join(style.paint(run.text, Tone(run.ink.value)) if run.text.strip() else run.text for run in kept)


def _words(cells: list[Cell], style: Style) -> str:
    return "  ".join(style.paint(style.plain(cell.text), cell.tone) for cell in cells)
