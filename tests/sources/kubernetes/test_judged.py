"""What only findings need is read where they are asked for, and no data of Secrets ever is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from meshtop.demo.kube.access import admin, viewer
from meshtop.demo.kube.app import kube_app
from meshtop.demo.kube.store import KubeStore
from meshtop.model.asked import Asked
from meshtop.model.evidence import ABSENT, READ, WhyUnknown
from meshtop.model.kube import GATEWAY_SECRETS, INJECTORS, Inventory
from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from tests.demo.kube.running import running
from tests.sources.conftest import QUICK, following, ref_to, until, write_kubeconfig

ISTIO = "networking.istio.io"


def definition(group: str, kind: str, plural: str, **annotations: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": annotations},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }  # fmt: skip


def an_object(version: str, kind: str, name: str, namespace: str = "", **parts: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **parts.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def store() -> KubeStore:
    found = KubeStore(lambda: 1_790_000_000.0, "tests")
    for name in ("istio-system", "edge", "shop"):
        found.put(an_object("v1", "Namespace", name))
    found.put(definition(ISTIO, "Gateway", "gateways"))
    found.put(definition(ISTIO, "EnvoyFilter", "envoyfilters"))
    found.put(
        definition("gateway.networking.k8s.io", "TLSRoute", "tlsroutes",
                   **{"gateway.networking.k8s.io/bundle-version": "v1.3.0"})
    )  # fmt: skip
    found.put(definition("example.com", "Thing", "things"))
    tls = {"mode": "SIMPLE", "credentialName": "cert"}
    server = {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["a.b"], "tls": tls}
    found.put(
        an_object(f"{ISTIO}/v1", "Gateway", "public", "shop", spec={"selector": {"istio": "in"}, "servers": [server]})
    )
    found.put(an_object(f"{ISTIO}/v1", "EnvoyFilter", "lua", "shop", spec={"configPatches": []}))
    containers = [{"name": "istio-proxy", "image": "proxy"}]
    found.put(
        an_object("v1", "Pod", "in-0", "edge", metadata={"labels": {"istio": "in"}}, spec={"containers": containers})
    )
    for namespace in ("edge", "shop"):
        found.put(
            an_object("v1", "Secret", f"cert-{namespace}", namespace, type="Opaque", data={"tls.key": "c2VjcmV0"})
        )
    hook = {"name": "a.istio.io", "clientConfig": {"caBundle": "Q0E=", "url": "https://x"}, "sideEffects": "None",
            "admissionReviewVersions": ["v1"]}  # fmt: skip
    version = "admissionregistration.k8s.io/v1"
    found.put(an_object(version, "MutatingWebhookConfiguration", "istio-sidecar-injector", webhooks=[hook]))
    found.put(an_object(version, "ValidatingWebhookConfiguration", "istio-validator", webhooks=[hook]))
    injector = {"values": '{"global": {"hub": "h"}}', "config": "a large template"}
    found.put(an_object("v1", "ConfigMap", "istio-sidecar-injector", "istio-system", data=injector))
    return found


async def read(tmp_path: Path, *, findings: bool, token: str = "good") -> tuple[Inventory, State]:
    with running(
        lambda: kube_app(store(), git_version="v1.32.4", accounts=[admin(token="good"), viewer(token="poor")])
    ) as server:
        ref = ref_to(write_kubeconfig(tmp_path / "config", server.url, {"token": token}))
        connection = Connection(ref, timeout_seconds=10)
        source = KubernetesSource(connection, pace=QUICK, asked=Asked(findings=findings))
        await source.list_all()
        inventory, state = source.inventory(), source.status.state
        await connection.close()
    assert inventory is not None
    return inventory, state


async def test_nothing_of_it_is_read_where_nobody_asks(tmp_path: Path) -> None:
    inventory, _ = await read(tmp_path, findings=False)
    for kind in (
        "EnvoyFilter",
        "ValidatingWebhookConfiguration",
        "CustomResourceDefinition",
        GATEWAY_SECRETS,
        INJECTORS,
    ):
        assert inventory.evidence(kind).why is WhyUnknown.NOT_READ
    assert set(inventory.config) == {"Gateway"} | {kind for kind in inventory.config if "Role" in kind or "TLS" in kind}
    assert inventory.credentials == ()


async def test_it_is_read_where_findings_are_asked_for(tmp_path: Path) -> None:
    inventory, _ = await read(tmp_path, findings=True)
    assert [obj.meta.name for obj in inventory.config["EnvoyFilter"]] == ["lua"]
    assert inventory.evidence("WasmPlugin") == ABSENT
    assert inventory.evidence("EnvoyFilter") == READ
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        (found,) = inventory.config[kind]
        assert found.spec["webhooks"][0]["clientConfig"] == {"url": "https://x"}, "certificates are of no use"
    crds = {crd.meta.name: crd for crd in inventory.config["CustomResourceDefinition"]}
    assert "things.example.com" not in crds
    assert crds["tlsroutes.gateway.networking.k8s.io"].meta.annotations == {
        "gateway.networking.k8s.io/bundle-version": "v1.3.0"
    }
    assert inventory.config_maps["istio-system/istio-sidecar-injector"] == {"values": '{"global": {"hub": "h"}}'}


async def test_of_secrets_the_names_are_read_where_gateways_run(tmp_path: Path) -> None:
    inventory, _ = await read(tmp_path, findings=True)
    assert [(secret.meta.key, secret.keys) for secret in inventory.credentials] == [(("edge", "cert-edge"), None)]
    assert "c2VjcmV0" not in repr(inventory)
    assert inventory.evidence(GATEWAY_SECRETS) == READ


@pytest.mark.parametrize("findings", [False, True])
async def test_what_may_not_be_read_is_unknown_and_no_gap_of_the_cluster(tmp_path: Path, findings: bool) -> None:
    inventory, state = await read(tmp_path, findings=findings, token="poor")
    assert inventory.evidence(GATEWAY_SECRETS).why is (WhyUnknown.DENIED if findings else WhyUnknown.NOT_READ)
    assert state is (await read(tmp_path, findings=False, token="poor"))[1]


async def test_who_opens_findings_later_has_it_read_then(tmp_path: Path) -> None:
    """Until then it is not known, which the status says: neither is it missing."""
    with running(lambda: kube_app(store(), git_version="v1.32.4", accounts=[admin(token="good")])) as server:
        connection = Connection(
            ref_to(write_kubeconfig(tmp_path / "config", server.url, {"token": "good"})), timeout_seconds=10
        )
        # Neither loop looks again by itself within the test.
        pace = structs.replace(QUICK, discovery=10_000.0, slow=10_000.0)
        source = KubernetesSource(connection, pace=pace)
        async with following(source):
            await until(lambda: source.settled)
            before = source.inventory()
            assert before is not None
            assert before.evidence("EnvoyFilter").why is WhyUnknown.NOT_READ
            said = "Not asked yet, as only findings need them: EnvoyFilter, ProxyConfig, WasmPlugin."
            assert said in source.status.notes
            source.attend(Asked(findings=True))

            def evident(kind: str) -> bool:
                inventory = source.inventory()
                return inventory is not None and inventory.evidence(kind).known

            await until(lambda: all(map(evident, ("EnvoyFilter", "WasmPlugin", GATEWAY_SECRETS, INJECTORS))))
            after = source.inventory()
            assert after is not None
            assert after.evidence("EnvoyFilter") == READ
            assert after.evidence("WasmPlugin") == ABSENT
            assert not [note for note in source.status.notes if note.startswith("Not asked")]
        await connection.close()
