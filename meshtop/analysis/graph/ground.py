"""A painted window without its selection, and how one is put together from parts of others."""

from __future__ import annotations

from typing import NamedTuple

from meshtop.analysis.graph.canvas import Canvas
from meshtop.analysis.graph.geometry import Box
from meshtop.analysis.graph.strokes import LineCells


class Ground(NamedTuple):
    """A painted window without its selection. `faded`: everything that shows no bad status is dimmed."""

    window: Box
    faded: bool
    canvas: Canvas
    lines: LineCells

    def part(self, window: Box) -> Ground:
        """A window inside this one; where it is as wide, its rows are the identical lists."""
        at = window.x - self.window.x, window.y - self.window.y
        rows = slice(at[1], at[1] + window.height)
        columns = None if window.width == self.window.width else slice(at[0], at[0] + window.width)
        return Ground(window, self.faded, self.canvas.part(columns, rows), self.lines.part(columns, rows))

    def beside(self, right: Ground) -> Ground:
        """This window and one of the same rows that begins where it ends."""
        window = Box(self.window.x, self.window.y, self.window.width + right.window.width, self.window.height)
        return Ground(window, self.faded, self.canvas.beside(right.canvas), self.lines.beside(right.lines))

    def above(self, below: Ground) -> Ground:
        """This window and one of the same columns that begins below it; their rows are shared."""
        window = Box(self.window.x, self.window.y, self.window.width, self.window.height + below.window.height)
        return Ground(window, self.faded, self.canvas.above(below.canvas), self.lines.above(below.lines))
