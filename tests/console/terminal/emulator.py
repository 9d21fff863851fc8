"""A terminal that remembers: pyte behind a Textual driver, so that two runs can be compared cell by cell."""

from __future__ import annotations

import re

import pyte
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver

from meshtop.console.terminal.thin_driver import WatchfulDriver

# pyte prints the private markers of sequences that it does not know.
_UNKNOWN_TO_PYTE = re.compile(r"\x1b\[[<>=]\d*u|\x1b\[\?\d+\$p|\x1bP[^\x1b]*\x1b\\")
Shown = list[list[tuple[object, ...]]]


class Terminal:
    """A pyte screen without line wrap, blanked when the alternate screen is entered."""

    def __init__(self, width: int, height: int) -> None:
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.Stream(self.screen)
        self.bytes = 0

    def feed(self, data: str) -> None:
        self.bytes += len(data.encode())
        if "\x1b[?1049" in data:
            self.screen.erase_in_display(2)
        self._stream.feed(_UNKNOWN_TO_PYTE.sub("", data))

    def resize(self, width: int, height: int) -> None:
        """Another size; the content is scrambled, as a terminal that reflows may leave it."""
        self.screen.resize(height, width)
        for row in range(height):
            for column in range(width):
                self.screen.buffer[row][column] = self.screen.default_char._replace(data="#")

    def shown(self) -> Shown:
        screen = self.screen
        return [[tuple(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)]

    def text(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]


class EmulatorDriver(WatchfulDriver, HeadlessDriver):
    """A driver that draws on the app's `terminal`."""

    @property
    def is_headless(self) -> bool:
        return False

    @property
    def can_suspend(self) -> bool:
        return True

    def write(self, data: str) -> None:
        WatchfulDriver.write(self, data)
        terminal_of(self._app).feed(data)

    def start_application_mode(self) -> None:
        super().start_application_mode()
        self.write("\x1b[?1049h")
        self.write("\x1b[?7l\x1b[?25l")

    def stop_application_mode(self) -> None:
        self.write("\x1b[?1049l")


def terminal_of(app: App[object]) -> Terminal:
    terminal = app.__dict__["terminal"]
    assert isinstance(terminal, Terminal)
    return terminal
