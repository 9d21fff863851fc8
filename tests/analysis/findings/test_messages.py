"""Messages of Istio's whose cases are not among the shared ones: the smallest world with each, and one without it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from meshtop.analysis.findings.credentials import credential_flaw, key_fits
from meshtop.model.mesh import ControlPlane
from tests.analysis.findings.worlds import cluster, codes, found, istio, namespace, pod, service

NOW = datetime(2026, 8, 1, tzinfo=UTC)


def crd(name: str, version: str) -> str:
    return f"""
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {name}, annotations: {{gateway.networking.k8s.io/bundle-version: {version}}}}}
"""


def filters(apply_to: str, operation: str, more: str = "", spec: str = "") -> str:
    patch = f"{{applyTo: {apply_to}, {more}patch: {{operation: {operation}, value: {{name: lua}}}}}}"
    return istio("EnvoyFilter", "lua", f"{{{spec}configPatches: [{patch}]}}")


AMBIENT = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}\n"
GATEWAYS = "gateways.gateway.networking.k8s.io"
TABLE: tuple[tuple[str, str, list[str]], ...] = (
    ("sidecars", istio("Sidecar", "a", "{}") + istio("Sidecar", "b", "{}"), ["IST0111", "IST0111"]),
    ("sidecars", istio("Sidecar", "a", "{}") + istio("Sidecar", "b", "{}", namespace="web"), []),
    ("sidecars", AMBIENT + istio("Sidecar", "a", "{}"), ["IST0167"]),
    ("sidecars", namespace("shop", istio_injection="enabled") + istio("Sidecar", "a", "{}"), []),
    ("telemetries", istio("Telemetry", "a", "{}") + istio("Telemetry", "b", "{}"), ["IST0160", "IST0160"]),
    ("telemetries",
     istio("Telemetry", "a", "{}") + istio("Telemetry", "b", "{targetRefs: [{kind: Gateway, name: g}]}"), []),
    ("definitions", crd(GATEWAYS, "v0.7.1"), ["IST0156"]),
    ("definitions", crd(GATEWAYS, "v0.8.1"), ["IST0172"]),
    ("definitions", crd(GATEWAYS, "v1.2.0"), []),
    ("definitions", crd("grpcroutes.gateway.networking.k8s.io", "v1.0.0"), ["IST0176"]),
    ("definitions", crd("grpcroutes.gateway.networking.k8s.io", "nonsense"), []),
    ("definitions", crd("rbacconfigs.rbac.istio.io", "none"), ["IST0002"]),
    ("envoy-patches", filters("CLUSTER", "REPLACE"), ["IST0152"]),
    ("envoy-patches", filters("HTTP_FILTER", "REPLACE"), ["IST0151"]),
    ("envoy-patches", filters("HTTP_FILTER", "REPLACE", spec="priority: 10, "), []),
    ("envoy-patches", filters("HTTP_FILTER", "INSERT_FIRST"), []),
    ("envoy-patches", filters("HTTP_FILTER", "MERGE"), []),
    ("localhost-listeners",
     istio("Sidecar", "a", "{ingress: [{port: {number: 8080}, bind: 127.0.0.1}]}") + pod("cart")
     + service("cart", ports="[{name: http, port: 80, targetPort: 8080}]"), ["IST0143"]),
    ("localhost-listeners",
     istio("Sidecar", "a", "{ingress: [{port: {number: 8080}, bind: 0.0.0.0}]}") + pod("cart")
     + service("cart", ports="[{name: http, port: 80, targetPort: 8080}]"), []),
    ("localhost-listeners",
     istio("ServiceEntry", "a", "{hosts: [a.b], ports: [], endpoints: [{address: 127.0.0.1}]}"), ["IST0143"]),
    ("values",
     istio("VirtualService", "a", "{hosts: [a], http: [{route: [{destination: {host: a}}], mirrorPercent: 5}]}"),
     ["IST0133"]),
    ("values",
     istio("VirtualService", "a", "{hosts: [a], http: [{route: [{destination: {host: a}}], redirect: {uri: /}}]}"),
     ["IST0106"]),
    ("values", istio("VirtualService", "a", "{hosts: [a], http: [{match: []}]}"), ["IST0106"]),
    ("values", istio("VirtualService", "a", "{hosts: [a], http: [{timeout: soon, route: [{destination: {host: a}}]}]}"),
     ["IST0106"]),
    ("values",
     istio("VirtualService", "a", "{hosts: [a], http: [{timeout: 1m30s, route: [{destination: {host: a}}]}]}"), []),
    ("values",
     istio("VirtualService", "a",
           "{hosts: [a], http: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]}"),
     ["IST0106"]),
    ("values", istio("VirtualService", "a", "{hosts: [a], http: [{route: [{destination: {host: a}, weight: 1},"
                     " {destination: {host: b}, weight: 3}]}]}"), []),
    ("values", istio("DestinationRule", "a", "{host: a, trafficPolicy: {tls: {mode: STRICT}}}"), ["IST0106"]),
    ("values", istio("DestinationRule", "a", "{host: a, subsets: [{name: v1}, {name: v1}]}"), ["IST0106"]),
    ("values", istio("Gateway", "a", "{servers: [{port: {number: 443, protocol: HTTPS}, hosts: [a]}]}"), ["IST0106"]),
    ("values", istio("Gateway", "a", "{servers: [{port: {number: 70000, protocol: HTTP}, hosts: [a]}]}"), ["IST0106"]),
    ("values", istio("PeerAuthentication", "a", "{portLevelMtls: {80: {mode: STRICT}}}"), ["IST0106"]),
    ("values", istio("PeerAuthentication", "a", "{mtls: {mode: STRICT}}"), []),
    ("values", istio("AuthorizationPolicy", "a", "{action: REFUSE}"), ["IST0106"]),
    ("gateway-subsets", istio("VirtualService", "a", "{hosts: [a.b], gateways: [mesh], http: [{route: [{destination:"
                              " {host: cart}}]}]}"), []),
    ("undecided-namespaces", AMBIENT, []),
    ("undecided-namespaces", namespace("kube-system") + namespace("istio-system"), []),
    ("token-keys", istio("RequestAuthentication", "a", "{}"), []),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "text", "expected"), TABLE, ids=[f"{n}-{row[0]}" for n, row in enumerate(TABLE)])
def test_the_smallest_world_of_a_message(rule: str, text: str, expected: list[str]) -> None:
    assert [code for code, _ in codes(cluster(text), only=rule)] == expected


def test_a_patch_after_one_for_a_proxy_version_breaks_at_an_upgrade() -> None:
    text = filters("HTTP_FILTER", "INSERT_BEFORE", "match: {proxy: {proxyVersion: 1.28.0}}, ")
    text += filters("HTTP_FILTER", "INSERT_BEFORE").replace("name: lua, namespace", "name: mua, namespace")
    assert [(one.code, one.object.name) for one in found(cluster(text), only="envoy-patches")] == [
        ("IST0151", "lua"), ("IST0155", "mua"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (("1.19.0", "1.20.0"), ["IST0169"]), (("1.20.0", "1.21.0"), ["IST0168"]),
        (("1.19.3", "1.28.0"), ["IST0168", "IST0169"]),
        (("1.27.0", "1.28.0"), []), (("1.28.0",), []),
    ],
)  # fmt: skip
def test_defaults_that_changed_between_the_control_planes_that_run(
    versions: tuple[str, ...], expected: list[str]
) -> None:
    text = istio("DestinationRule", "db", "{host: db.example.com, trafficPolicy: {tls: {mode: SIMPLE}}}")
    text += "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\n"
    text += "spec: {type: ExternalName, externalName: db.example.com}\n"
    planes = tuple(ControlPlane(revision=version, version=version) for version in versions)
    assert sorted(code for code, _ in codes(cluster(text, control_planes=planes), only="changed-defaults")) == expected


def pair(*, days: int = 30) -> tuple[bytes, bytes]:
    """A certificate and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example.com")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(NOW - timedelta(days=90)).not_valid_after(NOW + timedelta(days=days))
        .sign(key, SHA256())
    )  # fmt: skip
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM), private


