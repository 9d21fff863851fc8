"""A page about an outage, and the recording beside it that it was made of; neither is written over anything."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from meshtop import __version__
from meshtop.model.snapshot import Snapshot
from meshtop.sources.recording.frames import RecordingHeader
from meshtop.sources.recording.recorded import RecordedSnapshots
from meshtop.sources.recording.redaction import cleaner
from meshtop.sources.recording.writer import RecordingWriter


def recorded_beside(path: Path, snapshots: Sequence[Snapshot], *, redact: bool) -> list[Snapshot]:
    """Write a recording of these Snapshots; the same ones as it has them. Raises RecordingError."""
    header = RecordingHeader(
        meshtop=__version__, begun=time.time(), window_seconds=snapshots[-1].window_seconds, redacted=redact
    )
    writer = RecordingWriter(path, header, cleaner(redact=redact))
    try:
        for snapshot in snapshots:
            writer.add(snapshot)
    finally:
        writer.close()
    recording = RecordedSnapshots(path)
    try:
        return [recording.snapshot(i) for i in range(len(recording.moments))]
    finally:
        recording.close()


def write_page(path: Path, text: str) -> None:
    """Write a new file that its user alone may read. Raises OSError, also where there is one of this name."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(number, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
