"""Lines of text with tones, their styles, and differences between two states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.css.model import RuleSet
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
    if old is new or old == new:
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


@runtime_checkable
class ClassStyler(Protocol):
    """An app that knows what its stylesheets say of a class inside a widget."""

    def style_of_class(self, widget: Widget, name: str) -> Style:
        """The style, without what is inherited."""


_Parsed = list[RuleSet]
_shared: WeakKeyDictionary[App[object], tuple[_Parsed, dict[tuple[type[Widget], str], Style]]] = WeakKeyDictionary()
"""What each app's stylesheets say of these classes in each widget class, and the rules that say so."""


def _shared_style(widget: Widget, name: str) -> Style:
    """The style of a class in a widget class, looked up once until the stylesheets are parsed again."""
    rules = widget.app.stylesheet.rules
    held = _shared.get(widget.app)
    if held is None or held[0] is not rules:
        held = _shared[widget.app] = (rules, {})
    style = held[1].get((type(widget), name))
    if style is None:
        app = widget.app
        style = app.style_of_class(widget, name) if isinstance(app, ClassStyler) else Style.null()
        held[1][type(widget), name] = style
    return style


class LineStyles:
    """Styles of the classes `tone--…` and `ground--…` in a widget, looked up once per theme.

    These are no component classes of Textual's: of those each widget would keep a node for every tone, fifteen for a
    widget that uses three, and make all of them again whenever the focus moves.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[tuple[str, str], Style] = {}
        self._rules: _Parsed | None = None

    def clear(self) -> None:
        """Clear the cache; with another theme everything is drawn again."""
        self._styles.clear()
        if self._rules is not None and self._rules is not self._widget.app.stylesheet.rules:
            self._rules = None
            self._widget.refresh()

    def style(self, ground: str, tone: str) -> Style:
        """The style of a tone on a ground; on a reversed cursor line the ground alone decides."""
        found = self._styles.get((ground, tone))
        if found is None:
            widget = self._widget
            self._rules = widget.app.stylesheet.rules
            found = widget.rich_style
            if ground != "plain":
                found += _shared_style(widget, f"ground--{ground}")
            if tone != Tone.PLAIN and not (ground == "cursor" and found.reverse):
                found += _shared_style(widget, f"tone--{tone}")
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
