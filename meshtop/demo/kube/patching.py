"""JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386) and Kubernetes' strategic merge patch."""

from __future__ import annotations

from typing import Any

from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.shape import Shape
from meshtop.demo.kube.status import bad_request, unprocessable


def _pointer(text: Any) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise unprocessable()
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(part: str, length: int) -> int:
    if not part.isdigit() or int(part) >= length:
        raise unprocessable()
    return int(part)


def _resolve(value: Any, parts: list[str]) -> Any:
    for part in parts:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list):
            value = value[_index(part, len(value))]
        else:
            raise unprocessable()
    return value


def _add(document: Any, parts: list[str], value: Any) -> Any:
    if not parts:
        return value
    parent, last = _resolve(document, parts[:-1]), parts[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent) + 1), value)
    else:
        raise unprocessable()
    return document


def _remove(document: Any, parts: list[str]) -> Any:
    if not parts:
        raise unprocessable()
    parent, last = _resolve(document, parts[:-1]), parts[-1]
    if isinstance(parent, dict) and last in parent:
        return parent.pop(last)
    if isinstance(parent, list):
        return parent.pop(_index(last, len(parent)))
    raise unprocessable()


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON, where true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def json_patch(document: Json, operations: Any) -> Json:
    """Apply a JSON Patch to `document` in place. Raises 400 for what is no patch, 422 where it does not apply.

    A failed ``test`` is a 422 without a word about which, as from the real server.
    """
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    result: Any = document
    for operation in operations:
        name, parts = operation.get("op"), _pointer(operation.get("path"))
        if name in ("add", "replace", "test") and "value" not in operation:
            raise unprocessable()
        if name == "test":
            if not _same(_resolve(result, parts), operation["value"]):
                raise unprocessable()
        elif name == "add":
            result = _add(result, parts, operation["value"])
        elif name == "replace":
            _resolve(result, parts)
            if parts:
                _remove(result, parts)
            result = _add(result, parts, operation["value"])
        elif name == "remove":
            _remove(result, parts)
        elif name in ("move", "copy"):
            source = _pointer(operation.get("from"))
            value = _fresh(_resolve(result, source))
            if name == "move":
                _remove(result, source)
            result = _add(result, parts, value)
        else:
            raise unprocessable()
    if not isinstance(result, dict):
        raise unprocessable()
    return result


def _fresh(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _fresh(inner) for name, inner in value.items()}
    return [_fresh(item) for item in value] if isinstance(value, list) else value


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON Merge Patch to `target` in place: null removes, lists are replaced."""
    if not isinstance(patch, dict):
        return patch
    result = target if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


_ORDER, _DELETE_FROM, _RETAIN = "$setElementOrder/", "$deleteFromPrimitiveList/", "$retainKeys"


def strategic_merge(target: Any, patch: Json, shape: Shape) -> Json:
    """Apply a strategic merge patch to `target` in place; keyed lists merge by their first merge key.

    Knows ``$patch`` (delete, replace, merge), ``$retainKeys``, ``$deleteFromPrimitiveList`` and ``$setElementOrder``.
    """
    result = target if isinstance(target, dict) else {}
    directive = patch.get("$patch")
    if directive == "replace":
        return {name: _fresh(value) for name, value in patch.items() if not name.startswith("$")}
    if directive == "delete":
        return {}
    if isinstance(kept := patch.get(_RETAIN), list):
        for name in [name for name in result if name not in kept]:
            del result[name]
    for name, value in patch.items():
        if name.startswith(_DELETE_FROM):
            field = name.removeprefix(_DELETE_FROM)
            result[field] = [item for item in result.get(field) or [] if item not in value]
        elif name.startswith("$"):
            continue
        elif value is None:
            result.pop(name, None)
        else:
            result[name] = _merge_value(result.get(name), value, shape.field(name))
    for name, order in patch.items():
        if name.startswith(_ORDER) and isinstance(result.get(name.removeprefix(_ORDER)), list):
            field = name.removeprefix(_ORDER)
            result[field] = _ordered(result[field], order, shape.field(field))
    return result


def _merge_value(old: Any, value: Any, shape: Shape) -> Any:
    if isinstance(value, dict):
        return strategic_merge(old, value, shape)
    if isinstance(value, list) and shape.keys and all(isinstance(item, dict) for item in value):
        return _merge_list(old if isinstance(old, list) else [], value, shape)
    if isinstance(value, list) and shape.is_set:
        present = old if isinstance(old, list) else []
        return [*present, *(item for item in value if item not in present)]
    return _fresh(value)


def _merge_list(old: list[Any], patch: list[Json], shape: Shape) -> list[Any]:
    key = shape.keys[0]
    if any(item.get("$patch") == "replace" for item in patch):
        return [_fresh(item) for item in patch if "$patch" not in item]
    result = list(old)
    for item in patch:
        at = next((index for index, present in enumerate(result) if present.get(key) == item.get(key)), None)
        if item.get("$patch") == "delete":
            if at is not None:
                del result[at]
        elif at is None:
            result.append(strategic_merge({}, item, shape.element()))
        else:
            result[at] = strategic_merge(result[at], item, shape.element())
    return result


def _ordered(items: list[Any], order: list[Any], shape: Shape) -> list[Any]:
    """The items in the order asked for; those it does not name stay behind the one they followed."""

    def identity(item: Any) -> Any:
        return item.get(shape.keys[0]) if shape.keys and isinstance(item, dict) else item

    wanted = [identity(item) for item in order]
    ranks: list[int] = []
    last = -1
    for item in items:
        last = wanted.index(identity(item)) if identity(item) in wanted else last
        ranks.append(last)
    return [items[index] for index in sorted(range(len(items)), key=lambda index: ranks[index])]
