"""Column layout: widths from visible cells, dropping of columns on narrow screens, and stability.

Pure functions and one small state: a column grows immediately, shrinks only after it was too wide for
`PATIENCE` refreshes, and a dropped column returns only when there is room for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.model.text import cell_width
from meshtop.views.frame.table import Align, AnyColumn

GUTTER = 2
MIN_GAP = 2
MAX_GAP = 4
PATIENCE = 12
SORT_MARK_WIDTH = 1
ELASTIC_WIDTH = 40
"""Width that a column of sentences requires; it takes more if there is room, but never displaces others."""
TIGHT_WIDTH = 20
"""Width to which a column of long words is cut before an important column (`MATTERS`) is dropped."""
MATTERS = 1
MORE_WIDTH = 4  # room for `+12›`, which says how many columns are out of sight


class ColumnPlace(Struct, frozen=True, gc=False):
    """A column's place: its index in the model, its first cell and its width in cells."""

    column: int
    x: int
    width: int
    right: bool

    @property
    def end(self) -> int:
        """The cell after the last."""
        return self.x + self.width


class ColumnLayout(Struct, frozen=True):
    """All column places of a table, the gap between them, and how many columns are hidden on each side."""

    places: tuple[ColumnPlace, ...] = ()
    gap: int = MIN_GAP
    hidden_left: int = 0
    hidden_right: int = 0


def floor_width(column: AnyColumn) -> int:
    """The narrowest that a column may be: its own minimum and its title with a sort mark."""
    return max(column.min_width, cell_width(column.title) + SORT_MARK_WIDTH)


def least_width(columns: Sequence[AnyColumn]) -> int:
    """Cells that a table needs to show every column and the scrollbar."""
    return GUTTER + sum(floor_width(column) + MIN_GAP for column in columns)


class ColumnWidths:
    """The desired widths of columns, stable across refreshes."""

    def __init__(self) -> None:
        self._columns: tuple[AnyColumn, ...] = ()
        self.wanted: list[int] = []
        self._idle: list[int] = []

    def learn(self, columns: Sequence[AnyColumn], widest: Sequence[int], *, refreshed: bool) -> None:
        """Learn the widest visible cell of each column; only `refreshed` rows can make a column narrower."""
        names = tuple(columns)
        needs = [
            max(floor_width(column), min(width, column.max_width)) for column, width in zip(names, widest, strict=True)
        ]
        if [c.name for c in names] != [c.name for c in self._columns]:
            self._columns, self.wanted, self._idle = names, needs, [0] * len(needs)
            return
        for index, need in enumerate(needs):
            self._idle[index] = self._idle[index] + refreshed if need < self.wanted[index] else 0
            if need > self.wanted[index]:
                self.wanted[index] = need
            elif self._idle[index] >= PATIENCE:
                self.wanted[index], self._idle[index] = need, 0


