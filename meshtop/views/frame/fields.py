"""The JSON fields of a kind as hidden columns, so that filters and sorts accept their paths too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from meshtop.model.text import clean
from meshtop.views.frame.table import AnyColumn, Cell, Column

Read = Callable[[Any], Any]


def field_columns(item: type[Any]) -> tuple[AnyColumn, ...]:
    """A column for each plain value in a kind's JSON, under its path: `outbound.latencyMs.p99`.

    Values in lists of objects and in maps have no path.
    """
    return tuple(_columns(item, (), lambda found: found))


def json_fields(item: type[Any]) -> tuple[tuple[str, str], ...]:
    """The fields of a type that is a JSON object, each as (name, name in JSON); () of any other type."""
    if issubclass(item, Struct):
        return tuple((field.name, field.encode_name) for field in msgspec.structs.fields(item))
    if is_dataclass(item):
        return tuple((field.name, field.name) for field in fields(item))
    return ()


def _columns(item: type[Any], path: tuple[str, ...], read: Read) -> Iterator[AnyColumn]:
    hints = get_type_hints(item)
    for name, encoded in json_fields(item):
        at = (*path, encoded)
        inner = _reader(read, name)
        kind = _known(hints[name])
        if kind is None:
            continue
        if json_fields(kind):
            yield from _columns(kind, at, inner)
        else:
            yield _column(at, inner, numeric=issubclass(kind, int | float) and kind is not bool)


def _reader(outer: Read, name: str) -> Read:
    def read(item: Any) -> Any:
        holder = outer(item)
        return None if holder is None else _plain(getattr(holder, name))

    return read


def _plain(value: Any) -> Any:
    """A value as used by filters and sorts; enumerations, booleans and times become text."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return msgspec.to_builtins(value)
    return value


def _known(hint: Any) -> type[Any] | None:
    """The type of a field without None; None for maps, lists of objects and unions of several types."""
    parts = [part for part in (get_args(hint) or (hint,)) if part is not NoneType]
    if get_origin(hint) in (tuple, list, frozenset, set):
        return tuple if parts[0] is str else None
    if len(parts) != 1:
        return None
    if get_origin(parts[0]) is not None:
        return _known(parts[0])
    return parts[0] if isinstance(parts[0], type) and not issubclass(parts[0], dict) else None


def _column(path: tuple[str, ...], read: Read, *, numeric: bool) -> AnyColumn:
    def cell(item: Any) -> Cell:
        value = read(item)
        return Cell("" if value is None else clean(value))

    name = ".".join(path)
    return Column(
        name=name, title=name, help="", value=read, cell=cell, unit=_unit(path) if numeric else "", numeric=numeric,
        hidden=True,
    )  # fmt: skip


def _unit(path: tuple[str, ...]) -> str:
    if "latencyMs" in path or path[-1].endswith("Ms"):
        return "ms"
    if path[-1].endswith("Ratio"):
        return "ratio"
    return "B/s" if "bytesPerSecond" in path else ""
