"""Certificate expiry of roots, control planes, workloads and gateways, from ConfigMaps and telemetry.

Secrets are never read: gateways' own certificates are known only through `envoy_server_days_until_first_cert_expiring`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.identity.certificates import read_certificates
from meshtop.analysis.identity.control_planes import ROOT_CERTIFICATE
from meshtop.analysis.security.findings import LocatedFinding, finding, worst_first
from meshtop.model.constants import ISTIO_NAMESPACE
from meshtop.model.kube import Inventory
from meshtop.model.state import Severity
from meshtop.model.telemetry import Scalar, Telemetry

DAY = 86_400.0
ERROR_DAYS, WARNING_DAYS = 7.0, 30.0
RENEWAL_SECONDS = 300.0
"""Seconds: a workload's certificate is renewed long before its expiry; with less than this left, renewal has failed."""

ROOT = "citadel_server_root_cert_expiry_timestamp"
CHAIN = "citadel_server_cert_chain_expiry_timestamp"
AGENT = "istio_agent_cert_expiry_seconds"
ENVOY = "envoy_server_days_until_first_cert_expiring"
NO_CERTIFICATE_DAYS = 1e6
"""Upper limit of plausible days: Envoy reports about four billion days when it has no certificate."""


class CertificateKind(StrEnum):
    """The role of a certificate."""

    ROOT = "root"
    CONTROL_PLANE = "controlplane"
    WORKLOAD = "workload"
    GATEWAY = "gateway"


class Expiry(Struct, frozen=True, kw_only=True):
    """A certificate and its expiry (`not_after`, Unix seconds); one known only from telemetry has no fingerprint."""

    cluster: str
    kind: CertificateKind
    subject: str
    not_after: float
    issuer: str | None = None
    fingerprint: str | None = None
    namespace: str = ""
    exact: bool = True
    """False where only whole days are known."""
    not_before: float = 0.0

    def days_left(self, now: float) -> float:
        """Days until it expires; negative afterwards."""
        return (self.not_after - now) / DAY


def expiries(cluster: str, inventory: Inventory | None, telemetry: Telemetry | None) -> tuple[Expiry, ...]:
    """Every known certificate of a cluster, by expiry."""
    found = list(_roots(cluster, inventory))
    if telemetry is not None:
        found += _told(cluster, telemetry, knows_roots=bool(found))
    return tuple(sorted(found, key=lambda e: (e.not_after, e.kind, e.subject)))


def _roots(cluster: str, inventory: Inventory | None) -> Iterable[Expiry]:
    maps: Mapping[str, Mapping[str, str]] = inventory.config_maps if inventory is not None else {}
    roots = [data.get("root-cert.pem", "") for key, data in maps.items() if key.endswith(f"/{ROOT_CERTIFICATE}")]
    for certificate in dict.fromkeys(c for pem in roots for c in read_certificates(pem)):
        yield Expiry(
            cluster=cluster,
            kind=CertificateKind.ROOT,
            subject=certificate.subject,
            issuer=certificate.issuer,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
            fingerprint=certificate.fingerprint,
        )


def _told(cluster: str, telemetry: Telemetry, *, knows_roots: bool) -> Iterable[Expiry]:
    by_name: dict[str, list[Scalar]] = {}
    for scalar in telemetry.control:
        by_name.setdefault(scalar.metric, []).append(scalar)
    for name, kind, subject in (
        (ROOT, CertificateKind.ROOT, "of istiod"),
        (CHAIN, CertificateKind.CONTROL_PLANE, "istiod"),
    ):
        moments = [scalar.value for scalar in by_name.get(name, ()) if scalar.value > 0]
        if moments and not (kind is CertificateKind.ROOT and knows_roots):
            yield Expiry(cluster=cluster, kind=kind, subject=subject, not_after=min(moments))
    agents = [s for s in by_name.get(AGENT, ()) if s.labels.get("resource_name", "default") != "ROOTCA"]
    if agents:
        first = min(agents, key=lambda s: s.value)
        yield Expiry(
            cluster=cluster,
            kind=CertificateKind.WORKLOAD,
            subject=_subject(first, "the workload certificate that expires first"),
            not_after=telemetry.at + first.value,
            namespace=first.labels.get("namespace", ""),
        )
    for scalar in by_name.get(ENVOY, ()):
        # A gateway also holds its own certificate of a day: 0 days is that one and tells nothing of the others.
        if scalar.labels.get("app") and 1 <= scalar.value < NO_CERTIFICATE_DAYS:
            yield Expiry(
                cluster=cluster,
                kind=CertificateKind.GATEWAY,
                subject=_subject(scalar, "a gateway"),
                not_after=telemetry.at + scalar.value * DAY,
                namespace=scalar.labels.get("namespace", ""),
                exact=False,
            )


