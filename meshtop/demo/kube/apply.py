"""Server-side apply: merge what a manager applies, refuse what others own, prune what it applied before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from meshtop.demo.kube.ownership import (
    Fields,
    Owner,
    Path,
    changed,
    compact_json,
    flatten,
    owners_of,
    readable,
)
from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.shape import Shape
from meshtop.demo.kube.status import ApiError


def _merge(live: Any, applied: Any, shape: Shape) -> Any:
    if isinstance(applied, dict) and isinstance(live, dict) and not shape.atomic_map:
        merged = dict(live)
        for name, value in applied.items():
            merged[name] = _merge(live.get(name), value, shape.field(name))
        return merged
    if isinstance(applied, list) and isinstance(live, list) and shape.keys:
        element = shape.element()
        result = list(live)
        where = {shape.key_of(item): index for index, item in enumerate(live)}
        for item in applied:
            at = where.get(shape.key_of(item))
            if at is None:
                result.append(item)
            else:
                result[at] = _merge(result[at], item, element)
        return result
    if isinstance(applied, list) and isinstance(live, list) and shape.is_set:
        return [*live, *(item for item in applied if item not in live)]
    return applied


def _without(value: Any, path: Path) -> Any:
    """The value with one path taken out, and with the maps that this leaves empty; None where nothing is left."""
    step, rest = path[0], path[1:]
    kind, _, text = step.partition(":")
    if kind == "f" and isinstance(value, dict) and text in value:
        inner = _without(value[text], rest) if rest else None
        kept = {name: item for name, item in value.items() if name != text}
        return {**value, text: inner} if inner is not None else kept or None
    if kind == "k" and isinstance(value, list):
        keys = json.loads(text)
        kept_items = []
        for item in value:
            if not isinstance(item, dict) or not _has_keys(item, keys):
                kept_items.append(item)
            elif rest:
                inner = _without(item, rest)
                if inner is not None:
                    kept_items.append(inner)
        return kept_items or None
    if kind == "v" and isinstance(value, list):
        return [item for item in value if compact_json(item) != text] or None
    return value


def _has_keys(item: Json, keys: Json) -> bool:
    return all(item.get(key, "TCP" if key == "protocol" else None) == value for key, value in keys.items())


def _prunable(removed: Fields, kept: Iterable[Path]) -> list[Path]:
    """Of the paths no longer applied, those without another owner, shallowest first.

    An element of a keyed list is removed only when none of its fields has an owner, and its keys only with it.
    """
    owned = frozenset(kept)
    prefixes = {path[:length] for path in owned for length in range(1, len(path) + 1)}
    free = [path for path in removed if path not in (prefixes if path[-1].startswith("k:") else owned)]
    return sorted((path for path in free if not _is_key(path)), key=len)


def _is_key(path: Path) -> bool:
    """Whether a path is a field that identifies the element of a keyed list it is in."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1][2:] in json.loads(path[-2][2:])


def _refuse(conflicts: list[tuple[Owner, list[Path]]]) -> ApiError:
    causes: list[Json] = []
    texts: list[str] = []
    for owner, paths in conflicts:
        using = f'"{owner.manager}"' + (f' with subresource "{owner.subresource}"' if owner.subresource else "")
        using += f" using {owner.api_version}"
        fields = [readable(path) for path in paths]
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict with {using}", "field": field} for field in fields
        ]
        if len(fields) == 1:
            texts.append(f"conflict with {using}: {fields[0]}")
        else:
            texts.append(f"conflicts with {using}:" + "".join(f"\n- {field}" for field in fields))
    count = f"{len(causes)} conflict{'s' if len(causes) != 1 else ''}"
    return ApiError(409, "Conflict", f"Apply failed with {count}: " + "\n".join(texts), {"causes": causes})


def server_side_apply(live: Json | None, applied: Json, shape: Shape, writer: Owner, *, force: bool) -> Json:
    """The object after `writer` applied `applied` to `live`, with its managedFields.

    Raises 409 with a cause for each field of another owner that would get another value, unless `force`.
    """
    applied = {**applied, "metadata": {**applied["metadata"]}}
    for name in ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"):
        applied["metadata"].pop(name, None)
    wanted = frozenset(flatten(applied, shape))
    before = flatten(live, shape) if live else {}
    merged: Json = _merge(live, applied, shape) if live else applied
    touched = changed(before, flatten(merged, shape)) & wanted
    owners = owners_of(live)
    others = [owner for owner in owners if owner.identity != writer.identity]
    conflicts = [(owner, sorted(owner.fields & touched)) for owner in others if owner.fields & touched]
    if conflicts and not force:
        raise _refuse(conflicts)
    others = [replace(owner, fields=owner.fields - touched) for owner in others]
    earlier = next((owner for owner in owners if owner.identity == writer.identity), None)
    if earlier:
        kept = {path for owner in others for path in owner.fields} | wanted
        for path in _prunable(earlier.fields - wanted, kept):
            merged = _without(merged, path) or merged
    present = flatten(merged, shape).keys()
    others = [replace(owner, fields=owner.fields & present) for owner in others]
    same = earlier is not None and earlier.fields == wanted and not touched
    mine = earlier if same and earlier else replace(writer, fields=wanted)
    result = sorted(
        (owner for owner in (*others, mine) if owner.fields),
        key=lambda owner: (owner.operation, owner.time, owner.manager),
    )
    return {**merged, "metadata": {**merged["metadata"], "managedFields": [owner.entry() for owner in result]}}
