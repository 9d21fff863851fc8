"""Other names for everything that is somebody's, the same for the same wherever it stands.

A text is cut into words; those of Kubernetes, Istio and meshtop (`vocabulary`), versions, durations and short numbers
stay, and each other word becomes `q` with a number. So hosts stay hosts, `web-v1` and `web-v2` go on having the same
beginning, and a selector goes on selecting. Addresses become others of the reserved range 240.0.0.0/4 (or 100::/64),
with what they have in common. Certificates are replaced by self-signed ones of the same time.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from ipaddress import IPv6Address
from typing import Any

import msgspec
from msgspec import Struct, structs

from meshtop.model.canary import RouteCounts
from meshtop.model.changes import FieldWrite, KubeEvent, ObjectTrace
from meshtop.model.kube import ConfigObject, Controller, Endpoint, KindStatus, Manager, Owner, Pod, Service, ServicePort
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.telemetry import Labels
from meshtop.sources.recording.secrecy import told_without_secrets
from meshtop.sources.recording.vocabulary import KEPT_WORDS

_KEPT_FIELDS: Mapping[type, frozenset[str]] = {
    ConfigObject: frozenset({"group", "version", "kind"}),
    Controller: frozenset({"kind"}),
    Endpoint: frozenset({"target_kind"}),
    FieldWrite: frozenset({"operation", "subresource"}),
    KubeEvent: frozenset({"reason", "kind"}),
    ObjectTrace: frozenset({"kind"}),
    KindStatus: frozenset({"kind", "group", "state"}),
    Manager: frozenset({"operation"}),
    Owner: frozenset({"kind", "api_version"}),
    Pod: frozenset({"phase", "problem", "restart_reason"}),
    Service: frozenset({"type"}),
    ServicePort: frozenset({"protocol", "app_protocol"}),
    Labels: frozenset(
        {
            *("reporter", "request_protocol", "response_code", "grpc_response_status", "response_flags"),
            *("connection_security_policy", "le"),
        }
    ),
    ClusterSnapshot: frozenset(),
    RouteCounts: frozenset(),
}
"""Fields whose values are words of an API, never names; wherever a field is not listed here, its text is replaced."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")
_PIECE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)"
    r"|(?P<v4>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]))"
    r"|(?P<v6>(?<![\w:])(?=[0-9a-fA-F:]*:[0-9a-fA-F:]*:)[0-9a-fA-F:]{2,}(?:\d+\.\d+\.\d+\.\d+)?(?![\w:]))"
    r"|(?P<word>[^\W_]+)"
)
_PLAIN_WORD = re.compile(
    r"\d{1,5}|v\d{1,3}(?:(?:alpha|beta|rc)\d{1,3})?|(?:\d{1,5}(?:ns|us|ms|s|m|h|d|Ki|Mi|Gi|Ti|k|M|G))+"
)
_MOST_KEPT_TEXTS = 500_000
_MOST_NETWORKS = 15


