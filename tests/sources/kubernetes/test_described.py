"""An object with its pods and Events, from a simulated API server: whose they are, what is denied, no secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshtop.demo.kube.access import Account, PolicyRule, admin
from meshtop.demo.kube.app import kube_app
from meshtop.demo.kube.store import KubeStore
from meshtop.model.shown_object import DescribedObject
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes.any_object import ObjectReader
from meshtop.sources.kubernetes.described import describe_cluster, describe_object, pod_selector
from tests.demo.kube.running import running
from tests.sources.conftest import ref_to, write_kubeconfig
from tests.sources.kubernetes.test_judged import an_object
from tests.sources.kubernetes.test_traces import SECRET, TODAY, store


def peopled() -> KubeStore:
    """The store of the traces, with pods of the Deployment web and of another, and Events about them."""
    found = store()
    container = {"name": "c", "image": "i", "env": [{"name": "DB_PASSWORD", "value": SECRET}]}
    for name, labels in (("web-1-x", {"a": "b"}), ("other-1-y", {"a": "c"})):
        found.put(
            an_object("v1", "Pod", name, "shop", metadata={"labels": labels}, spec={"containers": [container]}),
            manager=None,
        )
    for name, kind, about in (("p1", "Pod", "web-1-x"), ("p2", "Pod", "other-1-y"), ("r1", "ReplicaSet", "web-1")):
        subject = {"kind": kind, "namespace": "shop", "name": about}
        found.put(
            an_object("v1", "Event", name, "shop", involvedObject=subject, reason="Killing",
                      message=f"password={SECRET}", lastTimestamp=TODAY), manager=None,
        )  # fmt: skip
    return found


async def described(
    tmp_path: Path, *wanted: str, account: Account | None = None, cluster: bool = False
) -> DescribedObject:
    accounts = [account or admin(token="good")]
    with running(lambda: kube_app(peopled(), git_version="v1.32.4", accounts=accounts)) as server:
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", server.url)), timeout_seconds=10)
        try:
            reader = ObjectReader(connection)
            return await (describe_cluster(reader) if cluster else describe_object(reader, *wanted))
        finally:
            await connection.close()


def names(read: Any) -> set[str]:
    return {one["metadata"]["name"] for one in read.found}


async def test_pods_and_events_are_those_of_the_object(tmp_path: Path) -> None:
    found = await described(tmp_path, "deployment", "shop", "web")
    assert names(found.subject) == {"web"}
    assert found.pods is not None
    assert found.events is not None
    assert names(found.pods) == {"web-1-x"}
    assert names(found.events) == {"e1", "e2", "p1", "r1"}
    assert not found.cut_off
    assert SECRET not in str(found)


async def test_what_is_not_there_costs_one_question(tmp_path: Path) -> None:
    found = await described(tmp_path, "deployment", "shop", "gone")
    assert (found.subject.found, found.pods, found.events) == ((), None, None)


async def test_an_unknown_kind_and_a_denied_list_say_so(tmp_path: Path) -> None:
    assert (await described(tmp_path, "nonsense", "shop", "web")).subject.unknown_kind
    urls = PolicyRule(("get",), urls=("*",))
    only = Account("narrow", token="good", rules=(urls, PolicyRule(("get",), ("apps",), ("deployments",))))
    found = await described(tmp_path, "deployment", "shop", "web", account=only)
    assert names(found.subject) == {"web"}
    assert found.pods is not None
    assert found.events is not None
    assert "pods" in (found.pods.error or "")
    assert "events" in (found.events.error or "")


async def test_a_cluster_is_nodes_and_warnings(tmp_path: Path) -> None:
    found = await described(tmp_path, cluster=True)
    assert found.pods is not None
    assert found.pods.kind == "Node"
    assert found.events is not None
    assert found.events.error is None


@pytest.mark.parametrize(
    ("tree", "selector"),
    [
        ({"kind": "Deployment", "spec": {"selector": {"matchLabels": {"a": "b", "c": "d"}}}}, "a=b,c=d"),
        ({"kind": "Service", "spec": {"selector": {"a": "b"}}}, "a=b"),
        ({"kind": "Service", "spec": {}}, ""),
        ({"kind": "VirtualService", "spec": {"hosts": ["x"]}}, ""),
        ({"kind": "PeerAuthentication", "spec": {"selector": {"matchLabels": {"a": "b"}}}}, ""),
        ({"kind": "Rollout", "spec": {"template": {}, "selector": {"matchLabels": {"a": "b"}}}}, "a=b"),
        ({"kind": "Deployment", "spec": {"selector": {"matchExpressions": [
            {"key": "a", "operator": "In", "values": ["b", "c"]}, {"key": "d", "operator": "NotIn", "values": ["e"]},
            {"key": "f", "operator": "Exists"}, {"key": "g", "operator": "DoesNotExist"}, {"key": "h"}]}}},
         "a in (b,c),d notin (e),f,!g"),
        ({"kind": "Deployment", "spec": None}, ""),
        ({"kind": "Deployment", "spec": {"selector": {"matchLabels": ["x"], "matchExpressions": 3}}}, ""),
    ],
)  # fmt: skip
def test_by_which_labels_an_object_chooses_pods(tree: dict[str, Any], selector: str) -> None:
    assert pod_selector(tree) == selector
