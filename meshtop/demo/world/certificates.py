"""Root certificates of the simulated meshes: real X.509, the same for the same seed and name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meshtop.demo.world.naming import digest

LIFE = timedelta(days=3650)


def root_pem(seed: int, name: str, not_after: float, not_before: float | None = None) -> str:
    """A self-signed root (P-256) in PEM that runs out at a moment (Unix seconds), as long as roots live before it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    number = sum(digest(seed, name, part) << (64 * part) for part in range(3))
    key = ec.derive_private_key(number, ec.SECP256R1())
    subject = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Halyard Supply Co."),
        x509.NameAttribute(NameOID.COMMON_NAME, f"{name} mesh root"),
    ])  # fmt: skip
    until = datetime.fromtimestamp(int(not_after), UTC)
    since = until - LIFE if not_before is None else datetime.fromtimestamp(int(not_before), UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(digest(seed, name, "serial") | 1)
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
