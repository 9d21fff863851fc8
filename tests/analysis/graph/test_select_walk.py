from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.graph.build import GraphOptions
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.select import focus, paths_between, worst_edges
from meshtop.analysis.graph.service_graph import Level
from meshtop.analysis.graph.walk import Direction, GraphWalk
from meshtop.model.traffic import Edge
from tests.analysis.graph.samples import BOOKINFO, SHOP, call, graph, meshes

S = "service/c/n/"
DIAMOND = [
    call("c/n/a", "c/n/b", 10),
    call("c/n/a", "c/n/c", 90),
    call("c/n/b", "c/n/d", 50),
    call("c/n/c", "c/n/d", 40),
    call("c/n/a", "c/n/x", 1),
    call("c/n/x", "c/n/y", 1),
    call("c/n/y", "c/n/d", 1),
]


def test_all_shortest_paths_and_the_best_of_them() -> None:
    g = graph(DIAMOND)
    both = paths_between(g, S + "a", S + "d")
    assert [n.label for n in both.nodes] == ["a", "b", "c", "d"]
    best = paths_between(g, S + "a", S + "d", best=True)
    assert [n.label for n in best.nodes] == ["a", "c", "d"]
    assert paths_between(g, S + "d", S + "a").nodes == ()
    assert [n.label for n in paths_between(g, S + "a", S + "a").nodes] == ["a"]
    assert graph(DIAMOND, GraphOptions(path=(S + "a", S + "d"), best_path=True)) == best


def test_focus_counts_hops_each_way() -> None:
    g = graph(DIAMOND)
    assert [n.label for n in focus(g, S + "b", up=1, down=0).nodes] == ["a", "b"]
    assert [n.label for n in focus(g, S + "x", up=0, down=2).nodes] == ["d", "x", "y"]
    assert focus(g, "nothing").nodes == ()
    assert {x.id for x in focus(graph(SHOP), "service/eu-west/shop/inventory", 0, 0).groups} == {
        "cluster/eu-west",
        "namespace/eu-west/shop",
    }


@settings(max_examples=40, deadline=None)
@given(meshes(), st.sampled_from(list(Level)), st.data())
def test_what_is_focused_is_there_at_every_level(edges: list[Edge], chosen: Level, data: st.DataObject) -> None:
    focused = data.draw(st.sampled_from([node.id for node in graph(edges, GraphOptions(level=chosen)).nodes]))
    for level in Level:
        around = graph(edges, GraphOptions(level=level, focus=focused))
        assert around.nodes
        assert focused in {*(n.id for n in around.nodes), *(g.id for g in around.groups)} or focused == "external"


def test_a_path_holds_at_a_finer_and_a_coarser_level() -> None:
    ends = ("service/us-east/shop/gateway", "service/us-east/shop/ratings")
    services = graph(SHOP, GraphOptions(path=ends))
    assert services.nodes
    finer = graph(SHOP, GraphOptions(path=ends, level=Level.WORKLOADS))
    assert {node.cluster for node in finer.nodes} == {node.cluster for node in services.nodes}
    coarser = graph(SHOP, GraphOptions(path=ends, level=Level.CLUSTERS))
    assert set(ends) <= {node.id for node in coarser.nodes}


def test_the_worst_edge_comes_first() -> None:
    first, second = worst_edges(graph(BOOKINFO, GraphOptions()))[:2]
    assert first.target.endswith("ratings")
    assert first.health.status == "failing"
    assert second.health.status != "failing"


def test_keys_follow_edges() -> None:
    g = graph(SHOP)
    walk = GraphWalk(GraphLookup(g), layout(g))
    here = "service/us-east/shop/gateway"
    for expected in ("storefront", "reviews", "ratings"):
        found = walk.neighbor(here, Direction.RIGHT) if expected != "reviews" else "service/us-east/shop/reviews"
        assert found is not None
        assert found.endswith(expected)
        here = found
    assert walk.neighbor(here, Direction.RIGHT) is None
    assert walk.neighbor(here, Direction.LEFT) == "service/us-east/shop/reviews"
    assert walk.neighbor("nowhere", Direction.LEFT) is None


@settings(max_examples=40, deadline=None)
@given(meshes())
def test_every_node_is_reached_with_the_arrow_keys(edges: list[Edge]) -> None:
    g = graph(edges)
    walk = GraphWalk(GraphLookup(g), layout(g))
    for start in (g.nodes[0].id, g.nodes[-1].id):
        seen, todo = {start}, [start]
        while todo:
            node = todo.pop()
            for direction in Direction:
                other = walk.neighbor(node, direction)
                if other is not None and other not in seen:
                    seen.add(other)
                    todo.append(other)
        assert seen == {n.id for n in g.nodes}
