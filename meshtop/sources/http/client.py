"""The one way out: every connection of this program is opened here, each to one server, with its limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import TracebackType

import httpx

from meshtop import __version__
from meshtop.sources.http.bodies import AnswerTooSlow, BytesInFlight, read_whole
from meshtop.sources.http.direct import NEW_CONNECTION
from meshtop.sources.http.limits import LIMITS, Limits
from meshtop.sources.http.origin import OneServerTransport, Origin
from meshtop.sources.http.request import RequestFields, ServerAddress, ServerRequest

Response = httpx.Response
"""An answer. Other rooms name it from here, because only this one knows the library."""
Params = Mapping[str, str | int]
TRANSPORT_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
"""What may come instead of an answer; `failures` puts it into words."""
_HEADERS = [
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip"),
    ("Connection", "keep-alive"),
    ("User-Agent", f"meshtop/{__version__}"),
]
_FRAMING = frozenset({"host", "content-length", "transfer-encoding"})
"""Fields that httpx writes unless they are given."""
_MOST_KEPT = 8
"""So many sets of fields are kept; with a new login others take their place."""
_log = logging.getLogger("httpx")
"""The log of requests, under the name that it has where httpx's own client writes it."""
_NOTHING = httpx.ByteStream(b"")


class Patience:
    """The time that one question has, from its first byte to the answer's last, however many sendings it takes.

    It is a block around what may take time, and raises AnswerTooSlow when none is left; one block may follow another.
    `seconds` is the whole of it; what is spent outside (a login) does not count.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._left = seconds
        self._began = 0.0
        self._limit: asyncio.Timeout | None = None

    async def __aenter__(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self._limit = asyncio.timeout_at(self._began + max(0.0, self._left))
        await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left -= asyncio.get_running_loop().time() - self._began
        # It knows its task, and an error that the task keeps knows this: neither is to find itself here.
        limit, self._limit = self._limit, None
        assert limit is not None
        try:
            await limit.__aexit__(kind, error, trace)
        except TimeoutError:
            raise AnswerTooSlow(self.seconds) from None
        if isinstance(error, TimeoutError) and limit.expired():
            raise AnswerTooSlow(self.seconds) from None


def _with_ours(given: tuple[tuple[str, str], ...]) -> RequestFields:
    """The fields that are sent where these are given."""
    names = {name.lower() for name, _ in given}
    return RequestFields.of([*(pair for pair in _HEADERS if pair[0].lower() not in names), *given])


class ServerClient:
    """An HTTP client of one server.

    It reaches that server's scheme, host and port and nothing else, follows no redirect, keeps no cookie, takes nothing
    from the environment (no `.netrc`, no proxy but the transport's own), and reads no more of an answer than `limits`
    allow. It stands on httpx's requests, answers and transports, without httpx's own client: what that does besides (it
    merges, looks for cookies, hooks and redirects) costs more than the sending.
    """

    def __init__(self, server: str, transport: httpx.AsyncBaseTransport, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._in_flight = BytesInFlight(limits.in_flight_bytes)
        self._transport = OneServerTransport(transport, Origin.of(server))
        self._address = ServerAddress.of(server)
        self._fields: dict[tuple[tuple[str, str], ...], RequestFields] = {}
        """What is sent for the fields that are given: for nearly all questions the same ones."""
        self._closed = False

    def question(
        self,
        method: str,
        url: str,
        *,
        silence: httpx.Timeout,
        params: Params | None = None,
        headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
        content: bytes | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> httpx.Request:
        """A request; `silence` says how long to wait for a connection, and for each piece of the answer.

        Raises httpx.InvalidURL.
        """
        given = tuple(headers.items() if isinstance(headers, Mapping) else headers or ())
        if given not in self._fields:
            if len(self._fields) >= _MOST_KEPT:
                self._fields.clear()
            self._fields[given] = _with_ours(given)
        fields = self._fields[given]
        more = {"timeout": silence.as_dict(), **(extensions or {})}
        framed = not fields.names.isdisjoint(_FRAMING)
        if self._address is not None and (content or method in ("GET", "HEAD")) and not framed:
            target = self._address.target(url, params)
            if target is not None:
                return ServerRequest(method, self._address, target, headers=fields, content=content, extensions=more)
        # The same as giving httpx the parameters, which would take the address apart once more.
        address = f"{url}?{httpx.QueryParams(dict(params))}" if params and "?" not in url else url
        request = httpx.Request(
            method,
            address,
            params=dict(params) if params and "?" in url else None,
            headers=list(fields.sent),
            content=content,
            extensions=more,
        )
        if request.url.userinfo and "authorization" not in fields.names:
            next(httpx.BasicAuth(request.url.username, request.url.password).auth_flow(request))
        return request

    async def open(self, request: httpx.Request, *, sent: Callable[[], None], again: bool) -> httpx.Response:
        """Send a request and give its answer, whose body is still to be read; `sent` is called for each sending.

        With `again` it is sent a second time, over a new connection, where the first broke: servers, and what stands
        before them, close idle ones just before use, and often all of them at once.
        What writes is never sent twice: the server may have carried it out before the connection broke. Raises what
        httpx raises.
        """
        sent()
        try:
            return await self._send(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if not again:
                raise
        sent()
        request.extensions = {**request.extensions, NEW_CONNECTION: True}
        return await self._send(request)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        if self._closed:
            error: httpx.RequestError = httpx.ConnectError("this program closed the connection")
            error.request = request
            raise error
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.RequestError as error:
            error.request = request
            raise
        response.request = request
        if _log.isEnabledFor(logging.INFO):
            what = (response.http_version, response.status_code, response.reason_phrase)
            _log.info('HTTP Request: %s %s "%s %d %s"', request.method, request.url, *what)
        return response

    async def read(self, response: httpx.Response, *, most_bytes: int | None = None) -> httpx.Response:
        """The answer with its body, decompressed. Raises AnswerTooLarge and what httpx raises."""
        most = self._limits.answer_bytes if most_bytes is None else most_bytes
        try:
            return await read_whole(response, most_bytes=most, in_flight=self._in_flight)
        finally:
            await response.aclose()
            # A read answer and its stream hold each other: without this, megabytes wait for the garbage collector.
            response.stream = _NOTHING

    async def ask(
        self,
        method: str,
        url: str,
        *,
        silence: float,
        connect: float,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Response:
        """Ask one question that may be sent twice, and give its whole answer; times in seconds.

        Raises one of TRANSPORT_ERRORS.
        """
        limits = httpx.Timeout(silence, connect=min(connect, silence))
        request = self.question(method, url, silence=limits, params=params, headers=headers, content=content)
        async with Patience(silence * self._limits.answer_patience):
            return await self.read(await self.open(request, sent=lambda: None, again=True))

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        await self._transport.aclose()
