from __future__ import annotations

import hashlib
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.identity.mesh import fingerprints, mesh_facts
from meshtop.model.kube import Container, Controller, Inventory, Meta, Namespace, Node
from meshtop.model.mesh import ControlPlane, MeshFacts, Ready

MESH = """
trustDomain: acme.example
trustDomainAliases: [old.example]
rootNamespace: istio-config
enableAutoMtls: false
defaultConfig: {meshId: prod}
"""
VALUES = json.dumps({"global": {"multiCluster": {"clusterName": "east"}, "network": "n1", "meshID": "from-values"}})


def istiod(
    name: str = "istiod", *, image: str = "pilot:1.30.1", namespace: str = "istio-system", **more: Any
) -> Controller:
    labels = {"app": "istiod", **more.pop("labels", {})}
    return Controller(
        kind="Deployment",
        meta=Meta(name=name, namespace=namespace, labels=labels),
        containers=(Container("istio-proxy", "proxyv2:9"), Container("discovery", image)),
        **{"desired": 2, "ready": 1, **more},
    )


def system(**more: Any) -> Namespace:
    return Namespace(meta=Meta(name="istio-system", **more))


def test_an_empty_cluster_says_nothing() -> None:
    assert mesh_facts(Inventory()) == MeshFacts()


def test_a_primary() -> None:
    facts = mesh_facts(
        Inventory(
            controllers=(istiod(),),
            namespaces=(system(labels={"topology.istio.io/network": "n2"}),),
            config_maps={"istio-system/istio": {"mesh": MESH}, "istio-system/values": {"values": VALUES}},
        )
    )
    assert facts == MeshFacts(
        cluster_id="east",
        mesh_id="prod",
        network="n2",
        trust_domain="acme.example",
        trust_domain_aliases=("old.example",),
        root_namespace="istio-config",
        auto_mtls=False,
        cluster_domain="cluster.local",
        control_planes=(ControlPlane(revision="default", version="1.30.1", pods=Ready(1, 2)),),
        istio_versions=("1.30.1",),
        roles=("primary",),
    )


def test_what_istio_takes_when_nothing_is_said() -> None:
    facts = mesh_facts(Inventory(controllers=(istiod(),), config_maps={"istio-system/istio": {"mesh": "{}"}}))
    assert (facts.cluster_id, facts.trust_domain, facts.auto_mtls) == ("Kubernetes", "cluster.local", True)
    assert (facts.mesh_id, facts.network, facts.root_namespace) == (None, None, "istio-system")


def test_the_environment_of_istiod_decides_the_cluster_id() -> None:
    inventory = Inventory(
        controllers=(istiod(environment={"CLUSTER_ID": "env"}),),
        config_maps={"istio-system/values": {"values": VALUES}},
    )
    assert mesh_facts(inventory).cluster_id == "env"
    assert mesh_facts(inventory).network == "n1"
    assert mesh_facts(inventory).mesh_id == "from-values"


def test_revisions_and_tags() -> None:
    def tag(name: str, revision: str) -> Meta:
        return Meta(name=name, labels={"istio.io/tag": name, "istio.io/rev": revision})

    inventory = Inventory(
        controllers=(
            istiod("istiod-1-30", image="reg:5000/pilot:1.30.1-distroless", labels={"istio.io/rev": "1-30"}),
            istiod("istiod-1-9", image="pilot@sha256:00", environment={"REVISION": "1-9"}),
            istiod(
                "istiod-b", image="pilot:latest", labels={"istio.io/rev": "dev", "operator.istio.io/version": "1.9.2"}
            ),
        ),
        webhooks=(tag("stable", "1-30"), tag("default", "1-30"), tag("old", "1-9"), Meta(name="other")),
        config_maps={
            "istio-system/istio-1-9": {"mesh": "trustDomain: nine"},
            "istio-system/istio-1-30": {"mesh": "trustDomain: thirty"},
        },
    )
    facts = mesh_facts(inventory)
    assert [(p.revision, p.version, p.tags) for p in facts.control_planes] == [
        ("1-30", "1.30.1", ("default", "stable")),
        ("1-9", None, ("old",)),
        ("dev", "1.9.2", ()),
    ]
    assert facts.istio_versions == ("1.9.2", "1.30.1")
    assert facts.trust_domain == "thirty"


