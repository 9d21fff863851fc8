"""The gap between two columns: which bundle turns on which vertical track."""

from __future__ import annotations

from bisect import bisect_left
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from meshtop.analysis.graph.rows import Rows


class Pins(NamedTuple):
    """The rows on which one bundle enters a gap from the left column and leaves it to the right one."""

    net: int
    left: list[int]
    right: list[int]


class Turn(NamedTuple):
    """Where a bundle turns: `first` is the track of its left pins, `last` that of its right ones.

    They differ where the bundle had to be split, with `jog` the row between both tracks. -1 means straight on.
    """

    first: int
    last: int
    jog: int | None


def _wish(pins: Pins) -> tuple[int, float]:
    """The order that crosses least: of those going down the lowest turns first, of those going up the highest."""
    start = pins.left or pins.right
    end = pins.right or pins.left
    down = sum(end) * len(start) >= sum(start) * len(end)
    return (0, -min(start)) if down else (1, min(start))


class _Tracks:
    """Tracks filled from the left; each keeps the spans of rows that it carries, sorted."""

    def __init__(self) -> None:
        self.spans: list[list[tuple[int, int]]] = []

    def put(self, low: int, high: int, start: int) -> int:
        """The first track from `start` on with room for rows `low`…`high`, which then holds them."""
        track = start
        while track < len(self.spans):
            spans = self.spans[track]
            at = bisect_left(spans, (low, high))
            if (at == 0 or spans[at - 1][1] < low) and (at == len(spans) or high < spans[at][0]):
                spans.insert(at, (low, high))
                return track
            track += 1
        while len(self.spans) <= track:
            self.spans.append([])
        self.spans[track].append((low, high))
        return track


def assign_tracks(gap: list[Pins], blocked: Rows) -> tuple[dict[int, Turn], list[list[tuple[int, int]]]]:
    """A turn for every bundle of a gap, and for each track the spans of rows that it carries, sorted.

    Where one bundle comes from the left on the row on which another leaves to the right, the first turns before
    the second. A ring of such demands is cut by splitting a bundle over two tracks, joined on a row that is
    free in `blocked` (which then holds it).
    """
    order = sorted(range(len(gap)), key=lambda i: (_wish(gap[i]), gap[i].net))
    place = {i: at for at, i in enumerate(order)}
    straight = {i for i, p in enumerate(gap) if len(set(p.left) | set(p.right)) == 1 and p.left and p.right}
    leaving: dict[int, list[int]] = {}
    for i, pins in enumerate(gap):
        for row in pins.right:
            leaving.setdefault(row, []).append(i)
    after: list[set[int]] = [set() for _ in gap]
    waits = [0] * len(gap)
    for i, pins in enumerate(gap):
        for row in pins.left:
            for j in leaving.get(row, ()):
                if j != i and j not in after[i] and i not in straight and j not in straight:
                    after[i].add(j)
                    waits[j] += 1
    tracks = _Tracks()
    turns: dict[int, Turn] = {}
    least = [0] * len(gap)
    halves: dict[int, tuple[int, int]] = {}
    ready = [place[i] for i in range(len(gap)) if not waits[i]]
    heapify(ready)
    pending = iter(order)
    done = [False] * len(gap)

    def release(i: int, track: int) -> None:
        for j in after[i]:
            least[j] = max(least[j], track + 1)
            waits[j] -= 1
            if not waits[j] and not done[j]:
                heappush(ready, place[j])

    while len(turns) < len(gap):
        if not ready:
            i = next(i for i in pending if not done[i] and i not in halves)
            rows = gap[i].left
            jog = blocked.nearest((min(rows) + max(rows)) // 2)
            blocked.take(jog)
            first = tracks.put(min(*rows, jog), max(*rows, jog), 0)
            halves[i] = (first, jog)
            release(i, first)
            continue
        i = order[heappop(ready)]
        if done[i]:
            continue
        done[i] = True
        pins = gap[i]
        if i in straight:
            turns[pins.net] = Turn(-1, -1, None)
            continue
        if i in halves:
            first, jog = halves[i]
            last = tracks.put(min(*pins.right, jog), max(*pins.right, jog), least[i])
            turns[pins.net] = Turn(first, last, jog)
            continue
        track = tracks.put(min(pins.left + pins.right), max(pins.left + pins.right), least[i])
        turns[pins.net] = Turn(track, track, None)
        release(i, track)
    return turns, tracks.spans
