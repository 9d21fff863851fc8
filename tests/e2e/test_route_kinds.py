"""A shift of every kind of route, and in a mesh with a remote cluster: read, shifted and taken back over HTTP."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.events import ActionEvent, ActionOutcome, SplitStatus
from meshtop.actions.fleet import Fleet
from meshtop.actions.journal.journal import Journal
from meshtop.actions.shift.plan import Guard, ShiftPlan
from meshtop.actions.shift.preflight import CheckStatus, preflight
from meshtop.actions.shift.preview import preview
from meshtop.actions.shift.recover import find_action, rollback
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.demo.world.plan import Options
from tests.e2e.serving import LIMIT, Served, served
from tests.e2e.test_shift_on_the_demo import Ahead, fleet

pytestmark = pytest.mark.xdist_group("route-kinds")
Json = dict[str, Any]
BOTH = ("us-east", "eu-west")
NETWORKING = "networking.istio.io/v1"
UNGUARDED = Guard(errors=False, latency=False)
"""What nobody asks for cannot be judged, and such a shift is held."""
GATEWAY = "gateway.networking.k8s.io"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo without its own routes of the two services, so that those of the tests are the ones that are obeyed."""
    with served(tmp_path_factory.mktemp("kinds"), options=Options(clusters=2)) as found:
        for cluster in BOTH:
            send(found, cluster, "DELETE", place(virtual_service(), "shop", "reviews"))
            send(
                found,
                cluster,
                "DELETE",
                place({"apiVersion": f"{GATEWAY}/v1", "kind": "HTTPRoute"}, "loyalty", "offers"),
            )
        yield found


