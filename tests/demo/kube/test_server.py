"""The simulated API server over real sockets, asked by a plain HTTP client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from aiohttp import web

from meshtop.demo.kube.access import Account, PolicyRule, admin
from meshtop.demo.kube.app import STORE, WATCHES
from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.status import ApiError
from tests.demo.kube.conftest import make_app, make_store, wait_until
from tests.demo.kube.running import Running, running
from tests.patience import PATIENCE_SECONDS

ADMIN = {"Authorization": "Bearer demo-admin"}
VIEWER = {"Authorization": "Bearer demo-viewer"}
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
MERGE = "application/merge-patch+json"
PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Cluster:
    """A served store and a client of it."""

    def __init__(self, server: Running, app: web.Application) -> None:
        self.server = server
        self.store = app[STORE]
        self.watches = app[WATCHES]
        self.http = httpx.Client(base_url=server.url, headers=ADMIN, timeout=PATIENCE_SECONDS, trust_env=False)

    def ask(self, method: str, path: str, code: int = 200, **arguments: Any) -> Any:
        response = self.http.request(method, path, **arguments)
        assert response.status_code == code, response.text
        return response.json()

    def put(self, obj: Json) -> Json:
        return self.server.call(lambda: self.store.put(obj))


def serve(**settings: Any) -> Iterator[Cluster]:
    apps: list[web.Application] = []

    def make() -> web.Application:
        apps.append(make_app(make_store(), **settings))
        return apps[0]

    with running(make) as server:
        cluster = Cluster(server, apps[0])
        with cluster.http:
            yield cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield from serve(bookmark_seconds=0.05)


def configmap(name: str, **data: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": {"name": name}},
        "data": data,
    }


def test_pages_are_one_snapshot(cluster: Cluster) -> None:
    for number in range(7):
        cluster.put(configmap(f"c{number}"))
    first = cluster.ask("GET", CONFIGMAPS, params={"limit": 3})
    assert first["metadata"]["remainingItemCount"] == 4
    cluster.put(configmap("c0-later"))
    cluster.ask("DELETE", f"{CONFIGMAPS}/c6")
    second = cluster.ask("GET", CONFIGMAPS, params={"limit": 3, "continue": first["metadata"]["continue"]})
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    last = cluster.ask("GET", CONFIGMAPS, params={"limit": 3, "continue": second["metadata"]["continue"]})
    assert "continue" not in last["metadata"]
    names = [item["metadata"]["name"] for page in (first, second, last) for item in page["items"]]
    assert names == [f"c{number}" for number in range(7)]


def test_pages_of_a_selection(cluster: Cluster) -> None:
    for number in range(6):
        cluster.put(configmap(f"c{number}"))
    selector = {"labelSelector": "name in (c1,c4)", "limit": 1}
    first = cluster.ask("GET", CONFIGMAPS, params=selector)
    assert "remainingItemCount" not in first["metadata"]
    second = cluster.ask("GET", CONFIGMAPS, params={**selector, "continue": first["metadata"]["continue"]})
    assert [page["items"][0]["metadata"]["name"] for page in (first, second)] == ["c1", "c4"]
    assert "continue" not in second["metadata"]


def test_a_continue_token_expires(cluster: Cluster) -> None:
    for number in range(3):
        cluster.put(configmap(f"c{number}"))
    token = cluster.ask("GET", CONFIGMAPS, params={"limit": 1})["metadata"]["continue"]
    cluster.server.call(cluster.store.compact)
    refused = cluster.ask("GET", CONFIGMAPS, 410, params={"limit": 1, "continue": token})
    assert refused["reason"] == "Expired"
    assert cluster.ask("GET", CONFIGMAPS, 400, params={"continue": "%%%"})["reason"] == "BadRequest"


def events(cluster: Cluster, count: int, **params: Any) -> list[Json]:
    """The first `count` events of a watch."""
    found: list[Json] = []
    wanted = {"watch": "true", **params}
    with cluster.http.stream("GET", CONFIGMAPS, params=wanted) as response:
        assert response.status_code == 200
        lines = response.iter_lines()
        while len(found) < count:
            found.append(json.loads(next(lines)))
    return found


def test_a_watch_tells_what_happened_since(cluster: Cluster) -> None:
    version = cluster.ask("GET", CONFIGMAPS)["metadata"]["resourceVersion"]
    cluster.ask("POST", CONFIGMAPS, 201, json=configmap("a", x="1"))
    cluster.ask("PATCH", f"{CONFIGMAPS}/a", json={"data": {"x": "2"}}, headers={"Content-Type": MERGE})
    cluster.ask("DELETE", f"{CONFIGMAPS}/a")
    seen = events(cluster, 3, resourceVersion=version)
    assert [(event["type"], event["object"]["data"]["x"]) for event in seen] == [
        ("ADDED", "1"),
        ("MODIFIED", "2"),
        ("DELETED", "2"),
    ]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))


def test_a_selecting_watch_sees_objects_come_and_go(cluster: Cluster) -> None:
    version = cluster.ask("GET", CONFIGMAPS)["metadata"]["resourceVersion"]
    cluster.put(configmap("a"))
    for label in ("blue", "red", "blue"):
        patch = {"metadata": {"labels": {"colour": label}}}
        cluster.ask("PATCH", f"{CONFIGMAPS}/a", json=patch, headers={"Content-Type": MERGE})
    seen = events(cluster, 3, resourceVersion=version, labelSelector="colour=blue")
    assert [event["type"] for event in seen] == ["ADDED", "DELETED", "ADDED"]


def test_an_old_watch_is_told_to_list_again(cluster: Cluster) -> None:
    cluster.put(configmap("a"))
    cluster.server.call(cluster.store.compact)
    (event,) = events(cluster, 1, resourceVersion=1)
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


def test_bookmarks_and_the_time_limit(cluster: Cluster) -> None:
    version = cluster.put(configmap("a"))["metadata"]["resourceVersion"]
    params = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": 1, "resourceVersion": version}
    lines = cluster.http.get(CONFIGMAPS, params=params).text.splitlines()
    marks = [json.loads(line) for line in lines]
    assert {mark["type"] for mark in marks} == {"BOOKMARK"}
    assert marks[-1]["object"] == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": version}}


def test_a_streaming_list_ends_with_its_mark(cluster: Cluster) -> None:
    cluster.put(configmap("a"))
    seen = events(cluster, 2, sendInitialEvents="true", allowWatchBookmarks="true")
    assert seen[0]["object"]["metadata"]["name"] == "a"
    assert seen[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_live_watch_and_a_client_that_leaves(cluster: Cluster) -> None:
    watches = cluster.watches
    got: list[Json] = []

    def follow() -> None:
        got.extend(events(cluster, 1, resourceVersion=cluster.store.revision))

    thread = threading.Thread(target=follow)
    thread.start()
    wait_until(lambda: len(watches) == 1)
    cluster.put(configmap("live"))
    thread.join(timeout=PATIENCE_SECONDS)
    assert got[0]["object"]["metadata"]["name"] == "live"
    cluster.http.close()
    wait_until(lambda: len(watches) == 0)


def test_metadata_only(cluster: Cluster) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}}
    cluster.put({**secret, "data": {"key": "aGlkZGVu"}})
    response = cluster.http.get("/api/v1/secrets", headers={"Accept": PARTIAL})
    assert "aGlkZGVu" not in response.text
    assert response.json()["kind"] == "PartialObjectMetadataList"
    assert response.json()["items"][0]["kind"] == "PartialObjectMetadata"
    one = cluster.ask("GET", "/api/v1/namespaces/default/secrets/s", headers={"Accept": PARTIAL.replace("List", "")})
    assert set(one) == {"kind", "apiVersion", "metadata"}
    assert cluster.ask("GET", "/api/v1/namespaces/default/secrets/s")["data"] == {"key": "aGlkZGVu"}


def test_protobuf_alone_is_not_acceptable(cluster: Cluster) -> None:
    protobuf = "application/vnd.kubernetes.protobuf"
    assert cluster.ask("GET", "/api/v1/pods", 406, headers={"Accept": protobuf})["reason"] == "NotAcceptable"
    both = cluster.ask("GET", "/api/v1/pods", headers={"Accept": f"{protobuf},application/json"})
    assert both["kind"] == "PodList"


def test_large_answers_are_compressed_when_asked(cluster: Cluster) -> None:
    cluster.put(configmap("large", text="x" * 200_000))
    packed = cluster.http.get(CONFIGMAPS, headers={"Accept-Encoding": "gzip"})
    plain = cluster.http.get(CONFIGMAPS, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()


def test_who_may_do_what(cluster: Cluster) -> None:
    assert cluster.ask("GET", "/api/v1/pods", 401, headers={"Authorization": "Bearer x"})["reason"] == "Unauthorized"
    without = httpx.get(cluster.server.url + "/api/v1/pods", trust_env=False)
    assert without.status_code == 401
    denied = cluster.ask("GET", "/api/v1/secrets", 403, headers=VIEWER)
    expected = 'secrets is forbidden: User "viewer" cannot list resource "secrets" in API group "" at the cluster scope'
    assert denied["message"] == expected
    assert denied["details"] == {"kind": "secrets"}
    cluster.ask("POST", CONFIGMAPS, 403, headers=VIEWER, json=configmap("a"))


def test_the_proxy_needs_the_verb_of_the_method() -> None:
    reader = Account("reader", "t", (PolicyRule(("get",), ("",), ("services/proxy",)),))
    for cluster in serve(accounts=[admin(), reader]):
        path = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"
        headers = {"Authorization": "Bearer t"}
        assert cluster.ask("GET", path, headers=headers, params={"query": "up"})["query"] == {"query": "up"}
        denied = cluster.ask("POST", path, 403, headers=headers, data={"query": "up"})
        assert 'cannot create resource "services/proxy"' in denied["message"]
        assert cluster.ask("POST", path, data={"query": 'a{b="c"}'})["form"] == {"query": 'a{b="c"}'}


def test_a_rule_for_one_namespace() -> None:
    rule = PolicyRule(("get", "list"), ("",), ("configmaps",), namespaces=frozenset({"default"}))
    for cluster in serve(accounts=[admin(), Account("local", "t", (rule,))]):
        headers = {"Authorization": "Bearer t"}
        cluster.ask("GET", CONFIGMAPS, headers=headers)
        denied = cluster.ask("GET", "/api/v1/configmaps", 403, headers=headers)
        assert "at the cluster scope" in denied["message"]


def test_faults_answer_in_the_servers_place() -> None:
    async def faults(request: web.Request, account: Account) -> web.StreamResponse | None:
        if request.path.endswith("/pods"):
            raise ApiError(429, "TooManyRequests", "too many requests")
        return web.Response(status=500, text="boom") if request.path.endswith("/nodes") else None

    for cluster in serve(faults=faults, latency=lambda: 0.0):
        limited = cluster.http.get("/api/v1/pods")
        assert (limited.status_code, limited.headers["Retry-After"]) == (429, "1")
        assert cluster.http.get("/api/v1/nodes").text == "boom"
        cluster.ask("GET", "/api/v1/namespaces")


def test_health_version_and_legacy_discovery(cluster: Cluster) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        assert cluster.http.get(path).text == "ok"
    assert cluster.ask("GET", "/version")["gitVersion"] == "v1.32.4"
    assert cluster.ask("GET", "/api")["versions"] == ["v1"]
    assert "apps" in [group["name"] for group in cluster.ask("GET", "/apis")["groups"]]
    kinds = {item["name"]: item for item in cluster.ask("GET", "/apis/apps/v1")["resources"]}
    assert kinds["deployments/status"]["verbs"] == ["get", "patch", "update"]
    assert cluster.ask("GET", "/apis/none/v1", 404)["reason"] == "NotFound"
    assert cluster.ask("GET", "/apis/none/v1/things", 404)["reason"] == "NotFound"


@pytest.mark.parametrize("path", ["/api/v1/namespaces/default", "/api/v1/namespaces/default/configmaps/a"])
def test_writes_that_make_no_sense(cluster: Cluster, path: str) -> None:
    cluster.put(configmap("a"))
    for body in (b"", b"[]", b"{", b'{"kind":"Pod","apiVersion":"v1"}'):
        cluster.ask("PUT", path, 400, content=body, headers={"Content-Type": "application/json"})
    cluster.ask("PUT", path, 415, content=b"x", headers={"Content-Type": "text/plain"})
    cluster.ask("POST", path, 405, json=configmap("a"))
    cluster.ask("DELETE", path, 400, params={"dryRun": "Some"})


def test_finalizers_hold_an_object(cluster: Cluster) -> None:
    held = configmap("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    cluster.ask("POST", CONFIGMAPS, 201, json=held)
    cluster.ask("DELETE", f"{CONFIGMAPS}/held")
    going = cluster.ask("GET", f"{CONFIGMAPS}/held")
    assert going["metadata"]["deletionTimestamp"]
    patch = {"metadata": {"finalizers": None}}
    cluster.ask("PATCH", f"{CONFIGMAPS}/held", json=patch, headers={"Content-Type": MERGE})
    cluster.ask("GET", f"{CONFIGMAPS}/held", 404)


def test_delete_preconditions_and_collections(cluster: Cluster) -> None:
    for number in range(3):
        cluster.put(configmap(f"c{number}"))
    body = {"preconditions": {"uid": "somebody-else"}}
    assert cluster.ask("DELETE", f"{CONFIGMAPS}/c0", 409, json=body)["reason"] == "Conflict"
    cluster.ask("DELETE", f"{CONFIGMAPS}/c0", params={"dryRun": "All"})
    assert len(cluster.ask("GET", CONFIGMAPS)["items"]) == 3
    cluster.ask("DELETE", CONFIGMAPS, params={"labelSelector": "name!=c1"})
    assert [item["metadata"]["name"] for item in cluster.ask("GET", CONFIGMAPS)["items"]] == ["c1"]


def test_status_is_written_through_its_own_door(cluster: Cluster) -> None:
    deployments = "/apis/apps/v1/namespaces/default/deployments"
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2},
    }
    cluster.ask("POST", deployments, 201, json=deployment)
    headers = {"Content-Type": MERGE}
    ignored = cluster.ask("PATCH", f"{deployments}/web", json={"status": {"readyReplicas": 2}}, headers=headers)
    assert "status" not in ignored
    written = cluster.ask(
        "PATCH", f"{deployments}/web/status", json={"status": {"readyReplicas": 2}, "spec": None}, headers=headers
    )
    assert (written["status"], written["spec"]) == ({"readyReplicas": 2}, {"replicas": 2})
    assert written["metadata"]["generation"] == 1
    scaled = cluster.ask("PATCH", f"{deployments}/web", json={"spec": {"replicas": 3}}, headers=headers)
    assert scaled["metadata"]["generation"] == 2
    assert scaled["status"] == {"readyReplicas": 2}


def test_generated_names_and_existing_ones(cluster: Cluster) -> None:
    generated = configmap("")
    generated["metadata"] = {"generateName": "run-"}
    names = {cluster.ask("POST", CONFIGMAPS, 201, json=generated)["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("run-") and len(name) == 9 for name in names)
    cluster.put(configmap("there"))
    assert cluster.ask("POST", CONFIGMAPS, 409, json=configmap("there"))["reason"] == "AlreadyExists"
    bad = configmap("Not_A_Name")
    assert cluster.ask("POST", CONFIGMAPS, 422, json=bad)["details"]["causes"][0]["field"] == "metadata.name"
