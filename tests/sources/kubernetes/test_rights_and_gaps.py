"""What may be read in part only, and what the server cannot say at present: neither is taken for absent."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from meshtop.model.evidence import READ, Reading, WhyUnknown
from meshtop.model.kube import Controller, Meta
from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.extras import ControlPlanes, Extras
from meshtop.sources.kubernetes.link import ServerLink
from meshtop.sources.kubernetes.pacing import Pace
from tests.sources.api import NAMESPACES, PODS, SECRETS, VIRTUAL_SERVICES, Api, object_named, refusal, served
from tests.sources.conftest import QUICK, following, kind, names, ref_to, until, write_kubeconfig

POLICIES = "/apis/security.istio.io/v1/peerauthentications"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
SECURITY = {"security.istio.io": {"v1": ["peerauthentications"]}}


def only_in(api: Api, *namespaces: str, rules: dict[str, list[dict[str, Any]]] | None = None) -> None:
    """Forbid every list but those in these namespaces; `rules` are what reviews answer, by namespace."""

    async def forbid(request: web.Request) -> web.StreamResponse | None:
        parts = request.path.strip("/").split("/")
        if request.path == REVIEWS:
            asked = json.loads(await request.read())["spec"]["namespace"]
            return web.json_response({"status": {"resourceRules": (rules or {}).get(asked, [])}}, status=201)
        if request.path in ("/version", "/apis"):
            return None
        if "namespaces" in parts[:-1] and parts[parts.index("namespaces") + 1] in namespaces:
            return None
        return refusal(403)

    api.faults.append(forbid)


def in_namespace(path: str, namespace: str) -> str:
    before, _, plural = path.rpartition("/")
    return f"{before}/namespaces/{namespace}/{plural}"


def source_on(api: Api, path: Path, *namespaces: str) -> tuple[Connection, KubernetesSource]:
    connection = Connection(ref_to(write_kubeconfig(path / "config", api.url)), timeout_seconds=10)
    return connection, KubernetesSource(connection, pace=QUICK, namespaces=namespaces)


LIST_ALL = {"verbs": ["list"], "apiGroups": ["*"], "resources": ["*"]}
NAMED = {"verbs": ["get"], "apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["shop", "pay"]}


@pytest.mark.parametrize(
    ("wanted", "rules", "expected"),
    [
        (("shop",), {}, ["web"]),
        (("shop", "pay"), {}, ["till", "web"]),
        ((), {"default": [NAMED], "shop": [LIST_ALL], "pay": [LIST_ALL]}, ["till", "web"]),
        ((), {"default": [NAMED], "shop": [LIST_ALL], "pay": [{**LIST_ALL, "resources": ["services"]}]}, ["web"]),
        ((), {"default": [NAMED], "pay": [{**LIST_ALL, "resourceNames": ["one"]}]}, []),
        (("p*",), {"default": [NAMED], "shop": [LIST_ALL], "pay": [LIST_ALL]}, ["till"]),
        ((), {}, []),
    ],
)
@pytest.mark.parametrize("watched", [False, True])
async def test_where_the_cluster_may_not_be_listed_its_namespaces_are(
    wanted: tuple[str, ...], rules: dict[str, Any], expected: list[str], watched: bool, tmp_path: Path
) -> None:
    with served(Api(groups={"networking.istio.io": {"v1": ["virtualservices"]}})) as api:
        api.objects[in_namespace(PODS, "shop")] = [object_named("web")]
        api.objects[in_namespace(PODS, "pay")] = [object_named("till", "pay")]
        api.objects[in_namespace(VIRTUAL_SERVICES, "shop")] = [object_named("web")]
        only_in(api, "shop", "pay", rules=rules)
        connection, source = source_on(api, tmp_path, *wanted)
        if watched:
            async with following(source):
                await until(lambda: kind(source, "Pod").state == "denied" or not expected)
                await until(lambda: sorted(names(source, "pods")) == expected)
        else:
            await source.list_all()
        assert sorted(names(source, "pods")) == expected
        inventory = source.inventory()
        if expected:
            assert inventory is not None
            assert source.status.state is State.PARTIAL
            assert inventory.evidence("Pod").why is WhyUnknown.DENIED
            assert inventory.evidence("Pod", kind(source, "Pod").namespaces[0]) == READ
            assert inventory.evidence("Pod", "elsewhere").why is WhyUnknown.DENIED
            assert kind(source, "Node").state == "denied"
        else:
            assert inventory is None
            assert watched or source.status.state is State.DENIED
        await connection.close()


async def test_a_namespace_is_watched_and_given_up_when_the_cluster_may_be_listed(tmp_path: Path) -> None:
    with served(Api()) as api:
        path = in_namespace(PODS, "shop")
        api.objects[path] = [object_named("web")]
        only_in(api, "shop")
        connection, source = source_on(api, tmp_path, "shop")
        async with following(source):
            await until(lambda: api.watches.get(path))
            api.send(path, {"type": "ADDED", "object": object_named("new", version="101")})
            await until(lambda: names(source, "pods") == ["new", "web"])
            api.objects[PODS] = [object_named("all", "other")]
            api.faults.clear()
            await until(lambda: names(source, "pods") == ["all"])
            await until(lambda: not api.watches[path])
            assert kind(source, "Pod").state == "fresh"
        await connection.close()


def stale(api: Api) -> None:
    """The aggregated discovery that names the group as stale, without its kinds."""
    group = {
        "metadata": {"name": "security.istio.io"},
        "versions": [{"version": "v1", "freshness": "Stale", "resources": []}],
    }
    api.faults.append(
        lambda r: web.json_response({"kind": "APIGroupDiscoveryList", "items": [group]}) if r.path == "/apis" else None
    )


def unavailable(api: Api) -> None:
    """The group's own discovery is answered with 503."""
    api.always("/apis/security.istio.io/v1", lambda: refusal(503, "the server is currently unable"))


