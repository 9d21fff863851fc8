from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from meshtop.model.kube import KindStatus
from meshtop.model.state import State
from meshtop.sources.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.extras import METADATA_ONLY
from tests.sources_kubernetes.api import (
    ISTIO,
    NAMESPACES,
    PODS,
    SECRETS,
    SERVICES,
    VIRTUAL_SERVICES,
    Api,
    object_named,
    refusal,
    served,
)
from tests.sources_kubernetes.conftest import QUICK, ref_to, until, write_kubeconfig


def kind(source: KubernetesSource, name: str) -> KindStatus:
    inventory = source.inventory()
    found = [status for status in inventory.kinds if status.kind == name] if inventory is not None else []
    return found[0] if found else KindStatus(kind=name, state="not read yet")


def names(source: KubernetesSource, attribute: str) -> list[str]:
    inventory = source.inventory()
    return [item.meta.name for item in getattr(inventory, attribute)] if inventory is not None else []


@contextlib.asynccontextmanager
async def following(source: KubernetesSource) -> AsyncIterator[list[int]]:
    changes: list[int] = []
    task = asyncio.create_task(source.follow(lambda: changes.append(1)))
    try:
        yield changes
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def source(connection: Connection) -> KubernetesSource:
    return KubernetesSource(connection, pace=QUICK)


async def test_one_pass_reads_every_kind(api: Api, source: KubernetesSource) -> None:
    api.objects[SERVICES] = [object_named("reviews", spec={"clusterIP": "10.0.0.1", "ports": [{"port": 80}]})]
    api.objects[VIRTUAL_SERVICES] = [object_named("reviews", spec={"hosts": ["reviews"]})]
    api.config_maps = {"istio": {"mesh": "trustDomain: td"}, "unasked": {"secret": "x"}}

    await source.list_all()

    inventory = source.inventory()
    assert inventory is not None
    assert inventory.version == "v1.34.1"
    assert [s.meta.name for s in inventory.services] == ["reviews"]
    assert inventory.config["VirtualService"][0].spec == {"hosts": ["reviews"]}
    assert inventory.config["VirtualService"][0].version == "v1"
    assert inventory.config_maps == {"istio": {"mesh": "trustDomain: td"}}
    assert source.status.state is State.FRESH
    assert source.services_known.is_set()
    assert source.cost.requests == len(api.asked)
    assert source.cost.bytes > 0


async def test_nothing_changed_is_the_same_object(api: Api, source: KubernetesSource) -> None:
    api.objects[SERVICES] = [object_named("a"), object_named("b")]
    await source.list_all()
    first = source.inventory()
    await source.list_all()
    assert source.inventory() is first
    api.objects[SERVICES][1] = object_named("b", version="2")
    await source.list_all()
    second = source.inventory()
    assert first is not None
    assert second is not None
    assert second.services[0] is first.services[0]
    assert second.services[1] is not first.services[1]
    assert second.pods is first.pods


async def test_lists_come_in_pages_of_500(api: Api, source: KubernetesSource) -> None:
    api.objects[SERVICES] = [object_named(f"s{i:04}") for i in range(1203)]
    await source.list_all()
    assert names(source, "services") == [f"s{i:04}" for i in range(1203)]
    assert [entry[2].get("continue") for entry in api.asked_for(SERVICES, limit="500")] == [None, "500", "1000"]


async def test_an_expired_page_begins_again(api: Api, source: KubernetesSource) -> None:
    api.objects[SERVICES] = [object_named(f"s{i:04}") for i in range(700)]
    good: list[web.StreamResponse | Callable[[web.Request], Any]] = [lambda request: None, refusal(410, "expired")]
    api.fail(SERVICES, *good)
    await source.list_all()
    assert len(names(source, "services")) == 700
    assert [entry[2].get("continue") for entry in api.asked_for(SERVICES)] == [None, "500", None, "500"]


@pytest.mark.parametrize("legacy", [False, True])
async def test_discovery_decides_the_version(legacy: bool, tmp_path: Path) -> None:
    groups = {"telemetry.istio.io": {"v1alpha1": ["telemetries"]}, "gateway.networking.k8s.io": {"v1": ["gateways"]}}
    with served(Api(groups=groups, legacy=legacy)) as api:
        api.objects["/apis/gateway.networking.k8s.io/v1/gateways"] = [object_named("east-west")]
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)), timeout_seconds=10)
        source = KubernetesSource(connection, pace=QUICK)
        await source.list_all()
        inventory = source.inventory()
        await connection.close()
    assert inventory is not None
    assert sorted(inventory.config) == ["Gateway.gateway.networking.k8s.io", "Telemetry"]
    assert kind(source, "Gateway").state == "missing"
    assert kind(source, "VirtualService").state == "missing"
    assert "VirtualService" in source.status.notes[0]
    assert source.status.state is State.FRESH


