"""A forecast is kept: the objects are then really applied to the simulated API servers, and telemetry says the same.

Every call that was seen is compared, so that what breaks without a forecast is found as well as a false alarm. The
clock is moved by hand; what is applied is taken back, and the next change begins where nothing is changed.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct, structs

from meshtop.analysis.forecast.calls import SeenCall, seen_calls
from meshtop.analysis.inventory.overlay import OverlaidObject
from meshtop.model.asked import Asked
from meshtop.model.snapshot import Snapshot
from meshtop.model.yaml_input import load_yaml_documents
from meshtop.observatory.build import open_observatory
from meshtop.settings.schema import Settings
from meshtop.sources.kubernetes.manifests import manifests
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.forecast import ForecastAnswer, ForecastChange, applied_to, forecast_of
from tests.e2e.forecast.changes import CASES, Case
from tests.judgement.simulated import SimulatedWorld

# One worker applies all the changes, one after the other in one world.
pytestmark = pytest.mark.xdist_group("e2e-forecasts")

PASSED_SECONDS = 900.0
"""After so long a window of 5 minutes holds nothing but the new configuration."""
CALLS = Asked(None, frozenset({"requests", "tcp_opened"}))
PLURALS = {
    "AuthorizationPolicy": "authorizationpolicies",
    "PeerAuthentication": "peerauthentications",
    "DestinationRule": "destinationrules",
    "VirtualService": "virtualservices",
    "Sidecar": "sidecars",
    "ServiceEntry": "serviceentries",
    "HTTPRoute": "httproutes",
    "Service": "services",
}
VERSIONS = {"Service": "v1", "ServiceEntry": "networking.istio.io/v1"}
CallKey = tuple[str, str, str, str, str]


class Kept(Struct, frozen=True):
    """A forecast, and the calls before and after its objects were applied, by who calls what."""

    answer: ForecastAnswer
    before: dict[CallKey, SeenCall]
    after: dict[CallKey, SeenCall]


def call_key(call: SeenCall) -> CallKey:
    source = call.source
    return (source.cluster, source.namespace, source.workload, call.service, call.protocol)


def by_key(picture: Picture) -> dict[CallKey, SeenCall]:
    return {call_key(call): call for call in seen_calls(picture.edges)}


def change_of(case: Case) -> ForecastChange:
    applied = applied_to(manifests([case.manifests]).inventory, case.clusters).applied if case.manifests else ()
    removed = tuple(("", OverlaidObject(*name.split("/"))) for name in case.removes)
    return ForecastChange(applied=applied, removed=removed)


class Servers:
    """The API servers of a world; keeps what was there, so that a change can be taken back."""

    def __init__(self, world: SimulatedWorld, client: httpx.AsyncClient) -> None:
        self._urls = dict(world.world.servers)
        self._client = client
        self._there: tuple[str, ...] = ()
        self._was: list[tuple[str, Any]] = []

    async def change(self, case: Case) -> None:
        self._there = case.clusters or tuple(self._urls)
        for document in load_yaml_documents(case.manifests) if case.manifests else ():
            meta = document["metadata"]
            for path, held in await self._everywhere(
                document["apiVersion"], document["kind"], meta["namespace"], meta["name"]
            ):
                written = document if held is None else {**held, "spec": document["spec"]}
                await self._write(path, written, held)
        for name in case.removes:
            kind, namespace, own = name.split("/")
            for path, held in await self._everywhere(VERSIONS[kind], kind, namespace, own):
                if held is not None:
                    await self._write(path, None, held)

    async def restore(self) -> None:
        for path, held in reversed(self._was):
            if held is None:
                (await self._client.delete(path)).raise_for_status()
            else:
                there = await self._client.get(path)
                await self._put(path, held, there.json() if there.is_success else None)
        self._was.clear()

    async def _everywhere(self, version: str, kind: str, namespace: str, name: str) -> list[tuple[str, Any]]:
        root = "api" if "/" not in version else "apis"
        found = []
        for url in (self._urls[name] for name in self._there):
            if not (await self._client.get(f"{url}/api/v1/namespaces/{namespace}")).is_success:
                continue
            path = f"{url}/{root}/{version}/namespaces/{namespace}/{PLURALS[kind]}/{name}"
            answer = await self._client.get(path)
            found.append((path, answer.json() if answer.is_success else None))
        return found

    async def _write(self, path: str, obj: Any, held: Any) -> None:
        self._was.append((path, held))
        if obj is None:
            (await self._client.delete(path)).raise_for_status()
        else:
            await self._put(path, obj, held)

    async def _put(self, path: str, obj: Any, there: Any) -> None:
        if there is None:
            body = {
                **obj,
                "metadata": {k: v for k, v in obj["metadata"].items() if k not in ("uid", "resourceVersion")},
            }
            answer = await self._client.post(path.rpartition("/")[0], content=json.dumps(body))
        else:
            meta = {**obj["metadata"], "resourceVersion": there["metadata"]["resourceVersion"]}
            answer = await self._client.put(path, content=json.dumps({**obj, "metadata": meta}))
        assert answer.is_success, answer.text


async def _all_kept(folder: Path) -> dict[str, Kept]:
    world, found = SimulatedWorld("calm"), {}
    headers = {"Authorization": "Bearer demo-admin", "Content-Type": "application/json"}
    async with world.served(folder), httpx.AsyncClient(headers=headers, timeout=60.0) as client:
        servers, factory = Servers(world, client), PictureFactory()
        observatory = open_observatory(
            Settings(), kubeconfig=str(world.kubeconfig), clock=lambda: world.now, timeout_seconds=60.0, asked=CALLS
        )
        # One after the other: both sides share a loop, on which an answer in the making holds up every connection.
        for feed in observatory.feeds:
            await feed.kubernetes.list_all()
            await feed._measure(observatory.schedule)
            # This one stands for an observatory that goes on, in which everything has answered.
            feed._listed = feed._measured = True
        snapshot = observatory._snapshot()
        before = factory.picture(snapshot)
        for case in CASES:
            answer = forecast_of(before, factory.picture, change_of(case))
            await servers.change(case)
            world.now += PASSED_SECONDS
            for feed in observatory.feeds:
                await feed._measure(observatory.schedule)
            after = Picture(as_read(snapshot, observatory._snapshot()))
            found[case.name] = Kept(answer, by_key(before), by_key(after))
            await servers.restore()
        await observatory.close()
    return found


def as_read(objects: Snapshot, calls: Snapshot) -> Snapshot:
    """The calls of one snapshot among the objects of another, which telemetry is read by."""
    clusters = zip(objects.clusters, calls.clusters, strict=True)
    return structs.replace(
        objects, clusters=tuple(structs.replace(one, telemetry=other.telemetry) for one, other in clusters)
    )


@cache
def all_kept() -> dict[str, Kept]:
    """Every case in one world; in a thread, as the tests may have a loop of their own."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(_all_kept(Path(folder)))).result()


