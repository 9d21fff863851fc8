from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from meshtop.analysis.traffic.silence import Silence, telemetry_states
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import KindStatus
from meshtop.model.mesh import ControlPlane, MeshFacts, Ready
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import Severity, SourceStatus, State
from meshtop.model.telemetry import Telemetry
from meshtop.views.reports import doctor
from meshtop.views.reports.doctor import Report, examine
from tests import worlds

PLANE = ControlPlane(revision="default", version="1.30.1", pods=Ready(ready=1, total=1))


def report(cluster: ClusterSnapshot, plane: ControlPlane = PLANE) -> Report:
    return examine(worlds.world(cluster), lambda: {cluster.name: MeshFacts(control_planes=(plane,))})


def codes(found: Report) -> list[str]:
    return [finding.code for cluster in found.clusters for finding in cluster.findings]


def test_a_healthy_cluster_has_no_findings() -> None:
    found = report(worlds.east())
    assert codes(found) == []
    assert (found.faults, found.reached) == (0, True)
    assert found.clusters[0].telemetry is not None
    assert found.clusters[0].telemetry.reporters == ("destination", "source")


def status(state: str) -> SourceStatus:
    return SourceStatus(state=State(state))


CASES: list[tuple[dict[str, Any], str]] = [
    ({"kubernetes": status("unreachable")}, "cluster-unreachable"),
    ({"kubernetes": status("denied")}, "cluster-denied"),
    ({"kubernetes": status("partial")}, "cluster-incomplete"),
    ({"prometheus": status("none"), "telemetry": None}, "prometheus-not-found"),
    ({"prometheus": status("unreachable")}, "prometheus-unreachable"),
    ({"prometheus": status("denied")}, "prometheus-denied"),
    ({"prometheus": status("partial")}, "prometheus-incomplete"),
    ({"telemetry": Telemetry(at=1.0, window_seconds=60.0)}, "no-istio-metrics"),
]


@pytest.mark.parametrize(("change", "code"), CASES)
def test_a_fault_is_found(change: dict[str, Any], code: str) -> None:
    found = report(replace(worlds.east(), **change))
    assert codes(found) == [code]
    assert found.faults == 1


def test_kinds_that_may_not_be_read() -> None:
    east = worlds.east()
    assert east.inventory is not None
    kinds = (KindStatus(kind="Node", state="denied"), KindStatus(kind="Pod", state="failed", error="truncated"))
    found = report(replace(east, inventory=replace(east.inventory, kinds=kinds)))
    assert codes(found) == ["kind-denied", "kind-failed"]
    assert "Node" in found.clusters[0].findings[0].message


@pytest.mark.parametrize("kind", ["Secret", "ClusterRole", "KubeFedCluster"])
def test_what_the_read_only_role_leaves_out_is_no_fault(kind: str) -> None:
    east = worlds.east()
    assert east.inventory is not None
    kinds = (*east.inventory.kinds, KindStatus(kind=kind, state="denied", error="no"))
    found = report(replace(east, inventory=replace(east.inventory, kinds=kinds)))
    assert (codes(found), found.faults) == (["kind-denied"], 0)
    assert found.clusters[0].findings[0].fix is None


def test_kinds_read_in_one_namespace_say_which() -> None:
    east = worlds.east()
    assert east.inventory is not None
    kinds = (KindStatus(kind="Pod", state="denied", namespaces=("shop",)), KindStatus(kind="Node", state="denied"))
    found = report(replace(east, inventory=replace(east.inventory, kinds=kinds)))
    assert [f.message for f in found.clusters[0].findings] == [
        "east does not let these kinds be read: Node.",
        "east lets these kinds be read in shop only: Pod.",
    ]


def test_missing_labels_are_named() -> None:
    east = worlds.east()
    assert east.telemetry is not None
    bare = tuple(replace(s, labels=replace(s.labels, response_flags="")) for s in east.telemetry.requests)
    found = report(replace(east, telemetry=replace(east.telemetry, requests=bare)))
    assert codes(found) == ["labels-missing"]
    assert "response_flags" in found.clusters[0].findings[0].message


def test_a_control_plane_without_pods() -> None:
    found = report(worlds.east(), ControlPlane(revision="r1", pods=Ready(ready=0, total=2)))
    assert codes(found) == ["control-plane-not-ready"]


def test_no_control_plane_is_no_fault() -> None:
    found = examine(worlds.world(worlds.east()), dict)
    assert codes(found) == ["no-control-plane"]
    assert found.clusters[0].findings[0].severity is Severity.INFO
    assert found.faults == 0


def test_what_was_not_read_is_said_in_the_document() -> None:
    east = worlds.east()
    assert report(east).unknowns == ()
    assert east.inventory is not None
    kinds = tuple(replace(k, state="denied") if k.kind == "VirtualService" else k for k in east.inventory.kinds)
    lost = replace(east, inventory=replace(east.inventory, kinds=kinds), prometheus=status("unreachable"))
    assert report(lost).unknowns == (
        Unknown("VirtualService", "east", WhyUnknown.DENIED),
        Unknown("traffic", "east", WhyUnknown.UNREACHABLE),
    )
    silent = report(worlds.north())
    assert silent.unknowns == (Unknown("everything", "north", WhyUnknown.UNREACHABLE),)


def test_a_control_plane_that_may_not_be_listed_is_not_said_to_be_absent() -> None:
    east = worlds.east()
    assert east.inventory is not None
    kinds = tuple(
        replace(kind, state="denied", namespaces=("shop",)) if kind.kind in ("Deployment", "Pod") else kind
        for kind in east.inventory.kinds
    )
    found = examine(worlds.world(replace(east, inventory=replace(east.inventory, kinds=kinds))), dict)
    assert "no-control-plane" not in codes(found)
    unknown = next(f for f in found.clusters[0].findings if f.code == "control-plane-unknown")
    assert "Whether istiod runs in east is not known" in unknown.message


def test_how_far_telemetry_can_be_relied_on_is_worked_out_once_for_all_clusters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def states(clusters: Sequence[ClusterSnapshot]) -> dict[str, State | Silence]:
        asked.append(clusters)
        return telemetry_states(clusters)

    monkeypatch.setattr("meshtop.views.reports.doctor.telemetry_states", states)
    monkeypatch.setattr("meshtop.views.frame.unknowns.telemetry_states", states)
    found = examine(worlds.world(worlds.east(), worlds.west(), worlds.north()), dict)
    assert len(found.clusters) == 3
    assert len(asked) == 1


CHECKS = ("_telemetry", "_kubernetes_findings", "_kind_findings", "_mesh_findings", "_prometheus_findings")


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_that_breaks_is_said_and_costs_no_other(monkeypatch: pytest.MonkeyPatch, check: str) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("odd")

    sick = replace(worlds.east(), kubernetes=status("partial"), prometheus=status("partial"))
    monkeypatch.setattr(doctor, check, broken)
    found = report(sick, replace(PLANE, pods=Ready(ready=0, total=1)))
    others = {"cluster-incomplete", "control-plane-not-ready", "prometheus-incomplete"}
    assert set(codes(found)) >= {"check-failed"}
    assert len(others & set(codes(found))) >= 2
    (failed,) = [one for one in found.clusters[0].findings if one.code == "check-failed"]
    assert failed.message.endswith("could not be checked: a defect of meshtop (KeyError).")


def test_a_mesh_that_cannot_be_told_is_not_one_without_istiod() -> None:
    def broken() -> dict[str, MeshFacts]:
        raise KeyError("odd")

    found = examine(worlds.world(worlds.east(), worlds.west()), broken)
    assert codes(found) == ["check-failed", "check-failed"]