def truncated() -> web.Response:
    return web.Response(body=b'{"items": [{"metadata": {"na', content_type="application/json")


def wrong_types() -> web.Response:
    return web.json_response({"items": [{"metadata": {"name": 5}}]})


@pytest.mark.parametrize(
    ("make", "state", "words"),
    [
        (lambda: refusal(500, "etcd is gone"), "failed", "etcd is gone"),
        (truncated, "failed", "cannot be understood"),
        (wrong_types, "failed", "cannot be understood"),
        (lambda: web.Response(text="<html>"), "failed", "cannot be understood"),
        (lambda: web.json_response(["what"]), "failed", "cannot be understood"),
        (lambda: refusal(403, "forbidden"), "denied", "does not let you list pods"),
        (lambda: refusal(404), "missing", "404"),
    ],
)
async def test_a_broken_kind_costs_no_other(
    api: Api, source: KubernetesSource, make: Callable[[], web.Response], state: str, words: str
) -> None:
    api.objects[SERVICES] = [object_named("reviews")]
    api.always(PODS, make)
    await source.list_all()
    assert names(source, "services") == ["reviews"]
    status = kind(source, "Pod")
    assert status.state == state
    assert words in (status.error or "")
    if state != "missing":
        assert source.status.state is State.PARTIAL
        assert words in (source.status.error or "")
    if state == "denied":
        assert source.status.remedy == "Ask for the right to get, list and watch pods."


async def test_a_kind_that_breaks_later_keeps_what_was_known(api: Api, source: KubernetesSource) -> None:
    api.objects[SERVICES] = [object_named("reviews")]
    await source.list_all()
    api.always(SERVICES, truncated)
    await source.list_all()
    assert names(source, "services") == ["reviews"]
    assert kind(source, "Service").state == "stale"


async def test_a_right_that_is_taken_away_takes_the_objects(api: Api, source: KubernetesSource) -> None:
    api.objects[SERVICES] = [object_named("reviews")]
    await source.list_all()
    api.always(SERVICES, lambda: refusal(403))
    await source.list_all()
    assert names(source, "services") == []


async def test_everything_forbidden_is_denied(api: Api, source: KubernetesSource) -> None:
    api.faults.append(lambda request: refusal(403) if request.path != "/version" else None)
    await source.list_all()
    assert source.status.state is State.DENIED
    assert source.inventory() is None
    assert source.services_known.is_set()


async def test_too_many_requests_waits_as_told(api: Api, source: KubernetesSource) -> None:
    api.objects[PODS] = [object_named("one")]
    api.fail(PODS, refusal(429, "slow down", Retry_After="0"), refusal(429, "slow down", Retry_After="0"))
    await source.list_all()
    assert names(source, "pods") == ["one"]
    assert source.status.state is State.FRESH


async def test_a_selector_the_server_does_not_know_is_left_out(api: Api, source: KubernetesSource) -> None:
    path = "/apis/apps/v1/replicasets"
    api.objects[path] = [object_named("web-1")]
    api.faults.append(lambda r: refusal(400) if r.path == path and "fieldSelector" in r.query else None)
    await source.list_all()
    assert names(source, "controllers") == ["web-1"]
    assert [entry[2].get("fieldSelector") for entry in api.asked_for(path)] == ["status.replicas!=0", None]


async def test_secrets_are_asked_for_as_metadata_only(api: Api, source: KubernetesSource) -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"stringData": "TOPSECRET"})}
    annotations = {"networking.istio.io/cluster": "west", **applied}
    api.objects[SECRETS] = [
        {"metadata": {"name": "istio-remote-secret-west", "annotations": annotations}, "data": {"west": "TOPSECRET"}}
    ]
    async with following(source):
        await until(lambda: len(api.asked_for(SECRETS)) >= 2)
    inventory = source.inventory()
    assert inventory is not None
    assert inventory.remote_secrets[0].cluster_id == "west"
    assert "TOPSECRET" not in repr(inventory)
    secret_requests = [entry for entry in api.asked if "secrets" in entry[1]]
    assert secret_requests
    for method, path, query, headers in secret_requests:
        assert (method, path, headers["Accept"]) == ("GET", SECRETS, METADATA_ONLY)
        assert query["labelSelector"] == "istio/multiCluster=true"
    assert not [entry for entry in api.asked if entry[1].endswith("/configmaps")]


