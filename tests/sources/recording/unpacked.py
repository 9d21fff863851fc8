"""All bytes of a recording as a reader gets them: its header, and every frame unpacked."""

from __future__ import annotations

from pathlib import Path

from meshtop.sources.recording.frames import FrameReader


def everything_in(path: Path) -> bytes:
    """The header and the bodies of all frames."""
    frames = FrameReader(path)
    bodies = [frames.body(entry) for entry in frames.entries]
    frames.close()
    return b"\n".join([*path.read_bytes().split(b"\n", 2)[:2], *bodies])
