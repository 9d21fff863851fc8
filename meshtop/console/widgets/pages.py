"""The line that names the pages tab goes through, the current one marked."""

from __future__ import annotations

from textual import events
from textual.message import Message

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.table_frame import Line, Run
from meshtop.model.text import cell_width
from meshtop.views.frame.table import Tone

MARGIN = 2
GAP = 3


class Pages(LineWidget):
    """Names in a line; a click on one posts `Chosen`."""

    class Chosen(Message):
        """A page was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._names: tuple[str, ...] = ()
        self._current = 0

    def show(self, names: tuple[str, ...], current: int) -> None:
        """Name other pages, or mark another one."""
        self._names, self._current = names, current
        self.draw()

    def _places(self) -> list[tuple[int, str]]:
        places, x = [], MARGIN
        for name in self._names:
            places.append((x, name))
            x += cell_width(name) + GAP
        return places

    def work_out(self, width: int, height: int) -> list[Line]:
        """One line; pages that have no room are left out from the end, but never the current one."""
        places = self._places()
        current_end = places[self._current][0] + cell_width(places[self._current][1]) if places else 0
        shift = max(0, current_end - width + MARGIN)
        runs = [
            Run(x - shift, name, Tone.ACCENT if index == self._current else Tone.DIM)
            for index, (x, name) in enumerate(places)
            if x - shift >= 0 and x - shift + cell_width(name) <= width
        ]
        return [Line("plain", tuple(runs))]

    def on_click(self, event: events.Click) -> None:
        """Open the page under the mouse."""
        for index, (x, name) in enumerate(self._places()):
            if x <= event.x < x + cell_width(name):
                self.post_message(self.Chosen(index))
