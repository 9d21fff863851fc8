"""A widget that is a few lines of text and tones, of which a refresh draws only what differs."""

from __future__ import annotations

from textual.strip import Strip
from textual.widget import Widget

from meshtop.console.widgets.line_styles import TONE_CLASSES, LineStyles
from meshtop.console.widgets.table_frame import Line, changed_regions

_BLANK = Line("plain", ())


class LineWidget(Widget):
    """Subclasses give their lines in `work_out`, and call `draw` when these may have changed."""

    COMPONENT_CLASSES = TONE_CLASSES

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._drawn: list[Line] = []
        self._tone_styles = LineStyles(self)

    def work_out(self, width: int, height: int) -> list[Line]:
        """The lines for this size."""
        raise NotImplementedError

    def draw(self) -> None:
        """Work the lines out, and ask Textual to draw again only what differs."""
        size = self.size
        if not self.is_mounted or not size.width or not size.height:
            return
        old, new = self._drawn, self.work_out(size.width, size.height)
        self._drawn = new
        regions = changed_regions(old, new, size.width)
        if regions is None:
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def on_resize(self) -> None:
        """Another size has other lines."""
        self._drawn = []
        self.draw()

    def notify_style_update(self) -> None:
        """Another theme has other styles."""
        super().notify_style_update()
        self._tone_styles.clear()

    def render_line(self, y: int) -> Strip:
        """A drawn line."""
        line = self._drawn[y] if y < len(self._drawn) else _BLANK
        return self._tone_styles.strip(line, self.size.width)
