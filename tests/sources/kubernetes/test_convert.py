from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtop.model import kube
from meshtop.sources.kubernetes.kinds import BUILTIN, CONFIG, REMOTE_SECRETS, ApiKind, codec


def kind_named(name: str, group: str | None = None) -> ApiKind:
    return next(k for k in (*BUILTIN, *CONFIG) if k.name == name and group in (None, k.group))


def converted(name: str, item: dict[str, Any]) -> Any:
    kind = kind_named(name)
    body = json.dumps({"metadata": {"resourceVersion": "5"}, "items": [item]}).encode()
    read = codec(kind, kind.versions[0]).page(body)
    page, meta = read.objects, read.meta
    assert meta.resource_version == "5"
    return page[0]


META = {"name": "x", "namespace": "shop"}


def test_metadata() -> None:
    owners = [
        {"kind": "Other", "name": "o", "apiVersion": "v1"},
        {"kind": "ReplicaSet", "name": "rs", "apiVersion": "apps/v1", "controller": True},
    ]
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "keep": "me"}
    meta = {
        **META,
        "uid": "u",
        "resourceVersion": "9",
        "creationTimestamp": "1970-01-01T00:01:00Z",
        "labels": {"app": "x"},
        "annotations": annotations,
        "ownerReferences": owners,
    }
    assert converted("Namespace", {"metadata": meta}).meta == kube.Meta(
        name="x",
        namespace="shop",
        uid="u",
        resource_version="9",
        created=60.0,
        labels={"app": "x"},
        annotations={"keep": "me"},
        owner=kube.Owner(kind="ReplicaSet", name="rs", api_version="apps/v1"),
    )


def test_what_servers_write_as_null() -> None:
    nothing = {"name": "x", "creationTimestamp": None, "labels": None, "annotations": None, "ownerReferences": None}
    assert converted("EndpointSlice", {"metadata": nothing, "endpoints": None, "ports": None}).endpoints == ()
    assert converted("Service", {"metadata": nothing, "spec": {"ports": None, "selector": None}}).selector == {}
    assert converted("Pod", {"metadata": nothing, "spec": {"containers": None}}).containers == ()
    assert converted("VirtualService", {"metadata": nothing, "spec": None}).spec == {}


def test_a_node_in_its_place() -> None:
    labels = {"topology.kubernetes.io/region": "eu", "topology.kubernetes.io/zone": "eu-1"}
    status = {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.34.0"}}
    node = converted("Node", {"metadata": {"name": "n", "labels": labels}, "status": status})
    assert (node.ready, node.region, node.zone, node.kubelet_version) == (True, "eu", "eu-1", "v1.34.0")


def test_a_service_with_a_load_balancer() -> None:
    ports = [{"port": 80, "targetPort": "http", "appProtocol": "http2"}, {"port": 53, "protocol": "UDP", "name": "d"}]
    service = converted(
        "Service",
        {
            "metadata": META,
            "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "externalIPs": ["1.1.1.1"], "ports": ports},
            "status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}, {"hostname": "lb.example"}, {}]}},
        },
    )
    assert service.external_ips == ("1.1.1.1", "lb.example")
    assert service.cluster_ip == "10.0.0.1"
    assert service.ports == (
        kube.ServicePort(port=80, target="http", app_protocol="http2"),
        kube.ServicePort(port=53, protocol="UDP", name="d"),
    )


def test_an_endpoint() -> None:
    endpoint = {
        "addresses": ["10.1.1.1"],
        "conditions": {"ready": False, "terminating": True},
        "hostname": "h",
        "nodeName": "n",
        "zone": "z",
        "targetRef": {"kind": "Pod", "name": "p", "uid": "u"},
    }
    slice_ = converted(
        "EndpointSlice",
        {"metadata": {**META, "labels": {"kubernetes.io/service-name": "s"}}, "endpoints": [endpoint, {}]},
    )
    assert slice_.service == "s"
    assert slice_.endpoints == (
        kube.Endpoint(
            addresses=("10.1.1.1",),
            ready=False,
            terminating=True,
            hostname="h",
            node="n",
            zone="z",
            target_kind="Pod",
            target_name="p",
            target_uid="u",
        ),
        kube.Endpoint(),
    )


READY = [{"type": "Ready", "status": "True"}]


def waiting(reason: str, **more: Any) -> dict[str, Any]:
    return {"ready": False, "state": {"waiting": {"reason": reason}}, **more}


@pytest.mark.parametrize(
    ("meta", "status", "ready", "problem"),
    [
        ({}, {"phase": "Running", "conditions": READY}, True, None),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, {"conditions": READY}, False, "Terminating"),
        ({}, {"containerStatuses": [waiting("CrashLoopBackOff")]}, False, "CrashLoopBackOff"),
        ({}, {"containerStatuses": [waiting("ContainerCreating")]}, False, "ContainerCreating"),
        (
            {},
            {
                "initContainerStatuses": [waiting("ImagePullBackOff")],
                "containerStatuses": [waiting("PodInitializing")],
            },
            False,
            "ImagePullBackOff",
        ),
        ({}, {"containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled"}}}]}, False, "OOMKilled"),
        (
            {},
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
            False,
            "Unschedulable",
        ),
        ({}, {"phase": "Failed", "reason": "Evicted"}, False, "Evicted"),
        ({}, {"phase": "Failed"}, False, "Failed"),
        ({}, {"phase": "Running"}, False, None),
        ({}, {"initContainerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}]}, False, None),
    ],
)
def test_why_a_pod_is_not_ready(meta: dict[str, Any], status: dict[str, Any], ready: bool, problem: str | None) -> None:
    pod = converted("Pod", {"metadata": {**META, **meta}, "status": status})
    assert (pod.ready, pod.problem) == (ready, problem)


