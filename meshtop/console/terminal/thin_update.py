"""Textual's composed updates as cells, and as the few bytes that the terminal still lacks.

The hook is `App._display`: there an update is still strips of (text, style), so nothing has to be parsed back
from escapes, and one place sees every frame of every screen. Only `LayoutUpdate` (a whole screen) and
`ChopsUpdate` (spans) are understood; anything else goes through untouched and makes the diff forget.
Textual is pinned, since these types are private to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.color import ColorSystem
from rich.console import Console
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from meshtop.console.terminal.cell_diff import CellDiff
from meshtop.console.terminal.cells import segments_to_cells


class ThinUpdate(CompositorUpdate):
    """An update whose bytes are known already."""

    def __init__(self, data: str) -> None:
        self.data = data

    def render_segments(self, console: Console) -> str:
        """The bytes."""
        return self.data


def placed_strips(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
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


def _screen_size(update: LayoutUpdate | ChopsUpdate) -> tuple[int, int]:
    if isinstance(update, LayoutUpdate):
        return update.region.right, update.region.bottom
    return max((ends[-1] for ends in update.chop_ends if ends), default=0), len(update.chops)


def thin(update: LayoutUpdate | ChopsUpdate, diff: CellDiff, console: Console) -> str:
    """The bytes of an update that the terminal lacks; empty where it shows everything already.

    Raises ValueError where a strip carries control characters: then the update must go out whole.
    """
    system = ColorSystem(console._color_system or ColorSystem.TRUECOLOR)
    if diff.size != (size := _screen_size(update)):
        diff.resize(*size)
    painted = [(y, x, segments_to_cells(strip, system)) for y, x, strip in placed_strips(update)]
    for y, x, (cells, plain) in painted:
        diff.paint(y, x, cells, plain=plain)
    return diff.take()
