"""Virtual machines of one group, of which telemetry has one name only, and the services in front of them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.model.kube import ConfigObject, Inventory, KindStatus, Meta, Service
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import HealthStatus
from meshtop.model.telemetry import Sample
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.evacuate import evacuate_answer, evacuation_sentences
from tests import worlds

LEDGER = "ledger.shop.svc.cluster.local"


def sick(machine: ConfigObject) -> ConfigObject:
    return structs.replace(machine, status={"conditions": [{"type": "Healthy", "status": "False"}]})


def east(*machines: ConfigObject, workload: str = "ledger") -> ClusterSnapshot:
    """A cluster whose web asks the ledger, ten times a second, two of them in vain."""

    def asked(rate: float, code: str) -> Sample:
        sample = worlds.request("east/web", "east/v1", rate, code=code, reporter="source")
        labels = structs.replace(
            sample.labels,
            destination_workload=workload,
            destination_service=LEDGER,
            destination_service_name="ledger",
            destination_version="unknown",
            destination_app="ledger",
            destination_canonical_service="ledger",
        )
        return Sample(labels, rate)

    cluster = worlds.cluster("east", [asked(8.0, "200"), asked(2.0, "503")], machines=machines)
    assert isinstance(cluster.inventory, Inventory)
    ledger = Service(meta=Meta(name="ledger", namespace="shop"), selector={"app": "ledger"})
    inventory = structs.replace(cluster.inventory, services=(*cluster.inventory.services, ledger), kinds=())
    return structs.replace(cluster, inventory=inventory)


def items(kind: str, *machines: ConfigObject, workload: str = "ledger") -> list[Any]:
    return view(kind).all_items(Picture(worlds.world(east(*machines, workload=workload))))


def test_a_groups_traffic_is_no_machines_own() -> None:
    one, two = items("virtualmachines", worlds.machine(), worlds.machine("ledger-2"))
    for found in (one, two):
        assert found.inbound.requests_per_second is None
        assert found.health.status is HealthStatus.HEALTHY
        assert (found.group_traffic.workload, found.group_traffic.machines) == ("ledger", 2)
        assert found.group_traffic.inbound.requests_per_second == pytest.approx(10.0)


@pytest.mark.parametrize(("count", "workload"), [(1, "ledger"), (2, "ledger-1")])
def test_traffic_under_a_machines_own_name_or_of_a_group_of_one_is_its_own(count: int, workload: str) -> None:
    machines = [worlds.machine(f"ledger-{number + 1}") for number in range(count)]
    found = items("virtualmachines", *machines, workload=workload)[0]
    assert found.inbound.requests_per_second == pytest.approx(10.0)
    assert (found.health.status, found.group_traffic) == (HealthStatus.FAILING, None)


def test_a_service_on_machines_says_so() -> None:
    picture = Picture(worlds.world(east(worlds.machine(), sick(worlds.machine("ledger-2")))))
    services = view("services")
    (found,) = [item for item in services.all_items(picture) if item.name == "ledger"]
    assert found.workloads == ("ledger-1", "ledger-2")
    detail = services.detail(picture, found, "k")
    titles = {related.title: related for related in detail.related}
    assert len(titles["Virtual machines"].table.items) == 2
    assert "virtual machines answer for it" in titles["Workloads"].empty
    assert any("1 of 2 virtual machines unhealthy" in reason for reason in found.health.reasons)


def test_a_cluster_is_left_by_its_healthy_machines() -> None:
    machines = (worlds.machine(), worlds.machine("ledger-2"), sick(worlds.machine("ledger-3")))
    answer = evacuate_answer(Picture(worlds.world(east(*machines))), "east")
    (found,) = [item for item in answer.items if item.host == LEDGER]
    assert (found.endpoints_leaving, found.endpoints_staying) == (2, 0)


@pytest.mark.parametrize("lost", ["unreachable", "denied"])
def test_with_another_cluster_unread_nothing_is_gone(lost: str) -> None:
    if lost == "unreachable":
        other = structs.replace(worlds.west(), inventory=None)
    else:
        whole = worlds.west()
        assert whole.inventory is not None
        kinds = (KindStatus(kind="EndpointSlice", state="denied"), KindStatus(kind="WorkloadEntry"))
        other = structs.replace(whole, inventory=structs.replace(whole.inventory, kinds=kinds))
    answer = evacuate_answer(Picture(worlds.world(east(worlds.machine()), other)), "east")
    assert answer.summary.gone == 0
    assert answer.summary.unknown == len(answer.items) == 1
    assert "west" in {unknown.cluster for unknown in answer.unknowns}
    assert any("not known whether an endpoint is left" in sentence for sentence in evacuation_sentences(answer))
