"""Who owns which field: ``metadata.managedFields`` in the FieldsV1 format.

An object is flattened into paths, each a tuple of FieldsV1 steps: ``f:spec``, ``k:{"name":"web"}``, ``v:"x"``. Owning
an element of a keyed list itself is a path that ends with its ``k:`` step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.shape import Shape

Path = tuple[str, ...]
Fields = frozenset[Path]

_UNOWNED_METADATA = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    }
)
_ELEMENT = object()
"""The value of a path that marks the mere existence of a list element."""


def compact_json(value: Any) -> str:
    """JSON as FieldsV1 spells keys: sorted, without spaces."""
    return msgspec.json.encode(value, order="sorted").decode()


def flatten(obj: Json, shape: Shape) -> dict[Path, Any]:
    """All fields of an object that can have an owner, with their values."""
    found: dict[Path, Any] = {}
    for name, value in obj.items():
        if name in ("apiVersion", "kind"):
            continue
        if name == "metadata":
            value = {key: inner for key, inner in value.items() if key not in _UNOWNED_METADATA}
            if not value:
                continue
        _flatten(value, shape.field(name), (f"f:{name}",), found)
    return found


def _flatten(value: Any, shape: Shape, path: Path, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value and not shape.atomic_map:
        for name, inner in value.items():
            _flatten(inner, shape.field(name), (*path, f"f:{name}"), found)
    elif not isinstance(value, list) or not value:
        found[path] = value
    elif shape.keys and all(isinstance(item, dict) for item in value):
        element = shape.element()
        for item in value:
            step = "k:" + compact_json({key: inner for key, inner in shape.key_of(item) if inner is not None})
            found[(*path, step)] = _ELEMENT
            for name, inner in item.items():
                _flatten(inner, element.field(name), (*path, step, f"f:{name}"), found)
    elif shape.is_set:
        for item in value:
            found[(*path, "v:" + compact_json(item))] = item
    else:
        found[path] = value


def to_fields_v1(paths: Iterable[Path]) -> Json:
    """The FieldsV1 tree of a set of paths."""
    tree: Json = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return tree


def from_fields_v1(tree: Json, prefix: Path = ()) -> Fields:
    """The paths of a FieldsV1 tree."""
    found: set[Path] = set()
    for step, inner in tree.items():
        if step == ".":
            found.add(prefix)
        elif inner:
            found |= from_fields_v1(inner, (*prefix, step))
        else:
            found.add((*prefix, step))
    return frozenset(found - {()})


def readable(path: Path) -> str:
    """A path as conflict messages write it: ``.spec.containers[name="web"].image``."""
    text = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            text += "[" + ",".join(f"{key}={compact_json(value)}" for key, value in json.loads(rest).items()) + "]"
        else:
            text += f"[={rest}]"
    return text


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of managedFields."""

    manager: str
    operation: str
    subresource: str
    api_version: str
    time: str
    fields: Fields

    def entry(self) -> Json:
        """The entry as it stands in metadata."""
        entry: Json = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(self.fields),
        }
        return {**entry, "subresource": self.subresource} if self.subresource else entry

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes an entry its manager's: name, operation and subresource."""
        return self.manager, self.operation, self.subresource


def owners_of(obj: Json | None) -> list[Owner]:
    """The owners that an object's managedFields name."""
    entries = ((obj or {}).get("metadata") or {}).get("managedFields") or []
    return [
        Owner(
            entry.get("manager", "unknown"),
            entry.get("operation", "Update"),
            entry.get("subresource", ""),
            entry.get("apiVersion", ""),
            entry.get("time", ""),
            from_fields_v1(entry.get("fieldsV1") or {}),
        )
        for entry in entries
    ]


def changed(old: Mapping[Path, Any], new: Mapping[Path, Any]) -> Fields:
    """The paths that were added or got another value."""
    return frozenset(path for path, value in new.items() if path not in old or old[path] != value)


def after_write(owners: list[Owner], old: Mapping[Path, Any], new: Mapping[Path, Any], writer: Owner) -> list[Owner]:
    """The owners after `writer` (its `fields` unread) updated an object: what changed is the writer's alone."""
    touched = changed(old, new)
    present = new.keys()
    result = []
    mine: Fields = frozenset()
    writer_had = None
    for owner in owners:
        if owner.identity == writer.identity:
            writer_had = owner
            mine = owner.fields & present
            continue
        kept = (owner.fields & present) - touched
        if kept:
            result.append(replace(owner, fields=kept))
    fields = mine | touched
    if fields:
        unchanged = writer_had is not None and fields == writer_had.fields and not touched
        result.append(writer_had if unchanged and writer_had else replace(writer, fields=fields))
    return sorted(result, key=lambda owner: (owner.operation, owner.time, owner.manager))
