"""Drawing frames: dotted borders with titles, which stay in sight while the window moves over a frame."""

from __future__ import annotations

from meshtop.analysis.graph.canvas import EAST, NORTH, SOUTH, WEST, Canvas, Ink
from meshtop.analysis.graph.geometry import Box, Layout
from meshtop.analysis.graph.service_graph import GraphGroup
from meshtop.analysis.graph.strokes import LineIndex
from meshtop.analysis.graph.wording import title_of
from meshtop.model.text import cell_width, cut


class FrameLines:
    """The frames of a drawing, from the outermost in, and the place of each title."""

    def __init__(self, layout: Layout, groups: tuple[GraphGroup, ...], lines: LineIndex) -> None:
        by_id = {g.id: g for g in groups}
        self.titles = {f: title_of(f, by_id, layout.frames) for f in layout.frames}
        self.order = sorted(layout.frames.items(), key=lambda f: (-f[1].width * f[1].height, f[0]))
        self._lines = lines
        self._around = {name: _around(name, by_id) for name in layout.frames}
        self._places: dict[str, tuple[int, str]] = {}

    def draw_borders(self, canvas: Canvas, window: Box) -> None:
        """Draw the borders that meet a window."""
        signs = canvas.signs.frames
        for _, frame in self.order:
            if not frame.meets(window):
                continue
            for y, west, east in ((frame.y, SOUTH | EAST, SOUTH | WEST), (frame.bottom, NORTH | EAST, NORTH | WEST)):
                canvas.row(frame.x + 1, frame.right - 1, y, signs[EAST | WEST], Ink.FAINT)
                canvas.put(frame.x, y, signs[west], Ink.FAINT)
                canvas.put(frame.right, y, signs[east], Ink.FAINT)
            for y in range(max(frame.y + 1, canvas.y), min(frame.bottom, canvas.y + canvas.height)):
                canvas.put(frame.x, y, signs[NORTH | SOUTH], Ink.FAINT)
                canvas.put(frame.right, y, signs[NORTH | SOUTH], Ink.FAINT)

    def draw_titles(self, canvas: Canvas, window: Box) -> None:
        """Write the titles on the borders in a window."""
        for name, frame in self.order:
            if window.y <= frame.y <= window.bottom:
                start, text = self._place(name, frame)
                if text:
                    canvas.write(start, frame.y, text, Ink.DIM)

    def held_titles(self, window: Box) -> list[tuple[int, int, str]]:
        """Titles whose place is outside a window that shows the frame: where they stand instead, and the text.

        A frame that begins above has its title in the first row, after those of the frames around it, and the innermost
        frames come first; one whose title is left of the window has it where its border comes in.
        """
        held: list[tuple[int, int, str]] = []
        taken: list[tuple[int, int]] = []
        for name, frame in reversed(self.order):
            first, last = max(frame.x + 1, window.x), min(frame.right - 1, window.right)
            if last - first < 5 or frame.y > window.bottom or frame.bottom <= window.y:
                continue
            if frame.y >= window.y:
                start, text = self._place(name, frame)
                if frame.y > window.y or not any(around in self.titles for around in self._around[name]):
                    if text and start < window.x:
                        held.append((first, frame.y, f" {cut(self.titles[name], last - first - 1)} "))
                    continue
                # Its own border is the first row, where the frame around it has its title.
                first = max(first, min(start, last - 5))
            text = f" {cut(self._whole_title(name), last - first - 1)} "
            end = first + cell_width(text) - 1
            if not any(first <= b and a <= end for a, b in taken):
                taken.append((first, end))
                held.append((first, window.y, text))
        return held

    def _whole_title(self, name: str) -> str:
        """A frame's title after those of the frames around it."""
        titles = [self.titles[f] for f in reversed(self._around[name]) if f in self.titles]
        return " / ".join([*titles, self.titles[name]])

    def _place(self, name: str, frame: Box) -> tuple[int, str]:
        """A title and its place: the first part of the border without lines where it fits, else the widest."""
        if name in self._places:
            return self._places[name]
        at, room = self._lines.free_run(frame.y, frame.x + 1, frame.right - 1, cell_width(self.titles[name]) + 2)
        text = cut(self.titles[name], room - 2)
        self._places[name] = at, f" {text} " if text else ""
        return self._places[name]


def _around(name: str, groups: dict[str, GraphGroup]) -> list[str]:
    found, at = [], groups[name].parent
    while at is not None and at in groups:
        found.append(at)
        at = groups[at].parent
    return found
