"""Assigns a row to every box: first to straighten lines, then frames are stacked as tightly as their columns allow."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from math import floor
from typing import NamedTuple

from meshtop.analysis.graph.rows import nearest_gap

OUTSIDE = -1


class PlaceItem(NamedTuple):
    """A box or a passing line before it has a row: its column, its height, and the frames around it from outside in."""

    column: int
    height: int
    frames: tuple[int, ...]


class _Unit(NamedTuple):
    """The solved content of a frame: its columns and its height."""

    first: int
    last: int
    height: int


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
        if not frames:
            yield from self._align(own)
            return self._unit(frame, own)
        inside: list[int] = []
        sky: dict[int, int] = {}
        order = {f: self._centre.get(f, 0.0) for f in frames}
        for child in sorted(frames, key=lambda f: (order[f], f)):
            unit = yield from self._solve(child)
            members = self._members(child)
            if not members:
                continue
            y = max((sky.get(c, 0) for c in range(unit.first, unit.last + 1)), default=0)
            for item in members:
                self.row[item] += y + 1
            for c in range(unit.first, unit.last + 1):
                sky[c] = y + unit.height + 2
            inside.extend(members)
        self._beside(own, frames)
        return self._unit(frame, inside + own)

    def _members(self, frame: int) -> list[int]:
        found = list(self._own.get(frame, ()))
        for child in self._children.get(frame, ()):
            found.extend(self._members(child))
        return found

    def _unit(self, frame: int, members: Iterable[int]) -> _Unit:
        members = list(members)
        if not members:
            return _Unit(0, -1, 0)
        tops = [self.row[i] - self._pad(i, frame) for i in members]
        top = min(tops)
        for item in members:
            self.row[item] -= top
        bottom = max(self.row[i] + self.items[i].height + self._pad(i, frame) for i in members)
        columns = [self.items[i].column for i in members]
        return _Unit(min(columns), max(columns), bottom)

    def _pad(self, item: int, frame: int) -> int:
        """How many frame borders lie between an item and the content's edge of `frame`."""
        frames = self.items[item].frames
        return len(frames) if frame == OUTSIDE else len(frames) - frames.index(frame) - 1

    def _align(self, own: list[int]) -> Iterator[None]:
        inside = set(own)
        row, items = self.row, self.items
        height = {item: items[item].height for item in own}
        by_column: dict[int, list[int]] = {}
        for item in own:
            by_column.setdefault(items[item].column, []).append(item)
        for column in by_column.values():
            y = 0
            for item in column:
                row[item] = y
                y += height[item]
        ways = (
            self._pulled(list(by_column.values()), self.left, inside),
            self._pulled(list(by_column.values())[::-1], self.right, inside),
        )
        for turn in range(4):
            yield
            for column, ends_of in ways[turn % 2]:
                wish, weight, tall = [], [], [height[item] for item in column]
                for item, ends in zip(column, ends_of, strict=True):
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
                row.update(zip(column, isotonic(wish, weight, tall), strict=True))

    @staticmethod
    def _pulled(
        columns: Sequence[list[int]], near: Sequence[Sequence[int]], inside: set[int]
    ) -> list[tuple[list[int], list[list[int]]]]:
        """Columns with what each of their items is near to inside their frame; those without any such item stay."""
        ends = [[[e for e in near[item] if e in inside] for item in column] for column in columns]
        return [one for one in zip(columns, ends, strict=True) if any(one[1])]

    def _beside(self, own: list[int], frames: Sequence[int]) -> None:
        """Put a frame's own items into the free rows nearest to their neighbours, beside its inner frames."""
        taken: dict[int, list[tuple[int, int]]] = {}
        for frame in frames:
            members = self._members(frame)
            if not members:
                continue
            top = min(self.row[i] - self._deep(i, frame) for i in members)
            bottom = max(self.row[i] + self.items[i].height + self._deep(i, frame) for i in members)
            columns = [self.items[i].column for i in members]
            for c in range(min(columns), max(columns) + 1):
                taken.setdefault(c, []).append((top, bottom))
        for item in own:
            column, height = self.items[item].column, self.items[item].height
            ends = [e for e in (*self.left[item], *self.right[item]) if e in self.row]
            wish = sum(2 * self.row[e] + self.items[e].height for e in ends) / (2 * len(ends)) if ends else 0.0
            spans = sorted(taken.get(column, ()))
            y = nearest_gap(spans, height, round(wish - height / 2))
            self.row[item] = y
            taken.setdefault(column, []).append((y, y + height))

    def _deep(self, item: int, frame: int) -> int:
        frames = self.items[item].frames
        return len(frames) - frames.index(frame)


def isotonic(wish: Sequence[float], weight: Sequence[float], heights: Sequence[int]) -> list[int]:
    """Rows nearest to `wish` (weighted least squares) that keep the order and do not overlap."""
    if len(wish) == 1:
        return [floor(wish[0] + 0.5)]
    # Blocks of items that stand close together, each with its mean, its weight and how many they are.
    means: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    offsets, offset = [], 0
    for w, mass, h in zip(wish, weight, heights, strict=True):
        offsets.append(offset)
        mean, size = w - offset, 1
        offset += h
        while means and means[-1] >= mean:
            mass0 = masses.pop()
            whole = mass + mass0
            mean, mass, size = (mean * mass + means.pop() * mass0) / whole, whole, size + sizes.pop()
        means.append(mean)
        masses.append(mass)
        sizes.append(size)
    rows: list[int] = []
    at = 0
    for mean, size in zip(means, sizes, strict=True):
        base = floor(mean + 0.5)
        rows += [base + offset for offset in offsets[at : at + size]]
        at += size
    return rows
