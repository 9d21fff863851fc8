"""The line of key hints at the bottom, with reasons for disabled keys.

The hints come from the screen's active bindings (`show=True`). A node may give the reason why an action is disabled
in its method `why_disabled(action) -> str | None`, which is called where `check_action` returned None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct
from textual import events
from textual.binding import ActiveBinding, Binding
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from meshtop.console.widgets.line_widget import LineWidget, wrapped_lines
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, clean, cut
from meshtop.views.frame.table import Tone

_SEPARATOR = " · "
# These are worth more than any other hint: how to learn the rest, and how to leave.
LASTING = ("?", "esc", "q")
FIRST = ("table.choose", "canary.take_out")
"""What a screen is there for."""
ORDER = (
    "table.worst",
    "table.graph",
    "detail.graph",
    "scope.filter",
    "place.next",
    "detail.next",
    "console.what_if",
    "console.describe",
    "console.copy",
    "detail.text",
    "console.command",
    "table.pick_sort",
)
"""Bindings common to many screens, by importance: a screen's own come before them."""
SHARED = ("table", "detail", "place", "scope", "console")
"""Families of bindings (the part of their id before the dot) common to many screens."""
NOTICE_SECONDS = 6.0
MOST_NOTICE_LINES = 4
"""Lines that a notice may take where it is longer than the screen is wide: its end says what to do."""


class KeyHint(Struct, frozen=True):
    """A key, its action's description, and the reason if it is disabled."""

    key: str
    text: str
    off: str | None = None
    press: str = ""


@runtime_checkable
class BindingTeller(Protocol):
    """An app that knows what a screen's keys do without asking of each whether it may be pressed."""

    def shown_bindings(self, screen: Screen[Any]) -> dict[str, ActiveBinding]:
        """What those keys do now of which any binding is meant to be shown."""


def hints_of(screen: Screen[object]) -> list[KeyHint]:
    """The hints of a screen's active bindings, its own before common ones.

    Of several keys for one action the first is shown.
    """
    hints: dict[str, KeyHint] = {}
    ranks: dict[str, int] = {}
    app = screen.app
    for active in (app.shown_bindings(screen) if isinstance(app, BindingTeller) else screen.active_bindings).values():
        binding = active.binding
        if not binding.show or not binding.description or binding.action in hints:
            continue
        off = None
        if not active.enabled:
            why = getattr(active.node, "why_disabled", None)
            off = (why(binding.action.split("(")[0]) if callable(why) else None) or ""
        words = description_of(screen, binding)
        if words is None:
            continue
        hints[binding.action] = KeyHint(screen.app.get_key_display(binding), words, off, binding.key)
        ranks[binding.action] = hint_rank(binding)
    return [hints[action] for action in sorted(hints, key=ranks.__getitem__)]


def hint_rank(binding: Binding) -> int:
    """Sort key of hints: opening first, then the screen's own keys, then common ones by importance."""
    if binding.id in FIRST:
        return -1
    if binding.id in ORDER:
        return ORDER.index(binding.id) + 1
    family = (binding.id or "scope").partition(".")[0]
    return len(ORDER) + 1 if family in SHARED else 0


def description_of(screen: Screen[object], binding: Binding) -> str | None:
    """The text of a key's hint: its binding's description, unless the screen has another; None hides it."""
    say = getattr(screen, "hint_text", None)
    return say(binding.action, binding.description) if callable(say) else binding.description


def hint_line(hints: Sequence[KeyHint], width: int) -> tuple[TextLine, list[tuple[int, int, str]]]:
    """The hints in one line; those that do not fit are dropped from the right, except `?` and `q`."""
    kept = _fitting(hints, width)
    runs: list[TextRun] = []
    spots: list[tuple[int, int, str]] = []
    x = 1
    for number, hint in enumerate(kept):
        if number:
            runs.append(TextRun(x, _SEPARATOR, Tone.DIM))
            x += len(_SEPARATOR)
        start = x
        for text, tone in _words(hint):
            runs.append(TextRun(x, text, tone))
            x += cell_width(text)
        spots.append((start, x, hint.press))
    return TextLine("header", tuple(runs)), spots


def _words(hint: KeyHint) -> Iterable[tuple[str, Tone]]:
    if hint.off is None:
        return (hint.key, Tone.ACCENT), (f" {hint.text}", Tone.DIM)
    reason = f" ({clean(hint.off)})" if hint.off else ""
    return ((f"{hint.key} {hint.text}{reason}", Tone.UNKNOWN),)


def _length(hints: Sequence[KeyHint]) -> int:
    words = sum(cell_width(text) for hint in hints for text, _ in _words(hint))
    return 1 + words + len(_SEPARATOR) * max(0, len(hints) - 1)


def _fitting(hints: Sequence[KeyHint], width: int) -> list[KeyHint]:
    lasting = [hint for hint in hints if hint.key in LASTING]
    kept = [hint for hint in hints if hint.key not in LASTING] + lasting
    if _length(kept) > width:
        kept = [KeyHint(hint.key, hint.text, "" if hint.off else hint.off, hint.press) for hint in kept]
    while len(kept) > len(lasting) and _length(kept) > width:
        kept.pop(len(kept) - len(lasting) - 1)
    return kept


class KeyHints(LineWidget):
    """The hints as a widget; a click presses the key. `say` puts a notice in their place for some seconds."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._spots: list[tuple[int, int, str]] = []
        self._notice: tuple[str, Tone] | None = None
        self._timer: Timer | None = None
        self._lines = 1
        self.position = ""
        """Where the cursor is in the table that has the keyboard (`12/62`), at the right."""

    def on_mount(self) -> None:
        """Follow the screen's bindings."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.draw())

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence instead of the hints for some seconds; an empty one restores the hints."""
        self._notice = (clean(text), tone) if text else None
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(NOTICE_SECONDS, lambda: self.say("")) if text else None
        self._make_room()
        self.draw()

    def on_resize(self) -> None:
        """A notice takes other lines in another width."""
        self._make_room()
        super().on_resize()

    def notice_rows(self, width: int) -> list[str]:
        """The notice in pieces that fit; what is more than some lines is cut."""
        if self._notice is None:
            return []
        rows = wrapped_lines(self._notice[0], max(1, width - 2))
        kept, rest = rows[: MOST_NOTICE_LINES - 1], rows[MOST_NOTICE_LINES - 1 :]
        return [*kept, cut(" ".join(rest), max(1, width - 2))] if rest else kept

    def _make_room(self) -> None:
        """As many lines as the notice needs, one without; the bar around the hints grows with them."""
        lines = max(1, len(self.notice_rows(self.size.width))) if self.size.width else 1
        bar = self.parent
        if lines == self._lines or not isinstance(bar, Widget):
            return
        self._lines = lines
        self.styles.height = bar.styles.height = lines

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The line."""
        if self._notice is not None:
            self._spots = []
            tone = self._notice[1]
            return [TextLine("header", (TextRun(1, row, tone),)) for row in self.notice_rows(width)]
        room = cell_width(self.position) + 2 if self.position else 0
        line, self._spots = hint_line(hints_of(self.screen), width - room)
        if room:
            line = TextLine("header", (*line.runs, TextRun(width - room + 1, self.position, Tone.DIM)))
        return [line]

    def on_click(self, event: events.Click) -> None:
        """Press the key under the mouse."""
        for start, end, key in self._spots:
            if start <= event.x < end:
                self.app.simulate_key(key)
