"""The small map of a drawing: where its nodes are, where the unhealthy ones, and which part a window shows."""

from __future__ import annotations

from itertools import groupby

from meshtop.analysis.graph.canvas import EAST, INK_OF, NORTH, SOUTH, WEST, Ink, InkRun, Signs
from meshtop.analysis.graph.geometry import Box, Layout
from meshtop.analysis.graph.node_lines import BAD, node_status
from meshtop.analysis.graph.service_graph import ServiceGraph
from meshtop.analysis.traffic.health import SEVERITY
from meshtop.model.state import HealthStatus

_MOST_COLUMNS, _MOST_ROWS, _LEAST_COLUMNS, _LEAST_ROWS = 22, 6, 8, 2
_TITLE = " map m "
_LOOKS = {False: (" ", "·", "░", "▪"), True: (" ", ".", "-", "#")}
"""By ASCII: nothing and a node outside the window, nothing and a node in it."""


class GraphMap:
    """A drawing in a few cells. Made once for each drawing; a moved window changes only what is marked as shown."""

    def __init__(self, graph: ServiceGraph, layout: Layout) -> None:
        self.width = max(1, layout.width)
        self.height = max(1, layout.height)
        rows = round(_MOST_COLUMNS * self.height / self.width)
        self.rows = min(max(rows, _LEAST_ROWS), _MOST_ROWS)
        columns = round(self.rows * self.width / self.height)
        self.columns = min(max(columns, _LEAST_COLUMNS), _MOST_COLUMNS)
        self.marks: dict[tuple[int, int], HealthStatus] = {}
        """By cell the worst verdict on the nodes there."""
        for node in graph.nodes:
            box = layout.boxes.get(node.id)
            if box is not None:
                at, status = self.cell(box.x + box.width // 2, box.y), node_status(node)
                before = self.marks.get(at)
                if before is None or SEVERITY[status] > SEVERITY[before]:
                    self.marks[at] = status

    def cell(self, x: int, y: int) -> tuple[int, int]:
        """The cell of the map for one of the drawing; what is outside is at the rim."""
        column = min(max(x, 0), self.width - 1) * self.columns // self.width
        return column, min(max(y, 0), self.height - 1) * self.rows // self.height

    def lines(self, window: Box, signs: Signs) -> list[list[InkRun]]:
        """The framed map with the part that a window shows; every row is `columns` + 2 cells."""
        left, top = self.cell(window.x, window.y)
        right, bottom = self.cell(window.right, window.bottom)
        frame = signs.frames
        side = InkRun(frame[NORTH | SOUTH], Ink.FAINT)
        title = _TITLE[: self.columns]
        across = frame[EAST | WEST]
        rest = across * (self.columns - len(title)) + frame[SOUTH | WEST]
        found = [[InkRun(frame[SOUTH | EAST], Ink.FAINT), InkRun(title, Ink.DIM), InkRun(rest, Ink.FAINT)]]
        for y in range(self.rows):
            cells = [self._mark(x, y, left <= x <= right and top <= y <= bottom, signs) for x in range(self.columns)]
            runs = [InkRun("".join(c.text for c in same), ink) for ink, same in groupby(cells, key=lambda c: c.ink)]
            found.append([side, *runs, side])
        found.append([InkRun(frame[NORTH | EAST] + across * self.columns + frame[NORTH | WEST], Ink.FAINT)])
        return found

    def _mark(self, x: int, y: int, inside: bool, signs: Signs) -> InkRun:
        status = self.marks.get((x, y))
        if status in BAD:
            return InkRun(signs.health[status], INK_OF[status])
        sign = _LOOKS[signs.ascii][2 * inside + (status is not None)]
        return InkRun(sign, Ink.ACCENT if inside else Ink.DIM)
