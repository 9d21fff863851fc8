"""The page of JSON fields says what the types say."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import inspect

from meshtop.views.frame.registry import KINDS, view

PAGE = Path(__file__).resolve().parents[2] / "docs" / "json.md"
SHARED = ("Traffic", "Health", "Finding", "Source", "Peer")
"""Shapes that the page describes once."""
WRITTEN = {"tenantmatrix": "tenants --matrix", "mtlsedges": "mtls --edges"}


def shape(kind: inspect.Type) -> str:
    """A type as the page writes it: `{a b}` an object, `[]` a list, `{}` a map, `(a/b)` words."""
    match kind:
        case inspect.UnionType():
            return shape(next(part for part in kind.types if not isinstance(part, inspect.NoneType)))
        case inspect.StructType() if kind.cls.__name__ in SHARED:
            return ""
        case inspect.StructType():
            return "{" + fields(kind) + "}"
        case inspect.VarTupleType() | inspect.ListType():
            return "[]" + shape(kind.item_type)
        case inspect.DictType():
            return "{}"
        case inspect.EnumType():
            return "(" + "/".join(str(word.value) for word in kind.cls) + ")"
        case _:
            return ""


def fields(kind: inspect.StructType) -> str:
    return " ".join(field.encode_name + shape(field.type) for field in kind.fields)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if not kind.hidden or kind.name in WRITTEN])
def test_every_kind_has_its_fields(kind: str) -> None:
    found = inspect.type_info(view(kind).item)
    assert isinstance(found, inspect.StructType)
    line = f"| {WRITTEN.get(kind, kind)} | {view(kind).list_kind} | `{fields(found)}` |"
    assert line in PAGE.read_text(encoding="utf-8").splitlines(), f"docs/json.md needs the line\n{line}"
