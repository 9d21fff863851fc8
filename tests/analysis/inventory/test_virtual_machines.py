from __future__ import annotations

from typing import Any

import pytest

from meshtop.analysis.inventory.virtual_machines import virtual_machines
from meshtop.model.kube import ConfigObject, Inventory, Meta, Owner, Service
from meshtop.model.mesh import VirtualMachine


def entry(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **meta: Any) -> ConfigObject:
    return ConfigObject(
        group="networking.istio.io",
        version="v1",
        kind="WorkloadEntry",
        meta=Meta(name="vm-1", namespace="shop", **meta),
        spec=spec or {},
        status=status or {},
    )


def machine(found: ConfigObject, **more: Any) -> VirtualMachine:
    config = {"WorkloadEntry": (found,), **more.pop("config", {})}
    return virtual_machines(Inventory(config=config, **more), "east")[0]


def test_a_registered_machine() -> None:
    annotations = {
        "istio.io/autoRegistrationGroup": "fraud",
        "istio.io/connectedAt": "1970-01-01T00:00:10.123456789Z",
        "istio.io/disconnectedAt": "1970-01-01T00:00:05",
    }
    spec = {
        "address": "10.0.0.9",
        "network": "vm-net",
        "locality": "eu/eu-1",
        "labels": {"app": "fraud-scoring", "version": "v7"},
    }
    condition = {"type": "Healthy", "status": "False", "message": "probe failed"}
    external = ConfigObject(
        group="networking.istio.io",
        version="v1",
        kind="ServiceEntry",
        meta=Meta(name="se", namespace="shop"),
        spec={"hosts": ["fraud.example", 7], "workloadSelector": {"labels": {"version": "v7"}}},
    )
    found = machine(
        entry(spec, {"conditions": [{"type": "Other"}, condition]}, annotations=annotations),
        config={"ServiceEntry": (external,)},
        services=(Service(meta=Meta(name="fraud", namespace="shop"), selector={"app": "fraud-scoring"}),),
    )
    assert (found.workload_group, found.workload) == ("fraud", "fraud")
    assert (found.app, found.version) == ("fraud-scoring", "v7")
    assert (found.address, found.network, found.locality) == ("10.0.0.9", "vm-net", "eu/eu-1")
    assert (found.healthy, found.health_message) == (False, "probe failed")
    assert (round(found.connected_at or 0, 3), found.disconnected_at) == (10.123, 5.0)
    assert found.services == ("fraud", "fraud.example")


def test_a_machine_written_by_hand() -> None:
    found = machine(entry({"address": "x"}, labels={"app": "a", "topology.istio.io/network": "n"}))
    assert (found.workload_group, found.workload, found.app, found.network) == (None, "vm-1", "a", "n")
    assert (found.healthy, found.connected_at) == (None, None)


def test_the_group_may_be_the_owner() -> None:
    assert machine(entry(owner=Owner("WorkloadGroup", "g"))).workload_group == "g"
    assert machine(entry(owner=Owner("Other", "g"))).workload_group is None


@pytest.mark.parametrize(
    ("status", "healthy"),
    [
        ({"conditions": [{"type": "Healthy", "status": "True"}]}, True),
        ({"conditions": [{"type": "Healthy", "status": "Unknown"}]}, None),
        ({"conditions": [{"type": "Healthy", "status": ["True"]}]}, None),
        ({"conditions": "Healthy"}, None),
        ({"conditions": ["Healthy"]}, None),
        ({}, None),
    ],
)
def test_health_is_unknown_until_a_probe_says(status: dict[str, Any], healthy: bool | None) -> None:
    assert machine(entry({}, status)).healthy is healthy


@pytest.mark.parametrize(
    "spec", [{"labels": []}, {"labels": {"app": 5}}, {"address": {}, "network": 3, "locality": []}, {"labels": None}]
)
def test_a_spec_of_the_wrong_shape_is_unknown(spec: dict[str, Any]) -> None:
    found = machine(entry(spec, annotations={"istio.io/connectedAt": "yesterday"}))
    assert (found.app, found.address, found.network, found.connected_at) == ("vm-1", None, None, None)
