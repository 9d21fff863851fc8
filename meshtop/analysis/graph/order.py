"""Vertical order in columns: median sweeps that keep groups contiguous and stop when crossings no longer decrease."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence


def crossings(columns: Sequence[Sequence[int]], right: Sequence[Sequence[int]], place: Sequence[float]) -> int:
    """How many lines between neighbouring columns cross."""
    count = 0
    for column in columns:
        seen: list[float] = []
        insert = seen.insert
        for item in column:
            ends = right[item]
            if len(ends) == 1:
                y = place[ends[0]]
                at = bisect_right(seen, y)
                count -= at
                insert(at, y)
            elif ends:
                # In this order the lines of one item do not count as crossing each other.
                for y in sorted([place[e] for e in ends]):
                    at = bisect_right(seen, y)
                    count -= at
                    insert(at, y)
        # What was subtracted are the pairs that do not cross.
        count += len(seen) * (len(seen) - 1) // 2
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
    paths = list(dict.fromkeys(frames))
    number = {path: at for at, path in enumerate(paths)}
    path_of = [number[path] for path in frames]
    members: list[list[int]] = [[] for _ in paths]
    for item, path_number in enumerate(path_of):
        members[path_number].append(item)
    centre = _centres(paths, members, frame_count, place)
    # More than any two wishes differ by, so that a wish orders the items of one group alone. All these numbers are
    # quarters, which are added up and compared without an error.
    apart = float(len(left) + 1)
    stale = 0
    for turn in range(rounds):
        forward = turn % 2 == 0
        near = left if forward else right
        wish = list(place)
        order = sorted(range(len(paths)), key=lambda path: [(centre[f], f) for f in paths[path]])
        first = [0.0] * len(paths)
        for rank, path_number in enumerate(order):
            first[path_number] = rank * apart
        start = [first[path_number] for path_number in path_of]
        for column in columns if forward else reversed(columns):
            for item in column:
                ends = near[item]
                if len(ends) == 1:
                    wish[item] = place[ends[0]]
                elif ends:
                    at = sorted([place[e] for e in ends])
                    middle = len(at) // 2
                    wish[item] = at[middle] if len(at) % 2 else (at[middle - 1] + at[middle]) / 2
                start[item] += wish[item]
            # Those that wish for the same place stay in their order.
            column.sort(key=start.__getitem__)
            _stand(column, place)
        # Groups are ranked by where their members wish to be, so that one column cannot split a group's place.
        centre = _centres(paths, members, frame_count, wish)
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
    at = (1 - len(column)) / 2
    for item in column:
        place[item] = at
        at += 1


def _centres(
    paths: Sequence[tuple[int, ...]], members: Sequence[Sequence[int]], count: int, place: Sequence[float]
) -> list[float]:
    total, weight = [0.0] * count, [0] * count
    for path, items in zip(paths, members, strict=True):
        if path:
            whole = sum([place[item] for item in items])
            for frame in path:
                total[frame] += whole
                weight[frame] += len(items)
    return [t / w if w else 0.0 for t, w in zip(total, weight, strict=True)]
