"""Folding: every node is drawn once or counted once, no traffic is lost, and nothing ill is hidden."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.graph.build import GraphOptions
from meshtop.analysis.graph.fold import FoldPlan, fold_graph, folds_of, ill_nodes, is_fold, plan_folds
from meshtop.analysis.graph.service_graph import NodeKind, ServiceGraph
from meshtop.model.state import HealthStatus
from meshtop.model.traffic import Edge
from tests.analysis.graph.samples import call, graph, meshes

MESH = [
    call("east/web/front", "east/shop/cart", 10),
    call("east/shop/cart", "east/shop/stock", 20, 0.5),
    call("east/shop/cart", "east/shop/price", 30),
    call("east/shop/price", "east/shop/tax", 40),
    call("east/shop/tax", "east/shop/rates", 40),
    call("east/shop/price", "east/data/db", 5),
    call("east/data/db", "east/data/disk", 5),
    call("west/web/front", "east/shop/price", 7),
]
SHOP = "namespace/east/shop"


def planned(g: ServiceGraph, **more: object) -> FoldPlan:
    return plan_folds(g, ill_nodes(g), **more)  # type: ignore[arg-type]


def test_what_is_healthy_becomes_a_count_and_what_is_ill_stays() -> None:
    folded = fold_graph(g := graph(MESH), planned(g))
    labels = {node.id: node.label for node in folded.nodes}
    assert labels["fold/healthy/namespace/east/shop"] == "+ 3 healthy"
    assert "service/east/shop/cart" in labels, "the end of a bad edge"
    assert "service/east/shop/stock" in labels
    assert labels["namespace/east/data"] == "data", "a frame without anything ill is one node"
    assert {group.id for group in folded.groups} == {"cluster/east", "cluster/west", SHOP}


def test_the_traffic_among_folded_ones_is_their_own() -> None:
    folded = fold_graph(g := graph(MESH), planned(g))
    fold = folded.node(folds_of(SHOP)[0])
    assert fold is not None
    assert (fold.inbound.requests, fold.outbound.requests, fold.internal.requests) == (37, 5, 80)
    calls = {(edge.source, edge.target): edge.sums.requests for edge in folded.edges}
    assert calls["service/east/shop/cart", fold.id] == 30
    assert calls[fold.id, "namespace/east/data"] == 5


@pytest.mark.parametrize(
    ("opened", "drawn"),
    [
        ({folds_of(SHOP)[0]}, "service/east/shop/tax"),
        ({"namespace/east/data"}, "service/east/data/disk"),
        ({folds_of("namespace/east/data")[0]}, "service/east/data/disk"),
    ],
)
def test_what_was_opened_stays_open(opened: set[str], drawn: str) -> None:
    g = graph(MESH)
    assert drawn not in {node.id for node in fold_graph(g, planned(g)).nodes}
    assert drawn in {node.id for node in fold_graph(g, planned(g, opened=opened)).nodes}


def test_frames_fold_into_the_frame_around_them() -> None:
    edges = [*MESH, *(call(f"east/{name}/a", f"east/{name}/b") for name in ("one", "two"))]
    first = fold_graph(g := graph(edges), plan := planned(g))
    plan = plan.and_then(planned(first))
    folded = fold_graph(g, plan)
    cluster = folded.node(folds_of("cluster/east")[0])
    assert cluster is not None
    assert cluster.label == "+ 4 healthy", "data, one, two and web"
    assert "namespace/east/data" in plan.members(cluster.id)
    assert folded.node("cluster/west") is not None, "a cluster without anything ill"
    assert planned(folded).rounds == (), "a fold is never folded again"


def test_what_nothing_is_known_of_is_counted_apart() -> None:
    g = graph([*MESH, *(call(f"east/shop/new-{n}", "east/shop/cart") for n in range(2))])
    lost = {node.id for node in g.nodes if node.id.endswith(("tax", "rates"))}
    from msgspec.structs import replace

    from meshtop.model.state import Health

    unknown = Health(HealthStatus.UNKNOWN)
    g = replace(g, nodes=tuple(replace(n, health=unknown) if n.id in lost else n for n in g.nodes))
    labels = {node.label for node in fold_graph(g, planned(g)).nodes}
    assert {"+ 2 unknown", "+ 3 healthy"} <= labels


@settings(max_examples=80, deadline=None)
@given(meshes(24), st.data())
def test_every_node_is_drawn_once_or_counted_once(edges: list[Edge], data: st.DataObject) -> None:
    g = graph(edges, GraphOptions(expanded=frozenset()))
    keep = ill_nodes(g) | set(data.draw(st.lists(st.sampled_from([n.id for n in g.nodes]), max_size=3)))
    plan = plan_folds(g, keep, leave=(NodeKind.CLUSTER,))
    if data.draw(st.booleans()):
        plan = plan.and_then(plan_folds(fold_graph(g, plan), keep))
    folded = fold_graph(g, plan)
    drawn = {node.id for node in folded.nodes}
    assert len(drawn) == len(folded.nodes)
    assert keep <= drawn
    assert {plan.of(node.id) for node in g.nodes} == drawn
    for node in g.nodes:
        assert (node.id in drawn) == (plan.of(node.id) == node.id)
    assert all({edge.source, edge.target} <= drawn for edge in folded.edges)
    assert sum(e.members for e in folded.edges) + sum(
        e.members for e in g.edges if plan.of(e.source) == plan.of(e.target) and e.source not in drawn
    ) == sum(e.members for e in g.edges)
    assert not {n.id for n in folded.nodes if is_fold(n.id)} & ill_nodes(folded)
    assert all(node.group is None or any(g.id == node.group for g in folded.groups) for node in folded.nodes)
