"""The few protobuf bodies that kubectl sends although it accepts JSON: reviews, and ``kubectl create namespace``.

Source of the field numbers: the generated.proto files of k8s.io/api and k8s.io/apimachinery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Union

from meshtop.demo.kube.resource import Json

PROTOBUF = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_MAP = "map"
_TEXT = "text"
_Message = Mapping[int, tuple[str, Union[str, "_Message"]]]

_UNKNOWN: _Message = {1: ("typeMeta", {1: ("apiVersion", _TEXT), 2: ("kind", _TEXT)})}
_METADATA: _Message = {
    1: ("name", _TEXT),
    2: ("generateName", _TEXT),
    3: ("namespace", _TEXT),
    11: ("labels", _MAP),
    12: ("annotations", _MAP),
}
_WANTED: _Message = {
    1: ("namespace", _TEXT),
    2: ("verb", _TEXT),
    3: ("group", _TEXT),
    4: ("version", _TEXT),
    5: ("resource", _TEXT),
    6: ("subresource", _TEXT),
    7: ("name", _TEXT),
}
_ACCESS: _Message = {
    1: ("resourceAttributes", _WANTED),
    2: ("nonResourceAttributes", {1: ("path", _TEXT), 2: ("verb", _TEXT)}),
}
_KINDS: Mapping[str, _Message] = {
    "Namespace": {1: ("metadata", _METADATA)},
    "SelfSubjectAccessReview": {1: ("metadata", _METADATA), 2: ("spec", _ACCESS)},
    "SelfSubjectRulesReview": {1: ("metadata", _METADATA), 2: ("spec", {1: ("namespace", _TEXT)})},
    "SelfSubjectReview": {1: ("metadata", _METADATA)},
}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message; numbers are skipped."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("a field is cut off")
            yield tag >> 3, data[at : at + size]
            at += size
        elif wire == 0:
            _, at = _varint(data, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire} is unknown")


def _decode(data: bytes, message: _Message) -> Json:
    found: Json = {}
    for number, raw in _fields(data):
        if number not in message:
            continue
        name, kind = message[number]
        if kind == _MAP:
            pair = {key: value.decode() for key, value in _fields(raw)}
            found.setdefault(name, {})[pair.get(1, "")] = pair.get(2, "")
        elif isinstance(kind, str):
            if raw:
                found[name] = raw.decode()
        else:
            found[name] = _decode(raw, kind)
    return found


def decode_protobuf(body: bytes) -> Json | None:
    """The object in a protobuf body; None for a kind that is not understood in this form. Raises ValueError."""
    if not body.startswith(_MAGIC):
        raise ValueError("the body does not begin as Kubernetes protobuf does")
    try:
        envelope = body[len(_MAGIC) :]
        type_meta: dict[str, Any] = _decode(envelope, _UNKNOWN).get("typeMeta", {})
        message = _KINDS.get(type_meta.get("kind", ""))
        if message is None:
            return None
        raw = next((value for number, value in _fields(envelope) if number == 2), b"")
        return {**type_meta, **_decode(raw, message)}
    except IndexError as error:
        raise ValueError("the body is cut off") from error
