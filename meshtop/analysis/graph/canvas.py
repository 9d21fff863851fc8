"""A window of character cells, and the drawing characters in Unicode and in ASCII."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import compress
from typing import NamedTuple

from meshtop.model.state import HealthStatus
from meshtop.model.text import cell_width, graphemes, to_ascii

NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8


class Ink(StrEnum):
    """Meaning of a run's colour, with the same values as the tables' tones."""

    PLAIN = "plain"
    DIM = "dim"
    FAINT = "faint"
    STRONG = "strong"
    DEGRADED = "degraded"
    FAILING = "failing"
    UNKNOWN = "unknown"
    ACCENT = "accent"

    code: int
    """Its number, under which a canvas keeps it: rows of numbers are copied and split without a step for each cell."""


for _code, _ink in enumerate(Ink):
    _ink.code = _code
_INKS = tuple(Ink)
_CODES = tuple(bytes((ink.code,)) for ink in Ink)


INK_OF = {
    HealthStatus.FAILING: Ink.FAILING,
    HealthStatus.DEGRADED: Ink.DEGRADED,
    HealthStatus.UNKNOWN: Ink.UNKNOWN,
    HealthStatus.HEALTHY: Ink.PLAIN,
    HealthStatus.IDLE: Ink.DIM,
}


class InkRun(NamedTuple):
    """Cells of one ink, side by side."""

    text: str
    ink: Ink


InkSpan = tuple[int, str, Ink]
"""Cells of one ink: the first one's place in its row, counted from the window's left edge, the text, and the ink."""


class Signs(NamedTuple):
    """One set of drawing characters; `lines`, `heavy` and `frames` are indexed by the sum of NORTH, EAST, SOUTH, WEST.

    Frames are dotted, so that nobody takes them for calls.
    """

    lines: str
    heavy: str
    dashes: str
    frames: str
    right: str
    left: str
    health: dict[HealthStatus, str]
    locked: str
    open: str
    ascii: bool


UNICODE = Signs(
    lines=" ╵╶└╷│┌├╴┘─┴┐┤┬┼",
    heavy=" ╹╺┗╻┃┏┣╸┛━┻┓┫┳╋",
    dashes="╎╌",
    frames=" ┆┄╰┆┆╭├┄╯┄┴╮┤┬┼",
    right="▶",
    left="◀",
    health={
        HealthStatus.FAILING: "✗",
        HealthStatus.DEGRADED: "▲",
        HealthStatus.UNKNOWN: "?",
        HealthStatus.IDLE: "~",
    },
    locked="🔒",
    open="🔓",
    ascii=False,
)
ASCII = Signs(
    lines=" |-+||++-+-++" + "+++",
    heavy=" |=+||++=+=++" + "+++",
    dashes=":~",
    frames=" " + 15 * ".",
    right=">",
    left="<",
    health={
        HealthStatus.FAILING: "x",
        HealthStatus.DEGRADED: "!",
        HealthStatus.UNKNOWN: "?",
        HealthStatus.IDLE: "~",
    },
    locked="mTLS",
    open="plain",
    ascii=True,
)


class Canvas:
    """The cells of one window of the drawing; anything drawn outside is ignored."""

    def __init__(self, x: int, y: int, width: int, height: int, signs: Signs) -> None:
        self.x, self.y, self.width, self.height, self.signs = x, y, width, height, signs
        self._text = [[" "] * width for _ in range(height)]
        self._ink = [bytearray(_CODES[Ink.PLAIN.code]) * width for _ in range(height)]

    def cells_of(self, row: int) -> tuple[list[str], bytearray]:
        """The characters of a row, counted from the window's top, and the numbers of their inks, to write into."""
        return self._text[row], self._ink[row]

    def shows(self, first: int, last: int, y: int) -> bool:
        """Whether a cell from `first` to `last` on row `y` of the drawing is in the window."""
        return self.y <= y < self.y + self.height and first < self.x + self.width and last >= self.x

    def put(self, x: int, y: int, sign: str, ink: Ink) -> None:
        """Write one single-cell character."""
        x -= self.x
        y -= self.y
        if 0 <= x < self.width and 0 <= y < self.height:
            self._text[y][x] = sign
            self._ink[y][x] = ink.code

    def row(self, first: int, last: int, y: int, sign: str, ink: Ink) -> None:
        """Write a character in every cell from `first` to `last`."""
        y -= self.y
        if 0 <= y < self.height:
            a, b = max(first - self.x, 0), min(last - self.x + 1, self.width)
            if a < b:
                self._text[y][a:b] = [sign] * (b - a)
                self._ink[y][a:b] = _CODES[ink.code] * (b - a)

    def write(self, x: int, y: int, text: str, ink: Ink) -> None:
        """Write cleaned text; a wide character takes two cells, and one cut by the window's edge is left out."""
        if not self.y <= y < self.y + self.height:
            return
        if text.isascii() and self.x <= x and x + len(text) <= self.x + self.width:
            self._write_plain(x - self.x, y - self.y, text, ink)
            return
        for sign, width in graphemes(to_ascii(text) if self.signs.ascii else text):
            if width == 1:
                self.put(x, y, sign, ink)
            elif self.x <= x and x + 1 < self.x + self.width:
                self.put(x, y, sign, ink)
                self.put(x + 1, y, "", ink)
            else:
                self.put(x, y, " ", ink)
                self.put(x + 1, y, " ", ink)
            x += width

    def _write_plain(self, column: int, row: int, text: str, ink: Ink) -> None:
        self._text[row][column : column + len(text)] = text
        self._ink[row][column : column + len(text)] = _CODES[ink.code] * len(text)

    def _of(self, texts: list[list[str]], inks: list[bytearray], *, right: int = 0, down: int = 0) -> Canvas:
        """A canvas of these cells, which begins so far from where this one does."""
        found = Canvas(self.x + right, self.y + down, self.width, 0, self.signs)
        found._text, found._ink, found.height = texts, inks, len(texts)
        return found

    def part(self, columns: slice | None, rows: slice) -> Canvas:
        """Some of the columns (None: all, and the rows are shared) and rows, counted from the upper left corner."""
        texts, inks = self._text[rows], self._ink[rows]
        if columns is None:
            return self._of(texts, inks, down=rows.start)
        texts, inks = [text[columns] for text in texts], [ink[columns] for ink in inks]
        found = self._of(texts, inks, right=columns.start, down=rows.start)
        found.width = columns.stop - columns.start
        return found

    def beside(self, right: Canvas) -> Canvas:
        """The cells of this window and of one that begins where it ends."""
        texts = [[*a, *b] for a, b in zip(self._text, right._text, strict=True)]
        both = self._of(texts, [a + b for a, b in zip(self._ink, right._ink, strict=True)])
        both.width = self.width + right.width
        return both

    def above(self, below: Canvas) -> Canvas:
        """The cells of this window and of one that begins below it; the rows are shared."""
        return self._of([*self._text, *below._text], [*self._ink, *below._ink])

    def leave_out_cut_signs(self) -> None:
        """Blank wide characters of which the window shows a half: what was a part of a wider one has such."""
        for texts in self._text if self.width else ():
            if not texts[0]:
                texts[0] = " "
            if cell_width(texts[-1]) > 1:
                texts[-1] = " "

    def lines(self) -> list[list[InkRun]]:
        """The window row by row; every row is exactly `width` cells."""
        return [self.line(y) for y in range(self.height)]

    def line(self, row: int) -> list[InkRun]:
        """One row of the window, counted from its top."""
        texts, ink = self._text[row], self._ink[row]
        return [InkRun("".join(texts[start:end]), _INKS[ink[start]]) for start, end in self._same_ink(row)]

    @property
    def texts(self) -> list[list[str]]:
        """The characters of every row; the identical list stands for a row that was taken over from another canvas."""
        return self._text

    def spans(self, row: int) -> list[InkSpan]:
        """What is to be seen on one row of the window: cells of one ink, without those that are blank."""
        texts, ink = self._text[row], self._ink[row]
        whole = "".join(texts)
        # A sign of two cells is followed by an empty text, and one of several characters makes a row longer.
        if len(whole) != self.width or "" in texts:
            return [
                (start, text, _INKS[ink[start]])
                for start, end in self._same_ink(row)
                if not (text := "".join(texts[start:end])).isspace()
            ]
        return [
            (start, text, _INKS[ink[start]])
            for start, end in self._same_ink(row)
            if not (text := whole[start:end]).isspace()
        ]

    def _same_ink(self, row: int) -> Iterator[tuple[int, int]]:
        """The first cell and the one after the last of all parts of a row that have one ink.

        There are dozens: where the ink changes is found for all cells at once, in one big number.
        """
        width = self.width
        if not width:
            return iter(())
        number = int.from_bytes(self._ink[row], "big")
        differs = bytearray((number ^ number >> 8).to_bytes(width, "big"))
        differs[0] = 1
        starts = [*compress(range(width), differs)]
        return zip(starts, [*starts[1:], width], strict=True)


