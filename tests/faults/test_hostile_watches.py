"""Following a cluster that misbehaves: what it costs is its own kind, and it is not asked more often for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from meshtop.model.kube import KindStatus
from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.limits import Limits
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.pacing import Pace
from tests.faults.clients import QUICK, SMALL, reference
from tests.faults.hostile_server import (
    NAMESPACES,
    PODS,
    SERVICES,
    Exchange,
    HostileServer,
    Received,
    bookmark_and_close,
    endless_pages,
    event,
    named,
    no_line_end,
    running,
    the_same_news_and_close,
    too_busy,
    trickle,
    trickling_event,
)
from tests.patience import PATIENCE_SECONDS


class NotedPace(Pace, frozen=True, kw_only=True):
    """Waits hardly at all, and notes for how many failures in a row each pause was asked for."""

    noted: list[int]

    def pause(self, failures: int) -> float:
        self.noted.append(failures)
        return 0.001


@asynccontextmanager
async def following(
    server: HostileServer, folder: Path, pace: Pace = QUICK, limits: Limits = SMALL, silence: float = 5.0
) -> AsyncIterator[KubernetesSource]:
    connection = Connection(reference(folder, server.url), timeout_seconds=silence, limits=limits)
    source = KubernetesSource(connection, pace=pace)
    task = asyncio.create_task(source.follow(lambda: None))
    try:
        yield source
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await connection.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


def status_of(source: KubernetesSource, kind: str) -> KindStatus:
    inventory = source.inventory()
    found = [one for one in inventory.kinds if one.kind == kind] if inventory is not None else []
    return found[0] if found else KindStatus(kind=kind, state="not read yet")


def watches_of_pods(request: Received) -> bool:
    return request.path == PODS and request.is_watch


def lists_of_pods(request: Received) -> bool:
    return request.path == PODS and not request.is_watch


@pytest.mark.parametrize("fault", [bookmark_and_close, the_same_news_and_close])
async def test_a_watch_that_ends_at_once_is_opened_after_a_growing_pause(tmp_path: Path, fault: Any) -> None:
    """It once took a bookmark for news and was opened 300 times a second."""
    noted: list[int] = []
    pace = NotedPace(**structs.asdict(structs.replace(QUICK, refresh=60.0)), noted=noted)
    with running(HostileServer()) as server:
        server.fault, server.wanted = fault, watches_of_pods
        async with following(server, tmp_path, pace) as source:
            await until(lambda: len(noted) >= 8)
            assert noted[:8] == list(range(8))
            assert len(server.asked(PODS)) == 1, "no list for it"
            assert status_of(source, "Pod").state == "fresh"


async def test_a_watch_that_brings_news_begins_with_the_shortest_pause_again(tmp_path: Path) -> None:
    noted: list[int] = []
    pace = NotedPace(**structs.asdict(structs.replace(QUICK, refresh=60.0)), noted=noted)
    version = iter(range(100, 10_000))

    async def news(exchange: Exchange) -> None:
        await exchange.head()
        if len(noted) in (0, 1, 2):
            return
        item = named("reviews-1")
        item["metadata"]["resourceVersion"] = str(next(version))
        await exchange.write(event("MODIFIED", item))

    with running(HostileServer()) as server:
        server.fault, server.wanted = news, watches_of_pods
        async with following(server, tmp_path, pace):
            await until(lambda: len(noted) >= 6)
            assert noted[:6] == [0, 1, 2, 0, 0, 0]


@pytest.mark.parametrize("fault", [no_line_end, trickling_event])
async def test_an_event_without_an_end_is_given_up_and_the_kind_listed_again(tmp_path: Path, fault: Any) -> None:
    with running(HostileServer()) as server:
        server.fault, server.wanted = fault, watches_of_pods
        async with following(server, tmp_path, structs.replace(QUICK, refresh=0.1)) as source:
            await until(lambda: len(server.asked(PODS)) >= 2)
            assert server.most_sent < 8 << 20
            await until(lambda: status_of(source, "Service").state == "fresh")


async def test_one_byte_that_is_no_text_costs_its_object(tmp_path: Path) -> None:
    """It once cost the cluster, and everything was listed anew every five seconds."""
    body = json.dumps({"metadata": {"resourceVersion": "7"}, "items": [named("good"), named("bad", labels={"a": "@"})]})
    body = body.replace('"labels"', '"spec"').replace('{"a"', '{"nodeName"')

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(body.encode().replace(b"@", b"\xff"))

    with running(HostileServer()) as server:
        server.fault, server.wanted = fault, lists_of_pods
        async with following(server, tmp_path) as source:
            await until(lambda: status_of(source, "Pod").state == "fresh" and status_of(source, "Service").count)
            await until(lambda: len(server.asked("/version")) >= 5)
            inventory = source.inventory()
            assert inventory is not None
            assert [pod.meta.name for pod in inventory.pods] == ["good"]
            assert "left out: shop/bad (" in (status_of(source, "Pod").error or "")
            assert source.status.state is State.PARTIAL
            assert "shop/bad" in (source.status.error or "")
            assert len(server.asked(PODS)) == 1


@pytest.mark.parametrize("odd", [b'"labels": {"a": 5}', b'"labels": {"a": "\xff"}', b'"labels": []'])
async def test_an_odd_event_costs_its_object_until_it_is_well_again(tmp_path: Path, odd: bytes) -> None:
    well = asyncio.Event()

    async def fault(exchange: Exchange) -> None:
        await exchange.head()
        line = event("MODIFIED", named("reviews-1"))
        await exchange.write(line.replace(b'"metadata": {', b'"metadata": {' + odd + b", "))
        await exchange.write(event("ADDED", named("new")))
        while not well.is_set():
            await asyncio.sleep(0.005)
        await exchange.write(line)
        await exchange.until_the_client_hangs_up()

    def pods(source: KubernetesSource) -> list[str]:
        inventory = source.inventory()
        return [] if inventory is None else [pod.meta.name for pod in inventory.pods]

    with running(HostileServer()) as server:
        server.fault, server.wanted = fault, watches_of_pods
        async with following(server, tmp_path) as source:
            await until(lambda: pods(source) == ["new", "reviews-2"])
            assert "shop/reviews-1" in (status_of(source, "Pod").error or "")
            well.set()
            await until(lambda: pods(source) == ["new", "reviews-1", "reviews-2"])
            assert status_of(source, "Pod").error is None
            assert len(server.asked(PODS)) == 1


@pytest.mark.parametrize("fault", [trickle, endless_pages])
async def test_a_list_without_an_end_holds_up_no_other_kind_and_is_never_fresh(tmp_path: Path, fault: Any) -> None:
    """Eight of them once took every turn of the cluster, whose state was none, without an error."""
    bad = ("/api/v1/pods", "/apis/apps", "/apis/discovery.k8s.io", "/apis/networking", "/apis/admission")
    with running(HostileServer()) as server:
        server.fault = fault
        server.wanted = lambda request: request.path.startswith(bad) and not request.is_watch
        limits = structs.replace(SMALL, list_pages=3_000, list_seconds=1.0)
        seen: set[str] = set()
        async with following(server, tmp_path, limits=limits, silence=0.5) as source:

            def known() -> bool:
                seen.add(status_of(source, "Pod").state)
                kinds = (status_of(source, kind).state for kind in ("Service", "Namespace"))
                return source.services_known.is_set() and all(state == "fresh" for state in kinds)

            await until(known)
            await until(lambda: known() and status_of(source, "Pod").state == "failed")
            assert source.status.state is State.PARTIAL
            assert "fresh" not in seen


async def test_a_kind_that_trickles_after_it_was_read_grows_stale(tmp_path: Path) -> None:
    """What was read is as old as it is, whatever is under way."""
    broken = False
    with running(HostileServer()) as server:

        async def fault(exchange: Exchange) -> None:
            if exchange.request.is_watch:
                await exchange.answer({"kind": "Status", "code": 410, "message": "too old"}, 410)
            else:
                await trickle(exchange)

        server.fault, server.wanted = fault, lambda request: broken and request.path == PODS
        async with following(server, tmp_path, silence=30.0) as source:
            await until(lambda: status_of(source, "Pod").state == "fresh" and server.asked(PODS, watch=True))
            broken = True
            server.hang_up_soon()
            await until(lambda: status_of(source, "Pod").state == "stale")
            assert status_of(source, "Pod").count == 2
            await until(lambda: status_of(source, "Service").state == "fresh")


async def test_a_server_that_wants_an_hour_is_asked_again_soon(tmp_path: Path) -> None:
    with running(HostileServer()) as server:
        server.fault, server.wanted = too_busy, lists_of_pods
        async with following(server, tmp_path) as source:
            await until(lambda: len(server.asked(PODS)) >= 6)
            server.fault = None
            await until(lambda: status_of(source, "Pod").state == "fresh")


async def test_a_single_reading_is_fresh_however_long_it_took(tmp_path: Path) -> None:
    """Of a hundred healthy clusters that were read one after another, 66 were once called stale."""
    now = [0.0]
    with running(HostileServer()) as server:
        server.objects[NAMESPACES] = [named("shop", "")]
        server.objects[SERVICES] = [named("reviews")]
        connection = Connection(reference(tmp_path, server.url), timeout_seconds=30)
        source = KubernetesSource(connection, refresh_seconds=5.0, clock=lambda: now[0])
        await source.list_all()
        now[0] = 100.0
        assert source.status.state is State.FRESH
        assert status_of(source, "Service").state == "fresh"
        await connection.close()
