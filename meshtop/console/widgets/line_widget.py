"""Base classes of widgets made of lines: fixed, scrollable, and cells side by side; only changes are redrawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from meshtop.console.guarded import Guarded, survived
from meshtop.console.widgets.lines import LineStyles, TextLine, TextRun, changed_regions
from meshtop.console.widgets.told import Told, ToldLines, written_line
from meshtop.model.text import cell_width, cut, graphemes
from meshtop.views.frame.table import Cell, Tone

_BLANK = TextLine("plain", ())


class LineWidget(Guarded, Widget):
    """Subclasses give their lines in `make_lines`, and call `draw` when these may have changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._drawn: list[TextLine] = []
        self._drawn_size = Size(0, 0)
        self._tone_styles = LineStyles(self)

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The lines for this size."""
        raise NotImplementedError

    def draw(self) -> None:
        """Compute the lines, and let Textual redraw only what differs."""
        size = self.size
        if not self.is_mounted or not size.width or not size.height:
            return
        old, new = self._drawn, self.make_lines(size.width, size.height)
        regions = changed_regions(old, new, size.width) if size == self._drawn_size else None
        self._drawn, self._drawn_size = new, size
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def told(self) -> Told | None:
        """What it tells to be copied: what is drawn, unless it says it otherwise."""
        return ToldLines(tuple(written_line(line) for line in self._drawn))

    def on_resize(self) -> None:
        """Compute the lines for another size."""
        self.draw()

    def _draw_at_once(self) -> None:
        """Compute the lines for a size of which the widget is yet to be told: else its first frame would be blank."""
        size = self.size
        if size and size != self._drawn_size and self.is_mounted:
            self._drawn, self._drawn_size = [], size
            try:
                self._drawn = self.make_lines(size.width, size.height)
            except Exception as error:
                if not survived(self, error):
                    raise

    def notify_style_update(self) -> None:
        """Redraw with the styles of another theme."""
        super().notify_style_update()
        self._tone_styles.clear()

    def render_line(self, y: int) -> Strip:
        """A drawn line."""
        self._draw_at_once()
        line = self._drawn[y] if y < len(self._drawn) else _BLANK
        return self._tone_styles.strip(line, self.size.width)


class LineView(Guarded, ScrollView, can_focus=True):
    """Lines made for a width: `show(lambda width: [...])` is asked again whenever the width changes."""

    BINDINGS = [  # noqa: RUF012  # Textual's own declaration is no ClassVar
        Binding("j,down", "scroll_down", "line down", id="text.down", show=False),
        Binding("k,up", "scroll_up", "line up", id="text.up", show=False),
        Binding("home", "scroll_home", "beginning", id="text.top", show=False),
        Binding("G,end", "scroll_end", "end", id="text.bottom", show=False),
        Binding("ctrl+f,pagedown,space", "page_down", "next page", id="text.page_down", show=False),
        Binding("ctrl+b,pageup", "page_up", "previous page", id="text.page_up", show=False),
    ]

    def __init__(
        self,
        make: Callable[[int], list[TextLine]] | None = None,
        *,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._make = make
        self._text_lines: list[TextLine] = []
        self._tone_styles = LineStyles(self)

    def show(self, make: Callable[[int], list[TextLine]]) -> None:
        """Show another text, keeping the scroll position."""
        self._make = make
        self.on_resize()

    def let_go(self) -> None:
        """The screen is closed: what lines would be made of is somebody else's."""
        self._make, self._text_lines = None, []

    def on_resize(self) -> None:
        """Make the lines for the width."""
        width = self.scrollable_content_region.width
        lines = [] if self._make is None or not width else self._make(width)
        if lines == self._text_lines:
            return
        before, self._text_lines = self._text_lines, lines
        if self.virtual_size.height != len(lines):
            self.virtual_size = Size(0, len(lines))
        self._refresh_changed(before, width)

    def _refresh_changed(self, before: list[TextLine], width: int) -> None:
        """Let Textual redraw, of the lines in sight, those that differ."""
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        old, new = _in_sight(before, top, height), _in_sight(self._text_lines, top, height)
        regions = changed_regions(old, new, width)
        if regions:
            self.refresh(*regions)

    def told(self) -> Told | None:
        """All of the text, also what is scrolled out of sight."""
        return ToldLines(tuple(written_line(line) for line in self._text_lines))

    def notify_style_update(self) -> None:
        """Redraw with the styles of another theme."""
        super().notify_style_update()
        self._tone_styles.clear()

    def render_line(self, y: int) -> Strip:
        """A visible line."""
        index = self.scroll_offset.y + y
        line = self._text_lines[index] if index < len(self._text_lines) else _BLANK
        return self._tone_styles.strip(line, self.scrollable_content_region.width)


def _in_sight(lines: list[TextLine], top: int, height: int) -> list[TextLine]:
    """The lines of a window, blank ones where there is no text."""
    shown = lines[top : top + height]
    return shown + [_BLANK] * (height - len(shown))


def wrapped_lines(text: str, width: int) -> list[str]:
    """A text in pieces that fit a width, nothing left out: at blanks where there are some, else anywhere."""
    if width <= 0 or cell_width(text) <= width:
        return [text]
    pieces: list[str] = []
    line, taken = "", 0
    for sign, cells in graphemes(text):
        if taken + cells > width:
            blank = line.rstrip().rfind(" ")
            end = blank + 1 if blank > len(line) // 2 else len(line)
            pieces.append(line[:end].rstrip())
            line = line[end:]
            taken = cell_width(line)
        line, taken = line + sign, taken + cells
    return [*pieces, line]


class SentenceLine(LineWidget):
    """One sentence that is shown while there is one."""

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self.sentence = ""

    def show(self, sentence: str) -> None:
        """Show another sentence; an empty one takes the line away."""
        self.sentence = sentence
        self.display = bool(sentence)
        self.draw()

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The sentence, cut where it does not fit."""
        return [TextLine("plain", (TextRun(1, cut(self.sentence, max(0, width - 2)), Tone.FAILING),))]


_START, _GAP, _LEAST = 2, 2, 6


class CellsLine(LineWidget):
    """A line of cells side by side, of which the last is cut if it does not fit."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._cells: tuple[Cell, ...] = ()

    def show(self, cells: Sequence[Cell]) -> None:
        """Show other cells."""
        self._cells = tuple(cells)
        self.draw()

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The line."""
        runs: list[TextRun] = []
        x = _START
        for cell in self._cells:
            room = width - x - 1
            if room < min(_LEAST, cell_width(cell.text)):
                break
            text = cut(cell.text, room)
            runs.append(TextRun(x, text, cell.tone))
            x += cell_width(text) + _GAP
        return [TextLine("plain", tuple(runs))]
