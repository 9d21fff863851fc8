"""`?`: this screen's keys, and what each of its columns means.

Usage::

    help = Help("Workloads", keys=keys_of(screen), columns=tuple((c.title, c.help) for c in columns))
    self.app.push_screen(HelpScreen(help))
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen, Screen

from meshtop.console.text import cell_width, clean, cut, fit
from meshtop.console.widgets.line_view import LineView
from meshtop.console.widgets.table_frame import Line, Run
from meshtop.views.table import Tone

_MARGIN = 2


class Help(Struct, frozen=True):
    """A screen's help: what it is for, pairs of key and effect, pairs of column title and meaning."""

    title: str
    about: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    signs: tuple[tuple[str, str], ...] = (
        ("▲", "degraded"),
        ("✗", "failing, or broken"),
        ("~", "drifting or partial"),
        ("?", "not known, or stale"),
        ("–", "no value; a 0 is a zero"),
    )


def keys_of(screen: Screen[object]) -> tuple[tuple[str, str], ...]:
    """Every key that does something on a screen, keys of one action together, in the order of their bindings.

    Only bindings with an id count: those are meshtop's own, and the ones that settings can rebind.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.description and binding.id and not binding.system:
            keys = found.setdefault((binding.action, binding.description), [])
            display = screen.app.get_key_display(binding)
            if display not in keys:
                keys.append(display)
    return tuple((" ".join(keys), description) for (_, description), keys in found.items())


def help_lines(help_: Help, width: int) -> list[Line]:
    """The help in lines of at most `width` cells."""
    lines = [Line("plain", (Run(_MARGIN, cut(help_.title, max(0, width - _MARGIN)), Tone.STRONG),))]
    lines += [
        Line("plain", (Run(_MARGIN, cut(piece, max(0, width - _MARGIN)), Tone.PLAIN),))
        for piece in textwrap.wrap(clean(help_.about), max(10, width - 2 * _MARGIN))
    ]
    terms = [term for pairs in (help_.keys, help_.columns, help_.signs) for term, _ in pairs]
    left = min(max((cell_width(clean(term)) for term in terms), default=0), max(4, width // 3))
    for title, pairs in (("KEYS", help_.keys), ("COLUMNS", help_.columns), ("SIGNS", help_.signs)):
        if pairs:
            lines += [Line("plain", ()), Line("plain", (Run(_MARGIN, title, Tone.DIM),))]
            lines += _pairs(pairs, left, width)
    return lines


def _pairs(pairs: Sequence[tuple[str, str]], left: int, width: int) -> list[Line]:
    room = max(8, width - left - 3 * _MARGIN)
    lines: list[Line] = []
    for term, meaning in pairs:
        pieces = textwrap.wrap(clean(meaning), room) or [""]
        for number, piece in enumerate(pieces):
            shown = fit(term if number == 0 else "", left)
            text = cut(piece, max(0, width - left - 2 * _MARGIN))
            lines.append(Line("plain", (Run(_MARGIN, shown, Tone.ACCENT), Run(2 * _MARGIN + left, text, Tone.PLAIN))))
    return lines


class HelpScreen(ModalScreen[None]):
    """The help over the screen that it explains; any of `?`, esc and q goes back."""

    BINDINGS = [Binding("question_mark,escape,q", "dismiss", "back", id="help.back", show=False)]  # noqa: RUF012

    def __init__(self, help_: Help) -> None:
        super().__init__()
        self._help_text = help_

    def compose(self) -> ComposeResult:
        """One scrolled text."""
        yield LineView(lambda width: help_lines(self._help_text, width), id="help")
