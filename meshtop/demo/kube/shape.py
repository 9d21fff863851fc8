"""How lists and maps merge: which lists are keyed, which are sets, what is replaced whole.

A custom resource's schema says it (``x-kubernetes-list-type`` and friends); for built-in kinds and for ObjectMeta a
table of the merge keys of the real types stands in.
Source: Kubernetes documentation, "Server-Side Apply", section "Merge strategy", and the API reference's patch keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from meshtop.demo.kube.resource import Json, Resource

_KEYED_LISTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("containers", "ports"): ("containerPort", "protocol"),
    ("initContainers", "ports"): ("containerPort", "protocol"),
    ("spec", "ports"): ("port", "protocol"),
    ("", "containers"): ("name",),
    ("", "initContainers"): ("name",),
    ("", "ephemeralContainers"): ("name",),
    ("", "env"): ("name",),
    ("", "volumes"): ("name",),
    ("", "volumeMounts"): ("mountPath",),
    ("", "volumeDevices"): ("devicePath",),
    ("", "imagePullSecrets"): ("name",),
    ("", "conditions"): ("type",),
    ("", "ownerReferences"): ("uid",),
    ("", "hostAliases"): ("ip",),
    ("", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("", "webhooks"): ("name",),
    ("", "secrets"): ("name",),
    ("status", "addresses"): ("type",),
}
_SETS = frozenset({"finalizers"})
_ATOMIC_MAPS = frozenset({"selector", "nodeSelector", "objectSelector", "namespaceSelector", "podSelector"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known about one place in an object: its schema, or for built-in types the names leading to it."""

    custom: bool
    schema: Json | None
    path: tuple[str, ...] = ()

    def field(self, name: str) -> Shape:
        """The shape of a field of this map."""
        if not self.custom or (not self.path and name == "metadata"):
            return _builtin((*self.path, name))
        schema = self.schema or {}
        inner = (schema.get("properties") or {}).get(name)
        if inner is None and isinstance(schema.get("additionalProperties"), dict):
            inner = schema["additionalProperties"]
        return Shape(True, inner, (*self.path, name))

    def element(self) -> Shape:
        """The shape of an element of this list."""
        if not self.custom:
            return self
        return Shape(True, (self.schema or {}).get("items"), self.path)

    @property
    def keys(self) -> tuple[str, ...]:
        """The fields that identify an element; empty where this list is no keyed list."""
        if self.custom:
            schema = self.schema or {}
            if schema.get("x-kubernetes-list-type") != "map":
                return ()
            return tuple(schema.get("x-kubernetes-list-map-keys") or ())
        parent, name = ("", *self.path)[-2:] if self.path else ("", "")
        return _KEYED_LISTS.get((parent, name)) or _KEYED_LISTS.get(("", name), ())

    @property
    def is_set(self) -> bool:
        """Whether this is a list of unique scalars that merges."""
        if self.custom:
            return (self.schema or {}).get("x-kubernetes-list-type") == "set"
        return bool(self.path) and self.path[-1] in _SETS

    @property
    def atomic_map(self) -> bool:
        """Whether this map is owned and replaced whole."""
        if self.custom:
            return (self.schema or {}).get("x-kubernetes-map-type") == "atomic"
        return bool(self.path) and self.path[-1] in _ATOMIC_MAPS

    def key_of(self, item: Any) -> tuple[tuple[str, Any], ...]:
        """The identity of a list element by `keys`, with the defaults of keys that are left out."""
        item = item if isinstance(item, dict) else {}
        return tuple((key, item.get(key, self._key_default(key))) for key in self.keys)

    def _key_default(self, key: str) -> Any:
        if not self.custom:
            return "TCP" if key == "protocol" else None
        items = (self.schema or {}).get("items") or {}
        return ((items.get("properties") or {}).get(key) or {}).get("default")


@lru_cache(maxsize=4096)
def _builtin(path: tuple[str, ...]) -> Shape:
    return Shape(False, None, path)


def shape_of(resource: Resource, version: str) -> Shape:
    """The shape of a whole object of a kind."""
    return Shape(resource.custom, resource.schemas.get(version) if resource.custom else None)
