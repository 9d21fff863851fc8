from __future__ import annotations

from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from meshtop.analysis.graph.build import GraphOptions
from meshtop.analysis.graph.canvas import ASCII, UNICODE, Canvas, Ink, InkRun, InkSpan, Signs
from meshtop.analysis.graph.draw import GraphDrawing, Hit
from meshtop.analysis.graph.geometry import Box, LayoutOptions
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.metric import GraphMetric, percent_text, rate
from meshtop.analysis.graph.painted import PaintedWindow
from meshtop.analysis.graph.service_graph import GraphEdge, Level, NodeKind
from meshtop.analysis.graph.trace import NOTHING, TRACE_HOPS, Highlight, trace
from meshtop.analysis.graph.wording import caption, cluster_chips, edge_labels, metric_labels, short_names
from meshtop.model.state import Health, HealthStatus
from meshtop.model.text import cell_width
from meshtop.model.traffic import Edge, Sums
from tests.analysis.graph.samples import ALL, SHOP, call, graph, meshes

GOLDEN = Path(__file__).parent / "golden"
CASES: dict[str, tuple[list[Edge], GraphOptions, LayoutOptions, Signs]] = {
    **{name: (edges, GraphOptions(), LayoutOptions(width=80), UNICODE) for name, edges in ALL.items()},
    "shop_wide": (SHOP, GraphOptions(), LayoutOptions(width=130), UNICODE),
    "shop_ascii": (SHOP, GraphOptions(), LayoutOptions(width=80), ASCII),
    "bookinfo_numbers": (ALL["bookinfo"], GraphOptions(), LayoutOptions(width=110, numbers=True), UNICODE),
    "bookinfo_versions": (
        ALL["bookinfo"],
        GraphOptions(expanded=frozenset({"service/east/bookinfo/reviews"})),
        LayoutOptions(width=110),
        UNICODE,
    ),
    "two_namespaces": (ALL["two_clusters"], GraphOptions(level=Level.NAMESPACES), LayoutOptions(width=80), UNICODE),
}


def text(rows: list[list[InkRun]]) -> str:
    return "".join("".join(run.text for run in row).rstrip() + "\n" for row in rows)


def picture(
    edges: list[Edge], signs: Signs = UNICODE, width: int | None = 80, highlight: Highlight | None = None
) -> GraphDrawing:
    g = graph(edges)
    return GraphDrawing(g, layout(g, LayoutOptions(width=width)), signs, highlight)


@pytest.mark.parametrize("name", CASES)
def test_drawings_are_as_they_were_approved(name: str) -> None:
    edges, options, how, signs = CASES[name]
    g = graph(edges, options)
    drawn = text(GraphDrawing(g, layout(g, how), signs, metric=GraphMetric.ERRORS if how.numbers else None).paint())
    assert drawn == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@settings(max_examples=30, deadline=None)
@given(meshes(), st.sampled_from([UNICODE, ASCII]), st.data())
def test_a_window_is_a_part_of_the_whole_and_exactly_as_wide_as_said(
    edges: list[Edge], signs: Signs, data: st.DataObject
) -> None:
    p = picture(edges, signs)
    whole = p.paint()
    x, y = data.draw(st.integers(0, p.width)), data.draw(st.integers(0, p.height))
    width, height = data.draw(st.integers(1, 50)), data.draw(st.integers(1, 20))
    window = p.paint(x, y, width, height)
    assert len(window) == height
    for row in [*whole, *window]:
        assert wcswidth("".join(r.text for r in row)) == (p.width if row in whole else width)
    if signs is ASCII:
        shown = ["".join(r.text for r in row) for row in whole]
        for dy, row in enumerate(window):
            line = shown[y + dy][x : x + width] if y + dy < p.height else ""
            assert "".join(r.text for r in row).rstrip() == line.rstrip()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), min_size=1, max_size=5))
def test_hostile_names_keep_the_grid_and_ascii_stays_ascii(names: list[tuple[str, str]]) -> None:
    clean_names = [(a.replace("/", ":") or "a", b.replace("/", ":") or "b") for a, b in names]
    edges = [call(f"c/ns/{a}", f"c/ns/{b}") for a, b in clean_names]
    for signs in (UNICODE, ASCII):
        p = picture(edges, signs)
        for row in p.paint():
            line = "".join(r.text for r in row)
            assert cell_width(line) == p.width
            assert "\x1b" not in line
            assert signs is UNICODE or line.isascii()


