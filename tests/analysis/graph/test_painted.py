"""What a remembered window paints again: counts of cells, and that nothing of it can be told from a drawing anew."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.graph.canvas import ASCII, UNICODE, Canvas, Ink, InkSpan, OverlaidCanvas, Signs
from meshtop.analysis.graph.draw import GraphDrawing
from meshtop.analysis.graph.geometry import Box, LayoutOptions
from meshtop.analysis.graph.ground import Ground
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.painted import PaintedWindow, moved_ground
from meshtop.analysis.graph.trace import Highlight
from meshtop.model.traffic import Edge
from tests.analysis.graph.samples import call, graph, meshes

MOVES = st.tuples(st.integers(-45, 45), st.integers(-17, 17))


def drawing_of(edges: list[Edge], signs: Signs = UNICODE) -> GraphDrawing:
    g = graph(edges)
    return GraphDrawing(g, layout(g, LayoutOptions(width=80, numbers=True)), signs)


def assert_same_ground(found: Ground, anew: Ground) -> None:
    assert found.window == anew.window
    assert found.canvas.lines() == anew.canvas.lines()
    assert found.canvas.texts == anew.canvas.texts
    window = anew.window
    for y in range(window.y, window.bottom + 1):
        for x in range(window.x, window.right + 1):
            assert found.lines.owner(x, y) == anew.lines.owner(x, y)


@settings(max_examples=60, deadline=None)
@given(meshes(), st.sampled_from([UNICODE, ASCII]), st.booleans(), st.lists(MOVES, min_size=1, max_size=4), st.data())
def test_a_window_that_moves_any_way_is_one_painted_anew(
    edges: list[Edge], signs: Signs, faded: bool, moves: list[tuple[int, int]], data: st.DataObject
) -> None:
    drawing = drawing_of(edges, signs)
    window = Box(data.draw(st.integers(-3, drawing.width)), data.draw(st.integers(-3, drawing.height)), 40, 15)
    ground = drawing.ground(window, faded=faded)
    for right, down in moves:
        window = Box(window.x + right, window.y + down, *data.draw(st.sampled_from([(40, 15), (33, 15), (47, 11)])))
        ground = moved_ground(drawing, ground, window, faded)
        assert_same_ground(ground, drawing.ground(window, faded=faded))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["漢", "漢字", "a漢b", "x\u0301", "é漢", "👩‍👩‍👧漢字漢"]), min_size=2, max_size=5),
    st.data(),
)
def test_wide_signs_at_the_rim_of_what_is_kept_stay_whole(names: list[str], data: st.DataObject) -> None:
    edges = [call(f"c/ns/{a}{i}", f"c/ns/{b}{i + 1}") for i, (a, b) in enumerate(pairwise(names))]
    drawing = drawing_of(edges)
    window = Box(data.draw(st.integers(-2, drawing.width)), 0, 30, drawing.height)
    ground = drawing.ground(window, faded=False)
    for _ in range(3):
        window = Box(window.x + data.draw(st.integers(-20, 20)), 0, 30, drawing.height)
        ground = moved_ground(drawing, ground, window, faded=False)
        assert_same_ground(ground, drawing.ground(window, faded=False))


WIDE = [call(f"c/n/caller-{i}", f"c/n/called-{j}") for i in range(9) for j in range(9)]


@pytest.mark.parametrize(
    ("right", "down", "most"),
    [
        pytest.param(5, 0, (5 + 2) * 15, id="right"),
        pytest.param(-5, 0, (5 + 2) * 15, id="left"),
        pytest.param(0, 3, 3 * 40, id="down"),
        pytest.param(6, -4, (6 + 2) * 11 + 4 * 40, id="right and up"),
        pytest.param(0, 0, 0, id="not at all"),
        pytest.param(100, 0, 40 * 15, id="away"),
    ],
)
def test_a_move_paints_what_was_not_in_sight(monkeypatch: pytest.MonkeyPatch, right: int, down: int, most: int) -> None:
    drawing, painted = drawing_of(WIDE), PaintedWindow()
    painted.rows(drawing, Box(3, 4, 40, 15), Highlight())
    seen: list[Box] = []
    paint = GraphDrawing.ground

    def spy(self: GraphDrawing, window: Box, *, faded: bool) -> Ground:
        seen.append(window)
        return paint(self, window, faded=faded)

    monkeypatch.setattr(GraphDrawing, "ground", spy)
    painted.rows(drawing, Box(3 + right, 4 + down, 40, 15), Highlight())
    assert sum(box.width * box.height for box in seen) <= most


def test_a_step_works_out_only_the_cells_that_it_lights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is lit goes past others: of their rows only the cells where it does are worked out."""
    drawing, painted = drawing_of([call("c/n/hub", f"c/n/leaf-{i:02}") for i in range(30)]), PaintedWindow()
    window = Box(0, 0, drawing.width, drawing.height)
    before = painted.rows(drawing, window, Highlight(edge="service/c/n/hub service/c/n/leaf-01"))
    worked_out: list[int] = []
    spans = Canvas._spans

    def spy(self: Canvas, row: int, first: int, after: int) -> list[InkSpan]:
        worked_out.append(after - first)
        return spans(self, row, first, after)

    monkeypatch.setattr(Canvas, "_spans", spy)
    after = painted.rows(drawing, window, Highlight(edge="service/c/n/hub service/c/n/leaf-28"))
    differ = sum(a is not b for a, b in zip(before, after, strict=True))
    assert differ > 20
    assert 0 < sum(worked_out) < differ * window.width / 2


SIGNS = st.sampled_from(["a", "b", " ", "│", "漢", "x\u0301"])
WRITTEN = st.lists(
    st.tuples(st.integers(-2, 21), st.lists(SIGNS, max_size=6).map("".join), st.sampled_from(Ink)), max_size=6
)


@given(WRITTEN, WRITTEN)
def test_spans_over_others_are_those_of_the_whole_row(
    below: list[tuple[int, str, Ink]], above: list[tuple[int, str, Ink]]
) -> None:
    canvas = Canvas(0, 0, 20, 1, UNICODE)
    for x, text, ink in below:
        canvas.write(x, 0, text, ink)
    before = canvas.spans(0)
    over = OverlaidCanvas(canvas)
    for x, text, ink in above:
        over.write(x, 0, text, ink)
    assert canvas.spans(0) == before
    if 0 in over.touched:
        assert over.spans_over(0, before) == over.spans(0)
    else:
        assert over.spans(0) == before


@given(WRITTEN)
def test_spans_are_the_cells_of_a_row(written: list[tuple[int, str, Ink]]) -> None:
    canvas = Canvas(0, 0, 20, 1, UNICODE)
    for x, text, ink in written:
        canvas.write(x, 0, text, ink)
    texts, inks = canvas.cells_of(0, 0, 19)
    cells = [" "] * 20
    for start, text, ink in canvas.spans(0):
        end = start
        while end < 20 and inks[end] == ink.code:
            end += 1
        assert "".join(texts[start:end]) == text
        cells[start:end] = texts[start:end]
    assert "".join(cells).split() == "".join(texts).split()


def test_a_wide_sign_and_one_of_two_characters_do_not_make_up_for_each_other() -> None:
    canvas = Canvas(0, 0, 6, 1, UNICODE)
    canvas.write(0, 0, "漢", Ink.FAILING)
    canvas.write(3, 0, "x\u0301", Ink.PLAIN)
    assert canvas.spans(0) == [(0, "漢", Ink.FAILING), (2, " x\u0301  ", Ink.PLAIN)]
