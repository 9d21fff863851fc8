"""Orthogonal routing: lanes through the columns, tracks in the gaps, and from both the corners of every edge."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from meshtop.analysis.graph.geometry import LayoutColumn, Point, Route
from meshtop.analysis.graph.nets import Net, lane_columns
from meshtop.analysis.graph.ports import Ports
from meshtop.analysis.graph.rows import Rows
from meshtop.analysis.graph.tracks import Pins, Turn, assign_tracks

_SLOTS_UP_TO = 12
_SPARE = 2
"""Spare cells in a gap with many tracks, so that a new edge rarely needs to move columns apart."""


class PlacedBox(NamedTuple):
    """A box before its x is known: its column, rows and width."""

    column: int
    y: int
    height: int
    width: int


class PlacedFrame(NamedTuple):
    """A frame before its x is known: columns, rows, how many frames are nested in it, itself included, and the
    width of its title."""

    first: int
    last: int
    y: int
    bottom: int
    nest: int
    title: int


class Router:
    """Routes all edges around given boxes. Run `steps` to the end, then read `routes`, `columns` and `lanes`."""

    def __init__(
        self,
        boxes: Sequence[PlacedBox],
        frames: Sequence[PlacedFrame],
        nets: Sequence[Net],
        ports: Ports,
        lanes: Mapping[str, Mapping[int, int]],
        before: Sequence[LayoutColumn],
    ) -> None:
        self.boxes, self.frames, self.nets, self.ports = boxes, frames, nets, ports
        self.before = before
        self.count = max(max((b.column for b in boxes), default=-1) + 1, len(before))
        self.hints = lanes
        self._nests: dict[tuple[int, bool], int] = {}
        for f in frames:
            for at in ((f.first, False), (f.last, True)):
                self._nests[at] = max(self._nests.get(at, 0), f.nest)
        self.lane: list[dict[int, int]] = [{} for _ in nets]
        self.turns: list[dict[int, Turn]] = []
        self.columns: list[LayoutColumn] = []
        self.spans: list[list[list[tuple[int, int]]]] = []
        self.routes: dict[int, Route] = {}
        self._track_x: list[list[int]] = []
        self._needs: list[tuple[bool, bool]] = []
        self._busy: list[bool] = []

    def steps(self, room: Callable[[Router], int]) -> Iterator[None]:
        """Do the work in small steps; `room` chooses the cells for labels in each gap, by `room_for`."""
        self._lanes()
        yield
        self.ports.settle([box.y for box in self.boxes])
        yield
        pins = self._pins()
        for gap in range(self.count):
            turns, spans = assign_tracks(pins[gap], partial(self._blocked, gap, pins[gap]))
            self.turns.append(turns)
            self.spans.append(spans)
            yield
        self._needs = self._label_needs(pins)
        self._busy = [bool(p) for p in pins]
        self._stretch(room(self))
        yield
        yield from self._trace()

    def _lanes(self) -> None:
        taken = [Rows() for _ in range(self.count)]
        for box in self.boxes:
            taken[box.column].take_all(range(box.y, box.y + box.height))
        for frame in self.frames:
            for column in range(frame.first, frame.last + 1):
                taken[column].take(frame.y)
                taken[column].take(frame.bottom)
        column_of = [b.column for b in self.boxes]
        wanted = [
            (net_index, column) for net_index, net in enumerate(self.nets) for column in lane_columns(net, column_of)
        ]
        # First the lanes of the last layout, as long as they are free: a refresh moves no line without need.
        for index, column in wanted:
            hint = self.hints.get(self.nets[index].key, {}).get(column)
            if hint is not None and taken[column].free(hint):
                taken[column].take(hint)
                self.lane[index][column] = hint
        for index, column in wanted:
            if column in self.lane[index]:
                continue
            net = self.nets[index]
            ideal = self.lane[index].get(column - net.side)
            if ideal is None:
                ideal = self.boxes[net.hub].y
            row = taken[column].nearest(ideal)
            taken[column].take(row)
            self.lane[index][column] = row

    def _pins(self) -> list[list[Pins]]:
        gaps: list[list[Pins]] = [[] for _ in range(self.count)]
        row = self.ports.row
        for index, net in enumerate(self.nets):
            start = self.boxes[net.hub].column
            if net.side == 0:
                gaps[start].append(Pins(index, [row[index, net.hub, 1], row[index, net.members[0][1], 2]], []))
                continue
            found: dict[int, Pins] = {}
            if net.side == 1:
                _pins_of(found, start, index).left.append(row[index, net.hub, 1])
            else:
                _pins_of(found, start - 1, index).right.append(row[index, net.hub, -1])
            for column, at in self.lane[index].items():
                _pins_of(found, column, index).left.append(at)
                _pins_of(found, column - 1, index).right.append(at)
            for _, member in net.members:
                column, at = self.boxes[member].column, row[index, member, -net.side]
                if net.side == 1:
                    _pins_of(found, column - 1, index).right.append(at)
                else:
                    _pins_of(found, column, index).left.append(at)
            for gap, pins in found.items():
                gaps[gap].append(pins)
        return gaps

    def _blocked(self, gap: int, pins: Sequence[Pins]) -> Rows:
        blocked = Rows()
        for p in pins:
            blocked.take_all(p.left)
            blocked.take_all(p.right)
        for frame in self.frames:
            if frame.first <= gap + 1 and frame.last >= gap:
                blocked.take(frame.y)
                blocked.take(frame.bottom)
        return blocked

    def _label_needs(self, pins: Sequence[Sequence[Pins]]) -> list[tuple[bool, bool]]:
        """For each gap, whether there are labels left of the tracks and right of them."""
        needs = []
        for column, gap in enumerate(pins):
            left = right = False
            for p in gap:
                net = self.nets[p.net]
                if net.side == 1:
                    right = right or any(self.boxes[m].column == column + 1 for _, m in net.members)
                elif net.side == -1:
                    left = left or any(self.boxes[m].column == column for _, m in net.members)
            needs.append((left, right))
        return needs

    def room_for(self, width: int, least: int, most: int) -> int:
        """The most cells for labels in each gap with which the drawing is not wider than `width`; `least` at least.

        Every gap with labels grows by as many cells as there are more for them, so that one measurement is enough.
        """
        gaps = sum(left + right for left, right in self._needs)
        columns = self._columns(least)
        if not gaps or not columns:
            return most
        spare = width - (columns[-1].x + columns[-1].width + columns[-1].gap)
        return min(most, least + max(spare, 0) // gaps)

    def _stretch(self, room: int) -> None:
        """Fix the x of columns and tracks."""
        self.columns = self._columns(room)
        self._track_x = []
        for gap, column in enumerate(self.columns):
            left, _ = self._needs[gap]
            start = column.x + column.width + 2 * self._nest(gap, ends=True) + 1 + (room if left else 0)
            pitch = _pitch(len(self.spans[gap]))
            self._track_x.append([start + t * pitch for t in range(len(self.spans[gap]))])

    def _nest(self, column: int, *, ends: bool) -> int:
        return self._nests.get((column, ends), 0)

    def _columns(self, room: int) -> list[LayoutColumn]:
        widths = [3] * self.count
        if self.boxes:
            widths = [0] * self.count
            for box in self.boxes:
                widths[box.column] = max(widths[box.column], box.width)
        for frame in self.frames:
            if frame.first == frame.last:
                widths[frame.first] = max(widths[frame.first], frame.title + 4 - 4 * frame.nest)
        x = 2 * self._nest(0, ends=False)
        columns = []
        for c in range(self.count):
            width = widths[c]
            left, right = self._needs[c]
            tracks = len(self.spans[c])
            inner = (tracks - 1) * _pitch(tracks) + 1 if tracks else 0
            inner += room * (left + right)
            last = c == self.count - 1
            gap = 2 * self._nest(c, ends=True) + inner + (_SPARE if tracks > _SPARE else 0)
            if not last:
                gap += 2 * self._nest(c + 1, ends=False) + (2 if self._busy[c] else 1)
            elif inner:
                gap += 1
            # A column never moves left or gets narrower than it was drawn before.
            if c < len(self.before):
                old = self.before[c]
                x, width = max(x, old.x), max(width, old.width)
                gap = max(gap, old.gap)
            columns.append(LayoutColumn(x, width, gap))
            x += width + gap
        return columns

    def _trace(self) -> Iterator[None]:
        for index, net in enumerate(self.nets):
            for edge, corners, runs in self._inside(index, net) if net.side == 0 else self._lines(index, net):
                slot = self._slot(runs)
                if not net.hub_calls:
                    corners.reverse()
                self.routes[edge] = Route(tuple(map(_point, corners)), index, slot)
            if index % 100 == 99:
                yield

    def _inside(self, index: int, net: Net) -> Iterator[_Line]:
        """The line of a bundle inside a column: to the right, and back."""
        row, at = self.ports.row, self.boxes[net.hub].column
        x = self.columns[at].x + self.columns[at].width - 1
        for edge, member in net.members:
            y, y2 = row[index, net.hub, 1], row[index, member, 2]
            track = self._track_x[at][self.turns[at][index].first]
            runs = [] if self.ports.is_shared(index, member, 2) else [(x + 2, track - 1, y2, at)]
            yield edge, _corners([(x, y)], [(track, y), (track, y2), (x, y2)]), runs

    def _lines(self, index: int, net: Net) -> Iterator[_Line]:
        """The lines of a bundle, column by column: each member's leaves the way that those to farther ones go on."""
        columns, step, lanes = self.columns, net.side, self.lane[index]
        start = column = self.boxes[net.hub].column
        ends: dict[int, list[tuple[int, int]]] = {}
        for edge, member in net.members:
            ends.setdefault(self.boxes[member].column, []).append((edge, member))
        alone, mixed = len(net.members) == 1, self.ports.is_shared(index, net.hub, step)
        at = columns[start].x + (columns[start].width - 1 if step == 1 else 0)
        y = self.ports.row[index, net.hub, step]
        way: list[tuple[int, int]] = [(at, y)]
        runs: list[_Run] = []
        left = len(ends)
        while left:
            gap = column if step == 1 else column - 1
            turn, xs = self.turns[gap][index], self._track_x[gap]
            through = columns[column + step]
            edge_x = through.x if step == 1 else through.x + through.width - 1
            # Up to the track and along it; where it goes straight on there is none.
            near, far = (turn.first, turn.last) if step == 1 else (turn.last, turn.first)
            turns: list[tuple[int, int]] = []
            before = x = at
            if turn.first >= 0:
                x = xs[near]
                turns = [(x, y)]
                if turn.jog is not None:
                    turns += [(x, turn.jog), (xs[far], turn.jog)]
                    x = xs[far]
                if alone and not (mixed and column == start):
                    runs.append((before + step, xs[near] - step, y, gap))
            shared = mixed and turn.first < 0 and column == start
            stop = edge_x - (2 * step if net.hub_calls else step)
            for edge, member in ends.get(column + step, ()):
                goal = self.ports.row[index, member, -step]
                last = [] if shared or self.ports.is_shared(index, member, -step) else [(x + step, stop, goal, gap)]
                yield (
                    edge,
                    _corners(way[:], [*turns, (x, goal), (edge_x, goal)]),
                    [(min(a, b), max(a, b), on, g) for a, b, on, g in (*runs, *last) if (b - a) * step >= 0],
                )
            left -= column + step in ends
            if left:
                goal = lanes[column + step]
                at = through.x + (through.width - 1 if step == 1 else 0)
                _corners(way, [*turns, (x, goal), (edge_x, goal), (at, goal)])
                if alone:
                    if not shared:
                        runs.append((x + step, edge_x - step, goal, gap))
                    runs.append((through.x, through.x + through.width - 1, goal, -1))
                y, column = goal, column + step

    def _slot(self, runs: Sequence[_Run]) -> tuple[int, int, int] | None:
        """The longest part of these runs that neither tracks nor frames cross."""
        best: tuple[int, int, int] | None = None
        long = 0
        for first, last, y, gap in sorted(runs, key=lambda r: (r[0] - r[1], r)) if len(runs) > 1 else runs:
            if last - first + 1 <= long:
                break
            if gap < 0:
                best, long = (first, last, y), last - first + 1
                continue
            column = self.columns[gap]
            first = max(first, column.x + column.width + 2 * self._nest(gap, ends=True))
            high = column.x + column.width + column.gap - 1
            if gap + 1 < self.count:
                high -= 2 * self._nest(gap + 1, ends=False)
            last = min(last, high)
            crossed = self._crossed(gap, y)
            for cut in [*crossed[bisect_left(crossed, first) : bisect_right(crossed, last)], last + 1]:
                if cut - first > long:
                    best, long = (first, cut - 1, y), cut - first
                first = cut + 1
        return best

    def _crossed(self, gap: int, y: int) -> list[int]:
        """The x of the tracks of a gap that are taken on row `y`; all of them where there are very many."""
        xs = self._track_x[gap]
        if len(xs) > _SLOTS_UP_TO:
            return xs
        return [x for x, spans in zip(xs, self.spans[gap], strict=True) if _covers(spans, y)]