def test_wide_signs_that_an_edge_cuts_are_left_out() -> None:
    canvas = Canvas(1, 0, 4, 1, UNICODE)
    canvas.write(0, 0, "漢a漢字", Ink.PLAIN)
    (row,) = canvas.lines()
    assert "".join(r.text for r in row) == " a漢"


def test_runs_are_as_long_as_their_ink() -> None:
    canvas = Canvas(0, 0, 5, 1, UNICODE)
    canvas.write(1, 0, "ab", Ink.FAILING)
    assert canvas.lines() == [[InkRun(" ", Ink.PLAIN), InkRun("ab", Ink.FAILING), InkRun("  ", Ink.PLAIN)]]


def inks(p: GraphDrawing, *names: str) -> dict[str, Ink]:
    return {name: next(run.ink for row in p.paint() for run in row if name in run.text) for name in names}


def test_a_choice_lights_the_path_through_it_and_dims_the_rest() -> None:
    p = picture(SHOP, highlight=Highlight(node="service/us-east/shop/catalog"))
    assert inks(p, "catalog", "storefront", "gateway", "inventory", "reviews", "ratings") == {
        "catalog": Ink.ACCENT,
        "storefront": Ink.STRONG,
        "gateway": Ink.STRONG,
        "inventory": Ink.STRONG,
        "reviews": Ink.DIM,
        "ratings": Ink.DIM,
    }
    assert "┏" not in text(picture(SHOP).paint())
    assert "━▶{catalog" in text(p.paint())
    assert "━▶[inventory" in text(p.paint())


def test_the_accent_hides_no_status() -> None:
    edges = [*SHOP, call("us-east/shop/ratings", "us-east/shop/store", 5)]
    for chosen in (
        Highlight(node="service/us-east/shop/ratings"),
        Highlight(edge="service/us-east/shop/reviews service/us-east/shop/ratings"),
    ):
        p = picture(edges, highlight=chosen)
        runs = [run for row in p.paint() for run in row]
        assert any(run.ink is Ink.FAILING and "━" in run.text for run in runs), "the failing edge keeps its colour"
        assert any(run.ink is Ink.FAILING and "✗" in run.text for run in runs), "so does the failing node's sign"


def test_a_path_is_followed_some_calls_far_and_not_through_a_hub() -> None:
    chain = [call(f"c/n/a{i}", f"c/n/a{i + 1}") for i in range(12)]
    lit = trace(GraphLookup(graph(chain)), Highlight(node="service/c/n/a6"))
    assert lit.near == {f"service/c/n/a{i}" for i in range(6 - TRACE_HOPS, 6 + TRACE_HOPS + 1)}
    hub = [*(call(f"c/n/caller-{i}", "c/n/hub") for i in range(200)), call("c/n/hub", "c/n/store")]
    lookup = GraphLookup(graph(hub))
    assert len(trace(lookup, Highlight(node="service/c/n/hub")).own) == 201
    assert len(trace(lookup, Highlight(node="service/c/n/store")).path) == 0


def test_no_selection_or_one_that_is_gone_lights_nothing() -> None:
    lookup = GraphLookup(graph(SHOP))
    assert trace(lookup, Highlight()) == NOTHING
    assert not trace(lookup, Highlight(edge="gone")).near


def cells(rows: list[list[InkRun]]) -> list[list[tuple[str, Ink]]]:
    return [[(sign, run.ink) for run in row for sign in run.text] for row in rows]


def seen(rows: list[list[InkRun]]) -> list[list[InkSpan]]:
    """Painted rows without their blank runs, as a remembered window gives them."""
    found = []
    for row in rows:
        starts = accumulate((cell_width(run.text) for run in row), initial=0)
        runs = [(x, run.text, run.ink) for x, run in zip(starts, row, strict=False) if not run.text.isspace()]
        found.append(runs)
    return found


