"""One virtual machine that fails is one item with one severity: not another one as a workload, or in calls to it."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.model.kube import ConfigObject, Service, ServicePort
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import HealthStatus, Severity
from meshtop.model.telemetry import Sample
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.attention.view import attention
from tests import worlds

HOST = "ledger.shop.svc.cluster.local"


def asked(code: str, rate: float, workload: str) -> Sample:
    """Requests from web to the ledger: at the machine, or at nobody where none of its endpoints is healthy."""
    sample = worlds.request("east/web", "east/v1", rate, code=code, reporter="source")
    labels = structs.replace(
        sample.labels,
        destination_workload=workload, destination_app="ledger", destination_canonical_service="ledger",
        destination_version="", destination_service=HOST, destination_service_name="ledger",
        response_flags="-" if workload != "unknown" else "UH",
    )  # fmt: skip
    return Sample(labels, sample.value)


def fleet(*samples: Sample, healthy: str) -> Snapshot:
    sick: ConfigObject = structs.replace(
        worlds.machine(), status={"conditions": [{"type": "Healthy", "status": healthy, "message": "disk is full"}]}
    )
    east = worlds.cluster("east", [worlds.request("east/web", "east/v1", 80.0), *samples], machines=(sick,))
    ledger = Service(meta=worlds.meta("ledger", "shop"), cluster_ip="10.96.0.9", selector={"app": "ledger"},
                     ports=(ServicePort(9080, "http", app_protocol="http"),))  # fmt: skip
    assert east.inventory is not None
    inventory = structs.replace(east.inventory, services=(*east.inventory.services, ledger))
    return worlds.world(structs.replace(east, inventory=inventory), worlds.west())


@pytest.mark.parametrize(
    "samples",
    [
        (),
        (asked("503", 9.0, "ledger"),),
        (asked("503", 9.0, "unknown"),),
        (asked("503", 5.0, "ledger"), asked("503", 4.0, "unknown")),
    ],
    ids=["its probe alone", "it answers 503", "nobody answers", "both"],
)
def test_a_dead_machine_is_one_item(samples: tuple[Sample, ...]) -> None:
    picture = Picture(fleet(*samples, healthy="False"))
    about = [item for item in attention(picture) if "ledger" in item.id]
    (item,) = about
    assert item.id == "virtualmachine/east/shop/ledger-1"
    assert item.severity is Severity.ERROR
    assert "disk is full" in item.title
    assert {one.severity for one in item.consequences} <= {Severity.ERROR}
    if samples:
        assert item.impact.errors_per_second > 0
    (machine,) = view("virtualmachines").all_items(picture)
    assert machine.health.status is HealthStatus.FAILING, "as the list of machines says"
    (service,) = [one for one in view("services").all_items(picture) if one.name == "ledger" and one.cluster == "east"]
    assert service.health.status is HealthStatus.FAILING, "and that of services"


def test_a_machine_that_fails_what_it_is_asked_needs_attention_although_its_probe_succeeds() -> None:
    picture = Picture(fleet(asked("503", 9.0, "ledger"), healthy="True"))
    (item,) = [item for item in attention(picture) if "ledger" in item.id]
    assert item.id == "virtualmachine/east/shop/ledger-1"
    assert "failed" in item.title


def test_a_well_machine_needs_none() -> None:
    picture = Picture(fleet(asked("200", 9.0, "ledger"), healthy="True"))
    assert [item.id for item in attention(picture) if "ledger" in item.id] == []
