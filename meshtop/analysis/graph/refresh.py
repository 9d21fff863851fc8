"""Layout updates: boxes already drawn keep their places, new ones are put beside their neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from meshtop.analysis.graph.geometry import Layout, Shape
from meshtop.analysis.graph.rows import nearest_gap


class _Span(NamedTuple):
    """A rectangle in columns and rows."""

    first: int
    last: int
    y: int
    bottom: int

    def meets(self, other: _Span) -> bool:
        return (
            self.first <= other.last and other.first <= self.last and self.y <= other.bottom and other.y <= self.bottom
        )

    def around(self, other: _Span) -> _Span:
        return _Span(
            min(self.first, other.first),
            max(self.last, other.last),
            min(self.y, other.y - 1),
            max(self.bottom, other.bottom + 1),
        )


class KeptPlaces:
    """Places of the next layout: columns are assigned at once, rows of new boxes once their heights are known.

    `height` is 0 for a new box. A new box stands to the right of its callers, or to the left of its callees, inside
    the frames it belongs to, in the free rows nearest to them. Where a frame is full, or a box
    needs one more port, the rows below are pushed down as one.
    """

    def __init__(
        self,
        previous: Layout,
        names: Sequence[str],
        edges: Sequence[tuple[int, int]],
        paths: Sequence[tuple[str, ...]],
    ) -> None:
        count = len(names)
        self.column, self.row, self.height = [0] * count, [0] * count, [0] * count
        self._paths = paths
        self._new = []
        for n, name in enumerate(names):
            box = previous.boxes.get(name)
            if box is None:
                self._new.append(n)
            else:
                self.column[n], self.row[n], self.height[n] = box.column, box.y, box.height
        self._near: list[list[int]] = [[] for _ in range(count)]
        callers: list[list[int]] = [[] for _ in range(count)]
        callees: list[list[int]] = [[] for _ in range(count)]
        for u, v in edges:
            if u != v:
                callees[u].append(v)
                callers[v].append(u)
                self._near[u].append(v)
                self._near[v].append(u)
        self._frames: dict[str, _Span] = {}
        self._reach: dict[str, tuple[int, int]] = {}
        for n in range(count):
            if self.height[n]:
                self._include(n, self.height[n])
        self._pushed: list[tuple[int, int]] = []
        self._choose_columns(callers, callees)
        for n in self._new:
            for frame in paths[n]:
                low, high = self._reach.get(frame, (self.column[n], self.column[n]))
                self._reach[frame] = (min(low, self.column[n]), max(high, self.column[n]))

    def _choose_columns(self, callers: list[list[int]], callees: list[list[int]]) -> None:
        settled = {n for n in range(len(self.column)) if self.height[n]}
        waiting = list(self._new)
        while waiting:
            later = []
            for n in waiting:
                above = [self.column[c] for c in callers[n] if c in settled]
                below = [self.column[c] for c in callees[n] if c in settled]
                if above:
                    self.column[n] = max(above) + 1
                elif below:
                    self.column[n] = max(min(below) - 1, 0)
                else:
                    later.append(n)
                    continue
                settled.add(n)
                self._stay_inside(n)
            if len(later) == len(waiting):
                n = later.pop(0)
                self._stay_inside(n)
                settled.add(n)
            waiting = later

    def _stay_inside(self, n: int) -> None:
        """Keep to the columns of the innermost frame that exists, unless that frame can grow that far."""
        frame = next((f for f in reversed(self._paths[n]) if f in self._frames), None)
        if frame is None:
            return
        span = self._frames[frame]
        wish = self.column[n]
        if not span.first <= wish <= span.last and not self._can_grow(self._paths[n], frame, wish):
            self.column[n] = min(max(wish, span.first), span.last)

    def _can_grow(self, path: tuple[str, ...], frame: str, column: int) -> bool:
        for name in path[: path.index(frame) + 1]:
            span = self._frames[name]
            wide = span._replace(first=min(span.first, column), last=max(span.last, column))
            for other, rest in self._frames.items():
                if other not in path and wide.meets(rest) and not span.meets(rest):
                    return False
            for n, height in enumerate(self.height):
                if height and name not in self._paths[n]:
                    box = _Span(self.column[n], self.column[n], self.row[n], self.row[n] + height - 1)
                    if wide.meets(box):
                        return False
        for name in path[: path.index(frame) + 1]:
            span = self._frames[name]
            self._frames[name] = span._replace(first=min(span.first, column), last=max(span.last, column))
        return True

    def settle(self, needed: Sequence[int]) -> None:
        """Give every new box its row, and every box that must grow for a new port the rows below it."""
        for n, height in enumerate(self.height):
            if 0 < height < needed[n]:
                self._push(self.row[n] + height, needed[n] - height)
                self.height[n] = needed[n]
        for n in self._new:
            self._settle(n, needed[n])
            self.height[n] = needed[n]
            self._include(n, needed[n])

    def _settle(self, n: int, height: int) -> None:
        path = self._paths[n]
        known = [f for f in path if f in self._frames]
        rims = len(path) - len(known)
        first, last = self._reach[path[len(known)]] if rims else (self.column[n], self.column[n])
        near = [self.row[e] + self.height[e] / 2 for e in self._near[n] if self.height[e]]
        wish = round(sum(near) / len(near) - height / 2) - rims if near else 0
        whole = height + 2 * rims
        ours = set(known)
        taken = [
            (s.y, s.bottom + 1)
            for f, s in self._frames.items()
            if f not in ours and s.first <= last and first <= s.last
        ]
        taken += [
            (self.row[m], self.row[m] + h) for m, h in enumerate(self.height) if h and first <= self.column[m] <= last
        ]
        home = self._frames[known[-1]] if known else None
        low = home.y + 1 if home else 0
        if home is not None:
            taken.append((home.bottom, 1 << 60))
        y = nearest_gap(sorted(taken), whole, wish, lowest=low)
        if home is not None and y >= home.bottom:
            y = home.bottom
            self._push(y, whole)
        self.row[n] = y + rims

    def _push(self, row: int, count: int) -> None:
        """Move everything from `row` on down by `count`; frames that span the row grow."""
        self._pushed.append((row, count))
        for n, h in enumerate(self.height):
            if h and self.row[n] >= row:
                self.row[n] += count
        for name, s in self._frames.items():
            if s.bottom >= row:
                self._frames[name] = s._replace(y=s.y + count if s.y >= row else s.y, bottom=s.bottom + count)

    def _include(self, n: int, height: int) -> None:
        span = _Span(self.column[n], self.column[n], self.row[n], self.row[n] + height - 1)
        for name in reversed(self._paths[n]):
            old = self._frames.get(name)
            if old is None:
                first, last = self._reach.get(name, (span.first, span.last))
                old = span._replace(first=min(span.first, first), last=max(span.last, last))
            span = self._frames[name] = old.around(span)

    def lanes(self, lanes: Mapping[str, Mapping[int, int]]) -> dict[str, dict[int, int]]:
        """The rows on which bundles passed, pushed down like everything else."""

        def moved(row: int) -> int:
            for start, count in self._pushed:
                if row >= start:
                    row += count
            return row

        return {key: {c: moved(row) for c, row in of.items()} for key, of in lanes.items()}


def keep_places(
    previous: Layout,
    shape: Shape,
    edges: Sequence[tuple[int, int]],
    widths: Sequence[int],
    paths: Sequence[tuple[str, ...]],
) -> KeptPlaces | None:
    """The kept places; None where the graph differs so much that a fresh layout is better.

    That is: a kept node has other frames around it, or more than a quarter (and more than three) of the nodes are new.
    """
    names = [name for name, _, _ in shape.nodes]
    stay = [n for n, name in enumerate(names) if name in previous.boxes]
    fresh = len(names) - len(stay)
    if not stay or fresh > max(3, len(names) // 4):
        return None
    was = {name: group for name, group, _ in previous.shape.nodes}
    parents = dict(previous.shape.groups)
    now = dict(shape.groups)
    checked: dict[str | None, bool] = {}
    for n in stay:
        group = shape.nodes[n][1]
        if group != was[names[n]]:
            return None
        if group not in checked:
            checked[group] = _chain(group, parents) == _chain(group, now)
        if not checked[group]:
            return None
        if any(f not in previous.frames for f in paths[n]):
            return None
    return KeptPlaces(previous, names, edges, paths)


def _chain(group: str | None, parents: Mapping[str, str | None]) -> list[str]:
    chain = []
    while group is not None:
        chain.append(group)
        group = parents.get(group)
    return chain
