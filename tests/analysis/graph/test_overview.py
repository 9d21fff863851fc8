"""The map of a drawing: its marks lie within it, the worst verdict is seen, and the window's part is marked."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.graph.canvas import ASCII, UNICODE, Signs
from meshtop.analysis.graph.geometry import Box, LayoutOptions
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.node_lines import BAD, node_status
from meshtop.analysis.graph.overview import GraphMap
from meshtop.model.state import HealthStatus
from meshtop.model.text import cell_width
from meshtop.model.traffic import Edge
from tests.analysis.graph.samples import FUNNEL, graph, meshes


@settings(max_examples=60, deadline=None)
@given(meshes(30), st.sampled_from([UNICODE, ASCII]), st.data())
def test_marks_lie_within_the_map_and_none_that_is_bad_is_missing(
    edges: list[Edge], signs: Signs, data: st.DataObject
) -> None:
    g = graph(edges)
    drawn = layout(g, LayoutOptions(width=80, numbers=True))
    seen = GraphMap(g, drawn)
    assert all(0 <= x < seen.columns and 0 <= y < seen.rows for x, y in seen.marks)
    for node in g.nodes:
        box = drawn.boxes[node.id]
        mark = seen.marks[seen.cell(box.x + box.width // 2, box.y)]
        assert mark in BAD or node_status(node) not in BAD
    window = Box(data.draw(st.integers(-5, drawn.width)), data.draw(st.integers(-5, drawn.height)), 40, 12)
    rows = seen.lines(window, signs)
    assert len(rows) == seen.rows + 2
    for row in rows:
        line = "".join(run.text for run in row)
        assert cell_width(line) == seen.columns + 2
        assert signs is UNICODE or line.isascii()


def test_a_moved_window_is_seen_and_what_is_bad_stays() -> None:
    g = graph(FUNNEL)
    seen = GraphMap(g, layout(g, LayoutOptions(width=80)))
    left, right = (seen.lines(Box(x, 0, 5, 3), ASCII) for x in (0, seen.width - 5))
    assert left != right
    for rows in (left, right):
        assert any(run.text == ASCII.health[HealthStatus.DEGRADED] for row in rows for run in row)
