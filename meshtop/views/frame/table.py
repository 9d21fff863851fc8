"""Tables: rows and typed columns, used by every screen and every `get` command.

A column is defined once: its name (the JSON field), title, unit, width, how it is formatted and sorted, and
what it means. Faces (the console's table widget, the printers) only draw what a `Table` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct, structs

from meshtop.model.thresholds import Thresholds


class Tone(StrEnum):
    """Meaning of a cell's colour; the console and printers map it to colours.

    `FAINT` is for lines, not for text; `LINE_…` tell the series of a plot apart and mean nothing else.
    """

    PLAIN = "plain"
    DIM = "dim"
    FAINT = "faint"
    STRONG = "strong"
    GOOD = "good"
    DEGRADED = "degraded"
    FAILING = "failing"
    UNKNOWN = "unknown"
    ACCENT = "accent"
    LINE_1 = "line-1"
    LINE_2 = "line-2"
    LINE_3 = "line-3"
    LINE_4 = "line-4"
    LINE_5 = "line-5"
    LINE_6 = "line-6"


class Cell(Struct, frozen=True, gc=False):
    """A cell: text without control characters, and its tone; `lead` is drawn dim before it (a tree's lines)."""

    text: str
    tone: Tone = Tone.PLAIN
    lead: str = ""


BROKEN_CELL = Cell("✗ defect", Tone.FAILING)
"""What stands where a cell could not be formatted."""


class Align(StrEnum):
    """Alignment of a cell's text in its column."""

    LEFT = "left"
    RIGHT = "right"


Row = TypeVar("Row", contravariant=True)
"""The item type of a column; contravariant, so that a column of a base type serves all kinds of that type."""


class Column(Struct, Generic[Row], frozen=True, kw_only=True):
    """One column of one kind, whose items are `Row`s.

    `name` is the filter and sort name and the JSON path ("traffic.requestsPerSecond" is spelled by its last
    part, "requestsPerSecond"). `value` gives the value for filtering and sorting (None = unknown, sorted last);
    `cell` the drawn cell. `priority` 0 is always shown; higher numbers are dropped first when the screen is
    narrow; `wide` columns appear only in wide output, `hidden` ones only in filters and sorting. `min_width` counts
    terminal cells; the widest cell on screen may grow the column to `max_width`.
    `aliases` are other names that a filter or a sort may use. `numeric` columns compare by `>` and `<`, in `unit`
    ("ratio" is a share from 0 to 1, drawn as a percentage), and sort from the largest down.
    `judge` gives an item's verdict by the health thresholds, where the column's colour depends on them; `under` gives
    the column bound to thresholds. `order` is the sort key where it differs from `value` (health: worst first).
    `label` and `full` are its name and cell in a detail, where there is more room: by default the title in lower case,
    and the cell.
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
        """Label of the column in a detail."""
        return self.label or self.title.lower()

    def full_cell(self, item: Row) -> Cell:
        """Cell of the column in a detail."""
        return (self.full or self.cell)(item)

    def under(self, thresholds: Thresholds) -> Column[Row]:
        """The column bound to health thresholds, which determine its colours."""
        judge, cell, full = self.judge, self.cell, self.full_cell
        if judge is None:
            return self

        def toned(draw: Callable[[Row], Cell]) -> Callable[[Row], Cell]:
            return lambda item: structs.replace(draw(item), tone=judge(item, thresholds))

        return structs.replace(self, cell=toned(cell), full=toned(full))

    @property
    def sort_key(self) -> Callable[[Row], Any]:
        """Function that gives an item's sort key."""
        return self.order or self.value


AnyColumn = Column[Any]
"""A column of any item type, for code that only needs its texts and widths."""


class TableModel(Protocol):
    """The interface of a table for the console and printers: columns, and rows by index, each with a unique key."""

    @property
    def columns(self) -> Sequence[AnyColumn]:
        """The columns, in order."""

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """The identity of the row at `index`: the same thing has the same key in every refresh."""

    def cell(self, index: int, column: int) -> Cell:
        """The cell of a row and a column, formatted on demand."""


Item = TypeVar("Item")


class Table(Generic[Item]):
    """Rows of one kind, already filtered and sorted, whose cells are formatted on demand."""

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
