"""The graph as SVG, from the layout of the text drawing; text stays text, and dark and light schemes are supported."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from meshtop.analysis.graph.canvas import UNICODE
from meshtop.analysis.graph.draw import GraphDrawing
from meshtop.analysis.graph.geometry import Box, Layout, Point
from meshtop.analysis.graph.node_lines import node_status
from meshtop.analysis.graph.service_graph import GraphNode, ServiceGraph
from meshtop.analysis.graph.wording import caption, tag
from meshtop.model.numbers import number_of
from meshtop.model.text import cell_width, cut

_CELL_X, _CELL_Y = 8, 18
_STYLE = """
svg { background: #ffffff; color: #222222; font: 13px ui-monospace, Menlo, Consolas, monospace; }
text { fill: currentColor; white-space: pre; dominant-baseline: central; }
.frame { fill: none; stroke: #999999; stroke-dasharray: 1 4; }
.title, .tag { fill: #777777; stroke: #ffffff; stroke-width: 12; paint-order: stroke; }
.box { fill: #ffffff; stroke: currentColor; } .line { fill: none; stroke: #777777; stroke-width: 1.4; }
.paper { fill: #ffffff; } .arrow { fill: #777777; }
.failing { stroke: #c62828; } .degraded { stroke: #b26a00; } .unknown { stroke-dasharray: 2 3; }
.idle { stroke-dasharray: 5 4; opacity: 0.6; }
text.failing, .arrow.failing { fill: #c62828; stroke: none; }
text.degraded, .arrow.degraded { fill: #b26a00; stroke: none; }
text.unknown, text.idle, .arrow { stroke: none; }
@media (prefers-color-scheme: dark) {
  svg { background: #16181d; color: #e4e4e4; } .box, .paper { fill: #16181d; } .title, .tag { stroke: #16181d; }
  .failing { stroke: #ff6b6b; } .degraded { stroke: #ffb454; }
  text.failing, .arrow.failing { fill: #ff6b6b; } text.degraded, .arrow.degraded { fill: #ffb454; }
}
"""


def _middle(p: Point) -> tuple[int, int]:
    return p.x * _CELL_X + _CELL_X // 2, p.y * _CELL_Y + _CELL_Y // 2


def _text(x: int, y: int, text: str, style: str) -> str:
    return (
        f'<text class="{style}" x="{x * _CELL_X}" y="{y * _CELL_Y + _CELL_Y // 2}" '
        f'textLength="{cell_width(text) * _CELL_X}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )


def _rect(box: Box, style: str) -> str:
    x, y = _middle(Point(box.x, box.y))
    right, bottom = _middle(Point(box.right, box.bottom))
    if bottom == y:
        y, bottom = y - _CELL_Y // 2 + 1, y + _CELL_Y // 2 - 1
    return f'<rect class="{style}" x="{x}" y="{y}" width="{right - x}" height="{bottom - y}" rx="3"/>'


def to_svg(graph: ServiceGraph, layout: Layout) -> str:
    """One SVG document; names are escaped, control characters already replaced."""
    width, height = (layout.width + 1) * _CELL_X, (layout.height + 1) * _CELL_Y
    drawing = GraphDrawing(graph, layout, UNICODE)
    body = [*_frames(drawing, layout), *_edges(graph, drawing, layout), *_nodes(graph, drawing, layout)]
    nodes, edges = number_of(len(graph.nodes), "node"), number_of(len(graph.edges), "edge")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">',
            f"<title>Service graph: {nodes}, {edges}</title>",
            f"<style>{_STYLE}</style>",
            *body,
            "</svg>",
            "",
        ]
    )


def _frames(drawing: GraphDrawing, layout: Layout) -> Iterator[str]:
    for name, frame in sorted(layout.frames.items(), key=lambda f: (-f[1].width * f[1].height, f[0])):
        yield _rect(frame, "frame")
        title = cut(drawing.frames.titles[name], frame.width - 4)
        if title:
            yield _text(frame.x + 2, frame.y, title, "title")


def _edges(graph: ServiceGraph, drawing: GraphDrawing, layout: Layout) -> Iterator[str]:
    for edge in graph.edges:
        route = layout.routes[edge.id]
        style = edge.health.status.value
        points = [_middle(p) for p in route.points]
        path = "M" + " L".join(f"{x} {y}" for x, y in points)
        yield f'<path class="line {style}" d="{path}"/>'
        (x, y), before = points[-1], points[-2]
        back = -9 if before[0] < x else 9
        yield f'<path class="arrow {style}" d="M{x} {y} l{back} -4 v8 z"/>'
    for y in range(layout.height):
        for label in drawing.labels(y):
            text = label.text.strip()
            at = label.x + (1 if label.text.startswith(" ") else 0)
            paper = Box(label.x, y, cell_width(label.text), 1)
            yield (
                f'<rect class="paper" x="{paper.x * _CELL_X}" y="{y * _CELL_Y + 2}" '
                f'width="{paper.width * _CELL_X}" height="{_CELL_Y - 4}"/>'
            )
            edge_style = drawing.status(label.edge).value
            yield _text(at, y, text, edge_style)


def _nodes(graph: ServiceGraph, drawing: GraphDrawing, layout: Layout) -> Iterator[str]:
    for node in graph.nodes:
        yield from _node(node, layout.boxes[node.id], drawing.chips(node.id))


def _node(node: GraphNode, box: Box, chips: str) -> Iterator[str]:
    status = node_status(node)
    yield _rect(Box(box.x, box.y, box.width, 1), f"box {status.value}")
    name = caption(node)
    yield _text(box.x + 1, box.y, name, status.value)
    beside = " ".join(filter(None, (tag(node), chips)))
    if beside:
        yield _text(box.x + 2 + cell_width(name), box.y, beside, "tag")
    sign = UNICODE.health.get(status, "")
    if sign:
        yield _text(box.right - 1, box.y, sign, status.value)
