from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.inventory.virtual_machines import NOT_REPORTED, split_locality, virtual_machines
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


CHECKED = "proxy.istio.io/health-checks-enabled"


@pytest.mark.parametrize(
    ("annotation", "condition", "healthy", "message"),
    [
        ("true", None, False, NOT_REPORTED),
        ("true", "Unknown", False, NOT_REPORTED),
        ("true", "False", False, None),
        ("true", "True", True, None),
        ("1", None, False, NOT_REPORTED),
        ("false", None, None, None),
        ("", None, None, None),
        ("yes", None, None, None),
        (None, "False", False, None),
        (None, "Unknown", None, None),
    ],
)
def test_with_health_checks_on_only_true_is_healthy(
    annotation: str | None, condition: str | None, healthy: bool | None, message: str | None
) -> None:
    annotations = {} if annotation is None else {CHECKED: annotation}
    status = {"conditions": [{"type": "Healthy", "status": condition}]} if condition else {}
    found = machine(entry({}, status, annotations=annotations))
    assert (found.healthy, found.health_message) == (healthy, message)


@pytest.mark.parametrize(
    ("spec", "metadata", "labels", "services"),
    [
        ({"app": "a"}, {}, {"app": "a"}, ("web",)),
        ({"app": "a"}, {"tool.example/instance": "x"}, {"app": "a", "tool.example/instance": "x"}, ("web",)),
        ({}, {"app": "a"}, {"app": "a"}, ("web",)),
        ({"app": "b"}, {"app": "a"}, {"app": "a"}, ("web",)),
        ({"app": "a"}, {"app": "b"}, {"app": "b"}, ()),
    ],
)
def test_labels_of_the_metadata_overlay_those_of_the_spec(
    spec: dict[str, str], metadata: dict[str, str], labels: dict[str, str], services: tuple[str, ...]
) -> None:
    found = machine(
        entry({"labels": spec}, labels=metadata),
        services=(Service(meta=Meta(name="web", namespace="shop"), selector={"app": "a"}),),
    )
    assert (dict(found.labels), found.services) == (labels, services)


@pytest.mark.parametrize(
    ("locality", "parts"),
    [
        ("eu/eu-1/rack-7", ("eu", "eu-1", "rack-7")),
        ("eu/eu-1", ("eu", "eu-1", None)),
        ("eu", ("eu", None, None)),
        ("eu//rack-7", ("eu", None, "rack-7")),
        ("a/b/c/d", ("a", "b", "c")),
        ("", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_a_locality_has_three_parts(locality: str | None, parts: tuple[str | None, ...]) -> None:
    assert split_locality(locality) == parts


def test_a_label_may_name_the_locality() -> None:
    assert machine(entry({}, labels={"istio-locality": "eu.eu-1.rack-7"})).locality == "eu/eu-1/rack-7"
    assert machine(entry({"locality": "us"}, labels={"istio-locality": "eu"})).locality == "us"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["labels", "locality", "address", "network", "conditions", "hosts", "workloadSelector"])


@given(st.dictionaries(FIELDS, JSON, max_size=5), st.dictionaries(FIELDS, JSON, max_size=3))
def test_an_entry_of_any_shape_is_a_machine(spec: dict[str, Any], status: dict[str, Any]) -> None:
    other = structs.replace(entry({}), meta=Meta(name="fine", namespace="shop"))
    strange = structs.replace(entry(spec), kind="ServiceEntry", meta=Meta(name="se", namespace="shop"))
    config = {"WorkloadEntry": (entry(spec, status), other), "ServiceEntry": (strange,)}
    found = virtual_machines(Inventory(config=config), "east")
    assert [one.name for one in found] == ["fine", "vm-1"]
    assert found[0] == virtual_machines(Inventory(config={**config, "WorkloadEntry": (other,)}), "east")[0]


@pytest.mark.parametrize(
    "spec", [{"labels": []}, {"labels": {"app": 5}}, {"address": {}, "network": 3, "locality": []}, {"labels": None}]
)
def test_a_spec_of_the_wrong_shape_is_unknown(spec: dict[str, Any]) -> None:
    found = machine(entry(spec, annotations={"istio.io/connectedAt": "yesterday"}))
    assert (found.app, found.address, found.network, found.connected_at) == ("vm-1", None, None, None)