class OverlaidCanvas(Canvas):
    """A canvas over another one, which stays as it is: a row is copied when something is first drawn on it."""

    def __init__(self, below: Canvas) -> None:
        self.x, self.y, self.width, self.height, self.signs = below.x, below.y, below.width, below.height, below.signs
        self._text, self._ink = list(below._text), list(below._ink)
        self.touched: set[int] = set()
        """The rows that were drawn on, counted from the window's top."""

    def _touch(self, row: int) -> None:
        if row not in self.touched:
            self.touched.add(row)
            self._text[row], self._ink[row] = list(self._text[row]), bytearray(self._ink[row])

    def put(self, x: int, y: int, sign: str, ink: Ink) -> None:
        """Write one single-cell character."""
        if 0 <= x - self.x < self.width and 0 <= y - self.y < self.height:
            self._touch(y - self.y)
            super().put(x, y, sign, ink)

    def cells_of(self, row: int) -> tuple[list[str], bytearray]:
        """The characters of a row, counted from the window's top, and the numbers of their inks, to write into."""
        self._touch(row)
        return super().cells_of(row)

    def row(self, first: int, last: int, y: int, sign: str, ink: Ink) -> None:
        """Write a character in every cell from `first` to `last`."""
        if self.shows(first, last, y):
            self._touch(y - self.y)
            super().row(first, last, y, sign, ink)

    def _write_plain(self, column: int, row: int, text: str, ink: Ink) -> None:
        self._touch(row)
        super()._write_plain(column, row, text, ink)
