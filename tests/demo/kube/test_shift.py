"""A weight shift as an operator's tool does it: a guarded JSON Patch, first as a dry run."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from meshtop.demo.kube.resource import Json, Resource
from tests.demo.kube.conftest import make_app, make_store
from tests.demo.kube.running import running
from tests.patience import PATIENCE_SECONDS

ROUTE = "/apis/networking.istio.io/v1/namespaces/default/virtualservices/reviews"


def virtual_service() -> Json:
    routes = [{"destination": {"host": "reviews", "subset": name}, "weight": 50} for name in ("v1", "v2")]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "default"},
        "spec": {"hosts": ["reviews"], "http": [{"route": routes}]},
    }


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    store = make_store()
    store.install(Resource("networking.istio.io", ("v1", "v1beta1"), "VirtualService", "virtualservices", custom=True))
    store.put(virtual_service(), manager="argocd-controller")
    headers = {"Authorization": "Bearer demo-admin"}
    with (
        running(lambda: make_app(store)) as server,
        httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


def shift(client: httpx.Client, version: str, first: int, second: int, **params: str) -> httpx.Response:
    weight = "/spec/http/0/route/%d/weight"
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "test", "path": "/spec/http/0/route/0/destination/subset", "value": "v1"},
        {"op": "replace", "path": weight % 0, "value": first},
        {"op": "replace", "path": weight % 1, "value": second},
    ]
    headers = {"Content-Type": "application/json-patch+json"}
    return client.patch(ROUTE, json=patch, headers=headers, params={"fieldManager": "meshtop", **params})


def weights(client: httpx.Client) -> list[int]:
    return [item["weight"] for item in client.get(ROUTE).json()["spec"]["http"][0]["route"]]


def test_a_guarded_shift(client: httpx.Client) -> None:
    version = client.get(ROUTE).json()["metadata"]["resourceVersion"]
    rehearsed = shift(client, version, 90, 10, dryRun="All")
    assert rehearsed.status_code == 200
    assert rehearsed.json()["spec"]["http"][0]["route"][0]["weight"] == 90
    assert weights(client) == [50, 50]
    done = shift(client, version, 90, 10)
    assert weights(client) == [90, 10]
    metadata = done.json()["metadata"]
    assert metadata["generation"] == 2
    owned = {entry["manager"]: entry["fieldsV1"]["f:spec"] for entry in metadata["managedFields"]}
    assert owned == {"argocd-controller": {"f:hosts": {}}, "meshtop": {"f:http": {}}}
    late = shift(client, version, 80, 20)
    assert (late.status_code, late.json()["reason"]) == (422, "Invalid")
    assert weights(client) == [90, 10]


def test_weights_that_istio_refuses(client: httpx.Client) -> None:
    version = client.get(ROUTE).json()["metadata"]["resourceVersion"]
    for dry_run in ({"dryRun": "All"}, {}):
        refused = shift(client, version, 0, 0, **dry_run)
        assert refused.status_code == 400
        assert refused.json()["message"] == (
            'admission webhook "validation.istio.io" denied the request: '
            "configuration is invalid: total destination weight = 0"
        )
    assert weights(client) == [50, 50]


def test_a_merge_patch_against_a_state_that_is_gone(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    stale = {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}}
    refused = client.patch(ROUTE, json=stale, headers=headers)
    assert (refused.status_code, refused.json()["reason"]) == (409, "Conflict")
    replaced = client.put(ROUTE.replace("/v1/", "/v1beta1/"), json=virtual_service())
    assert replaced.status_code == 400
    unversioned = client.put(ROUTE, json=virtual_service())
    assert unversioned.json()["details"]["causes"][0]["field"] == "metadata.resourceVersion"
