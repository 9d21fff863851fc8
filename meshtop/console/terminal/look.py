"""The look on the terminal: colour or none, Unicode or ASCII."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Literal

from msgspec import Struct
from rich.console import Console
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from meshtop.console.themes import PLAIN_THEME, find_theme
from meshtop.console.widgets.plot_memory import PlotStyle
from meshtop.model.text import to_ascii

ColorChoice = Literal["auto", "always", "never"]
PlotChoice = Literal["auto", "braille", "blocks"]
WITHOUT_BRAILLE = frozenset({"linux", "vt100", "vt220", "cons25", "wsvt25"})
"""Values of TERM for consoles of the kernel, and for terminals of their age."""


class Look(Struct, frozen=True):
    """How the console draws: the theme's registered name, whether colour is allowed, whether signs are ASCII.

    `plots` is what plots are drawn with, unless everything is ASCII.
    """

    theme: str
    colour: bool = True
    ascii: bool = False
    plots: PlotStyle = "braille"


def decide_look(
    environ: Mapping[str, str],
    *,
    color: ColorChoice = "auto",
    theme: str | None = None,
    ascii_only: bool | None = None,
    plots: PlotChoice = "auto",
) -> Look:
    """The look for flags and environment: `--color` beats NO_COLOR (set and not empty, no-color.org).

    Without colour, or with sixteen of them, the theme is the ANSI one: a truecolor theme would still send its greys,
    and the nearest of sixteen to an amber is a brown. `ascii_only` None leaves that to the locale.
    A terminal does not tell which signs its font has; of those without a window it is known that they lack braille.
    Raises ValueError where the theme does not exist.
    """
    wanted = find_theme(theme)
    colour = color == "always" or (color == "auto" and not environ.get("NO_COLOR"))
    without_braille = environ.get("TERM", "").partition("-")[0] in WITHOUT_BRAILLE
    drawn: PlotStyle = ("blocks" if without_braille else "braille") if plots == "auto" else plots
    ascii_ = not_unicode(environ) if ascii_only is None else ascii_only
    wanted = wanted if colour and not has_few_colours(environ) else PLAIN_THEME
    return Look(theme=wanted, colour=colour, ascii=ascii_, plots=drawn)


def has_few_colours(environ: Mapping[str, str]) -> bool:
    """Whether a terminal says that it has eight or sixteen colours: by COLORTERM and TERM, as Rich reads them.

    TEXTUAL_COLOR_SYSTEM, where it is set, says what is sent whatever the terminal says.
    """
    told = environ.get("TEXTUAL_COLOR_SYSTEM", "auto")
    if told != "auto":
        return told == "standard"
    return (
        bool(environ.get("TERM"))
        and Console(force_terminal=True, _environ=environ, file=StringIO()).color_system == "standard"
    )


def not_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the locale has another encoding than UTF-8 (the first of LC_ALL, LC_CTYPE and LANG that is set: POSIX).

    Where none is set nobody said anything: in containers that is so on terminals that show everything.
    """
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return bool(locale) and "utf8" not in locale.lower().replace("-", "")


class AsciiFilter(LineFilter):
    """Converts all drawn text to ASCII, cell by cell, so that widgets need not handle `--ascii`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Drawn segments in ASCII, cell for cell."""
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]
