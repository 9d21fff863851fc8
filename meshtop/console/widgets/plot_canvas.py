"""What plots are drawn on: cells of braille dots, of blocks where a font has no braille, or of plain ASCII.

A canvas has so many dots across and down in each cell; whoever draws knows only dots.
"""

from __future__ import annotations

from meshtop.console.widgets.lines import TextRun
from meshtop.console.widgets.plot_memory import PlotStyle
from meshtop.views.frame.sparkline import BLOCKS
from meshtop.views.frame.table import Tone

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_HALVES = " ▀▄█"
_POINTS = " '.:"


class PlotCanvas:
    """Cells of dots; a cell has the tone of the line that was drawn last. This one draws braille."""

    across = 2
    down = 4
    fills = False
    """Whether what is below a value is filled, as bars are."""

    def __init__(self, width: int, height: int) -> None:
        self.dots = [[0] * width for _ in range(height)]
        self.tones = [[Tone.PLAIN] * width for _ in range(height)]
        self._ruler: int | None = None

    def dot(self, x: int, y: int, tone: Tone) -> None:
        """Set the dot in a column and a row of dots, counted from the upper left."""
        row, column = y // self.down, x // self.across
        self.dots[row][column] |= self.bit(x % self.across, y % self.down)
        self.tones[row][column] = tone

    def ruler(self, column: int) -> None:
        """Draw a cursor through a column of cells, behind the lines."""
        self._ruler = column

    def bit(self, x: int, y: int) -> int:
        """The bit of a dot in its cell."""
        return _DOTS[y][x]

    def text(self, bits: int) -> str:
        """The character of a cell."""
        return chr(0x2800 + bits)

    def runs(self, row: int, x: int) -> list[TextRun]:
        """A row of cells, the first in column `x` of the screen."""
        runs: list[TextRun] = []
        text, tone, start = "", Tone.PLAIN, x
        for column, (bits, cell_tone) in enumerate(zip(self.dots[row], self.tones[row], strict=True)):
            shown = self.text(bits) if bits else " "
            if not bits and column == self._ruler:
                shown, cell_tone = "┊", Tone.ACCENT
            elif not bits:
                cell_tone = tone
            if cell_tone != tone and text:
                runs.append(TextRun(start, text, tone))
                text, start = "", x + column
            text, tone = text + shown, cell_tone
        return [*runs, TextRun(start, text, tone)] if text else runs


class HalfBlockCanvas(PlotCanvas):
    """Two dots in a cell, one above the other: for several lines without braille."""

    across = 1
    down = 2

    def bit(self, x: int, y: int) -> int:
        """Upper and lower half."""
        return 1 << y

    def text(self, bits: int) -> str:
        """A half block, or a whole one."""
        return _HALVES[bits]


class AsciiCanvas(HalfBlockCanvas):
    """Two dots in a cell, in plain ASCII."""

    def text(self, bits: int) -> str:
        """Above, below, or both."""
        return _POINTS[bits]


class BarCanvas(PlotCanvas):
    """Eighths of a cell, filled from below: for a single line without braille."""

    across = 1
    down = 8
    fills = True

    def bit(self, x: int, y: int) -> int:
        """Eighths from above."""
        return 1 << y

    def text(self, bits: int) -> str:
        """A bar as high as the highest dot."""
        highest = (bits & -bits).bit_length() - 1
        return BLOCKS[self.down - 1 - highest]


def plot_canvas(style: PlotStyle, lines: int, width: int, height: int) -> PlotCanvas:
    """The canvas of a style for so many lines; of blocks a single line is filled, and several are not."""
    if style == "braille":
        return PlotCanvas(width, height)
    if style == "ascii":
        return AsciiCanvas(width, height)
    return BarCanvas(width, height) if lines == 1 else HalfBlockCanvas(width, height)
