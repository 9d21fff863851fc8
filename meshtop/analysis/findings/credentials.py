"""What is wrong with the certificate in a gateway's Secret. The data is looked at once and never kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from meshtop.analysis.identity.certificates import read_certificates

_CERTIFICATES, _KEYS = ("tls.crt", "cert"), ("tls.key", "key")


def credential_flaw(data: Mapping[str, bytes], now: float) -> str | None:
    """Why a gateway cannot use a Secret, in words; None where it can. `now` is in Unix seconds.

    A gateway takes `tls.crt` and `tls.key`, or `cert` and `key` (istio.io, secure gateways).
    """
    certificate = next((data[name] for name in _CERTIFICATES if data.get(name)), None)
    key = next((data[name] for name in _KEYS if data.get(name)), None)
    if certificate is None or key is None:
        missing = [name for name, part in (("tls.crt", certificate), ("tls.key", key)) if part is None]
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    found = read_certificates(certificate.decode("utf-8", "replace"))
    if not found:
        return "its certificate cannot be read"
    if found[0].not_after <= now:
        return f"its certificate expired on {datetime.fromtimestamp(found[0].not_after, UTC):%Y-%m-%d}"
    return None


def key_fits(data: Mapping[str, bytes]) -> bool:
    """Whether the key of a Secret can be read and is that of its certificate; True where there are not both."""
    certificate = next((data[name] for name in _CERTIFICATES if data.get(name)), b"")
    key = next((data[name] for name in _KEYS if data.get(name)), b"")
    found = read_certificates(certificate.decode("utf-8", "replace"))
    if not found or not key:
        return True
    public = _public(key)
    return public is not None and found[0].key == hashlib.sha256(public).hexdigest()


def _public(key: bytes) -> bytes | None:
    """The public half of a private key in DER; None where it cannot be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
