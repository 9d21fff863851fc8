"""Text and tones longer than the screen, to scroll through: help, details, explanations."""

from __future__ import annotations

from collections.abc import Callable

from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from meshtop.console.widgets.line_styles import TONE_CLASSES, LineStyles
from meshtop.console.widgets.table_frame import Line

_BLANK = Line("plain", ())


class LineView(ScrollView, can_focus=True):
    """Lines made for a width: `show(lambda width: [...])` is asked again whenever the width changes."""

    COMPONENT_CLASSES = TONE_CLASSES
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
        make: Callable[[int], list[Line]] | None = None,
        *,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._make = make
        self._text_lines: list[Line] = []
        self._tone_styles = LineStyles(self)

    def show(self, make: Callable[[int], list[Line]]) -> None:
        """Show another text; the place scrolled to stays."""
        self._make = make
        self.on_resize()

    def on_resize(self) -> None:
        """Make the lines for the width."""
        width = self.scrollable_content_region.width
        lines = [] if self._make is None or not width else self._make(width)
        if lines == self._text_lines:
            return
        self._text_lines = lines
        if self.virtual_size.height != len(lines):
            self.virtual_size = Size(0, len(lines))
        self.refresh()

    def notify_style_update(self) -> None:
        """Another theme has other styles."""
        super().notify_style_update()
        self._tone_styles.clear()

    def render_line(self, y: int) -> Strip:
        """A line of what is scrolled to."""
        index = self.scroll_offset.y + y
        line = self._text_lines[index] if index < len(self._text_lines) else _BLANK
        return self._tone_styles.strip(line, self.scrollable_content_region.width)
