"""Structural schemas of custom resources: defaulting, pruning of unknown fields, validation.

CEL rules (``x-kubernetes-validations``) are not evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from meshtop.demo.kube.ownership import compact_json
from meshtop.demo.kube.resource import Json

Problem = tuple[str, str, str]
"""Reason, field and message, as the causes of an Invalid answer have them."""


def apply_defaults(value: Any, schema: Json) -> None:
    """Fill in, in place, the defaults of what is absent."""
    if isinstance(value, dict):
        for name, inner in (schema.get("properties") or {}).items():
            if name not in value and "default" in inner:
                value[name] = _fresh(inner["default"])
            if name in value:
                apply_defaults(value[name], inner)
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            for inner_value in value.values():
                apply_defaults(inner_value, additional)
    elif isinstance(value, list):
        for item in value:
            apply_defaults(item, schema.get("items") or {})


def _fresh(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _fresh(inner) for name, inner in value.items()}
    return [_fresh(item) for item in value] if isinstance(value, list) else value


def prune(value: Any, schema: Json, path: str = "", *, root: bool = True) -> list[str]:
    """Remove, in place, the fields that the schema does not know; their paths."""
    unknown: list[str] = []
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        additional = schema.get("additionalProperties")
        known = {"apiVersion", "kind", "metadata"} if root or schema.get("x-kubernetes-embedded-resource") else ()
        for name in list(value):
            here = f"{path}.{name}" if path else name
            if name in known:
                continue
            if name in properties:
                unknown += prune(value[name], properties[name], here, root=False)
            elif isinstance(additional, dict):
                unknown += prune(value[name], additional, here, root=False)
            elif not (schema.get("x-kubernetes-preserve-unknown-fields") or additional):
                unknown.append(here)
                del value[name]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            unknown += prune(item, schema.get("items") or {}, f"{path}[{index}]", root=False)
    return unknown


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _has_type(value: Any, wanted: str) -> bool:
    actual = _type_of(value)
    whole = isinstance(value, float) and value.is_integer()
    return actual == wanted or (wanted == "number" and actual == "integer") or (wanted == "integer" and whole)


def _invalid(path: str, value: Any, message: str) -> Problem:
    shown = value if isinstance(value, dict | list) else compact_json(value)
    return ("FieldValueInvalid", path, f"Invalid value: {compact_json(shown) if shown is value else shown}: {message}")


def validate(value: Any, schema: Json, path: str = "") -> Iterator[Problem]:
    """Everything that is wrong with `value`, in the words of the API server."""
    if value is None and schema.get("nullable"):
        return
    if schema.get("x-kubernetes-int-or-string"):
        if _type_of(value) not in ("integer", "string"):
            message = f'Invalid value: "{_type_of(value)}": {path} in body must be of type integer or string'
            yield ("FieldValueTypeInvalid", path, message)
            return
    elif (wanted := schema.get("type")) and not _has_type(value, wanted):
        message = f'Invalid value: "{_type_of(value)}": {path} in body must be of type {wanted}: "{_type_of(value)}"'
        yield ("FieldValueTypeInvalid", path, message)
        return
    choices = schema.get("enum")
    if choices and value not in choices:
        listed = ", ".join(compact_json(choice) for choice in choices)
        yield ("FieldValueNotSupported", path, f"Unsupported value: {compact_json(value)}: supported values: {listed}")
    yield from _validate_range(value, schema, path)
    if isinstance(value, dict):
        yield from _validate_map(value, schema, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from validate(item, schema.get("items") or {}, f"{path}[{index}]")
    yield from _validate_combined(value, schema, path)


def _validate_range(value: Any, schema: Json, path: str) -> Iterator[Problem]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
            yield _invalid(path, value, f"{path} in body should be greater than or equal to {low}")
        if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
            yield _invalid(path, value, f"{path} in body should be less than or equal to {high}")
    elif isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            yield _invalid(path, value, f"{path} in body should be at least {schema['minLength']} chars long")
        if len(value) > schema.get("maxLength", len(value)):
            yield ("FieldValueTooLong", path, f"Too long: may not be more than {schema['maxLength']} bytes")
        pattern = schema.get("pattern")
        if pattern and not _matches(pattern, value):
            yield _invalid(path, value, f"{path} in body should match '{pattern}'")
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield _invalid(path, len(value), f"{path} in body should have at least {schema['minItems']} items")
        if len(value) > schema.get("maxItems", len(value)):
            yield ("FieldValueTooMany", path, f"Too many: {len(value)}: must have at most {schema['maxItems']} items")


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:  # the pattern is RE2, which knows some spellings that Python's re does not
        return True


def _validate_map(value: Json, schema: Json, path: str) -> Iterator[Problem]:
    def below(name: str) -> str:
        return f"{path}.{name}" if path else name

    for name in schema.get("required") or ():
        if name not in value:
            yield ("FieldValueRequired", below(name), "Required value")
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    for name, inner in value.items():
        if name in properties:
            yield from validate(inner, properties[name], below(name))
        elif isinstance(additional, dict):
            yield from validate(inner, additional, below(name))


def _validate_combined(value: Any, schema: Json, path: str) -> Iterator[Problem]:
    def passes(inner: Json) -> bool:
        return next(validate(value, inner, path), None) is None

    for inner in schema.get("allOf") or ():
        yield from validate(value, inner, path)
    if (choices := schema.get("anyOf")) and not any(passes(inner) for inner in choices):
        yield _invalid(path, value, f'"{path}" must validate at least one schema (anyOf)')
    if choices := schema.get("oneOf"):
        passed = sum(passes(inner) for inner in choices)
        if passed != 1:
            message = f'"{path}" must validate one and only one schema (oneOf). Found {passed or "none"} valid'
            yield _invalid(path, value, message)
    if "not" in schema and passes(schema["not"]):
        yield _invalid(path, value, f'"{path}" must not validate the schema (not)')
