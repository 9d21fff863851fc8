"""The file of a recording: a line that says what it is, then frames, each whole by itself or not there at all.

    meshtop-recording 1\\n
    {"begun": …, "meshtop": …, …}\\n
    frame, frame, …

A frame is its type (one letter), its moment (Unix seconds, a double), the length of its body and the body's CRC-32
(both 32 bits, big-endian), and the body: MessagePack, packed by zlib. It is written by one call, so that a process
that is killed leaves whole frames and perhaps a part of the last one, which a reader passes over.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from meshtop.model.errors import MeshtopError

NAME = b"meshtop-recording "
VERSION = 1
MOST_HEADER_BYTES = 64 * 1024
MOST_PACKED_BYTES = 64 * 1024 * 1024
"""The largest body of a frame in the file."""
MOST_FRAME_BYTES = 256 * 1024 * 1024
"""The largest body of a frame unpacked: more is a bomb, and no fleet."""
MOST_FRAMES = 1_000_000
TABLES, MOMENT = b"T", b"M"
"""Frames that add to the tables, and frames of a moment, which name what stands in them."""
WHOLE_EVERY = 40
"""So many moments from one that refers to none before it to the next: what a reader reads to get at any moment."""
_FRAME = struct.Struct(">cdII")
_LEVEL = 6


LONGEST_WINDOW_SECONDS = 366 * 86_400.0
_LAST_MOMENT = 253_402_300_799.0
"""The end of the year 9999, beyond which no calendar goes."""


def is_moment(seconds: float) -> bool:
    """Whether a calendar has this moment (Unix seconds); none has what is no number."""
    return 0.0 <= seconds <= _LAST_MOMENT


class RecordingError(MeshtopError):
    """A recording cannot be read or written; the message names the file and says why."""


class RecordingHeader(Struct, frozen=True, kw_only=True):
    """What a recording says of itself: who wrote it, when it was begun (Unix seconds), and how.

    `past` is whether the moments were asked of Prometheus afterwards, with the objects of the day of recording. Every
    `whole_every`th moment refers to none before it.
    """

    meshtop: str
    begun: float
    window_seconds: float
    redacted: bool = False
    past: bool = False
    whole_every: int = WHOLE_EVERY


class FrameEntry(Struct, frozen=True):
    """A frame without its body: its type, its moment, and where in the file the body is."""

    type: bytes
    at: float
    offset: int
    length: int
    crc: int


def damaged(path: Path, why: str) -> RecordingError:
    """The error of a file that is not what a recording is."""
    return RecordingError(f"{path} is damaged: {why}. Record anew, or take another copy of it.")


class FrameWriter:
    """Writes a new recording. Raises RecordingError for a file that exists or cannot be written."""

    def __init__(self, path: Path, header: RecordingHeader) -> None:
        self.path = path
        self.bytes = 0
        try:
            self._number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise RecordingError(f"{path} exists; give the name of a new file.") from error
        except OSError as error:
            raise RecordingError(f"{path} cannot be written: {error.strerror or error}.") from error
        self._write(NAME + str(VERSION).encode() + b"\n" + msgspec.json.encode(header) + b"\n")

    def add(self, type_: bytes, at: float, body: bytes) -> int:
        """Append a frame; how many bytes it takes. Raises RecordingError."""
        packed = zlib.compress(body, _LEVEL)
        if len(packed) > MOST_PACKED_BYTES or len(body) > MOST_FRAME_BYTES:
            raise RecordingError(f"{self.path} would get a frame that is too large to be read again.")
        frame = _FRAME.pack(type_, at, len(packed), zlib.crc32(packed)) + packed
        self._write(frame)
        return len(frame)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._number, view) :]
        except OSError as error:
            raise RecordingError(f"{self.path} cannot be written: {error.strerror or error}.") from error
        self.bytes += len(data)

    def close(self) -> None:
        """Close the file."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1


class FrameReader:
    """Reads a recording: its header and the places of its frames at once, a body when it is asked for.

    `cut` is whether the file ends within a frame, as that of a process that was killed may. Raises RecordingError for
    anything that is no recording.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise RecordingError(f"{path} cannot be read: {error.strerror or error}.") from error
        try:
            self.header = self._header()
            self.cut = False
            self.entries = tuple(self._entries())
        except OSError as error:
            self._file.close()
            raise RecordingError(f"{path} cannot be read: {error.strerror or error}.") from error
        except BaseException:
            self._file.close()
            raise

    def _header(self) -> RecordingHeader:
        first = self._file.readline(len(NAME) + 12)
        if not first.startswith(NAME):
            raise RecordingError(f"{self.path} is no recording; meshtop record makes one.")
        number = first[len(NAME) :].strip()
        if not first.endswith(b"\n") or not number.isdigit():
            raise damaged(self.path, "its first line is not whole")
        if int(number) > VERSION:
            raise RecordingError(
                f"{self.path} is a recording of version {int(number)}, and this meshtop reads up to {VERSION}; "
                "use a newer meshtop."
            )
        second = self._file.readline(MOST_HEADER_BYTES)
        if not second.endswith(b"\n"):
            raise damaged(self.path, "its header is not whole")
        try:
            header = msgspec.json.decode(second, type=RecordingHeader)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise damaged(self.path, "its header cannot be understood") from error
        sound = 1 <= header.whole_every <= MOST_FRAMES and 0 < header.window_seconds <= LONGEST_WINDOW_SECONDS
        if not sound or not is_moment(header.begun):
            raise damaged(self.path, "its header cannot be understood")
        return header

    def _entries(self) -> Iterator[FrameEntry]:
        size = os.fstat(self._file.fileno()).st_size
        offset = self._file.tell()
        for _ in range(MOST_FRAMES):
            head = self._file.read(_FRAME.size)
            if len(head) < _FRAME.size:
                self.cut = bool(head)
                return
            type_, at, length, crc = _FRAME.unpack(head)
            offset += _FRAME.size
            if type_ not in (TABLES, MOMENT) or length > MOST_PACKED_BYTES or not is_moment(at):
                raise damaged(self.path, f"what stands at byte {offset - _FRAME.size} is no frame")
            if offset + length > size:
                self.cut = True
                return
            yield FrameEntry(type_, at, offset, length, crc)
            offset += length
            self._file.seek(offset)
        raise damaged(self.path, f"it has more than {MOST_FRAMES} frames")

    def body(self, entry: FrameEntry) -> bytes:
        """The unpacked body of a frame. Raises RecordingError."""
        try:
            self._file.seek(entry.offset)
            packed = self._file.read(entry.length)
        except OSError as error:
            raise RecordingError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        if len(packed) != entry.length or zlib.crc32(packed) != entry.crc:
            raise damaged(self.path, f"the frame at byte {entry.offset} is not what was written")
        unpacker = zlib.decompressobj()
        try:
            body = unpacker.decompress(packed, MOST_FRAME_BYTES)
        except (zlib.error, MemoryError) as error:
            raise damaged(self.path, f"the frame at byte {entry.offset} cannot be unpacked") from error
        if not unpacker.eof or unpacker.unused_data:
            raise damaged(self.path, f"the frame at byte {entry.offset} is not whole, or too large unpacked")
        return body

    def close(self) -> None:
        """Close the file."""
        self._file.close()
