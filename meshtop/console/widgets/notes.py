"""What a place says when it has nothing to show: why, and what to do about it."""

from __future__ import annotations

import textwrap

from msgspec import Struct

from meshtop.console.widgets.table_frame import Line, Run
from meshtop.model.text import cell_width, cut
from meshtop.views.frame.table import Tone

_MAX_WIDTH = 64


class Note(Struct, frozen=True):
    """An empty, waiting or broken state: a title, the reason, and the next step (a key or a command)."""

    title: str
    why: str = ""
    todo: str = ""


def note_lines(note: Note, width: int, height: int) -> list[Line]:
    """The note in the middle of `width` × `height` cells, wrapped; what does not fit is left out from the end."""
    room = max(1, min(_MAX_WIDTH, width - 4))
    parts = [(note.title, Tone.STRONG), (note.why, Tone.PLAIN), (note.todo, Tone.DIM)]
    texts = [(piece, tone) for text, tone in parts for piece in textwrap.wrap(text, room)][: max(0, height)]
    lines: list[Line] = [Line("plain", ())] * max(0, (height - len(texts)) // 2 - (height > 8))
    for text, tone in texts:
        shown = cut(text, width)
        lines.append(Line("plain", (Run(max(0, (width - cell_width(shown)) // 2), shown, tone),)))
    return (lines + [Line("plain", ())] * height)[:height]
