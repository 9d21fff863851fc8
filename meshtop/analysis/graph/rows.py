"""Finding free rows in a column without looking at every row in turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Rows:
    """The rows of one column that are taken; the nearest free one is found by path compression."""

    def __init__(self) -> None:
        self._down: dict[int, int] = {}
        self._up: dict[int, int] = {}

    def take(self, row: int) -> None:
        """Mark one row as taken."""
        self._down.setdefault(row, row + 1)
        self._up.setdefault(row, row - 1)

    def take_all(self, rows: Iterable[int]) -> None:
        """Mark some rows as taken."""
        down, up = self._down, self._up
        for row in rows:
            if row not in down:
                down[row], up[row] = row + 1, row - 1

    def free(self, row: int) -> bool:
        """Whether nothing has taken the row."""
        return row >= 0 and row not in self._down

    def nearest(self, row: int) -> int:
        """The free row nearest to `row`, not above row 0; the upper one where both are as near."""
        below = _follow(self._down, max(row, 0))
        above = _follow(self._up, row)
        return above if above >= 0 and row - above <= below - row else below


def _follow(links: dict[int, int], row: int) -> int:
    end = row
    while end in links:
        end = links[end]
    while row in links:
        links[row], row = end, links[row]
    return end


def nearest_gap(taken: Sequence[tuple[int, int]], height: int, wish: int, *, lowest: int = 0) -> int:
    """The top row nearest to `wish`, from `lowest` on, where `height` rows are free.

    `taken` are half-open spans of rows sorted by their first row.
    """
    best: int | None = None
    start = lowest
    for first, last in [*taken, (1 << 60, 1 << 60)]:
        if first - start >= height:
            y = min(max(wish, start), first - height)
            if best is None or abs(y - wish) < abs(best - wish):
                best = y
        start = max(start, last)
    return start if best is None else best
