from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import pytest
from aiohttp import web
from msgspec import structs

from meshtop.model.asked import Asked
from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.extras import METADATA_ONLY
from meshtop.sources.kubernetes.kinds import BUILTIN
from meshtop.sources.kubernetes.link import ServerLink
from meshtop.sources.kubernetes.reader import KindReader
from meshtop.sources.kubernetes.scoped import ScopedReader
from meshtop.views.picture.asks import asked_for
from tests.sources.api import (
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
from tests.sources.conftest import QUICK, following, kind, names, ref_to, until, write_kubeconfig


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


@pytest.mark.parametrize("held", [PODS, VIRTUAL_SERVICES, "/apis", "/api/v1/namespaces/istio-system/configmaps/istio"])
async def test_it_is_settled_when_everything_was_read_and_no_sooner(
    api: Api, connection: Connection, held: str
) -> None:
    """What was not read yet looks like what is not there, until then."""
    go = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse | None:
        if request.path == held and "watch" not in request.query:
            await go.wait()
        return None

    async def release() -> None:
        go.set()

    api.faults.append(wait)
    source = KubernetesSource(connection, pace=QUICK)
    assert not source.settled
    async with following(source) as changes:
        await until(lambda: api.asked_for(held))
        await until(lambda: api.watches.get(SERVICES) and api.watches.get(NAMESPACES))
        assert not source.settled
        before = len(changes)
        api.call(release)
        await until(lambda: source.settled)
        await until(lambda: len(changes) > before)


async def test_a_server_that_does_not_answer_is_settled(tmp_path: Path) -> None:
    with served(Api()) as api:
        url = api.url
    connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", url)), timeout_seconds=1.0)
    source = KubernetesSource(connection, pace=QUICK)
    async with following(source):
        await until(lambda: source.settled)
    assert source.status.state is State.UNREACHABLE
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


class _Up(asyncio.Event):
    """Counts who waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0

    async def wait(self) -> Literal[True]:
        self.waits += 1
        return await super().wait()


@contextlib.asynccontextmanager
async def pods_followed(link: ServerLink, first_lists: Callable[[], None]) -> AsyncIterator[None]:
    """A reader of pods that calls a function where it would wait for the first lists of everything."""
    pods = next(one for one in BUILTIN if one.name == "Pod")

    async def listed() -> None:
        first_lists()

    link.await_first_lists = listed  # type: ignore[method-assign]
    task = asyncio.create_task(KindReader(link, pods, pods.versions[0]).follow())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_only_a_first_watch_waits_for_first_lists(api: Api, connection: Connection) -> None:
    """One of fifty clusters that never comes to the end of its lists would make each watch of all others late."""
    waited: list[int] = []
    async with pods_followed(ServerLink(connection, QUICK, time.time), lambda: waited.append(1)):
        for times in range(1, 4):
            await until(lambda times=times: len(api.asked_for(PODS, watch="true")) == times)  # type: ignore[misc]
            await until(lambda: api.watches.get(PODS))
            api.drop(PODS)
    assert len(waited) == 1


async def test_no_watch_begins_while_the_server_is_gone(api: Api, connection: Connection) -> None:
    link = ServerLink(connection, QUICK, time.time)
    link.up = up = _Up()
    up.set()
    async with pods_followed(link, up.clear):
        await until(lambda: up.waits > 1 or api.asked_for(PODS, watch="true"))
        assert not api.asked_for(PODS, watch="true")
        up.set()
        await until(lambda: api.watches.get(PODS))


async def test_a_kind_that_goes_before_it_was_read_keeps_nobody_waiting(connection: Connection) -> None:
    link = ServerLink(connection, QUICK, time.time)
    link.up.clear()
    pods = next(one for one in BUILTIN if one.name == "Pod")

    async def none() -> list[str]:
        return []

    reader = ScopedReader(link, pods, pods.versions[0], None, none)
    task = asyncio.create_task(reader.follow())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert reader.settled.is_set()


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
            await until(lambda: source.status.state is State.FRESH)
            silent[0] = True
            await until(
                lambda: source.status.state is State.STALE and "broke the connection" in (source.status.error or "")
            )
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


async def test_a_login_that_expires_is_tried_again_until_it_is_renewed(api: Api, tmp_path: Path) -> None:
    began = time.monotonic()

    def fast() -> float:
        """A clock on which the pauses between two logins are short."""
        return (time.monotonic() - began) * 200

    api.tokens = {"good"}
    api.objects[PODS] = [object_named("a")]
    config = write_kubeconfig(tmp_path / "config", api.url)
    connection = Connection(ref_to(config), timeout_seconds=10, clock=fast)
    source = KubernetesSource(connection, pace=QUICK)
    async with following(source):
        await until(lambda: api.watches.get(PODS))
        api.tokens = {"renewed"}
        await until(lambda: source.status.state is State.DENIED)
        assert names(source, "pods") == ["a"]
        write_kubeconfig(tmp_path / "config", api.url, {"token": "renewed"})
        await until(lambda: source.status.state is State.FRESH)
        await until(lambda: api.watches.get(PODS))
    await connection.close()


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


TELEMETRIES = "/apis/telemetry.istio.io/v1/telemetries"


async def test_what_changes_rarely_is_watched_only_while_somebody_looks_at_it(tmp_path: Path) -> None:
    with served(Api(groups={**ISTIO, "telemetry.istio.io": {"v1": ["telemetries"]}})) as api:
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)))
        source = KubernetesSource(connection, pace=structs.replace(QUICK, unattended=0.02))
        source.attend(Asked(frozenset({"Pod"})))
        async with following(source):
            await until(lambda: len(api.asked_for(TELEMETRIES)) >= 4 and api.asked_for(VIRTUAL_SERVICES, watch="true"))
            assert not api.asked_for(TELEMETRIES, watch="true")
            assert api.asked_for(PODS, watch="true")
            assert kind(source, "Telemetry").state == "fresh"
            assert "Up to 0.02 s old, as no open view shows them: Telemetry." in source.status.notes
            # A new object is seen at the next list.
            api.objects[TELEMETRIES] = [object_named("mesh-default")]
            await until(lambda: kind(source, "Telemetry").count == 1)

            source.attend(Asked(frozenset({"Telemetry"})))
            await until(lambda: api.watches.get(TELEMETRIES))
            assert not [note for note in source.status.notes if "no open view" in note]
            event = {"type": "ADDED", "object": object_named("other", version="200")}
            await asyncio.to_thread(api.send, TELEMETRIES, event)
            await until(lambda: kind(source, "Telemetry").count == 2)
        await connection.close()


async def test_who_looks_does_not_wait_for_the_next_list(tmp_path: Path) -> None:
    with served(Api(groups={"telemetry.istio.io": {"v1": ["telemetries"]}})) as api:
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)))
        source = KubernetesSource(connection, pace=structs.replace(QUICK, unattended=10_000.0))
        source.attend(Asked(frozenset()))
        async with following(source):
            await until(lambda: kind(source, "Telemetry").state == "fresh")
            source.attend(Asked())
            await until(lambda: api.watches.get(TELEMETRIES))
            assert len(api.asked_for(TELEMETRIES)) == 2, "one list, and a watch that goes on from it"
        await connection.close()


@pytest.mark.parametrize(
    ("open_view", "name", "watched"),
    [
        # NOW tells at once what is wrong and what changed before: it needs every kind that changes what is served.
        ("clusters", "Pod", True),
        ("clusters", "VirtualService", True),
        ("clusters", "AuthorizationPolicy", True),
        ("clusters", "HTTPRoute", True),
        ("clusters", "Telemetry", False),
        ("clusters", "ClusterRole", False),
        ("clusters", "ServiceExport", False),
        ("clusters", "EnvoyFilter", False),
        ("clusters", "FederatedService", False),
        # What the open view is worked out from.
        ("clusters", "ManagedCluster", True),
        ("services", "ManagedCluster", False),
        ("services", "ServiceExport", True),
        ("trust", "ClusterSPIFFEID", True),
        ("findings", "EnvoyFilter", True),
        ("findings", "ClusterRole", False),
        ("drift", "ClusterRole", True),
    ],
)
async def test_which_kinds_are_watched_under_which_view(
    open_view: str, name: str, watched: bool, connection: Connection
) -> None:
    link = ServerLink(connection, QUICK, lambda: 0.0)
    link.attend(asked_for(open_view).kinds)
    assert link.is_attended(name) is watched


async def test_screens_that_open_and_close_quickly_cost_one_watch(tmp_path: Path) -> None:
    with served(Api(groups={"telemetry.istio.io": {"v1": ["telemetries"]}})) as api:
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)))
        source = KubernetesSource(connection, pace=structs.replace(QUICK, unattended=10_000.0))
        source.attend(Asked(frozenset()))
        async with following(source):
            await until(lambda: kind(source, "Telemetry").state == "fresh")
            for looked_at in (frozenset({"Telemetry"}), frozenset({"Pod"})) * 5:
                source.attend(Asked(looked_at))
                await until(lambda: api.watches.get(TELEMETRIES))
            # It is watched on after the last one closed, and shows what comes as long as it lasts.
            event = {"type": "ADDED", "object": object_named("other", version="200")}
            await asyncio.to_thread(api.send, TELEMETRIES, event)
            await until(lambda: kind(source, "Telemetry").count == 1)
            assert len(api.asked_for(TELEMETRIES, watch="true")) == 1
            assert len(api.asked_for(TELEMETRIES)) == 2, "one list, one watch"
        await connection.close()


async def test_a_list_that_is_missing_makes_a_kind_stale_though_nobody_looks(tmp_path: Path) -> None:
    now = 1000.0
    with served(Api(groups={"telemetry.istio.io": {"v1": ["telemetries"]}})) as api:
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)))
        pace = structs.replace(QUICK, refresh=5.0, unattended=10_000.0)
        source = KubernetesSource(connection, pace=pace, clock=lambda: now)
        source.attend(Asked(frozenset()))
        async with following(source):
            await until(lambda: kind(source, "Telemetry").state == "fresh")
            now += 12_000.0
            assert kind(source, "Telemetry").state == "fresh"
            now += 16.0
            assert kind(source, "Telemetry").state == "stale"
        await connection.close()