@settings(max_examples=60, deadline=None)
@given(meshes(), st.booleans(), st.sampled_from([UNICODE, ASCII]), st.data())
def test_a_walk_shows_the_cells_of_a_drawing_made_anew(
    edges: list[Edge], numbers: bool, signs: Signs, data: st.DataObject
) -> None:
    g = graph(edges)
    drawn = layout(g, LayoutOptions(width=80, numbers=numbers))
    choices = [Highlight(), *(Highlight(node=n.id) for n in g.nodes), *(Highlight(edge=e.id) for e in g.edges)]
    choices += [Highlight(node="gone"), Highlight(edge="gone")]
    window = Box(data.draw(st.integers(-3, drawn.width)), data.draw(st.integers(-3, drawn.height)), 40, 15)
    kept, painted = GraphDrawing(g, drawn, signs), PaintedWindow()
    for highlight in data.draw(st.lists(st.sampled_from(choices), min_size=1, max_size=6)):
        right, down = data.draw(st.sampled_from([(0, 0), (0, 0), (0, 1), (0, -2), (0, 9), (0, -14), (0, 30), (5, 1)]))
        window = Box(window.x + right, window.y + down, window.width, window.height)
        afresh = GraphDrawing(g, drawn, signs, highlight).paint(window.x, window.y, window.width, window.height)
        titled = {y - window.y for _, y, _ in kept.held_titles(window)}
        for y, (row, anew) in enumerate(zip(painted.rows(kept, window, highlight), seen(afresh), strict=True)):
            assert row == anew or y in titled


@settings(max_examples=40, deadline=None)
@given(meshes(), st.booleans(), st.data())
def test_a_selection_changes_only_colours_and_the_chosen_box(
    edges: list[Edge], numbers: bool, data: st.DataObject
) -> None:
    g = graph(edges)
    drawn = layout(g, LayoutOptions(width=80, numbers=numbers))
    chosen = data.draw(st.sampled_from(g.edges))
    drawing = GraphDrawing(g, drawn, ASCII)  # a character is a cell
    window = Box(0, 0, drawn.width, drawn.height)
    before = cells(drawing.ground(window, faded=True).canvas.lines())
    after = cells(GraphDrawing(g, drawn, ASCII, Highlight(edge=chosen.id)).paint())
    lit = {(x, y) for y, row in enumerate(after) for x, cell in enumerate(row) if cell != before[y][x]}
    route = drawn.routes[chosen.id]
    rim = [(x, y) for a, b in pairwise(route.points) for x in range(min(a.x, b.x), max(a.x, b.x) + 1)
           for y in range(min(a.y, b.y), max(a.y, b.y) + 1)]  # fmt: skip
    boxes = [drawn.boxes[chosen.source], drawn.boxes[chosen.target]]
    assert lit <= {*rim, *((x, y) for x, y in lit if any(box.holds(x, y) for box in boxes))}


def test_a_step_leaves_the_rows_of_the_rest_alone() -> None:
    p = picture([call(f"c/n/caller-{i}", f"c/n/called-{i}") for i in range(30)])
    painted, window = PaintedWindow(), Box(0, 0, p.width, p.height)
    first = painted.rows(p, window, Highlight(node="service/c/n/caller-3"))
    second = painted.rows(p, window, Highlight(node="service/c/n/caller-4"))
    differ = [y for y, (a, b) in enumerate(zip(first, second, strict=True)) if a is not b]
    ends = [p.layout.boxes[f"service/c/n/{name}"] for name in ("caller-3", "called-3", "caller-4", "called-4")]
    assert set(differ) <= {y for box in ends for y in range(box.y, box.bottom + 1)}
    assert 0 < len(differ) < len(first) / 2


@settings(max_examples=40, deadline=None)
@given(meshes(20), st.sampled_from([UNICODE, ASCII]), st.data())
def test_a_step_touches_only_rows_of_the_two_traces(edges: list[Edge], signs: Signs, data: st.DataObject) -> None:
    g = graph(edges)
    drawing = GraphDrawing(g, layout(g, LayoutOptions(width=80, numbers=True)), signs, metric=GraphMetric.RATE)
    painted, window = PaintedWindow(), Box(0, 0, drawing.width, drawing.height)
    chosen = [Highlight(node=data.draw(st.sampled_from(g.nodes)).id) for _ in range(2)]
    first, second = (painted.rows(drawing, window, highlight) for highlight in chosen)
    reach: set[int] = set()
    for lit in (trace(drawing.lookup, highlight) for highlight in chosen):
        boxes = [drawing.layout.boxes[name] for name in lit.near]
        reach |= {y for box in boxes for y in range(box.y, box.bottom + 1)}
        for name in (*lit.own, *lit.path):
            ys = [point.y for point in drawing.layout.routes[name].points]
            reach |= set(range(min(ys), max(ys) + 1))
    assert {y for y, (a, b) in enumerate(zip(first, second, strict=True)) if a is not b} <= reach