@pytest.mark.parametrize("answer", [lambda: refusal(406), lambda: web.json_response({"kind": "SecretList"})])
async def test_secrets_are_left_alone_where_metadata_cannot_be_had(
    api: Api, source: KubernetesSource, answer: Callable[[], web.Response]
) -> None:
    api.always(SECRETS, answer)
    await source.list_all()
    assert kind(source, "Secret").state == "failed"
    assert len(api.asked_for(SECRETS)) == 1
    assert source.status.state is State.FRESH
    assert any("secrets" in note for note in source.status.notes)


async def test_config_maps_of_revisions(api: Api, source: KubernetesSource) -> None:
    istiod = object_named("istiod-canary", "istio-system")
    istiod["metadata"]["labels"] = {"app": "istiod", "istio.io/rev": "canary"}
    secret = {"name": "PASSWORD", "value": "hidden"}
    container = {"name": "discovery", "env": [{"name": "CLUSTER_ID", "value": "east"}, secret]}
    istiod["spec"] = {"template": {"spec": {"containers": [container]}}}
    api.objects["/apis/apps/v1/deployments"] = [istiod]
    api.config_maps = {"istio-canary": {"mesh": "{}"}, "values-canary": {"values": "{}"}}
    await source.list_all()
    inventory = source.inventory()
    assert inventory is not None
    assert sorted(inventory.config_maps) == ["istio-canary", "values-canary"]
    assert inventory.controllers[0].environment == {"CLUSTER_ID": "east"}


async def test_a_dead_server_is_unreachable_and_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", url)))
        source = KubernetesSource(connection, pace=QUICK)
        await source.list_all()
    assert source.status.state is State.UNREACHABLE
    assert "east" in (source.status.error or "")
    assert "refused" in (source.status.error or "").lower()
    assert source.inventory() is None
    assert source.services_known.is_set()
    await connection.close()


async def test_a_black_hole_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(64)
        url = f"http://127.0.0.1:{hole.getsockname()[1]}"
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", url)), timeout_seconds=0.2)
        source = KubernetesSource(connection, pace=QUICK)
        await source.list_all()
        assert source.status.state is State.UNREACHABLE
        assert "nothing came within 0.2 s" in (source.status.error or "")
        await connection.close()


async def test_a_slow_kind_holds_up_no_other(api: Api, tmp_path: Path) -> None:
    async def slow(request: web.Request) -> web.StreamResponse | None:
        if request.path == PODS:
            await asyncio.Event().wait()
        return None

    api.objects[SERVICES] = [object_named("reviews")]
    api.faults.append(slow)
    connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)), timeout_seconds=1.0)
    source = KubernetesSource(connection, pace=QUICK)
    async with following(source):
        await source.services_known.wait()
        assert names(source, "services") == ["reviews"]
        assert names(source, "pods") == []
    await connection.close()


async def test_watch_events_arrive(api: Api, source: KubernetesSource) -> None:
    api.objects[PODS] = [object_named("a"), object_named("b")]
    async with following(source) as changes:
        await until(lambda: api.watches.get(PODS))
        before = len(changes)
        added = {"type": "ADDED", "object": object_named("c", version="101")}
        line = json.dumps({"type": "MODIFIED", "object": object_named("a", version="103")}).encode() + b"\n"
        api.send(PODS, added, {"type": "DELETED", "object": object_named("b", version="102")}, line[:20], line[20:])
        await until(lambda: names(source, "pods") == ["a", "c"])
        await until(lambda: (inv := source.inventory()) and inv.pods[0].meta.resource_version == "103")
        assert len(changes) > before


async def test_a_dropped_watch_resumes_where_it_was(api: Api, source: KubernetesSource) -> None:
    async with following(source):
        await until(lambda: api.watches.get(PODS))
        api.send(PODS, {"type": "ADDED", "object": object_named("a", version="150")})
        await until(lambda: names(source, "pods") == ["a"])
        api.send(PODS, {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "190"}}})
        api.drop(PODS)
        await until(lambda: api.asked_for(PODS, watch="true", resourceVersion="190"))
    assert len([entry for entry in api.asked_for(PODS) if "watch" not in entry[2]]) == 1
    first = api.asked_for(PODS, watch="true")[0][2]
    assert first["allowWatchBookmarks"] == "true"
    assert first["resourceVersion"] == "100"
    assert int(first["timeoutSeconds"]) > 0


