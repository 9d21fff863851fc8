"""Bundles of edges: every edge belongs to one star around its source or target, and shares lines only inside it.

Two bundles never share a line, so a drawing is unambiguous: all lines joined by ├ or ┬ have a common end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Net(NamedTuple):
    """A star of edges around `hub`.

    `side` is +1 when the members stand to the right of the hub, -1 to the left, 0 in its own column.
    `members` are (edge, node) pairs. `hub_calls` says that the hub is the source of its edges.
    """

    key: str
    hub: int
    side: int
    hub_calls: bool
    members: list[tuple[int, int]]


def bundle(edges: Sequence[tuple[int, int]], column: Sequence[int], names: Sequence[str]) -> list[Net]:
    """Assign each edge to the star at that end which has more edges in the same direction.

    The fuller end takes the edge: a service with many callers needs one port then, and so does one with many callees.
    """
    ways = [_way(column[u], column[v]) for u, v in edges]
    calls = Counter([(u, way) for (u, _), way in zip(edges, ways, strict=True)])
    called = Counter([(v, way) for (_, v), way in zip(edges, ways, strict=True)])
    nets: dict[str, Net] = {}
    for index, ((u, v), way) in enumerate(zip(edges, ways, strict=True)):
        hub_calls = calls[u, way] >= called[v, way]
        hub, member = (u, v) if hub_calls else (v, u)
        side = (column[member] > column[hub]) - (column[member] < column[hub])
        key = f"{way}{'>' if hub_calls else '<'}{names[hub]}" + (f" {names[member]}" if side == 0 else "")
        net = nets.get(key)
        if net is None:
            net = nets[key] = Net(key, hub, side, hub_calls, [])
        net.members.append((index, member))
    return list(nets.values())


def _way(u: int, v: int) -> str:
    return "f" if u < v else "b" if u > v else "s"


def lane_columns(net: Net, column: Sequence[int]) -> range:
    """The columns that a bundle passes between its hub and its farthest member, from the hub outwards."""
    if net.side == 0:
        return range(0)
    start = column[net.hub]
    columns = [column[m] for _, m in net.members]
    far = max(columns) if net.side == 1 else min(columns)
    return range(start + net.side, far, net.side)
