"""Assigns vertical tracks in the gap between two columns to the bundles that turn there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
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
    """Sort key for fewest crossings: of bundles going down the lowest turns first, of those going up the highest."""
    start = pins.left or pins.right
    end = pins.right or pins.left
    down = sum(end) * len(start) >= sum(start) * len(end)
    return (0, -min(start)) if down else (1, min(start))


class Gap:
    """The gap between two columns while its bundles get their tracks, from left to right.

    Where one bundle comes from the left on the row on which another leaves to the right, the first demands to turn
    before the second. A bundle is ready once nothing that must turn before it is left.
    """

    def __init__(self, bundles: Iterable[Pins], blocked: Callable[[], Rows]) -> None:
        self.turns: dict[int, Turn] = {}
        """By bundle, once it has its tracks."""
        self.tracks: list[list[tuple[int, int]]] = []
        """For each track the spans of rows that it carries, sorted."""
        self._firsts: list[list[int]] = []
        """For each track the first rows of its spans."""
        self._bundles = sorted(bundles, key=lambda pins: (_wish(pins), pins.net))
        self._straight = [_is_straight(pins) for pins in self._bundles]
        self._blocked_rows = blocked
        self._blocked: Rows | None = None
        self._after = self.demands()
        self._waits = [0] * len(self._bundles)
        for later in self._after:
            for bundle in later:
                self._waits[bundle] += 1
        self._least = [0] * len(self._bundles)
        """The first track that a bundle's demands leave to it."""
        self._halves: dict[int, tuple[int, int]] = {}
        """Of bundles split over two tracks: the first track, and the row that joins both."""
        self._ready = [bundle for bundle, waits in enumerate(self._waits) if not waits]
        self._next_to_split = iter(range(len(self._bundles)))

    def demands(self) -> list[set[int]]:
        """For each bundle, in the order of turning, those that must not turn before it has."""
        leaving: dict[int, list[int]] = {}
        for bundle, pins in enumerate(self._bundles):
            if not self._straight[bundle]:
                for row in pins.right:
                    leaving.setdefault(row, []).append(bundle)
        found: list[set[int]] = []
        for bundle, pins in enumerate(self._bundles):
            later: set[int] = set()
            for row in () if self._straight[bundle] else pins.left:
                if row in leaving:
                    later.update(leaving[row])
            later.discard(bundle)
            found.append(later)
        return found

    def assign(self) -> None:
        """Give every bundle its tracks."""
        while len(self.turns) < len(self._bundles):
            if self._ready:
                self._turn(heappop(self._ready))
            else:
                # All that are left wait for each other in a ring.
                self.split()

    def _turn(self, bundle: int) -> None:
        pins = self._bundles[bundle]
        if pins.net in self.turns:
            return
        if self._straight[bundle]:
            self.turns[pins.net] = Turn(-1, -1, None)
        elif bundle in self._halves:
            first, jog = self._halves[bundle]
            self.turns[pins.net] = Turn(first, self._put([*pins.right, jog], self._least[bundle]), jog)
        else:
            track = self._put([*pins.left, *pins.right], self._least[bundle])
            self.turns[pins.net] = Turn(track, track, None)
            self.release(bundle, track)

    def release(self, bundle: int, track: int) -> None:
        """Mark the bundles that waited for this one as free to turn from the next track on."""
        for other in self._after[bundle]:
            self._least[other] = max(self._least[other], track + 1)
            self._waits[other] -= 1
            if not self._waits[other] and self._bundles[other].net not in self.turns:
                heappush(self._ready, other)

    def split(self) -> None:
        """Break a cycle of demands: its first unsplit bundle is moved to a free row, where it waits."""
        bundle = next(
            b for b in self._next_to_split if self._bundles[b].net not in self.turns and b not in self._halves
        )
        rows = self._bundles[bundle].left
        blocked = self._blocked = self._blocked or self._blocked_rows()
        jog = blocked.nearest((min(rows) + max(rows)) // 2)
        blocked.take(jog)
        first = self._put([*rows, jog], 0)
        self._halves[bundle] = (first, jog)
        self.release(bundle, first)

    def _put(self, rows: Sequence[int], start: int) -> int:
        """The first track from `start` on with room between the first and the last of these rows, now taken there."""
        low, high = min(rows), max(rows)
        for track in range(start, len(self.tracks)):
            at = bisect_left(self._firsts[track], low)
            spans = self.tracks[track]
            if (at == 0 or spans[at - 1][1] < low) and (at == len(spans) or high < spans[at][0]):
                spans.insert(at, (low, high))
                self._firsts[track].insert(at, low)
                return track
        track = max(start, len(self.tracks))
        for _ in range(track + 1 - len(self.tracks)):
            self.tracks.append([])
            self._firsts.append([])
        self.tracks[track].append((low, high))
        self._firsts[track].append(low)
        return track


def _is_straight(pins: Pins) -> bool:
    """Whether a bundle crosses the gap on one row."""
    left, right = pins.left, pins.right
    if not left or not right or left[0] != right[0]:
        return False
    return left.count(left[0]) == len(left) and right.count(left[0]) == len(right)


def assign_tracks(
    bundles: Iterable[Pins], blocked: Callable[[], Rows]
) -> tuple[dict[int, Turn], list[list[tuple[int, int]]]]:
    """A turn for every bundle of a gap, and for each track the spans of rows that it carries, sorted.

    A cycle of demands is broken by splitting a bundle over two tracks, joined on a row that is free in `blocked`; that
    is asked for, once, only where there is a cycle.
    """
    gap = Gap(bundles, blocked)
    gap.assign()
    return gap.turns, gap.tracks