@pytest.mark.parametrize("how", ["event", "answer"])
async def test_an_expired_watch_lists_again(api: Api, source: KubernetesSource, how: str) -> None:
    if how == "answer":
        api.fail(PODS, refusal(410, "too old"), watch=True)
    async with following(source):
        await until(lambda: api.watches.get(PODS))
        if how == "event":
            api.objects[PODS] = [object_named("new", version="500")]
            api.version = 500
            api.send(PODS, {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}})
            await until(lambda: names(source, "pods") == ["new"])
            await until(lambda: api.asked_for(PODS, watch="true", resourceVersion="500"))
        lists = [entry for entry in api.asked_for(PODS) if "watch" not in entry[2]]
        assert len(lists) == 2


async def test_events_that_cannot_be_understood_list_again(api: Api, source: KubernetesSource) -> None:
    async with following(source):
        await until(lambda: api.watches.get(PODS))
        api.objects[PODS] = [object_named("truth")]
        api.send(PODS, b'{"type": "ADDED", "object": {"metadata": {"name": 7}}}\n')
        await until(lambda: names(source, "pods") == ["truth"])


async def test_what_may_be_listed_but_not_watched_is_listed_again(api: Api, source: KubernetesSource) -> None:
    api.faults.append(lambda r: refusal(403) if r.path == PODS and "watch" in r.query else None)
    async with following(source):
        await until(lambda: source.services_known.is_set() and source.inventory())
        api.objects[PODS] = [object_named("later")]
        await until(lambda: names(source, "pods") == ["later"])
        await until(lambda: kind(source, "Pod").state == "fresh")


async def test_a_kind_installed_later_is_followed(api: Api, source: KubernetesSource) -> None:
    groups, api.groups = api.groups, {}
    async with following(source):
        await until(lambda: source.inventory() and api.asked_for("/apis"))
        await until(lambda: kind(source, "VirtualService").state == "missing")
        api.objects[VIRTUAL_SERVICES] = [object_named("reviews")]
        api.groups = groups
        await until(lambda: (inv := source.inventory()) and inv.config.get("VirtualService"))
        api.groups = {}
        await until(lambda: (inv := source.inventory()) and "VirtualService" not in inv.config)
        await until(lambda: not api.watches.get(VIRTUAL_SERVICES))


async def test_denied_kinds_are_tried_again(api: Api, source: KubernetesSource) -> None:
    denied = [True]
    api.faults.append(lambda r: refusal(403) if denied[0] and r.path == PODS else None)
    api.objects[PODS] = [object_named("a")]
    async with following(source):
        await until(lambda: source.status.state is State.PARTIAL and len(api.asked_for(PODS)) >= 2)
        denied[0] = False
        await until(lambda: names(source, "pods") == ["a"] and source.status.state is State.FRESH)


async def test_a_server_that_goes_away_is_stale_and_comes_back(tmp_path: Path) -> None:
    api = Api(groups=ISTIO)
    api.objects[NAMESPACES] = [object_named("shop", "")]
    silent = [False]

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if silent[0]:
            assert request.transport is not None
            request.transport.abort()
        return None

    api.faults.append(fault)
    with served(api):
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)), timeout_seconds=10)
        source = KubernetesSource(connection, pace=QUICK)
        async with following(source):
            await until(lambda: api.watches.get(NAMESPACES) and api.watches.get(PODS))
            assert source.status.state is State.FRESH
            silent[0] = True
            await until(lambda: source.status.state is State.STALE)
            assert "broke the connection" in (source.status.error or "")
            assert names(source, "namespaces") == ["shop"]
            watches_before = len(api.asked_for(PODS, watch="true"))
            silent[0] = False
            await until(lambda: source.status.state is State.FRESH)
            # The server stopped answering: a watch from before may be dead without knowing it.
            await until(lambda: len(api.asked_for(PODS, watch="true")) > watches_before)
        await connection.close()


async def test_while_the_server_is_away_only_one_thing_asks(api: Api, source: KubernetesSource) -> None:
    away = [False]

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if away[0]:
            assert request.transport is not None
            request.transport.abort()
        return None

    api.faults.append(fault)
    async with following(source):
        await until(lambda: api.watches.get(PODS))
        away[0] = True
        await until(lambda: source.status.state is State.STALE)
        await until(lambda: not any(api.watches.values()))
        mark = len(api.asked)
        await until(lambda: len(api.asked) > mark + 6)
        assert {entry[1] for entry in api.asked[mark + 2 :]} == {"/version"}


async def test_an_expired_login_is_denied_and_comes_back(api: Api, source: KubernetesSource, tmp_path: Path) -> None:
    api.tokens = {"other"}
    await source.list_all()
    assert source.status.state is State.DENIED
    assert "user me" in (source.status.error or "")
    assert str(tmp_path / "config") in (source.status.remedy or "")
    assert not any(entry[3].get("Authorization") != "Bearer good" for entry in api.asked)
