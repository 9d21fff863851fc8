"""The lines of a drawing: indexed once for a layout, and turned into cells one window at a time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from heapq import merge
from itertools import pairwise
from typing import NamedTuple

from meshtop.analysis.graph.canvas import EAST, NORTH, SOUTH, WEST
from meshtop.analysis.graph.geometry import Box, Point, Route
from meshtop.analysis.graph.service_graph import GraphEdge
from meshtop.model.state import HealthStatus

LOOKS = {status: place << 4 for place, status in enumerate(HealthStatus)}
"""By verdict a number that fits into one byte with the directions of a cell (`MASK`)."""
MASK = NORTH | EAST | SOUTH | WEST
STRAIGHT_ACROSS, STRAIGHT_DOWN = EAST | WEST, NORTH | SOUTH


class Stroke(NamedTuple):
    """One straight line of a bundle; of several on a cell the one of the lowest `rank` gives its colour.

    `x1` ≤ `x2` and `y1` ≤ `y2`; either both x or both y are equal.
    """

    rank: int
    net: int
    x1: int
    y1: int
    x2: int
    y2: int
    look: int
    """One of `LOOKS`, by its edge's verdict."""
    edge: str


_stroke = partial(tuple.__new__, Stroke)
"""A stroke of its fields, without the detour that a named tuple's own constructor takes: there are thousands."""


class LineCells:
    """The line cells of one window: on each the stroke that is seen, and the directions in which its bundle goes on.

    Which bundle owns a cell, and in which directions it goes, does not depend on what is selected: a selected edge only
    takes over the colour.
    """

    def __init__(self, window: Box) -> None:
        self.window = window
        self.owners: list[list[Stroke | None]] = [[None] * window.width for _ in range(window.height)]
        self.codes = [bytearray(window.width) for _ in range(window.height)]
        """On each cell of a row the sum of the stroke's look and of the directions; 0 where no line is."""

    def add_across(self, s: Stroke) -> None:
        """Add the part of a horizontal stroke that is in the window."""
        window = self.window
        first, last = max(s.x1 - window.x, 0), min(s.x2 - window.x, window.width - 1)
        if first > last:
            return
        owners, codes = self.owners[s.y1 - window.y], self.codes[s.y1 - window.y]
        if not any(codes[first : last + 1]):
            count = last - first + 1
            owners[first : last + 1] = [s] * count
            codes[first : last + 1] = bytes((s.look | STRAIGHT_ACROSS,)) * count
            if s.x1 - window.x == first:
                codes[first] -= WEST
            if s.x2 - window.x == last:
                codes[last] -= EAST
            return
        for x in range(first, last + 1):
            at = x + window.x
            self._mark(owners, codes, x, (WEST if at > s.x1 else 0) | (EAST if at < s.x2 else 0), s)

    def add_down(self, s: Stroke) -> None:
        """Add the part of a vertical stroke that is in the window."""
        window = self.window
        x, first, after = s.x1 - window.x, max(s.y1, window.y) - window.y, min(s.y2, window.bottom) + 1 - window.y
        here = bytearray((s.look | STRAIGHT_DOWN,)) * (after - first)
        if here and s.y2 == window.y + after - 1:
            here[-1] -= SOUTH
        if here and s.y1 == window.y + first:
            here[0] -= NORTH
        for owners, codes, code in zip(self.owners[first:after], self.codes[first:after], here, strict=True):
            if owners[x] is None:
                owners[x], codes[x] = s, code
            else:
                self._mark(owners, codes, x, code & MASK, s)

    @staticmethod
    def _mark(owners: list[Stroke | None], codes: bytearray, x: int, mask: int, s: Stroke) -> None:
        old, before = owners[x], codes[x] & MASK
        if old is None:
            owners[x], codes[x] = s, s.look | mask
        elif old.net == s.net:
            if s.rank < old.rank:
                owners[x], codes[x] = s, s.look | before
            codes[x] |= mask
        elif before == mask == STRAIGHT_ACROSS:
            # Two bundles on their way to one port.
            if s.rank < old.rank:
                owners[x], codes[x] = s, s.look | before
        # Where two bundles cross, the vertical line stays whole: a crossing must not look like a junction. Nor does one
        # that turns on the way of another to the same port: its corner shows no line to that side.
        elif before == STRAIGHT_ACROSS:
            owners[x], codes[x] = s, s.look | mask
        elif mask != STRAIGHT_ACROSS:
            codes[x] |= mask

    def _of(self, owners: list[list[Stroke | None]], codes: list[bytearray], window: Box) -> LineCells:
        found = LineCells(Box(0, 0, 0, 0))
        found.window, found.owners, found.codes = window, owners, codes
        return found

    def part(self, columns: slice | None, rows: slice) -> LineCells:
        """Some of the columns (None: all, and the rows are shared) and rows, counted from the upper left corner."""
        window = self.window
        owners, codes = self.owners[rows], self.codes[rows]
        if columns is None:
            return self._of(owners, codes, Box(window.x, window.y + rows.start, window.width, len(codes)))
        inside = Box(window.x + columns.start, window.y + rows.start, columns.stop - columns.start, len(codes))
        return self._of([row[columns] for row in owners], [row[columns] for row in codes], inside)

    def beside(self, right: LineCells) -> LineCells:
        """The cells of this window and of one that begins where it ends."""
        window = self.window
        return self._of(
            [[*a, *b] for a, b in zip(self.owners, right.owners, strict=True)],
            [a + b for a, b in zip(self.codes, right.codes, strict=True)],
            Box(window.x, window.y, window.width + right.window.width, window.height),
        )

    def above(self, below: LineCells) -> LineCells:
        """The cells of this window and of one that begins below it; the rows are shared."""
        window = self.window
        both = Box(window.x, window.y, window.width, window.height + below.window.height)
        return self._of([*self.owners, *below.owners], [*self.codes, *below.codes], both)

    def owner(self, x: int, y: int) -> tuple[int, int]:
        """The bundle and the directions on a cell of the window; bundle -1 where no line is."""
        stroke = self.owners[y - self.window.y][x - self.window.x]
        return (-1, 0) if stroke is None else (stroke.net, self.codes[y - self.window.y][x - self.window.x] & MASK)


