"""Where the body of an answer ends (RFC 9112, sections 6 and 7)."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?")
_LINE_BYTES = 16 * 1024
"""The most bytes of a chunk's size line and of all trailers."""
_BODILESS = frozenset({101, 204, 304})


class BodyReader:
    """A body that ends with its connection, and what all bodies have in common."""

    ends_with_the_connection = True
    leaves_the_connection = False

    def __init__(self) -> None:
        self.is_complete = False
        self.has_more_than_asked = False
        """Whether bytes came after the end: nobody asked for them, and they belong to no other answer."""

    def feed(self, data: bytes) -> bytes:
        """What of this belongs to the body. Raises httpx.RemoteProtocolError."""
        return data


class SizedBody(BodyReader):
    """A body whose size its head told."""

    ends_with_the_connection = False
    leaves_the_connection = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size
        self.is_complete = size == 0

    def feed(self, data: bytes) -> bytes:
        """What of this belongs to the body."""
        if len(data) > self._left:
            data = data[: self._left]
            self.has_more_than_asked = True
        self._left -= len(data)
        self.is_complete = self._left == 0
        return data


class ChunkedBody(BodyReader):
    """A body in chunks, each after its size; trailers are read and thrown away."""

    ends_with_the_connection = False

    def __init__(self, *, leaves_the_connection: bool) -> None:
        super().__init__()
        self.leaves_the_connection = leaves_the_connection
        self._left = 0
        """Bytes of the chunk that are still to come, with the line's end after it."""
        self._line = b""
        self._trailers = 0
        self._is_last = False

    def feed(self, data: bytes) -> bytes:
        """The bytes of the chunks in this. Raises httpx.RemoteProtocolError."""
        found: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self.is_complete:
            if self._left:
                at = self._take_chunk(data, at, found)
                continue
            line_end = data.find(b"\n", at)
            until = end if line_end < 0 else line_end
            if len(self._line) + until - at > _LINE_BYTES:
                raise httpx.RemoteProtocolError("a line between chunks is too long")
            self._line += data[at:until]
            if line_end < 0:
                return b"".join(found)
            at = line_end + 1
            line, self._line = self._line.removesuffix(b"\r"), b""
            self._take_line(line)
        if self.is_complete and at < end:
            self.has_more_than_asked = True
        return found[0] if len(found) == 1 else b"".join(found)

    def _take_chunk(self, data: bytes, at: int, found: list[bytes]) -> int:
        """Take what is there of a chunk and of its line's end; gives where to go on."""
        if self._left > 2:
            piece = data[at : at + self._left - 2]
            found.append(piece)
            self._left -= len(piece)
            return at + len(piece)
        if data[at] != b"\r\n"[2 - self._left]:
            raise httpx.RemoteProtocolError("a chunk is longer than its size")
        self._left -= 1
        return at + 1

    def _take_line(self, line: bytes) -> None:
        if self._is_last:
            self._trailers += len(line)
            if self._trailers > _LINE_BYTES:
                raise httpx.RemoteProtocolError("there are too many trailers")
            self.is_complete = not line
            return
        size = _SIZE_LINE.fullmatch(line)
        if size is None:
            raise httpx.RemoteProtocolError("a chunk has no size")
        length = int(size[1], 16)
        self._is_last = length == 0
        self._left = length + 2 if length else 0


def reader_of(status: int, values: Callable[[bytes], list[bytes]], *, bodiless: bool) -> BodyReader:
    """How the body of an answer is read; `values` gives the elements of a field of its head.

    `bodiless` is set for the answer to HEAD. Raises httpx.RemoteProtocolError for a length that is none.
    """
    if bodiless or status in _BODILESS:
        return SizedBody(0)
    coding, lengths = values(b"transfer-encoding"), set(values(b"content-length"))
    if coding:
        if coding != [b"chunked"]:
            raise httpx.RemoteProtocolError("the answer is in a coding that was not asked for")
        # A length beside it is wrong, and somebody on the way may have believed it: nothing more on this connection.
        return ChunkedBody(leaves_the_connection=not lengths)
    if not lengths:
        return BodyReader()
    length = lengths.pop()
    if lengths or not length.isdigit() or len(length) > 18:
        raise httpx.RemoteProtocolError("the length of the answer is no number")
    return SizedBody(int(length))
