"""Lines of text with tones, their styles, and differences between two states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from meshtop.model.text import cell_width
from meshtop.views.frame.table import Tone


class TextRun(Struct, frozen=True, gc=False):
    """Text of an exact width at a place, in one tone."""

    x: int
    text: str
    tone: Tone


class TextLine(Struct, frozen=True):
    """One drawn line: its runs, and its background (`plain`, `hover`, `cursor`, `resting`, `header`)."""

    ground: str
    runs: tuple[TextRun, ...]


def changed_span(old: TextLine, new: TextLine, width: int) -> tuple[int, int] | None:
    """The cells from the first to past the last that differ between two lines; None where none do."""
    if old == new:
        return None
    if old.ground != new.ground or [run.x for run in old.runs] != [run.x for run in new.runs]:
        return 0, width
    differ = [(a, b) for a, b in zip(old.runs, new.runs, strict=True) if a != b]
    return differ[0][1].x, max(run.x + cell_width(run.text) for pair in differ for run in pair)


def changed_regions(old: Sequence[TextLine], new: Sequence[TextLine], width: int) -> list[Region] | None:
    """The regions in which lines differ, at most one for each line; None where everything must be drawn."""
    if len(old) != len(new):
        return None
    spans = [(y, changed_span(a, b, width)) for y, (a, b) in enumerate(zip(old, new, strict=True))]
    return [Region(span[0], y, span[1] - span[0], 1) for y, span in spans if span is not None]


_GROUNDS = ("plain", "hover", "cursor", "resting", "header")
TONE_CLASSES: set[str] = {f"tone--{tone}" for tone in Tone} | {f"ground--{ground}" for ground in _GROUNDS}


class LineStyles:
    """Styles of a widget's component classes `tone--…` and `ground--…`, looked up once per theme."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[tuple[str, str], Style] = {}

    def clear(self) -> None:
        """Clear the cache."""
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

    def strip(self, line: TextLine, width: int) -> Strip:
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
