"""The kinds alerts and slos, and both in what needs attention, on a small world built by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import structs

from meshtop.model.alerting import Alert, Alerts, AlertState, SloReading, Slos
from meshtop.model.evidence import Unknown, WhyUnknown, not_read
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import Severity
from meshtop.views.frame.detail import detail
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.item import AttentionItem
from meshtop.views.reports.attention.view import attention, opened_by
from tests import worlds

EVERYTHING = Query()
REVIEWS = {"destination_workload": "reviews-v2", "destination_workload_namespace": "shop"}
WEB = {"destination_workload": "web-v1", "destination_workload_namespace": "shop"}
"""One that is well, as far as meshtop sees."""


def alert(name: str = "Errors", severity: str | None = "critical", **labels: str) -> Alert:
    more = {} if severity is None else {"severity": severity}
    return Alert(
        name=name,
        state=AlertState.FIRING,
        since=worlds.AT - 60,
        labels={**more, **labels},
        annotations={"summary": "too many errors"},
    )


def told(cluster: ClusterSnapshot, *alerts: Alert, **more: Any) -> ClusterSnapshot:
    return structs.replace(cluster, alerts=Alerts(alerts=alerts, **more), slos=Slos())


def slo(ratio: float, **more: Any) -> SloReading:
    given = {
        "name": "available",
        "namespace": "shop",
        "service": "reviews",
        "objective": 0.99,
        "window_seconds": 30 * 86_400.0,
        "ratios": {300.0: ratio, 3600.0: ratio},
        **more,
    }
    return SloReading(**given)


def kept(cluster: ClusterSnapshot, *readings: SloReading) -> ClusterSnapshot:
    return structs.replace(cluster, alerts=Alerts(), slos=Slos(readings=readings))


def rows(picture: Picture, kind: str, query: Query = EVERYTHING) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(view(kind).items(picture, query)))
    return found


def of_rules(picture: Picture) -> list[AttentionItem]:
    return [one for one in attention(picture) if one.id.startswith(("alert/", "slo/"))]


def test_an_alert_is_told_with_what_it_is_about() -> None:
    picture = Picture(worlds.world(told(worlds.east(), alert(**REVIEWS)), told(worlds.west())))
    (row,) = rows(picture, "alerts")
    assert (row["cluster"], row["name"], row["state"], row["severity"]) == ("east", "Errors", "firing", "critical")
    assert row["since"] == "2026-08-01T13:59:00Z"
    assert [one["key"] for one in row["about"]] == ["east/shop/reviews-v2/Deployment", "east/shop", "east"]
    assert row["tenants"] == ["storefront"]
    found = detail(picture, "alerts", view("alerts").key(view("alerts").all_items(picture)[0]))
    assert found is not None
    assert [one.kind for one in found.related] == ["workloads", "clusters"]
    assert view("alerts").all_unknowns(picture, EVERYTHING) == ()


def test_alerts_belong_to_the_scope_of_what_they_are_about() -> None:
    node = alert("NodeDown", node="node-1", job="node-exporter")
    picture = Picture(worlds.world(told(worlds.east(), alert(**REVIEWS), node), told(worlds.west())))
    assert {row["name"] for row in rows(picture, "alerts")} == {"Errors", "NodeDown"}
    assert [row["name"] for row in rows(picture, "alerts", Query(namespaces=("shop",)))] == ["Errors"]
    assert [row["name"] for row in rows(picture, "alerts", Query(tenant="storefront"))] == ["Errors"]
    assert rows(picture, "alerts", Query(clusters=("west",))) == []
    assert [row["name"] for row in rows(picture, "alerts", Query(names=("NodeDown",)))] == ["NodeDown"]


def test_alerts_of_one_name_keep_their_own_detail() -> None:
    one, other = alert(**REVIEWS), alert(**WEB)
    picture = Picture(worlds.world(told(worlds.east(), one, other)))
    of_kind = view("alerts")
    keys = [of_kind.key(item) for item in of_kind.all_items(picture)]
    assert len(set(keys)) == 2
    for key in keys:
        assert detail(picture, "alerts", key) is not None


def test_what_was_not_read_is_not_without_alerts() -> None:
    unsupported = told(worlds.east(), evidence=not_read(WhyUnknown.UNSUPPORTED))
    picture = Picture(worlds.world(unsupported, worlds.west()))
    of_kind = view("alerts")
    assert of_kind.all_unknowns(picture, EVERYTHING) == (
        Unknown("alerts", "east", WhyUnknown.UNSUPPORTED),
        Unknown("alerts", "west", WhyUnknown.NOT_READ),
    )
    assert "but alerts of east cannot be known there" in of_kind.nothing(picture, EVERYTHING)
    # Who never had alerts lacks nothing in what needs attention; who may not read them does.
    assert "alerts" not in {one.what for one in view("attention").unknowns(picture, EVERYTHING)}
    denied = Picture(worlds.world(told(worlds.east(), evidence=not_read(WhyUnknown.DENIED)), told(worlds.west())))
    unknowns = view("attention").unknowns(denied, EVERYTHING)
    assert Unknown("alerts", "east", WhyUnknown.DENIED) in unknowns


def test_an_alert_of_no_cluster_is_told_once() -> None:
    nobodys = structs.replace(alert("Everything", team="x"), unplaced=True)
    picture = Picture(worlds.world(told(worlds.east(), nobodys), told(worlds.west(), nobodys)))
    (row,) = rows(picture, "alerts")
    assert (row["cluster"], row["about"]) == (None, [])
    (item,) = of_rules(picture)
    assert "no cluster that is known: alert Everything" in item.title


def test_an_alert_that_fires_needs_attention() -> None:
    picture = Picture(worlds.world(told(worlds.east(), alert(**WEB)), told(worlds.west())))
    (item,) = of_rules(picture)
    assert item.title == "shop/web-v1 in east: alert Errors: too many errors"
    assert (item.severity, item.places) == (Severity.ERROR, ("east/shop",))
    assert item.since is not None
    assert item.since.timestamp() == worlds.AT - 60
    assert item.impact.tenants == ("storefront",)
    assert detail(picture, *opened_by(item)) is not None


@pytest.mark.parametrize(
    "quiet",
    [
        alert("Watchdog", "none"),
        alert("InfoInhibitor", None),
        alert("Odd", "info", **REVIEWS),
        structs.replace(alert(**REVIEWS), state=AlertState.PENDING),
    ],
)
def test_what_nobody_has_to_look_at_is_no_item(quiet: Alert) -> None:
    picture = Picture(worlds.world(told(worlds.east(), quiet)))
    assert of_rules(picture) == []
    assert len(rows(picture, "alerts")) == 1


def test_an_alert_about_something_that_is_seen_to_be_ill_is_evidence_of_it() -> None:
    sick = worlds.east(sick=True)
    before = attention(Picture(worlds.world(sick)))
    (own,) = [one for one in before if one.id == "workload/east/shop/reviews-v2"]
    picture = Picture(worlds.world(told(sick, alert(**REVIEWS), alert("Slow", "warning", **REVIEWS))))
    after = attention(picture)
    assert [one.id for one in after] == [one.id for one in before], "one problem is one item"
    (item,) = [one for one in after if one.id == own.id]
    assert {one.title.split(": ")[1] for one in item.consequences} == {"alert Errors", "alert Slow"}
    assert "alerts" in {thing.kind for thing in item.about}
    assert item.since == own.since, "an alert's own threshold does not date the cause"


def test_alerts_about_one_service_are_one_item() -> None:
    by_service = alert("Burns", "warning", destination_service="web.shop.svc.cluster.local")
    again = alert("Errors", "critical", **WEB, response_code="503")
    picture = Picture(worlds.world(told(worlds.east(), alert(**WEB), again, by_service)))
    (item,) = of_rules(picture)
    assert item.title.startswith("shop/web-v1 in east: alert Errors (2 of them)")
    assert [one.title.split(": ")[1] for one in item.consequences] == ["alert Burns"]


def test_alerts_about_two_things_are_two_items() -> None:
    node = alert(node="node-1")
    picture = Picture(worlds.world(told(worlds.east(), alert(**WEB), node), told(worlds.west(), alert(**WEB))))
    assert len(of_rules(picture)) == 3


def test_alerts_of_a_cluster_that_does_not_answer_follow_from_that() -> None:
    dead = worlds.north()
    picture = Picture(worlds.world(structs.replace(dead, alerts=Alerts(alerts=(alert("Down", node="node-1"),)))))
    assert of_rules(picture) == []
    (item,) = [one for one in attention(picture) if one.id == f"cluster/{dead.name}"]
    assert any("alert Down" in one.title for one in item.consequences)


def test_an_objective_is_told_with_its_budget() -> None:
    reading = slo(0.001, budget_left=0.4, budget_seconds=15 * 86_400.0)
    picture = Picture(worlds.world(kept(worlds.east(), reading), kept(worlds.west())))
    (row,) = rows(picture, "slos")
    assert row["about"] == {"kind": "services", "key": "east/shop/reviews"}
    assert (row["state"], row["objective"], row["errorBudgetLeft"]) == ("ok", 0.99, 0.4)
    assert row["burn"] == {"short": 0.1, "long": 0.1, "shortSeconds": 300.0, "longSeconds": 3600.0}
    assert "known over 15d only" in row["why"]
    assert of_rules(picture) == []
    found = detail(picture, "slos", "east/shop/reviews/available")
    assert found is not None
    assert [section.title for section in found.sections] == ["Objective", "Burn rates"]
    assert len(found.sections[1].facts) == 4


def test_an_objective_without_traffic_is_unknown() -> None:
    picture = Picture(worlds.world(kept(worlds.east(), slo(0.0, ratios={}))))
    (row,) = rows(picture, "slos")
    assert (row["state"], row["errorBudgetLeft"], row["burn"]["short"]) == ("unknown", None, None)
    assert row["why"] == "it has no traffic"


def test_a_budget_that_burns_needs_attention() -> None:
    web = {"service": "web"}
    east, west = slo(0.2, **web), slo(0.0, budget_left=-1.0, **web)
    picture = Picture(worlds.world(kept(worlds.east(), east), kept(worlds.west(), west)))
    burning, spent = sorted(of_rules(picture), key=lambda item: item.id)
    assert burning.title == "shop/web in east: SLO available: its error budget burns 20.0 times as fast as it may"
    assert (burning.severity, spent.severity) == (Severity.ERROR, Severity.WARNING)
    assert "its error budget is spent" in spent.title
    assert detail(picture, *opened_by(burning)) is not None


def test_a_burning_objective_of_something_ill_is_evidence_of_it() -> None:
    picture = Picture(worlds.world(kept(worlds.east(sick=True), slo(0.2))))
    assert of_rules(picture) == []
    (item,) = [one for one in attention(picture) if one.id == "workload/east/shop/reviews-v2"]
    assert [one.title.split(": ")[1] for one in item.consequences] == ["SLO available"]


def test_hostile_words_of_a_rule_are_text() -> None:
    nasty = alert("Bad\x1b[2J[red]", "critical", pod="\u202e[/]", **{"": "x"})
    picture = Picture(worlds.world(told(worlds.east(), nasty)))
    of_kind = view("alerts")
    table = of_kind.table(picture, EVERYTHING, wide=True)
    texts = [table.cell(0, column).text for column in range(len(table.columns))]
    assert not any("\x1b" in text or "\u202e" in text for text in texts)
    (item,) = of_rules(picture)
    assert "\x1b" not in item.title