@pytest.mark.parametrize(
    ("names", "which"),
    [
        (("a",), "write RequestAuthentication shop/a can make"),
        (("a", "b"), "write one of 2 RequestAuthentications (shop/a, shop/b) can make"),
        (("a", "b", "c", "d"), "write one of 4 RequestAuthentications (shop/a, shop/b, shop/c, ...) can make"),
    ],
)
def test_who_may_make_istiod_call_any_address(names: tuple[str, ...], which: str) -> None:
    text = "".join(istio("RequestAuthentication", name, "{jwtRules: [{issuer: a}]}") for name in names)
    text += """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod, istio: pilot}}
spec:
  selector: {matchLabels: {app: istiod}}
  template: {metadata: {labels: {app: istiod}}, spec: {containers: [{name: discovery, image: pilot}]}}
"""
    (one,) = found(cluster(text), only="token-keys")
    assert one.code == "IST0175"
    assert which in one.message


def test_what_is_wrong_with_a_certificate() -> None:
    now = NOW.timestamp()
    certificate, key = pair()
    _, other = pair()
    old, old_key = pair(days=-1)
    assert credential_flaw({"tls.crt": certificate, "tls.key": key}, now) is None
    assert credential_flaw({"cert": certificate, "key": key}, now) is None
    assert credential_flaw({}, now) == "tls.crt and tls.key are missing"
    assert credential_flaw({"tls.crt": certificate}, now) == "tls.key is missing"
    assert credential_flaw({"tls.crt": b"hush", "tls.key": key}, now) == "its certificate cannot be read"
    assert credential_flaw({"tls.crt": old, "tls.key": old_key}, now) == "its certificate expired on 2026-07-31"
    assert key_fits({"tls.crt": certificate, "tls.key": key})
    assert not key_fits({"tls.crt": certificate, "tls.key": other})
    assert not key_fits({"tls.crt": certificate, "tls.key": b"hush"})
    assert key_fits({"tls.crt": certificate}), "what is not there is no contradiction"


def test_a_key_of_another_certificate_is_an_error_of_the_gateway() -> None:
    certificate, key = pair()
    _, other = pair()

    def world(private: bytes) -> str:
        data = {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(private).decode()}
        server = (
            "{port: {number: 443, name: s, protocol: HTTPS}, hosts: [a.b], tls: {mode: SIMPLE, credentialName: cert}}"
        )
        gateway = istio("Gateway", "public", f"{{selector: {{app: in}}, servers: [{server}]}}")
        secret = f"\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: cert, namespace: shop}}\ndata: {data}\n"
        return gateway + pod("in") + secret

    assert codes(cluster(world(key)), only="credential-keys") == []
    assert [code for code, _ in codes(cluster(world(other)), only="credential-keys")] == ["CONFIG-KEY-DIFFERS"]
    assert base64.b64encode(other).decode() not in repr(cluster(world(other)))
