"""Playing the past forward: a step whenever a moment is on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.console.screens.graph import GraphScreen
    from meshtop.views.picture.picture import Picture

PLAY_SECONDS = 1.0
"""How long a moment stays on screen."""
PLAY_FROM_STEPS = 30


class GraphTime:
    """The key that plays and pauses."""

    playing = False
    _played: float | None = None

    @property
    def _graph(self) -> GraphScreen:
        return cast("GraphScreen", self)

    def action_play(self) -> None:
        """Play forward through the past, a step each second; pause; from the present, begin half an hour ago."""
        picture = self._graph.host.picture
        if picture is None:
            return
        self.playing = not self.playing
        self._played = None
        if self.playing and picture.snapshot.moment is None:
            self._graph.host.travel(-PLAY_FROM_STEPS)
            self._graph.say("Playing from half an hour ago: t pauses, [ ] step, . goes back to now.", Tone.ACCENT)
        elif self.playing:
            self.play_on(picture)
        self._graph.update_chrome()

    def play_on(self, picture: Picture) -> None:
        """Once a moment is on screen, go on to the next; at the present it ends."""
        moment = picture.snapshot.moment
        if not self.playing or moment == self._played:
            return
        if moment is None:
            self.playing = self._played is None
            return
        self._played = moment
        self._graph.set_timer(PLAY_SECONDS, lambda: self._advance(moment))

    def _advance(self, moment: float) -> None:
        picture = self._graph.host.picture
        if self.playing and picture is not None and picture.snapshot.moment == moment and self._graph.is_current:
            self._graph.host.travel(1)
