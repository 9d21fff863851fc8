"""Text as terminal cells, safe to draw: cleaned, measured, cut at grapheme borders, turned into ASCII.

Names of workloads, label values and error texts come from clusters: they are data. Whatever is drawn passes `clean`,
and whatever is put into a column passes `fit`, so that a hostile name can neither move the cursor nor push its
neighbours out of line. Console, commands and graph use these functions and no others.

wcwidth and its tables are imported with the first text that needs them, which most commands never print.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache

ELLIPSIS = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Not wcwidth's strip_sequences: it leaves the C1 spellings, the bodies of unfinished strings and the text of OSC 66.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, screen
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
)
_BREAKS = re.compile(r"[\t\r\n\v\f\x85\u2028\u2029]+")
_OBEYED = (
    "\x00-\x1f\x7f-\x9f\xad"  # C0, DEL, C1, soft hyphen
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, bidi, line separators
    "\ud800-\udfff\U000e0000-\U000e0fff"  # surrogates, tags
)
"""Characters that a terminal interprets, or draws nothing for, instead of showing them."""
# Default_Ignorable_Code_Point of DerivedCoreProperties.txt: fillers, variation selectors, the grapheme joiner.
_IGNORABLE = (
    f"[{_OBEYED}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
)
_INVISIBLE = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp", "Cn"})
"""Unicode categories that show nothing, and unassigned characters (Cn), whose width differs between libraries."""
_VIRAMA = 9
"""The combining class of the signs that join Indic consonants."""
_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_FLAG_LETTERS = frozenset(map(chr, range(0x1F1E6, 0x1F200)))
_REMEMBERED = 8192
"""Size of the cache of cleaned texts; most texts of a screen repeat at the next refresh."""


# --ascii: every sign that meshtop draws, one cell for one cell; braille and the rest are computed.
_SIGNS = {
    "▲": "!", "✗": "x", "✓": "v", "●": "*", "○": "o", "•": "*", "◆": "*", "◇": "o", "■": "#", "□": "o",
    "▸": ">", "▶": ">", "◀": "<", "◂": "<", "▾": "v", "▼": "v", "▴": "^", "‹": "<", "›": ">", "«": "<", "»": ">",
    "←": "<", "→": ">", "↑": "^", "↓": "v", "↺": "@", "⇅": "|", "↔": "-", "⏎": ">", "↵": ">",
    "·": ".", "–": "-", "—": "-", "−": "-", "…": "~", "×": "x", "÷": "/", "±": "~", "≠": "#", "≥": ">", "≤": "<",
    "≈": "~", "µ": "u", "°": "o", "∅": "0", "∞": "8", "Δ": "d", "★": "*", "’": "'", "‘": "'", "“": '"', "”": '"',
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%", "█": "#", "▀": "#",
    "▏": "|", "▎": "|", "▍": "|", "▌": "#", "▋": "#", "▊": "#", "▉": "#", "▐": "#",
    "░": ".", "▒": ":", "▓": "#", "▔": "-", "▕": "|", "⏸": "=", "⏵": ">", "␣": "_",
}  # fmt: skip
_of_signs = re.compile(f"[ -~\u2500-\u257f{''.join(_SIGNS)}]*").fullmatch
"""Matches a text of ASCII, lines (box drawing) and such signs alone: each is shown as it is, in one cell,
whatever stands beside it."""


@cache
def _ignorable() -> re.Pattern[str]:
    """Compiled with the first text that is not plain: sets of many characters take half a millisecond each."""
    return re.compile(_IGNORABLE)


@cache
def _obeyed_but_newline() -> re.Pattern[str]:
    return re.compile(rf"(?!\n)[{_OBEYED}]")


def _is_plain(text: str) -> bool:
    """Whether each character stays as it is and takes one cell, whatever stands beside it."""
    return text.isprintable() if text.isascii() else _of_signs(text) is not None


def clean(text: object) -> str:
    """One line of text that a terminal shows as it is, and whose width every library computes alike.

    Escape sequences are taken out whole; a run of tabs and line breaks is one space. Any other control, surrogate,
    bidirectional or invisible character is shown as U+FFFD, so that names that differ only in it look different; the
    joiner between two emoji stays. Characters whose width is disputed are replaced too: wcwidth measures graphemes,
    while Rich (which Textual uses) and many terminals add up characters.
    """
    plain = str(text)
    return plain if _is_plain(plain) else _cleaned(plain)


_EXTENDING_LETTERS = "\u0e33\u0eb3"
"""Thai and Lao AM: letters that libraries measure by what stands before them, as they do marks."""


@lru_cache(maxsize=_REMEMBERED)
def _cleaned(text: str) -> str:
    from wcwidth import iter_graphemes

    line = _BREAKS.sub(" ", _ESCAPES.sub("", text))
    if _is_plain(line):
        return line
    return "".join(
        cluster if _is_certain(cluster) else "".join(c if _is_certain(c) else REPLACEMENT for c in cluster)
        for cluster in iter_graphemes(line)
    )


def _is_certain(cluster: str) -> bool:
    """Whether a grapheme shows all of its characters, takes at least one cell, and is measured alike in both ways."""
    if len(cluster) == 1 and cluster.isascii():
        return cluster.isprintable()
    if unicodedata.category(cluster[0])[0] == "M" or cluster[0] in _EXTENDING_LETTERS:
        # What extends a character has none here: what comes to stand before it would change its width.
        return False
    from wcwidth import wcswidth

    visible = all(_is_shown(cluster, index) for index in range(len(cluster)))
    return visible and 0 < wcswidth(cluster) == _summed(cluster)


def _is_shown(cluster: str, index: int) -> bool:
    character = cluster[index]
    if character == _EMOJI_STYLE:
        return index > 0 and _widens(cluster[index - 1])
    if character == _JOINER:
        # A grapheme goes on after a joiner between emoji, and inside Indic conjuncts, where nothing shows of it.
        return 0 < index < len(cluster) - 1 and unicodedata.category(cluster[index + 1]) in {"So", "Sm"}
    if unicodedata.combining(character) == _VIRAMA:  # draws its neighbours as one: wcwidth caps what follows, too
        return False
    return not _ignorable().match(character) and unicodedata.category(character) not in _INVISIBLE


def _summed(cluster: str) -> int:
    """The width in cells as the sum over single characters, as `rich.cells` computes it."""
    total = 0
    last = ""
    characters = iter(cluster)
    for character in characters:
        if character == _JOINER:
            next(characters, None)
        elif character == _EMOJI_STYLE:
            total += _widens(last)
            last = ""
        elif width := _width_in_sum(character):
            total += width
            last = character
    return total


def _width_in_sum(character: str) -> int:
    from wcwidth import wcwidth

    if character in _SKIN_TONES:
        return 0
    return 1 if character in _FLAG_LETTERS else max(0, wcwidth(character))


def _widens(character: str) -> bool:
    """Whether a one-cell character takes two cells in emoji presentation."""
    from wcwidth import wcswidth, wcwidth

    return character != "" and wcwidth(character) == 1 and wcswidth(character + _EMOJI_STYLE) == 2


def graphemes(text: str) -> Iterator[tuple[str, int]]:
    """The user-perceived characters of cleaned text, each with its width of 0, 1 or 2 cells."""
    if text.isascii() or _of_signs(text) is not None:
        for character in text:
            yield character, 1
        return
    from wcwidth import iter_graphemes, wcswidth

    for cluster in iter_graphemes(text):
        yield cluster, max(0, wcswidth(cluster))


def cell_width(text: str) -> int:
    """How many terminal cells the cleaned text takes."""
    return len(text) if text.isascii() or _of_signs(text) is not None else _measured(text)


@lru_cache(maxsize=_REMEMBERED)
def _measured(text: str) -> int:
    return sum(width for _, width in graphemes(text))


def cut(text: str, width: int) -> str:
    """The cleaned text in at most `width` cells; what is cut ends in an ellipsis, and nothing is left of it below one.

    Cut first, then `to_ascii`: both keep the width.
    """
    text = clean(text)
    if cell_width(text) <= width:
        return text
    if width <= 0:
        return ""
    room = width - 1
    if text.isascii():
        return text[:room] + ELLIPSIS
    kept: list[str] = []
    for cluster, cells in graphemes(text):
        if cells > room:
            break
        kept.append(cluster)
        room -= cells
    return "".join(kept) + ELLIPSIS


def cut_middle(text: str, width: int) -> str:
    """The cleaned text in at most `width` cells; of a longer one both ends stay, around an ellipsis."""
    text = clean(text)
    if cell_width(text) <= width:
        return text
    if width < 3:
        return cut(text, width)
    head = cut(text, width // 2 + 1)[:-1]
    room, tail = width - cell_width(head) - 1, ""
    for cluster, cells in reversed(list(graphemes(text))):
        room -= cells
        if room < 0:
            break
        tail = cluster + tail
    return head + ELLIPSIS + tail


def fit(text: str, width: int, *, right: bool = False) -> str:
    """The cleaned text in exactly `width` cells, padded on the left when `right`, cut with an ellipsis when longer."""
    if _is_plain(text) and len(text) <= width:
        return text.rjust(width) if right else text.ljust(width)
    text = cut(text, width)
    padding = " " * (width - cell_width(text))
    return padding + text if right else text + padding


def escape_json(text: str) -> str:
    r"""JSON whose control, C1 and bidirectional characters are written as `\uXXXX`, for terminals that obey them.

    JSON holds such characters inside strings only, where the two spellings mean the same.
    """
    if text.isascii() and "\x7f" not in text:
        return text

    def escaped(match: re.Match[str]) -> str:
        units = match.group().encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))

    return _obeyed_but_newline().sub(escaped, text)


_HARMFUL = re.compile(rf"\x1b(?!\[[0-9;]*m)|(?![\n\t\x1b{_JOINER}])[{_OBEYED}]")


def harmless(text: str) -> str:
    """Finished output without anything that a terminal obeys but colours, line ends and tabs.

    The last look where text leaves the program: whatever a printer forgot to clean is shown as U+FFFD. It keeps what
    `clean` keeps.
    """
    return text if _HARMFUL.search(text) is None else _HARMFUL.sub(REPLACEMENT, text)


_WIDE_SIGNS = {"🔒": "ok", "🔓": "!!"}


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
    # With the space that follows it such a sign has the two cells that it needs: a bare > would say something else.
    text = text.replace("≥ ", ">=").replace("≤ ", "<=")
    # A sign in the style of emoji is wider than its stand-in.
    plain = text if _EMOJI_STYLE in text or _JOINER in text else text.translate(_TABLE)
    if plain.isascii():
        return plain
    return "".join(_plain_cluster(cluster, width) for cluster, width in graphemes(plain))


def _plain_cluster(cluster: str, width: int) -> str:
    if cluster.isascii():
        return cluster
    if sign := _WIDE_SIGNS.get(cluster) or (len(cluster) == 1 and _TABLE.get(ord(cluster))):
        return sign
    letters = "".join(c for c in unicodedata.normalize("NFKD", cluster) if c.isascii() and c.isprintable())
    return letters if len(letters) == width else "?" * width
