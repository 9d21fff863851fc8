"""A recording that is read: its moments, and the Snapshot at each of them."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

from meshtop.model.snapshot import Snapshot
from meshtop.sources.recording.decoder import NOT_A_FRAME, ObjectTables, SnapshotDecoder
from meshtop.sources.recording.frames import MOMENT, TABLES, FrameReader, RecordingError, RecordingHeader, damaged


class RecordedSnapshots:
    """The Snapshots of a recording. Raises RecordingError for a file that is none, or that holds no moment.

    Tables are read as far as a moment needs them; a moment is read from the whole one before it on. Going on from one
    moment to the next reads only that one, and what did not change in between is the identical object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._frames = FrameReader(path)
        entries = self._frames.entries
        self._positions = [i for i, entry in enumerate(entries) if entry.type == MOMENT]
        if not self._positions:
            self._frames.close()
            raise RecordingError(f"{path} holds no moment: it was ended before the clusters had answered.")
        # A clock that went back while recording must not hide what came after it.
        order = sorted(range(len(self._positions)), key=lambda i: (entries[self._positions[i]].at, i))
        self._by_time = order
        self.moments = tuple(entries[self._positions[i]].at for i in order)
        self._tables = ObjectTables()
        self._tables_read = 0
        self._decoder = SnapshotDecoder(self._tables)
        self._decoded: int | None = None
        self._snapshot: Snapshot | None = None

    @property
    def header(self) -> RecordingHeader:
        """What the recording says of itself."""
        return self._frames.header

    @property
    def cut(self) -> bool:
        """Whether the recording was interrupted while a moment was being written."""
        return self._frames.cut

    def position(self, at: float) -> int:
        """The number of the last moment that is not after `at`; the first one where all are."""
        return max(0, bisect_right(self.moments, at) - 1)

    def snapshot(self, position: int) -> Snapshot:
        """The Snapshot of a moment by its number among `moments`. Raises RecordingError."""
        number = self._by_time[position]
        if self._decoded == number and self._snapshot is not None:
            return self._snapshot
        try:
            for each in range(self._begin(number), number + 1):
                self._snapshot = self._read(each)
                self._decoded = each
        except NOT_A_FRAME as error:
            self._decoded = None
            raise damaged(self.path, _why(error)) from error
        assert self._snapshot is not None
        return self._snapshot

    def _begin(self, number: int) -> int:
        """Where reading begins to get at a moment: after what was read last, or at the last whole moment."""
        whole = number - number % self.header.whole_every
        return self._decoded + 1 if self._decoded is not None and whole <= self._decoded < number else whole

    def _read(self, number: int) -> Snapshot:
        position = self._positions[number]
        while self._tables_read < position:
            entry = self._frames.entries[self._tables_read]
            if entry.type == TABLES:
                self._tables.add(self._frames.body(entry))
            self._tables_read += 1
        return self._decoder.snapshot(self._frames.body(self._frames.entries[position]))

    def close(self) -> None:
        """Close the file."""
        self._frames.close()


def _why(error: Exception) -> str:
    told = " ".join(str(error).split()) or type(error).__name__
    return told[:200].rstrip(".")
