from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from meshtop import __version__
from meshtop.model.asked import Asked
from meshtop.model.evidence import ABSENT, READ, WhyUnknown
from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.problem import SourceProblem
from tests.garbage import left_behind, places
from tests.sources.api import NAMESPACES, PODS, SECRETS, SERVICES, VIRTUAL_SERVICES, Api, object_named, refusal, served
from tests.sources.conftest import QUICK, kind, names, ref_to, write_kubeconfig


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
    assert inventory.config_maps == {"istio-system/istio": {"mesh": "trustDomain: td"}}
    assert source.status.state is State.FRESH
    assert source.services_known.is_set()
    assert source.cost.requests == len(api.asked)
    assert source.cost.bytes > 0


async def test_what_is_not_asked_for_is_not_read_and_never_said_to_be_absent(api: Api, connection: Connection) -> None:
    asked = Asked(frozenset({"Pod", "DestinationRule", "Deployment", "ConfigMap"}))
    source = KubernetesSource(connection, asked=asked)
    await source.list_all()
    assert {entry[1] for entry in api.asked} == {
        "/version",
        "/apis",
        PODS,
        "/apis/apps/v1/deployments",
        *(SERVICES, NAMESPACES),
        *(f"/api/v1/namespaces/istio-system/configmaps/{name}" for name in ("istio", "values", "istio-ca-root-cert")),
    }
    inventory = source.inventory()
    assert inventory is not None
    assert inventory.evidence("DestinationRule") == ABSENT
    unasked = ("VirtualService", "Node", "Secret", "MutatingWebhookConfiguration", "Role")
    assert inventory.unread(*unasked) == tuple((name, WhyUnknown.NOT_READ) for name in unasked)
    assert source.status.state is State.FRESH
    assert source.settled is False, "it lists and does not follow"


async def test_api_groups_are_not_asked_for_where_no_kind_needs_them(api: Api, connection: Connection) -> None:
    source = KubernetesSource(connection, asked=Asked(frozenset({"Node"})))
    await source.list_all()
    assert {entry[1] for entry in api.asked} == {"/version", "/api/v1/nodes", SERVICES, NAMESPACES}


async def test_servers_are_told_which_meshtop_asks(api: Api, source: KubernetesSource, connection: Connection) -> None:
    await source.list_all()
    await connection.request("GET", PODS)
    assert {entry[3].get("User-Agent") for entry in api.asked} == {f"meshtop/{__version__}"}


async def test_no_kind_is_listed_by_a_field_that_api_servers_do_not_select_by(
    api: Api, source: KubernetesSource
) -> None:
    """A `fieldSelector` on ReplicaSets' `status.replicas` is answered with 400 by every API server."""
    path = "/apis/apps/v1/replicasets"
    owner = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1", "controller": True}
    old = object_named("web-1")
    old["metadata"]["ownerReferences"] = [owner]
    api.objects[path] = [old]
    await source.list_all()
    assert len(api.asked_for(path)) == 1, "it is listed once and not asked for in another way first"
    assert [entry for entry in api.asked if "fieldSelector" in entry[2]] == []
    inventory = source.inventory()
    assert inventory is not None
    assert [(one.kind, one.meta.name) for one in inventory.controllers] == [("ReplicaSet", "web-1")]


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


@pytest.mark.parametrize("installed", [True, False])
async def test_whom_spire_registers_is_asked_only_where_spire_is_installed(installed: bool, tmp_path: Path) -> None:
    path = "/apis/spire.spiffe.io/v1alpha1/clusterspiffeids"
    groups = {"spire.spiffe.io": {"v1alpha1": ["clusterspiffeids"]}} if installed else {}
    with served(Api(groups=groups)) as api:
        api.objects[path] = [object_named("mesh", spec={"podSelector": {"matchLabels": {"spire": "yes"}}})]
        connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)), timeout_seconds=10)
        source = KubernetesSource(connection, pace=QUICK)
        await source.list_all()
        inventory = source.inventory()
        asked = len(api.asked_for(path))
        await connection.close()
    assert inventory is not None
    assert (asked, len(inventory.config.get("ClusterSPIFFEID", ()))) == ((1, 1) if installed else (0, 0))
    assert inventory.evidence("ClusterSPIFFEID") == (READ if installed else ABSENT)
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
        (lambda: web.Response(text="<html>"), "failed", "answers with a web page"),
        (lambda: web.json_response(["what"]), "failed", "cannot be understood"),
        (lambda: web.json_response({}), "failed", "cannot be understood"),
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


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_a_server_that_refuses_leaves_nothing_for_the_collector(
    api: Api, source: KubernetesSource, status: int
) -> None:
    """What is not there, or not allowed, is asked for again and again, and answered the same each time."""
    api.objects[PODS] = [object_named("one")]
    await source.list_all()
    api.faults.append(lambda request: refusal(status) if request.path != "/version" else None)
    await source.list_all()
    with left_behind() as garbage:
        await source.list_all()
    assert not [one for one in garbage if isinstance(one, SourceProblem)]
    assert not {place for place in places(garbage) if not place.startswith("test_")}


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
    arguments = ["discovery", "--domain", "corp.local", "--log_as_json"]
    container = {"name": "discovery", "env": [{"name": "CLUSTER_ID", "value": "east"}, secret], "args": arguments}
    istiod["spec"] = {"template": {"spec": {"containers": [container]}}}
    api.objects["/apis/apps/v1/deployments"] = [istiod]
    api.config_maps = {"istio-canary": {"mesh": "{}"}, "values-canary": {"values": "{}"}}
    await source.list_all()
    inventory = source.inventory()
    assert inventory is not None
    assert sorted(inventory.config_maps) == ["istio-system/istio-canary", "istio-system/values-canary"]
    assert inventory.controllers[0].environment == {"CLUSTER_ID": "east"}
    assert inventory.controllers[0].domain == "corp.local"


async def test_settings_and_secrets_are_read_where_istiod_runs(api: Api, source: KubernetesSource) -> None:
    istiod = object_named("istiod", "mesh-home")
    istiod["metadata"]["labels"] = {"app": "istiod"}
    api.objects["/apis/apps/v1/deployments"] = [istiod]
    api.objects["/api/v1/namespaces"] = [{"metadata": {"name": "kube-system", "uid": "u-1"}}]
    secrets = "/api/v1/namespaces/mesh-home/secrets"
    api.objects[secrets] = [object_named("west", "mesh-home")]
    await source.list_all()
    inventory = source.inventory()
    assert inventory is not None
    assert inventory.uid == "u-1"
    assert [s.meta.key for s in inventory.remote_secrets] == [("mesh-home", "west")]
    asked = [path for _, path, _, _ in api.asked if "/configmaps/" in path]
    assert asked
    assert all(path.startswith("/api/v1/namespaces/mesh-home/") for path in asked)
    assert not api.asked_for(SECRETS)


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
        assert "does not answer: no" in (source.status.error or "")
        await connection.close()


async def test_a_login_that_is_not_accepted_is_denied(api: Api, source: KubernetesSource, tmp_path: Path) -> None:
    api.tokens = {"other"}
    await source.list_all()
    assert source.status.state is State.DENIED
    assert "user me" in (source.status.error or "")
    assert str(tmp_path / "config") in (source.status.remedy or "")
    assert source.services_known.is_set()