def test_a_pods_containers_and_annotations() -> None:
    annotations = {"sidecar.istio.io/status": "{}", "ambient.istio.io/redirection": "enabled", "big": "x"}
    spec = {
        "containers": [{"name": "app", "image": "app:1"}],
        "initContainers": [
            {"name": "istio-proxy", "image": "proxyv2:1.30", "restartPolicy": "Always"},
            {"name": "istio-init", "image": "proxyv2:1.30"},
        ],
        "nodeName": "n",
        "serviceAccountName": "sa",
        "hostNetwork": True,
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "id", "csi": {"driver": "csi.spiffe.io"}}],
    }
    status = {"podIP": "10.0.0.1", "containerStatuses": [{"restartCount": 2}, {"restartCount": 3}]}
    pod = converted("Pod", {"metadata": {**META, "annotations": annotations}, "spec": spec, "status": status})
    assert [c.name for c in pod.containers] == ["app", "istio-proxy"]
    assert sorted(pod.meta.annotations) == ["ambient.istio.io/redirection", "sidecar.istio.io/status"]
    assert (pod.node, pod.service_account, pod.host_network) == ("n", "sa", True)
    assert pod.csi_drivers == ("csi.spiffe.io",)
    assert (pod.ip, pod.restarts) == ("10.0.0.1", 5)
    assert pod.restarted_at is None, "nothing says when"


