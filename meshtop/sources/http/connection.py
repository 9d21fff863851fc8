"""One cluster's API server: one login, one HTTP client, failures in words."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from meshtop.model.state import State
from meshtop.sources.auth.credentials import Credentials
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.auth.login import Login
from meshtop.sources.auth.remedies import login_remedy
from meshtop.sources.http.bodies import chunks_of
from meshtop.sources.http.client import Params, Patience, ServerClient
from meshtop.sources.http.direct import SERVER_NAME
from meshtop.sources.http.failures import connection_problem, expiry_note, leads_elsewhere
from meshtop.sources.http.gate import ReadOnlyTransport
from meshtop.sources.http.limits import LIMITS, Limits
from meshtop.sources.http.origin import plain_http_note
from meshtop.sources.http.provider import ask_provider
from meshtop.sources.http.transport import WATCH, cluster_transport
from meshtop.sources.problem import SourceProblem

if TYPE_CHECKING:
    from meshtop.sources.http.requests_session import OneServerSession

CONNECT_SECONDS = 3.0
"""Connect timeout in seconds: longer than a handshake over a VPN, or than pauses of this program's event loop."""
_NOT_MODIFIED = 304
"""The one status code in its hundred that leads nowhere else: what was asked for is as it was."""
LOGIN_SECONDS = 10.0
"""Time limit of a credential plugin, in seconds."""


