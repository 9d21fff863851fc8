"""HTTP/1.1 on one socket: a request goes out, its answer is read as it comes (RFC 9112).

httpx's own transport walks its whole pool at each request and costs two milliseconds of CPU for a question; this one
costs a tenth. It speaks what clients of API servers and of Prometheus need and nothing more: requests with a body of
known length, no upgrade, no pipelining.
"""

from __future__ import annotations

import asyncio
import collections
import re
import select
import ssl

import httpx
from msgspec import Struct

from meshtop.sources.http.framing import BodyReader, reader_of
from meshtop.sources.http.request import requested_fields, requested_server, requested_target
from meshtop.sources.http.tls_layer import TlsLayer

_HEAD_BYTES = 100 * 1024
"""The most bytes of an answer's head."""
_HIGH_WATER = 256 * 1024
"""Bytes that wait to be read before the server is kept from sending more."""
_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: ([^\x00\r\n]*))?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00\r\n]*)")
_NOT_HTTP = "the server sent what is not HTTP"


class AnswerHead(Struct, frozen=True):
    """The head of an answer: `minor` is the minor version of HTTP/1, `fields` are names and values in their order."""

    minor: int
    status: int
    reason: bytes
    fields: list[tuple[bytes, bytes]]

    def values(self, name: bytes) -> list[bytes]:
        """The elements of a field whose values are lists, in lower case; `name` in lower case."""
        found = [value for key, value in self.fields if key.lower() == name]
        return [part.strip().lower() for value in found for part in value.split(b",")] if found else found


def parse_head(head: bytes) -> AnswerHead:
    """A head without its empty line. Raises httpx.RemoteProtocolError."""
    first, *lines = [line.removesuffix(b"\r") for line in head.split(b"\n")]
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise httpx.RemoteProtocolError(_NOT_HTTP)
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and fields:
            # Folded lines are obsolete, and still to be read (RFC 9112, section 5.2).
            name, value = fields.pop()
            fields.append((name, value + b" " + line.strip()))
            continue
        found = _FIELD.fullmatch(line)
        if found is None:
            raise httpx.RemoteProtocolError(_NOT_HTTP)
        fields.append((found[1], found[2].strip(b" \t")))
    return AnswerHead(int(status[1]), int(status[2]), status[3] or b"", fields)


def request_bytes(request: httpx.Request, body: bytes, *, whole_address: bool = False, field: bytes = b"") -> bytes:
    """A request on the wire, its address byte for byte as it is. Raises httpx.LocalProtocolError.

    A proxy that passes requests on gets the `whole_address`, and a `field` of its own. A line's end in a field would
    make two of it, or two requests: nothing of such a request is sent.
    """
    target = requested_target(request)
    if whole_address:
        url = requested_server(request)
        target = b"%b://%b%b" % (url.raw_scheme, url.netloc, target)
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), target), *([field] if field else [])]
    lines += [b"%b: %b" % field for field in requested_fields(request)]
    head = b"\r\n".join(lines)
    if not head.count(b"\n") == head.count(b"\r") == len(lines) - 1 or b"\0" in head:
        raise httpx.LocalProtocolError("a header holds characters that cannot be sent")
    return b"%b\r\n\r\n%b" % (head, body)


def _caused(kind: type[httpx.TransportError], error: Exception) -> httpx.TransportError:
    lost = kind(str(error))
    lost.__cause__ = error
    return lost


