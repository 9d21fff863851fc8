"""Frames as cells: the character and pen at each place."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from meshtop.model.text import graphemes


class Pen(NamedTuple):
    """The style of a cell as SGR parameters; empty strings are the terminal's defaults."""

    attributes: str = ""
    foreground: str = ""
    background: str = ""
    link: str = ""


class ScreenCell(NamedTuple):
    """One place of the screen; the second half of a wide character holds an empty text."""

    text: str
    pen: Pen


DEFAULT_PEN = Pen()
_MOST_TEXTS = 2048
"""A screen has some hundred texts at a time. Figures change for as long as they are looked at: of 8,192 texts, each of
whose characters was an object of its own, a console held 20 MB after two hours."""
_MOST_PENS = 512
_MOST_CELLS = 2048
"""So many characters are kept of each pen."""
# Latin, arrows, box drawing, blocks, shapes and braille: one cell each, and no marks that join their neighbours.
_PLAIN = frozenset(
    chr(code)
    for first, last in (
        (0x20, 0x7F),
        (0xA0, 0x300),
        (0x2010, 0x2028),
        (0x2190, 0x2200),
        (0x2500, 0x25FD),
        (0x2800, 0x2900),
    )
    for code in range(first, last)
) | frozenset("…✓✗")
_ATTRIBUTES = (
    ("bold", "1"),
    ("dim", "2"),
    ("italic", "3"),
    ("underline", "4"),
    ("blink", "5"),
    ("blink2", "6"),
    ("reverse", "7"),
    ("conceal", "8"),
    ("strike", "9"),
    ("underline2", "21"),
    ("frame", "51"),
    ("encircle", "52"),
    ("overline", "53"),
)


@lru_cache(4096)
def pen_of(style: Style | None, system: ColorSystem) -> Pen:
    """The pen that draws a Rich style on a terminal with these colours."""
    if style is None:
        return DEFAULT_PEN
    foreground = background = ""
    if style.color is not None and not style.color.is_default:
        foreground = ";".join(style.color.downgrade(system).get_ansi_codes(foreground=True))
    if style.bgcolor is not None and not style.bgcolor.is_default:
        background = ";".join(style.bgcolor.downgrade(system).get_ansi_codes(foreground=False))
    attributes = ";".join(code for name, code in _ATTRIBUTES if getattr(style, name))
    return Pen(attributes, foreground, background, style.link or "")


def change_pen(old: Pen, new: Pen) -> str:
    """The shortest escape that turns one pen into the other."""
    if old == new:
        return ""
    codes: list[str] = []
    if old.attributes not in ("", new.attributes):
        codes = [code for code in new[:3] if code]
        codes.insert(0, "0" if codes else "")
    else:
        if old.attributes != new.attributes:
            codes.append(new.attributes)
        if old.foreground != new.foreground:
            codes.append(new.foreground or "39")
        if old.background != new.background:
            codes.append(new.background or "49")
        if new[:3] == DEFAULT_PEN[:3]:
            codes = [""] if codes else []
    sgr = f"\x1b[{';'.join(codes)}m" if codes else ""
    if old.link != new.link:
        sgr += f"\x1b]8;;{new.link}\x1b\\"
    return sgr


class _Alphabet(dict[str, ScreenCell]):
    """The cells that were drawn with one pen, by their text: the same one wherever it is drawn again."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def __missing__(self, text: str) -> ScreenCell:
        cell = ScreenCell(text, self._pen)
        if len(self) < _MOST_CELLS:
            self[text] = cell
        return cell


_alphabet = lru_cache(_MOST_PENS)(_Alphabet)


@lru_cache(_MOST_TEXTS)
def cells_of(text: str, pen: Pen) -> tuple[ScreenCell, ...]:
    """The cells of a text; a zero-width cluster joins the cell before it (ValueError if there is none)."""
    known = _alphabet(pen)
    if text.isascii():
        return tuple([known[character] for character in text])
    cells: list[ScreenCell] = []
    for cluster, width in graphemes(text):
        if width == 0:
            if not cells:
                raise ValueError("a mark without the character that it stands on")
            home = -2 if not cells[-1].text and len(cells) > 1 else -1
            cells[home] = known[cells[home].text + cluster]
        else:
            cells.append(known[cluster])
            if width == 2:
                cells.append(known[""])
    return tuple(cells)


def has_controls(text: str) -> bool:
    """Whether a text contains control characters."""
    return not text.isprintable() and any(c < " " or "\x7f" <= c <= "\x9f" for c in text)


def is_plain(text: str) -> bool:
    """Whether every character of a text takes exactly one cell on every terminal."""
    return text.isascii() or max(text) < "\u0300" or not (set(text) - _PLAIN)


def segments_to_cells(segments: Iterable[Segment], system: ColorSystem) -> tuple[list[ScreenCell], bool]:
    """The cells of some segments, and whether all are plain; raises ValueError for a control segment."""
    cells: list[ScreenCell] = []
    plain = True
    for text, style, control in segments:
        if control or has_controls(text):
            raise ValueError("a segment carries control characters")
        cells.extend(cells_of(text, pen_of(style, system)))
        plain = plain and is_plain(text)
    return cells, plain
