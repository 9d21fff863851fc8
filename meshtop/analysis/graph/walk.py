"""Navigation in a drawing with the arrow keys: along edges sideways, within a column up and down."""

from __future__ import annotations

from enum import StrEnum

from meshtop.analysis.graph.geometry import Layout
from meshtop.analysis.graph.lookup import GraphLookup


class Direction(StrEnum):
    """An arrow key: left leads to callers, right to callees, up and down to the boxes of the same column."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


class GraphWalk:
    """Where the arrow keys lead in one drawing: its order is worked out once, a step looks at one node's edges."""

    def __init__(self, lookup: GraphLookup, layout: Layout) -> None:
        self._lookup, self._boxes = lookup, layout.boxes
        self.order = reading_order(layout)
        self._at = {name: at for at, name in enumerate(self.order)}

    def neighbor(self, node: str, direction: Direction) -> str | None:
        """The node that an arrow key leads to from `node`; None where there is nothing in that direction.

        Of several callers or callees the nearest is taken. Past the end of a column, up and down go on in the
        column before or after it, so that every node can be reached.
        """
        if node not in self._boxes:
            return None
        if direction in (Direction.UP, Direction.DOWN):
            at = self._at[node] + (1 if direction == Direction.DOWN else -1)
            return self.order[at] if 0 <= at < len(self.order) else None
        boxes, here = self._boxes, self._boxes[node]
        edges = self._lookup.edges_at(node)
        if direction == Direction.LEFT:
            ends = [e.source for e in edges if e.target == node]
        else:
            ends = [e.target for e in edges if e.source == node]

        def distance(name: str) -> tuple[int, int, int, str]:
            box = boxes[name]
            behind = box.column > here.column if direction == Direction.LEFT else box.column < here.column
            middle = abs(2 * box.y + box.height - 2 * here.y - here.height)
            return (behind, middle, abs(box.column - here.column), name)

        return min((name for name in ends if name != node and name in boxes), key=distance, default=None)


def reading_order(layout: Layout) -> list[str]:
    """All nodes column by column, from top to bottom."""
    return sorted(layout.boxes, key=lambda n: (layout.boxes[n].column, layout.boxes[n].y, n))