class HttpConnection(asyncio.Protocol):
    """One socket to a server, for one exchange after the other: `send`, then `read` until it gives nothing.

    `secure` comes first where TLS is spoken.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._tls: TlsLayer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._answering = False
        self._to_head = False
        self._keep = False
        self._head_rest = bytearray()
        self._scanned = 0
        self._head: AnswerHead | None = None
        self._body: BodyReader | None = None
        self._chunks: collections.deque[bytes] = collections.deque()
        self._waiting_bytes = 0
        self._paused = False
        self._poll = select.poll()
        self._silent_at: float | None = None
        """The loop's time at which who waits has heard nothing for too long; None where nobody says how long."""
        self._timer: asyncio.TimerHandle | None = None
        self.idle_since = 0.0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes came; what comes unasked ends the connection."""
        try:
            if self._tls is not None:
                data = self._decrypted(self._tls, data)
            if data and (not self._answering or self._error is not None):
                self.abort()
            elif data:
                self._take(data)
        except httpx.TransportError as error:
            self._fail(error)
            self.abort()
        if self._tls is not None and self._tls.is_over:
            self.eof_received()
            if not self._answering:
                self.abort()
        self._wake()

    def eof_received(self) -> None:
        """The server sends no more."""
        if self._answering and self._body is not None and self._body.ends_with_the_connection:
            self._body.is_complete = True
        else:
            self._fail(self._broken_off())
        self._keep = False
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        self._transport = None
        self._keep = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not (self._body is not None and self._body.is_complete):
            self._fail(self._broken_off() if error is None else _caused(httpx.ReadError, error))
        self._wake()

    # What the pool calls.

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent: nothing came since the last answer, above all not the connection's end."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._answering:
            return False
        # The loop may not have looked yet: what a server closed a moment ago is readable.
        return not self._poll.poll(0)

    @property
    def can_be_kept(self) -> bool:
        """Whether the answer is complete and the server keeps the connection for the next one."""
        return self._keep and not self._answering and self._transport is not None and not self._transport.is_closing()

    @property
    def session(self) -> ssl.SSLSession | None:
        """A new TLS session that other connections to the same server may go on with.

        None without TLS, and where this connection went on with one itself, which others may do too: reading a session
        copies it with the server's certificate, which costs as much as the handshake that it saves.
        """
        tls = self._tls
        return tls.session if tls is not None and not tls.went_on else None

    async def secure(self, context: ssl.SSLContext, server_name: str, session: ssl.SSLSession | None = None) -> None:
        """Agree on TLS with a server that must have this name, going on with a `session` of before if there is one.

        Raises ssl.SSLError, ValueError and OSError.
        """
        tls = self._tls = TlsLayer(context, server_name, session)
        tls.begin()
        self._flush(tls)
        while not tls.is_ready:
            if self._error is not None:
                raise self._failed().__cause__ or ConnectionError("the server closed the connection before TLS began")
            await self._something(None)

    async def send(self, request: bytes, *, to_head: bool, seconds: float | None) -> AnswerHead:
        """Send a request and wait for the head of its answer; `seconds` is the longest silence.

        Raises httpx.RemoteProtocolError, httpx.ReadError and httpx.ReadTimeout.
        """
        if self._transport is None:
            raise httpx.WriteError("the connection is closed")
        self._begin(to_head)
        if self._tls is None:
            self._transport.write(request)
        else:
            try:
                self._tls.encrypt(request)
            except ssl.SSLError as error:
                raise httpx.WriteError(str(error)) from error
            self._flush(self._tls)
        while self._head is None:
            if self._error is not None:
                raise self._failed()
            await self._something(seconds)
        return self._head

    async def read(self, seconds: float | None) -> bytes:
        """The next bytes of the body, as they were sent; nothing at its end. Raises as `send` does."""
        while not self._chunks:
            assert self._body is not None
            if self._body.is_complete:
                self._answering = False
                return b""
            if self._error is not None:
                raise self._failed()
            await self._something(seconds)
        chunk = self._chunks.popleft()
        self._waiting_bytes -= len(chunk)
        self._receive_on()
        return chunk

    def read_at_once(self) -> bytes | None:
        """The whole body, as it was sent, where all of it came already; None, and nothing is taken, where not."""
        if self._body is None or not self._body.is_complete:
            return None
        whole = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._waiting_bytes = 0
        self._receive_on()
        return whole

    def _receive_on(self) -> None:
        """Let the socket go on after a pause, where little waits to be read."""
        if self._paused and self._waiting_bytes < _HIGH_WATER and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    @property
    def is_read(self) -> bool:
        """Whether nothing of the answer is left to read."""
        return self._body is not None and self._body.is_complete and not self._chunks

    def done(self) -> None:
        """The answer was read: the connection may take the next request."""
        self._answering = False

    def abort(self) -> None:
        """Close the socket at once."""
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    def _flush(self, tls: TlsLayer) -> None:
        if self._transport is not None and (data := tls.to_send()):
            self._transport.write(data)

    def _decrypted(self, tls: TlsLayer, data: bytes) -> bytes:
        """Raises httpx.ReadError, caused by TLS's own error."""
        try:
            return tls.receive(data)
        except ssl.SSLError as error:
            raise _caused(httpx.ReadError, error) from error
        finally:
            # The server's side of a handshake, an answer to it, or the alert that says why there is none.
            self._flush(tls)

    def _begin(self, to_head: bool) -> None:
        self._answering, self._to_head, self._keep = True, to_head, False
        self._head = self._body = self._error = None

    def _take(self, data: bytes) -> None:
        while self._body is None:
            # Nearly all heads come whole, and need no second place.
            came: bytes | bytearray = data
            if self._head_rest:
                self._head_rest += data
                came = self._head_rest
            found = _HEAD_END.search(came, self._scanned)
            if (found.start() if found else len(came)) > _HEAD_BYTES:
                raise httpx.RemoteProtocolError("the head of the answer is too long")
            if found is None:
                self._scanned = max(0, len(came) - 2)
                if came is data:
                    self._head_rest += data
                return
            head = parse_head(bytes(came[: found.start()]).removesuffix(b"\r"))
            data = bytes(came[found.end() :])
            self._head_rest.clear()
            self._scanned = 0
            if 100 <= head.status < 200 and head.status != 101:
                if not data:
                    return
                continue
            self._body = reader_of(head.status, head.values, bodiless=self._to_head)
            says = head.values(b"connection")
            self._keep = head.minor == 1 and b"close" not in says and self._body.leaves_the_connection
            self._head = head
        if not data:
            return
        chunk = self._body.feed(data)
        if self._body.has_more_than_asked:
            self._keep = False
        if chunk:
            self._chunks.append(chunk)
            self._waiting_bytes += len(chunk)
            if self._waiting_bytes >= _HIGH_WATER and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()

    def _broken_off(self) -> httpx.RemoteProtocolError:
        if self._head is not None:
            return httpx.RemoteProtocolError("the connection was closed before the answer was whole")
        return httpx.RemoteProtocolError("the server closed the connection without an answer")

    def _failed(self) -> Exception:
        """The error, once: an exception that is kept where it was raised is freed by the garbage collector alone."""
        assert self._error is not None
        error, self._error = self._error, None
        self._answering = self._keep = False
        return error

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _look_again_at(self, due: float) -> None:
        """See to it that somebody looks at this time, on the loop's clock, or before.

        One timer serves all questions, and is not begun and ended with each of them: few look at it in the end.
        """
        if self._timer is not None and self._timer.when() <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done() or self._silent_at is None:
            return
        if self._silent_at > due:
            self._look_again_at(self._silent_at)
        else:
            self._waiter.set_exception(httpx.ReadTimeout("nothing came in time"))

    async def _something(self, seconds: float | None) -> None:
        """Wait until something came; raises httpx.ReadTimeout after so many seconds of silence."""
        waiter = self._waiter = self._loop.create_future()
        self._silent_at = None if seconds is None else self._loop.time() + seconds
        if self._silent_at is not None:
            self._look_again_at(self._silent_at)
        try:
            await waiter
        finally:
            # The error of a timeout knows this frame: it must not find itself here.
            self._waiter = None
            del waiter
