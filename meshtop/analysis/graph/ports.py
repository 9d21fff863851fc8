"""Ports: where lines meet a node. A node is one line, and its calls one way share a port on each side.

On the node's own row callers arrive on the left and its calls leave on the right. What runs against the reading
direction (a call back to an earlier column, into the same column, or to itself) has a second row below: there calls
leave on the left and arrive on the right. So a port holds lines of one direction only, all of one node, and it cannot
be mistaken who calls whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from meshtop.analysis.graph.nets import Net


class Ports:
    """The row of every (net, node, side) on the node's border; side is +1 right, -1 left.

    An edge inside a column (a loop among them) leaves and arrives on the right; its second end has side +2.
    """

    def __init__(self, nets: Sequence[Net]) -> None:
        self._back: dict[tuple[int, int, int], int] = {}
        """By end: 0 on the node's own row, 1 on the row below it."""
        for index, net in enumerate(nets):
            if net.side == 0:
                self._back[index, net.hub, 1] = 0 if net.hub_calls else 1
                self._back[index, net.members[0][1], 2] = 1 if net.hub_calls else 0
                continue
            back = 0 if (net.side == 1) == net.hub_calls else 1
            self._back[index, net.hub, net.side] = back
            for _, member in net.members:
                self._back[index, member, -net.side] = back
        self._tall = {node for (_, node, _), back in self._back.items() if back}
        sharers = Counter((node, min(side, 1), back) for (_, node, side), back in self._back.items())
        self._shared = {end for end, back in self._back.items() if sharers[end[1], min(end[2], 1), back] > 1}
        self.row: dict[tuple[int, int, int], int] = {}

    def needed(self, node: int) -> int:
        """How many rows a node takes: one, and one more for lines against the reading direction."""
        return 2 if node in self._tall else 1

    def settle(self, first: Sequence[int]) -> None:
        """Fix the rows of all ends; `first` are the nodes' own rows."""
        self.row = {end: first[end[1]] + back for end, back in self._back.items()}

    def is_shared(self, net: int, node: int, side: int) -> bool:
        """Whether other bundles meet the node at the same port, so that a label there could be of any of them."""
        return (net, node, side) in self._shared
