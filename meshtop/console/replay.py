"""A recording in the console: what the top bar says of it, and how keys walk in its time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshtop.model.text import clean

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot
    from meshtop.sources.recording.recorded import RecordedSnapshots

NOT_OF_A_RECORDING = "That is of this machine, and this is a recording, which can only be read."

NOTHING_NEWER = "This is a recording: it has nothing newer; [ and ] walk in its time."
NOBODY_ASKED = "This is a recording: no cluster is asked, and objects are not kept as they were written."


class Replay:
    """The recording that a console shows; its last moment stands for the present."""

    def __init__(self, recording: RecordedSnapshots) -> None:
        self._recording = recording

    @property
    def end(self) -> float:
        """Its last moment (Unix seconds)."""
        return self._recording.moments[-1]

    @property
    def name(self) -> str:
        """The name of its file."""
        return self._recording.path.name

    @property
    def chip(self) -> tuple[str, ...]:
        """What it is, from the longest form to the shortest."""
        name = f"recording {clean(self.name)}"
        first, last = (datetime.fromtimestamp(at, UTC) for at in (self._recording.moments[0], self.end))
        form = "%H:%M" if first.date() == last.date() else "%m-%d %H:%M"
        return f"{name} {first:{form}}–{last:{form}}", name, "recording"

    def shown(self, snapshot: Snapshot) -> float:
        """The moment that a Snapshot of it shows (Unix seconds)."""
        return snapshot.at if snapshot.moment is None else snapshot.moment

    def at_end(self, snapshot: Snapshot, seconds: float) -> str:
        """What is to be said where it goes no further from the shown moment in that direction; empty where it does."""
        if self.travelled(snapshot, seconds) != self.shown(snapshot):
            return ""
        return "The recording ends here." if seconds > 0 else "The recording begins here."

    def travelled(self, snapshot: Snapshot, seconds: float) -> float:
        """The moment so far from the shown one, or the next one in that direction where moments are rarer."""
        recording = self._recording
        here = recording.position(self.shown(snapshot))
        there = recording.position(self.shown(snapshot) + seconds)
        if there == here:
            there = min(max(0, here + (1 if seconds > 0 else -1)), len(recording.moments) - 1)
        return recording.moments[there]
