"""What stays open where a graph is too big to be drawn whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.graph.service_graph import Level
from meshtop.model.telemetry import Labels, Sample
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import Sight, service_graph
from meshtop.views.reports.graph_fold import folded, open_namespaces
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
