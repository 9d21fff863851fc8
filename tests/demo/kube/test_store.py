"""The store as the simulator uses it."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.store import HISTORY, KubeStore


def service(name: str, namespace: str = "a", **spec: Any) -> Json:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def deployment(replicas: int, **status: int) -> Json:
    metadata = {"name": "web", "namespace": "a"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": replicas},
        "status": status,
    }


@pytest.fixture
def store() -> KubeStore:
    return KubeStore(lambda: 1_790_000_000.0, "one")


def test_put_sets_what_a_server_sets(store: KubeStore) -> None:
    first = store.put(deployment(1))
    metadata = first["metadata"]
    assert metadata["creationTimestamp"] == "2026-09-21T14:13:20Z"
    assert metadata["generation"] == 1
    scaled = store.put(deployment(2), manager="scaler")
    assert scaled["metadata"]["generation"] == 2
    reported = store.put(deployment(2, readyReplicas=2))
    assert reported["metadata"]["generation"] == 2
    assert reported["metadata"]["uid"] == metadata["uid"]
    assert int(reported["metadata"]["resourceVersion"]) > int(scaled["metadata"]["resourceVersion"])
    owned = {entry["manager"]: entry["fieldsV1"] for entry in scaled["metadata"]["managedFields"]}
    assert owned == {"kubectl-create": {"f:status": {}}, "scaler": {"f:spec": {"f:replicas": {}}}}


def test_putting_the_same_again_is_no_change(store: KubeStore) -> None:
    seen: list[str] = []
    store.subscribe(lambda kind, obj: seen.append(f"{kind} {obj['metadata']['name']}"))
    first = store.put(service("x", clusterIP="10.0.0.1"))
    assert store.put(service("x", clusterIP="10.0.0.1")) == first
    store.put(service("x", clusterIP="10.0.0.2"))
    assert store.delete("", "Service", "a", "x")
    assert not store.delete("", "Service", "a", "x")
    assert seen == ["ADDED x", "MODIFIED x", "DELETED x"]


def test_what_is_handed_out_is_a_copy(store: KubeStore) -> None:
    store.put(service("x", ports=[{"port": 1}]))
    for obj in (store.get("", "Service", "a", "x"), *store.list("", "Service")):
        assert obj is not None
        obj["spec"]["ports"][0]["port"] = 2
    changed = store.get("", "Service", "a", "x")
    assert changed is not None
    assert changed["spec"]["ports"] == [{"port": 1}]


def test_lists_are_by_namespace_and_name(store: KubeStore) -> None:
    for namespace, name in (("b", "x"), ("a", "z"), ("ab", "y"), ("a", "c")):
        store.put(service(name, namespace))
    everywhere = [entry.key for entry in store.entries("", "Service")]
    assert everywhere == [("a", "c"), ("a", "z"), ("ab", "y"), ("b", "x")]
    assert [entry.key for entry in store.entries("", "Service", "a")] == [("a", "c"), ("a", "z")]
    assert store.list("", "Service", "none") == []


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"apiVersion": "v9", "kind": "Nothing", "metadata": {"name": "x"}}, "is not installed"),
        ({"apiVersion": "v1", "kind": "Service", "metadata": {}}, "without metadata.name"),
        ({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}, "without metadata.namespace"),
    ],
)
def test_put_says_what_is_missing(store: KubeStore, obj: Json, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        store.put(obj)


def test_the_seed_makes_the_uids() -> None:
    def uid(seed: str) -> str:
        store = KubeStore(lambda: 0.0, seed)
        return str(store.put(service("x"))["metadata"]["uid"])

    assert uid("one") == uid("one")
    assert uid("one") != uid("two")


def test_history_is_bounded(store: KubeStore) -> None:
    start = store.revision
    for number in range(HISTORY + 1):
        store.put(service("x", clusterIP=str(number)), manager=None)
    resource = store.resource("", "Service")
    assert resource is not None
    assert store.changes_since(resource, start) is None
    kept = store.changes_since(resource, store.floor(resource))
    assert kept is not None
    assert len(kept) == HISTORY
    store.compact()
    assert store.changes_since(resource, store.revision) == ()


def test_a_put_definition_installs_its_kind(store: KubeStore) -> None:
    names = {"kind": "Widget", "plural": "widgets"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": names, "versions": [version]},
    }
    stored = store.put(definition)
    assert [condition["type"] for condition in stored["status"]["conditions"]] == ["NamesAccepted", "Established"]
    store.put({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})
    assert store.put(definition)["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]
    store.delete("apiextensions.k8s.io", "CustomResourceDefinition", None, "widgets.example.com")
    assert store.resource("example.com", "Widget") is None
