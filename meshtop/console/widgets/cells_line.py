"""One line of cells side by side, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.table_frame import Line, Run
from meshtop.model.text import cell_width, cut
from meshtop.views.frame.table import Cell

_START, _GAP, _LEAST = 2, 2, 6


class CellsLine(LineWidget):
    """`show` draws other cells; the last one is cut where it does not fit whole."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._cells: tuple[Cell, ...] = ()

    def show(self, cells: Sequence[Cell]) -> None:
        """Draw other cells."""
        self._cells = tuple(cells)
        self.draw()

    def work_out(self, width: int, height: int) -> list[Line]:
        """The line."""
        runs: list[Run] = []
        x = _START
        for cell in self._cells:
            room = width - x - 1
            if room < min(_LEAST, cell_width(cell.text)):
                break
            text = cut(cell.text, room)
            runs.append(Run(x, text, cell.tone))
            x += cell_width(text) + _GAP
        return [Line("plain", tuple(runs))]
