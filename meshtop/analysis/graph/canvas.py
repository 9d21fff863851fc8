"""A window of character cells, and the drawing characters in Unicode and in ASCII."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from meshtop.model.state import HealthStatus
from meshtop.model.text import graphemes, to_ascii

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


class Signs(NamedTuple):
    """One set of drawing characters; `lines` are indexed by the sum of NORTH, EAST, SOUTH and WEST."""

    lines: str
    heavy: str
    dashes: str
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
    dashes=":.",
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
        self._ink = [[Ink.PLAIN] * width for _ in range(height)]

    def put(self, x: int, y: int, sign: str, ink: Ink) -> None:
        """Write one single-cell character."""
        x -= self.x
        y -= self.y
        if 0 <= x < self.width and 0 <= y < self.height:
            self._text[y][x] = sign
            self._ink[y][x] = ink

    def row(self, first: int, last: int, y: int, sign: str, ink: Ink) -> None:
        """Write a character in every cell from `first` to `last`."""
        y -= self.y
        if 0 <= y < self.height:
            a, b = max(first - self.x, 0), min(last - self.x + 1, self.width)
            if a < b:
                self._text[y][a:b] = [sign] * (b - a)
                self._ink[y][a:b] = [ink] * (b - a)

    def write(self, x: int, y: int, text: str, ink: Ink) -> None:
        """Write cleaned text; a wide character takes two cells, and one cut by the window's edge is left out."""
        if not self.y <= y < self.y + self.height:
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

    def lines(self) -> list[list[InkRun]]:
        """The window row by row; every row is exactly `width` cells."""
        rows = []
        for texts, inks in zip(self._text, self._ink, strict=True):
            runs: list[InkRun] = []
            start = 0
            for at in range(1, self.width + 1):
                if at == self.width or inks[at] is not inks[start]:
                    runs.append(InkRun("".join(texts[start:at]), inks[start]))
                    start = at
            rows.append(runs if self.width else [])
        return rows