@pytest.mark.parametrize(("legacy", "spoil"), [(False, stale), (True, unavailable)])
async def test_a_group_that_cannot_be_told_is_not_absent(legacy: bool, spoil: Any, tmp_path: Path) -> None:
    with served(Api(groups=dict(SECURITY), legacy=legacy)) as api:
        spoil(api)
        connection, source = source_on(api, tmp_path)
        await source.list_all()
        inventory = source.inventory()
        assert inventory is not None
        assert inventory.evidence("PeerAuthentication").reading is Reading.NOT_READ
        assert inventory.evidence("VirtualService").reading is Reading.ABSENT
        assert source.status.state is State.PARTIAL
        assert "security.istio.io/v1" in (source.status.error or "")
        assert not any("PeerAuthentication" in note for note in source.status.notes)
        await connection.close()


@pytest.mark.parametrize(("legacy", "spoil"), [(False, stale), (True, unavailable)])
async def test_what_was_read_before_a_group_failed_stays(legacy: bool, spoil: Any, tmp_path: Path) -> None:
    with served(Api(groups=dict(SECURITY), legacy=legacy)) as api:
        api.objects[POLICIES] = [object_named("default", "istio-system", spec={"mtls": {"mode": "STRICT"}})]
        connection, source = source_on(api, tmp_path)
        async with following(source):
            await until(lambda: kind(source, "PeerAuthentication").count == 1)
            spoil(api)
            asked = len(api.asked_for("/apis"))
            await until(lambda: len(api.asked_for("/apis")) > asked + 3)
            assert kind(source, "PeerAuthentication").count == 1
            api.faults.clear()
            api.groups.clear()
            await until(lambda: kind(source, "PeerAuthentication").state == "missing")
        await connection.close()


async def test_one_kind_that_is_forbidden_costs_no_other_anything(tmp_path: Path) -> None:
    with served(Api()) as api:
        api.objects[PODS] = [object_named("web")]
        api.always(NAMESPACES, lambda: refusal(403))
        connection, source = source_on(api, tmp_path)
        await source.list_all()
        assert names(source, "pods") == ["web"]
        assert kind(source, "Namespace").state == "denied"
        await connection.close()


@pytest.mark.parametrize("code", [400, 410, 500, 503, 504])
@pytest.mark.parametrize("how", ["event", "answer"])
async def test_a_watch_that_ends_with_an_error_lists_again(
    api: Api, source: KubernetesSource, code: int, how: str
) -> None:
    """A store that was restored is older than what the watch resumes from (504), and stays so."""
    api.objects[PODS] = [object_named("before")]
    async with following(source):
        await until(lambda: api.watches.get(PODS))
        api.objects[PODS] = [object_named("after")]
        if how == "event":
            error = {"kind": "Status", "code": code, "message": "Too large resource version: 1000, current: 500"}
            api.send(PODS, {"type": "ERROR", "object": error})
        else:
            api.fail(PODS, refusal(code), watch=True)
            api.drop(PODS)
        await until(lambda: names(source, "pods") == ["after"])
    assert "status.replicas" not in str(api.asked)


ISTIOD = Controller(
    kind="Deployment",
    meta=Meta(name="istiod", namespace="istio-system", labels={"app": "istiod", "istio.io/rev": "default"}),
    desired=1,
    ready=1,
    template_labels={"app": "istiod", "istio.io/rev": "default"},
)


async def test_forbidden_secrets_are_asked_for_ever_more_seldom(api: Api, connection: Connection) -> None:
    """A day of following asks some thirty times, not three thousand: the clock here goes as fast as it is looked at."""
    now = [0.0]
    asked: list[float] = []

    def refuse(request: web.Request) -> web.StreamResponse | None:
        if request.path != SECRETS:
            return None
        asked.append(now[0])
        return refusal(403)

    api.faults.append(refuse)
    extras = Extras(ServerLink(connection, Pace(), lambda: now[0]))
    while now[0] < 86_400:
        await extras.read_webhooks(sparing=True)
        await extras.read_control_planes(ControlPlanes((ISTIOD,), (), ()))
        now[0] += 600
    pauses = [after - before for before, after in pairwise(asked)]
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 3_600