@settings(max_examples=40, deadline=None)
@given(meshes(20), st.sampled_from(GraphMetric))
def test_every_node_is_on_exactly_one_line_and_every_edge_joins_drawn_ones(
    edges: list[Edge], metric: GraphMetric
) -> None:
    g = graph(edges)
    p = GraphDrawing(g, layout(g, LayoutOptions(width=80, numbers=True)), ASCII, metric=metric)
    rows = ["".join(run.text for run in row) for row in p.paint()]
    assert sum(row.count("[") for row in rows) == sum(row.count("]") for row in rows) == len(g.nodes)
    for node in g.nodes:
        box = p.layout.boxes[node.id]
        line = rows[box.y][box.x : box.right + 1]
        assert line.startswith(f"[{node.label}")
        assert line.endswith("]")
    for edge in g.edges:
        assert {edge.source, edge.target} <= p.layout.boxes.keys()


def test_titles_stay_in_sight_while_a_frame_is() -> None:
    edges = [call(f"east/shop/a{n}", f"east/shop/b{n}") for n in range(30)] + [call("east/web/front", "east/shop/a1")]
    p = picture(edges, width=60)
    painted = PaintedWindow()

    def shown(x: int, y: int) -> list[str]:
        rows = painted.rows(p, Box(x, y, 50, 12), Highlight())
        return ["".join(text for _, text, _ in row) for row in rows]

    inner = p.layout.frames["namespace/east/shop"]
    assert " east / shop " in shown(0, inner.y)[0]
    assert " east / shop " in shown(0, inner.y + 8)[0]
    assert " east / shop " in shown(0, inner.y + 9)[0], "moved by a row"
    assert not any("/s]" in row or "🔒]" in row for row in shown(0, inner.y + 8)[:1]), "a node is covered whole"
    assert not any("shop" in row for row in shown(0, inner.bottom + 1)), "what is out of sight has no title"


def test_a_title_that_is_left_of_the_window_comes_along() -> None:
    p = picture([call(f"east/shop/service-{n}", f"east/shop/service-{n + 1}") for n in range(9)], width=40)
    frame = p.layout.frames["namespace/east/shop"]
    rows = PaintedWindow().rows(p, Box(60, 0, 60, p.height), Highlight())
    assert rows[frame.y][0][1].startswith(" east / shop ")


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        (GraphMetric.RATE, "✗200/s"),
        (GraphMetric.ERRORS, "✗5%"),
        (GraphMetric.P99, "✗95ms"),
        (GraphMetric.MTLS, "✗50%"),
    ],
)
def test_one_metric_is_shown_with_the_sign_of_what_is_unhealthy(metric: GraphMetric, label: str) -> None:
    edge = GraphEdge(
        source="a",
        target="b",
        sums=call("e/n/a", "e/n/b", 200, 0.05, 0.5).sums,
        health=Health(HealthStatus.FAILING),
    )
    assert metric_labels(edge, UNICODE.health, metric) == [label, "✗"]
    idle = GraphEdge(source="a", target="b", sums=Sums(), health=Health(HealthStatus.IDLE))
    assert metric_labels(idle, UNICODE.health, metric) == ["~"]
    calm = GraphEdge(source="a", target="b", sums=Sums(sent=1_940_000.0), health=Health(HealthStatus.HEALTHY))
    assert metric_labels(calm, UNICODE.health, metric) == (["1.9MB/s"] if metric is GraphMetric.RATE else [])


def test_metrics_follow_each_other_in_a_ring() -> None:
    metric, seen = GraphMetric.RATE, []
    for _ in range(4):
        seen.append(metric)
        metric = metric.following
    assert seen == list(GraphMetric)
    assert metric is GraphMetric.RATE


