"""Alerts and objectives of what may not be read are not told, nor counted."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.analysis.tenancy.access.rights import AccessRules
from meshtop.cli.printers import json_text
from meshtop.model.alerting import Alert, Alerts, AlertState, SloReading, Slos
from meshtop.model.snapshot import Snapshot
from meshtop.views.frame.document import document
from meshtop.views.frame.registry import view
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.view import attention
from tests.analysis.tenancy.fleets import fleet, tenancy

MINE, THEIRS = "shop", "pay"


def alert(name: str, **labels: str) -> Alert:
    return Alert(name=name, state=AlertState.FIRING, labels={"severity": "critical", **labels})


ALERTS = (
    alert("Mine", namespace=MINE),
    alert("Theirs", namespace=THEIRS, pod="pay-app-1"),
    alert("ByHost", destination_service=f"pay-app.{THEIRS}.svc.cluster.local"),
    alert("Both", source_workload_namespace=MINE, destination_workload_namespace=THEIRS),
    alert("Nobodys", job="x"),
)
SLOS = tuple(
    SloReading(
        name=f"slo-{where}", namespace=where, service=f"{where}-app", objective=0.9, ratios={300.0: 1.0, 3600.0: 1.0}
    )
    for where in (MINE, THEIRS)
)


def told(snapshot: Snapshot) -> Snapshot:
    clusters = (structs.replace(c, alerts=Alerts(alerts=ALERTS), slos=Slos(readings=SLOS)) for c in snapshot.clusters)
    return structs.replace(snapshot, clusters=tuple(clusters))


@pytest.fixture(scope="module")
def picture() -> Picture:
    declared = tenancy()
    return PictureFactory(tenancy=declared, rules=AccessRules(None, declared, "maria")).picture(told(fleet()))


def test_only_what_names_readable_namespaces_is_told(picture: Picture) -> None:
    for kind, names in (("alerts", {"Mine"}), ("slos", {f"slo-{MINE}"})):
        items = view(kind).items(picture, Query())
        assert {item.name for item in items} == names
        text = json_text(document(view(kind), picture, items, Query()))
        assert "pay" not in text


def test_nothing_of_it_is_in_what_needs_attention(picture: Picture) -> None:
    text = json_text(list(attention(picture)))
    assert "Mine" in text
    assert not any(name in text for name in ("Theirs", "ByHost", "Both", "Nobodys", f"slo-{THEIRS}"))


def test_everything_is_told_where_nothing_is_hidden() -> None:
    open_to_all = Picture(told(fleet()))
    assert {item.name for item in view("alerts").items(open_to_all, Query())} == {one.name for one in ALERTS}
    assert len(view("slos").items(open_to_all, Query())) == len(SLOS) * len(open_to_all.snapshot.clusters)
