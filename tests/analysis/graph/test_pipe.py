"""One node as a pipe: order and shares of its calls, the way through it; and the tree of calls below a node."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.graph.call_tree import CYCLE, DEEPER, SHARED, call_tree, entry_points
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.pipe import call_share, calls_into, calls_out_of, passing_way
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode, NodeKind, ServiceGraph
from meshtop.model.state import Health, HealthStatus
from meshtop.model.traffic import Sums

Call = tuple[str, str]


def edge(source: str, target: str, rate: float = 1.0, status: HealthStatus = HealthStatus.HEALTHY) -> GraphEdge:
    return GraphEdge(source=source, target=target, sums=Sums(requests=rate), health=Health(status))


def lookup(*edges: GraphEdge) -> GraphLookup:
    names = sorted({end for e in edges for end in (e.source, e.target)})
    nodes = tuple(GraphNode(id=name, label=name, kind=NodeKind.SERVICE) for name in names)
    return GraphLookup(ServiceGraph(nodes=nodes, edges=edges))


def of(*calls: str) -> GraphLookup:
    """A graph of calls as words: `ab` is a call from a to b."""
    return lookup(*(edge(call[0], call[1]) for call in calls))


def test_what_hurts_is_first_and_then_what_carries_most() -> None:
    found = lookup(
        edge("a", "x", 5.0),
        edge("b", "x", 9.0),
        edge("c", "x", 1.0, HealthStatus.DEGRADED),
        edge("d", "x", 2.0, HealthStatus.FAILING),
        edge("e", "x", 50.0, HealthStatus.UNKNOWN),
        GraphEdge(source="f", target="x", sums=Sums(sent=1e9, received=0.0)),
        edge("x", "x", 3.0),
    )
    assert [e.source for e in calls_into(found, "x")] == ["d", "c", "e", "b", "a", "f"]
    assert [e.target for e in calls_out_of(found, "x")] == ["x"]


@pytest.mark.parametrize(
    ("call", "whole", "traffic", "errors"),
    [
        (Sums(requests=25.0, errors=1.0), Sums(requests=100.0, errors=4.0), 0.25, 0.25),
        (Sums(requests=25.0), Sums(requests=100.0, errors=4.0), 0.25, 0.0),
        (Sums(requests=0.0), Sums(requests=0.0), None, None),
        (Sums(sent=1.0, received=2.0), Sums(sent=4.0, received=2.0), 0.5, None),
        (Sums(), Sums(requests=1.0), None, None),
    ],
)
def test_shares(call: Sums, whole: Sums, traffic: float | None, errors: float | None) -> None:
    assert call_share(call, whole).traffic == traffic
    assert call_share(call, whole).errors == errors


def test_the_way_follows_what_is_important_and_ends_before_a_cycle() -> None:
    found = lookup(
        edge("gate", "shop", 9.0), edge("cron", "shop", 1.0), edge("shop", "db", 1.0, HealthStatus.FAILING),
        edge("shop", "cache", 50.0), edge("db", "disk", 1.0), edge("disk", "shop", 1.0),
    )  # fmt: skip
    assert passing_way(found, "shop").nodes == ("gate", "shop", "db", "disk")
    assert passing_way(found, "shop").at == 1
    assert passing_way(found, "shop", most=1).nodes == ("gate", "shop", "db")
    assert passing_way(of("aa"), "a").nodes == ("a",)


def drawn(found: GraphLookup, *roots: str, deep: int | None = None) -> list[str]:
    return [f"{call.lead}{call.node} {call.mark}".rstrip() for call in call_tree(found, roots, deep=deep)]


def test_a_tree_says_cycles_and_tells_what_is_shared_once() -> None:
    found = of("ab", "ac", "bd", "cd", "de", "da")
    assert drawn(found, "a") == [
        "a",
        "├─ b",
        "│  └─ d",
        f"│     ├─ a {CYCLE}",
        "│     └─ e",
        "└─ c",
        f"   └─ d {SHARED}",
    ]
    assert drawn(found, "a", deep=1) == ["a", f"├─ b {DEEPER}", f"└─ c {DEEPER}"]
    assert drawn(found, "a", deep=0) == ["a"]
    assert drawn(found, "nobody") == []


def test_entry_points_are_what_nobody_calls_and_one_of_each_cycle_that_nothing_leads_into() -> None:
    assert entry_points(of("ab", "bc", "xy", "yx")) == ("a", "x")
    assert entry_points(of("ab", "ba", "bc")) == ("a",)
    assert entry_points(of("aa")) == ("a",)


def test_a_long_chain_is_no_deep_recursion() -> None:
    names = [f"n{number:05}" for number in range(5000)]
    found = lookup(*(edge(a, b) for a, b in pairwise(names)))
    assert len(drawn(found, names[0])) == 5000


@given(st.sets(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=25))
def test_every_call_is_in_one_line_of_the_tree_and_on_one_side_of_each_end(calls: set[Call]) -> None:
    found = lookup(*(edge(a, b) for a, b in sorted(calls)))
    told = [call.edge.id for call in call_tree(found, entry_points(found)) if call.edge is not None]
    assert sorted(told) == sorted(found.edges)
    for name in found.nodes:
        into, out = calls_into(found, name), calls_out_of(found, name)
        assert sorted(e.id for e in (*into, *out)) == sorted(e.id for e in found.edges_at(name))
