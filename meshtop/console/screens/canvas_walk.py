"""The steps through the canvas: what is shown now, back by esc, forward again, and as the history keeps it."""

from __future__ import annotations

from msgspec.structs import replace

from meshtop.console.screens.graph_finding import EdgeFindingScreen
from meshtop.console.screens.graph_steps import CanvasPlace
from meshtop.console.screens.inner_steps import InnerSteps
from meshtop.console.trail import InnerWay
from meshtop.console.widgets.graph_cursor import GraphCursor
from meshtop.console.widgets.graph_view import GraphView
from meshtop.views.reports.graph import Sight


class CanvasWalk(EdgeFindingScreen):
    """A drawing of which one thing after another is shown, and which remembers the way."""

    def __init__(self, sight: Sight | None = None, at: GraphCursor | None = None) -> None:
        super().__init__()
        self.sight = replace(sight or Sight(), whole=False)
        self._auto = sight is None
        self._steps: InnerSteps[CanvasPlace] = InnerSteps()
        self._at = at
        self.path_from: str | None = None
        """Start of a path while its end is being chosen."""

    def look(self, sight: Sight, at: GraphCursor | None = None, *, auto: bool = False) -> None:
        """Change what is shown; esc undoes it."""
        if sight == self.sight:
            return
        self._steps.leaving(self._here)
        self.sight, self._auto, self._at = sight, auto, at
        self.update()

    @property
    def _here(self) -> CanvasPlace:
        at = self.view.cursor if self._at is None and self.query(GraphView) else self._at
        return CanvasPlace(self.sight, self._auto, at)

    @property
    def inner_way(self) -> InnerWay | None:
        """Level, focus and all else that is drawn, where the cursor is, and the way there."""
        return self._steps.way(self._here)

    def return_inside(self, way: InnerWay) -> None:
        """Begin where one was before."""
        place = self._steps.resume(way, CanvasPlace)
        if place is not None:
            self.sight, self._auto, self._at = place.sight, place.auto, place.at

    def step_forward(self) -> bool:
        """Take again the step that esc took back."""
        place = self._steps.forward(self._here)
        if place is not None:
            self.sight, self._auto, self._at = place.sight, place.auto, place.at
            self.update()
        return place is not None

    def action_back(self) -> None:
        """Undo the last step; without one, widen the scope or leave."""
        if self.path_from is not None:
            self.path_from = None
            self.say("")
        elif (place := self._steps.back(self._here)) is not None:
            self.sight, self._auto = place.sight, place.auto
            self.update()
        else:
            super().action_back()
