from __future__ import annotations

from typing import Any

import pytest

from meshtop.analysis.identity.gateways import GATEWAY_API, gateway_into
from meshtop.analysis.identity.remotes import hinted_id, remote_ids, remotes_complete
from meshtop.model.kube import ConfigObject, Inventory, KindStatus, Meta, Node, RemoteSecret, Service

LABEL = "topology.istio.io/network"
SELECTOR = "traffic.istio.io/nodeSelector"
PASSES = {"servers": [{"tls": {"mode": "AUTO_PASSTHROUGH"}}]}


def gateway(spec: dict[str, Any], status: dict[str, Any] | None = None, **labels: str) -> ConfigObject:
    keyed = {LABEL if key == "network" else key: value for key, value in labels.items()}
    meta = Meta(name="ew", namespace="istio-system", labels=keyed)
    return ConfigObject(group="", version="v1", kind="Gateway", meta=meta, spec=spec, status=status or {})


def door(*, network: str = "n2", addresses: tuple[str, ...] = (), kind: str = "LoadBalancer", nodes: str | None = None,
         **labels: str) -> Service:  # fmt: skip
    annotations = {SELECTOR: nodes} if nodes is not None else {}
    meta = Meta(name="ew", namespace="istio-system", labels={LABEL: network, **labels}, annotations=annotations)
    return Service(meta=meta, type=kind, external_ips=addresses)


NODES = (Node(meta=Meta(name="n", labels={"edge": "yes"})),)


@pytest.mark.parametrize(
    ("service", "leads"),
    [
        pytest.param(door(addresses=("192.0.2.1",)), True, id="an external address"),
        pytest.param(door(addresses=("ew.example.org",)), True, id="a host name"),
        pytest.param(door(), False, id="a load balancer without an address"),
        pytest.param(door(network="n3", addresses=("192.0.2.1",)), False, id="of another network"),
        pytest.param(door(kind="NodePort"), False, id="a node port that istiod does not look at"),
        pytest.param(door(kind="NodePort", nodes='{"edge": "yes"}'), True, id="a node port on selected nodes"),
        pytest.param(door(kind="NodePort", nodes="{}"), True, id="a node port on all nodes"),
        pytest.param(door(kind="NodePort", nodes='{"edge": "no"}'), False, id="a node port on no node"),
        pytest.param(door(kind="NodePort", nodes="edge=yes"), False, id="a selector that cannot be understood"),
        pytest.param(door(kind="NodePort", nodes="[1]"), False, id="a selector of another shape"),
        pytest.param(door(nodes="{}"), False, id="a node selector on another type"),
        pytest.param(door(kind="ClusterIP", addresses=("192.0.2.1",)), True, id="external IPs"),
    ],
)
def test_services_that_lead_into_a_network(service: Service, leads: bool) -> None:
    inventory = Inventory(services=(service,), nodes=NODES, config={"Gateway": (gateway(PASSES),)})
    assert gateway_into(inventory, "n2", []) is leads


def test_an_address_where_nothing_listens_leads_nowhere() -> None:
    assert gateway_into(Inventory(services=(door(addresses=("192.0.2.1",)),)), "n2", []) is False


@pytest.mark.parametrize(
    ("entry", "leads"),
    [
        ({"address": "192.0.2.9", "port": 15443}, True),
        ({"registryServiceName": "ew.istio-system.svc.cluster.local"}, True),
        ({"registryServiceName": "other.istio-system.svc.cluster.local"}, False),
        ({"port": 15443}, False),
        (7, False),
    ],
)
def test_gateways_of_mesh_networks(entry: object, leads: bool) -> None:
    inventory = Inventory(
        services=(door(network="", addresses=("192.0.2.1",)),), config={"Gateway": (gateway(PASSES),)}
    )
    assert gateway_into(inventory, "n2", [{"networks": {"n2": {"gateways": [entry]}}}]) is leads


@pytest.mark.parametrize(
    ("status", "services", "label", "leads"),
    [
        ({"addresses": [{"value": "192.0.2.1"}]}, (), "n2", True),
        ({"addresses": [{"value": "192.0.2.1"}]}, (), "n3", False),
        ({}, (), "n2", False),
        ({"addresses": "none"}, (), "n2", False),
        (
            {},
            (door(network="", addresses=("192.0.2.1",), **{"gateway.networking.k8s.io/gateway-name": "ew"}),),
            "n2",
            True,
        ),
    ],
)
def test_ambient_gateways(status: dict[str, Any], services: tuple[Service, ...], label: str, leads: bool) -> None:
    own = gateway({"gatewayClassName": "istio-east-west"}, status, network=label)
    inventory = Inventory(services=services, config={GATEWAY_API: (own,)})
    assert gateway_into(inventory, "n2", []) is leads


def test_what_was_not_read_is_not_known() -> None:
    kinds = (KindStatus(kind="Service", state="denied"), KindStatus(kind="Gateway"), KindStatus(kind=GATEWAY_API))
    assert gateway_into(Inventory(kinds=kinds), "n2", []) is None


def named(name: str, cluster: str | None = None) -> RemoteSecret:
    return RemoteSecret(meta=Meta(name=name), cluster_id=cluster)


def test_ids_of_remote_secrets_are_hints() -> None:
    assert [hinted_id(s) for s in (named("istio-remote-secret-west"), named("any", "north"), named("n2-k8s"))] == [
        "west", "north", None,
    ]  # fmt: skip
    inventory = Inventory(remote_secrets=(named("istio-remote-secret-west"), named("n2-k8s")))
    assert remote_ids(inventory, ["south"]) == {"west", "south"}


@pytest.mark.parametrize(
    ("secrets", "synced", "complete"),
    [
        ((), (), True),
        ((named("istio-remote-secret-west"),), (), True),
        ((named("istio-remote-secret-elsewhere"),), (), False),
        ((named("n2-k8s"),), (), False),
        ((named("n2-k8s"),), ("west",), True),
    ],
)
def test_whether_a_cluster_is_certainly_no_remote_one(
    secrets: tuple[RemoteSecret, ...], synced: tuple[str, ...], complete: bool
) -> None:
    assert remotes_complete(Inventory(remote_secrets=secrets), synced, ["east", "west"]) is complete


def test_a_forbidden_list_of_secrets_is_complete_only_by_what_istiod_names() -> None:
    denied = Inventory(kinds=(KindStatus(kind="Secret", state="denied"),))
    assert not remotes_complete(denied, (), ["west"])
    assert remotes_complete(denied, ["west"], ["west"])
