"""What an alert is about: objects that exist and that its labels name, and not who measured."""

from __future__ import annotations

import pytest

from meshtop.analysis.alerting.ties import TieIndex, tie_index, ties_of
from meshtop.analysis.inventory.workloads import workloads
from meshtop.model.alerting import namespaces_named
from meshtop.model.kube import Controller, Inventory, Meta, Namespace, Node, Owner, Pod, Service


def pod(namespace: str, name: str, workload: str, ip: str | None = None, **more: object) -> Pod:
    labels = {"pod-template-hash": "abc"}
    owner = Owner("ReplicaSet", f"{workload}-abc")
    return Pod(meta=Meta(name=name, namespace=namespace, labels=labels, owner=owner), ip=ip, **more)  # type: ignore[arg-type]


def index(cluster: str) -> TieIndex:
    inventory = Inventory(
        namespaces=tuple(Namespace(meta=Meta(name=name)) for name in ("shop", "monitoring", "istio-system")),
        nodes=(Node(meta=Meta(name="node-1")),),
        services=tuple(Service(meta=Meta(name=name, namespace="shop")) for name in ("reviews", "cart")),
        pods=(
            pod("shop", "reviews-v3-abc-x", "reviews-v3", "10.0.0.5"),
            pod("monitoring", "kube-state-metrics-abc-y", "kube-state-metrics", "10.0.0.6"),
            pod("monitoring", "node-exporter-abc-z", "node-exporter", "192.168.0.1", host_network=True, node="node-1"),
        ),
        controllers=(Controller(kind="Deployment", meta=Meta(name="cart", namespace="shop"), desired=1),),
    )
    return tie_index(cluster, inventory, workloads(inventory, cluster), ())


INDEXES = {"east": index("east"), "east-id": index("east"), "west": index("west")}
KSM = {
    "job": "kube-state-metrics",
    "instance": "10.0.0.6:8080",
    "service": "kube-state-metrics",
    "container": "kube-state-metrics",
}


@pytest.mark.parametrize(
    ("labels", "about"),
    [
        # Istio's own labels, in another cluster where they say so.
        (
            {"destination_workload": "reviews-v3", "destination_workload_namespace": "shop"},
            "workloads east/shop/reviews-v3, namespaces east/shop, clusters east",
        ),
        (
            {
                "destination_service": "reviews.shop.svc.cluster.local",
                "destination_cluster": "west",
                "source_workload": "cart",
            },
            "services west/shop/reviews, namespaces west/shop, clusters west",
        ),
        # Kubernetes' objects.
        (
            {"namespace": "shop", "pod": "reviews-v3-abc-x"},
            "workloads east/shop/reviews-v3, namespaces east/shop, clusters east",
        ),
        (
            {**KSM, "namespace": "shop", "deployment": "cart", "pod": "kube-state-metrics-abc-y"},
            "workloads east/shop/cart, namespaces east/shop, clusters east",
        ),
        # Who measured is not what is wrong, nor is its namespace.
        (
            {**KSM, "namespace": "monitoring", "pod": "kube-state-metrics-abc-y", "node": "node-1"},
            "nodes east/node-1, clusters east",
        ),
        (
            {"job": "node-exporter", "instance": "192.168.0.1:9100", "namespace": "monitoring"},
            "nodes east/node-1, clusters east",
        ),
        # Unless nothing else is named: then it is the exporter itself.
        (
            {"job": "reviews", "namespace": "shop", "instance": "10.0.0.5:15020"},
            "workloads east/shop/reviews-v3, services east/shop/reviews, namespaces east/shop, clusters east",
        ),
        # A name without an object is no object.
        ({"namespace": "shop", "deployment": "gone"}, "namespaces east/shop, clusters east"),
        ({"namespace": "gone", "pod": "gone-1"}, "clusters east"),
        ({"cluster": "west"}, "clusters west"),
        ({"cluster": "nowhere"}, "clusters east"),
        ({}, "clusters east"),
    ],
)
def test_an_alert_is_about_what_its_labels_name(labels: dict[str, str], about: str) -> None:
    found = []
    for tie in ties_of(labels, "east", INDEXES):
        where = (
            tie.cluster if tie.kind == "clusters" else "/".join(filter(None, (tie.cluster, tie.namespace, tie.name)))
        )
        found.append(f"{tie.kind} {where}")
    assert ", ".join(found) == about


def test_an_alert_of_no_cluster_is_about_the_one_that_it_names() -> None:
    assert ties_of({}, "", INDEXES) == ()
    assert [tie.cluster for tie in ties_of({"cluster": "west", "node": "node-1"}, "", INDEXES)] == ["west", "west"]


def test_every_namespace_that_labels_name_is_known() -> None:
    labels = {"namespace": "a", "exported_namespace": "b", "destination_service": "x.c.svc.cluster.local", "pod": "d"}
    assert namespaces_named(labels) == {"a", "b", "c"}
    assert namespaces_named({"destination_service": "api.example.com", "source_workload_namespace": "unknown"}) == set()
