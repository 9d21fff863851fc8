"""The steps inside one screen: esc takes the last one back, forward takes it again, and the history keeps them all."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

from meshtop.console.trail import MOST_STEPS, InnerWay

Step = TypeVar("Step", bound=Struct)


class InnerSteps(Generic[Step]):
    """What a screen showed before what it shows, and what one came back from; bounded."""

    def __init__(self) -> None:
        self._behind: list[Step] = []
        self._ahead: list[Step] = []

    def leaving(self, here: Step) -> None:
        """Note that one goes on from here; what was ahead is another way."""
        self._behind.append(here)
        del self._behind[:-MOST_STEPS]
        self._ahead.clear()

    def back(self, here: Step) -> Step | None:
        """The step before; None where there is none."""
        return _turn(here, self._behind, self._ahead)

    def forward(self, here: Step) -> Step | None:
        """The step that one came back from; None where there is none."""
        return _turn(here, self._ahead, self._behind)

    def way(self, here: Step) -> InnerWay:
        """All of it, as the history keeps it."""
        return InnerWay(here, tuple(self._behind), tuple(self._ahead))

    def resume(self, way: InnerWay, kind: type[Step]) -> Step | None:
        """Go on where a screen of the same kind was left; None where that was one of another kind."""
        if not isinstance(way.here, kind):
            return None
        self._behind = [step for step in way.behind if isinstance(step, kind)]
        self._ahead = [step for step in way.ahead if isinstance(step, kind)]
        return way.here


def _turn(here: Step, source: list[Step], target: list[Step]) -> Step | None:
    if not source:
        return None
    target.append(here)
    return source.pop()