class LineIndex:
    """All strokes of a drawing, found by row and by column of cells."""

    def __init__(self, edges: Iterable[tuple[str, GraphEdge]], routes: Mapping[str, Route]) -> None:
        """`edges` with their ids, in the order in which they take the colour of what they share."""
        self._across: dict[int, list[Stroke]] = {}
        self._down: dict[int, list[Stroke]] = {}
        across, down = self._across, self._down
        for stroke in _strokes(edges, routes):
            _, _, x1, y1, _, y2, _, _ = stroke
            if y1 == y2:
                if y1 in across:
                    across[y1].append(stroke)
                else:
                    across[y1] = [stroke]
            elif x1 in down:
                down[x1].append(stroke)
            else:
                down[x1] = [stroke]
        self._columns = sorted(self._down)

    def cells(self, window: Box) -> LineCells:
        """The line cells of a window."""
        found = LineCells(window)
        left, top, right, bottom = window.x, window.y, window.right, window.bottom
        # Most strokes of a row or a column are outside, so that they are left out before anything is called.
        for y in range(top, bottom + 1):
            for stroke in self._across.get(y, ()):
                if stroke.x1 <= right and left <= stroke.x2:
                    found.add_across(stroke)
        for x in self._columns_in(left, right):
            for stroke in self._down[x]:
                if stroke.y1 <= bottom and top <= stroke.y2:
                    found.add_down(stroke)
        return found

    def _columns_in(self, first: int, last: int) -> list[int]:
        return self._columns[bisect_left(self._columns, first) : bisect_right(self._columns, last)]

    def free_run(self, y: int, first: int, last: int, wanted: int) -> tuple[int, int]:
        """The first x of a run of cells from `first` to `last` on row `y` without a line, and its length.

        The first run that is `wanted` long, else the longest.
        """
        across = sorted((s.x1, s.x2) for s in self._across.get(y, ()) if s.x1 <= last and first <= s.x2)
        down = ((x, x) for x in self._columns_in(first, last) if any(s.y1 <= y <= s.y2 for s in self._down[x]))
        best, start = (first, 0), first
        for low, high in merge(across, down, ((last + 1, last + 1),)):
            if low - start > best[1]:
                best = start, low - start
                if best[1] >= wanted:
                    break
            start = max(start, high + 1)
        return best

    def at(self, x: int, y: int) -> str | None:
        """The edge whose line is on a cell; of several the worst. None where no line is."""
        there = [s for s in self._across.get(y, ()) if s.x1 <= x <= s.x2]
        there += [s for s in self._down.get(x, ()) if s.y1 <= y <= s.y2]
        return min(there).edge if there else None


def _strokes(edges: Iterable[tuple[str, GraphEdge]], routes: Mapping[str, Route]) -> Iterator[Stroke]:
    """Every line once: what a bundle shares belongs to the first of `edges` on it."""
    covered: dict[tuple[int, int], tuple[int, int]] = {}
    seen: set[tuple[int, int, int, int, int]] = set()
    rank = 0
    for name, edge in edges:
        route = routes.get(name)
        if route is None:
            continue
        net, look = route.net, LOOKS[edge.health.status]
        x0, y0 = route.points[0]
        for x, y in route.points[1:]:
            x1, y1, x2, y2 = (x0, y0, x, y) if x0 < x or y0 < y else (x, y, x0, y0)
            x0, y0 = x, y
            key = (net, x1, y1, x2, y2)
            if key in seen:
                continue
            seen.add(key)
            if x1 == x2:
                old = covered.get((net, x1))
                if old is None:
                    covered[net, x1] = (y1, y2)
                elif old[0] <= y2 and y1 <= old[1]:
                    covered[net, x1] = (min(old[0], y1), max(old[1], y2))
                    for top, bottom in ((y1, old[0]), (old[1], y2)):
                        if top < bottom:
                            yield _stroke((rank, net, x1, top, x2, bottom, look, name))
                            rank += 1
                    continue
            yield _stroke((rank, net, x1, y1, x2, y2, look, name))
            rank += 1


def segments(route: Route, window: Box) -> Iterator[tuple[Point, Point, tuple[int, int, int, int]]]:
    """The straight parts of a route that meet a window, each with what is in it: (first x, first y, last x, last y)."""
    left, top, right, bottom = window.x, window.y, window.right, window.bottom
    for a, b in pairwise(route.points):
        (x1, y1), (x2, y2) = (a, b) if a <= b else (b, a)
        if x1 <= right and left <= x2 and y1 <= bottom and top <= y2:
            yield a, b, (max(x1, left), max(y1, top), min(x2, right), min(y2, bottom))
