"""Trust anchors of a cluster: the roots that sign its workloads' certificates, and those it accepts from others.

istiod gives its proxies the roots of istio-ca-root-cert and, with ISTIO_MULTIROOT_MESH, those of MeshConfig
`caCertificates`. A chain is verified by an anchor's name and public key, so a root renewed with the same key is equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.identity.certificates import CertificateInfo, is_issued_by, read_certificates
from meshtop.analysis.identity.control_planes import istiods
from meshtop.analysis.identity.mesh import mesh_config, root_bundle
from meshtop.analysis.identity.settings import plane_settings
from meshtop.analysis.identity.trees import at, text_at, texts_at
from meshtop.analysis.inventory.labels import label_selector_holds, proxy_container
from meshtop.analysis.inventory.untyped import maps
from meshtop.model.kube import Inventory, Pod

SPIRE_DRIVER = "csi.spiffe.io"
SPIFFE_IDS = "ClusterSPIFFEID"
_TEMPLATES = "inject.istio.io/templates"
_TRUE = frozenset({"1", "t", "true"})


class Verifies(StrEnum):
    """Whether one cluster's anchors verify what signs another's workloads."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Anchor(Struct, frozen=True, kw_only=True):
    """A trusted certificate: its SHA-256 fingerprint, subject name (DER), SHA-256 of its public key, and its DER.

    `trust_domains` limits it to workloads of these domains; empty: all that the cluster accepts.
    """

    fingerprint: str
    name: bytes = b""
    key: str = ""
    der: bytes = b""
    trust_domains: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[bytes, str]:
        """Subject name and key hash, by which a chain is verified."""
        return (self.name, self.key)


class ClusterAnchors(Struct, frozen=True, kw_only=True):
    """Anchors that sign a cluster's workloads (`signing`) and all that it accepts (`accepted`, including those).

    `foreign` says who signs (`are issued by …`) if it is not istiod, or may not be. `notes` explains which
    caCertificates do not apply or may not. `partial` is True if some anchors are in a place that is not read
    (spiffeBundleUrl). `unread` names the kinds that could show another signer and were not read.
    """

    signing: tuple[Anchor, ...] = ()
    accepted: tuple[Anchor, ...] = ()
    foreign: str | None = None
    partial: bool = False
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def anchors_of_fingerprints(fingerprints: Sequence[str]) -> ClusterAnchors:
    """Anchors with only their fingerprints known: each verifies only itself."""
    found = tuple(Anchor(fingerprint=fingerprint, key=fingerprint) for fingerprint in fingerprints)
    return ClusterAnchors(signing=found, accepted=found)


def cluster_anchors(inventory: Inventory) -> ClusterAnchors:
    """The anchors found in a cluster's inventory."""
    signing = tuple(_anchor(certificate) for certificate in read_certificates(root_bundle(inventory)))
    entries = maps(at(mesh_config(inventory), "caCertificates"))
    extra: list[Anchor] = []
    for entry in entries:
        domains = texts_at(entry, "trustDomains")
        extra += [_anchor(c, domains) for c in read_certificates(text_at(entry, "pem") or "")]
    partial = any(text_at(entry, "spiffeBundleUrl") for entry in entries)
    notes: tuple[str, ...] = ()
    if entries:
        multiroot = _multiroot(inventory)
        if multiroot is False:
            extra, partial = [], False
            notes = ("its caCertificates do not count without ISTIO_MULTIROOT_MESH",)
        elif multiroot is None:
            notes = ("its caCertificates count if ISTIO_MULTIROOT_MESH is on",)
        if partial:
            notes += ("a spiffeBundleUrl is not read",)
    return ClusterAnchors(
        signing=signing,
        accepted=(*signing, *extra),
        foreign=_foreign(inventory),
        partial=partial,
        notes=notes,
        unread=tuple(kind for kind, _ in inventory.unread("Pod", "Deployment", "ConfigMap", SPIFFE_IDS)),
    )


