"""Choosing one of several words: the pages of a place, and a form field with fixed choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, cut
from meshtop.views.frame.table import Tone

MARGIN = 2
GAPS = (3, 2)
"""Cells between two pages, and where that is too much for all of them."""


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
        """Set the pages and the current one."""
        self._names, self._current = names, current
        self.draw()

    def _places(self, width: int) -> list[tuple[int, str]]:
        """Where each page stands in a line of this width, the current one inside of it; others may be left or right."""
        for gap in GAPS:
            places, x = [], MARGIN
            for name in self._names:
                places.append((x, name))
                x += cell_width(name) + gap
            if x - gap <= width:
                return places
        x, current = places[self._current]
        # Room for the sign that there are more.
        more = MARGIN if self._current < len(places) - 1 else 0
        shift = max(0, x + cell_width(current) + more - width)
        return [(x - shift, name) for x, name in places]

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """One line; `‹` and `›` say that there are pages that do not fit."""
        places = self._places(width) if self._names else []
        before = any(x < MARGIN for x, _ in places)
        after = any(x + cell_width(name) > width for x, name in places)
        end = width - MARGIN if after else width
        runs = [
            TextRun(x, name, Tone.ACCENT if index == self._current else Tone.DIM)
            for index, (x, name) in enumerate(places)
            if x >= MARGIN and x + cell_width(name) <= end
        ]
        if before:
            runs.insert(0, TextRun(0, "‹", Tone.DIM))
        if after:
            runs.append(TextRun(width - 1, "›", Tone.DIM))
        return [TextLine("plain", tuple(runs))]

    def told(self) -> None:
        """Nothing: it is a way to go, and says nothing of what is shown."""

    def on_click(self, event: events.Click) -> None:
        """Open the page under the mouse."""
        for index, (x, name) in enumerate(self._places(self.size.width)):
            if x <= event.x < x + cell_width(name):
                self.post_message(self.Chosen(index))


class Choice(LineWidget, can_focus=True):
    """The chosen word between arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "turn(-1)", "choose", id="choice.before", show=False),
        Binding("right,l,space", "turn(1)", "choose", id="choice.after", show=False),
    ]

    class Changed(Message):
        """Message: another word was chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, words: Sequence[str], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.words = tuple(words)
        self._value = self.words[0]

    @property
    def value(self) -> str:
        """The word."""
        return self._value

    @value.setter
    def value(self, word: str) -> None:
        self._value = word
        self.draw()

    def action_turn(self, step: int) -> None:
        """Choose the next word, or the one before."""
        self.value = self.words[(self.words.index(self._value) + step) % len(self.words)]
        self.post_message(self.Changed(self))

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The line."""
        tone = Tone.ACCENT if self.has_focus else Tone.DIM
        shown = cut(self._value, max(0, width - 4))
        runs = (TextRun(0, "‹ ", tone), TextRun(2, shown, Tone.STRONG), TextRun(2 + len(shown), " ›", tone))
        return [TextLine("cursor" if self.has_focus else "plain", runs)]

    def on_focus(self) -> None:
        """Redraw with the focus."""
        self.draw()

    def on_blur(self) -> None:
        """Redraw without the focus."""
        self.draw()

    def on_click(self, event: events.Click) -> None:
        """A click chooses the next word."""
        self.action_turn(1)
