"""What stays open where a graph is too big to be drawn whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from meshtop.analysis.graph.fold import ill_nodes
from meshtop.analysis.graph.geometry import LayoutOptions
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.service_graph import Level
from meshtop.model.telemetry import Labels, Sample
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import Sight, edges_between, service_graph
from meshtop.views.reports.graph_fold import FoldRoom, GraphFolding, folded, open_namespaces
from tests import worlds

SERVICES = Sight(level=Level.SERVICES)


def called(namespace: str, name: str, code: str) -> Sample:
    """Requests from `front/web` to a service of a namespace."""
    return Sample(
        Labels(
            reporter="destination", source_cluster="east", source_workload="web", source_workload_namespace="front",
            source_app="web", destination_cluster="east", destination_workload=name,
            destination_workload_namespace=namespace, destination_app=name,
            destination_service=f"{name}.{namespace}.svc.cluster.local", destination_service_name=name,
            destination_service_namespace=namespace, request_protocol="http", response_code=code, response_flags="-",
            connection_security_policy="mutual_tls",
        ),
        20.0,
    )  # fmt: skip


def picture(namespaces: int = 6, services: int = 10, sick: str = "") -> Picture:
    places = [(f"team-{n}", s) for n in range(namespaces) for s in range(services)]
    samples = [called(team, f"app-{s}", "503" if team == sick and s == 0 else "200") for team, s in places]
    return Picture(worlds.world(worlds.cluster("east", samples)))


def names(opened: frozenset[str] | None) -> list[str]:
    return sorted(name.rpartition("/")[2] for name in opened or ())


def test_what_fits_is_not_folded() -> None:
    assert open_namespaces(picture(), Query(), SERVICES, None, most=61) is None
    assert open_namespaces(picture(), Query(), Sight(level=Level.NAMESPACES), None, most=3) is None
    focused = Sight(level=Level.SERVICES, focus="service/east/team-1/app-0")
    assert open_namespaces(picture(), Query(), focused, None, most=3) is None


def test_what_is_looked_at_is_open_and_then_what_is_ill() -> None:
    sick, at = picture(sick="team-2"), "service/east/team-4/app-3"
    assert names(open_namespaces(sick, Query(), SERVICES, at, most=30)) == ["front", "team-2", "team-4"]
    assert names(open_namespaces(sick, Query(), SERVICES, None, most=17)) == ["front", "team-2"]
    assert "team-5" in names(open_namespaces(picture(), Query(), SERVICES, "namespace/east/team-5", most=17))


def test_what_is_folded_is_one_box_with_its_count() -> None:
    p = picture()
    opened = open_namespaces(p, Query(), SERVICES, "service/east/team-0/app-0", most=17)
    graph = service_graph(p, Query(), folded(p, Query(), SERVICES, opened or frozenset()))
    boxes = {node.id: node.members for node in graph.nodes}
    assert len(boxes) <= 17
    assert boxes["namespace/east/team-3"] == 10
    assert boxes["service/east/team-0/app-7"] == 1
    assert sum(edge.members for edge in graph.edges) == 60


def test_what_the_user_opened_stays_open() -> None:
    p = picture()
    sight = Sight(level=Level.SERVICES, expanded=frozenset({"namespace/east/team-3"}))
    drawn = folded(p, Query(), sight, frozenset())
    assert "service/east/team-3/app-9" in {node.id for node in service_graph(p, Query(), drawn).nodes}


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.integers(1, 12), st.integers(9, 80), st.sampled_from([None, "service/east/team-0/app-0"]))
def test_a_folded_graph_is_never_bigger_than_asked_for_and_loses_no_call(
    namespaces: int, services: int, most: int, at: str | None
) -> None:
    p = picture(namespaces, services)
    opened = open_namespaces(p, Query(), SERVICES, at, most=most)
    sight = SERVICES if opened is None else folded(p, Query(), SERVICES, opened)
    graph = service_graph(p, Query(), sight)
    assert len(graph.nodes) <= most
    assert sum(edge.members for edge in graph.edges) == len(p.edges)


@pytest.mark.parametrize("level", [Level.SERVICES, Level.WORKLOADS])
def test_the_choice_is_the_same_each_time(level: Level) -> None:
    one, other = (open_namespaces(picture(), Query(), Sight(level=level), None, most=20) for _ in range(2))
    assert one == other != None  # noqa: E711


WINDOWED = Sight(level=Level.SERVICES, whole=False)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 12),
    st.sampled_from(["", "team-0", "team-3"]),
    st.integers(60, 200),
    st.integers(8, 60),
)
def test_what_is_opened_fits_the_window_and_shows_what_is_ill(
    namespaces: int, services: int, sick: str, width: int, height: int
) -> None:
    p, room = picture(namespaces, services, sick), FoldRoom(width, height)
    drawn = GraphFolding().apply(p, Query(), WINDOWED, None, room, any_level=True)
    graph = service_graph(p, Query(), drawn)
    placed = layout(graph, LayoutOptions(width=width, numbers=True))
    assert (placed.width <= width and placed.height <= height) or drawn.level is Level.CLUSTERS
    ill = ill_nodes(service_graph(p, Query(), replace(WINDOWED, level=drawn.level)))
    assert ill <= {node.id for node in graph.nodes}


def test_a_choice_is_kept_and_what_becomes_ill_is_added() -> None:
    folding, room = GraphFolding(), FoldRoom(100, 20)
    calm = folding.apply(picture(), Query(), WINDOWED, None, room, any_level=True)
    assert calm.level is Level.SERVICES
    assert not any("/app-" in node.id for node in service_graph(picture(), Query(), calm).nodes)
    worse = folding.apply(picture(sick="team-2"), Query(), WINDOWED, None, room, any_level=True)
    names_drawn = {node.id for node in service_graph(picture(sick="team-2"), Query(), worse).nodes}
    assert {"service/east/team-2/app-0", "fold/healthy/namespace/east/team-2"} <= names_drawn
    better = folding.apply(picture(), Query(), WINDOWED, None, room, any_level=True)
    again = {node.id for node in service_graph(picture(), Query(), better).nodes}
    assert "namespace/east/team-3" in again
    assert folding.count(replace(WINDOWED, level=better.level)) > 0


def test_what_is_looked_at_is_not_folded() -> None:
    at = "service/east/team-4/app-3"
    drawn = GraphFolding().apply(picture(), Query(), WINDOWED, at, FoldRoom(100, 20))
    shown = {node.id for node in service_graph(picture(), Query(), drawn).nodes}
    assert {at, "fold/healthy/namespace/east/team-4"} <= shown


def test_the_edges_behind_a_fold_are_those_of_its_nodes() -> None:
    p = picture(sick="team-2")
    drawn = GraphFolding().apply(p, Query(), WINDOWED, None, FoldRoom(100, 20), any_level=True)
    found = edges_between(p, Query(), drawn, target="fold/healthy/namespace/east/team-2")
    assert len(found) == 9
    graph = service_graph(p, Query(), drawn)
    for edge in graph.edges:
        behind = edges_between(p, Query(), drawn, source=edge.source, target=edge.target)
        assert len(behind) == edge.members
