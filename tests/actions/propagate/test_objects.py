"""What of a cluster can be copied, and what of an object is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.actions.errors import ActionError
from meshtop.actions.propagate.objects import ObjectRef, find_copyable, find_object, manifest, objects_of
from meshtop.demo.kube.resource import Json
from meshtop.model.kube import ConfigObject, Inventory, Meta, Namespace, Owner
from tests.actions.mesh import NETWORKING

ROUTE = ObjectRef(
    kind="VirtualService", group=NETWORKING, version="v1", plural="virtualservices", namespace="shop", name="reviews"
)


LIVE: Json = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {
        "name": "reviews",
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{"manager": "kubectl"}],
        "ownerReferences": [{"kind": "Thing"}],
        "finalizers": ["x"],
        "labels": {"app": "reviews", "topology.istio.io/network": "n1"},
        "annotations": {"note": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
    },
    "spec": {"hosts": ["reviews"]},
    "status": {"conditions": []},
}


def test_only_what_people_decided_is_copied() -> None:
    assert manifest(ROUTE, LIVE) == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {
            "name": "reviews",
            "namespace": "shop",
            "labels": {"app": "reviews"},
            "annotations": {"note": "kept"},
        },
        "spec": {"hosts": ["reviews"]},
    }


@pytest.mark.parametrize(("cluster_ip", "kept"), [("10.0.0.1", None), ("None", "None")])
def test_a_service_goes_without_the_addresses_of_its_cluster(cluster_ip: str, kept: str | None) -> None:
    service = ObjectRef(kind="Service", group="", version="v1", plural="services", namespace="shop", name="web")
    spec = {"clusterIP": cluster_ip, "clusterIPs": [cluster_ip], "ports": [{"port": 80, "nodePort": 30080}]}
    found = manifest(service, {"metadata": {}, "spec": spec})["spec"]
    assert found == {"ports": [{"port": 80}], **({"clusterIP": kept} if kept else {})}


_PARTS = st.dictionaries(st.sampled_from(["hosts", "http", "gateways"]), st.lists(st.text(max_size=4), max_size=3))


_TAGS = st.dictionaries(
    st.sampled_from(["app", "note", "topology.istio.io/network", "argocd.argoproj.io/x"]), st.text(max_size=4)
)


@given(_PARTS, _TAGS, _TAGS)
def test_what_is_copied_of_a_copy_is_the_copy(spec: dict[str, Any], labels: Any, annotations: Any) -> None:
    once = manifest(ROUTE, {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec})
    assert manifest(ROUTE, once) == once


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("vs", "VirtualService"),
        ("VirtualServices", "VirtualService"),
        ("gateway", "Gateway"),
        ("gateways", "Gateway"),
        ("gateways.gateway.networking.k8s.io", "Gateway.gateway.networking.k8s.io"),
        ("rolebinding", "RoleBinding"),
    ],
)
def test_kinds_go_by_many_names(word: str, kind: str) -> None:
    assert find_copyable(word) == kind


@pytest.mark.parametrize("word", ["secret", "configmap", "pod", "deployment", "serviceexport", ""])
def test_what_is_each_clusters_own_is_not_copied(word: str) -> None:
    with pytest.raises(ActionError, match="cannot be copied"):
        find_copyable(word)


def config(kind: str, name: str, namespace: str = "shop", **more: Any) -> ConfigObject:
    return ConfigObject(group="g", version="v1", kind=kind, meta=Meta(name=name, namespace=namespace, **more))


def test_a_set_leaves_out_what_is_owned_or_came_with_the_cluster() -> None:
    inventory = Inventory(
        config={
            "RoleBinding": (config("RoleBinding", "b"),),
            "Role": (config("Role", "a"), config("Role", "owned", owner=Owner("Thing", "t"))),
            "ClusterRole": (
                config("ClusterRole", "system:x", ""),
                config("ClusterRole", "boot", "", labels={"kubernetes.io/bootstrapping": "rbac-defaults"}),
                config("ClusterRole", "own", ""),
            ),
        }
    )
    found = objects_of(inventory, ("Role", "RoleBinding", "ClusterRole"), None)
    assert [(t.kind, t.name) for t in found] == [("ClusterRole", "own"), ("Role", "a"), ("RoleBinding", "b")]
    inside = objects_of(inventory, ("Role", "RoleBinding", "ClusterRole"), ["shop"])
    assert [t.kind for t in inside] == ["Role", "RoleBinding"]


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "match"),
    [
        ("Role", "", "a", "NAMESPACE/NAME"),
        ("ClusterRole", "shop", "a", "no namespace"),
        ("Role", "shop", "nope", "has no Role shop/nope"),
    ],
)
def test_one_object_is_found_or_said(kind: str, namespace: str, name: str, match: str) -> None:
    inventory = Inventory(namespaces=(Namespace(meta=Meta(name="shop")),))
    with pytest.raises(ActionError, match=match):
        find_object(inventory, kind, namespace, name, "east")
