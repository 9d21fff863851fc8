"""The Flow of one thing: its sides, shares, twins, what is ill, levels; and what is said of its centre."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from meshtop.analysis.graph.service_graph import Level
from meshtop.model.mesh import Ready
from meshtop.model.snapshot import Snapshot
from meshtop.model.telemetry import Labels, Sample
from meshtop.model.text import harmless
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.flow import (
    Flow,
    FlowCall,
    at_level,
    first_centre,
    flow_index,
    flow_of,
    flow_sight,
    level_of,
)
from meshtop.views.reports.flow_detail import flow_detail, what_if_facts
from meshtop.views.reports.flow_tree import line_text, tree_report
from meshtop.views.reports.graph import place_of_row
from tests import worlds

SERVICES = flow_sight(Level.SERVICES)
WEB, REVIEWS, WEST_REVIEWS = "service/east/shop/web", "service/east/shop/reviews", "service/west/shop/reviews"


@pytest.fixture(scope="module")
def picture() -> Picture:
    return Picture(worlds.world())


def calling(source: str, target: str, rate: float, code: str = "200", policy: str = "mutual_tls") -> Sample:
    """Requests per second from one service of namespace shop to another; from `unknown`: from who has no proxy."""
    return Sample(
        Labels(
            reporter="destination", source_cluster="unknown" if source == "unknown" else "east",
            source_workload=source, source_workload_namespace="unknown" if source == "unknown" else "shop",
            source_app=source, destination_cluster="east", destination_workload=target,
            destination_workload_namespace="shop", destination_app=target,
            destination_service=f"{target}.shop.svc.cluster.local", destination_service_name=target,
            destination_service_namespace="shop", request_protocol="http", response_code=code, response_flags="-",
            connection_security_policy=policy,
        ),
        rate,
    )  # fmt: skip


def made_of(*samples: Sample) -> Picture:
    return Picture(worlds.world(worlds.cluster("east", samples)))


def flow(picture: Picture, at: str | None = None, *, hops: int = 1, level: Level = Level.SERVICES) -> Flow:
    found = flow_of(picture, Query(), flow_sight(level), at, hops=hops)
    assert found is not None
    return found


def names(calls: tuple[FlowCall, ...]) -> list[str]:
    return [call.node.label for call in calls]


def test_it_opens_on_what_attention_puts_first_and_knows_the_same_service_elsewhere(picture: Picture) -> None:
    found = flow(picture)
    assert (found.centre.id, names(found.callers), names(found.callees)) == (REVIEWS, ["web"], [])
    assert [node.id for node in found.twins] == [WEST_REVIEWS]
    assert found.ill is not None
    assert found.ill.about[0].key.startswith("east/shop/reviews")
    assert [node.label for node in found.way.nodes] == ["web", "reviews"]
    assert found.way.at == 1


def test_without_anything_wrong_it_opens_on_what_is_asked_most() -> None:
    calm = made_of(calling("a", "b", 5.0), calling("b", "c", 90.0))
    assert first_centre(flow_index(calm, Query(), SERVICES)) == "service/east/shop/c"
    assert first_centre(flow_index(made_of(), Query(), SERVICES)) is None
    assert flow_of(made_of(), Query(), SERVICES, None) is None


def test_what_is_gone_has_no_flow_and_a_workload_stands_for_its_service(picture: Picture) -> None:
    assert flow_of(picture, Query(), SERVICES, "service/east/shop/gone") is None
    assert flow(picture, "workload/east/shop/reviews-v2").centre.id == REVIEWS


def test_levels_lead_to_what_it_is_in_and_to_the_worst_part(picture: Picture) -> None:
    spaces, workloads = flow_sight(Level.NAMESPACES), flow_sight(Level.WORKLOADS)
    assert at_level(picture, Query(), SERVICES, REVIEWS, spaces) == "namespace/east/shop"
    assert at_level(picture, Query(), SERVICES, REVIEWS, workloads) == "workload/east/shop/reviews-v2"
    assert at_level(picture, Query(), spaces, "namespace/east/shop", SERVICES) == REVIEWS
    assert at_level(picture, Query(), SERVICES, "service/east/shop/gone", spaces) is None
    assert level_of("workload/east/shop/web-v1", Level.SERVICES) is Level.WORKLOADS
    assert level_of("external", Level.CLUSTERS) is Level.CLUSTERS


def test_further_hops_are_below_the_call_that_leads_there_and_end_at_a_cycle() -> None:
    found = made_of(calling("a", "b", 2.0), calling("b", "c", 2.0), calling("c", "a", 1.0), calling("c", "c", 1.0))
    near, far = flow(found, "service/east/shop/c"), flow(found, "service/east/shop/c", hops=3)
    assert [call.beyond for call in near.callers] == [()]
    (caller,) = far.callers
    assert (caller.node.label, names(caller.beyond), names(caller.beyond[0].beyond)) == ("b", ["a"], ["c"])
    assert caller.beyond[0].beyond[0].beyond == ()
    assert sorted(names(far.callees)) == ["a", "c"]


def test_of_many_further_out_the_rest_is_counted() -> None:
    found = made_of(calling("b", "c", 1.0), *(calling(f"a{n}", "b", 1.0 + n) for n in range(7)))
    (caller,) = flow(found, "service/east/shop/c", hops=2).callers
    assert names(caller.beyond) == ["a6", "a5", "a4", "a3"]
    assert caller.more == 3


def test_versions_answers_and_charts_of_the_centre(picture: Picture) -> None:
    detail = flow_detail(picture, Query(), SERVICES, flow(picture, REVIEWS))
    assert [(v.name, round(v.share or 0.0, 3)) for v in detail.versions] == [("v1", 0.8), ("v2", 0.2)]
    assert [v.ready for v in detail.versions] == [Ready(2, 2), Ready(2, 2)]
    assert [cell.text for cell in detail.answers] == ["503 1.50/s"]
    requests, errors = detail.charts
    assert [(line.name, line.cluster) for line in requests.lines] == [("web", "east")]
    assert 'source_workload="web-v1"' in requests.lines[0].expression
    assert (errors.unit, errors.lines[0].expression[:6]) == ("%", "100 * ")
    group = flow_detail(picture, Query(), flow_sight(Level.NAMESPACES), flow(picture, level=Level.NAMESPACES))
    assert (group.versions, group.shaped) == ((), ())


def test_of_what_only_calls_the_charts_are_those_of_its_calls(picture: Picture) -> None:
    detail = flow_detail(picture, Query(), SERVICES, flow(picture, WEB))
    assert detail.charts[0].title == "Requests by callee"
    assert {line.name for line in detail.charts[0].lines} == {"reviews", "reviews west"}


def test_calls_that_reached_no_workload_are_in_the_charts_too() -> None:
    reached = calling("b", "c", 1.0)
    lost = calling("b", "unknown", 90.0, "503")
    labels = replace(
        lost.labels, reporter="source", destination_cluster="unknown", destination_workload_namespace="unknown",
        destination_service="c.shop.svc.cluster.local", destination_service_name="c", response_flags="UF",
    )  # fmt: skip
    reached = replace(reached, labels=replace(reached.labels, reporter="source"))
    found = made_of(reached, replace(lost, labels=labels))
    charts = flow_detail(found, Query(), SERVICES, flow(found, "service/east/shop/c")).charts
    expressions = [line.expression for chart in charts for line in chart.lines]
    edge = next(item for item in view("edges").all_items(found) if not item.destination.workload)
    expressions += [line.expression for chart in view("edges").detail(found, edge, "").charts for line in chart.lines]
    assert len(expressions) > 3
    for text in expressions:
        assert "destination_workload" not in text, "the series of what was lost say `unknown`"
        assert 'destination_service="c.shop.svc.cluster.local"' in text


def test_a_caller_that_nobody_knows_has_a_line_of_its_own() -> None:
    found = made_of(calling("unknown", "c", 3.0, policy="none"), calling("b", "c", 9.0))
    requests, errors = flow_detail(found, Query(), SERVICES, flow(found, "service/east/shop/c")).charts
    told = {line.name: line.expression for line in requests.lines}
    assert len(told) == 2
    assert 'source_workload="b"' in told.pop("b")
    assert 'source_workload=~"unknown|"' in told.popitem()[1]
    assert "source_workload" not in errors.lines[0].expression.replace("source_workload_namespace", "")


@pytest.mark.parametrize(
    ("began", "lasting", "seen", "said"),
    [
        (360.0, False, 360.0, "since 13:54 6m"),
        (1800.0, True, 1800.0, "for ≥ 30m"),
        (200_000.0, False, 0.0, "for 2d"),
        (None, False, 420.0, "seen 7m"),
        (None, False, 0.0, ""),
    ],
)
def test_since_when_it_is_ill(
    picture: Picture, began: float | None, lasting: bool, seen: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    found = flow(picture)
    assert found.ill is not None
    since = None if began is None else datetime.fromtimestamp(worlds.AT - began, UTC)
    first = datetime.fromtimestamp(worlds.AT - seen, UTC)
    ill = replace(found.ill, since=since, first_seen=first, lasting=lasting)
    assert flow_detail(picture, Query(), SERVICES, replace(found, ill=ill)).since == said


def test_plaintext_callers_would_break() -> None:
    found = made_of(calling("a", "c", 3.0, policy="none"), calling("b", "c", 9.0))
    (said,) = what_if_facts(flow(found, "service/east/shop/c"))
    assert (said.label, said.cell.text) == ("STRICT", "1 caller sends plaintext (3 req/s) and would break")
    assert what_if_facts(flow(made_of(calling("b", "c", 9.0)), "service/east/shop/c")) == ()


def test_a_weighted_route_leads_to_the_service_that_it_routes() -> None:
    route = find_item(Picture(with_route()), "canaries", "east/shop/reviews#weighted")
    assert route is not None
    assert place_of_row("canaries", route, Picture(with_route())) == (Level.SERVICES, REVIEWS)


def with_route() -> Snapshot:
    from meshtop.model.kube import ConfigObject

    destinations = [{"destination": {"host": "reviews", "subset": f"v{n}"}, "weight": 50} for n in (1, 2)]
    route = ConfigObject(
        group="networking.istio.io", version="v1", kind="VirtualService", meta=worlds.meta("reviews", "shop"),
        spec={"hosts": ["reviews"], "http": [{"name": "weighted", "route": destinations}]},
    )  # fmt: skip
    east = worlds.east()
    assert east.inventory is not None
    config = {**east.inventory.config, "VirtualService": (route,)}
    return worlds.world(replace(east, inventory=replace(east.inventory, config=config)))


def test_the_tree_is_aligned_and_has_one_line_for_each_call(picture: Picture) -> None:
    lookup = flow_index(picture, Query(), SERVICES).lookup
    report = tree_report(lookup, (WEB,))
    assert [line_text(line) for line in report.lines] == [
        "CALLS              REQ/S   ERR %      P99  mTLS %",
        "east/shop/web",
        "├─ reviews           100  ▲ 1.50  98.2 ms     100",
        "└─ west/reviews       10       0  98.2 ms     100",
    ]
    assert tree_report(lookup, (WEB,), most=2).more == 1
    assert tree_report(lookup, ()).lines == ()


HOSTILE = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(
    ["\x1b[31mred", "a/b", "%2F", "[bold]x[/]", "a b", "‮x", "表表表"]
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde"), st.floats(0.1, 500.0), st.booleans()), max_size=14
    ),
    HOSTILE,
)
def test_every_call_is_on_one_side_and_shares_are_parts(
    calls: list[tuple[str, str, float, bool]], hostile: str
) -> None:
    named = {"a": hostile}
    found = made_of(
        *(
            calling(named.get(a, a), named.get(b, b), rate, "503" if fails else "200")
            for a, b, rate, fails in {(a, b): (a, b, r, f) for a, b, r, f in calls}.values()
        )
    )
    lookup = flow_index(found, Query(), SERVICES).lookup
    for name in lookup.nodes:
        one = flow(found, name)
        told = [call.edge.id for call in (*one.callers, *one.callees)]
        assert sorted(told) == sorted(edge.id for edge in lookup.edges_at(name))
        for side in (one.callers, one.callees):
            for shares in ([c.share.traffic or 0.0 for c in side], [c.share.errors or 0.0 for c in side]):
                assert sum(shares) <= 1 + 1e-9
        flow_detail(found, Query(), SERVICES, one)
    for line in tree_report(lookup, tuple(lookup.nodes)).lines:
        assert harmless(line_text(line)) == line_text(line)
        assert "\n" not in line_text(line)
