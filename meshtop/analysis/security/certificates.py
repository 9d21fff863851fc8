"""Certificates read with `cryptography`: who they are for, until when, and their fingerprints."""

from __future__ import annotations

import re

from msgspec import Struct

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class CertificateInfo(Struct, frozen=True, rename="camel"):
    """A certificate; times are Unix seconds, the fingerprint is SHA-256 in lower-case hex."""

    subject: str
    issuer: str
    not_before: float
    not_after: float
    fingerprint: str
    is_ca: bool = False


def read_certificates(pem: str) -> tuple[CertificateInfo, ...]:
    """Every certificate of a PEM bundle that can be read, in order; what cannot be read is left out.

    A certificate that stands twice is given once.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    found: dict[str, CertificateInfo] = {}
    for block in _BLOCK.findall(pem):
        try:
            certificate = x509.load_pem_x509_certificate(block.encode())
            is_ca = _is_ca(certificate)
        except ValueError:
            continue
        fingerprint = certificate.fingerprint(SHA256()).hex()
        found.setdefault(
            fingerprint,
            CertificateInfo(
                subject=certificate.subject.rfc4514_string() or _san(certificate),
                issuer=certificate.issuer.rfc4514_string(),
                not_before=certificate.not_valid_before_utc.timestamp(),
                not_after=certificate.not_valid_after_utc.timestamp(),
                fingerprint=fingerprint,
                is_ca=is_ca,
            ),
        )
    return tuple(found.values())


def _is_ca(certificate: object) -> bool:
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _san(certificate: object) -> str:
    """The first SPIFFE identity of a workload certificate, whose subject is empty."""
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if uris else ""
