"""The Flow's lines: nothing overlaps or sticks out, what hurts is in sight, and counts say what they hide."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from meshtop.analysis.graph.metric import GraphMetric
from meshtop.console.screens.flow_foot import FootPart, foot_lines
from meshtop.console.widgets.flow_lines import draw_flow, natural_height
from meshtop.console.widgets.flow_rows import side_rows
from meshtop.console.widgets.flow_sheet import CALLEES, CALLERS, CENTRE, FlowCursor, FlowModel
from meshtop.console.widgets.lines import TextLine
from meshtop.model.text import cell_width
from meshtop.model.thresholds import DEFAULT_THRESHOLDS
from meshtop.views.frame.facts import fact
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.flow_detail import flow_detail
from tests import worlds
from tests.console.flow.test_flow_snapshots import crowd
from tests.views.reports.test_flow import SERVICES, calling, flow, made_of


def model_of(picture: Picture, at: str | None = None, *, hops: int = 1) -> FlowModel:
    found = flow(picture, at, hops=hops)
    detail = flow_detail(picture, Query(), SERVICES, found)
    return FlowModel(flow=found, detail=detail, thresholds=DEFAULT_THRESHOLDS, hops=hops)


LONG = "a-very-long-name-of-a-service-that-nobody-should-have-given-to-anything"
MODELS = {
    "crowd": model_of(Picture(crowd())),
    "further out": model_of(Picture(crowd()), hops=3),
    "versions and twins": model_of(Picture(worlds.world())),
    "only calls": model_of(Picture(worlds.world()), "service/east/shop/web"),
    "long and wide": model_of(made_of(*(calling(f"表{LONG}{n}", f"{LONG}表", 1.0) for n in range(30)))),
}


def texts(lines: list[TextLine], width: int) -> list[str]:
    """The lines as text, which must not overlap or be wider than the screen."""
    told = []
    for line in lines:
        text = ""
        for run in line.runs:
            assert run.x >= cell_width(text), (text, run)
            text += " " * (run.x - cell_width(text)) + run.text
        assert cell_width(text) <= width, text
        told.append(text)
    return told


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(MODELS)), st.integers(60, 240), st.integers(9, 70), st.sampled_from(GraphMetric),
    st.sampled_from([CALLERS, CENTRE, CALLEES]), st.integers(0, 3), st.booleans(),
)  # fmt: skip
def test_nothing_overlaps_or_sticks_out(
    name: str, width: int, height: int, metric: GraphMetric, side: int, row: int, opened: bool
) -> None:
    both = frozenset({CALLERS, CALLEES}) if opened else frozenset[int]()
    model = replace(MODELS[name], metric=metric, cursor=FlowCursor(side, row), opened=both)
    drawing = draw_flow(model, width, height)
    assert len(drawing.lines) == height
    told = texts(drawing.lines, width)
    cursors = [hit for hit in drawing.hits if hit.cursor == model.cursor]
    for hit in cursors:
        assert "▸" in told[hit.y]
    lengths = {CALLERS: len(drawing.callers), CALLEES: len(drawing.callees), CENTRE: 1}
    assert bool(cursors) is (row < lengths[side])


@pytest.mark.parametrize(("width", "height"), [(80, 20), (120, 20), (200, 40)])
def test_what_hurts_is_in_sight_at_any_size(width: int, height: int) -> None:
    told = "\n".join(texts(draw_flow(MODELS["crowd"], width, height).lines, width))
    for part in ("reporting", "▲ 2.12", "storefront", "▲ 1.79", "old-batch-importer", "🔓", "catalog", "▲ degraded"):
        assert part in told
    assert "pricing-engine" in told
    assert "reporting ─▶ [catalog] ─▶ pricing-engine" in told


def test_a_count_says_what_it_hides() -> None:
    calls = MODELS["crowd"].flow.callers
    assert [row.text for row in side_rows(calls, 5) if row.call is None] == ["+ 13 healthy"]
    assert [row.text for row in side_rows(calls, 2) if row.call is None] == ["+ 16 more, 1 not healthy, 1 in plaintext"]
    assert len(side_rows(calls, 17)) == len(side_rows(calls, 1, opened=True)) == 17
    for room in range(1, 20):
        rows = side_rows(calls, room)
        assert len(rows) <= max(2, room)
        assert sum(1 if row.call is not None else len(row.folded) for row in rows) == len(calls)


def test_the_way_keeps_the_centre_where_it_is_long() -> None:
    names = [f"service-number-{n:02}" for n in range(12)]
    chain = made_of(*(calling(a, b, 5.0) for a, b in pairwise(names)))
    told = texts(draw_flow(model_of(chain, f"service/east/shop/{names[6]}"), 80, 24).lines, 80)[-1]
    assert f"[{names[6]}]" in told
    assert told.strip().startswith("… ─▶")
    assert told.strip().endswith("─▶ …")


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("width", [80, 120, 200])
def test_all_calls_are_in_sight_in_the_height_that_is_asked_for(name: str, width: int) -> None:
    model = MODELS[name]
    drawing = draw_flow(model, width, natural_height(model, width))
    assert all(row.call is not None or row.more for row in (*drawing.callers, *drawing.callees))


def test_facts_stand_side_by_side_and_go_on_below() -> None:
    parts = (FootPart("SHAPED BY", tuple(fact("VirtualService", f"shop/route-{n}") for n in range(6))),)
    told = texts(foot_lines(parts, 80), 80)
    assert told[0].startswith("  SHAPED BY   VirtualService shop/route-0 · VirtualService shop/route-1")
    assert len(told) == 3
    assert told[1].startswith("              VirtualService")


@pytest.mark.parametrize("name", ["crowd", "versions and twins"])
def test_from_120_columns_both_sides_tell_shares_and_whole_names(name: str) -> None:
    model = MODELS[name]
    told = texts(draw_flow(model, 120, 30).lines, 120)
    sides = sum(bool(model.calls(side)) for side in (CALLERS, CALLEES))
    assert told[0].count("share") == sides
    assert "pricing-engine" in "\n".join(told) or name != "crowd"


def test_u_leaves_what_is_ill_and_counts_the_others_once() -> None:
    calls = MODELS["crowd"].flow.callers
    for room in range(1, 20):
        rows = side_rows(calls, room, only_ill=True)
        shown = [row.call for row in rows if row.call is not None]
        assert all(call.edge.health.status.value in ("degraded", "failing", "unknown") for call in shown)
        assert len(shown) + sum(len(row.folded) for row in rows) == len(calls)
    assert side_rows(calls, 20, only_ill=True, opened=True) == side_rows(calls, 20, opened=True)
