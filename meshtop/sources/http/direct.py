"""Connections to a server, straight or through an http proxy: an httpx transport on asyncio alone."""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import os
import re
import ssl
from collections.abc import AsyncIterator, Callable

import httpx
from msgspec import Struct

from meshtop.model.addresses import ip_address_of
from meshtop.sources.http.answer import BufferedStream, HttpAnswer
from meshtop.sources.http.exchange import HttpConnection, request_bytes
from meshtop.sources.http.origin import PORTS
from meshtop.sources.http.request import requested_server

_ERRNO = re.compile(r"\[Errno (\d+)\]")
_NEXT_ADDRESS_SECONDS = 0.25
"""How long one address of a host may take before the next one is tried too (RFC 8305, section 8)."""
_LATE_SECONDS = 0.5
"""So much later than it was due, the end of a time limit is one that this program slept through."""
_SOON_SECONDS = 0.02
"""How long a request waits for a connection in use to become free before it opens another. A server that is near has
answered by then, and a handshake costs as much as four questions; to one that is far it is less than one way there."""
_BUSY_SECONDS = 0.004
"""So much later than it was due, the end of such a moment was one in which this program did something else."""
_BUSY_MOMENTS = 25
"""So many of these are waited for; then there is one more connection in any case."""
_NOT_LENT = 6
"""Idle connections that a pool does not lend: so many questions are put to one server side by side, refresh after
refresh (`sources.prometheus.collecting`)."""
SERVER_NAME = "sni_hostname"
"""A request's extension: the name that the server's certificate must have, where it is not the URL's host."""
NEW_CONNECTION = "meshtop_new_connection"
"""A request's extension: it goes over a connection of its own, for those that are idle may all be dead."""


class PoolLimits(Struct, frozen=True):
    """How many connections are open at most, how many idle ones are kept, and for how many seconds.

    `shared` is whether a request waits a moment for one in use: what is held for minutes becomes free too late.
    """

    open: int
    idle: int
    idle_seconds: float = 60.0
    shared: bool = True


class HttpProxy(Struct, frozen=True):
    """A proxy that is reached by plain http, and its own login in the form of a field (empty where it has none)."""

    host: str
    port: int
    login: bytes = b""

    @classmethod
    def of(cls, proxy: httpx.Proxy) -> HttpProxy:
        """The proxy of a URL with the scheme http. Raises ValueError where it names no host."""
        if not proxy.url.host:
            raise ValueError("the proxy has no host")
        login = b""
        if proxy.raw_auth is not None:
            login = b"Proxy-Authorization: Basic " + base64.b64encode(b":".join(proxy.raw_auth))
        return cls(proxy.url.raw_host.decode("ascii"), proxy.url.port or PORTS["http"], login)


class _Place(Struct, frozen=True):
    """Where a connection leads: what must be the same for another request to use it."""

    host: str
    port: int
    secure: bool
    server_name: str