def lay_out(
    columns: Sequence[AnyColumn],
    wanted: Sequence[int],
    width: int,
    *,
    skip: int = 0,
    previous: ColumnLayout | None = None,
) -> ColumnLayout:
    """The places of the columns in `width` cells.

    With `skip` 0, wide columns and then those with the highest priority numbers are dropped until the rest fits.
    With `skip` n, all columns are kept; the first stays, and the n after it are scrolled out to the left.
    `previous` is reused if it still fits, so that neither columns nor gaps flicker.
    """
    if not columns:
        return ColumnLayout()
    room = max(1, width - GUTTER)
    if skip:
        return _scrolled(columns, wanted, room, skip)
    chosen = _kept(columns, wanted, room, previous) or _choose(columns, wanted, room)
    widths = _squeeze(columns, {index: wanted[index] for index in chosen}, room)
    spare = room - sum(widths.values()) - MIN_GAP * (len(chosen) - 1)
    if len(chosen) < len(columns):
        spare -= MORE_WIDTH
    gap = MIN_GAP
    if len(chosen) > 1 and spare > 0:
        gap = min(MAX_GAP, MIN_GAP + spare // (len(chosen) - 1))
        same = previous is not None and [place.column for place in previous.places] == chosen
        if same and previous is not None and MIN_GAP <= previous.gap <= gap:
            gap = previous.gap
    places = _place(columns, widths, room, gap)
    return ColumnLayout(places, gap, 0, len(columns) - len(places))


def _needed(columns: Sequence[AnyColumn], wanted: Sequence[int], chosen: Sequence[int], elastic: int) -> int:
    """Cells that some columns need if each needs at most `elastic`, or its floor."""
    widths = (min(wanted[index], max(floor_width(columns[index]), elastic)) for index in chosen)
    return sum(widths) + MIN_GAP * (len(chosen) - 1)


def _fits(columns: Sequence[AnyColumn], wanted: Sequence[int], chosen: Sequence[int], room: int) -> bool:
    """Whether columns fit: with long words in full or, if only important columns are left, cut."""
    if _needed(columns, wanted, chosen, ELASTIC_WIDTH) <= room:
        return True
    matter = all(columns[index].priority <= MATTERS and not columns[index].wide for index in chosen)
    return matter and _needed(columns, wanted, chosen, TIGHT_WIDTH) <= room


def _kept(
    columns: Sequence[AnyColumn], wanted: Sequence[int], room: int, previous: ColumnLayout | None
) -> list[int] | None:
    """The previous columns, if they fit and no further one clearly fits."""
    if previous is None or not previous.places or previous.hidden_left:
        return None
    chosen = [place.column for place in previous.places if place.column < len(columns)]
    if len(chosen) != len(previous.places) or not _fits(columns, wanted, chosen, room):
        return None
    fresh = _choose(columns, wanted, room - MIN_GAP)
    return chosen if len(fresh) <= len(chosen) else None


def _choose(columns: Sequence[AnyColumn], wanted: Sequence[int], room: int) -> list[int]:
    """The columns to show: wide ones are dropped first, then the highest priority numbers; the first is kept."""
    chosen = list(range(len(columns)))
    able = [index for index in chosen[1:] if columns[index].priority > 0 or columns[index].wide]
    leaving = sorted(able, key=lambda index: (columns[index].wide, columns[index].priority, index))
    while leaving and not _fits(columns, wanted, chosen, room):
        chosen.remove(leaving.pop())
    return chosen


def _squeeze(columns: Sequence[AnyColumn], widths: dict[int, int], room: int) -> dict[int, int]:
    """Narrow the widest columns, down to their floors, until all fit."""
    over = sum(widths.values()) + MIN_GAP * (len(widths) - 1) - room
    while over > 0:
        able = [index for index in widths if widths[index] > floor_width(columns[index])]
        if not able:
            break
        widest = max(able, key=lambda index: widths[index])
        widths[widest] -= 1
        over -= 1
    return widths


def _place(columns: Sequence[AnyColumn], widths: dict[int, int], room: int, gap: int) -> tuple[ColumnPlace, ...]:
    places: list[ColumnPlace] = []
    x = GUTTER
    for index, width in widths.items():
        width = min(width, GUTTER + room - x)
        if width <= 0:
            break
        places.append(ColumnPlace(index, x, width, columns[index].align is Align.RIGHT))
        x += width + gap
    return tuple(places)


def _scrolled(columns: Sequence[AnyColumn], wanted: Sequence[int], room: int, skip: int) -> ColumnLayout:
    order = [0, *range(1 + skip, len(columns))]
    widths: dict[int, int] = {}
    used = 0
    for index in order:
        if widths and used + MIN_GAP + min(wanted[index], floor_width(columns[index])) > room:
            break
        widths[index] = min(wanted[index], room - used - (MIN_GAP if widths else 0))
        used += widths[index] + (MIN_GAP if used else 0)
    places = _place(columns, widths, room, MIN_GAP)
    return ColumnLayout(places, MIN_GAP, skip, len(order) - len(places))