def _anchor(certificate: CertificateInfo, domains: tuple[str, ...] = ()) -> Anchor:
    return Anchor(
        fingerprint=certificate.fingerprint,
        name=certificate.name,
        key=certificate.key,
        der=certificate.der,
        trust_domains=domains,
    )


def _multiroot(inventory: Inventory) -> bool | None:
    """Whether the first control plane distributes caCertificates; None where its environment is not known.

    It does not unless configured (istio/istio, pilot/pkg/features: ISTIO_MULTIROOT_MESH is off by default).
    """
    for istiod in istiods(inventory.controllers, inventory.pods, inventory.webhooks):
        if istiod.kind != "Deployment":
            return None
        return istiod.environment.get("ISTIO_MULTIROOT_MESH", "").lower() in _TRUE
    return None


def _foreign(inventory: Inventory) -> str | None:
    """The signer of workload certificates, if it is not istiod with the roots of istio-ca-root-cert.

    cert-manager's istio-csr writes its own roots to istio-ca-root-cert, so it needs no special case.
    """
    if any(map(_is_of_spire, inventory.pods)):
        return "are issued by SPIRE"
    for istiod in istiods(inventory.controllers, inventory.pods, inventory.webhooks):
        if istiod.environment.get("EXTERNAL_CA"):
            return "are issued by a CA outside of istiod (EXTERNAL_CA)"
    address = text_at(plane_settings(inventory).values, "global", "caAddress") or ""
    host = address.partition("://")[2] or address
    if host and not host.startswith("istiod") and "istio-csr" not in host:
        return "are issued by a CA outside of istiod (caAddress)"
    return _registered(inventory)


def _registered(inventory: Inventory) -> str | None:
    """That SPIRE may sign, where a ClusterSPIFFEID registers a workload with a proxy; the proxy's socket is not seen.

    A selector that is left out selects all (spiffe/spire-controller-manager, docs/clusterspiffeid-crd.md).
    """
    labels = {namespace.meta.name: namespace.meta.labels for namespace in inventory.namespaces}
    for spiffe_id in sorted(inventory.config.get(SPIFFE_IDS, ()), key=lambda obj: obj.meta.name):
        pods, namespaces = spiffe_id.spec.get("podSelector"), spiffe_id.spec.get("namespaceSelector")
        for pod in inventory.pods:
            meta = pod.meta
            if (
                _has_running_proxy(pod)
                and label_selector_holds(pods, meta.labels)
                and (meta.namespace not in labels or label_selector_holds(namespaces, labels[meta.namespace]))
            ):
                return (
                    f"may be issued by SPIRE ({SPIFFE_IDS} {spiffe_id.meta.name} selects {meta.namespace}/{meta.name})"
                )
    return None


def _is_of_spire(pod: Pod) -> bool:
    """Whether a pod's proxy gets its certificate from SPIRE, judged by its injection template or its volume."""
    if SPIRE_DRIVER not in pod.csi_drivers and "spire" not in pod.meta.annotations.get(_TEMPLATES, ""):
        return False
    return _has_running_proxy(pod)


def _has_running_proxy(pod: Pod) -> bool:
    return pod.phase not in ("Succeeded", "Failed") and proxy_container(pod.containers) is not None


def verify(signers: ClusterAnchors, verifier: ClusterAnchors, trust_domain: str | None) -> Verifies:
    """Whether `verifier` has an anchor for the signers of another cluster's workloads, which are in `trust_domain`.

    Of several signing roots (a rotation) any may match. An anchor below a signing root verifies only some workloads; it
    is not known which.
    """
    answer = Verifies.UNKNOWN if verifier.partial else Verifies.NO
    for root in signers.signing:
        for anchor in verifier.accepted:
            if anchor.identity == root.identity or _issued(root, anchor):
                if not anchor.trust_domains or trust_domain in anchor.trust_domains:
                    return Verifies.YES
                if trust_domain is None:
                    answer = Verifies.UNKNOWN
            elif _issued(anchor, root):
                answer = Verifies.UNKNOWN
    return answer


def _issued(certificate: Anchor, issuer: Anchor) -> bool:
    return bool(certificate.der and issuer.der) and is_issued_by(certificate.der, issuer.der)