class DirectTransport(httpx.AsyncBaseTransport):
    """An httpx transport that connects to each request's server, straight or through a proxy, and keeps connections.

    It follows no redirect, sends nothing twice, and takes nothing from the environment. A connection whose answer was
    not read to its end is closed. It belongs to the event loop in which it is first used.
    """

    def __init__(self, context: ssl.SSLContext, limits: PoolLimits, proxy: HttpProxy | None = None) -> None:
        self._context = context
        self._proxy = proxy
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.open)
        self._idle: dict[_Place, list[HttpConnection]] = {}
        self._open: set[HttpConnection] = set()
        self._busy: collections.Counter[_Place] = collections.Counter()
        """How many requests have a connection, or open one."""
        self._waiting: dict[_Place, dict[asyncio.Future[HttpConnection | None], None]] = {}
        """Requests that wait for a connection to become free, the first one first."""
        self._sessions: dict[_Place, ssl.SSLSession] = {}
        """The TLS session of the last connection that could not go on with an earlier one, for those after it."""
        self._closing: set[_Place] = set()
        """Servers that closed a connection after its answer: none is waited for there."""
        self._lender: DirectTransport | None = None
        self._last_place: tuple[httpx.URL, object, _Place] | None = None
        self._closed = False

    def borrow_from(self, lender: DirectTransport) -> None:
        """Take over idle connections of another pool to the same servers, before any is opened here.

        Both have the same context, so that TLS goes on with what either agreed on.
        """
        self._lender = lender
        self._sessions = lender._sessions

    def lend(self, place: _Place) -> HttpConnection | None:
        """Give an idle connection away for good, the one that was used longest ago; None where few are left."""
        idle = self._idle_at(place)
        while len(idle) > _NOT_LENT:
            connection = idle.pop(0)
            if connection.is_open:
                self._open.discard(connection)
                return connection
            self._drop(connection)
        return None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and give its answer, whose body is still to be read. Raises what httpx's transport raises."""
        seconds = request.extensions.get("timeout", {})
        body = await request.aread()
        proxy = None if requested_server(request).scheme == "https" else self._proxy
        sent = request_bytes(request, body, whole_address=proxy is not None, field=proxy.login if proxy else b"")
        await self._turn(seconds.get("pool"))
        connection: HttpConnection | None = None
        try:
            place = self._place_for(request)
            if not request.extensions.get(NEW_CONNECTION):
                connection = self._take_idle(place) or self._borrow(place) or await self._soon_idle(place)
            self._busy[place] += 1
        except BaseException:
            self._turns.release()
            raise
        try:
            if is_new := connection is None:
                connection = await self._connect(place, seconds.get("connect"))
            head = await connection.send(sent, to_head=request.method == "HEAD", seconds=seconds.get("read"))
        except BaseException:
            self._give_back(connection, place, keep=False)
            raise
        if is_new and (session := connection.session) is not None:
            self._sessions[place] = session
        stream = _AnswerStream(connection, seconds.get("read"), lambda: self._give_back(connection, place))
        extensions = {"http_version": b"HTTP/1.%d" % head.minor, "reason_phrase": head.reason}
        return HttpAnswer(head.status, head.fields, stream=stream, extensions=extensions)

    async def aclose(self) -> None:
        """Close every connection."""
        self._closed = True
        self._idle.clear()
        for connection in tuple(self._open):
            connection.abort()
        self._open.clear()
        # Sockets are closed in the loop's next turn.
        await asyncio.sleep(0)

    def _place_for(self, request: httpx.Request) -> _Place:
        url, named = requested_server(request), request.extensions.get(SERVER_NAME)
        # Nearly all requests go to one server, whose address is the same object in all of them.
        if self._last_place is None or self._last_place[0] is not url or self._last_place[1] != named:
            self._last_place = url, named, _place_of(request)
        return self._last_place[2]

    async def _turn(self, seconds: float | None) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("every connection is in use") from None

    def _take_idle(self, place: _Place) -> HttpConnection | None:
        """The idle connection that was used last, if one is still open."""
        idle = self._idle_at(place)
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
            self._drop(connection)
        return None

    def _idle_at(self, place: _Place) -> list[HttpConnection]:
        """The idle connections to a server, the one used last at the end; those that waited too long are closed."""
        idle = self._idle.get(place, [])
        oldest = asyncio.get_running_loop().time() - self._limits.idle_seconds if idle else 0.0
        while idle and idle[0].idle_since < oldest:
            self._drop(idle.pop(0))
        return idle

    def _borrow(self, place: _Place) -> HttpConnection | None:
        connection = self._lender.lend(place) if self._lender is not None else None
        if connection is not None:
            self._open.add(connection)
        return connection

    async def _soon_idle(self, place: _Place) -> HttpConnection | None:
        """A connection that becomes free within a moment, where one is in use at all; None where none does."""
        if not self._busy[place] or not self._limits.idle or not self._limits.shared or place in self._closing:
            return None
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[HttpConnection | None] = loop.create_future()
        waiting = self._waiting.setdefault(place, {})
        waiting[waiter] = None
        moment = _Moment(loop, waiter)
        try:
            connection = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (given := waiter.result()) is not None:
                self._keep(given, place)
            raise
        finally:
            moment.end()
            waiting.pop(waiter, None)
        if connection is None or connection.is_open:
            return connection
        self._drop(connection)
        return None

    def _give_back(self, connection: HttpConnection | None, place: _Place, *, keep: bool = True) -> None:
        """After a request: let the next one have its turn, and keep the connection unless its answer was not read."""
        self._turns.release()
        self._busy[place] -= 1
        if connection is None:
            return
        if keep:
            self._keep(connection, place)
        else:
            self._drop(connection)

    def _keep(self, connection: HttpConnection, place: _Place) -> None:
        """Hand a connection to the request that has waited longest, else keep it idle; close what is of no use."""
        if not connection.can_be_kept or self._closed:
            self._closing.add(place)
            self._drop(connection)
            return
        for waiter in self._waiting.get(place, ()):
            if not waiter.done():
                waiter.set_result(connection)
                return
        idle = self._idle.setdefault(place, [])
        if len(idle) < self._limits.idle:
            connection.idle_since = asyncio.get_running_loop().time()
            idle.append(connection)
            return
        self._drop(connection)

    def _drop(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        connection.abort()

    async def _connect(self, place: _Place, seconds: float | None) -> HttpConnection:
        """A new connection; `seconds` is how long the socket may take to connect, the proxy after it, and TLS.

        Raises httpx.ConnectError, httpx.ConnectTimeout, and httpx.ProxyError for a proxy that does not lead there.
        """
        limit = asyncio.timeout(seconds)
        try:
            return await self._connect_once(place, seconds, limit)
        except httpx.ConnectTimeout:
            # A pause of this program is no silence of the server's: the answer may have been there, and nobody looked.
            due = limit.when()
            if due is None or asyncio.get_running_loop().time() - due < _LATE_SECONDS:
                raise
            return await self._connect_once(place, seconds, asyncio.timeout(seconds))

    async def _connect_once(self, place: _Place, seconds: float | None, limit: asyncio.Timeout) -> HttpConnection:
        loop = asyncio.get_running_loop()
        connection: HttpConnection | None = None
        try:
            async with limit:
                first = self._proxy or place
                # An address has no next one; racing for one leaves cycles of tasks and tracebacks behind.
                delay = _NEXT_ADDRESS_SECONDS if ip_address_of(first.host) is None else None
                _, connection = await loop.create_connection(
                    HttpConnection, first.host, first.port, happy_eyeballs_delay=delay
                )
                self._open.add(connection)
                if place.secure and self._proxy is not None:
                    self._once_more(limit, seconds)
                    await _tunnel(connection, place, self._proxy.login)
                if place.secure:
                    self._once_more(limit, seconds)
                    await connection.secure(self._context, place.server_name, self._sessions.get(place))
            if not self._closed:
                return connection
            raise ConnectionError("this program closed the connection")
        except BaseException as error:
            if connection is not None:
                self._drop(connection)
            # The system gives up too, later than any limit of ours.
            if isinstance(error, TimeoutError) and error.errno is None:
                raise httpx.ConnectTimeout("no connection in time") from None
            if isinstance(error, OSError | ValueError):
                raise httpx.ConnectError(str(error)) from _first_of(error)
            raise

    def _once_more(self, limit: asyncio.Timeout, seconds: float | None) -> None:
        if seconds is not None:
            limit.reschedule(asyncio.get_running_loop().time() + seconds)


async def _tunnel(connection: HttpConnection, place: _Place, login: bytes) -> None:
    """Have the proxy at the other end pass everything on (RFC 9110, section 9.3.6). Raises httpx.ProxyError."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    there = f"{host}:{place.port}".encode("ascii")
    lines = [b"CONNECT %b HTTP/1.1" % there, b"Host: %b" % there, *([login] if login else [])]
    head = None
    with contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError):
        head = await connection.send(b"\r\n".join(lines) + b"\r\n\r\n", to_head=True, seconds=None)
    if head is None:
        raise httpx.ProxyError("the proxy does not answer as one")
    if not 200 <= head.status < 300:
        said = head.reason.decode("ascii", "replace")
        raise httpx.ProxyError(f"the proxy answers {head.status} {said}".rstrip())
    connection.done()


class _AnswerStream(BufferedStream):
    """The body of an answer; its connection is given back at the end of it, or when it is closed before."""

    def __init__(self, connection: HttpConnection, seconds: float | None, give_back: Callable[[], None]) -> None:
        self._connection = connection
        self._seconds = seconds
        self._give_back: Callable[[], None] | None = give_back
        if connection.is_read:
            self._end()

    def at_once(self) -> bytes | None:
        """All of it if it is there, and then the connection is free again."""
        if self._give_back is None:
            return b""
        received = self._connection.read_at_once()
        if received is not None:
            self._end()
        return received

    async def __aiter__(self) -> AsyncIterator[bytes]:
        connection = self._connection
        while self._give_back is not None:
            chunk = await connection.read(self._seconds)
            if connection.is_read:
                self._end()
            if chunk:
                yield chunk

    async def aclose(self) -> None:
        """Give the connection back: closed, unless the answer was read to its end."""
        if self._give_back is not None:
            self._over()

    def _end(self) -> None:
        self._connection.done()
        self._over()

    def _over(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


class _Moment:
    """Ends a wait for a connection in use after a moment, in which this program looked whether one became free.

    While it reads many clusters it is the slow one: answers lie there, and nobody has taken them yet. A connection more
    for each question would make it slower still.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[HttpConnection | None]) -> None:
        self._loop = loop
        self._waiter = waiter
        self._left = _BUSY_MOMENTS
        self._begin()

    def _begin(self) -> None:
        self._due = self._loop.time() + _SOON_SECONDS
        self._timer = self._loop.call_at(self._due, self._is_over)

    def _is_over(self) -> None:
        if self._waiter.done():
            return
        if self._left and self._loop.time() - self._due > _BUSY_SECONDS:
            self._left -= 1
            self._begin()
        else:
            self._waiter.set_result(None)

    def end(self) -> None:
        """Nobody waits any more."""
        self._timer.cancel()


def _place_of(request: httpx.Request) -> _Place:
    url = requested_server(request)
    host = url.raw_host.decode("ascii")
    named = request.extensions.get(SERVER_NAME) or host
    return _Place(host, url.port or PORTS[url.scheme], url.scheme == "https", str(named))


def _first_of(error: Exception) -> Exception:
    """The system's own error where several addresses failed: asyncio puts their texts into one without a number."""
    number = _ERRNO.search(str(error))
    if isinstance(error, OSError) and error.errno is None and number:
        first = OSError(int(number[1]), os.strerror(int(number[1])))
        first.__cause__ = error
        return first
    return error