def send(world: Served, cluster: str, method: str, path: str, body: Json | None = None) -> Json:
    request = urllib.request.Request(
        world.servers[cluster] + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        found: Json = json.load(answer)
        return found


def weighted(*weights: int | None, **target: Any) -> list[Json]:
    """Subsets v2 and v3 of reviews with these weights (None: not written)."""
    found: list[Json] = []
    for subset, weight in zip(("v2", "v3"), weights, strict=True):
        one: Json = {"destination": {"host": "reviews", "subset": subset, **target}}
        found.append(one if weight is None else {**one, "weight": weight})
    return found


def virtual_service(**spec: Any) -> Json:
    return {"apiVersion": NETWORKING, "kind": "VirtualService", "spec": spec}


def gateway_route(kind: str, version: str, *weights: int | None, **spec: Any) -> Json:
    """Services offers-v1 and offers-v2 behind Service offers."""
    backends: list[Json] = []
    for name, weight in zip(("offers-v1", "offers-v2"), weights, strict=True):
        one: Json = {"group": "", "kind": "Service", "name": name, "port": 8080}
        backends.append(one if weight is None else {**one, "weight": weight})
    parent = {"group": "", "kind": "Service", "name": "offers", "port": 8080}
    rules = [{"backendRefs": backends}]
    return {
        "apiVersion": f"{GATEWAY}/{version}",
        "kind": kind,
        "spec": {"parentRefs": [parent], "rules": rules, **spec},
    }


# What is created, the namespace it lives in, how ROUTE names it, and what telemetry says of the new split: the demo has
# HTTP callers for both services, none by TCP or TLS.
SEEN, UNSEEN = SplitStatus.FOLLOWS, SplitStatus.NO_TRAFFIC
RETRIES = {"attempts": 2}
TLS_MATCH = [{"port": 443, "sniHosts": ["reviews.example"]}]
CASES = [
    (virtual_service(hosts=["reviews"], http=[{"name": "all", "retries": RETRIES, "route": weighted(80, 20)}]),
     "shop", "shop/kind#all", SEEN),
    (virtual_service(hosts=["reviews"], tcp=[{"match": [{"port": 9080}], "route": weighted(90, 10)}]),
     "shop", "shop/kind#0", UNSEEN),
    (virtual_service(hosts=["reviews"], tls=[{"match": TLS_MATCH, "route": weighted(1, 3, port={"number": 443})}]),
     "shop", "shop/kind", UNSEEN),
    (virtual_service(http=[{"route": weighted(100, None)}]), "shop", "shop/kind", SEEN),
    (gateway_route("HTTPRoute", "v1", 90, 10), "loyalty", "httproute/loyalty/kind", SEEN),
    (gateway_route("GRPCRoute", "v1", None, None), "loyalty", "grpcroute/loyalty/kind", SEEN),
    (gateway_route("TCPRoute", "v1alpha2", 9, 1), "loyalty", "tcproute/loyalty/kind", UNSEEN),
    (gateway_route("TLSRoute", "v1alpha3", 90, None, hostnames=["offers.example"]),
     "loyalty", "tlsroute/loyalty/kind", UNSEEN),
]  # fmt: skip
NAMES = ("http", "tcp", "tls", "delegate", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")
PARENT = virtual_service(hosts=["reviews"], http=[{"name": "to", "delegate": {"name": "kind", "namespace": "shop"}}])


def place(obj: Json, namespace: str, name: str = "kind") -> str:
    return f"/apis/{obj['apiVersion']}/namespaces/{namespace}/{obj['kind'].lower()}s/{name}"


def create(world: Served, cluster: str, obj: Json, namespace: str, name: str = "kind") -> None:
    body = {**obj, "metadata": {"name": name, "namespace": namespace}}
    send(world, cluster, "POST", place(obj, namespace, name).rpartition("/")[0], body)


def spec_of(world: Served, cluster: str, obj: Json, namespace: str) -> Json:
    found: Json = send(world, cluster, "GET", place(obj, namespace))["spec"]
    return found


def destinations(spec: Json) -> list[Json]:
    """The elements that carry weights."""
    rules = next(spec[name] for name in ("rules", "http", "tcp", "tls") if name in spec)
    found: list[Json] = rules[0].get("backendRefs") or rules[0].get("route")
    return found


def without_weights(spec: Json) -> Json:
    copy: Json = json.loads(json.dumps(spec))
    for one in destinations(copy):
        one.pop("weight", None)
    return copy


@asynccontextmanager
async def created(world: Served, obj: Json, namespace: str) -> AsyncIterator[None]:
    """The object in both clusters, with its parent where it is a delegate, until the block ends."""
    delegate = "hosts" not in obj["spec"] and obj["kind"] == "VirtualService"
    for cluster in BOTH:
        create(world, cluster, obj, namespace)
        if delegate:
            create(world, cluster, PARENT, namespace, "parent")
    try:
        yield
    finally:
        for cluster in BOTH:
            send(world, cluster, "DELETE", place(obj, namespace))
            if delegate:
                send(world, cluster, "DELETE", place(PARENT, namespace, "parent"))


async def run(world: Served, made: Fleet, journal: Journal, plan: ShiftPlan) -> list[ActionEvent]:
    async def sleep(seconds: float) -> None:
        world.clock.ahead += seconds

    found = await preflight(plan, made)
    assert found.refusal is None, found.refusal
    runner = ShiftRunner.begin(found, made, journal, controls=Ahead(world.clock), sleep=sleep)
    return [event async for event in runner.run()]


@pytest.mark.parametrize(("obj", "namespace", "route", "follows"), CASES, ids=NAMES)
async def test_every_kind_is_shifted_confirmed_and_taken_back(
    world: Served, tmp_path: Path, obj: Json, namespace: str, route: str, follows: SplitStatus
) -> None:
    second = "v3" if namespace == "shop" else "offers-v2"
    plan = ShiftPlan(
        route=route, steps=({second: 35},), waves=(("us-east",), ("eu-west",)), every_seconds=60.0, guard=UNGUARDED
    )
    async with created(world, obj, namespace), fleet(world) as made:
        before = spec_of(world, "us-east", obj, namespace)
        shown = await preview(await preflight(plan, made), made)
        changed = [line for line in shown[0].lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        assert {line.strip("+- ").partition(":")[0] for line in changed} == {"weight"}

        journal = Journal(tmp_path / "journal.db")
        events = await run(world, made, journal, plan)
        assert events[-1].outcome is ActionOutcome.DONE, events[-1].message
        seen = {one.cluster: one for event in events for one in event.observed}
        assert {cluster: one.status for cluster, one in seen.items()} == dict.fromkeys(BOTH, follows)
        if follows is SEEN:
            assert [one.actual[second] for one in seen.values()] == [pytest.approx(0.35, abs=0.05)] * 2
        for cluster in BOTH:
            after = spec_of(world, cluster, obj, namespace)
            assert [one.get("weight") for one in destinations(after)] == [65, 35]
            assert without_weights(after) == without_weights(before), "nothing but weights is changed"

        events = [event async for event in rollback(find_action(journal, None), made, journal)]
        assert events[-1].restored
        for cluster in BOTH:
            assert spec_of(world, cluster, obj, namespace) == before, "what was not written is taken away again"
        journal.close()


async def test_in_primary_remote_the_primary_s_object_alone_is_written(tmp_path: Path) -> None:
    with served(tmp_path, options=Options(clusters=2)) as world:
        reviews = virtual_service()
        istiod = "/apis/apps/v1/namespaces/istio-system/deployments"
        for one in send(world, "eu-west", "GET", istiod)["items"]:
            if one["metadata"]["name"].startswith("istiod"):
                send(world, "eu-west", "DELETE", f"{istiod}/{one['metadata']['name']}")
        pods = "/api/v1/namespaces/istio-system/pods"
        for one in send(world, "eu-west", "GET", pods)["items"]:
            if one["metadata"]["name"].startswith("istiod"):
                send(world, "eu-west", "DELETE", f"{pods}/{one['metadata']['name']}")
        settings = "/api/v1/namespaces/istio-system/configmaps"
        mesh = json.dumps({"defaultConfig": {"meshId": "prod"}, "trustDomain": "cluster.local"})
        named = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio"}, "data": {"mesh": mesh}}
        send(world, "eu-west", "POST", settings, named)
        path = place(reviews, "shop", "reviews")
        untouched = send(world, "eu-west", "GET", path)
        plan = ShiftPlan(route="shop/reviews", steps=({"v3": 35},), wait=False)
        async with fleet(world) as made:
            found = await preflight(plan, made)
            assert found.plan.clusters == ("us-east",)
            (said,) = [check for check in found.checks if check.cluster == "eu-west"]
            assert (said.status, said.name) == (CheckStatus.OK, "mesh")
            assert said.message == (
                "its callers follow us-east and move with it; its own object of that name has no effect and stays "
                "as it is"
            )
            with pytest.raises(ActionError, match="eu-west has no control plane of its own") as caught:
                await preflight(plan, made, clusters=("eu-west",))
            assert (caught.value.kind, caught.value.remedy) == (ErrorKind.USAGE, "Name that with --cluster us-east.")

            journal = Journal(tmp_path / "journal.db")
            events = await run(world, made, journal, plan)
            assert events[-1].outcome is ActionOutcome.DONE, events[-1].message
            written = send(world, "us-east", "GET", path)
            assert [one["weight"] for one in destinations(written["spec"])] == [65, 35]
            assert (
                send(world, "eu-west", "GET", path)["metadata"]["resourceVersion"]
                == (untouched["metadata"]["resourceVersion"])
            )
            assert [e async for e in rollback(find_action(journal, None), made, journal)][-1].restored
            assert send(world, "us-east", "GET", path)["spec"] == untouched["spec"]
            journal.close()
