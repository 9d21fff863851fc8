"""Trust by what verifies: renewed and cross-signed roots, caCertificates, and certificates that are not istiod's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from types import MappingProxyType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.analysis.identity.meshes import mesh_evidence, meshes
from meshtop.analysis.security.anchors import cluster_anchors
from meshtop.analysis.security.expiry import DAY, CertificateKind, Expiry, expiries, expiry_findings
from meshtop.analysis.security.trust import ClusterTrust, Trusted, judge_pair, trust_findings
from meshtop.model.kube import ConfigObject, Container, Controller, Inventory, KindStatus, Meta, Namespace, Pod

START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = START.timestamp() + 400 * DAY
_SERIALS = count(1)


@cache
def key(name: str) -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


@cache
def made(subject: str, of: str = "", issuer: str = "", by: str = "", *, days: int = 3650, copy: int = 0) -> str:
    """A CA certificate in PEM: for the key `of`, signed by the key `by`; its own where they are left out."""
    of, issuer = of or subject, issuer or subject
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key(of).public_key())
        .serial_number(next(_SERIALS))
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(key(by or of), SHA256()).public_bytes(Encoding.PEM).decode()


def inventory(
    *roots: str,
    extra: tuple[dict[str, object], ...] = (),
    values: dict[str, object] | None = None,
    pods: tuple[Pod, ...] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
    registered: tuple[dict[str, object], ...] = (),
) -> Inventory:
    labels = {"app": "istiod"}
    config = {"trustDomain": "cluster.local", "defaultConfig": {"meshId": "m1"}, "caCertificates": list(extra)}
    return Inventory(
        controllers=(
            Controller(
                kind="Deployment",
                meta=Meta(name="istiod", namespace="istio-system", labels=labels),
                environment={"CLUSTER_ID": "x", **environment},
            ),
        ),
        pods=pods,
        namespaces=(Namespace(meta=Meta(name="shop", labels={"team": "front"})),),
        config={"ClusterSPIFFEID": tuple(map(spiffe_id, registered))},
        config_maps={
            "istio-system/istio": {"mesh": json.dumps(config)},
            "istio-system/values": {"values": json.dumps(values or {})},
            "istio-system/istio-ca-root-cert": {"root-cert.pem": "".join(roots)},
        },
    )


def spiffe_id(spec: dict[str, object]) -> ConfigObject:
    return ConfigObject(
        group="spire.spiffe.io", version="v1alpha1", kind="ClusterSPIFFEID", meta=Meta(name="mesh"), spec=spec
    )


def cluster(name: str, found: Inventory) -> ClusterTrust:
    return ClusterTrust(name, mesh_facts(found), cluster_anchors(found))


def pem(*texts: str, domains: tuple[str, ...] = ()) -> tuple[dict[str, object], ...]:
    return tuple({"pem": text, **({"trustDomains": list(domains)} if domains else {})} for text in texts)


def pod(*, template: str = "", drivers: tuple[str, ...] = (), proxy: bool = True, phase: str = "Running") -> Pod:
    return Pod(
        meta=Meta(
            name="web", namespace="shop", labels={"app": "web"}, annotations={"inject.istio.io/templates": template}
        ),
        phase=phase,
        containers=(Container("app", "app:1"), *((Container("istio-proxy", "istio/proxyv2:1.28.0"),) if proxy else ())),
        csi_drivers=drivers,
    )


SELECTED: tuple[dict[str, object], ...] = (
    {"podSelector": {"matchLabels": {"app": "web"}}},
    {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}},
    {"namespaceSelector": {"matchLabels": {"team": "front"}}},
    {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]}, "podSelector": {}},
    {},
)
"""Specs of a ClusterSPIFFEID that select the pod `shop/web`."""
OTHERS: tuple[dict[str, object], ...] = (
    {"podSelector": {"matchLabels": {"app": "api"}}},
    {"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}},
    {"podSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}},
    {"namespaceSelector": {"matchLabels": {"team": "back"}}},
    {"podSelector": {"matchLabels": {"app": "web"}}, "namespaceSelector": {"matchLabels": {"team": "back"}}},
    {"podSelector": {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["web"]}]}},
)
"""Specs that do not select it."""
A, B = made("A"), made("B")
RENEWED = made("A", copy=1)
ON = {"ISTIO_MULTIROOT_MESH": "true"}
URL: tuple[dict[str, object], ...] = ({"spiffeBundleUrl": "https://bundle.example"},)


@pytest.mark.parametrize(
    ("left", "right", "trusted", "words"),
    [
        (inventory(A), inventory(A), Trusted.YES, "share a root certificate."),
        (inventory(A, B), inventory(B), Trusted.YES, "rotation"),
        (inventory(A), inventory(B), Trusted.NO, "share no root certificate"),
        (inventory(A), inventory(RENEWED), Trusted.YES, "renewal"),
        (inventory(A), inventory(made("A", of="other")), Trusted.NO, "share no root certificate"),
        (inventory(A), inventory(made("Other", of="A")), Trusted.NO, "share no root certificate"),
        (inventory(A), inventory(B, made("A", "A", "B", "B")), Trusted.YES, "same name and key"),
        (inventory(A), inventory(made("I", "I", "A", "A")), Trusted.UNKNOWN, "is not known"),
        (inventory(A), inventory(made("I", "I", "A", "B")), Trusted.NO, "share no root certificate"),
        (
            inventory(A, extra=pem(B), environment=ON),
            inventory(B, extra=pem(A), environment=ON),
            Trusted.YES,
            "Each has an anchor",
        ),
        (
            inventory(A, extra=pem(B), environment=ON),
            inventory(B, extra=pem(RENEWED), environment=ON),
            Trusted.YES,
            "Each has an anchor",
        ),
        (
            inventory(A, extra=pem(B), environment=ON),
            inventory(B),
            Trusted.NO,
            "r has no anchor for the root that signs the",
        ),
        (inventory(A, extra=pem(B)), inventory(B, extra=pem(A)), Trusted.NO, "do not count without ISTIO_MULTIROOT"),
        (
            inventory(A, extra=pem(B), environment=ON),
            inventory(B, extra=URL, environment=ON),
            Trusted.UNKNOWN,
            "spiffeBundleUrl",
        ),
        (
            inventory(A, extra=pem(B, domains=("cluster.local",)), environment=ON),
            inventory(B, extra=pem(A), environment=ON),
            Trusted.YES,
            "Each has an anchor",
        ),
        (
            inventory(A, extra=pem(B, domains=("else.where",)), environment=ON),
            inventory(B, extra=pem(A), environment=ON),
            Trusted.NO,
            "l has no anchor",
        ),
        (inventory(A, pods=(pod(template="sidecar,spire"),)), inventory(B), Trusted.UNKNOWN, "SPIRE"),
        (inventory(A, pods=(pod(drivers=("csi.spiffe.io",)),)), inventory(A), Trusted.UNKNOWN, "SPIRE"),
        (inventory(A, pods=(pod(drivers=("csi.spiffe.io",), proxy=False),)), inventory(A), Trusted.YES, "share"),
        *(
            (
                inventory(A, pods=(pod(),), registered=(spec,)),
                inventory(B),
                Trusted.UNKNOWN,
                "of l's workloads may be issued by SPIRE (ClusterSPIFFEID mesh selects shop/web)",
            )
            for spec in SELECTED
        ),
        *(
            (inventory(A, pods=(pod(),), registered=(spec,)), inventory(B), Trusted.NO, "share no root")
            for spec in OTHERS
        ),
        (inventory(A, pods=(pod(proxy=False),), registered=({},)), inventory(A), Trusted.YES, "share"),
        (inventory(A, pods=(pod(phase="Succeeded"),), registered=({},)), inventory(B), Trusted.NO, "share no root"),
        (
            inventory(A, environment={"EXTERNAL_CA": "ISTIOD_RA_KUBERNETES_API"}),
            inventory(B),
            Trusted.UNKNOWN,
            "EXTERNAL_CA",
        ),
        (inventory(A, values={"global": {"caAddress": "ca.example:443"}}), inventory(B), Trusted.UNKNOWN, "caAddress"),
        (
            inventory(A, values={"global": {"caAddress": "cert-manager-istio-csr.cert-manager.svc:443"}}),
            inventory(B),
            Trusted.NO,
            "share no root",
        ),
        (inventory(), inventory(B), Trusted.UNKNOWN, "of l are not known"),
    ],
)
def test_trust_is_what_verifies(left: Inventory, right: Inventory, trusted: Trusted, words: str) -> None:
    pair = judge_pair(cluster("l", left), cluster("r", right))
    assert (pair.trusted, words in pair.why) == (trusted, True), pair.why
    other = judge_pair(cluster("r", right), cluster("l", left))
    assert (other.trusted, other.why, other.shared) == (pair.trusted, pair.why, pair.shared)
    codes = {f.code for f in trust_findings([cluster("l", left), cluster("r", right)])}
    assert ("TRUST-DISJOINT-ROOTS" in codes) == (trusted is Trusted.NO)


@pytest.mark.parametrize(("state", "trusted"), [("missing", Trusted.NO), ("denied", Trusted.UNKNOWN)])
def test_whom_spire_registers_may_be_hidden(state: str, trusted: Trusted) -> None:
    """Where the kind is not installed it says nothing; where it may not be read, who signs is not known."""
    kinds = (*(KindStatus(kind=kind) for kind in ("Pod", "Deployment", "ConfigMap")),
             KindStatus(kind="ClusterSPIFFEID", group="spire.spiffe.io", state=state))  # fmt: skip
    hidden = structs.replace(inventory(A, pods=(pod(),)), config={}, kinds=kinds)
    pair = judge_pair(cluster("l", hidden), cluster("r", inventory(B)))
    assert pair.trusted is trusted
    assert ("ClusterSPIFFEID of l may not be read" in pair.why) == (trusted is Trusted.UNKNOWN), pair.why


def test_whether_ca_certificates_count_is_said_where_istiod_is_not_known() -> None:
    def served(*roots: str, extra: str) -> Inventory:
        return Inventory(config_maps=inventory(*roots, extra=pem(extra)).config_maps)

    pair = judge_pair(cluster("l", served(A, extra=B)), cluster("r", served(B, extra=A)))
    assert pair.trusted is Trusted.YES
    assert "count if ISTIO_MULTIROOT_MESH is on" in pair.why


SETS = st.lists(st.sampled_from([("A", 0), ("A", 1), ("B", 0), ("C", 0)]), unique=True, max_size=3)


SOME = SETS.filter(lambda chosen: len(chosen) > 0)


@given(SOME, SETS, SOME, SETS)
def test_each_side_needs_a_name_and_key_of_the_others_roots(
    left: list[tuple[str, int]],
    left_extra: list[tuple[str, int]],
    right: list[tuple[str, int]],
    right_extra: list[tuple[str, int]],
) -> None:
    def of(chosen: list[tuple[str, int]]) -> list[str]:
        return [made(name, copy=copy) for name, copy in chosen]

    a = cluster("a", inventory(*of(left), extra=pem(*of(left_extra)), environment=ON))
    b = cluster("b", inventory(*of(right), extra=pem(*of(right_extra)), environment=ON))
    names = [{name for name, _ in chosen} for chosen in (left, left_extra, right, right_extra)]
    expected = bool(names[0] & (names[2] | names[3])) and bool(names[2] & (names[0] | names[1]))
    assert judge_pair(a, b).trusted is (Trusted.YES if expected else Trusted.NO)


OLD = made("Old", days=365)


@pytest.mark.parametrize(
    ("roots", "codes"),
    [
        ((OLD, A), [("CERT-OLD-ROOT", "info")]),
        ((OLD,), [("CERT-EXPIRED", "error")]),
        ((OLD, made("Older", days=300)), [("CERT-EXPIRED", "error"), ("CERT-EXPIRED", "error")]),
        ((A,), []),
    ],
)
def test_an_expired_root_beside_a_valid_one_is_a_note(roots: tuple[str, ...], codes: list[tuple[str, str]]) -> None:
    found = expiry_findings(expiries("east", inventory(*roots), None), NOW)
    assert [(f.finding.code, f.finding.severity.value) for f in found] == codes


def test_an_expired_root_that_istiod_signs_with_is_an_error() -> None:
    roots = expiries("east", inventory(OLD, A), None)
    signing = Expiry(cluster="east", kind=CertificateKind.CONTROL_PLANE, subject="istiod", not_after=roots[0].not_after)
    assert [f.finding.code for f in expiry_findings([*roots, signing], NOW)] == ["CERT-EXPIRED"]
    elsewhere = expiries("west", inventory(A), None)
    alone = expiries("east", inventory(OLD), None)
    assert [f.finding.code for f in expiry_findings([*alone, *elsewhere], NOW)] == ["CERT-EXPIRED"]


@pytest.mark.parametrize(
    ("west", "one"),
    [
        pytest.param(made("root", copy=1), True, id="renewed with its old key"),
        pytest.param(made("cross", issuer="root", by="root"), True, id="signed by the other's root"),
        pytest.param(made("root", of="another key"), None, id="the name alone"),
        pytest.param(made("another name", of="root"), None, id="the key alone"),
        pytest.param("", None, id="none that is known"),
    ],
)
def test_roots_link_the_clusters_of_one_mesh_by_what_verifies(west: str, one: bool | None) -> None:
    sides = {"east": inventory(made("root")), "west": inventory(west)}
    told = meshes([mesh_evidence(name, found, mesh_facts(found)) for name, found in sides.items()])
    assert told.same("east", "west") is one
