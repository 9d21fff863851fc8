"""A mesh of which Prometheus holds nothing is unknown: never healthy, never idle."""

from __future__ import annotations

from msgspec.structs import replace

from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import HealthStatus
from meshtop.views.frame.document import missing
from meshtop.views.frame.unknowns import Needs, doubt, unknowns_of
from meshtop.views.kinds import clusters, namespaces, services, workloads
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.picture.totals import without_traffic
from meshtop.views.reports.doctor import examine
from tests import worlds
from tests.analysis.traffic.test_silence import silent, without_proxies


def test_workloads_services_and_clusters_are_unknown_without_any_telemetry() -> None:
    picture = Picture(worlds.world(silent()))
    for kind in (clusters, namespaces, services, workloads):
        items = [item for item in kind.build(picture) if getattr(item, "namespace", "shop") == "shop"]
        said = {item.health.status for item in items if item.name not in ("tools", "istio-system")}
        assert said == {HealthStatus.UNKNOWN}, kind.VIEW.kind
    assert "no telemetry of east in this window" in services.build(picture)[0].health.reasons


def test_a_namespace_at_rest_is_idle_beside_one_that_is_not() -> None:
    picture = Picture(worlds.world(worlds.east()))
    assert {w.name: w.health.status for w in workloads.build(picture)}["web-v1"] is not HealthStatus.UNKNOWN
    calm = Picture(worlds.world(worlds.cluster("east", [worlds.request("east/web", "east/v1", 0.0)])))
    assert {w.health.status for w in workloads.build(calm)} == {HealthStatus.IDLE}


def test_what_is_not_broken_by_its_pods_stays_as_it_is() -> None:
    sick = replace(silent(), inventory=worlds.inventory(cluster_id="east", sick=True))
    found = {w.name: w.health for w in workloads.build(Picture(worlds.world(sick)))}
    assert found["reviews-v2"].status is HealthStatus.DEGRADED
    assert "no telemetry of east in this window" in found["reviews-v2"].reasons


def unknowns(cluster: ClusterSnapshot) -> tuple[Unknown, ...]:
    return unknowns_of(worlds.world(cluster), Needs(traffic=True))


def test_unknowns_name_the_traffic() -> None:
    assert unknowns(silent()) == (Unknown("traffic", "east", WhyUnknown.NO_DATA),)
    assert doubt(unknowns(silent())) == "traffic of east left no data in this window."
    assert unknowns(without_proxies(silent())) == ()


def test_it_is_said_beside_a_table_and_beside_sums() -> None:
    snapshot = worlds.world(silent(), worlds.west())
    (told,) = missing(snapshot)
    assert told.startswith("east: Its Prometheus holds no series that a proxy reported in this window")
    assert without_traffic(Picture(snapshot), Query()) == ["east"]
    assert without_traffic(Picture(worlds.world(without_proxies(silent()))), Query()) == []


def test_the_doctor_finds_it_though_istiod_reports() -> None:
    found = examine(worlds.world(silent()), dict)
    messages = {f.code: f.message for f in found.clusters[0].findings}
    assert messages["no-istio-metrics"] == "Prometheus of east holds no series that a proxy reported in this window."
    assert found.faults == 1
    assert Unknown("traffic", "east", WhyUnknown.NO_DATA) in found.unknowns
