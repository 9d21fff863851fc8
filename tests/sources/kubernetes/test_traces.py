"""The marks of changes as they are read: metadata only, of the last day, where that is allowed; and any object."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshtop.demo.kube.access import Account, PolicyRule, admin
from meshtop.demo.kube.app import kube_app
from meshtop.demo.kube.store import KubeStore
from meshtop.model.evidence import WhyUnknown
from meshtop.model.kube import FIELD_WRITES, Inventory
from meshtop.model.secrecy import HIDDEN
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.any_object import NEVER_READ, ObjectReader, without_secrets
from meshtop.sources.kubernetes.traces import _event_since
from meshtop.sources.kubernetes.wire_traces import EventObject
from tests.demo.kube.running import running
from tests.sources.conftest import QUICK, ref_to, write_kubeconfig
from tests.sources.kubernetes.test_judged import an_object, definition

NOW = 1_790_000_000.0
TODAY, LONG_AGO = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (NOW - 60, NOW - 100 * 86_400))
SECRET = "c2VjcmV0"
"""What must never be seen."""


def entry(manager: str, time: str = TODAY, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "time": time, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:replicas": {}}}, **more}  # fmt: skip


def marked(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"creationTimestamp": LONG_AGO, "managedFields": list(entries)}


def store() -> KubeStore:
    found = KubeStore(lambda: NOW, "tests")
    for name in ("istio-system", "shop", "edge"):
        found.put(an_object("v1", "Namespace", name, metadata={"creationTimestamp": LONG_AGO}), manager=None)
    found.put(definition("networking.istio.io", "VirtualService", "virtualservices"))
    found.put(definition("networking.istio.io", "EnvoyFilter", "envoyfilters"))
    found.put(definition("example.com", "Thing", "things"))
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    labels = {"app": "istiod"}
    for name, namespace, meta in (
        ("web", "shop", marked(entry("kubectl-scale"), entry("kube-controller-manager", subresource="status"))),
        ("old", "shop", marked(entry("kubectl-scale", LONG_AGO))),
        ("istiod", "istio-system", {**marked(), "labels": labels}),
    ):
        found.put(an_object("apps/v1", "Deployment", name, namespace, metadata=meta, spec=spec), manager=None)
    istio = "networking.istio.io/v1"
    found.put(an_object(istio, "VirtualService", "web", "shop", metadata=marked(entry("kubectl-edit")),
                        spec={"hosts": ["web"]}), manager=None)  # fmt: skip
    found.put(an_object(istio, "EnvoyFilter", "lua", "edge", metadata=marked(entry("helm")), spec={}),
              manager=None)  # fmt: skip
    data = {"ca-key.pem": SECRET}
    applied = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"data": "{SECRET}"}}'}
    meta = {**marked(entry("kubectl-replace")), "annotations": applied}
    found.put(
        an_object("v1", "Secret", "cacerts", "istio-system", metadata=meta, type="Opaque", data=data), manager=None
    )
    for name, namespace, reason in (
        ("e1", "shop", "ScalingReplicaSet"),
        ("e2", "shop", "Pulled"),
        ("e3", "edge", "BackOff"),
    ):
        subject = {"kind": "Deployment", "namespace": namespace, "name": "web"}
        found.put(an_object("v1", "Event", name, namespace, involvedObject=subject, reason=reason, message="m",
                            firstTimestamp=TODAY, lastTimestamp=TODAY), manager=None)  # fmt: skip
    return found


async def read(tmp_path: Path, *, traced: bool = True, account: Account | None = None) -> Inventory:
    accounts = [account or admin(token="good")]
    with running(lambda: kube_app(store(), git_version="v1.32.4", accounts=accounts)) as server:
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", server.url)), timeout_seconds=10)
        source = KubernetesSource(connection, pace=QUICK, traced=traced, clock=lambda: NOW, own_namespace="shop")
        await source.list_all()
        inventory = source.inventory()
        await connection.close()
    assert inventory is not None
    return inventory


async def test_nothing_of_it_is_read_where_nobody_asks(tmp_path: Path) -> None:
    inventory = await read(tmp_path, traced=False)
    assert inventory.traces is None
    assert inventory.evidence("Event").why is WhyUnknown.NOT_READ


async def test_the_marks_of_the_last_day_and_no_status_and_no_data(tmp_path: Path) -> None:
    inventory = await read(tmp_path)
    traces = inventory.traces
    assert traces is not None
    kept = {(one.kind, one.namespace, one.name): [w.manager for w in one.writes] for one in traces.objects}
    assert kept == {
        ("Deployment", "shop", "web"): ["kubectl-scale"],
        ("VirtualService", "shop", "web"): ["kubectl-edit"],
        ("EnvoyFilter", "edge", "lua"): ["helm"],
        ("Secret", "istio-system", "cacerts"): ["kubectl-replace"],
    }
    assert [(one.reason, one.namespace) for one in traces.events] == [
        ("BackOff", "edge"),
        ("ScalingReplicaSet", "shop"),
    ]
    assert SECRET.encode() not in msgspec.json.encode(inventory)
    assert inventory.evidence(FIELD_WRITES).known
    assert inventory.evidence("Event").known


async def test_they_are_read_in_the_namespaces_where_that_is_allowed(tmp_path: Path) -> None:
    reading = ("get", "list", "watch")
    everything = PolicyRule(reading, ("*",), ("*",), namespaces=frozenset({"shop"}))
    urls = PolicyRule(("get",), urls=("*",))
    reviews = PolicyRule(("create",), ("*",), ("*",))
    account = Account("somebody", token="good", rules=(everything, urls, reviews))
    traces = (await read(tmp_path, account=account)).traces
    assert traces is not None
    assert {one.namespace for one in traces.objects} == {"shop"}
    assert [one.reason for one in traces.events] == ["ScalingReplicaSet"]


@pytest.mark.parametrize(
    "event",
    [
        {"involvedObject": {"kind": "Pod", "namespace": "shop", "name": "a"}, "message": "m", "count": 3,
         "firstTimestamp": LONG_AGO, "lastTimestamp": TODAY, "source": {"component": "kubelet"}},
        {"regarding": {"kind": "Pod", "namespace": "shop", "name": "a"}, "note": "m", "reportingController": "kubelet",
         "eventTime": LONG_AGO.replace("Z", ".123456Z"), "series": {"count": 3, "lastObservedTime": TODAY}},
        {"regarding": {"kind": "Pod", "namespace": "shop", "name": "a"}, "note": "m", "deprecatedCount": 3,
         "deprecatedFirstTimestamp": LONG_AGO, "deprecatedLastTimestamp": TODAY,
         "deprecatedSource": {"component": "kubelet"}},
    ],
    ids=["core/v1", "events.k8s.io", "events.k8s.io of an old reporter"],
)  # fmt: skip
def test_an_event_is_the_same_in_both_groups(event: dict[str, Any]) -> None:
    body = msgspec.json.encode({"metadata": {"creationTimestamp": TODAY}, "reason": "BackOff", **event})
    found = _event_since(NOW - 86_400)(msgspec.json.decode(body, type=EventObject))
    assert found is not None
    assert (found.kind, found.name, found.message, found.count, found.last, found.reporter) == (
        "Pod", "a", "m", 3, NOW - 60, "kubelet",
    )  # fmt: skip


async def shown(tmp_path: Path, word: str, namespace: str, name: str) -> Any:
    with running(lambda: kube_app(store(), git_version="v1.32.4", accounts=[admin(token="good")])) as server:
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", server.url)), timeout_seconds=10)
        try:
            return await ObjectReader(connection).read(word, namespace, name)
        finally:
            await connection.close()


@pytest.mark.parametrize(
    "word", ["deployments", "deployment", "deploy", "Deployment", "deployments.apps", "deployments.v1.apps"]
)
async def test_a_kind_goes_by_all_the_words_that_kubectl_takes(tmp_path: Path, word: str) -> None:
    read = await shown(tmp_path, word, "shop", "web")
    assert (read.kind, read.error, len(read.found)) == ("Deployment", None, 1)


async def test_definitions_of_others_are_kinds_too_and_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert (await shown(tmp_path, "things", "shop", "x")).kind == "Thing"
    assert (await shown(tmp_path, "nonsense", "shop", "x")).unknown_kind
    missing = await shown(tmp_path, "deploy", "shop", "nothing")
    assert (missing.found, missing.error) == ((), None)


async def test_without_a_namespace_every_one_is_searched(tmp_path: Path) -> None:
    read = await shown(tmp_path, "events", "", "e3")
    assert [one["metadata"]["namespace"] for one in read.found] == ["edge"]


@pytest.mark.parametrize("namespace", ["istio-system", ""])
async def test_of_a_secret_nothing_is_received_but_its_metadata(tmp_path: Path, namespace: str) -> None:
    read = await shown(tmp_path, "secrets", namespace, "cacerts")
    (found,) = read.found
    assert found["data"] == NEVER_READ
    assert SECRET not in repr(read)


def test_what_a_server_sends_against_the_question_is_taken_out() -> None:
    obj = {
        "kind": "Secret",
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRET, "a": "b"}},
        "data": {"key": SECRET},
        "stringData": {"key": SECRET},
    }
    told = without_secrets(obj)
    assert SECRET not in repr(told)
    assert told["data"] == {"key": HIDDEN}
    assert told["metadata"]["annotations"] == {"a": "b"}
    member = without_secrets({"kind": "Cluster", "spec": {"connection": {"kubeconfig": SECRET, "type": "direct"}}})
    assert member["spec"]["connection"] == {"kubeconfig": HIDDEN, "type": "direct"}