@pytest.mark.parametrize(
    ("namespace", "config_maps", "roles"),
    [
        ({}, {}, ()),
        ({"annotations": {"topology.istio.io/controlPlaneClusters": "east"}}, {}, ("remote",)),
        ({}, {"istio-system/istio-ca-root-cert": {}}, ("remote",)),
        ({}, {"istio-system/values": {"values": '{"istiodRemote": {"injectionURL": "https://x"}}'}}, ("external",)),
        ({}, {"istio-system/values": {"values": '{"global": {"externalIstiod": true}}'}}, ("external",)),
    ],
)
def test_roles_without_a_control_plane(
    namespace: dict[str, Any], config_maps: dict[str, dict[str, str]], roles: tuple[str, ...]
) -> None:
    facts = mesh_facts(Inventory(namespaces=(system(**namespace),), config_maps=config_maps))
    assert facts.roles == roles
    assert facts.cluster_id is None


def test_a_remotes_version_is_that_of_its_gateways() -> None:
    gateway = Controller(
        kind="Deployment", meta=Meta(name="gw"), containers=(Container("istio-proxy", "proxyv2:1.29.0-debug"),)
    )
    assert mesh_facts(Inventory(controllers=(gateway,))).istio_versions == ("1.29.0",)


def test_ambient_and_region() -> None:
    ztunnel = Controller(kind="DaemonSet", meta=Meta(name="ztunnel"), template_labels={"app": "ztunnel"})
    nodes = tuple(Node(meta=Meta(name=str(i)), region=region) for i, region in enumerate(["b", "a", "b", "a", None]))
    assert mesh_facts(Inventory(controllers=(ztunnel,))).ambient
    assert mesh_facts(Inventory(nodes=nodes)).region == "a"
    labelled = Namespace(meta=Meta(name="shop", labels={"istio.io/dataplane-mode": "ambient"}))
    assert mesh_facts(Inventory(namespaces=(labelled,))).ambient


GARBAGE = [
    "", "   ", "a: [", "[]", "42", "!!python/object:os.system {}", "\x00", "{", '{"global": 5}', "trustDomain: {a: b}",
    "trustDomainAliases: 7", "trustDomainAliases: [1, {}]", "defaultConfig: []", "enableAutoMtls: perhaps", "{" * 2000,
    "? [a]\n: b", "<<: 5", "a: &x [*x]",
]  # fmt: skip


@pytest.mark.parametrize("text", GARBAGE)
@pytest.mark.parametrize("key", [("istio", "mesh"), ("values", "values"), ("istio-ca-root-cert", "root-cert.pem")])
def test_garbage_is_unknown(text: str, key: tuple[str, str]) -> None:
    facts = mesh_facts(Inventory(config_maps={f"istio-system/{key[0]}": {key[1]: text}}))
    assert (facts.mesh_id, facts.network, facts.roots, facts.trust_domain_aliases) == (None, None, (), ())
    assert facts.trust_domain in (None, "cluster.local")


@given(st.text(max_size=200), st.recursive(st.none() | st.text(max_size=5) | st.integers(), st.lists, max_leaves=5))
@settings(max_examples=60, deadline=None)
def test_nothing_in_a_config_map_raises(text: str, value: object) -> None:
    values = json.dumps({"global": value, "istiodRemote": value})
    mesh_facts(
        Inventory(
            config_maps={
                "istio": {"mesh": text},
                "values": {"values": values},
                "istio-ca-root-cert": {"root-cert.pem": f"-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----"},
            }
        )
    )


def pem(der: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(der)


def test_each_certificate_has_its_fingerprint() -> None:
    one, two = hashlib.sha256(b"one").hexdigest(), hashlib.sha256(b"two").hexdigest()
    bundle = "# comment\n" + pem(b"one") + "-----BEGIN CERTIFICATE-----\n!\n" + "\n" + pem(b"two")
    assert fingerprints(pem(b"one") + "text\n" + pem(b"two") + pem(b"one")) == (one, two)
    assert fingerprints(bundle) == (one, two)


@pytest.mark.conformance
def test_fingerprints_of_real_certificates(shared_data: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    tested = 0
    for path in sorted((shared_data / "certs").rglob("*.pem")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if "BEGIN CERTIFICATE-----" not in text:
            continue
        expected = [c.fingerprint(hashes.SHA256()).hex() for c in x509.load_pem_x509_certificates(text.encode())]
        assert fingerprints(text) == tuple(dict.fromkeys(expected))
        tested += 1
    assert tested > 0
