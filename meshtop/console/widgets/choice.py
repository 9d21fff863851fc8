"""One of a few words, changed by the arrow keys or a click: a field in which nothing wrong can be said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.table_frame import Line, Run
from meshtop.model.text import cut
from meshtop.views.frame.table import Tone


class Choice(LineWidget, can_focus=True):
    """The word that is chosen, between the signs that say that there are others."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "turn(-1)", "choose", id="choice.before", show=False),
        Binding("right,l,space", "turn(1)", "choose", id="choice.after", show=False),
    ]

    class Changed(Message):
        """Another word is chosen."""

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

    def work_out(self, width: int, height: int) -> list[Line]:
        """The line."""
        tone = Tone.ACCENT if self.has_focus else Tone.DIM
        shown = cut(self._value, max(0, width - 4))
        runs = (Run(0, "‹ ", tone), Run(2, shown, Tone.STRONG), Run(2 + len(shown), " ›", tone))
        return [Line("cursor" if self.has_focus else "plain", runs)]

    def on_focus(self) -> None:
        """The signs say who has the keyboard."""
        self.draw()

    def on_blur(self) -> None:
        """The same."""
        self.draw()

    def on_click(self, event: events.Click) -> None:
        """A click chooses the next word."""
        self.action_turn(1)