class Pseudonyms:
    """Replaces names; one object for a whole recording, because the same name is to be the same everywhere."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._octets: dict[tuple[int, ...], dict[int, int]] = {}
        self._others: dict[str, int] = {}
        self._long: dict[str, str] = {}
        self._certificates: dict[str, str] = {}

    def replaced(self, thing: Any) -> Any:
        """The plain form of a thing of the model, with other names; what stands in no field of it is text."""
        if isinstance(thing, str) and not isinstance(thing, Enum):
            return self.text(thing)
        if isinstance(thing, bytes):
            return self.text(thing.decode("utf-8", "replace")).encode()
        if isinstance(thing, Struct):
            kept = _KEPT_FIELDS.get(type(thing), frozenset())
            return {
                told: getattr(thing, name) if name in kept else self.replaced(getattr(thing, name))
                for name, told in _names(type(thing))
            }
        if isinstance(thing, Mapping):
            return {self.replaced(key): self.replaced(value) for key, value in thing.items()}
        if isinstance(thing, tuple | list):
            return [self.replaced(one) for one in thing]
        return thing

    def text(self, text: str) -> str:
        """A text with other names."""
        found = self._texts.get(text)
        if found is None:
            if len(self._texts) >= _MOST_KEPT_TEXTS:
                self._texts.clear()
            found = _CERTIFICATE.sub(self._certificate, text) if "BEGIN CERTIFICATE" in text else text
            if found is text:
                found = _PIECE.sub(self._piece, text)
            self._texts[text] = found
        return found

    def _piece(self, match: re.Match[str]) -> str:
        whole = match[0]
        if match["word"] is not None:
            return self._word(whole)
        if match["time"] is not None:
            return whole
        return self._v4(whole) if match["v4"] is not None else self._v6(whole)

    def _word(self, word: str) -> str:
        lower = word.lower()
        if len(word) == 1 or lower in KEPT_WORDS or _PLAIN_WORD.fullmatch(word):
            return word
        # Names are compared without regard to case in hosts, and nowhere do two differ in it alone.
        found = self._words.get(lower)
        if found is None:
            found = self._words[lower] = f"q{len(self._words) + 1}"
        return found

    def _v4(self, address: str) -> str:
        octets = [int(part) for part in address.split(".")]
        if any(octet > 255 for octet in octets) or octets[0] == 127 or address == "0.0.0.0":
            return address
        firsts = self._octets.setdefault((), {})
        if octets[0] not in firsts and len(firsts) >= _MOST_NETWORKS:
            # The range has sixteen first octets; addresses beyond them share the last one, each by itself.
            number = self._others.setdefault(address, len(self._others) + 1)
            return f"255.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        told = [firsts.setdefault(octets[0], 240 + len(firsts))]
        for i in range(1, 4):
            siblings = self._octets.setdefault(tuple(octets[:i]), {0: 0})
            # 0 stays, by which networks are written.
            told.append(siblings.setdefault(octets[i], len(siblings)))
        return ".".join(map(str, told))

    def _v6(self, text: str) -> str:
        try:
            address = IPv6Address(text)
        except ValueError:
            return re.sub(r"[^\W_]+", lambda match: self._word(match[0]), text)
        if address.is_loopback or address.is_unspecified:
            return text
        return self._long.setdefault(str(address), str(IPv6Address(f"100::{len(self._long) + 1:x}")))

    def _certificate(self, match: re.Match[str]) -> str:
        packed = "".join(match[1].split())
        found = self._certificates.get(packed)
        if found is None:
            try:
                found = stand_in(base64.b64decode(packed, validate=True), f"q{len(self._certificates) + 1}")
            except (ValueError, TypeError, OverflowError):
                found = ""
            self._certificates[packed] = found
        return found


def stand_in(certificate: bytes, name: str) -> str:
    """A self-signed certificate (PEM) of the same time, for another name. Raises ValueError for what is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.x509.oid import NameOID

    read = x509.load_der_x509_certificate(certificate)
    key = ed25519.Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
    begin: datetime = read.not_valid_before_utc
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(read.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    return made.public_bytes(serialization.Encoding.PEM).decode().strip()


def cleaner(*, redact: bool) -> Callable[[Any], Any]:
    """What is applied to everything that goes into a recording: no secrets, and with `redact` no names."""
    names = Pseudonyms() if redact else None

    def clean(thing: Any) -> Any:
        # Label sets are of Istio's own labels, and too many to search.
        told = thing if isinstance(thing, Labels) else told_without_secrets(thing)
        if names is None:
            return told
        if told is not thing and isinstance(thing, Struct):
            told = msgspec.convert(told, type(thing), builtin_types=(bytes,))
        return names.replaced(told)

    return clean


_FIELD_NAMES: dict[type, tuple[tuple[str, str], ...]] = {}


def _names(kind: type[Struct]) -> tuple[tuple[str, str], ...]:
    """The fields of a Struct with their names in its encoded form."""
    found = _FIELD_NAMES.get(kind)
    if found is None:
        found = _FIELD_NAMES[kind] = tuple((one.name, one.encode_name) for one in structs.fields(kind))
    return found
