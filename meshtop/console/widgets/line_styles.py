"""Tones and grounds as the styles of a widget's stylesheet, and lines as strips."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from meshtop.console.widgets.table_frame import Line
from meshtop.model.text import cell_width
from meshtop.views.frame.table import Tone

_GROUNDS = ("plain", "hover", "cursor", "resting", "header")
TONE_CLASSES: set[str] = {f"tone--{tone}" for tone in Tone} | {f"ground--{ground}" for ground in _GROUNDS}


class LineStyles:
    """Looks the component classes `tone--…` and `ground--…` of a widget up once for each theme."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[tuple[str, str], Style] = {}

    def clear(self) -> None:
        """Look everything up again."""
        self._styles.clear()

    def style(self, ground: str, tone: str) -> Style:
        """The style of a tone on a ground; on a reversed cursor line the ground alone decides."""
        found = self._styles.get((ground, tone))
        if found is None:
            widget = self._widget
            found = widget.rich_style
            if ground != "plain":
                found += widget.get_component_rich_style(f"ground--{ground}", partial=True)
            if tone != Tone.PLAIN and not (ground == "cursor" and found.reverse):
                found += widget.get_component_rich_style(f"tone--{tone}", partial=True)
            self._styles[ground, tone] = found
        return found

    def strip(self, line: Line, width: int) -> Strip:
        """A line as a strip of exactly `width` cells."""
        blank = self.style(line.ground, Tone.PLAIN)
        segments: list[Segment] = []
        x = 0
        for run in line.runs:
            if run.x > x:
                segments.append(Segment(" " * (run.x - x), blank))
            segments.append(Segment(run.text, self.style(line.ground, run.tone)))
            x = run.x + cell_width(run.text)
        if x < width:
            segments.append(Segment(" " * (width - x), blank))
        strip = Strip(segments, max(x, width))
        return strip.crop(0, width) if x > width else strip
