"""Assigns a row to every box: first to straighten lines, then frames are stacked as tightly as their columns allow."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from math import floor, inf
from typing import NamedTuple

from meshtop.analysis.graph.rows import nearest_gap

OUTSIDE = -1


class PlaceItem(NamedTuple):
    """A box or a passing line before it has a row: its column, its height, and the frames around it from outside in."""

    column: int
    height: int
    frames: tuple[int, ...]


class _Unit(NamedTuple):
    """The solved content of a frame: its columns, its height, and all items in it, those of inner frames included."""

    first: int
    last: int
    height: int
    members: list[int]


class _Stacked(NamedTuple):
    """A frame with its border in the one around it: its columns, its first row and the one after its last."""

    first: int
    last: int
    top: int
    after: int


class Placer:
    """Places items inside their frames, innermost frames first.

    A frame that contains only items is solved as a whole: each column is aligned with its neighbours by isotonic
    regression, which keeps the order and straightens lines. A frame that contains frames stacks those, and then puts
    its own items into the nearest free rows beside their neighbours.
    """

    def __init__(
        self,
        items: Mapping[int, PlaceItem],
        columns: Sequence[Sequence[int]],
        left: Sequence[Sequence[int]],
        right: Sequence[Sequence[int]],
        parents: Sequence[int],
    ) -> None:
        self.items, self.columns, self.left, self.right = items, columns, left, right
        self.row: dict[int, int] = {}
        self._children: dict[int, list[int]] = {}
        for frame, parent in enumerate(parents):
            self._children.setdefault(parent, []).append(frame)
        self._own: dict[int, list[int]] = {}
        self._centre: dict[int, float] = {}
        weight: dict[int, int] = {}
        for column in columns:
            for at, item in enumerate(column):
                if item not in items:
                    continue
                frames = items[item].frames
                self._own.setdefault(frames[-1] if frames else OUTSIDE, []).append(item)
                for frame in frames:
                    self._centre[frame] = self._centre.get(frame, 0.0) + at - (len(column) - 1) / 2
                    weight[frame] = weight.get(frame, 0) + 1
        for frame, count in weight.items():
            self._centre[frame] /= count

    def steps(self) -> Generator[None, None, dict[int, int]]:
        """The top row of every item, from 0 on."""
        yield from self._solve(OUTSIDE)
        return self.row

    def _solve(self, frame: int) -> Generator[None, None, _Unit]:
        """Give the items inside `frame` rows relative to its content's top; nesting is as deep as levels."""
        own = self._own.get(frame, [])
        frames = self._children.get(frame, [])
        stacked: list[_Stacked] = []
        members: list[int] = []
        if not frames:
            yield from self._align(own)
            return self._unit(own, members, stacked)
        sky: dict[int, int] = {}
        order = {f: self._centre.get(f, 0.0) for f in frames}
        for child in sorted(frames, key=lambda f: (order[f], f)):
            unit = yield from self._solve(child)
            if not unit.members:
                continue
            columns = range(unit.first, unit.last + 1)
            y = max([sky.get(c, 0) for c in columns])
            for item in unit.members:
                self.row[item] += y + 1
            sky.update(dict.fromkeys(columns, y + unit.height + 2))
            stacked.append(_Stacked(unit.first, unit.last, y, y + unit.height + 2))
            members += unit.members
        self._beside(own, stacked)
        return self._unit(own, members, stacked)

    def _unit(self, own: Sequence[int], inside: Sequence[int], stacked: Sequence[_Stacked]) -> _Unit:
        """The content of a frame: its own items and its inner frames, moved so that it begins at row 0."""
        row, members = self.row, [*own, *inside]
        if not members:
            return _Unit(0, -1, 0, members)
        mine = [self.items[item] for item in own]
        top = min([*(row[item] for item in own), *(one.top for one in stacked)])
        after = max([*(row[i] + one.height for i, one in zip(own, mine, strict=True)), *(one.after for one in stacked)])
        if top:
            for item in members:
                row[item] -= top
        return _Unit(
            min([*(one.column for one in mine), *(one.first for one in stacked)]),
            max([*(one.column for one in mine), *(one.last for one in stacked)]),
            after - top,
            members,
        )

    def _align(self, own: list[int]) -> Iterator[None]:
        row, items = self.row, self.items
        height = {item: items[item].height for item in own}
        by_column: dict[int, list[int]] = {}
        for item in own:
            by_column.setdefault(items[item].column, []).append(item)
        columns = list(by_column.values())
        heights = [[height[item] for item in column] for column in columns]
        for column in columns:
            y = 0
            for item in column:
                row[item] = y
                y += height[item]
        near = [{i: [e for e in ends[i] if e in height] for i in own} for ends in (self.left, self.right)]
        ways = list(zip(columns, heights, strict=True))
        solved: list[dict[int, tuple[list[float], list[int]]]] = [{}, {}]
        for turn in range(4):
            yield
            ends_of, known = near[turn % 2], solved[turn % 2]
            for column, tall in ways if turn % 2 == 0 else reversed(ways):
                wish, weight = [], []
                for item in column:
                    ends = ends_of[item]
                    if len(ends) == 1:
                        wish.append(row[ends[0]] + (height[ends[0]] - height[item]) / 2)
                        weight.append(1.0)
                    elif ends:
                        middle = sum([2 * row[e] + height[e] for e in ends]) / (2 * len(ends))
                        wish.append(middle - height[item] / 2)
                        weight.append(float(len(ends)))
                    else:
                        wish.append(float(row[item]))
                        weight.append(0.1)
                # Two of three columns are pulled again to where they were pulled to before.
                before = known.get(column[0])
                if before is None or before[0] != wish:
                    before = known[column[0]] = wish, isotonic(wish, weight, tall)
                row.update(zip(column, before[1], strict=True))

    def _beside(self, own: list[int], stacked: Sequence[_Stacked]) -> None:
        """Put a frame's own items into the free rows nearest to their neighbours, beside its inner frames."""
        taken: dict[int, list[tuple[int, int]]] = {}
        for frame in stacked if own else ():
            for c in range(frame.first, frame.last + 1):
                taken.setdefault(c, []).append((frame.top, frame.after))
        for item in own:
            column, height = self.items[item].column, self.items[item].height
            ends = [e for e in (*self.left[item], *self.right[item]) if e in self.row]
            wish = sum(2 * self.row[e] + self.items[e].height for e in ends) / (2 * len(ends)) if ends else 0.0
            spans = sorted(taken.get(column, ()))
            y = nearest_gap(spans, height, round(wish - height / 2))
            self.row[item] = y
            taken.setdefault(column, []).append((y, y + height))


_NEARLY = 1e-6


def isotonic(wish: Sequence[float], weight: Sequence[float], heights: Sequence[int]) -> list[int]:
    """Rows nearest to `wish` (weighted least squares) that keep the order and do not overlap."""
    last = -inf
    for w, h in zip(wish, heights, strict=True):
        if w <= last:
            break
        last = w + h + _NEARLY
    else:  # none of them is in another's way
        return [floor(w + 0.5) for w in wish]
    blocks: list[tuple[float, float, int]] = []
    offsets, offset = [], 0
    for w, mass, h in zip(wish, weight, heights, strict=True):
        offsets.append(offset)
        mean, size = w - offset, 1
        offset += h
        while blocks and blocks[-1][0] >= mean:
            mean0, mass0, size0 = blocks.pop()
            whole = mass + mass0
            mean, mass, size = (mean * mass + mean0 * mass0) / whole, whole, size + size0
        blocks.append((mean, mass, size))
    rows: list[int] = []
    at = 0
    for mean, _, size in blocks:
        base = floor(mean + 0.5)
        if size == 1:
            rows.append(base + offsets[at])
        else:
            rows += [base + offset for offset in offsets[at : at + size]]
        at += size
    return rows
