"""The driver for Linux and macOS: tells the diff about bytes written past it, restores the terminal on signals."""

from __future__ import annotations

import re
import time
from typing import Protocol, cast

from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from meshtop.console.terminal.cell_diff import RESET
from meshtop.console.terminal.signals import Ending, end_on_signals, hang_up_with
from meshtop.console.terminal.textual_hooks import app_of, draw_on_stdout, loop_of
from meshtop.process import KEYS

# What draws nothing and moves nothing: bell, OSC (title, clipboard, pointer shape; also wrapped for tmux and
# screen), private modes except those that switch or clear the screen, queries, kitty keyboard, cursor shape.
_HARMLESS = re.compile(
    r"(?:\x07"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1bP[^\x1b]*(?:\x1b\x1b[^\x1b]*|\x1b(?!\\)[^\x1b]*)*\x1b\\"
    r"|\x1b\[\?(?!(?:3|6|47|1047|1048|1049)[hl])\d+(?:[hl]|\$p)"
    r"|\x1b\[[<>=]\d*u"
    r"|\x1b\[\d* q"
    r"|\x1b\[(?:[0>=]?c|[56]n)"
    r")*"
)


def is_harmless(data: str) -> bool:
    """Whether bytes change neither cells nor the pen."""
    return _HARMLESS.fullmatch(data) is not None


class FrameKeeper(Protocol):
    """The interface of the app for the driver."""

    displaying: bool

    def forget_frame(self, *, repaint: bool) -> None:
        """Mark all of the terminal's cells as unknown; `repaint` sends all of them again."""

    def end(self, ending: Ending) -> None:
        """Restore the terminal, and end with the signal's exit code."""


class WatchfulDriver(Driver):
    """A driver's mixin: unknown bytes make the diff forget its cells and the screen repaint."""

    def write(self, data: str) -> None:
        """Write to the terminal, watching for bytes that could change cells without the diff."""
        keeper = cast(FrameKeeper, app_of(self))
        if not keeper.displaying and not is_harmless(data):
            keeper.forget_frame(repaint="\x1b[?1049" not in data)
            # The pen is that of the last frame, and whoever writes past the diff does not know of it.
            data = RESET + data
        super().write(data)  # type: ignore[safe-super]  # the mixin stands before a driver that writes

    def start_application_mode(self) -> None:
        """Start using the terminal; it is blank, also after a suspension."""
        super().start_application_mode()  # type: ignore[safe-super]
        cast(FrameKeeper, app_of(self)).forget_frame(repaint=True)


class ThinDriver(WatchfulDriver, LinuxDriver):
    """Textual's driver for Linux and macOS, on stdout, with the mixin and signal handling."""

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        draw_on_stdout(self)
        self._is_watched = False
        self._is_on = False
        """Whether the terminal is in this program's modes, and its threads read and write."""
        self._starts_again = False

    def process_message(self, message: Message) -> None:
        """Hand a key to the loop, in the thread that has read it; whoever computes stands aside at once."""
        KEYS.want()
        super().process_message(message)

    def write(self, data: str) -> None:
        """Write a frame, and let the thread that does it have the interpreter before the loop goes on."""
        super().write(data)
        time.sleep(0)

    def start_application_mode(self) -> None:
        """Start using the terminal, and handle signals."""
        super().start_application_mode()
        self._is_on = True
        end_on_signals(loop_of(self), cast(FrameKeeper, app_of(self)).end)
        if not self._is_watched:
            self._is_watched = True
            hang_up_with(self.fileno)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        self._is_on = False
        super().stop_application_mode()

    def resume_application_mode(self) -> None:
        """Go on after a stop (SIGCONT); one by SIGSTOP came unannounced, so that everything still runs.

        Textual would start a second thread that reads keys and a second one that writes, and take the modes of its own
        for those of the terminal before it. This is called by a signal, maybe amid a write; the loop does the rest.
        """
        if not self._is_on:
            super().resume_application_mode()
        elif not self._starts_again:
            self._starts_again = True
            loop_of(self).call_soon_threadsafe(self._start_again)

    def _start_again(self) -> None:
        """Whoever had the terminal meanwhile, such as a shell, may have left it in other modes, and another screen."""
        self._starts_again = False
        if self._is_on:
            self.suspend_application_mode()
            super().resume_application_mode()
