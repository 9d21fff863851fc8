"""What pydantic finds wrong, in words that say what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WRITE = {
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "string_type": "write text; a number or true and false stand in quotes",
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "float_parsing": "write a number",
    "float_type": "write a number",
    "finite_number": "write a number that has an end",
    "tuple_type": "write a list: each entry on a line of its own, after a dash",
    "list_type": "write a list: each entry on a line of its own, after a dash",
    "dict_type": "write keys and values below it",
    "model_type": "write keys and values below it",
    "model_attributes_type": "write keys and values below it",
    "missing": "this key is missing",
}


def in_words(problem: Mapping[str, Any]) -> str:
    """One of pydantic's errors as what to write, without a full stop."""
    kind, context = str(problem["type"]), problem.get("ctx") or {}
    if kind in _WRITE:
        return _WRITE[kind]
    if kind == "literal_error":
        return f"write {context['expected']}"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        ((_, bound),) = context.items()
        word = {
            "greater_than": "above",
            "greater_than_equal": "of at least",
            "less_than": "below",
            "less_than_equal": "of at most",
        }
        return f"write a number {word[kind]} {bound:g}"
    if kind in ("too_short", "string_too_short"):
        return "something must stand here"
    return str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