def test_when_a_container_was_started_again_and_why() -> None:
    def container(restarts: int, started: str, **last: str) -> dict[str, object]:
        running = {"running": {"startedAt": started}}
        return {"restartCount": restarts, "state": running, "lastState": {"terminated": last} if last else {}}

    statuses = [
        container(0, "2026-08-01T14:04:00Z"),
        container(1, "2026-08-01T14:00:00Z", reason="OOMKilled"),
        container(4, "2026-08-01T13:00:00Z", reason="Error"),
        {"restartCount": 9, "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
        container(1, "no moment at all"),
    ]
    pod = converted("Pod", {"metadata": META, "status": {"containerStatuses": statuses}})
    assert (pod.restarted_at, pod.restart_reason) == (1_785_592_800.0, "OOMKilled")
    fresh = converted("Pod", {"metadata": META, "status": {"containerStatuses": statuses[:1]}})
    assert (fresh.restarted_at, fresh.restart_reason) == (None, ""), "its first start is no restart"


@pytest.mark.parametrize(
    ("kind", "spec", "status", "desired", "ready"),
    [
        ("Deployment", {"replicas": 3}, {"readyReplicas": 2}, 3, 2),
        ("Deployment", {}, {}, 1, 0),
        ("StatefulSet", {"replicas": 0}, {}, 0, 0),
        ("ReplicaSet", {"replicas": 2}, {"readyReplicas": 2}, 2, 2),
        ("DaemonSet", {}, {"desiredNumberScheduled": 5, "numberReady": 4}, 5, 4),
    ],
)
def test_what_a_controller_wants(
    kind: str, spec: dict[str, Any], status: dict[str, Any], desired: int, ready: int
) -> None:
    controller = converted(kind, {"metadata": META, "spec": spec, "status": status})
    assert (controller.kind, controller.desired, controller.ready) == (kind, desired, ready)


def test_a_custom_resource_keeps_its_spec_and_its_managers() -> None:
    managed = [{"manager": "argocd", "operation": "Update", "time": "1970-01-01T00:00:07Z", "fieldsV1": {"f:x": {}}}]
    spec = {"hosts": ["a"], "http": [{"route": [{"weight": 5}]}]}
    item = {"metadata": {**META, "generation": 4, "managedFields": managed}, "spec": spec, "status": {"a": 1}}
    found = converted("VirtualService", item)
    assert (found.group, found.version, found.kind) == ("networking.istio.io", "v1", "VirtualService")
    assert (found.spec, found.status, found.generation) == (spec, {"a": 1}, 4)
    assert found.managers == (kube.Manager(manager="argocd", operation="Update", time=7.0),)


def test_a_secret_has_no_place_for_data() -> None:
    annotations = {"networking.istio.io/cluster": "west", "kubectl.kubernetes.io/last-applied-configuration": "PRIVATE"}
    item = {"metadata": {"name": "s", "annotations": annotations}, "data": {"k": "PRIVATE"}}
    page = REMOTE_SECRETS.page(json.dumps({"items": [item]}).encode()).objects
    assert page[0].cluster_id == "west"
    assert "PRIVATE" not in repr(page)


def documents(path: Path) -> Iterator[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load_all(path.read_text(encoding="utf-8"), Loader=loader)


@pytest.mark.conformance
def test_real_manifests_are_understood(shared_data: Path) -> None:
    """Every object of Istio's samples whose kind is read, through the same decoders as a server's answers."""
    counts: dict[str, int] = {}
    for path in sorted((shared_data / "samples").rglob("*.yaml")):
        for document in documents(path):
            if not isinstance(document, dict) or "kind" not in document:
                continue
            group, _, version = str(document.get("apiVersion")).rpartition("/")
            kind = next((k for k in (*BUILTIN, *CONFIG) if (k.name, k.group) == (document["kind"], group)), None)
            if kind is None:
                continue
            assert version in kind.versions
            page = codec(kind, version).page(json.dumps({"items": [document]}).encode()).objects
            assert page[0].meta.name == document["metadata"]["name"]
            if isinstance(page[0], kube.ConfigObject):
                assert page[0].spec == (document.get("spec") or {})
            counts[kind.key] = counts.get(kind.key, 0) + 1
    assert {"Service", "Deployment", "VirtualService", "DestinationRule", "Gateway", "HTTPRoute"} <= counts.keys()
    assert counts["VirtualService"] > 10


@pytest.mark.conformance
def test_every_kind_is_a_real_one(shared_data: Path) -> None:
    """Names, groups and versions against the real CustomResourceDefinitions."""
    served: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for path in sorted((shared_data / "crds").rglob("*.yaml")):
        for document in documents(path):
            if isinstance(document, dict) and document.get("kind") == "CustomResourceDefinition":
                spec = document["spec"]
                versions = {version["name"] for version in spec["versions"] if version["served"]}
                served[(spec["group"], spec["names"]["plural"])] = (spec["names"]["kind"], versions)
    known = [kind for kind in CONFIG if (kind.group, kind.plural) in served]
    assert len(known) >= 15
    for kind in known:
        name, versions = served[(kind.group, kind.plural)]
        assert name == kind.name
        assert versions & set(kind.versions)
