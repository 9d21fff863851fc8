"""A window of character cells, and the signs to draw with in Unicode and in plain ASCII."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from wcwidth import wcwidth

from meshtop.model.state import HealthStatus

NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8


class Tone(StrEnum):
    """What a run's colour means; the same words as the tables' tones."""

    PLAIN = "plain"
    DIM = "dim"
    FAINT = "faint"
    STRONG = "strong"
    DEGRADED = "degraded"
    FAILING = "failing"
    UNKNOWN = "unknown"
    ACCENT = "accent"


TONE_OF = {
    HealthStatus.FAILING: Tone.FAILING,
    HealthStatus.DEGRADED: Tone.DEGRADED,
    HealthStatus.UNKNOWN: Tone.UNKNOWN,
    HealthStatus.HEALTHY: Tone.PLAIN,
    HealthStatus.IDLE: Tone.DIM,
}


class Run(NamedTuple):
    """Cells of one tone, side by side."""

    text: str
    tone: Tone


class Signs(NamedTuple):
    """One alphabet of the drawing; `lines` are indexed by the sum of NORTH, EAST, SOUTH and WEST."""

    lines: str
    heavy: str
    dashes: str
    right: str
    left: str
    health: dict[HealthStatus, str]
    locked: str
    open: str
    more: str
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
    more="…",
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
    more="~",
    ascii=True,
)


class Canvas:
    """The cells of one window of the drawing; whatever falls outside is left out."""

    def __init__(self, x: int, y: int, width: int, height: int, signs: Signs) -> None:
        self.x, self.y, self.width, self.height, self.signs = x, y, width, height, signs
        self._text = [[" "] * width for _ in range(height)]
        self._tone = [[Tone.PLAIN] * width for _ in range(height)]

    def put(self, x: int, y: int, sign: str, tone: Tone) -> None:
        """Write one sign of one cell."""
        x -= self.x
        y -= self.y
        if 0 <= x < self.width and 0 <= y < self.height:
            self._text[y][x] = sign
            self._tone[y][x] = tone

    def row(self, first: int, last: int, y: int, sign: str, tone: Tone) -> None:
        """Write the same sign from `first` to `last`."""
        y -= self.y
        if 0 <= y < self.height:
            a, b = max(first - self.x, 0), min(last - self.x + 1, self.width)
            if a < b:
                self._text[y][a:b] = [sign] * (b - a)
                self._tone[y][a:b] = [tone] * (b - a)

    def write(self, x: int, y: int, text: str, tone: Tone) -> None:
        """Write clean text; a wide sign takes two cells, and one that the window's edge cuts is left out.

        In ASCII every other sign becomes `?`, once for each cell.
        """
        if not self.y <= y < self.y + self.height:
            return
        for sign in text:
            if sign.isascii():
                self.put(x, y, sign, tone)
                x += 1
                continue
            width = wcwidth(sign)
            if self.signs.ascii:
                for at in range(width):
                    self.put(x + at, y, self.signs.more if sign == "…" else "?", tone)
            elif width == 1:
                self.put(x, y, sign, tone)
            elif self.x <= x and x + 1 < self.x + self.width:
                self.put(x, y, sign, tone)
                self.put(x + 1, y, "", tone)
            else:
                self.put(x, y, " ", tone)
                self.put(x + 1, y, " ", tone)
            x += width

    def lines(self) -> list[list[Run]]:
        """The window row by row; every row is exactly `width` cells."""
        rows = []
        for texts, tones in zip(self._text, self._tone, strict=True):
            runs: list[Run] = []
            start = 0
            for at in range(1, self.width + 1):
                if at == self.width or tones[at] is not tones[start]:
                    runs.append(Run("".join(texts[start:at]), tones[start]))
                    start = at
            rows.append(runs if self.width else [])
        return rows
