"""Parsing certificates with `cryptography`: identity, validity and fingerprint."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from msgspec import Struct

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class CertificateInfo(Struct, frozen=True, rename="camel"):
    """A certificate; times are Unix seconds, the fingerprint is SHA-256 in lower-case hex.

    `name` is the subject in DER, `key` the SHA-256 of its SubjectPublicKeyInfo: a chain is verified by both, and a root
    renewed with the same key keeps both. `der` is the whole certificate.
    """

    subject: str
    issuer: str
    not_before: float
    not_after: float
    fingerprint: str
    is_ca: bool = False
    name: bytes = b""
    key: str = ""
    der: bytes = b""


@lru_cache(maxsize=256)
def read_certificates(pem: str) -> tuple[CertificateInfo, ...]:
    """Every certificate of a PEM bundle that can be parsed, in order; others are skipped.

    Duplicates are returned once.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found: dict[str, CertificateInfo] = {}
    for block in _BLOCK.findall(pem):
        try:
            certificate = x509.load_pem_x509_certificate(block.encode())
            is_ca = _is_ca(certificate)
            key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        except (ValueError, UnsupportedAlgorithm):
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
                name=certificate.subject.public_bytes(),
                key=hashlib.sha256(key).hexdigest(),
                der=certificate.public_bytes(Encoding.DER),
            ),
        )
    return tuple(found.values())


@lru_cache(maxsize=4096)
def is_issued_by(certificate: bytes, issuer: bytes) -> bool:
    """Whether a certificate was signed by the key of another one and names it as its issuer; both are DER."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        child, parent = x509.load_der_x509_certificate(certificate), x509.load_der_x509_certificate(issuer)
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


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
