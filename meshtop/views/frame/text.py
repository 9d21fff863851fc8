"""Text that came from a cluster, made safe to draw: data, never control codes and never markup."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, screen
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC up to their end
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI as one C1 character
)
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad"  # C0, DEL, C1, soft hyphen
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"  # zero width, bidi, line separators
    "\ud800-\udfff\U000e0000-\U000e0fff]"  # surrogates, tags
)

_ASCII = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "−": "-",
        "…": "~",
        "→": ">",
        "←": "<",
        "▲": "!",
        "✗": "x",
        "✓": "v",
        "·": ".",
        "▸": ">",
        "×": "x",
        "µ": "u",
        "≠": "#",
        "≥": ">",
        "🔒": "ok",
        "🔓": "!!",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
    }
)


def clean(text: object) -> str:
    """One line of printable text: escape sequences, control, bidirectional and invisible characters are taken out."""
    plain = str(text)
    if plain.isascii() and plain.isprintable():
        return plain
    plain = _ESCAPES.sub("", plain)
    plain = re.sub(r"[\t\r\n\v\f\x85\u2028\u2029]+", " ", plain)
    return _UNSAFE.sub("", plain)


def to_ascii(text: str) -> str:
    """The same in ASCII: known signs by their stand-ins of the same width, anything else as `?`."""
    if text.isascii():
        return text
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def escape_json(text: str) -> str:
    r"""JSON whose control, C1 and bidirectional characters are written as `\uXXXX`, for terminals that obey them.

    JSON holds such characters inside strings only, where the two spellings mean the same.
    """
    if text.isascii() and "\x7f" not in text:
        return text

    def escaped(match: re.Match[str]) -> str:
        units = match.group().encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))

    return re.sub(r"(?!\n)" + _UNSAFE.pattern, escaped, text)
