"""Ports: each bundle leaves or enters a box on a row of its own, in the order of the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtop.analysis.graph.nets import Net


class Ports:
    """The row of every (net, node, side) on the box's border; side is +1 right, -1 left.

    An edge inside a column (a loop among them) leaves and enters on the right; its second end has side +2.
    """

    def __init__(self, nets: Sequence[Net]) -> None:
        self.at_side: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self.row: dict[tuple[int, int, int], int] = {}
        for index, net in enumerate(nets):
            if net.side == 0:
                self.at_side.setdefault((net.hub, 1), []).append((index, 1))
                self.at_side.setdefault((net.members[0][1], 1), []).append((index, 2))
                continue
            self.at_side.setdefault((net.hub, net.side), []).append((index, net.side))
            for _, member in net.members:
                self.at_side.setdefault((member, -net.side), []).append((index, -net.side))

    def needed(self, node: int) -> int:
        """How many rows a box must offer so that no two bundles share one."""
        return max(len(self.at_side.get((node, 1), ())), len(self.at_side.get((node, -1), ())), 1)

    def settle(self, inner: Mapping[int, tuple[int, int]], aim: Mapping[tuple[int, int, int], float]) -> None:
        """Choose rows: `inner` gives a box's first inner row and their count; `aim` the row that each end leads to.

        Ends keep the order of their aims and come as near to them as the box allows.
        """
        for (node, _), ends in self.at_side.items():
            first, count = inner[node]
            k = len(ends)
            free = first
            middle = first + (count - k) // 2
            for at, (_, net, end) in enumerate(sorted((aim[net, node, end], net, end) for net, end in ends)):
                wish = round(aim[net, node, end])
                if not first <= wish < first + count:
                    wish = middle + at
                free = max(free, min(wish, first + count - (k - at)))
                self.row[net, node, end] = free
                free += 1
