"""An evacuation is kept: the cluster's endpoints are then really taken away, or it dies, and telemetry says the same.

In the first mesh us-east calls what only eu-west has. In the second one eu-north has no ratings of its own, so that it
calls those of us-west and ap-south, and those of us-west move.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import httpx
import pytest
from msgspec import Struct, structs

from meshtop.analysis.forecast.calls import SeenCall, rate_of
from meshtop.demo.world.plan import Options
from meshtop.demo.world.world import World
from meshtop.model.asked import Asked
from meshtop.model.traffic import Edge
from meshtop.observatory.build import open_observatory
from meshtop.observatory.observatory import Observatory
from meshtop.settings.schema import Settings
from meshtop.views.picture.asks import EVACUATE
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.evacuate import EvacuateAnswer, evacuate_answer
from meshtop.views.reports.forecast import ForecastItem
from tests.e2e.forecast.test_forecasts_come_true import PASSED_SECONDS, CallKey, as_read, by_key, call_of
from tests.judgement.simulated import SimulatedWorld

pytestmark = pytest.mark.xdist_group("e2e-evacuations")

LEAVING = ("eu-west", "us-west")
ELSEWHERE = ("eu-north", "ratings")
"""A cluster that has none of these itself."""
ASKED = Asked(EVACUATE.kinds, frozenset({"requests", "tcp_opened", "control_seen"}))
TOLERANCE = 0.03
FEW = 0.5


class Evacuated(Struct, frozen=True):
    """The forecast for each cluster that leaves, and the calls before and after."""

    answers: dict[str, EvacuateAnswer]
    before: dict[CallKey, SeenCall]
    after: dict[CallKey, SeenCall]

    @property
    def items(self) -> tuple[ForecastItem, ...]:
        return tuple(item for answer in self.answers.values() for item in answer.calls.items)


async def scale_down(world: World, client: httpx.AsyncClient, cluster: str, app: str | None = None) -> None:
    """Let no pod be of the controllers of a cluster, or of those of one app."""
    url = world.servers[cluster]
    for plural in ("deployments", "statefulsets"):
        listed = (await client.get(f"{url}/apis/apps/v1/{plural}")).json()
        for one in listed["items"]:
            meta = one["metadata"]
            if app is not None and not meta["name"].startswith(f"{app}-"):
                continue
            path = f"{url}/apis/apps/v1/namespaces/{meta['namespace']}/{plural}/{meta['name']}"
            wanted = {
                **one,
                "apiVersion": listed["apiVersion"],
                "kind": listed["kind"].removesuffix("List"),
                "spec": {**one["spec"], "replicas": 0},
            }
            answer = await client.put(path, content=json.dumps(wanted))
            assert answer.is_success, answer.text
    # Its controllers do it a moment later; here the moment is now, before anybody looks.
    world.clusters[cluster].reconcile()


async def look(observatory: Observatory) -> Picture:
    """The calls of this moment, with the objects of this moment."""
    for feed in observatory.feeds:
        await feed.kubernetes.list_all()
        await feed._measure(observatory.schedule)
        # This one stands for an observatory that goes on, in which everything has answered.
        feed._listed = feed._measured = True
    return Picture(observatory._snapshot())


async def _scaled_down(folder: Path) -> Evacuated:
    world = SimulatedWorld("calm")
    world.world = World(Options(6, None, 1, "none"), lambda: world.now, "calm", 0.0)
    headers = {"Authorization": "Bearer demo-admin", "Content-Type": "application/json"}
    async with world.served(folder), httpx.AsyncClient(headers=headers, timeout=60.0) as client:
        await scale_down(world.world, client, *ELSEWHERE)
        world.now += PASSED_SECONDS
        observatory = open_observatory(
            Settings(), kubeconfig=str(world.kubeconfig), clock=lambda: world.now, timeout_seconds=60.0, asked=ASKED
        )
        before = await look(observatory)
        answers = {cluster: evacuate_answer(before, cluster) for cluster in LEAVING}
        for cluster in LEAVING:
            await scale_down(world.world, client, cluster)
        world.now += PASSED_SECONDS
        for feed in observatory.feeds:
            await feed._measure(observatory.schedule)
        after = Picture(as_read(before.snapshot, observatory._snapshot()))
        await observatory.close()
    return Evacuated(answers, by_key(before), by_key(after))


async def _died(folder: Path) -> Evacuated:
    world = SimulatedWorld("dead-cluster", begins=PASSED_SECONDS)
    async with world.served(folder):
        observatory = open_observatory(
            Settings(), kubeconfig=str(world.kubeconfig), clock=lambda: world.now, timeout_seconds=60.0, asked=ASKED
        )
        before = await look(observatory)
        answers = {"eu-west": evacuate_answer(before, "eu-west")}
        world.now += 2 * PASSED_SECONDS
        await world.die()
        for feed in observatory.feeds:
            await feed._measure(observatory.schedule)
        # What the dead cluster told last is of before its death.
        later = observatory._snapshot()
        clusters = [structs.replace(c, telemetry=None) if c.name in answers else c for c in later.clusters]
        later = structs.replace(later, clusters=tuple(clusters))
        after = Picture(as_read(before.snapshot, later))
        await observatory.close()
    return Evacuated(answers, by_key(before), by_key(after))


@cache
def evacuated(how: str) -> Evacuated:
    """Each world once; in a thread, as the tests may have a loop of their own."""
    make = _died if how == "died" else _scaled_down
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(make(Path(folder)))).result()


def untrue(found: Evacuated) -> Iterator[str]:
    """What telemetry says otherwise than the forecast did, of every call of a caller that is left."""
    told = {call_of(item): item for item in found.items}
    for key, before in found.before.items():
        if key[0] in found.answers or before.rate < FEW or before.protocol == "tcp":
            continue
        after, item = found.after.get(key), told.get(key)
        if after is None:
            yield f"{key}: {item and item.effect} was forecast, and there are no calls any more"
            continue
        lost = item.share if item is not None and item.breaks else 0.0
        expected = before.working / before.rate * (1.0 - lost)
        works = after.working / after.rate
        if abs(works - expected) > TOLERANCE:
            yield f"{key}: {item and item.effect} was forecast, {expected:.2f} should work, and {works:.2f} does"
        places = shares(before.edges, before.rate)
        if item is not None and not item.breaks:
            places = {where(key, one.to): one.share for one in item.after}
        if not lost:
            for place, share in shares(after.edges, after.rate).items():
                if abs(share - places.get(place, 0.0)) > TOLERANCE:
                    yield f"{key}: {places} was to answer, and {place} gets {share:.2f}"


def where(key: CallKey, to: str) -> tuple[str, str]:
    """The cluster and workload of a place as it is said to users."""
    name, _, cluster = to.partition(" in ")
    return (cluster or key[0], name.rpartition("/")[2])


def shares(edges: Sequence[Edge], rate: float) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for edge in edges:
        place = (edge.destination.cluster, edge.destination.workload)
        found[place] = found.get(place, 0.0) + rate_of(edge) / rate
    return found


@pytest.mark.parametrize("how", ["scaled-down", "died"])
def test_what_is_forecast_of_an_evacuation_is_what_comes(how: str) -> None:
    found = evacuated(how)
    assert {item.effect.value for item in found.items} == {"no-endpoints", *(["moves"] if how != "died" else [])}
    assert list(untrue(found)) == []


def test_what_moves_is_answered_where_it_was_to_go() -> None:
    found = evacuated("scaled-down")
    moved = found.answers["us-west"].calls
    assert {item.source.cluster for item in moved.items if item.effect.value == "moves"} == {ELSEWHERE[0]}
    (takes,) = [one for one in moved.clusters if one.takes_more_per_second > 0]
    assert takes.cluster == "ap-south"

    def share(call: SeenCall) -> float:
        return sum(rate_of(edge) for edge in call.edges if edge.destination.cluster == takes.cluster) / call.rate

    # In the demo clients still come to the gateways of a cluster that left, so that all others are asked for more.
    keys = {call_of(item) for item in moved.items if item.effect.value == "moves"}
    more = sum(found.before[key].rate * (share(found.after[key]) - share(found.before[key])) for key in keys)
    assert takes.takes_more_per_second == pytest.approx(more, rel=0.05)
    assert takes.load_factor == pytest.approx(1.0 + takes.takes_more_per_second / takes.answers_per_second)
