"""Textual's private API behind public names; only `guarded.py` and `workers.py` use a part each beside it.

The hook is `App._display`: there an update is still strips of (text, style), so nothing has to be parsed back
from escapes, and one place sees every frame of every screen. Only `LayoutUpdate` (a whole screen) and
`ChopsUpdate` (spans) are understood; anything else goes through untouched and makes the diff forget.

Textual is pinned to `TEXTUAL_VERSION`, in whose source these parts were read; the tests fail for another version, and
where a part that is named here is gone. One method of Textual's is replaced for the whole process: `Strip.divide`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.binding import ActiveBinding
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from meshtop.console.guarded import Guarded
from meshtop.console.terminal.cell_diff import CellDiff
from meshtop.console.terminal.cells import segments_to_cells

TEXTUAL_VERSION = "8.2.8"
APP_PARTS = (
    "_display",
    "_dispatch_message",
    "_handle_exception",
    "_filters",
    "_batch_count",
    "_running",
    "_closed",
    "_driver",
    "_previous_cursor_position",
    "_replace_screen",
    "_check_action_state",
)
"""The private parts of an app that are used here."""
DRIVER_PARTS = ("_app", "_loop")
"""The private parts of a driver that are used here."""
NODE_PARTS = (
    "_attach",
    "_detach",
    "_compositor",
    "_styles_cache",
    "_modal_binding_chain",
    "_on_timer_update",
    "_dirty_widgets",
    "_repaint_regions",
)
"""The private parts of a screen, and of other nodes, that are used here."""
WORKER_PARTS = ("_task",)
"""The private parts of a worker that `console/workers.py` uses."""
FRAME_SECONDS = 0.05
"""A frame waits no longer for what belongs into it."""
ComposedUpdate = LayoutUpdate | ChopsUpdate


_remembering_divide = Strip.divide


def _divide(self: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
    """Divide as Textual does, but never remember a strip as the only part of itself.

    Textual's method does: then every redrawn line is a cycle with its segments and seven caches, and waits for the
    collector, which hardly ever runs while somebody types.
    """
    within = [cut for cut in cuts if cut <= self.cell_length]
    return [self] if within == [self.cell_length] else _remembering_divide(self, within)


Strip.divide = _divide  # type: ignore[method-assign]


@runtime_checkable
class LetsGo(Protocol):
    """A widget or a screen that shows much."""

    def let_go(self) -> None:
        """Name no longer what was shown; the screen is closed, and nothing is drawn any more."""


class HookedApp(Guarded, App[int]):
    """An app that may send something else than the updates that Textual composes, and that outlives defects."""

    def __init__(self) -> None:
        self.displaying = False
        """Whether a composed update is currently being written to the driver."""
        super().__init__()

    def reduce_update(self, renderable: RenderableType) -> RenderableType | None:
        """The replacement of an update that Textual is about to write; None to write nothing."""
        return renderable

    def frame_waits_for(self) -> asyncio.Future[None] | None:
        """What the next frame should wait for, as it belongs into it; None for nothing."""
        return None

    def log_defect(self, error: Exception) -> None:
        """Log a defect in drawing or in a key's action, which ends the app."""

    def survives(self, error: Exception) -> bool:
        """Whether the app goes on after a defect in drawing, in a handler or in a key's action."""
        return False

    def _handle_exception(self, error: Exception) -> None:
        # Before there is a screen nothing could be shown, and nobody could leave.
        if self._running and self.screen_stack and self.survives(error):
            return
        self.log_defect(error)
        super()._handle_exception(error)

    def replace_colour_filters(self, filters: Sequence[LineFilter]) -> None:
        """Replace the filters by which Textual removes colour."""
        kept = [one for one in self._filters if type(one).__name__ not in {"NoColor", "Monochrome"}]
        self._filters = [*kept, *filters]

    @property
    def cursor_has_moved(self) -> bool:
        """Whether the terminal's cursor has moved since the last update."""
        return self.screen.outer_size.clamp_offset(self.cursor_position) != self._previous_cursor_position

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if renderable is not None and self._is_written():
            renderable = self.reduce_update(renderable)
        self.displaying = True
        try:
            super()._display(screen, renderable)
        finally:
            self.displaying = False

    def write_as_shown(self, data: str) -> None:
        """Write bytes that change no cell, of which the diff knows."""
        if not data or self._driver is None:
            return
        before, self.displaying = self.displaying, True
        try:
            self._driver.write(data)
        finally:
            self.displaying = before

    async def _replace_screen(self, screen: Screen[Any]) -> Screen[Any]:
        # Textual frees the map of a closed screen, but neither what its widgets drew nor what they show, which is of a
        # whole picture; as these stand in cycles, all of it would wait for the collector.
        widgets = list(screen.walk_children(Widget, with_self=True))
        replaced = await super()._replace_screen(screen)
        if not replaced.is_running:
            for widget in widgets:
                widget._styles_cache.clear()
                if isinstance(widget, LetsGo):
                    widget.let_go()
        return replaced

    def shown_bindings(self, screen: Screen[Any]) -> dict[str, ActiveBinding]:
        """What those keys of a screen do now of which any binding is meant to be shown."""
        return active_bindings(screen, shown_keys(screen))

    def style_of_class(self, widget: Widget, name: str) -> Style:
        """What the stylesheets say of a class inside a widget, without what is inherited.

        The same as of a component class, for which Textual keeps a node with each widget.
        """
        node = DOMNode(classes=name)
        node._attach(widget)
        self.stylesheet.apply(node)
        style = node.styles.partial_rich_style
        node._detach()
        return style

    def _is_written(self) -> bool:
        """Whether Textual would write an update now; one that it drops must not count as shown."""
        driver = self._driver
        return (
            not self._batch_count
            and self._running
            and not self._closed
            and driver is not None
            and not (driver.is_headless or driver.is_inline or driver.is_web)
        )


