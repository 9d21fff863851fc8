"""A window of character cells, and the drawing characters in Unicode and in ASCII."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
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


_run = partial(tuple.__new__, InkRun)
"""A run of its fields, without the detour that a named tuple's own constructor takes: there are thousands."""

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

    def cells_of(self, row: int, first: int, last: int) -> tuple[list[str], bytearray]:
        """The characters of a row, counted from the window's top, and the numbers of their inks.

        They are there to be written into, from the cell `first` to `last`, counted from the window's left edge.
        """
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
        return [_run(("".join(texts[start:end]), _INKS[ink[start]])) for start, end in _same(ink)]

    @property
    def texts(self) -> list[list[str]]:
        """The characters of every row; the identical list stands for a row that was taken over from another canvas."""
        return self._text

    def spans(self, row: int) -> list[InkSpan]:
        """What is to be seen on one row of the window: cells of one ink, without those that are blank."""
        return self._spans(row, 0, self.width)

    def _spans(self, row: int, first: int, after: int) -> list[InkSpan]:
        """Of the cells from `first` to before `after`."""
        if first >= after:
            return []
        texts, ink = self._text[row][first:after], self._ink[row][first:after]
        whole = "".join(texts)
        # A sign of two cells is followed by an empty text, and one of several characters makes a row longer.
        if len(whole) == len(texts) and "" not in texts:
            return [
                (first + start, text, _INKS[ink[start]])
                for start, end in _same(ink)
                if not (text := whole[start:end]).isspace()
            ]
        return [
            (first + start, text, _INKS[ink[start]])
            for start, end in _same(ink)
            if not (text := "".join(texts[start:end])).isspace()
        ]


def _same(ink: bytearray) -> Iterator[tuple[int, int]]:
    """The first cell and the one after the last of all parts of a row that have one ink.

    There are dozens: where the ink changes is found for all cells at once, in one big number.
    """
    width = len(ink)
    if not width:
        return iter(())
    number = int.from_bytes(ink, "big")
    differs = bytearray((number ^ number >> 8).to_bytes(width, "big"))
    differs[0] = 1
    starts = [*compress(range(width), differs)]
    return zip(starts, [*starts[1:], width], strict=True)


class OverlaidCanvas(Canvas):
    """A canvas over another one, which stays as it is: a row is copied when something is first drawn on it."""

    def __init__(self, below: Canvas) -> None:
        self.x, self.y, self.width, self.height, self.signs = below.x, below.y, below.width, below.height, below.signs
        self._text, self._ink = list(below._text), list(below._ink)
        self.touched: dict[int, bytearray] = {}
        """By row that was drawn on, counted from the window's top, a 1 for each cell that may differ from below."""

    def _touch(self, row: int, first: int, after: int) -> None:
        marks = self.touched.get(row)
        if marks is None:
            marks = self.touched[row] = bytearray(self.width)
            self._text[row], self._ink[row] = list(self._text[row]), bytearray(self._ink[row])
        marks[first:after] = b"\x01" * (after - first)

    def put(self, x: int, y: int, sign: str, ink: Ink) -> None:
        """Write one single-cell character."""
        at = x - self.x
        if 0 <= at < self.width and 0 <= y - self.y < self.height:
            self._touch(y - self.y, at, at + 1)
            super().put(x, y, sign, ink)

    def cells_of(self, row: int, first: int, last: int) -> tuple[list[str], bytearray]:
        """The characters of a row, counted from the window's top, and the numbers of their inks.

        They are there to be written into, from the cell `first` to `last`, counted from the window's left edge.
        """
        self._touch(row, first, last + 1)
        return self._text[row], self._ink[row]

    def row(self, first: int, last: int, y: int, sign: str, ink: Ink) -> None:
        """Write a character in every cell from `first` to `last`."""
        a, b = max(first - self.x, 0), min(last - self.x + 1, self.width)
        if a < b and 0 <= y - self.y < self.height:
            self._touch(y - self.y, a, b)
            super().row(first, last, y, sign, ink)

    def _write_plain(self, column: int, row: int, text: str, ink: Ink) -> None:
        self._touch(row, column, column + len(text))
        super()._write_plain(column, row, text, ink)

    def spans_over(self, row: int, below: list[InkSpan]) -> list[InkSpan]:
        """The spans of a row that was drawn on: those of the row `below`, the identical ones where nothing differs."""
        found: list[InkSpan] = []
        kept = 0
        for first, after in self._differing(row):
            found += below[kept : bisect_left(below, (first,), kept)]
            found += self._spans(row, first, after)
            kept = bisect_left(below, (after,), kept)
        found += below[kept:]
        return found

    def _differing(self, row: int) -> list[tuple[int, int]]:
        """The parts of a row whose spans differ from those below: what was drawn on with the rest of its inks' runs."""
        marks, ink = self.touched[row], self._ink[row]
        parts: list[tuple[int, int]] = []
        first = marks.find(1)
        while first >= 0:
            after = marks.find(0, first)
            if after < 0:
                after = self.width
            next_one = marks.find(1, after)
            # The cells beside it may have its ink now, or have had it: the runs that they are in are the same on both.
            if first:
                first = len(ink[:first].rstrip(ink[first - 1 : first]))
            if after < self.width:
                after = self.width - len(ink[after:].lstrip(ink[after : after + 1]))
            while parts and first <= parts[-1][1]:
                first = min(first, parts.pop()[0])
            parts.append((first, after))
            first = next_one
        return parts