def _subject(scalar: Scalar, otherwise: str) -> str:
    parts = [scalar.labels.get("namespace", ""), scalar.labels.get("app", "")]
    return "/".join(filter(None, parts)) or otherwise


def superseded_roots(found: Sequence[Expiry], now: float) -> frozenset[Expiry]:
    """Expired roots in bundles that also contain a valid root: leftovers of a finished rotation.

    An expired root with which istiod still signs (its own certificate expires with it) is not among them.
    """
    valid = {e.cluster for e in found if e.kind is CertificateKind.ROOT and e.not_before <= now < e.not_after}
    signing = {(e.cluster, round(e.not_after)) for e in found if e.kind is CertificateKind.CONTROL_PLANE}
    return frozenset(
        e
        for e in found
        if e.kind is CertificateKind.ROOT
        and e.not_after <= now
        and e.cluster in valid
        and (e.cluster, round(e.not_after)) not in signing
    )


def expiry_findings(found: Sequence[Expiry], now: float) -> tuple[LocatedFinding, ...]:
    """Findings on expired and soon expiring certificates: under a week an error, under thirty days a warning.

    Workloads' certificates are valid for a day and renewed automatically: they are reported only when renewal fails.
    An expired root next to a valid one is harmless: it gets an info finding that suggests its removal.
    """
    superseded = superseded_roots(found, now)
    ends = {(e.cluster, round(e.not_after)) for e in found if e.kind is CertificateKind.ROOT}
    told = [
        expiry
        for expiry in found
        # An istiod that signs with the root itself has no certificate besides it.
        if expiry.kind is not CertificateKind.CONTROL_PLANE or (expiry.cluster, round(expiry.not_after)) not in ends
    ]
    return worst_first([one for expiry in told if (one := finding_of(expiry, now, superseded=expiry in superseded))])


def finding_of(expiry: Expiry, now: float, *, superseded: bool = False) -> LocatedFinding | None:
    """The finding on one certificate, if any; `superseded`: it is one of `superseded_roots`."""
    left = expiry.not_after - now
    what = f"{expiry.cluster}: {_WORDS[expiry.kind]}"
    whose = expiry.subject.rstrip(".")
    if superseded:
        message = f"{what} (superseded) expired {_span(-left)} ago and is still in {ROOT_CERTIFICATE}: {whose}."
        return finding("CERT-OLD-ROOT", Severity.INFO, message, _OLD_ROOT_FIX, cluster=expiry.cluster)
    if left <= 0:
        return _located(expiry, "CERT-EXPIRED", Severity.ERROR, f"{what} expired {_span(-left)} ago: {whose}.")
    if expiry.kind is CertificateKind.WORKLOAD:
        if left >= RENEWAL_SECONDS:
            return None
        message = f"{what} expires in {_span(left)} and has not been renewed: {whose}."
        return _located(expiry, "CERT-NOT-RENEWED", Severity.WARNING, message)
    message = f"{what} expires in {_span(left)}: {whose}."
    if left < ERROR_DAYS * DAY:
        return _located(expiry, "CERT-EXPIRES-THIS-WEEK", Severity.ERROR, message)
    if left < WARNING_DAYS * DAY:
        return _located(expiry, "CERT-EXPIRES-THIS-MONTH", Severity.WARNING, message)
    return None


_WORDS = {
    CertificateKind.ROOT: "the root certificate",
    CertificateKind.CONTROL_PLANE: "the signing certificate",
    CertificateKind.WORKLOAD: "a workload's certificate",
    CertificateKind.GATEWAY: "a gateway's certificate",
}
_FIXES = {
    CertificateKind.ROOT: "Plug in a new root: first let every cluster trust both roots, then sign with the new one,"
    " and remove the old root only when every workload has a new certificate.",
    CertificateKind.CONTROL_PLANE: "Put a new intermediate certificate of the same root into the Secret cacerts in"
    f" {ISTIO_NAMESPACE}; istiod picks it up by itself.",
    CertificateKind.WORKLOAD: "Find out why its agent cannot renew it: istioctl proxy-config secret POD, and the"
    " log of istio-proxy.",
    CertificateKind.GATEWAY: "Renew the certificate in the Secret that the Gateway's credentialName names.",
}


_OLD_ROOT_FIX = "Take it out of the root certificates in the Secret cacerts: the valid root beside it is enough."


def _located(expiry: Expiry, code: str, severity: Severity, message: str) -> LocatedFinding:
    return finding(code, severity, message, _FIXES[expiry.kind], cluster=expiry.cluster, namespace=expiry.namespace)


def _span(seconds: float) -> str:
    """A duration in its largest whole unit, such as `3 days`."""
    for length, unit in ((DAY, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
