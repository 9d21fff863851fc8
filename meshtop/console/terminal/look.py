"""The look on the terminal: colour or none, Unicode or ASCII."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from meshtop.console.themes import PLAIN_THEME, find_theme
from meshtop.model.text import to_ascii

ColorChoice = Literal["auto", "always", "never"]


class Look(Struct, frozen=True):
    """How the console draws: the theme's registered name, whether colour is allowed, whether signs are ASCII."""

    theme: str
    colour: bool = True
    ascii: bool = False


def decide_look(
    environ: Mapping[str, str], *, color: ColorChoice = "auto", theme: str | None = None, ascii_only: bool = False
) -> Look:
    """The look for flags and environment: `--color` beats NO_COLOR (set and not empty, no-color.org).

    Without colour the theme is the ANSI one: a truecolor theme would still send its greys.
    Raises ValueError where the theme does not exist.
    """
    wanted = find_theme(theme)
    colour = color == "always" or (color == "auto" and not environ.get("NO_COLOR"))
    return Look(theme=wanted if colour else PLAIN_THEME, colour=colour, ascii=ascii_only)


class AsciiFilter(LineFilter):
    """Converts all drawn text to ASCII, cell by cell, so that widgets need not handle `--ascii`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Drawn segments in ASCII, cell for cell."""
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]