class TransferCount:
    """Counts requests, and bytes of answers (decompressed)."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0


class Connection:
    """A lazily opened connection to one cluster's API server.

    Without `writes` nothing but reads can be sent through it (`meshtop.sources.http.gate`). Credentials are renewed
    before they expire, and once after a 401 (`meshtop.sources.auth.login`). `requests` and `bytes` count what was sent
    and received (decompressed), without what was asked `apart`. `timeout_seconds` is the longest silence; a whole
    answer gets `limits.answer_patience` times as long, from the question to its last byte, with all its sendings.
    """

    def __init__(
        self,
        ref: ClusterRef,
        *,
        timeout_seconds: float = 5.0,
        connect_seconds: float = CONNECT_SECONDS,
        login_seconds: float = LOGIN_SECONDS,
        writes: bool = False,
        clock: Callable[[], float] = time.time,
        limits: Limits = LIMITS,
    ) -> None:
        self.ref = ref
        self.writes = writes
        self.limits = limits
        self.requests = 0
        self.bytes = 0
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(connect_seconds, timeout_seconds))
        self._login = Login(ref, limit_seconds=login_seconds, clock=clock, ask=ask_provider)
        self._client: ServerClient | None = None
        self._made_for: Credentials | None = None
        self._retired: list[ServerClient] = []
        self._closed = False

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.ref.name

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self.ref.server

    @property
    def answer_seconds(self) -> float:
        """The longest that one answer may take, from the question to its last byte."""
        return self._patience(None).seconds

    @property
    def note(self) -> str | None:
        """What the user should know of how this server is reached: that the login can be read on the way."""
        credentials = self._login.credentials
        secret = credentials is not None and any(name == "Authorization" for name, _ in credentials.headers)
        return plain_http_note(self.server, self.name, credentials=secret)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
        tally: TransferCount | None = None,
    ) -> httpx.Response:
        """Send a request below the server's URL and return the answer, whatever its status but 401 and redirects.

        Raises SourceProblem when there is no answer, when it is too large or leads elsewhere, and when the login is not
        accepted; ReadOnlyError for what is not a read. `failures.response_problem` turns an answer that is an error
        into a SourceProblem. `timeout` is the longest silence in seconds; with a `tally` it is counted there only.
        """
        count = self if tally is None else tally
        return await self._send(method, path, params, headers, content, timeout, count, read=True)

    def apart(self) -> ApartWire:
        """This connection for another source, whose requests are not counted as the API server's."""
        return ApartWire(self)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request as `request` does, leave the body to `chunks`, and close the answer at the end of the block.

        `timeout` is the longest silence, in seconds. How long the whole may take is for the caller to say.
        """
        response = await self._send(method, path, params, headers, content, timeout, self, read=False)
        try:
            yield response
        finally:
            await response.aclose()

    async def chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The chunks of a streamed answer, decompressed; raises SourceProblem when the stream breaks."""
        try:
            async for chunk in chunks_of(response, most_bytes=None):
                self.bytes += len(chunk)
                yield chunk
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._lost(error) from error

    async def whole(self, response: httpx.Response) -> httpx.Response:
        """A streamed answer with its body, for one that is an error; raises SourceProblem."""
        assert self._client is not None
        try:
            async with self._patience(None):
                return await self._client.read(response)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._lost(error) from error

    def requests_session(self) -> OneServerSession:
        """A session of the `requests` library on this connection, for other threads. Call it in the event loop."""
        from meshtop.sources.http.requests_session import session_on

        return session_on(self, asyncio.get_running_loop())

    async def close(self) -> None:
        """Close every socket; the connection cannot be used afterwards."""
        self._closed = True
        clients = [*self._retired, *([self._client] if self._client else [])]
        self._client, self._retired = None, []
        for client in clients:
            await client.close()

    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        timeout: float | None,
        tally: TransferCount | Connection,
        *,
        read: bool,
    ) -> httpx.Response:
        silence = self._timeout if timeout is None else self._limits(timeout)
        patience = self._patience(None if read is False else timeout)

        def sent() -> None:
            tally.requests += 1

        # A refused login is renewed once; what the server refused with a 401 it has not carried out.
        for last in (False, True):
            self._require_open()
            before = self._login.credentials
            credentials = await self._login.current()
            try:
                client = await self._client_for(credentials)
            except SourceProblem as failure:
                failure.before_asking()
                raise
            try:
                request = client.question(
                    method,
                    credentials.server + path,
                    params=params,
                    headers=[*credentials.headers, *(headers or {}).items()],
                    content=content,
                    silence=silence,
                    extensions={WATCH: not read, **_names(credentials)},
                )
                async with patience:
                    response = await client.open(request, sent=sent, again=not self.writes)
                    if read:
                        response = await client.read(response)
                        tally.bytes += len(response.content)
            except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
                raise self._lost(error) from error
            if 300 <= response.status_code < 400 and response.status_code != _NOT_MODIFIED:
                await response.aclose()
                raise leads_elsewhere(response, self.name, path.partition("?")[0])
            if response.status_code != 401:
                self._login.accepted()
                return response
            await response.aclose()
            if last or credentials is not before:
                break
            await self._login.renew(credentials)
        message = f"{self.name} does not accept the login of {self._who()}{expiry_note(credentials)}."
        raise self._login.refuse(SourceProblem(State.DENIED, message, login_remedy(self.ref), code=401))

    def _patience(self, silence: float | None) -> Patience:
        """How long the next question may take, given the longest silence in it."""
        return Patience((silence or self._timeout.read or CONNECT_SECONDS) * self.limits.answer_patience)

    def _limits(self, seconds: float) -> httpx.Timeout:
        return httpx.Timeout(seconds, connect=min(self._timeout.connect or seconds, seconds), pool=seconds)

    async def _client_for(self, credentials: Credentials) -> ServerClient:
        """The HTTP client for these credentials: a new one where they change the server, its trust or its proxy."""
        self._require_open()
        if self._client is not None and self._made_for is not None and credentials.same_tls(self._made_for):
            return self._client
        try:
            client = self._make_client(credentials)
        except SourceProblem:
            self._login.forget()
            raise
        if self._client is not None:
            self._retired.append(self._client)
        self._client, self._made_for = client, credentials
        # The last one may still be answering; those before it are done.
        while len(self._retired) > 1:
            await self._retired.pop(0).close()
        return client

    def _require_open(self) -> None:
        if self._closed:
            raise SourceProblem(State.UNREACHABLE, f"The connection to {self.name} is closed.")

    def _make_client(self, credentials: Credentials) -> ServerClient:
        transport: httpx.AsyncBaseTransport = cluster_transport(credentials, self.name)
        if not self.writes:
            base = urlsplit(credentials.server).path
            transport = ReadOnlyTransport(transport, cluster=self.name, base=base)
        return ServerClient(credentials.server, transport, limits=self.limits)

    def _who(self) -> str:
        return f"user {self.ref.user}" if self.ref.user else "the kubeconfig"

    def _lost(self, error: Exception) -> SourceProblem:
        return connection_problem(error, self.ref, self._login.credentials, self._timeout)


def _names(credentials: Credentials) -> dict[str, str]:
    return {SERVER_NAME: credentials.server_name} if credentials.server_name else {}


class ApartWire:
    """A cluster's connection as another source uses it: the same login and gate, but counted apart."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tally = TransferCount()

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._connection.server

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        """Send a request as `Connection.request` does."""
        return await self._connection.request(
            method, path, params=params, headers=headers, content=content, timeout=timeout, tally=self._tally
        )

    def requests_session(self) -> OneServerSession:
        """A session of the `requests` library on this connection, for other threads. Call it in the event loop."""
        from meshtop.sources.http.requests_session import session_on

        return session_on(self, asyncio.get_running_loop())

    async def close(self) -> None:
        """Do nothing: the connection is closed by its owner."""
