"""A painted window that remembers its cells, so that a step of the cursor costs the cells that differ."""

from __future__ import annotations

from meshtop.analysis.graph.canvas import Ink, InkSpan, OverlaidCanvas
from meshtop.analysis.graph.draw import GraphDrawing
from meshtop.analysis.graph.geometry import Box
from meshtop.analysis.graph.ground import Ground
from meshtop.analysis.graph.trace import Highlight

_EDGE = 2
"""Columns at the rim of what is kept that are painted again: there a character of two cells may be cut."""


class PaintedWindow:
    """A window that remembers its cells: rows that the next selection leaves alone are the identical lists.

    Another drawing (a refresh) is painted anew; of another place only what was not in the window before.
    """

    def __init__(self) -> None:
        self._drawing: GraphDrawing | None = None
        self._ground: Ground | None = None
        self._rows: dict[int, tuple[list[str], list[InkSpan]]] = {}
        """By the identity of a row's cells those cells and what is to be seen of them, once that was asked for."""
        self._titles: tuple[GraphDrawing, Box, list[tuple[int, int, str]]] | None = None
        self._held: dict[int, list[InkSpan]] = {}

    def rows(self, drawing: GraphDrawing, window: Box, highlight: Highlight) -> list[list[InkSpan]]:
        """The rows of a window with a selection."""
        faded = drawing.fades(highlight)
        ground = self._ground
        if ground is None or self._drawing is not drawing or ground.faded != faded:
            ground = None
        if ground is None or ground.window != window:
            ground = self._ground = moved_ground(drawing, ground, window, faded)
            self._drawing = drawing
            texts = ground.canvas.texts
            self._rows = {key: self._rows[key] for text in texts if (key := id(text)) in self._rows}
        over = drawing.select(ground, highlight)
        rows: dict[int, list[InkSpan]] = {}
        for y in range(window.height):
            row = self._row(ground, y)
            rows[y] = over.spans_over(y, row) if y in over.touched else row
        rows.update(self._titled(drawing, over, rows))
        return list(rows.values())

    def _row(self, ground: Ground, y: int) -> list[InkSpan]:
        """What is to be seen of a row without selection, worked out once for as long as it is in the window."""
        texts = ground.canvas.texts[y]
        known = self._rows.get(id(texts))
        if known is None:
            known = self._rows[id(texts)] = texts, ground.canvas.spans(y)
        return known[1]

    def _titled(
        self, drawing: GraphDrawing, over: OverlaidCanvas, rows: dict[int, list[InkSpan]]
    ) -> dict[int, list[InkSpan]]:
        """Rows with the titles of frames that begin outside; while such a row stays the same the identical list."""
        titled = OverlaidCanvas(over)
        window = Box(over.x, over.y, over.width, over.height)
        if self._titles is None or self._titles[0] is not drawing or self._titles[1] != window:
            self._titles = drawing, window, drawing.held_titles(window)
        for x, y, text in self._titles[2]:
            titled.write(x, y, text, Ink.DIM)
        held = {y: titled.spans_over(y, rows[y]) for y in titled.touched}
        self._held = {y: before if (before := self._held.get(y)) == row else row for y, row in held.items()}
        return self._held


def moved_ground(drawing: GraphDrawing, old: Ground | None, window: Box, faded: bool) -> Ground:
    """The ground of a window: what it shares with the one before is not painted again.

    New columns are painted for the rows that both have, then new rows above and below these.
    """
    shared = old.window.shared(window) if old is not None else None
    if old is None or shared is None or shared.width <= 2 * _EDGE:
        return drawing.ground(window, faded=faded)

    y, height = shared.y, shared.height
    first, last = shared.x, shared.right
    left = right = None
    if window.x < first:
        first += _EDGE - 1
        left = drawing.ground(Box(window.x, y, first + 1 - window.x, height), faded=faded)
        left = left.part(Box(window.x, y, first - window.x, height))
    if last < window.right:
        last -= _EDGE - 1
        right = drawing.ground(Box(last, y, window.right + 1 - last, height), faded=faded)
        right = right.part(Box(last + 1, y, window.right - last, height))
    found = old.part(Box(first, y, last + 1 - first, height))
    if left is not None:
        found = left.beside(found)
    if right is not None:
        found = found.beside(right)
    if (window.x, window.width) != (old.window.x, old.window.width):
        found.canvas.leave_out_cut_signs()

    if window.y < y:
        found = drawing.ground(Box(window.x, window.y, window.width, y - window.y), faded=faded).above(found)
    if found.window.bottom < window.bottom:
        below = Box(window.x, found.window.bottom + 1, window.width, window.bottom - found.window.bottom)
        found = found.above(drawing.ground(below, faded=faded))
    return found
