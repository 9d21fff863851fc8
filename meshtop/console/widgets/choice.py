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
        """Set the pages and the current one."""
        self._names, self._current = names, current
        self.draw()

    def _places(self) -> list[tuple[int, str]]:
        places, x = [], MARGIN
        for name in self._names:
            places.append((x, name))
            x += cell_width(name) + GAP
        return places

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """One line; pages that do not fit are left out from the end, except the current one."""
        places = self._places()
        current_end = places[self._current][0] + cell_width(places[self._current][1]) if places else 0
        shift = max(0, current_end - width + MARGIN)
        runs = [
            TextRun(x - shift, name, Tone.ACCENT if index == self._current else Tone.DIM)
            for index, (x, name) in enumerate(places)
            if x - shift >= 0 and x - shift + cell_width(name) <= width
        ]
        return [TextLine("plain", tuple(runs))]

    def told(self) -> None:
        """Nothing: it is a way to go, and says nothing of what is shown."""

    def on_click(self, event: events.Click) -> None:
        """Open the page under the mouse."""
        for index, (x, name) in enumerate(self._places()):
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
