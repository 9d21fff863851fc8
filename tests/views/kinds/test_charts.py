"""Charts of a detail: they are asked wherever the figures beside them come from."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import SourceStatus, State
from meshtop.model.telemetry import Sample
from meshtop.views.frame.charts import Chart
from meshtop.views.kinds.clusters import VIEW as CLUSTERS
from meshtop.views.kinds.namespaces import VIEW as NAMESPACES
from meshtop.views.kinds.services import VIEW as SERVICES
from meshtop.views.kinds.workloads import VIEW as WORKLOADS
from meshtop.views.picture.picture import Picture
from tests import worlds
from tests.worlds import request

OPENED = [
    (CLUSTERS, ("west",)),
    (NAMESPACES, ("west", "shop")),
    (WORKLOADS, ("west", "shop", "reviews-v1")),
    (SERVICES, ("west", "shop", "reviews")),
]


def asked(view: object, path: tuple[str, ...], *clusters: ClusterSnapshot) -> list[tuple[str, str]]:
    """Of the chart of requests, the cluster and the expression of each line."""
    picture = Picture(worlds.world(*clusters))
    (item,) = [i for i in view.all_items(picture) if view.path(i) == path]  # type: ignore[attr-defined]
    chart: Chart = view.detail(picture, item, "key").charts[0]  # type: ignore[attr-defined]
    return [(line.cluster or chart.cluster, line.expression) for line in chart.lines]


def silent(cluster: ClusterSnapshot) -> ClusterSnapshot:
    """The cluster without a Prometheus."""
    return structs.replace(cluster, telemetry=None, prometheus=SourceStatus(state=State.UNREACHABLE))


def sent(rate: float) -> list[Sample]:
    return [request("east/web", "west/v1", rate, reporter="source")]


@pytest.mark.parametrize(("view", "path"), OPENED)
def test_where_the_called_side_reports_it_tells_all_of_it(view: object, path: tuple[str, ...]) -> None:
    lines = asked(view, path, worlds.cluster("east", sent(50.0)), worlds.cluster("west", [
        request("east/web", "west/v1", 50.0), request("west/web", "west/v1", 10.0)]))  # fmt: skip
    assert {cluster for cluster, _ in lines} == {"west"}
    assert all("destination|waypoint" in expression for _, expression in lines)


@pytest.mark.parametrize(("view", "path"), OPENED)
def test_where_the_called_side_reports_nothing_every_caller_is_asked_for_what_was_answered_there(
    view: object, path: tuple[str, ...]
) -> None:
    other = worlds.cluster("south", [request("south/web", "west/v1", 5.0, reporter="source")])
    lines = asked(view, path, worlds.cluster("east", sent(50.0)), other, silent(worlds.cluster("west", [])))
    assert [cluster for cluster, _ in lines] == ["east", "south"]
    for _, expression in lines:
        assert "source|waypoint" in expression
        if view is not SERVICES:
            assert "west|unknown" in expression


def test_what_only_asks_is_told_by_whoever_answers_where_it_has_no_proxy() -> None:
    answered = worlds.cluster("west", [request("east/web", "west/v1", 50.0)])
    lines = asked(WORKLOADS, ("east", "shop", "web-v1"), silent(worlds.cluster("east", [])), answered)
    assert {cluster for cluster, _ in lines} == {"west"}
    assert all('source_workload="web-v1"' in expression for _, expression in lines)
    own = asked(WORKLOADS, ("east", "shop", "web-v1"), worlds.cluster("east", sent(50.0)), silent(answered))
    assert {cluster for cluster, _ in own} == {"east"}
