"""Writes Snapshots into a recording, at a pace that its size and its cost allow."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from meshtop.model.snapshot import Snapshot
from meshtop.sources.recording.encoder import SnapshotEncoder
from meshtop.sources.recording.frames import MOMENT, TABLES, FrameWriter, RecordingHeader

BYTES_PER_SECOND = 15_000.0
"""A recording grows by no more than this on average, 54 MB an hour: what is larger is written less often."""
COST_SHARE = 0.02
"""Writing takes no more than this share of one processor's time: what takes longer is written less often."""


def shown_moment(snapshot: Snapshot) -> float:
    """The moment (Unix seconds) that a Snapshot shows: the one that was asked for, else that of its reading."""
    return snapshot.at if snapshot.moment is None else snapshot.moment


class RecordingWriter:
    """A recording that is being made.

    `clean` is applied to all that is written. `every` is the least time between two moments, in seconds; each moment
    makes the next one wait as long as its bytes and its processor time are worth. `clock` gives the seconds that pass,
    and `processor_time` those that this thread has computed. Raises RecordingError.
    """

    def __init__(
        self,
        path: Path,
        header: RecordingHeader,
        clean: Callable[[object], object],
        *,
        every: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        processor_time: Callable[[], float] = time.thread_time,
    ) -> None:
        self._frames = FrameWriter(path, header)
        self._encoder = SnapshotEncoder(clean)
        self._every = every
        self._whole_every = header.whole_every
        self._clock = clock
        self._processor_time = processor_time
        self._due: float | None = None
        self._written: Snapshot | None = None
        self.moments = 0
        self.first: float | None = None
        self.last: float | None = None
        self.seconds = 0.0
        """Processor time that writing took so far."""

    @property
    def bytes(self) -> int:
        """The size of the file."""
        return self._frames.bytes

    @property
    def is_due(self) -> bool:
        """Whether it is time for another moment."""
        return self._due is None or self._clock() >= self._due

    def wrote(self, snapshot: Snapshot) -> bool:
        """Whether it is this Snapshot that was written last."""
        return self._written is snapshot

    def add(self, snapshot: Snapshot) -> None:
        """Write a Snapshot. Raises RecordingError."""
        began, before = self._processor_time(), self.bytes
        at = shown_moment(snapshot)
        tables, moment = self._encoder.frames(snapshot, whole=self.moments % self._whole_every == 0)
        if tables is not None:
            self._frames.add(TABLES, at, tables)
        self._frames.add(MOMENT, at, moment)
        self._encoder.written()
        self.moments += 1
        self.first = at if self.first is None else self.first
        self.last = at
        took = self._processor_time() - began
        self.seconds += took
        # The first moment brings all that there is, once, and every one after it only what changed.
        worth = 0.0 if self.moments == 1 else max(took / COST_SHARE, (self.bytes - before) / BYTES_PER_SECOND)
        self._due = self._clock() + max(self._every, worth)
        self._written = snapshot

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
