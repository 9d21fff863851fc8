"""Sorting by columns: numbers from the largest down, words from A to Z, unknown values last."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Generic, TypeVar

from msgspec import Struct

from meshtop.process import in_turns, sorted_in_turns
from meshtop.views.frame.filter import find_column
from meshtop.views.frame.table import AnyColumn, Column

Item = TypeVar("Item")
_TAKEN_AT_ONCE = 1_000


class SortKey(Struct, Generic[Item], frozen=True):
    """A column to sort by, and whether its natural direction is reversed."""

    column: Column[Item]
    turned: bool = False

    @property
    def descending(self) -> bool:
        """Whether the largest value comes first."""
        return (self.column.numeric and self.column.order is None) != self.turned


def parse_sort(
    text: str, columns: Sequence[Column[Item]], fields: Sequence[Column[Item]] = ()
) -> tuple[SortKey[Item], ...]:
    """Parse `namespace,-requestsPerSecond`; `-` reverses a column's natural direction. Raises FilterError.

    `fields` can be named besides the columns.
    """
    parts = filter(None, (part.strip() for part in text.split(",")))
    return tuple(
        SortKey(column=find_column(part.removeprefix("-"), columns, fields), turned=part.startswith("-"))
        for part in parts
    )


def sort_text(column: str, columns: Sequence[AnyColumn], *, descending: bool) -> str:
    """The text of a sort by a column in a given direction. Raises FilterError."""
    natural = SortKey(find_column(column, columns)).descending
    return column if natural == descending else f"-{column}"


def sort_items(items: Sequence[Item], keys: Sequence[SortKey[Item]]) -> list[Item]:
    """A sorted copy; equal items keep their order."""
    result = list(items)
    for key in reversed(keys):
        read = key.column.sort_key
        known: list[tuple[Any, Item]] = []
        unknown: list[tuple[Any, Item]] = []
        for item in in_turns(result):
            value = _comparable(read(item))
            (unknown if value is None else known).append((value, item))
        known = sorted_in_turns(known, itemgetter(0), reverse=key.descending)
        result = [item for _, item in in_turns(chain(known, unknown), _TAKEN_AT_ONCE)]
    return result


def _comparable(value: Any) -> Any:
    if value is None or value == "" or value == () or value != value:
        return None
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(str(part).casefold() for part in value)
    return value
