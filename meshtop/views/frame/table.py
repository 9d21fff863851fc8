"""Rows and typed columns: the pair of which every screen and every `get` command has one.

A column exists once: its name (the JSON field), title, unit, width, how it is formatted and sorted, and
what it means. Faces (the console's table widget, the printers) only draw what a `Table` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct, structs

from meshtop.model.thresholds import Thresholds


class Tone(StrEnum):
    """What a cell's colour means; faces map it to a colour and never invent one. `FAINT` is for lines, not for text."""

    PLAIN = "plain"
    DIM = "dim"
    FAINT = "faint"
    STRONG = "strong"
    GOOD = "good"
    DEGRADED = "degraded"
    FAILING = "failing"
    UNKNOWN = "unknown"
    ACCENT = "accent"


class Cell(Struct, frozen=True, gc=False):
    """What is drawn: text already cleaned of control characters, and its tone; `lead` are dim lines before it."""

    text: str
    tone: Tone = Tone.PLAIN
    lead: str = ""


BROKEN_CELL = Cell("✗ defect", Tone.FAILING)
"""What stands where a cell could not be formatted."""


class Align(StrEnum):
    """Where a cell's text stands in its column."""

    LEFT = "left"
    RIGHT = "right"


Row = TypeVar("Row", contravariant=True)
"""What a column reads; a column of something more general serves every kind that is such a thing."""


class Column(Struct, Generic[Row], frozen=True, kw_only=True):
    """One column of one kind, whose items are `Row`s.

    `name` is the filter and sort name and the JSON path ("traffic.requestsPerSecond" is spelled by its last
    part, "requestsPerSecond"). `value` gives what is filtered and sorted by (None = unknown, sorted last);
    `cell` what is drawn. `priority` 0 is always shown; higher numbers give way first when the screen is
    narrow; `wide` columns appear only in wide output, `hidden` ones only in filters and sorting. `min_width` counts
    terminal cells; the widest cell on screen may grow the column to `max_width`.
    `aliases` are other names that a filter or a sort may use. `numeric` columns compare by `>` and `<`, in `unit`
    ("ratio" is a share from 0 to 1, drawn as a percentage), and sort from the largest down.
    `judge` is what the thresholds of health say of an item in this column, where its colour depends on them; `under`
    gives the column that draws so. `order` is what is sorted by where that differs from `value` (health: worst first).
    `label` and `full` are what a detail calls it and shows of it, where there is room for more than a cell: by
    default the title in lower case, and the cell.
    """

    name: str
    title: str
    help: str
    value: Callable[[Row], Any]
    cell: Callable[[Row], Cell]
    unit: str = ""
    align: Align = Align.LEFT
    min_width: int = 4
    max_width: int = 40
    priority: int = 1
    wide: bool = False
    hidden: bool = False
    numeric: bool = False
    aliases: tuple[str, ...] = ()
    order: Callable[[Row], Any] | None = None
    judge: Callable[[Row, Thresholds], Tone] | None = None
    label: str = ""
    full: Callable[[Row], Cell] | None = None

    @property
    def fact_label(self) -> str:
        """What a detail calls it."""
        return self.label or self.title.lower()

    def full_cell(self, item: Row) -> Cell:
        """What a detail shows of it."""
        return (self.full or self.cell)(item)

    def under(self, thresholds: Thresholds) -> Column[Row]:
        """The column in the colours that these thresholds of health give it."""
        judge, cell, full = self.judge, self.cell, self.full_cell
        if judge is None:
            return self

        def toned(draw: Callable[[Row], Cell]) -> Callable[[Row], Cell]:
            return lambda item: structs.replace(draw(item), tone=judge(item, thresholds))

        return structs.replace(self, cell=toned(cell), full=toned(full))

    @property
    def sort_key(self) -> Callable[[Row], Any]:
        """What it sorts by."""
        return self.order or self.value


AnyColumn = Column[Any]
"""A column for those who only ask for its words and widths."""


class TableModel(Protocol):
    """What a face draws: columns, and rows by index with a key that is their identity."""

    @property
    def columns(self) -> Sequence[AnyColumn]:
        """The columns, in order."""

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """The identity of the row at `index`: the same thing has the same key in every refresh."""

    def cell(self, index: int, column: int) -> Cell:
        """The cell of a row and a column, formatted when asked for."""


Item = TypeVar("Item")


class Table(Generic[Item]):
    """Rows of one kind, already filtered and sorted, whose cells are formatted only when asked for."""

    def __init__(
        self,
        columns: Sequence[Column[Item]],
        items: Sequence[Item],
        key: Callable[[Item], str],
        *,
        lost: Callable[[Item, Exception], None] = lambda item, error: None,
    ) -> None:
        self._lost = lost
        self.columns = tuple(columns)
        self.items = tuple(items)
        self._key = key

    def __len__(self) -> int:
        return len(self.items)

    def key(self, index: int) -> str:
        """The identity of the row at `index`."""
        return self._key(self.items[index])

    def cell(self, index: int, column: int) -> Cell:
        """The formatted cell; one that raises says so, and is handed to `lost`."""
        try:
            return self.columns[column].cell(self.items[index])
        except Exception as error:  # noqa: BLE001 - a defect costs its cell
            self._lost(self.items[index], error)
            return BROKEN_CELL
