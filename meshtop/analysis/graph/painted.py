"""A painted window that remembers its cells, so that a step of the cursor costs the cells that differ."""

from __future__ import annotations

from meshtop.analysis.graph.canvas import Ink, InkSpan, OverlaidCanvas, stacked
from meshtop.analysis.graph.draw import GraphDrawing, Ground
from meshtop.analysis.graph.geometry import Box
from meshtop.analysis.graph.trace import Highlight


class PaintedWindow:
    """A window that remembers its cells: rows that the next selection leaves alone are the identical lists.

    Another drawing (a refresh) or another place is painted anew.
    """

    def __init__(self) -> None:
        self._drawing: GraphDrawing | None = None
        self._ground: Ground | None = None
        self._texts: list[list[str]] = []
        self._rows: list[list[InkSpan]] = []
        self._titles: tuple[GraphDrawing, Box, list[tuple[int, int, str]]] | None = None
        self._held: dict[int, list[InkSpan]] = {}

    def rows(self, drawing: GraphDrawing, window: Box, highlight: Highlight) -> list[list[InkSpan]]:
        """The rows of a window with a selection."""
        faded = drawing.fades(highlight)
        ground = self._ground
        if ground is None or self._drawing is not drawing or ground.faded != faded:
            ground = None
        if ground is None or ground.window != window:
            kept = self._rows
            ground = self._ground = self._moved(drawing, ground, window, faded)
            self._drawing = drawing
            known = dict(zip(map(id, self._texts), kept, strict=True))
            self._texts = ground.canvas.texts
            self._rows = [known.get(id(text)) or ground.canvas.spans(y) for y, text in enumerate(self._texts)]
        over = drawing.select(ground, highlight)
        rows = list(self._rows)
        for y in over.touched:
            rows[y] = over.spans(y)
        return self._titled(drawing, over, rows)

    def _titled(self, drawing: GraphDrawing, over: OverlaidCanvas, rows: list[list[InkSpan]]) -> list[list[InkSpan]]:
        """The rows with the titles of frames that begin outside; while such a row stays the same the identical list."""
        titled = OverlaidCanvas(over)
        window = Box(over.x, over.y, over.width, over.height)
        if self._titles is None or self._titles[0] is not drawing or self._titles[1] != window:
            self._titles = drawing, window, drawing.held_titles(window)
        for x, y, text in self._titles[2]:
            titled.write(x, y, text, Ink.DIM)
        held = {y: titled.spans(y) for y in titled.touched}
        self._held = {y: before if (before := self._held.get(y)) == row else row for y, row in held.items()}
        for y, row in self._held.items():
            rows[y] = row
        return rows

    @staticmethod
    def _moved(drawing: GraphDrawing, old: Ground | None, window: Box, faded: bool) -> Ground:
        """The ground of a window: what it shares with the one before, further up or down, is not painted again."""
        down = window.y - old.window.y if old is not None else 0
        same = old is not None and (old.window.x, old.window.width, old.window.height) == (
            *(window.x, window.width, window.height),
        )
        if old is None or not same or not 0 < abs(down) < window.height:
            return drawing.ground(window, faded=faded)
        if down > 0:
            new = drawing.ground(Box(window.x, old.window.bottom + 1, window.width, down), faded=faded)
            above, below, rows = old, new, slice(down, None)
        else:
            new = drawing.ground(Box(window.x, window.y, window.width, -down), faded=faded)
            above, below, rows = new, old, slice(0, window.height)
        lines = above.lines.stacked(below.lines, window, rows)
        return Ground(window, faded, stacked(above.canvas, below.canvas, rows), lines)
