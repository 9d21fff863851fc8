"""A served cluster within the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from meshtop.demo.kube.access import admin, viewer
from meshtop.demo.serve import ServedCluster
from tests.demo.world.worlds import Clock, make

ADMIN = {"Authorization": "Bearer demo-admin"}
REVIEWS = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews"


@asynccontextmanager
async def _served(dies_in: float | None = None) -> AsyncIterator[tuple[str, str, Clock]]:
    world, clock = make("calm")
    one = ServedCluster(
        world.clusters["us-east"], clock, [admin(), viewer()], None if dies_in is None else clock.now + dies_in
    )
    await one.listen("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{one.api_port}", f"http://127.0.0.1:{one.prometheus_port}", clock
    finally:
        await one.close()


async def test_a_weight_that_is_patched_arrives_in_the_metrics() -> None:
    selected = 'istio_requests_total{destination_service_name="reviews",reporter="source"}'
    query = f"sum by (destination_version) (rate({selected}[1m]))"
    async with _served() as (api, prometheus, clock), aiohttp.ClientSession(headers=ADMIN) as session:

        async def share() -> float:
            async with session.get(
                f"{prometheus}/api/v1/query", params={"query": query, "time": str(clock.now)}
            ) as answer:
                result = (await answer.json())["data"]["result"]
            found = {one["metric"]["destination_version"]: float(one["value"][1]) for one in result}
            return found["v3"] / sum(found.values())

        assert abs(await share() - 0.2) < 0.02
        patch = [
            {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 50},
            {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 50},
        ]
        headers = {"Content-Type": "application/json-patch+json"}
        async with session.patch(api + REVIEWS, json=patch, headers=headers) as answer:
            assert answer.status == 200
        clock.now += 90
        assert abs(await share() - 0.5) < 0.02


async def test_a_viewer_reads_and_may_not_write() -> None:
    async with (
        _served() as (api, _, _),
        aiohttp.ClientSession(headers={"Authorization": "Bearer demo-viewer"}) as session,
    ):
        async with session.get(api + REVIEWS) as answer:
            assert answer.status == 200
        async with session.delete(api + REVIEWS) as answer:
            assert answer.status == 403
        proxied = f"{api}/api/v1/namespaces/istio-system/services/prometheus:9090/proxy/api/v1/query"
        async with session.get(proxied, params={"query": "up"}) as answer:
            assert answer.status == 200


async def test_a_dying_cluster_leaves_requests_unanswered() -> None:
    async with _served(dies_in=60) as (api, prometheus, clock), aiohttp.ClientSession(headers=ADMIN) as session:
        async with session.get(api + REVIEWS) as answer:
            assert answer.status == 200
        clock.now += 61
        waiting = [
            asyncio.ensure_future(session.get(url)) for url in (api + REVIEWS, f"{prometheus}/api/v1/query?query=up")
        ]
        done, _ = await asyncio.wait(waiting, timeout=0.3)
        assert not done
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
