"""Makes an exported SVG look the same everywhere: no font from the net, plain blanks, each run as wide as its cells."""

from __future__ import annotations

import re

FONTS = "'Fira Code', 'JetBrains Mono', 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace"

_FONT_FACE = re.compile(r"\s*@font-face\s*\{[^}]*\}")
_FAMILY = re.compile(r"font-family:\s*(?:Fira Code|arial|Arial)[^;]*;")
_BLANK_TEXT = re.compile(r"<text [^>]*>(?:&#160;| )+</text>")


def portable(svg: str) -> str:
    """The same picture for any viewer, ending with a line's end."""
    svg = _FONT_FACE.sub("", svg)
    svg = _FAMILY.sub(f"font-family: {FONTS};", svg)
    svg = _BLANK_TEXT.sub("", svg)
    svg = svg.replace("&#160;", " ").replace("<text ", '<text xml:space="preserve" lengthAdjust="spacingAndGlyphs" ')
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"
