"""Printers of items: table, wide, json, yaml, csv and name, as pure functions to text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_type_hints

import msgspec

from meshtop.cli.text_table import Style, render_table
from meshtop.model.text import clean, escape_json
from meshtop.model.yaml_text import dump_yaml
from meshtop.views.frame.document import document
from meshtop.views.frame.fields import json_fields
from meshtop.views.frame.table import Table
from meshtop.views.frame.view import AnyView
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
FORMATS = ("table", "wide", "json", "yaml", "csv", "name")


def render(
    output: str, view: AnyView, picture: Picture, items: Sequence[Any], style: Style, query: Query | None = None
) -> str:
    """The whole output without the final newline; "" when there is nothing to print."""
    if output == "json":
        return json_text(document(view, picture, items, query or Query()))
    if output == "yaml":
        return to_yaml(document(view, picture, items, query or Query())).rstrip("\n")
    if output == "csv":
        return to_csv(view.item, items).rstrip("\n")
    if output == "name":
        return "\n".join(qualified_name(view, item) for item in items)
    if not items:
        return ""
    if view.kind == "tenantmatrix" and output == "table":
        from meshtop.views.kinds.tenantmatrix import matrix_table

        return "\n".join(render_table(matrix_table(items), style))
    return "\n".join(render_table(Table(view.shown(picture.thresholds, wide=output == "wide"), items, view.key), style))


def qualified_name(view: AnyView, item: Any) -> str:
    """`workload/east/shop/reviews-v2`: the kind and the item's place and name."""
    return clean("/".join((view.singular, *view.path(item))))


def json_text(value: Any, *, indent: int = 2) -> str:
    """JSON that is safe for terminals; NaN is null."""
    encoded = msgspec.json.encode(value)
    if indent:
        encoded = msgspec.json.format(encoded, indent=indent)
    return escape_json(encoded.decode())


def to_yaml(value: Any) -> str:
    """A document as YAML: the fields of its JSON, in their order, each value on one line."""
    return dump_yaml(msgspec.json.decode(msgspec.json.encode(value)), width=4096)


def to_csv(item: type[Any], items: Sequence[Any]) -> str:
    """A header and one line for each item; nested fields are named `traffic.latencyMs.p99`, lists joined by `;`."""
    paths = list(_paths(item, ()))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([".".join(path) for path, _ in paths])
    for one in items:
        writer.writerow([_csv_value(_reach(one, fields)) for _, fields in paths])
    return out.getvalue()


def _paths(
    item: type[Any], fields: tuple[str, ...], names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every leaf of an object as (JSON names, field names), from its types, so that the header is constant."""
    hints = get_type_hints(item)
    for name, encoded in json_fields(item):
        here, at = (*fields, name), (*names, encoded)
        nested = _object(hints[name])
        if nested is not None:
            yield from _paths(nested, here, at)
        else:
            yield at, here


def _object(hint: Any) -> type[Any] | None:
    parts = [part for part in (get_args(hint) or (hint,)) if part is not NoneType]
    if len(parts) == 1 and isinstance(parts[0], type) and json_fields(parts[0]):
        return parts[0]
    return None


def _reach(item: Any, fields: Sequence[str]) -> Any:
    for field in fields:
        if item is None:
            return None
        item = getattr(item, field)
    return item


def _csv_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Mapping):
        return _inert(";".join(f"{clean(key)}={_csv_value(part)}" for key, part in value.items()))
    if isinstance(value, list | tuple):
        return ";".join(_csv_value(part) for part in value)
    if json_fields(type(value)):
        return clean(msgspec.json.encode(value).decode())
    if hasattr(value, "isoformat"):
        return str(msgspec.to_builtins(value))
    return _inert(clean(value)) if isinstance(value, str) else clean(value)


def _inert(text: str) -> str:
    """Text that no spreadsheet takes for a formula (OWASP, CSV injection): an apostrophe goes before it.

    Numbers never come here; a name that is written like a number is one for a spreadsheet, and harmless.
    """
    begun = text.lstrip()[:1]
    return f"'{text}" if begun and begun in "=+-@\uff1d\uff0b\uff0d\uff20" and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None
