"""An observatory of the past: publishes the Snapshots of a recording as the live one published them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import structs

from meshtop.model.asked import Asked
from meshtop.model.snapshot import Snapshot
from meshtop.observatory.feed import Schedule
from meshtop.observatory.narrowing import WhatIsRead, narrowed
from meshtop.observatory.observatory import Observatory
from meshtop.settings.document import ConfigError
from meshtop.sources.recording.plots import RecordedPlots
from meshtop.sources.recording.recorded import RecordedSnapshots

if TYPE_CHECKING:
    from meshtop.model.telemetry import Line
    from meshtop.sources.prometheus.charts import LineQuery

_LONG_SECONDS = 3600.0


class RecordedObservatory(Observatory):
    """Reads a recording instead of clusters: the Snapshot at the moment of its schedule, or the last one.

    `once` gives what a single reading for `wanted` would have given; `follow` gives all that was recorded, again
    whenever the schedule changes, or with `play` one moment after the other to the end. `only` are names of clusters,
    `contexts` those by which a kubeconfig calls them.
    """

    def __init__(
        self,
        recording: RecordedSnapshots,
        *,
        wanted: WhatIsRead,
        moment: float | None = None,
        only: Sequence[str] = (),
        contexts: Sequence[str] = (),
        play: bool = False,
    ) -> None:
        schedule = Schedule(
            refresh_seconds=_LONG_SECONDS, window_seconds=recording.header.window_seconds, moment=moment
        )
        super().__init__((), schedule, timeout_seconds=_LONG_SECONDS, asked=wanted.asked)
        self._recording = recording
        self._wanted = wanted
        self._only = tuple(only)
        self._contexts = tuple(contexts)
        self._play = play
        self._plots: RecordedPlots | None = None

    def attend(self, attended: Asked) -> None:
        """Nothing is read more often than it was recorded."""

    async def once(self, *, plaintext: bool = False) -> Snapshot:
        """The Snapshot of the moment. Raises RecordingError, and ConfigError for a cluster that is not in it."""
        snapshot = self._chosen(await asyncio.to_thread(self._recording.snapshot, self._position()))
        return narrowed(snapshot, structs.replace(self._wanted, plaintext=plaintext))

    async def follow(self, ready: Awaitable[object] | None = None) -> AsyncGenerator[Snapshot, None]:
        """The Snapshot of the moment, and again at each change of it."""
        if ready is not None:
            await ready
        sequence = 0
        position = 0 if self._play and self.schedule.moment is None else self._position()
        while True:
            sequence += 1
            snapshot = self._chosen(await asyncio.to_thread(self._recording.snapshot, position))
            # There is nothing to write to; `once` keeps what was recorded, as it prints what a command printed then.
            clusters = tuple(structs.replace(one, read_only=True) for one in snapshot.clusters)
            yield structs.replace(snapshot, sequence=sequence, clusters=clusters)
            if not self._play:
                await self.schedule.pause(_LONG_SECONDS)
                position = self._position()
            elif position + 1 < len(self._recording.moments):
                position += 1
            else:
                return

    async def lines(
        self, cluster: str, queries: Sequence[LineQuery], *, start: float, end: float, step: float
    ) -> tuple[Line, ...]:
        """What was recorded of the lines of charts. Raises RecordingError."""
        if self._plots is None:
            self._plots = RecordedPlots(self._recording.path)
        return await asyncio.to_thread(self._plots.lines, cluster, queries, start=start, end=end, step=step)

    def _position(self) -> int:
        moment = self.schedule.moment
        moments = self._recording.moments
        return len(moments) - 1 if moment is None else self._recording.position(moment)

    def _chosen(self, snapshot: Snapshot) -> Snapshot:
        for name in self._only:
            self._check("cluster", name, [one.name for one in snapshot.clusters])
        for name in self._contexts:
            self._check("context", name, [one.context for one in snapshot.clusters])
        clusters = tuple(
            one
            for one in snapshot.clusters
            if (not self._only or one.name in self._only) and (not self._contexts or one.context in self._contexts)
        )
        return structs.replace(snapshot, clusters=clusters)

    def _check(self, what: str, name: str, names: Sequence[str]) -> None:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names) or 'none'}."
            raise ConfigError(f"There is no {what} {name} in {self._recording.path}; {hint}")

    async def close(self) -> None:
        """Close what lines are drawn from; the recording itself is closed by whoever opened it."""
        if self._plots is not None:
            await asyncio.to_thread(self._plots.close)
            self._plots = None
