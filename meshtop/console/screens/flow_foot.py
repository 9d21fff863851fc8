"""What stands below a Flow: the configuration that shapes its centre, and what would break."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct
from textual.binding import Binding, BindingType
from textual.message import Message

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, clean, cut
from meshtop.views.frame.facts import Fact
from meshtop.views.frame.table import Tone
from meshtop.views.reports.flow_detail import FlowDetail
from meshtop.views.reports.object_report import WantedObject

_MARGIN, _LABEL = 2, 12
_GAP = " · "
_LOW = 30
"""Lines of room below which each part has one line."""


class FootPart(Struct, frozen=True):
    """Facts under a title, and the object of each that is about one."""

    title: str
    facts: tuple[Fact, ...]
    objects: tuple[WantedObject | None, ...] = ()


class FlowFoot(LineWidget, can_focus=True):
    """Facts side by side, as many lines of them as there is room for; a cursor goes over those that are about objects.

    With the keyboard the lines around the cursor are shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "choose", id="flow.foot_left", key_display="←→"),
        Binding("right,l,down,j", "move(1)", "next object", id="flow.foot_right", show=False),
        Binding("up,k", "move(-1)", "previous object, and back above", id="flow.foot_up", show=False),
        Binding("enter", "choose", "object", id="flow.foot_choose"),
        Binding("escape", "leave", "back above", id="flow.foot_leave", show=False),
    ]
    ALLOW_SELECT = False

    class Opened(Message):
        """Message: an object is to be shown."""

        def __init__(self, wanted: WantedObject) -> None:
            super().__init__()
            self.wanted = wanted

    class Left(Message):
        """Message: the keyboard goes back to what stands above."""

    def __init__(self) -> None:
        super().__init__(id="flow-foot")
        self._parts: tuple[FootPart, ...] = ()
        self._chosen: int | None = None

    def show(self, detail: FlowDetail) -> None:
        """Show the facts of another detail; the cursor stays on its object while that is there."""
        before = self.chosen
        parts = (FootPart("SHAPED BY", detail.shaped, detail.objects), FootPart("WHAT IF", detail.what_if))
        self._parts = tuple(part for part in parts if part.facts)
        found = self._objects
        self._chosen = found.index(before) if before in found else (0 if found else None)
        self.draw()

    @property
    def _objects(self) -> list[WantedObject]:
        return [one for part in self._parts for one in part.objects if one is not None]

    @property
    def chosen(self) -> WantedObject | None:
        """The object under the cursor; None where there is none."""
        found = self._objects
        return found[self._chosen] if self._chosen is not None and self._chosen < len(found) else None

    def natural_height(self, width: int, room: int) -> int:
        """The lines that it takes of so much room."""
        lines = foot_lines(self._parts, width)
        return min(len(lines), len(self._parts) if room < _LOW else room // 4)

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The lines; where not all fit, each part has its first, and with the keyboard those around the cursor."""
        chosen = self.chosen if self.has_focus else None
        lines = foot_lines(self._parts, width, chosen)
        if len(lines) <= height:
            return lines
        if chosen is not None:
            at = next((y for y, line in enumerate(lines) if any(run.text == _CURSOR for run in line.runs)), 0)
            first = max(0, min(at - height // 2, len(lines) - height))
            return lines[first : first + height]
        firsts = [foot_lines((part,), width)[0] for part in self._parts]
        return firsts[:height] if height <= len(firsts) else lines[:height]

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show the cursor with the keyboard alone."""
        super().watch_has_focus(has_focus)
        self.draw()

    def action_move(self, step: int) -> None:
        """Go to the next object; before the first, back above."""
        at = (self._chosen or 0) + step
        if at < 0:
            self.post_message(self.Left())
        elif at < len(self._objects):
            self._chosen = at
            self.draw()

    def action_choose(self) -> None:
        """Show the object."""
        if self.chosen is not None:
            self.post_message(self.Opened(self.chosen))

    def action_leave(self) -> None:
        """Go back above."""
        self.post_message(self.Left())


_CURSOR = "▸"


def foot_lines(parts: tuple[FootPart, ...], width: int, chosen: WantedObject | None = None) -> list[TextLine]:
    """Every part with its title before its facts, which go on below where they do not fit side by side.

    The fact of the chosen object is marked.
    """
    lines: list[TextLine] = []
    for part in parts:
        runs = [TextRun(_MARGIN, part.title, Tone.DIM)]
        x = start = _MARGIN + _LABEL
        for number, fact in enumerate(part.facts):
            text = clean(f"{fact.label} {fact.cell.text}".strip())
            if x > start and x + len(_GAP) + cell_width(text) > width - 1:
                lines.append(TextLine("plain", tuple(runs)))
                runs, x = [], start
            if x > start:
                runs.append(TextRun(x, _GAP.rstrip(), Tone.FAINT))
                x += len(_GAP)
            marked = chosen is not None and part.objects[number : number + 1] == (chosen,)
            if marked:
                # The blank before each fact is its mark's.
                runs.append(TextRun(x - 1, _CURSOR, Tone.ACCENT))
            shown = cut(text, max(0, width - x - 1))
            if shown:
                runs.append(TextRun(x, shown, Tone.ACCENT if marked else fact.cell.tone))
            x += cell_width(shown)
        lines.append(TextLine("plain", tuple(runs)))
    return lines
