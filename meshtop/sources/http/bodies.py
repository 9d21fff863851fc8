"""Bodies of answers: decompressed by ourselves, piece by piece, so that no answer outgrows its limit."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

import httpx

from meshtop.sources.http.answer import BufferedStream, HttpAnswer, field_of, sent_fields

_PIECE = 1024 * 1024
"""The most bytes that are decompressed between two breaths of the event loop: a few milliseconds."""


class AnswerTooLarge(httpx.TransportError):
    """An answer has more bytes than its limit, as received or decompressed; `limit` is that number.

    `of_all` is set where the limit is that of all answers that are read at the same time.
    """

    def __init__(self, limit: int, *, of_all: bool = False) -> None:
        super().__init__(f"more than {size_in_words(limit)} came")
        self.limit = limit
        self.of_all = of_all


class AnswerTooSlow(httpx.TimeoutException):
    """An answer was still coming when its time was over; `seconds` is how long it had."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no whole answer within {seconds:g} s")
        self.seconds = seconds


def size_in_words(size: int) -> str:
    """A number of bytes for people, such as `128 MiB`."""
    for unit, factor in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"


async def chunks_of(response: httpx.Response, *, most_bytes: int | None) -> AsyncIterator[bytes]:
    """The decompressed chunks of an answer's body, each of 1 MiB at most. `most_bytes` of None is without a limit.

    Only gzip is asked for, so that anything else is an answer that cannot be used. Raises AnswerTooLarge,
    httpx.DecodingError, and what httpx raises for a broken connection.
    """
    unpack = _unpacker_of(response)
    received = unpacked = 0
    async for chunk in _raw(response):
        received += len(chunk)
        _require_at_most(received, most_bytes)
        if unpack is None:
            yield chunk
            continue
        while chunk:
            piece = _unpacked(unpack, chunk, response)
            if piece:
                unpacked += len(piece)
                _require_at_most(unpacked, most_bytes)
                yield piece
            chunk = unpack.unconsumed_tail
            if chunk:
                await asyncio.sleep(0)
    _require_an_end(unpack, received, response)


def _unpacker_of(response: httpx.Response) -> zlib._Decompress | None:
    """What decompresses an answer; None for one that is sent as it is."""
    encoding = field_of(response, b"content-encoding").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompressobj(16 + zlib.MAX_WBITS)
    raise httpx.DecodingError("an encoding came that was not asked for", request=response.request)


def _unpacked(unpack: zlib._Decompress, chunk: bytes, response: httpx.Response) -> bytes:
    """The first piece of a chunk; what is left of it waits in the decompressor."""
    try:
        return unpack.decompress(chunk, _PIECE)
    except zlib.error as error:
        raise httpx.DecodingError(str(error), request=response.request) from error


def _require_an_end(unpack: zlib._Decompress | None, received: int, response: httpx.Response) -> None:
    if unpack is not None and received and not unpack.eof:
        raise httpx.DecodingError("the compressed answer ends early", request=response.request)


class BytesInFlight:
    """The decompressed bytes of all answers of one server that are being read; never more than `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def add(self, size: int) -> None:
        """Hold so many more. Raises AnswerTooLarge where that is too much of all of them together."""
        if self.held + size > self.most:
            raise AnswerTooLarge(self.most, of_all=True)
        self.held += size


async def read_whole(response: httpx.Response, *, most_bytes: int, in_flight: BytesInFlight) -> httpx.Response:
    """The same answer with its whole body in it, decompressed. Raises as `chunks_of` does.

    Until it is whole its bytes count among those `in_flight`: many answers that are each allowed may be too much.
    """
    chunks: list[bytes] = []
    size = 0
    body = _at_once(response, most_bytes)
    try:
        if body is not None:
            in_flight.add(len(body))
            size = len(body)
        else:
            async for chunk in chunks_of(response, most_bytes=most_bytes):
                in_flight.add(len(chunk))
                size += len(chunk)
                chunks.append(chunk)
            body = b"".join(chunks)
    finally:
        in_flight.held -= size
    return HttpAnswer(response.status_code, sent_fields(response), body=body, request=response.request)


def _at_once(response: httpx.Response, most_bytes: int) -> bytes | None:
    """The body of an answer that came whole and has one piece; None where it is to be read piece by piece."""
    stream = response.stream
    if not isinstance(stream, BufferedStream):
        return None
    unpack = _unpacker_of(response)
    received = stream.at_once()
    if received is None:
        return None
    _require_at_most(len(received), most_bytes)
    if unpack is None:
        return received
    body = _unpacked(unpack, received, response)
    if unpack.unconsumed_tail:
        response.stream = _Received(received)
        return None
    _require_an_end(unpack, len(received), response)
    _require_at_most(len(body), most_bytes)
    return body


class _Received(httpx.AsyncByteStream):
    """A body that was taken from its connection and is long when it is decompressed."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._received


async def _raw(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it was sent, piece by piece; an error says which request it is of, as httpx's own do."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        async for chunk in response.stream:
            yield chunk
    except httpx.RequestError as error:
        error.request = response.request
        raise


def _require_at_most(size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise AnswerTooLarge(most)
