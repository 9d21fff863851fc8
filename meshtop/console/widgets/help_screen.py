"""The help (`?`): a screen's keys, and the meaning of its columns.

Usage::

    help = Help("Workloads", keys=keys_of(screen).own, columns=tuple((c.title, c.help) for c in columns))
    self.app.push_screen(HelpScreen(help))
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct, structs
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from meshtop.console.widgets.key_hints import description_of, hint_rank
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, clean, cut, fit
from meshtop.views.frame.table import Tone

_MARGIN = 2


_TWO_COLUMNS = 70
"""Width in cells from which keys are in two columns."""
_MOVING = frozenset(
    {
        *("row_down", "row_up", "first_row", "last_row", "page_forward", "page_back", "half_forward", "half_back"),
        *("columns_left", "columns_right", "down", "up", "top", "bottom", "page_down", "page_up"),
    }
)
_EVERYWHERE = ("go", "console", "scope", "time")

Pairs = tuple[tuple[str, str], ...]


class HelpText(Struct, frozen=True):
    """A screen's help: its purpose, and pairs of a term and its meaning.

    `keys` are the screen's own keys, `moving` those for navigation, `everywhere` the global ones.
    """

    title: str
    about: str = ""
    keys: Pairs = ()
    columns: Pairs = ()
    moving: Pairs = ()
    everywhere: Pairs = ()
    commands: Pairs = ()
    signs: Pairs = (
        ("▲", "degraded"),
        ("✗", "failing, or broken"),
        ("~", "worth knowing, or read in part"),
        ("?", "not known, or stale"),
        ("–", "no value; a 0 is a zero"),
    )


class KeyGroups(Struct, frozen=True):
    """The keys of a screen: its own, those for navigation, and the global ones."""

    own: Pairs
    moving: Pairs
    everywhere: Pairs


def key_groups(screen: Screen[object]) -> KeyGroups:
    """All active keys of a screen, grouped by action; its own in the order of the hints.

    Only bindings with an id are included: those are meshtop's own, which settings can rebind.
    """
    found: dict[tuple[str, str], list[str]] = {}
    ranked: dict[tuple[str, str], tuple[str, int]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        words = description_of(screen, binding) or binding.description
        if words and binding.id and not binding.system:
            keys = found.setdefault((binding.action, words), [])
            ranked[binding.action, words] = (_group(binding.id), hint_rank(binding))
            display = screen.app.get_key_display(binding)
            if display not in keys:
                keys.append(display)

    def group(name: str) -> Pairs:
        those = [one for one in found if ranked[one][0] == name]
        if name == "own":
            those.sort(key=lambda one: ranked[one][1])
        return tuple((" ".join(found[one]), one[1]) for one in those)

    return KeyGroups(group("own"), group("moving"), group("everywhere"))


def _group(identity: str) -> str:
    family, _, name = identity.partition(".")
    if family in ("table", "text") and name in _MOVING:
        return "moving"
    return "everywhere" if family in _EVERYWHERE else "own"


def help_lines(help_: HelpText, width: int) -> list[TextLine]:
    """The help in lines of at most `width` cells."""
    lines = [TextLine("plain", (TextRun(_MARGIN, cut(help_.title, max(0, width - _MARGIN)), Tone.STRONG),))]
    lines += [
        TextLine("plain", (TextRun(_MARGIN, cut(piece, max(0, width - _MARGIN)), Tone.PLAIN),))
        for piece in textwrap.wrap(clean(help_.about), max(10, width - 2 * _MARGIN))
    ]
    parts = (
        ("HERE", help_.keys),
        ("COLUMNS", help_.columns),
        ("SIGNS", help_.signs),
        ("GETTING ABOUT", help_.moving),
        ("EVERYWHERE", help_.everywhere),
        ("COMMANDS", help_.commands),
    )
    for title, pairs in parts:
        if pairs:
            lines += [TextLine("plain", ()), TextLine("plain", (TextRun(_MARGIN, title, Tone.DIM),))]
            lines += _side_by_side(pairs, width) or _pairs(pairs, _left(pairs, width), width)
    return lines


def _left(pairs: Pairs, width: int) -> int:
    return min(max(cell_width(clean(term)) for term, _ in pairs), max(4, width // 3))


def _side_by_side(pairs: Pairs, width: int) -> list[TextLine]:
    """Pairs in two columns, read downwards; empty if one is too long for that."""
    half = width // 2
    left = _left(pairs, half)
    room = half - left - 2 * _MARGIN
    if width < _TWO_COLUMNS or any(cell_width(clean(meaning)) > room for _, meaning in pairs):
        return []
    rows = (len(pairs) + 1) // 2
    lines = []
    for row in range(rows):
        runs: list[TextRun] = []
        for x, index in ((0, row), (half, row + rows)):
            if index < len(pairs):
                term, meaning = pairs[index]
                runs.append(TextRun(x + _MARGIN, fit(clean(term), left), Tone.ACCENT))
                runs.append(TextRun(x + 2 * _MARGIN + left, cut(clean(meaning), room), Tone.PLAIN))
        lines.append(TextLine("plain", tuple(runs)))
    return lines


def _pairs(pairs: Sequence[tuple[str, str]], left: int, width: int) -> list[TextLine]:
    room = max(8, width - left - 3 * _MARGIN)
    lines: list[TextLine] = []
    for term, meaning in pairs:
        pieces = textwrap.wrap(clean(meaning), room) or [""]
        for number, piece in enumerate(pieces):
            shown = fit(term if number == 0 else "", left)
            text = cut(piece, max(0, width - left - 2 * _MARGIN))
            lines.append(
                TextLine("plain", (TextRun(_MARGIN, shown, Tone.ACCENT), TextRun(2 * _MARGIN + left, text, Tone.PLAIN)))
            )
    return lines


def found_in(help_: HelpText, sought: str) -> HelpText:
    """The help with only those keys, columns, signs and commands in which something stands; all for an empty text."""
    words = sought.lower().split()
    if not words:
        return help_

    def those(pairs: Pairs) -> Pairs:
        return tuple(pair for pair in pairs if all(word in " ".join(pair).lower() for word in words))

    return structs.replace(
        help_,
        about="",
        keys=those(help_.keys),
        columns=those(help_.columns),
        signs=those(help_.signs),
        moving=those(help_.moving),
        everywhere=those(help_.everywhere),
        commands=those(help_.commands),
    )


class HelpScreen(ModalScreen[None]):
    """The help over its screen; `/` searches in it, `?`, esc and q close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q", "dismiss", "back", id="help.back", show=False),
        Binding("escape", "leave", "back", id="help.leave", show=False),
        Binding("slash", "search", "search", id="help.search", show=False),
    ]

    def __init__(self, help_: HelpText) -> None:
        super().__init__()
        self._help_text = help_
        self._sought = ""

    def compose(self) -> ComposeResult:
        """One scrolled text, and a line to search in it."""
        with Vertical(id="help-frame"):
            yield LineView(self._lines, id="help")
            line = Input(compact=True, placeholder="/ searches", id="help-search")
            line.cursor_blink = False
            yield line

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(LineView).focus()

    def _lines(self, width: int) -> list[TextLine]:
        found = found_in(self._help_text, self._sought)
        lines = help_lines(found, width)
        if self._sought and len(lines) == 1:
            lines.append(TextLine("plain", (TextRun(_MARGIN, "Nothing here says that.", Tone.DIM),)))
        return lines

    def action_search(self) -> None:
        """Type what to look for."""
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._sought = event.value
        view = self.query_one(LineView)
        view.show(self._lines)
        view.scroll_home(animate=False)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(LineView).focus()

    def action_leave(self) -> None:
        """Leave the search, else the help."""
        line = self.query_one(Input)
        if line.value or line.has_focus:
            line.value = ""
            self.query_one(LineView).focus()
        else:
            self.dismiss()
