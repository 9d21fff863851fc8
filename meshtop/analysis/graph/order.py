"""Vertical order in columns: median sweeps that keep groups contiguous and stop when crossings no longer decrease."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence


def crossings(columns: Sequence[Sequence[int]], right: Sequence[Sequence[int]], place: Sequence[float]) -> int:
    """How many lines between neighbouring columns cross."""
    count = 0
    for column in columns:
        seen: list[float] = []
        for item in column:
            ends = right[item]
            if not ends:
                continue
            # In this order the lines of one item do not count as crossing each other.
            for y in sorted([place[e] for e in ends]) if len(ends) > 1 else (place[ends[0]],):
                at = bisect_right(seen, y)
                count += len(seen) - at
                seen.insert(at, y)
    return count


def sweep(
    columns: list[list[int]],
    left: Sequence[Sequence[int]],
    right: Sequence[Sequence[int]],
    frames: Sequence[tuple[int, ...]],
    frame_count: int,
    rounds: int = 8,
) -> Iterator[None]:
    """Reorder `columns` in place; yields after each round.

    `frames[item]` lists the groups around an item from the outside in; members of one group stay contiguous, and
    groups have the same order in every column.
    """
    place = [0.0] * len(left)
    for column in columns:
        _stand(column, place)
    # With groups the first turn is kept whatever it crosses, so that nothing is to be compared with it.
    best = 0 if frame_count else crossings(columns, right, place)
    kept = [list(c) for c in columns]
    centre = _centres(columns, frames, frame_count, place)
    paths = set(frames)
    stale = 0
    for turn in range(rounds):
        forward = turn % 2 == 0
        near = left if forward else right
        wish = list(place)
        keys = sorted((([(centre[f], f) for f in path], path) for path in paths), key=lambda one: one[0])
        first = {path: rank for rank, (_, path) in enumerate(keys)}
        for column in columns if forward else reversed(columns):
            for item in column:
                ends = near[item]
                if len(ends) == 1:
                    wish[item] = place[ends[0]]
                elif ends:
                    at = sorted([place[e] for e in ends])
                    middle = len(at) // 2
                    wish[item] = at[middle] if len(at) % 2 else (at[middle - 1] + at[middle]) / 2
            ranked = [(first[frames[item]], wish[item], place[item], item) for item in column]
            ranked.sort()
            column[:] = [item for *_, item in ranked]
            _stand(column, place)
        # Groups are ranked by where their members wish to be, so that one column cannot split a group's place.
        centre = _centres(columns, frames, frame_count, wish)
        yield
        now = crossings(columns, right, place)
        # The first turn is kept even if it crosses more: before it, members of a group do not stand together.
        if now < best or (turn == 0 and frame_count):
            best, stale = now, 0
            kept = [list(c) for c in columns]
        else:
            stale += 1
        yield
        if stale >= 2 or (best == 0 and turn >= 1):
            break
    columns[:] = kept


def _stand(column: Sequence[int], place: list[float]) -> None:
    half = (len(column) - 1) / 2
    for at, item in enumerate(column):
        place[item] = at - half


def _centres(
    columns: Sequence[Sequence[int]], frames: Sequence[Sequence[int]], count: int, place: Sequence[float]
) -> list[float]:
    total, members = [0.0] * count, [0] * count
    for column in columns:
        for item in column:
            for frame in frames[item]:
                total[frame] += place[item]
                members[frame] += 1
    return [t / m if m else 0.0 for t, m in zip(total, members, strict=True)]
