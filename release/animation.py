"""An SVG that plays what a terminal showed: one group a frame, shown in turn; no script and no font inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

CELL_WIDTH, LINE_HEIGHT, FONT_SIZE = 8.4, 18, 14
PADDING = 14
GROUND, INK, CAPTION = "#10141a", "#c3ccd6", "#79b8ff"
_NAMED = {
    "black": "#1b2028", "red": "#e06c75", "green": "#8fbf7f", "brown": "#d8a657", "blue": "#79b8ff",
    "magenta": "#c792ea", "cyan": "#7fc8c8", "white": "#c3ccd6", "brightblack": "#8b98a7", "brightred": "#ff8f87",
}  # fmt: skip
"""Colours that a terminal knows by name (brown is how pyte calls yellow)."""


class Glyph(NamedTuple):
    """A cell: what stands in it, its colours (six hexadecimal digits, a name, or `default`), and how it stands out."""

    data: str
    fg: str = "default"
    bg: str = "default"
    bold: bool = False
    reverse: bool = False


class Frame(NamedTuple):
    """What the terminal showed, what is said about it, and for how many seconds it is shown."""

    lines: Sequence[Sequence[Glyph]]
    caption: str
    seconds: float


def animated(frames: Sequence[Frame], title: str) -> str:
    """The SVG of all frames, which begins again at its end. Raises ValueError without a frame."""
    if not frames:
        raise ValueError("an animation needs a frame")
    columns = max(len(line) for frame in frames for line in frame.lines)
    rows = max(len(frame.lines) for frame in frames)
    width, height = 2 * PADDING + columns * CELL_WIDTH, 2 * PADDING + (rows + 2) * LINE_HEIGHT
    total = sum(frame.seconds for frame in frames)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>',
        f'<g font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="{FONT_SIZE}">',
    ]
    begun = 0.0
    for number, frame in enumerate(frames):
        ended = begun + frame.seconds
        out.append(f'<g visibility="{"hidden" if number else "visible"}">')
        if len(frames) > 1:
            out.append(_shown(begun / total, ended / total, total))
        out += _drawn(frame, rows)
        out.append("</g>")
        begun = ended
    return "\n".join([*out, "</g>", "</svg>", ""])


def _shown(begin: float, end: float, total: float) -> str:
    """Visible from one share of the whole time to another."""
    steps = [(0.0, "hidden"), (begin, "visible"), (end, "hidden")]
    if begin <= 0:
        steps = [(0.0, "visible"), (end, "hidden")]
    if end >= 1:
        steps = steps[:-1]
    times, values = ";".join(f"{time:.4f}" for time, _ in steps), ";".join(value for _, value in steps)
    return (
        f'<animate attributeName="visibility" calcMode="discrete" dur="{total:g}s" repeatCount="indefinite" '
        f'keyTimes="{times}" values="{values}"/>'
    )


def _drawn(frame: Frame, rows: int) -> Iterator[str]:
    for row, line in enumerate(frame.lines):
        for column, text, style in _runs(line):
            front, back = _colour(style.fg, INK), _colour(style.bg, GROUND)
            if style.reverse:
                front, back = back, front
            x, top, length = PADDING + column * CELL_WIDTH, PADDING + row * LINE_HEIGHT, len(text) * CELL_WIDTH
            if back != GROUND:
                yield f'<rect x="{x:.1f}" y="{top}" width="{length:.1f}" height="{LINE_HEIGHT}" fill="{back}"/>'
            if text.strip():
                bold = ' font-weight="bold"' if style.bold else ""
                yield (
                    f'<text x="{x:.1f}" y="{top + FONT_SIZE}" textLength="{length:.1f}" xml:space="preserve" '
                    f'fill="{front}"{bold}>{escape(text)}</text>'
                )
    y = PADDING + (rows + 1) * LINE_HEIGHT + FONT_SIZE
    yield f'<text x="{PADDING}" y="{y}" fill="{CAPTION}">{escape(frame.caption)}</text>'


def _runs(line: Sequence[Glyph]) -> Iterator[tuple[int, str, Glyph]]:
    """Neighbours that look alike: where they begin, their text, and how they look."""
    begin = 0
    for column in range(1, len(line) + 1):
        if column == len(line) or line[column][1:] != line[begin][1:]:
            yield begin, "".join(one.data or " " for one in line[begin:column]), line[begin]
            begin = column


def _colour(name: str, otherwise: str) -> str:
    if name == "default":
        return otherwise
    return _NAMED.get(name) or (
        f"#{name}" if len(name) == 6 and set(name) <= set("0123456789abcdefABCDEF") else otherwise
    )
