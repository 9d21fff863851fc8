"""One state of one object, with its encoded forms kept for reuse."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from meshtop.demo.kube.resource import Json, Resource

_encode = msgspec.json.encode


class Entry:
    """One state of one object; never changes. A later state is another Entry.

    `object` is shared by all readers and must not be changed.
    """

    __slots__ = ("_encoded", "_partial", "object", "resource", "revision")

    def __init__(self, resource: Resource, obj: Json, revision: int) -> None:
        self.resource = resource
        self.object = obj
        self.revision = revision
        self._encoded: dict[str, bytes] = {}
        self._partial = b""

    @property
    def key(self) -> tuple[str, str]:
        """Namespace (empty for cluster scope) and name."""
        metadata = self.object["metadata"]
        return metadata.get("namespace", ""), metadata["name"]

    def in_version(self, version: str) -> Json:
        """The object as it is served in a version (conversion strategy None: only the apiVersion differs)."""
        api_version = self.resource.api_version(version)
        if self.object.get("apiVersion") == api_version:
            return self.object
        return {**self.object, "apiVersion": api_version}

    def encoded(self, version: str) -> bytes:
        """The object's JSON in a version."""
        found = self._encoded.get(version)
        if found is None:
            found = self._encoded[version] = _encode(self.in_version(version))
        return found

    def partial(self) -> bytes:
        """The JSON of the object's PartialObjectMetadata."""
        if not self._partial:
            self._partial = _encode(partial_metadata(self.object))
        return self._partial


def partial_metadata(obj: Json) -> Json:
    """An object's metadata and nothing else."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a kind's history: `kind` is ADDED, MODIFIED or DELETED."""

    kind: str
    entry: Entry
    previous: Entry | None
    revision: int
