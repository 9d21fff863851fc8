"""Text as terminal cells: measured by wcwidth, cut at grapheme borders, never interpreted.

Names of workloads, label values and error texts come from clusters: they are data. Whatever reaches a widget
passes `clean`, and whatever is put into a column passes `fit`, so that a hostile name can neither move the
cursor nor push its neighbours out of line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from rich.cells import cell_len
from wcwidth import iter_graphemes, wcswidth, wcwidth

ELLIPSIS = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Bidirectional controls and invisible format characters reorder or hide neighbours without taking a cell.
_INVISIBLE = {
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0x00AD,
    0x061C,
    0x180E,
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
}
_JOINER = "\u200d"
_REMEMBERED = 8192
"""Texts whose look was worked out; most of a screen says the same at the next refresh."""


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def clean(text: str) -> str:
    """The text with every control, surrogate and invisible format character shown as U+FFFD.

    A character on whose width wcwidth and Rich disagree is shown so too: Textual composes by Rich's ruler.
    """
    return text if _is_plain(text) else _cleaned(text)


@lru_cache(maxsize=_REMEMBERED)
def _cleaned(text: str) -> str:
    kept: list[str] = []
    for index, character in enumerate(text):
        hidden = ord(character) in _INVISIBLE or unicodedata.category(character) in {"Cc", "Cs"}
        kept.append(REPLACEMENT if hidden and not _joins_emoji(text, index) else character)
    shown = "".join(kept)
    if wcswidth(shown) == cell_len(shown) == sum(width for _, width in graphemes(shown)):
        return shown
    return "".join(character if _is_certain(character) else REPLACEMENT for character in shown)


def _joins_emoji(text: str, index: int) -> bool:
    if text[index] != _JOINER or not 0 < index < len(text) - 1:
        return False
    before = text[index - 2] if text[index - 1] == "\ufe0f" and index > 1 else text[index - 1]
    return wcwidth(before) == 2 and wcwidth(text[index + 1]) > 0 and not text[index + 1].isascii()


def _is_certain(character: str) -> bool:
    return wcwidth(character) > 0 and wcwidth(character) == cell_len(character)


def graphemes(text: str) -> Iterator[tuple[str, int]]:
    """The user-perceived characters of cleaned text, each with its width of 0, 1 or 2 cells."""
    if text.isascii():
        for character in text:
            yield character, 1
        return
    for cluster in iter_graphemes(text):
        yield cluster, max(0, wcswidth(cluster))


def cell_width(text: str) -> int:
    """How many terminal cells the cleaned text takes."""
    return len(text) if text.isascii() else _measured(text)


@lru_cache(maxsize=_REMEMBERED)
def _measured(text: str) -> int:
    return sum(width for _, width in graphemes(text))


def cut(text: str, width: int, ellipsis: str = ELLIPSIS) -> str:
    """The text in at most `width` cells; what is cut ends in the ellipsis."""
    text = clean(text)
    if cell_width(text) <= width:
        return text
    if width <= 0:
        return ""
    room = width - cell_width(ellipsis)
    if room < 0:
        return ""
    if text.isascii():
        return text[:room] + ellipsis
    kept: list[str] = []
    for cluster, cells in graphemes(text):
        if cells > room:
            break
        kept.append(cluster)
        room -= cells
    return "".join(kept) + ellipsis


def fit(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells, padded on the left when `right`, cut with an ellipsis when longer."""
    if _is_plain(text) and len(text) <= width:
        return text.rjust(width) if right else text.ljust(width)
    text = cut(text, width)
    padding = " " * (width - cell_width(text))
    return padding + text if right else text + padding


# --ascii: every sign that meshtop draws, one cell for one cell; braille and the rest are computed.
_SIGNS = {
    "▲": "!", "✗": "X", "✓": "+", "●": "*", "○": "o", "•": "*", "◆": "*", "◇": "o", "■": "#", "□": "o",
    "▸": ">", "▶": ">", "◀": "<", "◂": "<", "▾": "v", "▼": "v", "▴": "^", "‹": "<", "›": ">", "«": "<", "»": ">",
    "←": "<", "→": ">", "↑": "^", "↓": "v", "⇅": "|", "↔": "-", "⏎": ">", "↵": ">",
    "·": "-", "–": "-", "—": "-", "−": "-", "…": ".", "×": "x", "÷": "/", "±": "~", "≠": "!", "≥": ">", "≤": "<",
    "≈": "~", "µ": "u", "°": "o", "∅": "0", "∞": "8", "’": "'", "‘": "'", "“": '"', "”": '"',
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%", "█": "#", "▀": "#",
    "▏": "|", "▎": "|", "▍": "|", "▌": "#", "▋": "#", "▊": "#", "▉": "#", "▐": "#",
    "░": ".", "▒": ":", "▓": "#", "▔": "-", "▕": "|", "⏸": "=", "⏵": ">", "␣": "_",
}  # fmt: skip
_WIDE_SIGNS = {"🔒": "# ", "🔓": "- "}


def _box_sign(code: int) -> str:
    name = unicodedata.name(chr(code), "")
    turns = sum(word in name for word in ("UP", "DOWN", "LEFT", "RIGHT", "VERTICAL", "HORIZONTAL", "ARC"))
    if "DIAGONAL" in name:
        return "X" if "CROSS" in name else "/" if "UPPER RIGHT" in name else "\\"
    if turns == 1:
        return "|" if any(word in name for word in ("VERTICAL", "UP", "DOWN")) else "-"
    return "+"


def _braille_sign(code: int) -> str:
    dots = code - 0x2800
    if not dots:
        return " "
    rows = [bool(dots & mask) for mask in (0x09, 0x12, 0x24, 0xC0)]
    if sum(rows) >= 3:
        return "|"
    if rows[0]:
        return "'"
    return "." if rows[3] else "-"


def _ascii_table() -> dict[int, str]:
    table = {ord(sign): plain for sign, plain in _SIGNS.items()}
    table.update({code: _box_sign(code) for code in range(0x2500, 0x2580)})
    table.update({code: _braille_sign(code) for code in range(0x2800, 0x2900)})
    return table


_TABLE: dict[int, str] = {}


def to_ascii(text: str) -> str:
    """The text in ASCII with the same width: signs by table, letters without their marks, `?` for the rest."""
    if text.isascii():
        return text
    if not _TABLE:
        _TABLE.update(_ascii_table())
    plain = text.translate(_TABLE)
    if plain.isascii():
        return plain
    return "".join(_plain_cluster(cluster, width) for cluster, width in graphemes(plain))


def _plain_cluster(cluster: str, width: int) -> str:
    if cluster.isascii():
        return cluster
    if sign := _WIDE_SIGNS.get(cluster):
        return sign
    letters = "".join(c for c in unicodedata.normalize("NFKD", cluster) if c.isascii() and c.isprintable())
    return letters if len(letters) == width else "?" * width