def foretold(kept: Kept, key: CallKey) -> dict[str, float]:
    """The share of a call that is forecast for each effect."""
    found: dict[str, float] = {}
    for item in kept.answer.items:
        source = item.source
        if (source.cluster, source.namespace, source.workload, item.destination.service, item.protocol) == key:
            found[item.effect.value] = found.get(item.effect.value, 0.0) + item.share
    return found


BREAKS = ("denied", "mtls", "no-endpoints", "unreachable", "fault")
TOLERANCE = 0.03
FEW = 0.5
"""So few requests a second are too few to compare shares of."""


def untrue(kept: Kept) -> Iterator[str]:
    """What telemetry says otherwise than the forecast did."""
    for key, before in kept.before.items():
        told = foretold(kept, key)
        if before.rate < FEW or before.protocol == "tcp" or "depends" in told:
            continue
        after = kept.after.get(key)
        lost = sum(told.get(effect, 0.0) for effect in BREAKS)
        if after is None or after.rate < 0.02 * before.rate:
            # Nobody asks any more, or the name leads elsewhere now, or only the caller would know that it fails.
            gone = lost > 1 - TOLERANCE or "moves" in told or not asked(kept, key)
            if not gone:
                yield f"{key}: {told or 'nothing'} was forecast, and there are no calls any more"
            continue
        expected = before.working / before.rate * (1.0 - lost)
        works = after.working / after.rate
        if abs(works - expected) > TOLERANCE:
            yield f"{key}: {told or 'nothing'} was forecast, {expected:.2f} should work, and {works:.2f} does"
        if not lost and has_proxy(key):
            yield from wrongly_split(kept, key, before, after, moves="moves" in told)


def asked(kept: Kept, key: CallKey) -> bool:
    """Whether the caller of a call is asked itself as before; what nobody asks calls nobody."""
    rates = [
        sum(
            call.working
            for call in calls.values()
            if (call.destination.cluster, call.destination.workload) == (key[0], key[2])
        )
        for calls in (kept.before, kept.after)
    ]
    return rates[1] > 0.1 * rates[0]


def has_proxy(key: CallKey) -> bool:
    """Whether the caller has a proxy; the demo lets those without one follow routes, which real ones do not."""
    return bool(key[2])


def wrongly_split(kept: Kept, key: CallKey, before: SeenCall, after: SeenCall, *, moves: bool) -> Iterator[str]:
    shares = [
        {where: sum(e.sums.requests or 0 for e in call.edges if e.destination.workload == where) / call.rate
         for where in {e.destination.workload for e in call.edges}}
        for call in (before, after)
    ]  # fmt: skip
    expected = shares[0]
    if moves:
        item = next(i for i in kept.answer.items if call_of(i) == key)
        expected = {share.to.rpartition("/")[2].partition(" in ")[0]: share.share for share in item.after}
        if set(expected) == {"PassthroughCluster"}:
            yield f"{key}: was to pass through, and is seen to {sorted(shares[1])}"
            return
    for where in {*expected, *shares[1]}:
        if abs(expected.get(where, 0.0) - shares[1].get(where, 0.0)) > TOLERANCE:
            yield f"{key}: {where} was to get {expected.get(where, 0.0):.2f}, and gets {shares[1].get(where, 0.0):.2f}"


def call_of(item: Any) -> CallKey:
    source = item.source
    return (source.cluster, source.namespace, source.workload, item.destination.service, item.protocol)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_forecast_is_what_comes(case: Case) -> None:
    kept = all_kept()[case.name]
    effects = {item.effect.value for item in kept.answer.items}
    assert case.effects <= effects
    assert list(untrue(kept)) == []
