"""One cluster's API server: one login, one HTTP client, failures in words."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from meshtop import __version__
from meshtop.model.state import State
from meshtop.sources.auth.credentials import Credentials
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.auth.login import Login
from meshtop.sources.auth.remedies import login_remedy
from meshtop.sources.http.failures import connection_problem, expiry_note
from meshtop.sources.http.gate import ReadOnlyTransport
from meshtop.sources.http.transport import WATCH, Params, cluster_transport
from meshtop.sources.problem import SourceProblem

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 3.0
"""Longer than a handshake over a VPN takes, and than this program is ever busy with other clusters."""
LOGIN_SECONDS = 10.0
"""How long a credential plugin may take."""
_NOTHING = httpx.ByteStream(b"")


class Connection:
    """A lazily opened connection to one cluster's API server.

    Without `writes` nothing but reads can be sent through it (`meshtop.sources.http.gate`). Credentials are renewed
    before they expire, and once after a 401 (`meshtop.sources.auth.login`). `requests` and `bytes` count what was sent
    and received (decompressed).
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
    ) -> None:
        self.ref = ref
        self.writes = writes
        self.requests = 0
        self.bytes = 0
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(connect_seconds, timeout_seconds))
        self._login = Login(ref, limit_seconds=login_seconds, clock=clock)
        self._client: httpx.AsyncClient | None = None
        self._made_for: Credentials | None = None
        self._retired: list[httpx.AsyncClient] = []
        self._closed = False

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.ref.name

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self.ref.server

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
        """Send a request below the server's URL and return the answer, whatever its status but 401.

        Raises SourceProblem when there is no answer or the login is not accepted, ReadOnlyError for what is not a read.
        `failures.response_problem` turns an answer that is an error into a SourceProblem.
        """
        async with self.stream(
            method, path, params=params, headers=headers, content=content, timeout=timeout
        ) as response:
            return response

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
        read: bool = True,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request as `request` does, and close its answer at the end of the block.

        With `read=False` the body is left to `chunks`, and `timeout` is the longest silence in it, in seconds.
        """
        response = await self._send(method, path, params, headers, content, timeout, read=read)
        try:
            yield response
        finally:
            await response.aclose()

    async def chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The raw chunks of a streamed answer; raises SourceProblem when the stream breaks."""
        try:
            async for chunk in response.aiter_bytes():
                self.bytes += len(chunk)
                yield chunk
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._lost(error) from error

    def requests_session(self) -> requests.Session:
        """A requests session with this connection's login, trust, proxy, time limits and gate; for other threads."""
        from meshtop.sources.http.requests_session import ClusterAdapter, cluster_session

        connect, read = self._timeout.connect or CONNECT_SECONDS, self._timeout.read or CONNECT_SECONDS
        adapter = ClusterAdapter(
            self._login.current_blocking,
            cluster=self.name,
            timeout=(connect, read),
            writes=self.writes,
            base=urlsplit(self.server).path.rstrip("/"),
            count=self._count,
        )
        return cluster_session(self.server, adapter)

    async def close(self) -> None:
        """Close every socket; the connection cannot be used afterwards."""
        self._closed = True
        clients = [*self._retired, *([self._client] if self._client else [])]
        self._client, self._retired = None, []
        for client in clients:
            await client.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        timeout: float | None,
        *,
        read: bool,
    ) -> httpx.Response:
        limits = self._timeout if timeout is None else self._limits(timeout)
        # A refused login is renewed once; what the server refused with a 401 it has not carried out.
        for last in (False, True):
            self._require_open()
            before = self._login.credentials
            credentials = await self._login.current()
            client = await self._client_for(credentials)
            request = client.build_request(
                method,
                credentials.server + path,
                params=dict(params) if params else None,
                headers=[*credentials.headers, *(headers or {}).items()],
                content=content,
                timeout=limits,
                extensions={WATCH: not read, **_names(credentials)},
            )
            response = await self._answer(client, request, read=read)
            if response.status_code != 401:
                self._login.accepted()
                return response
            await response.aclose()
            if last or credentials is not before:
                break
            await self._login.renew(credentials)
        problem = SourceProblem(
            State.DENIED,
            f"{self.name} does not accept the login of {self._who()}{expiry_note(credentials)}.",
            login_remedy(self.ref),
            code=401,
        )
        self._login.refuse(problem)
        raise problem

    async def _answer(self, client: httpx.AsyncClient, request: httpx.Request, *, read: bool) -> httpx.Response:
        try:
            response = await self._send_once_or_twice(client, request)
            if read:
                await response.aread()
                self.bytes += len(response.content)
                # A read answer and its stream hold each other: without this, megabytes wait for the garbage collector.
                response.stream = _NOTHING
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._lost(error) from error
        return response

    async def _send_once_or_twice(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        """Send a request; a second time where a reading connection broke, as servers close idle ones just before use.

        What writes is never sent twice: the server may have carried it out before the connection broke.
        """
        self.requests += 1
        try:
            return await client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if self.writes:
                raise
        self.requests += 1
        return await client.send(request, stream=True)

    def _limits(self, seconds: float) -> httpx.Timeout:
        return httpx.Timeout(seconds, connect=min(self._timeout.connect or seconds, seconds), pool=seconds)

    async def _client_for(self, credentials: Credentials) -> httpx.AsyncClient:
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
            await self._retired.pop(0).aclose()
        return client

    def _require_open(self) -> None:
        if self._closed:
            raise SourceProblem(State.UNREACHABLE, f"The connection to {self.name} is closed.")

    def _make_client(self, credentials: Credentials) -> httpx.AsyncClient:
        transport: httpx.AsyncBaseTransport = cluster_transport(credentials, self.name)
        if not self.writes:
            base = urlsplit(credentials.server).path
            transport = ReadOnlyTransport(transport, cluster=self.name, base=base)
        return httpx.AsyncClient(
            transport=transport, headers={"User-Agent": f"meshtop/{__version__}", "Accept-Encoding": "gzip"}
        )

    def _count(self, size: int) -> None:
        self.requests += 1
        self.bytes += size

    def _who(self) -> str:
        return f"user {self.ref.user}" if self.ref.user else "the kubeconfig"

    def _lost(self, error: Exception) -> SourceProblem:
        return connection_problem(error, self.ref, self._login.credentials, self._timeout)


def _names(credentials: Credentials) -> dict[str, str]:
    return {"sni_hostname": credentials.server_name} if credentials.server_name else {}
