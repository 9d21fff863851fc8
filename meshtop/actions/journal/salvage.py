"""What can still be read of a damaged SQLite table: row by row, by row number, past the pages that are broken."""

from __future__ import annotations

import sqlite3
from typing import Any

from msgspec import Struct

_PATIENCE = 5_000
"""After so many row numbers without a readable row the rest of the table is given up; a page holds some dozens."""


class Salvaged(Struct, frozen=True):
    """The rows that could be read, in their order, and in words what could not."""

    rows: list[tuple[Any, ...]]
    lost: tuple[str, ...] = ()


def salvage(database: sqlite3.Connection, table: str, columns: str) -> Salvaged:
    """All rows of a table that can be read; no index is trusted. `table` and `columns` are names, never data."""
    rows: list[tuple[Any, ...]] = []
    number, failures = 0, 0
    first_lost, why, lost = 0, "", []
    while failures < _PATIENCE:
        try:
            # The next row; behind a broken page only the row numbers themselves lead on.
            comparison = "= ?" if failures else ">= ?"
            found = database.execute(
                f"SELECT rowid, {columns} FROM {table} NOT INDEXED WHERE rowid {comparison} ORDER BY rowid LIMIT 1",
                (number,),
            ).fetchone()
        except (sqlite3.Error, OverflowError) as error:
            if _is_missing(error):
                return Salvaged([], (f"the table {table} is missing",))
            first_lost, why = first_lost or number, str(error)
            failures, number = failures + 1, number + 1
            continue
        if found is None and not failures:
            return Salvaged(rows, tuple(lost))
        if found is None:
            # No such row, and no error: the tree can be walked here again.
            failures, last = 0, number
        else:
            failures, last = 0, found[0]
            rows.append(found[1:])
        if first_lost:
            lost.append(f"rows {first_lost} to {number - 1} of {table} are on a damaged page ({why})")
            first_lost = 0
        number = last + 1
    return Salvaged(rows, (*lost, f"rows of {table} from {first_lost} on are on a damaged page ({why})"))


def _is_missing(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith("no such table")
