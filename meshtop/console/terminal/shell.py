"""The app shell under the console: themes, colour decisions, the cell diff, signals and the keys of every terminal.

Usage::

    class MeshtopApp(Shell):
        CSS_PATH = stylesheets("app", "widgets", "fleet")

    app = MeshtopApp(decide_look(os.environ, color=settings.color, theme=settings.theme), cell_diff=not no_diff)
    app.run(mouse=settings.mouse)
    sys.exit(app.return_code)
"""

from __future__ import annotations

import asyncio
import logging
from functools import cache
from pathlib import Path, PurePath
from typing import ClassVar

from rich.console import RenderableType
from textual import events
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter, NoColor

from meshtop.console.terminal.cell_diff import CellDiff
from meshtop.console.terminal.key_order import KeyOrder
from meshtop.console.terminal.look import AsciiFilter, Look
from meshtop.console.terminal.signals import Ending
from meshtop.console.terminal.textual_hooks import HookedApp, KeptStylesheet, as_update, missing_bytes
from meshtop.console.themes import DEFAULT_THEME, themes
from meshtop.console.widgets.plot_memory import PlotMemory

_log = logging.getLogger(__name__)


@cache
def styles_folder() -> Path:
    """Where the stylesheets are: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    inside = package / "styles"
    return inside if inside.is_dir() else package.parent / "styles"


def stylesheets(*names: str) -> list[str | PurePath]:
    """The paths of stylesheets by name, for `CSS_PATH`."""
    return [styles_folder() / f"{name}.tcss" for name in names]


class Shell(HookedApp):
    """An app that sends few bytes, respects NO_COLOR and `--ascii`, and restores the terminal at its end."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Quit", id="app.interrupt", show=False, priority=True, system=True),
        Binding("ctrl+z", "suspend_process", "Suspend", id="app.suspend", show=False, priority=True, system=True),
        Binding("ctrl+l", "redraw", "Redraw", id="app.redraw", show=False, priority=True, system=True),
    ]

    def __init__(self, look: Look | None = None, *, cell_diff: bool = True) -> None:
        self._cells = CellDiff() if cell_diff else None
        super().__init__()
        self.look = look or Look(DEFAULT_THEME)
        self.plots = PlotMemory("ascii" if self.look.ascii else self.look.plots)
        for theme in themes():
            self.register_theme(theme)
        self.no_color = not self.look.colour
        self.replace_colour_filters(self._look_filters())
        self.theme = self.look.theme
        # Made with this theme's colours, before anything was read into it: so its styles are parsed once.
        self.stylesheet = KeptStylesheet(variables=self.get_css_variables())
        self.key_order = KeyOrder(self, super().on_event)

    async def on_event(self, event: events.Event) -> None:
        """Let keys and pastes come one after the other."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self.key_order.take(event)
        else:
            await super().on_event(event)

    def frame_waits_for(self) -> asyncio.Future[None] | None:
        """All that a key does belongs into one frame."""
        return self.key_order.unhandled

    def _look_filters(self) -> list[LineFilter]:
        filters: list[LineFilter] = []
        if not self.look.colour:
            filters.append(NoColor())
        if self.look.ascii:
            filters.append(AsciiFilter())
        return filters

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice of driver; on a terminal of Linux or macOS the one that works with the diff."""
        chosen = super().get_driver_class()
        if chosen.__module__ != "textual.drivers.linux_driver":
            return chosen
        from meshtop.console.terminal.thin_driver import ThinDriver

        return ThinDriver

    def get_key_display(self, binding: Binding) -> str:
        """The display name of a key; Textual's sign for enter is missing in many fonts."""
        return {"enter": "enter", "escape": "esc"}.get(binding.key) or super().get_key_display(binding)

    def forget_frame(self, *, repaint: bool) -> None:
        """Mark all of the terminal's cells as unknown; `repaint` sends all of them again.

        May be called from any thread.
        """
        if self._cells is not None:
            self._cells.forget()
        if repaint:
            self.call_later(self._repaint)

    def _repaint(self) -> None:
        if self._cells is not None:
            self._cells.forget()
        if self.screen_stack:
            self.screen.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Forget all cells on a resize, since terminals differ in what they do to them."""
        self.forget_frame(repaint=False)
        self.call_later(self._check_size)

    def _check_size(self) -> None:
        """Cover the screen while the terminal is too small."""
        from meshtop.console.widgets.notes import TooSmallScreen, is_too_small

        if not self.screen_stack:
            return
        covered = isinstance(self.screen, TooSmallScreen)
        if is_too_small(*self.size) and not covered:
            self.push_screen(TooSmallScreen())
        elif covered and not is_too_small(*self.size):
            self.pop_screen()

    def action_redraw(self) -> None:
        """Send the whole screen again, after another program wrote to the terminal."""
        self.forget_frame(repaint=True)

    def action_interrupt(self) -> None:
        """End the app on ctrl-c."""
        self.end(Ending.INTERRUPTED)

    def log_defect(self, error: Exception) -> None:
        """Log a defect in drawing or in a key's action, which ends the console."""
        _log.error("the console ended", exc_info=error)

    def end(self, ending: Ending) -> None:
        """Restore the terminal, and end with the signal's exit code."""
        self.exit(return_code=int(ending))

    def reduce_update(self, renderable: RenderableType) -> RenderableType | None:
        """The update reduced to the bytes that change the terminal; None if there are none."""
        if self._cells is None:
            return renderable
        try:
            data = missing_bytes(renderable, self._cells, self.console)
        except ValueError:
            self.write_as_shown(self._cells.reset())
            self._cells.forget()
            return renderable
        return as_update(data) if data or self.cursor_has_moved else None