def test_another_metric_moves_nothing() -> None:
    g = graph(ALL["bookinfo"])
    errors = GraphDrawing(g, layout(g, LayoutOptions(width=110, numbers=True)), UNICODE, metric=GraphMetric.ERRORS)
    rates = errors.with_metric(GraphMetric.RATE)
    assert rates.layout is errors.layout
    assert "3.94%" in text(errors.paint())
    assert "33/s" in text(rates.paint())
    assert "3.94%" in text(errors.paint()), "the first one is as it was"


def test_a_long_name_keeps_both_ends() -> None:
    name = "payments-settlement-reconciliation-worker-eu"
    node = graph([call("e/n/a", f"e/n/{name}")]).nodes[1]
    assert caption(node) == "payments-settl…ion-worker-eu"


@pytest.mark.parametrize(
    ("names", "short"),
    [
        ((), {}),
        (("eu-west", "us-east"), {"eu-west": "eu", "us-east": "us"}),
        (("prod-eu", "prod-us"), {"prod-eu": "eu", "prod-us": "us"}),
        (("a-b-c", "a-d-c"), {"a-b-c": "a-b-c", "a-d-c": "a-d-c"}),
        (("-", "x"), {"-": "-", "x": "x"}),
    ],
)
def test_chips_are_short_and_differ(names: tuple[str, ...], short: dict[str, str]) -> None:
    assert short_names(names) == short


def test_a_service_of_several_clusters_has_a_chip_for_each() -> None:
    merged = graph(ALL["two_clusters"], GraphOptions(grouping=(NodeKind.NAMESPACE,)))
    chips = cluster_chips(merged)
    assert chips["service/web/cart"] == "east·west"
    assert chips["service/web/stock"] == "east"
    apart = cluster_chips(graph(ALL["two_clusters"]))
    assert apart["service/west/web/cart"] == "west", "it calls across clusters"
    assert "service/west/web/front" not in apart
    assert cluster_chips(graph(ALL["bookinfo"])) == {}


def test_what_stands_on_a_cell() -> None:
    p = picture(SHOP)
    box = p.layout.boxes["service/us-east/shop/catalog"]
    assert p.hit(box.x, box.y) == Hit("node", "service/us-east/shop/catalog")
    assert p.hit(box.x + 2, box.y) == Hit("node", "service/us-east/shop/catalog")
    edge = "service/us-east/shop/reviews service/us-east/shop/ratings"
    for a, b in pairwise(p.layout.routes[edge].points):
        assert p.hit((a.x + b.x) // 2, (a.y + b.y) // 2) == Hit("edge", edge)
    frame = p.layout.frames["namespace/us-east/shop"]
    assert p.hit(frame.x, frame.y) == Hit("group", "namespace/us-east/shop")
    assert p.hit(p.width + 5, p.height + 5) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (0.001, "<0.01"),
        (0.31, "0.31"),
        (7.25, "7.25"),
        (9.96, "10"),
        (41.2, "41.2"),
        (412.4, "412"),
        (999.7, "1k"),
        (12_400.0, "12.4k"),
        (7.1e6, "7.1M"),
    ],
)
def test_rates_have_three_significant_digits(value: float, expected: str) -> None:
    assert rate(value) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(0.0, "0%"), (0.00001, "<0.01%"), (0.041, "4.1%"), (0.9999, ">99.9%"), (1.0, "100%")],
)
def test_percentages_never_round_to_all_or_nothing(ratio: float, expected: str) -> None:
    assert percent_text(ratio) == expected


def test_labels_shorten_to_what_matters_most() -> None:
    edge = GraphEdge(
        source="a",
        target="b",
        sums=Sums(requests=200.0, errors=10.0, secured=100.0, judged=200.0),
        health=Health(HealthStatus.FAILING),
    )
    assert edge_labels(edge, UNICODE.health, "L", "U") == [
        "200/s ✗5% U50%",
        "200/s ✗ U50%",
        "200/s ✗",
        "✗5% U50%",
        "✗5%",
        "✗",
    ]
    calm = GraphEdge(source="a", target="b", sums=Sums(sent=1_000.0), health=Health(HealthStatus.HEALTHY))
    assert edge_labels(calm, UNICODE.health, "L", "U") == ["1kB/s"]
