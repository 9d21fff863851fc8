"""The graph of a picture: scope, levels, names, members, words; on the small world of two clusters."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.service_graph import Level, ServiceGraph
from meshtop.model.thresholds import DEFAULT_THRESHOLDS
from meshtop.sources.prometheus.promql import Matcher, one_of
from meshtop.views.frame.charts import to_services
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.registry import view
from meshtop.views.kinds.edges import identity
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import (
    GROUPINGS,
    Sight,
    edges_between,
    place_of_row,
    readable_level,
    resolve,
    row_of_node,
    service_graph,
)
from meshtop.views.reports.graph_detail import edge_panel, node_panel
from meshtop.views.reports.graph_words import edge_line, joined, node_line
from tests import worlds

SERVICES = Sight(level=Level.SERVICES)
REVIEWS = "service/east/shop/reviews"


@pytest.fixture(scope="module")
def picture() -> Picture:
    return Picture(worlds.world())


def test_every_edge_and_its_row_are_told_by_their_ends_and_protocol(picture: Picture) -> None:
    edges, items = picture.edges, view("edges").all_items(picture)
    assert [identity(edge) for edge in edges] == [identity(item) for item in items]
    assert len({identity(edge) for edge in edges}) == len(edges)


def ids(graph: ServiceGraph) -> list[str]:
    return [node.id.split("/", 1)[1] for node in graph.nodes]


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        (Level.CLUSTERS, ["east", "west"]),
        (Level.NAMESPACES, ["east/shop", "west/shop"]),
        (Level.SERVICES, ["east/shop/reviews", "east/shop/web", "west/shop/reviews", "west/shop/web"]),
        (Level.WORKLOADS, ["east/shop/reviews-v1", "east/shop/reviews-v2", "east/shop/web-v1",
                           "west/shop/reviews-v1", "west/shop/web-v1"]),
    ],
)  # fmt: skip
def test_levels(picture: Picture, level: Level, wanted: list[str]) -> None:
    assert ids(service_graph(picture, Query(), Sight(level=level))) == wanted


def test_tenants_frame_namespaces(picture: Picture) -> None:
    sight = Sight(level=Level.TENANTS, grouping=dict(GROUPINGS)["by tenant"])
    assert ids(service_graph(picture, Query(), sight)) == ["storefront"]


@pytest.mark.parametrize(
    ("query", "edges"),
    [
        (Query(), 3),
        (Query(clusters=("west",)), 2),
        (Query(namespaces=("nowhere",)), 0),
        (Query(tenant="storefront"), 3),
        (Query(filter="errorRatio:>0.01"), 1),
        (Query(filter="crossCluster:yes"), 1),
        (Query(filter="!mtls:>0.99"), 0),
        (Query(filter="!mtls"), 0),
        (Query(filter="mtls"), 3),
        (Query(filter="is:crosscluster"), 1),
        (Query(filter="cluster:west"), 2),
    ],
)
def test_the_scope_and_the_filter_of_the_tables(picture: Picture, query: Query, edges: int) -> None:
    assert len(service_graph(picture, query, SERVICES).edges) == edges


def test_a_wrong_filter_is_said(picture: Picture) -> None:
    with pytest.raises(FilterError, match="no column pods"):
        service_graph(picture, Query(filter="pods:>1"), SERVICES)


def test_a_hidden_group_takes_what_is_in_it(picture: Picture) -> None:
    hidden = replace(SERVICES, hidden=frozenset({"cluster/west"}))
    assert ids(service_graph(picture, Query(), hidden)) == ["east/shop/reviews", "east/shop/web"]
    one = replace(SERVICES, hidden=frozenset({REVIEWS}))
    assert ids(service_graph(picture, Query(), one)) == ["east/shop/web", "west/shop/reviews", "west/shop/web"]


def test_one_cluster_can_be_opened_alone(picture: Picture) -> None:
    sight = Sight(level=Level.CLUSTERS, expanded=frozenset({"cluster/east", "namespace/east/shop"}))
    assert ids(service_graph(picture, Query(), sight)) == ["west", "east/shop/reviews", "east/shop/web"]


def test_focus_and_path(picture: Picture) -> None:
    around = replace(SERVICES, focus="service/west/shop/reviews")
    assert ids(service_graph(picture, Query(), around)) == ["east/shop/web", "west/shop/reviews", "west/shop/web"]
    way = replace(SERVICES, path=("service/east/shop/web", REVIEWS))
    assert ids(service_graph(picture, Query(), way)) == ["east/shop/reviews", "east/shop/web"]
    back = replace(SERVICES, path=(REVIEWS, "service/east/shop/web"))
    assert service_graph(picture, Query(), back).nodes == ()


@pytest.mark.parametrize(
    ("width", "height", "level"),
    [(200, 60, Level.SERVICES), (80, 24, Level.SERVICES), (20, 5, Level.CLUSTERS)],
)
def test_one_begins_where_it_can_be_read(picture: Picture, width: int, height: int, level: Level) -> None:
    assert readable_level(picture, Query(), Sight(), width=width, height=height) is level


def test_members_are_the_edges_that_a_line_adds_up(picture: Picture) -> None:
    graph = service_graph(picture, Query(), SERVICES)
    for edge in graph.edges:
        found = edges_between(picture, Query(), SERVICES, source=edge.source, target=edge.target)
        assert len(found) == edge.members
        assert sum(e.sums.requests or 0.0 for e, _ in found) == pytest.approx(edge.sums.requests)
    assert len(edges_between(picture, Query(), SERVICES, target=REVIEWS)) == 2
    assert len(edges_between(picture, Query(clusters=("west",)), SERVICES)) == 2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (REVIEWS, REVIEWS),
        ("east/shop/reviews", REVIEWS),
        ("reviews", "could be east/shop/reviews, west/shop/reviews; say which"),
        ("reviws", "did you mean reviews"),
        ("zzz", "there are reviews, web"),
    ],
)
def test_nodes_by_name(picture: Picture, text: str, wanted: str) -> None:
    graph = service_graph(picture, Query(), SERVICES)
    if "/" in wanted and " " not in wanted:
        assert resolve(graph, text).id == wanted
    else:
        with pytest.raises(FilterError, match=wanted):
            resolve(graph, text)


@pytest.mark.parametrize("kind", ["clusters", "namespaces", "services", "workloads", "edges"])
def test_every_row_with_traffic_has_its_place(picture: Picture, kind: str) -> None:
    """The place of a row is a node of the graph at that level, and the node leads back to the row."""
    found = 0
    of_kind = view(kind)
    for item in of_kind.all_items(picture):
        place = place_of_row(kind, item, picture)
        assert place is not None
        node = service_graph(picture, Query(), Sight(level=place[0])).node(place[1])
        if node is None:
            continue
        found += 1
        if kind != "edges":
            assert row_of_node(picture, node) == (kind, of_kind.key(item))
    assert found


def test_a_kind_without_a_place(picture: Picture) -> None:
    assert place_of_row("trust", object(), picture) is None


def test_words(picture: Picture) -> None:
    graph = service_graph(picture, Query(), SERVICES)
    edge = graph.edge("service/east/shop/web", REVIEWS)
    across = graph.edge("service/east/shop/web", "service/west/shop/reviews")
    assert edge is not None
    assert across is not None
    lookup = GraphLookup(graph)
    said = joined(edge_line(lookup, edge, DEFAULT_THRESHOLDS))
    assert said.startswith("web → reviews  ▲ degraded  HTTP 100/s  1.50 % 503  p99 98.2 ms  mTLS 100 %  src≠dst 2.50 %")
    assert joined(edge_line(lookup, across, DEFAULT_THRESHOLDS)).startswith("east/web → west/reviews  HTTP 10/s")
    node = graph.node("service/east/shop/web")
    assert node is not None
    assert joined(node_line(node, DEFAULT_THRESHOLDS)) == "web  in east/shop  out 110/s  1.36 % errors  p99 98.2 ms"


def test_the_panel_of_an_edge(picture: Picture) -> None:
    graph = service_graph(picture, Query(), SERVICES)
    edge = graph.edge("service/east/shop/web", REVIEWS)
    assert edge is not None
    panel = edge_panel(picture, Query(), SERVICES, GraphLookup(graph), edge)
    said = {s.title: [(f.label, f.cell.text) for f in s.facts] for s in panel.sections}
    assert ("1.50 %", "503 Service Unavailable, 1.50/s") in said["Answers"]
    assert said["Reporters"][:2] == [("destination", "100/s"), ("source", "78/s")]
    assert [label for label, _ in said["Versions"]] == ["v1", "v2"]
    assert said["Tenants"] == [("from", "storefront"), ("to", "storefront")]
    expressions = [line.expression for chart in panel.charts for line in chart.lines]
    assert [chart.title for chart in panel.charts] == ["Requests", "Error ratio", "Latency p99"]
    assert [line.name for line in panel.charts[1].lines] == ["v1", "v2"], "versions have lines of their own"
    assert all('destination_workload=~"reviews-v1|reviews-v2"' in text for text in expressions)


def test_the_panel_of_every_node_at_every_level(picture: Picture) -> None:
    for level in Level:
        sight = Sight(level=level)
        for node in service_graph(picture, Query(), sight).nodes:
            panel = node_panel(picture, Query(), sight, node)
            assert panel.title == node.label
            assert [s.title for s in panel.sections][:2] == ["Health", "About"]
            assert all(chart.cluster in ("east", "west") for chart in panel.charts)


@pytest.mark.parametrize(
    ("services", "wanted"),
    [
        ([], ()),
        (["api.example"], (Matcher("destination_service", "=", "api.example"),)),
        (["BlackHoleCluster"], (Matcher("destination_service_name", "=", "BlackHoleCluster"),)),
        (["a.example", "b.example"], (one_of("destination_service", ["a.example", "b.example"]),)),
    ],
)
def test_charts_of_what_has_no_workload(services: list[str], wanted: tuple[Matcher, ...]) -> None:
    assert to_services(services) == wanted


@pytest.mark.parametrize("sick", [False, True])
def test_a_service_is_as_healthy_in_the_graph_as_in_the_list(sick: bool) -> None:
    picture = Picture(worlds.world(worlds.east(sick=sick), worlds.west()))
    listed = {f"service/{i.cluster}/{i.namespace}/{i.name}": i.health for i in view("services").all_items(picture)}
    nodes = service_graph(picture, Query(), SERVICES).nodes
    assert nodes
    for node in nodes:
        assert node.health is None or node.health == listed[node.id]
    assert {node.health.status for node in nodes if node.health is not None} >= {listed[REVIEWS].status}
