"""Charts of a detail: they are asked wherever the figures beside them come from."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import SourceStatus, State
from meshtop.model.telemetry import Sample
from meshtop.sources.recording.plots import plot_question
from meshtop.views.frame.charts import (
    Chart,
    RequestsLine,
    chart_over,
    equals,
    lines_of_versions,
    request_charts,
)
from meshtop.views.kinds.clusters import VIEW as CLUSTERS
from meshtop.views.kinds.namespaces import VIEW as NAMESPACES
from meshtop.views.kinds.services import VIEW as SERVICES
from meshtop.views.kinds.tenants import VIEW as TENANTS
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


def lines_of_a_tenant(*clusters: ClusterSnapshot) -> dict[str, tuple[str, str]]:
    """Of the chart of requests of the tenant that has `shop` in every cluster: who is asked what, by line."""
    picture = Picture(worlds.world(*clusters))
    (item,) = [i for i in TENANTS.all_items(picture) if i.tenant == "storefront" and i.workspace is None]
    chart = TENANTS.detail(picture, item, TENANTS.key(item)).charts[0]
    return {line.name: (line.cluster or chart.cluster, line.expression) for line in chart.lines}


def test_a_tenants_chart_asks_each_cluster_that_answers() -> None:
    east = worlds.cluster("east", [request("east/web", "east/v1", 5.0)])
    lines = lines_of_a_tenant(east, worlds.cluster("west", [request("east/web", "west/v1", 50.0)]))
    assert {name: where for name, (where, _) in lines.items()} == {"east": "east", "west": "west"}
    assert all("destination|waypoint" in expression for _, expression in lines.values())


def test_a_tenants_chart_asks_whoever_called_a_cluster_that_reports_nothing() -> None:
    """Its figures count these calls, so the chart must not be empty beside them."""
    east = worlds.cluster("east", [request("east/web", "east/v1", 5.0), *sent(50.0)])
    south = worlds.cluster("south", [request("south/web", "west/v1", 5.0, reporter="source")])
    lines = lines_of_a_tenant(east, south, silent(worlds.cluster("west", [])))
    assert {name: where for name, (where, _) in lines.items()} == {
        "east": "east", "south": "south", "east to west": "east", "south to west": "south",
    }  # fmt: skip
    for name in ("east to west", "south to west"):
        assert "source|waypoint" in lines[name][1]
        assert "west|unknown" in lines[name][1], "calls to other clusters are other lines'"
    assert "destination|waypoint" in lines["east"][1]


def never_arrived(source: str, rate: float) -> Sample:
    """Calls that reached nobody, as Istio reports them: it knows the service alone."""
    sample = request(source, "east/v1", rate, code="503", reporter="source")
    unknown = dict.fromkeys(
        ("cluster", "workload_namespace", "workload", "app", "canonical_service", "version"), "unknown"
    )
    ends = {f"destination_{name}": value for name, value in unknown.items()}
    return structs.replace(sample, labels=structs.replace(sample.labels, **ends))


@pytest.mark.parametrize("view", [NAMESPACES, TENANTS])
@pytest.mark.parametrize("arrived", [0.0, 10.0])
def test_calls_that_reached_nobody_are_in_the_charts_of_their_namespace(view: object, arrived: float) -> None:
    came = [request("east/web", "east/v1", arrived, reporter=side) for side in ("source", "destination") if arrived]
    other = structs.replace(
        never_arrived("east/web", 7.0),
        labels=structs.replace(never_arrived("east/web", 7.0).labels, destination_service="x.bank.svc.cluster.local",
                               destination_service_name="x", destination_service_namespace="bank"),
    )  # fmt: skip
    east = worlds.cluster("east", [*came, never_arrived("east/web", 30.0), other])
    picture = Picture(worlds.world(east))
    named = "namespace" if view is NAMESPACES else "tenant"
    (item,) = [
        i for i in view.all_items(picture)  # type: ignore[attr-defined]
        if (i.name == "shop" if named == "namespace" else i.tenant == "storefront" and i.workspace is None)
    ]  # fmt: skip
    requests, errors, _ = view.detail(picture, item, view.key(item)).charts  # type: ignore[attr-defined]
    questions = [plot_question(chart.lines[0].expression, worlds.WINDOW) for chart in (requests, errors)]
    assert east.telemetry is not None
    rate, percent = [None if question is None else question.value(east.telemetry) for question in questions]
    assert rate == pytest.approx(30.0 + arrived)
    assert percent == pytest.approx(100 * 30.0 / (30.0 + arrived))


def test_lines_that_are_left_out_are_counted() -> None:
    many = [worlds.cluster(f"c{n}", [request(f"c{n}/web", f"c{n}/v1", 1.0)]) for n in range(8)]
    picture = Picture(worlds.world(*many))
    (item,) = [i for i in TENANTS.all_items(picture) if i.tenant == "storefront" and i.workspace is None]
    charts = TENANTS.detail(picture, item, TENANTS.key(item)).charts
    assert [(chart.title, len(chart.lines)) for chart in charts] == [
        ("Requests (6 of 8 lines)", 6), ("Error ratio (6 of 8 lines)", 6), ("Latency p99 (6 of 8 lines)", 6),
    ]  # fmt: skip


def charts_of_reviews(*clusters: ClusterSnapshot) -> tuple[Chart, ...]:
    picture = Picture(worlds.world(*clusters))
    (item,) = [i for i in SERVICES.all_items(picture) if SERVICES.path(i) == ("east", "shop", "reviews")]
    return SERVICES.detail(picture, item, "key").charts


def test_a_service_has_lines_of_each_version_where_there_are_several() -> None:
    requests, errors, slow = charts_of_reviews(worlds.east())
    assert (errors.title, errors.unit, errors.cluster) == ("Error ratio", "%", "east")
    for chart in (requests, errors, slow):
        assert [line.name for line in chart.lines] == ["v1", "v2"], chart.title
        for line in chart.lines:
            assert f'destination_version="{line.name}"' in line.expression
    (alone,) = charts_of_reviews(worlds.cluster("east", [request("east/web", "east/v1", 5.0)]))[1].lines
    assert alone.name == "errors"


@pytest.mark.parametrize(
    ("lines", "versions", "names"),
    [
        (1, ("v1",), ["c0"]),
        (1, (), ["c0"]),
        (1, ("v1", "v2", "v3"), ["v1", "v2", "v3"]),
        (2, ("v1", "v2"), ["v1 c0", "v2 c0", "v1 c1", "v2 c1"]),
        (3, ("v1", "v2", "v3"), ["c0", "c1", "c2"]),
    ],
)
def test_versions_have_lines_as_far_as_they_fit(lines: int, versions: tuple[str, ...], names: list[str]) -> None:
    asked = [RequestsLine(f"c{n}", f"c{n}", ()) for n in range(lines)]
    assert [line.name for line in lines_of_versions(asked, versions)] == names


def test_points_far_apart_are_rates_over_all_that_is_between_them() -> None:
    chart = request_charts("east", equals({"destination_workload": "a"}), window_seconds=60.0)[1]
    assert chart_over(chart, window_seconds=60.0, step=30.0) == chart
    (line,) = chart_over(chart, window_seconds=60.0, step=300.0).lines
    assert "[5m]" in line.expression
    assert "[1m]" not in line.expression
