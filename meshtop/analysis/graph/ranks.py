"""Assigns columns: cycles are broken, callers are left of callees, unconnected parts are spread over the columns."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt


def break_cycles(count: int, callees: Sequence[Sequence[int]], callers: Sequence[Sequence[int]]) -> list[list[int]]:
    """Callees without the edges that close a cycle (back edges of a depth-first walk from the entry nodes).

    Uses an explicit stack, so the length of a chain is not limited.
    """
    kept: list[list[int]] = [[] for _ in range(count)]
    state = bytearray(count)
    starts = sorted(range(count), key=lambda n: (bool(callers[n]), len(callers[n]) - len(callees[n]), n))
    for start in starts:
        if state[start]:
            continue
        state[start] = 1
        stack = [(start, iter(callees[start]))]
        while stack:
            node, rest = stack[-1]
            for other in rest:
                if state[other] == 1:
                    continue
                kept[node].append(other)
                if not state[other]:
                    state[other] = 1
                    stack.append((other, iter(callees[other])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return kept


def longest_path(count: int, callees: Sequence[Sequence[int]]) -> list[int]:
    """The column of each node of a graph without cycles: as far left as its callers allow.

    Then nodes that call more than they are called move right, next to what they call.
    """
    waiting = [0] * count
    for targets in callees:
        for t in targets:
            waiting[t] += 1
    callers_of = waiting[:]
    rank = [0] * count
    order = [n for n in range(count) if not waiting[n]]
    for node in order:
        for t in callees[node]:
            rank[t] = max(rank[t], rank[node] + 1)
            waiting[t] -= 1
            if not waiting[t]:
                order.append(t)
    for node in reversed(order):
        if callees[node] and len(callees[node]) > callers_of[node]:
            rank[node] = max(rank[node], min(rank[t] for t in callees[node]) - 1)
    return rank


def components(count: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Connected parts, the largest first, then by their first node."""
    leader = list(range(count))

    def find(n: int) -> int:
        while leader[n] != n:
            leader[n] = leader[leader[n]]
            n = leader[n]
        return n

    for u, v in edges:
        a, b = find(u), find(v)
        if a != b:
            leader[max(a, b)] = min(a, b)
    parts: dict[int, list[int]] = {}
    for n in range(count):
        parts.setdefault(find(n), []).append(n)
    return sorted(parts.values(), key=lambda p: (-len(p), p[0]))


def spread(
    rank: list[int], parts: Sequence[Sequence[int]], group: Sequence[int], room: int | None, sizes: Sequence[int]
) -> None:
    """Give every connected part an offset, so that small parts fill the columns evenly inside their groups.

    `room` is how many columns fit; None aims at the shape of a terminal.
    """
    longest = 0
    for part in parts:
        low = min(rank[n] for n in part)
        for n in part:
            rank[n] -= low
        longest = max(longest, max(rank[n] for n in part) + 1)
    wanted = room if room is not None else ceil(sqrt(0.75 * len(rank)))
    columns = max(longest, min(wanted, len(rank)), 1)
    filled: dict[tuple[int, int], int] = {}
    for part in parts:
        span = max(rank[n] for n in part) + 1
        # The offset at which its fullest column stays emptiest; trying more than forty buys nothing.
        best, chosen = None, 0
        for offset in range(min(columns - span, 40) + 1):
            cost = max(filled.get((group[n], rank[n] + offset), 0) + sizes[n] for n in part)
            if best is None or cost < best:
                best, chosen = cost, offset
        for n in part:
            rank[n] += chosen
            key = (group[n], rank[n])
            filled[key] = filled.get(key, 0) + sizes[n]


def assign_columns(
    count: int,
    edges: Sequence[tuple[int, int]],
    group: Sequence[int],
    room: int | None,
    sizes: Sequence[int],
) -> list[int]:
    """The column of every node; `edges` hold no loops."""
    callees: list[list[int]] = [[] for _ in range(count)]
    callers: list[list[int]] = [[] for _ in range(count)]
    for u, v in edges:
        callees[u].append(v)
        callers[v].append(u)
    rank = longest_path(count, break_cycles(count, callees, callers))
    spread(rank, components(count, edges), group, room, sizes)
    return rank
