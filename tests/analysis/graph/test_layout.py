from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from meshtop.analysis.graph.draw import GraphDrawing
from meshtop.analysis.graph.geometry import Box, Layout, LayoutOptions, Route
from meshtop.analysis.graph.layout import layout, layout_steps, run
from meshtop.analysis.graph.service_graph import ServiceGraph
from meshtop.model.text import cell_width
from meshtop.model.traffic import Edge
from tests.analysis.graph.samples import ALL, STAR, TWO_CLUSTERS, call, graph, meshes

options = st.builds(LayoutOptions, width=st.sampled_from([None, 40, 80, 200]), numbers=st.booleans())


def cells_of(route: Route) -> set[tuple[int, int]]:
    found = set()
    for a, b in pairwise(route.points):
        assert (a.x == b.x) != (a.y == b.y), "every step is horizontal or vertical, and goes somewhere"
        found |= {
            (x, y) for x in range(min(a.x, b.x), max(a.x, b.x) + 1) for y in range(min(a.y, b.y), max(a.y, b.y) + 1)
        }
    return found


def on_side(box: Box, x: int, y: int) -> bool:
    return x in (box.x, box.right) and box.y <= y <= box.bottom


def check_places(g: ServiceGraph, drawn: Layout) -> None:
    assert set(drawn.boxes) == {n.id for n in g.nodes}
    assert set(drawn.routes) == {e.id for e in g.edges}
    for (_, a), (_, b) in combinations(sorted(drawn.boxes.items()), 2):
        assert not a.meets(b)
    whole = Box(0, 0, drawn.width, drawn.height)
    for box in (*drawn.boxes.values(), *drawn.frames.values()):
        assert whole.holds(box.x, box.y)
        assert whole.holds(box.right, box.bottom)
    for edge in g.edges:
        route = drawn.routes[edge.id]
        start, end = drawn.boxes[edge.source], drawn.boxes[edge.target]
        assert on_side(start, *route.points[0])
        assert on_side(end, *route.points[-1])
        inside = cells_of(route) - {tuple(route.points[0]), tuple(route.points[-1])}
        assert all(whole.holds(x, y) for x, y in inside)
        for box in drawn.boxes.values():
            assert not any(box.holds(x, y) for x, y in inside)


def check_frames(g: ServiceGraph, drawn: Layout) -> None:
    parents = {gr.id: gr.parent for gr in g.groups}
    members: dict[str, set[str]] = {f: set() for f in drawn.frames}
    for node in g.nodes:
        at = node.group
        while at is not None:
            if at in members:
                members[at].add(node.id)
            at = parents[at]
    for name, frame in drawn.frames.items():
        for node_id, box in drawn.boxes.items():
            inner = frame.holds(box.x - 1, box.y - 1) and frame.holds(box.right + 1, box.bottom + 1)
            assert inner if node_id in members[name] else not frame.meets(box)
    for (a, one), (b, two) in combinations(sorted(drawn.frames.items()), 2):
        if one.meets(two):
            assert members[a] < members[b] or members[b] < members[a]


def check_lines(g: ServiceGraph, drawn: Layout) -> None:
    """Two bundles may cross, but run along each other only on their way to one port, and never turn on one cell."""
    across: dict[tuple[int, int], set[tuple[int, frozenset[tuple[str, int]]]]] = {}
    along: dict[tuple[int, int], int] = {}
    for edge in g.edges:
        route = drawn.routes[edge.id]
        points = route.points
        for at, (a, b) in enumerate(pairwise(points)):
            ports = set()
            if at == 0:
                ports.add((f"{edge.source} calls", a.y))
            if at == len(points) - 2:
                ports.add((f"{edge.target} called", b.y))
            for cell in cells_of(Route((a, b), route.net)):
                if a.y == b.y:
                    across.setdefault(cell, set()).add((route.net, frozenset(ports)))
                else:
                    assert along.setdefault(cell, route.net) == route.net
    for there in across.values():
        assert all(one == two or ports & more for (one, ports), (two, more) in combinations(there, 2))
    for route in drawn.routes.values():
        for corner in route.points[1:-1]:
            assert along[corner] == route.net
            assert route.net in {net for net, _ in across[corner]}


def check_labels(g: ServiceGraph, drawn: Layout) -> None:
    picture = GraphDrawing(g, drawn)
    taken: dict[tuple[int, int], str] = {}
    for name, frame in drawn.frames.items():
        for x in range(frame.x, frame.right + 1):
            taken[x, frame.y] = taken[x, frame.bottom] = name
        for y in range(frame.y, frame.bottom + 1):
            taken[frame.x, y] = taken[frame.right, y] = name
    for y in range(drawn.height):
        for label in picture.labels(y):
            mine = {(label.x + i, y) for i in range(cell_width(label.text))}
            assert not any(box.holds(*cell) for box in drawn.boxes.values() for cell in mine)
            assert mine <= cells_of(drawn.routes[label.edge])
            for other, route in drawn.routes.items():
                if other != label.edge:
                    assert not mine & cells_of(route)
            for cell in mine:
                assert taken.setdefault(cell, label.edge) == label.edge


def check(g: ServiceGraph, drawn: Layout) -> None:
    check_places(g, drawn)
    check_frames(g, drawn)
    check_lines(g, drawn)
    check_labels(g, drawn)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("numbers", [True, False])
def test_hand_written_graphs_are_drawn_soundly(name: str, numbers: bool) -> None:
    g = graph(ALL[name])
    check(g, layout(g, LayoutOptions(width=80, numbers=numbers)))


@settings(max_examples=60, deadline=None)
@given(meshes(), options)
def test_any_mesh_is_drawn_soundly(edges: list[Edge], how: LayoutOptions) -> None:
    g = graph(edges)
    check(g, layout(g, how))