class KeptStylesheet(Stylesheet):
    """A stylesheet that is parsed again only where that gives other rules.

    Textual reads all styles again as soon as an app's theme has been set, also at the start, where nothing has changed.
    """

    def __init__(self, *, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._given = dict(variables)
        self._is_stale = False

    def set_variables(self, variables: dict[str, str]) -> None:
        """Set the variables of the theme; the same ones as before change nothing."""
        if variables != self._given:
            self._given = dict(variables)
            self._is_stale = True
            super().set_variables(variables)

    def reparse(self) -> None:
        """Parse all of it with the new variables, if there are any."""
        if self._is_stale:
            super().reparse()
            self._is_stale = False


class PaintsTogether(Screen[Any]):
    """A screen that shows in one frame all that a key changes.

    By itself Textual paints as soon as the first widget has told the screen that it changed: the cursor, and what
    follows it (its place in the list, the facts of its row) a sixtieth of a second later, in a second frame.
    """

    def _on_timer_update(self) -> asyncio.Task[None] | None:  # type: ignore[override]
        # A timer awaits what it is given.
        app = self.app
        waited_for = app.frame_waits_for() if isinstance(app, HookedApp) else None
        if waited_for is not None:
            return asyncio.create_task(self._paint_after(waited_for))
        self._paint()
        return None

    async def _paint_after(self, waited_for: asyncio.Future[None]) -> None:
        await asyncio.wait((waited_for,), timeout=FRAME_SECONDS)
        self._paint()

    def _paint(self) -> None:
        for widget in self._compositor.visible_widgets:
            # Its message that says so may still be on its way.
            if widget._repaint_regions:
                self._dirty_widgets.add(widget)
        super()._on_timer_update()


def active_bindings(screen: Screen[Any], keys: Collection[str]) -> dict[str, ActiveBinding]:
    """What these keys do now: the part of `Screen.active_bindings` that is about them, in the same order.

    Of all keys Textual asks whether each may be pressed, a hundred questions for the sake of one.
    """
    found: dict[str, ActiveBinding] = {}
    for node, bindings in screen._modal_binding_chain:
        for key, binding in bindings:
            before = found.get(key)
            if key not in keys or (before is not None and (before.binding.priority or not binding.priority)):
                continue
            state = screen.app._check_action_state(binding.action, node)
            if state is not False:
                found[key] = ActiveBinding(node, binding, bool(state), binding.tooltip)
    return found


def shown_keys(screen: Screen[Any]) -> frozenset[str]:
    """The keys of whose bindings any is meant to be shown, whether it may be pressed or not."""
    chain = screen._modal_binding_chain
    return frozenset(key for _, bindings in chain for key, binding in bindings if binding.show)


def app_of(driver: Driver) -> App[Any]:
    """The app that a driver works for."""
    return driver._app


def draw_on_stdout(driver: LinuxDriver) -> None:
    """Let a driver write frames to stdout, where Textual's own writes to stderr.

    stderr is for messages: it may be a file (`meshtop 2> errors`) while the console is on the screen.
    """
    driver._file = sys.__stdout__


def loop_of(driver: Driver) -> asyncio.AbstractEventLoop:
    """The event loop that a driver's app runs on."""
    return driver._loop


class _BytesUpdate(CompositorUpdate):
    """An update whose bytes are known already."""

    def __init__(self, data: str) -> None:
        self.data = data

    def render_segments(self, console: Console) -> str:
        """The bytes."""
        return self.data


def as_update(data: str) -> RenderableType:
    """Bytes as an update that Textual writes unchanged."""
    return cast("RenderableType", _BytesUpdate(data))


def placed_strips(update: ComposedUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Each strip of an update with its line and column, cropped as Textual crops it."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                yield y, x, strip
                x += strip.cell_length
        return
    for y, left, right in update.spans:
        for end, (x, maybe) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if maybe is None or x > right or end <= left:
                continue
            whole = left <= x < right and end <= right
            yield y, x, maybe if whole else maybe.crop(0, min(end, right) - x)


def _size_of(update: ComposedUpdate) -> tuple[int, int]:
    if isinstance(update, LayoutUpdate):
        return update.region.right, update.region.bottom
    return max((ends[-1] for ends in update.chop_ends if ends), default=0), len(update.chops)


def missing_bytes(update: RenderableType, diff: CellDiff, console: Console) -> str:
    """The bytes of a composed update that change the terminal; empty if it already shows everything.

    Raises ValueError if the update is of another kind, or a strip contains control characters: then it must be written
    whole, and the diff must forget its cells.
    """
    if not isinstance(update, ComposedUpdate):
        raise ValueError("this is no composed update")
    system = ColorSystem(console._color_system or ColorSystem.TRUECOLOR)
    if diff.size != (size := _size_of(update)):
        diff.resize(*size)
    painted = [(y, x, segments_to_cells(strip, system)) for y, x, strip in placed_strips(update)]
    for y, x, (cells, plain) in painted:
        diff.paint(y, x, cells, plain=plain)
    return diff.take()