def _pins_of(found: dict[int, Pins], gap: int, net: int) -> Pins:
    """The pins of a bundle in a gap, which are none at first."""
    pins = found.get(gap)
    if pins is None:
        pins = found[gap] = Pins(net, [], [])
    return pins


def _covers(spans: list[tuple[int, int]], y: int) -> bool:
    at = bisect_right(spans, (y, 1 << 60)) - 1
    return at >= 0 and spans[at][1] >= y


def _pitch(tracks: int) -> int:
    return 2 if tracks <= 3 else 1


_point = partial(tuple.__new__, Point)
"""A point of a pair, without the detour that a named tuple's own constructor takes: there are thousands."""


_Run = tuple[int, int, int, int]
"""A horizontal run of a line that no other member shares: (first x, last x, y, gap), gap -1 inside a column."""
_Line = tuple[int, list[tuple[int, int]], list[_Run]]
"""An edge, the corners from its bundle's hub to the member's border, and its runs."""


def _corners(way: list[tuple[int, int]], points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Extend `way` by points, without repetitions and without those in the middle of a straight line."""
    last = way[-1]
    # Whether the line to the last point goes down or across.
    down = across = False
    if len(way) > 1:
        down, across = way[-2][0] == last[0], way[-2][1] == last[1]
    for p in points:
        if p == last:
            continue
        if (down and p[0] == last[0]) or (across and p[1] == last[1]):
            way[-1] = last = p
            continue
        down, across = p[0] == last[0], p[1] == last[1]
        way.append(p)
        last = p
    return way