@settings(max_examples=30, deadline=None)
@given(meshes(), st.randoms(use_true_random=False))
def test_the_order_of_edges_does_not_matter(edges: list[Edge], rng: random.Random) -> None:
    shuffled = list(edges)
    rng.shuffle(shuffled)
    assert layout(graph(edges)) == layout(graph(shuffled))


@settings(max_examples=30, deadline=None)
@given(meshes(), st.sampled_from([0.1, 3.0, 99_999.0]))
def test_a_refresh_of_the_same_shape_moves_nothing(edges: list[Edge], rate: float) -> None:
    first = layout(graph(edges), LayoutOptions(width=80))
    busier = [call_again(e, rate) for e in edges]
    assert layout(graph(busier), LayoutOptions(width=120), first) is first


def call_again(edge: Edge, rate: float) -> Edge:
    return replace(edge, sums=replace(edge.sums, requests=rate, errors=0.0))


def only_pushed(before: Layout, after: Layout) -> None:
    """What was there keeps its column and its order; a shift goes down or right, for whole rows and columns."""
    stay = sorted(before.boxes.keys() & after.boxes.keys())
    for name in stay:
        a, b = before.boxes[name], after.boxes[name]
        assert a.column == b.column
        assert a.height <= b.height
        assert b.x >= a.x
        assert b.y >= a.y
    for one, two in combinations(stay, 2):
        if before.boxes[one].y == before.boxes[two].y:
            assert after.boxes[one].y == after.boxes[two].y
        if before.boxes[one].x == before.boxes[two].x:
            assert after.boxes[one].x == after.boxes[two].x


@settings(max_examples=60, deadline=None)
@given(meshes(12), st.data())
def test_a_new_node_finds_a_place_and_the_others_stay(edges: list[Edge], data: st.DataObject) -> None:
    old = graph(edges)
    if not old.edges:
        return
    first = layout(old)
    near = data.draw(st.sampled_from(edges))
    peer = near.source
    home = f"{peer.cluster}/{peer.namespace}" if peer.cluster else "c0/new"
    host = f"{home}/{peer.app}" if peer.cluster else "c0/ns0/app-0"
    new = call(host, f"{home}/newcomer") if data.draw(st.booleans()) else call(f"{home}/newcomer", host)
    g = graph([*edges, new])
    second = layout(g, previous=first)
    check(g, second)
    if len(g.groups) == len(old.groups):
        only_pushed(first, second)


@settings(max_examples=40, deadline=None)
@given(meshes(), st.data())
def test_what_remains_stays_when_nodes_go(edges: list[Edge], data: st.DataObject) -> None:
    first = layout(graph(edges))
    kept = data.draw(st.lists(st.sampled_from(edges), min_size=1, unique_by=id))
    g = graph(kept)
    second = layout(g, previous=first)
    check(g, second)
    if {n.group for n in g.nodes} <= first.frames.keys() | {None} and set(second.frames) <= set(first.frames):
        for name, box in second.boxes.items():
            assert (box.column, box.y) == (first.boxes[name].column, first.boxes[name].y)


def test_a_leaf_beside_its_caller_moves_no_other_box() -> None:
    first = layout(graph(STAR), LayoutOptions(width=200))
    second = layout(graph([*STAR, call("east/fan/hub", "east/fan/leaf-new")]), LayoutOptions(width=200), first)
    kept = {n: (b.x, b.y) for n, b in second.boxes.items() if n in first.boxes}
    assert kept == {n: (b.x, b.y) for n, b in first.boxes.items()}
    new, hub = second.boxes["service/east/fan/leaf-new"], second.boxes["service/east/fan/hub"]
    assert new.column == hub.column + 1


def test_a_full_frame_grows_and_pushes_what_is_below_as_one() -> None:
    edges = [*TWO_CLUSTERS, *STAR]
    first = layout(graph(edges), LayoutOptions(width=200))
    second = layout(graph([*edges, call("east/fan/hub", "east/fan/leaf-new")]), LayoutOptions(width=200), first)
    only_pushed(first, second)
    assert len({b.y - first.boxes[n].y for n, b in second.boxes.items() if n in first.boxes}) == 2


def test_most_of_it_new_is_laid_out_afresh() -> None:
    first = layout(graph(ALL["shop"]))
    g = graph([*ALL["shop"], *ALL["star"], *ALL["bookinfo"]])
    assert layout(g, previous=first) == layout(g)


def test_long_chains_and_wide_fans_have_no_recursion_limit() -> None:
    chain = graph([call(f"c/n/a{i}", f"c/n/a{i + 1}") for i in range(1_500)])
    fan = graph([call("c/n/hub", f"c/n/leaf{i}") for i in range(800)])
    assert len(layout(chain, LayoutOptions()).columns) == 1_501
    assert layout(fan, LayoutOptions()).boxes["service/c/n/hub"].height == 1


def test_steps_are_many_and_can_be_left() -> None:
    g = graph(TWO_CLUSTERS)
    steps = layout_steps(g)
    assert sum(1 for _ in layout_steps(g)) > 5
    next(steps)
    steps.close()
    assert run(layout_steps(g)) == layout(g)


def test_an_empty_graph_has_an_empty_layout() -> None:
    drawn = layout(graph([]))
    assert (drawn.width, drawn.height, drawn.boxes) == (0, 0, {})
    assert GraphDrawing(graph([]), drawn).paint() == []


def test_callers_stand_left_of_callees() -> None:
    drawn = layout(graph(ALL["shop"]))
    column = {n.rsplit("/", 1)[1]: b.column for n, b in drawn.boxes.items()}
    assert column["gateway"] < column["storefront"] < column["reviews"] < column["ratings"]
