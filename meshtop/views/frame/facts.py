"""Parts of a detail: facts in sections, tables of related items, charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from msgspec import Struct

from meshtop.model.state import Health
from meshtop.model.text import clean
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds
from meshtop.views.frame.charts import Chart
from meshtop.views.frame.columns import HEALTH_SIGNS, HEALTH_TONES, NOTHING
from meshtop.views.frame.table import Cell, Column, Table, Tone

Item = TypeVar("Item")


class Fact(Struct, frozen=True):
    """A label and its value."""

    label: str
    cell: Cell


class Section(Struct, frozen=True):
    """Facts under a heading."""

    title: str
    facts: tuple[Fact, ...]


class Related(Struct, frozen=True):
    """A table of related items of another kind."""

    title: str
    kind: str
    table: Table[Any]
    empty: str


class Detail(Struct, frozen=True, kw_only=True):
    """All that a detail screen shows about one item."""

    kind: str
    key: str
    title: str
    health: Health | None
    sections: tuple[Section, ...]
    related: tuple[Related, ...] = ()
    charts: tuple[Chart, ...] = ()


def fact(label: str, value: object, tone: Tone = Tone.PLAIN) -> Fact:
    """A fact as text; a dash where it is not known."""
    if isinstance(value, Cell):
        return Fact(label, value)
    if value is None or value in ("", ()):
        return Fact(label, NOTHING)
    if isinstance(value, tuple | list):
        value = ", ".join(map(str, value))
    return Fact(label, Cell(clean(str(value)), tone))


def column_facts(
    columns: Sequence[Column[Item]], item: Item, *names: str, thresholds: Thresholds = DEFAULT_THRESHOLDS
) -> tuple[Fact, ...]:
    """The named columns of an item as facts, in the order of the names, with the unit that a heading has in a table.

    `thresholds` colour the columns that depend on them. Raises KeyError for an unknown column.
    """
    by_name = {column.name: column for column in columns}
    chosen = [by_name[name].under(thresholds) for name in names]
    return tuple(Fact(column.fact_label, column.full_cell(item)) for column in chosen)


def verdict(health: Health) -> tuple[Fact, ...]:
    """A verdict and its reasons, one a line."""
    tone = HEALTH_TONES[health.status]
    sign = HEALTH_SIGNS[health.status]
    first = Fact("health", Cell(f"{sign}{health.status}", tone))
    return (first, *(Fact("", Cell(clean(reason), tone)) for reason in health.reasons))
