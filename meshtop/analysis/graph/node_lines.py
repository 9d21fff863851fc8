"""Drawing nodes: one line each, `[name tag chips  ▲ 1.89%]`, and the hooks of lines that run backwards below it."""

from __future__ import annotations

from typing import NamedTuple

from meshtop.analysis.graph.canvas import EAST, INK_OF, NORTH, WEST, Canvas, Ink, Signs
from meshtop.analysis.graph.geometry import Box, Route
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.metric import UNKNOWN, GraphMetric, metric_text, node_sums
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode
from meshtop.analysis.graph.trace import Trace, edge_severity
from meshtop.analysis.graph.wording import caption, tag
from meshtop.model.state import HealthStatus
from meshtop.model.text import cell_width

BAD = (HealthStatus.FAILING, HealthStatus.DEGRADED)


class NodeEnds(NamedTuple):
    """Where a node's edges touch it: hooks on the row below its own, and arrows with the edges that share each."""

    hooks: dict[tuple[int, int], int]
    arrows: dict[tuple[int, int], tuple[str, tuple[GraphEdge, ...]]]


def node_status(node: GraphNode) -> HealthStatus:
    """The verdict on a node; what only calls is taken for healthy."""
    return node.health.status if node.health is not None else HealthStatus.HEALTHY


def node_number(node: GraphNode, signs: Signs, metric: GraphMetric | None) -> str:
    """The number beside a name, after the sign of its health; without a metric the sign alone."""
    sign = signs.health.get(node_status(node), "")
    number = "" if metric is None else metric_text(node_sums(node), metric)
    return sign if sign and number == UNKNOWN else sign + number


def dimmed(ink: Ink, away: bool) -> Ink:
    """Dim the ink of what is away from the selection, unless it shows a bad status."""
    return Ink.DIM if away and ink not in (Ink.FAILING, Ink.DEGRADED) else ink


def edge_ink(edge: GraphEdge, chosen: Trace, faded: bool) -> Ink:
    """The ink of an edge: a bad status is never hidden by the accent."""
    ink = INK_OF[edge.health.status]
    if edge.health.status in BAD:
        return ink
    if edge.id in chosen.own:
        return Ink.ACCENT
    return Ink.STRONG if edge.id in chosen.path else dimmed(ink, faded)


def node_ends(name: str, lookup: GraphLookup, routes: dict[str, Route], signs: Signs) -> NodeEnds:
    """The ends at one node; edges that share an arrow are listed from the worst on."""
    hooks: dict[tuple[int, int], int] = {}
    arrows: dict[tuple[int, int], tuple[str, tuple[GraphEdge, ...]]] = {}
    for edge in sorted(lookup.edges_at(name), key=edge_severity):
        route = routes.get(edge.id)
        if route is None:
            continue
        if edge.source == name:
            x, y = route.points[0]
            hooks[x, y] = EAST if route.points[1].x > x else WEST
        if edge.target == name:
            x, y = route.points[-1]
            rightward = route.points[-2].x < x
            hooks[x, y] = WEST if rightward else EAST
            at = (x - 1 if rightward else x + 1, y)
            before = arrows.get(at, ("", ()))[1]
            arrows[at] = signs.right if rightward else signs.left, (*before, edge)
    return NodeEnds(hooks, arrows)


def draw_node(
    canvas: Canvas, node: GraphNode, box: Box, chips: str, metric: GraphMetric | None, chosen: Trace, faded: bool
) -> None:
    """Draw a node on the first row of its box."""
    signs, here, status = canvas.signs, node.id == chosen.node, node_status(node)
    dim = faded and node.id not in chosen.near
    ink = Ink.ACCENT if here else dimmed(INK_OF[status], dim)
    canvas.row(box.x + 1, box.right - 1, box.y, " ", ink)
    canvas.put(box.x, box.y, "{" if here else "[", ink)
    canvas.put(box.right, box.y, "}" if here else "]", ink)
    at, name = box.x + 1, caption(node)
    canvas.write(at, box.y, name, Ink.ACCENT if here else dimmed(Ink.STRONG, dim))
    for word in (tag(node), chips):
        if word:
            at += cell_width(name) + 1
            name = word
            canvas.write(at, box.y, word, Ink.DIM)
    number = node_number(node, signs, metric)
    if number:
        shown = INK_OF[status] if status in BAD else Ink.ACCENT if here else dimmed(Ink.PLAIN, dim)
        canvas.write(box.right - cell_width(number), box.y, number, shown)


def draw_hooks(canvas: Canvas, node: GraphNode, box: Box, ends: NodeEnds, chosen: Trace, faded: bool) -> None:
    """Draw the corners by which lines on the row below a node belong to it."""
    dim = faded and node.id not in chosen.near
    for (x, y), mask in ends.hooks.items():
        if y > box.y:
            ink = Ink.ACCENT if node.id == chosen.node else dimmed(Ink.PLAIN, dim)
            canvas.put(x, y, canvas.signs.lines[NORTH | mask], ink)


def draw_arrows(canvas: Canvas, ends: NodeEnds, chosen: Trace, faded: bool, *, lit: bool = False) -> None:
    """Draw the arrows at a node; with `lit` those of lit edges alone, in the colour of the worst of these."""
    for at, (sign, edges) in ends.arrows.items():
        shown = next((e for e in edges if chosen.lights(e.id)), None) if lit else edges[0]
        if shown is not None:
            canvas.put(*at, sign, edge_ink(shown, chosen, faded))
