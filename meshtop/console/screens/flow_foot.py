"""What stands below a Flow: the configuration that shapes its centre, and what would break."""

from __future__ import annotations

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, clean, cut
from meshtop.views.frame.facts import Fact
from meshtop.views.frame.table import Tone
from meshtop.views.reports.flow_detail import FlowDetail

_MARGIN, _LABEL = 2, 12
_GAP = " · "
_LOW = 30
"""Lines of room below which each part has one line."""


class FlowFoot(LineWidget):
    """Facts side by side, as many lines of them as there is room for."""

    def __init__(self) -> None:
        super().__init__(id="flow-foot")
        self._parts: tuple[tuple[str, tuple[Fact, ...]], ...] = ()

    def show(self, detail: FlowDetail) -> None:
        """Show the facts of another detail."""
        parts = (("SHAPED BY", detail.shaped), ("WHAT IF", detail.what_if))
        self._parts = tuple((title, facts) for title, facts in parts if facts)
        self.draw()

    def natural_height(self, width: int, room: int) -> int:
        """The lines that it takes of so much room."""
        lines = foot_lines(self._parts, width)
        return min(len(lines), len(self._parts) if room < _LOW else room // 4)

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The lines; where not all fit, each part has its first."""
        lines = foot_lines(self._parts, width)
        if len(lines) <= height:
            return lines
        firsts = [foot_lines((part,), width)[0] for part in self._parts]
        return firsts[:height] if height <= len(firsts) else lines[:height]


def foot_lines(parts: tuple[tuple[str, tuple[Fact, ...]], ...], width: int) -> list[TextLine]:
    """Every part with its title before its facts, which go on below where they do not fit side by side."""
    lines: list[TextLine] = []
    for title, facts in parts:
        runs = [TextRun(_MARGIN, title, Tone.DIM)]
        x = start = _MARGIN + _LABEL
        for fact in facts:
            text = clean(f"{fact.label} {fact.cell.text}".strip())
            if x > start and x + len(_GAP) + cell_width(text) > width - 1:
                lines.append(TextLine("plain", tuple(runs)))
                runs, x = [], start
            if x > start:
                runs.append(TextRun(x, _GAP, Tone.FAINT))
                x += len(_GAP)
            shown = cut(text, max(0, width - x - 1))
            if shown:
                runs.append(TextRun(x, shown, fact.cell.tone))
            x += cell_width(shown)
        lines.append(TextLine("plain", tuple(runs)))
    return lines
