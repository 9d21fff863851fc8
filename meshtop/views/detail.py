"""One thing opened: facts, the verdict with its reasons, what it is connected to, and its course over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from meshtop.model.state import Health
from meshtop.views.charts import Chart
from meshtop.views.columns import HEALTH_SIGNS, HEALTH_TONES, NOTHING
from meshtop.views.registry import view
from meshtop.views.table import Cell, Table, Tone
from meshtop.views.text import clean

if TYPE_CHECKING:
    from meshtop.views.picture import Picture


class Fact(Struct, frozen=True):
    """A label and what it is."""

    label: str
    cell: Cell


class Section(Struct, frozen=True):
    """Facts under a heading."""

    title: str
    facts: tuple[Fact, ...]


class Related(Struct, frozen=True):
    """A table of things of another kind that belong to this one."""

    title: str
    kind: str
    table: Table[Any]
    empty: str


class Detail(Struct, frozen=True, kw_only=True):
    """All that a detail screen shows of one thing."""

    kind: str
    key: str
    title: str
    health: Health | None
    sections: tuple[Section, ...]
    related: tuple[Related, ...]
    charts: tuple[Chart, ...]


def fact(label: str, value: object, tone: Tone = Tone.PLAIN) -> Fact:
    """A fact in words; a dash where it is not known."""
    if isinstance(value, Cell):
        return Fact(label, value)
    if value is None or value in ("", ()):
        return Fact(label, NOTHING)
    if isinstance(value, tuple | list):
        value = ", ".join(map(str, value))
    return Fact(label, Cell(clean(str(value)), tone))


def verdict(health: Health) -> tuple[Fact, ...]:
    """A verdict and its reasons, one a line."""
    tone = HEALTH_TONES[health.status]
    sign = HEALTH_SIGNS[health.status]
    said = [Fact("health", Cell(f"{sign}{health.status}", tone))]
    return (*said, *(Fact("", Cell(clean(reason), tone)) for reason in health.reasons))


def related(picture: Picture, kind: str, title: str, wanted: Callable[[Any], bool], empty: str) -> Related:
    """The items of a kind that belong to something, as its own view draws them."""
    of_kind = view(kind)
    items = [item for item in of_kind.all_items(picture) if wanted(item)]
    return related_items(kind, title, items, empty)


def related_items(kind: str, title: str, items: Iterable[Any], empty: str) -> Related:
    """The same for items that are known already."""
    of_kind = view(kind)
    return Related(title, kind, Table(of_kind.shown(), tuple(items), of_kind.key), empty)


def find_item(picture: Picture, kind: str, key: str) -> Any | None:
    """The item with this key, or at this place (`CLUSTER/NAMESPACE/NAME`); None when it is not there."""
    of_kind = view(kind)
    items = of_kind.all_items(picture)
    exact = next((item for item in items if of_kind.key(item) == key), None)
    return exact if exact is not None else next((i for i in items if "/".join(of_kind.path(i)) == key), None)


def detail(picture: Picture, kind: str, key: str) -> Detail | None:
    """What is known of one thing; None when it is not there (any more)."""
    of_kind = view(kind)
    item = find_item(picture, kind, key)
    if item is None:
        return None
    made: Detail = import_module(f"meshtop.views.details.{of_kind.kind}").detail(picture, item, key)
    if picture.snapshot.hidden is not None and of_kind.kind == "clusters":
        # A whole cluster's course over time holds what the access policy leaves out.
        return structs.replace(made, charts=())
    return made
