"""What all plots of a running console share: the time that they show, and which colour a series has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from textual.dom import DOMNode

from meshtop.model.numbers import age
from meshtop.views.frame.table import Tone

PlotStyle = Literal["braille", "blocks", "ascii"]

LINE_TONES = (Tone.LINE_1, Tone.LINE_2, Tone.LINE_3, Tone.LINE_4, Tone.LINE_5, Tone.LINE_6)
"""Colours of series, none of which is that of a status: a line that happens to be the third is not healthy for it."""


class PlotSpan(Struct, frozen=True):
    """A time that plots can show, and how far apart their points are, both in seconds; a step divides its span."""

    seconds: float
    step: float

    @property
    def name(self) -> str:
        """As it is written: `15m`, `1h`."""
        return age(self.seconds)

    def window(self, moment: float) -> tuple[float, float]:
        """Beginning and end (Unix seconds) of the plots that end at a moment, both a multiple of the step.

        So the same points are asked for again and again, and a curve does not tremble while it moves on.
        """
        end = moment - moment % self.step
        return end - self.seconds, end


SPANS = (PlotSpan(900.0, 10.0), PlotSpan(3600.0, 30.0), PlotSpan(21_600.0, 180.0), PlotSpan(86_400.0, 300.0))
"""What `+` and `-` choose from."""


class PlotMemory:
    """One for each console; it is remembered while that runs, and travels between screens."""

    def __init__(self, style: PlotStyle = "braille") -> None:
        self.style = style
        self.span = SPANS[1]
        self._slots: dict[str, int] = {}

    def choose(self, step: int) -> PlotSpan:
        """Show a longer (positive) or shorter time, as far as there is one."""
        self.span = SPANS[max(0, min(len(SPANS) - 1, SPANS.index(self.span) + step))]
        return self.span

    def tones(self, names: Sequence[str]) -> list[Tone]:
        """The colour of each named series, the same for a name for ever, in whatever order they come.

        A name that is new gets the colour that fewest of its neighbours have, then the one that fewest names have.
        """
        taken = [self._slots[name] for name in names if name in self._slots]
        for name in names:
            if name not in self._slots:
                everywhere = list(self._slots.values())
                slot = min(range(len(LINE_TONES)), key=lambda one: (taken.count(one), everywhere.count(one), one))
                self._slots[name] = slot
                taken.append(slot)
        return [LINE_TONES[self._slots[name]] for name in names]


def plots_of(node: DOMNode) -> PlotMemory:
    """What the plots of a node's app share; an app without any gives a fresh one."""
    found = getattr(node.app, "plots", None)
    return found if isinstance(found, PlotMemory) else PlotMemory()
